// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pairing as messages: what a register sends to be let in, and what the operator sees and says.
//!
//! Owns `pairing.*` and `operator.*`. It must never carry a secret: what both sides share is
//! derived on each (see `pairing`), and a code is good once and for seconds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{PairingId, RegisterId};
use crate::limits::{ID_CHARS_MAX, PERMISSIONS_MAX, REGISTER_NAME_CHARS_MAX};
use crate::pairing::{SECRET_BYTES, Share, check_bytes};
use crate::params::{FieldError, Validate, check_chars, check_id};
use crate::registers::{Limits, RegisterView};
use crate::session::{HostIdentity, Permission};

/// Params of `pairing.begin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BeginParams {
    /// The register that asks.
    pub register: PairingRegister,
    /// What it commits itself to: see `pairing`.
    pub commitment: String,
}

impl Validate for BeginParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.register.id.as_str(), "register.id")?;
        let name = &self.register.name;
        check_chars(name, 1, REGISTER_NAME_CHARS_MAX, "register.name")?;
        check_bytes(&self.commitment, SECRET_BYTES, "commitment")
    }
}

/// A register as it introduces itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PairingRegister {
    /// Its id: unique among the registers of this host's merchant, kept for good.
    pub id: RegisterId,
    /// Its name for the person who compares the numbers.
    pub name: String,
}

/// Result of `pairing.begin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BeginResult {
    /// The pairing.
    pub pairing_id: PairingId,
    /// The host's public key.
    pub public_key: String,
    /// The host's nonce.
    pub nonce: String,
    /// When the pairing ends by itself, RFC 3339.
    pub expires_at: String,
    /// The host.
    pub host: HostIdentity,
}

/// Params of `pairing.reveal`: what the register committed itself to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevealParams {
    /// The pairing.
    pub pairing_id: PairingId,
    /// The register's public key.
    pub public_key: String,
    /// The register's nonce.
    pub nonce: String,
}

impl Validate for RevealParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.pairing_id.as_str(), "pairing_id")?;
        self.share().check()
    }
}

impl RevealParams {
    /// The register's share.
    #[must_use]
    pub fn share(&self) -> Share {
        Share {
            public_key: self.public_key.clone(),
            nonce: self.nonce.clone(),
        }
    }
}

/// Result of `pairing.reveal`. Both sides now know the number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevealResult {
    /// On TLS: SHA-256 of the certificate that this connection was served with, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// Params of `pairing.complete`: waits for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompleteParams {
    /// The pairing.
    pub pairing_id: PairingId,
}

impl Validate for CompleteParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.pairing_id.as_str(), "pairing_id")
    }
}

/// Result of `pairing.complete`: the operator said that the numbers are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompleteResult {
    /// The register's id.
    pub register_id: RegisterId,
    /// Names the secret both sides now hold.
    pub key_id: String,
    /// How often this id was paired: keys of another pairing are another register's.
    pub generation: u32,
    /// What the register may do beyond plain payments.
    #[serde(default)]
    pub permissions: Vec<Permission>,
    /// Up to which amounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// The register that had this id before, and lost it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<PairedAs>,
}

/// Who holds an id, or held it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PairedAs {
    /// Its name.
    pub name: String,
    /// Its web page's origin; absent for a native application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Since when, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired_at: Option<String>,
    /// When it last proved itself, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<String>,
}

/// Params of `pairing.rotate`: replaces the secret by a new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RotateParams {
    /// The register's new public key.
    pub public_key: String,
    /// The register's new nonce.
    pub nonce: String,
}

impl Validate for RotateParams {
    fn validate(&self) -> Result<(), FieldError> {
        self.share().check()
    }
}

impl RotateParams {
    /// The register's share.
    #[must_use]
    pub fn share(&self) -> Share {
        Share {
            public_key: self.public_key.clone(),
            nonce: self.nonce.clone(),
        }
    }
}

/// Result of `pairing.rotate`. The old secret stays good until the new one was proven once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RotateResult {
    /// The host's new public key.
    pub public_key: String,
    /// The host's new nonce.
    pub nonce: String,
    /// Names the new secret: the register compares it with its own before it keeps it.
    pub key_id: String,
}

/// Params of `pairing.list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PairingListParams {}

impl Validate for PairingListParams {}

