// SPDX-License-Identifier: MIT OR Apache-2.0
//! Versions E and E+ on a serial line: who wants to speak asks for it, sends one frame, and ends.
//!
//! Owns the line's turn. It must never decide what becomes of money: the desk does.

use crate::desk::{Ended, Kind, Order, Outcome};
use crate::faults::Once;
use crate::{Hands, Options, Till};
use payhal_testkit::simulate::{Out, Way};

const STX: u8 = 0x02;
const ETX: u8 = 0x03;
const EOT: u8 = 0x04;
const ENQ: u8 = 0x05;
const ACK: u8 = 0x06;
const NAK: u8 = 0x15;

/// How long an answer to a control byte, or the rest of a frame, is waited for.
const TURN_US: u64 = 3_000_000;

/// How often the terminal calls, and sends its frame.
const TRIES: u8 = 3;

/// Characters of a request: version E, and E+ with its two fields more.
const REQUEST_E: usize = 26;
const REQUEST_E_PLUS: usize = 34;

/// Characters of the report.
const REPORT: usize = 55;

/// A request's fields as the answer gives them back.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Request {
    position: String,
    amount: String,
    full: bool,
    mode: char,
    currency: String,
    private: String,
    /// Answered before the end.
    at_once: bool,
    order: Order,
}

#[derive(Debug)]
enum Turn {
    Nobody,
    /// The till may send a frame.
    Till {
        frame: Vec<u8>,
    },
    /// It did; it is carried out at its end of transmission.
    Heard(Box<Request>),
    /// The terminal has called so many times.
    Calling {
        tries: u8,
        frame: Vec<u8>,
    },
    /// The terminal has sent it so many times.
    Sent {
        tries: u8,
        frame: Vec<u8>,
    },
}

#[derive(Debug)]
pub(crate) struct Serial {
    options: Options,
    turn: Turn,
    due_us: Option<u64>,
    /// What runs and is answered at its end.
    asked: Option<Request>,
}

