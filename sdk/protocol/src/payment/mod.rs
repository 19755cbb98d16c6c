// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls that move money, or could; their one answer; and the call that stops them.
//!
//! Owns the params of `payment.*` as far as they begin or settle a transaction. It must never offer
//! a field for a card number or a PIN.

mod answer;
mod authorization;
mod back;
mod card;
mod charge;
mod order;
mod quote;
mod resolve;
mod sale;
mod signature;
mod stop;

pub use answer::{
    Acceptor, Approved, ApprovedOutcome, Collection, Forwarding, ForwardingState, Receipts,
    UndoDone, UndoResult, UndoRule,
};
pub use authorization::{AdjustParams, AuthorizeParams, CaptureParams};
pub use back::{Original, RefundParams, UndoParams, VoidParams};
pub use card::{BalanceParams, CashAdvanceParams, VerifyParams};
pub(crate) use order::check_free;
pub use order::{Basket, BasketLine, Free};
pub use quote::{QuoteCard, QuoteParams, QuoteResult, QuoteTax, QuoteTip, QuotedSurcharge};
pub use resolve::{ResolveParams, ResolveResult, ResolvedOutcome};
pub use sale::{CardToken, OnlinePolicy, SaleParams, VoiceApproval};
pub use signature::{SignParams, SignResult, Signature, SignatureParams, SignatureResult};
pub use stop::{CancelParams, CancelResult, CancelState};

use crate::ids::{DeviceId, GatewayId, TransactionId};
use crate::limits::{DESPITE_MAX, INSTALLMENTS_MAX, REFERENCE_CHARS_MAX};
use crate::money::Amount;
use crate::params::{FieldError, check_chars, check_id};
use crate::transaction::EntryMode;

pub(crate) fn check_route(
    device: Option<&DeviceId>,
    gateway: Option<&GatewayId>,
) -> Result<(), FieldError> {
    device.map_or(Ok(()), |device| check_id(device.as_str(), "device"))?;
    gateway.map_or(Ok(()), |gateway| check_id(gateway.as_str(), "gateway"))
}

fn check_reference(reference: Option<&str>) -> Result<(), FieldError> {
    reference.map_or(Ok(()), |text| {
        check_chars(text, 1, REFERENCE_CHARS_MAX, "reference")
    })
}

pub(crate) fn check_despite(despite: &[TransactionId]) -> Result<(), FieldError> {
    if despite.len() > DESPITE_MAX {
        let must = format!("must name at most {DESPITE_MAX} transactions");
        return Err(FieldError::new("despite", must));
    }
    despite
        .iter()
        .try_for_each(|id| check_id(id.as_str(), "despite"))
}

/// Each part fits into the total, and so do all of them together.
pub(crate) fn check_parts(
    amount: &Amount,
    parts: &[(&str, &Option<Amount>)],
) -> Result<(), FieldError> {
    let given = || {
        parts
            .iter()
            .filter_map(|(field, part)| Some((*field, part.as_ref()?)))
    };
    given().try_for_each(|(field, part)| part.check_part(amount, field))?;
    // Each part is bounded by twelve digits, so their sum cannot overflow.
    let sum: i64 = given().map(|(_, part)| part.minor).sum();
    if sum > amount.minor {
        let names: Vec<String> = parts
            .iter()
            .map(|(field, _)| format!("`{field}`"))
            .collect();
        let must = format!("must be the total, {} included", names.join(", "));
        return Err(FieldError::amount("amount.minor", must));
    }
    Ok(())
}

fn check_amount_max(most: Option<&Amount>, amount: &Amount) -> Result<(), FieldError> {
    let Some(most) = most else {
        return Ok(());
    };
    most.check("amount_max")?;
    if most.currency != amount.currency {
        return Err(FieldError::amount(
            "amount_max.currency",
            "must be the currency of `amount`",
        ));
    }
    if most.minor < amount.minor {
        return Err(FieldError::amount(
            "amount_max.minor",
            "must not be less than `amount.minor`",
        ));
    }
    Ok(())
}

pub(crate) fn check_entry(entry: Option<&[EntryMode]>) -> Result<(), FieldError> {
    match entry {
        Some([]) => Err(FieldError::new(
            "entry",
            "must name at least one way, or be left out",
        )),
        Some(ways) if ways.contains(&EntryMode::Token) => Err(FieldError::new(
            "entry",
            "must name ways of presenting a card; a token goes into `card`",
        )),
        _ => Ok(()),
    }
}

/// `else_paid`: something else stands for the card.
pub(crate) fn check_presentation(id: Option<&str>, else_paid: bool) -> Result<(), FieldError> {
    let Some(id) = id else { return Ok(()) };
    if else_paid {
        let must = "must be left out where something else says which card it is";
        return Err(FieldError::new("presentation_id", must));
    }
    check_id(id, "presentation_id")
}

fn check_installments(count: Option<u32>) -> Result<(), FieldError> {
    if count.is_some_and(|count| !(1..=INSTALLMENTS_MAX).contains(&count)) {
        let must = format!("must be an integer from 1 to {INSTALLMENTS_MAX}");
        return Err(FieldError::new("installments", must));
    }
    Ok(())
}

fn check_voice(voice: Option<&VoiceApproval>) -> Result<(), FieldError> {
    voice.map_or(Ok(()), |voice| {
        check_chars(&voice.code, 1, 16, "voice_approval.code")
    })
}

fn check_card(card: Option<&CardToken>) -> Result<(), FieldError> {
    card.map_or(Ok(()), CardToken::check)
}

#[cfg(test)]
mod tests;
