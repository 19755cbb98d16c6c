// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cashiers: they sell, give back, cancel, lose connections, and try again in every way there is.
//!
//! A new kind of request is a function here and a line in [`act`].

use crate::gateways::GATEWAYS;
use crate::readers::DEVICES;
use crate::registers::{Attempt, Purpose, Sold, shows};
use crate::terminals::{self, TERMINALS};
use crate::world::{Happening, World};
use payhal_engine::event::Event;
use payhal_engine::ids::{DeviceId, Scope, TransactionId};
use payhal_engine::money::{Amount, Amounts, Currency};
use payhal_engine::prompt::PromptKinds;
use payhal_engine::request::{Caller, Kind, MoneyRequest, Request, Response, Terms, Which};

const REGISTERS: [&str; 3] = ["register 1", "register 2", "register 3"];

/// One thing a register does.
pub(crate) fn act(world: &mut World) -> Option<Event> {
    match world.random.below(24) {
        0..=4 => Some(sell_somewhere(world)),
        5..=7 => Some(pay_on_terminal(world)),
        8..=12 => give_back(world),
        13 | 14 => cancel(world),
        15 => forget(world),
        16 | 17 => other_body(world),
        18 => Some(look(world)),
        19 | 20 => try_again(world),
        _ => {
            let attempts = world.registers.attempts.len();
            (attempts > 0).then(|| {
                let attempt = world.random.index(attempts);
                ask(world, attempt)
            })
        }
    }
}

/// Asks with a key that is there already.
pub(crate) fn ask(world: &mut World, attempt: usize) -> Event {
    let Attempt { scope, request, .. } = world.registers.attempts[attempt].clone();
    let event = asked(
        world,
        Purpose::Money(attempt),
        scope,
        Request::Money(Box::new(request)),
    );
    if let Event::Asked { transaction_id, .. } = &event {
        world.registers.asked.insert(*transaction_id, attempt);
    }
    if world.faults && world.random.percent(15) {
        let delay_ms = world.random.below(12_000);
        world.in_ms(delay_ms, Happening::Cancel(attempt));
    }
    event
}

/// Begins a request under a fresh key.
pub(crate) fn begin(world: &mut World, scope: Scope, request: MoneyRequest) -> Event {
    let attempt = Attempt {
        scope,
        request,
        last_answer: None,
        final_answer: None,
    };
    world.registers.attempts.push(attempt);
    let attempt = world.registers.attempts.len() - 1;
    ask(world, attempt)
}

/// A customer comes, to this reader or to any.
pub(crate) fn new_sale(world: &mut World, device: Option<DeviceId>) -> Event {
    let minor = 100 * i64::try_from(1 + world.random.below(3)).expect("small");
    let named = device.is_none() && world.random.percent(50);
    let named = named.then(|| DEVICES[world.random.index(DEVICES.len())].into());
    let gateway = GATEWAYS[world.random.index(GATEWAYS.len())];
    let basket = world.random.below(6);
    let reference = world.random.percent(50);
    let timeout_ms = world.random.percent(20).then_some(20_000);
    let scope = a_register(world);
    let request = MoneyRequest {
        device: device.or(named),
        timeout_ms,
        reference: reference.then(|| format!("basket {basket}").into()),
        ..sale(world, &scope, minor, gateway)
    };
    begin(world, scope, request)
}

fn sell_somewhere(world: &mut World) -> Event {
    new_sale(world, None)
}

/// A payment that a terminal runs by itself.
pub(crate) fn on_terminal(
    world: &mut World,
    scope: &Scope,
    minor: i64,
    terminal: &str,
) -> MoneyRequest {
    MoneyRequest {
        device: Some(terminal.into()),
        gateway: None,
        ..sale(world, scope, minor, "")
    }
}

fn pay_on_terminal(world: &mut World) -> Event {
    let minor = 100 * i64::try_from(1 + world.random.below(3)).expect("small");
    let terminal = TERMINALS[world.random.index(TERMINALS.len())];
    let basket = world.random.below(6);
    let reference = world.random.percent(30);
    let tip = world.random.percent(40);
    let scope = a_register(world);
    let request = MoneyRequest {
        reference: reference.then(|| format!("basket {basket}").into()),
        amount_max: tip.then(|| whole(minor + 50).total),
        ..on_terminal(world, &scope, minor, terminal)
    };
    begin(world, scope, request)
}

/// A person looks at a terminal's ledger; later, while it is at it.
pub(crate) fn person(world: &mut World, id: TransactionId) -> Option<Event> {
    let device = world.journal.intent_of(id)?.device.clone()?;
    if !terminals::is_terminal(&device) || !world.journal.needs_operator(id) {
        return None;
    }
    world.in_ms(1_200_000, Happening::Person(id));
    if world.terminals.is_running(id) {
        return None;
    }
    world.tally.count("people looked at a terminal");
    let request = terminals::resolve(world, id);
    let scope = register("office");
    let caller = Caller {
        scope,
        others: true,
        prompts: PromptKinds::default(),
    };
    Some(Event::Asked {
        ticket: world.registers.ticket(Purpose::Other),
        caller,
        transaction_id: world.fresh_id(),
        request,
    })
}

