// SPDX-License-Identifier: MIT OR Apache-2.0
//! The session: who speaks, in which version, and with what access.
//!
//! Owns `session.*`. It must never carry a pairing secret.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::RegisterId;
use crate::limits::{ID_CHARS_MAX, TEXT_CHARS_MAX};
use crate::pairing::{SECRET_BYTES, check_bytes, check_key_id};
use crate::params::{FieldError, Validate, check_chars, check_id};
use crate::progress::PromptKind;
use crate::registers::Limits;

/// Params of `session.hello`, the first call of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HelloParams {
    /// The register's software.
    pub client: Software,
    /// The protocol versions it speaks, best first.
    pub protocol: Vec<u32>,
    /// The register this connection belongs to; keys are scoped by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register_id: Option<RegisterId>,
    /// Names the secret that register and host share, as the pairing or its rotation gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The register's nonce for the proofs, 32 random bytes in base64url, new for each connection;
    /// not needed where access is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Kinds of prompts the register can show; of every other kind the default is taken at once.
    /// Kinds the host does not know are ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<String>,
    /// Whether the client answers requests of the host.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answers_requests: bool,
}

impl HelloParams {
    /// Whether the register said that it can show this kind of prompt.
    #[must_use]
    pub fn shows(&self, kind: PromptKind) -> bool {
        self.prompts
            .iter()
            .any(|declared| declared == kind.as_str())
    }
}

impl Validate for HelloParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_chars(&self.client.name, 1, ID_CHARS_MAX, "client.name")?;
        check_chars(&self.client.version, 0, ID_CHARS_MAX, "client.version")?;
        if let Some(register) = &self.register_id {
            check_id(register.as_str(), "register_id")?;
        }
        if let Some(nonce) = &self.nonce {
            check_chars(nonce, 1, TEXT_CHARS_MAX, "nonce")?;
        }
        // Whoever names a key is about to prove it, and needs a nonce that proves something.
        if let Some(key_id) = &self.key_id {
            check_key_id(key_id, "key_id")?;
            let nonce = self.nonce.as_deref().unwrap_or_default();
            check_bytes(nonce, SECRET_BYTES, "nonce")?;
        }
        Ok(())
    }
}

/// A piece of software.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Software {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Result of `session.hello`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HelloResult {
    /// The host that answers.
    pub host: HostIdentity,
    /// The protocol version of this connection.
    pub protocol: u32,
    /// What this connection may do.
    pub state: AccessState,
    /// The register id this connection is scoped to.
    pub register_id: RegisterId,
    /// What this register may do beyond plain payments; nothing until it has proved its pairing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<Permission>,
    /// Up to which amounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// The host's nonce for the proofs; absent where access is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The host's proof that it holds the pairing; absent where access is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// On TLS: SHA-256 of the certificate that this connection was served with, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The secret is due: the register calls `pairing.rotate` when it has proved itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rotate: bool,
    /// Of an unpaired register whose `key_id` was good once: why it no longer is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Ended>,
}

/// Params of `session.prove`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProveParams {
    /// The register's proof over this connection's nonces.
    pub proof: String,
}

impl Validate for ProveParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_bytes(&self.proof, SECRET_BYTES, "proof")
    }
}

/// Result of `session.prove`: from now on everything the register may do works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProveResult {
    /// The register id this connection is scoped to.
    pub register_id: RegisterId,
    /// What this register may do beyond plain payments.
    #[serde(default)]
    pub permissions: Vec<Permission>,
    /// Up to which amounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// Why a pairing is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The operator ended the pairing.
    Unpaired,
    /// Another register was paired under the same id.
    Replaced,
    /// This session of the console is over.
    OperatorEnded,
}

/// The method name of the notification before a connection is closed for good.
pub const ENDED: &str = "session.ended";

/// Params of the `session.ended` notification. The connection is closed after it, with 4403.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionEnded {
    /// Why.
    pub why: Ended,
    /// A sentence for a cashier's screen.
    pub message: String,
}

/// What the operator can allow a register beyond plain payments.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Give back without naming a transaction.
    RefundUnreferenced,
    /// See and touch the transactions of other registers.
    Others,
    /// Close a batch.
    BatchClose,
    /// Pass on an approval code that was given by telephone.
    VoiceApproval,
    /// Settle an unknown outcome by a person's word.
    Resolve,
    /// Sell while the gateway is away, within the configured limits.
    Offline,
    /// Keep payment tokens, and pay with those that are kept.
    Tokens,
    /// Talk with cards that do not pay, as the device's configuration allows.
    Apdu,
    /// Keep a device for itself, and be told of cards before anybody asks for money.
    Watch,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 9] = [
        Self::RefundUnreferenced,
        Self::Others,
        Self::BatchClose,
        Self::VoiceApproval,
        Self::Resolve,
        Self::Offline,
        Self::Tokens,
        Self::Apdu,
        Self::Watch,
    ];

    /// The permission as it is written on the wire and in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RefundUnreferenced => "refund_unreferenced",
            Self::Others => "others",
            Self::BatchClose => "batch_close",
            Self::VoiceApproval => "voice_approval",
            Self::Resolve => "resolve",
            Self::Offline => "offline",
            Self::Tokens => "tokens",
            Self::Apdu => "apdu",
            Self::Watch => "watch",
        }
    }
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostIdentity {
    /// Its id, stable over restarts.
    pub id: String,
    /// Its name, as the operator gave it.
    pub name: String,
    /// The version of its software.
    pub version: String,
}

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessState {
    /// The register is paired and may use its permissions.
    Paired,
    /// Only pairing is possible.
    Unpaired,
    /// Demonstration and tests: everything is permitted without proof, on loopback only.
    Open,
    /// The operator's own connection, over the Unix socket: everything is permitted.
    Operator,
}

/// Params of `session.ping`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PingParams {}

impl Validate for PingParams {}

/// Result of `session.ping`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PingResult {}

/// Params of `rpc.discover`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiscoverParams {}

impl Validate for DiscoverParams {}
