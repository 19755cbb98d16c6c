// SPDX-License-Identifier: MIT OR Apache-2.0
//! A device that is one register's for a while: kept from the others, or watching for cards before
//! anybody asks for money.
//!
//! Moves no money and records nothing. Never outlives who asked for it.

use crate::answer::{Answer, Reason};
use crate::card::{CardFace, Entry};
use crate::devices::{Loan, NoDevice};
use crate::effect::Action;
use crate::effects::micros_after;
use crate::engine::{Alarm, Engine};
use crate::ids::{CallId, DeviceId, Position, RegisterId, Ticket, TimerId, TransactionId};
use crate::request::Caller;
use crate::watching::Seen;
use std::sync::Arc;

/// What a register wants of a reader.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LeaseWish {
    /// Which; absent: any that is free.
    pub device: Option<DeviceId>,
    /// Ways to present a card that are wanted; empty = what the device allows.
    pub entries: Vec<Entry>,
    /// For how long.
    pub lease_ms: u64,
    /// Whether it watches for cards.
    pub watches: bool,
}

/// What the owner of a lease is told while it lasts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LeaseNews {
    /// It began.
    Began {
        /// The reader.
        device: DeviceId,
        /// Names the lease.
        lease: Arc<str>,
        /// When it ends, microseconds since 1970 UTC.
        until_micros: i64,
    },
    /// A card was presented.
    Presented(Presentation),
    /// A presentation that was told is void: it was not used in time, or its card or reader is gone.
    Removed {
        /// The reader.
        device: DeviceId,
        /// Which.
        presentation_id: Arc<str>,
    },
}

/// A card that was presented to a reader that watches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Presentation {
    /// The reader.
    pub device: DeviceId,
    /// Names it in the one request that may use it.
    pub presentation_id: Arc<str>,
    /// How it was read.
    pub entry: Entry,
    /// What may be shown.
    pub card: CardFace,
    /// When, microseconds since 1970 UTC.
    pub at_micros: i64,
    /// Until when it may be used, microseconds since 1970 UTC.
    pub expires_at_micros: i64,
}

/// A lease as a list of devices shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LeaseView {
    /// The reader.
    pub device: DeviceId,
    /// Whose.
    pub owner: RegisterId,
    /// Whether it watches for cards.
    pub watches: bool,
    /// When it began, microseconds since 1970 UTC.
    pub since_micros: i64,
    /// When it ends, microseconds since 1970 UTC.
    pub until_micros: i64,
}

/// A device lent to a register.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) id: TransactionId,
    pub(crate) ticket: Ticket,
    pub(crate) owner: RegisterId,
    pub(crate) entries: Vec<Entry>,
    pub(crate) watches: bool,
    since_micros: i64,
    until_micros: i64,
    pub(crate) until_boot_ms: u64,
    end: TimerId,
    /// The pause before the reader is lit again.
    pub(crate) pause: Option<TimerId>,
    pub(crate) call: Option<CallId>,
    pub(crate) seen: Option<Seen>,
    /// Presentations so far.
    pub(crate) presentations: u32,
}

impl Engine {
    /// A register wants a reader for itself.
    pub(crate) fn lend(
        &mut self,
        ticket: Ticket,
        caller: &Caller,
        id: TransactionId,
        wish: LeaseWish,
    ) {
        let owner = &caller.scope.register;
        if self.stopping {
            let refused = self.refusal(Reason::HostStopping);
            self.refuse(Position(0), Some(ticket), refused);
            return;
        }
        let chosen = self.choose_for(owner, &wish);
        let device = match chosen.map_err(NoDevice::not_now) {
            Ok(device) => device,
            Err(not_now) => {
                let mut refused = self.refusal(not_now.reason);
                refused.retry_after_ms = not_now.retry_after_ms;
                refused.detail = not_now.detail;
                self.refuse(Position(0), Some(ticket), refused);
                return;
            }
        };
        // A second lease of its own takes the place of the first.
        self.end_lease(&device, true);
        let since_micros = self.now.wall_micros;
        let until_micros = micros_after(since_micros, wish.lease_ms);
        let lease = Lease {
            id,
            ticket,
            owner: owner.clone(),
            entries: wish.entries,
            watches: wish.watches,
            since_micros,
            until_micros,
            until_boot_ms: self.now.boot_ms.saturating_add(wish.lease_ms),
            end: self.set_alarm(None, id, Alarm::Lease, wish.lease_ms),
            pause: None,
            call: None,
            seen: None,
            presentations: 0,
        };
        let loan = Loan {
            owner: owner.clone(),
            since_micros,
            until_micros,
        };
        self.devices.lend(&device, loan);
        self.leases.insert(device.clone(), lease);
        let began = LeaseNews::Began {
            device,
            lease: id.to_string().into(),
            until_micros,
        };
        self.tell(ticket, began);
    }

