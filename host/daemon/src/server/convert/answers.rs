// SPDX-License-Identifier: MIT OR Apache-2.0
//! Approvals as registers are told them.

use super::requests::Order;
use super::{amount_out, rfc3339};
use payhal_engine::answer as e;
use payhal_engine::card;
use payhal_engine::conversion::Conversion;
use payhal_engine::forwarding as f;
use payhal_engine::gateway::Totals;
use payhal_engine::money::Amounts;
use payhal_engine::request::{Kind, UndoRule};
use payhal_engine::room::Room;
use payhal_engine::tokens::Token;
use payhal_protocol as p;
use payhal_protocol::batch::{BatchTotals, Collected, CurrencyTotals};
use payhal_protocol::gateway::OfflineLimit;
use payhal_protocol::payment::{
    Acceptor, Approved, ApprovedOutcome, Collection, Forwarding, ForwardingState, Receipts,
    UndoDone, UndoResult,
};
use payhal_protocol::token::{TokenCard, TokenView};
use payhal_protocol::transaction::{CardView, Cvm, EntryMode};

/// An approval as its register is told.
pub(in crate::server) fn approved(
    approved: &e::Approved,
    receipts: Receipts,
    undo: Option<UndoResult>,
    replayed: bool,
    became: Option<&f::Forwarding>,
) -> Approved {
    let extras = &approved.extras;
    Approved {
        transaction_id: approved.transaction_id.to_string().into(),
        idempotency_key: approved.key.to_string().into(),
        outcome: match approved.accepted_offline {
            true => ApprovedOutcome::AcceptedOffline,
            false => ApprovedOutcome::Approved,
        },
        amounts: told_amounts(approved),
        partial: approved.partial,
        approval_code: approved.approval_code.as_ref().map(ToString::to_string),
        // Of a batch close there is none.
        response_code: Some(approved.response_code.to_string()).filter(|code| !code.is_empty()),
        rrn: approved.rrn.as_ref().map(ToString::to_string),
        stan: approved.stan.map(|stan| format!("{stan:06}")),
        card: approved.card.as_ref().and_then(|face| {
            let token = extras.token.as_ref().map(ToString::to_string);
            card_view(face, approved.entry).map(|card| CardView { token, ..card })
        }),
        cvm: approved.cvm.map(cvm),
        receipts,
        signature_required: approved.signature_required,
        gateway: approved.gateway.as_ref().map(|id| id.to_string().into()),
        device: approved.device.as_ref().map(|id| id.to_string().into()),
        acceptor: approved.acceptor.as_ref().and_then(acceptor),
        token: extras.token.as_ref().map(ToString::to_string),
        kept: extras.stored.as_deref().map(token),
        balance: extras
            .balance_minor
            .map(|minor| amount_out(minor, approved.requested.total.currency)),
        collection: extras.offline.then_some(Collection::Pending),
        forwarding: became.map(forwarding),
        undo,
        batch: extras.totals.as_deref().map(batch),
        at: rfc3339(approved.at_micros),
        replayed,
    }
}

/// What became of a sale that was accepted offline.
pub(in crate::server) fn forwarding(became: &f::Forwarding) -> Forwarding {
    Forwarding {
        state: forwarding_state(became.state),
        at: Some(rfc3339(became.at_micros)),
        next_at: became.next_at_micros.map(rfc3339),
        response_code: became.response_code.as_ref().map(ToString::to_string),
        response_text: became.response_text.as_ref().map(ToString::to_string),
    }
}

/// Where such a sale is.
pub(in crate::server) fn forwarding_state(state: f::ForwardingState) -> ForwardingState {
    match state {
        f::ForwardingState::Waiting => ForwardingState::Waiting,
        f::ForwardingState::Approved => ForwardingState::Approved,
        f::ForwardingState::Declined => ForwardingState::Declined,
        f::ForwardingState::Withdrawn => ForwardingState::Withdrawn,
        f::ForwardingState::NeedsOperator => ForwardingState::NeedsOperator,
    }
}

/// The same, as a register names it.
pub(in crate::server) fn forwarding_in(state: ForwardingState) -> f::ForwardingState {
    match state {
        ForwardingState::Waiting => f::ForwardingState::Waiting,
        ForwardingState::Approved => f::ForwardingState::Approved,
        ForwardingState::Declined => f::ForwardingState::Declined,
        ForwardingState::Withdrawn => f::ForwardingState::Withdrawn,
        ForwardingState::NeedsOperator => f::ForwardingState::NeedsOperator,
    }
}

/// Requested and approved amounts, with what a terminal added.
fn told_amounts(approved: &e::Approved) -> p::transaction::Amounts {
    let extras = &approved.extras;
    let requested = Amounts {
        tip_minor: extras.tip_minor.or(approved.requested.tip_minor),
        surcharge_minor: extras
            .surcharge_minor
            .or(approved.requested.surcharge_minor),
        ..approved.requested
    };
    p::transaction::Amounts {
        dcc: approved.dcc.as_ref().map(dcc),
        ..amounts(&requested, Some(approved.approved_minor))
    }
}

