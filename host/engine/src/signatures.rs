// SPDX-License-Identifier: MIT OR Apache-2.0
//! A signature that comes after its payment: kept with it once, and never another in its place. One
//! that comes before is part of the ending.
//!
//! Changes no answer and no money. What was drawn is not looked at here.

use crate::answer::{Answer, Reason};
use crate::cancel::may_touch;
use crate::effect::RecallBy;
use crate::engine::Engine;
use crate::ids::{Scope, Ticket};
use crate::keys::RecallFor;
use crate::record::{Fact, FinalAnswer, Past, Record};
use crate::request::{Caller, Sign};

/// Why it is not kept.
type NotKept = (Reason, &'static str);

const NOT_FOUND: NotKept = (Reason::TransactionNotFound, "there is no such transaction");

impl Engine {
    pub(crate) fn asked_to_sign(&mut self, ticket: Ticket, caller: Caller, sign: Sign) {
        let id = sign.transaction_id;
        let same = |purpose: &RecallFor| matches!(purpose, RecallFor::Sign { sign, .. } if sign.transaction_id == id);
        if self.recalls.values().any(same) {
            let detail = "another signature of this payment is being kept: ask again";
            self.not_kept(Some(ticket), (Reason::NotAllowed, detail));
            return;
        }
        let purpose = RecallFor::Sign {
            ticket: Some(ticket),
            caller,
            sign: Box::new(sign),
        };
        // Its ending, or a signature of a moment ago, may still be on its way to disk.
        self.recall(self.position, RecallBy::Transaction(id), purpose);
    }

    pub(crate) fn sign_recalled(
        &mut self,
        ticket: Option<Ticket>,
        caller: &Caller,
        sign: Sign,
        past: Option<&Past>,
    ) {
        let records = past.map_or(&[][..], |past| &past.records);
        let at_micros = match may_sign(records, caller) {
            Err(not_kept) => {
                self.not_kept(ticket, not_kept);
                return;
            }
            Ok(Some((kept, at_micros))) if *kept == *sign.signature => at_micros,
            Ok(Some(_)) => {
                let detail = "the payment has its signature, and keeps it";
                self.not_kept(ticket, (Reason::NotAllowed, detail));
                return;
            }
            Ok(None) => {
                self.keep_signature(sign);
                self.now.wall_micros
            }
        };
        if let Some(ticket) = ticket {
            self.answer(self.position, ticket, Answer::Signed { at_micros });
        }
    }

    fn keep_signature(&mut self, sign: Sign) {
        let id = sign.transaction_id;
        let signed = Fact::Signed {
            signature: sign.signature,
        };
        if self.open.contains_key(&id) {
            self.with(id, |engine, transaction| engine.append(transaction, signed));
        } else {
            self.append_to(id, signed, false);
        }
    }

    fn not_kept(&mut self, ticket: Option<Ticket>, (reason, detail): NotKept) {
        let mut refused = self.refusal(reason);
        refused.detail = Some(detail.into());
        self.refuse(self.position, ticket, refused);
    }
}

/// Whether this one can be signed; the signature that it has already, and since when.
fn may_sign<'a>(records: &'a [Record], caller: &Caller) -> Result<Option<(&'a str, i64)>, NotKept> {
    let scope = records.iter().find_map(|record| scope_of(&record.fact));
    if !scope.is_some_and(|scope| may_touch(caller, scope)) {
        return Err(NOT_FOUND);
    }
    let by_card = records.iter().any(|record| match &record.fact {
        Fact::Ended(ending) => match &ending.answer {
            FinalAnswer::Approved(approved) => approved.card.is_some(),
            FinalAnswer::Refused(_) => false,
        },
        _ => false,
    });
    // Of one that was pruned, only the answer is left.
    let whole = records.iter().any(|record| record.fact.intent().is_some());
    if !(by_card && whole) {
        let detail = "only an approved payment with a card is signed";
        return Err((Reason::NotAllowed, detail));
    }
    Ok(records.iter().find_map(|record| {
        let signature = record.fact.signature()?;
        Some((&**signature, record.at_micros))
    }))
}

fn scope_of(fact: &Fact) -> Option<&Scope> {
    match fact {
        Fact::Ended(ending) if ending.unsent.is_some() => {
            ending.unsent.as_ref().map(|unsent| &unsent.scope)
        }
        fact => fact.intent().map(|intent| &intent.scope),
    }
}
