// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payments that a terminal runs by itself: who gets one, the intent, the terminal's word.
//!
//! Never lets a terminal begin before the intent is durable, and never gives a payment to one that
//! may still have to tell what became of another.

use crate::abilities::lacking;
use crate::admit::NotNow;
use crate::answer::{Reason, Stage};
use crate::device::{DeviceCommand, DeviceReply, TerminalOutcome};
use crate::devices::{NoDevice, urgency};
use crate::engine::{Alarm, Engine};
use crate::exchange::Verdict;
use crate::gateway::GatewayAnswer;
use crate::ids::{Acceptor, DeviceId, RegisterId};
use crate::keys::Ask;
use crate::money::{Amount, Amounts, Currency};
use crate::request::MoneyRequest;
use crate::sale::refusal_reason;
use crate::sums::whole;
use crate::terminal_batch::close_of;
use crate::terminal_changes::{original_of, void_of};
use crate::transaction::{Phase, Transaction};
use crate::turns::is_close;
use std::sync::Arc;

impl Engine {
    /// The terminal a request goes to; `None`: a gateway takes it. What a request names decides.
    /// One that names nothing gets an idle reader where there is a gateway, else a terminal that
    /// can take it, else it waits for a reader.
    pub(crate) fn terminal_for(&self, ask: &Ask) -> Result<Option<DeviceId>, NotNow> {
        let (request, asker) = (&ask.request, &ask.scope.register);
        let presented = request.terms.presentation.is_some();
        if request.kind.purpose().is_none() || request.is_by_token() || presented {
            return Ok(None);
        }
        if let Some(device) = &request.device {
            return Ok(self.devices.terminal(device).map(|_| device.clone()));
        }
        let gateway_given = request.gateway.is_some();
        let gateway_there = self.config.gateway.is_some() || !self.gateways.is_empty();
        if gateway_given || (gateway_there && self.devices.reader_is_idle(asker)) {
            return Ok(None);
        }
        let mut refusal: Option<NotNow> = None;
        for device in self.devices.terminals() {
            match self.check_terminal(device, ask) {
                Ok(()) => return Ok(Some(device.clone())),
                Err(not_now) => {
                    let before = refusal.as_ref().map(|refusal| urgency(&refusal.reason));
                    if before < Some(urgency(&not_now.reason)) {
                        refusal = Some(not_now);
                    }
                }
            }
        }
        match refusal {
            Some(refusal) if !(gateway_there && self.devices.has_reader()) => Err(refusal),
            _ => Ok(None),
        }
    }

    pub(crate) fn accept_on_terminal(
        &self,
        ask: &Ask,
        device: DeviceId,
    ) -> Result<Transaction, NotNow> {
        let request = &ask.request;
        let amounts = request.amounts.unwrap_or_else(no_amount);
        if request.gateway.is_some() {
            let detail = format!("{device} authorizes by itself: name no gateway with it");
            return Err(NotNow::new(Reason::DeviceUnsupported, detail));
        }
        self.check_unresolved(request, &ask.scope, &amounts)?;
        self.check_terminal(&device, ask)?;
        let acceptor = self.terminal_acceptor(&device);
        let mut transaction = self.accepted(ask, amounts, None, acceptor);
        transaction.device = Some(device);
        Ok(transaction)
    }

    /// Whether a terminal can take this request, now.
    fn check_terminal(&self, device: &DeviceId, ask: &Ask) -> Result<(), NotNow> {
        let request = &ask.request;
        let Some(terminal) = self.devices.terminal(device) else {
            return Err(NotNow::new(
                Reason::DeviceNotFound,
                format!("no terminal {device}"),
            ));
        };
        if let Some(words) = lacking(request, terminal.can).or(beyond(request)) {
            let detail = format!("terminal {device} cannot {words}");
            return Err(NotNow::new(Reason::DeviceUnsupported, detail));
        }
        self.check_terminal_free(device, &ask.scope.register)
    }

    /// Whether it is there, idle, and owes no word on an earlier transaction.
    pub(crate) fn check_terminal_free(
        &self,
        device: &DeviceId,
        asker: &RegisterId,
    ) -> Result<(), NotNow> {
        let busy_hint_ms = self.config.timeouts.busy_hint_ms;
        let free = self.devices.check_available(device, asker, busy_hint_ms);
        free.map_err(NoDevice::not_now)?;
        let Some(owed) = self.quarantines(device) else {
            return Ok(());
        };
        let until = match owed.phase {
            Phase::NeedsOperator => "a person has resolved",
            _ => "it is known what became of",
        };
        let detail = format!(
            "terminal {device} takes no payment until {until} transaction {}",
            owed.id
        );
        let mut not_now = NotNow::new(Reason::DeviceUnavailable, detail);
        not_now.retry_after_ms = Some(busy_hint_ms);
        Err(not_now)
    }

