// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers of currencies (ISO 4217), as chips and their terminals write them. A kernel may not know
//! one that is newer; it must never guess.

use iso_currency::Currency;

/// The number of an alphabetic code, where there is such a currency.
pub fn currency_number(code: &str) -> Option<u16> {
    Currency::from_code(code).map(Currency::numeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_number() {
        for (code, number) in [("EUR", 978), ("BRL", 986), ("USD", 840), ("AUD", 36)] {
            assert_eq!(currency_number(code), Some(number));
        }
        for unknown in ["", "EU", "eur", "ZZZ", "978"] {
            assert_eq!(currency_number(unknown), None, "{unknown}");
        }
    }
}
