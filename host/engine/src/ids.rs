// SPDX-License-Identifier: MIT OR Apache-2.0
//! Identities. Each is its own type, so that one cannot be handed over for another.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// One attempt to move money. Made outside the engine (UUID version 7) and handed in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct TransactionId(pub Uuid);

impl std::fmt::Display for TransactionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A payment token that a register keeps. It has the number of the call that registered it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct TokenId(pub Uuid);

impl std::fmt::Display for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        pub struct $name(pub Arc<str>);

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

name_id!(
    /// A configured reader or terminal.
    DeviceId
);
name_id!(
    /// A configured gateway instance.
    GatewayId
);
name_id!(
    /// A register of this host's merchant.
    RegisterId
);
name_id!(
    /// The register's own key: 1 to 64 printable characters.
    IdempotencyKey
);

impl IdempotencyKey {
    /// When it was made, microseconds since 1970 UTC, as its register's clock had it. Only a UUID
    /// of version 7 says so, to the millisecond.
    pub fn made_micros(&self) -> Option<i64> {
        let uuid = Uuid::try_parse(&self.0).ok()?;
        let millis = i64::try_from(uuid.as_u128() >> 80).ok()?;
        (uuid.get_version_num() == 7).then(|| millis.saturating_mul(1_000))
    }

    /// Whether nobody else can have made it: a UUID of random bits (RFC 9562, versions 4 and 7).
    fn is_uuid(&self) -> bool {
        Uuid::try_parse(&self.0).is_ok_and(|uuid| matches!(uuid.get_version_num(), 4 | 7))
    }
}

/// What a key belongs to: the same string from another register is another key.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Scope {
    /// The register.
    pub register: RegisterId,
    /// Counts the register's pairings, so that a re-paired id starts afresh; 0 for a key that
    /// outlives them.
    pub generation: u32,
}

impl Scope {
    /// What this key belongs to. A UUID is nobody else's, so it outlives a pairing: a register that
    /// was paired anew and asks again is answered as before, and nothing is charged twice. Any
    /// other text may be a count that starts afresh.
    #[must_use]
    pub fn of(&self, key: &IdempotencyKey) -> Self {
        let generation = match key.is_uuid() {
            true => 0,
            false => self.generation,
        };
        Self {
            register: self.register.clone(),
            generation,
        }
    }
}

/// A merchant's identity at a gateway (ISO 8583 DE 42 and 41); empty where none is configured.
#[derive(Clone, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Acceptor {
    /// MID.
    pub merchant: Arc<str>,
    /// TID.
    pub terminal: Arc<str>,
}

/// Place of a record in the journal. The engine counts them; 0 is before the first.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct Position(pub u64);

/// One call to a device or a gateway, made by the engine.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallId(pub u64);

/// One request of a register that waits for its answer; made by the daemon.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(pub u64);

/// One question of a device to a register. Never used twice, not even after a restart, since its
/// transaction is not.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PromptId {
    /// The transaction.
    pub transaction: TransactionId,
    /// Counts its questions, from 1.
    pub number: u32,
}

impl std::fmt::Display for PromptId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.transaction, self.number)
    }
}

impl std::str::FromStr for PromptId {
    type Err = NoPromptId;

    fn from_str(text: &str) -> Result<Self, NoPromptId> {
        let (transaction, number) = text.rsplit_once('.').ok_or(NoPromptId)?;
        let transaction = Uuid::parse_str(transaction).map_err(|_| NoPromptId)?;
        Ok(Self {
            transaction: TransactionId(transaction),
            number: number.parse().map_err(|_| NoPromptId)?,
        })
    }
}

/// A text that names no question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoPromptId;

/// One question to the journal, made by the engine.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RecallId(pub u64);

/// One alarm, made by the engine.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TimerId(pub u64);

/// SHA-256 over the canonical money fields of a request.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Fingerprint(pub [u8; 32]);

/// What the vault keeps for a transaction, each under a key of its own.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kept {
    /// The card's number, for a reversal.
    Number,
    /// The whole read, for a sale that is forwarded later.
    Read,
}

/// Bytes the engine carries and never reads: sealed card data, EMV tags for the other side.
/// `Debug` tells the length only.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Opaque(pub Vec<u8>);

impl std::fmt::Debug for Opaque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}
