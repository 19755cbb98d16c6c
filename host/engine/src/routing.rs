// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which gateway takes a payment whose request names none.
//!
//! Decided for good once the card is known, before anything is sealed; never after. A request that
//! names a gateway keeps it.

use crate::admit::{NotNow, amounts_of, check_able, check_currency};
use crate::card::{CardFace, Cards};
use crate::engine::Engine;
use crate::ids::{GatewayId, RegisterId};
use crate::money::{Amounts, Currency};
use crate::request::MoneyRequest;
use crate::transaction::Transaction;

/// Which payments go to a gateway.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// With which cards.
    pub cards: Cards,
    /// In which currency; absent: in all.
    pub currency: Option<Currency>,
    /// Of which register; absent: of all.
    pub register: Option<RegisterId>,
    /// From this total on, minor units.
    pub from_minor: Option<i64>,
    /// Up to this total, minor units.
    pub to_minor: Option<i64>,
    /// Where they go.
    pub gateway: GatewayId,
}

impl Route {
    /// Whether it is for this payment, whatever its card.
    fn fits(&self, register: &RegisterId, amounts: Option<&Amounts>) -> bool {
        let total = amounts.map(|amounts| amounts.total);
        let currency = |wanted| total.is_some_and(|total| total.currency == wanted);
        let from = |from| total.is_some_and(|total| total.minor >= from);
        let to = |to| total.is_some_and(|total| total.minor <= to);
        self.register
            .as_ref()
            .is_none_or(|wanted| wanted == register)
            && self.currency.is_none_or(currency)
            && self.from_minor.is_none_or(from)
            && self.to_minor.is_none_or(to)
    }

    fn includes(&self, card: Option<&CardFace>) -> bool {
        self.cards.are_all() || card.is_some_and(|card| self.cards.include(card))
    }
}

impl Engine {
    /// The gateway of a request, as far as its card is known: the one it names, else that of the
    /// first route that fits, else the default one.
    pub(crate) fn routed(
        &self,
        request: &MoneyRequest,
        register: &RegisterId,
        amounts: Option<&Amounts>,
        card: Option<&CardFace>,
    ) -> Result<GatewayId, NotNow> {
        if request.gateway.is_none() {
            let mut routes = self.config.routes.iter();
            let fits = |route: &&Route| route.includes(card) && route.fits(register, amounts);
            if let Some(route) = routes.find(fits) {
                return Ok(route.gateway.clone());
            }
        }
        self.choose_gateway(request.gateway.as_ref())
    }

    /// The card is known: where the payment goes. What was checked of the gateway that it was
    /// accepted for is checked of this one.
    pub(crate) fn route(&self, transaction: &mut Transaction) -> Result<(), NotNow> {
        let request = &transaction.request;
        let amounts = request.amounts.map(|_| &transaction.amounts);
        let register = &transaction.scope.register;
        let card = transaction.card.as_ref();
        let gateway = self.routed(request, register, amounts, card)?;
        if let Some(device) = &transaction.device {
            self.check_protection(device, &gateway)?;
        }
        if transaction.gateway.as_ref() == Some(&gateway) {
            return Ok(());
        }
        let parameters = self.usable(request, &gateway)?;
        check_able(request, &gateway, parameters)?;
        let amounts = match request.amounts {
            Some(_) => transaction.amounts,
            None => amounts_of(request, parameters),
        };
        check_currency(&amounts, &gateway, parameters)?;
        transaction.amounts = amounts;
        transaction.acceptor = self.acceptor(&gateway);
        transaction.gateway = Some(gateway);
        Ok(())
    }
}
