// SPDX-License-Identifier: MIT OR Apache-2.0
//! What somebody does at the terminal, in words.

use crate::desk::{Reason, Word};
use payhal_card_data::{EntryMode, TestCard, test_card, test_cards};

/// What somebody does about one transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Person {
    Presents {
        card: &'static TestCard,
        entry: EntryMode,
        word: Word,
    },
    Stops(Reason),
}

/// The words, for help.
pub(crate) const WORDS: [(&str, &str); 12] = [
    (
        "tap",
        "Hold a card to it: visa-approve, or the one that is named",
    ),
    ("insert", "Insert one"),
    ("swipe", "Swipe one"),
    ("key-in", "Type one"),
    ("refuse", "Tap a card that the bank refuses"),
    ("forbidden", "Tap a card that is forbidden"),
    ("voice-call", "Tap a card for which the bank wants a call"),
    ("forced", "Tap a card that the operator then forces"),
    (
        "partial",
        "Tap a card of which half is approved, or the minor units that are named",
    ),
    (
        "unverified",
        "Tap a card; the terminal does not say what became of it",
    ),
    (
        "abandon",
        "Press cancel; operator-abandon: the operator does; incomplete: take the card away",
    ),
    ("idle", "Do nothing; takes back what was typed before"),
];

/// `None` for words of somebody else; `Some(None)` where nobody does anything.
pub(crate) fn read(words: &str) -> Result<Option<Option<Person>>, String> {
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    let says = |reason| presents(EntryMode::Contactless, rest, Word::Says(reason));
    let person = match verb {
        "tap" => presents(EntryMode::Contactless, rest, Word::Own)?,
        "insert" => presents(EntryMode::Chip, rest, Word::Own)?,
        "swipe" => presents(EntryMode::Stripe, rest, Word::Own)?,
        "key-in" => presents(EntryMode::Manual, rest, Word::Own)?,
        "refuse" => says(Reason::Refused)?,
        "forbidden" => says(Reason::Forbidden)?,
        "voice-call" => says(Reason::VoiceCall)?,
        "forced" => presents(EntryMode::Contactless, rest, Word::Forced)?,
        "unverified" => presents(EntryMode::Contactless, rest, Word::Unverified)?,
        "partial" => {
            let minor = (!rest.is_empty()).then(|| rest.parse());
            let minor = minor.transpose();
            let minor = minor.map_err(|_| "partial takes minor units".to_owned())?;
            presents(EntryMode::Contactless, "", Word::Less(minor))?
        }
        "abandon" => Person::Stops(Reason::Abandoned),
        "operator-abandon" => Person::Stops(Reason::OperatorAbandoned),
        "incomplete" => Person::Stops(Reason::NotCompleted),
        "idle" => return Ok(Some(None)),
        _ => return Ok(None),
    };
    Ok(Some(Some(person)))
}

fn presents(entry: EntryMode, name: &str, word: Word) -> Result<Person, String> {
    let name = if name.is_empty() {
        "visa-approve"
    } else {
        name
    };
    let Some(card) = test_card(name) else {
        let names: Vec<_> = test_cards().iter().map(|card| card.name).collect();
        return Err(format!("cards are {}", names.join(", ")));
    };
    if !card.entries.contains(&entry) {
        return Err(format!("{name} cannot be read that way"));
    }
    Ok(Person::Presents { card, entry, word })
}
