// SPDX-License-Identifier: MIT OR Apache-2.0
//! The card's own currency: what gateways offer, right and wrong, and what customers chose.

use crate::world::World;
use payhal_engine::card::CardFace;
use payhal_engine::conversion::Conversion;
use payhal_engine::dcc::CurrencyOffer;
use payhal_engine::device::{CardRefusal, DeviceCommand, DeviceReply};
use payhal_engine::gateway::{GatewayCommand, GatewayReply};
use payhal_engine::ids::{CallId, GatewayId, TransactionId};
use payhal_engine::money::{Amount, Amounts, Currency};
use payhal_engine::prompt::PromptKind;
use std::collections::BTreeMap;

/// The cards of another currency.
const FOREIGN: [&str; 2] = ["discover", "unionpay"];

/// Twelve dollars for ten euros.
const RATE: &str = "1.2";

/// What was offered and chosen, and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Currencies {
    offers: u64,
    /// The gateway that was asked last.
    asked_of: BTreeMap<TransactionId, GatewayId>,
    /// The offer that a customer was asked about last.
    open: BTreeMap<TransactionId, CurrencyOffer>,
    /// Whose question a reader shows.
    on_reader: BTreeMap<CallId, TransactionId>,
    /// Who said yes on the reader.
    yes: BTreeMap<TransactionId, CurrencyOffer>,
    /// What was sealed last.
    pub(crate) sealed: BTreeMap<TransactionId, Option<CurrencyOffer>>,
}

impl Currencies {
    /// The offer that may be sealed to a gateway, if its customer chose one.
    pub(crate) fn chosen(
        &self,
        id: TransactionId,
        gateway: &GatewayId,
        at_till: bool,
    ) -> Option<&CurrencyOffer> {
        let said_yes = self.yes.get(&id).or(self.open.get(&id).filter(|_| at_till));
        said_yes.filter(|_| self.asked_of.get(&id) == Some(gateway))
    }
}

/// A gateway is asked for an offer: what was said to another one is void.
pub(crate) fn asked(world: &mut World, gateway: &GatewayId, command: &GatewayCommand) {
    let GatewayCommand::OfferCurrency { transaction_id, .. } = command else {
        return;
    };
    let currencies = &mut world.currencies;
    currencies.asked_of.insert(*transaction_id, gateway.clone());
    currencies.open.remove(transaction_id);
    currencies.yes.remove(transaction_id);
    let about = (*transaction_id, PromptKind::ConfirmCurrency as u8);
    world.registers.agreed.remove(&about);
}

/// What a gateway offers: two cards their currency, now and then something that cannot be.
pub(crate) fn offered(world: &mut World, card: &CardFace, amounts: &Amounts) -> GatewayReply {
    if !FOREIGN.contains(&&*card.scheme) {
        return GatewayReply::CurrencyOffered(None);
    }
    world.currencies.offers += 1;
    let number = world.currencies.offers;
    let mut offer = CurrencyOffer {
        offer_id: number.to_string().into(),
        conversion: Conversion {
            amount: Amount {
                minor: amounts.total.minor * 6 / 5,
                currency: Currency::USD,
            },
            rate: RATE.into(),
            markup_millionths: 30_000,
        },
        expires_at_micros: i64::MAX,
    };
    if world.faults && world.script.is_none() {
        match world.random.below(12) {
            0 => offer.conversion.amount.minor *= 3,
            1 => offer.conversion.amount.currency = amounts.total.currency,
            2 => offer.conversion.rate = "a lot".into(),
            3 => offer.expires_at_micros = 0,
            4 => return GatewayReply::Unsupported,
            _ => {}
        }
    }
    GatewayReply::CurrencyOffered(Some(offer))
}

/// Whether an offer is one that may be sealed at all.
pub(crate) fn is_right(offer: &CurrencyOffer, amounts: &Amounts) -> bool {
    let own = offer.conversion.amount;
    &*offer.conversion.rate == RATE
        && own.currency == Currency::USD
        && own.minor == amounts.total.minor * 6 / 5
        && offer.expires_at_micros > 0
}

/// A reader asks its customer.
pub(crate) fn shown(world: &mut World, call: CallId, command: &DeviceCommand) {
    if let DeviceCommand::ConfirmCurrency {
        transaction_id,
        offer,
        ..
    } = command
    {
        let currencies = &mut world.currencies;
        currencies.open.insert(*transaction_id, offer.clone());
        currencies.on_reader.insert(call, *transaction_id);
    }
}

/// What a customer does: yes, no, nothing, or leave; or the reader leaves it to the people at the till.
pub(crate) fn choice(world: &mut World, quick_ms: u64, timeout_ms: u64) -> (u64, DeviceReply) {
    let chosen = |accepted| DeviceReply::CurrencyChosen { accepted };
    match world.random.below(12) {
        0 => (timeout_ms, chosen(false)),
        1 => {
            let refused = DeviceReply::Refused {
                refusal: CardRefusal::CardRemoved,
                text: "no".into(),
            };
            (quick_ms, refused)
        }
        2..=4 => (50, DeviceReply::Unsupported),
        5..=7 => (quick_ms, chosen(false)),
        _ => (quick_ms, chosen(true)),
    }
}

/// A reader is done: was it a yes?
pub(crate) fn said(world: &mut World, call: CallId, reply: &DeviceReply) {
    let currencies = &mut world.currencies;
    let Some(id) = currencies.on_reader.remove(&call) else {
        return;
    };
    if let (DeviceReply::CurrencyChosen { accepted: true }, Some(offer)) =
        (reply, currencies.open.get(&id))
    {
        currencies.yes.insert(id, offer.clone());
    }
}

/// A card is sealed.
pub(crate) fn sealed(world: &mut World, id: TransactionId, dcc: Option<&CurrencyOffer>) {
    if dcc.is_some() {
        world.tally.count("own currencies chosen");
    }
    world.currencies.sealed.insert(id, dcc.cloned());
}
