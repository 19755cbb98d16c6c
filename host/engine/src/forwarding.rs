// SPDX-License-Identifier: MIT OR Apache-2.0
//! What became of sales that were accepted offline: forwarded in order, one at a time for each
//! acceptor, each until there is a definite answer. One that may have arrived again and again, and
//! never gets an answer, is passed by the others while it waits for its next attempt.
//!
//! From the record of its references on, a sale may have been forwarded: it is repeated with the
//! same references and never taken back. Its register's answer never changes.

use crate::answer::{Notification, Outcome};
use crate::engine::Engine;
use crate::gateway::{Decision, GatewayAnswer, GatewayCommand, GatewayReply, Wire};
use crate::ids::{Acceptor, GatewayId, TransactionId};
use crate::limits::REFERENCE_BYTES_MAX;
use crate::money::Amount;
use crate::record::{Fact, FinalAnswer, Owed, Record};
use crate::transaction::{Phase, Transaction};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What became of a sale that was accepted offline.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Forwarding {
    /// Where it is.
    pub state: ForwardingState,
    /// Since when, microseconds since 1970 UTC.
    pub at_micros: i64,
    /// DE 39 of the gateway, once it has answered.
    pub response_code: Option<Arc<str>>,
    /// The gateway's words, or why a person must look.
    pub response_text: Option<Arc<str>>,
    /// When the next attempt is due, as far as one is planned; microseconds since 1970 UTC.
    pub next_at_micros: Option<i64>,
}

/// Where a sale is that was accepted offline.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardingState {
    /// It waits for its gateway.
    Waiting,
    /// The gateway took it: it is as any sale.
    Approved,
    /// The issuer did not take it: the money is lost.
    Declined,
    /// It was taken back before its gateway heard of it: nothing was charged.
    Withdrawn,
    /// It cannot be forwarded: a person must look.
    NeedsOperator,
}

/// What is lost with a sale that was accepted offline and not taken by its issuer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Loss {
    /// How much.
    pub amount: Amount,
    /// The register's own reference.
    pub reference: Option<Arc<str>>,
    /// Basket, customer and custom fields as JSON text, verbatim.
    pub order: Option<Arc<str>>,
}

impl Forwarding {
    /// As it stands since a moment, without anybody's words.
    pub(crate) fn since(state: ForwardingState, at_micros: i64) -> Self {
        Self {
            state,
            at_micros,
            response_code: None,
            response_text: None,
            next_at_micros: None,
        }
    }

    /// By the gateway's word.
    fn answered(answer: &GatewayAnswer, at_micros: i64) -> Self {
        let state = match answer.decision {
            Decision::Approved => ForwardingState::Approved,
            Decision::Declined | Decision::Rejected | Decision::Referred => {
                ForwardingState::Declined
            }
        };
        Self {
            response_code: Some(answer.response_code.clone()),
            response_text: answer.response_text.clone(),
            ..Self::since(state, at_micros)
        }
    }

    /// By a person's word.
    pub(crate) fn resolved(outcome: Outcome, at_micros: i64) -> Self {
        let state = match outcome {
            Outcome::Approved => ForwardingState::Approved,
            _ => ForwardingState::Declined,
        };
        Self::since(state, at_micros)
    }
}

