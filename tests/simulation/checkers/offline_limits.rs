// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was accepted without its gateway, and waits, is never more than each rule that fits it
//! allows: not by several readers at once, and not over a death of the host.

use super::forwarding::LAW;
use super::{Checker, Sight, violated};
use crate::journal::Line;
use crate::prices;
use crate::world::World;
use payhal_engine::ids::TransactionId;
use payhal_engine::offline::Rule;
use payhal_engine::record::{Fact, Intent};

/// How long a chip and the vault take after the last look at the age, with room.
const STORING_MICROS: i64 = 60 * 1_000_000;

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| {
        if let Sight::Append(record) = sight
            && let Fact::Ended(ending) = &record.fact
            && let Some(stored) = &ending.stored
        {
            has_room(world, record.transaction_id, &stored.intent);
        }
    },
    ..Checker::BLIND
};

fn has_room(world: &World, id: TransactionId, intent: &Intent) {
    let rules = prices::offline();
    let mut rules = rules.iter().filter(|rule| fits(rule, intent)).peekable();
    if rules.peek().is_none() {
        violated(LAW, format_args!("no rule allows {id}: {intent:?}"));
    }
    for rule in rules {
        if let Some(what) = exceeded(world, id, intent, rule) {
            violated(LAW, format_args!("{what} with {id}, beyond {rule:?}"));
        }
    }
}

fn fits(rule: &Rule, intent: &Intent) -> bool {
    let here = rule.gateway.is_none() || rule.gateway == intent.gateway;
    let its = rule.register.as_ref();
    here && its.is_none_or(|register| *register == intent.scope.register)
}

fn exceeded(world: &World, id: TransactionId, intent: &Intent, rule: &Rule) -> Option<String> {
    let own = intent.amounts.total.minor;
    let (mut count, mut sum, mut oldest_micros) = (1, own, i64::MAX);
    for (other, line) in world.journal.lines() {
        if let Some((minor, since)) = waits(line, rule).filter(|_| other != id) {
            count += 1;
            sum += minor;
            oldest_micros = oldest_micros.min(since);
        }
    }
    let age_max_micros = i64::try_from(rule.age_max_ms).expect("short") * 1_000;
    let now_micros = world.now().wall_micros;
    let latest = oldest_micros.saturating_add(age_max_micros + STORING_MICROS);
    if own > rule.amount_max_minor {
        Some(format!("{own} at once"))
    } else if count > rule.count_max {
        Some(format!("{count} wait"))
    } else if sum > rule.total_max_minor {
        Some(format!("{sum} wait"))
    } else if now_micros > latest && !world.clock_was_set {
        Some(format!("one waits since {oldest_micros}"))
    } else {
        None
    }
}

/// What one that waits comes to, and since when it does.
fn waits(line: &Line, rule: &Rule) -> Option<(i64, i64)> {
    let (_, approved) = line.waiting()?;
    let (_, intent) = line.intent.as_ref()?;
    fits(rule, intent).then_some((intent.amounts.total.minor, approved.at_micros))
}