/// A sale on any reader.
pub(crate) fn sale(world: &mut World, scope: &Scope, minor: i64, gateway: &str) -> MoneyRequest {
    MoneyRequest {
        key: world.registers.next_key(scope).as_str().into(),
        kind: Kind::Sale,
        amounts: Some(whole(minor)),
        amount_max: None,
        device: None,
        gateway: Some(gateway.into()),
        timeout_ms: None,
        reference: None,
        despite: Vec::new(),
        order: None,
        terms: Terms::default(),
    }
}

/// Part of a sale, or the whole, goes back; often from several sides at once.
fn give_back(world: &mut World) -> Option<Event> {
    let count = world.registers.sold.len();
    if count == 0 {
        return None;
    }
    // The latest ones more often, so that changes meet.
    let place = count - 1 - world.random.index(count.min(3));
    let sold = world.registers.sold[place];
    if world.random.percent(40) {
        return Some(void(world, sold));
    }
    let part = i64::try_from(1 + world.random.below(100)).expect("small") * sold.minor / 80;
    Some(refund(world, sold, part.max(1)))
}

pub(crate) fn void(world: &mut World, sold: Sold) -> Event {
    change(world, sold, Kind::Void { original: sold.id }, None)
}

pub(crate) fn refund(world: &mut World, sold: Sold, minor: i64) -> Event {
    let kind = Kind::Refund { original: sold.id };
    change(world, sold, kind, Some(whole(minor)))
}

fn change(world: &mut World, sold: Sold, kind: Kind, amounts: Option<Amounts>) -> Event {
    let scope = world.registers.attempts[sold.attempt].scope.clone();
    let request = MoneyRequest {
        kind,
        amounts,
        gateway: None,
        ..sale(world, &scope, 0, "")
    };
    begin(world, scope, request)
}

/// The same basket under a new key, whatever became of the first try.
fn try_again(world: &mut World) -> Option<Event> {
    let attempt = recent(world)?;
    Some(again_under_new_key(world, attempt))
}

pub(crate) fn again_under_new_key(world: &mut World, attempt: usize) -> Event {
    let Attempt { scope, request, .. } = world.registers.attempts[attempt].clone();
    let key = world.registers.next_key(&scope).as_str().into();
    world.tally.count("tried again under a new key");
    let request = MoneyRequest {
        key,
        despite: Vec::new(),
        ..request
    };
    begin(world, scope, request)
}

fn cancel(world: &mut World) -> Option<Event> {
    let attempt = recent(world)?;
    Some(cancel_of(world, attempt))
}

/// By key, or by our id.
pub(crate) fn cancel_of(world: &mut World, attempt: usize) -> Event {
    let Attempt { scope, request, .. } = world.registers.attempts[attempt].clone();
    let asked_as = world.registers.asked.iter();
    let id: Option<TransactionId> = asked_as
        .filter(|(_, place)| **place == attempt)
        .map(|(id, _)| *id)
        .next();
    let which = match id {
        Some(id) if world.random.percent(30) => Which::Transaction(id),
        _ => Which::Key(request.key),
    };
    asked(world, Purpose::Other, scope, Request::Cancel(which))
}

/// Somebody answers a question, in time or not; seldom it is not theirs.
pub(crate) fn respond(world: &mut World, place: usize) -> Event {
    let (prompt, scope) = world.registers.shown[place].clone();
    let scope = match world.random.percent(10) {
        true => a_register(world),
        false => scope,
    };
    let response = Response {
        accepted: Some(world.random.percent(50)),
        chosen: Some(world.random.index(3)),
        text: Some("text".into()),
    };
    let prompt = prompt.prompt_id;
    asked(
        world,
        Purpose::Other,
        scope,
        Request::Respond { prompt, response },
    )
}

/// A register closes a connection.
pub(crate) fn forget(world: &mut World) -> Option<Event> {
    let open = world.registers.open();
    if open.is_empty() {
        return None;
    }
    let ticket = open[world.random.index(open.len())];
    world.registers.close(ticket);
    Some(Event::Forgotten { ticket })
}

/// The same key with another body must be refused, whatever became of the first.
fn other_body(world: &mut World) -> Option<Event> {
    let attempt = recent(world)?;
    let Attempt {
        scope, mut request, ..
    } = world.registers.attempts[attempt].clone();
    // A key that was never used up may be used for something else.
    world.registers.attempts[attempt].final_answer.as_ref()?;
    request.reference = Some("another basket".into());
    Some(asked(
        world,
        Purpose::OtherBody,
        scope,
        Request::Money(Box::new(request)),
    ))
}

fn look(world: &mut World) -> Event {
    let scope = a_register(world);
    asked(world, Purpose::Other, scope, Request::LiveAll)
}

fn recent(world: &mut World) -> Option<usize> {
    let count = world.registers.attempts.len();
    (count > 0).then(|| count - 1 - world.random.index(count.min(4)))
}

fn asked(world: &mut World, purpose: Purpose, scope: Scope, request: Request) -> Event {
    let prompts = shows(&scope);
    let caller = Caller {
        scope,
        others: false,
        prompts,
    };
    Event::Asked {
        ticket: world.registers.ticket(purpose),
        caller,
        transaction_id: world.fresh_id(),
        request,
    }
}

fn a_register(world: &mut World) -> Scope {
    register(REGISTERS[world.random.index(REGISTERS.len())])
}

pub(crate) fn register(name: &str) -> Scope {
    Scope {
        register: name.into(),
        generation: 1,
    }
}

fn whole(minor: i64) -> Amounts {
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
