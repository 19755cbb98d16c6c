// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which gateway takes a payment whose request names none.
//!
//! Decided for good once the card is known, before anything is sealed; never after. A request that
//! names a gateway keeps it.

use crate::admit::{NotNow, amounts_of, check_able, check_currency};
use crate::answer::Reason;
use crate::card::{CardFace, Cards};
use crate::engine::Engine;
use crate::ids::{DeviceId, GatewayId, RegisterId};
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
    /// Where they go instead, in order, while that one cannot be reached and was sent nothing.
    pub fallback: Vec<GatewayId>,
}

impl Route {
    /// Whether a payment takes it, as far as its card is known: one that asks for cards waits until
    /// there is one.
    pub fn takes(
        &self,
        register: &RegisterId,
        amounts: Option<&Amounts>,
        card: Option<&CardFace>,
    ) -> bool {
        self.includes(card) && self.fits(register, amounts)
    }

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

    /// Where its payments go, and where instead, in order.
    pub fn gateways(&self) -> impl Iterator<Item = &GatewayId> {
        std::iter::once(&self.gateway).chain(&self.fallback)
    }
}

impl Engine {
    /// The gateways of a request, as far as its card is known: the one it names, else those of the
    /// first route that fits, else the default one. Never empty.
    fn candidates(
        &self,
        request: &MoneyRequest,
        register: &RegisterId,
        amounts: Option<&Amounts>,
        card: Option<&CardFace>,
    ) -> Result<Vec<GatewayId>, NotNow> {
        if request.gateway.is_none() {
            let mut routes = self.config.routes.iter();
            if let Some(route) = routes.find(|route| route.takes(register, amounts, card)) {
                return Ok(route.gateways().cloned().collect());
            }
        }
        Ok(vec![self.choose_gateway(request.gateway.as_ref())?])
    }

    /// Those of a transaction that were not tried.
    pub(crate) fn candidates_of(
        &self,
        transaction: &Transaction,
    ) -> Result<Vec<GatewayId>, NotNow> {
        let request = &transaction.request;
        let amounts = request.amounts.map(|_| &transaction.amounts);
        let register = &transaction.scope.register;
        let card = transaction.card.as_ref();
        let mut candidates = self.candidates(request, register, amounts, card)?;
        candidates.retain(|gateway| !transaction.tried.gateways.contains(gateway));
        Ok(candidates)
    }

    /// The gateway of a request, as far as its card is known. Others say what is wrong with it.
    pub(crate) fn routed(
        &self,
        request: &MoneyRequest,
        register: &RegisterId,
        amounts: Option<&Amounts>,
        card: Option<&CardFace>,
    ) -> Result<GatewayId, NotNow> {
        let candidates = self.candidates(request, register, amounts, card)?;
        let preferred = self.preferred(candidates, |gateway| {
            self.check_gateway(request, None, gateway)
        });
        preferred.ok_or_else(no_gateway)
    }

    /// The first; or the first of the others that can take it, while that one cannot be reached.
    fn preferred(
        &self,
        candidates: Vec<GatewayId>,
        check: impl Fn(&GatewayId) -> Result<(), NotNow>,
    ) -> Option<GatewayId> {
        let mut others = candidates.into_iter();
        let first = others.next()?;
        if self.reachable(&first).is_ok() {
            return Some(first);
        }
        others
            .find(|gateway| self.are_alike(&first, gateway) && check(gateway).is_ok())
            .or(Some(first))
    }

    /// Whether both are live, or neither: nobody hands out goods for what a test gateway approves.
    pub(crate) fn are_alike(&self, one: &GatewayId, other: &GatewayId) -> bool {
        let live = |gateway: &GatewayId| {
            let status = self.gateways.get(gateway);
            let parameters = status.and_then(|status| status.parameters.as_ref());
            let told = parameters.map(|parameters| parameters.live);
            told.or(self.config.live.get(gateway).copied())
        };
        live(one).is_some() && live(one) == live(other)
    }

    /// Whether a gateway can take a request now.
    pub(crate) fn check_gateway(
        &self,
        request: &MoneyRequest,
        device: Option<&DeviceId>,
        gateway: &GatewayId,
    ) -> Result<(), NotNow> {
        let parameters = self.reachable(gateway)?;
        check_able(request, gateway, parameters)?;
        check_currency(&amounts_of(request, parameters), gateway, parameters)?;
        device.map_or(Ok(()), |device| self.check_protection(device, gateway))
    }

    /// The card is known: where the payment goes. What was checked of the gateway that it was
    /// accepted for is checked of this one.
    pub(crate) fn route(&self, transaction: &mut Transaction) -> Result<(), NotNow> {
        let candidates = self.candidates_of(transaction)?;
        let request = &transaction.request;
        let device = transaction.device.as_ref();
        let preferred = self.preferred(candidates, |gateway| {
            self.check_gateway(request, device, gateway)
        });
        let gateway = preferred.ok_or_else(no_gateway)?;
        if let Some(device) = device {
            self.check_protection(device, &gateway)?;
        }
        if transaction.gateway.as_ref() == Some(&gateway) && !transaction.tried.is_any() {
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

/// Every gateway of its route was tried.
fn no_gateway() -> NotNow {
    let detail = "no gateway is left that this card could go to";
    NotNow::new(Reason::GatewayUnavailable, detail)
}
