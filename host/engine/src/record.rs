// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is journaled. Records of a transaction, read in order, are its whole durable truth.

use crate::answer::{Approved, Outcome, Refused};
use crate::card::{CardFace, Cvm, Entry, SpentKey};
use crate::dcc::CurrencyOffer;
use crate::forwarding::Forwarding;
use crate::gateway::{GatewayAnswer, ReversalReason, Wire};
use crate::ids::{
    Acceptor, DeviceId, Fingerprint, GatewayId, IdempotencyKey, Kept, Position, RegisterId, Scope,
    TransactionId,
};
use crate::money::Amounts;
use crate::request::MoneyRequest;
use crate::tokens::{Forget, Token};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One durable fact about one transaction.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Record {
    /// Which transaction.
    pub transaction_id: TransactionId,
    /// When, microseconds since 1970 UTC.
    pub at_micros: i64,
    /// What.
    pub fact: Fact,
}

/// What a record says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// An exchange that may move money is about to happen, and may have to be reversed.
    Intent(Box<Intent>),
    /// The intent before it came to nothing: its gateway was certainly sent nothing. The card is
    /// presented once more for another gateway, whose intent follows, or the ending.
    Unsent {
        /// Why, for engineers.
        reason: Arc<str>,
    },
    /// The gateway's word, before the chip had its own.
    Answered(Box<GatewayAnswer>),
    /// The final outcome and the answer its register gets, for ever.
    Ended(Box<Ending>),
    /// The outcome's reversal was acknowledged.
    Reversed,
    /// Nobody can say automatically; a person must look. Not an answer.
    NeedsOperator {
        /// Why, for that person.
        reason: Arc<str>,
    },
    /// What the gateway should know about the outcome, it knows, or is not told any more.
    Reported {
        /// Whether it knows.
        known: bool,
    },
    /// An offline approval of a terminal was collected, or could not be.
    Collected {
        /// Whether the issuer took it. If not, the money is lost.
        accepted: bool,
        /// The batch close that told.
        by: TransactionId,
    },
    /// A person settled it; the ending follows if there was none.
    Resolved(Box<Resolved>),
    /// A sale that was accepted offline is about to be forwarded: from here on it may have been.
    Forwarding {
        /// References for the gateway; the same with each attempt.
        wire: Wire,
    },
    /// The gateway's word on it.
    Forwarded {
        /// Approved, or it is lost.
        answer: Box<GatewayAnswer>,
    },
    /// What the customer drew is kept with it.
    Signed {
        /// As the register gave it, JSON text.
        signature: Arc<str>,
    },
    /// It is not forwarded: a register took it back before its gateway heard of it.
    Withdrawn {
        /// The transaction that took it back.
        by: TransactionId,
        /// Whose key that one has.
        scope: Scope,
        /// Its key.
        key: IdempotencyKey,
    },
}

impl Fact {
    /// Everything about the exchange, in the record that begins it: an intent, or an ending that
    /// was accepted offline.
    pub fn intent(&self) -> Option<&Intent> {
        match self {
            Self::Intent(intent) => Some(intent),
            Self::Ended(ending) => ending.stored.as_ref().map(|stored| &stored.intent),
            _ => None,
        }
    }

    /// The customer's signature, as JSON text: with the ending, or after it.
    pub fn signature(&self) -> Option<&Arc<str>> {
        match self {
            Self::Ended(ending) => ending.signature.as_ref(),
            Self::Signed { signature } => Some(signature),
            _ => None,
        }
    }
}

/// A person's word on an outcome.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Resolved {
    /// Approved or failed.
    pub outcome: Outcome,
    /// What it is based on.
    pub evidence: Arc<str>,
    /// Who said so.
    pub operator: Arc<str>,
    /// Through which register.
    pub register: RegisterId,
}

/// Everything that inquiry and reversal need after a power loss.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Intent {
    /// Whose key.
    pub scope: Scope,
    /// The request, with its key.
    pub request: MoneyRequest,
    /// Over its money fields.
    pub fingerprint: Fingerprint,
    /// Final amounts.
    pub amounts: Amounts,
    /// The device, where one takes part.
    pub device: Option<DeviceId>,
    /// Who authorizes: absent in the terminal flow, where the device does.
    pub gateway: Option<GatewayId>,
    /// References for the other side.
    pub wire: Wire,
    /// References of the transaction this one changes.
    pub original: Option<Wire>,
    /// The card, as it may be shown.
    pub card: Option<CardFace>,
    /// How it was read.
    pub entry: Option<Entry>,
    /// How the cardholder was verified.
    pub cvm: Option<Cvm>,
    /// Whether an approval stands only once the chip has completed.
    pub completion_owed: bool,
    /// Keys of its device that are spent with it: no other transaction may have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spent: Vec<SpentKey>,
    /// Whether the card's sealed number is kept for its reversal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub number_kept: bool,
    /// The offer of the card's own currency that the customer took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dcc: Option<CurrencyOffer>,
}

