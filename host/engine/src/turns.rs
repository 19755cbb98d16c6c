// SPDX-License-Identifier: MIT OR Apache-2.0
//! Turns of an acceptor at its gateway: how many may be in flight, what must come first.
//!
//! Whoever has no room waits in line before anything is sent, first come, first served. A batch
//! close stands at the head of its line until everything in flight has ended and every reversal is
//! acknowledged, and nobody passes it. Never lets anybody wait without an end.

use crate::admit::NotNow;
use crate::answer::Reason;
use crate::engine::{Alarm, Engine};
use crate::ids::{Acceptor, GatewayId, TransactionId};
use crate::request::Kind;
use crate::transaction::{Phase, SealedRead, Transaction};
use std::collections::{BTreeMap, VecDeque};

/// Whose money, at which gateway.
type Line = (GatewayId, Acceptor);

/// Who waits, for each acceptor.
#[derive(Debug, Default)]
pub(crate) struct Turns(BTreeMap<Line, VecDeque<TransactionId>>);

impl Turns {
    /// Whether anybody waits in this line.
    pub(crate) fn somebody_waits(&self, line: &Line) -> bool {
        self.0.contains_key(line)
    }
}

/// What an acceptor has under way.
#[derive(Debug, Default)]
struct UnderWay {
    in_flight: usize,
    reversing: bool,
    closing: bool,
}

impl Engine {
    /// Makes references and asks, as soon as there is room.
    pub(crate) fn line_up(&mut self, transaction: &mut Transaction, read: Option<SealedRead>) {
        let first = is_close(transaction);
        let Some(line) = line(transaction) else {
            return;
        };
        if let Err(not_now) = self.still_reachable(transaction) {
            self.gateway_away(transaction, read, not_now);
            return;
        }
        let somebody_waits = self.turns.0.contains_key(&line);
        if (first || !somebody_waits) && self.has_room(transaction) {
            self.prepare(transaction, read);
        } else {
            self.wait_in_line(transaction, read, first);
        }
    }

    /// Waits for its turn; `first`: before everybody else.
    pub(crate) fn wait_in_line(
        &mut self,
        transaction: &mut Transaction,
        read: Option<SealedRead>,
        first: bool,
    ) {
        let Some(line) = line(transaction) else {
            return;
        };
        transaction.phase = Phase::AwaitingTurn(read);
        let line = self.turns.0.entry(line).or_default();
        if first {
            line.push_front(transaction.id);
        } else {
            line.push_back(transaction.id);
        }
        let timeouts = self.config.timeouts;
        let limit_ms = match transaction.request.kind {
            Kind::BatchClose => timeouts.hard_ms,
            _ => timeouts.turn_ms,
        };
        let former = transaction.pause.take();
        transaction.pause = Some(self.set_timer(former, transaction, Alarm::Turn, limit_ms));
    }

    /// Whoever comes next and has room gets its turn.
    pub(crate) fn serve_turns(&mut self) {
        let lines: Vec<_> = self.turns.0.keys().cloned().collect();
        for line in lines {
            while let Some(id) = self.next_in(&line) {
                if let Some(waiting) = self.turns.0.get_mut(&line) {
                    waiting.pop_front();
                }
                self.with(id, |engine, transaction| engine.turn_came(transaction));
            }
        }
        self.turns.0.retain(|_, waiting| !waiting.is_empty());
    }

    /// The first of a line, if there is room for it. Those that went away are forgotten.
    fn next_in(&mut self, line: &Line) -> Option<TransactionId> {
        let waiting = self.turns.0.get_mut(line)?;
        let open = &self.open;
        let waits = |id: &TransactionId| {
            let phase = open.get(id).map(|transaction| &transaction.phase);
            matches!(phase, Some(Phase::AwaitingTurn(_)))
        };
        waiting.retain(waits);
        let first = *waiting.front()?;
        self.has_room(self.open.get(&first)?).then_some(first)
    }

    fn turn_came(&mut self, transaction: &mut Transaction) {
        let Phase::AwaitingTurn(read) = transaction.phase.clone() else {
            return;
        };
        self.end_pause(transaction);
        if let Some(line) = line(transaction) {
            self.forwards.give_way_no_more(&line);
        }
        if is_close(transaction)
            && let Err(not_now) = self.check_settled(transaction)
        {
            self.give_up_before_intent(transaction, not_now);
            return;
        }
        self.prepare(transaction, read);
    }

