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

pub(super) fn refusal(field: &str) -> ErrorObject {
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
                let exempt =
                    path == "basket" && matches!(name.as_str(), "product_reference" | "serial");
                if !exempt {
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
    match holds_card_number(text) {
        true => Err(Stop::Found(path.to_owned())),
        false => Ok(()),
    }
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