impl Serial {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            turn: Turn::Nobody,
            due_us: None,
            asked: None,
        }
    }

    fn take_turn(&mut self, turn: Turn, hands: &Hands<'_>) {
        self.due_us = match turn {
            Turn::Nobody => None,
            _ => Some(hands.now_us + TURN_US),
        };
        self.turn = turn;
    }

    fn byte(&mut self, byte: u8, hands: &mut Hands<'_>, out: &mut Out) {
        let turn = std::mem::replace(&mut self.turn, Turn::Nobody);
        match (turn, byte) {
            (Turn::Till { frame }, byte) => self.frame_byte(frame, byte, hands, out),
            (Turn::Heard(request), EOT) => {
                self.take_turn(Turn::Nobody, hands);
                self.begin(*request, hands, out);
            }
            // The acknowledgement was lost on its way.
            (Turn::Heard(_), STX) => self.take_turn(Turn::Till { frame: vec![STX] }, hands),
            (Turn::Nobody | Turn::Heard(_), ENQ) => self.called(hands, out),
            (Turn::Calling { frame, .. }, ACK) => self.send(0, frame, hands, out),
            (Turn::Sent { .. }, ACK) => {
                out.say(0, [EOT]);
                self.take_turn(Turn::Nobody, hands);
            }
            (Turn::Sent { tries, frame }, NAK) => self.send(tries, frame, hands, out),
            (turn @ (Turn::Calling { .. } | Turn::Sent { .. }), ENQ) => {
                out.say(0, [NAK]);
                self.turn = turn;
            }
            (turn, _) => self.turn = turn,
        }
    }

    fn called(&mut self, hands: &mut Hands<'_>, out: &mut Out) {
        if hands.faults.take(Once::Busy) || hands.desk.is_busy() {
            out.say(0, [NAK]);
            self.take_turn(Turn::Nobody, hands);
            return;
        }
        out.say(0, [ACK]);
        self.take_turn(Turn::Till { frame: Vec::new() }, hands);
    }

    fn frame_byte(&mut self, mut frame: Vec<u8>, byte: u8, hands: &mut Hands<'_>, out: &mut Out) {
        match (frame.is_empty(), byte) {
            (true, ENQ) => {
                self.called(hands, out);
                return;
            }
            (true, EOT) => {
                self.take_turn(Turn::Nobody, hands);
                return;
            }
            (true, STX) | (false, _) => frame.push(byte),
            (true, _) => {}
        }
        let ended = frame.len() >= 3 && frame[frame.len() - 2] == ETX;
        if !ended && frame.len() <= REQUEST_E_PLUS + 3 {
            self.take_turn(Turn::Till { frame }, hands);
            return;
        }
        let request = read(&frame).filter(|_| !hands.faults.refuses_frame());
        let Some(request) = request else {
            out.say(0, [NAK]);
            self.take_turn(Turn::Till { frame: Vec::new() }, hands);
            return;
        };
        let order = &request.order;
        out.show(format!(
            "< {:?} {} {}",
            order.kind, order.minor, order.currency
        ));
        if hands.faults.take(Once::NoAck) {
            self.take_turn(Turn::Nobody, hands);
            self.begin(request, hands, out);
            return;
        }
        out.say(0, [ACK]);
        self.take_turn(Turn::Heard(Box::new(request)), hands);
    }

    fn begin(&mut self, request: Request, hands: &mut Hands<'_>, out: &mut Out) {
        if hands.faults.take(Once::Silent) {
            return;
        }
        if !self.options.currencies.contains(&request.order.currency) {
            let answer = answer(&request, '7', &request.amount, "");
            self.call(&answer, hands, out);
            return;
        }
        hands.desk.start(request.order.clone(), hands.now_us);
        if request.at_once {
            // Nobody knows yet.
            let answer = answer(&request, '9', &request.amount, "");
            self.call(&answer, hands, out);
            return;
        }
        self.asked = Some(request);
    }

    /// Wants to speak.
    fn call(&mut self, answer: &str, hands: &mut Hands<'_>, out: &mut Out) {
        out.show(format!("> result {}", answer.get(2..3).unwrap_or_default()));
        if hands.faults.take(Once::Lost) {
            return;
        }
        let frame = framed(answer);
        let late_us = hands.faults.late_us();
        if late_us == 0 {
            out.say(0, [ENQ]);
            self.take_turn(Turn::Calling { tries: 1, frame }, hands);
        } else {
            self.turn = Turn::Calling { tries: 0, frame };
            self.due_us = Some(hands.now_us + late_us);
        }
    }

    fn send(&mut self, tries: u8, frame: Vec<u8>, hands: &mut Hands<'_>, out: &mut Out) {
        if tries == TRIES {
            out.say(0, [EOT]);
            self.take_turn(Turn::Nobody, hands);
            return;
        }
        let mut sent = frame.clone();
        if let (true, Some(lrc)) = (hands.faults.take(Once::WrongLrc), sent.last_mut()) {
            *lrc ^= 0x20;
        }
        out.say(0, sent);
        let tries = tries + 1;
        self.take_turn(Turn::Sent { tries, frame }, hands);
    }
}

impl Till for Serial {
    fn opened(&mut self, _: Way) {}

    fn hear(&mut self, _: Way, bytes: &[u8], hands: &mut Hands<'_>, out: &mut Out) {
        for byte in bytes {
            self.byte(*byte, hands, out);
        }
    }

    fn closed(&mut self, _: Way) {}

