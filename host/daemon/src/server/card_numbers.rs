// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps card numbers out: no field of a call may hold one, and no error repeats it.

use payhal_messages::card_check::holds_card_number;
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::params::FieldError;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Deepest nesting that is looked into, which is the deepest that is read anywhere.
const DEPTH_MAX: usize = 128;

/// A card number must not come in by any field; the error does not repeat it.
pub(super) fn refuse(params: Option<&RawValue>) -> Result<(), ErrorObject> {
    let Some(raw) = params else {
        return Ok(());
    };
    // Looking at the raw text first costs nothing for the many calls without long numbers.
    // An escape may hide a digit from it.
    if !holds_card_number(raw.get()) && !raw.get().contains("\\u") {
        return Ok(());
    }
    match walk(raw, "", 0) {
        Ok(()) => Ok(()),
        Err(Stop::Found(field)) => Err(refusal(&field)),
        Err(Stop::Unreadable) => {
            Err(FieldError::new("params", "must be less deeply nested").into())
        }
    }
}

fn refusal(field: &str) -> ErrorObject {
    let mut error = ErrorObject::named(ErrorName::CardNumberRefused);
    if let Some(details) = error.data.as_deref_mut() {
        details.detail = Some(format!("`{field}` holds what looks like a card number"));
        details.field = Some(field.to_owned());
    }
    error
}

/// Why the look ends early.
enum Stop {
    /// The path of the first value or name that holds one.
    Found(String),
    /// What cannot be looked at is not let in.
    Unreadable,
}

/// Looks at each string, number and name, those of a repeated name included: the text is kept as it
/// came. Product references and serial numbers are exempt: one EAN in ten passes the check digit of
/// a card.
fn walk(raw: &RawValue, path: &str, depth: usize) -> Result<(), Stop> {
    if depth == DEPTH_MAX {
        return Err(Stop::Unreadable);
    }
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'{') => {
            let Fields(fields) = read(text)?;
            for (name, value) in fields {
                let joined = |name: &str| match path {
                    "" => name.to_owned(),
                    path => format!("{path}.{name}"),
                };
                if holds_card_number(&name) {
                    return Err(Stop::Found(joined("(a field name)")));
                }
                let exempt = path == "basket" && matches!(name.as_str(), "product_reference" | "serial")
                    // A digest that may have digits only: a register could never prove itself.
                    || path.is_empty() && name == "key_id" && value.get().len() == 18;
                // A number or a text: what else stands there is no name of a product.
                if !exempt || value.get().starts_with(['{', '[']) {
                    walk(value, &joined(&name), depth + 1)?;
                }
            }
            Ok(())
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = read(text)?;
            items
                .into_iter()
                .try_for_each(|item| walk(item, path, depth + 1))
        }
        Some(b'"') => {
            let text: String = read(text)?;
            look(&text, path)
        }
        _ => look(text, path),
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Stop> {
    serde_json::from_str(text).map_err(|_| Stop::Unreadable)
}

fn look(text: &str, path: &str) -> Result<(), Stop> {
    match holds_card_number(text) && !is_a_name_of_ours(text) {
        true => Err(Stop::Found(path.to_owned())),
        false => Ok(()),
    }
}

/// A UUID is what keys and transactions are named by, and with a number behind it presentations and
/// questions; one in some thousands has digits like a card's. Groups of 8, 4, 4, 4 and 12
/// hexadecimal digits, which nobody writes a card number in; the number is shorter than a card's.
fn is_a_name_of_ours(text: &str) -> bool {
    let Some((name, rest)) = text.split_at_checked(36) else {
        return false;
    };
    let number = rest.strip_prefix(['-', '.']).unwrap_or_default();
    let numbered = (1..=9).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    uuid::Uuid::try_parse(name).is_ok() && (rest.is_empty() || numbered)
}

