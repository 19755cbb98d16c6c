// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payment.cancel`: stopping what is still running.
//!
//! Owns the call and its answer. It must never stand for the cancelled call's own answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{IdempotencyKey, TransactionId};
use crate::params::{FieldError, Validate};
use crate::transaction::check_one_name;

/// Params of `payment.cancel`: one of the two names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelParams {
    /// The register's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
    /// The host's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
}

impl Validate for CancelParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_one_name(self.transaction_id.as_ref(), self.idempotency_key.as_ref())
    }
}

/// Result of `payment.cancel`. The cancelled call still gets its own one answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelResult {
    /// What came of it.
    pub state: CancelState,
    /// The transaction, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
}

/// What came of a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelState {
    /// The host is stopping it.
    Cancelling,
    /// It is stopped.
    Cancelled,
    /// The gateway or the terminal was asked already; its answer decides.
    TooLate,
    /// It had ended before.
    Finished,
    /// There is no such transaction.
    NotFound,
}
