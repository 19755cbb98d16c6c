// SPDX-License-Identifier: MIT OR Apache-2.0
//! Version 3 over TCP: a message asks, a message answers.
//!
//! Owns connections and what they were asked. It must never decide what becomes of money: the desk
//! does.

use crate::desk::{Ended, Kind, Order, Outcome, Reason};
use crate::faults::Once;
use crate::tlv::{Message, Read};
use crate::{Hands, Options, Till};
use payhal_card_data::{EntryMode, Scheme};
use payhal_testkit::simulate::{Out, Way};
use std::collections::BTreeMap;

/// Silence behind a field that ends the message.
const QUIET_US: u64 = 50_000;

/// Silence in the middle of a field, or where fields are missing, that ends it as well.
const PATIENCE_US: u64 = 3_000_000;

/// What no request may leave out.
const MANDATORY: [&str; 6] = ["CZ", "CJ", "CA", "CB", "CD", "CE"];

const DONE: &str = "10";
const NOT_DONE: &str = "01";
const TAKEN: &str = "11";

/// Reasons of this protocol that are no bank's and no person's.
const FORMAT_ERROR: &str = "09";
const UNKNOWN_ACTION: &str = "12";
const OTHER_CURRENCY: &str = "13";
const NOT_COMPLETED: &str = "07";
const NO_REASON: &str = "00";

/// What came on a connection so far.
#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    due_us: u64,
}

/// What runs, and whom its answer is for.
#[derive(Debug)]
struct Asked {
    way: Option<Way>,
    request: Message,
}

#[derive(Debug)]
pub(crate) struct V3 {
    options: Options,
    ways: BTreeMap<Way, Heard>,
    asked: Option<Asked>,
}

impl V3 {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            ways: BTreeMap::new(),
            asked: None,
        }
    }

    fn act(&mut self, way: Way, request: &Message, hands: &mut Hands<'_>, out: &mut Out) {
        out.show(format!("< {}", request.shown(&["CD", "CB", "CE", "CF"])));
        if hands.faults.take(Once::Silent) {
            return;
        }
        let mut answer = request.clone();
        let action = request.text("CD").unwrap_or_default();
        let reason = match action {
            _ if !is_well_formed(request) => Some(FORMAT_ERROR),
            "0" | "1" | "2" | "7" => match self.begin(way, request, hands, out) {
                Begun::Answers(status) => {
                    answer.put("AE", status);
                    say(way, answer, hands, out);
                    return;
                }
                Begun::Waits => return,
                Begun::Not(reason) => Some(reason),
            },
            "T" if self.options.status => {
                self.tell_last(&mut answer, hands);
                say(way, answer, hands, out);
                return;
            }
            "3" => duplicate(&mut answer, hands),
            "B" => match hands.desk.collect() {
                Some((count, minor)) => {
                    out.show(format!("collected {count}, {minor} minor units"));
                    None
                }
                None => Some(NOT_COMPLETED),
            },
            "R" => {
                hands.desk.reboot();
                self.asked = None;
                None
            }
            "I" | "P" | "C" => None,
            _ => Some(UNKNOWN_ACTION),
        };
        answer.put("AE", if reason.is_some() { NOT_DONE } else { DONE });
        if let Some(reason) = reason {
            answer.put("AF", reason);
        }
        say(way, answer, hands, out);
        if action == "R" && reason.is_none() {
            self.ways.keys().for_each(|way| out.hang_up(*way));
        }
    }

    fn begin(
        &mut self,
        way: Way,
        request: &Message,
        hands: &mut Hands<'_>,
        out: &mut Out,
    ) -> Begun {
        let Some(order) = order(request) else {
            return Begun::Not(FORMAT_ERROR);
        };
        if !self.options.currencies.contains(&order.currency) {
            return Begun::Not(OTHER_CURRENCY);
        }
        if hands.faults.take(Once::Busy) || hands.desk.is_busy() {
            return Begun::Not(NOT_COMPLETED);
        }
        hands.desk.start(order, hands.now_us);
        let at_once = request.text("BA") == Some("1");
        let hangs_up = hands.faults.take(Once::HangUp);
        self.asked = Some(Asked {
            way: (!at_once && !hangs_up).then_some(way),
            request: request.clone(),
        });
        if hangs_up {
            out.hang_up(way);
            return Begun::Waits;
        }
        match at_once {
            true => Begun::Answers(TAKEN),
            false => Begun::Waits,
        }
    }

    /// The transaction that runs, the last one that ended, or that there was none.
    fn tell_last(&self, answer: &mut Message, hands: &Hands<'_>) {
        if let Some(order) = hands.desk.order() {
            put_order(answer, order);
            answer.put("AE", TAKEN);
        } else if let Some(ended) = hands.desk.last() {
            put_order(answer, &ended.order);
            put_ended(answer, ended);
        } else {
            answer.put("AE", NOT_DONE);
            answer.put("AF", NO_REASON);
        }
    }
}

