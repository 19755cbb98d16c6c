// SPDX-License-Identifier: MIT OR Apache-2.0
//! The card's own currency, as plugins tell it and as the engine has it.

use super::{Encoded, acceptor_out, amounts_out, json, parse, purpose_out};
use payhal_engine::card::CardFace;
use payhal_engine::conversion::Conversion;
use payhal_engine::dcc::CurrencyOffer;
use payhal_engine::device::{DeviceCommand, DeviceReply};
use payhal_engine::gateway::{GatewayCommand, GatewayReply};
use payhal_engine::money::{Amount, Currency};
use payhal_messages as m;
use payhal_messages::call::method;
use std::sync::Arc;

/// A gateway is asked for an offer; `None`: it is another command.
pub(super) fn offer_currency(command: &GatewayCommand) -> Option<Encoded> {
    let GatewayCommand::OfferCurrency {
        transaction_id,
        acceptor,
        purpose,
        amounts,
        card,
        timeout_ms,
    } = command
    else {
        return None;
    };
    let asked = m::currency::OfferCurrency {
        transaction_id: transaction_id.to_string(),
        acceptor: acceptor_out(acceptor),
        purpose: purpose_out(*purpose),
        amounts: amounts_out(amounts),
        card: face_out(card),
        timeout_ms: *timeout_ms,
    };
    Some((method::OFFER_CURRENCY, json(&asked)))
}

/// What a gateway needs to know the card's currency.
fn face_out(card: &CardFace) -> m::card::CardFace {
    m::card::CardFace {
        masked_pan: card.masked_pan.to_string(),
        scheme: card.scheme.to_string(),
        application: card.application.as_ref().map(ToString::to_string),
        aid: card.aid.as_ref().map(ToString::to_string),
        country: card.country.as_ref().map(ToString::to_string),
        expiry: None,
    }
}

/// A gateway's offer, or that it makes none.
pub(super) fn currency_offered(payload: &[u8]) -> Result<GatewayReply, Arc<str>> {
    let offered: m::currency::CurrencyOffered = parse(payload)?;
    Ok(GatewayReply::CurrencyOffered(
        offered.offer.and_then(offer_in),
    ))
}

/// A reader is to let its customer choose.
pub(super) fn confirm_currency(command: &DeviceCommand) -> Encoded {
    let DeviceCommand::ConfirmCurrency {
        transaction_id,
        presentation_id,
        amounts,
        offer,
        timeout_ms,
    } = command
    else {
        unreachable!("other commands are encoded by device_command");
    };
    let confirm = m::currency::ConfirmCurrency {
        transaction_id: transaction_id.to_string(),
        presentation_id: presentation_id.to_string(),
        amounts: amounts_out(amounts),
        offer: offer_out(offer),
        timeout_ms: *timeout_ms,
    };
    (method::CONFIRM_CURRENCY, json(&confirm))
}

/// What the customer chose.
pub(super) fn currency_chosen(payload: &[u8]) -> Result<DeviceReply, Arc<str>> {
    let choice: m::currency::CurrencyChoice = parse(payload)?;
    let accepted = choice.accepted;
    Ok(DeviceReply::CurrencyChosen { accepted })
}

/// As plugins get it.
pub(super) fn offer_out(offer: &CurrencyOffer) -> m::currency::CurrencyOffer {
    let Conversion {
        amount,
        rate,
        markup_millionths,
    } = &offer.conversion;
    m::currency::CurrencyOffer {
        offer_id: offer.offer_id.to_string(),
        amount_minor: amount.minor,
        currency: amount.currency.code().to_owned(),
        rate: rate.to_string(),
        markup_millionths: *markup_millionths,
        expires_at_micros: offer.expires_at_micros,
    }
}

/// One that a gateway could not know again, or in a currency that nobody knows, is none.
fn offer_in(offer: m::currency::CurrencyOffer) -> Option<CurrencyOffer> {
    let named = offer.offer_id.bytes().all(|byte| byte.is_ascii_graphic());
    let conversion = conversion_in(m::currency::Conversion {
        amount_minor: offer.amount_minor,
        currency: offer.currency,
        rate: offer.rate,
        markup_millionths: offer.markup_millionths,
    })?;
    named.then(|| CurrencyOffer {
        offer_id: offer.offer_id.into(),
        conversion,
        expires_at_micros: offer.expires_at_micros,
    })
}

/// One in a currency that nobody knows is none.
pub(super) fn conversion_in(told: m::currency::Conversion) -> Option<Conversion> {
    let amount = Amount {
        minor: told.amount_minor,
        currency: Currency::from_code(&told.currency)?,
    };
    Some(Conversion {
        amount,
        rate: told.rate.into(),
        markup_millionths: told.markup_millionths,
    })
}
