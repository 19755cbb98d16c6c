// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a gateway reports of taxes, tips and surcharges, as the engine has it. It was checked when
//! the gateway opened.

use payhal_engine::card::Cards;
use payhal_engine::ids::GatewayId;
use payhal_engine::money::{Amount, Currency};
use payhal_engine::pricing::{Lists, Millionths, Surcharge, Tax, Tip, TipOf};
use payhal_messages::settings as m;

/// The lists of a gateway; an entry in a currency that nobody knows is for no payment.
pub(super) fn lists(gateway: &GatewayId, settings: Option<&m::GatewaySettings>) -> Lists {
    let Some(settings) = settings else {
        return Lists::default();
    };
    let surcharges = settings.surcharges.iter();
    Lists {
        taxes: settings.taxes.iter().map(tax).collect(),
        tips: settings.tips.iter().filter_map(tip).collect(),
        surcharges: surcharges
            .filter_map(|entry| surcharge(gateway, entry))
            .collect(),
    }
}

fn rate(millionths: u32) -> Millionths {
    Millionths::new(millionths).unwrap_or_default()
}

fn tax(tax: &m::Tax) -> Tax {
    Tax {
        id: tax.id.as_str().into(),
        rate: rate(tax.rate_millionths),
    }
}

fn tip(tip: &m::Tip) -> Option<Tip> {
    let id = tip.id().as_str().into();
    let of = match tip {
        m::Tip::Percentage {
            rate_millionths, ..
        } => TipOf::Rate(rate(*rate_millionths)),
        m::Tip::Amount {
            minor, currency, ..
        } => TipOf::Amount(Amount {
            minor: *minor,
            currency: Currency::from_code(currency)?,
        }),
    };
    Some(Tip { id, of })
}

fn surcharge(gateway: &GatewayId, entry: &m::Surcharge) -> Option<Surcharge> {
    let currency = match &entry.currency {
        Some(code) => Some(Currency::from_code(code)?),
        None => None,
    };
    let ranges = entry.ranges.iter();
    Some(Surcharge {
        cards: Cards {
            scheme: entry.scheme.as_deref().map(Into::into),
            ranges: ranges.map(|range| range.as_str().into()).collect(),
            ..Cards::default()
        },
        gateway: Some(gateway.clone()),
        currency,
        rate: rate(entry.rate_millionths),
        fixed_minor: entry.fixed_minor,
        bypass: entry.bypass,
        undisclosed: !entry.disclose,
    })
}
