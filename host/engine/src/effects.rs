// SPDX-License-Identifier: MIT OR Apache-2.0
//! How effects are made: numbers for records, calls and alarms, and the position each waits for.
//!
//! Never decides anything.

use crate::answer::{Answer, Notification, Outcome, PinEvent, Progress, Stage};
use crate::device::DeviceCommand;
use crate::effect::{Action, Effect, RecallBy};
use crate::engine::{Alarm, CallFor, Engine};
use crate::gateway::GatewayCommand;
use crate::ids::{CallId, DeviceId, GatewayId, Position, RecallId, Ticket, TimerId, TransactionId};
use crate::keys::RecallFor;
use crate::limits::STEPS_KEPT;
use crate::record::{Fact, Record};
use crate::transaction::{Transaction, Waiter};
use std::sync::Arc;

impl Engine {
    pub(crate) fn emit(&mut self, after: Position, action: Action) {
        self.out.push(Effect { after, action });
    }

    /// Appends a record; everything of this transaction waits for it from now on.
    pub(crate) fn append(&mut self, transaction: &mut Transaction, fact: Fact) {
        self.append_as(transaction, fact, false);
        transaction.after = self.position;
    }

    /// Appends a record that nothing waits for.
    pub(crate) fn append_lazily(&mut self, transaction: &mut Transaction, fact: Fact) {
        self.append_as(transaction, fact, true);
    }

    fn append_as(&mut self, transaction: &mut Transaction, fact: Fact, lazy: bool) {
        self.append_to(transaction.id, fact, lazy);
        transaction.position = self.position;
    }

    /// Appends a record to a transaction that need not be open.
    pub(crate) fn append_to(&mut self, id: TransactionId, fact: Fact, lazy: bool) {
        self.position = Position(self.position.0 + 1);
        self.last_at_micros = self.now.wall_micros;
        let record = Record {
            transaction_id: id,
            at_micros: self.now.wall_micros,
            fact,
        };
        let action = Action::Append {
            position: self.position,
            record: Box::new(record),
            lazy,
        };
        self.emit(Position(0), action);
    }

    pub(crate) fn recall(&mut self, after: Position, by: RecallBy, purpose: RecallFor) {
        self.last_recall += 1;
        let recall = RecallId(self.last_recall);
        self.recalls.insert(recall, purpose);
        self.emit(after, Action::Recall { recall, by });
    }

    pub(crate) fn answer(&mut self, after: Position, ticket: Ticket, answer: Answer) {
        self.emit(after, Action::Answer { ticket, answer });
    }

    pub(crate) fn notify(&mut self, after: Position, notification: Notification) {
        self.emit(after, Action::Notify(Box::new(notification)));
    }

    /// Calls the gateway of a transaction, which then waits for the reply.
    pub(crate) fn call_gateway(&mut self, transaction: &mut Transaction, command: GatewayCommand) {
        if let Some(gateway) = transaction.gateway.clone() {
            self.call_gateway_of(transaction, gateway, command);
        }
    }

    /// Calls this gateway for a transaction, which then waits for the reply.
    pub(crate) fn call_gateway_of(
        &mut self,
        transaction: &mut Transaction,
        gateway: GatewayId,
        command: GatewayCommand,
    ) {
        let call = self.next_call(CallFor::Gateway {
            transaction: transaction.id,
        });
        transaction.call = Some(call);
        let action = Action::CallGateway {
            gateway,
            call,
            command: Box::new(command),
            deadline_boot_ms: self.now.boot_ms + self.config.timeouts.gateway_ms,
        };
        self.emit(transaction.after, action);
    }

    /// Calls a device; within `limit_ms`, or it counts as broken.
    pub(crate) fn call_device(
        &mut self,
        after: Position,
        device: &DeviceId,
        purpose: CallFor,
        command: DeviceCommand,
        limit_ms: u64,
    ) -> CallId {
        let call = self.next_call(purpose);
        self.devices.called(device, call);
        let action = Action::CallDevice {
            device: device.clone(),
            call,
            command: Box::new(command),
            deadline_boot_ms: self.now.boot_ms + limit_ms + self.config.timeouts.grace_ms,
        };
        self.emit(after, action);
        call
    }

    pub(crate) fn next_call(&mut self, purpose: CallFor) -> CallId {
        self.last_call += 1;
        let call = CallId(self.last_call);
        self.calls.insert(call, purpose);
        call
    }

    /// Sets the pause before the next attempt, longer each time.
    pub(crate) fn pause(&mut self, transaction: &mut Transaction) {
        let pauses = self.config.timeouts.retry_ms;
        let pause_ms = pauses[transaction.attempts.min(pauses.len() - 1)];
        transaction.attempts += 1;
        transaction.next_at_micros = Some(micros_after(self.now.wall_micros, pause_ms));
        let former = transaction.pause.take();
        transaction.pause = Some(self.set_timer(former, transaction, Alarm::Attempt, pause_ms));
    }

    /// Forgets the pause: the attempt is made now.
    pub(crate) fn end_pause(&mut self, transaction: &mut Transaction) {
        self.clear_timer(transaction.pause.take());
        transaction.next_at_micros = None;
    }

