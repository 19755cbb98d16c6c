// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a call or a connection fails.
//!
//! Owns the difference between "the host said no", "nobody knows" and "nothing was sent". It must
//! never let an unknown outcome look like a failure.

use payhal_protocol::error::ErrorOutcome;
use payhal_protocol::{ErrorName, ErrorObject, FieldError};

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The host answered with an error.
    #[error("{} ({})", .0.message, .0.code)]
    Rpc(Box<ErrorObject>),
    /// The params are out of bounds; nothing was sent.
    #[error("failed to send the call: {0}")]
    Params(FieldError),
    /// The message would be longer than the protocol allows; nothing was sent.
    #[error("failed to send the call: a message has at most {0} bytes")]
    TooLarge(usize),
    /// Too many calls are waiting; nothing was sent.
    #[error("failed to send the call: {0} calls are waiting already")]
    TooMany(usize),
    /// No connection to the host, and this call was never sent.
    #[error("failed to reach the host; the call was not sent")]
    NotSent,
    /// The connection was lost after the call was sent, and could not be had again in time.
    #[error("lost the connection to the host before it answered")]
    ConnectionLost,
    /// The host did not answer in time.
    #[error("the host did not answer in time")]
    Timeout,
    /// The host answered with something that is not the method's result.
    #[error("failed to read the host's answer to {method}")]
    Answer {
        /// The method.
        method: String,
        /// Why it could not be read.
        source: serde_json::Error,
    },
}

impl CallError {
    /// The host's error, if it answered with one.
    #[must_use]
    pub fn rpc(&self) -> Option<&ErrorObject> {
        match self {
            Self::Rpc(error) => Some(error),
            _ => None,
        }
    }

    /// The name of the host's error, if it answered with one this version knows.
    #[must_use]
    pub fn name(&self) -> Option<ErrorName> {
        self.rpc().and_then(ErrorObject::name)
    }

    /// Whether money may have moved: send the same call with the same key again.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Rpc(error) => match (&error.data, error.name()) {
                (Some(details), _) => details.outcome == ErrorOutcome::Unknown,
                (None, Some(name)) => name.row().outcome == ErrorOutcome::Unknown,
                (None, None) => true,
            },
            Self::Params(_) | Self::TooLarge(_) | Self::TooMany(_) | Self::NotSent => false,
            Self::ConnectionLost | Self::Timeout | Self::Answer { .. } => true,
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not one this client can use.
    #[error("failed to use {0} as an address: it must be ws://host:port/path")]
    Address(String),
    /// The host could not be reached.
    #[error("failed to reach the host")]
    Unreachable(#[source] std::io::Error),
    /// What answered does not speak WebSocket, or refused this client.
    #[error("failed to open a WebSocket")]
    WebSocket(#[source] Box<tokio_tungstenite::tungstenite::Error>),
    /// The host refused the greeting.
    #[error("the host refused the session: {} ({})", .0.message, .0.code)]
    Refused(Box<ErrorObject>),
    /// The host's answer to the greeting could not be read.
    #[error("failed to read the host's answer to the greeting")]
    Greeting,
    /// Nothing answered in time.
    #[error("the host did not answer in time")]
    Timeout,
}
