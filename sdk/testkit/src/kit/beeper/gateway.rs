// SPDX-License-Identifier: MIT OR Apache-2.0
//! The example gateway: a service with a memory, that stands for the issuer too.
//!
//! It opens what beepers with the known key have sealed, and nothing else.

use super::card::purpose;
use super::device::{Action, Device, Lines};
use super::keys::{KNOWN_SLOT, known_key};
use super::wire::Line;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use payhal_card_data::{Associated, Behaviour, DUKPT_AES_SCHEME, Opened, SEAL_VERSION, test_cards};
use payhal_testkit::simulate::Way;
use std::collections::BTreeMap;

/// Transactions it remembers; then it takes no more.
const TRANSACTIONS_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct BeeperGateway {
    person: Option<Action>,
    /// By transaction: what was answered.
    answers: BTreeMap<String, String>,
}

impl BeeperGateway {
    /// `AUTH transaction purpose currency total device gateway read-id scheme slot ksn ciphertext`.
    fn authorize(&mut self, line: &Line) -> Option<String> {
        let transaction = line.word(0);
        if let Some(answer) = self.answers.get(transaction) {
            return Some(answer.clone());
        }
        purpose(line.word(1))?;
        line.amount(3)?;
        let answer = match self.person.take() {
            Some(Action::Approve | Action::Tap) => self.approved(line.word(3)),
            Some(Action::Decline) => "NO 51 Insufficient funds".to_owned(),
            _ => match response_code(line) {
                Some("00") => self.approved(line.word(3)),
                Some(code) => format!("NO {code} Declined by the issuer"),
                None => "NO 63 The seal does not open".to_owned(),
            },
        };
        self.keep(transaction, answer)
    }

    /// `CHANGE transaction kind original currency total`.
    fn change(&mut self, line: &Line) -> Option<String> {
        let transaction = line.word(0);
        if let Some(answer) = self.answers.get(transaction) {
            return Some(answer.clone());
        }
        line.amount(4)?;
        let original = self.answers.get(line.word(2));
        let forced = matches!(self.person.take(), Some(Action::Approve | Action::Tap));
        let answer = match original {
            _ if forced => self.approved(line.word(4)),
            Some(answer) if answer.starts_with("YES") => self.approved(line.word(4)),
            Some(_) => "NO 12 The original was not approved".to_owned(),
            None => "NO 25 The original is not known".to_owned(),
        };
        self.keep(transaction, answer)
    }

    fn keep(&mut self, transaction: &str, answer: String) -> Option<String> {
        if self.answers.len() >= TRANSACTIONS_MAX {
            return Some("NO 91 The beeper's memory is full".to_owned());
        }
        self.answers.insert(transaction.to_owned(), answer.clone());
        Some(answer)
    }

    fn approved(&self, total: &str) -> String {
        let number = self.answers.len() + 1;
        format!("YES {total} {:06} {number:012}", 100_000 + number)
    }

    /// Also bars a request that arrives later.
    fn undo(&mut self, transaction: &str) -> String {
        self.answers
            .insert(transaction.to_owned(), "UNDONE".to_owned());
        "UNDONE".to_owned()
    }
}

/// What the issuer says to a read; `None` for one that does not open.
fn response_code(line: &Line) -> Option<&'static str> {
    if (line.word(7), line.word(8)) != (DUKPT_AES_SCHEME, KNOWN_SLOT) {
        return None;
    }
    let key = known_key(&STANDARD.decode(line.word(9)).ok()?)?;
    let associated = Associated {
        version: SEAL_VERSION,
        read_id: line.word(6),
        transaction_id: line.word(0),
        device: line.word(4),
        gateway: line.word(5),
        key_id: line.word(8),
    };
    let sealed = STANDARD.decode(line.word(10)).ok()?;
    let opened: Opened = key.open(&associated, &sealed).ok()?;
    let amounts = &opened.inner.amounts;
    if Some(amounts.total_minor) != line.amount(3) || amounts.currency != line.word(2).as_bytes() {
        return None;
    }
    let pan = &opened.inner.secrets.pan;
    let card = test_cards().iter().find(|card| card.pan() == *pan)?;
    let pin = opened.open_pin().transpose().ok()?;
    Some(match card.behaviour {
        Behaviour::PinRequired | Behaviour::PinAtIssuer if pin != card.pin() => "55",
        // The beeper knows no partial approval.
        Behaviour::PartialApproval => "51",
        behaviour => behaviour.response_code(),
    })
}

impl Device for BeeperGateway {
    fn hear(&mut self, way: Way, line: &Line, _: u64, out: &mut Lines) {
        if self.person == Some(Action::Silent) {
            self.person = None;
            return;
        }
        let said = match line.name.as_str() {
            "HELLO" => Some("HELLO beeper 1".to_owned()),
            "AUTH" => self.authorize(line),
            "CHANGE" => self.change(line),
            "ASK" => {
                let answer = self.answers.get(line.word(0)).cloned();
                Some(answer.unwrap_or_else(|| "UNKNOWN".to_owned()))
            }
            "UNDO" => Some(self.undo(line.word(0))),
            _ => None,
        };
        let said = said.unwrap_or_else(|| "NO 30 The beeper does not understand".to_owned());
        out.push((way, format!("{} {said}", line.number)));
    }

    fn act(&mut self, action: Action, _: u64, _: &mut Lines) {
        self.person = (action != Action::Idle).then_some(action);
    }

    fn due(&mut self, _: u64, _: &mut Lines) {}

    fn next_us(&self) -> Option<u64> {
        None
    }
}
