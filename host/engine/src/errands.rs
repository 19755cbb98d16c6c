// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a device does for a register beside paying: it tells its settings, shows a text, talks to a
//! card that does not pay.
//!
//! No transaction, no record, no money. A device that talks to a card is busy like one that takes a
//! payment; for shorter errands a payment waits. What is said and answered passes through unread.

use crate::answer::{Answer, Reason};
use crate::device::{CardRefusal, DeviceCommand, DeviceReply};
use crate::effect::Action;
use crate::engine::{CallFor, Engine};
use crate::ids::{DeviceId, Opaque, Position, Ticket};
use crate::request::Caller;

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
}

impl Engine {
    pub(crate) fn errand(
        &mut self,
        ticket: Ticket,
        caller: &Caller,
        device: &DeviceId,
        order: ErrandOrder,
    ) {
        let command = DeviceCommand::Errand {
            errand: order.errand,
            command: order.command,
        };
        self.send_on_errand(ticket, caller, device, command, order.limit_ms);
        if order.errand == Errand::Settings {
            // It is back in a moment, and a payment may wait for that.
            self.devices.let_go(device);
        }
    }

    pub(crate) fn identify(
        &mut self,
        ticket: Ticket,
        caller: &Caller,
        device: &DeviceId,
        lines: Vec<String>,
    ) {
        let limit_ms = self.config.timeouts.completion_ms;
        let command = DeviceCommand::Show { lines };
        self.send_on_errand(ticket, caller, device, command, limit_ms);
        self.devices.let_go(device);
    }

    fn send_on_errand(
        &mut self,
        ticket: Ticket,
        caller: &Caller,
        device: &DeviceId,
        command: DeviceCommand,
        limit_ms: u64,
    ) {
        let hint_ms = self.config.timeouts.busy_hint_ms;
        if let Err(no_device) = self.devices.check_idle(device, hint_ms) {
            let mut refused = self.refusal(no_device.reason);
            refused.retry_after_ms = no_device.retry_after_ms;
            refused.detail = no_device.detail;
            self.refuse(Position(0), Some(ticket), refused);
            return;
        }
        let owner = caller.scope.register.clone();
        self.devices.hold(device, owner, None, self.now.wall_micros);
        let purpose = CallFor::Identify {
            device: device.clone(),
            ticket,
        };
        self.call_device(Position(0), device, purpose, command, limit_ms);
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
