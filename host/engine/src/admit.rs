// SPDX-License-Identifier: MIT OR Apache-2.0
//! Acceptance: everything that must be right before a request becomes a transaction.
//!
//! A refusal here uses up no key and leaves no record.

use crate::abilities::lacking;
use crate::answer::Reason;
use crate::delayed::check_delayed;
use crate::devices::NoDevice;
use crate::engine::Engine;
use crate::gateway::{Ability, GatewayParameters};
use crate::ids::{Acceptor, DeviceId, GatewayId, Scope, TransactionId};
use crate::keys::Ask;
use crate::limits::OPEN_MAX;
use crate::money::{Amount, Amounts, Currency};
use crate::request::{Kind, MoneyRequest};
use crate::sums::{Batch, Parent, whole};
use crate::transaction::{Transaction, Waiter};
use std::sync::Arc;

/// Why a request is not accepted.
pub(crate) struct NotNow {
    pub(crate) reason: Reason,
    pub(crate) retry_after_ms: Option<u64>,
    pub(crate) detail: Option<Arc<str>>,
    /// What must be looked at first.
    pub(crate) unresolved: Vec<TransactionId>,
}

impl NotNow {
    pub(crate) fn new(reason: Reason, detail: impl Into<Arc<str>>) -> Self {
        Self {
            reason,
            retry_after_ms: None,
            detail: Some(detail.into()),
            unresolved: Vec::new(),
        }
    }
}

impl Engine {
    /// Accepts a request with a fresh key, or refuses it.
    pub(crate) fn admit(&mut self, mut ask: Ask) {
        let mut transaction = match self.accept(&mut ask) {
            Ok(transaction) => transaction,
            Err(not_now) => {
                self.refuse_ask(ask, not_now.reason, |refused| {
                    refused.retry_after_ms = not_now.retry_after_ms;
                    refused.detail = not_now.detail;
                    refused.unresolved = not_now.unresolved;
                });
                return;
            }
        };
        let waiter = |ticket| Waiter {
            ticket,
            prompts: ask.prompts,
        };
        transaction.waiters.extend(ask.ticket.map(waiter));
        transaction.known_boot_ms = self.now.boot_ms;
        self.keys
            .insert((ask.scope, ask.request.key), transaction.id);
        self.set_patience(&mut transaction, self.config.timeouts.hard_ms);
        self.parents.note(&transaction);
        self.receipts.note(&transaction);
        if transaction.withdraws {
            self.withdraw(&mut transaction);
        } else if transaction.request.is_of_books() {
            self.settle_in_books(&mut transaction);
        } else if transaction.device.is_some() {
            self.start_on_device(&mut transaction);
        } else {
            self.start_without_card(&mut transaction);
        }
        self.put(transaction);
    }

    fn accept(&self, ask: &mut Ask) -> Result<Transaction, NotNow> {
        self.check_room()?;
        check_delayed(ask)?;
        self.take_tokens(ask)?;
        if ask.request.is_of_books() {
            return self.accept_in_books(ask);
        }
        match ask.request.kind.original() {
            Some(original) => self.accept_change(ask, original),
            None if ask.request.kind.purpose().is_some() => match self.terminal_for(ask)? {
                Some(device) => self.accept_on_terminal(ask, device),
                None => self.accept_payment(ask),
            },
            None if ask.request.kind == Kind::BatchClose => match &ask.request.device {
                Some(device) if self.devices.terminal(device).is_some() => {
                    self.accept_close_on_terminal(ask, device)
                }
                _ => self.accept_close(ask),
            },
            None => self.accept_receipt(ask),
        }
    }

    /// Given back for a transaction that only its receipt tells of.
    fn accept_receipt(&self, ask: &Ask) -> Result<Transaction, NotNow> {
        let gateway = self.choose_gateway(ask.request.gateway.as_ref())?;
        let parameters = self.reachable(&gateway)?;
        let amounts = amounts_of(&ask.request, parameters);
        self.check_unresolved(&ask.request, &ask.scope, &amounts)?;
        check_able(&ask.request, &gateway, parameters)?;
        check_currency(&amounts, &gateway, parameters)?;
        self.receipts.check(&ask.request, &gateway)?;
        let acceptor = self.acceptor(&gateway);
        Ok(self.accepted(ask, amounts, Some(gateway), acceptor))
    }

    /// A card is presented, or a token stands for it.
    fn accept_payment(&self, ask: &Ask) -> Result<Transaction, NotNow> {
        let (request, register) = (&ask.request, &ask.scope.register);
        let expected = request.expected();
        let gateway = self.routed(request, register, expected.as_ref(), None)?;
        let parameters = self.usable(request, &gateway)?;
        let amounts = amounts_of(&ask.request, parameters);
        self.check_unresolved(&ask.request, &ask.scope, &amounts)?;
        check_able(&ask.request, &gateway, parameters)?;
        check_currency(&amounts, &gateway, parameters)?;
        let device = match ask.request.is_by_token() {
            true => None,
            false => Some(match self.presented_on(ask)? {
                Some(device) => device,
                None => self.choose_reader(ask)?,
            }),
        };
        if let Some(device) = &device {
            self.check_protection(device, &gateway)?;
        }
        let acceptor = self.acceptor(&gateway);
        let mut transaction = self.accepted(ask, amounts, Some(gateway), acceptor);
        transaction.device = device;
        let registered = ask.request.terms.registered.as_ref();
        if let Some(registered) = registered.filter(|_| ask.request.is_by_token()) {
            transaction.card.clone_from(&registered.card);
        }
        if let Err(not_now) = self.still_reachable(&transaction) {
            self.accept_without(&mut transaction, not_now)?;
        }
        Ok(transaction)
    }

