// SPDX-License-Identifier: MIT OR Apache-2.0
//! A journal that was restored from a copy has forgotten what came after: whoever asks with a key
//! of that time is told that nobody knows, and nothing moves under it.

use crate::checkers::violated;
use crate::history::History;
use crate::world::{Happening, World};
use payhal_engine::answer::{Answer, Reason};
use payhal_engine::effect::RecallBy;
use payhal_engine::record::{Epoch, Restored};

const LAW: &str = "a forgotten key is never new";

/// How many histories are restored.
const SEEDS: u64 = 20;

/// How long everybody asks again.
const AGAIN_MS: u64 = 3_000_000;

#[test]
fn a_forgotten_key_is_never_new() {
    let mut forgotten = 0;
    for seed in 0..SEEDS {
        let mut history = History::lived(seed, false);
        let unknown = restored_from_copy(&mut history.world);
        let restored = Restored {
            epoch: Epoch {
                number: 1,
                began_micros: history.world.now().wall_micros,
            },
            ..history.world.journal.restored()
        };
        history.begin(restored);
        let until_ms = history.world.now_ms + AGAIN_MS;
        while history.world.now_ms < until_ms && history.advance() {}
        nobody_knows(&history.world, &unknown);
        forgotten += unknown.len();
    }
    println!("{forgotten} forgotten keys");
    assert!(forgotten > 100, "hardly anything was forgotten");
}

/// Half of the journal is gone, and everybody asks again. The keys that it does not know any more.
fn restored_from_copy(world: &mut World) -> Vec<usize> {
    world.now_ms += 60_000;
    world.clock_set_by_micros = 0;
    world.restore_copy();
    let mut unknown = Vec::new();
    for attempt in 0..world.registers.attempts.len() {
        let seen = &mut world.registers.attempts[attempt];
        seen.last_answer = None;
        seen.final_answer = None;
        let by = RecallBy::Key(seen.scope.clone(), seen.request.key.clone());
        if world.journal.recall(&by).is_none() {
            unknown.push(attempt);
        }
        let delay_ms = 10_000 + 2_000 * attempt as u64;
        world.in_ms(delay_ms, Happening::Again(attempt));
    }
    unknown
}

fn nobody_knows(world: &World, unknown: &[usize]) {
    for attempt in unknown {
        let seen = &world.registers.attempts[*attempt];
        let told = match &seen.last_answer {
            Some(Answer::Refused { refused, .. }) => refused.reason == Reason::OutcomeUnknown,
            _ => false,
        };
        let by = RecallBy::Key(seen.scope.clone(), seen.request.key.clone());
        if !told || world.journal.recall(&by).is_some() {
            violated(LAW, format_args!("{:?}: {:?}", by, seen.last_answer));
        }
    }
}
