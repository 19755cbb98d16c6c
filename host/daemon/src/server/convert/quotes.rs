// SPDX-License-Identifier: MIT OR Apache-2.0
//! Quotes as the engine gets them, and as registers are told them.

use super::{amount_in, amount_out};
use payhal_engine::card::CardFace;
use payhal_engine::ids::GatewayId;
use payhal_engine::pricing::Millionths;
use payhal_engine::quote::{Quote, Quoted, TaxChoice, TipChoice};
use payhal_protocol::params::FieldError;
use payhal_protocol::payment::{
    QuoteCard, QuoteParams, QuoteResult, QuoteTax, QuoteTip, QuotedSurcharge,
};

/// A quote that is asked for.
pub(in crate::server) fn quote(params: &QuoteParams) -> Result<Quote, FieldError> {
    let gateway = params.gateway.as_ref();
    Ok(Quote {
        gateway: gateway.map(|id| GatewayId::from(id.as_str())),
        price: amount_in("amount", &params.amount)?,
        tax: params.tax.as_ref().and_then(tax),
        tip: params.tip.as_ref().and_then(tip),
        cashback_minor: params.cashback.as_ref().map(|cash| cash.minor),
        card: params.surcharge_for.as_ref().map(card),
        presentation: params.presentation_id.as_deref().map(Into::into),
    })
}

fn rate(millionths: Option<u32>) -> Option<Millionths> {
    millionths.and_then(Millionths::new)
}

fn tax(tax: &QuoteTax) -> Option<TaxChoice> {
    match &tax.id {
        Some(id) => Some(TaxChoice::Listed(id.as_str().into())),
        None => rate(tax.rate_millionths).map(TaxChoice::Rate),
    }
}

fn tip(tip: &QuoteTip) -> Option<TipChoice> {
    match (&tip.id, &tip.amount) {
        (Some(id), _) => Some(TipChoice::Listed(id.as_str().into())),
        (None, Some(amount)) => Some(TipChoice::Minor(amount.minor)),
        (None, None) => rate(tip.rate_millionths).map(TipChoice::Rate),
    }
}

/// As a reader would show it.
fn card(card: &QuoteCard) -> CardFace {
    CardFace {
        masked_pan: card.begins.as_deref().unwrap_or_default().into(),
        scheme: card.scheme.as_str().into(),
        application: None,
        aid: None,
        country: None,
        expiry: None,
    }
}

/// What it would cost.
pub(in crate::server) fn quoted(quoted: &Quoted) -> QuoteResult {
    let amount = |minor| amount_out(minor, quoted.total.currency);
    QuoteResult {
        gateway: quoted.gateway.to_string().into(),
        amount: amount(quoted.price_minor),
        tax: quoted.tax_minor.map(amount),
        tip: quoted.tip_minor.map(amount),
        surcharge: quoted.surcharge.map(|surcharge| QuotedSurcharge {
            amount: amount(surcharge.minor),
            bypass: surcharge.bypass,
            disclose: !surcharge.undisclosed,
        }),
        cashback: quoted.cashback_minor.map(amount),
        total: amount(quoted.total.minor),
    }
}
