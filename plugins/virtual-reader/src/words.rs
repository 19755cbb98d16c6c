// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words and identifiers: amounts for the display, names for reads.

use payhal_card_data::Expiry;
use payhal_messages::money::{Amounts, Purpose};
use std::time::SystemTime;

/// `Sale 12.50 EUR`; a display has room for 20 characters.
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
    let total = amount(amounts.total_minor, &amounts.currency);
    format!("{purpose} {total} {}", amounts.currency)
}

/// `Tip 0.50 Cash 20.00`: what the total holds besides the goods; often nothing.
pub(crate) fn parts(amounts: &Amounts) -> String {
    let named = [
        ("Tip", amounts.tip_minor),
        ("Fee", amounts.surcharge_minor),
        ("Cash", amounts.cashback_minor),
    ];
    let told = named.into_iter().filter_map(|(name, minor)| {
        let minor = minor.filter(|minor| *minor != 0)?;
        Some(format!("{name} {}", amount(minor, &amounts.currency)))
    });
    told.collect::<Vec<_>>().join(" ")
}

/// What the cardholder reads when the issuer and the card said yes.
pub(crate) fn done(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Sale | Purpose::Capture | Purpose::Adjust | Purpose::CashAdvance => "Approved",
        Purpose::Refund => "Refunded",
        Purpose::Authorize => "Amount held",
        Purpose::Verify => "Card accepted",
        Purpose::Balance => "Ask the cashier",
    }
}

/// Transaction type, tag 9C: the first two digits of ISO 8583's processing code.
pub(crate) fn transaction_type(purpose: Purpose, amounts: &Amounts) -> &'static str {
    match purpose {
        Purpose::Sale if amounts.cashback_minor.is_some_and(|minor| minor > 0) => "09",
        Purpose::CashAdvance => "01",
        Purpose::Refund => "20",
        Purpose::Balance => "31",
        Purpose::Sale
        | Purpose::Authorize
        | Purpose::Verify
        | Purpose::Capture
        | Purpose::Adjust => "00",
    }
}

fn amount(minor: i64, currency: &str) -> String {
    let places = decimals(currency);
    let sign = if minor < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    let point = if places == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{part}")
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

/// A name that no other read ever has: 128 random bits in letters. Without digits it can never
/// look like a card number.
pub(crate) fn fresh_name() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let letter = |nibble: u8| char::from(b'a' + nibble);
    Ok(bytes
        .iter()
        .flat_map(|byte| [letter(byte >> 4), letter(byte & 15)])
        .collect())
}

/// Eight bytes that look like an application cryptogram, hex. Every other digit is a letter, so
/// that it can never look like a card number.
pub(crate) fn cryptogram() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    Ok(bytes
        .iter()
        .map(|byte| format!("{:02X}", byte | 0xA0))
        .collect())
}

/// Whether a card is past its last day.
pub(crate) fn is_expired(expiry: Expiry, now: SystemTime) -> bool {
    let (year, month) = month_of(now);
    expiry.is_before(year, month)
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
    fn every_purpose_has_its_words() {
        let mut amounts = Amounts {
            currency: "EUR".into(),
            total_minor: 5000,
            tip_minor: Some(50),
            surcharge_minor: Some(0),
            cashback_minor: Some(2000),
        };
        for (purpose, shown) in [
            (Purpose::Refund, "Refund 50.00 EUR"),
            (Purpose::Authorize, "Hold 50.00 EUR"),
            (Purpose::CashAdvance, "Cash 50.00 EUR"),
            (Purpose::Verify, "Card check"),
            (Purpose::Balance, "Balance"),
        ] {
            assert_eq!(headline(purpose, &amounts), shown);
        }
        assert_eq!(parts(&amounts), "Tip 0.50 Cash 20.00");
        amounts.tip_minor = None;
        amounts.cashback_minor = None;
        assert_eq!(parts(&amounts), "");
    }

    #[test]
    fn names_are_letters_and_never_repeat() {
        let (first, second) = (fresh_name().unwrap(), fresh_name().unwrap());
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
