// SPDX-License-Identifier: MIT OR Apache-2.0
//! The example reader: waits for a card, encrypts it under DUKPT, hands the issuer's answer to it.

use super::card::{Held, Presented, entry_word, hex, presented};
use super::device::{Action, Device, Lines};
use super::keys::Keys;
use super::wire::Line;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use payhal_card_data::{Behaviour, EntryMode};
use payhal_testkit::simulate::{Booked, Way};

/// How long people take: for a card, for a PIN.
const HAND_US: u64 = 300_000;
const PIN_US: u64 = 2_000_000;

/// Longest wait for a card, in seconds, whatever is asked.
const WAIT_SECONDS_MAX: i64 = 600;

#[derive(Debug)]
pub(crate) struct BeeperReader {
    keys: Keys,
    /// What somebody will do as soon as the device waits for it.
    person: Option<Action>,
    held: Option<Held>,
    doing: Option<Doing>,
    books: Vec<Booked>,
}

/// A command that takes time.
#[derive(Debug)]
struct Doing {
    way: Way,
    line: Line,
    due_us: u64,
    what: What,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    /// Waits for a card until the time is over, or somebody has come.
    Card,
    /// Waits for the choice of an application.
    Choice,
    /// Waits for a PIN, then reads.
    Pin,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({})", self.card.name)
    }
}

impl BeeperReader {
    pub(crate) fn new(keys: Keys) -> Self {
        Self {
            keys,
            person: None,
            held: None,
            doing: None,
            books: Vec::new(),
        }
    }

    /// Notes a card that is handed out, and its last word.
    fn book(&mut self, said: &str) {
        let words: Vec<_> = said.split(' ').collect();
        match words[..] {
            ["READ", _, _, _, _, sealed, ..] => {
                let sealed = STANDARD.decode(sealed).unwrap_or_default();
                let parts = vec![hex(&sealed)];
                self.books.push(Booked::Read { parts });
            }
            ["DONE", accepted] => {
                let accepted = accepted == "yes";
                self.books.push(Booked::Completed { accepted });
            }
            _ => {}
        }
    }

    fn hello(&self) -> String {
        let (scheme, slot) = (self.keys.scheme(), self.keys.slot());
        format!("HELLO beeper 1 B-0001 1.2.0 {scheme} {slot} test")
    }

    fn wait_for_card(&mut self, way: Way, line: &Line, now_us: u64) -> Option<String> {
        let seconds = line.amount(2)?.clamp(1, WAIT_SECONDS_MAX);
        line.amount(0)?;
        self.held = None;
        let over_us = now_us + seconds.unsigned_abs() * 1_000_000;
        let soon = self
            .person
            .is_some_and(|action| presented(action).is_some());
        let due_us = if soon { now_us + HAND_US } else { over_us };
        self.doing = Some(Doing {
            way,
            line: line.clone(),
            due_us,
            what: What::Card,
        });
        Some("WAIT".to_owned())
    }

    fn choose(&mut self, line: &Line) -> Option<String> {
        let waits = self
            .doing
            .as_ref()
            .is_some_and(|doing| doing.what == What::Choice);
        let held = self.held.as_mut().filter(|_| waits)?;
        let place = usize::try_from(line.amount(0)?).ok()?;
        held.card.applications.get(place)?;
        held.application = place;
        self.doing = None;
        Some(held.shown())
    }

    fn read(&mut self, way: Way, line: &Line, now_us: u64) -> Option<String> {
        let Some(held) = self.held else {
            return Some("NO card_removed".to_owned());
        };
        if held.wants_pin() && line.word(9) == "yes" {
            self.doing = Some(Doing {
                way,
                line: line.clone(),
                due_us: now_us + PIN_US,
                what: What::Pin,
            });
            return Some("PIN".to_owned());
        }
        held.read(line, &mut self.keys)
    }

    fn done(&mut self, line: &Line) -> Option<String> {
        let approved = match line.word(0) {
            "approved" => true,
            "declined" | "none" => false,
            _ => return None,
        };
        let held = self.held.take();
        let accepts = held.is_some_and(|held| {
            let refuses = held.card.behaviour == Behaviour::RefusesAfterApproval;
            approved && !(refuses && held.entry == EntryMode::Chip)
        });
        Some(format!("DONE {}", if accepts { "yes" } else { "no" }))
    }

