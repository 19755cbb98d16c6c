// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps card data in clear from leaving this process.
//!
//! Owns how the check of `payhal-messages` is applied to payloads and to text. It is against
//! mistakes; a malicious plugin could encode what it likes. Must never let through what it cannot
//! read: text that is too long becomes its length. Must never leave a copy of its own behind.

use crate::limits::LOG_TEXT_BYTES_MAX;
use payhal_messages::card_check;
use payhal_messages::limits::LOG_BYTES_MAX;
use serde_json::Value;
use std::borrow::Cow;
use zeroize::{Zeroize, Zeroizing};

/// Members of `tags` whose values are random by nature, in hex. Sixteen random hex characters look
/// like a card number once in 50,000, and a sale must not fail of it. EMV Book 3 annex A:
/// cryptogram, issuer data and scripts, script results.
const RANDOM_TAGS: [&str; 6] = ["9F26", "9F10", "91", "71", "72", "9F5B"];

/// Tags that hold the card's number, track, holder or PIN, whatever they look like: track 2
/// equivalent, number, name, expiry, PIN block, track 1 discretionary, track 2 discretionary,
/// track 1, track 2. EMV Book 3 annex A, EMV Book C-2 annex A.
const CARD_TAGS: [&str; 10] = [
    "57", "5A", "5F20", "5F24", "99", "9F0B", "9F1F", "9F20", "56", "9F6B",
];

/// Members that hold EMV tags by their names.
const TAG_LISTS: [&str; 2] = ["tags", "issuer"];

/// Whether a payload, JSON or not, holds card data in clear.
pub(crate) fn holds_card_data(payload: &[u8]) -> bool {
    let text = String::from_utf8_lossy(payload);
    let escaped = text.contains("\\u00");
    let tagged = TAG_LISTS.iter().any(|list| text.contains(list));
    if !escaped && !tagged && !card_check::holds_card_number(&text) {
        return false;
    }
    let held = match serde_json::from_slice(payload) {
        Ok(mut value) => {
            let held = value_holds_card_data(&value);
            erase(&mut value);
            held
        }
        // What is no JSON cannot be checked for escapes.
        Err(_) => escaped || card_check::holds_card_number(&text),
    };
    if let Cow::Owned(text) = text {
        drop(Zeroizing::new(text));
    }
    held
}

/// Recursion is bounded by serde_json's own limit on depth.
fn value_holds_card_data(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => card_check::holds_card_number(&Zeroizing::new(number.to_string())),
        Value::String(text) => !is_uuid(text) && card_check::holds_card_number(text),
        Value::Array(values) => values.iter().any(value_holds_card_data),
        Value::Object(members) => members.iter().any(|(name, value)| {
            let tags = match value {
                Value::Object(tags) if TAG_LISTS.contains(&name.as_str()) => {
                    return tags.iter().any(|(tag, value)| tag_is_card_data(tag, value));
                }
                other => other,
            };
            card_check::holds_card_number(name) || value_holds_card_data(tags)
        }),
    }
}

fn tag_is_card_data(tag: &str, value: &Value) -> bool {
    let upper = tag.to_ascii_uppercase();
    let random = RANDOM_TAGS.contains(&upper.as_str())
        && value
            .as_str()
            .is_some_and(|value| value.bytes().all(|byte| byte.is_ascii_hexdigit()));
    CARD_TAGS.contains(&upper.as_str())
        || card_check::holds_card_number(tag)
        || (!random && value_holds_card_data(value))
}