    /// The transaction of which a terminal owes the word.
    pub(crate) fn owes_a_word(&self, device: &DeviceId) -> Option<&Transaction> {
        let owed = self.quarantines(device)?;
        (!matches!(owed.phase, Phase::Paying | Phase::Asking)).then_some(owed)
    }

    /// The transaction that keeps a terminal from taking another: with the next payment, the
    /// terminal might forget what became of it.
    pub(crate) fn quarantines(&self, device: &DeviceId) -> Option<&Transaction> {
        self.open
            .values()
            .filter(|open| !open.is_decided())
            .find(|open| open.on_terminal() && open.intent && open.device.as_ref() == Some(device))
    }

    /// The terminals that take no payment until somebody knows what became of another.
    pub(crate) fn quarantined(&self) -> Vec<DeviceId> {
        let open = self.open.values().filter(|open| {
            open.on_terminal()
                && open.intent
                && !open.is_decided()
                && !matches!(open.phase, Phase::Paying | Phase::Asking)
        });
        let mut devices: Vec<_> = open.filter_map(|open| open.device.clone()).collect();
        devices.sort();
        devices.dedup();
        devices
    }

    pub(crate) fn terminal_acceptor(&self, device: &DeviceId) -> Acceptor {
        let configured = self.config.terminals.get(device).cloned();
        configured.unwrap_or_default()
    }

    /// Writes the intent; the terminal begins as soon as it is durable.
    pub(crate) fn pay(&mut self, transaction: &mut Transaction) {
        let Some(device) = transaction.device.clone() else {
            return;
        };
        if !self.devices.is_ready(&device) {
            let detail = format!("terminal {device} is not ready");
            let not_now = NotNow::new(Reason::DeviceUnavailable, detail);
            self.give_up_before_intent(transaction, not_now);
            return;
        }
        let wire = self.next_wire(transaction);
        let stan = wire.stan;
        self.record_intent(transaction, wire);
        transaction.phase = Phase::Paying;
        let close = close_of(transaction);
        let command = void_of(transaction)
            .or(close)
            .unwrap_or_else(|| DeviceCommand::Pay {
                transaction_id: transaction.id,
                stan,
                purpose: transaction.purpose(),
                amounts: transaction.amounts,
                total_minor_max: transaction.request.amount_max.map(|max| max.minor),
                original: original_of(transaction),
            });
        self.call_reader(transaction, command, self.config.timeouts.terminal_ms);
        transaction.payment = transaction.call;
        if let Some(timeout_ms) = transaction.request.timeout_ms {
            let former = transaction.pause.take();
            transaction.pause = Some(self.set_timer(former, transaction, Alarm::Card, timeout_ms));
        }
    }

    /// The register's time for a card is over. A terminal that has one by now goes on: its word
    /// counts.
    pub(crate) fn no_card_came(&mut self, transaction: &mut Transaction) {
        let waits = matches!(transaction.stage, Stage::Accepted | Stage::WaitingForCard);
        if transaction.phase == Phase::Paying && waits {
            transaction.no_card = true;
            self.cancel_reader(transaction);
        }
    }

    /// The terminal replied to a payment, in time or late.
    pub(crate) fn paid(&mut self, transaction: &mut Transaction, reply: DeviceReply) {
        match reply {
            DeviceReply::Reversed if transaction.is_void() => self.voided(transaction),
            DeviceReply::Reconciled(totals) if is_close(transaction) => {
                self.closed_on_terminal(transaction, *totals);
            }
            DeviceReply::Refused { text, .. } if transaction.is_irrevocable() => {
                self.void_refused(transaction, text);
            }
            DeviceReply::Paid(outcome) => self.terminal_decided(transaction, *outcome),
            DeviceReply::Refused { refusal, text } => {
                let mut refused = self.refused(transaction, refusal_reason(refusal));
                refused.detail = Some(text);
                self.end_refused(transaction, refused, None);
            }
            DeviceReply::Cancelled => {
                let reason = match transaction.no_card {
                    true => Reason::TimedOut,
                    false => Reason::Cancelled,
                };
                let refused = self.refused(transaction, reason);
                self.end_refused(transaction, refused, None);
            }
            DeviceReply::Unsupported if !transaction.sent_before => {
                self.never_begun(transaction, "the device plugin does not know the command");
            }
            DeviceReply::Failed {
                effect_possible: false,
                reason,
            } if !transaction.sent_before => {
                self.never_begun(transaction, &format!("nothing was sent: {reason}"));
            }
            DeviceReply::Failed { reason, .. } => self.terminal_lost(transaction, reason),
            _ => {
                let detail = "the device plugin answered something else than it was asked";
                self.terminal_lost(transaction, detail.into());
            }
        }
    }

