// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a sale or an authorization says about its amount: the amount, or an estimate of one that
//! follows the card.
//!
//! Owns what fits together. It must never choose an amount.

use super::{check_amount_max, check_parts};
use crate::limits::{AMOUNT_TIMEOUT_MS_MAX, TIMEOUT_MS_MIN};
use crate::money::Amount;
use crate::params::FieldError;

/// A part of a total, by the name of its field.
pub(super) type Part<'a> = (&'a str, &'a Option<Amount>);

/// What is charged or held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge<'a> {
    pub(super) amount: Option<&'a Amount>,
    pub(super) estimated: Option<&'a Amount>,
    pub(super) timeout_ms: Option<u64>,
    pub(super) most: Option<&'a Amount>,
}

impl Charge<'_> {
    pub(super) fn check(&self, parts: &[Part<'_>]) -> Result<(), FieldError> {
        match (self.amount, self.estimated) {
            (Some(amount), None) => {
                amount.check("amount")?;
                check_parts(amount, parts)?;
                check_amount_max(self.most, amount)?;
                self.check_no_timeout()
            }
            (None, Some(estimate)) => {
                estimate.check("estimated_amount")?;
                check_no_parts(parts)?;
                check_amount_max(self.most, estimate)?;
                self.check_timeout()
            }
            (Some(_), Some(_)) => Err(FieldError::new(
                "estimated_amount",
                "must be left out where `amount` is given",
            )),
            (None, None) => Err(FieldError::new(
                "amount",
                "must be given, or `estimated_amount` where it follows the card",
            )),
        }
    }

    fn check_no_timeout(&self) -> Result<(), FieldError> {
        match self.timeout_ms {
            None => Ok(()),
            Some(_) => Err(FieldError::new(
                "amount_timeout_ms",
                "must be left out where `amount` is given",
            )),
        }
    }

    fn check_timeout(&self) -> Result<(), FieldError> {
        let range = TIMEOUT_MS_MIN..=AMOUNT_TIMEOUT_MS_MAX;
        if self.timeout_ms.is_some_and(|ms| !range.contains(&ms)) {
            let must = format!("must be from {TIMEOUT_MS_MIN} to {AMOUNT_TIMEOUT_MS_MAX}");
            return Err(FieldError::new("amount_timeout_ms", must));
        }
        Ok(())
    }
}

/// They are said with the amount.
fn check_no_parts(parts: &[Part<'_>]) -> Result<(), FieldError> {
    let given = parts.iter().find(|(_, part)| part.is_some());
    given.map_or(Ok(()), |(field, _)| {
        let must = "must be left out here: it is said with the final amount";
        Err(FieldError::new(*field, must))
    })
}
