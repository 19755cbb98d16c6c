// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands that wait for somebody, and how the pinpad comes to the next of its steps.

use crate::commands::card::CardAsked;
use crate::commands::event::EventsAsked;
use crate::commands::go_on::GoOnAsked;
use crate::fields::{Name, Reply};
use payhal_card_data::Pan;

/// How long hands take: for a card, a key, a PIN.
pub(crate) const HAND_US: u64 = 300_000;
pub(crate) const PIN_US: u64 = 1_500_000;

/// A command that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) name: Name,
    pub(crate) what: What,
    /// When its time is over.
    pub(crate) until_us: Option<u64>,
    /// When somebody will have done what it waits for.
    pub(crate) acts_us: Option<u64>,
}

/// What a command waits for.
#[derive(Debug)]
pub(crate) enum What {
    Events(EventsAsked),
    Card(Box<CardAsked>),
    /// Which of these applications of the inserted card.
    Application(Box<CardAsked>, Vec<Candidate>),
    /// A PIN for the card that was read.
    Pin(Box<GoOnAsked>),
    /// A PIN for a number that the host told.
    PinFor {
        pan: Pan,
        least: u8,
        most: u8,
    },
    Key,
    Choice {
        count: usize,
    },
    Digits {
        least: u8,
        most: u8,
    },
    Removal,
}

/// An application that card and tables have in common.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) label: &'static str,
    pub(crate) aid: Vec<u8>,
}

/// What becomes of a command.
#[derive(Debug)]
pub(crate) enum Step {
    Answer(Reply),
    Wait { what: What, until_us: Option<u64> },
}

impl From<Reply> for Step {
    fn from(reply: Reply) -> Self {
        Self::Answer(reply)
    }
}
