// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be said about a request's amounts and terms without knowing anything else.

use crate::delayed::check_estimate;
use crate::money::{AMOUNT_MINOR_MAX, Amount, Amounts};
use crate::request::{Kind, MoneyRequest};

/// What can be said about amounts without knowing the past.
pub(crate) fn check_amounts(request: &MoneyRequest) -> Result<(), &'static str> {
    let carries_none = request.kind.is_of_token()
        || matches!(
            request.kind,
            Kind::Undo { .. } | Kind::Verify | Kind::Balance | Kind::BatchClose
        );
    if let Some(estimate) = &request.terms.estimate {
        return check_estimate(request, estimate);
    }
    let Some(amounts) = &request.amounts else {
        return match request.kind {
            Kind::Void { .. } => Ok(()),
            _ if carries_none => Ok(()),
            _ => Err("the amount is missing"),
        };
    };
    if carries_none && (request.kind.moves_money() || amounts.total.minor != 0) {
        return Err("this kind of transaction carries no amount");
    }
    if carries_none {
        return Ok(());
    }
    check_total(amounts)?;
    check_most(request.amount_max, amounts.total)
}

/// Whether an amount can be charged, and its parts are parts of it.
pub(crate) fn check_total(amounts: &Amounts) -> Result<(), &'static str> {
    let total = amounts.total;
    if total.minor <= 0 {
        return Err("the amount must be more than zero");
    }
    if total.minor > AMOUNT_MINOR_MAX {
        return Err("the amount is larger than any amount can be");
    }
    let mut rest = total.minor;
    let parts = [
        amounts.tip_minor,
        amounts.surcharge_minor,
        amounts.cashback_minor,
    ];
    for part in parts.into_iter().flatten() {
        if part < 0 {
            return Err("tip, surcharge and cashback must not be negative");
        }
        // Cannot overflow: both are at least zero here, or the loop has ended.
        rest -= part;
        if rest < 0 {
            return Err("tip, surcharge and cashback must be parts of the amount");
        }
    }
    Ok(())
}

/// Whether what a total may be raised to can be.
pub(crate) fn check_most(most: Option<Amount>, total: Amount) -> Result<(), &'static str> {
    match most {
        Some(max) if max.currency != total.currency => {
            Err("amount_max must be in the currency of the amount")
        }
        Some(max) if max.minor < total.minor => Err("amount_max must not be below the amount"),
        Some(max) if max.minor > AMOUNT_MINOR_MAX => {
            Err("amount_max is larger than any amount can be")
        }
        _ => Ok(()),
    }
}
