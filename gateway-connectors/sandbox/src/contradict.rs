// SPDX-License-Identifier: MIT OR Apache-2.0
//! Yes for no, and no for yes: what a gateway says that contradicts its own ledger.

use crate::entry::Entry;
use crate::reverse::refused;
use crate::rules;
use payhal_messages::gateway::{Answer, Decision, Finding, Reversal};
use std::collections::BTreeMap;

/// The opposite of an answer; an invented approval is over `asked_minor`.
pub(crate) fn answer(answer: Answer, asked_minor: Option<i64>) -> Answer {
    // Without it the chip believes what it is told.
    let issuer = BTreeMap::new();
    match answer.decision {
        Decision::Approved => Answer {
            decision: Decision::Declined,
            response_code: rules::DO_NOT_HONOR.code.into(),
            response_text: Some(rules::DO_NOT_HONOR.text.into()),
            approved_minor: None,
            approval_code: None,
            issuer,
            ..answer
        },
        Decision::Declined | Decision::Rejected | Decision::Referred => Answer {
            decision: Decision::Approved,
            response_code: rules::APPROVED.code.into(),
            response_text: Some(rules::APPROVED.text.into()),
            approved_minor: asked_minor,
            approval_code: Some("X00000".into()),
            issuer,
            ..answer
        },
    }
}

/// The opposite of what the ledger holds. Of what it does not hold it says: approved.
pub(crate) fn finding(finding: Finding, entry: Option<&Entry>) -> Finding {
    let asked = entry.map(|entry| entry.requested_minor);
    let held = match finding {
        Finding::Answered { answer } => answer,
        Finding::Reversed | Finding::Pending | Finding::NotFound | Finding::Reconciled { .. } => {
            rules::rejected(&rules::REVERSED)
        }
    };
    Finding::Answered {
        answer: answer(held, asked),
    }
}

/// The opposite of what became of a reversal.
pub(crate) fn reversal(reversal: &Reversal) -> Reversal {
    match reversal {
        Reversal::Reversed => refused(&rules::REFUSED),
        Reversal::Refused { .. } => Reversal::Reversed,
    }
}
