// SPDX-License-Identifier: MIT OR Apache-2.0
//! JSON that belongs to the register: kept as it was written, order and spelling included.
//!
//! Owns the text and its check. It must never write a value anew: what a register sent is what it
//! gets back, but for line breaks between tokens, which become spaces, since a message on the Unix
//! socket is one line.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::params::{FieldError, read_part};

/// The text of a `T`, or nothing.
pub struct Verbatim<T> {
    text: Option<Box<RawValue>>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Verbatim<T> {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_none()
    }

    /// The text, where there is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref().map(RawValue::get)
    }

    /// Text that was kept.
    ///
    /// # Errors
    /// It is not JSON.
    pub fn from_text(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self::from)
    }

    /// Checks size and shape, and gives what the text says.
    pub(crate) fn check(&self, bytes_max: usize, field: &str) -> Result<Option<T>, FieldError>
    where
        T: DeserializeOwned,
    {
        let Some(text) = self.text() else {
            return Ok(None);
        };
        if text.len() > bytes_max {
            let must = format!("must be at most {bytes_max} bytes of JSON");
            return Err(FieldError::new(field, must));
        }
        read_part(text, field).map(Some)
    }
}

impl<T: Serialize> Verbatim<T> {
    /// A value as this library writes it.
    ///
    /// # Errors
    /// The value is none that JSON can say.
    pub fn of(value: &T) -> Result<Self, serde_json::Error> {
        to_raw_value(value).map(Self::from)
    }
}

impl<T> From<Box<RawValue>> for Verbatim<T> {
    fn from(text: Box<RawValue>) -> Self {
        Self {
            text: Some(text),
            kind: PhantomData,
        }
    }
}

impl<T> Default for Verbatim<T> {
    fn default() -> Self {
        Self {
            text: None,
            kind: PhantomData,
        }
    }
}

impl<T> Clone for Verbatim<T> {
    fn clone(&self) -> Self {
        Self {
            text: self.text.clone(),
            kind: PhantomData,
        }
    }
}

impl<T> std::fmt::Debug for Verbatim<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text().unwrap_or("(nothing)"))
    }
}

impl<T> PartialEq for Verbatim<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl<T> Eq for Verbatim<T> {}

impl<T> Serialize for Verbatim<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.text {
            Some(text) => text.serialize(serializer),
            None => Err(S::Error::custom("nothing is left out, not written")),
        }
    }
}

impl<'de, T> Deserialize<'de> for Verbatim<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        // No string of JSON holds a raw line break, so these stand between tokens.
        if text.get().contains(['\n', '\r']) {
            let line = text.get().replace(['\n', '\r'], " ");
            return Self::from_text(line).map_err(D::Error::custom);
        }
        Ok(text.into())
    }
}

impl<T: JsonSchema> JsonSchema for Verbatim<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value};

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Holder {
        #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
        custom: Verbatim<Map<String, Value>>,
    }

    #[test]
    fn order_and_spelling_stay() {
        for text in [
            r#"{"custom":{"z":1.10,"a":[ ],"z":1e2,"\u0041":"\u0041"}}"#,
            r#"{"custom":{}}"#,
            "{}",
        ] {
            let holder: Holder = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&holder).unwrap(), text);
            let value: Value = serde_json::from_str(text).unwrap();
            assert!(serde_json::from_value::<Holder>(value).is_ok());
        }
    }

    #[test]
    fn it_stays_on_one_line() {
        let holder: Holder = serde_json::from_str("{\"custom\":{\"a\":\r\n1}}").unwrap();
        assert_eq!(holder.custom.text(), Some("{\"a\":  1}"));
    }

    #[test]
    fn shape_and_size_are_checked() {
        let of = |text: &str| Verbatim::<Map<String, Value>>::from_text(text.to_owned()).unwrap();
        assert!(of(r#"{"a":1}"#).check(7, "custom").is_ok());
        assert_eq!(
            of(r#"{"a":1}"#).check(6, "custom").unwrap_err().field,
            "custom"
        );
        for text in ["[]", "null", "1"] {
            assert_eq!(of(text).check(99, "custom").unwrap_err().field, "custom");
        }
        assert!(of(r#"{"a":1e999}"#).check(99, "custom").is_err());
    }
}
