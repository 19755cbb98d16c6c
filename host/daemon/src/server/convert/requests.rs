// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls as the engine gets them.

use super::tokens::{keep_as, named};
use super::{amount_in, micros, transaction_id};
use payhal_engine::card::Entry;
use payhal_engine::delayed::Estimate;
use payhal_engine::ids::{DeviceId, GatewayId, TransactionId};
use payhal_engine::money::Amounts;
use payhal_engine::request::{Kind, MoneyRequest, Receipt, Request, Resolve, Terms};
use payhal_protocol as p;
use payhal_protocol::batch::{CloseParams, TotalsParams};
use payhal_protocol::params::FieldError;
use payhal_protocol::payment::{
    AdjustParams, AuthorizeParams, BalanceParams, Basket, CaptureParams, CardToken,
    CashAdvanceParams, Free, OnlinePolicy, RefundParams, ResolveParams, ResolvedOutcome,
    SaleParams, Signature, UndoParams, VerifyParams, VoiceApproval, VoidParams,
};
use payhal_protocol::transaction::EntryMode;
use serde::Deserialize;
use std::sync::Arc;

pub(super) type Converted = Result<MoneyRequest, FieldError>;

/// A sale.
pub(in crate::server) fn sale(params: &SaleParams) -> Converted {
    let parts = [&params.tip, &params.surcharge, &params.cashback].map(Option::as_ref);
    let most = params.amount_max.as_ref();
    Ok(MoneyRequest {
        amounts: charged(params.amount.as_ref(), parts)?,
        amount_max: most.map(|most| amount_in("amount_max", most)).transpose()?,
        device: device(params.device.as_ref()),
        gateway: gateway(params.gateway.as_ref()),
        timeout_ms: params.timeout_ms,
        despite: despite(&params.despite)?,
        order: order(&params.basket, &params.customer, &params.custom),
        terms: Terms {
            online_always: params.online == Some(OnlinePolicy::Always),
            bypass_surcharge: params.bypass_surcharge,
            installments: params.installments,
            voice_code: voice(params.voice_approval.as_ref()),
            allow_offline: params.allow_offline,
            estimate: estimate(params.estimated_amount.as_ref(), params.amount_timeout_ms)?,
            keep: keep_as(params.keep_as.as_deref()),
            presentation: presentation(params.presentation_id.as_ref()),
            ..presented(params.entry.as_deref(), params.card.as_ref())?
        },
        ..plain(&params.idempotency_key, Kind::Sale, &params.reference)
    })
}

/// A hold.
pub(in crate::server) fn authorize(params: &AuthorizeParams) -> Converted {
    let parts = [params.tip.as_ref(), params.surcharge.as_ref(), None];
    let most = params.amount_max.as_ref();
    Ok(MoneyRequest {
        amounts: charged(params.amount.as_ref(), parts)?,
        amount_max: most.map(|most| amount_in("amount_max", most)).transpose()?,
        device: device(params.device.as_ref()),
        gateway: gateway(params.gateway.as_ref()),
        timeout_ms: params.timeout_ms,
        despite: despite(&params.despite)?,
        order: order(&params.basket, &params.customer, &params.custom),
        terms: Terms {
            online_always: params.online == Some(OnlinePolicy::Always),
            bypass_surcharge: params.bypass_surcharge,
            installments: params.installments,
            voice_code: voice(params.voice_approval.as_ref()),
            estimate: estimate(params.estimated_amount.as_ref(), params.amount_timeout_ms)?,
            keep: keep_as(params.keep_as.as_deref()),
            presentation: presentation(params.presentation_id.as_ref()),
            ..presented(params.entry.as_deref(), params.card.as_ref())?
        },
        ..plain(&params.idempotency_key, Kind::Authorize, &params.reference)
    })
}

