// SPDX-License-Identifier: MIT OR Apache-2.0
//! A terminal's word is missing: it is asked, until it tells or a person does.
//!
//! The terminal's word stands, whoever waits for it. What it cannot tell is never guessed, and
//! what it cannot undo is left to a person.

use crate::answer::{Notification, Reason};
use crate::device::TerminalReversal;
use crate::device::{DeviceAbilities, DeviceCommand, DeviceReply, DeviceStatus, Inquiry};
use crate::engine::Engine;
use crate::exchange::{Verdict, judge};
use crate::gateway::ReversalReason;
use crate::ids::{CallId, DeviceId, Position};
use crate::money::Amounts;
use crate::terminal::named;
use crate::terminal_batch::close_of;
use crate::transaction::{Phase, Transaction};
use std::sync::Arc;

impl Engine {
    /// The terminal may have taken money, and did not say so.
    pub(crate) fn terminal_lost(&mut self, transaction: &mut Transaction, detail: Arc<str>) {
        transaction.sent_before = true;
        if !transaction.request.kind.moves_money() {
            let mut refused = self.refused(transaction, Reason::TimedOut);
            refused.detail = Some(detail);
            self.end_refused(transaction, refused, None);
            return;
        }
        transaction.unknown = true;
        transaction.phase = Phase::Inquiring;
        self.let_go_of_device(transaction);
        if transaction.is_irrevocable() {
            // Not at once: what could not be reached a moment ago is not asked in a circle.
            self.pause(transaction);
            return;
        }
        self.ask_terminal(transaction);
    }

    /// Asks a terminal what became of it. Without the terminal, or while it is at something else,
    /// it waits.
    pub(crate) fn ask_terminal(&mut self, transaction: &mut Transaction) {
        self.end_pause(transaction);
        let Some(device) = transaction.device.clone() else {
            return;
        };
        let Some(terminal) = self.devices.terminal(&device) else {
            return;
        };
        if let Some(close) = close_of(transaction) {
            self.call_terminal(transaction, close);
            return;
        }
        if transaction.is_void() {
            self.void_again(transaction);
            return;
        }
        if let Some(answer) = transaction.answered.clone() {
            self.decided(transaction, answer, true);
            return;
        }
        if terminal.inquiry == Inquiry::None || transaction.inquiry_unsupported {
            let reason = format!("terminal {device} cannot be asked what became of the payment");
            self.leave_to_operator(transaction, reason);
            return;
        }
        let Some(stan) = transaction.wire.as_ref().map(|wire| wire.stan) else {
            return;
        };
        let inquire = DeviceCommand::Inquire {
            transaction_id: transaction.id,
            stan,
        };
        self.call_terminal(transaction, inquire);
    }

    /// The terminal replied to an inquiry.
    pub(crate) fn terminal_inquired(&mut self, transaction: &mut Transaction, reply: DeviceReply) {
        match reply {
            _ if transaction.is_irrevocable() => self.paid(transaction, reply),
            DeviceReply::Paid(outcome) => self.terminal_decided(transaction, *outcome),
            DeviceReply::NotFound if self.may_be_displaced(transaction) => {
                let reason = "the terminal knows only its last payment, and may have run others \
                              since, which the journal that was put back does not hold";
                self.leave_to_operator(transaction, reason);
            }
            DeviceReply::NotFound => self.never_begun(transaction, "the terminal never took it"),
            DeviceReply::Unsupported => {
                transaction.inquiry_unsupported = true;
                self.ask_terminal(transaction);
            }
            _ => self.pause(transaction),
        }
    }

    /// Whether other payments may have come after it that this life of the journal knows nothing of.
    fn may_be_displaced(&self, transaction: &Transaction) -> bool {
        let outlived =
            self.epoch.number > 0 && transaction.started_at_micros < self.epoch.began_micros;
        let device = transaction.device.as_ref();
        let terminal = device.and_then(|device| self.devices.terminal(device));
        outlived && terminal.is_some_and(|terminal| terminal.inquiry == Inquiry::LastOnly)
    }

