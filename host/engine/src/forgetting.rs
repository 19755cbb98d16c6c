// SPDX-License-Identifier: MIT OR Apache-2.0
//! Telling a gateway that a payment token is kept no more.
//!
//! One card has one token at many gateways, however often it is registered: whether somebody else
//! keeps the token is looked up just before its gateway is told, while no card is being registered
//! there. Never lets a gateway forget a token that is kept.

use crate::effect::RecallBy;
use crate::engine::Engine;
use crate::gateway::GatewayCommand;
use crate::ids::{GatewayId, TransactionId};
use crate::keys::RecallFor;
use crate::record::Past;
use crate::tokens::{Forget, Given, Sought, Token};
use crate::transaction::Transaction;

impl Engine {
    /// Looks whether anybody keeps the token, unless a card is being registered at its gateway.
    pub(crate) fn try_forget(&mut self, transaction: &mut Transaction, forget: Forget) {
        if self.is_registering(&forget.gateway) {
            self.pause(transaction);
            return;
        }
        self.reporting.insert(forget.gateway, transaction.id);
        let by = RecallBy::Tokens(vec![Sought::Text(forget.token)]);
        self.recall(self.token_change, by, RecallFor::Holders(transaction.id));
    }

    /// The journal told who keeps it.
    pub(crate) fn holders_recalled(&mut self, id: TransactionId, past: Option<&Past>) {
        let tokens = past.map_or(&[][..], |past| &past.tokens);
        self.with(id, |engine, transaction| engine.forget(transaction, tokens));
        self.serve_reports();
    }

    fn forget(&mut self, transaction: &mut Transaction, tokens: &[Token]) {
        let Some(forget) = transaction.owed.forget.clone() else {
            return;
        };
        let Forget {
            gateway,
            acceptor,
            token,
        } = forget;
        let is_kept = |stored: &Token| {
            !stored.deleted && stored.is_same_to_gateway(&gateway, &acceptor, &token)
        };
        if tokens.iter().any(is_kept) {
            self.reporting.remove(&gateway);
            transaction.owed.forget = None;
            transaction.report_refused = true;
            self.try_report(transaction);
            return;
        }
        let command = GatewayCommand::ForgetToken { acceptor, token };
        self.call_gateway_of(transaction, gateway, command);
    }

    fn is_registering(&self, gateway: &GatewayId) -> bool {
        let mut open = self.open.values();
        open.any(|open| {
            open.ending.is_none()
                && open.request.terms.keep.is_some()
                && open.gateway.as_ref() == Some(gateway)
        })
    }

    /// Whether a gateway is being told to forget a token.
    pub(crate) fn is_forgetting(&self, gateway: &GatewayId) -> bool {
        self.forgotten_at(gateway).is_some()
    }

    pub(crate) fn is_being_forgotten(&self, given: &Given) -> bool {
        let forget = self.forgotten_at(&given.gateway);
        forget.is_some_and(|forget| {
            forget.acceptor.merchant == given.acceptor.merchant && forget.token == given.token
        })
    }

    fn forgotten_at(&self, gateway: &GatewayId) -> Option<&Forget> {
        let id = self.reporting.get(gateway)?;
        let owed = &self.open.get(id)?.owed;
        let forget = owed.forget.as_ref()?;
        (owed.advice.is_none() && owed.order.is_none()).then_some(forget)
    }
}
