// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reader that watches for cards before anybody asks for money, and the card that lies there.
//!
//! Never tells of a card to anybody but whose lease it is, never lets a presentation be used twice,
//! and gives way to its own register's payments and errands.

use crate::admit::NotNow;
use crate::answer::Reason;
use crate::card::{CardFace, Entry};
use crate::device::{DeviceCommand, DeviceReply, IssuerAnswer, Purpose};
use crate::devices::NoDevice;
use crate::effect::Action;
use crate::effects::micros_after;
use crate::engine::{Alarm, CallFor, Engine};
use crate::errands::Sent;
use crate::ids::{CallId, DeviceId, Position, RegisterId, Ticket, TimerId, TransactionId};
use crate::keys::Ask;
use crate::leases::{Lease, LeaseNews, Presentation};
use crate::money::{Amount, Currency};
use crate::sums::whole;
use crate::transaction::Transaction;
use std::sync::Arc;

/// A reader waits so long at a time. Nothing depends on it.
const WATCH_MS: u64 = 10 * 60 * 1_000;

const OVER: &str = "this presentation is over: it was used, or its card is gone";

/// A card that nobody has used yet.
#[derive(Debug)]
pub(crate) struct Seen {
    told: Presentation,
    /// As the reader names it.
    named: Arc<str>,
    end: TimerId,
}

impl Lease {
    fn is_to_be_lit(&self) -> bool {
        self.watches && self.call.is_none() && self.seen.is_none() && self.pause.is_none()
    }

    /// The card of that name, if it still lies there.
    fn seen_as(&self, presentation: &str) -> Option<&Seen> {
        let seen = self.seen.as_ref();
        seen.filter(|seen| &*seen.told.presentation_id == presentation)
    }
}

impl Engine {
    /// Lights every reader that is lent, is idle and has nothing to tell.
    pub(crate) fn serve_leases(&mut self) {
        let leases = self.leases.iter().filter(|(device, lease)| {
            lease.is_to_be_lit() && self.devices.is_idle(device) && self.devices.is_ready(device)
        });
        let devices: Vec<_> = leases.map(|(device, _)| device.clone()).collect();
        for device in devices {
            self.light(&device);
        }
    }

    fn light(&mut self, device: &DeviceId) {
        let currency = self.likely_currency();
        let Some(lease) = self.leases.get(device) else {
            return;
        };
        let left_ms = lease.until_boot_ms.saturating_sub(self.now.boot_ms);
        let timeout_ms = left_ms.min(WATCH_MS);
        // What it is for and how much it costs follows the card.
        let command = DeviceCommand::Present {
            transaction_id: lease.id,
            purpose: Purpose::Sale,
            amounts: whole(Amount { minor: 0, currency }),
            estimated: true,
            timeout_ms,
            entries: lease.entries.clone(),
            total_minor_max: None,
            again: false,
            tips: Vec::new(),
        };
        let owner = lease.owner.clone();
        self.devices
            .watch(device, owner.clone(), self.now.wall_micros);
        let purpose = CallFor::Lease {
            device: device.clone(),
            owner,
            errand: None,
        };
        let call = self.call_device(Position(0), device, purpose, command, timeout_ms);
        if let Some(lease) = self.leases.get_mut(device) {
            lease.call = Some(call);
        }
    }

    /// Of the gateway that takes what names none.
    fn likely_currency(&self) -> Currency {
        let gateway = self.choose_gateway(None).ok();
        let status = gateway.and_then(|gateway| self.gateways.get(&gateway));
        let parameters = status.and_then(|status| status.parameters.as_ref());
        let first = parameters.and_then(|parameters| parameters.currencies.first());
        first.copied().unwrap_or(Currency::XXX)
    }

    /// A reader that watched replied.
    pub(crate) fn watched(
        &mut self,
        device: &DeviceId,
        owner: &RegisterId,
        call: CallId,
        reply: DeviceReply,
    ) {
        let lease = self.leases.get_mut(device);
        let lease = lease.filter(|lease| lease.call == Some(call));
        let lit = lease.map(|lease| {
            lease.call = None;
            (lease.id, lease.pause.is_some())
        });
        // Its register takes a payment instead, which asks for a card anew.
        if self.devices.holder(device).is_some() {
            return;
        }
        match (reply, lit) {
            (
                DeviceReply::Presented {
                    presentation_id,
                    entry,
                    card,
                    ..
                },
                Some(_),
            ) => self.card_came(device, presentation_id, entry, card),
            (
                DeviceReply::Presented {
                    presentation_id, ..
                },
                None,
            ) => {
                let nobody = TransactionId(uuid::Uuid::nil());
                self.end_presentation(device, owner.clone(), (nobody, presentation_id));
            }
            (_, Some((id, false))) => {
                let pause_ms = self.config.timeouts.retry_ms[0];
                self.pause_watch(device, id, pause_ms);
            }
            (_, _) => {}
        }
    }

