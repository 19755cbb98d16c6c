// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gateway connectors: the way to whoever authorizes.

use crate::context::Context;
use crate::outcome::{Outcome, PluginError};
use payhal_messages::currency::{CurrencyOffered, OfferCurrency};
use payhal_messages::gateway::{
    Answer, Authorize, Finding, ForgetToken, Forward, Inquire, Modify, Parameters, Prepare,
    Prepared, Reconcile, Report, Reversal, Reverse, Totals,
};
use serde::de::DeserializeOwned;

/// A connector to one payment gateway.
///
/// Up to `calls_max` of the manifest run at once, each on a thread of its own, and may block.
///
/// # How to implement this
///
/// 1. `open` reads or makes the sealing key in [`Context::state_dir`] and answers, along with the
///    instance, the [`Parameters`] the host must know: its own public key among them, with the
///    certificate of the gateway's authority, without which no reader seals to it, and the schemes
///    that are opened.
/// 2. `prepare` makes whatever references a later `inquire` or `reverse` needs after a power
///    loss. It sends nothing: the host writes the references down first.
/// 3. `authorize` opens the seal (or passes it on) with the key of a device that it knows, compares
///    the amounts inside with those of the request, spends the read once, and asks the issuer. Use [`Context::connect`]; TLS ends
///    in the plugin. Before anything is written a failure is [`PluginError::not_sent`], after it
///    [`PluginError::maybe_sent`].
/// 4. A decline is an [`Answer`], not a refusal.
/// 5. `reverse` must be idempotent, and must bar a request that arrives after it.
/// 6. With `forward` among the manifest's abilities, take what readers approved while the gateway
///    was away. The customer is gone: answer yes or no to the whole amount, and the same again to
///    the same `wire`. Where nobody can be asked yet, fail: the host comes again.
/// 7. End the library with `export_gateway!(YourGateway);`.
///
/// ```
/// use payhal_plugin::messages::card::Recipient;
/// use payhal_plugin::messages::gateway::{
///     Answer, Authorize, Decision, Finding, Inquire, Modify, Original, Parameters, Prepare,
///     Prepared, Reversal, Reverse,
/// };
/// use payhal_plugin::{Context, GatewayConnector, Outcome, PluginError, export_gateway};
/// use std::io::{Read, Write};
/// use std::time::Duration;
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     server: String,
/// }
///
/// /// A gateway that takes one line and answers two digits.
/// struct LineGateway {
///     server: String,
/// }
///
/// impl LineGateway {
///     fn ask(&self, line: &str, context: &Context) -> Result<Answer, PluginError> {
///         let mut stream = context.connect(&self.server)?;
///         let left = context.deadline().saturating_duration_since(context.now());
///         stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
///         stream.write_all(line.as_bytes())?;
///         let mut code = [0; 2];
///         stream.read_exact(&mut code)?;
///         let response_code = String::from_utf8_lossy(&code).into_owned();
///         let approved = response_code == "00";
///         Ok(Answer {
///             decision: if approved { Decision::Approved } else { Decision::Declined },
///             response_code,
///             response_text: None,
///             approved_minor: None,
///             approval_code: None,
///             rrn: None,
///             issuer: Default::default(),
///             signature_required: false,
///             token: None,
///             balance_minor: None,
///             dcc: None,
///         })
///     }
/// }
///
/// impl GatewayConnector for LineGateway {
///     type Config = Config;
///
///     fn open(config: Config, context: &Context) -> Result<(Self, Parameters), PluginError> {
///         let recipient = Recipient {
///             gateway: context.instance_name().to_owned(),
///             key_id: "1".into(),
///             public_key: vec![4; 65], // made once, kept in `context.state_dir()`
///             certificates: Vec::new(), // from the gateway's authority, in the same folder
///         };
///         let opens = vec!["hpke-auth-p256-sha256-aes256gcm".into(), "dukpt-aes".into()];
///         let currencies = vec!["EUR".into()];
///         let parameters =
///             Parameters {
///                 name: "Line".into(), currencies, recipient, opens, live: false,
///                 reader_parameters: None, settings: None,
///             };
///         Ok((Self { server: config.server }, parameters))
///     }
///
///     fn prepare(&self, request: Prepare, _: &Context) -> Outcome<Prepared> {
///         Ok(Ok(Prepared { reference: request.wire.transaction_id }))
///     }
///
///     fn authorize(&self, request: Authorize, context: &Context) -> Outcome<Answer> {
///         let line = format!("auth {} {}\n", request.wire.stan, request.amounts.total_minor);
///         self.ask(&line, context).map(Ok)
///     }
///
///     fn modify(&self, request: Modify, context: &Context) -> Outcome<Answer> {
///         // This gateway can only look up what it was sent: its manifest lists no
///         // `refund_by_receipt`, and the host asks accordingly.
///         let Original::Wire { wire: original } = &request.original else {
///             return Err(PluginError::Unsupported);
///         };
///         let line = format!("modify {} {}\n", request.wire.stan, original.stan);
///         self.ask(&line, context).map(Ok)
///     }
///
///     fn inquire(&self, request: Inquire, context: &Context) -> Outcome<Finding> {
///         let answer = self.ask(&format!("ask {}\n", request.wire.stan), context)?;
///         Ok(Ok(match answer.response_code.as_str() {
///             "25" => Finding::NotFound,
///             _ => Finding::Answered { answer },
///         }))
///     }
///
///     fn reverse(&self, request: Reverse, context: &Context) -> Outcome<Reversal> {
///         self.ask(&format!("undo {}\n", request.wire.stan), context)?;
///         Ok(Ok(Reversal::Reversed))
///     }
/// }
///
/// export_gateway!(LineGateway);
///
/// use payhal_plugin::messages::gateway::{Acceptor, Wire};
/// use payhal_plugin::testing::Bench;
/// let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// let address = server.local_addr().unwrap();
/// let other_side = std::thread::spawn(move || {
///     let mut line = [0; 6];
///     let (mut stream, _) = server.accept().unwrap();
///     stream.read_exact(&mut line).unwrap();
///     stream.write_all(b"25").unwrap();
///     line
/// });
/// let bench = Bench::new().reachable("line:7000", address);
/// let (gateway, parameters) =
///     bench.gateway::<LineGateway>(r#"{"server": "line:7000"}"#).unwrap();
/// assert_eq!(parameters.currencies, ["EUR"]);
/// let acceptor = Acceptor { merchant: "m".into(), terminal: "t".into() };
/// let wire = Wire {
///     transaction_id: "t".into(), stan: 7, at_micros: 0, acceptor, reference: "t".into(),
/// };
/// let finding = gateway.inquire(Inquire { wire }, &bench.call()).unwrap().unwrap();
/// assert_eq!(finding, Finding::NotFound);
/// assert_eq!(&other_side.join().unwrap(), b"ask 7\n");
/// ```
pub trait GatewayConnector: Sized + Send + Sync + 'static {
    /// The instance's configuration.
    type Config: DeserializeOwned;

    /// Makes the instance, and what the host must know about the gateway.
    ///
    /// # Errors
    ///
    /// Fails when the connector cannot work; the host tries again later, in a new process.
    fn open(config: Self::Config, context: &Context) -> Result<(Self, Parameters), PluginError>;

    /// Makes the references that the intent records. Sends nothing.
    ///
    /// # Errors
    ///
    /// See [`Outcome`].
    fn prepare(&self, request: Prepare, context: &Context) -> Outcome<Prepared>;

    /// Offers a payment in the card's own currency, or none. Nothing moves.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented; `dcc` of the manifest says that it is.
    fn offer_currency(
        &self,
        request: OfferCurrency,
        context: &Context,
    ) -> Outcome<CurrencyOffered> {
        let _ = (request, context);
        Err(PluginError::Unsupported)
    }

    /// Asks the issuer.
    ///
    /// # Errors
    ///
    /// See [`Outcome`].
    fn authorize(&self, request: Authorize, context: &Context) -> Outcome<Answer>;

    /// Takes a sale that was approved offline. Idempotent.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn forward(&self, request: Forward, context: &Context) -> Outcome<Answer> {
        let _ = (request, context);
        Err(PluginError::Unsupported)
    }

    /// Changes an earlier transaction: capture, adjust, refund, void, voice approval.
    ///
    /// # Errors
    ///
    /// See [`Outcome`].
    fn modify(&self, request: Modify, context: &Context) -> Outcome<Answer>;

    /// Finds out what became of a transaction.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn inquire(&self, request: Inquire, context: &Context) -> Outcome<Finding> {
        let _ = (request, context);
        Err(PluginError::Unsupported)
    }

    /// Undoes a transaction whose outcome is unknown. Idempotent.
    ///
    /// # Errors
    ///
    /// See [`Outcome`].
    fn reverse(&self, request: Reverse, context: &Context) -> Outcome<Reversal>;

    /// Tells the gateway something it should know.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn report(&self, request: Report, context: &Context) -> Outcome<()> {
        let _ = (request, context);
        Err(PluginError::Unsupported)
    }

    /// Forgets a payment token that nobody at this host keeps any more. Idempotent: a token that is
    /// not known is forgotten already.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn forget_token(&self, request: ForgetToken, context: &Context) -> Outcome<()> {
        let _ = (request, context);
        Err(PluginError::Unsupported)
    }

    /// Tells the totals of the batch, and closes it if asked to.
    ///
    /// # Errors
    ///
    /// See [`Outcome`]. Unsupported unless implemented.
    fn reconcile(&self, request: Reconcile, context: &Context) -> Outcome<Totals> {
        let _ = (request, context);
        Err(PluginError::Unsupported)
    }
}
