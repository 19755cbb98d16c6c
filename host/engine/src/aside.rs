// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices and gateways that are changed while the host runs: nothing is taken from under a
//! transaction.
//!
//! Whoever wants to replace what drives one asks for it here first. Granted, it counts as not
//! ready from that very step on, so that no transaction can come in between.

use crate::answer::{Answer, Reason};
use crate::engine::{CallFor, Engine};
use crate::ids::{Acceptor, DeviceId, GatewayId, Position, Ticket, TransactionId};
use crate::request::Part;
use crate::transaction::{Phase, Transaction};

impl Engine {
    /// `wholly`: it goes, or becomes another; nothing open may need it any more. Otherwise what
    /// waits for it finds it again.
    pub(crate) fn set_aside(&mut self, ticket: Ticket, part: &Part, wholly: bool) {
        let refusal = match part {
            Part::Device(device) => {
                self.stop_watching(device);
                self.device_needed(device, wholly)
            }
            Part::Gateway(gateway) => self.gateway_needed(gateway, wholly),
        };
        if let Some(reason) = refusal {
            let mut refused = self.refusal(reason);
            refused.retry_after_ms = Some(self.config.timeouts.busy_hint_ms);
            self.refuse(Position(0), Some(ticket), refused);
            return;
        }
        match part {
            Part::Device(device) => self.devices.pause(device),
            Part::Gateway(gateway) => {
                if let Some(status) = self.gateways.get_mut(gateway) {
                    status.ready = false;
                }
            }
        }
        self.answer(Position(0), ticket, Answer::SetAside);
    }

    /// What begins from now on is for this acceptor; what is open keeps its own.
    pub(crate) fn configured(
        &mut self,
        part: Part,
        acceptor: Option<Acceptor>,
        software_sealing: bool,
    ) {
        match part {
            Part::Device(device) => {
                match acceptor {
                    Some(acceptor) => self.config.terminals.insert(device, acceptor),
                    None => self.config.terminals.remove(&device),
                };
            }
            Part::Gateway(gateway) => {
                match acceptor {
                    Some(acceptor) => self.config.acceptors.insert(gateway.clone(), acceptor),
                    None => self.config.acceptors.remove(&gateway),
                };
                match software_sealing {
                    true => self.config.software_sealing.insert(gateway),
                    false => self.config.software_sealing.remove(&gateway),
                };
            }
        }
    }

    fn device_needed(&self, device: &DeviceId, wholly: bool) -> Option<Reason> {
        let hint_ms = self.config.timeouts.busy_hint_ms;
        if let Some(busy) = self.devices.check_unused(device, hint_ms) {
            return Some(busy.reason);
        }
        if let Some(presented) = self.card_lies_on(device) {
            return Some(presented);
        }
        // A terminal is asked until it has told what became of its payments; a reader is let go of.
        let mut owed = self.open.values();
        let owed = owed.find(|open| open.on_terminal() && open.device.as_ref() == Some(device));
        owed.filter(|_| wholly).map(|open| Reason::DeviceBusy {
            owner: open.scope.register.clone(),
            since_micros: open.started_at_micros,
            until_micros: None,
            transaction_id: Some(open.id),
        })
    }

    fn gateway_needed(&self, gateway: &GatewayId, wholly: bool) -> Option<Reason> {
        let mut calls = self.calls.values();
        if calls.any(|call| matches!(call, CallFor::Totals { .. })) {
            return Some(Reason::GatewayUnavailable);
        }
        let mut open = self.open.values();
        let needs = |open: &&Transaction| {
            open.gateway.as_ref() == Some(gateway) && (wholly || open.is_at_its_gateway())
        };
        let transaction_id: TransactionId = open.find(needs)?.id;
        Some(Reason::UnresolvedTransaction { transaction_id })
    }
}

impl Transaction {
    /// Whether it is on its way, and not only waiting to be taken up again.
    fn is_at_its_gateway(&self) -> bool {
        match self.phase {
            Phase::Inquiring
            | Phase::Reversing
            | Phase::Reporting
            | Phase::Modifying
            | Phase::Stored
            | Phase::Forwarding => self.call.is_some(),
            Phase::NeedsOperator | Phase::Settled => false,
            Phase::AwaitingReader
            | Phase::Presenting
            | Phase::AwaitingAmount
            | Phase::Pricing { .. }
            | Phase::OfferingCurrency
            | Phase::ChoosingCurrency(_)
            | Phase::AskingCurrency(_)
            | Phase::AuthorizingCard
            | Phase::CheckingKeys(_)
            | Phase::AwaitingTurn(_)
            | Phase::Preparing(_)
            | Phase::Keeping(_)
            | Phase::Paying
            | Phase::Authorizing
            | Phase::Asking
            | Phase::Completing
            | Phase::CompletingOffline(_)
            | Phase::Storing(_) => true,
        }
    }
}
