// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices: which are there, which are in use, which one a request gets.
//!
//! A device whose transaction let go of it while it still shows how that ended is as good as free:
//! the next transaction holds it at once and calls it when that last call has ended. Never gives
//! one device to two transactions, and never calls it twice at a time.

use crate::admit::NotNow;
use crate::answer::{PinEvent, Reason, Stage};
use crate::card::Entry;
use crate::device::{DeviceAbilities, DeviceCommand, DeviceReply, DeviceStatus};
use crate::effect::Action;
use crate::engine::{CallFor, Engine};
use crate::ids::{CallId, DeviceId, RegisterId, TransactionId};
use crate::protection::Protection;
use crate::terminal_unknown::Terminal;
use crate::transaction::{Phase, Transaction};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every configured device, and those still in use that were.
#[derive(Debug, Default)]
pub(crate) struct Devices(BTreeMap<DeviceId, Device>);

#[derive(Clone, Debug, Default)]
struct Device {
    status: Option<DeviceStatus>,
    used: Option<Use>,
    lent: Option<Loan>,
}

/// To whom a device is lent, and for how long: microseconds since 1970 UTC.
#[derive(Clone, Debug)]
pub(crate) struct Loan {
    pub(crate) owner: RegisterId,
    pub(crate) since_micros: i64,
    pub(crate) until_micros: i64,
}

#[derive(Clone, Debug)]
struct Use {
    owner: RegisterId,
    since_micros: i64,
    /// Whose it is, or was; absent for a person who looks for it.
    transaction: Option<TransactionId>,
    /// A transaction has it, whether or not it is called.
    held: bool,
    /// It watches for cards, and gives way to its own register.
    watches: bool,
    call: Option<CallId>,
}

/// Why a device cannot be had.
#[derive(Debug)]
pub(crate) struct NoDevice {
    pub(crate) reason: Reason,
    pub(crate) retry_after_ms: Option<u64>,
    pub(crate) detail: Option<Arc<str>>,
}

impl Devices {
    pub(crate) fn changed(&mut self, id: &DeviceId, status: Option<DeviceStatus>) {
        let device = self.0.entry(id.clone()).or_default();
        device.status = status;
        if device.status.is_none() && device.used.is_none() {
            self.0.remove(id);
        }
    }

    /// Not ready until it is told to be.
    pub(crate) fn pause(&mut self, id: &DeviceId) {
        let device = self.0.get_mut(id);
        if let Some(status) = device.and_then(|device| device.status.as_mut()) {
            status.ready = false;
        }
    }

    /// Who uses it, in whatever state it is.
    pub(crate) fn check_unused(&self, id: &DeviceId, busy_hint_ms: u64) -> Option<NoDevice> {
        let used = self.0.get(id)?.used.as_ref()?;
        Some(used.busy(busy_hint_ms))
    }

    pub(crate) fn all_free(&self) -> bool {
        self.0.values().all(|device| device.used.is_none())
    }

    pub(crate) fn is_ready(&self, id: &DeviceId) -> bool {
        self.0.get(id).is_some_and(Device::is_ready)
    }

    /// Whether it is a reader that can ask for a tip.
    pub(crate) fn asks_for_tips(&self, id: &DeviceId) -> bool {
        let status = self.0.get(id).and_then(|device| device.status.as_ref());
        let abilities = status.map(|status| &status.abilities);
        matches!(abilities, Some(DeviceAbilities::Reader { tip: true, .. }))
    }

    /// Whether it is a reader whose cards can complete without their issuer.
    pub(crate) fn completes_offline(&self, id: &DeviceId) -> bool {
        let status = self.0.get(id).and_then(|device| device.status.as_ref());
        let abilities = status.map(|status| &status.abilities);
        matches!(
            abilities,
            Some(DeviceAbilities::Reader { offline: true, .. })
        )
    }

