// SPDX-License-Identifier: MIT OR Apache-2.0
//! Decoding and checking of params: from JSON to a typed, bounded value or to an error that names
//! the field and what it must be.
//!
//! Owns what can be said about params without knowing devices, gateways or transactions. It must
//! never put a received value into an error: a register may have sent a card number by mistake.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::{ErrorName, ErrorObject};
use crate::limits::{ID_CHARS_MAX, KEY_CHARS_MAX, TIMEOUT_MS_MAX, TIMEOUT_MS_MIN};

/// What a number must be.
const INTEGER: &str = "must be an integer within bounds, without a decimal point";

/// A field that is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The error to answer with: `INVALID_PARAMS` or `AMOUNT_INVALID`.
    pub name: ErrorName,
    /// The path of the field, as `amount.minor`.
    pub field: String,
    /// What it must be, as "must be an integer".
    pub must: String,
}

impl FieldError {
    /// A field that is wrong by its shape.
    #[must_use]
    pub fn new(field: impl Into<String>, must: impl Into<String>) -> Self {
        Self {
            name: ErrorName::InvalidParams,
            field: field.into(),
            must: must.into(),
        }
    }

    /// A field whose amount is out of bounds.
    #[must_use]
    pub fn amount(field: impl Into<String>, must: impl Into<String>) -> Self {
        Self {
            name: ErrorName::AmountInvalid,
            field: field.into(),
            must: must.into(),
        }
    }
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` {}", self.field, self.must)
    }
}

impl std::error::Error for FieldError {}

impl From<FieldError> for ErrorObject {
    fn from(error: FieldError) -> Self {
        let mut object = ErrorObject::named(error.name);
        object.message = format!("{}: {error}", object.message);
        if let Some(details) = object.data.as_deref_mut() {
            details.detail = Some(error.to_string());
            details.field = Some(error.field);
        }
        object
    }
}

/// A value whose fields have bounds beyond their types.
pub trait Validate {
    /// Checks every bound that needs no knowledge but the protocol's.
    ///
    /// # Errors
    /// Names the first field that is out of bounds and what it must be.
    fn validate(&self) -> Result<(), FieldError> {
        Ok(())
    }
}

/// Decodes and checks the params of a call; absent params are an empty object.
///
/// # Errors
/// `INVALID_PARAMS` or `AMOUNT_INVALID`, naming the field and never repeating its value.
pub fn decode<P>(raw: Option<&RawValue>) -> Result<P, FieldError>
where
    P: DeserializeOwned + Validate,
{
    let text = raw.map_or("{}", RawValue::get);
    if !text.starts_with('{') {
        return Err(FieldError::new("params", "must be an object"));
    }
    let params: P = serde_json::from_str(text).map_err(|_| explain::<P>(text))?;
    params.validate()?;
    Ok(params)
}

/// Decodes once more, slower, to find out where it went wrong.
fn explain<P: DeserializeOwned>(text: &str) -> FieldError {
    match located::<P>(text) {
        Ok(_) => FieldError::new("params", "must be an object of the documented shape"),
        Err((path, message)) => name_field(&path, &message),
    }
}

/// Reads a part of params that was kept as text.
pub(crate) fn read_part<T: DeserializeOwned>(text: &str, field: &str) -> Result<T, FieldError> {
    located(text).map_err(|(path, message)| {
        let dot = if path.is_empty() || path.starts_with('[') {
            ""
        } else {
            "."
        };
        name_field(&format!("{field}{dot}{path}"), &message)
    })
}

/// Path and message of what went wrong.
fn located<T: DeserializeOwned>(text: &str) -> Result<T, (String, String)> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        (path, error.inner().to_string())
    })
}

/// Takes from serde's message only what comes from our types: field names and what was expected.
fn name_field(path: &str, message: &str) -> FieldError {
    for (start, must) in [
        ("missing field `", "is missing"),
        ("duplicate field `", "must be given once"),
    ] {
        if let Some(rest) = message.strip_prefix(start) {
            let name = rest.split('`').next().unwrap_or_default();
            let dot = if path.is_empty() { "" } else { "." };
            return FieldError::new(format!("{path}{dot}{name}"), must);
        }
    }
    let path = if path.is_empty() { "params" } else { path };
    // What serde expected comes last in its message; whatever precedes it may quote the sender.
    let expected = message.rsplit_once("expected ").map(|(_, tail)| tail);
    let expected = expected.map(|tail| tail.split(" at line ").next().unwrap_or(tail));
    match expected {
        Some("i64" | "u64" | "u32") => FieldError::new(path, INTEGER),
        Some(expected) => FieldError::new(path, format!("must be {expected}")),
        None => FieldError::new(path, "must be of the documented type"),
    }
}

