// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payments in the card's own currency: what is offered to which test card, and whether an offer that
//! comes back is one of ours.
//!
//! Offers are not kept: each names itself by a keyed hash of all that it says. Rates are fixed, so
//! that the same card and amount always get the same offer.

use crate::keys::letters;
use payhal_card_data::{SecretBytes, TestCard, masked, test_cards};
use payhal_messages::currency::{CurrencyOffer, CurrencyOffered, OfferCurrency};
use payhal_messages::gateway::{Acceptor, Authorize};
use payhal_messages::money::Amounts;
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};

/// How long an offer may be taken.
const GOOD_FOR_MICROS: i64 = 120_000_000;

/// What of each rate is markup: 3.5 %.
const MARKUP_MILLIONTHS: u32 = 35_000;

/// A test card of another currency than the euro.
struct Foreign {
    card: &'static str,
    currency: &'static str,
    /// Units for one euro, markup included, and the same in millionths of minor units for a cent.
    rate: &'static str,
    per_cent_millionths: i64,
}

const FOREIGN: [Foreign; 3] = [
    Foreign {
        card: "amex-approve",
        currency: "USD",
        rate: "1.1282",
        per_cent_millionths: 1_128_200,
    },
    Foreign {
        card: "canary-amex",
        currency: "USD",
        rate: "1.1282",
        per_cent_millionths: 1_128_200,
    },
    Foreign {
        card: "jcb-approve",
        currency: "JPY",
        rate: "168.19",
        per_cent_millionths: 1_681_900,
    },
];

/// How this gateway answers `offer_currency`.
pub(crate) fn offered(
    secret: &SecretBytes,
    request: &OfferCurrency,
    now: SystemTime,
) -> CurrencyOffered {
    let since = now.duration_since(UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    let now_micros = i64::try_from(micros).unwrap_or(i64::MAX);
    let offer = offer(secret, request, now_micros);
    CurrencyOffered { offer }
}

/// The same with an amount that does not follow from its rate: for the fault `contradict`.
pub(crate) fn wrong(mut offered: CurrencyOffered) -> CurrencyOffered {
    if let Some(offer) = &mut offered.offer {
        offer.amount_minor *= 2;
    }
    offered
}

/// The offer for a card; none to cards of the euro, of nobody, or in another currency.
fn offer(secret: &SecretBytes, request: &OfferCurrency, now_micros: i64) -> Option<CurrencyOffer> {
    let foreign = foreign(&request.card.masked_pan)?;
    if request.amounts.currency != "EUR" {
        return None;
    }
    let amount_minor = charged(foreign, request.amounts.total_minor)?;
    let mut offer = CurrencyOffer {
        offer_id: String::new(),
        amount_minor,
        currency: foreign.currency.to_owned(),
        rate: foreign.rate.to_owned(),
        markup_millionths: MARKUP_MILLIONTHS,
        expires_at_micros: now_micros.saturating_add(GOOD_FOR_MICROS),
    };
    let (id, acceptor) = (&request.transaction_id, &request.acceptor);
    offer.offer_id = name(secret, id, acceptor, &request.amounts, &offer);
    Some(offer)
}

/// Whether the offer of a request, where it has one, was made here for just this and still holds.
pub(crate) fn is_ours(secret: &SecretBytes, request: &Authorize) -> bool {
    let Some(offer) = &request.dcc else {
        return true;
    };
    let wire = &request.wire;
    let named = name(
        secret,
        &wire.transaction_id,
        &wire.acceptor,
        &request.amounts,
        offer,
    );
    named == offer.offer_id && wire.at_micros <= offer.expires_at_micros
}

fn foreign(masked_pan: &str) -> Option<&'static Foreign> {
    let shown = |card: &TestCard| masked(&card.pan()) == masked_pan;
    let known = test_cards().iter().find(|card| shown(card))?;
    FOREIGN.iter().find(|foreign| foreign.card == known.name)
}

/// Half a minor unit is rounded up.
fn charged(foreign: &Foreign, minor: i64) -> Option<i64> {
    let millionths = i128::from(minor) * i128::from(foreign.per_cent_millionths);
    i64::try_from((millionths + 500_000) / 1_000_000).ok()
}

fn name(
    secret: &SecretBytes,
    transaction_id: &str,
    acceptor: &Acceptor,
    amounts: &Amounts,
    offer: &CurrencyOffer,
) -> String {
    let mut hash = Sha256::new();
    hash.update(b"sandbox currency offer");
    hash.update(secret.bytes());
    let said = [
        transaction_id.to_owned(),
        acceptor.merchant.clone(),
        acceptor.terminal.clone(),
        amounts.currency.clone(),
        amounts.total_minor.to_string(),
        offer.currency.clone(),
        offer.amount_minor.to_string(),
        offer.rate.clone(),
        offer.markup_millionths.to_string(),
        offer.expires_at_micros.to_string(),
    ];
    for field in said {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    letters(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_messages::card::CardFace;
    use payhal_messages::money::Purpose;

    fn asked(card: &str, minor: i64) -> OfferCurrency {
        let card = payhal_card_data::test_card(card).unwrap();
        OfferCurrency {
            transaction_id: "t-1".into(),
            acceptor: Acceptor {
                merchant: "M".into(),
                terminal: "T".into(),
            },
            purpose: Purpose::Sale,
            amounts: Amounts {
                currency: "EUR".into(),
                total_minor: minor,
                tip_minor: None,
                surcharge_minor: None,
                cashback_minor: None,
            },
            timeout_ms: 5_000,
            card: CardFace {
                masked_pan: masked(&card.pan()),
                scheme: card.scheme().name().to_owned(),
                application: None,
                aid: None,
                country: None,
                expiry: None,
            },
        }
    }

    #[test]
    fn each_foreign_card_is_offered_its_currency() {
        let secret = SecretBytes::copied(&[7; 32]);
        for (card, charged) in [
            ("amex-approve", Some((1_128, "USD"))),
            ("jcb-approve", Some((1_682, "JPY"))),
            ("visa-approve", None),
        ] {
            let offer = offer(&secret, &asked(card, 1_000), 0);
            let told = offer.map(|offer| (offer.amount_minor, offer.currency));
            let charged = charged.map(|(minor, code)| (minor, code.to_owned()));
            assert_eq!(told, charged, "{card}");
        }
    }
}