/// A capture.
pub(in crate::server) fn capture(params: &CaptureParams) -> Converted {
    let original = transaction_id("transaction_id", &params.transaction_id)?;
    Ok(MoneyRequest {
        amounts: Some(total(&params.amount, [None; 3])?),
        timeout_ms: params.timeout_ms,
        despite: despite(&params.despite)?,
        order: order(&params.basket, &params.customer, &params.custom),
        ..plain(
            &params.idempotency_key,
            Kind::Capture { original },
            &params.reference,
        )
    })
}

/// An adjustment.
pub(in crate::server) fn adjust(params: &AdjustParams) -> Converted {
    let original = transaction_id("transaction_id", &params.transaction_id)?;
    let parts = [params.tip.as_ref(), params.surcharge.as_ref(), None];
    Ok(MoneyRequest {
        amounts: Some(total(&params.amount, parts)?),
        timeout_ms: params.timeout_ms,
        despite: despite(&params.despite)?,
        order: custom(&params.custom),
        ..plain(
            &params.idempotency_key,
            Kind::Adjust { original },
            &params.reference,
        )
    })
}

/// A refund: of a transaction of this host, of one that only its receipt tells of, or of none.
pub(in crate::server) fn refund(params: &RefundParams) -> Converted {
    let mut gateway = gateway(params.gateway.as_ref());
    let mut terms = presented(params.entry.as_deref(), params.card.as_ref())?;
    terms.presentation = presentation(params.presentation_id.as_ref());
    let kind = match (&params.transaction_id, &params.original) {
        (Some(id), _) => Kind::Refund {
            original: transaction_id("transaction_id", id)?,
        },
        (None, Some(original)) => {
            amount_in("original.amount", &original.amount)?;
            gateway = Some(GatewayId::from(original.gateway.as_str()));
            terms.receipt = Some(Receipt {
                reference: original.reference.as_deref().map(Into::into),
                rrn: original.rrn.as_deref().map(Into::into),
                at_micros: micros("original.at", &original.at)?,
                amount_minor: original.amount.minor,
            });
            Kind::RefundByReceipt
        }
        (None, None) => Kind::RefundUnreferenced,
    };
    Ok(MoneyRequest {
        amounts: Some(total(&params.amount, [None; 3])?),
        device: device(params.device.as_ref()),
        gateway,
        timeout_ms: params.timeout_ms,
        despite: despite(&params.despite)?,
        order: order(&params.basket, &params.customer, &params.custom),
        terms,
        ..plain(&params.idempotency_key, kind, &params.reference)
    })
}

/// A void.
pub(in crate::server) fn void(params: &VoidParams) -> Converted {
    let original = transaction_id("transaction_id", &params.transaction_id)?;
    Ok(MoneyRequest {
        timeout_ms: params.timeout_ms,
        despite: despite(&params.despite)?,
        order: custom(&params.custom),
        ..plain(
            &params.idempotency_key,
            Kind::Void { original },
            &params.reference,
        )
    })
}

/// An undo.
pub(in crate::server) fn undo(params: &UndoParams) -> Converted {
    let original = transaction_id("transaction_id", &params.transaction_id)?;
    Ok(MoneyRequest {
        timeout_ms: params.timeout_ms,
        despite: despite(&params.despite)?,
        order: custom(&params.custom),
        ..plain(
            &params.idempotency_key,
            Kind::Undo { original },
            &params.reference,
        )
    })
}

/// A card check.
pub(in crate::server) fn verify(params: &VerifyParams) -> Converted {
    Ok(MoneyRequest {
        device: device(params.device.as_ref()),
        gateway: gateway(params.gateway.as_ref()),
        timeout_ms: params.timeout_ms,
        order: order(&Basket::default(), &params.customer, &params.custom),
        terms: Terms {
            presentation: presentation(params.presentation_id.as_ref()),
            ..presented(params.entry.as_deref(), params.card.as_ref())?
        },
        ..plain(&params.idempotency_key, Kind::Verify, &params.reference)
    })
}