    fn ended(&mut self, ended: &Ended, hands: &mut Hands<'_>, out: &mut Out) {
        let Some(mut request) = self.asked.take() else {
            return;
        };
        if hands.faults.take(Once::MixedUp) {
            "999999MIX ".clone_into(&mut request.private);
        }
        let (result, minor) = match ended.outcome {
            Outcome::Done { minor, .. } => ('0', minor),
            Outcome::NotDone(_) => ('7', ended.order.minor),
            Outcome::Unverified { minor } => ('9', minor),
        };
        let pan = ended.card.map(|(card, _)| card.pan());
        let report = pan.as_ref().map_or(&b""[..], |pan| pan.digits());
        let report = String::from_utf8_lossy(report);
        let answer = answer(&request, result, &format!("{minor:08}"), &report);
        self.call(&answer, hands, out);
    }

    fn due(&mut self, hands: &mut Hands<'_>, out: &mut Out) {
        if self.due_us.is_none_or(|due_us| due_us > hands.now_us) {
            return;
        }
        match std::mem::replace(&mut self.turn, Turn::Nobody) {
            Turn::Calling { tries, frame } if tries < TRIES => {
                out.say(0, [ENQ]);
                let tries = tries + 1;
                self.take_turn(Turn::Calling { tries, frame }, hands);
            }
            Turn::Sent { tries, frame } => self.send(tries, frame, hands, out),
            _ => self.take_turn(Turn::Nobody, hands),
        }
    }

    fn next_us(&self) -> Option<u64> {
        self.due_us
    }

    fn talk(&self, out: &mut Out) {
        out.say(0, [NAK, 0x00, b'?']);
    }

    fn foreign_words(&self) -> &'static [&'static str] {
        &["hang-up", "tear"]
    }
}

/// `None` for what is no request of this protocol.
fn read(frame: &[u8]) -> Option<Request> {
    let [STX, inner @ .., ETX, lrc] = frame else {
        return None;
    };
    if lrc_of(inner) != *lrc || !matches!(inner.len(), REQUEST_E | REQUEST_E_PLUS) {
        return None;
    }
    let text = std::str::from_utf8(inner)
        .ok()
        .filter(|text| text.is_ascii())?;
    let (delay, auth) = match inner.len() {
        REQUEST_E => ("A010", "B010"),
        _ => (&text[26..30], &text[30..34]),
    };
    let kind = match &text[12..13] {
        // Type 4 leaves it to the terminal, which takes money.
        "0" | "4" => Kind::Debit,
        "1" => Kind::Credit,
        "2" => Kind::Cancel,
        _ => return None,
    };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (amount, currency, private) = (&text[2..10], &text[13..16], &text[16..26]);
    if !is_number(amount) || !is_number(currency) {
        return None;
    }
    let tag = private.trim();
    Some(Request {
        position: text[0..2].to_owned(),
        amount: amount.to_owned(),
        full: match &text[10..11] {
            "0" => false,
            "1" => true,
            _ => return None,
        },
        mode: text[11..12].chars().next()?,
        currency: currency.to_owned(),
        private: private.to_owned(),
        at_once: match delay {
            "A010" => false,
            "A011" => true,
            _ => return None,
        },
        order: Order {
            kind,
            minor: amount.parse().ok().filter(|minor| *minor > 0)?,
            currency: currency.to_owned(),
            tag: (!tag.is_empty()).then(|| tag.to_owned()),
            partial: false,
            online: match auth {
                "B010" => false,
                "B011" => true,
                _ => return None,
            },
            entry: None,
        },
    })
}

fn answer(request: &Request, result: char, amount: &str, report: &str) -> String {
    let Request {
        position,
        mode,
        currency,
        private,
        ..
    } = request;
    let report = match request.full {
        true => format!("{report:<REPORT$}"),
        false => String::new(),
    };
    format!("{position}{result}{amount}{mode}{report}{currency}{private}")
}

fn framed(text: &str) -> Vec<u8> {
    let mut frame = vec![STX];
    frame.extend_from_slice(text.as_bytes());
    frame.push(ETX);
    frame.push(lrc_of(text.as_bytes()));
    frame
}

/// Of what stands between the ends, and the end.
fn lrc_of(inner: &[u8]) -> u8 {
    inner.iter().fold(ETX, |sum, byte| sum ^ byte)
}