/// Checks an idempotency key: 1 to 64 printable ASCII characters.
///
/// # Errors
/// Names `field` and the shape.
pub fn check_key(key: &str, field: &str) -> Result<(), FieldError> {
    let printable = key.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    if key.is_empty() || key.len() > KEY_CHARS_MAX || !printable {
        return Err(FieldError::new(
            field,
            format!("must be 1 to {KEY_CHARS_MAX} printable ASCII characters"),
        ));
    }
    Ok(())
}

/// Checks an identifier of ours that a register repeats.
///
/// # Errors
/// Names `field` and the shape.
pub fn check_id(id: &str, field: &str) -> Result<(), FieldError> {
    check_chars(id, 1, ID_CHARS_MAX, field)
}

/// Checks the length of a text, and that it holds no control characters.
///
/// # Errors
/// Names `field` and the bounds.
pub fn check_chars(text: &str, least: usize, most: usize, field: &str) -> Result<(), FieldError> {
    let length = text.chars().count();
    if !(least..=most).contains(&length) || text.chars().any(char::is_control) {
        return Err(FieldError::new(
            field,
            format!("must be {least} to {most} characters without control characters"),
        ));
    }
    Ok(())
}

/// Checks a `timeout_ms`.
///
/// # Errors
/// Names the field and the bounds.
pub fn check_timeout(timeout_ms: Option<u64>) -> Result<(), FieldError> {
    match timeout_ms {
        Some(ms) if !(TIMEOUT_MS_MIN..=TIMEOUT_MS_MAX).contains(&ms) => Err(FieldError::new(
            "timeout_ms",
            format!("must be an integer from {TIMEOUT_MS_MIN} to {TIMEOUT_MS_MAX}"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::SaleParams;

    fn field_of(json: &str) -> FieldError {
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        decode::<SaleParams>(Some(&raw)).unwrap_err()
    }

    #[test]
    fn an_error_names_the_field() {
        assert_eq!(
            decode::<SaleParams>(None).unwrap_err().field,
            "idempotency_key"
        );
        assert_eq!(field_of("[1]").field, "params");
        assert_eq!(field_of(r#"{"idempotency_key":"k"}"#).field, "amount");
        assert_eq!(
            field_of(r#"{"idempotency_key":"k","amount":{"minor":1}}"#).field,
            "amount.currency"
        );
        let fraction =
            field_of(r#"{"idempotency_key":"k","amount":{"minor":1.5,"currency":"EUR"}}"#);
        assert_eq!(fraction.field, "amount.minor");
        assert_eq!(fraction.must, INTEGER);
    }

    #[test]
    fn floats_and_numbers_too_large_are_refused_by_name() {
        for minor in [
            "1.0",
            "1e2",
            "12.5",
            "1e400",
            "9223372036854775808",
            "\"1\"",
            "-1",
            "0",
            "1000000000000",
        ] {
            let error = field_of(&format!(
                r#"{{"idempotency_key":"k","amount":{{"minor":{minor},"currency":"EUR"}}}}"#
            ));
            assert_eq!(error.field, "amount.minor", "{minor}");
        }
    }

    #[test]
    fn a_fault_in_a_kept_part_is_found_too() {
        let basket = |line: &str| {
            format!(
                r#"{{"idempotency_key":"k","amount":{{"minor":1,"currency":"EUR"}},"basket":{line}}}"#
            )
        };
        let line = r#"[{"name":"Tea","amount":{"minor":1.5,"currency":"EUR"}}]"#;
        assert_eq!(field_of(&basket(line)).field, "basket[0].amount.minor");
        assert_eq!(field_of(&basket("[{}]")).field, "basket[0].name");
        assert_eq!(field_of(&basket("{}")).field, "basket");
    }

    #[test]
    fn an_error_never_repeats_what_was_sent() {
        for json in [
            r#"{"idempotency_key":"k","amount":"4111111111111111"}"#,
            r#"{"idempotency_key":"k","amount":{"minor":"x, expected 4111111111111111","currency":"EUR"}}"#,
            r#"{"idempotency_key":"k","amount":{"minor":1,"currency":"EUR"},"online":"4111111111111111"}"#,
            r#"{"idempotency_key":"4111111111111111 4111111111111111 4111111111111111 4111111111111111","amount":{"minor":1,"currency":"EUR"}}"#,
        ] {
            let error = ErrorObject::from(field_of(json));
            let text = serde_json::to_string(&error).unwrap();
            assert!(!text.contains("4111"), "{text}");
            assert!(text.contains("must be"), "{text}");
        }
    }

    #[test]
    fn keys_are_printable_and_short() {
        assert!(check_key("a", "k").is_ok());
        assert!(check_key(&"a".repeat(64), "k").is_ok());
        for bad in ["", "\n", "é", "\u{7f}", &"a".repeat(65)] {
            assert!(check_key(bad, "k").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let raw = RawValue::from_string(
            r#"{"idempotency_key":"k","amount":{"minor":1,"currency":"EUR","x":1},"new_field":[]}"#
                .to_owned(),
        )
        .unwrap();
        assert!(decode::<SaleParams>(Some(&raw)).is_ok());
    }
}
