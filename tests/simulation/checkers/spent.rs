// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every intent names the keys that its reader sealed under, and no two spend one.

use super::{Checker, Sight, violated};
use crate::world::World;
use payhal_engine::ids::TransactionId;
use payhal_engine::record::{Fact, Intent};

const LAW: &str = "a key is spent once";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| {
        if let Sight::Append(record) = sight
            && let Fact::Intent(intent) = &record.fact
        {
            spends(world, record.transaction_id, intent);
        }
    },
    ..Checker::BLIND
};

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
