// SPDX-License-Identifier: MIT OR Apache-2.0
//! A journal in memory that answers as the real one does, and loses what a disk may lose.
//!
//! What is appended is lost by a crash until it is committed; of what was not, a prefix may have
//! reached the disk all the same. What was committed is never lost.

use crate::lines::Lines;
use payhal_engine::answer::{Approved, Outcome};
use payhal_engine::card::SpentKey;
use payhal_engine::effect::RecallBy;
use payhal_engine::forwarding::ForwardingState;
use payhal_engine::gateway::{Decision, GatewayAnswer, Wire};
use payhal_engine::ids::{DeviceId, Position, TokenId, TransactionId};
use payhal_engine::record::{
    BatchClosed, Ending, Fact, FinalAnswer, Intent, Past, PastChange, Record, Restored, Unsent,
};
use payhal_engine::request::Kind;
use payhal_engine::tokens::{Named, Sought, Token};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(crate) struct Journal {
    records: Vec<Record>,
    durable: usize,
    lines: Lines<Line>,
    pub(crate) commit_scheduled: bool,
    /// The disk failed: nothing is written any more, and the host does not know yet.
    pub(crate) failing: bool,
    /// How much of what is not synced the next crash keeps, where that is not left to chance.
    pub(crate) kept_at_crash: Option<usize>,
}

/// What was appended about one transaction, each with its position.
#[derive(Debug, Default)]
pub(crate) struct Line {
    places: Vec<usize>,
    pub(crate) intent: Option<(u64, Box<Intent>)>,
    /// Intents that came to nothing before it.
    closed: Vec<Intent>,
    pub(crate) answered: Option<(u64, Box<GatewayAnswer>)>,
    pub(crate) ended: Option<(u64, Box<Ending>)>,
    pub(crate) reversed: Option<u64>,
    pub(crate) needs_operator: Option<u64>,
    /// A person's word.
    pub(crate) resolved: Option<(u64, Outcome)>,
    pub(crate) reported: Option<u64>,
    /// What customers drew.
    pub(crate) signatures: Vec<(u64, Arc<str>)>,
    /// The references under which a sale that was accepted offline may have been forwarded.
    pub(crate) forwarding: Option<(u64, Wire)>,
    /// What became of it, and from where on that is known.
    pub(crate) forwarded: Option<(u64, ForwardingState)>,
}

impl Line {
    fn add(&mut self, place: usize, record: &Record) {
        let position = place as u64 + 1;
        self.places.push(place);
        if self.intent.is_none() {
            self.intent = record
                .fact
                .intent()
                .map(|intent| (position, Box::new(intent.clone())));
        }
        match &record.fact {
            Fact::Unsent { .. } => {
                let closed = self.intent.take().map(|(_, intent)| *intent);
                self.closed.extend(closed);
            }
            Fact::Answered(answer) => self.answered = Some((position, answer.clone())),
            Fact::Ended(ending) => self.ended = Some((position, ending.clone())),
            Fact::Reversed => self.reversed = Some(position),
            Fact::NeedsOperator { .. } => self.needs_operator = Some(position),
            Fact::Resolved(resolved) => self.resolved = Some((position, resolved.outcome)),
            Fact::Reported { .. } => self.reported = Some(position),
            Fact::Forwarding { wire } => self.forwarding = Some((position, wire.clone())),
            Fact::Forwarded { answer } => {
                let state = match answer.decision {
                    Decision::Approved => ForwardingState::Approved,
                    _ => ForwardingState::Declined,
                };
                self.forwarded = Some((position, state));
            }
            Fact::Withdrawn { .. } => {
                self.forwarded = Some((position, ForwardingState::Withdrawn));
            }
            Fact::Intent(_) | Fact::Signed { .. } | Fact::Collected { .. } => {}
        }
        let signature = record.fact.signature();
        self.signatures
            .extend(signature.map(|signature| (position, signature.clone())));
    }

    /// Whether it is being undone, as far as anybody has written down.
    pub(crate) fn is_reversing(&self) -> bool {
        let announced = self.ended.as_ref();
        announced.is_some_and(|(_, ending)| ending.reversal.is_some())
            && self.reversed.is_none()
            && self.needs_operator.is_none()
            && self.resolved.is_none()
    }

