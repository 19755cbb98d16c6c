// SPDX-License-Identifier: MIT OR Apache-2.0
//! Transactions, devices and gateways as registers look at them.

use super::convert;
use crate::supervisor::{State, View as InstanceView};
use payhal_engine::answer::Outcome;
use payhal_engine::ids::DeviceId;
use payhal_engine::money::Amounts;
use payhal_engine::record::{Fact, FinalAnswer, Record};
use payhal_engine::request::{Kind, MoneyRequest, Snapshot};
use payhal_journal::{Summary, View};
use payhal_messages::card::Entry;
use payhal_messages::manifest::Kind as PluginKind;
use payhal_protocol::device::{DeviceKind, DeviceState, DeviceSummary};
use payhal_protocol::error::{Busy, MoneyMoved};
use payhal_protocol::gateway::{GatewayState, GatewaySummary};
use payhal_protocol::transaction::{
    Resolution, ResolutionState, TimelineEntry, TransactionError, TransactionKind,
    TransactionOutcome, TransactionView,
};

fn kind_out(kind: &Kind) -> TransactionKind {
    match kind {
        Kind::Sale => TransactionKind::Sale,
        Kind::Authorize => TransactionKind::Authorize,
        Kind::Capture { .. } => TransactionKind::Capture,
        Kind::Adjust { .. } => TransactionKind::Adjust,
        Kind::Refund { .. } | Kind::RefundUnreferenced | Kind::RefundByReceipt => {
            TransactionKind::Refund
        }
        Kind::Void { .. } | Kind::Undo { .. } => TransactionKind::Void,
        Kind::Verify => TransactionKind::Verify,
        Kind::Balance => TransactionKind::Balance,
        Kind::CashAdvance => TransactionKind::CashAdvance,
        Kind::BatchClose => TransactionKind::BatchClose,
    }
}

fn outcome_out(outcome: Option<Outcome>) -> TransactionOutcome {
    match outcome {
        Some(Outcome::Approved) => TransactionOutcome::Approved,
        Some(Outcome::Declined) => TransactionOutcome::Declined,
        Some(Outcome::Cancelled) => TransactionOutcome::Cancelled,
        Some(Outcome::Failed) => TransactionOutcome::Failed,
        Some(Outcome::Unknown) | None => TransactionOutcome::Unknown,
    }
}

/// A transaction the journal holds, in a line.
pub(super) fn from_summary(summary: &Summary) -> TransactionView {
    let amount = summary.amount;
    let requested = amount.map_or_else(
        || payhal_protocol::money::Amount::new(0, "XXX"),
        |amount| convert::amount_out(amount.minor, amount.currency),
    );
    let approved = summary
        .approved_minor
        .and_then(|minor| amount.map(|amount| convert::amount_out(minor, amount.currency)));
    TransactionView {
        transaction_id: summary.transaction_id.to_string().into(),
        idempotency_key: summary.key.to_string().into(),
        register: summary.scope.register.to_string().into(),
        kind: kind_out(&summary.kind),
        outcome: outcome_out(summary.outcome),
        money_moved: moved(summary),
        amounts: payhal_protocol::transaction::Amounts {
            requested,
            approved,
            tip: None,
            surcharge: None,
            cashback: None,
        },
        device: summary.device.as_ref().map(|id| id.to_string().into()),
        gateway: summary.gateway.as_ref().map(|id| id.to_string().into()),
        card: None,
        stage: None,
        resolution: resolution_of(summary),
        started_at: convert::rfc3339(summary.started_at_micros),
        ended_at: summary.ended_at_micros.map(convert::rfc3339),
        reference: summary.reference.as_ref().map(ToString::to_string),
        parent: summary.kind.original().map(|id| id.to_string().into()),
        approval_code: summary.approval_code.as_ref().map(ToString::to_string),
        error: None,
        timeline: Vec::new(),
    }
}

fn moved(summary: &Summary) -> MoneyMoved {
    match (summary.reversing, summary.outcome) {
        (true, _) => MoneyMoved::Reversing,
        (false, Some(Outcome::Approved)) => MoneyMoved::Yes,
        (false, None | Some(Outcome::Unknown)) => MoneyMoved::Unknown,
        (false, _) => MoneyMoved::No,
    }
}

fn resolution_of(summary: &Summary) -> Option<Resolution> {
    let (state, text) = match summary {
        Summary {
            needs_operator: true,
            ..
        } => (
            ResolutionState::NeedsOperator,
            "A person must look at this payment.",
        ),
        Summary {
            reversing: true, ..
        } => (
            ResolutionState::Reversing,
            "Whatever was charged is being taken back.",
        ),
        Summary { reversed: true, .. } => (
            ResolutionState::Resolved,
            "Whatever was charged was taken back.",
        ),
        Summary { outcome: None, .. } => (
            ResolutionState::Resolving,
            "The payment service is asked what became of it.",
        ),
        _ => return None,
    };
    Some(Resolution {
        state,
        next_at: None,
        text: Some(text.to_owned()),
    })
}