    fn choose_reader(&self, ask: &Ask) -> Result<DeviceId, NotNow> {
        let request = &ask.request;
        let busy_hint_ms = self.config.timeouts.busy_hint_ms;
        let device = self.devices.choose(
            request.device.as_ref(),
            &request.terms.entries,
            &ask.scope.register,
            busy_hint_ms,
        );
        device.map_err(NoDevice::not_now)
    }

    fn accept_change(&self, ask: &mut Ask, original: TransactionId) -> Result<Transaction, NotNow> {
        if let Some(open) = self.open.get(&original) {
            if !ask.may_touch(&open.scope) {
                let detail = format!("no transaction {original}");
                return Err(NotNow::new(Reason::TransactionNotFound, detail));
            }
            if open.ending.is_none() {
                let detail = format!("transaction {original} has no outcome yet");
                return Err(NotNow::new(Reason::NotAllowed, detail));
            }
        }
        let parent = self.parents.changeable(original, ask)?;
        if let Some(withdrawal) = self.accept_withdrawal(ask, original, parent)? {
            return Ok(withdrawal);
        }
        let Some(gateway) = &parent.gateway else {
            return self.accept_change_on_terminal(ask, original, parent);
        };
        if ask
            .request
            .gateway
            .as_ref()
            .is_some_and(|given| given != gateway)
        {
            let detail = format!("transaction {original} belongs to gateway {gateway}");
            return Err(NotNow::new(Reason::NotAllowed, detail));
        }
        let parameters = self.reachable(gateway)?;
        let batch = Batch {
            closed: self.is_batch_closed(parent),
            can_void: parameters.can.contains(&Ability::Void),
        };
        decide_undo(ask, parent, original, batch)?;
        check_able(&ask.request, gateway, parameters)?;
        let amounts = parent.allows(ask, original, batch)?;
        let acceptor = parent.wire.acceptor.clone();
        let mut transaction = self.accepted(ask, amounts, Some(gateway.clone()), acceptor);
        transaction.original = Some(parent.wire.clone());
        transaction.card.clone_from(&parent.card);
        Ok(transaction)
    }

    /// Whether the batch of an original was closed since it was approved.
    pub(crate) fn is_batch_closed(&self, parent: &Parent) -> bool {
        let Some(approved_micros) = parent.approved_at_micros() else {
            return false;
        };
        self.closed.iter().any(|closed| {
            closed.gateway == parent.gateway
                && (closed.gateway.is_some() || closed.device == parent.device)
                && closed.acceptor == parent.wire.acceptor
                && closed.at_micros >= approved_micros
        })
    }

    pub(crate) fn accepted(
        &self,
        ask: &Ask,
        amounts: Amounts,
        gateway: Option<GatewayId>,
        acceptor: Acceptor,
    ) -> Transaction {
        Transaction::new(
            ask.id,
            ask.scope.clone(),
            ask.request.clone(),
            ask.fingerprint,
            amounts,
            gateway,
            acceptor,
            self.now.wall_micros,
        )
    }

    fn check_room(&self) -> Result<(), NotNow> {
        // What waits to be forwarded has limits of its own.
        let undecided =
            (self.open.values()).filter(|open| !open.is_decided() && !open.owes_forwarding());
        if self.open.len() < OPEN_MAX || undecided.count() < OPEN_MAX {
            return Ok(());
        }
        let detail = format!("{OPEN_MAX} transactions are open");
        Err(self.later(Reason::RateLimited, detail))
    }

    /// A cashier tries again: one basket must not be charged twice while the first try is unknown.
    pub(crate) fn check_unresolved(
        &self,
        request: &MoneyRequest,
        scope: &Scope,
        amounts: &Amounts,
    ) -> Result<(), NotNow> {
        if !request.kind.moves_money() {
            return Ok(());
        }
        let looks_the_same = |earlier: &Transaction| {
            let asked = earlier.request.amounts.unwrap_or(earlier.amounts);
            earlier.scope.register == scope.register
                && asked.total == amounts.total
                && self.age_ms(earlier) <= self.config.timeouts.guard_ms
        };
        let again = self.open.values().find(|earlier| {
            earlier.is_unknown()
                && !request.despite.contains(&earlier.id)
                && (same_reference(request, earlier) || looks_the_same(earlier))
        });
        let Some(earlier) = again else { return Ok(()) };
        let transaction_id = earlier.id;
        let reason = Reason::UnresolvedTransaction { transaction_id };
        let detail = format!("transaction {transaction_id} is not resolved");
        Err(NotNow::new(reason, detail))
    }