    fn pause_watch(&mut self, device: &DeviceId, id: TransactionId, pause_ms: u64) {
        let pause = self.set_alarm(None, id, Alarm::Watch, pause_ms);
        if let Some(lease) = self.leases.get_mut(device) {
            lease.pause = Some(pause);
        }
    }

    fn card_came(&mut self, device: &DeviceId, named: Arc<str>, entry: Entry, card: CardFace) {
        let Some(lease) = self.leases.get_mut(device) else {
            return;
        };
        lease.presentations += 1;
        let (id, ticket) = (lease.id, lease.ticket);
        let presentation_id: Arc<str> = format!("{id}-{}", lease.presentations).into();
        let good_ms = self.config.timeouts.card_ms;
        let told = Presentation {
            device: device.clone(),
            presentation_id,
            entry,
            card,
            at_micros: self.now.wall_micros,
            expires_at_micros: micros_after(self.now.wall_micros, good_ms),
        };
        let end = self.set_alarm(None, id, Alarm::Presentation, good_ms);
        self.tell(ticket, LeaseNews::Presented(told.clone()));
        if let Some(lease) = self.leases.get_mut(device) {
            lease.seen = Some(Seen { told, named, end });
        }
    }

    pub(crate) fn tell(&mut self, ticket: Ticket, news: LeaseNews) {
        let news = Box::new(news);
        self.emit(Position(0), Action::Tell { ticket, news });
    }

    /// Nobody used it in time. Who talks with the card just now may end.
    pub(crate) fn presentation_is_old(&mut self, device: &DeviceId) {
        if !self.devices.is_called(device) {
            self.void_presentation(device, true);
            return;
        }
        let pause_ms = self.config.timeouts.retry_ms[0];
        let Some(id) = self.leases.get(device).map(|lease| lease.id) else {
            return;
        };
        let end = self.set_alarm(None, id, Alarm::Presentation, pause_ms);
        let lease = self.leases.get_mut(device);
        if let Some(seen) = lease.and_then(|lease| lease.seen.as_mut()) {
            seen.end = end;
        }
    }

    /// A presentation that nobody used is over, and its card is let go.
    pub(crate) fn void_presentation(&mut self, device: &DeviceId, told: bool) {
        let Some(lease) = self.leases.get_mut(device) else {
            return;
        };
        let Some(seen) = lease.seen.take() else {
            return;
        };
        let (id, ticket, owner) = (lease.id, lease.ticket, lease.owner.clone());
        self.clear_timer(Some(seen.end));
        if told {
            let removed = LeaseNews::Removed {
                device: device.clone(),
                presentation_id: seen.told.presentation_id,
            };
            self.tell(ticket, removed);
        }
        self.end_presentation(device, owner, (id, seen.named));
    }

    /// The reader lets go of a card that nobody pays with.
    fn end_presentation(
        &mut self,
        device: &DeviceId,
        owner: RegisterId,
        card: (TransactionId, Arc<str>),
    ) {
        if self.devices.is_called(device) {
            // It talks with the card, and forgets it with the next one.
            return;
        }
        self.devices.hold(device, owner, None, self.now.wall_micros);
        self.let_go_of_card(Position(0), device, card, IssuerAnswer::NoAnswer);
        self.devices.let_go(device);
    }

    /// The presentation that a register names, on its device.
    fn seen_by(
        &self,
        register: &RegisterId,
        presentation: &str,
    ) -> Result<(&DeviceId, &Seen), NotNow> {
        let found = self.leases.iter().find_map(|(device, lease)| {
            let seen = lease.seen_as(presentation)?;
            Some((device, lease, seen))
        });
        match found {
            Some((_, lease, _)) if lease.owner != *register => {
                let detail = "the presentation is another register's";
                Err(NotNow::new(Reason::NotAllowed, detail))
            }
            Some((device, _, seen)) if self.devices.is_ready(device) => Ok((device, seen)),
            // Before acceptance: no key is used up by it.
            _ => Err(NotNow::new(Reason::NotAllowed, OVER)),
        }
    }

    /// The reader of a presentation that a request names.
    pub(crate) fn presented_on(&self, ask: &Ask) -> Result<Option<DeviceId>, NotNow> {
        let (request, terms) = (&ask.request, &ask.request.terms);
        let Some(presentation) = &terms.presentation else {
            return Ok(None);
        };
        let (device, seen) = self.seen_by(&ask.scope.register, presentation)?;
        let wanted = &terms.entries;
        let detail = if request.device.as_ref().is_some_and(|given| given != device) {
            "the card was presented to another device"
        } else if !(wanted.is_empty() || wanted.contains(&seen.told.entry)) {
            "the card was presented in a way that is not wanted"
        } else {
            let hint_ms = self.config.timeouts.busy_hint_ms;
            let free = self
                .devices
                .check_available(device, &ask.scope.register, hint_ms);
            free.map_err(NoDevice::not_now)?;
            return Ok(Some(device.clone()));
        };
        Err(NotNow::new(Reason::NotAllowed, detail))
    }

