// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a receipt is made of: an answer of this moment, or a record.

use crate::server::signatures;
use crate::server::views::request_of;
use payhal_engine::answer::{Approved, Outcome, Refused};
use payhal_engine::card::{CardFace, Cvm, Entry};
use payhal_engine::ids::{Acceptor, TransactionId};
use payhal_engine::money::Amounts;
use payhal_engine::record::{Fact, FinalAnswer};
use payhal_engine::request::{Kind, MoneyRequest};
use payhal_journal::View;
use payhal_protocol::payment::Signature;

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) enum Verdict<'a> {
    /// Approved.
    Approved(&'a Approved),
    /// Not charged. `reversed`: what may have been charged is back.
    Refused {
        /// The answer.
        refused: &'a Refused,
        /// Whether a reversal was acknowledged.
        reversed: bool,
        /// What a person found: whether the money stands.
        stands: Option<bool>,
    },
}

/// What a receipt is made of.
#[derive(Clone, Debug)]
pub(in crate::server) struct Source<'a> {
    pub(super) kind: Kind,
    pub(super) verdict: Verdict<'a>,
    pub(super) transaction_id: TransactionId,
    pub(super) amounts: Option<Amounts>,
    pub(super) card: Option<&'a CardFace>,
    pub(super) entry: Option<Entry>,
    pub(super) cvm: Option<Cvm>,
    pub(super) acceptor: Option<&'a Acceptor>,
    pub(super) stan: Option<u32>,
    pub(super) reference: Option<&'a str>,
    /// The register asked for cash with it.
    pub(super) cash_asked: bool,
    /// An offline approval that its issuer has seen: taken or not.
    pub(super) collected: Option<bool>,
    /// What the customer drew.
    pub(super) signature: Option<Signature>,
}

impl<'a> Source<'a> {
    /// Of an approval as it is told.
    pub(in crate::server) fn approved(
        kind: Kind,
        approved: &'a Approved,
        request: Option<&'a MoneyRequest>,
    ) -> Self {
        let asked = request.and_then(|request| request.amounts);
        Self {
            kind,
            verdict: Verdict::Approved(approved),
            transaction_id: approved.transaction_id,
            amounts: Some(approved.requested),
            card: approved.card.as_ref(),
            entry: approved.entry,
            cvm: approved.cvm,
            acceptor: approved.acceptor.as_ref(),
            stan: approved.stan,
            reference: request.and_then(|request| request.reference.as_deref()),
            cash_asked: asked
                .and_then(|amounts| amounts.cashback_minor)
                .is_some_and(|minor| minor > 0),
            collected: None,
            signature: None,
        }
    }

    /// Of what the journal holds: an approval, or the end of an attempt with a card. Nothing has a
    /// receipt while its outcome is not known.
    pub(in crate::server) fn recorded(view: &'a View) -> Option<Self> {
        let facts = || view.records.iter().map(|record| &record.fact);
        let ending = facts().find_map(|fact| match fact {
            Fact::Ended(ending) => Some(ending),
            _ => None,
        })?;
        // The last one: those before it came to nothing.
        let intent = facts().rev().find_map(Fact::intent);
        let request = request_of(view);
        let kind = view.summary.kind;
        let reference = request.and_then(|request| request.reference.as_deref());
        match &ending.answer {
            FinalAnswer::Approved(approved) => Some(Self {
                collected: facts().find_map(|fact| match fact {
                    Fact::Collected { accepted, .. } => Some(*accepted),
                    _ => None,
                }),
                signature: signatures::kept(view).map(|(signature, _)| signature),
                ..Self::approved(kind, approved, request)
            }),
            FinalAnswer::Refused(refused) => {
                let unsent = ending.unsent.as_ref();
                let card = intent.and_then(|intent| intent.card.as_ref());
                let card = card.or(unsent.and_then(|unsent| unsent.card.as_ref()))?;
                let asked = || request.and_then(|request| request.amounts);

                Some(Self {
                    kind,
                    verdict: Verdict::Refused {
                        refused,
                        reversed: facts().any(|fact| matches!(fact, Fact::Reversed)),
                        stands: facts().find_map(|fact| match fact {
                            Fact::Resolved(word) => Some(word.outcome == Outcome::Approved),
                            _ => None,
                        }),
                    },
                    transaction_id: view.summary.transaction_id,
                    amounts: intent.map(|intent| intent.amounts).or_else(asked),
                    card: Some(card),
                    entry: intent.and_then(|intent| intent.entry),
                    cvm: intent.and_then(|intent| intent.cvm),
                    acceptor: intent.map(|intent| &intent.wire.acceptor),
                    stan: intent.map(|intent| intent.wire.stan),
                    reference,
                    cash_asked: false,
                    collected: None,
                    signature: None,
                })
            }
        }
    }
}
