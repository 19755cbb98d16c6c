// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes in words: which payments go where, what stands in the way of a route, and where one
//! payment would go.
//!
//! It reads the configuration that the engine runs on, and asks the engine's own rules; it knows no
//! gateway's state. Its words never hold more of a card than a rule does.

mod relation;

use crate::amount;
use payhal_engine::Config;
use payhal_engine::card::{CardFace, Cards};
use payhal_engine::ids::{GatewayId, RegisterId};
use payhal_engine::money::{Amount, Amounts};
use payhal_engine::routing::Route;
use payhal_protocol::Amount as Shown;
use relation::{covers, meet};
use serde::Serialize;
use std::sync::Arc;

/// Names that readers have for schemes; others can be, but are more likely misspelt.
const SCHEMES: [&str; 17] = [
    "visa",
    "mastercard",
    "maestro",
    "amex",
    "discover",
    "jcb",
    "diners",
    "unionpay",
    "rupay",
    "mir",
    "troy",
    "verve",
    "elo",
    "hipercard",
    "girocard",
    "bancontact",
    "other",
];

/// Something that can be known of a payment before it is made.
#[derive(Debug)]
pub(crate) struct Payment {
    /// Who asks.
    pub(crate) register: RegisterId,
    /// The total; absent where nothing is charged.
    pub(crate) total: Option<Amount>,
    /// The card, as far as it is told.
    pub(crate) card: Option<CardFace>,
    /// The gateway that the request names.
    pub(crate) gateway: Option<GatewayId>,
}

/// Where a payment goes, and why.
#[derive(Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Way {
    /// The gateway, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gateway: Option<String>,
    /// Where it goes instead, in order, while that one cannot be reached.
    pub(crate) fallback: Vec<String>,
    /// One line for each thing that was looked at, in order.
    pub(crate) why: Vec<String>,
}

impl Way {
    fn to(gateway: &GatewayId, fallback: &[GatewayId], why: Vec<String>) -> Self {
        let name = |gateway: &GatewayId| gateway.0.to_string();
        Self {
            gateway: Some(name(gateway)),
            fallback: fallback.iter().map(name).collect(),
            why,
        }
    }
}

/// What is worth saying about the routes.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Findings {
    /// What cannot be meant.
    pub(crate) wrong: Vec<String>,
    /// What may be meant, and surprises.
    pub(crate) notes: Vec<String>,
}

/// Each route, then the rest: which payments, and where they go.
pub(crate) fn explain(config: &Config) -> Vec<(String, String)> {
    let routes = config.routes.iter().enumerate();
    let mut rows: Vec<_> = routes
        .map(|(place, route)| {
            let mut to = format!("{} go to {}", words(route), route.gateway.0);
            if !route.fallback.is_empty() {
                let names = names(&route.fallback);
                to.push_str(&format!("; while it cannot be reached, to {names}"));
            }
            (format!("route {}", place + 1), to)
        })
        .collect();
    let rest = match &config.gateway {
        Some(gateway) => format!("everything else goes to {}", gateway.0),
        None => "everything else goes to the only gateway".to_owned(),
    };
    if !config.routes.is_empty() || config.gateway.is_some() {
        rows.push(("otherwise".to_owned(), rest));
    }
    rows
}

/// Routes that no payment ever takes, those that others get before, and names that nobody has.
pub(crate) fn look(config: &Config) -> Findings {
    let mut findings = Findings::default();
    for (place, route) in config.routes.iter().enumerate() {
        let number = place + 1;
        if let Some(scheme) = route
            .cards
            .scheme
            .as_deref()
            .filter(|it| !SCHEMES.contains(it))
        {
            let known = SCHEMES.join(", ");
            let note = format!(
                "route {number}: no reader that comes with the host calls a scheme `{scheme}`; they \
                 say {known}"
            );
            findings.notes.push(note);
        }
        let earlier = config.routes[..place].iter().enumerate();
        for (before, other) in earlier {
            let first = before + 1;
            if covers(other, route) {
                findings.wrong.push(format!(
                    "route {number} is never taken: route {first} stands before it and takes {} \
                     already; put it first, or leave it out",
                    words(route)
                ));
                break;
            }
            if other.gateway != route.gateway && meet(other, route) {
                findings.notes.push(format!(
                    "routes {first} and {number} meet: what fits both goes to {}, as route {first} \
                     stands first",
                    other.gateway.0
                ));
            }
        }
    }
    findings
}

