// SPDX-License-Identifier: MIT OR Apache-2.0
//! The example terminal: runs the whole payment, and remembers each one.

use super::card::{Held, Presented, entry_word, presented, purpose};
use super::device::{Action, Device, Lines};
use super::wire::Line;
use payhal_card_data::Purpose;
use payhal_testkit::simulate::{Booked, Money, Way};
use std::collections::BTreeMap;

/// How long card, PIN and issuer take together.
const PAYMENT_US: u64 = 1_500_000;

/// How long it waits for a card.
const WAIT_US: u64 = 60_000_000;

/// Payments it remembers; the oldest one is forgotten then.
const PAYMENTS_MAX: usize = 1_000;

#[derive(Debug, Default)]
pub(crate) struct BeeperTerminal {
    person: Option<Action>,
    doing: Option<Doing>,
    /// By transaction: its place in time, and what was said.
    ended: BTreeMap<String, (u64, String)>,
    payments: u64,
    books: Vec<Booked>,
}

#[derive(Debug)]
struct Doing {
    way: Way,
    line: Line,
    due_us: u64,
}

impl BeeperTerminal {
    fn pay(&mut self, way: Way, line: &Line, now_us: u64) -> Option<String> {
        purpose(line.word(1))?;
        line.amount(3)?;
        if self.doing.is_some() {
            return Some("NO busy".to_owned());
        }
        let comes = self
            .person
            .is_some_and(|action| presented(action).is_some());
        let due_us = now_us + if comes { PAYMENT_US } else { WAIT_US };
        self.doing = Some(Doing {
            way,
            line: line.clone(),
            due_us,
        });
        Some("WAIT".to_owned())
    }

    fn asked(&self, transaction: &str) -> String {
        let runs = self
            .doing
            .as_ref()
            .is_some_and(|doing| doing.line.word(0) == transaction);
        match self.ended.get(transaction) {
            _ if runs => "RUNNING".to_owned(),
            Some((_, said)) => said.clone(),
            None => "UNKNOWN".to_owned(),
        }
    }

    /// Notes a payment that ended.
    fn book(&mut self, line: &Line, said: &str) {
        let money = Money {
            minor: line.amount(3).unwrap_or_default(),
            approved: said.starts_with("PAID"),
            tag: Some(line.word(0).to_owned()),
        };
        self.books.push(match purpose(line.word(1)) {
            Some(Purpose::Refund) => Booked::Credit(money),
            _ => Booked::Payment(money),
        });
    }

    fn undo(&mut self, transaction: &str) -> String {
        match self.ended.get_mut(transaction) {
            Some((_, said)) if said.starts_with("PAID") || said == "UNDONE" => {
                if let Some(minor) = said.split(' ').nth(1).and_then(|word| word.parse().ok()) {
                    self.books.push(Booked::Reversal(Money {
                        minor,
                        approved: true,
                        tag: Some(transaction.to_owned()),
                    }));
                }
                "UNDONE".clone_into(said);
                "UNDONE".to_owned()
            }
            Some(_) => "UNDONE".to_owned(),
            None => "NO unknown_transaction".to_owned(),
        }
    }

    fn paid(&mut self, held: Held, line: &Line) -> String {
        self.payments += 1;
        let masked = held.card.pan().masked();
        let scheme = held.card.scheme().name();
        let entry = entry_word(held.entry);
        match held.card.behaviour.response_code() {
            _ if held.wrong_pin => "DECLINED 55 Wrong PIN".to_owned(),
            "00" => format!(
                "PAID {} {:06} R{:06} {entry} {} {scheme}",
                line.word(3),
                100_000 + self.payments % 900_000,
                self.payments,
                masked.as_str()
            ),
            code => format!("DECLINED {code} Declined by the issuer"),
        }
    }

    fn remember(&mut self, transaction: &str, said: &str) {
        if self.ended.len() >= PAYMENTS_MAX {
            let oldest = self.ended.iter().min_by_key(|(_, (place, _))| *place);
            if let Some(transaction) = oldest.map(|(transaction, _)| transaction.clone()) {
                self.ended.remove(&transaction);
            }
        }
        let place = self.payments;
        self.ended
            .insert(transaction.to_owned(), (place, said.to_owned()));
    }
}

impl Device for BeeperTerminal {
    fn hear(&mut self, way: Way, line: &Line, now_us: u64, out: &mut Lines) {
        if self.person == Some(Action::Silent) {
            self.person = None;
            return;
        }
        let said = match line.name.as_str() {
            "HELLO" => Some("HELLO beeper 1 T-0001 1.2.0".to_owned()),
            "SAY" => Some("OK".to_owned()),
            "PAY" => self.pay(way, line, now_us),
            "ASK" => Some(self.asked(line.word(0))),
            "UNDO" => Some(self.undo(line.word(0))),
            "STOP" => {
                if let Some(doing) = self.doing.take() {
                    let said = "NO cancelled_on_device";
                    self.remember(doing.line.word(0), said);
                    out.push((doing.way, format!("{} {said}", doing.line.number)));
                }
                Some("OK".to_owned())
            }
            _ => None,
        };
        let said = said.unwrap_or_else(|| "NO unknown_command".to_owned());
        out.push((way, format!("{} {said}", line.number)));
    }

    fn act(&mut self, action: Action, now_us: u64, _: &mut Lines) {
        if let (Some(doing), true) = (&mut self.doing, presented(action).is_some()) {
            doing.due_us = doing.due_us.min(now_us + PAYMENT_US);
        }
        self.person = (action != Action::Idle).then_some(action);
    }

    fn due(&mut self, now_us: u64, out: &mut Lines) {
        let Some(doing) = self.doing.take_if(|doing| doing.due_us <= now_us) else {
            return;
        };
        let said = match self.person.take().and_then(presented) {
            None => "NO no_card".to_owned(),
            Some(Presented::No(code)) => format!("NO {code}"),
            Some(Presented::Card(held)) => self.paid(held, &doing.line),
        };
        self.book(&doing.line, &said);
        self.remember(doing.line.word(0), &said);
        out.push((doing.way, format!("{} {said}", doing.line.number)));
    }

    fn next_us(&self) -> Option<u64> {
        self.doing.as_ref().map(|doing| doing.due_us)
    }
    fn books(&self) -> Vec<Booked> {
        self.books.clone()
    }
}
