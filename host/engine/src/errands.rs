// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a device does for a register beside paying: it tells its settings, shows a text, talks to a
//! card that does not pay.
//!
//! No transaction, no record, no money. A device that talks to a card is busy like one that takes a
//! payment; for shorter errands a payment waits. What is said and answered passes through unread.

use crate::admit::NotNow;
use crate::answer::{Answer, Reason};
use crate::device::{CardRefusal, DeviceCommand, DeviceReply};
use crate::devices::NoDevice;
use crate::effect::Action;
use crate::engine::{CallFor, Engine};
use crate::ids::{DeviceId, Opaque, Position, RegisterId, Ticket};
use crate::request::Caller;
use std::sync::Arc;

/// What a device is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Errand {
    /// Its settings.
    Settings,
    /// Talk with a card that does not pay.
    Apdu,
}

/// An errand with everything it needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrandOrder {
    /// What.
    pub errand: Errand,
    /// As the plugin gets it.
    pub command: Opaque,
    /// How long it may take, milliseconds.
    pub limit_ms: u64,
    /// The card that was presented before and is meant, as the watching reader's news named it.
    pub presentation: Option<Arc<str>>,
}

/// A device that is sent for something, and who waits for that.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) ticket: Ticket,
    pub(crate) register: RegisterId,
    command: DeviceCommand,
    limit_ms: u64,
}

impl Sent {
    /// It talks to a card: no payment waits for that.
    fn is_long(&self) -> bool {
        let errand = match &self.command {
            DeviceCommand::Errand { errand, .. } => Some(*errand),
            _ => None,
        };
        errand == Some(Errand::Apdu)
    }

    /// Whether it is about the card that was presented before.
    pub(crate) fn is_with_card(&self) -> bool {
        let presentation_id = match &self.command {
            DeviceCommand::Errand {
                presentation_id, ..
            } => presentation_id.as_ref(),
            _ => None,
        };
        presentation_id.is_some()
    }
}

impl Engine {
    pub(crate) fn errand(
        &mut self,
        ticket: Ticket,
        caller: &Caller,
        device: &DeviceId,
        order: ErrandOrder,
    ) {
        let register = caller.scope.register.clone();
        let named = order.presentation.as_ref();
        let named = named.map(|named| self.presented_to(&register, device, named));
        let presentation_id = match named.transpose() {
            Ok(presentation_id) => presentation_id,
            Err(not_now) => {
                self.refuse_errand(ticket, not_now);
                return;
            }
        };
        let sent = Sent {
            ticket,
            register,
            command: DeviceCommand::Errand {
                errand: order.errand,
                command: order.command,
                presentation_id,
            },
            limit_ms: order.limit_ms,
        };
        self.send_on_errand(device, sent);
    }

    pub(crate) fn identify(
        &mut self,
        ticket: Ticket,
        caller: &Caller,
        device: &DeviceId,
        lines: Vec<String>,
    ) {
        let sent = Sent {
            ticket,
            register: caller.scope.register.clone(),
            command: DeviceCommand::Show { lines },
            limit_ms: self.config.timeouts.completion_ms,
        };
        self.send_on_errand(device, sent);
    }

    pub(crate) fn send_on_errand(&mut self, device: &DeviceId, sent: Sent) {
        let Some(sent) = self.after_the_watch(device, sent) else {
            return;
        };
        let hint_ms = self.config.timeouts.busy_hint_ms;
        let idle = self
            .devices
            .check_idle(device, Some(&sent.register), hint_ms);
        let idle = idle.map_err(NoDevice::not_now);
        if let Err(not_now) = idle.and_then(|()| self.check_no_card(device, &sent)) {
            self.refuse_errand(sent.ticket, not_now);
            return;
        }
        let brief = !sent.is_long();
        self.devices
            .hold(device, sent.register, None, self.now.wall_micros);
        let purpose = CallFor::Identify {
            device: device.clone(),
            ticket: sent.ticket,
        };
        self.call_device(Position(0), device, purpose, sent.command, sent.limit_ms);
        if brief {
            // It is back in a moment, and a payment may wait for that.
            self.devices.let_go(device);
        }
    }

    fn refuse_errand(&mut self, ticket: Ticket, not_now: NotNow) {
        let mut refused = self.refusal(not_now.reason);
        refused.retry_after_ms = not_now.retry_after_ms;
        refused.detail = not_now.detail;
        self.refuse(Position(0), Some(ticket), refused);
    }

    /// The device is back from its errand.
    pub(crate) fn errand_done(&mut self, ticket: Ticket, reply: DeviceReply) {
        let (reason, text, detail) = match reply {
            DeviceReply::Shown => {
                self.answer(Position(0), ticket, Answer::Identified);
                return;
            }
            DeviceReply::Reconciled(totals) => {
                self.answer(Position(0), ticket, Answer::Totals(totals));
                return;
            }
            DeviceReply::Done(answer) => {
                self.answer(Position(0), ticket, Answer::ErrandDone(answer));
                return;
            }
            DeviceReply::Refused { refusal, text } => (refused_reason(refusal), Some(text), None),
            DeviceReply::Cancelled => (Reason::Cancelled, None, None),
            DeviceReply::Unsupported => (Reason::DeviceUnsupported, None, None),
            DeviceReply::Failed { reason, .. } => (Reason::PluginFailed, None, Some(reason)),
            _ => (Reason::PluginFailed, None, None),
        };
        let mut refused = self.refusal(reason);
        refused.response_text = text;
        refused.detail = detail;
        self.refuse(Position(0), Some(ticket), refused);
    }

    /// Nobody waits for what this device was sent for: it need not go on.
    pub(crate) fn call_back(&mut self, forgotten: Ticket) {
        for purpose in self.calls.values_mut() {
            if let CallFor::Lease { errand, .. } = purpose {
                errand.take_if(|errand| errand.ticket == forgotten);
            }
        }
        let calls = self.calls.iter();
        let found: Vec<_> = calls
            .filter_map(|(call, purpose)| match purpose {
                CallFor::Identify { device, ticket } if *ticket == forgotten => {
                    Some((*call, device.clone()))
                }
                _ => None,
            })
            .collect();
        for (call, device) in found {
            self.emit(Position(0), Action::CancelDevice { device, call });
        }
    }
}

fn refused_reason(refusal: CardRefusal) -> Reason {
    match refusal {
        CardRefusal::NoCard => Reason::TimedOut,
        CardRefusal::CancelledOnDevice => Reason::Cancelled,
        CardRefusal::Other => Reason::NotAllowed,
        _ => Reason::CardError,
    }
}

#[cfg(test)]
#[path = "errand_cases.rs"]
mod cases;
