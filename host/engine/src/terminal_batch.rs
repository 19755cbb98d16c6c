// SPDX-License-Identifier: MIT OR Apache-2.0
//! Totals and batch close on a terminal, and what its close tells of offline approvals.
//!
//! A close is repeated until the terminal has a definite answer. Money that an issuer did not take
//! is never lost without a word.

use crate::abilities::lacking;
use crate::admit::NotNow;
use crate::answer::{Notification, Reason};
use crate::device::DeviceCommand;
use crate::effect::RecallBy;
use crate::engine::{CallFor, Engine};
use crate::gateway::{Ability, Decision, Extras, GatewayAnswer, Totals, Wire};
use crate::ids::{DeviceId, Opaque, Position, Ticket, TransactionId};
use crate::keys::{Ask, RecallFor};
use crate::record::{Fact, FinalAnswer, Intent, Past};
use crate::sums::sent;
use crate::terminal::no_amount;
use crate::transaction::Transaction;
use crate::turns::is_close;

impl Engine {
    pub(crate) fn accept_close_on_terminal(
        &self,
        ask: &Ask,
        device: &DeviceId,
    ) -> Result<Transaction, NotNow> {
        let not_allowed = |detail| Err(NotNow::new(Reason::DeviceUnsupported, detail));
        if ask.request.gateway.is_some() {
            let detail = format!("{device} closes its own batch: name no gateway with it");
            return not_allowed(detail);
        }
        let terminal = self.devices.terminal(device);
        let can = terminal.map(|it| it.can).unwrap_or_default();
        if let Some(words) = lacking(&ask.request, can) {
            return not_allowed(format!("terminal {device} cannot {words}"));
        }
        if let Some(owed) = self.owes_a_word(device) {
            let transaction_id = owed.id;
            let reason = Reason::UnresolvedTransaction { transaction_id };
            let detail = format!("not resolved on terminal {device}: {transaction_id}");
            return Err(NotNow::new(reason, detail));
        }
        self.check_terminal_free(device, &ask.scope.register)?;
        let acceptor = self.terminal_acceptor(device);
        let mut close = self.accepted(ask, no_amount(), None, acceptor);
        close.device = Some(device.clone());
        Ok(close)
    }

    /// The terminal has closed its batch. What it tells of offline approvals is looked up first.
    pub(crate) fn closed_on_terminal(&mut self, close: &mut Transaction, totals: Totals) {
        if close.collecting.is_some() {
            return;
        }
        for told in &totals.collected {
            let purpose = RecallFor::Collected {
                close: close.id,
                of: told.transaction_id,
                accepted: told.accepted,
            };
            // Its ending may still be on its way to disk.
            let by = RecallBy::Transaction(told.transaction_id);
            self.recall(self.position, by, purpose);
        }
        close.collecting = Some((totals.collected.len(), totals));
        self.end_of_collection(close);
    }

    pub(crate) fn collected_recalled(
        &mut self,
        close: TransactionId,
        of: TransactionId,
        accepted: bool,
        past: Option<&Past>,
    ) {
        self.with(close, |engine, close| {
            if let Some(intent) = past.and_then(|past| waits_for_collection(past, close)) {
                engine.record_collected(close, of, intent, accepted);
            }
            if let Some((left, _)) = &mut close.collecting {
                *left = left.saturating_sub(1);
            }
            engine.end_of_collection(close);
        });
    }

    fn record_collected(
        &mut self,
        close: &mut Transaction,
        of: TransactionId,
        intent: &Intent,
        accepted: bool,
    ) {
        let by = close.id;
        self.append_to(of, Fact::Collected { accepted, by }, false);
        close.after = self.position;
        if !accepted {
            let lost = Notification::NotCollected {
                register: intent.scope.register.clone(),
                transaction_id: of,
                key: intent.request.key.clone(),
                amount: intent.amounts.total,
            };
            self.notify(close.after, lost);
        }
    }

    fn end_of_collection(&mut self, close: &mut Transaction) {
        match close.collecting.take() {
            Some((0, totals)) => self.end_closed(close, totals),
            left => close.collecting = left,
        }
    }

    fn end_closed(&mut self, close: &mut Transaction, totals: Totals) {
        let answer = GatewayAnswer {
            decision: Decision::Approved,
            response_code: "".into(),
            response_text: None,
            approved_minor: Some(0),
            approval_code: None,
            rrn: None,
            signature_required: false,
            issuer: Opaque::default(),
            extras: Extras {
                totals: Some(Box::new(totals)),
                ..Extras::default()
            },
        };
        self.end_approved(close, &answer, 0, None);
    }

    /// Somebody wants to see a terminal's totals. No money moves, and nothing is recorded.
    pub(crate) fn ask_terminal_for_totals(
        &mut self,
        ticket: Ticket,
        id: TransactionId,
        device: &DeviceId,
    ) {
        if let Err(not_now) = self.may_tell_totals(device) {
            let (reason, retry_after_ms, detail) = not_now.into_parts();
            let mut refused = self.refusal(reason);
            refused.retry_after_ms = retry_after_ms;
            refused.detail = detail;
            self.refuse(Position(0), Some(ticket), refused);
            return;
        }
        let wire = Wire {
            transaction_id: id,
            stan: self.next_stan(),
            at_micros: self.now.wall_micros,
            acceptor: self.terminal_acceptor(device),
            reference: "".into(),
        };
        let owner = "host".into();
        self.devices.hold(device, owner, None, self.now.wall_micros);
        let purpose = CallFor::Identify {
            device: device.clone(),
            ticket,
        };
        let command = DeviceCommand::Reconcile { wire, close: false };
        let limit_ms = self.config.timeouts.gateway_ms;
        self.call_device(Position(0), device, purpose, command, limit_ms);
        self.devices.let_go(device);
    }

    fn may_tell_totals(&self, device: &DeviceId) -> Result<(), NotNow> {
        let terminal = self.devices.terminal(device);
        if !terminal.is_some_and(|it| it.can.contains(&Ability::BatchTotals)) {
            let detail = format!("terminal {device} cannot tell the totals of its batch");
            return Err(NotNow::new(Reason::DeviceUnsupported, detail));
        }
        let busy_hint_ms = self.config.timeouts.busy_hint_ms;
        let idle = self.devices.check_idle(device, None, busy_hint_ms);
        idle.map_err(crate::devices::NoDevice::not_now)
    }
}

/// The intent of an offline approval of the closing terminal that nobody told of yet.
fn waits_for_collection<'a>(past: &'a Past, close: &Transaction) -> Option<&'a Intent> {
    let (intent, answer) = sent(past)?;
    let offline = match answer {
        Some(FinalAnswer::Approved(approved)) => approved.extras.offline,
        _ => false,
    };
    let told = |fact: &Fact| matches!(fact, Fact::Collected { .. });
    let told = past.records.iter().any(|record| told(&record.fact));
    (offline && !told && intent.device == close.device).then_some(intent)
}

/// What a close asks of its terminal.
pub(crate) fn close_of(transaction: &Transaction) -> Option<DeviceCommand> {
    if !is_close(transaction) {
        return None;
    }
    let wire = transaction.wire.clone()?;
    Some(DeviceCommand::Reconcile { wire, close: true })
}
