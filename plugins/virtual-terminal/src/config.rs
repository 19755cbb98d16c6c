// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configuration of an instance: what the terminal can do when an outcome is unknown, who pays,
//! what is added, and what goes wrong from the start.
//!
//! A flaw must be found when the instance is opened, never in the middle of a payment.

use crate::action::{FaultOrder, Offline, Tip, can_be_read, checked_surcharge, named_card};
use crate::limits::FAULTS_MAX;
use payhal_card_data::TestCard;
use payhal_messages::card::Entry;
use payhal_messages::manifest::{Inquiry, TerminalReversal};
use serde::Deserialize;

/// Beyond every amount that can be charged, and far from overflowing a sum.
pub(crate) const AMOUNT_MINOR_MAX: i64 = 999_999_999_999;

/// The configuration as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// As the manifest says it.
    #[serde(default = "by_id")]
    inquiry: Inquiry,
    /// As the manifest says it.
    #[serde(default = "by_reference")]
    reversal: TerminalReversal,
    /// `"tap visa-approve"`: this card answers every request at once, with its PIN.
    #[serde(default)]
    auto: Option<String>,
    /// Where the application of a card with several is chosen.
    #[serde(default)]
    selection: Selection,
    #[serde(default)]
    tip: Tip,
    #[serde(default)]
    surcharge_basis_points: i64,
    #[serde(default)]
    offline: Offline,
    /// Whether customers are offered the currency of their card.
    #[serde(default)]
    own_currency: bool,
    /// How long the issuer takes.
    #[serde(default)]
    latency_ms: u64,
    /// Faults that wait from the start of each process.
    #[serde(default)]
    faults: Vec<FaultOrder>,
}

fn by_id() -> Inquiry {
    Inquiry::ById
}

fn by_reference() -> TerminalReversal {
    TerminalReversal::ByReference
}

/// Where an application is chosen.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Selection {
    /// On the terminal's own keypad.
    #[default]
    Keypad,
    /// At the register, by a prompt.
    Register,
}

/// A checked configuration.
pub(crate) struct Plan {
    pub(crate) inquiry: Inquiry,
    pub(crate) reversal: TerminalReversal,
    pub(crate) auto: Option<(&'static TestCard, Entry)>,
    pub(crate) selection: Selection,
    pub(crate) tip: Tip,
    pub(crate) surcharge_basis_points: i64,
    pub(crate) offline: Offline,
    pub(crate) own_currency: bool,
    pub(crate) latency_ms: u64,
    pub(crate) faults: Vec<FaultOrder>,
}

impl Config {
    /// Checks everything.
    pub(crate) fn plan(self) -> Result<Plan, String> {
        if self.faults.len() > FAULTS_MAX {
            return Err(format!("at most {FAULTS_MAX} faults can wait"));
        }
        if self.auto.is_some() && self.selection == Selection::Register {
            return Err("an automatic card chooses by itself: leave out selection".to_owned());
        }
        Ok(Plan {
            inquiry: self.inquiry,
            reversal: self.reversal,
            auto: self.auto.as_deref().map(auto).transpose()?,
            selection: self.selection,
            tip: self.tip.check()?,
            surcharge_basis_points: checked_surcharge(self.surcharge_basis_points)?,
            offline: self.offline,
            own_currency: self.own_currency,
            latency_ms: self.latency_ms,
            faults: self
                .faults
                .into_iter()
                .map(FaultOrder::check)
                .collect::<Result<_, _>>()?,
        })
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
    let card = named_card(card).map_err(|_| wrong())?;
    match can_be_read(card, entry) {
        true => Ok((card, entry)),
        false => Err("auto names a card that cannot be read that way".to_owned()),
    }
}