    /// Whether it is a reader that can charge a card in its own currency.
    pub(crate) fn charges_own_currencies(&self, id: &DeviceId) -> bool {
        let status = self.0.get(id).and_then(|device| device.status.as_ref());
        let abilities = status.map(|status| &status.abilities);
        matches!(abilities, Some(DeviceAbilities::Reader { dcc: true, .. }))
    }

    /// How it protects what it reads.
    pub(crate) fn protection(&self, id: &DeviceId) -> Option<&Protection> {
        Some(&self.0.get(id)?.status.as_ref()?.protection)
    }

    /// What a terminal can do; `None` if it is none, or not there.
    pub(crate) fn terminal(&self, id: &DeviceId) -> Option<Terminal<'_>> {
        Terminal::of(&self.0.get(id)?.status.as_ref()?.abilities)
    }

    pub(crate) fn terminals(&self) -> impl Iterator<Item = &DeviceId> {
        self.0.keys().filter(|id| self.terminal(id).is_some())
    }

    pub(crate) fn has_reader(&self) -> bool {
        self.0.values().any(Device::is_reader)
    }

    /// Whether a reader is idle for this register.
    pub(crate) fn reader_is_idle(&self, asker: &RegisterId) -> bool {
        let mut devices = self.0.values();
        devices.any(|device| {
            let used = device.used.as_ref().filter(|used| !used.watches);
            let lent = device.lent_to_another(Some(asker)).is_some();
            device.is_reader() && device.is_ready() && used.is_none() && !lent
        })
    }

    /// Whether nobody uses it.
    pub(crate) fn is_idle(&self, id: &DeviceId) -> bool {
        self.0.get(id).is_none_or(|device| device.used.is_none())
    }

    /// The reader a request gets.
    pub(crate) fn choose(
        &self,
        given: Option<&DeviceId>,
        wanted: &[Entry],
        asker: &RegisterId,
        busy_hint_ms: u64,
    ) -> Result<DeviceId, NoDevice> {
        if let Some(id) = given {
            let device = self
                .0
                .get(id)
                .ok_or_else(|| no_device(Reason::DeviceNotFound))?;
            device.check(wanted, asker, busy_hint_ms)?;
            return Ok(id.clone());
        }
        if let Some(own) = self.lent_to(asker, wanted, busy_hint_ms) {
            return Ok(own);
        }
        let mut finishing = None;
        let mut refusal = no_device(Reason::DeviceNotFound);
        let mut rank = 0;
        for (id, device) in &self.0 {
            let refused = match device.check(wanted, asker, busy_hint_ms) {
                Ok(()) if device.used.is_none() => return Ok(id.clone()),
                Ok(()) => {
                    finishing = finishing.or_else(|| Some(id.clone()));
                    continue;
                }
                Err(refused) => refused,
            };
            let refused_rank = urgency(&refused.reason);
            if refused_rank > rank {
                rank = refused_rank;
                refusal = refused;
            }
        }
        finishing.ok_or(refusal)
    }

    /// The reader that is lent to a register is what it means.
    fn lent_to(&self, asker: &RegisterId, wanted: &[Entry], hint_ms: u64) -> Option<DeviceId> {
        let own = self.0.iter().find(|(_, device)| {
            let lent = device.lent.as_ref();
            lent.is_some_and(|loan| loan.owner == *asker)
                && device.check(wanted, asker, hint_ms).is_ok()
        });
        own.map(|(id, _)| id.clone())
    }

    /// Whether the next transaction can have it, be it that it waits for its last call.
    pub(crate) fn check_available(
        &self,
        id: &DeviceId,
        asker: &RegisterId,
        busy_hint_ms: u64,
    ) -> Result<(), NoDevice> {
        let device = self.0.get(id);
        let device = device.ok_or_else(|| no_device(Reason::DeviceNotFound))?;
        device.check_available(Some(asker), busy_hint_ms)
    }

    /// Whether a device is there, ready and idle, whatever its kind. Without an asker, no lease
    /// matters.
    pub(crate) fn check_idle(
        &self,
        id: &DeviceId,
        asker: Option<&RegisterId>,
        busy_hint_ms: u64,
    ) -> Result<(), NoDevice> {
        let device = self
            .0
            .get(id)
            .ok_or_else(|| no_device(Reason::DeviceNotFound))?;
        let lent = device.lent_to_another(asker);
        match (lent, &device.used) {
            (None, Some(used)) => Err(used.busy(busy_hint_ms)),
            _ => device.check_available(asker, busy_hint_ms),
        }
    }

    /// Keeps it for one register. Who uses it meanwhile goes on.
    pub(crate) fn lend(&mut self, id: &DeviceId, loan: Loan) {
        self.0.entry(id.clone()).or_default().lent = Some(loan);
    }

    /// It is anybody's again.
    pub(crate) fn take_back(&mut self, id: &DeviceId) {
        if let Some(device) = self.0.get_mut(id) {
            device.lent = None;
        }
    }

    /// What watches does not use it any more; a payment may.
    pub(crate) fn leave(&mut self, id: &DeviceId) {
        self.update(id, |used| used.held &= used.transaction.is_some());
    }

    /// It watches for cards until its call ends.
    pub(crate) fn watch(&mut self, id: &DeviceId, owner: RegisterId, since_micros: i64) {
        self.hold(id, owner, None, since_micros);
        self.update(id, |used| used.watches = true);
    }

    /// Whether it is configured.
    pub(crate) fn is_there(&self, id: &DeviceId) -> bool {
        self.0.get(id).is_some_and(|device| device.status.is_some())
    }

    /// Gives it to a transaction, or to a person who looks for it. A call that it still ends
    /// stays its call.
    pub(crate) fn hold(
        &mut self,
        id: &DeviceId,
        owner: RegisterId,
        transaction: Option<TransactionId>,
        since_micros: i64,
    ) {
        let device = self.0.entry(id.clone()).or_default();
        let call = device.used.as_ref().and_then(|used| used.call);
        device.used = Some(Use {
            owner,
            since_micros,
            transaction,
            held: true,
            watches: false,
            call,
        });
    }

    pub(crate) fn called(&mut self, id: &DeviceId, call: CallId) {
        if let Some(used) = self.0.get_mut(id).and_then(|device| device.used.as_mut()) {
            used.call = Some(call);
        }
    }

    /// Its transaction lets go of it.
    pub(crate) fn let_go(&mut self, id: &DeviceId) {
        self.update(id, |used| used.held = false);
    }

    pub(crate) fn call_ended(&mut self, id: &DeviceId, call: CallId) {
        self.update(id, |used| {
            if used.call == Some(call) {
                used.call = None;
                // An errand is its call, and so is a watch.
                used.held &= used.transaction.is_some();
                used.watches = false;
            }
        });
    }

    /// Whether a call to it is under way.
    pub(crate) fn is_called(&self, id: &DeviceId) -> bool {
        let used = self.0.get(id).and_then(|device| device.used.as_ref());
        used.is_some_and(|used| used.call.is_some())
    }

    /// Who has it.
    pub(crate) fn holder(&self, id: &DeviceId) -> Option<TransactionId> {
        let used = self.0.get(id).and_then(|device| device.used.as_ref())?;
        used.transaction.filter(|_| used.held)
    }

    /// The devices as a successor finds them: calls go on, transactions do not.
    pub(crate) fn orphaned(&self) -> Self {
        let mut devices = self.0.clone();
        for device in devices.values_mut() {
            device.lent = None;
            device.used = device.used.take().filter(|used| used.call.is_some());
            if let Some(used) = &mut device.used {
                used.held = false;
            }
        }
        Self(devices)
    }

    fn update(&mut self, id: &DeviceId, change: impl FnOnce(&mut Use)) {
        let Some(device) = self.0.get_mut(id) else {
            return;
        };
        let Some(used) = &mut device.used else { return };
        change(used);
        if !used.held && used.call.is_none() {
            device.used = None;
            if device.status.is_none() {
                self.0.remove(id);
            }
        }
    }
}