    /// Its approval, where it was accepted offline and its gateway must still hear of it, as far as
    /// anybody has written down.
    pub(crate) fn waiting(&self) -> Option<(u64, &Approved)> {
        let (position, ending) = self.ended.as_ref()?;
        let waits = ending.stored.is_some() && self.forwarded.is_none() && self.resolved.is_none();
        match &ending.answer {
            FinalAnswer::Approved(approved) if waits => Some((*position, approved)),
            _ => None,
        }
    }

    /// Every intent, the last one first.
    fn intents(&self) -> impl Iterator<Item = &Intent> {
        let last = self.intent.iter().map(|(_, intent)| &**intent);
        last.chain(self.closed.iter().rev())
    }

    fn unsent(&self) -> Option<&Unsent> {
        self.ended.as_ref()?.1.unsent.as_ref()
    }
}

impl Journal {
    pub(crate) fn append(&mut self, position: Position, record: Record) {
        if self.failing {
            return;
        }
        assert_eq!(
            position.0,
            self.records.len() as u64 + 1,
            "records have gaps"
        );
        let line = self.lines.begun(record.transaction_id);
        line.add(self.records.len(), &record);
        self.records.push(record);
    }

    /// Everything appended is on disk.
    pub(crate) fn commit(&mut self) -> Position {
        self.durable = self.records.len();
        self.commit_scheduled = false;
        Position(self.durable as u64)
    }

    /// How many records there are, durable or not.
    pub(crate) fn appended(&self) -> u64 {
        self.records.len() as u64
    }

    pub(crate) fn unsynced(&self) -> usize {
        self.records.len() - self.durable
    }

    /// Power fails; of what was not synced, `kept` records reached the disk all the same.
    pub(crate) fn crash(&mut self, kept: usize) {
        self.durable += kept.min(self.unsynced());
        self.commit_scheduled = false;
        self.failing = false;
        self.cut();
    }

    /// What a copy held that was made when there were half as many records.
    pub(crate) fn restore_copy(&mut self) {
        self.durable /= 2;
        self.cut();
    }

    fn cut(&mut self) {
        if self.records.len() == self.durable {
            return;
        }
        self.records.truncate(self.durable);
        self.lines.clear();
        for (place, record) in self.records.iter().enumerate() {
            let line = self.lines.begun(record.transaction_id);
            line.add(place, record);
        }
    }

    /// What is appended of one transaction, durable or not.
    pub(crate) fn line(&self, id: TransactionId) -> Option<&Line> {
        self.lines.get(id)
    }

