// SPDX-License-Identifier: MIT OR Apache-2.0
//! Readers: devices that read cards and let somebody else authorize.

use crate::context::Context;
use crate::outcome::{Outcome, PluginError};
use payhal_messages::currency::{ConfirmCurrency, CurrencyChoice};
use payhal_messages::device::{Apdu, ApduReply, DeviceSettings};
use payhal_messages::reader::{
    AuthorizeCard, CardRead, Complete, CompletionRead, Identity, LoadParameters, Present,
    Presentation, Show,
};
use payhal_messages::update::{UpdateBegin, UpdateBegun, UpdatePiece};
use serde::de::DeserializeOwned;

/// A card reader without a payment application of its own.
///
/// One call runs at a time, on a thread of its own, and may block; waiting goes through the
/// [`Context`], which knows the deadline and cancellation.
///
/// # How to implement this
///
/// 1. Make a `cdylib` crate with a `plugin.toml`; declare the device's port there.
/// 2. Write `open`: take the port from the context, shake hands, keep what you need in `Self`.
///    Its `Config` is the JSON object of the instance's configuration.
/// 3. `identify` asks the device who it is; the host also uses it to see whether it is there.
/// 4. `present` waits for a card and chooses its application. Report progress as the display
///    changes. Return no cryptogram and seal nothing yet: amounts may still change.
/// 5. With `total_minor_max` and `[reader] tip = true`, ask for a tip and answer it in
///    `Presentation::tip_minor`; `tip_choices` are worth a key each.
/// 6. `authorize_card` gets the final amounts and the gateway's key: PIN, cryptogram, then seal. A
///    device that encrypts passes its ciphertext on, with key slot and KSN. For one that cannot,
///    `payhal-card-data` seals: check the key's certificate against anchors in your own library
///    first, with [`card_data::verify_certificate`](crate::card_data::verify_certificate). Clear
///    card data lives in `payhal-card-data`'s types and ends here. `identify` says which it is.
///    With `[reader] dcc = true`, `confirm_currency` may come before: the customer chooses there;
///    and with `dcc`, all of it is over `AuthorizeCard::charged`.
/// 7. `complete` hands the issuer's answer to the chip, also when nobody answered. With
///    `[reader] offline = true` and `offline`, ask the chip for an approval then, as its kernel
///    permits; otherwise for a decline.
/// 8. A card that says no is [`card_refused`](crate::card_refused); a broken cable is
///    [`PluginError::maybe_sent`], or [`PluginError::not_sent`] where you know.
/// 9. End the library with `export_reader!(YourReader);`.
///
/// ```
/// use payhal_plugin::messages::call::CardRefusal;
/// use payhal_plugin::messages::card::{CardFace, Cvm, Entry, Sealed};
/// use payhal_plugin::messages::prompt::Stage;
/// use payhal_plugin::messages::reader::{
///     AuthorizeCard, CardRead, Complete, CompletionRead, Identity, Present, Presentation,
///     Sealing,
/// };
/// use payhal_plugin::{Context, Outcome, PluginError, Port, Reader, card_refused, export_reader};
/// use std::time::Duration;
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     #[serde(default)]
///     quick: bool,
/// }
///
/// /// A reader that says one letter for each thing that happens.
/// struct LetterReader {
///     port: Port,
///     patience: Duration,
/// }
///
/// impl LetterReader {
///     fn ask(&self, command: &[u8], wait: Duration, context: &Context)
///         -> Result<Option<u8>, PluginError>
///     {
///         self.port.write(command)?;
///         let mut letter = [0; 1];
///         let until = context.deadline().min(context.now() + wait);
///         let count = context.read(&self.port, &mut letter, until)?;
///         Ok((count == 1).then_some(letter[0]))
///     }
/// }
///
/// impl Reader for LetterReader {
///     type Config = Config;
///
///     fn open(config: Config, context: &Context) -> Result<Self, PluginError> {
///         let patience = Duration::from_secs(if config.quick { 1 } else { 5 });
///         Ok(Self { port: context.port("main")?, patience })
///     }
///
///     fn identify(&mut self, context: &Context) -> Outcome<Identity> {
///         match self.ask(b"I", self.patience, context)? {
///             Some(b'L') => Ok(Ok(Identity {
///                 model: "Letter 1".into(),
///                 sealing: Some(Sealing {
///                     scheme: "dukpt-aes".into(),
///                     software: false, // the device encrypts by itself
///                     test_keys: false,
///                 }),
///                 ..Identity::default()
///             })),
///             _ => Err(PluginError::maybe_sent("recognize the device")),
///         }
///     }
///
///     fn present(&mut self, request: Present, context: &Context) -> Outcome<Presentation> {
///         context.progress(Stage::WaitingForCard, "Card please");
///         match self.ask(b"P", Duration::from_millis(request.timeout_ms), context)? {
///             None => card_refused(CardRefusal::NoCard, "No card was presented."),
///             Some(b'C') => {
///                 context.progress(Stage::CardInserted, "");
///                 let card = CardFace {
///                     masked_pan: "411111******1111".into(),
///                     scheme: "visa".into(),
///                     application: None,
///                     aid: None,
///                     country: None,
///                     expiry: None,
///                 };
///                 let presentation_id = request.transaction_id;
///                 let entry = Entry::Chip;
///                 Ok(Ok(Presentation { presentation_id, entry, card, tip_minor: None }))
///             }
///             Some(_) => card_refused(CardRefusal::CardUnreadable, "The card cannot be read."),
///         }
///     }
///
///     fn authorize_card(&mut self, request: AuthorizeCard, _: &Context) -> Outcome<CardRead> {
///         let sealed = Sealed {
///             scheme: "dukpt-aes".into(),
///             key_id: "letter-data".into(), // the key slot
///             // Both from the device.
///             ksn: vec![0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0, 0, 0, 1],
///             ciphertext: vec![0; 48],
///             sender_key: Vec::new(),
///             encapsulated_key: Vec::new(),
///         };
///         Ok(Ok(CardRead {
///             read_id: request.presentation_id,
///             sealed,
///             number: None,
///             entry: Entry::Chip,
///             cvm: Cvm::None,
///             completion_owed: true,
///             tags: Default::default(),
///         }))
///     }
///
///     fn complete(&mut self, _: Complete, context: &Context) -> Outcome<CompletionRead> {
///         let accepted = self.ask(b"C", self.patience, context)? == Some(b'T');
///         Ok(Ok(CompletionRead { accepted, tags: Default::default() }))
///     }
/// }
///
/// export_reader!(LetterReader);
///
/// use payhal_plugin::testing::{Bench, ScriptedLine};
/// let bench = Bench::new().port("main", ScriptedLine::new().expect(b"I", b"L"));
/// let mut reader: LetterReader = bench.reader(r#"{"quick": true}"#).unwrap();
/// let identity = reader.identify(&bench.call()).unwrap().unwrap();
/// assert_eq!(identity.model, "Letter 1");
/// ```
pub trait Reader: Sized + Send + 'static {
    /// The instance's configuration.
    type Config: DeserializeOwned;

    /// Makes the instance: called once, before everything else.
    ///
    /// # Errors
    ///
    /// Fails when the device cannot be used; the host tries again later, in a new process.
    fn open(config: Self::Config, context: &Context) -> Result<Self, PluginError>;

    /// Asks the device who it is.
    ///
    /// # Errors
    ///
    /// See [`Outcome`].
    fn identify(&mut self, context: &Context) -> Outcome<Identity>;

    /// Loads a gateway's EMV parameters. A device that has this version already answers at once.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn load_parameters(&mut self, request: LoadParameters, context: &Context) -> Outcome<()> {
        let _ = (request, context);
        Err(PluginError::Unsupported)
    }

    /// Waits for a card and chooses its application.
    ///
    /// # Errors
    ///
    /// See [`Outcome`].
    fn present(&mut self, request: Present, context: &Context) -> Outcome<Presentation>;

    /// Shows an offer of the card's own currency, and lets the customer choose. Never true without a
    /// yes; silence is a no.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented: the people at the till are asked instead.
    fn confirm_currency(
        &mut self,
        request: ConfirmCurrency,
        context: &Context,
    ) -> Outcome<CurrencyChoice> {
        let _ = (request, context);
        Err(PluginError::Unsupported)
    }

    /// PIN, cryptogram and seal, with final amounts.
    ///
    /// # Errors
    ///
    /// See [`Outcome`].
    fn authorize_card(&mut self, request: AuthorizeCard, context: &Context) -> Outcome<CardRead>;

    /// Gives the issuer's answer, or that there is none, to the card.
    ///
    /// # Errors
    ///
    /// See [`Outcome`].
    fn complete(&mut self, request: Complete, context: &Context) -> Outcome<CompletionRead>;

    /// Shows text, or beeps so that a person finds the device.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn show(&mut self, request: Show, context: &Context) -> Outcome<()> {
        let _ = (request, context);
        Err(PluginError::Unsupported)
    }

    /// Tells how the device is set up.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn settings(&mut self, context: &Context) -> Outcome<DeviceSettings> {
        let _ = context;
        Err(PluginError::Unsupported)
    }

    /// Talks to a card that does not pay, as far as the instance's configuration allows: the rules
    /// are in [`messages::apdu`](payhal_messages::apdu). Called where the manifest says
    /// `[reader] apdu = true`.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn apdu(&mut self, request: Apdu, context: &Context) -> Outcome<ApduReply> {
        let _ = (request, context);
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

    /// Leaves the device as the next process wants to find it. The process ends afterwards.
    fn close(&mut self, context: &Context) {
        let _ = context;
    }
}
