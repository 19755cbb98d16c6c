// SPDX-License-Identifier: MIT OR Apache-2.0
//! After a restart a recorded approval of all that was asked stands if no chip completion was owed.

use super::{Checker, Sight, violated};
use crate::world::World;
use payhal_engine::card::Cvm;
use payhal_engine::gateway::{Decision, ReversalReason};
use payhal_engine::ids::TransactionId;
use payhal_engine::record::{Ending, Fact};

const LAW: &str = "recorded approvals stand";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| {
        if let Sight::Append(record) = sight
            && let Fact::Ended(ending) = &record.fact
        {
            stands(world, record.transaction_id, ending);
        }
    },
    ..Checker::BLIND
};

fn stands(world: &World, id: TransactionId, ending: &Ending) {
    if ending.reversal != Some(ReversalReason::HostRestarted) {
        return;
    }
    let (Some(intent), Some(answer)) = (world.journal.intent_of(id), world.journal.answer_of(id))
    else {
        return;
    };
    let asked = intent.amounts.total.minor;
    // Less than was asked stands only when people took it, which nobody recorded.
    let signed = answer.signature_required || intent.cvm == Some(Cvm::Signature);
    let whole = answer.approved_minor == Some(asked) && !signed;
    if answer.decision == Decision::Approved && whole && !intent.completion_owed {
        violated(LAW, format_args!("{id} is undone though {answer:?}"));
    }
}
