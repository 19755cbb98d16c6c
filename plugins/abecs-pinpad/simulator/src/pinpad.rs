// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pinpad: one line, one session, one command at a time.

use crate::books::Books;
use crate::commands;
use crate::commands::card::Reading;
use crate::faults::{self, Fault, Faults};
use crate::fields::{Command, Name, Reply};
use crate::frame::{ACK, EOT, Heard, NAK, Receiver, packet};
use crate::keys::Keys;
use crate::person::{self, Act, Gesture, Key, Person};
use crate::random::Random;
use crate::secure::{SessionKey, is_encrypted};
use crate::status::Status;
use crate::tables::Tables;
use crate::waiting::{HAND_US, PIN_US, Step, Waiting, What};
use payhal_card_data::TestCard;
use payhal_testkit::simulate::{Booked, Out, Simulator, Way};

/// Between a command and its response.
const RESPONSE_US: u64 = 10_000;

/// Between two notifications of a pinpad that never stops.
const TALK_US: u64 = 200_000;

/// How often a packet that was not understood is sent again.
const REPEATS_MAX: u8 = 2;

/// A line has only one.
const WAY: Way = 0;

/// Of the specification.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Version {
    /// 2.12, what most pinpads in the field say.
    #[default]
    V212,
    /// 2.20 of 2025.
    V220,
}

/// What a pinpad is.
#[derive(Debug)]
pub struct Options {
    /// Its number: up to 32 letters and digits.
    pub serial_number: String,
    /// Of the specification that it says it follows.
    pub version: Version,
    /// The place of its only key.
    pub key_index: u8,
    /// Whether it has tables with the test cards' applications from the beginning.
    pub tables: bool,
    /// Its key.
    pub keys: Keys,
    /// What its random numbers are made of.
    pub seed: [u8; 16],
}

impl Default for Options {
    fn default() -> Self {
        Self {
            serial_number: "SIM0000001".to_owned(),
            version: Version::default(),
            key_index: 1,
            tables: true,
            keys: Keys::published(),
            seed: [0x5E; 16],
        }
    }
}

/// How a chip was read, as the next stripe is told with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ChipStatus {
    Read,
    /// The stripe may be read in its place.
    Failed,
    /// It has no application that is wanted.
    Unwanted,
}

/// Who is spoken with, and how.
#[derive(Debug)]
pub(crate) enum Session {
    Closed,
    Clear,
    Secret(SessionKey),
}

/// Something to be said later.
#[derive(Debug)]
struct Later {
    due_us: u64,
    name: Name,
    packet: Vec<u8>,
    is_response: bool,
    /// What whoever plays sees of it.
    shown: String,
}

/// A simulated ABECS pinpad.
#[derive(Debug)]
pub struct Pinpad {
    pub(crate) serial_number: String,
    pub(crate) version: Version,
    pub(crate) key_index: u8,
    pub(crate) keys: Keys,
    pub(crate) tables: Tables,
    pub(crate) random: Random,
    pub(crate) session: Session,
    /// The card in the slot.
    pub(crate) slot: Option<&'static TestCard>,
    /// Whether that card was not asked for anything yet.
    pub(crate) unread: bool,
    /// How the last reading of a chip went.
    pub(crate) chip_status: ChipStatus,
    pub(crate) reading: Option<Reading>,
    pub(crate) transactions: u16,
    pub(crate) powered: bool,
    pub(crate) screen: Vec<u8>,
    pub(crate) person: Person,
    pub(crate) books: Books,
    pub(crate) now_us: u64,
    receiver: Receiver,
    faults: Faults,
    waiting: Option<Waiting>,
    later: Vec<Later>,
    /// What was said last, to be said again.
    last: Option<Vec<u8>>,
    repeats: u8,
    talks_us: Option<u64>,
}

