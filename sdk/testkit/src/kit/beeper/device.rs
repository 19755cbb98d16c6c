// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the three example devices have in common: they hear lines, are acted on by people, and do
//! things when a time has come. Without I/O and without a clock: both are their player's.

use super::gateway::BeeperGateway;
use super::keys::Keys;
use super::reader::BeeperReader;
use super::terminal::BeeperTerminal;
use super::wire::Line;
use clap::ValueEnum;
use payhal_testkit::simulate::{Booked, Way};

/// Which of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Role {
    /// Reads cards and encrypts them; somebody else authorizes.
    Reader,
    /// Runs the whole payment.
    Terminal,
    /// The service that authorizes.
    Gateway,
}

/// What somebody does with it: the words of `play` and of `conformance.toml`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    Tap,
    Insert,
    Swipe,
    Decline,
    Pin,
    WrongPin,
    Apps,
    Unreadable,
    Cancel,
    Remove,
    Approve,
    Silent,
    Idle,
}

/// Each with its word, and what that does.
const ACTIONS: [(Action, &str, &str); 13] = [
    (Action::Tap, "tap", "Hold a card to it that is approved"),
    (Action::Insert, "insert", "Insert that card"),
    (Action::Swipe, "swipe", "Swipe it"),
    (
        Action::Decline,
        "decline",
        "Tap a card that the issuer declines",
    ),
    (
        Action::Pin,
        "pin",
        "Insert a card with a PIN, and enter that",
    ),
    (
        Action::WrongPin,
        "wrong-pin",
        "Insert that card, and enter another PIN",
    ),
    (Action::Apps, "apps", "Insert a card with two applications"),
    (
        Action::Unreadable,
        "unreadable",
        "Insert a card that cannot be read",
    ),
    (Action::Cancel, "cancel", "Press its cancel key"),
    (Action::Remove, "remove", "Take the card away too early"),
    (
        Action::Approve,
        "approve",
        "Gateway: approve the next request whatever it holds",
    ),
    (Action::Silent, "silent", "Do not answer the next command"),
    (Action::Idle, "idle", "Do nothing"),
];

impl Action {
    /// By its word.
    pub(crate) fn named(word: &str) -> Option<Self> {
        let found = ACTIONS.iter().find(|(_, name, _)| *name == word);
        found.map(|(action, ..)| *action)
    }

    /// Every word.
    pub(crate) fn words() -> Vec<&'static str> {
        ACTIONS.iter().map(|(_, word, _)| *word).collect()
    }

    /// Every word, with what it does.
    pub(crate) fn described() -> Vec<(&'static str, &'static str)> {
        ACTIONS
            .iter()
            .map(|(_, word, what)| (*word, *what))
            .collect()
    }
}

/// Lines that go out at once.
pub(crate) type Lines = Vec<(Way, String)>;

/// A simulated device. Microseconds start anywhere and never go back.
pub(crate) trait Device {
    /// A command came.
    fn hear(&mut self, way: Way, line: &Line, now_us: u64, out: &mut Lines);
    /// Somebody acts.
    fn act(&mut self, action: Action, now_us: u64, out: &mut Lines);
    /// The time it named has come.
    fn due(&mut self, now_us: u64, out: &mut Lines);
    /// When it wants to act by itself.
    fn next_us(&self) -> Option<u64>;
    /// What it did so far; a gateway keeps none.
    fn books(&self) -> Vec<Booked> {
        Vec::new()
    }
}

/// Makes one.
pub(crate) fn device(role: Role, keys: Keys) -> Box<dyn Device> {
    match role {
        Role::Reader => Box::new(BeeperReader::new(keys)),
        Role::Terminal => Box::new(BeeperTerminal::default()),
        Role::Gateway => Box::new(BeeperGateway::default()),
    }
}
