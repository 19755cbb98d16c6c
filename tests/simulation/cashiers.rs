// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cashiers: they sell, give back, cancel, lose connections, and try again in every way there is.
//! What they ask for is in `requests.rs`.

use crate::persons;
use crate::registers::{Attempt, Purpose, Sold, shows};
use crate::requests;
use crate::watches;
use crate::world::{Happening, World};
use payhal_engine::event::Event;
use payhal_engine::ids::{DeviceId, Scope, TransactionId};
use payhal_engine::prompt::PromptKind;
use payhal_engine::request::{Caller, Kind, MoneyRequest, Request, Response, Sign, Which};
use std::sync::Arc;

const REGISTERS: [&str; 3] = ["register 1", "register 2", "register 3"];

/// One thing a register does.
pub(crate) fn act(world: &mut World) -> Option<Event> {
    match world.random.below(42) {
        0..=5 => Some(new_sale(world, None)),
        6..=8 => Some(ask_for(world, requests::on_terminal)),
        9..=12 => Some(ask_for(world, requests::another)),
        13..=19 => change_something(world),
        20 | 21 => cancel(world),
        22 => forget(world),
        23 | 24 => other_body(world),
        25 => Some(look(world)),
        26 | 27 => try_again(world),
        28 => Some(ask_for(world, requests::close)),
        29 => persons::impatient(world),
        30 | 31 => pay_with_token(world),
        32..=34 => Some(ask_for(world, requests::of_kept_card)),
        35 => sign(world),
        36 | 37 => Some(watches::lend(world)),
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
        paired_anew(world, &scope),
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
pub(crate) fn begin(world: &mut World, scope: &Scope, request: MoneyRequest) -> Event {
    let attempt = Attempt {
        scope: scope.of(&request.key),
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
    ask_for(world, |world, scope| {
        requests::new_sale(world, scope, device)
    })
}

/// Some register asks for something new.
fn ask_for(world: &mut World, what: impl FnOnce(&mut World, &Scope) -> MoneyRequest) -> Event {
    let scope = a_register(world);
    let request = what(world, &scope);
    begin(world, &scope, request)
}

fn pay_with_token(world: &mut World) -> Option<Event> {
    let scope = a_register(world);
    let request = requests::with_token(world, &scope)?;
    Some(begin(world, &scope, request))
}

/// Something that was approved is changed; often from several sides at once.
fn change_something(world: &mut World) -> Option<Event> {
    let count = world.registers.sold.len();
    if count == 0 {
        return None;
    }
    // The latest ones more often, so that changes meet.
    let place = count - 1 - world.random.index(count.min(3));
    let sold = world.registers.sold[place];
    let (kind, minor) = requests::change(world, sold);
    Some(change(world, sold, kind, minor))
}

pub(crate) fn change(world: &mut World, sold: Sold, kind: Kind, minor: i64) -> Event {
    let scope = world.registers.attempts[sold.attempt].scope.clone();
    let request = requests::of_kind(world, &scope, kind, minor, "");
    begin(world, &scope, request)
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
    begin(world, &scope, request)
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
    let scope = paired_anew(world, &scope);
    asked(world, Purpose::Other, scope, Request::Cancel(which))
}

/// Somebody answers a question, in time or not; seldom it is not theirs.
pub(crate) fn respond(world: &mut World, place: usize) -> Event {
    let (prompt, scope) = world.registers.shown[place].clone();
    let scope = match world.script.is_none() && world.random.percent(10) {
        true => a_register(world),
        false => scope,
    };
    let says = world.script.as_ref().and_then(|fates| fates.says);
    let accepted = says.unwrap_or_else(|| world.random.percent(50));
    let amounts = requests::said(world, &prompt).filter(|_| accepted);
    let signature = (prompt.kind == PromptKind::ConfirmSignature)
        .then(|| draw(world, prompt.prompt_id.transaction, 0));
    let purpose = match signature {
        Some(_) if accepted => Purpose::Shows(world.registers.drawn.len() - 1),
        _ => Purpose::Other,
    };
    let response = Response {
        accepted: Some(accepted),
        chosen: Some(world.random.index(3)),
        text: Some("text".into()),
        amounts,
        signature,
    };
    if accepted && scope.register == world.registers.shown[place].1.register {
        world.registers.agrees(&prompt);
        let about = prompt.prompt_id.transaction;
        let said = world.registers.said.entry(about).or_default();
        said.extend(amounts);
    }
    let prompt = prompt.prompt_id;
    asked(world, purpose, scope, Request::Respond { prompt, response })
}

/// A customer signs afterwards: the first time, the same again, or something else.
fn sign(world: &mut World) -> Option<Event> {
    let latest = world.registers.sold.len().checked_sub(1)?;
    let sold = world.registers.sold[latest - world.random.index((latest + 1).min(3))];
    let scope = match world.random.percent(10) {
        true => a_register(world),
        false => world.registers.attempts[sold.attempt].scope.clone(),
    };
    let number = world.random.below(2);
    let signature = draw(world, sold.id, number);
    let sign = Sign {
        transaction_id: sold.id,
        signature,
    };
    let place = world.registers.drawn.len() - 1;
    world.tally.count("signed afterwards");
    let request = Request::Sign(Box::new(sign));
    Some(asked(world, Purpose::Signs(place), scope, request))
}

fn draw(world: &mut World, id: TransactionId, number: u64) -> Arc<str> {
    let drawn: Arc<str> = format!("signature {number}").into();
    world.registers.drawn.push((id, drawn.clone()));
    drawn
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
    let scope = paired_anew(world, &scope);
    Some(asked(
        world,
        Purpose::OtherBody,
        scope,
        Request::Money(Box::new(request)),
    ))
}

fn look(world: &mut World) -> Event {
    let scope = a_register(world);
    let request = match world.random.percent(50) {
        true => Request::LiveAll,
        false => requests::totals(world),
    };
    asked(world, Purpose::Other, scope, request)
}

fn recent(world: &mut World) -> Option<usize> {
    let count = world.registers.attempts.len();
    (count > 0).then(|| count - 1 - world.random.index(count.min(4)))
}

pub(crate) fn asked(world: &mut World, purpose: Purpose, scope: Scope, request: Request) -> Event {
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

/// The register as it is paired by now: its keys outlive that.
fn paired_anew(world: &World, scope: &Scope) -> Scope {
    Scope {
        register: scope.register.clone(),
        generation: 1 + world.registers.asked.len() as u32 % 3,
    }
}

pub(crate) fn a_register(world: &mut World) -> Scope {
    register(REGISTERS[world.random.index(REGISTERS.len())])
}

pub(crate) fn register(name: &str) -> Scope {
    Scope {
        register: name.into(),
        generation: 1,
    }
}
