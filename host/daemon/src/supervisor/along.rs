// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a gateway command takes along out of the vault: the engine has not seen it since it was
//! kept, and no plugin is called without it.

use super::convert;
use crate::vault::{Unloaded, Vault};
use payhal_engine::gateway::{GatewayCommand, GatewayReply};
use payhal_engine::ids::Kept;
use payhal_messages::gateway::SealedNumber;

/// What goes with a command.
#[derive(Clone, Debug)]
pub(super) enum Along {
    /// The number that a reversal needs.
    Number(SealedNumber),
    /// The sealed read of what is forwarded, as it was kept.
    Read(Vec<u8>),
}

/// What this command takes along, if anything; or what to reply instead of sending it.
pub(super) async fn taken(
    vault: &Vault,
    command: &GatewayCommand,
) -> Result<Option<Along>, GatewayReply> {
    match command {
        GatewayCommand::Reverse {
            wire,
            with_number: true,
            ..
        } => {
            let lost = |what: &str| GatewayReply::NumberLost {
                reason: format!("the card number that was kept for its reversal is lost: {what}")
                    .into(),
            };
            let kept = match vault.load((wire.transaction_id, Kept::Number)).await {
                Ok(kept) => kept,
                Err(Unloaded::Lost(what)) => return Err(lost(&what)),
                Err(Unloaded::Failed(why)) => return Err(unsent("card number", &why)),
            };
            let number = convert::kept_number(&kept);
            let number = number.ok_or_else(|| lost("another version of payhal kept it"))?;
            Ok(Some(Along::Number(number)))
        }
        GatewayCommand::Forward { wire, .. } => {
            match vault.load((wire.transaction_id, Kept::Read)).await {
                Ok(kept) => Ok(Some(Along::Read(kept))),
                Err(Unloaded::Lost(what)) => Err(GatewayReply::ReadLost {
                    reason: format!("the sealed read that was kept for it is lost: {what}").into(),
                }),
                Err(Unloaded::Failed(why)) => Err(unsent("sealed read", &why)),
            }
        }
        _ => Ok(None),
    }
}

fn unsent(what: &str, why: &str) -> GatewayReply {
    GatewayReply::Failed {
        sent: false,
        reason: format!("the {what} that was kept for it: {why}").into(),
    }
}