/// A final outcome.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ending {
    /// The answer.
    pub answer: FinalAnswer,
    /// Why the other side must undo it, where it must; ends with [`Fact::Reversed`].
    pub reversal: Option<ReversalReason>,
    /// For an ending without an intent: whose key, which request.
    pub unsent: Option<Unsent>,
    /// What the gateway must still be told; ends with [`Fact::Reported`].
    #[serde(default, skip_serializing_if = "Owed::is_nothing")]
    pub owed: Owed,
    /// It was accepted offline and must be forwarded; ends with [`Fact::Forwarded`] or
    /// [`Fact::Withdrawn`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Box<Stored>>,
    /// What became of one that was accepted offline, in the answer that is left of it when its other
    /// records are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub became: Option<Box<Forwarding>>,
    /// The signature that was drawn before it stood, as JSON text: with the approval or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Arc<str>>,
}

/// A sale that was accepted while its gateway was away.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Stored {
    /// As it would have been asked; its references were never used unless they were recorded
    /// before.
    pub intent: Intent,
    /// Names the sealed read, which is kept in the vault.
    pub read_id: Arc<str>,
    /// Tags of the chip's completion, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Arc<str>>,
}

/// What a gateway must be told about an outcome.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Owed {
    /// The chip's completion tags, as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Arc<str>>,
    /// The gateway that is told of the order; it is in the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<GatewayId>,
    /// The payment token that a gateway may forget, unless somebody keeps it again by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forget: Option<Forget>,
}

impl Owed {
    /// Whether there is nothing to tell.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What an ending before any intent must say, so that its key is answered for ever.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Unsent {
    /// Whose key.
    pub scope: Scope,
    /// The request, with its key.
    pub request: MoneyRequest,
    /// Over its money fields.
    pub fingerprint: Fingerprint,
    /// The device, where one took part.
    pub device: Option<DeviceId>,
    /// The gateway, where one was chosen.
    pub gateway: Option<GatewayId>,
    /// The card, as it may be shown.
    pub card: Option<CardFace>,
}

/// The answer of an ending.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum FinalAnswer {
    /// Money moved.
    Approved(Box<Approved>),
    /// It did not, or is on its way back.
    Refused(Box<Refused>),
}

/// What the journal recalls of one transaction.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Past {
    /// All its records, in order.
    pub records: Vec<Record>,
    /// Every transaction that changed it.
    pub changes: Vec<PastChange>,
    /// Payment tokens that were asked for, and every other that is the same one to its gateway.
    pub tokens: Vec<Token>,
}

/// A refund or void of a recalled transaction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PastChange {
    /// The changing transaction.
    pub transaction_id: TransactionId,
    /// Refund or void.
    pub change: crate::gateway::Change,
    /// Its amount, minor units.
    pub amount_minor: i64,
    /// Whether it stands or may stand: approved, or not yet known.
    pub counts: bool,
}

/// A life of the journal. It ends where the journal was restored, copied or lost: what happened
/// in between is not in it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Epoch {
    /// 0 is the first.
    pub number: u32,
    /// When it began, microseconds since 1970 UTC.
    pub began_micros: i64,
}

impl Epoch {
    /// Whether a key was made before this life of the journal, as far as it says when it was made.
    /// What became of it may be lost with the former one: it is never new, and never "not found".
    pub fn predates(&self, key: &IdempotencyKey) -> bool {
        self.number > 0
            && key
                .made_micros()
                .is_some_and(|made| made < self.began_micros)
    }
}

/// When a batch was last closed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BatchClosed {
    /// The gateway, or none for a terminal's.
    pub gateway: Option<GatewayId>,
    /// The terminal.
    pub device: Option<DeviceId>,
    /// Whose.
    pub acceptor: Acceptor,
    /// When the close was recorded, microseconds since 1970 UTC.
    pub at_micros: i64,
}

/// What one that has not come to rest needs of the vault.
fn kept(records: &[Record]) -> Vec<(TransactionId, Kept)> {
    let mut kept = Vec::new();
    for record in records {
        match &record.fact {
            Fact::Intent(intent) if intent.number_kept => {
                kept.push((record.transaction_id, Kept::Number));
            }
            Fact::Ended(ending) if ending.stored.is_some() => {
                // No reversal can come any more.
                kept = vec![(record.transaction_id, Kept::Read)];
            }
            Fact::Forwarded { .. } | Fact::Withdrawn { .. } | Fact::Resolved(_) => {
                kept.retain(|(_, part)| *part == Kept::Number);
            }
            _ => {}
        }
    }
    kept
}

/// What the journal hands over at start.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Restored {
    /// The last position in the journal.
    pub position: Position,
    /// The last trace number used.
    pub stan: u32,
    /// Each transaction that has not come to rest: an intent without an ending, an ending whose
    /// reversal is not acknowledged, one that needs a person. Records in order.
    pub open: Vec<Vec<Record>>,
    /// The last batch close of each acceptor.
    pub closed: Vec<BatchClosed>,
    /// Which life of the journal this is.
    pub epoch: Epoch,
    /// When the last record was made, microseconds since 1970 UTC.
    pub last_at_micros: i64,
}

impl Restored {
    /// What the vault must still keep.
    pub fn kept(&self) -> BTreeSet<(TransactionId, Kept)> {
        self.open.iter().flat_map(|records| kept(records)).collect()
    }

    /// Those that have not come to rest.
    pub fn transactions(&self) -> BTreeSet<TransactionId> {
        let firsts = self.open.iter().filter_map(|records| records.first());
        firsts.map(|record| record.transaction_id).collect()
    }
}
