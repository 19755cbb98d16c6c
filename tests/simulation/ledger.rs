// SPDX-License-Identifier: MIT OR Apache-2.0
//! The gateways' ledger: what money really did. Exchanges with one reference happen once.

use payhal_engine::gateway::{
    Change, Decision, Extras, Finding, GatewayAnswer, GatewayCommand, GatewayReply, Original,
};
use payhal_engine::ids::{Opaque, TransactionId};
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) answer: Option<GatewayAnswer>,
    pub(crate) minor: i64,
    /// The transaction it changes, and how.
    pub(crate) original: Option<(TransactionId, Change)>,
    pub(crate) reversed: bool,
    pub(crate) refuses_reversal: bool,
    /// Whether money moves at all.
    pub(crate) moves: bool,
}

/// What chance has in store for one exchange.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chance {
    pub(crate) declines: bool,
    pub(crate) partial: bool,
    pub(crate) contradicts: bool,
    pub(crate) refuses_reversal: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) entries: BTreeMap<TransactionId, Entry>,
}

impl Entry {
    /// Whether its money moved and did not come back.
    pub(crate) fn stands(&self) -> bool {
        let answer = self.answer.as_ref();
        self.moves
            && !self.reversed
            && answer.is_some_and(|answer| answer.decision == Decision::Approved)
    }
}

impl Ledger {
    pub(crate) fn stands(&self, id: TransactionId) -> bool {
        self.entries.get(&id).is_some_and(Entry::stands)
    }

    pub(crate) fn exchange(&mut self, command: &GatewayCommand, chance: Chance) -> GatewayReply {
        match command {
            GatewayCommand::Prepare { wire, .. } => GatewayReply::Prepared {
                reference: wire.stan.to_string().into(),
            },
            GatewayCommand::Authorize { wire, amounts, .. } => {
                self.decide(wire.transaction_id, amounts.total.minor, None, chance)
            }
            GatewayCommand::Modify {
                wire,
                original,
                change,
                amounts,
            } => {
                let Original::Wire(original) = original else {
                    return GatewayReply::Unsupported;
                };
                let original = original.transaction_id;
                let chance = Chance {
                    declines: chance.declines || !self.stands(original),
                    partial: false,
                    contradicts: chance.contradicts && *change == Change::Refund,
                    ..chance
                };
                let minor = amounts.total.minor;
                self.decide(
                    wire.transaction_id,
                    minor,
                    Some((original, *change)),
                    chance,
                )
            }
            GatewayCommand::Inquire { wire } => {
                GatewayReply::Found(match self.entries.get(&wire.transaction_id) {
                    None => Finding::NotFound,
                    Some(entry) if entry.reversed => Finding::Reversed,
                    Some(entry) => match &entry.answer {
                        Some(answer) => Finding::Answered(Box::new(answer.clone())),
                        None => Finding::NotFound,
                    },
                })
            }
            GatewayCommand::Reverse { wire, .. } => self.reverse(wire.transaction_id, chance),
            _ => GatewayReply::Unsupported,
        }
    }

    fn decide(
        &mut self,
        id: TransactionId,
        asked: i64,
        original: Option<(TransactionId, Change)>,
        chance: Chance,
    ) -> GatewayReply {
        let entry = self.entries.entry(id).or_insert_with(|| {
            let decision = if chance.declines {
                Decision::Declined
            } else {
                Decision::Approved
            };
            let minor = if chance.partial {
                asked.div_euclid(2).max(1)
            } else {
                asked
            };
            let told = match (decision, chance.contradicts) {
                (Decision::Approved, false) => Some(minor),
                (Decision::Approved, true) => Some(asked + 1),
                _ => None,
            };
            Entry {
                answer: Some(answer(decision, told)),
                minor,
                original,
                reversed: false,
                refuses_reversal: chance.refuses_reversal,
                moves: true,
            }
        });
        // A reversal that came first forbids what it undid.
        let told = match (&entry.answer, entry.reversed) {
            (Some(answer), false) => answer.clone(),
            _ => answer(Decision::Rejected, None),
        };
        GatewayReply::Answered(Box::new(told))
    }

    fn reverse(&mut self, id: TransactionId, chance: Chance) -> GatewayReply {
        let entry = self.entries.entry(id).or_insert(Entry {
            answer: None,
            minor: 0,
            original: None,
            reversed: false,
            refuses_reversal: chance.refuses_reversal,
            moves: true,
        });
        if entry.refuses_reversal && !entry.reversed {
            return GatewayReply::ReversalRefused {
                response_code: "12".into(),
                response_text: "not here".into(),
            };
        }
        entry.reversed = true;
        GatewayReply::Reversed
    }
}

pub(crate) fn answer(decision: Decision, approved_minor: Option<i64>) -> GatewayAnswer {
    GatewayAnswer {
        decision,
        response_code: if decision == Decision::Approved {
            "00"
        } else {
            "05"
        }
        .into(),
        response_text: None,
        approved_minor,
        approval_code: None,
        rrn: None,
        signature_required: false,
        extras: Extras::default(),
        issuer: Opaque::default(),
    }
}
