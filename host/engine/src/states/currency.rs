// SPDX-License-Identifier: MIT OR Apache-2.0
//! The card's own currency in the table of states.

use super::said::failed;
use crate::bench::Bench;
use crate::conversion::Conversion;
use crate::dcc::CurrencyOffer;
use crate::device::{DeviceCommand, DeviceReply};
use crate::effect::Effect;
use crate::engine::Alarm;
use crate::event::Event;
use crate::gateway::{Ability, GatewayCommand, GatewayReply};
use crate::money::{Amount, Currency};
use crate::prompt::PromptKind;

/// Its gateway offers other currencies.
pub(super) fn able_to_offer(bench: &mut Bench) {
    let known = bench.engine.gateways.values_mut();
    for parameters in known.filter_map(|status| status.parameters.as_mut()) {
        parameters.can.push(Ability::Dcc);
    }
}

/// Twelve dollars for ten euros.
pub(crate) fn offered() -> GatewayReply {
    GatewayReply::CurrencyOffered(Some(CurrencyOffer {
        offer_id: "offer".into(),
        conversion: Conversion {
            amount: Amount {
                minor: 1_200,
                currency: Currency::USD,
            },
            rate: "1.2".into(),
            markup_millionths: 30_000,
        },
        expires_at_micros: i64::MAX,
    }))
}

/// Who can be asked what.
pub(super) fn people(bench: &mut Bench, state: &str) {
    if state == "waiting for card" || state.ends_with("a currency") {
        bench.prompts = bench.prompts.with(PromptKind::ConfirmCurrency);
    }
    if state.ends_with("a currency") {
        able_to_offer(bench);
    }
}

/// From the card to the state.
pub(super) fn walk(bench: &mut Bench, state: &str) {
    if matches!(state, "choosing a currency" | "asked about a currency") {
        bench.gateway(offered());
    }
    if state == "asked about a currency" {
        bench.reader(DeviceReply::Unsupported);
    }
}

pub(super) fn happen(bench: &mut Bench, event: &str) -> Option<Vec<Effect>> {
    let call = bench.gateway_call.as_ref().map(|(_, command)| command);
    let offering = matches!(call, Some(GatewayCommand::OfferCurrency { .. }));
    let call = bench.reader_call.as_ref().map(|(_, _, command)| command);
    let choosing = matches!(call, Some(DeviceCommand::ConfirmCurrency { .. }));
    let chosen = |accepted| DeviceReply::CurrencyChosen { accepted };
    Some(match event {
        "own currency offered" if offering => bench.gateway(offered()),
        "no currency offered" if offering => bench.gateway(GatewayReply::CurrencyOffered(None)),
        "offer failed" if offering => bench.gateway(failed(false)),
        "own currency chosen" if choosing => bench.reader(chosen(true)),
        "shop's currency chosen" if choosing => bench.reader(chosen(false)),
        "reader leaves the choice" if choosing => bench.reader(DeviceReply::Unsupported),
        "time for an offer ends" => return time_ends(bench),
        _ => return None,
    })
}

fn time_ends(bench: &mut Bench) -> Option<Vec<Effect>> {
    let mut timers = bench.engine.timers.iter();
    let (timer, _) = timers.find(|(_, (_, alarm))| *alarm == Alarm::Offer)?;
    let fired = Event::TimerFired(*timer);
    Some(bench.step(fired))
}