/// Result of `pairing.list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PairingListResult {
    /// The open pairings, oldest first.
    pub pairings: Vec<PairingView>,
}

/// An open pairing as the operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PairingView {
    /// The pairing.
    pub pairing_id: PairingId,
    /// The register as it introduced itself.
    pub register: PairingRegister,
    /// Its web page's origin; absent for a native application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The six digits to compare; absent until the register has revealed its share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Host and port as the register dialled them.
    pub authority: String,
    /// On TLS: SHA-256 of the certificate of the register's connection, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// When it began, RFC 3339.
    pub began_at: String,
    /// When it ends by itself, RFC 3339.
    pub expires_at: String,
    /// The register that is paired under this id already: approving replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<PairedAs>,
}

/// Params of `pairing.approve`: the operator compared the numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApproveParams {
    /// The pairing.
    pub pairing_id: PairingId,
    /// The number that the operator was shown and found equal; any other one ends the pairing.
    pub number: String,
    /// What the register may do beyond plain payments; nothing if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<Permission>>,
    /// Up to which amounts; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Unpair the register that holds this id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
}

impl Validate for ApproveParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.pairing_id.as_str(), "pairing_id")?;
        check_chars(&self.number, 1, 16, "number")?;
        check_permissions(self.permissions.as_deref())?;
        self.limits.as_ref().map_or(Ok(()), Limits::check)
    }
}

pub(crate) fn check_permissions(permissions: Option<&[Permission]>) -> Result<(), FieldError> {
    if permissions.is_some_and(|list| list.len() > PERMISSIONS_MAX) {
        return Err(FieldError::new(
            "permissions",
            "must name each permission once",
        ));
    }
    Ok(())
}

/// Result of `pairing.approve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApproveResult {
    /// The register, paired.
    pub register: RegisterView,
}

/// Params of `pairing.refuse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefuseParams {
    /// The pairing.
    pub pairing_id: PairingId,
}

impl Validate for RefuseParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.pairing_id.as_str(), "pairing_id")
    }
}

/// Result of `pairing.refuse`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefuseResult {}

/// How far a pairing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PairingState {
    /// It waits for the register or for the operator.
    Open,
    /// The numbers were equal.
    Approved,
    /// The operator said no.
    Refused,
    /// Nobody said anything in time.
    Expired,
    /// The register left, or what it revealed was not what it had committed itself to, or the
    /// number was another one.
    Ended,
}

/// Params of `operator.code`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CodeParams {}

impl Validate for CodeParams {}

/// Result of `operator.code`: what opens one session of the console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CodeResult {
    /// Good once: 128 random bits, base64url.
    pub code: String,
    /// Until when, RFC 3339.
    pub expires_at: String,
    /// The console with this code behind the `#`, which no server is sent.
    pub url: String,
}

/// Params of `operator.end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndParams {}

impl Validate for EndParams {}

/// Result of `operator.end`: this session of the console is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndResult {}

/// The body of `POST /operator/session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperatorSessionRequest {
    /// From `operator.code`.
    pub code: String,
}

impl Validate for OperatorSessionRequest {
    fn validate(&self) -> Result<(), FieldError> {
        check_chars(&self.code, 1, ID_CHARS_MAX, "code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pairing::encode;

    #[test]
    fn what_a_register_sends_to_be_paired_has_bounds() {
        let begin = |id: &str, name: &str, commitment: &str| BeginParams {
            register: PairingRegister {
                id: id.into(),
                name: name.to_owned(),
            },
            commitment: commitment.to_owned(),
        };
        let fits = encode(&[0; 32]);
        assert!(begin("till-1", "Till 1", &fits).validate().is_ok());
        for (wrong, field) in [
            (begin("", "Till 1", &fits), "register.id"),
            (begin("till\n1", "Till 1", &fits), "register.id"),
            (begin("till-1", "Till\n1", &fits), "register.name"),
            (begin("till-1", "Till 1", "short"), "commitment"),
        ] {
            assert_eq!(wrong.validate().unwrap_err().field, field);
        }
        let reveal = RevealParams {
            pairing_id: "p".into(),
            public_key: encode(&[4; 64]),
            nonce: fits,
        };
        assert_eq!(reveal.validate().unwrap_err().field, "public_key");
    }
}
