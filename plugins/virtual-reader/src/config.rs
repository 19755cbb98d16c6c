// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configuration of an instance: nothing, one card for every read, or a script; where an application
//! is chosen, and how the reader encrypts.
//!
//! A flaw must be found when the instance is opened, never in the middle of a sale.

use crate::action::{Action, entry_of};
use crate::limits::SCRIPT_STEPS_MAX;
use payhal_card_data::{TestCard, test_card};
use payhal_messages::apdu::AllowList;
use payhal_messages::card::Entry;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The configuration as JSON.
#[derive(Default, Deserialize)]
pub(crate) struct Config {
    /// `"tap visa-approve"`: every read is answered at once by this card, with its PIN.
    #[serde(default)]
    auto: Option<String>,
    /// What to do when, each step once and in order.
    #[serde(default)]
    script: Vec<ScriptStep>,
    /// Where the application of a card with several is chosen, and the currency of one that may pay in
    /// its own.
    #[serde(default)]
    selection: Selection,
    /// How the reader encrypts what it reads.
    #[serde(default)]
    sealing: Mode,
    /// Applications of cards that do not pay, which registers may talk to.
    #[serde(default)]
    apdu: Vec<String>,
}

/// How the reader encrypts what it reads.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// To the gateway's key.
    #[default]
    Hpke,
    /// Under an injected key, ANSI X9.24-1.
    DukptTdes,
    /// Under an injected key, ANSI X9.24-3.
    DukptAes,
}

/// Where an application or a currency is chosen.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Selection {
    /// On the reader's own keypad.
    #[default]
    Keypad,
    /// At the register, by a prompt.
    Register,
}

#[derive(Deserialize)]
struct ScriptStep {
    on: Moment,
    #[serde(rename = "do")]
    act: String,
    #[serde(flatten)]
    arguments: Map<String, Value>,
}

/// When a step of a script is due.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Moment {
    /// The reader waits for a card.
    Present,
    /// The reader waits for the choice of an application.
    Select,
    /// The reader waits for a PIN.
    Pin,
    /// `authorize_card` begins.
    AuthorizeCard,
    /// `complete` begins.
    Complete,
}

/// A checked configuration.
#[derive(Default)]
pub(crate) struct Plan {
    /// The card of every read.
    pub(crate) auto: Option<(&'static TestCard, Entry)>,
    /// Steps still to come.
    pub(crate) script: Vec<(Moment, Action)>,
    /// Where an application is chosen.
    pub(crate) selection: Selection,
    /// How the reader encrypts.
    pub(crate) sealing: Mode,
    /// Which cards that do not pay may be talked to.
    pub(crate) allowed: AllowList,
}

impl Config {
    /// Checks everything.
    pub(crate) fn plan(self) -> Result<Plan, String> {
        if self.script.len() > SCRIPT_STEPS_MAX {
            return Err(format!("a script has at most {SCRIPT_STEPS_MAX} steps"));
        }
        let step = |(place, step): (usize, ScriptStep)| {
            let on = step.on;
            let action = step
                .action()
                .map_err(|flaw| format!("step {} of the script: {flaw}", place + 1))?;
            Ok::<_, String>((on, action))
        };
        if self.auto.is_some() && self.selection == Selection::Register {
            return Err("an automatic card chooses by itself: leave out selection".to_owned());
        }
        Ok(Plan {
            selection: self.selection,
            sealing: self.sealing,
            allowed: AllowList::new(&self.apdu)?,
            auto: self.auto.as_deref().map(auto).transpose()?,
            script: self
                .script
                .into_iter()
                .enumerate()
                .map(step)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl ScriptStep {
    fn action(self) -> Result<Action, String> {
        let mut action = self.arguments;
        action.insert("action".to_owned(), Value::String(self.act));
        let action = Action::parse(Value::Object(action))?;
        if let Some((offer, _)) = action.offer() {
            offer.test_card()?;
        }
        Ok(action)
    }
}

fn auto(text: &str) -> Result<(&'static TestCard, Entry), String> {
    let wrong =
        || "auto is \"tap\", \"insert\", \"swipe\" or \"key_in\" and a test card".to_owned();
    let (gesture, card) = text.split_once(' ').ok_or_else(wrong)?;
    let entry = match gesture {
        "tap" => Entry::Contactless,
        "insert" => Entry::Chip,
        "swipe" => Entry::Stripe,
        "key_in" => Entry::Manual,
        _ => return Err(wrong()),
    };
    let card = test_card(card).ok_or_else(wrong)?;
    if !card.entries.iter().any(|mode| entry_of(*mode) == entry) {
        return Err("auto names a card that cannot be read that way".to_owned());
    }
    Ok((card, entry))
}
