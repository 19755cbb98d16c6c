// SPDX-License-Identifier: MIT OR Apache-2.0
//! A card that was presented before anybody asked for money is used by whom it was told to, once.

use super::{Checker, Sight, violated};
use crate::world::World;
use payhal_engine::device::DeviceCommand;
use payhal_engine::ids::TransactionId;

const LAW: &str = "one presentation, one payment";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| {
        if let Sight::Device(_, DeviceCommand::AuthorizeCard { transaction_id, .. }) = sight {
            used(world, *transaction_id);
        }
    },
    ..Checker::BLIND
};

fn used(world: &World, id: TransactionId) {
    let Some(seen) = world.registers.attempt_of(id) else {
        return;
    };
    let Some(presentation) = &seen.request.terms.presentation else {
        return;
    };
    let told = world.watches.told.get(presentation);
    if told.is_none_or(|(owner, _)| *owner != seen.scope.register) {
        violated(
            LAW,
            format_args!("{id} uses {presentation}, told to {told:?}"),
        );
    }
    // The next gateway of a route gets a card that was presented once more.
    let earlier = world.watches.sealed.get(presentation);
    if let Some(earlier) = earlier.filter(|earlier| **earlier != id) {
        violated(
            LAW,
            format_args!("{id} uses {presentation} after {earlier}"),
        );
    }
}
