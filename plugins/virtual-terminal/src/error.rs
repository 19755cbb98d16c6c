// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can break, and words for what cards and cardholders refuse. None carries received bytes.

use payhal_messages::call::{CardRefusal, Refusal};
use payhal_plugin::PluginError;

/// What broke inside the terminal. Every text completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub(crate) enum TerminalError {
    /// The configuration cannot be used.
    #[error("use the configuration: {0}")]
    Configuration(String),
    /// The ledger was written by a later version.
    #[error("open a ledger of schema {found}: this version knows up to {known}")]
    LedgerVersion { found: i64, known: i64 },
    /// SQLite.
    #[error("use the terminal's ledger: {0}")]
    Ledger(#[from] rusqlite::Error),
}

/// A ledger that broke may have written before it did.
impl From<TerminalError> for PluginError {
    fn from(error: TerminalError) -> Self {
        match error {
            TerminalError::Configuration(_) => Self::not_sent(error.to_string()),
            TerminalError::LedgerVersion { .. } | TerminalError::Ledger(_) => {
                Self::maybe_sent(error.to_string())
            }
        }
    }
}

/// The refusal with the sentence that its reason usually has.
pub(crate) fn refusal(why: CardRefusal) -> Refusal {
    let text = match why {
        CardRefusal::CardExpired => "The card has expired.",
        CardRefusal::CardUnreadable => "The card cannot be read.",
        CardRefusal::CardRemoved => "The card was removed too early.",
        CardRefusal::CancelledOnDevice => "The cardholder cancelled on the terminal.",
        CardRefusal::NoCard => "No card was presented in time.",
        CardRefusal::NotAccepted => "The card is not accepted here.",
        CardRefusal::PinFailed => "The PIN was wrong or was not entered.",
    };
    Refusal {
        code: why.code().to_owned(),
        text: text.to_owned(),
    }
}

/// The terminal does something else.
pub(crate) fn busy() -> Refusal {
    Refusal {
        code: "busy".to_owned(),
        text: "The terminal is busy.".to_owned(),
    }
}

/// The cable is out.
pub(crate) fn unplugged() -> PluginError {
    PluginError::maybe_sent("reach the terminal: it was unplugged")
}

/// The terminal took the request, and what became of it is not known.
pub(crate) fn no_answer() -> PluginError {
    PluginError::maybe_sent("get an answer of the terminal")
}
