// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must always be true, one checker for each line of the list in `docs/transaction-states.md`.
//!
//! Checkers look at the durable journal, the gateways' ledger and what registers were told; never
//! into the engine.

use crate::journal::outcome;
use crate::registers::Attempt;
use crate::world::World;
use payhal_engine::answer::{Answer, Notification, Outcome, Reason};
use payhal_engine::device::{DeviceCommand, DeviceReply, IssuerAnswer};
use payhal_engine::gateway::GatewayCommand;
use payhal_engine::ids::{CallId, DeviceId, TransactionId};
use payhal_engine::record::{Ending, FinalAnswer};
use std::collections::BTreeMap;

/// A little less than the guard, which counts from acceptance.
const GUARD_MICROS: i64 = 10 * 60 * 1_000_000;

/// 1: one final answer, the same for every retry.
pub(crate) fn one_final_answer(seen: &Attempt, answer: &Answer, disk_fails: bool) {
    let Some(first) = &seen.final_answer else {
        return;
    };
    if let Answer::Refused { refused, .. } = answer
        && (refused.reason == Reason::RateLimited
            || (disk_fails && refused.reason == Reason::OutcomeUnknown))
    {
        return;
    }
    assert_eq!(
        plain(first),
        plain(answer),
        "invariant 1: a second final answer"
    );
}

/// 1: what was told is what the journal holds, for ever.
pub(crate) fn told_as_recorded(world: &World) {
    for seen in &world.registers.attempts {
        let Some(told) = &seen.final_answer else {
            continue;
        };
        let id = transaction_of(told).expect("a final answer names its transaction");
        let recorded = world.journal.ending_of(id).map(recorded_answer);
        assert_eq!(
            recorded.as_ref(),
            Some(&plain(told)),
            "invariant 1: told and recorded differ"
        );
    }
}

/// 2: no exchange that may move money before its intent is durable, no reversal before its ending.
pub(crate) fn journal_first_at_gateway(world: &World, command: &GatewayCommand) {
    match command {
        GatewayCommand::Authorize { wire, .. } | GatewayCommand::Modify { wire, .. } => {
            let intent = world.journal.intent_of(wire.transaction_id);
            let recorded = intent.map(|intent| intent.wire);
            assert_eq!(
                recorded.as_ref(),
                Some(wire),
                "invariant 2: no durable intent"
            );
        }
        GatewayCommand::Reverse { wire, reason, .. } => {
            let ending = world.journal.ending_of(wire.transaction_id);
            let announced = ending.and_then(|ending| ending.reversal);
            assert_eq!(announced, Some(*reason), "invariant 2: no durable ending");
        }
        _ => {}
    }
}

/// 2: a chip is told of no approval whose intent is not durable.
pub(crate) fn journal_first_at_device(world: &World, command: &DeviceCommand) {
    if let DeviceCommand::Complete {
        transaction_id,
        answer: IssuerAnswer::Approved { .. },
        ..
    } = command
    {
        let intent = world.journal.intent_of(*transaction_id);
        assert!(
            intent.is_some(),
            "invariant 2: no durable intent before completion"
        );
    }
}

/// 2: no final outcome reaches a register before it is durable.
pub(crate) fn answer_is_durable(world: &World, answer: &Answer) {
    let is_final = match answer {
        Answer::Approved { .. } => true,
        Answer::Refused { refused, .. } => refused.reason.uses_key(),
        _ => false,
    };
    if is_final {
        let id = transaction_of(answer).expect("a final answer names its transaction");
        let recorded = world.journal.ending_of(id).map(recorded_answer);
        assert_eq!(
            recorded,
            Some(plain(answer)),
            "invariant 2: told before it was durable"
        );
    }
}

/// 3 and 6: an approval exists at the gateway; "no money moved" is said only when none did.
pub(crate) fn answer_is_true(world: &World, answer: &Answer) {
    match answer {
        Answer::Approved { approved, .. } => {
            let entry = world.ledger.entries.get(&approved.transaction_id);
            let entry = entry.expect("invariant 3: approved, and the gateway knows nothing");
            assert!(
                entry.stands(),
                "invariant 3: approved, and the gateway says no"
            );
            assert_eq!(
                entry.minor, approved.approved_minor,
                "invariant 3: another amount"
            );
        }
        Answer::Refused { refused, .. } => {
            let Some(id) = refused.transaction_id else {
                return;
            };
            if refused.reason != Reason::OutcomeUnknown && !refused.reversing {
                assert!(
                    !world.ledger.stands(id),
                    "invariant 6: money moved: {refused:?}"
                );
            }
        }
        _ => {}
    }
}

/// 3: a key is charged once, and what it was told of stands at the end.
pub(crate) fn no_double_money(world: &World) {
    let mut charged = BTreeMap::new();
    for (id, entry) in &world.ledger.entries {
        if entry.stands() && !world.journal.needs_operator(*id) {
            let intent = world
                .journal
                .intent_of(*id)
                .expect("invariant 2: exchange, no intent");
            let key = (intent.scope, intent.request.key);
            let twice = charged.insert(key, *id);
            assert_eq!(twice, None, "invariant 3: one key charged twice");
        }
    }
    for seen in &world.registers.attempts {
        if let Some(told) = &seen.final_answer {
            answer_is_true(world, told);
        }
    }
}