impl Pinpad {
    /// Switched on.
    pub fn new(options: Options) -> Self {
        Self {
            serial_number: options.serial_number,
            version: options.version,
            key_index: options.key_index,
            keys: options.keys,
            tables: match options.tables {
                true => Tables::of_test_cards(),
                false => Tables::default(),
            },
            random: Random::new(options.seed),
            session: Session::Closed,
            slot: None,
            unread: false,
            chip_status: ChipStatus::Read,
            reading: None,
            transactions: 0,
            powered: false,
            screen: Vec::new(),
            person: Person::default(),
            books: Books::default(),
            now_us: 0,
            receiver: Receiver::default(),
            faults: Faults::default(),
            waiting: None,
            later: Vec::new(),
            last: None,
            repeats: 0,
            talks_us: None,
        }
    }

    /// What stands on its screen, in Latin-1.
    pub fn screen(&self) -> &[u8] {
        &self.screen
    }

    /// Tells the host what the screen says meanwhile: two lines of sixteen.
    pub(crate) fn notify(&mut self, first: &str, second: &str) {
        let lines = [first, second].map(|line| format!("{line:^16.16}"));
        let text = lines.concat().into_bytes();
        self.screen.clone_from(&text);
        let said = Reply::ok(*b"NTM").block(text);
        let packet = self.wrapped(&said);
        let name = self
            .waiting
            .as_ref()
            .map_or(*b"NTM", |waiting| waiting.name);
        self.later.push(Later {
            due_us: self.now_us,
            name,
            packet,
            is_response: false,
            shown: format!("[{}|{}]", lines[0], lines[1]),
        });
    }

    fn packet(&mut self, said: &[u8], out: &mut Out) {
        // A command that runs is not disturbed by another.
        if self.waiting.is_some() || self.later.iter().any(|later| later.is_response) {
            return;
        }
        let opened = match &self.session {
            Session::Secret(key) if is_encrypted(said) => key.unwrap(said).ok(),
            _ if is_encrypted(said) => None,
            _ => Some(said.to_vec()),
        };
        let name = opened
            .as_deref()
            .and_then(|said| said.first_chunk().copied());
        let name = name.unwrap_or(*b"ERR");
        if self.faults.strikes(Fault::NoAck, name) {
            return;
        }
        if self.faults.strikes(Fault::Nak, name) {
            out.say(WAY, [NAK]);
            return;
        }
        out.say(WAY, [ACK]);
        self.last = None;
        self.repeats = 0;
        if self.faults.strikes(Fault::Silent, name) {
            return;
        }
        out.show(format!("> {}", String::from_utf8_lossy(&name)));
        let secret = is_encrypted(said);
        let dropped = secret && self.faults.strikes(Fault::DropSecure, name);
        match opened.filter(|_| !dropped) {
            Some(said) => self.command(&said, name, secret),
            None => {
                if matches!(self.session, Session::Secret(_)) {
                    self.close();
                }
                self.answer(&Reply::of(*b"ERR", Status::PACKET_SECURITY));
            }
        }
    }

    fn command(&mut self, said: &[u8], name: Name, secret: bool) {
        let is_open = name == *b"OPN";
        if matches!(self.session, Session::Secret(_)) && !secret && !is_open {
            let refused = Reply::of(name, Status::PACKET_SECURITY);
            self.respond(&refused, refused.bytes());
            return;
        }
        if self.faults.strikes(Fault::Unknown, name) {
            self.answer(&Reply::of(*b"ERR", Status::INVALID_CALL));
            return;
        }
        if matches!(self.session, Session::Closed) && !is_open {
            self.answer(&Reply::of(name, Status::INVALID_CALL));
            return;
        }
        match Command::read(said) {
            Ok(command) => {
                let step = commands::run(self, &command);
                self.step(name, step);
            }
            Err(Some(name)) => self.answer(&Reply::of(name, Status::INVALID_PARAMETER)),
            Err(None) => self.answer(&Reply::of(*b"ERR", Status::INVALID_CALL)),
        }
    }

