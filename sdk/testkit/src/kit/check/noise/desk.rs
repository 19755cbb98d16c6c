// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole payments, as a host makes them: what is asked in which order, and what the answers claim.
//!
//! Owns the conversation. It must never judge: that is for the books.

use super::super::limits::DEADLINE_MS;
use super::super::master::{Ask, Called, Deed};
use super::super::replies;
use super::super::requests::{self, amounts, transaction};
use super::super::session::{Session, Trouble};
use super::super::suite::Suite;
use super::books::{Claim, Claimed, Kind};
use payhal_messages::call::{Failure, Sent, Status, method};
use payhal_messages::manifest::{Ability, Inquiry, Kind as PluginKind, TerminalReversal};
use serde_json::{Value, json};
use std::time::Duration;

/// How often a host asks what became of a payment, and how long it waits before.
const INQUIRIES: usize = 3;
const INQUIRY_PAUSE: Duration = Duration::from_secs(2);

/// One payment and what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) number: u32,
    pub(super) minor: i64,
    /// What the cardholder does.
    pub(super) situation: &'static str,
    /// Money goes back instead.
    pub(super) refund: bool,
    /// The payment is undone afterwards.
    pub(super) reversed: bool,
    /// The day is closed afterwards.
    pub(super) reconciled: bool,
    /// The moment at which the host cancels.
    pub(super) cancelled: Option<usize>,
}

impl Exchange {
    /// A payment that is to succeed, with everything that the manifest claims.
    pub(super) fn whole(number: u32) -> Self {
        Self {
            number,
            minor: i64::from(number % 9_000) + 100,
            situation: "approve",
            refund: false,
            reversed: true,
            reconciled: true,
            cancelled: None,
        }
    }
}

/// What came of an exchange.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) claims: Vec<Claimed>,
    /// How it ended, in a few words.
    pub(super) ending: String,
    /// Whether everything that was asked succeeded.
    pub(super) well: bool,
    /// How many bookings there were when it began.
    pub(super) since: usize,
}

impl Told {
    fn claim(&mut self, claim: Claim) {
        let since = self.since;
        self.claims.push(Claimed { claim, since });
    }
}

/// An answer.
enum Answer {
    Ok(Value),
    Refused(String),
    Cancelled,
    /// Whether it was certainly not sent.
    Failed(bool),
    Unsupported,
}

/// A host in front of a session.
pub(super) struct Desk<'a, 'b> {
    pub(super) suite: &'a mut Suite<'b>,
    pub(super) session: &'a mut Session,
}

impl Desk<'_, '_> {
    /// Makes the exchange.
    pub(super) fn make(&mut self, exchange: &Exchange) -> Result<Told, Trouble> {
        let since = self.booked()?;
        let mut told = Told {
            since,
            ..Told::default()
        };
        match self.suite.subject.manifest.kind {
            PluginKind::Reader => self.read(exchange, &mut told)?,
            _ => self.pay(exchange, &mut told)?,
        }
        Ok(told)
    }

    /// How many bookings there are.
    fn booked(&mut self) -> Result<usize, Trouble> {
        Ok(self.session.books()?.map_or(0, |books| books.len()))
    }

    /// The device goes through that, where the author says how.
    pub(super) fn happens(&mut self, situation: &str) -> Result<(), Trouble> {
        let name = self.suite.subject.scenario(situation).map(str::to_owned);
        match name {
            Some(name) => self.session.scenario(&name),
            None => Ok(()),
        }
    }

    fn ask(
        &mut self,
        method: &str,
        request: Value,
        cancelled: Option<usize>,
    ) -> Result<Answer, Trouble> {
        let request = self.suite.subject.request(method, request);
        let mut ask = Ask::new(method, &request, DEADLINE_MS);
        ask.at = cancelled.map(|moment| (moment, Deed::Cancel));
        self.session.note(format!("the host asks {method}"));
        let called = self.suite.call(self.session, &ask)?;
        self.session
            .note(format!("{method} ends {}", replies::words(&called.reply)));
        Ok(answer(&called))
    }

