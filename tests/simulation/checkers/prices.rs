// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is sealed is what is recorded, asked and told, to the gateway that the card leads to; it is
//! never above what the register allowed, and holds only what customer and people agreed to.

use super::{Checker, Sight, violated};
use crate::currencies;
use crate::prices::{self, Tip};
use crate::world::World;
use payhal_engine::answer::{Answer, Approved};
use payhal_engine::dcc::CurrencyOffer;
use payhal_engine::device::DeviceCommand;
use payhal_engine::gateway::{CardSource, GatewayCommand, Recipient};
use payhal_engine::ids::{GatewayId, TransactionId};
use payhal_engine::money::Amounts;
use payhal_engine::prompt::PromptKind;
use payhal_engine::request::{Kind, MoneyRequest};
use payhal_engine::tokens::{Named, Token};

const LAW: &str = "one price";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| match sight {
        Sight::Device(
            _,
            DeviceCommand::AuthorizeCard {
                transaction_id,
                amounts,
                recipient,
                dcc,
                ..
            },
        ) => {
            priced(world, *transaction_id, amounts, recipient);
            chosen(
                world,
                *transaction_id,
                dcc.as_ref(),
                amounts,
                &recipient.gateway,
            );
        }
        Sight::Append(record) => {
            if let Some(intent) = record.fact.intent()
                && intent.request.kind.purpose().is_some()
                && let (Some(gateway), Some(_)) = (&intent.gateway, &intent.device)
            {
                as_sealed(world, record.transaction_id, &intent.amounts, gateway);
                as_chosen(world, record.transaction_id, intent.dcc.as_ref());
            }
        }
        Sight::Gateway(
            gateway,
            GatewayCommand::Authorize {
                wire,
                amounts,
                card: CardSource::Read { .. },
                dcc,
                ..
            },
        ) => {
            as_sealed(world, wire.transaction_id, amounts, gateway);
            as_chosen(world, wire.transaction_id, dcc.as_ref());
        }
        Sight::Gateway(gateway, GatewayCommand::Forward { wire, amounts, .. }) => {
            as_sealed(world, wire.transaction_id, amounts, gateway);
        }
        Sight::Answer(_, Answer::Approved { approved, .. }) => told(world, approved),
        _ => {}
    },
    ..Checker::BLIND
};

/// Amounts and gateway, as they are final.
fn priced(world: &World, id: TransactionId, amounts: &Amounts, recipient: &Recipient) {
    let seen = world.registers.attempt_of(id);
    let early = seen.and_then(|seen| seen.request.terms.presentation.as_ref());
    let early = early.and_then(|early| world.watches.told.get(early));
    let early = early.map(|(_, card)| (*card, Tip::None));
    let presented = world.prices.presented.get(&id).copied().or(early);
    let (Some(seen), Some((card, tip))) = (seen, presented) else {
        violated(LAW, format_args!("{id} is sealed, and no card was there"));
    };
    let sealed = world.prices.sealed.get(&id);
    if sealed.is_some_and(|(_, to)| *to == recipient.gateway) {
        violated(LAW, format_args!("{id} is sealed twice"));
    }
    let mut expected = *amounts;
    if seen.request.terms.estimate.is_some() {
        expected = said(world, id, amounts);
    } else if let Some(asked) = seen.request.amounts {
        expected = asked;
        if let Tip::Chosen(tip) = tip {
            expected.tip_minor = Some(tip);
            expected.total.minor += tip;
        }
    }
    if let Tip::Wrong(tip) = tip {
        violated(LAW, format_args!("{id} is sealed with a tip of {tip}"));
    }
    let register = &seen.scope.register.0;
    let gateways = match seen.request.kind {
        Kind::TokenUpdate => home_of_the_kept(world, &seen.request),
        _ => prices::gateways(card, register, &seen.request, expected.total.minor),
    };
    if !gateways.contains(&recipient.gateway) {
        violated(LAW, format_args!("{id} is sealed to {recipient:?}"));
    }
    let max = seen.request.amount_max;
    let room = max.map_or(0, |max| max.minor - expected.total.minor);
    let asked_about = (id, PromptKind::ConfirmSurcharge as u8);
    let surcharge = prices::surcharge(card, &expected, &seen.request).min(room);
    let silent = prices::is_silent(card, &seen.request) && surcharge > 0;
    let agreed = world.registers.agreed.contains(&asked_about);
    if prices::may_rise(seen.request.kind) && (agreed || silent) {
        expected.surcharge_minor = Some(surcharge);
        expected.total.minor += surcharge;
    }
    if *amounts != expected {
        violated(LAW, format_args!("{id}: {amounts:?}, not {expected:?}"));
    }
    let most = max
        .map(|max| max.minor)
        .max(seen.request.amounts.map(|asked| asked.total.minor));
    if most.is_some_and(|most| amounts.total.minor > most) {
        violated(LAW, format_args!("{id} costs more than was allowed"));
    }
}

