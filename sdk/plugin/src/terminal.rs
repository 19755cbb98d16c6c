// SPDX-License-Identifier: MIT OR Apache-2.0
//! Terminals: devices that run the whole payment themselves.

use crate::context::Context;
use crate::outcome::{Outcome, PluginError};
use payhal_messages::device::DeviceSettings;
use payhal_messages::gateway::{Reconcile, Reversal, Totals};
use payhal_messages::reader::{Identity, Show};
use payhal_messages::terminal::{
    InquireTerminal, Pay, ReverseTerminal, TerminalFinding, TerminalOutcome,
};
use payhal_messages::update::{UpdateBegin, UpdateBegun, UpdatePiece};
use serde::de::DeserializeOwned;

/// A payment terminal that authorizes by itself.
///
/// One call runs at a time, on a thread of its own, and may block.
///
/// # How to implement this
///
/// 1. Declare in `plugin.toml` what the protocol can do when an outcome is unknown (`inquiry`,
///    `reversal`). The host lives with the answer; do not emulate what is not there.
/// 2. `pay` sends one request and waits. Once anything was written, a failure is
///    [`PluginError::maybe_sent`]: the host then inquires. Never repeat a payment by yourself.
/// 3. The host calls `pay` with the purposes that the manifest's `can` lists, and `Sale`. What is
///    approved is at most `total_minor_max`, or the total where that is absent.
/// 4. A terminal's "declined" is a reply (`approved: false`), not a refusal; a refusal says that
///    no issuer was asked: the terminal did not take the request up (busy, unknown command), or
///    card or cardholder ended it before (the codes of `CardRefusal`).
/// 5. `inquire` tells what became of a transaction; `NotFound` only if the terminal said so.
/// 6. Mask card numbers that the protocol carries before you reply.
/// 7. End the library with `export_terminal!(YourTerminal);`.
///
/// ```
/// use payhal_plugin::messages::reader::Identity;
/// use payhal_plugin::messages::terminal::{
///     InquireTerminal, Pay, TerminalFinding, TerminalOutcome,
/// };
/// use payhal_plugin::{Context, Outcome, PluginError, Port, Terminal, export_terminal, refused};
///
/// /// A terminal that answers `A` or `D` to an amount.
/// struct LetterTerminal {
///     port: Port,
/// }
///
/// fn outcome(letter: u8) -> TerminalOutcome {
///     TerminalOutcome {
///         approved: letter == b'A',
///         response_code: char::from(letter).to_string(),
///         response_text: None,
///         approved_minor: None,
///         tip_minor: None,
///         surcharge_minor: None,
///         approval_code: None,
///         reference: None,
///         rrn: None,
///         token: None,
///         balance_minor: None,
///         entry: None,
///         cvm: None,
///         card: None,
///         offline: false,
///         dcc: None,
///     }
/// }
///
/// impl Terminal for LetterTerminal {
///     type Config = serde_json::Value;
///
///     fn open(_: serde_json::Value, context: &Context) -> Result<Self, PluginError> {
///         Ok(Self { port: context.port("main")? })
///     }
///
///     fn identify(&mut self, _: &Context) -> Outcome<Identity> {
///         Ok(Ok(Identity { model: "Letter T".into(), ..Identity::default() }))
///     }
///
///     fn pay(&mut self, request: Pay, context: &Context) -> Outcome<TerminalOutcome> {
///         context.check_cancelled()?; // the last moment at which nothing has happened
///         self.port.write(format!("{}\n", request.amounts.total_minor).as_bytes())?;
///         let mut letter = [0; 1];
///         match context.read(&self.port, &mut letter, context.deadline()) {
///             Ok(0) => Err(PluginError::maybe_sent("get the terminal's answer in time")),
///             Ok(_) if letter[0] == b'B' => refused("busy", "The terminal is busy."),
///             Ok(_) => Ok(Ok(outcome(letter[0]))),
///             // Too late to cancel: the terminal has the amount.
///             Err(PluginError::Cancelled) => {
///                 Err(PluginError::maybe_sent("wait for the terminal's answer"))
///             }
///             Err(error) => Err(error),
///         }
///     }
///
///     fn inquire(&mut self, _: InquireTerminal, context: &Context) -> Outcome<TerminalFinding> {
///         self.port.write(b"?\n")?;
///         let mut letter = [0; 1];
///         match context.read(&self.port, &mut letter, context.deadline())? {
///             0 => Err(PluginError::maybe_sent("get the terminal's answer in time")),
///             _ if letter[0] == b'N' => Ok(Ok(TerminalFinding::NotFound)),
///             _ => Ok(Ok(TerminalFinding::Ended { outcome: outcome(letter[0]) })),
///         }
///     }
/// }
///
/// export_terminal!(LetterTerminal);
///
/// use payhal_plugin::messages::money::{Amounts, Purpose};
/// use payhal_plugin::testing::{Bench, ScriptedLine};
/// let bench = Bench::new().port("main", ScriptedLine::new().expect(b"1250\n", b"A"));
/// let mut terminal: LetterTerminal = bench.terminal("{}").unwrap();
/// let pay = Pay {
///     transaction_id: "t".into(),
///     stan: 1,
///     purpose: Purpose::Sale,
///     amounts: Amounts {
///         currency: "EUR".into(),
///         total_minor: 1250,
///         tip_minor: None,
///         surcharge_minor: None,
///         cashback_minor: None,
///     },
///     total_minor_max: None,
///     original: None,
/// };
/// assert!(terminal.pay(pay, &bench.call()).unwrap().unwrap().approved);
/// ```
pub trait Terminal: Sized + Send + 'static {
    /// The instance's configuration.
    type Config: DeserializeOwned;

    /// Makes the instance: called once, before everything else.
    ///
    /// # Errors
    ///
    /// Fails when the terminal cannot be used; the host tries again later, in a new process.
    fn open(config: Self::Config, context: &Context) -> Result<Self, PluginError>;

    /// Asks the terminal who it is.
    ///
    /// # Errors
    ///
    /// See [`Outcome`].
    fn identify(&mut self, context: &Context) -> Outcome<Identity>;

    /// Runs a whole payment.
    ///
    /// # Errors
    ///
    /// See [`Outcome`].
    fn pay(&mut self, request: Pay, context: &Context) -> Outcome<TerminalOutcome>;

    /// Finds out what became of a transaction.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn inquire(&mut self, request: InquireTerminal, context: &Context) -> Outcome<TerminalFinding> {
        let _ = (request, context);
        Err(PluginError::Unsupported)
    }

    /// Undoes a transaction.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn reverse(&mut self, request: ReverseTerminal, context: &Context) -> Outcome<Reversal> {
        let _ = (request, context);
        Err(PluginError::Unsupported)
    }

    /// Tells the totals of the batch, and closes it if asked to.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn reconcile(&mut self, request: Reconcile, context: &Context) -> Outcome<Totals> {
        let _ = (request, context);
        Err(PluginError::Unsupported)
    }

    /// Shows text, or beeps so that a person finds the device.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn show(&mut self, request: Show, context: &Context) -> Outcome<()> {
        let _ = (request, context);
        Err(PluginError::Unsupported)
    }

    /// Tells how the terminal is set up.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn settings(&mut self, context: &Context) -> Outcome<DeviceSettings> {
        let _ = context;
        Err(PluginError::Unsupported)
    }

    /// A file for the device is to come; says which byte of it is wanted first. Called where the
    /// manifest names the kind in `update`, and again after each start until the device has it.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented. A refusal says that the device works as
    /// before, here and in the two that follow.
    fn update_begin(&mut self, file: UpdateBegin, context: &Context) -> Outcome<UpdateBegun> {
        let _ = (file, context);
        Err(PluginError::Unsupported)
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn update_piece(&mut self, piece: UpdatePiece, context: &Context) -> Outcome<()> {
        let _ = (piece, context);
        Err(PluginError::Unsupported)
    }

    /// The file is whole: checks it and puts it in force.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn update_finish(&mut self, file: UpdateBegin, context: &Context) -> Outcome<()> {
        let _ = (file, context);
        Err(PluginError::Unsupported)
    }

    /// Leaves the terminal as the next process wants to find it. The process ends afterwards.
    fn close(&mut self, context: &Context) {
        let _ = context;
    }
}
