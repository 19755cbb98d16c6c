// SPDX-License-Identifier: MIT OR Apache-2.0
//! Simulated readers: cards are refused, leave or never come, plugins break, and a cancel is obeyed
//! or not.

use crate::currencies;
use crate::prices;
use crate::world::{Happening, World};
use payhal_engine::card::{Cvm, Entry, SpentKey};
use payhal_engine::device::{
    CardRefusal, DeviceAbilities, DeviceCommand, DeviceReply, DeviceStatus,
};
use payhal_engine::event::Event;
use payhal_engine::ids::{CallId, DeviceId, Opaque};
use payhal_engine::prompt::{DevicePrompt, PromptKind};
use payhal_engine::protection::Protection;

pub(crate) const DEVICES: [&str; 3] = ["reader-a", "reader-b", "reader-c"];

/// A reader takes a call.
pub(crate) fn called(
    world: &mut World,
    device: DeviceId,
    call: CallId,
    command: &DeviceCommand,
    deadline_boot_ms: u64,
) {
    prices::seal(world, command);
    currencies::shown(world, call, command);
    let (mut delay_ms, mut reply) = match &world.script {
        Some(_) => scripted(world, command),
        None => read(world, command),
    };
    seal(world, &device, command, &mut reply);
    if world.script.is_none() && world.random.percent(15) {
        // The call goes on for as long as its question is open.
        delay_ms += raise(world, call);
    }
    if let (
        DeviceCommand::Complete { transaction_id, .. },
        DeviceReply::Completed { accepted: true, .. },
    ) = (command, &reply)
    {
        world.chips_agreed.insert(*transaction_id);
    }
    let mut at_ms = world.now_ms + delay_ms;
    if at_ms > deadline_boot_ms {
        at_ms = deadline_boot_ms;
        reply = failed("deadline");
    }
    world.readers_busy.insert(call, (device, reply));
    let delay_ms = at_ms.saturating_sub(world.now_ms);
    world.in_ms(delay_ms, Happening::ReaderDone(call));
}

/// Two readers seal under a key for each read, and now and then use one again. The number is sealed
/// apart where that is wanted.
fn seal(world: &mut World, device: &DeviceId, command: &DeviceCommand, reply: &mut DeviceReply) {
    let (
        DeviceReply::CardAuthorized { keys, number, .. },
        DeviceCommand::AuthorizeCard {
            transaction_id,
            seal_number,
            ..
        },
    ) = (reply, command)
    else {
        return;
    };
    *number = seal_number.then(|| Opaque(vec![4, 5]));
    if &*device.0 == DEVICES[2] {
        return;
    }
    let next = *world.serials.entry(device.clone()).or_default();
    let serial = match world.script.is_none() && world.random.percent(4) && next > 0 {
        true => world.random.below(next),
        false => {
            world.serials.insert(device.clone(), next + 1);
            next
        }
    };
    *keys = vec![SpentKey {
        slot: "main".into(),
        serial: serial.to_string().into(),
    }];
    let spent = world.sealed_under.entry(*transaction_id);
    spent.or_default().extend(keys.iter().cloned());
}

/// A reader is asked to stop a call.
pub(crate) fn cancelled(world: &mut World, call: CallId) {
    let obeys = world.script.is_some() || world.random.percent(70);
    if let Some((_, reply)) = world.readers_busy.get_mut(&call)
        && obeys
    {
        *reply = DeviceReply::Cancelled;
        let delay_ms = world.random.below(500);
        world.in_ms(delay_ms, Happening::ReaderDone(call));
    }
}

/// A call ends.
pub(crate) fn done(world: &mut World, call: CallId) -> Option<Event> {
    let (_, reply) = world.readers_busy.remove(&call)?;
    currencies::said(world, call, &reply);
    if world.faults && world.random.percent(2) {
        // It says something else about the same call later on.
        let reply = another_card(world.random.next());
        let event = Event::DeviceReplied { call, reply };
        let delay_ms = world.random.below(5_000);
        world.in_ms(delay_ms, Happening::Deliver(event));
    }
    Some(Event::DeviceReplied { call, reply })
}

/// Whoever pulls the cable: what the reader was doing fails, and it comes back after a while.
pub(crate) fn unplug_one(world: &mut World) {
    let id = DEVICES[world.random.index(DEVICES.len())];
    unplug(world, id);
}

/// The plugins of all readers crash at once.
pub(crate) fn all_die(world: &mut World) {
    world.tally.count("plugins died");
    for id in DEVICES {
        unplug(world, id);
    }
}

fn unplug(world: &mut World, id: &str) {
    let back_in_ms = 1_000 + world.random.below(90_000);
    world.in_ms(0, Happening::Deliver(changed(id, false)));
    world.in_ms(back_in_ms, Happening::Deliver(changed(id, true)));
    let busy = world.readers_busy.iter_mut();
    let broken: Vec<CallId> = busy
        .filter(|(_, (device, _))| &*device.0 == id)
        .map(|(call, (_, reply))| {
            *reply = failed("unplugged");
            *call
        })
        .collect();
    for call in broken {
        world.in_ms(0, Happening::ReaderDone(call));
    }
}