enum Begun {
    /// Answered with this status; the end is not told by itself.
    Answers(&'static str),
    Waits,
    /// Not begun, for this reason.
    Not(&'static str),
}

impl Till for V3 {
    fn opened(&mut self, way: Way) {
        self.ways.insert(way, Heard::default());
    }

    fn hear(&mut self, way: Way, bytes: &[u8], hands: &mut Hands<'_>, _: &mut Out) {
        let heard = self.ways.entry(way).or_default();
        heard.bytes.extend_from_slice(bytes);
        let wait_us = match Message::read(&heard.bytes) {
            Read::Wrong => 0,
            Read::Whole(message) if is_well_formed(&message) => QUIET_US,
            Read::Whole(_) | Read::Part => PATIENCE_US,
        };
        heard.due_us = hands.now_us + wait_us;
    }

    fn closed(&mut self, way: Way) {
        self.ways.remove(&way);
        if let Some(asked) = &mut self.asked {
            asked.way = asked.way.filter(|asking| *asking != way);
        }
    }

    fn ended(&mut self, ended: &Ended, hands: &mut Hands<'_>, out: &mut Out) {
        let Some(Asked {
            way: Some(way),
            request,
        }) = self.asked.take()
        else {
            return;
        };
        if matches!(ended.outcome, Outcome::Unverified { .. }) {
            out.hang_up(way);
            return;
        }
        let mut answer = request;
        put_ended(&mut answer, ended);
        say(way, answer, hands, out);
    }

    fn due(&mut self, hands: &mut Hands<'_>, out: &mut Out) {
        let is_due =
            |(_, heard): &(&Way, &Heard)| !heard.bytes.is_empty() && heard.due_us <= hands.now_us;
        let due: Vec<_> = self
            .ways
            .iter()
            .filter(is_due)
            .map(|(way, _)| *way)
            .collect();
        for way in due {
            let heard = self
                .ways
                .get_mut(&way)
                .map(|heard| std::mem::take(&mut heard.bytes));
            match Message::read(&heard.unwrap_or_default()) {
                Read::Whole(request) => self.act(way, &request, hands, out),
                Read::Part | Read::Wrong => {
                    let mut answer = Message::default();
                    answer.put("AE", NOT_DONE);
                    answer.put("AF", FORMAT_ERROR);
                    say(way, answer, hands, out);
                    out.hang_up(way);
                }
            }
        }
    }

    fn next_us(&self) -> Option<u64> {
        let heard = self.ways.values().filter(|heard| !heard.bytes.is_empty());
        heard.map(|heard| heard.due_us).min()
    }

    fn talk(&self, out: &mut Out) {
        for way in self.ways.keys() {
            out.say(*way, *b"ZZ003...");
        }
    }

    fn foreign_words(&self) -> &'static [&'static str] {
        &["no-ack", "nak", "nak-storm"]
    }
}

/// Says it as what is wrong with the terminal lets it.
fn say(way: Way, mut answer: Message, hands: &mut Hands<'_>, out: &mut Out) {
    out.show(format!(
        "> {}",
        answer.shown(&["AE", "AF", "CB", "AC", "AA"])
    ));
    if hands.faults.take(Once::Lost) {
        return;
    }
    if hands.faults.take(Once::MixedUp) {
        answer.put("CF", "999999MIX");
    }
    let mut bytes = answer.bytes();
    if hands.faults.take(Once::WrongLrc) {
        // The first field takes a character of the second one, and nothing fits any more.
        bytes[4] += 1;
    }
    let tears = hands.faults.take(Once::Tear);
    if tears {
        bytes.truncate(bytes.len() / 2);
    }
    out.say_after(way, bytes, hands.faults.late_us());
    if tears {
        out.hang_up(way);
    }
}

fn is_well_formed(request: &Message) -> bool {
    let length = |tag| request.text(tag).map_or(0, str::len);
    let digits = |tag| {
        let text = request.text(tag).unwrap_or_default();
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    MANDATORY.iter().all(|tag| request.text(tag).is_some())
        && (length("CZ"), length("CA"), length("CD"), length("CE")) == (4, 2, 1, 3)
        && length("CJ") <= 12
        && (2..=12).contains(&length("CB"))
        && (1..=99).contains(&request.text("CF").map_or(1, str::len))
        && digits("CB")
        && digits("CE")
}

/// `None` where the order makes no sense.
fn order(request: &Message) -> Option<Order> {
    let entry = match request.text("CI") {
        None | Some("0") => None,
        Some("1") => Some(EntryMode::Chip),
        Some("2") => Some(EntryMode::Contactless),
        Some("3") => Some(EntryMode::Stripe),
        Some("4") => Some(EntryMode::Manual),
        Some(_) => return None,
    };
    Some(Order {
        kind: match request.text("CD")? {
            "0" => Kind::Debit,
            "1" => Kind::Credit,
            "2" => Kind::Cancel,
            "7" => Kind::Deferred,
            _ => return None,
        },
        minor: request
            .text("CB")?
            .parse()
            .ok()
            .filter(|minor| *minor > 0)?,
        currency: request.text("CE")?.to_owned(),
        tag: request.text("CF").map(str::to_owned),
        partial: request.text("BF") == Some("1"),
        online: false,
        entry,
    })
}

fn put_order(answer: &mut Message, order: &Order) {
    answer.put("CB", amount(order.minor));
    answer.put("CE", &order.currency);
    if let Some(tag) = &order.tag {
        answer.put("CF", tag);
    }
}

fn put_ended(answer: &mut Message, ended: &Ended) {
    match ended.outcome {
        Outcome::Done { minor, forced } => {
            answer.put("CB", amount(minor));
            answer.put("AE", DONE);
            if forced {
                answer.put("AF", "03");
            }
        }
        Outcome::NotDone(reason) => {
            answer.put("AE", NOT_DONE);
            answer.put("AF", code(reason));
        }
        // It does not say so of itself; to who asks again it has looked.
        Outcome::Unverified { minor } => {
            answer.put("CB", amount(minor));
            answer.put("AE", DONE);
        }
    }
    if let Some((card, entry)) = ended.card {
        let pan = card.pan();
        answer.put("CC", application(pan.scheme(), entry));
        answer.put("CI", read_mode(entry));
        if ended.moved().is_some() {
            if let Some(authorisation) = &ended.authorisation {
                answer.put("AC", authorisation);
            }
            if let Some((_, aid)) = card.applications.first() {
                answer.put("AI", aid);
            }
        }
        answer.put("AA", pan.masked().as_str().replace('*', "#"));
        answer.put("AB", &card.expiry().yymm()[..]);
    }
    answer.put("AQ", format!("{:06}", ended.serial));
}

/// Action 3; why not, where there is nothing to duplicate.
fn duplicate(answer: &mut Message, hands: &Hands<'_>) -> Option<&'static str> {
    let paid = hands.desk.last().filter(|ended| ended.moved().is_some());
    let Some(ended) = paid else {
        return Some(NOT_COMPLETED);
    };
    put_order(answer, &ended.order);
    put_ended(answer, ended);
    let minor = ended.moved().unwrap_or_default();
    let text = format!(
        "DUPLICATA\nCARTE BANCAIRE\nTRANSACTION {:06}\nMONTANT {}.{:02} ({})",
        ended.serial,
        minor / 100,
        minor % 100,
        ended.order.currency
    );
    answer.put("AK", text);
    None
}

/// At least two digits.
fn amount(minor: i64) -> String {
    format!("{minor:02}")
}

fn code(reason: Reason) -> &'static str {
    match reason {
        Reason::VoiceCall => "02",
        Reason::Refused => "04",
        Reason::Forbidden => "05",
        Reason::Abandoned => "06",
        Reason::NotCompleted => NOT_COMPLETED,
        Reason::NobodyCame => "08",
        Reason::OperatorAbandoned => "11",
    }
}

fn application(scheme: Scheme, entry: EntryMode) -> &'static str {
    match (scheme, entry) {
        (Scheme::Amex, EntryMode::Contactless) => "00D",
        (Scheme::Amex, _) => "002",
        (_, EntryMode::Contactless) => "00B",
        _ => "001",
    }
}

fn read_mode(entry: EntryMode) -> &'static str {
    match entry {
        EntryMode::Chip => "1",
        EntryMode::Contactless => "2",
        EntryMode::Stripe => "3",
        EntryMode::Manual => "4",
    }
}