/// What became of a transaction that was accepted offline, by its records; of one that took such a
/// sale back, that it did. Absent for all others.
pub fn became(records: &[Record]) -> Option<Forwarding> {
    let mut became = None;
    for record in records {
        let at_micros = record.at_micros;
        match &record.fact {
            Fact::Ended(ending) => {
                became = match &ending.answer {
                    _ if ending.became.is_some() => ending.became.as_deref().cloned(),
                    FinalAnswer::Approved(approved) if ending.stored.is_some() => Some(
                        Forwarding::since(ForwardingState::Waiting, approved.at_micros),
                    ),
                    FinalAnswer::Approved(approved) if approved.withdrawal => Some(
                        Forwarding::since(ForwardingState::Withdrawn, approved.at_micros),
                    ),
                    _ => None,
                };
            }
            Fact::Forwarded { answer } => became = Some(Forwarding::answered(answer, at_micros)),
            Fact::Withdrawn { .. } => {
                became = Some(Forwarding::since(ForwardingState::Withdrawn, at_micros));
            }
            Fact::NeedsOperator { reason } if became.is_some() => {
                became = Some(Forwarding {
                    response_text: Some(reason.clone()),
                    ..Forwarding::since(ForwardingState::NeedsOperator, at_micros)
                });
            }
            Fact::Resolved(word) if became.is_some() => {
                became = Some(Forwarding::resolved(word.outcome, at_micros));
            }
            _ => {}
        }
    }
    became
}

/// Whose money, at which gateway.
type Line = (GatewayId, Acceptor);

/// Sales that wait to be forwarded, in the order of their acceptance.
#[derive(Debug, Default)]
pub(crate) struct Forwards {
    lines: BTreeMap<Line, BTreeSet<(i64, TransactionId)>>,
    /// Acceptors of which one was forwarded since the last of its waiting sales got its turn.
    had_turn: BTreeSet<Line>,
    /// Which one of each acceptor was tried last.
    tried: BTreeMap<Line, TransactionId>,
}

impl Forwards {
    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.lines.values().map(BTreeSet::len).sum()
    }

    fn add(&mut self, transaction: &Transaction) {
        if let Some((line, place)) = place(transaction) {
            self.lines.entry(line).or_default().insert(place);
        }
    }

    fn remove(&mut self, transaction: &Transaction) {
        let Some((line, place)) = place(transaction) else {
            return;
        };
        if let Some(waiting) = self.lines.get_mut(&line) {
            waiting.remove(&place);
            if waiting.is_empty() {
                self.lines.remove(&line);
                self.had_turn.remove(&line);
                self.tried.remove(&line);
            }
        }
    }

    /// One who waited for its turn got it.
    pub(crate) fn give_way_no_more(&mut self, line: &Line) {
        self.had_turn.remove(line);
    }
}

fn place(transaction: &Transaction) -> Option<(Line, (i64, TransactionId))> {
    let line = (transaction.gateway.clone()?, transaction.acceptor.clone());
    Some((line, (transaction.accepted_at_micros()?, transaction.id)))
}

impl Engine {
    /// It is accepted: its gateway hears of it when its turn comes.
    pub(crate) fn wait_to_forward(&mut self, transaction: &mut Transaction) {
        if transaction.phase != Phase::Forwarding {
            transaction.phase = Phase::Stored;
        }
        transaction.attempts = 0;
        self.forwards.add(transaction);
    }

    /// The oldest of each acceptor is forwarded as soon as there is room.
    pub(crate) fn serve_forwards(&mut self) {
        let lines: Vec<_> = self.forwards.lines.keys().cloned().collect();
        for line in lines {
            if let Some(id) = self.next_to_forward(&line) {
                self.forwards.had_turn.insert(line.clone());
                self.forwards.tried.insert(line, id);
                self.with(id, |engine, transaction| engine.forward(transaction));
            }
        }
    }

    /// A gateway has answered somebody: what it certainly never heard of waits no longer for its next
    /// attempt. A line that nobody saw come back is noticed by this alone.
    pub(crate) fn forward_soon(&mut self, gateway: &GatewayId) {
        let lines = self.forwards.lines.iter();
        let lines = lines.filter(|((at, _), _)| at == gateway);
        let waiting = lines.flat_map(|(_, waiting)| waiting.iter().map(|(_, id)| *id));
        let paused: Vec<_> = waiting.filter(|id| self.may_go_sooner(*id)).collect();
        for id in paused {
            self.with(id, |engine, transaction| {
                transaction.attempts = 0;
                engine.end_pause(transaction);
            });
        }
    }