    /// Readers watch; a terminal can be kept, where it is named.
    fn choose_for(&self, owner: &RegisterId, wish: &LeaseWish) -> Result<DeviceId, NoDevice> {
        let hint_ms = self.config.timeouts.busy_hint_ms;
        let terminal = wish
            .device
            .as_ref()
            .filter(|device| !wish.watches && self.devices.terminal(device).is_some());
        match terminal {
            Some(device) => {
                let free = self.devices.check_available(device, owner, hint_ms);
                free.map(|()| device.clone())
            }
            None => self
                .devices
                .choose(wish.device.as_ref(), &wish.entries, owner, hint_ms),
        }
    }

    /// A register gives a reader back.
    pub(crate) fn give_back(&mut self, ticket: Ticket, caller: &Caller, device: &DeviceId) {
        let lease = self.leases.get(device);
        if lease.is_some_and(|lease| lease.owner == caller.scope.register) {
            self.end_lease(device, true);
            self.answer(Position(0), ticket, Answer::GivenBack);
            return;
        }
        let mut refused = self.refusal(Reason::NotAllowed);
        refused.detail = Some("this register has no lease of that device".into());
        self.refuse(Position(0), Some(ticket), refused);
    }

    /// Everything that is lent.
    pub(crate) fn lent(&self) -> Vec<LeaseView> {
        let view = |(device, lease): (&DeviceId, &Lease)| LeaseView {
            device: device.clone(),
            owner: lease.owner.clone(),
            watches: lease.watches,
            since_micros: lease.since_micros,
            until_micros: lease.until_micros,
        };
        self.leases.iter().map(view).collect()
    }

    /// Its register does not listen any more.
    pub(crate) fn forget_lease(&mut self, forgotten: Ticket) {
        let mut leases = self.leases.iter();
        let lease = leases.find(|(_, lease)| lease.ticket == forgotten);
        if let Some(device) = lease.map(|(device, _)| device.clone()) {
            self.end_lease(&device, false);
        }
    }

    pub(crate) fn end_leases(&mut self) {
        for device in self.leases.keys().cloned().collect::<Vec<_>>() {
            self.end_lease(&device, true);
        }
    }

    /// `told`: its register still listens.
    fn end_lease(&mut self, device: &DeviceId, told: bool) {
        self.void_presentation(device, told);
        let Some(lease) = self.leases.remove(device) else {
            return;
        };
        self.clear_timer(Some(lease.end));
        self.clear_timer(lease.pause);
        self.put_out(device, lease.call);
        self.devices.take_back(device);
        if told {
            self.answer(Position(0), lease.ticket, Answer::LeaseEnded);
        }
    }

    /// The reader stops waiting for a card. Its reply still comes.
    fn put_out(&mut self, device: &DeviceId, call: Option<CallId>) {
        if let Some(call) = call {
            let device = device.clone();
            self.emit(Position(0), Action::CancelDevice { device, call });
        }
        self.devices.leave(device);
    }

    /// Whether it was an alarm of a lease.
    pub(crate) fn lease_alarm(&mut self, id: TransactionId, alarm: Alarm) -> bool {
        let leases = self.leases.iter_mut();
        let mut leases = leases.filter(|(_, lease)| lease.id == id);
        let lease = leases.next().map(|(device, lease)| (device.clone(), lease));
        match (alarm, lease) {
            (Alarm::Lease, Some((device, _))) => self.end_lease(&device, true),
            (Alarm::Presentation, Some((device, _))) => self.presentation_is_old(&device),
            (Alarm::Watch, Some((_, lease))) => lease.pause = None,
            (Alarm::Lease | Alarm::Presentation | Alarm::Watch, None) => {}
            _ => return false,
        }
        true
    }

    /// A reader came, went or changed.
    pub(crate) fn lent_device_changed(&mut self, device: &DeviceId) {
        if !self.devices.is_there(device) {
            self.end_lease(device, true);
        } else if !self.devices.is_ready(device) {
            self.void_presentation(device, true);
        }
    }
}