    /// The command that is stopped by another one is answered, too.
    fn stop(&mut self, out: &mut Lines) {
        if let Some(doing) = self.doing.take() {
            out.push((doing.way, format!("{} NO stopped", doing.line.number)));
        }
    }

    fn card_came(&mut self, doing: Doing, out: &mut Lines) {
        let said = match self.person.take().and_then(presented) {
            None => "NO no_card".to_owned(),
            Some(Presented::No(code)) => format!("NO {code}"),
            Some(Presented::Card(held)) if !is_allowed(&held, doing.line.word(3)) => {
                "NO not_accepted".to_owned()
            }
            Some(Presented::Card(held)) => {
                self.held = Some(held);
                match held.card.applications {
                    several @ [_, _, ..] if held.entry == EntryMode::Chip => {
                        let labels: Vec<_> = several.iter().map(|(label, _)| *label).collect();
                        let line = format!("{} APPS {}", doing.line.number, labels.join("|"));
                        out.push((doing.way, line));
                        self.doing = Some(Doing {
                            what: What::Choice,
                            due_us: u64::MAX,
                            ..doing
                        });
                        return;
                    }
                    _ => held.shown(),
                }
            }
        };
        out.push((doing.way, format!("{} {said}", doing.line.number)));
    }
}

/// Whether the host wants a card that way; every way where it names none.
fn is_allowed(held: &Held, entries: &str) -> bool {
    entries.is_empty()
        || entries
            .split(',')
            .any(|entry| entry == entry_word(held.entry))
}

impl Device for BeeperReader {
    fn hear(&mut self, way: Way, line: &Line, now_us: u64, out: &mut Lines) {
        if self.person == Some(Action::Silent) {
            self.person = None;
            return;
        }
        // The choice belongs to the command that it follows; anything else ends that one.
        if line.name != "APP" {
            self.stop(out);
        }
        let said = match line.name.as_str() {
            "HELLO" => Some(self.hello()),
            "SAY" | "STOP" => Some("OK".to_owned()),
            "CARD" => self.wait_for_card(way, line, now_us),
            "APP" => self.choose(line),
            "READ" => {
                if self.person == Some(Action::Remove) {
                    self.person = None;
                    self.held = None;
                }
                self.read(way, line, now_us)
            }
            "DONE" => self.done(line),
            _ => None,
        };
        let said = said.unwrap_or_else(|| "NO unknown_command".to_owned());
        self.book(&said);
        out.push((way, format!("{} {said}", line.number)));
    }

    fn act(&mut self, action: Action, now_us: u64, out: &mut Lines) {
        match (action, &mut self.doing) {
            (Action::Cancel, Some(doing)) if doing.what != What::Card => {
                let line = format!("{} NO cancelled_on_device", doing.line.number);
                out.push((doing.way, line));
                self.doing = None;
                return;
            }
            (action, Some(doing)) if doing.what == What::Card && presented(action).is_some() => {
                doing.due_us = doing.due_us.min(now_us + HAND_US);
            }
            _ => {}
        }
        self.person = (action != Action::Idle).then_some(action);
    }

    fn due(&mut self, now_us: u64, out: &mut Lines) {
        let Some(doing) = self.doing.take_if(|doing| doing.due_us <= now_us) else {
            return;
        };
        match doing.what {
            What::Card => {
                let removes = self.person == Some(Action::Remove);
                self.card_came(doing, out);
                // The card is there now, and is gone when it is read.
                self.person = removes.then_some(Action::Remove);
            }
            What::Choice => self.doing = Some(doing),
            What::Pin => {
                let read = self
                    .held
                    .and_then(|held| held.read(&doing.line, &mut self.keys));
                let said = read.unwrap_or_else(|| "NO card_removed".to_owned());
                self.book(&said);
                out.push((doing.way, format!("{} {said}", doing.line.number)));
            }
        }
    }

    fn next_us(&self) -> Option<u64> {
        let due_us = self.doing.as_ref().map(|doing| doing.due_us);
        due_us.filter(|due_us| *due_us != u64::MAX)
    }
    fn books(&self) -> Vec<Booked> {
        self.books.clone()
    }
}
