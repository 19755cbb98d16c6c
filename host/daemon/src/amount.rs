// SPDX-License-Identifier: MIT OR Apache-2.0
//! Amounts as people write them, `12.50 EUR`, to minor units and back: command line,
//! configuration, receipts.
//!
//! The decimals must be exactly those of the currency (ISO 4217): who writes `1250` for 12.50 must
//! not charge a hundredfold. It must never use a floating-point number.

use payhal_engine::money::{AMOUNT_MINOR_MAX, Currency};
use payhal_protocol::Amount;
use payhal_protocol::transaction::Dcc;

/// Reads an amount.
pub(crate) fn parse(text: &str, code: &str) -> Result<Amount, String> {
    let code = code.to_ascii_uppercase();
    let currency = Currency::from_code(&code)
        .ok_or_else(|| format!("`{code}` is not a currency of ISO 4217, as EUR is"))?;
    let decimals = currency
        .exponent()
        .ok_or_else(|| format!("{code} has no minor unit, so nothing can be charged in it"))?;
    let decimals = usize::from(decimals);
    let wrong = || wrong(text, &code, decimals);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() != decimals {
        return Err(wrong());
    }
    if decimals == 0 && text.contains('.') {
        return Err(wrong());
    }
    let minor: i64 = format!("{whole}{fraction}")
        .parse()
        .map_err(|_| too_much(&code))?;
    match minor {
        0 => Err(format!("`{text}` must be more than nothing")),
        1..=AMOUNT_MINOR_MAX => Ok(Amount::new(minor, &code)),
        _ => Err(too_much(&code)),
    }
}

fn wrong(text: &str, code: &str, decimals: usize) -> String {
    let example = if decimals == 0 {
        "12".to_owned()
    } else {
        format!("12.{:0<decimals$}", "5")
    };
    let need = match decimals {
        0 => "no decimals".to_owned(),
        1 => "1 decimal after a point".to_owned(),
        _ => format!("{decimals} decimals after a point"),
    };
    format!("`{text}` is not an amount of {code}, which has {need}: write it as `{example} {code}`")
}

fn too_much(code: &str) -> String {
    let most = show(&Amount::new(AMOUNT_MINOR_MAX, code));
    format!("the amount must be at most {most}")
}

/// Writes a charge in the card's own currency: `11.28 USD at 1.1282`.
pub(crate) fn converted(dcc: &Dcc) -> String {
    format!("{} at {}", show(&dcc.amount), dcc.rate)
}

/// Writes an amount with the decimals of its currency.
pub(crate) fn show(amount: &Amount) -> String {
    minor(amount.minor, &amount.currency)
}

/// The same of minor units and a currency's code.
pub(crate) fn minor(minor: i64, code: &str) -> String {
    let exponent = Currency::from_code(code).and_then(Currency::exponent);
    let decimals = usize::from(exponent.unwrap_or(0));
    let sign = if minor < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let point = if decimals == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction} {code}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_those_of_the_currency() {
        for (text, code, minor) in [
            ("12.50", "EUR", 1250),
            ("12.50", "eur", 1250),
            ("0.01", "EUR", 1),
            ("1250", "CLP", 1250),
            ("1250", "JPY", 1250),
            ("1.250", "BHD", 1250),
            ("0012.50", "EUR", 1250),
            ("9999999999.99", "EUR", AMOUNT_MINOR_MAX),
        ] {
            let amount = parse(text, code).unwrap();
            assert_eq!(
                amount,
                Amount::new(minor, &code.to_ascii_uppercase()),
                "{text} {code}"
            );
        }
    }

    #[test]
    fn what_could_be_misread_is_refused() {
        for (text, code) in [
            ("12", "EUR"),
            ("12.5", "EUR"),
            ("12.505", "EUR"),
            ("12,50", "EUR"),
            ("1.250,00", "EUR"),
            ("12.", "EUR"),
            (".50", "EUR"),
            ("12.5O", "EUR"),
            ("-1.00", "EUR"),
            ("+1.00", "EUR"),
            ("1e2", "JPY"),
            ("12.50", "JPY"),
            ("12.", "JPY"),
            ("1.25", "BHD"),
            ("", "EUR"),
            ("\u{0661}.00", "EUR"),
            ("0.00", "EUR"),
            ("10000000000.00", "EUR"),
            ("99999999999999999999.00", "EUR"),
            ("12.50", "EURO"),
            ("12.50", "ZZZ"),
            ("1", "XAU"),
        ] {
            assert!(parse(text, code).is_err(), "{text} {code}");
        }
    }

    #[test]
    fn the_error_shows_how_to_write_it() {
        assert!(parse("12.5", "EUR").unwrap_err().contains("2 decimals"));
        assert!(parse("12.5", "EUR").unwrap_err().contains("`12.50 EUR`"));
        assert!(parse("12.5", "BHD").unwrap_err().contains("`12.500 BHD`"));
        assert!(parse("12.5", "CLP").unwrap_err().contains("no decimals"));
        assert!(
            parse("99999999999.00", "EUR")
                .unwrap_err()
                .contains("9999999999.99 EUR")
        );
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        for (minor, code) in [(1, "EUR"), (1250, "JPY"), (1250, "BHD"), (100_000, "USD")] {
            let amount = Amount::new(minor, code);
            let shown = show(&amount);
            let (text, code) = shown.split_once(' ').unwrap();
            assert_eq!(parse(text, code), Ok(amount), "{shown}");
        }
    }
}
