// SPDX-License-Identifier: MIT OR Apache-2.0
//! The card's own currency, which a terminal offers by itself: asked on the keypad after the card.
//!
//! Never without a yes; the ledger stays in the shop's currency.

use crate::card::{Read, Step, choose_here};
use crate::limits::CURRENCY_TIME;
use crate::state::Shared;
use crate::words::money;
use payhal_card_data::TestCard;
use payhal_messages::call::CardRefusal;
use payhal_messages::currency::Conversion;
use payhal_messages::money::Purpose;
use payhal_messages::prompt::Stage;
use payhal_messages::terminal::Pay;
use payhal_plugin::Context;

/// The card whose issuer counts in dollars.
const CARD: &str = "amex-approve";

/// Dollars for one euro, the same in millionths, and what of it is markup.
const RATE: &str = "1.1282";
const RATE_MILLIONTHS: i64 = 1_128_200;
const MARKUP_MILLIONTHS: u32 = 35_000;

/// Whether the customer pays a total in dollars. Silence is a no, an automatic card chooses none.
pub(crate) fn chosen(
    shared: &Shared,
    request: &Pay,
    read: &Read,
    total_minor: i64,
    context: &Context,
) -> Step<bool> {
    let sold = matches!(request.purpose, Purpose::Sale | Purpose::Authorize);
    let cash = request.amounts.cashback_minor.unwrap_or(0);
    let fits = sold && cash == 0 && request.amounts.currency == "EUR" && is_foreign(read.card);
    if !(fits && shared.offers_currency) || shared.lock().offline.on {
        return Ok(Ok(false));
    }
    let own = conversion(total_minor);
    let labels = [
        money(total_minor, "EUR"),
        format!("{} {RATE}", money(own.amount_minor, "USD")),
    ];
    context.progress(Stage::Reading, "Choose the currency on the terminal");
    let until = context.now() + CURRENCY_TIME;
    let labels = labels.each_ref().map(String::as_str);
    Ok(match choose_here(shared, &labels, until, context)? {
        Ok(place) => Ok(place == 1),
        Err(CardRefusal::NoCard) => Ok(false),
        Err(why) => Err(why),
    })
}

fn is_foreign(card: &TestCard) -> bool {
    card.name == CARD
}

/// What an amount in euros comes to; half a cent is rounded up.
pub(crate) fn conversion(minor: i64) -> Conversion {
    Conversion {
        amount_minor: (minor * RATE_MILLIONTHS + 500_000) / 1_000_000,
        currency: "USD".into(),
        rate: RATE.into(),
        markup_millionths: MARKUP_MILLIONTHS,
    }
}
