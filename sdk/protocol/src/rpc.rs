// SPDX-License-Identifier: MIT OR Apache-2.0
//! The JSON-RPC 2.0 envelope: reading and writing of one message.
//!
//! Owns ids (echoed byte for byte), the split into calls, notifications and answers, and the
//! wording of envelope errors. It must never look into params or results.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::{ErrorName, ErrorObject};
use crate::limits::REQUEST_ID_BYTES_MAX;

/// The JSON could not be parsed.
pub const PARSE_ERROR: i32 = -32700;
/// The JSON is not a JSON-RPC 2.0 request.
pub const INVALID_REQUEST: i32 = -32600;
/// No such method.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// The params are not what the method takes.
pub const INVALID_PARAMS: i32 = -32602;
/// The host failed before it accepted anything.
pub const INTERNAL_ERROR: i32 = -32603;

/// The id of a request, kept and echoed exactly as it was written.
#[derive(Clone, Debug)]
pub struct Id(Box<RawValue>);

impl Id {
    /// Takes an id from its JSON: an integer that fits 64 bits, or a string of at most 128 bytes.
    ///
    /// # Errors
    /// Says what an id must be.
    pub fn from_raw(raw: &RawValue) -> Result<Self, ErrorObject> {
        let text = raw.get();
        let fits = match text.as_bytes().first() {
            Some(b'"') => text.len() <= REQUEST_ID_BYTES_MAX + 2,
            Some(b'-' | b'0'..=b'9') => text.parse::<i64>().is_ok(),
            _ => false,
        };
        if fits {
            return Ok(Self(raw.to_owned()));
        }
        Err(invalid_request(&format!(
            "`id` must be a 64-bit integer or a string of at most {REQUEST_ID_BYTES_MAX} bytes"
        )))
    }

    /// The id exactly as it was written.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

impl From<i64> for Id {
    fn from(number: i64) -> Self {
        let raw = RawValue::from_string(number.to_string());
        Self(raw.expect("an integer is JSON"))
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for Id {}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_raw(&raw).map_err(|error| serde::de::Error::custom(error.message))
    }
}

impl JsonSchema for Id {
    fn schema_name() -> Cow<'static, str> {
        "RequestId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "The id of the request, exactly as the register wrote it.",
            "type": ["integer", "string"],
        })
    }
}

/// One message as the host receives it.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// A request that wants exactly one answer.
    Call {
        /// The id to echo.
        id: Id,
        /// The method's name, not yet known to exist.
        method: Cow<'a, str>,
        /// The params, not yet decoded.
        params: Option<&'a RawValue>,
    },
    /// A message without an id; it never gets an answer.
    Notification {
        /// The method's name, not yet known to exist.
        method: Cow<'a, str>,
        /// The params, not yet decoded.
        params: Option<&'a RawValue>,
    },
    /// A client's answer to a request of the host.
    Answer {
        /// The id of the host's request.
        id: Id,
        /// The result, or nothing if the client answered with an error.
        result: Option<&'a RawValue>,
    },
    /// Several messages at once, each to be read on its own.
    Batch(Vec<&'a RawValue>),
}

/// A message that could not be read, and the error to answer with.
#[derive(Debug)]
pub struct Malformed {
    /// The id to echo; `null` is written where it could not be read.
    pub id: Option<Id>,
    /// The error.
    pub error: ErrorObject,
}

impl Malformed {
    fn new(id: Option<Id>, error: ErrorObject) -> Self {
        Self { id, error }
    }

    /// The message to send back.
    #[must_use]
    pub fn to_text(&self) -> String {
        error_text(self.id.as_ref(), &self.error)
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// Keeps an explicit `null` apart from an absent field.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads one message of a client.
///
/// # Errors
/// The error of JSON-RPC 2.0 to answer with, without repeating what was received.
pub fn read(text: &str) -> Result<Incoming<'_>, Malformed> {
    if text.trim_start().starts_with('[') {
        return read_batch(text);
    }
    let envelope = match serde_json::from_str::<Envelope<'_>>(text) {
        Ok(envelope) => envelope,
        Err(_) if serde_json::from_str::<&RawValue>(text).is_err() => {
            return Err(Malformed::new(
                None,
                ErrorObject::named(ErrorName::ParseError),
            ));
        }
        Err(_) => {
            return Err(Malformed::new(
                None,
                invalid_request("must be a request object"),
            ));
        }
    };
    let id = match envelope.id.map(Id::from_raw).transpose() {
        Ok(id) => id,
        Err(error) => return Err(Malformed::new(None, error)),
    };
    if envelope.jsonrpc.as_deref() != Some("2.0") {
        return Err(Malformed::new(
            id,
            invalid_request("`jsonrpc` must be \"2.0\""),
        ));
    }
    let params = envelope.params;
    match (id, envelope.method, envelope.result, envelope.error) {
        (Some(id), Some(method), None, None) => Ok(Incoming::Call { id, method, params }),
        (None, Some(method), None, None) => Ok(Incoming::Notification { method, params }),
        (Some(id), None, Some(result), None) => Ok(Incoming::Answer {
            id,
            result: Some(result),
        }),
        (Some(id), None, None, Some(_)) => Ok(Incoming::Answer { id, result: None }),
        (id, ..) => Err(Malformed::new(
            id,
            invalid_request("`method` must be a string"),
        )),
    }
}

fn read_batch(text: &str) -> Result<Incoming<'_>, Malformed> {
    match serde_json::from_str::<Vec<&RawValue>>(text) {
        Ok(members) if members.is_empty() => Err(Malformed::new(
            None,
            invalid_request("a batch must not be empty"),
        )),
        Ok(members) => Ok(Incoming::Batch(members)),
        Err(_) => Err(Malformed::new(
            None,
            ErrorObject::named(ErrorName::ParseError),
        )),
    }
}