    fn step(&mut self, name: Name, step: Step) {
        match step {
            Step::Answer(reply) => {
                self.waiting = None;
                // Whatever is opened is answered in clear.
                match name == *b"OPN" {
                    true => self.respond(&reply, reply.bytes()),
                    false => self.answer(&reply),
                }
            }
            Step::Wait { what, until_us } => {
                self.waiting = Some(Waiting {
                    name,
                    what,
                    until_us: until_us.map(|after| self.now_us + after),
                    acts_us: None,
                });
                self.look();
            }
        }
    }

    /// Sees whether somebody does what is waited for.
    fn look(&mut self) {
        let Some(waiting) = &self.waiting else {
            return;
        };
        let after = match &waiting.what {
            What::Pin(_) | What::PinFor { .. } => PIN_US,
            _ => HAND_US,
        };
        if waiting.acts_us.is_none() && commands::somebody_acts(self, &waiting.what) {
            let acts_us = self.now_us + after;
            if let Some(waiting) = &mut self.waiting {
                waiting.acts_us = Some(acts_us);
            }
        }
    }

    fn answer(&mut self, reply: &Reply) {
        let packet = self.wrapped(reply);
        self.respond(reply, packet);
    }

    fn wrapped(&self, reply: &Reply) -> Vec<u8> {
        match &self.session {
            Session::Secret(key) => key.wrap(&reply.bytes()),
            _ => reply.bytes(),
        }
    }

    fn respond(&mut self, reply: &Reply, packet: Vec<u8>) {
        let name = reply.name();
        if self.faults.strikes(Fault::Lost, name) {
            return;
        }
        let due_us = self.now_us + RESPONSE_US + self.faults.late_us(name);
        self.later.push(Later {
            due_us,
            name,
            packet,
            is_response: true,
            shown: format!("< {}", reply.summary()),
        });
    }

    /// Says what is due.
    fn say(&mut self, later: Later, out: &mut Out) {
        let mut bytes = packet(&later.packet);
        out.show(later.shown);
        self.last = Some(later.packet);
        self.repeats = 0;
        if later.is_response {
            self.spoil(later.name, &mut bytes);
        }
        out.say(WAY, bytes);
    }

    fn spoil(&mut self, name: Name, bytes: &mut Vec<u8>) {
        if self.faults.strikes(Fault::WrongCrc, name)
            && let Some(last) = bytes.last_mut()
        {
            *last ^= 0x55;
        }
        if self.faults.strikes(Fault::Cut, name) {
            bytes.truncate(bytes.len() / 2);
        }
    }

    fn again(&mut self, out: &mut Out) {
        let Some(last) = self.last.clone().filter(|_| self.repeats < REPEATS_MAX) else {
            return;
        };
        self.repeats += 1;
        let mut bytes = packet(&last);
        self.spoil(*b"ERR", &mut bytes);
        out.say(WAY, bytes);
    }

    fn abort(&mut self, out: &mut Out) {
        self.waiting = None;
        self.person.keys.retain(|key| *key != Key::CANCEL);
        self.later.clear();
        self.last = None;
        self.receiver.forget();
        out.say(WAY, [EOT]);
    }

    /// Ends the session; tables that were not whole are forgotten.
    pub(crate) fn close(&mut self) {
        self.session = Session::Closed;
        self.tables.forget_staged();
        self.reading = None;
        self.books.begin();
    }

    fn power_cut(&mut self) {
        self.close();
        self.waiting = None;
        self.later.clear();
        self.last = None;
        self.receiver.forget();
        self.chip_status = ChipStatus::Read;
        self.powered = false;
    }

    /// Nobody hears a key while nothing waits for one.
    fn press_red(&mut self) {
        let waits = |waiting: &Waiting| !matches!(waiting.what, What::Removal);
        if self.waiting.as_ref().is_some_and(waits) {
            self.person.keys.push_front(Key::CANCEL);
        }
    }

    /// Somebody who wants to insert a card does.
    pub(crate) fn insert(&mut self) {
        let inserted = |card: &mut (Gesture, _)| card.0 == Gesture::Insert;
        if let Some((_, card)) = self.person.card.take_if(inserted) {
            self.slot = Some(card);
            self.unread = true;
            self.powered = false;
        }
    }

