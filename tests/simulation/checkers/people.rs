// SPDX-License-Identifier: MIT OR Apache-2.0
//! Less than was asked is approved only when somebody said that it is enough, and where a signature
//! is wanted somebody saw it or will.

use super::{Checker, Sight, violated};
use crate::world::World;
use payhal_engine::answer::Approved;
use payhal_engine::card::Cvm;
use payhal_engine::prompt::PromptKind;
use payhal_engine::record::{Fact, FinalAnswer};

const LAW: &str = "people agree";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| {
        if let Sight::Append(record) = sight
            && let Fact::Ended(ending) = &record.fact
            && let FinalAnswer::Approved(approved) = &ending.answer
        {
            agreed(world, approved);
        }
    },
    ..Checker::BLIND
};

fn agreed(world: &World, approved: &Approved) {
    let id = approved.transaction_id;
    let line = world.journal.line(id);
    if line.is_none_or(|line| line.resolved.is_some()) {
        return; // Somebody looked at it later.
    }
    let said = &world.registers;
    let part = (id, PromptKind::ConfirmPartial as u8);
    if approved.partial && !said.agreed.contains(&part) {
        violated(LAW, format_args!("nobody took a part: {approved:?}"));
    }
    let signature = (id, PromptKind::ConfirmSignature as u8);
    let answer = line.and_then(|line| line.answered.as_ref());
    let asked = answer.is_some_and(|(_, answer)| answer.signature_required)
        || approved.cvm == Some(Cvm::Signature);
    let seen = approved.signature_required || said.agreed.contains(&signature);
    if approved.gateway.is_some() && asked && !seen {
        violated(LAW, format_args!("nobody saw a signature: {approved:?}"));
    }
}
