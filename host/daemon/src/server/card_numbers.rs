// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps card numbers out: no field of a call may hold one, and no error repeats it.

use payhal_messages::card_check::holds_card_number;
use payhal_protocol::error::{ErrorName, ErrorObject};
use serde_json::Value;
use serde_json::value::RawValue;

/// A card number must not come in by any field; the error does not repeat it.
pub(super) fn refuse(params: Option<&RawValue>) -> Result<(), ErrorObject> {
    let raw = params.map_or("", RawValue::get);
    // Looking at the raw text first costs nothing for the many calls without long numbers.
    // An escape may hide a digit from it.
    if !holds_card_number(raw) && !raw.contains("\\u") {
        return Ok(());
    }
    let Ok(value) = serde_json::from_str::<Value>(raw) else {
        return Ok(());
    };
    match field_with_one(&value, "") {
        None => Ok(()),
        Some(field) => Err(refusal(&field)),
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

/// Path of the first string or number that holds one. Product references and serial numbers are
/// exempt: one EAN in ten passes the check digit of a card.
fn field_with_one(value: &Value, path: &str) -> Option<String> {
    let joined = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        Value::String(text) => holds_card_number(text).then(|| path.to_owned()),
        Value::Number(number) => holds_card_number(&number.to_string()).then(|| path.to_owned()),
        Value::Array(items) => items.iter().find_map(|item| field_with_one(item, path)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let exempt =
                path == "basket" && matches!(name.as_str(), "product_reference" | "serial");
            if holds_card_number(name) {
                return Some(joined("(a field name)"));
            }
            if exempt {
                None
            } else {
                field_with_one(value, &joined(name))
            }
        }),
        Value::Null | Value::Bool(_) => None,
    }
}
