// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every intent names the keys that its reader sealed under, and no two spend one.

use super::{Checker, Sight, violated};
use crate::world::World;
use payhal_engine::ids::TransactionId;
use payhal_engine::record::{Fact, Intent, Record};

const LAW: &str = "a key is spent once";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| {
        if let Sight::Append(record) = sight
            && let Some(intent) = record.fact.intent()
            && !is_spent(world, record)
        {
            spends(world, record.transaction_id, intent);
        }
    },
    ..Checker::BLIND
};

/// What is accepted offline after its intent names none: that intent does.
fn is_spent(world: &World, record: &Record) -> bool {
    let line = world.journal.line(record.transaction_id);
    let begun = line.is_some_and(|line| line.intent.is_some());
    begun && matches!(record.fact, Fact::Ended(_))
}

fn spends(world: &World, id: TransactionId, intent: &Intent) {
    let sealed_under = world.sealed_under.get(&id);
    if sealed_under.map_or(&[][..], Vec::as_slice) != intent.spent {
        violated(LAW, format_args!("{id} names {:?}", intent.spent));
    }
    for (other, line) in world.journal.lines() {
        let Some((_, earlier)) = &line.intent else {
            continue;
        };
        let twice = intent.spent.iter().find(|key| earlier.spent.contains(key));
        if let Some(key) = twice.filter(|_| other != id && earlier.device == intent.device) {
            violated(LAW, format_args!("{other} spent it before {id}: {key:?}"));
        }
    }
}
