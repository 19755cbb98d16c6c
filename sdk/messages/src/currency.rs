// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paying in the currency of the card (dynamic currency conversion): a gateway's offer, which the
//! customer takes or leaves before anything is sealed.

use crate::card::CardFace;
use crate::gateway::Acceptor;
use crate::money::{Amounts, Purpose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Command `offer_currency`: could this card pay in its own currency? Nothing is asked of the
/// issuer and nothing moves; it may never be followed by anything. Reply: [`CurrencyOffered`].
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct OfferCurrency {
    /// Our transaction.
    pub transaction_id: String,
    /// Whose money.
    pub acceptor: Acceptor,
    /// What will be asked.
    pub purpose: Purpose,
    /// Final amounts, in the shop's currency.
    pub amounts: Amounts,
    /// What may be seen of the card.
    pub card: CardFace,
    /// How long an offer is waited for: a customer stands there, and what comes later is not heard.
    pub timeout_ms: u64,
}

/// Reply to `offer_currency`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct CurrencyOffered {
    /// The offer; absent = the card pays in the shop's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<CurrencyOffer>,
}

/// An amount in the card's currency that may be taken for a while. Goes along with `authorize_card` and
/// `authorize` once the customer has taken it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct CurrencyOffer {
    /// The gateway's name for it.
    pub offer_id: String,
    /// What the card is charged, minor units of `currency`. It follows from the rate, but for one
    /// unit of the rate's last digit and two minor units: an offer that does not is none.
    pub amount_minor: i64,
    /// ISO 4217 code of the card's currency; another one than the shop's.
    pub currency: String,
    /// Units of `currency` for one unit of the shop's, markup included, as decimal text of
    /// at most 16 characters: `1.0868`.
    pub rate: String,
    /// What of the rate is the gateway's markup, in millionths.
    #[serde(default)]
    pub markup_millionths: u32,
    /// Until when it may be taken, microseconds since 1970 UTC.
    pub expires_at_micros: i64,
}

impl CurrencyOffer {
    /// What chip, seal and issuer see of a payment that took the offer: one total, no parts.
    pub fn amounts(&self) -> Amounts {
        Amounts {
            currency: self.currency.clone(),
            total_minor: self.amount_minor,
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: None,
        }
    }
}

/// What a card was charged or given in its own currency, as an answer tells it: by a gateway of a
/// change (a refund, a capture) of what was charged so, by a terminal that offers by itself of each
/// payment. The amounts beside it stay in the shop's currency.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Conversion {
    /// Minor units of `currency`; follows from the rate as in [`CurrencyOffer`].
    pub amount_minor: i64,
    /// ISO 4217 code of the card's currency.
    pub currency: String,
    /// Units of `currency` for one unit of the shop's, markup included, as decimal text.
    pub rate: String,
    /// What of the rate is markup, in millionths.
    #[serde(default)]
    pub markup_millionths: u32,
}

/// Command `confirm_currency` of a reader with `dcc`: show both amounts, rate and markup, and let the
/// customer choose. The card stays where it is. Unsupported: the people at the till are asked.
/// Reply: [`CurrencyChoice`].
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ConfirmCurrency {
    /// Our transaction.
    pub transaction_id: String,
    /// From the presentation.
    pub presentation_id: String,
    /// Final amounts, in the shop's currency.
    pub amounts: Amounts,
    /// What is offered.
    pub offer: CurrencyOffer,
    /// How long the customer has. Silence is a no.
    pub timeout_ms: u64,
}

/// Reply to `confirm_currency`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct CurrencyChoice {
    /// Whether the customer chose the card's own currency; never true without a yes.
    pub accepted: bool,
}
