// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `confirm_currency`: the customer chooses between the shop's currency and the card's own.
//!
//! Never takes silence, or the key of an automatic card, for a yes.

use crate::config::{Moment, Selection};
use crate::error::refusal;
use crate::present::{DAY, stopped};
use crate::reader::VirtualReader;
use crate::screen::Screen;
use crate::state::{State, Waiting};
use crate::words::money;
use payhal_messages::call::CardRefusal;
use payhal_messages::currency::{ConfirmCurrency, CurrencyChoice};
use payhal_messages::prompt::Stage;
use payhal_plugin::{Context, Outcome, PluginError};
use std::time::Duration;

/// The shop's currency comes first: it is what an automatic card chooses.
const OWN: usize = 1;

pub(crate) fn confirm_currency(
    reader: &VirtualReader,
    request: &ConfirmCurrency,
    context: &Context,
) -> Outcome<CurrencyChoice> {
    let shared = &reader.shared;
    shared.check_attached()?;
    if shared.selection == Selection::Register {
        return Err(PluginError::Unsupported);
    }
    if reader.held(&request.presentation_id).is_none() {
        return Ok(Err(refusal(CardRefusal::CardRemoved)));
    }
    let labels = labels(request);
    shared.show(screen(request, &labels));
    context.progress(Stage::Reading, "Choose the currency on the reader");
    let until = context.now() + Duration::from_millis(request.timeout_ms).min(DAY);
    let _waiting = shared.begin(Waiting::Select(labels.to_vec()));
    shared.play(Moment::Select);
    let chosen = shared.wait(context, until, choice)?;
    Ok(chosen.unwrap_or(Ok(0)).map_err(refusal).map(|place| {
        let accepted = place == OWN;
        CurrencyChoice { accepted }
    }))
}

/// What the customer did.
fn choice(state: &mut State) -> Option<Result<usize, CardRefusal>> {
    if let Some(why) = stopped(state) {
        return Some(Err(why));
    }
    if let Some(place) = state.chosen.take() {
        return Some(Ok(place));
    }
    while let Some(key) = state.take_key() {
        match key {
            b'*' => return Some(Err(CardRefusal::CancelledOnDevice)),
            b'1' | b'2' => return Some(Ok(usize::from(key - b'1'))),
            _ => {}
        }
    }
    None
}

fn labels(request: &ConfirmCurrency) -> [String; 2] {
    let (amounts, offer) = (&request.amounts, &request.offer);
    [
        money(amounts.total_minor, &amounts.currency),
        money(offer.amount_minor, &offer.currency),
    ]
}

/// Both amounts, rate and markup.
fn screen(request: &ConfirmCurrency, labels: &[String; 2]) -> Screen {
    let [shop, own] = labels;
    let offer = &request.offer;
    // Tenths of a percent, rounded up: a customer is told no less than it is.
    let tenths = offer.markup_millionths.div_ceil(1_000);
    let rate = format!("{} incl. {}.{}%", offer.rate, tenths / 10, tenths % 10);
    Screen::of(&[
        "Choose your currency",
        &format!("1 {shop}"),
        &format!("2 {own}"),
        &rate,
    ])
}