impl Device {
    fn is_ready(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.ready)
    }

    /// Its loan, where that is another register's.
    fn lent_to_another(&self, asker: Option<&RegisterId>) -> Option<&Loan> {
        let loan = self.lent.as_ref()?;
        asker
            .is_some_and(|asker| *asker != loan.owner)
            .then_some(loan)
    }

    fn is_reader(&self) -> bool {
        let abilities = self.status.as_ref().map(|status| &status.abilities);
        matches!(abilities, Some(DeviceAbilities::Reader { .. }))
    }

    /// `wanted`: entry modes of which it must have one; empty = any.
    fn check(
        &self,
        wanted: &[Entry],
        asker: &RegisterId,
        busy_hint_ms: u64,
    ) -> Result<(), NoDevice> {
        let abilities = self.status.as_ref().map(|status| &status.abilities);
        if let Some(DeviceAbilities::Reader { entries, .. }) = abilities
            && !wanted.is_empty()
            && !wanted.iter().any(|entry| entries.contains(entry))
        {
            return Err(NoDevice {
                detail: Some("the reader has none of the wanted ways to read a card".into()),
                ..no_device(Reason::DeviceUnsupported)
            });
        }
        if let Some(DeviceAbilities::Terminal { .. }) = abilities {
            let detail = "the device is a terminal, which authorizes by itself";
            let refusal = no_device(Reason::DeviceUnsupported);
            return Err(NoDevice {
                detail: Some(detail.into()),
                ..refusal
            });
        }
        self.check_available(Some(asker), busy_hint_ms)
    }

    fn check_available(
        &self,
        asker: Option<&RegisterId>,
        busy_hint_ms: u64,
    ) -> Result<(), NoDevice> {
        let Some(status) = &self.status else {
            return Err(no_device(Reason::DeviceNotFound));
        };
        let used = self.used.as_ref().filter(|used| used.held);
        if let Some(loan) = self.lent_to_another(asker) {
            let transaction = used.and_then(|used| used.transaction);
            return Err(loan.busy(transaction, busy_hint_ms));
        }
        if let Some(used) = used.filter(|used| !used.watches) {
            return Err(used.busy(busy_hint_ms));
        }
        if !status.ready {
            let retry_after_ms = status.retry_after_ms.or(Some(busy_hint_ms));
            return Err(NoDevice {
                retry_after_ms,
                detail: status.why.clone(),
                ..no_device(Reason::DeviceUnavailable)
            });
        }
        Ok(())
    }
}