/// A transaction with everything the journal holds of it.
pub(super) fn from_view(view: &View) -> TransactionView {
    let mut shown = from_summary(&view.summary);
    for record in &view.records {
        add_fact(&mut shown, record);
    }
    shown.timeline = view.records.iter().map(timeline_entry).collect();
    shown
}

fn add_fact(shown: &mut TransactionView, record: &Record) {
    match &record.fact {
        Fact::Intent(intent) => {
            shown.amounts = convert::amounts(&intent.amounts, None);
            shown.card = intent
                .card
                .as_ref()
                .and_then(|face| convert::card_view(face, intent.entry));
        }
        Fact::Ended(ending) => match &ending.answer {
            FinalAnswer::Approved(approved) => {
                let minor = Some(approved.approved_minor);
                shown.amounts = convert::amounts(&approved.requested, minor);
            }
            FinalAnswer::Refused(refused) => {
                let error = convert::refused(refused, false);
                shown.error = error.name().map(|name| TransactionError {
                    code: error.code,
                    name,
                    message: error.message,
                });
            }
        },
        _ => {}
    }
}

fn timeline_entry(record: &Record) -> TimelineEntry {
    let (event, text) = match &record.fact {
        Fact::Intent(intent) => (
            "intent",
            match &intent.gateway {
                Some(gateway) => format!("About to ask {gateway}."),
                None => "About to ask the terminal.".to_owned(),
            },
        ),
        Fact::Answered(answer) => (
            "answered",
            format!(
                "The payment service answered {}{}.",
                answer.response_code,
                answer
                    .response_text
                    .as_ref()
                    .map(|text| format!(" ({text})"))
                    .unwrap_or_default()
            ),
        ),
        Fact::Ended(ending) => ("outcome", ending_words(&ending.answer)),
        Fact::Reversed => (
            "reversed",
            "The payment service has taken it back.".to_owned(),
        ),
        Fact::NeedsOperator { reason } => ("needs_operator", reason.to_string()),
        Fact::Reported { known: true } => (
            "reported",
            "The payment service was told of the order or the chip's last word.".to_owned(),
        ),
        Fact::Reported { known: false } => (
            "reported",
            "The payment service could not be told of the order or the chip's last word."
                .to_owned(),
        ),
        Fact::Collected { accepted: true, .. } => (
            "collected",
            "The terminal has delivered the offline approval.".to_owned(),
        ),
        Fact::Collected {
            accepted: false, ..
        } => (
            "collected",
            "The issuer did not take the offline approval: the money is lost.".to_owned(),
        ),
        Fact::Resolved(resolved) => (
            "resolved",
            format!("{} settled it: {}.", resolved.operator, resolved.evidence),
        ),
    };
    TimelineEntry {
        at: convert::rfc3339(record.at_micros),
        event: event.to_owned(),
        text,
        durable: true,
    }
}

fn ending_words(answer: &FinalAnswer) -> String {
    match answer {
        FinalAnswer::Approved(approved) => {
            let currency = approved.requested.total.currency;
            format!(
                "Approved: {}.",
                super::receipt::money(approved.approved_minor, currency)
            )
        }
        FinalAnswer::Refused(refused) => format!("{}.", convert::refused(refused, false).message),
    }
}

/// A transaction that is running.
pub(super) fn from_snapshot(snapshot: &Snapshot) -> TransactionView {
    let request: &MoneyRequest = &snapshot.request;
    let nothing = payhal_protocol::money::Amount::new(0, "XXX");
    let amounts = request
        .amounts
        .as_ref()
        .map(|amounts: &Amounts| convert::amounts(amounts, None));
    TransactionView {
        transaction_id: snapshot.transaction_id.to_string().into(),
        idempotency_key: request.key.to_string().into(),
        register: snapshot.scope.register.to_string().into(),
        kind: kind_out(&request.kind),
        outcome: match snapshot.resolution {
            Some(_) => TransactionOutcome::Unknown,
            None => TransactionOutcome::Running,
        },
        money_moved: if snapshot.intent {
            MoneyMoved::Unknown
        } else {
            MoneyMoved::No
        },
        amounts: amounts.unwrap_or(payhal_protocol::transaction::Amounts {
            requested: nothing,
            approved: None,
            tip: None,
            surcharge: None,
            cashback: None,
        }),
        device: snapshot.device.as_ref().map(|id| id.to_string().into()),
        gateway: snapshot.gateway.as_ref().map(|id| id.to_string().into()),
        card: None,
        stage: Some(convert::stage(snapshot.stage)),
        resolution: snapshot.resolution.as_ref().map(convert::resolution),
        started_at: convert::rfc3339(snapshot.started_at_micros),
        ended_at: None,
        reference: request.reference.as_ref().map(ToString::to_string),
        parent: request.kind.original().map(|id| id.to_string().into()),
        approval_code: None,
        error: None,
        timeline: Vec::new(),
    }
}

