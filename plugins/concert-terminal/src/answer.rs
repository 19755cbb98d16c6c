// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a terminal said of a request, once it is known to be about that request; and what the host
//! is told of it.

use crate::error::{Ending, refusal};
use crate::order::Mark;
use payhal_messages::call::Refusal;
use payhal_messages::card::{CardFace, Entry};
use payhal_messages::card_check::would_redact;
use payhal_messages::terminal::TerminalOutcome;
use payhal_plugin::Outcome;

/// A terminal's word on a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Told {
    /// The terminal's code, verbatim.
    pub(crate) code: String,
    pub(crate) end: End,
    pub(crate) entry: Option<Entry>,
    pub(crate) card: Option<CardFace>,
    /// The terminal's name for it.
    pub(crate) reference: String,
}

/// How it ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// Money moved.
    Done {
        minor: i64,
        approval: Option<String>,
        /// Whether nobody but the terminal said yes.
        offline: bool,
    },
    /// None did, with a sentence for the cashier.
    NotDone(Ending, &'static str),
}

impl Told {
    /// As the reply to a payment. `collects`: whether an approval of the terminal alone waits for its
    /// upload.
    pub(crate) fn outcome(self, collects: bool) -> Outcome<TerminalOutcome> {
        match self.refused() {
            Some(refusal) => Ok(Err(refusal)),
            None => Ok(Ok(self.decided(collects))),
        }
    }

    /// The refusal, where nobody decided anything.
    fn refused(&self) -> Option<Refusal> {
        match self.end {
            End::NotDone(Ending::Refused(code), text) => Some(refusal(code, text)),
            _ => None,
        }
    }

    /// As a decision.
    pub(crate) fn decided(self, collects: bool) -> TerminalOutcome {
        let (minor, approval, offline, text) = match self.end {
            End::Done {
                minor,
                approval,
                offline,
            } => (Some(minor), approval, offline, None),
            End::NotDone(_, text) => (None, None, false, Some(text.to_owned())),
        };
        TerminalOutcome {
            dcc: None,
            approved: minor.is_some(),
            response_code: self.code,
            response_text: text,
            approved_minor: minor,
            tip_minor: None,
            surcharge_minor: None,
            approval_code: approval,
            reference: Some(self.reference),
            rrn: None,
            token: None,
            balance_minor: None,
            entry: self.entry,
            cvm: None,
            card: self.card,
            offline: offline && collects,
        }
    }
}

/// A name for a payment that no other payment has: some terminals number their payments, others give
/// each the same number, their own.
pub(crate) fn reference(serial: Option<&str>, mark: &Mark) -> String {
    let mark = mark.as_str();
    let with_serial = serial.map(|serial| format!("{serial} / {mark}"));
    with_serial
        .filter(|name| name.len() <= 40 && !would_redact(name))
        .unwrap_or_else(|| mark.to_owned())
}
