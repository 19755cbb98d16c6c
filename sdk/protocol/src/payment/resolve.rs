// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payment.resolve`: a person's word on an outcome nobody else can find out.
//!
//! Owns its shape. It must never be sent but by a person's decision.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::TransactionId;
use crate::limits::{EVIDENCE_CHARS_MAX, ID_CHARS_MAX};
use crate::params::{FieldError, Validate, check_chars, check_id};
use crate::transaction::TransactionView;

/// Params of `payment.resolve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResolveParams {
    /// The transaction.
    pub transaction_id: TransactionId,
    /// What became of it.
    pub outcome: ResolvedOutcome,
    /// What that is based on, for an auditor: the line of the gateway's report, the call.
    pub evidence: String,
    /// Who says so.
    pub operator: String,
}

impl Validate for ResolveParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.transaction_id.as_str(), "transaction_id")?;
        check_chars(&self.evidence, 1, EVIDENCE_CHARS_MAX, "evidence")?;
        check_chars(&self.operator, 1, ID_CHARS_MAX, "operator")
    }
}

/// What a person can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResolvedOutcome {
    /// The money moved.
    Approved,
    /// No money moved, or it is back.
    Failed,
}

/// Result of `payment.resolve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResolveResult {
    /// The transaction as it is now.
    pub transaction: TransactionView,
}