    /// Sets when its register's patience ends.
    pub(crate) fn set_patience(&mut self, transaction: &mut Transaction, patience_ms: u64) {
        let former = transaction.patience.take();
        transaction.patience =
            Some(self.set_timer(former, transaction, Alarm::Patience, patience_ms));
    }

    pub(crate) fn clear_timers(&mut self, transaction: &mut Transaction) {
        self.clear_timer(transaction.pause.take());
        self.clear_timer(transaction.patience.take());
        self.drop_prompt(transaction);
    }

    pub(crate) fn set_timer(
        &mut self,
        former: Option<TimerId>,
        transaction: &Transaction,
        alarm: Alarm,
        delay_ms: u64,
    ) -> TimerId {
        self.set_alarm(former, transaction.id, alarm, delay_ms)
    }

    /// The same for what is no transaction.
    pub(crate) fn set_alarm(
        &mut self,
        former: Option<TimerId>,
        id: TransactionId,
        alarm: Alarm,
        delay_ms: u64,
    ) -> TimerId {
        self.clear_timer(former);
        self.last_timer += 1;
        let timer = TimerId(self.last_timer);
        self.timers.insert(timer, (id, alarm));
        let at_boot_ms = self.now.boot_ms.saturating_add(delay_ms);
        self.emit(Position(0), Action::SetTimer { timer, at_boot_ms });
        timer
    }

    pub(crate) fn clear_timer(&mut self, timer: Option<TimerId>) {
        if let Some(timer) = timer {
            self.timers.remove(&timer);
            self.emit(Position(0), Action::ClearTimer { timer });
        }
    }

    /// One step on the way, told to everybody who waits and to consoles.
    pub(crate) fn step_to(
        &mut self,
        transaction: &mut Transaction,
        stage: Stage,
        text: Option<Arc<str>>,
    ) {
        let text = text.unwrap_or_else(|| stage_text(stage).into());
        self.step_with(transaction, stage, None, text);
    }

    /// The same, with what began at the keypad.
    pub(crate) fn step_with(
        &mut self,
        transaction: &mut Transaction,
        stage: Stage,
        pin: Option<PinEvent>,
        text: Arc<str>,
    ) {
        let progress = Progress {
            pin,
            ..self.progress(transaction, stage, text)
        };
        transaction.steps.push_back(progress.clone());
        if transaction.steps.len() > STEPS_KEPT {
            transaction.steps.pop_front();
        }
        for Waiter { ticket, .. } in transaction.waiters.clone() {
            let action = Action::Progress {
                ticket,
                progress: progress.clone(),
            };
            self.emit(transaction.after, action);
        }
        self.moved(transaction, progress, None);
    }

    /// A key was pressed on a PIN pad: told to whoever waits for the payment, and to nobody else.
    pub(crate) fn key_pressed(
        &mut self,
        transaction: &mut Transaction,
        pin: PinEvent,
        text: Arc<str>,
    ) {
        let mut progress = self.progress(transaction, Stage::PinEntry, text);
        progress.pin = Some(pin);
        for Waiter { ticket, .. } in transaction.waiters.clone() {
            let action = Action::Progress {
                ticket,
                progress: progress.clone(),
            };
            self.emit(transaction.after, action);
        }
    }

    /// The last step, told to consoles; its registers get the answer.
    pub(crate) fn last_step(
        &mut self,
        transaction: &mut Transaction,
        outcome: Outcome,
        text: &str,
    ) {
        let progress = self.progress(transaction, transaction.stage, text.into());
        self.moved(transaction, progress, Some(outcome));
    }

    fn progress(&self, transaction: &mut Transaction, stage: Stage, text: Arc<str>) -> Progress {
        transaction.seq += 1;
        transaction.stage = stage;
        Progress {
            transaction_id: transaction.id,
            key: transaction.request.key.clone(),
            seq: transaction.seq,
            stage,
            pin: None,
            text,
            at_micros: self.now.wall_micros,
        }
    }

    fn moved(&mut self, transaction: &Transaction, progress: Progress, outcome: Option<Outcome>) {
        let moved = Notification::Moved {
            register: transaction.scope.register.clone(),
            progress,
            amount: Some(transaction.amounts.total),
            outcome,
        };
        self.notify(transaction.after, moved);
    }
}

/// A moment so many milliseconds after another.
pub(crate) fn micros_after(micros: i64, delay_ms: u64) -> i64 {
    let delay = i64::try_from(delay_ms)
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000);
    micros.saturating_add(delay)
}

/// What people read where the device says nothing of its own.
fn stage_text(stage: Stage) -> &'static str {
    match stage {
        Stage::Accepted => "Accepted",
        Stage::WaitingForCard => "Waiting for a card",
        Stage::CardInserted => "Card inserted",
        Stage::CardTapped => "Card tapped",
        Stage::CardSwiped => "Card swiped",
        Stage::ApplicationSelection => "Choose an application",
        Stage::PinEntry => "Enter the PIN",
        Stage::ExpiryEntry => "Enter the expiry",
        Stage::Reading => "Reading the card",
        Stage::Authorizing => "Asking the payment service",
        Stage::RemoveCard => "Take the card",
        Stage::Signature => "Signature",
        Stage::Completing => "Completing with the card",
        Stage::Reversing => "Taking it back",
    }
}