    fn pay(&mut self, exchange: &Exchange, told: &mut Told) -> Result<(), Trouble> {
        self.happens(exchange.situation)?;
        let (purpose, kind) = match exchange.refund {
            true => ("refund", Kind::Credit),
            false => ("sale", Kind::Payment),
        };
        let request = json!({
            "transaction_id": transaction(exchange.number),
            "stan": exchange.number,
            "purpose": purpose,
            "amounts": amounts("EUR", exchange.minor),
        });
        let paid = self.ask(method::PAY, request, exchange.cancelled)?;
        let mut outcome = Value::Null;
        let (claim, ending) = match paid {
            Answer::Ok(value) => {
                let said = said(kind, &value, exchange.minor);
                outcome = value;
                said
            }
            Answer::Refused(code) => (Claim::NothingMoved(kind), format!("refused {code}")),
            Answer::Cancelled => (Claim::NothingMoved(kind), "cancelled".to_owned()),
            Answer::Unsupported => (Claim::NothingMoved(kind), "unsupported".to_owned()),
            Answer::Failed(true) => (Claim::NothingMoved(kind), "failed, not sent".to_owned()),
            Answer::Failed(false) => (Claim::Unknown(kind), "unknown".to_owned()),
        };
        (told.ending, told.well) = (ending, matches!(claim, Claim::Moved(..)));
        told.claim(claim);
        if told.ending == "unknown" {
            self.inquire(exchange, kind, told, &mut outcome)?;
        }
        self.afterwards(exchange, told, &outcome)
    }