/// What may be sold without a gateway under one rule, and what of it is used.
pub(in crate::server) fn offline_limit(room: &Room) -> OfflineLimit {
    let Room { rule, used } = room;
    let amount = |minor| amount_out(minor, rule.currency);
    OfflineLimit {
        register: rule.register.as_ref().map(|id| id.to_string().into()),
        every_gateway: rule.gateway.is_none(),
        amount_max: amount(rule.amount_max_minor),
        count_max: rule.count_max,
        total_max: amount(rule.total_max_minor),
        age_max_ms: rule.age_max_ms,
        count: used.count,
        total: amount(used.total_minor),
        oldest_ms: (used.count > 0).then_some(used.oldest_ms),
    }
}

/// A charge in the card's own currency.
pub(in crate::server) fn dcc(conversion: &Conversion) -> p::transaction::Dcc {
    p::transaction::Dcc {
        amount: amount_out(conversion.amount.minor, conversion.amount.currency),
        rate: conversion.rate.to_string(),
        markup_millionths: conversion.markup_millionths,
    }
}

/// A merchant's identity, where one is configured.
pub(in crate::server) fn acceptor(acceptor: &payhal_engine::ids::Acceptor) -> Option<Acceptor> {
    let known = *acceptor != payhal_engine::ids::Acceptor::default();
    known.then(|| Acceptor {
        merchant_id: acceptor.merchant.to_string(),
        terminal_id: acceptor.terminal.to_string(),
    })
}

/// Totals of a batch.
pub(in crate::server) fn batch(totals: &Totals) -> BatchTotals {
    let rows = totals.rows.iter().map(|row| CurrencyTotals {
        currency: row.currency.code().to_owned(),
        sales: row.sales,
        sales_minor: row.sales_minor,
        refunds: row.refunds,
        refunds_minor: row.refunds_minor,
    });
    let collected = totals.collected.iter().map(|collected| Collected {
        transaction_id: collected.transaction_id.to_string().into(),
        accepted: collected.accepted,
    });
    BatchTotals {
        batch: totals.batch.to_string(),
        totals: rows.collect(),
        collected: collected.collect(),
    }
}

/// What an undo became; nothing of what was asked for by its name.
pub(in crate::server) fn undone(kind: &Kind, rule: Option<UndoRule>) -> Option<UndoResult> {
    use payhal_protocol::payment::UndoRule as Told;
    Some(UndoResult {
        did: match kind {
            Kind::Void { .. } => UndoDone::Void,
            _ => UndoDone::Refund,
        },
        rule: match rule? {
            UndoRule::BatchOpen => Told::BatchOpen,
            UndoRule::BatchClosed => Told::BatchClosed,
            UndoRule::PartlyRefunded => Told::PartlyRefunded,
            UndoRule::Captured => Told::Captured,
            UndoRule::VoidUnsupported => Told::VoidUnsupported,
            UndoRule::NotForwarded => Told::NotForwarded,
        },
    })
}

/// Requested and approved amounts.
pub(in crate::server) fn amounts(
    requested: &Amounts,
    approved_minor: Option<i64>,
) -> p::transaction::Amounts {
    let currency = requested.total.currency;
    let part = |minor: Option<i64>| minor.map(|minor| amount_out(minor, currency));
    p::transaction::Amounts {
        requested: amount_out(requested.total.minor, currency),
        approved: part(approved_minor),
        tip: part(requested.tip_minor),
        surcharge: part(requested.surcharge_minor),
        cashback: part(requested.cashback_minor),
        dcc: None,
    }
}

/// The card as it may be shown.
pub(in crate::server) fn card_view(
    face: &card::CardFace,
    entry: Option<card::Entry>,
) -> Option<CardView> {
    Some(CardView {
        masked_pan: face.masked_pan.to_string(),
        scheme: face.scheme.to_string(),
        entry: entry_out(entry?),
        application: face.application.as_ref().map(ToString::to_string),
        country: face.country.as_ref().map(ToString::to_string),
        expiry: face.expiry.as_ref().map(ToString::to_string),
        token: None,
    })
}

/// A kept token as its register is told.
pub(in crate::server) fn token(stored: &Token) -> TokenView {
    TokenView {
        token_id: stored.id.to_string().into(),
        token: stored.token.to_string(),
        gateway: stored.gateway.to_string().into(),
        reference: stored.reference.to_string(),
        register: stored.register.to_string().into(),
        card: stored.card.as_ref().map(|face| TokenCard {
            masked_pan: face.masked_pan.to_string(),
            scheme: face.scheme.to_string(),
            application: face.application.as_ref().map(ToString::to_string),
        }),
        custom: Order::read(stored.custom.as_deref()).custom,
        created_at: rfc3339(stored.created_at_micros),
        changed_at: rfc3339(stored.changed_at_micros),
        deleted: stored.deleted,
    }
}

/// A way to present a card.
pub(in crate::server) fn entry_out(entry: card::Entry) -> EntryMode {
    match entry {
        card::Entry::Chip => EntryMode::Chip,
        card::Entry::Contactless => EntryMode::Contactless,
        card::Entry::Stripe => EntryMode::Stripe,
        card::Entry::Manual => EntryMode::Manual,
    }
}

fn cvm(cvm: card::Cvm) -> Cvm {
    match cvm {
        card::Cvm::None => Cvm::None,
        card::Cvm::OnlinePin => Cvm::PinOnline,
        card::Cvm::OfflinePin => Cvm::PinOffline,
        card::Cvm::OnDevice => Cvm::OnDevice,
        card::Cvm::Signature => Cvm::Signature,
    }
}
