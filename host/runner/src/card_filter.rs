// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps card numbers in clear from leaving this process.
//!
//! Owns how the check of `payhal-messages` is applied to payloads and to text. It is against
//! mistakes; a malicious plugin could encode what it likes. Must never let through what it cannot
//! read: text that is too long becomes its length.

use crate::limits::LOG_TEXT_BYTES_MAX;
use payhal_messages::card_check;
use payhal_messages::limits::LOG_BYTES_MAX;
use serde_json::Value;
use std::borrow::Cow;

/// Members whose values are ciphertext or random by nature, base64 or hex. Sixteen random hex
/// characters look like a card number once in 50,000, and a sale must not fail of it. 9F26, 9F10,
/// 91, 71, 72, 9F5B: EMV Book 3 annex A (cryptogram, issuer data and scripts, script results).
const OPAQUE_MEMBERS: [&str; 10] = [
    "ciphertext",
    "encapsulated_key",
    "public_key",
    "key_id",
    "9F26",
    "9F10",
    "91",
    "71",
    "72",
    "9F5B",
];

/// Whether a payload, JSON or not, holds a card number in clear.
pub(crate) fn holds_card_number(payload: &[u8]) -> bool {
    let text = String::from_utf8_lossy(payload);
    let escaped = text.contains("\\u00");
    if !escaped && !card_check::holds_card_number(&text) {
        return false;
    }
    match serde_json::from_slice(payload) {
        Ok(value) => value_holds_card_number(&value),
        Err(_) => card_check::holds_card_number(&text),
    }
}

/// Recursion is bounded by serde_json's own limit on depth.
fn value_holds_card_number(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => card_check::holds_card_number(&number.to_string()),
        Value::String(text) => !is_uuid(text) && card_check::holds_card_number(text),
        Value::Array(values) => values.iter().any(value_holds_card_number),
        Value::Object(members) => members.iter().any(|(name, value)| {
            card_check::holds_card_number(name)
                || (!OPAQUE_MEMBERS.contains(&name.as_str()) && value_holds_card_number(value))
        }),
    }
}

/// Whether this is a UUID: groups of 8, 4, 4, 4 and 12 hex digits, a shape no card number has.
fn is_uuid(text: &str) -> bool {
    let group = |part: &str| match part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => part.len(),
        false => 0,
    };
    text.len() == 36 && text.split('-').map(group).eq([8, 4, 4, 4, 12])
}

/// Text as it may leave: one line, no card number, not too long.
pub(crate) fn clean(text: &[u8]) -> String {
    if text.len() > LOG_TEXT_BYTES_MAX {
        return format!("[{} bytes]", text.len());
    }
    let line: String = String::from_utf8_lossy(text)
        .trim_end()
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect();
    match card_check::redact(&line) {
        Cow::Borrowed(_) => cut(line),
        Cow::Owned(redacted) => cut(redacted),
    }
}

fn cut(mut line: String) -> String {
    if line.len() > LOG_BYTES_MAX {
        line.truncate(line.floor_char_boundary(LOG_BYTES_MAX));
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_card_numbers_in_strings_numbers_names_and_garbage() {
        for payload in [
            r#"{"pan":"4111111111111111"}"#,
            r#"{"deep":[{"text":"card 4111 1111 1111 1111"}]}"#,
            r#"{"n":4111111111111111}"#,
            r#"{"4111111111111111":1}"#,
            r#"{"e":"\u0034111111111111111"}"#,
            r#"{"tags":{"5A":"4111111111111111"}}"#,
            "not json 4111111111111111",
        ] {
            assert!(holds_card_number(payload.as_bytes()), "{payload}");
        }
        assert!(holds_card_number(b"\xff\xfe4111111111111111"));
    }

    #[test]
    fn leaves_ciphertext_cryptograms_and_ids_alone() {
        for payload in [
            r#"{"tags":{"9F26":"4111111111111111"}}"#,
            r#"{"key_id":"FFFF4111111111111111"}"#,
            r#"{"id":"ab41111d-1111-4111-8111-111111111111"}"#,
            r#"{"id":"00000000-4111-1111-1111-1111aaaaaaaa"}"#,
            r#"{"minor":1250,"text":"order 12"}"#,
            "",
        ] {
            assert!(!holds_card_number(payload.as_bytes()), "{payload}");
        }
    }

    #[test]
    fn text_becomes_one_clean_line() {
        assert_eq!(clean(b"pan 4111111111111111\n"), "pan [16 digits]");
        assert_eq!(clean(b"41111111\n11111111"), "[16 digits]");
        assert_eq!(clean(b"a\tb\r\n"), "a b");
        assert_eq!(clean(&[b'x'; 70_000]), "[70000 bytes]");
        let long = clean("ü".repeat(2000).as_bytes());
        assert!(long.len() <= LOG_BYTES_MAX + 3 && long.ends_with('…'));
    }
}