    /// The larger of what both clocks say, as far as they can be trusted.
    pub(crate) fn age_ms(&self, transaction: &Transaction) -> u64 {
        let boot = self.now.boot_ms.saturating_sub(transaction.known_boot_ms);
        let wall_ms = self
            .now
            .wall_micros
            .saturating_sub(transaction.started_at_micros)
            / 1_000;
        let wall = u64::try_from(wall_ms)
            .ok()
            .filter(|_| self.now.wall_trusted);
        boot.max(wall.unwrap_or(0))
    }

    pub(crate) fn choose_gateway(&self, given: Option<&GatewayId>) -> Result<GatewayId, NotNow> {
        if let Some(gateway) = given.or(self.config.gateway.as_ref()) {
            return Ok(gateway.clone());
        }
        let mut configured = self.gateways.keys();
        match (configured.next(), configured.next()) {
            (Some(only), None) => Ok(only.clone()),
            (None, _) => Err(self.later(Reason::GatewayUnavailable, "no gateway is configured")),
            (Some(_), Some(_)) => {
                let detail = "several gateways are configured and none was named";
                Err(self.later(Reason::GatewayUnavailable, detail))
            }
        }
    }

    /// What must be known of a gateway before anything is asked of it.
    pub(crate) fn reachable(&self, id: &GatewayId) -> Result<&GatewayParameters, NotNow> {
        let status = self.gateways.get(id).ok_or_else(|| {
            self.later(
                Reason::GatewayUnavailable,
                format!("gateway {id} is not configured"),
            )
        })?;
        if let (true, Some(parameters)) = (status.ready, &status.parameters) {
            return Ok(parameters);
        }
        let detail = format!("gateway {id} is not ready");
        let mut not_now = self.later(Reason::GatewayUnavailable, detail);
        not_now.retry_after_ms = status.retry_after_ms.or(not_now.retry_after_ms);
        Err(not_now)
    }

    /// Whose money it is at a gateway: one acceptor for each gateway, and so one batch; without a
    /// name where none is configured.
    pub(crate) fn acceptor(&self, gateway: &GatewayId) -> Acceptor {
        let configured = self.config.acceptors.get(gateway).cloned();
        configured.unwrap_or_default()
    }

    fn later(&self, reason: Reason, detail: impl Into<Arc<str>>) -> NotNow {
        let retry_after_ms = Some(self.config.timeouts.busy_hint_ms);
        NotNow {
            retry_after_ms,
            ..NotNow::new(reason, detail)
        }
    }
}

impl NotNow {
    /// Its detail.
    pub(crate) fn words(&self) -> Arc<str> {
        self.detail.clone().unwrap_or_default()
    }

    /// For a request that was accepted and did not get as far as its intent.
    pub(crate) fn into_parts(self) -> (Reason, Option<u64>, Option<Arc<str>>) {
        (self.reason, self.retry_after_ms, self.detail)
    }
}

/// An undo becomes a void or a refund.
pub(crate) fn decide_undo(
    ask: &mut Ask,
    parent: &Parent,
    original: TransactionId,
    batch: Batch,
) -> Result<(), NotNow> {
    if let Kind::Undo { .. } = ask.request.kind {
        let undone = parent.undo(original, batch)?;
        ask.request.kind = undone.kind;
        ask.request.amounts = undone.amounts;
        ask.request.terms.undo = Some(undone.rule);
    }
    Ok(())
}

fn same_reference(request: &MoneyRequest, earlier: &Transaction) -> bool {
    request.reference.is_some() && request.reference == earlier.request.reference
}

/// Final amounts: what was given, or nothing in a currency of the gateway.
pub(crate) fn amounts_of(request: &MoneyRequest, parameters: &GatewayParameters) -> Amounts {
    let currency = || parameters.currencies.first().copied();
    let nothing = || Amount {
        minor: 0,
        currency: currency().unwrap_or(Currency::XXX),
    };
    request.expected().unwrap_or_else(|| whole(nothing()))
}

pub(crate) fn check_able(
    request: &MoneyRequest,
    gateway: &GatewayId,
    parameters: &GatewayParameters,
) -> Result<(), NotNow> {
    match lacking(request, &parameters.can) {
        Some(words) => {
            let detail = format!("gateway {gateway} cannot {words}");
            Err(NotNow::new(Reason::NotAllowed, detail))
        }
        None => Ok(()),
    }
}

pub(crate) fn check_currency(
    amounts: &Amounts,
    gateway: &GatewayId,
    parameters: &GatewayParameters,
) -> Result<(), NotNow> {
    let currency = amounts.total.currency;
    if parameters.currencies.is_empty() || parameters.currencies.contains(&currency) {
        return Ok(());
    }
    let detail = format!("gateway {gateway} takes no {}", currency.code());
    Err(NotNow::new(Reason::AmountInvalid, detail))
}