impl Use {
    fn busy(&self, busy_hint_ms: u64) -> NoDevice {
        busy(
            Reason::DeviceBusy {
                owner: self.owner.clone(),
                since_micros: self.since_micros,
                until_micros: None,
                transaction_id: self.transaction,
            },
            busy_hint_ms,
        )
    }
}

impl Loan {
    fn busy(&self, transaction_id: Option<TransactionId>, busy_hint_ms: u64) -> NoDevice {
        let reason = Reason::DeviceBusy {
            owner: self.owner.clone(),
            since_micros: self.since_micros,
            until_micros: Some(self.until_micros),
            transaction_id,
        };
        NoDevice {
            detail: Some("another register keeps this device for itself".into()),
            ..busy(reason, busy_hint_ms)
        }
    }
}

fn busy(reason: Reason, busy_hint_ms: u64) -> NoDevice {
    NoDevice {
        retry_after_ms: Some(busy_hint_ms),
        ..no_device(reason)
    }
}

impl NoDevice {
    /// As the refusal of a request.
    pub(crate) fn not_now(self) -> NotNow {
        NotNow {
            reason: self.reason,
            retry_after_ms: self.retry_after_ms,
            detail: self.detail,
            unresolved: Vec::new(),
        }
    }
}

/// The refusal that passes soonest is the one worth telling.
pub(crate) fn urgency(reason: &Reason) -> u8 {
    match reason {
        Reason::DeviceBusy { .. } => 3,
        Reason::DeviceUnavailable => 2,
        Reason::DeviceUnsupported => 1,
        _ => 0,
    }
}