/// The fields of an object in their order, with every repetition.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(field) = fields.next_entry()? {
            all.push(field);
        }
        Ok(Fields(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "4111111111111111";

    fn field(json: &str) -> Option<String> {
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        let error = refuse(Some(&raw)).err()?;
        let text = serde_json::to_string(&error).unwrap();
        assert!(!text.contains("1111"), "{text}");
        error.data.and_then(|details| details.field)
    }

    #[test]
    fn no_field_of_any_call_takes_one() {
        for (json, path) in [
            (format!(r#"{{"reference":"{NUMBER}"}}"#), "reference"),
            (
                format!(r#"{{"voice_approval":{{"code":"{NUMBER}"}}}}"#),
                "voice_approval.code",
            ),
            (
                format!(r#"{{"card":{{"token":"{NUMBER}"}}}}"#),
                "card.token",
            ),
            (
                format!(r#"{{"original":{{"rrn":"{NUMBER}"}}}}"#),
                "original.rrn",
            ),
            (
                r#"{"evidence":"see 4111 1111 1111 1111"}"#.to_owned(),
                "evidence",
            ),
            (format!(r#"{{"operator":"{NUMBER}"}}"#), "operator"),
            (format!(r#"{{"custom":{{"n":{NUMBER}}}}}"#), "custom.n"),
            (
                format!(r#"{{"custom":{{"{NUMBER}":1}}}}"#),
                "custom.(a field name)",
            ),
            (
                format!(r#"{{"basket":[{{"name":"{NUMBER}"}}]}}"#),
                "basket.name",
            ),
            (format!(r#"{{"unknown":["{NUMBER}"]}}"#), "unknown"),
            // The last of two equal names is what most readers see; the first is kept too.
            (
                format!(r#"{{"custom":{{"a":"{NUMBER}","a":"b"}}}}"#),
                "custom.a",
            ),
            (
                r#"{"reference":"\u0034111111111111111"}"#.to_owned(),
                "reference",
            ),
        ] {
            assert_eq!(field(&json).as_deref(), Some(path), "{json}");
        }
    }

    /// A number of each scheme, in each length it issues where that is more than one.
    const SCHEMES: [&str; 24] = [
        "4111111111111111",    // Visa
        "4000000000000000006", // Visa, long
        "5555555555554444",    // Mastercard
        "2223000048400011",    // Mastercard 2 series
        "378282246310005",     // American Express
        "341111111111111",     // American Express
        "6011111111111117",    // Discover
        "6500000000000000003", // Discover, long
        "30569309025904",      // Diners Club
        "36148900647913",      // Diners Club
        "3095000000000000",    // Diners Club
        "3530111333300000",    // JCB
        "3566002020360505005", // JCB, long
        "6200000000000005",    // UnionPay
        "6212345678901232",    // UnionPay
        "8171999927660000",    // UnionPay
        "6759649826438453",    // Maestro
        "6799990100000000019", // Maestro, long
        "56022100000006",      // Maestro, short
        "2200000000000004",    // Mir
        "6521110000000004",    // RuPay
        "9792000000000003",    // Troy
        "5066991111111118",    // Elo
        "6062820000000003",    // Hipercard
    ];

    /// Written as people write them.
    fn spellings(number: &str) -> [String; 4] {
        let grouped = |separator: &str| {
            let groups: Vec<&str> = (0..number.len())
                .step_by(4)
                .map(|from| &number[from..number.len().min(from + 4)])
                .collect();
            groups.join(separator)
        };
        [
            number.to_owned(),
            grouped(" "),
            grouped("-"),
            format!("card:{number}."),
        ]
    }

    #[test]
    fn every_scheme_is_refused_in_values_and_names_however_it_is_written() {
        for number in SCHEMES {
            for number in spellings(number) {
                for json in [
                    format!(r#"{{"reference":"{number}"}}"#),
                    format!(r#"{{"basket":[{{"name":"{number}"}}]}}"#),
                    format!(r#"{{"basket":[{{"note":{{"serial":"{number}"}}}}]}}"#),
                    format!(r#"{{"basket":[{{"serial":{{"x":"{number}"}}}}]}}"#),
                    format!(r#"{{"basket":[{{"product_reference":["{number}"]}}]}}"#),
                    format!(r#"{{"serial":"{number}"}}"#),
                    format!(r#"{{"customer":{{"name":"{number}"}}}}"#),
                    format!(r#"{{"custom":{{"a":[{{"b":[["{number}"]]}}]}}}}"#),
                    format!(r#"{{"custom":{{"a":[{{"{number}":{{}}}}]}}}}"#),
                ] {
                    let raw = RawValue::from_string(json.clone()).unwrap();
                    let refused = refuse(Some(&raw)).expect_err(&json);
                    let error = serde_json::to_string(&refused).unwrap();
                    assert!(error.contains("CARD_NUMBER_REFUSED"), "{json}: {error}");
                    let said: String = error.chars().filter(char::is_ascii_digit).collect();
                    assert!(!said.contains(&number[..4]), "{json}: {error}");
                }
            }
        }
    }

    /// The digits with the one that makes them pass the check of cards, goods or telephones.
    fn checked(digits: &str, doubles: fn(u32) -> u32, from_right: usize) -> String {
        let sum: u32 = digits
            .bytes()
            .rev()
            .enumerate()
            .map(|(place, digit)| {
                let digit = u32::from(digit - b'0');
                if place % 2 == from_right {
                    doubles(digit)
                } else {
                    digit
                }
            })
            .sum();
        format!("{digits}{}", (10 - sum % 10) % 10)
    }

    /// ISO/IEC 7812-1 annex B, which 3GPP TS 23.003 annex B uses as well.
    fn with_luhn(digits: &str) -> String {
        checked(digits, |digit| digit * 2 / 10 + digit * 2 % 10, 0)
    }

    /// GS1 General Specifications, 7.9.
    fn ean(digits: &str) -> String {
        checked(digits, |digit| digit * 3, 0)
    }

    fn passes(json: &str) -> bool {
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        refuse(Some(&raw)).is_ok()
    }

    #[test]
    fn ten_thousand_eans_pass_in_any_field() {
        let mut luhn = 0;
        for number in 0..10_000_u64 {
            // Spread over all countries, those of card ranges among them.
            let digits = format!("{:012}", number * 99_999_989 % 1_000_000_000_000);
            let ean = ean(&digits);
            luhn += u32::from(with_luhn(&ean[..12]) == ean);
            let free = format!(r#"{{"reference":"{ean}","custom":{{"n":[{ean}]}}}}"#);
            // A number cannot begin with zero; as text it can.
            let free = if ean.starts_with('0') {
                format!(r#"{{"reference":"{ean}"}}"#)
            } else {
                free
            };
            assert!(passes(&free), "{ean}");
            assert!(passes(&format!(
                r#"{{"basket":[{{"product_reference":"{ean}"}}]}}"#
            )));
        }
        assert!(
            luhn > 500,
            "{luhn} of them look like cards: these are no EANs"
        );
    }

    #[test]
    fn ten_thousand_imeis_pass_as_serials_and_where_no_scheme_issues_such_numbers() {
        // Whoever gives out such numbers: GSMA, TIA, BABT, TUV, CTIA, BSI.
        const BODIES: [&str; 8] = ["01", "35", "86", "91", "98", "99", "44", "49"];
        for number in 0..10_000_u64 {
            let body = BODIES[(number % 8) as usize];
            let imei = with_luhn(&format!(
                "{body}{:012}",
                number * 99_999_989 % 1_000_000_000_000
            ));
            assert!(
                passes(&format!(r#"{{"basket":[{{"serial":"{imei}"}}]}}"#)),
                "{imei}"
            );
            assert!(
                passes(&format!(r#"{{"custom":{{"imei":"{imei}"}}}}"#)),
                "{imei}"
            );
        }
        // Diners Club issues 15 digits that begin so; a body of telephones did, too. As a serial
        // number it is welcome, elsewhere it is refused.
        let old = with_luhn("30012345678901");
        assert!(passes(&format!(r#"{{"basket":[{{"serial":"{old}"}}]}}"#)));
        assert!(!passes(&format!(r#"{{"custom":{{"imei":"{old}"}}}}"#)));
    }

    /// A random key must be taken whatever its digits are.
    #[test]
    fn keys_and_transactions_are_named_by_uuids_of_any_digits() {
        for uuid in [
            "f0dd31f6-6733-4085-8570-966aa86c6a52",
            "c999bf34-980a-4e24-9496-3506787843be",
            "e1ad9d35-da54-4ccd-8f69-818256382089",
        ] {
            assert!(holds_card_number(uuid), "{uuid}");
            let json = format!(r#"{{"idempotency_key":"{uuid}","transaction_id":"{uuid}"}}"#);
            assert_eq!(field(&json), None, "{uuid}");
        }
        let digits = "4111-1111-1111-1111";
        for (named, field_of) in [
            ("c999bf34-980a-4e24-9496-3506787843be-1", None),
            ("d999bf34-980a-4e24-949a-411111111111-1111", None),
            ("d999bf34-980a-4e24-949a-411111111111.1111", None),
            (
                "d999bf34-980a-4e24-949a-411111111111-1111x",
                Some("prompt_id"),
            ),
            (
                "d999bf34-980a-4e24-949a-41111111111a-4111111111111111",
                Some("prompt_id"),
            ),
        ] {
            let json = format!(r#"{{"prompt_id":"{named}"}}"#);
            assert_eq!(field(&json).as_deref(), field_of, "{named}");
        }
        let beside = format!(r#"{{"idempotency_key":"a {digits}"}}"#);
        assert_eq!(field(&beside).as_deref(), Some("idempotency_key"));
    }

    #[test]
    fn products_have_long_numbers() {
        for name in ["product_reference", "serial"] {
            assert_eq!(
                field(&format!(r#"{{"basket":[{{"{name}":"{NUMBER}"}}]}}"#)),
                None
            );
        }
        assert_eq!(
            field(r#"{"idempotency_key":"0198c2f4-1c1e-7b3a-9d0e-5f1f7c1f2a10"}"#),
            None
        );
    }

    #[test]
    fn what_cannot_be_looked_at_is_refused() {
        let deep = |levels: usize| {
            let (open, shut) = ("[".repeat(levels), "]".repeat(levels));
            format!(r#"{{"basket":[{{"serial":"{NUMBER}"}}],"custom":{open}1e999{shut}}}"#)
        };
        assert_eq!(field(&deep(100)), None);
        assert_eq!(field(&deep(50_000)).as_deref(), Some("params"));
    }
}
