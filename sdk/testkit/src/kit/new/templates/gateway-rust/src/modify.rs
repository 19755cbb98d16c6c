// SPDX-License-Identifier: MIT OR Apache-2.0
//! CHANGE: capture, void, refund. The service answers a repeat as it answered before.

use crate::config::Config;
use crate::wire::{ask, not_understood};
use payhal_plugin::messages::gateway::{Answer, Change, Modify, Original};
use payhal_plugin::{Context, Outcome, PluginError};

/// `CHANGE TRANSACTION KIND ORIGINAL CURRENCY TOTAL`
pub(crate) fn modify(config: &Config, request: &Modify, context: &Context) -> Outcome<Answer> {
    let kind = match &request.change {
        Change::Capture => "capture",
        Change::Void => "void",
        Change::Refund => "refund",
        // The manifest lists no other ability.
        Change::Adjust | Change::VoiceApproval { .. } => return Err(PluginError::Unsupported),
    };
    let Original::Wire { wire: original } = &request.original else {
        return Err(PluginError::Unsupported);
    };
    let words = [
        "CHANGE",
        &request.wire.transaction_id,
        kind,
        &original.transaction_id,
        &request.amounts.currency,
        &request.amounts.total_minor.to_string(),
    ];
    let line = ask(config, &words, context)?;
    Ok(Ok(line.answer().ok_or_else(not_understood)?))
}
