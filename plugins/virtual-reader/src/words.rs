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
    let total = money(amounts.total_minor, &amounts.currency);
    format!("{purpose} {total}")
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

/// An amount as EMV's objects have it.
pub(crate) fn twelve_digits(minor: i64) -> String {
    format!("{:012}", minor.clamp(0, 999_999_999_999))
}

/// ISO 4217 number, as EMV's objects have it. A kernel may not know a currency; 999 is none.
pub(crate) fn currency_number(currency: &str) -> String {
    let number = payhal_card_data::emv::currency_number(currency).unwrap_or(999);
    format!("{number:04}")
}

/// Transaction date, tag 9A.
pub(crate) fn date(now: SystemTime) -> String {
    let (year, month, day) = day_of(now);
    format!("{:02}{month:02}{day:02}", year % 100)
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

/// `12.50 EUR`.
pub(crate) fn money(minor: i64, currency: &str) -> String {
    format!("{} {currency}", amount(minor, currency))
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

/// Whether a card is past its last day.
pub(crate) fn is_expired(expiry: Expiry, now: SystemTime) -> bool {
    let (year, month, _) = day_of(now);
    expiry.is_before(year, month)
}

/// The calendar day (proleptic Gregorian, UTC). Years are counted from March, so that the leap
/// day comes last.
fn day_of(now: SystemTime) -> (u16, u8, u8) {
    let seconds = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    // Days since 0000-03-01; 400 years have 146,097.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..=9 => (era * 400 + year, month + 3),
        _ => (era * 400 + year + 1, month - 9),
    };
    let month = u8::try_from(month).unwrap_or(u8::MAX);
    let day = u8::try_from(day).unwrap_or(u8::MAX);
    (u16::try_from(year).unwrap_or(u16::MAX), month, day)
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
    fn currencies_have_their_numbers() {
        for (currency, number) in [("EUR", "0978"), ("AUD", "0036"), ("???", "0999")] {
            assert_eq!(currency_number(currency), number);
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
    fn days_follow_the_calendar() {
        let at = |seconds| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        for (seconds, day) in [
            (0, (1970, 1, 1)),
            (951_782_399, (2000, 2, 28)),
            (951_868_799, (2000, 2, 29)),
            (951_868_800, (2000, 3, 1)),
            (1_709_164_800, (2024, 2, 29)),
            (1_798_761_599, (2026, 12, 31)),
            (1_798_761_600, (2027, 1, 1)),
            (4_107_542_400, (2100, 3, 1)), // no leap day in 2100
        ] {
            assert_eq!(day_of(at(seconds)), day, "{seconds}");
        }
        assert_eq!(date(at(1_709_164_800)), "240229");
    }
}
