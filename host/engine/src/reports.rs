// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a gateway must still be told about an outcome: the chip's completion, the order behind it.
//!
//! Its registers have their answer and its device is free; one report at a time is on its way to
//! each gateway, again and again until the gateway knows or it is too old to matter. Never changes
//! an outcome, and nothing waits for it.

use crate::engine::Engine;
use crate::gateway::{Ability, GatewayCommand, GatewayReply, Report};
use crate::ids::{GatewayId, Opaque};
use crate::limits::REPORTS_MAX;
use crate::record::{Fact, FinalAnswer, Owed};
use crate::transaction::{Phase, Transaction};
use std::sync::Arc;

/// Tags of a completion as they are kept, if there are any.
pub(crate) fn completion_tags(tags: &Opaque) -> Option<Arc<str>> {
    let text = std::str::from_utf8(&tags.0).ok()?;
    // An empty list, object or string.
    (text.len() > 2).then(|| text.into())
}

impl Engine {
    /// What a gateway must be told once this is the answer.
    pub(crate) fn owed(&self, transaction: &Transaction, answer: &FinalAnswer) -> Owed {
        let approved = matches!(answer, FinalAnswer::Approved(_));
        let order = transaction.request.order.as_ref().filter(|_| approved);
        let target = order.and_then(|_| match &transaction.gateway {
            Some(gateway) => Some(gateway.clone()),
            None => (self.choose_gateway(transaction.request.gateway.as_ref())).ok(),
        });
        let order = target.filter(|gateway| self.is_able(gateway, Ability::NotifyOrder));
        let gateway = transaction.gateway.as_ref();
        let advised = gateway.is_some_and(|gateway| self.is_able(gateway, Ability::Advice));
        let forget = self.forgettable(transaction, answer);
        Owed {
            // What is forwarded carries them.
            advice: (transaction.tags.clone()).filter(|_| advised && transaction.stored.is_none()),
            order,
            forget: forget.filter(|it| self.is_able(&it.gateway, Ability::ForgetToken)),
        }
    }

    /// One that nobody has heard of since the start may be able: it is asked, and says so.
    fn is_able(&self, gateway: &GatewayId, ability: Ability) -> bool {
        let status = self.gateways.get(gateway);
        let parameters = status.and_then(|status| status.parameters.as_ref());
        parameters.is_none_or(|parameters| parameters.can.contains(&ability))
    }

    /// Its outcome is final on both sides: it leaves, or reports first.
    pub(crate) fn come_to_rest(&mut self, transaction: &mut Transaction) {
        if transaction.owed.is_nothing() || transaction.ending.is_none() {
            transaction.phase = Phase::Settled;
            return;
        }
        let open = self.open.values();
        if open.filter(|open| open.phase == Phase::Reporting).count() >= REPORTS_MAX {
            // It stays open in the journal, and the next start takes it up.
            transaction.phase = Phase::Settled;
            return;
        }
        transaction.phase = Phase::Reporting;
        transaction.attempts = 0;
        self.try_report(transaction);
    }

    /// Makes the next report, if its gateway is there and busy with no other.
    pub(crate) fn try_report(&mut self, transaction: &mut Transaction) {
        self.end_pause(transaction);
        if self.age_ms(transaction) >= self.config.timeouts.report_ms {
            self.reports_over(transaction, false);
            return;
        }
        let report = next(transaction);
        let Some(gateway) = transaction.awaited_gateway().cloned() else {
            let known = !transaction.report_refused;
            self.reports_over(transaction, known);
            return;
        };
        if !self.gateways.get(&gateway).is_some_and(|it| it.ready) {
            self.pause(transaction);
            return;
        }
        if self.reporting.contains_key(&gateway) {
            return;
        }
        let (Some(wire), Some(report)) = (transaction.wire.clone(), report) else {
            match transaction.owed.forget.clone() {
                Some(forget) => self.try_forget(transaction, forget),
                None => self.reports_over(transaction, false),
            }
            return;
        };
        self.reporting.insert(gateway.clone(), transaction.id);
        let command = GatewayCommand::Report { wire, report };
        self.call_gateway_of(transaction, gateway, command);
    }

    /// The gateway replied to a report.
    pub(crate) fn report_replied(&mut self, transaction: &mut Transaction, reply: &GatewayReply) {
        let gateway = transaction.awaited_gateway().cloned();
        if let Some(gateway) = &gateway {
            self.reporting.remove(gateway);
        }
        let known = match reply {
            GatewayReply::Reported => true,
            // It will not take it.
            GatewayReply::Unsupported | GatewayReply::Answered(_) => false,
            _ => {
                self.pause(transaction);
                return;
            }
        };
        transaction.report_refused |= !known;
        transaction.attempts = 0;
        let owed = &mut transaction.owed;
        if owed.advice.take().is_none() && owed.order.take().is_none() {
            owed.forget = None;
        }
        self.try_report(transaction);
    }

    /// Gives each gateway that is free its next report.
    pub(crate) fn serve_reports(&mut self) {
        let waiting = self.open.values().filter(|open| {
            let gateway = open.awaited_gateway();
            open.phase == Phase::Reporting
                && open.call.is_none()
                && open.pause.is_none()
                && gateway.is_some_and(|gateway| !self.reporting.contains_key(gateway))
        });
        let waiting: Vec<_> = waiting.map(|open| open.id).collect();
        for id in waiting {
            self.with(id, |engine, transaction| engine.try_report(transaction));
        }
    }

    fn reports_over(&mut self, transaction: &mut Transaction, known: bool) {
        self.append_lazily(transaction, Fact::Reported { known });
        transaction.owed = Owed::default();
        transaction.phase = Phase::Settled;
    }
}

/// The next thing to tell of the payment itself.
fn next(transaction: &Transaction) -> Option<Report> {
    if let Some(tags) = &transaction.owed.advice {
        return Some(Report::Advice { tags: tags.clone() });
    }
    transaction.owed.order.as_ref()?;
    let mut amounts = transaction.amounts;
    if let Some(FinalAnswer::Approved(approved)) = &transaction.ending {
        amounts = approved.requested;
        amounts.total.minor = approved.approved_minor;
    }
    let order = transaction.request.order.clone()?;
    Some(Report::NotifyOrder { amounts, order })
}
