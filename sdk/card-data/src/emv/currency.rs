// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers of currencies (ISO 4217), as chips and their terminals write them. A kernel may not know
//! one that is newer; it must never guess.

/// The number of an alphabetic code, where it is known here.
pub fn currency_number(code: &str) -> Option<u16> {
    NUMBERS
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, number)| *number)
}

/// By code.
#[rustfmt::skip]
const NUMBERS: &[(&str, u16)] = &[
    ("AED", 784), ("ALL", 8), ("AMD", 51), ("ARS", 32), ("AUD", 36), ("AZN", 944), ("BAM", 977),
    ("BBD", 52), ("BDT", 50), ("BGN", 975), ("BHD", 48), ("BOB", 68), ("BRL", 986), ("BSD", 44),
    ("BWP", 72), ("BYN", 933), ("CAD", 124), ("CHF", 756), ("CLP", 152), ("CNY", 156),
    ("COP", 170), ("CRC", 188), ("CZK", 203), ("DKK", 208), ("DOP", 214), ("DZD", 12),
    ("EGP", 818), ("ETB", 230), ("EUR", 978), ("GBP", 826), ("GEL", 981), ("GHS", 936),
    ("GTQ", 320), ("HKD", 344), ("HNL", 340), ("HUF", 348), ("IDR", 360), ("ILS", 376),
    ("INR", 356), ("IQD", 368), ("ISK", 352), ("JMD", 388), ("JOD", 400), ("JPY", 392),
    ("KES", 404), ("KRW", 410), ("KWD", 414), ("KZT", 398), ("LKR", 144), ("LYD", 434),
    ("MAD", 504), ("MDL", 498), ("MKD", 807), ("MOP", 446), ("MUR", 480), ("MXN", 484),
    ("MYR", 458), ("NAD", 516), ("NGN", 566), ("NIO", 558), ("NOK", 578), ("NPR", 524),
    ("NZD", 554), ("OMR", 512), ("PAB", 590), ("PEN", 604), ("PHP", 608), ("PKR", 586),
    ("PLN", 985), ("PYG", 600), ("QAR", 634), ("RON", 946), ("RSD", 941), ("RUB", 643),
    ("SAR", 682), ("SEK", 752), ("SGD", 702), ("THB", 764), ("TND", 788), ("TRY", 949),
    ("TTD", 780), ("TWD", 901), ("TZS", 834), ("UAH", 980), ("UGX", 800), ("USD", 840),
    ("UYU", 858), ("VND", 704), ("XAF", 950), ("XOF", 952), ("XPF", 953), ("ZAR", 710),
    ("ZMW", 967),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_number() {
        for (code, number) in [("EUR", 978), ("BRL", 986), ("USD", 840), ("AUD", 36)] {
            assert_eq!(currency_number(code), Some(number));
        }
        assert_eq!(currency_number("XTS"), None);
    }

    #[test]
    fn every_row_is_a_code_of_its_own_and_in_order() {
        assert!(NUMBERS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let mut numbers: Vec<u16> = NUMBERS.iter().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(numbers.iter().all(|number| *number < 1000));
    }
}