/// 4: every approval at the gateway is in the journal as such, or waits for a person.
pub(crate) fn no_lost_money(world: &World) {
    for (id, _) in world
        .ledger
        .entries
        .iter()
        .filter(|(_, entry)| entry.stands())
    {
        let ending = world.journal.ending_of(*id);
        let approved = ending.is_some_and(|ending| outcome(&ending.answer) == Outcome::Approved);
        let waits = world.journal.needs_operator(*id);
        assert!(approved || waits, "invariant 4: money of {id} is lost");
    }
}

/// 4: where the chip has the last word, no approval stands without it.
pub(crate) fn chips_agreed(world: &World) {
    for id in world.journal.transactions() {
        let owed = world
            .journal
            .intent_of(id)
            .is_some_and(|intent| intent.completion_owed);
        let ending = world.journal.ending_of(id);
        let approved = ending.is_some_and(|ending| outcome(&ending.answer) == Outcome::Approved);
        if owed && approved {
            assert!(
                world.chips_agreed.contains(&id),
                "invariant 4: the chip never agreed to {id}"
            );
        }
    }
}

/// 5: everything ends without a person, wherever the gateway cooperates.
pub(crate) fn everything_ended(world: &World) {
    for records in world.journal.restored().open {
        let id = records[0].transaction_id;
        assert!(
            world.journal.needs_operator(id),
            "invariant 5: {id} never ends: {records:#?}"
        );
    }
    assert_eq!(
        world.registers.unanswered(),
        0,
        "invariant 5: somebody waits for ever"
    );
}

/// 7: what was given back never exceeds what was taken.
pub(crate) fn sums_hold(world: &World) {
    let mut given_back: BTreeMap<TransactionId, i64> = BTreeMap::new();
    for (id, entry) in &world.ledger.entries {
        if let (Some(original), true) = (entry.original, entry.stands()) {
            *given_back.entry(original).or_default() += entry.minor;
            let taken = world
                .ledger
                .entries
                .get(&original)
                .map_or(0, |entry| entry.minor);
            assert!(
                given_back[&original] <= taken,
                "invariant 7: {id} gives back too much"
            );
        }
    }
}

/// 9: no card is asked for while an earlier try of the same basket is unknown: its gateway is being
/// asked about it, or its register was told so.
pub(crate) fn one_basket(world: &World, command: &DeviceCommand) {
    let DeviceCommand::Present { transaction_id, .. } = command else {
        return;
    };
    let Some(sale) = world.registers.attempt_of(*transaction_id) else {
        return;
    };
    let told_unknown = world
        .registers
        .attempts
        .iter()
        .filter_map(|seen| match &seen.last_answer {
            Some(Answer::Refused { refused, .. }) if refused.reason == Reason::OutcomeUnknown => {
                refused.transaction_id
            }
            _ => None,
        });
    for unknown in told_unknown.chain(world.asked_about.iter().copied()) {
        let Some(earlier) = world.journal.intent_of(unknown) else {
            continue;
        };
        if world.journal.is_ending(unknown) || sale.request.despite.contains(&unknown) {
            continue;
        }
        let same_reference =
            sale.request.reference.is_some() && sale.request.reference == earlier.request.reference;
        let age_micros = world.now().wall_micros - earlier.wire.at_micros;
        let looks_the_same = sale.scope == earlier.scope
            && sale.request.amounts == Some(earlier.amounts)
            // Ages are the engine's business once somebody set the clock.
            && world.clock_set_by_micros == 0
            && age_micros < GUARD_MICROS;
        assert!(
            !same_reference && !looks_the_same,
            "invariant 9: {unknown} may be charged twice"
        );
    }
}

/// A reader never serves two transactions.
pub(crate) fn device_is_free(busy: &BTreeMap<CallId, (DeviceId, DeviceReply)>, device: &DeviceId) {
    let taken = busy.values().any(|(busy, _)| busy == device);
    assert!(!taken, "a second call to {device}");
}

/// Nobody is told what a crash could take back.
pub(crate) fn notification_is_true(world: &World, notification: &Notification) {
    let (id, told) = match notification {
        Notification::Resolved {
            transaction_id,
            outcome,
            ..
        } => (*transaction_id, *outcome),
        Notification::Moved {
            progress,
            outcome: Some(Outcome::Approved),
            ..
        } => (progress.transaction_id, Outcome::Approved),
        Notification::Moved { .. } => return,
    };
    if told == Outcome::Unknown {
        assert!(
            world.journal.needs_operator(id),
            "resolved as unknown, and nobody looks"
        );
        return;
    }
    let recorded = world
        .journal
        .ending_of(id)
        .map(|ending| outcome(&ending.answer));
    assert_eq!(
        recorded,
        Some(told),
        "invariant 2: notified before it was durable"
    );
}

/// An answer without what differs between a first telling and a replay.
fn plain(answer: &Answer) -> FinalAnswer {
    match answer {
        Answer::Approved { approved, .. } => FinalAnswer::Approved(approved.clone()),
        Answer::Refused { refused, .. } => FinalAnswer::Refused(refused.clone()),
        other => panic!("not an answer to a request for money: {other:?}"),
    }
}

fn recorded_answer(ending: Ending) -> FinalAnswer {
    ending.answer
}

fn transaction_of(answer: &Answer) -> Option<TransactionId> {
    match answer {
        Answer::Approved { approved, .. } => Some(approved.transaction_id),
        Answer::Refused { refused, .. } => refused.transaction_id,
        _ => None,
    }
}
