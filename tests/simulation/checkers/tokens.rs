// SPDX-License-Identifier: MIT OR Apache-2.0
//! A kept card has its reference alone, pays at the gateway that gave its token, and is forgotten
//! there by nobody who does not know that it is kept no more.

use super::{Checker, Sight, violated};
use crate::journal::stored_by;
use crate::world::World;
use payhal_engine::gateway::{CardSource, GatewayCommand};
use payhal_engine::ids::{GatewayId, TransactionId};
use payhal_engine::tokens::Token;

const LAW: &str = "kept cards";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| match sight {
        Sight::Append(record) => {
            if let Some(token) = stored_by(record) {
                is_alone(world, token);
            }
        }
        Sight::Gateway(
            gateway,
            GatewayCommand::Authorize {
                wire,
                card: CardSource::Token(token),
                ..
            },
        ) => is_at_home(world, gateway, wire.transaction_id, token),
        Sight::Gateway(gateway, GatewayCommand::ForgetToken { token, .. }) => {
            let kept = world.journal.kept();
            let is_it = |it: &&Token| !it.deleted && it.gateway == **gateway && it.token == *token;
            if let Some(kept) = kept.values().find(is_it) {
                violated(
                    LAW,
                    format_args!("{gateway} is to forget what is kept: {kept:?}"),
                );
            }
        }
        _ => {}
    },
    ..Checker::BLIND
};

fn is_alone(world: &World, token: &Token) {
    let kept = world.journal.kept();
    let same = |it: &&Token| {
        !it.deleted && !token.deleted && it.id != token.id && it.reference == token.reference
    };
    if let Some(other) = kept.values().find(same) {
        violated(
            LAW,
            format_args!("{} is {} as well", token.reference, other.id),
        );
    }
}

fn is_at_home(world: &World, gateway: &GatewayId, id: TransactionId, token: &str) {
    let intent = world.journal.intent_of(id);
    let Some(registered) = intent.and_then(|intent| intent.request.terms.registered.as_ref())
    else {
        return;
    };
    if registered.gateway != *gateway || *registered.token != *token {
        violated(
            LAW,
            format_args!("{id} pays at {gateway} by {registered:?}"),
        );
    }
}
