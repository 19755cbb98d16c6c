// SPDX-License-Identifier: MIT OR Apache-2.0
//! `TLI`, `TLR`, `TLE`, `GTS`: loads EMV tables, and tells their version.

use crate::digits::number;
use crate::fields::{Command, Reply};
use crate::pinpad::Pinpad;
use crate::status::Status;
use crate::waiting::Step;

fn acquirer(digits: Option<&[u8]>) -> Result<u8, Status> {
    let acquirer = digits
        .and_then(number)
        .and_then(|number| number.try_into().ok());
    acquirer.ok_or(Status::INVALID_PARAMETER)
}

pub(crate) fn begin(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let block = command.block();
    let version = block.get(2..).and_then(|version| version.try_into().ok());
    let version = version.ok_or(Status::INVALID_PARAMETER)?;
    let is_same = pinpad.tables.begin(acquirer(block.get(..2))?, version);
    let status = if is_same {
        Status::OK
    } else {
        Status::OTHER_TABLES
    };
    Ok(Reply::of(command.name, status).into())
}

pub(crate) fn records(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let taken = pinpad.tables.take(command.block());
    let taken = taken.ok_or(Status::INVALID_CALL)?;
    taken.map_err(|_| Status::TABLES)?;
    Ok(Reply::ok(command.name).into())
}

pub(crate) fn end(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    pinpad.tables.end().ok_or(Status::INVALID_CALL)?;
    Ok(Reply::ok(command.name).into())
}

pub(crate) fn version(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let block = command.block();
    if block.len() != 2 {
        return Err(Status::INVALID_PARAMETER);
    }
    let version = pinpad.tables.version(acquirer(Some(block))?);
    Ok(Reply::ok(command.name).block(version).into())
}