    /// The intent is on disk, so the key is used; that nothing moved is certain all the same.
    pub(crate) fn never_begun(&mut self, transaction: &mut Transaction, detail: &str) {
        let mut refused = self.refused(transaction, Reason::NeverBegun);
        refused.detail = Some(detail.into());
        self.end_refused(transaction, refused, None);
    }

    /// The terminal's word stands.
    pub(crate) fn terminal_decided(
        &mut self,
        transaction: &mut Transaction,
        outcome: TerminalOutcome,
    ) {
        let TerminalOutcome {
            answer,
            entry,
            cvm,
            card,
        } = outcome;
        if self.names_another(transaction, &answer) {
            let detail = "the terminal told once more how another payment ended";
            match transaction.phase {
                Phase::Inquiring => self.pause(transaction),
                _ => self.terminal_lost(transaction, detail.into()),
            }
            return;
        }
        transaction.entry = entry.or(transaction.entry);
        transaction.cvm = cvm.or(transaction.cvm);
        transaction.card = card.or(transaction.card.take());
        self.decided(transaction, answer, false);
    }

    /// Whether a terminal's word is about the payment before: it has that one's name. A change may
    /// have the name of what it changes.
    fn names_another(&mut self, transaction: &Transaction, answer: &GatewayAnswer) -> bool {
        let (Some(device), Some(name)) = (&transaction.device, named(answer)) else {
            return false;
        };
        let latest = self.named.get(device);
        let another = latest.is_some_and(|(id, latest)| *id != transaction.id && *latest == name);
        if another && transaction.original.is_none() {
            return true;
        }
        self.named.insert(device.clone(), (transaction.id, name));
        false
    }
}

/// The terminal's own name for a payment.
pub(crate) fn named(answer: &GatewayAnswer) -> Option<Arc<str>> {
    let name = answer.extras.reference.clone();
    name.filter(|name| !name.is_empty())
}

/// What no terminal is told, as the end of "it cannot ...".
fn beyond(request: &MoneyRequest) -> Option<&'static str> {
    let terms = &request.terms;
    let beyond = [
        (
            terms.installments.is_some(),
            "be told of instalments: it asks for them itself, if at all",
        ),
        (
            terms.voice_code.is_some(),
            "take an approval code given by telephone",
        ),
        (
            !terms.entries.is_empty(),
            "be told how to read a card: it chooses itself",
        ),
        (
            terms.online_always,
            "be told to ask the issuer: it decides itself",
        ),
        (
            terms.estimate.is_some(),
            "be told the amount after the card: it must know it before",
        ),
    ];
    let mut told = beyond.into_iter().filter(|(told, _)| *told);
    told.next().map(|(_, words)| words)
}

/// What a terminal's approval amounts to. It may be less than asked, or more by the tip and the
/// surcharge that it names, up to what the register allowed.
pub(crate) fn judge_terminal(transaction: &Transaction, answer: &GatewayAnswer) -> Verdict {
    let Amounts {
        total,
        tip_minor,
        surcharge_minor,
        ..
    } = transaction.amounts;
    let asked = total.minor;
    if !transaction.request.kind.moves_money() || is_close(transaction) {
        return Verdict::Approved { minor: 0 };
    }
    let all_or_nothing = transaction.request.kind.gives_all_or_nothing();
    let minor = match answer.approved_minor {
        Some(minor) => minor,
        None if all_or_nothing => asked,
        None => return Verdict::Contradictory("the terminal approved without an amount"),
    };
    if all_or_nothing && minor != asked {
        return Verdict::Contradictory("the terminal moved another amount than was asked");
    }
    let (tip, surcharge) = (answer.extras.tip_minor, answer.extras.surcharge_minor);
    if minor <= 0 || tip.is_some_and(|tip| tip < 0) || surcharge.is_some_and(|part| part < 0) {
        return Verdict::Contradictory("the terminal approved an amount that cannot be");
    }
    let max = transaction
        .request
        .amount_max
        .map_or(asked, |max| max.minor);
    if minor > max.max(asked) {
        return Verdict::Contradictory("the terminal approved more than was allowed");
    }
    let (tip_asked, surcharge_asked) = (tip_minor.unwrap_or(0), surcharge_minor.unwrap_or(0));
    let (tip, surcharge) = (
        tip.unwrap_or(tip_asked),
        surcharge.unwrap_or(surcharge_asked),
    );
    let added = tip.saturating_add(surcharge);
    // Of a partial approval only the sum is known, not what was left out.
    let adds_up = match minor < asked {
        true => added <= minor,
        false => minor - asked == added.saturating_sub(tip_asked + surcharge_asked),
    };
    if !adds_up {
        return Verdict::Contradictory("the parts that the terminal named do not add up");
    }
    Verdict::Approved { minor }
}

/// What is recorded of a request that has no amount.
pub(crate) fn no_amount() -> Amounts {
    whole(Amount {
        minor: 0,
        currency: Currency::XXX,
    })
}
