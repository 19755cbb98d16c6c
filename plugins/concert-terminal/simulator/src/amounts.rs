// SPDX-License-Identifier: MIT OR Apache-2.0
//! Amounts that decide, where a customer is always there (`auto`).

use crate::desk::{Reason, Word};
use crate::person::Person;
use payhal_card_data::{EntryMode, test_card};

/// Last two digits of an amount, and what they bring about. Every other amount is approved.
pub(crate) const AMOUNTS: [(i64, &str, Deed); 9] = [
    (
        2,
        "the bank wants a call",
        Deed::Bank(Word::Says(Reason::VoiceCall)),
    ),
    (3, "forced by a person", Deed::Bank(Word::Forced)),
    (
        5,
        "the card is forbidden",
        Deed::Bank(Word::Says(Reason::Forbidden)),
    ),
    (6, "the customer gives up", Deed::Stop(Reason::Abandoned)),
    (
        7,
        "it cannot be completed",
        Deed::Stop(Reason::NotCompleted),
    ),
    (9, "unverified", Deed::Bank(Word::Unverified)),
    (
        10,
        "half is approved, where the till allows it",
        Deed::Bank(Word::Less(None)),
    ),
    (
        11,
        "the operator gives up",
        Deed::Stop(Reason::OperatorAbandoned),
    ),
    (51, "refused", Deed::Bank(Word::Says(Reason::Refused))),
];

/// What an amount brings about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Bank(Word),
    Stop(Reason),
}

/// What the customer who is always there does about an amount.
pub(crate) fn person(minor: i64) -> Person {
    let found = AMOUNTS.iter().find(|(ends, ..)| minor % 100 == *ends);
    match found.map(|(_, _, deed)| *deed) {
        Some(Deed::Stop(reason)) => Person::Stops(reason),
        deed => Person::Presents {
            card: test_card("visa-approve").expect("it is in the table"),
            entry: EntryMode::Contactless,
            word: match deed {
                Some(Deed::Bank(word)) => word,
                _ => Word::Own,
            },
        },
    }
}