    /// Every transaction, with what is appended of it.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (TransactionId, &Line)> {
        self.lines.iter()
    }

    pub(crate) fn is_durable(&self, position: u64) -> bool {
        position <= self.durable as u64
    }

    /// Everything durable, in order.
    #[cfg(feature = "whole")]
    pub(crate) fn durable_records(&self) -> &[Record] {
        &self.records[..self.durable]
    }

    /// The durable records of one transaction.
    pub(crate) fn records_of(&self, id: TransactionId) -> Vec<Record> {
        let places = self.lines.get(id).map(|line| line.places.as_slice());
        let places = places.unwrap_or_default().iter();
        let durable = places.filter(|place| **place < self.durable);
        durable.map(|place| self.records[*place].clone()).collect()
    }

    /// The durable intent of one transaction.
    pub(crate) fn intent_of(&self, id: TransactionId) -> Option<&Intent> {
        let (position, intent) = self.lines.get(id)?.intent.as_ref()?;
        self.is_durable(*position).then_some(intent)
    }

    /// The gateway's durable word.
    pub(crate) fn answer_of(&self, id: TransactionId) -> Option<&GatewayAnswer> {
        let (position, answer) = self.lines.get(id)?.answered.as_ref()?;
        self.is_durable(*position).then_some(answer)
    }

    /// The durable ending of one transaction.
    pub(crate) fn ending_of(&self, id: TransactionId) -> Option<&Ending> {
        let (position, ending) = self.lines.get(id)?.ended.as_ref()?;
        self.is_durable(*position).then_some(ending)
    }

    /// How it ended, durably.
    pub(crate) fn outcome_of(&self, id: TransactionId) -> Option<Outcome> {
        self.ending_of(id).map(|ending| outcome(&ending.answer))
    }

    /// Whether an ending was appended, durable or not.
    pub(crate) fn is_ending(&self, id: TransactionId) -> bool {
        self.lines.get(id).is_some_and(|line| line.ended.is_some())
    }

    /// Whether it durably waits for a person.
    pub(crate) fn needs_operator(&self, id: TransactionId) -> bool {
        let Some(line) = self.lines.get(id) else {
            return false;
        };
        let Some(asked) = line.needs_operator.filter(|at| self.is_durable(*at)) else {
            return false;
        };
        let ended = line.ended.as_ref().map(|(at, _)| *at);
        let resolved = line.resolved.map(|(at, _)| at);
        let settled = [ended, resolved, line.reversed];
        let mut settled = settled.into_iter().flatten();
        !settled.any(|at| at > asked && self.is_durable(at))
    }

    /// Whether it durably waited for a person, then or now.
    pub(crate) fn was_left_to_people(&self, id: TransactionId) -> bool {
        let position = self.lines.get(id).and_then(|line| line.needs_operator);
        position.is_some_and(|position| self.is_durable(position))
    }

    /// A person's durable word.
    pub(crate) fn resolved(&self, id: TransactionId) -> Option<Outcome> {
        let (at, outcome) = self.lines.get(id)?.resolved?;
        self.is_durable(at).then_some(outcome)
    }

    /// What durably became of a sale that was accepted offline, or that another took such a one
    /// back.
    pub(crate) fn became(&self, id: TransactionId) -> Option<ForwardingState> {
        let ending = self.ending_of(id)?;
        if ending.stored.is_none() {
            let FinalAnswer::Approved(approved) = &ending.answer else {
                return None;
            };
            return approved.withdrawal.then_some(ForwardingState::Withdrawn);
        }
        let forwarded = self.lines.get(id)?.forwarded;
        let state = match (self.resolved(id), forwarded) {
            (Some(Outcome::Approved), _) => ForwardingState::Approved,
            (Some(_), _) => ForwardingState::Declined,
            (None, Some((at, state))) if self.is_durable(at) => state,
            _ if self.needs_operator(id) => ForwardingState::NeedsOperator,
            _ => ForwardingState::Waiting,
        };
        Some(state)
    }

    /// Whether it was durably accepted offline.
    pub(crate) fn is_stored(&self, id: TransactionId) -> bool {
        self.ending_of(id).is_some_and(|it| it.stored.is_some())
    }

    /// The durable references under which it is forwarded.
    pub(crate) fn forwarding_of(&self, id: TransactionId) -> Option<&Wire> {
        let (at, wire) = self.lines.get(id)?.forwarding.as_ref()?;
        self.is_durable(*at).then_some(wire)
    }

    /// Whether its gateway, or a person, must still say what becomes of it.
    pub(crate) fn is_waiting(&self, id: TransactionId) -> bool {
        matches!(
            self.became(id),
            Some(ForwardingState::Waiting | ForwardingState::NeedsOperator)
        )
    }

    /// Whether it was accepted offline and did not become a payment.
    pub(crate) fn is_not_taken(&self, id: TransactionId) -> bool {
        self.is_stored(id)
            && matches!(
                self.became(id),
                Some(ForwardingState::Declined | ForwardingState::Withdrawn)
            )
    }

    /// Whether its gateway must still be told something.
    pub(crate) fn is_reporting(&self, id: TransactionId) -> bool {
        let owed = self.ending_of(id).map(|ending| &ending.owed);
        let reported = self.lines.get(id).and_then(|line| line.reported);
        owed.is_some_and(|owed| !owed.is_nothing())
            && !reported.is_some_and(|at| self.is_durable(at))
            && !self.is_not_taken(id)
    }

    /// When the last record was made, durable or not.
    pub(crate) fn last_at_micros(&self) -> i64 {
        self.records.last().map_or(0, |record| record.at_micros)
    }

    /// Whether its reversal is durably acknowledged.
    pub(crate) fn is_reversed(&self, id: TransactionId) -> bool {
        let position = self.lines.get(id).and_then(|line| line.reversed);
        position.is_some_and(|position| self.is_durable(position))
    }

    /// Every transaction of which something is durable.
    pub(crate) fn transactions(&self) -> impl Iterator<Item = TransactionId> {
        let known = |line: &Line| line.places.first().is_some_and(|at| *at < self.durable);
        let lines = self.lines.iter();
        lines.filter(move |(_, line)| known(line)).map(|(id, _)| id)
    }

    /// As the real one: a key comes again after an ending that did not use it up, and the newest
    /// counts.
    pub(crate) fn recall(&self, by: &RecallBy) -> Option<Past> {
        let id = match by {
            RecallBy::Spent(device, keys) => return self.spender(device, keys),
            RecallBy::Tokens(sought) => return Some(self.tokens(sought)),
            RecallBy::Transaction(id) => *id,
            RecallBy::Key(scope, key) => {
                let has_key = |id: &TransactionId| {
                    let intent = self.intent_of(*id);
                    let unsent = self
                        .ending_of(*id)
                        .and_then(|ending| ending.unsent.as_ref());
                    intent.is_some_and(|at| at.scope == *scope && at.request.key == *key)
                        || unsent.is_some_and(|at| at.scope == *scope && at.request.key == *key)
                };
                let known = self.transactions().filter(has_key);
                known.max_by_key(|id| self.lines[id].places.first().copied())?
            }
        };
        let records = self.records_of(id);
        if records.is_empty() {
            return None;
        }
        Some(Past {
            records,
            changes: self.changes_of(id),
            tokens: Vec::new(),
        })
    }

    /// Who spent one of these keys of a device.
    fn spender(&self, device: &DeviceId, keys: &[SpentKey]) -> Option<Past> {
        let spent = |id: &TransactionId| {
            self.lines[id].intents().any(|intent| {
                intent.device.as_ref() == Some(device)
                    && intent.spent.iter().any(|key| keys.contains(key))
            })
        };
        let id = self.transactions().find(spent)?;
        Some(Past {
            records: self.records_of(id),
            ..Past::default()
        })
    }

    /// Kept tokens that were asked for, as the durable records leave them.
    fn tokens(&self, sought: &[Sought]) -> Past {
        let mut past = Past::default();
        let mut texts = Vec::new();
        for sought in sought {
            match sought {
                Sought::GivenBy(id) => {
                    past.records = self.records_of(*id);
                    let ending = self.ending_of(*id).map(|ending| &ending.answer);
                    if let Some(FinalAnswer::Approved(approved)) = ending {
                        texts.extend(approved.extras.token.clone());
                    }
                }
                Sought::Text(text) => texts.push(text.clone()),
                Sought::Named(_) => {}
            }
        }
        let is_sought = |token: &&Token| {
            texts.contains(&token.token)
                || sought.iter().any(|sought| match sought {
                    Sought::Named(Named::Id(id)) => token.id == *id,
                    Sought::Named(Named::Reference(name)) => {
                        token.reference == *name && !token.deleted
                    }
                    _ => false,
                })
        };
        let kept = kept(&self.records[..self.durable]);
        past.tokens = kept.values().filter(is_sought).cloned().collect();
        past
    }

    /// Every token that was ever kept, as the records leave it, durable or not.
    pub(crate) fn kept(&self) -> BTreeMap<TokenId, Token> {
        kept(&self.records)
    }

    fn changes_of(&self, original: TransactionId) -> Vec<PastChange> {
        let mut changes = Vec::new();
        let mut ids: Vec<_> = self.transactions().collect();
        ids.sort_unstable_by_key(|id| self.lines[id].places[0]);
        for id in ids {
            let intent = self.intent_of(id);
            let unsent = self.lines[&id].unsent();
            let request = intent.map(|intent| &intent.request);
            let request = request.or(unsent.map(|unsent| &unsent.request));
            let change = match request.map(|request| request.kind) {
                Some(kind) if kind.original() == Some(original) => match kind.change() {
                    Some(change) => change,
                    None => continue,
                },
                _ => continue,
            };
            let asked = intent.map(|intent| intent.amounts.total.minor);
            let unsent_asked = request.and_then(|request| request.amounts);
            let unsent_asked = unsent_asked.map(|amounts| amounts.total.minor);
            let amount_minor = self.approved_minor(id).or(asked).or(unsent_asked);
            changes.push(PastChange {
                transaction_id: id,
                change,
                amount_minor: amount_minor.unwrap_or(0),
                counts: self.counts(id),
            });
        }
        changes
    }

    /// What its durable ending says was approved.
    pub(crate) fn approved_minor(&self, id: TransactionId) -> Option<i64> {
        match &self.ending_of(id)?.answer {
            FinalAnswer::Approved(approved) => Some(approved.approved_minor),
            FinalAnswer::Refused(_) => None,
        }
    }

    /// Whether it stands, or may stand.
    pub(crate) fn counts(&self, id: TransactionId) -> bool {
        let Some(ending) = self.ending_of(id) else {
            return true;
        };
        outcome(&ending.answer) == Outcome::Approved
            || self.needs_operator(id)
            || self.is_undoing(id)
            || self.resolved(id) == Some(Outcome::Approved)
    }

    /// Whether it stands for certain, by the other side's word or a person's.
    pub(crate) fn is_approved(&self, id: TransactionId) -> bool {
        match self.resolved(id) {
            Some(word) => word == Outcome::Approved,
            None => self.outcome_of(id) == Some(Outcome::Approved),
        }
    }

    /// Whether it must durably be undone, and nobody said that it is.
    pub(crate) fn is_undoing(&self, id: TransactionId) -> bool {
        let announced = self.ending_of(id).is_some_and(|it| it.reversal.is_some());
        announced && !self.is_reversed(id) && self.resolved(id).is_none()
    }

    /// The last close of each batch.
    fn closed(&self) -> Vec<BatchClosed> {
        let mut closed: Vec<BatchClosed> = Vec::new();
        let mut lines: Vec<_> = self.lines().collect();
        lines.sort_unstable_by_key(|(_, line)| std::cmp::Reverse(line.places[0]));
        for (id, line) in lines {
            let (Some(intent), Some((at, _))) = (self.intent_of(id), &line.ended) else {
                continue;
            };
            let done = self.outcome_of(id) == Some(Outcome::Approved);
            if intent.request.kind != Kind::BatchClose || !done {
                continue;
            }
            let place = usize::try_from(*at).expect("small") - 1;
            let newest = BatchClosed {
                gateway: intent.gateway.clone(),
                device: intent.device.clone(),
                acceptor: intent.wire.acceptor.clone(),
                at_micros: self.records[place].at_micros,
            };
            let same = |known: &BatchClosed| {
                (&known.gateway, &known.device, &known.acceptor)
                    == (&newest.gateway, &newest.device, &newest.acceptor)
            };
            if !closed.iter().any(same) {
                closed.push(newest);
            }
        }
        closed
    }

    /// What a starting host is handed.
    pub(crate) fn restored(&self) -> Restored {
        let mut restored = Restored {
            position: Position(self.durable as u64),
            last_at_micros: self.records[..self.durable]
                .last()
                .map_or(0, |record| record.at_micros),
            closed: self.closed(),
            ..Restored::default()
        };
        let mut open = Vec::new();
        for (id, line) in self.lines() {
            let begun = line.intents().count() > 0 && line.places[0] < self.durable;
            if !begun {
                continue;
            }
            let stan = line.intents().map(|intent| intent.wire.stan).max();
            let forwarded_as = self.forwarding_of(id).map(|wire| wire.stan);
            restored.stan = restored.stan.max(stan.max(forwarded_as).unwrap_or(0));
            let at_rest = match self.ending_of(id) {
                None => false,
                Some(_) => !self.is_undoing(id) && !self.is_reporting(id) && !self.is_waiting(id),
            };
            if !at_rest || self.needs_operator(id) {
                open.push((line.places[0], id));
            }
        }
        open.sort_unstable();
        restored.open = open.iter().map(|(_, id)| self.records_of(*id)).collect();
        restored
    }
}

pub(crate) fn outcome(answer: &FinalAnswer) -> Outcome {
    match answer {
        FinalAnswer::Approved(_) => Outcome::Approved,
        FinalAnswer::Refused(refused) => refused.reason.outcome(),
    }
}

/// What a record makes of a kept token.
pub(crate) fn stored_by(record: &Record) -> Option<&Token> {
    match &record.fact {
        Fact::Ended(ending) => match &ending.answer {
            FinalAnswer::Approved(approved) => approved.extras.stored.as_deref(),
            FinalAnswer::Refused(_) => None,
        },
        _ => None,
    }
}

fn kept(records: &[Record]) -> BTreeMap<TokenId, Token> {
    let stored = records.iter().filter_map(stored_by);
    stored.map(|token| (token.id, token.clone())).collect()
}
