// SPDX-License-Identifier: MIT OR Apache-2.0
//! Transactions as registers look at them.

use super::{convert, timeline};
use payhal_engine::answer::{Approved, Outcome};
use payhal_engine::forwarding::became;
use payhal_engine::gateway::Change;
use payhal_engine::ids::{IdempotencyKey, Scope, TransactionId};
use payhal_engine::money::Currency;
use payhal_engine::record::{Fact, FinalAnswer, PastChange, Record};
use payhal_engine::request::{Kind, MoneyRequest, Snapshot};
use payhal_journal::{Summary, View};
use payhal_protocol::Amount;
use payhal_protocol::error::MoneyMoved;
use payhal_protocol::events::Loss;
use payhal_protocol::payment::{
    Basket, Collection, Forwarding, ForwardingState, Free, Receipts, ResolvedOutcome,
};
use payhal_protocol::transaction::{
    Amounts, ChangeView, Resolution, ResolutionState, ResolvedBy, TransactionError,
    TransactionKind, TransactionOutcome, TransactionView,
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
        Kind::TokenRegister => TransactionKind::TokenRegister,
        Kind::TokenUpdate => TransactionKind::TokenUpdate,
        Kind::TokenDelete => TransactionKind::TokenDelete,
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

/// ISO 4217's word for an amount there is none of.
fn no_amount() -> Amount {
    Amount::new(0, "XXX")
}

/// A transaction the journal holds, in a line.
pub(super) fn from_summary(summary: &Summary) -> TransactionView {
    let amount = summary.amount;
    let requested = amount.map_or_else(no_amount, |amount| {
        convert::amount_out(amount.minor, amount.currency)
    });
    let approved = summary
        .approved_minor
        .and_then(|minor| amount.map(|amount| convert::amount_out(minor, amount.currency)));
    let mut shown = TransactionView {
        kind: kind_out(&summary.kind),
        outcome: outcome_out(summary.outcome),
        money_moved: moved(summary),
        amounts: Amounts {
            approved,
            dcc: summary.dcc.as_ref().map(convert::dcc),
            ..only(requested)
        },
        device: summary.device.as_ref().map(|id| id.to_string().into()),
        gateway: summary.gateway.as_ref().map(|id| id.to_string().into()),
        token_id: summary.token.map(|id| id.to_string().into()),
        resolution: resolution_of(summary),
        ended_at: summary.ended_at_micros.map(convert::rfc3339),
        reference: summary.reference.as_ref().map(ToString::to_string),
        parent: summary.kind.original().map(|id| id.to_string().into()),
        approval_code: summary.approval_code.as_ref().map(ToString::to_string),
        ..bare(
            summary.transaction_id,
            &summary.key,
            &summary.scope,
            summary.started_at_micros,
        )
    };
    if let Some(state) = summary.forwarding {
        add_forwarding(&mut shown, in_short(convert::forwarding_state(state)));
    }
    shown
}

/// As a line has it.
fn in_short(state: ForwardingState) -> Forwarding {
    Forwarding {
        state,
        at: None,
        next_at: None,
        response_code: None,
        response_text: None,
    }
}

fn only(requested: Amount) -> Amounts {
    Amounts {
        requested,
        approved: None,
        tip: None,
        surcharge: None,
        cashback: None,
        dcc: None,
    }
}

/// What every transaction has, and nothing else.
fn bare(
    id: TransactionId,
    key: &IdempotencyKey,
    scope: &Scope,
    started_at_micros: i64,
) -> TransactionView {
    TransactionView {
        transaction_id: id.to_string().into(),
        idempotency_key: key.to_string().into(),
        register: scope.register.to_string().into(),
        kind: TransactionKind::Sale,
        outcome: TransactionOutcome::Unknown,
        money_moved: MoneyMoved::Unknown,
        amounts: only(no_amount()),
        device: None,
        gateway: None,
        card: None,
        token_id: None,
        stage: None,
        resolution: None,
        started_at: convert::rfc3339(started_at_micros),
        ended_at: None,
        reference: None,
        parent: None,
        approval_code: None,
        rrn: None,
        stan: None,
        acceptor: None,
        token: None,
        balance: None,
        collection: None,
        forwarding: None,
        undo: None,
        batch: None,
        resolved: None,
        signed_at: None,
        changes: Vec::new(),
        basket: Basket::default(),
        customer: Free::default(),
        custom: Free::default(),
        error: None,
        timeline: Vec::new(),
    }
}

fn moved(summary: &Summary) -> MoneyMoved {
    match (summary.reversing, summary.outcome) {
        (true, _) => MoneyMoved::Reversing,
        (false, Some(Outcome::Approved)) => match summary.kind {
            Kind::BatchClose => MoneyMoved::No,
            kind if !kind.moves_money() => MoneyMoved::No,
            _ => MoneyMoved::Yes,
        },
        (false, None | Some(Outcome::Unknown)) => MoneyMoved::Unknown,
        // A person found that it stands, after its register was told that it would not.
        (false, _) if summary.approved_minor.is_some() => MoneyMoved::Yes,
        (false, _) => MoneyMoved::No,
    }
}

fn resolution_of(summary: &Summary) -> Option<Resolution> {
    let (state, text) = match summary {
        Summary {
            needs_operator: true,
            reporting: false,
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

/// The request behind a transaction, as far as the journal has it.
pub(super) fn request_of(view: &View) -> Option<&MoneyRequest> {
    view.records.iter().find_map(|record| {
        let unsent = match &record.fact {
            Fact::Ended(ending) => ending.unsent.as_ref().map(|unsent| &unsent.request),
            _ => None,
        };
        record
            .fact
            .intent()
            .map_or(unsent, |intent| Some(&intent.request))
    })
}

/// A transaction with everything the journal holds of it.
pub(super) fn from_view(view: &View) -> TransactionView {
    let mut shown = from_summary(&view.summary);
    if let Some(request) = request_of(view) {
        add_request(&mut shown, request);
        shown.undo = convert::undone(&view.summary.kind, request.terms.undo);
    }
    for record in &view.records {
        add_fact(&mut shown, record);
    }
    if let Some(became) = became(&view.records) {
        if shown.forwarding.is_none() {
            // It is the change that took such a sale back.
            shown.money_moved = MoneyMoved::No;
        }
        shown.forwarding = Some(convert::forwarding(&became));
    }
    let currency = view.summary.amount.map(|amount| amount.currency);
    shown.changes = currency
        .map(|currency| {
            let changes = view.changes.iter();
            changes.map(|change| change_out(change, currency)).collect()
        })
        .unwrap_or_default();
    shown.timeline = view.records.iter().map(timeline::entry).collect();
    shown
}

/// A sale that was accepted offline is as its gateway took it, once it did.
fn add_forwarding(shown: &mut TransactionView, became: Forwarding) {
    (shown.outcome, shown.money_moved) = match became.state {
        ForwardingState::Waiting | ForwardingState::NeedsOperator => {
            (TransactionOutcome::AcceptedOffline, MoneyMoved::Unknown)
        }
        ForwardingState::Approved => (TransactionOutcome::Approved, MoneyMoved::Yes),
        ForwardingState::Declined => (TransactionOutcome::Declined, MoneyMoved::No),
        ForwardingState::Withdrawn => (TransactionOutcome::Cancelled, MoneyMoved::No),
    };
    shown.forwarding = Some(became);
}

/// What is lost with it, where its issuer did not take it though the goods are gone.
pub(super) fn loss(shown: &TransactionView) -> Option<Loss> {
    let state = shown.forwarding.as_ref().map(|forwarding| forwarding.state);
    let uncollected = shown.collection == Some(Collection::Refused);
    let amounts = &shown.amounts;
    (state == Some(ForwardingState::Declined) || uncollected).then(|| Loss {
        amount: amounts
            .approved
            .as_ref()
            .unwrap_or(&amounts.requested)
            .clone(),
        reference: shown.reference.clone(),
        basket: shown.basket.clone(),
    })
}

fn change_out(change: &PastChange, currency: Currency) -> ChangeView {
    ChangeView {
        transaction_id: change.transaction_id.to_string().into(),
        kind: match change.change {
            Change::Capture => TransactionKind::Capture,
            Change::Adjust => TransactionKind::Adjust,
            Change::Refund => TransactionKind::Refund,
            Change::Void => TransactionKind::Void,
        },
        amount: convert::amount_out(change.amount_minor, currency),
        counts: change.counts,
    }
}

fn add_request(shown: &mut TransactionView, request: &MoneyRequest) {
    let order = convert::Order::read(request.order.as_deref());
    shown.basket = order.basket;
    shown.customer = order.customer;
    shown.custom = order.custom;
}

fn add_fact(shown: &mut TransactionView, record: &Record) {
    if let Some(intent) = record.fact.intent() {
        let dcc = intent.dcc.as_ref();
        shown.amounts = Amounts {
            dcc: dcc.map(|offer| convert::dcc(&offer.conversion)),
            ..convert::amounts(&intent.amounts, None)
        };
        shown.card = intent
            .card
            .as_ref()
            .and_then(|face| convert::card_view(face, intent.entry));
        shown.stan = Some(format!("{:06}", intent.wire.stan));
        shown.acceptor = convert::acceptor(&intent.wire.acceptor);
    }
    match &record.fact {
        Fact::Ended(ending) => match &ending.answer {
            FinalAnswer::Approved(approved) => add_approval(shown, approved),
            FinalAnswer::Refused(refused) => {
                let error = convert::refused(refused, false);
                shown.error = error.name().map(|name| TransactionError {
                    code: error.code,
                    name,
                    message: error.message,
                });
            }
        },
        Fact::Collected { accepted, .. } => {
            shown.collection = Some(match accepted {
                true => Collection::Collected,
                false => Collection::Refused,
            });
            if !accepted {
                shown.money_moved = MoneyMoved::No;
            }
        }
        Fact::Resolved(resolved) => {
            shown.resolved = Some(ResolvedBy {
                outcome: match resolved.outcome {
                    Outcome::Approved => ResolvedOutcome::Approved,
                    _ => ResolvedOutcome::Failed,
                },
                evidence: resolved.evidence.to_string(),
                operator: resolved.operator.to_string(),
                register: resolved.register.to_string().into(),
                at: convert::rfc3339(record.at_micros),
            });
        }
        _ => {}
    }
    if record.fact.signature().is_some() {
        shown.signed_at = Some(convert::rfc3339(record.at_micros));
    }
}

fn add_approval(shown: &mut TransactionView, approved: &Approved) {
    // One place knows what an approval tells; receipts and answers are not asked for here.
    let told = convert::approved(approved, Receipts::default(), None, true, None);
    shown.amounts = told.amounts;
    shown.card = told.card.or(shown.card.take());
    shown.rrn = told.rrn;
    shown.stan = told.stan.or(shown.stan.take());
    shown.acceptor = told.acceptor.or(shown.acceptor.take());
    shown.token = told.token;
    shown.balance = told.balance;
    shown.collection = told.collection;
    shown.batch = told.batch;
}

/// A transaction that is recorded and still runs, or is being resolved. The journal, which was
/// read later, has the last word on how it ended.
pub(super) fn running(mut recorded: TransactionView, snapshot: &Snapshot) -> TransactionView {
    if recorded.ended_at.is_some() {
        if let (true, Some(known), Some(live)) = (
            snapshot.ended,
            &mut recorded.resolution,
            &snapshot.resolution,
        ) {
            known.next_at = convert::resolution(live).next_at;
        }
        if let (Some(known), Some(live)) = (&mut recorded.forwarding, &snapshot.forwarding) {
            known.next_at = convert::forwarding(live).next_at;
        }
        return recorded;
    }
    let live = from_snapshot(snapshot);
    TransactionView {
        outcome: live.outcome,
        money_moved: live.money_moved,
        stage: live.stage,
        resolution: live.resolution,
        started_at: live.started_at,
        ..recorded
    }
}

/// A transaction that is running.
pub(super) fn from_snapshot(snapshot: &Snapshot) -> TransactionView {
    let request: &MoneyRequest = &snapshot.request;
    let amounts = request.expected();
    let mut shown = TransactionView {
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
        amounts: amounts.map_or_else(
            || only(no_amount()),
            |amounts| convert::amounts(&amounts, None),
        ),
        device: snapshot.device.as_ref().map(|id| id.to_string().into()),
        gateway: snapshot.gateway.as_ref().map(|id| id.to_string().into()),
        stage: Some(convert::stage(snapshot.stage)),
        resolution: snapshot.resolution.as_ref().map(convert::resolution),
        reference: request.reference.as_ref().map(ToString::to_string),
        parent: request.kind.original().map(|id| id.to_string().into()),
        ..bare(
            snapshot.transaction_id,
            &request.key,
            &snapshot.scope,
            snapshot.started_at_micros,
        )
    };
    add_request(&mut shown, request);
    shown
}