/// A question for what is left.
pub(in crate::server) fn balance(params: &BalanceParams) -> Converted {
    Ok(MoneyRequest {
        device: device(params.device.as_ref()),
        gateway: gateway(params.gateway.as_ref()),
        timeout_ms: params.timeout_ms,
        order: custom(&params.custom),
        terms: Terms {
            presentation: presentation(params.presentation_id.as_ref()),
            ..presented(params.entry.as_deref(), params.card.as_ref())?
        },
        ..plain(&params.idempotency_key, Kind::Balance, &params.reference)
    })
}

/// Cash.
pub(in crate::server) fn cash_advance(params: &CashAdvanceParams) -> Converted {
    Ok(MoneyRequest {
        amounts: Some(total(&params.amount, [None; 3])?),
        device: device(params.device.as_ref()),
        gateway: gateway(params.gateway.as_ref()),
        timeout_ms: params.timeout_ms,
        despite: despite(&params.despite)?,
        order: custom(&params.custom),
        terms: Terms {
            voice_code: voice(params.voice_approval.as_ref()),
            presentation: presentation(params.presentation_id.as_ref()),
            ..presented(params.entry.as_deref(), params.card.as_ref())?
        },
        ..plain(
            &params.idempotency_key,
            Kind::CashAdvance,
            &params.reference,
        )
    })
}

/// The end of a batch.
pub(in crate::server) fn close(params: &CloseParams) -> Converted {
    Ok(MoneyRequest {
        device: device(params.device.as_ref()),
        gateway: gateway(params.gateway.as_ref()),
        timeout_ms: params.timeout_ms,
        despite: despite(&params.despite)?,
        ..plain(&params.idempotency_key, Kind::BatchClose, &params.reference)
    })
}

/// A look at a batch.
pub(in crate::server) fn totals(params: &TotalsParams) -> Request {
    Request::Totals {
        gateway: gateway(params.gateway.as_ref()),
        device: device(params.device.as_ref()),
    }
}

/// A person's word.
pub(in crate::server) fn resolve(params: &ResolveParams) -> Result<Request, FieldError> {
    use payhal_engine::answer::Outcome;
    Ok(Request::Resolve(Box::new(Resolve {
        transaction_id: transaction_id("transaction_id", &params.transaction_id)?,
        outcome: match params.outcome {
            ResolvedOutcome::Approved => Outcome::Approved,
            ResolvedOutcome::Failed => Outcome::Failed,
        },
        evidence: params.evidence.as_str().into(),
        operator: params.operator.as_str().into(),
    })))
}

/// A signature as it is kept.
pub(in crate::server) fn signature(drawn: &Signature) -> Arc<str> {
    let text = serde_json::to_string(drawn);
    text.expect("points and texts can be written").into()
}

/// A request that says nothing but what it is.
pub(super) fn plain(
    key: &p::ids::IdempotencyKey,
    kind: Kind,
    reference: &Option<String>,
) -> MoneyRequest {
    MoneyRequest {
        key: key.as_str().into(),
        kind,
        amounts: None,
        amount_max: None,
        device: None,
        gateway: None,
        timeout_ms: None,
        reference: reference.as_deref().map(Into::into),
        despite: Vec::new(),
        order: None,
        terms: Terms::default(),
    }
}

/// What is charged, where that is known before the card.
fn charged(
    amount: Option<&p::money::Amount>,
    parts: [Option<&p::money::Amount>; 3],
) -> Result<Option<Amounts>, FieldError> {
    amount.map(|amount| total(amount, parts)).transpose()
}

fn estimate(
    amount: Option<&p::money::Amount>,
    timeout_ms: Option<u64>,
) -> Result<Option<Estimate>, FieldError> {
    let estimate = |amount| {
        Ok(Estimate {
            amount: amount_in("estimated_amount", amount)?,
            timeout_ms,
        })
    };
    amount.map(estimate).transpose()
}