/// Another card for a kept token goes where the token is.
fn home_of_the_kept(world: &World, request: &MoneyRequest) -> Vec<GatewayId> {
    let kept = world.journal.kept();
    let named = |it: &&Token| match &request.terms.stored {
        Some(Named::Id(id)) => it.id == *id,
        Some(Named::Reference(reference)) => !it.deleted && it.reference == *reference,
        None => false,
    };
    let homes = kept.values().filter(named);
    homes.map(|it| it.gateway.clone()).collect()
}

/// What its register said after the card, of what is sealed.
fn said(world: &World, id: TransactionId, sealed: &Amounts) -> Amounts {
    let plain = without_surcharge(sealed);
    let said = world.registers.said.get(&id);
    if said.is_none_or(|said| !said.contains(&plain)) {
        violated(
            LAW,
            format_args!("{id} is sealed over {sealed:?}; said was {said:?}"),
        );
    }
    plain
}

fn without_surcharge(amounts: &Amounts) -> Amounts {
    let mut plain = *amounts;
    plain.total.minor -= amounts.surcharge_minor.unwrap_or(0);
    plain.surcharge_minor = None;
    plain
}

/// The card's own currency where its customer chose it of this gateway, and only there; and only what
/// follows from the price.
fn chosen(
    world: &World,
    id: TransactionId,
    dcc: Option<&CurrencyOffer>,
    amounts: &Amounts,
    gateway: &GatewayId,
) {
    let asked_about = (id, PromptKind::ConfirmCurrency as u8);
    let at_till = world.registers.agreed.contains(&asked_about);
    let chosen = world.currencies.chosen(id, gateway, at_till);
    let right = dcc.is_none_or(|offer| currencies::is_right(offer, amounts));
    if chosen != dcc || !right {
        violated(
            LAW,
            format_args!("{id}: {dcc:?}, and chosen was {chosen:?}"),
        );
    }
}

/// What was sealed is what is recorded, asked and told.
fn as_chosen(world: &World, id: TransactionId, dcc: Option<&CurrencyOffer>) {
    let sealed = world.currencies.sealed.get(&id).and_then(Option::as_ref);
    if sealed != dcc {
        violated(
            LAW,
            format_args!("{id}: {dcc:?}, and sealed was {sealed:?}"),
        );
    }
}

fn as_sealed(world: &World, id: TransactionId, amounts: &Amounts, gateway: &GatewayId) {
    let sealed = world.prices.sealed.get(&id);
    if !sealed.is_some_and(|(sealed, to)| sealed == amounts && to == gateway) {
        violated(
            LAW,
            format_args!("{id}: {amounts:?} at {gateway}, and sealed was {sealed:?}"),
        );
    }
}

fn told(world: &World, approved: &Approved) {
    let id = approved.transaction_id;
    let Some((sealed, gateway)) = world.prices.sealed.get(&id) else {
        return;
    };
    let own = world.currencies.sealed.get(&id).and_then(Option::as_ref);
    let own = own.map(|offer| &offer.conversion);
    if approved.dcc.as_ref() != own
        || (own.is_some() && (approved.partial || approved.accepted_offline))
    {
        violated(LAW, format_args!("{approved:?}, and sealed was {own:?}"));
    }
    let asked = world.registers.attempt_of(id).map(|seen| &seen.request);
    let asked = asked.and_then(|request| request.amounts);
    let total = asked.unwrap_or_else(|| without_surcharge(sealed)).total;
    let requested = &approved.requested;
    let parts = |amounts: &Amounts| (amounts.tip_minor, amounts.surcharge_minor);
    let minor = approved.approved_minor;
    let right = requested.total == total
        && parts(requested) == parts(sealed)
        && approved.gateway.as_ref() == Some(gateway)
        && approved.partial == (minor < sealed.total.minor)
        && minor <= sealed.total.minor;
    if !right {
        violated(LAW, format_args!("{approved:?}, and sealed was {sealed:?}"));
    }
}