    /// It has waited long enough: nothing was sent, and its key is free.
    pub(crate) fn turn_expired(&mut self, transaction: &mut Transaction) {
        let Phase::AwaitingTurn(read) = transaction.phase.clone() else {
            return;
        };
        if let (Some(_), Err(not_now)) = (&read, self.still_reachable(transaction)) {
            self.gateway_away(transaction, read, not_now);
            return;
        }
        let unresolved = match transaction.request.kind {
            Kind::BatchClose => self.check_settled(transaction).err(),
            _ => None,
        };
        let detail = "the gateway took no more transactions of this acceptor in time";
        let not_now = unresolved.unwrap_or_else(|| NotNow::new(Reason::GatewayUnavailable, detail));
        self.give_up_before_intent(transaction, not_now);
    }

    /// Whether a reversal must be acknowledged before its intent.
    pub(crate) fn must_wait_again(&self, transaction: &Transaction) -> bool {
        let gateway = transaction.gateway.as_ref();
        let parameters = gateway.and_then(|gateway| self.reachable(gateway).ok());
        let first = is_close(transaction);
        parameters.is_some_and(|parameters| parameters.reversal_before_next || first)
            && self.under_way(transaction).reversing
    }

    pub(crate) fn has_room(&self, transaction: &Transaction) -> bool {
        let gateway = transaction.gateway.as_ref();
        let Some(parameters) = gateway.and_then(|gateway| self.reachable(gateway).ok()) else {
            return false;
        };
        let under_way = self.under_way(transaction);
        if is_close(transaction) {
            return under_way.in_flight == 0 && !under_way.reversing;
        }
        let most = parameters.in_flight_per_acceptor;
        let full = most.is_some_and(|most| under_way.in_flight >= most as usize);
        let blocked = parameters.reversal_before_next && under_way.reversing;
        let forgetting = transaction.request.terms.keep.is_some()
            && gateway.is_some_and(|gateway| self.is_forgetting(gateway));
        !full && !blocked && !under_way.closing && !forgetting
    }

    /// What others of the same acceptor have under way. What a batch close is done in spite of does
    /// not hold it up, unless it is on its way back: that ends by itself.
    fn under_way(&self, transaction: &Transaction) -> UnderWay {
        let mut under_way = UnderWay::default();
        for other in self.open.values() {
            if other.id == transaction.id || !same_acceptor(transaction, other) {
                continue;
            }
            under_way.reversing |= other.phase == Phase::Reversing;
            // It ends by itself, in spite of what anybody says.
            if other.is_being_forwarded() {
                under_way.in_flight += 1;
                continue;
            }
            let despite = is_close(transaction) && transaction.request.despite.contains(&other.id);
            let begun = matches!(other.phase, Phase::Preparing(_) | Phase::Keeping(_));
            let sent = other.intent || begun;
            if sent && !despite && other.ending.is_none() && other.phase != Phase::NeedsOperator {
                under_way.in_flight += 1;
                under_way.closing |= is_close(other);
            }
        }
        under_way
    }

    /// A batch is closed only when nothing in it is unknown, or by somebody who knows.
    pub(crate) fn check_settled(&self, close: &Transaction) -> Result<(), NotNow> {
        let open = self.open.values();
        let unknown = open.filter(|other| {
            same_acceptor(close, other)
                && other.id != close.id
                && (other.is_unknown() || other.owes_forwarding())
                && !close.request.despite.contains(&other.id)
        });
        let unknown: Vec<_> = unknown.map(|other| other.id).collect();
        let Some(first) = unknown.first() else {
            return Ok(());
        };
        let reason = Reason::UnresolvedTransaction {
            transaction_id: *first,
        };
        let names: Vec<_> = unknown.iter().map(ToString::to_string).collect();
        let detail = format!("not resolved or not forwarded: {}", names.join(", "));
        Err(NotNow {
            unresolved: unknown,
            ..NotNow::new(reason, detail)
        })
    }

    /// A batch is closed by one at a time.
    pub(crate) fn check_not_closing(&self, close: &Transaction) -> Result<(), NotNow> {
        let mut open = self.open.values();
        let other = open
            .find(|other| same_acceptor(close, other) && is_close(other) && other.ending.is_none());
        match other {
            Some(other) => {
                let detail = format!("transaction {} is closing this batch", other.id);
                Err(NotNow::new(Reason::NotAllowed, detail))
            }
            None => Ok(()),
        }
    }
}

fn line(transaction: &Transaction) -> Option<Line> {
    let gateway = transaction.gateway.clone()?;
    Some((gateway, transaction.acceptor.clone()))
}

fn same_acceptor(one: &Transaction, other: &Transaction) -> bool {
    one.gateway == other.gateway && one.gateway.is_some() && one.acceptor == other.acceptor
}

/// Whether it closes a batch.
pub(crate) fn is_close(transaction: &Transaction) -> bool {
    transaction.request.kind == Kind::BatchClose
}
