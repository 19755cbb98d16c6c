// SPDX-License-Identifier: MIT OR Apache-2.0
//! An inquiry approves a sale only while its register waits, within the hard limit, with no chip
//! completion owed: otherwise the customer may have paid in cash meanwhile.

use super::{Checker, Sight, violated};
use payhal_engine::record::{Fact, FinalAnswer};

const LAW: &str = "inquiries approve in time";

/// The limit, and the chip's time to complete.
const HARD_MS: u64 = 300_000 + 35_000;

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| {
        let Sight::Append(record) = sight else { return };
        let Fact::Ended(ending) = &record.fact else {
            return;
        };
        let FinalAnswer::Approved(approved) = &ending.answer else {
            return;
        };
        let id = record.transaction_id;
        let line = world.journal.line(id);
        let intent = line.and_then(|line| line.intent.as_ref());
        let sale = intent.is_some_and(|(_, intent)| {
            intent.request.kind.purpose().is_some() && intent.gateway.is_some()
        });
        if line.is_some_and(|line| line.resolved.is_some()) {
            return; // A person knows better.
        }
        if sale && world.found_too_late.contains(&id) {
            violated(LAW, format_args!("nobody waited for {approved:?}"));
        }
        let since = world
            .accepted
            .get(&id)
            .filter(|_| world.asked_about.contains(&id));
        if sale && since.is_some_and(|(since, _)| world.now_ms - since > HARD_MS) {
            violated(LAW, format_args!("after the hard limit: {approved:?}"));
        }
    },
    ..Checker::BLIND
};
