// SPDX-License-Identifier: MIT OR Apache-2.0
//! What calls leave in the audit, and the audit for the operator to read.
//!
//! It must never let a call go on that was to be kept first and was not.

use super::convert::rfc3339;
use super::session::Session;
use crate::amount;
use crate::audit::{Action, Audit};
use crate::audit_left;
use payhal_engine::request::{Kind, MoneyRequest};
use payhal_journal::Audited;
use payhal_protocol::Amount;
use payhal_protocol::audit::{AuditEntry, AuditListParams, AuditListResult};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::payment::ResolveParams;
use serde_json::json;
use std::sync::Arc;

/// What was done, newest first.
pub(super) async fn list(
    session: Arc<Session>,
    params: AuditListParams,
) -> Result<AuditListResult, ErrorObject> {
    audit_left::take(&session.shared.scene.state, &session.shared.journal).await;
    let found = session
        .shared
        .journal
        .audited(params.before, params.limit());
    let page = found.await.map_err(unavailable)?;
    Ok(AuditListResult {
        entries: page.entries.into_iter().map(entry).collect(),
        more: page.more,
    })
}

fn unavailable(why: String) -> ErrorObject {
    ErrorObject::named(ErrorName::JournalUnavailable).with_detail(why)
}

/// As the API has it.
pub(crate) fn entry(Audited { seq, entry }: Audited) -> AuditEntry {
    AuditEntry {
        seq,
        at: rfc3339(entry.at_micros),
        actor: entry.actor,
        action: entry.action,
        subject: entry.subject,
        text: entry.text,
        details: entry.details,
    }
}

impl Session {
    /// Keeps what this connection is about to do: it is on disk when this returns. With an error
    /// nothing of it may be done.
    pub(super) async fn audit(
        &self,
        action: Action,
        subject: Option<&str>,
        text: &str,
    ) -> Result<(), ErrorObject> {
        let audit = Audit::new(&self.actor(), action, subject, text);
        self.keep(audit).await
    }

    /// The same, of an entry that is made already.
    pub(super) async fn keep(&self, audit: Audit) -> Result<(), ErrorObject> {
        let kept = self.shared.journal.audit(audit).await;
        kept.map(|_| ()).map_err(unavailable)
    }

    /// Keeps beside the payment that somebody used a right that few have. Nothing waits for it: the
    /// payment's own record proves the rest.
    pub(super) fn asks(&self, request: &MoneyRequest) {
        let (action, what) = if request.kind == Kind::RefundUnreferenced {
            (
                Action::RefundUnreferenced,
                "to give back to a card, naming no payment,",
            )
        } else if request.terms.voice_code.is_some() {
            (
                Action::VoiceApproval,
                "to take an approval given by telephone for",
            )
        } else {
            return;
        };
        let total = request.amounts.as_ref().map(|amounts| amounts.total);
        let amount = total.map_or_else(
            || "an amount".to_owned(),
            |total| amount::show(&Amount::new(total.minor, total.currency.code())),
        );
        let text = format!("asks {what} {amount}, under the key {}", request.key);
        let audit = Audit::new(&self.actor(), action, Some(&self.register().0), &text);
        self.shared.journal.audit_later(&audit);
    }

    /// A payment was settled by word, which its own record says too: nothing takes that back, so
    /// the answer waits for the entry and does not depend on it.
    pub(super) async fn resolved(&self, params: &ResolveParams) {
        let outcome = serde_json::to_value(params.outcome).unwrap_or_default();
        let word = outcome.as_str().unwrap_or_default();
        let text = format!("settled as {word}: {}", params.evidence);
        let id = params.transaction_id.as_str();
        let audit = Audit::new(&self.actor(), Action::Resolve, Some(id), &text)
            .with_details(&json!({ "outcome": outcome, "operator": params.operator }));
        if let Err(error) = self.keep(audit).await {
            let why = &error.message;
            tracing::error!(
                transaction = id,
                "settled by word, but not in the audit: {why}"
            );
        }
    }
}