/// A total with tip, surcharge and cashback.
pub(super) fn total(
    amount: &p::money::Amount,
    [tip, surcharge, cashback]: [Option<&p::money::Amount>; 3],
) -> Result<Amounts, FieldError> {
    let part = |amount: Option<&p::money::Amount>| amount.map(|amount| amount.minor);
    Ok(Amounts {
        total: amount_in("amount", amount)?,
        tip_minor: part(tip),
        surcharge_minor: part(surcharge),
        cashback_minor: part(cashback),
    })
}

pub(super) fn device(id: Option<&p::ids::DeviceId>) -> Option<DeviceId> {
    id.map(|id| DeviceId::from(id.as_str()))
}

pub(super) fn gateway(id: Option<&p::ids::GatewayId>) -> Option<GatewayId> {
    id.map(|id| GatewayId::from(id.as_str()))
}

fn despite(ids: &[p::ids::TransactionId]) -> Result<Vec<TransactionId>, FieldError> {
    ids.iter().map(|id| transaction_id("despite", id)).collect()
}

fn voice(voice: Option<&VoiceApproval>) -> Option<Arc<str>> {
    voice.map(|voice| voice.code.as_str().into())
}

/// Ways to present a card.
pub(in crate::server) fn entries(wanted: Option<&[EntryMode]>) -> Vec<Entry> {
    let wanted = wanted.unwrap_or_default().iter();
    let wanted = wanted.filter_map(|way| match way {
        EntryMode::Chip => Some(Entry::Chip),
        EntryMode::Contactless => Some(Entry::Contactless),
        EntryMode::Stripe => Some(Entry::Stripe),
        EntryMode::Manual => Some(Entry::Manual),
        // Refused by name before it comes here.
        EntryMode::Token => None,
    });
    wanted.collect()
}

/// The presentation that a request uses.
pub(super) fn presentation(id: Option<&String>) -> Option<Arc<str>> {
    id.map(|id| id.as_str().into())
}

/// How a card may be presented, or what stands for it.
pub(super) fn presented(
    entry: Option<&[EntryMode]>,
    card: Option<&CardToken>,
) -> Result<Terms, FieldError> {
    let named = card.map(|card| named(card.token_id.as_ref(), card.reference.as_deref()));
    Ok(Terms {
        entries: entries(entry),
        token: card.and_then(|card| card.token.as_deref()).map(Into::into),
        stored: named.transpose()?.flatten(),
        ..Terms::default()
    })
}

/// Basket, customer and custom fields as they are kept: one JSON object whose values are the
/// register's own text.
#[derive(Debug, Default, Deserialize, PartialEq)]
pub(in crate::server) struct Order {
    /// What is sold.
    #[serde(default)]
    pub(in crate::server) basket: Basket,
    /// To whom.
    #[serde(default)]
    pub(in crate::server) customer: Free,
    /// Whatever else.
    #[serde(default)]
    pub(in crate::server) custom: Free,
}

impl Order {
    /// What was kept.
    pub(in crate::server) fn read(kept: Option<&str>) -> Self {
        // An older host may have kept it in another form, which shows nothing rather than half.
        kept.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }
}

fn order(basket: &Basket, customer: &Free, custom: &Free) -> Option<Arc<str>> {
    let given = [
        ("basket", basket.text()),
        ("customer", customer.text()),
        ("custom", custom.text()),
    ];
    let members: Vec<String> = given
        .into_iter()
        .filter_map(|(name, text)| Some(format!("\"{name}\":{}", text?)))
        .collect();
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")).into())
}