/// Overwrites every text in it. Numbers lie in the value itself, which is about to go.
fn erase(value: &mut Value) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(_) => *value = Value::Null,
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(erase),
        Value::Object(members) => {
            for (mut name, mut value) in std::mem::take(members) {
                name.zeroize();
                erase(&mut value);
            }
        }
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
    let Ok(text) = std::str::from_utf8(text) else {
        // A number in an encoding that is not read here would not be seen.
        return format!("[{} bytes]", text.len());
    };
    let text = text.trim_end();
    let mut line = Zeroizing::new(String::with_capacity(text.len()));
    line.extend(
        text.chars()
            .map(|char| if char.is_control() { ' ' } else { char }),
    );
    cut(card_check::redact(&line).into_owned())
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
            r#"{"tags":{"9F12":"4111111111111111"}}"#,
            r#"{"tags":{"4111111111111111":""}}"#,
            r#"{"tags":["4111111111111111"]}"#,
            "not json 4111111111111111",
            "not json \\u0034",
        ] {
            assert!(holds_card_data(payload.as_bytes()), "{payload}");
        }
        assert!(holds_card_data(b"\xff\xfe4111111111111111"));
    }

    #[test]
    fn what_should_be_encrypted_is_looked_at_too() {
        for member in [
            "ciphertext",
            "encapsulated_key",
            "public_key",
            "key_id",
            "sender_key",
        ] {
            let payload = format!(r#"{{"sealed":{{"{member}":"4111111111111111"}}}}"#);
            assert!(holds_card_data(payload.as_bytes()), "{payload}");
        }
    }

    #[test]
    fn a_tag_of_card_data_is_refused_whatever_it_holds() {
        for tag in CARD_TAGS {
            for list in TAG_LISTS {
                for tag in [tag.to_owned(), tag.to_ascii_lowercase()] {
                    let payload = format!(r#"{{"read":{{"{list}":{{"{tag}":"00"}}}}}}"#);
                    assert!(holds_card_data(payload.as_bytes()), "{payload}");
                }
            }
        }
    }

    #[test]
    fn leaves_ciphertext_cryptograms_and_ids_alone() {
        for payload in [
            r#"{"tags":{"9F26":"4111111111111111"}}"#,
            r#"{"issuer":{"91":"4111111111111111"}}"#,
            r#"{"key_id":"abcdefghijklmnop","ciphertext":"QUJDREVGR0g0MTExMTEx"}"#,
            r#"{"id":"ab41111d-1111-4111-8111-111111111111"}"#,
            r#"{"id":"00000000-4111-1111-1111-1111aaaaaaaa"}"#,
            r#"{"minor":1250,"text":"order 12","57":"a street"}"#,
            "",
        ] {
            assert!(!holds_card_data(payload.as_bytes()), "{payload}");
        }
    }

    #[test]
    fn a_cryptogram_is_hex_and_nothing_else() {
        for value in [r#""4111 1111 1111 1111""#, r#"{"pan":"4111111111111111"}"#] {
            let payload = format!(r#"{{"tags":{{"9F26":{value}}}}}"#);
            assert!(holds_card_data(payload.as_bytes()), "{payload}");
        }
    }

    #[test]
    fn text_becomes_one_clean_line() {
        assert_eq!(clean(b"pan 4111111111111111\n"), "pan [16 digits]");
        assert_eq!(clean(b"41111111\n11111111"), "[16 digits]");
        assert_eq!(clean(b"a\tb\r\n"), "a b");
        let long = clean("\u{fc}".repeat(2000).as_bytes());
        assert!(long.len() <= LOG_BYTES_MAX + 3 && long.ends_with('\u{2026}'));
    }

    #[test]
    fn text_that_cannot_be_read_becomes_its_length() {
        assert_eq!(clean(&[b'x'; 70_000]), "[70000 bytes]");
        assert_eq!(clean(b"\x004\x001\x001\xff"), "[7 bytes]");
        let wide: Vec<u8> = "4111111111111111"
            .bytes()
            .flat_map(|digit| [digit, 0])
            .collect();
        assert!(!clean(&wide).contains("4 1 1"), "{}", clean(&wide));
    }

    #[test]
    fn what_was_looked_at_is_erased() {
        let mut value =
            serde_json::json!({"pan": "4111111111111111", "n": [4_111_111_111_111_111_i64]});
        erase(&mut value);
        assert_eq!(value, serde_json::json!({}));
    }
}
