// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words, numbers and dates: amounts for the display, tokens, the calendar.

use payhal_card_data::Expiry;
use payhal_messages::money::{Amounts, Purpose};
use std::time::SystemTime;

/// `Sale 12.50 EUR`.
pub(crate) fn headline(purpose: Purpose, amounts: &Amounts) -> String {
    let purpose = match purpose {
        Purpose::Sale => "Sale",
        Purpose::Refund => "Refund",
        Purpose::Authorize => "Hold",
        Purpose::Capture => "Capture",
        Purpose::Adjust => "Adjust",
        Purpose::CashAdvance => "Cash",
        Purpose::Verify => return "Card check".to_owned(),
        Purpose::Balance => return "Balance".to_owned(),
    };
    let total = money(amounts.total_minor, &amounts.currency);
    format!("{purpose} {total}")
}

/// `12.50 EUR`.
pub(crate) fn money(minor: i64, currency: &str) -> String {
    let places = decimals(currency);
    let sign = if minor < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    let point = if places == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{part} {currency}")
}

/// ISO 4217 minor units. A display may not know a currency; two places are the rule.
fn decimals(currency: &str) -> usize {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// A token that no other card ever has: 128 random bits in letters. Without digits it can never
/// look like a card number.
pub(crate) fn fresh_token() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let letter = |nibble: u8| char::from(b'a' + nibble);
    Ok(bytes
        .iter()
        .flat_map(|byte| [letter(byte >> 4), letter(byte & 15)])
        .collect())
}

/// Whether a card is past its last day.
pub(crate) fn is_expired(expiry: Expiry, now: SystemTime) -> bool {
    let (year, month) = month_of(now);
    expiry.is_before(year, month)
}

/// Microseconds since 1970 UTC.
pub(crate) fn micros_of(now: SystemTime) -> i64 {
    now.duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
}

/// The calendar month (proleptic Gregorian, UTC). Years are counted from March, so that the leap
/// day comes last.
fn month_of(now: SystemTime) -> (u16, u8) {
    let seconds = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    // Days since 0000-03-01; 400 years have 146,097.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (year, month) = match month {
        0..=9 => (era * 400 + year, month + 3),
        _ => (era * 400 + year + 1, month - 9),
    };
    let month = u8::try_from(month).unwrap_or(u8::MAX);
    (u16::try_from(year).unwrap_or(u16::MAX), month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_their_currencys_places() {
        for (minor, currency, shown) in [
            (1250, "EUR", "Sale 12.50 EUR"),
            (5, "EUR", "Sale 0.05 EUR"),
            (500, "JPY", "Sale 500 JPY"),
            (1234, "KWD", "Sale 1.234 KWD"),
            (i64::MIN, "USD", "Sale -92233720368547758.08 USD"),
        ] {
            let amounts = Amounts {
                currency: currency.into(),
                total_minor: minor,
                tip_minor: None,
                surcharge_minor: None,
                cashback_minor: None,
            };
            assert_eq!(headline(Purpose::Sale, &amounts), shown);
        }
    }

    #[test]
    fn tokens_are_letters_and_never_repeat() {
        let (first, second) = (fresh_token().unwrap(), fresh_token().unwrap());
        assert_ne!(first, second);
        assert!(first.len() == 32 && first.bytes().all(|b| b.is_ascii_lowercase()));
    }

    #[test]
    fn months_follow_the_calendar() {
        let at = |seconds| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        for (seconds, month) in [
            (0, (1970, 1)),
            (951_782_399, (2000, 2)),   // 2000-02-28T23:59:59
            (951_868_800, (2000, 3)),   // 2000-03-01
            (1_709_164_800, (2024, 2)), // 2024-02-29
            (1_798_761_599, (2026, 12)),
            (1_798_761_600, (2027, 1)),
            (4_107_542_400, (2100, 3)), // no leap day in 2100
        ] {
            assert_eq!(month_of(at(seconds)), month, "{seconds}");
        }
    }
}
