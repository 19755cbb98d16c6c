// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a person, a script or a fault can do to the terminal, as JSON.
//!
//! Errors must never repeat what was sent: somebody may have put a card number where a name
//! belongs.

use crate::limits::{DELAY_MS_MAX, INQUIRIES_MAX, SURCHARGE_BASIS_POINTS_MAX};
use payhal_card_data::{EntryMode, TestCard, test_card};
use payhal_messages::card::Entry;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

/// One action, told by its field `action`.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(crate) enum Action {
    /// Which cards there are.
    Cards,
    /// Holds a card to the antenna.
    Tap(Offer),
    /// Puts a card into the slot.
    Insert(Offer),
    /// Pulls a card through the stripe reader.
    Swipe(Offer),
    /// Types a card's number on the keypad.
    KeyIn(Offer),
    /// Presses keys.
    Keys {
        /// Digits, `#` for OK, `*` for cancel, `<` for clear.
        keys: Keys,
    },
    /// Takes the card out of the slot.
    Remove,
    /// Chooses an application.
    Select {
        /// Its place in the list, from 0.
        index: usize,
    },
    /// What cardholders add from now on.
    Tip(Tip),
    /// What the terminal adds from now on.
    Surcharge {
        /// Hundredths of a percent.
        basis_points: i64,
    },
    /// Cuts or restores the line to the issuers.
    Offline(Offline),
    /// Ends a late payment now.
    Settle,
    /// Plans a fault.
    Fault(FaultOrder),
    /// Which faults wait.
    Faults,
    /// Pulls the cable.
    Unplug,
    /// Plugs the cable in again.
    Plug,
    /// What the display shows and what the terminal waits for.
    Screen,
    /// Undoes everything but the ledger.
    Reset,
    /// The ledger's entries.
    Ledger {
        /// Only later ones.
        #[serde(default)]
        since: Option<i64>,
    },
    /// What stands, over all batches.
    Totals,
}

/// A card shown to the terminal.
#[derive(Deserialize)]
pub(crate) struct Offer {
    /// Name of a test card.
    pub(crate) card: String,
    /// How long to wait for a payment to start.
    #[serde(default)]
    pub(crate) wait_ms: Option<u64>,
}

impl Offer {
    pub(crate) fn test_card(&self) -> Result<&'static TestCard, String> {
        named_card(&self.card)
    }
}

/// The test card of this name.
pub(crate) fn named_card(name: &str) -> Result<&'static TestCard, String> {
    test_card(name).ok_or_else(|| {
        "there is no test card of that name; the action \"cards\" lists them".to_owned()
    })
}

/// Keys, erased after use: they may be a PIN.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(crate) struct Keys(pub(crate) Zeroizing<String>);

impl From<String> for Keys {
    fn from(keys: String) -> Self {
        Self(Zeroizing::new(keys))
    }
}

/// Whether and what the terminal's cardholders tip.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub(crate) struct Tip {
    /// Asks on the keypad.
    #[serde(default)]
    pub(crate) ask: bool,
    /// Is given without asking.
    #[serde(default)]
    pub(crate) tip_minor: i64,
}

impl Tip {
    /// What is wrong with it.
    pub(crate) fn check(self) -> Result<Self, String> {
        match (0..=crate::config::AMOUNT_MINOR_MAX).contains(&self.tip_minor) {
            true => Ok(self),
            false => Err("`tip_minor` is an amount, from 0".to_owned()),
        }
    }
}

/// What is wrong with a surcharge.
pub(crate) fn checked_surcharge(basis_points: i64) -> Result<i64, String> {
    match (0..=SURCHARGE_BASIS_POINTS_MAX).contains(&basis_points) {
        true => Ok(basis_points),
        false => Err(format!(
            "a surcharge has 0 to {SURCHARGE_BASIS_POINTS_MAX} basis points"
        )),
    }
}

/// The line to the issuers.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub(crate) struct Offline {
    /// Whether it is cut.
    pub(crate) on: bool,
    /// The largest sale approved meanwhile.
    #[serde(default)]
    pub(crate) floor_minor: i64,
}

/// A fault and when it shall happen.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct FaultOrder {
    /// What.
    pub(crate) fault: Fault,
    /// When.
    #[serde(default)]
    pub(crate) at: At,
    /// How often.
    #[serde(default = "once")]
    pub(crate) count: u32,
    /// How long a slow step takes.
    #[serde(default)]
    pub(crate) delay_ms: u64,
    /// Only where this amount is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) amount_minor: Option<i64>,
    /// Of a late payment: the inquiries it takes until the customer has paid.
    #[serde(default = "one_inquiry")]
    pub(crate) inquiries: i64,
    /// Of a late payment: the card.
    #[serde(default = "approving_card")]
    pub(crate) card: String,
}

