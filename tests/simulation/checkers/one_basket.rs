// SPDX-License-Identifier: MIT OR Apache-2.0
//! Invariant 9: While a transaction is unknown, a sale with the same reference, or of the same register with
//! the same amount within 15 minutes, is refused unless it names the unknown one in `despite`.

use super::{Checker, Sight, violated};
use crate::world::World;
use payhal_engine::answer::{Answer, Reason};
use payhal_engine::device::DeviceCommand;
use payhal_engine::ids::TransactionId;
use payhal_engine::money::Amounts;
use payhal_engine::record::Fact;

const LAW: &str = "9 one basket, one charge";

/// A little less than the guard, which counts from acceptance.
const GUARD_MICROS: i64 = 10 * 60 * 1_000_000;

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| match sight {
        Sight::Device(_, DeviceCommand::Present { transaction_id, .. }) => {
            no_second_charge(world, *transaction_id);
        }
        Sight::Device(
            _,
            DeviceCommand::AuthorizeCard {
                transaction_id,
                amounts,
                ..
            },
        ) if came_late(world, *transaction_id, amounts) => {
            no_second_charge(world, *transaction_id);
        }
        Sight::Append(record) => {
            if let Fact::Intent(intent) = &record.fact
                && intent.gateway.is_none()
                && intent.request.kind.purpose().is_some()
            {
                no_second_charge(world, record.transaction_id);
            }
        }
        _ => {}
    },
    ..Checker::BLIND
};

/// Whether the amount came after the card just now: nobody was asked about it since.
fn came_late(world: &World, id: TransactionId, amounts: &Amounts) -> bool {
    let seen = world.registers.attempt_of(id);
    seen.is_some_and(|seen| seen.request.terms.estimate.is_some())
        && amounts.surcharge_minor.is_none()
}

/// No card is asked for, and no terminal begins, while an earlier try of the same basket is unknown:
/// its gateway is being asked about it, or its register was told so.
fn no_second_charge(world: &World, id: TransactionId) {
    let sale = world.registers.attempt_of(id);
    let Some(sale) = sale.filter(|sale| sale.request.kind.moves_money()) else {
        return;
    };
    let told_unknown = world.registers.attempts.iter();
    let told_unknown = told_unknown.filter_map(|seen| match &seen.last_answer {
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
        let asked = earlier.request.amounts.unwrap_or(earlier.amounts);
        let said = world.registers.said.get(&id);
        let this = match said.map(Vec::as_slice) {
            Some([said]) => Some(*said),
            _ => sale.request.amounts,
        };
        let age_micros = world.now().wall_micros - earlier.wire.at_micros;
        let looks_the_same = sale.scope == earlier.scope
            && this == Some(asked)
            // Ages are the engine's business once somebody set the clock.
            && !world.clock_was_set
            && age_micros < GUARD_MICROS;
        if same_reference || looks_the_same {
            violated(LAW, format_args!("{unknown} may be charged twice"));
        }
    }
}
