// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one terminal does, and the ledger it keeps of it.
//!
//! It never lies about what it did, except by amounts that cannot be.

use crate::ledger::{Entry, answer};
use payhal_engine::device::{
    CardRefusal, DeviceCommand, DeviceReply, Inquiry, Purpose, TerminalOutcome, TerminalReversal,
};
use payhal_engine::gateway::{Change, Collected, Decision, Totals};
use payhal_engine::ids::TransactionId;
use std::collections::{BTreeMap, BTreeSet};

/// Whether it can be asked and can undo.
pub(crate) type Kind = (Inquiry, TerminalReversal);

/// What chance has in store for one command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance {
    /// Of a hundred: refused, declined, in part, with a tip, or as asked.
    pub(crate) pay: u64,
    /// It tells amounts that cannot be, in one of three ways.
    pub(crate) lies: Option<u64>,
    /// It approves without its issuer.
    pub(crate) offline: bool,
    /// It gives no reference.
    pub(crate) nameless: bool,
    pub(crate) refuses_reversal: bool,
    /// The card is not presented again.
    pub(crate) card_leaves: bool,
    /// It does not know a void that it did when it is told again.
    pub(crate) forgets_voids: bool,
    /// Which of five offline approvals its issuer does not take.
    pub(crate) lost: u64,
}

impl Chance {
    pub(crate) const PLAIN: Self = Self {
        pay: 50,
        lies: None,
        offline: false,
        nameless: false,
        refuses_reversal: false,
        card_leaves: false,
        forgets_voids: false,
        lost: 0,
    };
}

#[derive(Debug, Default)]
pub(crate) struct Till {
    pub(crate) entries: BTreeMap<TransactionId, Entry>,
    /// The payment that it is at.
    pub(crate) running: Option<TransactionId>,
    pub(crate) last: Option<TransactionId>,
    told: BTreeMap<TransactionId, DeviceReply>,
    /// Offline approvals that were not collected.
    offline: BTreeSet<TransactionId>,
    /// What each close told.
    pub(crate) closes: BTreeMap<TransactionId, Totals>,
    pub(crate) detached: bool,
}

impl Till {
    /// `subject`: whose the command is.
    pub(crate) fn does(
        &mut self,
        command: &DeviceCommand,
        subject: TransactionId,
        kind: Kind,
        chance: Chance,
    ) -> DeviceReply {
        match command {
            DeviceCommand::Pay { .. } => self.pay(command, kind, chance),
            DeviceCommand::Inquire { transaction_id, .. } => self.inquire(*transaction_id, kind.0),
            DeviceCommand::Reverse { transaction_id, .. } => {
                self.reverse(*transaction_id, subject, kind.1, chance)
            }
            DeviceCommand::Reconcile { wire, close } => {
                self.reconcile(wire.transaction_id, *close, chance.lost)
            }
            _ => DeviceReply::Unsupported,
        }
    }

    fn pay(&mut self, command: &DeviceCommand, kind: Kind, chance: Chance) -> DeviceReply {
        let DeviceCommand::Pay {
            transaction_id: id,
            purpose,
            amounts,
            total_minor_max,
            original,
            ..
        } = command
        else {
            return DeviceReply::Unsupported;
        };
        self.running = None;
        if chance.pay < 8 {
            return refused(CardRefusal::NoCard);
        }
        let original = original.as_ref().map(|original| original.transaction_id);
        let gone = original.is_some_and(|it| !self.entries.get(&it).is_some_and(Entry::stands));
        let moves = !matches!(purpose, Purpose::Verify | Purpose::Balance);
        let (decision, told) = match chance.pay < 16 || gone {
            true => (Decision::Declined, Told::default()),
            false => (
                Decision::Approved,
                approval(*purpose, amounts.total.minor, *total_minor_max, chance),
            ),
        };
        let approved = decision == Decision::Approved;
        let mut answer = answer(decision, told.minor.filter(|_| moves));
        answer.extras.tip_minor = told.tip;
        answer.extras.offline = chance.offline && approved && *purpose == Purpose::Sale;
        let names = kind.1 == TerminalReversal::ByReference && !chance.nameless;
        answer.extras.reference = names.then(|| id.to_string().as_str().into());
        if answer.extras.offline {
            self.offline.insert(*id);
        }
        let change = match purpose {
            Purpose::Capture => Change::Capture,
            Purpose::Adjust => Change::Adjust,
            _ => Change::Refund,
        };
        let entry = Entry {
            answer: Some(answer.clone()),
            minor: told.done,
            original: original.map(|original| (original, change)),
            reversed: false,
            refuses_reversal: chance.refuses_reversal,
            moves,
        };
        self.entries.insert(*id, entry);
        let reply = DeviceReply::Paid(Box::new(TerminalOutcome {
            answer,
            entry: None,
            cvm: None,
            card: None,
        }));
        self.told.insert(*id, reply.clone());
        reply
    }