/// A device, with whoever has it.
pub(super) fn device(
    view: &InstanceView,
    holder: Option<&Snapshot>,
    quarantined: &[DeviceId],
) -> DeviceSummary {
    let manifest = &view.plugin.manifest;
    let identity = view.identity.clone().unwrap_or_default();
    let quarantined = quarantined.iter().any(|id| *id.0 == *view.name);
    let state = match (&view.state, holder) {
        (State::Ready, _) if quarantined => DeviceState::Quarantined,
        (State::Ready, Some(_)) => DeviceState::Busy,
        (State::Ready, None) => DeviceState::Ready,
        (State::Starting, _) => DeviceState::Starting,
        (State::Detached, _) => DeviceState::Unplugged,
        (State::Failed | State::GivenUp | State::Stopped, _) => DeviceState::Failed,
    };
    DeviceSummary {
        id: view.name.as_str().into(),
        name: manifest.name.clone(),
        plugin: manifest.id.clone(),
        kind: match manifest.kind {
            PluginKind::Terminal => DeviceKind::Terminal,
            PluginKind::Reader | PluginKind::Gateway => DeviceKind::Reader,
        },
        model: view.identity.is_some().then_some(identity.model),
        serial_number: identity.serial_number,
        firmware: identity.firmware,
        connection: connection(view).to_owned(),
        state,
        state_text: state_words(view),
        since: Some(convert::rfc3339(view.since_micros)),
        capabilities: capabilities(view),
        approvals: approvals(view),
        busy_with: holder.map(|snapshot| Busy {
            register: Some(snapshot.scope.register.to_string().into()),
            transaction_id: Some(snapshot.transaction_id.to_string().into()),
            since: convert::rfc3339(snapshot.started_at_micros),
        }),
        display: view.screen.as_ref().map(|lines| lines.join("\n")),
        simulated: manifest.simulated,
    }
}

fn connection(view: &InstanceView) -> &'static str {
    let manifest = &view.plugin.manifest;
    match &manifest.access {
        _ if manifest.simulated => "virtual",
        access if !access.usb.is_empty() => "usb",
        access if access.serial => "serial",
        _ => "tcp",
    }
}

fn state_words(view: &InstanceView) -> Option<String> {
    let again = match view.state {
        State::Failed => "; it is being restarted",
        State::GivenUp => "; it failed too often and is left alone for two minutes",
        _ => "",
    };
    view.reason
        .as_ref()
        .map(|reason| format!("{reason}{again}"))
}

fn capabilities(view: &InstanceView) -> Vec<String> {
    let Some(reader) = &view.plugin.manifest.reader else {
        return Vec::new();
    };
    let entry = |entry: &Entry| match entry {
        Entry::Chip => "chip",
        Entry::Contactless => "contactless",
        Entry::Stripe => "stripe",
        Entry::Manual => "manual_encrypted",
    };
    let mut all: Vec<&str> = reader.entries.iter().map(entry).collect();
    let abilities = [
        ("display", reader.display),
        ("pin", reader.online_pin),
        ("p2pe", reader.encrypts),
    ];
    all.extend(
        abilities
            .into_iter()
            .filter(|(_, can)| *can)
            .map(|(name, _)| name),
    );
    all.into_iter().map(ToOwned::to_owned).collect()
}

fn approvals(view: &InstanceView) -> Vec<String> {
    let approvals = &view.plugin.manifest.approvals;
    [
        ("pci_pts", &approvals.pts),
        ("pci_sred", &approvals.sred),
        ("emv_l1", &approvals.emv_l1),
        ("emv_l2", &approvals.emv_l2),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}")))
    .collect()
}

/// A gateway.
pub(super) fn gateway(view: &InstanceView) -> GatewaySummary {
    let manifest = &view.plugin.manifest;
    let opened = view.opened.as_ref();
    GatewaySummary {
        id: view.name.as_str().into(),
        name: opened.map_or_else(|| manifest.name.clone(), |opened| opened.name.clone()),
        plugin: manifest.id.clone(),
        state: match view.state {
            State::Ready => GatewayState::Ready,
            State::Starting => GatewayState::Starting,
            State::Detached => GatewayState::Unreachable,
            State::Failed | State::GivenUp | State::Stopped => GatewayState::Failed,
        },
        state_text: state_words(view),
        since: Some(convert::rfc3339(view.since_micros)),
        capabilities: manifest
            .gateway
            .as_ref()
            .filter(|gateway| gateway.inquiry)
            .map(|_| vec!["inquiry".to_owned()])
            .unwrap_or_default(),
        currencies: opened
            .map(|opened| opened.currencies.clone())
            .unwrap_or_default(),
        simulated: manifest.simulated,
    }
}
