// SPDX-License-Identifier: MIT OR Apache-2.0
//! `FCX`, `GED`: hands the issuer's answer to the chip; what the chip may tell.

use crate::chip::Issuer;
use crate::fields::{Command, Reply};
use crate::ids::{host, pinpad as own};
use crate::pinpad::Pinpad;
use crate::status::Status;
use crate::waiting::Step;
use payhal_card_data::emv::{Tag, find, read};

/// Every command of a script was done.
const SCRIPT_DONE: u8 = 0x20;

pub(crate) fn run(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let objects = command.objects()?;
    objects.need(host::FINISH_OPTIONS)?;
    let options = objects.digits(host::FINISH_OPTIONS, 4)?;
    let issuer = match options.and_then(|options| options.first()) {
        Some(b'0') => Issuer::Approved,
        Some(b'1') => Issuer::Declined,
        Some(b'2') => Issuer::Unreachable,
        _ => return Err(Status::INVALID_PARAMETER),
    };
    let code = match objects.find(host::RESPONSE_CODE) {
        None => None,
        Some(code) => Some(code.try_into().map_err(|_| Status::INVALID_PARAMETER)?),
    };
    let given = objects.find(host::EMV).unwrap_or_default();
    let scripts = script_results(given)?;
    let issuer_data = find(given, Tag::ISSUER_AUTHENTICATION);
    let issuer_data = issuer_data.map_err(|_| Status::INVALID_PARAMETER)?;
    let tags = objects.find(host::TAG_LIST).unwrap_or_default();
    if pinpad.has_lost_its_chip() {
        return Err(Status::NO_CARD);
    }
    let reading = pinpad.reading.as_mut().filter(|reading| reading.gone_on);
    let chip = reading.and_then(|reading| reading.chip.as_mut());
    let chip = chip.filter(|chip| chip.has_asked());
    let chip = chip.ok_or(Status::INVALID_CALL)?;
    chip.shown(tags).ok_or(Status::INVALID_PARAMETER)?;
    let accepted = chip.conclude(issuer, code, issuer_data.unwrap_or_default());
    let shown = chip.shown(tags).ok_or(Status::INVALID_PARAMETER)?;
    pinpad.books.completed(accepted);
    // What was concluded is not concluded again.
    pinpad.reading = None;
    let result = if accepted { "000" } else { "100" };
    let reply = Reply::ok(command.name).object(own::FINISH_RESULT, result);
    let reply = match shown.is_empty() {
        true => reply,
        false => reply.object(own::EMV, shown),
    };
    let reply = match scripts.is_empty() {
        true => reply,
        false => reply.object(own::SCRIPT_RESULTS, scripts),
    };
    Ok(reply.into())
}

/// Five bytes for each script: how it went, and which.
fn script_results(given: &[u8]) -> Result<Vec<u8>, Status> {
    let mut results = Vec::new();
    for object in read(given) {
        let object = object.map_err(|_| Status::INVALID_PARAMETER)?;
        if ![Tag::ISSUER_SCRIPT_1, Tag::ISSUER_SCRIPT_2].contains(&object.tag) {
            continue;
        }
        let name = find(object.value, Tag::ISSUER_SCRIPT_IDENTIFIER);
        let name = name.map_err(|_| Status::INVALID_PARAMETER)?;
        let mut result = vec![SCRIPT_DONE];
        result.extend(name.unwrap_or(&[0; 4]));
        result.resize(5, 0);
        results.extend(result);
    }
    Ok(results)
}

pub(crate) fn show(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let objects = command.objects()?;
    let tags = objects.need(host::TAG_LIST)?;
    let chip = pinpad
        .reading
        .as_ref()
        .and_then(|reading| reading.chip.as_ref());
    let chip = chip.ok_or(Status::INVALID_CALL)?;
    let shown = chip.shown(tags).ok_or(Status::INVALID_PARAMETER)?;
    Ok(Reply::ok(command.name).object(own::EMV, shown).into())
}
