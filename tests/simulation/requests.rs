// SPDX-License-Identifier: MIT OR Apache-2.0
//! What registers ask for: every kind of request, where it goes, and what it says besides.
//!
//! A new kind of request is a line in [`another`], or in [`change`] if it changes an earlier one.

use crate::gateways::GATEWAYS;
use crate::readers::DEVICES;
use crate::registers::{Sold, shows};
use crate::terminals::{self, TERMINALS};
use crate::world::World;
use payhal_engine::delayed::Estimate;
use payhal_engine::ids::{DeviceId, Scope};
use payhal_engine::money::{Amount, Amounts, Currency};
use payhal_engine::prompt::{Prompt, PromptKind};
use payhal_engine::request::{Kind, MoneyRequest, Receipt, Request, Terms};
use payhal_engine::tokens::{Keep, Named};

/// What a receipt of another host says.
const RECEIPT_MINOR: i64 = 300;

/// A request of any kind, with this gateway or on this terminal.
pub(crate) fn of_kind(
    world: &mut World,
    scope: &Scope,
    kind: Kind,
    minor: i64,
    place: &str,
) -> MoneyRequest {
    let device = Some(DeviceId::from(place)).filter(terminals::is_terminal);
    let gateway = device.is_none() && !place.is_empty();
    let without_amount = matches!(
        kind,
        Kind::Verify
            | Kind::Balance
            | Kind::BatchClose
            | Kind::TokenRegister
            | Kind::TokenUpdate
            | Kind::TokenDelete
            | Kind::Void { .. }
            | Kind::Undo { .. }
    );
    MoneyRequest {
        key: world.registers.next_key(scope).as_str().into(),
        kind,
        amounts: (!without_amount).then(|| whole(minor)),
        amount_max: None,
        device,
        gateway: gateway.then(|| place.into()),
        timeout_ms: None,
        reference: None,
        despite: Vec::new(),
        order: None,
        terms: Terms::default(),
    }
}