fn no_device(reason: Reason) -> NoDevice {
    NoDevice {
        reason,
        retry_after_ms: None,
        detail: None,
    }
}

impl Engine {
    pub(crate) fn device_replied(&mut self, call: CallId, reply: DeviceReply) {
        match self.calls.remove(&call) {
            Some(CallFor::Device {
                device,
                transaction,
            }) => {
                self.devices.call_ended(&device, call);
                let Some(id) = transaction else {
                    self.serve_next(&device);
                    return;
                };
                self.with(id, |engine, transaction| {
                    if transaction.call == Some(call) {
                        transaction.call = None;
                        engine.drop_prompt(transaction);
                        engine.device_said(transaction, reply);
                    }
                });
                self.wake_terminal(&device, false);
            }
            Some(CallFor::Identify { device, ticket }) => {
                self.devices.call_ended(&device, call);
                self.errand_done(ticket, reply);
                self.serve_next(&device);
            }
            Some(CallFor::Lease {
                device,
                owner,
                errand,
            }) => {
                self.devices.call_ended(&device, call);
                self.watched(&device, &owner, call, reply);
                if let Some(errand) = errand {
                    self.send_on_errand(&device, *errand);
                }
                self.serve_next(&device);
            }
            Some(gateway_call @ (CallFor::Gateway { .. } | CallFor::Totals { .. })) => {
                self.calls.insert(call, gateway_call);
            }
            None => self.late_word(call, reply),
        }
    }

    /// A call of a former engine goes on for the transaction it was made for.
    pub(crate) fn adopt_call(&mut self, call: CallId, id: TransactionId) {
        if let Some(CallFor::Device { transaction, .. }) = self.calls.get_mut(&call) {
            *transaction = Some(id);
        }
    }

    /// A device is done with what came before: whoever waits for it gets it.
    pub(crate) fn serve_next(&mut self, device: &DeviceId) {
        let Some(id) = self.devices.holder(device) else {
            self.wake_terminal(device, false);
            return;
        };
        self.with(id, |engine, transaction| {
            if transaction.phase == Phase::AwaitingReader {
                engine.device_is_done(transaction);
            }
        });
    }

    pub(crate) fn device_progressed(
        &mut self,
        call: CallId,
        stage: Stage,
        pin: Option<PinEvent>,
        text: Arc<str>,
    ) {
        let Some(CallFor::Device {
            transaction: Some(id),
            ..
        }) = self.calls.get(&call)
        else {
            return;
        };
        self.with(*id, |engine, transaction| {
            if transaction.call == Some(call) {
                match pin {
                    // That it begins is a step; the keys are for whoever waits.
                    None | Some(PinEvent::Started) => {
                        engine.step_with(transaction, stage, pin, text)
                    }
                    Some(pin) => engine.key_pressed(transaction, pin, text),
                }
            }
        });
    }

    /// Calls the device of a transaction, which then waits for the reply.
    pub(crate) fn call_reader(
        &mut self,
        transaction: &mut Transaction,
        command: DeviceCommand,
        limit_ms: u64,
    ) {
        let Some(device) = transaction.device.clone() else {
            return;
        };
        let purpose = CallFor::Device {
            device: device.clone(),
            transaction: Some(transaction.id),
        };
        let call = self.call_device(transaction.after, &device, purpose, command, limit_ms);
        transaction.call = Some(call);
    }

    /// Asks the device of a transaction to stop. Its reply still comes.
    pub(crate) fn cancel_reader(&mut self, transaction: &Transaction) {
        if let (Some(device), Some(call)) = (transaction.device.clone(), transaction.call) {
            // Not before the call itself.
            let after = transaction.after;
            self.emit(after, Action::CancelDevice { device, call });
        }
    }
}