pub(crate) fn changed(id: &str, ready: bool) -> Event {
    let abilities = DeviceAbilities::Reader {
        entries: vec![Entry::Chip],
        tip: true,
        offline: id != DEVICES[2],
        dcc: true,
    };
    let status = DeviceStatus {
        abilities,
        ready,
        retry_after_ms: None,
        why: None,
        protection: Protection::default(),
    };
    Event::DeviceChanged {
        device: id.into(),
        status: Some(status),
    }
}

/// A reader asks something during a call. How much longer the call takes.
fn raise(world: &mut World, call: CallId) -> u64 {
    let number = world.random.below(3);
    let patience_ms = 5_000 + world.random.below(90_000);
    let kinds = [
        PromptKind::ChooseApplication,
        PromptKind::ConfirmSignature,
        PromptKind::EnterText,
    ];
    let prompt = DevicePrompt {
        number,
        kind: kinds[world.random.index(kinds.len())],
        text: "?".into(),
        choices: vec!["one".into(), "two".into()],
        timeout_ms: patience_ms,
    };
    world.questions.insert((call, number));
    let event = Event::DevicePrompted { call, prompt };
    world.in_ms(60, Happening::Deliver(event));
    world.random.below(patience_ms)
}

/// As the script says; without chance.
fn scripted(world: &mut World, command: &DeviceCommand) -> (u64, DeviceReply) {
    let fates = world.script.clone().unwrap_or_default();
    let reply = match command {
        DeviceCommand::Present { .. } => presented(world, command),
        DeviceCommand::AuthorizeCard { offline, .. } => {
            let cvm = match offline {
                true => Cvm::None,
                false => Cvm::OnlinePin,
            };
            authorized(world.random.next(), fates.completion_owed, cvm)
        }
        DeviceCommand::ConfirmCurrency { .. } => DeviceReply::CurrencyChosen { accepted: true },
        DeviceCommand::Complete { .. } => completed(!fates.chip_refuses),
        DeviceCommand::Show { .. } => DeviceReply::Shown,
        DeviceCommand::Errand { .. } => DeviceReply::Done(Opaque::default()),
        _ => DeviceReply::Unsupported,
    };
    (500, reply)
}

fn read(world: &mut World, command: &DeviceCommand) -> (u64, DeviceReply) {
    let quick_ms = 100 + world.random.below(3_000);
    let breaks = match command {
        // It is seldom asked for, and what was tried before must be closed all the same.
        DeviceCommand::Present { again: true, .. } => 40,
        _ => 5,
    };
    if world.faults && world.random.percent(breaks) {
        return (quick_ms, failed("unplugged"));
    }
    let refused = |refusal| DeviceReply::Refused {
        refusal,
        text: "no".into(),
    };
    match command {
        DeviceCommand::Present { timeout_ms, .. } => match world.random.below(20) {
            0 => (*timeout_ms, refused(CardRefusal::NoCard)),
            1 => (quick_ms, refused(CardRefusal::CancelledOnDevice)),
            2 => (quick_ms, refused(CardRefusal::CardUnreadable)),
            _ => (quick_ms, presented(world, command)),
        },
        DeviceCommand::ConfirmCurrency { timeout_ms, .. } => {
            currencies::choice(world, quick_ms, *timeout_ms)
        }
        DeviceCommand::AuthorizeCard { offline, .. } => {
            if world.random.percent(5) {
                return (quick_ms, refused(CardRefusal::PinFailed));
            }
            let completion_owed = world.random.percent(50);
            let cvm = match world.random.below(10) {
                0 => Cvm::Signature,
                _ if *offline => Cvm::None,
                1..=4 => Cvm::None,
                _ => Cvm::OnlinePin,
            };
            let read = authorized(world.random.next(), completion_owed, cvm);
            (quick_ms, read)
        }
        DeviceCommand::Complete { .. } => (quick_ms, completed(world.random.percent(90))),
        DeviceCommand::Show { .. } => (quick_ms, DeviceReply::Shown),
        DeviceCommand::Errand { .. } => (quick_ms, DeviceReply::Done(Opaque::default())),
        _ => (quick_ms, DeviceReply::Unsupported),
    }
}

fn failed(reason: &str) -> DeviceReply {
    DeviceReply::Failed {
        effect_possible: true,
        reason: reason.into(),
    }
}

fn completed(accepted: bool) -> DeviceReply {
    DeviceReply::Completed {
        accepted,
        tags: Opaque(br#"{"9f26":"01"}"#.to_vec()),
    }
}

fn presented(world: &mut World, command: &DeviceCommand) -> DeviceReply {
    let number = world.random.next();
    let (card, tip) = prices::present(world, command);
    DeviceReply::Presented {
        presentation_id: number.to_string().into(),
        entry: Entry::Chip,
        card: prices::face(card),
        tip_minor: tip.told(),
    }
}

fn another_card(number: u64) -> DeviceReply {
    DeviceReply::Presented {
        presentation_id: number.to_string().into(),
        entry: Entry::Chip,
        card: prices::face(1),
        tip_minor: Some(1),
    }
}

fn authorized(number: u64, completion_owed: bool, cvm: Cvm) -> DeviceReply {
    DeviceReply::CardAuthorized {
        read_id: number.to_string().into(),
        sealed: Opaque(vec![1, 2, 3]),
        entry: Entry::Chip,
        cvm,
        completion_owed,
        keys: Vec::new(),
        number: None,
    }
}
