// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a call or a connection fails.
//!
//! Owns the difference between "the host said no", "nobody knows" and "nothing was sent". It must
//! never let an unknown outcome look like a failure.

use std::sync::Arc;

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
    /// This register may not talk to this host, or not yet; the call was not sent.
    #[error("failed to send the call: {0}")]
    Access(Arc<ConnectError>),
    /// The register's own journal did not take the key; nothing was sent.
    #[error("failed to keep the key of the call; it was not sent")]
    Journal(#[source] std::io::Error),
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
            Self::Params(_)
            | Self::TooLarge(_)
            | Self::TooMany(_)
            | Self::NotSent
            | Self::Access(_)
            | Self::Journal(_) => false,
            Self::ConnectionLost | Self::Timeout | Self::Answer { .. } => true,
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not one this client can use.
    #[error(
        "failed to use {0} as an address: it must be ws://host:port/path or wss://host:port/path"
    )]
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
    /// No TLS with what answered: this machine does not trust it, or it is not the pinned one.
    #[error("failed to trust the host's certificate")]
    Tls(#[source] std::io::Error),
    /// This machine has no trust to ask.
    #[error("failed to set up TLS")]
    Trust(#[source] rustls::Error),
    /// What answers did not prove to be the host this register is paired with.
    #[error(
        "what answers did not prove to be {0}, the host this register is paired with; nothing was sent to it"
    )]
    Impostor(String),
    /// There is no pairing to prove.
    #[error("this register is not paired with the host: {0}")]
    Unpaired(WhyUnpaired),
    /// The pairing could not be read or kept.
    #[error("failed to use the register's pairing")]
    Store(#[source] std::io::Error),
    /// Pairing needs a register id and a store.
    #[error("failed to pair: the configuration names no register, or no store for the pairing")]
    NothingToPair,
    /// The system gives no randomness.
    #[error("failed to draw random numbers")]
    Randomness,
}

impl ConnectError {
    /// Whether trying again is of no use before somebody does something.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Refused(error) => !matches!(
                error.name(),
                Some(ErrorName::RateLimited | ErrorName::HostStopping)
            ),
            Self::Impostor(_) | Self::Unpaired(_) | Self::Store(_) | Self::NothingToPair => true,
            _ => false,
        }
    }
}

/// Why there is no pairing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyUnpaired {
    /// It never was paired.
    Never,
    /// The operator ended the pairing.
    Unpaired,
    /// Another register was paired in its place.
    Replaced,
    /// The host does not know the pairing: another host, or another state folder.
    Forgotten,
}

impl std::fmt::Display for WhyUnpaired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Never => "it never was",
            Self::Unpaired => "the operator ended the pairing",
            Self::Replaced => "another register was paired in its place",
            Self::Forgotten => "the host does not know the pairing",
        })
    }
}