pub(super) fn custom(custom: &Free) -> Option<Arc<str>> {
    order(&Basket::default(), &Free::default(), custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_protocol::Amount;
    use payhal_protocol::params::decode;
    use serde_json::value::RawValue;

    fn sold(more: &str) -> MoneyRequest {
        let text = format!(
            r#"{{"idempotency_key":"k","amount":{{"minor":1250,"currency":"EUR"}}{more}}}"#
        );
        let raw = RawValue::from_string(text).unwrap();
        sale(&decode(Some(&raw)).unwrap()).unwrap()
    }

    #[test]
    fn an_order_is_kept_to_the_letter() {
        let basket =
            r#"[ {"amount":{"currency":"EUR","minor":1250},"name":"T\u00e9","own":1.50} ]"#;
        let custom = r#"{"z":1,"a":2.0,"z":3}"#;
        let kept = sold(&format!(r#","custom":{custom},"basket":{basket}"#));
        let order = Order::read(kept.order.as_deref());
        assert_eq!(order.basket.text(), Some(basket));
        assert_eq!(order.custom.text(), Some(custom));
        assert!(order.customer.is_empty());
        assert_eq!(sold("").order, None);
        assert_eq!(Order::read(Some("[]")), Order::default());
    }

    #[test]
    fn every_term_arrives() {
        let request = sold(
            r#","entry":["chip","contactless"],"online":"always","installments":3,
               "voice_approval":{"code":"A1"},"card":{"token":"tok"},
               "tip":{"minor":100,"currency":"EUR"},"cashback":{"minor":50,"currency":"EUR"}"#,
        );
        let terms = request.terms;
        assert_eq!(terms.entries, [Entry::Chip, Entry::Contactless]);
        assert!(terms.online_always);
        assert_eq!(terms.installments, Some(3));
        assert_eq!(terms.voice_code.as_deref(), Some("A1"));
        assert_eq!(terms.token.as_deref(), Some("tok"));
        let amounts = request.amounts.unwrap();
        assert_eq!(
            (amounts.tip_minor, amounts.cashback_minor),
            (Some(100), Some(50))
        );
    }

    #[test]
    fn an_amount_that_follows_the_card_is_an_estimate_first() {
        let mut params = SaleParams::estimated("k", Amount::new(8_000, "EUR"));
        params.amount_timeout_ms = Some(600_000);
        let request = sale(&params).unwrap();
        assert_eq!(request.amounts, None);
        let estimate = request.terms.estimate.unwrap();
        assert_eq!(
            (estimate.amount.minor, estimate.timeout_ms),
            (8_000, Some(600_000))
        );
        params.estimated_amount = Some(Amount::new(1, "XXX"));
        assert_eq!(
            sale(&params).unwrap_err().field,
            "estimated_amount.currency"
        );
    }

    #[test]
    fn a_refund_is_what_it_names() {
        let mut params = RefundParams::new("k", Amount::new(500, "EUR"));
        assert_eq!(refund(&params).unwrap().kind, Kind::RefundUnreferenced);
        params.original = Some(payhal_protocol::payment::Original {
            gateway: "bank".into(),
            reference: None,
            rrn: Some("000000000001".into()),
            at: "2026-11-02T09:15:00Z".into(),
            amount: Amount::new(900, "EUR"),
        });
        let by_receipt = refund(&params).unwrap();
        assert_eq!(by_receipt.kind, Kind::RefundByReceipt);
        assert_eq!(by_receipt.gateway, Some(GatewayId::from("bank")));
        assert_eq!(by_receipt.terms.receipt.unwrap().amount_minor, 900);
        params.original = None;
        params.transaction_id = Some(uuid::Uuid::nil().to_string().into());
        assert!(matches!(refund(&params).unwrap().kind, Kind::Refund { .. }));
    }

    #[test]
    fn a_sale_says_whether_it_may_be_accepted_offline() {
        let mut params = SaleParams::new("k", Amount::new(1, "EUR"));
        assert!(!sale(&params).unwrap().terms.allow_offline);
        params.allow_offline = true;
        assert!(sale(&params).unwrap().terms.allow_offline);
    }
}