    /// Its terminal said something that cannot be, or nobody accepts what it did. `refusal`: what
    /// its register is told where the terminal can undo it.
    pub(crate) fn undo_on_terminal(
        &mut self,
        transaction: &mut Transaction,
        refusal: Reason,
        detail: impl Into<Arc<str>>,
    ) {
        let detail = detail.into();
        if self.can_reverse_on_terminal(transaction) {
            let reversal = ReversalReason::NoAnswer;
            self.end_reversing(transaction, refusal, reversal, detail, None);
        } else {
            let reason = format!("{detail}, and the terminal cannot undo it by itself");
            self.leave_to_operator(transaction, reason);
        }
    }

    fn can_reverse_on_terminal(&self, transaction: &Transaction) -> bool {
        let device = transaction.device.as_ref();
        let terminal = device.and_then(|device| self.devices.terminal(device));
        terminal.is_some_and(|terminal| terminal.reversal == TerminalReversal::ByReference)
            && reference(transaction).is_some()
    }

    /// Asks the terminal to undo it; until it says that it has.
    pub(crate) fn reverse_on_terminal(&mut self, transaction: &mut Transaction) {
        self.end_pause(transaction);
        let approved_minor = transaction
            .answered
            .as_ref()
            .and_then(|it| it.approved_minor);
        let mut amounts: Amounts = transaction.amounts;
        amounts.total.minor = approved_minor.unwrap_or(amounts.total.minor);
        let reverse = DeviceCommand::Reverse {
            transaction_id: transaction.id,
            reference: reference(transaction),
            amounts,
        };
        self.call_terminal(transaction, reverse);
    }

    /// The terminal replied to a reversal.
    pub(crate) fn terminal_reversed(&mut self, transaction: &mut Transaction, reply: DeviceReply) {
        match reply {
            DeviceReply::Reversed => self.reversal_acknowledged(transaction),
            DeviceReply::Refused { text, .. } => {
                let reason = format!("the terminal refused to reverse: {text}");
                self.leave_to_operator(transaction, reason);
            }
            DeviceReply::Unsupported => {
                self.leave_to_operator(transaction, "the terminal cannot reverse");
            }
            _ => self.pause(transaction),
        }
    }

    /// Calls the terminal of a transaction that does not hold it, if it is idle. Otherwise it is
    /// called when it is.
    pub(crate) fn call_terminal(&mut self, transaction: &mut Transaction, command: DeviceCommand) {
        let Some(device) = transaction.device.clone() else {
            return;
        };
        if !self.devices.is_ready(&device) || !self.devices.is_idle(&device) {
            return;
        }
        let owner = transaction.scope.register.clone();
        let since_micros = self.now.wall_micros;
        self.devices
            .hold(&device, owner, Some(transaction.id), since_micros);
        self.call_reader(transaction, command, self.config.timeouts.gateway_ms);
        self.devices.let_go(&device);
    }

    pub(crate) fn device_changed(&mut self, device: &DeviceId, status: Option<DeviceStatus>) {
        let was_ready = self.devices.is_ready(device);
        self.devices.changed(device, status);
        self.lent_device_changed(device);
        if !was_ready && self.devices.is_ready(device) {
            self.wake_terminal(device, true);
        }
    }

    /// What waits for a terminal goes on. `came_back`: without waiting for the end of a pause.
    pub(crate) fn wake_terminal(&mut self, device: &DeviceId, came_back: bool) {
        if self.devices.terminal(device).is_none() {
            return;
        }
        let waiting: Vec<_> = self
            .open
            .values()
            .filter(|open| open.on_terminal() && open.device.as_ref() == Some(device))
            .filter(|open| open.call.is_none() && (came_back || open.pause.is_none()))
            .map(|open| open.id)
            .collect();
        for id in waiting {
            self.with(id, |engine, transaction| {
                if came_back {
                    transaction.attempts = 0;
                }
                engine.attempt(transaction);
            });
        }
    }

