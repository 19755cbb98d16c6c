// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reader as the SDK sees it: one file for each command, what lies between commands here.
//!
//! Must never hold anything of a card but what a register may see.

use crate::card::Held;
use crate::commands::clx::Farewell;
use crate::commands::gix::{Inquire, Pinpad};
use crate::config::Config;
use crate::parameters;
use crate::sealing;
use crate::session::Session;
use crate::texts::Texts;
use crate::{apdu, authorize_card, complete, present, settings, show};
use payhal_messages::device::{Apdu, ApduReply, DeviceSettings};
use payhal_messages::reader::{
    AuthorizeCard, CardRead, Complete, CompletionRead, Identity, LoadParameters, Present,
    Presentation, Show,
};
use payhal_plugin::{Context, Level, Outcome, PluginError, Port, Reader};

/// One pinpad.
pub(crate) struct AbecsPinpad {
    port: Port,
    /// Opened with the first command, so that a pinpad may come later than its instance.
    session: Option<Session>,
    pub(crate) config: Config,
    /// The card between `present` and `complete`.
    pub(crate) held: Option<Held>,
    /// Whether somebody's card may still be in the slot. It must not pay for the next one.
    pub(crate) slot_in_doubt: bool,
}

impl AbecsPinpad {
    /// The session with the pinpad, which has the keys it must have.
    pub(crate) fn session(&mut self, context: &Context) -> Result<&mut Session, PluginError> {
        let opened = match self.session.take() {
            Some(session) => session,
            None => {
                let session = Session::open(self.port.clone(), self.config.session(), context)?;
                check_keys(session.pinpad(), &self.config)?;
                session
            }
        };
        Ok(self.session.insert(opened))
    }

    pub(crate) fn texts(&self) -> &'static Texts {
        self.config.language.texts()
    }

    /// A card is held on only if its command went well. What the pinpad shows then is its own.
    fn ended<T>(&mut self, outcome: Outcome<T>, context: &Context) -> Outcome<T> {
        if matches!(outcome, Ok(Ok(_))) {
            return outcome;
        }
        self.held = None;
        // Best effort, and only where the line is whole.
        if let (Ok(Err(_)), Some(text)) = (&outcome, self.config.idle_text.clone()) {
            let _ = self.show_text(&text, context);
        }
        outcome
    }
}

impl Reader for AbecsPinpad {
    type Config = Config;

    fn open(config: Config, context: &Context) -> Result<Self, PluginError> {
        if let Some(flaw) = config.flaw() {
            return Err(PluginError::not_sent(format!(
                "use the configuration: {flaw}"
            )));
        }
        let port = context.port("main")?;
        if !config.is_secure() {
            context.log(
                Level::Warn,
                "the line to the pinpad is not encrypted: `secure` is off",
            );
        }
        Ok(Self {
            port,
            session: None,
            config,
            held: None,
            slot_in_doubt: false,
        })
    }

    fn identify(&mut self, context: &Context) -> Outcome<Identity> {
        let pinpad = self.session(context)?.command(&Inquire, context)?;
        let pinpad = pinpad.map_err(|status| {
            PluginError::not_sent(format!("learn who the pinpad is: it says {status}"))
        })?;
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(Ok(Identity {
            model: format!("{} {}", pinpad.maker.trim(), pinpad.model.trim())
                .trim()
                .to_owned(),
            serial_number: filled(&pinpad.serial),
            firmware: filled(&format!(
                "{} {}, ABECS {}",
                pinpad.system.trim(),
                pinpad.application.trim(),
                pinpad.specification.trim()
            )),
            sealing: Some(sealing::told(self.config.test_keys)),
            incomplete: None,
        }))
    }

    fn load_parameters(&mut self, request: LoadParameters, context: &Context) -> Outcome<()> {
        parameters::load_parameters(self, &request, context)
    }

    fn present(&mut self, request: Present, context: &Context) -> Outcome<Presentation> {
        self.held = None;
        let outcome = present::present(self, &request, context);
        self.ended(outcome, context)
    }

    fn authorize_card(&mut self, request: AuthorizeCard, context: &Context) -> Outcome<CardRead> {
        let outcome = authorize_card::authorize_card(self, &request, context);
        self.ended(outcome, context)
    }

    fn complete(&mut self, request: Complete, context: &Context) -> Outcome<CompletionRead> {
        let outcome = complete::complete(self, &request, context);
        self.held = None;
        outcome
    }

    fn show(&mut self, request: Show, context: &Context) -> Outcome<()> {
        show::show(self, &request, context)
    }

    fn settings(&mut self, context: &Context) -> Outcome<DeviceSettings> {
        settings::settings(self, context)
    }

    fn apdu(&mut self, request: Apdu, context: &Context) -> Outcome<ApduReply> {
        let outcome = apdu::apdu(self, &request, context);
        self.ended(outcome, context)
    }

    fn close(&mut self, context: &Context) {
        let farewell = match self.config.idle_text.clone() {
            Some(text) => Farewell::Text(text),
            None => Farewell::Plain,
        };
        if let Some(session) = &mut self.session {
            // The process ends: a pinpad that does not answer is opened anew by the next one.
            let _ = session.close(farewell, context);
        }
    }
}

/// A key that is missing is found out before a card is there. A pinpad that does not tell its keys
/// is believed until it needs one.
fn check_keys(pinpad: &Pinpad, config: &Config) -> Result<(), PluginError> {
    let missing = |what: &str, slot: u8, name: &str| {
        Err(PluginError::not_sent(format!(
            "find a DUKPT TDES key for {what} in slot {slot:02} of the pinpad: have one injected, or \
             name its slot as {name}"
        )))
    };
    let (data, pin) = config.slots();
    if pinpad.has_data_key(data) == Some(false) {
        return missing("card data", data, "data_key");
    }
    if pinpad.has_pin_key(pin) == Some(false) {
        return missing("PINs", pin, "pin_key");
    }
    Ok(())
}
