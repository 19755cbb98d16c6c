// SPDX-License-Identifier: MIT OR Apache-2.0
//! Never can two gateways hold the money of one transaction: the next one is asked only where the one
//! before was sent nothing, and that is written down before.

use super::{Checker, Sight, violated};
use payhal_engine::gateway::GatewayCommand;
use payhal_engine::record::Fact;

const LAW: &str = "one gateway";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| match sight {
        Sight::Append(record) => {
            let id = record.transaction_id;
            let line = world.journal.line(id);
            let begun = line.is_some_and(|line| line.intent.is_some());
            match record.fact {
                Fact::Intent(_) if begun => {
                    violated(LAW, format_args!("{id} begins while it is under way"));
                }
                Fact::Unsent { .. } if !begun => {
                    violated(LAW, format_args!("{id} closes no intent"));
                }
                Fact::Unsent { .. } if world.sent_to.contains_key(&id) => {
                    violated(LAW, format_args!("{id} may have been sent"));
                }
                _ => {}
            }
        }
        Sight::Gateway(gateway, GatewayCommand::Authorize { wire, .. }) => {
            let before = world.sent_to.get(&wire.transaction_id);
            if before.is_some_and(|before| before != *gateway) {
                violated(LAW, format_args!("{before:?} may have been sent {wire:?}"));
            }
        }
        _ => {}
    },
    ..Checker::BLIND
};