    fn may_go_sooner(&self, id: TransactionId) -> bool {
        let waiting = self.open.get(&id);
        waiting.is_some_and(|waiting| {
            waiting.pause.is_some() && waiting.call.is_none() && !waiting.sent_before
        })
    }

    fn next_to_forward(&self, line: &Line) -> Option<TransactionId> {
        let tried = self.forwards.tried.get(line);
        let tried = tried.and_then(|id| self.open.get(id));
        if tried.is_some_and(Transaction::is_being_forwarded) {
            return None;
        }
        let waiting = self.forwards.lines.get(line)?.iter();
        let mut waiting = waiting.filter_map(|(_, id)| self.open.get(id));
        let oldest = waiting.find(|waiting| !self.is_passed(waiting))?;
        let waits = oldest.call.is_none() && oldest.pause.is_none();
        let gives_way = self.forwards.had_turn.contains(line) && self.turns.somebody_waits(line);
        (waits && !gives_way && self.has_room(oldest)).then_some(oldest.id)
    }

    /// Its gateway may have heard of it often enough, and did not answer: those behind it do not
    /// wait for its next attempt.
    fn is_passed(&self, waiting: &Transaction) -> bool {
        let often = waiting.attempts >= self.config.timeouts.retry_ms.len();
        waiting.sent_before && often && waiting.pause.is_some()
    }

    fn forward(&mut self, transaction: &mut Transaction) {
        if transaction.phase == Phase::Forwarding {
            self.send_forward(transaction);
            return;
        }
        let wire = self.next_wire(transaction);
        transaction.wire = Some(wire.clone());
        let prepare = GatewayCommand::Prepare {
            wire,
            purpose: transaction.purpose(),
            amounts: transaction.amounts,
        };
        self.call_gateway(transaction, prepare);
    }

    /// The connector's references are there, or are asked for again.
    pub(crate) fn forward_prepared(&mut self, transaction: &mut Transaction, reply: GatewayReply) {
        let (Some(wire), GatewayReply::Prepared { reference }) = (transaction.wire.clone(), reply)
        else {
            self.pause(transaction);
            return;
        };
        if reference.len() > REFERENCE_BYTES_MAX {
            self.pause(transaction);
            return;
        }
        // Another may have come into trouble meanwhile: it waits for its turn again.
        if self.must_wait_again(transaction) {
            return;
        }
        let wire = Wire { reference, ..wire };
        transaction.wire = Some(wire.clone());
        self.append(transaction, Fact::Forwarding { wire });
        transaction.phase = Phase::Forwarding;
        transaction.attempts = 0;
        self.send_forward(transaction);
    }

    fn send_forward(&mut self, transaction: &mut Transaction) {
        let accepted_at_micros = transaction.accepted_at_micros();
        let (Some(wire), Some(stored), Some(device), Some(entry), Some(accepted_at_micros)) = (
            transaction.wire.clone(),
            &transaction.stored,
            transaction.device.clone(),
            transaction.entry,
            accepted_at_micros,
        ) else {
            return;
        };
        let forward = GatewayCommand::Forward {
            wire,
            purpose: transaction.purpose(),
            amounts: transaction.amounts,
            device,
            read_id: stored.read_id.clone(),
            entry,
            accepted_at_micros,
            tags: stored.tags.clone(),
            merchant_reference: transaction.request.reference.clone(),
        };
        self.call_gateway(transaction, forward);
    }

    /// The gateway replied to it. Whatever is no definite answer is asked for again.
    pub(crate) fn forward_replied(&mut self, transaction: &mut Transaction, reply: GatewayReply) {
        match reply {
            GatewayReply::Answered(answer) => self.forwarded(transaction, *answer),
            GatewayReply::ReadLost { reason } => self.cannot_forward(transaction, reason),
            GatewayReply::Unsupported => {
                self.cannot_forward(transaction, "the connector cannot forward".into());
            }
            GatewayReply::Failed { sent: false, .. } => self.pause(transaction),
            _ => {
                // From here on nobody can say that the gateway has not heard of it.
                transaction.sent_before = true;
                self.pause(transaction);
            }
        }
    }

