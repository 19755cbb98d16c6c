// SPDX-License-Identifier: MIT OR Apache-2.0
//! A simulated terminal that speaks Concert: V3 over TCP, E and E+ on a serial line.
//!
//! Written from the protocol's facts apart from the plugin's codec, so that one mistake does not
//! hide another. It must never import the plugin.
#![forbid(unsafe_code)]

mod amounts;
mod desk;
mod faults;
mod person;
mod serial;
mod tlv;
mod v3;

use desk::{Desk, Ended};
use faults::{Faults, Lasting};
use payhal_testkit::simulate::{Booked, Out, Simulator, Way};
use serial::Serial;
use v3::V3;

/// Between two words of a terminal that never stops talking.
const TALK_US: u64 = 10_000;

/// What the till speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// Version 3: tags, lengths and values over TCP.
    V3,
    /// Versions E and E+: frames on a serial line.
    Serial,
}

/// What a terminal is like.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the till speaks.
    pub protocol: Protocol,
    /// Currencies it takes, ISO 4217 numeric.
    pub currencies: Vec<String>,
    /// Whether it tells its last transaction (V3, action T).
    pub status: bool,
}

impl Options {
    /// A terminal of that protocol that takes euros and knows everything.
    #[must_use]
    pub fn of(protocol: Protocol) -> Self {
        Self {
            protocol,
            currencies: vec!["978".to_owned()],
            status: true,
        }
    }
}

/// What a till's protocol does with the desk.
struct Hands<'a> {
    desk: &'a mut Desk,
    faults: &'a mut Faults,
    now_us: u64,
}

/// One protocol.
trait Till {
    fn opened(&mut self, way: Way);
    fn hear(&mut self, way: Way, bytes: &[u8], hands: &mut Hands<'_>, out: &mut Out);
    fn closed(&mut self, way: Way);
    /// A transaction has ended.
    fn ended(&mut self, ended: &Ended, hands: &mut Hands<'_>, out: &mut Out);
    fn due(&mut self, hands: &mut Hands<'_>, out: &mut Out);
    fn next_us(&self) -> Option<u64>;
    /// Says something to everybody that is nothing.
    fn talk(&self, out: &mut Out);
    /// Words for what can only happen with the other protocol.
    fn foreign_words(&self) -> &'static [&'static str];
}

/// The terminal.
pub struct ConcertTerminal {
    till: Box<dyn Till>,
    desk: Desk,
    faults: Faults,
    talk_us: Option<u64>,
}

impl ConcertTerminal {
    /// One to which nothing has happened yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            till: match options.protocol {
                Protocol::V3 => Box::new(V3::new(options)),
                Protocol::Serial => Box::new(Serial::new(options)),
            },
            desk: Desk::default(),
            faults: Faults::default(),
            talk_us: None,
        }
    }

    /// From now on a customer is always there, and the amount decides.
    pub fn serve_everybody(&mut self) {
        self.desk.auto = true;
    }

    fn hands(&mut self, now_us: u64) -> (&mut dyn Till, Hands<'_>) {
        let hands = Hands {
            desk: &mut self.desk,
            faults: &mut self.faults,
            now_us,
        };
        (&mut *self.till, hands)
    }

    /// Words that are neither a person's nor a fault's.
    fn settings(&mut self, words: &str, out: &mut Out) -> Result<(), String> {
        match words {
            "offline" => self.desk.cut_off = true,
            "online" => self.desk.cut_off = false,
            "auto" => self.desk.auto = true,
            "manual" => self.desk.auto = false,
            "collect" => match self.desk.collect() {
                Some((count, minor)) => out.show(format!("collected {count}, {minor} minor units")),
                None => return Err("the bank cannot be reached; say online first".to_owned()),
            },
            "reboot" => self.desk.reboot(),
            _ => {
                let words: Vec<_> = self.words().iter().map(|(word, _)| *word).collect();
                return Err(format!("it can be: {}", words.join(", ")));
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for ConcertTerminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConcertTerminal")
            .field("desk", &self.desk)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

impl Simulator for ConcertTerminal {
    fn opened(&mut self, way: Way, now_us: u64, _: &mut Out) {
        self.till.opened(way);
        if self.faults.lasting == Some(Lasting::Talk) {
            self.talk_us = Some(now_us);
        }
    }

    fn hear(&mut self, way: Way, bytes: &[u8], now_us: u64, out: &mut Out) {
        if self.faults.lasting == Some(Lasting::Deaf) {
            return;
        }
        let (till, mut hands) = self.hands(now_us);
        till.hear(way, bytes, &mut hands, out);
    }

    fn closed(&mut self, way: Way, _: u64, _: &mut Out) {
        self.till.closed(way);
    }

    fn act(&mut self, words: &str, now_us: u64, out: &mut Out) -> Result<(), String> {
        let words = words.trim();
        let verb = words.split(' ').next().unwrap_or_default();
        if self.till.foreign_words().contains(&verb) {
            return Err("that cannot happen with this protocol".to_owned());
        }
        if let Some(person) = person::read(words)? {
            self.desk.act(person, now_us);
        } else if self.faults.read(words)? {
            let talks = self.faults.lasting == Some(Lasting::Talk);
            self.talk_us = talks.then_some(now_us);
        } else {
            self.settings(words, out)?;
        }
        Ok(())
    }

    fn due(&mut self, now_us: u64, out: &mut Out) {
        if let Some(ended) = self.desk.due(now_us).cloned() {
            let (till, mut hands) = self.hands(now_us);
            till.ended(&ended, &mut hands, out);
        }
        let (till, mut hands) = self.hands(now_us);
        till.due(&mut hands, out);
        if self.talk_us.is_some_and(|talk_us| talk_us <= now_us) {
            self.till.talk(out);
            self.talk_us = Some(now_us + TALK_US);
        }
    }

    fn next_us(&self) -> Option<u64> {
        let times = [self.desk.next_us(), self.till.next_us(), self.talk_us];
        times.into_iter().flatten().min()
    }

    fn books(&self) -> Vec<Booked> {
        self.desk.books()
    }

    fn words(&self) -> Vec<(&'static str, &'static str)> {
        let settings = [
            (
                "auto",
                "A customer is always there, and the amount decides; manual: no more",
            ),
            (
                "offline",
                "The bank cannot be reached; online: it can again",
            ),
            ("collect", "Tell the bank of the approvals it does not know"),
            ("reboot", "Forget what runs"),
        ];
        let foreign = self.till.foreign_words();
        let words = person::WORDS
            .into_iter()
            .chain(faults::WORDS)
            .chain(settings);
        words.filter(|(word, _)| !foreign.contains(word)).collect()
    }
}

/// What amounts bring about where a customer is always there, for a command line.
#[must_use]
pub fn amounts_help() -> String {
    let mut text =
        "Amounts that decide with --auto, by their last two digits; all others are approved:\n"
            .to_owned();
    for (ends, what, _) in amounts::AMOUNTS {
        text.push_str(&format!("  .{ends:02}  {what}\n"));
    }
    text
}

#[cfg(test)]
mod tests;
