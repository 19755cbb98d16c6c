// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a person, a script or a fault can do to the reader, as JSON.
//!
//! Errors must never repeat what was sent: somebody may have put a card number where a name
//! belongs.

use payhal_card_data::{EntryMode, TestCard, test_card};
use payhal_messages::card::Entry;
use serde::Deserialize;
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
    /// Types the PIN of the card that is there, and OK: its digits are in no message.
    Pin {
        /// Types another one.
        #[serde(default)]
        wrong: bool,
    },
    /// Chooses a tip, while the reader asks for one and waits for a card.
    Tip {
        /// How much.
        #[serde(default)]
        minor: Option<i64>,
        /// Or which of those that are offered, from 1.
        #[serde(default)]
        choice: Option<usize>,
    },
    /// Takes the card out of the slot.
    Remove,
    /// Chooses an application.
    Select {
        /// Its place in the list, from 0.
        index: usize,
    },
    /// Plans a fault.
    Fault(FaultOrder),
    /// Plugs the cable in again.
    Plug,
    /// What the display shows and what the reader waits for.
    Screen,
    /// Undoes faults, keys, cards and the pulled cable.
    Reset,
}

/// A card shown to the reader.
#[derive(Deserialize)]
pub(crate) struct Offer {
    /// Name of a test card.
    pub(crate) card: String,
    /// How long to wait for a read to start.
    #[serde(default)]
    pub(crate) wait_ms: Option<u64>,
}

impl Offer {
    pub(crate) fn test_card(&self) -> Result<&'static TestCard, String> {
        test_card(&self.card).ok_or_else(|| {
            "there is no test card of that name; the action \"cards\" lists them".to_owned()
        })
    }
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

/// A fault and when it shall happen.
#[derive(Deserialize)]
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
}

fn once() -> u32 {
    1
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
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
    /// The call takes `delay_ms` longer.
    Slow,
    /// The cable is pulled; it stays so until `plug`.
    Unplug,
    /// The call answers with values that cannot be.
    Garble,
    /// The call answers with the former answer once more.
    Duplicate,
    /// The call emits progress without end.
    Flood,
    /// The card's number is written to standard output and standard error.
    Print,
    /// The card's number is put into the answer.
    Leak,
    /// The call fails, and says the card's number.
    Tell,
}

/// When a fault happens.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum At {
    /// At once, or in whatever call runs next.
    #[default]
    Now,
    /// When `present` begins.
    Present,
    /// When `authorize_card` begins.
    AuthorizeCard,
    /// When `complete` begins.
    Complete,
    /// When `load_parameters` begins.
    LoadParameters,
    /// When `apdu` begins.
    Apdu,
    /// When `update_begin` begins.
    UpdateBegin,
    /// When `update_piece` begins.
    UpdatePiece,
    /// While a file is put in force.
    UpdateFinish,
}

impl Action {
    /// Reads an action.
    pub(crate) fn parse(action: Value) -> Result<Self, String> {
        serde_json::from_value(action).map_err(|_| {
            "the action is not understood; there are cards, tap, insert, swipe, key_in {card}, \
             keys {keys}, pin {wrong}, tip {minor or choice}, remove, select {index}, fault {fault, at, count, delay_ms}, plug, \
             screen, reset"
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

/// The entry mode as the card's table has it.
pub(crate) fn mode_of(entry: Entry) -> EntryMode {
    match entry {
        Entry::Chip => EntryMode::Chip,
        Entry::Contactless => EntryMode::Contactless,
        Entry::Stripe => EntryMode::Stripe,
        Entry::Manual => EntryMode::Manual,
    }
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