    /// What became of it? Also asked by the next runner.
    pub(super) fn inquire(
        &mut self,
        exchange: &Exchange,
        kind: Kind,
        told: &mut Told,
        outcome: &mut Value,
    ) -> Result<(), Trouble> {
        let abilities = self.suite.subject.manifest.terminal.as_ref();
        if abilities.is_none_or(|abilities| abilities.inquiry == Inquiry::None) {
            return Ok(());
        }
        for _ in 0..INQUIRIES {
            self.session.drain(INQUIRY_PAUSE)?;
            let id = transaction(exchange.number);
            let request = json!({ "transaction_id": id, "stan": exchange.number });
            let Answer::Ok(found) = self.ask(method::INQUIRE, request, None)? else {
                continue;
            };
            match found["found"].as_str() {
                Some("ended") => {
                    let (claim, ending) = said(kind, &found["outcome"], exchange.minor);
                    told.claim(claim);
                    told.ending = format!("{ending} by inquiry");
                    *outcome = found["outcome"].clone();
                    return Ok(());
                }
                Some("not_found") => {
                    told.claim(Claim::NothingMoved(kind));
                    "not found by inquiry".clone_into(&mut told.ending);
                    return Ok(());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn afterwards(
        &mut self,
        exchange: &Exchange,
        told: &mut Told,
        outcome: &Value,
    ) -> Result<(), Trouble> {
        let subject = self.suite.subject;
        let Some(abilities) = &subject.manifest.terminal else {
            return Ok(());
        };
        let can_reverse = abilities.reversal == TerminalReversal::ByReference;
        if exchange.reversed && can_reverse && outcome["approved"] == true && !exchange.refund {
            let request = json!({
                "transaction_id": transaction(exchange.number),
                "reference": outcome["reference"],
                "amounts": amounts("EUR", exchange.minor),
            });
            self.happens("approve.reverse")?;
            match self.ask(method::REVERSE, request, None)? {
                Answer::Ok(value) if value["state"] == "reversed" => told.claim(Claim::Reversed),
                Answer::Ok(_) | Answer::Refused(_) | Answer::Failed(true) => {
                    told.claim(Claim::NotReversed);
                    told.well = false;
                }
                _ => told.well = false,
            }
        }
        if exchange.reconciled && abilities.can.contains(&Ability::BatchTotals) {
            let wire = requests::wire(exchange.number, "");
            let request = json!({ "wire": wire, "close": false });
            let totals = self.ask(method::RECONCILE, request, None)?;
            told.well &= matches!(totals, Answer::Ok(_));
        }
        Ok(())
    }

    fn read(&mut self, exchange: &Exchange, told: &mut Told) -> Result<(), Trouble> {
        self.happens(exchange.situation)?;
        let subject = self.suite.subject;
        let entries = subject.manifest.reader.as_ref();
        let entries = entries.map(|reader| reader.entries.clone());
        let id = transaction(exchange.number);
        let total = amounts("EUR", exchange.minor);
        let request = json!({
            "transaction_id": id, "purpose": "sale", "amounts": total,
            "entries": entries, "timeout_ms": 30_000,
        });
        let presented = self.ask(method::PRESENT, request, exchange.cancelled)?;
        let Some(presented) = told.go_on("present", presented) else {
            return Ok(());
        };
        let presentation = presented["presentation_id"].clone();
        self.happens("approve.authorize_card")?;
        let request = json!({
            "transaction_id": id, "presentation_id": presentation, "device": "check-1",
            "purpose": "sale", "amounts": total,
            "recipient": requests::recipient().map_err(Trouble::Check)?,
        });
        let read = self.ask(method::AUTHORIZE_CARD, request, None)?;
        let Some(read) = told.go_on("read", read) else {
            return Ok(());
        };
        told.claim(Claim::Read(ciphertext(&read)));
        self.happens("approve.complete")?;
        let request = json!({
            "transaction_id": id, "presentation_id": presentation,
            "answer": { "decision": "approved", "response_code": "00" },
        });
        let completed = self.ask(method::COMPLETE, request, None)?;
        let Some(completed) = told.go_on("complete", completed) else {
            return Ok(());
        };
        let accepted = completed["accepted"] == true;
        // Where nothing is owed the device need not be asked.
        if read["completion_owed"] == true {
            told.claim(Claim::Completed(accepted));
        }
        told.well = accepted;
        told.ending = match accepted {
            true => "completed",
            false => "refused by the card",
        }
        .to_owned();
        Ok(())
    }
}

impl Told {
    /// The payload of an OK; else the exchange ends here.
    fn go_on(&mut self, what: &str, answer: Answer) -> Option<Value> {
        self.ending = match answer {
            Answer::Ok(value) => return Some(value),
            Answer::Refused(code) => format!("{what} refused {code}"),
            Answer::Cancelled => format!("{what} cancelled"),
            Answer::Failed(_) => format!("{what} failed"),
            Answer::Unsupported => format!("{what} unsupported"),
        };
        None
    }
}

/// What an outcome claims, and in words.
fn said(kind: Kind, outcome: &Value, asked_minor: i64) -> (Claim, String) {
    match outcome["approved"] == true {
        true => {
            let minor = outcome["approved_minor"].as_i64().unwrap_or(asked_minor);
            (Claim::Moved(kind, minor), "approved".to_owned())
        }
        false => (Claim::NothingMoved(kind), "declined".to_owned()),
    }
}

fn answer(called: &Called) -> Answer {
    let value = replies::value(&called.reply);
    match replies::status(&called.reply) {
        Some(Status::Ok) => Answer::Ok(value),
        Some(Status::Refused) => {
            let code = value["code"].as_str().unwrap_or_default();
            Answer::Refused(code.to_owned())
        }
        Some(Status::Cancelled) => Answer::Cancelled,
        Some(Status::Unsupported) => Answer::Unsupported,
        Some(Status::Failed) | None => {
            let failure = serde_json::from_slice::<Failure>(&called.reply.payload);
            Answer::Failed(failure.is_ok_and(|failure| failure.sent == Sent::No))
        }
    }
}

fn ciphertext(read: &Value) -> Vec<u8> {
    use base64::Engine as _;
    let text = read["sealed"]["ciphertext"].as_str().unwrap_or_default();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    bytes.unwrap_or_default()
}