    /// Tells whoever watches devices, once each time a quarantine begins or ends. It ends when what
    /// ends it is durable.
    pub(crate) fn tell_quarantine(&mut self) {
        let now = self.quarantined();
        if now == self.told_quarantined {
            return;
        }
        let before = std::mem::replace(&mut self.told_quarantined, now.clone());
        for device in now.iter().filter(|device| !before.contains(device)) {
            let (device, owes) = (device.clone(), true);
            self.notify(Position(0), Notification::Quarantine { device, owes });
        }
        for device in before.into_iter().filter(|device| !now.contains(device)) {
            let over = Notification::Quarantine {
                device,
                owes: false,
            };
            self.notify(self.position, over);
        }
    }

    /// A reply to a call that nobody waits for any more: of a payment, it is the terminal's word,
    /// unless that was heard before.
    pub(crate) fn late_word(&mut self, call: CallId, reply: DeviceReply) {
        let word = matches!(
            reply,
            DeviceReply::Paid(_)
                | DeviceReply::Refused { .. }
                | DeviceReply::Reversed
                | DeviceReply::Reconciled(_)
                | DeviceReply::Cancelled
        );
        let mut open = self.open.values();
        let paid = open.find(|open| {
            open.payment == Some(call) && open.ending.is_none() && open.answered.is_none()
        });
        if let Some(id) = paid.map(|open| open.id).filter(|_| word) {
            self.with(id, |engine, transaction| {
                let asked_since = transaction.call.take();
                engine.paid(transaction, reply);
                // Where it settled nothing, what was asked since is still to be answered. Else that
                // answer is nobody's.
                if transaction.phase == Phase::Inquiring && transaction.answered.is_none() {
                    transaction.call = asked_since;
                }
            });
        }
    }

    /// A terminal's transaction found at start.
    pub(crate) fn resume_on_terminal(&mut self, transaction: &mut Transaction) {
        if self.never_made.contains(&transaction.id) {
            self.never_begun(transaction, "nothing was sent: the journal failed before");
            return;
        }
        let running = self.payments.iter().find(|(_, id)| **id == transaction.id);
        if let Some(call) = running.map(|(call, _)| *call) {
            transaction.phase = Phase::Paying;
            transaction.call = Some(call);
            transaction.payment = Some(call);
            transaction.sent_before = false;
            self.adopt_call(call, transaction.id);
            return;
        }
        if !transaction.request.kind.moves_money() {
            self.terminal_lost(transaction, "the host restarted before it was known".into());
            return;
        }
        match &transaction.answered {
            Some(answer) if is_plain(transaction, &judge(transaction, answer)) => {
                let answer = answer.clone();
                self.decided(transaction, answer, true);
            }
            _ => self.ask_terminal(transaction),
        }
    }
}

/// Whether a verdict stands, whatever the terminal can do.
fn is_plain(transaction: &Transaction, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Approved { minor } => *minor >= transaction.amounts.total.minor,
        Verdict::Declined | Verdict::Rejected | Verdict::Referred => true,
        Verdict::Contradictory(_) => false,
    }
}

/// The terminal's own name for a payment.
fn reference(transaction: &Transaction) -> Option<Arc<str>> {
    named(transaction.answered.as_ref()?)
}

/// What the abilities of a terminal say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal<'a> {
    pub(crate) inquiry: Inquiry,
    pub(crate) reversal: TerminalReversal,
    pub(crate) can: &'a [crate::gateway::Ability],
}

impl<'a> Terminal<'a> {
    pub(crate) fn of(abilities: &'a DeviceAbilities) -> Option<Self> {
        match abilities {
            DeviceAbilities::Terminal {
                inquiry,
                reversal,
                can,
            } => Some(Self {
                inquiry: *inquiry,
                reversal: *reversal,
                can,
            }),
            DeviceAbilities::Reader { .. } => None,
        }
    }
}
