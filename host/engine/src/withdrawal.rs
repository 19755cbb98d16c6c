// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sales that were accepted offline and are taken back before their gateway heard of them: they are
//! not forwarded, and nothing is charged.
//!
//! The whole sale or nothing of it; and never one that may have been sent.

use crate::admit::NotNow;
use crate::answer::{Approved, Reason, Stage};
use crate::engine::Engine;
use crate::forwarding::{Forwarding, ForwardingState};
use crate::ids::{IdempotencyKey, Scope, TransactionId};
use crate::keys::Ask;
use crate::money::{Amount, Amounts};
use crate::record::{Fact, FinalAnswer};
use crate::request::{Kind, UndoRule};
use crate::sums::{Parent, whole};
use crate::transaction::{Phase, Transaction};

/// Who took a sale back: the transaction, and its key.
#[derive(Clone, Debug)]
pub(crate) struct Withdrawn {
    pub(crate) by: TransactionId,
    pub(crate) scope: Scope,
    pub(crate) key: IdempotencyKey,
}

impl Withdrawn {
    fn is_by(&self, ask: &Ask) -> bool {
        self.scope == ask.scope && self.key == ask.request.key
    }
}

impl Engine {
    /// A change of a sale that waits to be forwarded takes it back.
    pub(crate) fn accept_withdrawal(
        &self,
        ask: &mut Ask,
        original: TransactionId,
        parent: &Parent,
    ) -> Result<Option<Transaction>, NotNow> {
        if let Some(withdrawn) = &parent.withdrawn {
            if !withdrawn.is_by(ask) {
                let by = withdrawn.by;
                let detail = format!("{by} took {original} back before it was forwarded");
                return Err(NotNow::new(Reason::NotAllowed, detail));
            }
            // The host stopped between the record of the sale and that of its change.
            ask.id = withdrawn.by;
        } else {
            match self.open.get(&original) {
                Some(sale) if sale.owes_forwarding() => may_withdraw(sale)?,
                _ => return Ok(None),
            }
        }
        let Some(sale) = parent.accepted_offline else {
            return Ok(None);
        };
        let amounts = withdraws(ask, original, sale)?;
        let acceptor = parent.wire.acceptor.clone();
        let mut transaction = self.accepted(ask, amounts, parent.gateway.clone(), acceptor);
        transaction.original = Some(parent.wire.clone());
        transaction.card.clone_from(&parent.card);
        transaction.withdraws = true;
        Ok(Some(transaction))
    }

    /// The sale is not forwarded; then the change has its own ending.
    pub(crate) fn withdraw(&mut self, change: &mut Transaction) {
        let Some(original) = change.request.kind.original() else {
            return;
        };
        self.step_to(change, Stage::Accepted, None);
        let withdrawn = Withdrawn {
            by: change.id,
            scope: change.scope.clone(),
            key: change.request.key.clone(),
        };
        self.with(original, |engine, sale| {
            let (by, scope) = (withdrawn.by, withdrawn.scope.clone());
            let key = withdrawn.key.clone();
            engine.append(sale, Fact::Withdrawn { by, scope, key });
            let at_micros = engine.now.wall_micros;
            let forwarding = Forwarding::since(ForwardingState::Withdrawn, at_micros);
            engine.no_longer_waits(sale, forwarding);
        });
        self.parents.withdrawn(original, withdrawn);
        let minor = change.amounts.total.minor;
        let approved = Approved {
            withdrawal: true,
            ..self.approval(change, minor)
        };
        let answer = FinalAnswer::Approved(Box::new(approved));
        let at_micros = self.now.wall_micros;
        change.forwarding = Some(Forwarding::since(ForwardingState::Withdrawn, at_micros));
        self.end(change, &answer, None, None);
    }
}

fn may_withdraw(sale: &Transaction) -> Result<(), NotNow> {
    let id = sale.id;
    let detail = match sale.phase {
        Phase::Stored => return Ok(()),
        // Each attempt certainly never left, and none is under way.
        Phase::Forwarding if sale.call.is_none() && !sale.sent_before => return Ok(()),
        Phase::NeedsOperator => format!("transaction {id} needs a person: see payment.resolve"),
        _ => format!("transaction {id} is being forwarded: ask again once payment.resolved tells"),
    };
    Err(NotNow::new(Reason::NotAllowed, detail))
}

/// The amounts of an allowed change; an undo becomes a void.
fn withdraws(ask: &mut Ask, original: TransactionId, sale: Amount) -> Result<Amounts, NotNow> {
    let asked = ask.request.amounts;
    match ask.request.kind {
        Kind::Undo { .. } => {
            ask.request.kind = Kind::Void { original };
            ask.request.terms.undo = Some(UndoRule::NotForwarded);
        }
        Kind::Void { .. } | Kind::Refund { .. } => {}
        _ => {
            let detail = format!("transaction {original} is no authorization");
            return Err(NotNow::new(Reason::NotAllowed, detail));
        }
    }
    if asked.is_some_and(|asked| asked.total != sale) {
        let detail = format!(
            "transaction {original} is not forwarded yet: only the whole {sale} can be taken back"
        );
        return Err(NotNow::new(Reason::NotAllowed, detail));
    }
    Ok(asked.unwrap_or_else(|| whole(sale)))
}