/// Where one payment would go.
pub(crate) fn route(config: &Config, payment: &Payment) -> Way {
    if let Some(gateway) = &payment.gateway {
        let why = "the request names it; no route counts, and it goes nowhere else".to_owned();
        return Way::to(gateway, &[], vec![why]);
    }
    let amounts = payment.total.map(whole);
    let card = payment.card.as_ref();
    let mut why = Vec::new();
    for (place, route) in config.routes.iter().enumerate() {
        let number = place + 1;
        if route.takes(&payment.register, amounts.as_ref(), card) {
            why.push(format!("route {number} takes it: {}", words(route)));
            return Way::to(&route.gateway, &route.fallback, why);
        }
        why.push(format!(
            "route {number} does not: {}",
            missed(route, payment)
        ));
    }
    if let Some(gateway) = &config.gateway {
        why.push("host.default_gateway takes what no route does".to_owned());
        return Way::to(gateway, &[], why);
    }
    Way {
        gateway: None,
        fallback: Vec::new(),
        why,
    }
}

/// The first thing of a route that a payment does not have.
fn missed(route: &Route, payment: &Payment) -> String {
    let Route { cards, .. } = route;
    let total = payment.total;
    let card = payment.card.as_ref();
    let scheme = cards.scheme.as_ref();
    let begins = |card: &CardFace| {
        cards.ranges.is_empty()
            || (cards.ranges.iter()).any(|range| card.masked_pan.starts_with(&**range))
    };
    if (route.register.as_ref()).is_some_and(|register| *register != payment.register) {
        let register = route.register.as_ref().map(ToString::to_string);
        return format!("it is for register {}", register.unwrap_or_default());
    }
    if (route.currency).is_some_and(|wanted| total.is_none_or(|total| total.currency != wanted)) {
        return format!("it is for payments {}", sum(route).unwrap_or_default());
    }
    let below = |from| total.is_none_or(|total| total.minor < from);
    let above = |to| total.is_none_or(|total| total.minor > to);
    if route.from_minor.is_some_and(below) || route.to_minor.is_some_and(above) {
        return format!("it is for payments {}", sum(route).unwrap_or_default());
    }
    let Some(card) = card else {
        return format!(
            "it waits for {}, and the card is not told",
            cards_words(cards)
        );
    };
    match scheme.is_none_or(|scheme| *scheme == card.scheme) && begins(card) {
        true if card.country.is_none() => {
            format!(
                "it is for {}, and the card tells no country",
                cards_words(cards)
            )
        }
        _ => format!("it is for {}", cards_words(cards)),
    }
}

/// Which payments a route is for.
fn words(route: &Route) -> String {
    let mut words = match route.cards == Cards::default() {
        true => "all payments".to_owned(),
        false => format!("payments with {}", cards_words(&route.cards)),
    };
    for part in [register(route), sum(route)].into_iter().flatten() {
        words.push(' ');
        words.push_str(&part);
    }
    words
}

fn cards_words(cards: &Cards) -> String {
    let mut words = match &cards.scheme {
        Some(scheme) => format!("{scheme} cards"),
        None => "cards".to_owned(),
    };
    if !cards.ranges.is_empty() {
        words.push_str(&format!(" that begin with {}", or(&cards.ranges)));
    }
    if !cards.countries.is_empty() {
        words.push_str(&format!(" issued in {}", or(&cards.countries)));
    }
    words
}

fn register(route: &Route) -> Option<String> {
    Some(format!("of register {}", route.register.as_ref()?))
}

/// Currency and bounds.
fn sum(route: &Route) -> Option<String> {
    let currency = route.currency?;
    let shown = |minor| amount::show(&Shown::new(minor, currency.code()));
    Some(match (route.from_minor, route.to_minor) {
        (None, None) => format!("in {}", currency.code()),
        (Some(from), None) => format!("from {}", shown(from)),
        (None, Some(to)) => format!("up to {}", shown(to)),
        (Some(from), Some(to)) => format!("from {} to {}", shown(from), shown(to)),
    })
}

fn or(texts: &[Arc<str>]) -> String {
    texts.join(" or ")
}

fn names(gateways: &[GatewayId]) -> String {
    let names: Vec<_> = gateways.iter().map(|gateway| &*gateway.0).collect();
    names.join(", then to ")
}

fn whole(total: Amount) -> Amounts {
    Amounts {
        total,
        tip_minor: None,
        surcharge_minor: None,
        cashback_minor: None,
    }
}

#[cfg(test)]
mod tests;