    /// Does the next thing whose time has come; whether there was one.
    fn due_once(&mut self, now_us: u64, out: &mut Out) -> bool {
        let due = |later: &(usize, &Later)| later.1.due_us <= now_us;
        let next = self.later.iter().enumerate().filter(due);
        if let Some((at, _)) = next.min_by_key(|(_, later)| later.due_us) {
            let later = self.later.remove(at);
            self.say(later, out);
            return true;
        }
        if self.talks_us.is_some_and(|talks| talks <= now_us) {
            self.talks_us = self.faults.has(Fault::Talk).then_some(now_us + TALK_US);
            if self.talks_us.is_some() {
                self.notify("PROCESSANDO", "");
            }
            return true;
        }
        let Some(waiting) = &self.waiting else {
            return false;
        };
        let acts = waiting.acts_us.is_some_and(|acts| acts <= now_us);
        let over = waiting.until_us.is_some_and(|until| until <= now_us);
        let Some(waiting) = self.waiting.take_if(|_| acts || over) else {
            return false;
        };
        let name = waiting.name;
        let until_us = waiting.until_us;
        let step = match acts {
            true => match commands::acted(self, waiting) {
                // A step of the same command has no more time than the command.
                Step::Wait { what, .. } => Step::Wait {
                    what,
                    until_us: until_us.map(|until| until.saturating_sub(self.now_us)),
                },
                answer => answer,
            },
            false => commands::time_is_over(&waiting),
        };
        self.step(name, step);
        true
    }
}

impl Simulator for Pinpad {
    fn hear(&mut self, _: Way, bytes: &[u8], now_us: u64, out: &mut Out) {
        self.due(now_us, out);
        for heard in self.receiver.take(bytes, now_us) {
            if self.faults.has(Fault::Deaf) {
                continue;
            }
            match heard {
                Heard::Packet(said) => self.packet(&said, out),
                Heard::Damaged => out.say(WAY, [NAK]),
                Heard::Cancel => self.abort(out),
                Heard::Again => self.again(out),
            }
        }
        self.due(now_us, out);
    }

    fn act(&mut self, words: &str, now_us: u64, out: &mut Out) -> Result<(), String> {
        self.due(now_us, out);
        let words: Vec<&str> = words.split_whitespace().collect();
        match words.as_slice() {
            [] => return Ok(()),
            ["calm"] => {
                self.faults.clear();
                self.person = Person::default();
                self.talks_us = None;
            }
            ["reset"] => self.power_cut(),
            words => match self.person.told(words) {
                Some(act) => {
                    match act? {
                        Act::Remove => {
                            self.slot = None;
                            self.powered = false;
                        }
                        Act::Cancel => self.press_red(),
                        Act::Later => {}
                    }
                    self.insert();
                }
                None => {
                    let planned = self.faults.plan(words);
                    planned.unwrap_or_else(|| Err(unknown(words)))?;
                    self.talks_us = self.faults.has(Fault::Talk).then_some(now_us);
                }
            },
        }
        self.look();
        self.due(now_us, out);
        Ok(())
    }

    fn due(&mut self, now_us: u64, out: &mut Out) {
        self.now_us = self.now_us.max(now_us);
        while self.due_once(now_us, out) {}
    }

    fn next_us(&self) -> Option<u64> {
        let said = self.later.iter().map(|later| later.due_us);
        let waiting = self.waiting.iter();
        let waits = waiting.flat_map(|waiting| [waiting.acts_us, waiting.until_us]);
        said.chain(waits.flatten()).chain(self.talks_us).min()
    }

    fn books(&self) -> Vec<Booked> {
        self.books.all()
    }

    fn words(&self) -> Vec<(&'static str, &'static str)> {
        let reset = (
            "reset",
            "the power is cut for a moment: the session is forgotten",
        );
        let words = person::WORDS.iter().chain(&faults::WORDS);
        words.copied().chain([reset]).collect()
    }
}

fn unknown(words: &[&str]) -> String {
    format!(
        "\"{}\" is nothing that happens to a pinpad",
        words.join(" ")
    )
}