fn invalid_request(detail: &str) -> ErrorObject {
    ErrorObject::named(ErrorName::InvalidRequest).with_detail(detail)
}

/// One message as a client receives it.
#[derive(Debug)]
pub enum FromHost<'a> {
    /// The one answer to a call. The id is absent where the host could not read it.
    Answer {
        /// The id of the call.
        id: Option<Id>,
        /// Its result or its error.
        outcome: Result<&'a RawValue, Box<ErrorObject>>,
    },
    /// A notification.
    Notification {
        /// Its name, as `payment.progress`.
        method: Cow<'a, str>,
        /// Its params.
        params: Option<&'a RawValue>,
    },
}

/// Reads one message of the host; nothing if it is none of this protocol.
#[must_use]
pub fn read_from_host(text: &str) -> Option<FromHost<'_>> {
    let envelope = serde_json::from_str::<Envelope<'_>>(text).ok()?;
    if let Some(method) = envelope.method {
        let params = envelope.params;
        return envelope
            .id
            .is_none()
            .then_some(FromHost::Notification { method, params });
    }
    let id = envelope.id.and_then(|raw| Id::from_raw(raw).ok());
    let outcome = match (envelope.result, envelope.error) {
        (Some(result), None) => Ok(result),
        (None, Some(error)) => Err(Box::new(serde_json::from_str(error.get()).ok()?)),
        _ => return None,
    };
    Some(FromHost::Answer { id, outcome })
}

#[derive(Serialize)]
struct Outgoing<'a, P: Serialize> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Id>,
    method: &'a str,
    params: &'a P,
}

#[derive(Serialize)]
struct ResultAnswer<'a, R: Serialize> {
    jsonrpc: &'static str,
    id: &'a Id,
    result: &'a R,
}

#[derive(Serialize)]
struct ErrorAnswer<'a> {
    jsonrpc: &'static str,
    id: Option<&'a Id>,
    error: &'a ErrorObject,
}

/// Writes a request.
#[must_use]
pub fn call_text<P: Serialize>(id: &Id, method: &str, params: &P) -> String {
    text_of(&Outgoing {
        jsonrpc: "2.0",
        id: Some(id),
        method,
        params,
    })
}

/// Writes a notification.
#[must_use]
pub fn notification_text<P: Serialize>(method: &str, params: &P) -> String {
    text_of(&Outgoing {
        jsonrpc: "2.0",
        id: None,
        method,
        params,
    })
}

/// Writes the answer to a call that succeeded.
#[must_use]
pub fn result_text<R: Serialize>(id: &Id, result: &R) -> String {
    text_of(&ResultAnswer {
        jsonrpc: "2.0",
        id,
        result,
    })
}

/// Writes the answer to a call that did not succeed.
#[must_use]
pub fn error_text(id: Option<&Id>, error: &ErrorObject) -> String {
    text_of(&ErrorAnswer {
        jsonrpc: "2.0",
        id,
        error,
    })
}

fn text_of<T: Serialize>(message: &T) -> String {
    serde_json::to_string(message).expect("protocol types have string keys and finite numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(id: &str) -> Result<String, i32> {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"session.ping"}}"#);
        match read(&text) {
            Ok(Incoming::Call { id, .. }) => Ok(result_text(&id, &1)),
            Ok(other) => panic!("not a call: {other:?}"),
            Err(malformed) => Err(malformed.error.code),
        }
    }

    #[test]
    fn ids_are_echoed_byte_for_byte() {
        let long = format!("\"{}\"", "a".repeat(128));
        for id in [
            "0",
            "-1",
            "9223372036854775807",
            "-9223372036854775808",
            r#""a\u0041\/""#,
            &long,
        ] {
            assert_eq!(
                echo(id).unwrap(),
                format!(r#"{{"jsonrpc":"2.0","id":{id},"result":1}}"#)
            );
        }
    }

    #[test]
    fn other_ids_are_refused() {
        let long = format!("\"{}\"", "a".repeat(129));
        for id in [
            "null",
            "1.5",
            "1e3",
            "9223372036854775808",
            "[]",
            "{}",
            "true",
            &long,
        ] {
            assert_eq!(echo(id).unwrap_err(), INVALID_REQUEST, "{id}");
        }
    }

    #[test]
    fn malformed_messages_get_the_standard_codes() {
        for (text, code) in [
            ("{", PARSE_ERROR),
            ("", PARSE_ERROR),
            ("[", PARSE_ERROR),
            ("[]", INVALID_REQUEST),
            ("1", INVALID_REQUEST),
            (r#"{"id":1,"method":"a"}"#, INVALID_REQUEST),
            (r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#, INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":1}"#, INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":1,"method":2}"#, INVALID_REQUEST),
            (
                r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}"#,
                INVALID_REQUEST,
            ),
        ] {
            assert_eq!(read(text).unwrap_err().error.code, code, "{text}");
        }
    }

    #[test]
    fn an_unreadable_id_is_answered_with_null() {
        let text = read("{").unwrap_err().to_text();
        assert!(
            text.starts_with(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700"#),
            "{text}"
        );
    }

    #[test]
    fn an_answer_of_the_host_is_read_back() {
        let error = ErrorObject::named(ErrorName::Declined);
        let text = error_text(Some(&Id::from(7)), &error);
        let Some(FromHost::Answer {
            id: Some(id),
            outcome: Err(read),
        }) = read_from_host(&text)
        else {
            panic!("not an error answer: {text}");
        };
        assert_eq!(id, Id::from(7));
        assert_eq!(*read, error);
    }
}
