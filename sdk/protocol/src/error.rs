// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors: the closed set of names and what each of them promises about the money.
//!
//! Owns the table (code, outcome, whether money moved, how to retry, whether the key is used up)
//! and the error object. It must never carry card data, nor a name without a row.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::access::PairedAs;
use crate::ids::{IdempotencyKey, RegisterId, TransactionId};
use crate::rpc;
use crate::transaction::Resolution;

/// What an error is called. The set is part of the contract of version 1.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorName {
    /// The message is not JSON.
    ParseError,
    /// The message is not a JSON-RPC 2.0 request.
    InvalidRequest,
    /// The host knows no such method.
    MethodNotFound,
    /// A field is missing or not what it must be; `field` names it.
    InvalidParams,
    /// The host failed before it accepted anything.
    InternalError,
    /// The register is not paired with this host.
    PairingRequired,
    /// The proof of the pairing is wrong.
    ProofInvalid,
    /// The register may not do this.
    PermissionDenied,
    /// Too many calls, or too many open transactions.
    RateLimited,
    /// Host and register share no protocol version.
    ProtocolUnsupported,
    /// Another pairing uses this register's id.
    RegisterConflict,
    /// No device has this id.
    DeviceNotFound,
    /// The device serves another transaction; `busy` says whose.
    DeviceBusy,
    /// The device is unplugged, starting, broken or quarantined.
    DeviceUnavailable,
    /// The device cannot do what was asked.
    DeviceUnsupported,
    /// The card or its issuer said no.
    Declined,
    /// The register, the operator or the customer stopped it.
    Cancelled,
    /// No card in time. Nothing moved.
    TimedOut,
    /// Not known yet. The host keeps resolving it: send the same call with the same key again.
    OutcomeUnknown,
    /// The key was used for another call.
    KeyReused,
    /// The register has no such transaction.
    TransactionNotFound,
    /// The amount is out of bounds.
    AmountInvalid,
    /// Not possible in this state or configuration; the message says what is.
    NotAllowed,
    /// The card could not be used.
    CardError,
    /// The gateway could not be reached. Nothing was sent.
    GatewayUnavailable,
    /// The gateway refused the request itself.
    GatewayRejected,
    /// An earlier payment like this one is still unknown; `unresolved` names it.
    UnresolvedTransaction,
    /// A field held a card number. It was neither stored nor repeated.
    CardNumberRefused,
    /// A plugin failed before anything was sent. Nothing moved.
    PluginFailed,
    /// The journal cannot be written. Nothing moved.
    JournalUnavailable,
    /// The host is stopping and accepts no new payment.
    HostStopping,
}

/// How a call ended that was not approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorOutcome {
    /// The card or its issuer said no.
    Declined,
    /// Stopped before it was approved.
    Cancelled,
    /// Ended for another reason.
    Failed,
    /// Not known yet; never to be read as failed.
    Unknown,
}

/// Whether money moved. An error never says `yes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MoneyMoved {
    /// Nothing moved.
    No,
    /// It moved (of a transaction; never in an error).
    Yes,
    /// Not known yet.
    Unknown,
    /// It may have moved, and the host is undoing it.
    Reversing,
}

/// What the register may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Send the same call with the same key, after `retry_after_ms` if given.
    SameKey,
    /// This attempt is over; a new attempt needs a new key.
    NewKey,
    /// It will not work as it stands.
    Never,
    /// A person has to decide.
    AskOperator,
}

/// One row of the error table.
#[derive(Clone, Copy, Debug)]
pub struct ErrorRow {
    /// The name.
    pub name: ErrorName,
    /// The name as it is written.
    pub text: &'static str,
    /// JSON-RPC error code.
    pub code: i32,
    /// Outcome unless the case at hand says otherwise.
    pub outcome: ErrorOutcome,
    /// Whether money moved unless the case at hand says otherwise.
    pub money_moved: MoneyMoved,
    /// Retry advice unless the case at hand says otherwise.
    pub retry: Retry,
    /// Whether the key is used up.
    pub uses_key: bool,
    /// A sentence for a cashier's screen.
    pub message: &'static str,
}

const fn row(
    name: ErrorName,
    text: &'static str,
    code: i32,
    class: Class,
    message: &'static str,
) -> ErrorRow {
    let (outcome, money_moved, retry, uses_key) = match class {
        Class::Refused => (ErrorOutcome::Failed, MoneyMoved::No, Retry::Never, false),
        Class::Later => (ErrorOutcome::Failed, MoneyMoved::No, Retry::SameKey, false),
        Class::Over(outcome) => (outcome, MoneyMoved::No, Retry::NewKey, true),
        Class::Blocked => (
            ErrorOutcome::Failed,
            MoneyMoved::No,
            Retry::AskOperator,
            false,
        ),
        Class::Unknown => (
            ErrorOutcome::Unknown,
            MoneyMoved::Unknown,
            Retry::SameKey,
            true,
        ),
    };
    ErrorRow {
        name,
        text,
        code,
        outcome,
        money_moved,
        retry,
        uses_key,
        message,
    }
}

