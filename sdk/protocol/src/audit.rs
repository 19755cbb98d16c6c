// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was done to this host, and by whom, for the operator to read.
//!
//! Owns `audit.list`. It must never carry a card number or a secret.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::{AUDIT_LIMIT_DEFAULT, LIST_LIMIT_MAX};
use crate::params::{FieldError, Validate};

/// Params of `audit.list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditListParams {
    /// Only entries older than the one with this number; the newest if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// How many, 1 to 100; 50 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

impl AuditListParams {
    /// How many entries the page holds at most.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(AUDIT_LIMIT_DEFAULT)
    }
}

impl Validate for AuditListParams {
    fn validate(&self) -> Result<(), FieldError> {
        if (1..=LIST_LIMIT_MAX).contains(&self.limit()) {
            return Ok(());
        }
        let must = format!("must be 1 to {LIST_LIMIT_MAX}");
        Err(FieldError::new("limit", must))
    }
}

/// Result of `audit.list`: newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditListResult {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Whether there are older ones.
    pub more: bool,
}

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEntry {
    /// Its number, counted from 1; to go on, name the last one as `before`.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// Who did it, as `operator (socket, uid 1000)` or `register till-1`.
    pub actor: String,
    /// What was done, by its name, as `pairing.approved`. There may be more of them later.
    pub action: String,
    /// What it was done to: a register, a transaction, a plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// In words.
    pub text: String,
    /// For programs; what is in it depends on the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}
