// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the issuer said on the telephone about a payment that it had referred.
//!
//! It makes no entry of its own: it settles the referred one, once.

use crate::books::{Books, Result};
use crate::entry::{Entry, State};
use crate::rules::{self, Code, Verdict};
use payhal_messages::gateway::{Answer, Modify};

/// Settles the referred entry by this code.
pub(crate) fn approve(books: &mut Books, request: &Modify, code: &str) -> Result<Answer> {
    let found = books.find(&request.wire)?;
    let Some(mut entry) = found.filter(|entry| entry.merchant == request.wire.acceptor.merchant)
    else {
        return Ok(rules::rejected(&rules::NOT_FOUND));
    };
    if entry.voice_code.as_deref() == Some(code) && entry.state != State::Referred {
        books.count_repeat(&entry)?;
        return Ok(entry.answer());
    }
    if let Some(refusal) = refusal(&entry, request) {
        return Ok(rules::rejected(&refusal));
    }
    let told = match rules::by_voice(code, entry.requested_minor) {
        Verdict::Approve {
            minor, code: told, ..
        } => {
            entry.state = State::Approved;
            entry.amount_minor = minor;
            entry.approval_code = Some(code.to_owned());
            told
        }
        Verdict::Decline(told) | Verdict::Refer(told) | Verdict::Reject(told) => {
            entry.state = State::Declined;
            told
        }
    };
    entry.voice_code = Some(code.to_owned());
    entry.set_code(&told);
    // What the issuer told the chip was about the referral: it holds no more.
    entry.issuer.0.clear();
    books.settle(&mut entry)?;
    Ok(entry.answer())
}

fn refusal(entry: &Entry, request: &Modify) -> Option<Code> {
    match entry.state {
        State::Reversed | State::Barred => Some(rules::REVERSED),
        State::Approved | State::Declined | State::Rejected | State::Voided => {
            Some(rules::NOT_REFERRED)
        }
        State::Referred if entry.currency != request.amounts.currency => Some(rules::CURRENCY),
        State::Referred if entry.requested_minor != request.amounts.total_minor => {
            Some(rules::AMOUNT)
        }
        State::Referred => None,
    }
}
