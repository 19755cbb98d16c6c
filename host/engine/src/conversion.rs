// SPDX-License-Identifier: MIT OR Apache-2.0
//! An amount in another currency than the shop's, and whether it can have come about as it says.

use crate::money::{AMOUNT_MINOR_MAX, Amount};
use crate::pricing::Millionths;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest rate: so many digits and a point are as exact as any.
const RATE_BYTES_MAX: usize = 16;

/// What a card is charged or given in its own currency, and how it came about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Conversion {
    /// What the card is charged or given.
    pub amount: Amount,
    /// Units of that currency for one of the shop's, markup included, as decimal text.
    pub rate: Arc<str>,
    /// What of the rate is markup, in millionths.
    pub markup_millionths: u32,
}

/// A rate as it is written: so many units of its last digit.
struct Rate {
    digits: i128,
    places: u32,
}

impl Rate {
    /// `1.0868`; nothing but digits and one point between them.
    fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let plain =
            |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if text.len() > RATE_BYTES_MAX || !plain(whole) || !plain(part) {
            return None;
        }
        Some(Self {
            digits: format!("{whole}{part}").parse().ok()?,
            places: u32::try_from(part.len()).ok()?,
        })
    }
}

impl Conversion {
    /// Whether it can be what an amount of the shop's comes to: another currency, and an amount that
    /// follows from the rate but for one unit of its last digit and two minor units, since rate, whole
    /// and parts are rounded.
    pub(crate) fn is_of(&self, shop: Amount) -> bool {
        self.amount.currency != shop.currency
            && (1..=AMOUNT_MINOR_MAX).contains(&self.amount.minor)
            && Millionths::new(self.markup_millionths).is_some()
            && self.follows(shop).unwrap_or(false)
    }

    fn follows(&self, shop: Amount) -> Option<bool> {
        let rate = Rate::parse(&self.rate)?;
        let power = |exponent: u32| 10_i128.checked_pow(exponent);
        let own_unit = power(self.amount.currency.exponent()?.into())?;
        let shop_unit = power(shop.currency.exponent()?.into())?;
        let one = power(rate.places)?.checked_mul(shop_unit)?;
        let step = i128::from(shop.minor).checked_mul(own_unit)?;
        let told = i128::from(self.amount.minor).checked_mul(one)?;
        let worked_out = step.checked_mul(rate.digits)?;
        Some(rate.digits > 0 && (told - worked_out).abs() <= step + 2 * one)
    }

    /// The markup, for people.
    pub fn markup(&self) -> Millionths {
        Millionths::new(self.markup_millionths).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn is_of(own: (i64, Currency), rate: &str, shop: (i64, Currency)) -> bool {
        let amount = |(minor, currency)| Amount { minor, currency };
        let conversion = Conversion {
            amount: amount(own),
            rate: rate.into(),
            markup_millionths: 35_000,
        };
        conversion.is_of(amount(shop))
    }

    #[test]
    fn an_amount_follows_from_its_rate() {
        let (eur, usd, jpy) = (Currency::EUR, Currency::USD, Currency::JPY);
        for (own, rate) in [
            ((1_128, usd), "1.1282"),
            ((1_130, usd), "1.1282"),
            ((1_100, usd), "1.1"),
            ((1_199, usd), "1.1"),
            ((1_682, jpy), "168.19"),
            ((3_000, usd), "3"),
            ((1_000, Currency::KWD), "0.1"),
        ] {
            assert!(is_of(own, rate, (1_000, eur)), "{own:?} {rate}");
        }
        assert!(is_of((1_682, eur), "0.0100", (1_682, jpy)));
    }

    #[test]
    fn what_does_not_follow_is_none() {
        let (eur, usd) = (Currency::EUR, Currency::USD);
        for (own, rate) in [
            ((1_128, eur), "1.1282"),
            ((1_131, usd), "1.1282"),
            ((112_820, usd), "1.1282"),
            ((0, usd), "0.0001"),
            ((1, usd), "0"),
            ((i64::MAX, usd), "1"),
            ((1_128, usd), ""),
            ((1_128, usd), "1,1282"),
            ((1_128, usd), ".1282"),
            ((1_128, usd), "1."),
            ((1_128, usd), "1.1.2"),
            ((1_128, usd), "+1.1282"),
            ((1_128, usd), "1.12820000000000000000000000000000"),
        ] {
            assert!(!is_of(own, rate, (1_000, eur)), "{own:?} {rate}");
        }
    }
}
