// SPDX-License-Identifier: MIT OR Apache-2.0
//! The gateways' ledger: what money really did. Exchanges with one reference happen once.

use crate::statement;
use payhal_engine::device::Purpose;
use payhal_engine::gateway::{
    CardSource, Change, Decision, Extras, Finding, GatewayAnswer, GatewayCommand, GatewayReply,
    Original, Report, Totals,
};
use payhal_engine::ids::{Opaque, TransactionId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    pub(crate) refers: bool,
    pub(crate) signature: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) entries: BTreeMap<TransactionId, Entry>,
    /// What was asked for with a card or a token.
    pub(crate) purposes: BTreeMap<TransactionId, Purpose>,
    /// What each close told.
    pub(crate) closes: BTreeMap<TransactionId, Totals>,
    /// Sales that the issuer does not take when they are forwarded.
    pub(crate) not_honoured: BTreeSet<TransactionId>,
    /// What lies in a closed batch.
    pub(crate) closed: BTreeSet<TransactionId>,
    /// The orders and the completions that it was told of.
    pub(crate) orders: BTreeSet<TransactionId>,
    pub(crate) advices: BTreeSet<TransactionId>,
    /// The payment tokens that it knows.
    tokens: BTreeSet<Arc<str>>,
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
            GatewayCommand::OfferCurrency { .. } => GatewayReply::CurrencyOffered(None),
            GatewayCommand::Authorize { .. } => self.authorize(command, chance),
            GatewayCommand::Modify { .. } => self.modify(command, chance),
            GatewayCommand::VoiceApproval { wire, .. } => self.called(wire.transaction_id),
            GatewayCommand::Reconcile { wire, close } => {
                self.reconcile(wire.transaction_id, *close, chance)
            }
            GatewayCommand::Report { wire, report } => {
                let told = match report {
                    Report::NotifyOrder { .. } => &mut self.orders,
                    Report::Advice { .. } => &mut self.advices,
                };
                told.insert(wire.transaction_id);
                GatewayReply::Reported
            }
            GatewayCommand::ForgetToken { token, .. } => {
                self.tokens.remove(token);
                GatewayReply::Reported
            }
            GatewayCommand::Inquire { wire } => GatewayReply::Found(self.find(wire.transaction_id)),
            GatewayCommand::Reverse { wire, .. } => self.reverse(wire.transaction_id, chance),
            GatewayCommand::Forward { wire, amounts, .. } => {
                self.forward(wire.transaction_id, amounts.total.minor, chance)
            }
        }
    }

    fn authorize(&mut self, command: &GatewayCommand, chance: Chance) -> GatewayReply {
        let GatewayCommand::Authorize {
            wire,
            purpose,
            amounts,
            card,
            voice_code,
            keep_card,
            ..
        } = command
        else {
            return GatewayReply::Unsupported;
        };
        let id = wire.transaction_id;
        self.purposes.insert(id, *purpose);
        let moves = !matches!(purpose, Purpose::Verify | Purpose::Balance);
        let partly = matches!(
            purpose,
            Purpose::Sale | Purpose::Authorize | Purpose::CashAdvance
        );
        let strange = matches!(card, CardSource::Token(token) if !self.tokens.contains(token));
        let chance = Chance {
            declines: chance.declines || strange,
            partial: chance.partial && partly,
            refers: chance.refers && moves && voice_code.is_none(),
            ..chance
        };
        let asked = Asked {
            minor: amounts.total.minor,
            original: None,
            moves,
            token: *purpose == Purpose::Verify || *keep_card,
        };
        self.decide(id, &asked, chance)
    }

    /// What a card allowed while nobody could be asked: the whole of it, or nothing.
    fn forward(&mut self, id: TransactionId, minor: i64, chance: Chance) -> GatewayReply {
        self.purposes.insert(id, Purpose::Sale);
        let asked = Asked {
            minor,
            original: None,
            moves: true,
            token: false,
        };
        let chance = Chance {
            declines: chance.declines || self.not_honoured.contains(&id),
            partial: false,
            refers: false,
            signature: false,
            ..chance
        };
        self.decide(id, &asked, chance)
    }

    fn modify(&mut self, command: &GatewayCommand, chance: Chance) -> GatewayReply {
        let GatewayCommand::Modify {
            wire,
            original,
            change,
            amounts,
        } = command
        else {
            return GatewayReply::Unsupported;
        };
        let original = match original {
            Original::Wire(original) => Some(original.transaction_id),
            Original::Receipt(_) => {
                self.purposes.insert(wire.transaction_id, Purpose::Refund);
                None
            }
        };
        let gone = original.is_some_and(|original| !self.stands(original));
        let chance = Chance {
            declines: chance.declines || gone,
            partial: false,
            refers: false,
            ..chance
        };
        let asked = Asked {
            minor: amounts.total.minor,
            original: original.map(|original| (original, *change)),
            moves: true,
            token: false,
        };
        self.decide(wire.transaction_id, &asked, chance)
    }

    fn decide(&mut self, id: TransactionId, asked: &Asked, chance: Chance) -> GatewayReply {
        let entry = self.entries.entry(id).or_insert_with(|| {
            let decision = match chance {
                Chance { declines: true, .. } => Decision::Declined,
                Chance { refers: true, .. } => Decision::Referred,
                _ => Decision::Approved,
            };
            let minor = if chance.partial {
                asked.minor.div_euclid(2).max(1)
            } else {
                asked.minor
            };
            let told = match (decision, chance.contradicts) {
                (Decision::Approved, _) if !asked.moves => None,
                (Decision::Approved, false) => Some(minor),
                (Decision::Approved, true) => Some(asked.minor + 1),
                _ => None,
            };
            let mut answer = answer(decision, told);
            answer.signature_required = chance.signature && asked.original.is_none();
            if asked.token && decision == Decision::Approved {
                let token: Arc<str> = token_of(id).into();
                self.tokens.insert(token.clone());
                answer.extras.token = Some(token);
            }
            Entry {
                answer: Some(answer),
                minor,
                original: asked.original,
                reversed: false,
                refuses_reversal: chance.refuses_reversal,
                moves: asked.moves,
            }
        });
        // A reversal that came first forbids what it undid.
        let told = match (&entry.answer, entry.reversed) {
            (Some(answer), false) => answer.clone(),
            _ => answer(Decision::Rejected, None),
        };
        GatewayReply::Answered(Box::new(told))
    }

    /// Somebody has called the issuer, which has given its code.
    fn called(&mut self, id: TransactionId) -> GatewayReply {
        let entry = self.entries.get_mut(&id).filter(|entry| !entry.reversed);
        let Some(Entry {
            answer: Some(told),
            minor,
            ..
        }) = entry
        else {
            return GatewayReply::Answered(Box::new(answer(Decision::Rejected, None)));
        };
        if told.decision == Decision::Referred {
            *told = answer(Decision::Approved, Some(*minor));
        }
        GatewayReply::Answered(Box::new(told.clone()))
    }

    fn reconcile(&mut self, id: TransactionId, close: bool, chance: Chance) -> GatewayReply {
        if let Some(told) = self.closes.get(&id) {
            return GatewayReply::Reconciled(Box::new(told.clone()));
        }
        let totals = Totals {
            batch: (self.closes.len() + 1).to_string().into(),
            rows: statement::totals(self),
            collected: Vec::new(),
        };
        if close && chance.declines {
            return GatewayReply::Answered(Box::new(answer(Decision::Declined, None)));
        }
        if close {
            self.closes.insert(id, totals.clone());
            self.closed = self.entries.keys().copied().collect();
        }
        GatewayReply::Reconciled(Box::new(totals))
    }

    fn find(&self, id: TransactionId) -> Finding {
        if let Some(totals) = self.closes.get(&id) {
            return Finding::Reconciled(Box::new(totals.clone()));
        }
        match self.entries.get(&id) {
            Some(entry) if entry.reversed => Finding::Reversed,
            Some(Entry {
                answer: Some(answer),
                ..
            }) => Finding::Answered(Box::new(answer.clone())),
            _ => Finding::NotFound,
        }
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

/// What one exchange asks for.
struct Asked {
    minor: i64,
    original: Option<(TransactionId, Change)>,
    moves: bool,
    token: bool,
}

/// Few cards come again and again, and one has the same token each time.
fn token_of(id: TransactionId) -> String {
    format!("token {}", id.0.as_u128() % 3)
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