impl FaultOrder {
    /// What is wrong with it.
    pub(crate) fn check(mut self) -> Result<Self, String> {
        named_card(&self.card)?;
        if !(0..=INQUIRIES_MAX).contains(&self.inquiries) {
            return Err(format!(
                "a late payment takes 0 to {INQUIRIES_MAX} inquiries"
            ));
        }
        if self.fault == Fault::LateApproval && !matches!(self.at, At::Now | At::Pay) {
            return Err("a late payment begins at `pay`".to_owned());
        }
        let lies = matches!(self.fault, Fault::NotSent | Fault::Busy | Fault::Refuse);
        if lies && self.at.is_answer() {
            return Err("what is in the ledger cannot be refused any more".to_owned());
        }
        if self.fault == Fault::Reject {
            self.at = At::Collect;
        }
        self.delay_ms = self.delay_ms.min(DELAY_MS_MAX);
        Ok(self)
    }
}

fn once() -> u32 {
    1
}

fn one_inquiry() -> i64 {
    1
}

fn approving_card() -> String {
    "visa-approve".to_owned()
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// The process is aborted.
    Crash,
    /// The process exits.
    Exit,
    /// The call panics.
    Panic,
    /// The call never answers and ignores cancelling.
    Hang,
    /// The terminal says nothing until the call's deadline.
    Silent,
    /// The call takes `delay_ms` longer.
    Slow,
    /// The answer is lost.
    LoseAnswer,
    /// The request is lost, and known to be.
    NotSent,
    /// The terminal does something else.
    Busy,
    /// The terminal or its issuer refuses.
    Refuse,
    /// The host hears nothing; the customer pays later.
    LateApproval,
    /// The inquiry is told that the payment is running.
    Running,
    /// More than the most is approved.
    Overcharge,
    /// The answer has values that cannot be.
    Garble,
    /// The former answer comes once more.
    Duplicate,
    /// The opposite of what the ledger holds is told.
    Contradict,
    /// The cable is pulled; it stays so until `plug`.
    Unplug,
    /// The issuer does not take an offline approval.
    Reject,
    /// The call emits progress without end.
    Flood,
    /// A test card's number is written to standard output and standard error.
    Print,
    /// A test card's number is put into the answer.
    Leak,
}

/// When a fault happens.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum At {
    /// At once, or in whatever call runs next.
    #[default]
    Now,
    /// When `pay` begins: nothing has happened.
    Pay,
    /// When the payment is in the ledger and not yet told.
    PayAnswer,
    /// When `inquire` begins.
    Inquire,
    /// When `reverse` begins.
    Reverse,
    /// When the reversal is in the ledger and not yet told.
    ReverseAnswer,
    /// When `reconcile` begins.
    Reconcile,
    /// When the reconciliation is in the ledger and not yet told.
    ReconcileAnswer,
    /// When an offline approval is collected.
    Collect,
}

impl At {
    /// Whether the ledger was written before.
    pub(crate) fn is_answer(self) -> bool {
        matches!(
            self,
            Self::PayAnswer | Self::ReverseAnswer | Self::ReconcileAnswer
        )
    }

    /// Whether a call begins.
    pub(crate) fn is_begin(self) -> bool {
        matches!(
            self,
            Self::Pay | Self::Inquire | Self::Reverse | Self::Reconcile
        )
    }
}

impl Fault {
    /// Whether it changes what the command does or tells, instead of happening by itself.
    pub(crate) fn is_for_the_command(self) -> bool {
        matches!(
            self,
            Self::Busy
                | Self::Refuse
                | Self::LateApproval
                | Self::Running
                | Self::Overcharge
                | Self::Garble
                | Self::Duplicate
                | Self::Contradict
                | Self::Reject
                | Self::Leak
        )
    }
}

impl Action {
    /// Reads an action.
    pub(crate) fn parse(action: Value) -> Result<Self, String> {
        serde_json::from_value(action).map_err(|_| {
            "the action is not understood; there are cards, tap, insert, swipe, key_in {card}, \
             keys {keys}, remove, select {index}, tip {ask, tip_minor}, surcharge {basis_points}, \
             offline {on, floor_minor}, settle, fault {fault, at, count, delay_ms, amount_minor}, \
             faults, unplug, plug, screen, reset, ledger {since}, totals"
                .to_owned()
        })
    }

    /// The card and the way it is shown, if this action shows one.
    pub(crate) fn offer(&self) -> Option<(&Offer, Entry)> {
        match self {
            Self::Tap(offer) => Some((offer, Entry::Contactless)),
            Self::Insert(offer) => Some((offer, Entry::Chip)),
            Self::Swipe(offer) => Some((offer, Entry::Stripe)),
            Self::KeyIn(offer) => Some((offer, Entry::Manual)),
            _ => None,
        }
    }
}

/// Whether a card can be read that way.
pub(crate) fn can_be_read(card: &TestCard, entry: Entry) -> bool {
    card.entries.iter().any(|mode| entry_of(*mode) == entry)
}

/// The entry mode as messages have it.
pub(crate) fn entry_of(mode: EntryMode) -> Entry {
    match mode {
        EntryMode::Chip => Entry::Chip,
        EntryMode::Contactless => Entry::Contactless,
        EntryMode::Stripe => Entry::Stripe,
        EntryMode::Manual => Entry::Manual,
    }
}

/// The name that messages and people use.
pub(crate) fn name_of(entry: Entry) -> &'static str {
    match entry {
        Entry::Chip => "chip",
        Entry::Contactless => "contactless",
        Entry::Stripe => "stripe",
        Entry::Manual => "manual",
    }
}