/// The classes of the table: what a group of names has in common.
#[derive(Clone, Copy)]
enum Class {
    /// Refused before acceptance; sending it again changes nothing.
    Refused,
    /// Refused before acceptance; the same call may work later.
    Later,
    /// Accepted and ended.
    Over(ErrorOutcome),
    /// Refused until a person has looked.
    Blocked,
    /// Accepted, not ended.
    Unknown,
}

use Class::{Blocked, Later, Over, Refused, Unknown};
use ErrorName as N;
use ErrorOutcome as O;

/// Every error of version 1.
#[rustfmt::skip]
pub const ERRORS: [ErrorRow; 31] = [
    row(N::ParseError, "PARSE_ERROR", rpc::PARSE_ERROR, Refused, "The message is not JSON"),
    row(N::InvalidRequest, "INVALID_REQUEST", rpc::INVALID_REQUEST, Refused, "The message is not a JSON-RPC 2.0 request"),
    row(N::MethodNotFound, "METHOD_NOT_FOUND", rpc::METHOD_NOT_FOUND, Refused, "The method does not exist"),
    row(N::InvalidParams, "INVALID_PARAMS", rpc::INVALID_PARAMS, Refused, "The request is not valid"),
    row(N::InternalError, "INTERNAL_ERROR", rpc::INTERNAL_ERROR, Refused, "The payment host failed before it accepted the request"),
    row(N::PairingRequired, "PAIRING_REQUIRED", 1001, Refused, "This register is not paired with the payment host"),
    row(N::ProofInvalid, "PROOF_INVALID", 1002, Refused, "The pairing of this register could not be proved"),
    row(N::PermissionDenied, "PERMISSION_DENIED", 1003, Refused, "This register may not do that"),
    row(N::RateLimited, "RATE_LIMITED", 1004, Later, "Too many requests, please try again in a moment"),
    row(N::ProtocolUnsupported, "PROTOCOL_UNSUPPORTED", 1005, Refused, "Register and payment host speak no common version"),
    row(N::RegisterConflict, "REGISTER_CONFLICT", 1006, Refused, "Another register uses the same id"),
    row(N::DeviceNotFound, "DEVICE_NOT_FOUND", 2001, Refused, "There is no such device"),
    row(N::DeviceBusy, "DEVICE_BUSY", 2002, Later, "The device is busy with another payment"),
    row(N::DeviceUnavailable, "DEVICE_UNAVAILABLE", 2003, Later, "The device is not ready"),
    row(N::DeviceUnsupported, "DEVICE_UNSUPPORTED", 2004, Refused, "The device cannot do that"),
    row(N::Declined, "DECLINED", 3001, Over(O::Declined), "Declined"),
    row(N::Cancelled, "CANCELLED", 3002, Over(O::Cancelled), "Cancelled"),
    row(N::TimedOut, "TIMED_OUT", 3003, Over(O::Failed), "No card was presented in time"),
    row(N::OutcomeUnknown, "OUTCOME_UNKNOWN", 3004, Unknown, "The outcome is not known yet. Do not charge again; the payment host is finding out"),
    row(N::KeyReused, "KEY_REUSED", 3005, Refused, "This payment key was used for a different payment"),
    row(N::TransactionNotFound, "TRANSACTION_NOT_FOUND", 3006, Refused, "There is no such payment"),
    row(N::AmountInvalid, "AMOUNT_INVALID", 3007, Refused, "The amount is not valid"),
    row(N::NotAllowed, "NOT_ALLOWED", 3008, Refused, "Not possible for this payment"),
    row(N::CardError, "CARD_ERROR", 3009, Over(O::Failed), "The card could not be used"),
    row(N::GatewayUnavailable, "GATEWAY_UNAVAILABLE", 3010, Later, "The payment service cannot be reached. Nothing was charged"),
    row(N::GatewayRejected, "GATEWAY_REJECTED", 3011, Over(O::Failed), "The payment service refused the request"),
    row(N::UnresolvedTransaction, "UNRESOLVED_TRANSACTION", 3012, Blocked, "An earlier payment like this one is still open. Look at it before charging again"),
    row(N::CardNumberRefused, "CARD_NUMBER_REFUSED", 3013, Refused, "A field held a card number. Card numbers are entered on the device only"),
    row(N::PluginFailed, "PLUGIN_FAILED", 4001, Later, "The device or payment service driver failed. Nothing was charged"),
    row(N::JournalUnavailable, "JOURNAL_UNAVAILABLE", 5001, Later, "The payment journal cannot be written. Nothing was charged"),
    row(N::HostStopping, "HOST_STOPPING", 5002, Later, "The payment host is stopping"),
];

