// SPDX-License-Identifier: MIT OR Apache-2.0
//! DONE: the issuer's answer, for the chip and the display. Too late to cancel anything.

use crate::error::{not_understood, refusal_in, refuse};
use crate::reader::BeeperReader;
use crate::wire::Cancel;
use payhal_plugin::messages::call::CardRefusal;
use payhal_plugin::messages::reader::{Complete, CompletionRead, IssuerAnswer};
use payhal_plugin::{Context, Outcome};
use std::collections::BTreeMap;

/// `DONE approved|declined|none TAG91|-` -> `DONE yes|no`
pub(crate) fn complete(
    reader: &mut BeeperReader,
    request: &Complete,
    context: &Context,
) -> Outcome<CompletionRead> {
    if reader.held(&request.presentation_id).is_none() {
        return refuse(CardRefusal::CardRemoved);
    }
    reader.held = None;
    let (decision, issuer) = match &request.answer {
        IssuerAnswer::Approved { issuer, .. } => ("approved", issuer.get("91")),
        IssuerAnswer::Declined { issuer, .. } => ("declined", issuer.get("91")),
        IssuerAnswer::NoAnswer => ("none", None),
    };
    let issuer = issuer.filter(|tag| tag.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let command = format!("DONE {decision} {}", issuer.map_or("-", String::as_str));
    let line = reader.ask(&command, Cancel::Ignored, context)?;
    if !line.is("DONE") {
        return refusal_in(&line);
    }
    let accepted = match line.word(0) {
        Some("yes") => true,
        Some("no") => false,
        _ => return Err(not_understood()),
    };
    Ok(Ok(CompletionRead {
        accepted,
        tags: BTreeMap::new(),
    }))
}