    fn inquire(&self, id: TransactionId, inquiry: Inquiry) -> DeviceReply {
        let known = inquiry == Inquiry::ById || self.last == Some(id);
        match inquiry {
            Inquiry::None => DeviceReply::Unsupported,
            _ if self.running == Some(id) => DeviceReply::Running,
            _ => {
                let told = self.told.get(&id).filter(|_| known).cloned();
                told.unwrap_or(DeviceReply::NotFound)
            }
        }
    }

    fn reverse(
        &mut self,
        id: TransactionId,
        subject: TransactionId,
        reversal: TerminalReversal,
        chance: Chance,
    ) -> DeviceReply {
        if reversal == TerminalReversal::None {
            return DeviceReply::Unsupported;
        }
        if self.entries.contains_key(&subject) && id != subject && !chance.forgets_voids {
            return DeviceReply::Reversed;
        }
        let Some(entry) = self.entries.get_mut(&id) else {
            return refused(CardRefusal::Other);
        };
        if id == subject {
            if entry.refuses_reversal {
                return refused(CardRefusal::Other);
            }
            entry.reversed = true;
            return DeviceReply::Reversed;
        }
        let card_gone = chance.card_leaves && reversal == TerminalReversal::NeedsCard;
        if !entry.stands() || card_gone || self.entries.contains_key(&subject) {
            return refused(CardRefusal::Other);
        }
        let minor = held(&self.entries, id);
        let void = Entry {
            answer: Some(answer(Decision::Approved, Some(minor))),
            minor,
            original: Some((id, Change::Void)),
            reversed: false,
            refuses_reversal: false,
            moves: true,
        };
        self.entries.insert(subject, void);
        DeviceReply::Reversed
    }

    fn reconcile(&mut self, id: TransactionId, close: bool, lost: u64) -> DeviceReply {
        let mut totals = Totals {
            batch: "1".into(),
            rows: Vec::new(),
            collected: Vec::new(),
        };
        if !close {
            return DeviceReply::Reconciled(Box::new(totals));
        }
        if let Some(told) = self.closes.get(&id) {
            return DeviceReply::Reconciled(Box::new(told.clone()));
        }
        let collected = std::mem::take(&mut self.offline);
        totals.collected = (0_u64..)
            .zip(collected)
            .map(|(place, transaction_id)| Collected {
                transaction_id,
                accepted: place % 5 != lost,
            })
            .collect();
        self.closes.insert(id, totals.clone());
        DeviceReply::Reconciled(Box::new(totals))
    }
}

/// What an approval moves, and what is told of it.
#[derive(Default)]
struct Told {
    done: i64,
    minor: Option<i64>,
    tip: Option<i64>,
}

/// Less than was asked, or more by a tip as far as that is allowed; now and then what cannot be.
fn approval(purpose: Purpose, asked: i64, max: Option<i64>, chance: Chance) -> Told {
    let partly = matches!(
        purpose,
        Purpose::Sale | Purpose::Authorize | Purpose::CashAdvance
    );
    let told = |done, tip| Told {
        done,
        minor: Some(done),
        tip,
    };
    if !partly {
        return told(asked, None);
    }
    let plain = match (chance.pay, max) {
        (16..26, _) => told((asked / 2).max(1), None),
        (26..40, Some(max)) if max > asked => told(max, Some(max - asked)),
        _ => told(asked, None),
    };
    match chance.lies {
        None => plain,
        Some(0) => {
            let done = max.unwrap_or(asked).max(asked) + 10;
            told(done, Some(done - asked))
        }
        Some(1) => Told {
            minor: None,
            ..plain
        },
        Some(_) => Told {
            tip: Some(7),
            ..plain
        },
    }
}

/// What an authorization was adjusted to, or what was taken.
fn held(entries: &BTreeMap<TransactionId, Entry>, id: TransactionId) -> i64 {
    let adjusted = entries.values().rev();
    let mut adjusted =
        adjusted.filter(|entry| entry.stands() && entry.original == Some((id, Change::Adjust)));
    let own = || entries.get(&id).map_or(0, |entry| entry.minor);
    adjusted.next().map_or_else(own, |entry| entry.minor)
}

fn refused(refusal: CardRefusal) -> DeviceReply {
    DeviceReply::Refused {
        refusal,
        text: "no".into(),
    }
}