    /// What is known of a card that was presented, for its register.
    pub(crate) fn card_presented_to(
        &self,
        register: &RegisterId,
        presentation: &str,
    ) -> Result<&CardFace, NotNow> {
        let (_, seen) = self.seen_by(register, presentation)?;
        Ok(&seen.told.card)
    }

    /// How the reader names a card that was presented, for its register.
    pub(crate) fn presented_to(
        &self,
        register: &RegisterId,
        device: &DeviceId,
        presentation: &str,
    ) -> Result<Arc<str>, NotNow> {
        let (there, seen) = self.seen_by(register, presentation)?;
        match there == device {
            true => Ok(seen.named.clone()),
            false => {
                let detail = "the card was presented to another device";
                Err(NotNow::new(Reason::NotAllowed, detail))
            }
        }
    }

    /// A payment of its owner gets the reader: it stops watching, and a card that was presented for
    /// nothing is let go.
    pub(crate) fn make_way(&mut self, transaction: &Transaction, device: &DeviceId) {
        let call = self.leases.get(device).and_then(|lease| lease.call);
        if let Some(call) = call {
            let device = device.clone();
            self.emit(Position(0), Action::CancelDevice { device, call });
        }
        if transaction.request.terms.presentation.is_none() {
            self.void_presentation(device, true);
        }
    }

    /// Takes the card that was presented before, where the request names it. Whether it did. A
    /// transaction that goes to the next gateway asks for the card anew.
    pub(crate) fn use_presentation(&mut self, transaction: &mut Transaction) -> bool {
        if transaction.tried.is_any() {
            return false;
        }
        let (Some(named), Some(device)) = (
            transaction.request.terms.presentation.clone(),
            transaction.device.clone(),
        ) else {
            return false;
        };
        let lease = self.leases.get_mut(&device);
        let lease = lease.filter(|lease| lease.seen_as(&named).is_some());
        let Some(seen) = lease.and_then(|lease| lease.seen.take()) else {
            let mut refused = self.refused(transaction, Reason::CardError);
            refused.detail = Some(OVER.into());
            self.end_refused(transaction, refused, None);
            return true;
        };
        self.clear_timer(Some(seen.end));
        transaction.presentation_id = Some(seen.named);
        transaction.entry = Some(seen.told.entry);
        transaction.card = Some(seen.told.card);
        self.card_is_known(transaction);
        true
    }

    /// An errand of its owner waits until the reader has stopped watching, which it does now. What
    /// need not wait, or may not, comes back.
    pub(crate) fn after_the_watch(&mut self, device: &DeviceId, sent: Sent) -> Option<Sent> {
        let lease = self.leases.get(device);
        let lease = lease.filter(|lease| lease.owner == sent.register);
        let Some(call) = lease.and_then(|lease| lease.call) else {
            return Some(sent);
        };
        match self.calls.get_mut(&call) {
            Some(CallFor::Lease { errand, .. })
                if errand.is_none() && self.devices.holder(device).is_none() =>
            {
                *errand = Some(Box::new(sent));
            }
            _ => return Some(sent),
        }
        let device = device.clone();
        self.emit(Position(0), Action::CancelDevice { device, call });
        None
    }

    /// While a card lies there, its register may talk with that card, and do nothing else.
    pub(crate) fn check_no_card(&self, device: &DeviceId, sent: &Sent) -> Result<(), NotNow> {
        match self.card_lies_on(device) {
            Some(busy) if !sent.is_with_card() => {
                let detail = "a card lies there that was presented: use it, or wait";
                let mut not_now = NotNow::new(busy, detail);
                not_now.retry_after_ms = Some(self.config.timeouts.busy_hint_ms);
                Err(not_now)
            }
            _ => Ok(()),
        }
    }

    /// Why a device is not to be had for a change, where a card lies on it.
    pub(crate) fn card_lies_on(&self, device: &DeviceId) -> Option<Reason> {
        let lease = self.leases.get(device)?;
        let seen = lease.seen.as_ref()?;
        Some(Reason::DeviceBusy {
            owner: lease.owner.clone(),
            since_micros: seen.told.at_micros,
            until_micros: Some(seen.told.expires_at_micros),
            transaction_id: None,
        })
    }

    /// Somebody wants to change what drives it: it stops watching long enough for that.
    pub(crate) fn stop_watching(&mut self, device: &DeviceId) {
        let lease = self.leases.get(device);
        let lease = lease.filter(|lease| lease.pause.is_none());
        let Some((id, call)) = lease.and_then(|lease| Some((lease.id, lease.call?))) else {
            return;
        };
        self.emit(
            Position(0),
            Action::CancelDevice {
                device: device.clone(),
                call,
            },
        );
        let pause_ms = self.config.timeouts.busy_hint_ms;
        self.pause_watch(device, id, pause_ms);
    }
}