/// A customer comes, to this reader or to any.
pub(crate) fn new_sale(world: &mut World, scope: &Scope, device: Option<DeviceId>) -> MoneyRequest {
    let minor = some_minor(world);
    let named = device.is_none() && world.random.percent(50);
    let named = named.then(|| DEVICES[world.random.index(DEVICES.len())].into());
    let gateway = GATEWAYS[world.random.index(GATEWAYS.len())];
    let mut request = of_kind(world, scope, Kind::Sale, minor, gateway);
    request.device = device.or(named);
    // Where the card leads, and what it costs.
    if world.random.percent(45) {
        request.gateway = None;
    }
    if world.random.percent(40) {
        request.amount_max = Some(whole(minor + 50).total);
        request.terms.bypass_surcharge = world.random.percent(30);
    }
    request.timeout_ms = world.random.percent(20).then_some(20_000);
    request.reference = basket(world, 50);
    request.order = (world.random.percent(30)).then(|| r#"{"basket":[]}"#.into());
    if let Some(amounts) = &mut request.amounts {
        amounts.tip_minor = world.random.percent(10).then_some(20);
        amounts.cashback_minor = world.random.percent(10).then_some(50);
    }
    if world.random.percent(25) && shows(scope).contains(PromptKind::SetAmount) {
        later(&mut request);
    }
    if world.random.percent(5) {
        request.terms.voice_code = Some("1234".into());
    }
    // An amount that follows the card does not go with it.
    let later = request.terms.estimate.is_some();
    request.terms.allow_offline = world.random.percent(if later { 2 } else { 70 });
    if world.random.percent(10) {
        let reference = format!("customer {}", world.random.below(12));
        request.terms.keep = Some(Keep {
            reference: Some(reference.into()),
            ..Keep::default()
        });
    }
    request
}

/// The card comes first, and the amount when it is known.
pub(crate) fn later(request: &mut MoneyRequest) {
    let amounts = request.amounts.take();
    request.terms.estimate = amounts.map(|amounts| Estimate {
        amount: amounts.total,
        timeout_ms: None,
    });
}

/// What a register says to the question for an amount, right or not.
pub(crate) fn said(world: &mut World, prompt: &Prompt) -> Option<Amounts> {
    if prompt.kind != PromptKind::SetAmount {
        return None;
    }
    if world.script.is_some() {
        return Some(whole(1_234));
    }
    let mut amounts = whole(some_minor(world));
    match world.random.below(10) {
        // Perhaps above the most, or with a part that is more than the whole.
        0 => amounts.total.minor = 1_000,
        1 => amounts.tip_minor = Some(1_000),
        2 => amounts.total.currency = Currency::USD,
        3..=5 => amounts.tip_minor = Some(20),
        _ => {}
    }
    Some(amounts)
}

/// With the token of a card that was seen before.
pub(crate) fn with_token(world: &mut World, scope: &Scope) -> Option<MoneyRequest> {
    let tokens = &world.registers.tokens;
    let place = tokens.len().checked_sub(1)?;
    let (token, gateway) = tokens[world.random.index(place + 1)].clone();
    let minor = some_minor(world);
    let mut request = of_kind(world, scope, Kind::Sale, minor, &gateway.0);
    request.terms.token = Some(token);
    request.reference = basket(world, 30);
    Some(request)
}

/// A card is kept, used, changed or deleted, under one of few references.
pub(crate) fn of_kept_card(world: &mut World, scope: &Scope) -> MoneyRequest {
    let reference = |world: &mut World| Some(format!("customer {}", world.random.below(4)).into());
    let kinds = [
        Kind::TokenRegister,
        Kind::TokenRegister,
        Kind::TokenRegister,
        Kind::Sale,
        Kind::Sale,
        Kind::TokenUpdate,
        Kind::TokenDelete,
        Kind::TokenDelete,
    ];
    let kind = kinds[world.random.index(kinds.len())];
    // Only what begins needs a place; now and then somebody names a wrong one.
    let named = kind == Kind::TokenRegister || world.random.percent(20);
    let place = match named {
        true => GATEWAYS[world.random.index(GATEWAYS.len())],
        false => "",
    };
    let minor = some_minor(world);
    let mut request = of_kind(world, scope, kind, minor, place);
    if kind == Kind::TokenRegister {
        request.terms.keep = Some(Keep {
            reference: reference(world),
            card: true,
            ..Keep::default()
        });
        return request;
    }
    request.terms.stored = reference(world).map(Named::Reference);
    if kind == Kind::TokenUpdate {
        let card = world.random.percent(60);
        request.terms.keep = Some(Keep {
            reference: reference(world).filter(|_| !card),
            card,
            ..Keep::default()
        });
    }
    request
}

pub(crate) fn on_terminal(world: &mut World, scope: &Scope) -> MoneyRequest {
    let minor = some_minor(world);
    let terminal = TERMINALS[world.random.index(TERMINALS.len())];
    let mut request = of_kind(world, scope, Kind::Sale, minor, terminal);
    request.reference = basket(world, 30);
    request.amount_max = (world.random.percent(40)).then(|| whole(minor + 50).total);
    request
}

/// Something else than a sale, with a gateway or on a terminal.
pub(crate) fn another(world: &mut World, scope: &Scope) -> MoneyRequest {
    let kinds = [
        Kind::Authorize,
        Kind::Authorize,
        Kind::Authorize,
        Kind::Authorize,
        Kind::Verify,
        Kind::Balance,
        Kind::CashAdvance,
        Kind::RefundUnreferenced,
        Kind::RefundByReceipt,
    ];
    let kind = kinds[world.random.index(kinds.len())];
    let on_terminal = kind != Kind::RefundByReceipt && world.random.percent(35);
    let place = match on_terminal {
        true => TERMINALS[world.random.index(TERMINALS.len())],
        false => GATEWAYS[world.random.index(GATEWAYS.len())],
    };
    let minor = some_minor(world);
    let mut request = of_kind(world, scope, kind, minor, place);
    if kind == Kind::Authorize && world.random.percent(40) {
        request.amount_max = Some(whole(minor + 50).total);
    }
    if kind == Kind::RefundByReceipt {
        let number = world.random.below(2);
        request.terms.receipt = Some(receipt(number));
    }
    request
}

pub(crate) fn receipt(number: u64) -> Receipt {
    Receipt {
        reference: Some(format!("receipt {number}").into()),
        rrn: None,
        at_micros: 0,
        amount_minor: RECEIPT_MINOR,
    }
}

/// The end of a batch, of a gateway or a terminal.
pub(crate) fn close(world: &mut World, scope: &Scope) -> MoneyRequest {
    let place = somewhere(world);
    of_kind(world, scope, Kind::BatchClose, 0, place)
}

/// A look at the totals of a batch.
pub(crate) fn totals(world: &mut World) -> Request {
    let place = somewhere(world);
    totals_of(place)
}

pub(crate) fn totals_of(place: &str) -> Request {
    let device = Some(DeviceId::from(place)).filter(terminals::is_terminal);
    let gateway = device.is_none().then(|| place.into());
    Request::Totals { gateway, device }
}

/// Part of what was approved, or the whole, is taken, changed or given back.
pub(crate) fn change(world: &mut World, sold: Sold) -> (Kind, i64) {
    let original = sold.id;
    let part = i64::try_from(1 + world.random.below(100)).expect("small") * sold.minor / 80;
    let mut minor = part.max(1);
    if world.journal.is_waiting(original) && world.random.percent(70) {
        // Less than the whole cannot be taken back.
        minor = sold.minor;
    }
    let kind = match (sold.kind, world.random.below(10)) {
        (Kind::Authorize, 0..=4) => Kind::Capture { original },
        (Kind::Authorize, 5) => Kind::Adjust { original },
        (Kind::Authorize, 6 | 7) | (_, 0..=5) => Kind::Refund { original },
        (_, 6..=8) => Kind::Void { original },
        _ => Kind::Undo { original },
    };
    (kind, minor)
}

fn somewhere(world: &mut World) -> &'static str {
    let place = world.random.index(GATEWAYS.len() + TERMINALS.len());
    let mut places = GATEWAYS.into_iter().chain(TERMINALS);
    places.nth(place).expect("one of them")
}

/// Few amounts, so that two sales are often alike.
pub(crate) fn some_minor(world: &mut World) -> i64 {
    100 * i64::try_from(1 + world.random.below(3)).expect("small")
}

fn basket(world: &mut World, percent: u64) -> Option<std::sync::Arc<str>> {
    let basket = world.random.below(6);
    let named = world.random.percent(percent);
    named.then(|| format!("basket {basket}").into())
}

pub(crate) fn whole(minor: i64) -> Amounts {
    Amounts {
        total: Amount {
            minor,
            currency: Currency::EUR,
        },
        tip_minor: None,
        surcharge_minor: None,
        cashback_minor: None,
    }
}