    fn forwarded(&mut self, transaction: &mut Transaction, answer: GatewayAnswer) {
        let asked = transaction.amounts.total.minor;
        let other = answer.approved_minor.filter(|minor| *minor != asked);
        if let (Decision::Approved, Some(minor)) = (answer.decision, other) {
            let detail = format!("the gateway took {minor} minor units of {asked}");
            self.cannot_forward(transaction, detail.into());
            return;
        }
        let forwarding = Forwarding::answered(&answer, self.now.wall_micros);
        let answer = Box::new(answer);
        self.append(transaction, Fact::Forwarded { answer });
        self.no_longer_waits(transaction, forwarding);
    }

    /// A person must find out what became of it. What its register was told stands.
    fn cannot_forward(&mut self, transaction: &mut Transaction, reason: Arc<str>) {
        let forwarding = Forwarding {
            response_text: Some(reason.clone()),
            ..Forwarding::since(ForwardingState::NeedsOperator, self.now.wall_micros)
        };
        self.append(transaction, Fact::NeedsOperator { reason });
        self.clear_timers(transaction);
        self.forwards.remove(transaction);
        transaction.call = None;
        transaction.next_at_micros = None;
        transaction.phase = Phase::NeedsOperator;
        self.tell_forwarding(transaction, forwarding);
    }

    /// It is known what became of it, and that is recorded.
    pub(crate) fn no_longer_waits(
        &mut self,
        transaction: &mut Transaction,
        forwarding: Forwarding,
    ) {
        self.forwards.remove(transaction);
        self.parents.outdated(transaction.id);
        self.end_pause(transaction);
        transaction.call = None;
        if forwarding.state != ForwardingState::Approved {
            // There is no payment whose order could be told.
            transaction.owed = Owed::default();
        }
        self.tell_forwarding(transaction, forwarding);
        self.come_to_rest(transaction);
    }

    fn tell_forwarding(&mut self, transaction: &mut Transaction, forwarding: Forwarding) {
        let lost = forwarding.state == ForwardingState::Declined;
        let loss = lost.then(|| {
            Box::new(Loss {
                amount: transaction.amounts.total,
                reference: transaction.request.reference.clone(),
                order: transaction.request.order.clone(),
            })
        });
        transaction.forwarding = Some(forwarding.clone());
        let forwarded = Notification::Forwarded {
            register: transaction.scope.register.clone(),
            transaction_id: transaction.id,
            key: transaction.request.key.clone(),
            forwarding,
            loss,
        };
        self.notify(transaction.after, forwarded);
    }
}

impl Transaction {
    /// Whether its register was told that it is approved, and nobody knows yet whether it is.
    pub(crate) fn owes_forwarding(&self) -> bool {
        self.stored.is_some() && !self.is_decided()
    }

    /// Whether its gateway is at it right now.
    pub(crate) fn is_being_forwarded(&self) -> bool {
        matches!(self.phase, Phase::Stored | Phase::Forwarding) && self.call.is_some()
    }

    /// When its register was told, if it was accepted offline; microseconds since 1970 UTC.
    fn accepted_at_micros(&self) -> Option<i64> {
        match &self.ending {
            Some(FinalAnswer::Approved(approved)) if self.stored.is_some() => {
                Some(approved.at_micros)
            }
            _ => None,
        }
    }

    /// What became of it, with the next attempt.
    pub(crate) fn forwarding(&self) -> Option<Forwarding> {
        let mut forwarding = self.forwarding.clone()?;
        forwarding.next_at_micros = self.next_at_micros;
        Some(forwarding)
    }
}