impl ErrorName {
    /// The name's row in the table.
    #[must_use]
    pub fn row(self) -> &'static ErrorRow {
        &ERRORS[self as usize]
    }

    /// JSON-RPC error code.
    #[must_use]
    pub fn code(self) -> i32 {
        self.row().code
    }

    /// The name as it is written on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().text
    }

    /// The name with this code.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        ERRORS
            .iter()
            .find(|row| row.code == code)
            .map(|row| row.name)
    }
}

impl std::fmt::Display for ErrorName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The `error` member of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorObject {
    /// The code that belongs to the name.
    pub code: i32,
    /// A sentence for a cashier's screen.
    pub message: String,
    /// What a register decides by.
    #[serde(
        default,
        deserialize_with = "known",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "ErrorData")]
    pub data: Option<Box<ErrorData>>,
}

/// What a register decides by when a call was not approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorData {
    /// The error's name.
    pub name: ErrorName,
    /// The transaction, if one was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// The key of the call, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
    /// How it ended.
    pub outcome: ErrorOutcome,
    /// Whether money moved: `no`, `unknown` or `reversing`.
    pub money_moved: MoneyMoved,
    /// What the register may do next.
    pub retry: Retry,
    /// When `retry` says `same_key`: not before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The gateway's or terminal's response code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_code: Option<String>,
    /// The gateway's or terminal's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_text: Option<String>,
    /// Of an unknown outcome: how far finding out has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// A receipt to print, where one is due for a decline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// `DEVICE_BUSY`: whose the device is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy: Option<Busy>,
    /// `REGISTER_CONFLICT`: who is paired under this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<PairedAs>,
    /// `UNRESOLVED_TRANSACTION`: the transactions to look at, and to name in `despite`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<TransactionId>,
    /// `INVALID_PARAMS` and alike: the path of the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// This is the stored answer of an earlier call with the same key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// For an engineer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where the error is documented.
    pub doc: String,
}

/// Whose a busy device is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Busy {
    /// The register it works for, if the asking register may know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<RegisterId>,
    /// The transaction it works on, if the asking register may know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// Since when, RFC 3339.
    pub since: String,
    /// Until when at the latest, RFC 3339, where the device is lent to that register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl ErrorObject {
    /// The error as the table has it.
    #[must_use]
    pub fn named(name: ErrorName) -> Self {
        let row = name.row();
        Self {
            code: row.code,
            message: row.message.to_owned(),
            data: Some(Box::new(ErrorData::named(name))),
        }
    }

    /// The same error with a detail for an engineer.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        if let Some(details) = self.data.as_deref_mut() {
            details.detail = Some(detail.into());
        }
        self
    }

    /// The same error with another sentence for the cashier.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The same error with the time to wait before the next try.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after_ms: u64) -> Self {
        if let Some(details) = self.data.as_deref_mut() {
            details.retry_after_ms = Some(retry_after_ms);
        }
        self
    }

    /// The error's name; absent if the host is newer and the name unknown here.
    #[must_use]
    pub fn name(&self) -> Option<ErrorName> {
        match &self.data {
            Some(details) => Some(details.name),
            None => ErrorName::from_code(self.code),
        }
    }
}

impl ErrorData {
    /// The details as the table has them.
    #[must_use]
    pub fn named(name: ErrorName) -> Self {
        let row = name.row();
        Self {
            name,
            transaction_id: None,
            idempotency_key: None,
            outcome: row.outcome,
            money_moved: row.money_moved,
            retry: row.retry,
            retry_after_ms: None,
            response_code: None,
            response_text: None,
            resolution: None,
            receipt: None,
            busy: None,
            conflict: None,
            unresolved: Vec::new(),
            field: None,
            replayed: false,
            detail: None,
            doc: format!("docs/pos-api.md#{}", row.text.to_ascii_lowercase()),
        }
    }
}

/// A newer host may send a name this version does not know: code and message still arrive.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<ErrorData>>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_names() {
        for (index, row) in ERRORS.iter().enumerate() {
            assert_eq!(row.name as usize, index, "{}", row.text);
            assert_eq!(serde_json::to_value(row.name).unwrap(), row.text);
            assert_eq!(ErrorName::from_code(row.code), Some(row.name));
        }
        assert_eq!(ErrorName::HostStopping as usize, ERRORS.len() - 1);
    }

    #[test]
    fn only_an_ended_or_unknown_call_uses_up_its_key() {
        for row in ERRORS {
            let ended = row.retry == Retry::NewKey || row.outcome == ErrorOutcome::Unknown;
            assert_eq!(row.uses_key, ended, "{}", row.text);
            assert_ne!(row.money_moved, MoneyMoved::Yes, "{}", row.text);
        }
    }

    #[test]
    fn an_unknown_name_keeps_code_and_message() {
        let text = r#"{"code":3999,"message":"m","data":{"name":"NEW","outcome":"failed"}}"#;
        let error: ErrorObject = serde_json::from_str(text).unwrap();
        assert_eq!(
            (error.code, error.message.as_str(), error.name()),
            (3999, "m", None)
        );
    }
}
