// SPDX-License-Identifier: MIT OR Apache-2.0
//! `DEX`, `DSP`, `DSI`, `DMF`: text on the screen; files of pictures there are none.

use crate::digits::number;
use crate::fields::{Command, Reply};
use crate::ids::host;
use crate::pinpad::Pinpad;
use crate::status::Status;
use crate::waiting::Step;

/// Longest text.
const TEXT_MAX: usize = 160;

/// Two lines of sixteen.
pub(crate) fn short(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    if command.block().len() != 32 {
        return Err(Status::INVALID_PARAMETER);
    }
    pinpad.screen = command.block().to_vec();
    Ok(Reply::ok(command.name).into())
}

/// As much as the screen holds, with its length in front.
pub(crate) fn long(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let wrong = Status::INVALID_PARAMETER;
    let (length, text) = command.block().split_at_checked(3).ok_or(wrong)?;
    let length = number(length).and_then(|length| usize::try_from(length).ok());
    if length != Some(text.len()) || text.len() > TEXT_MAX {
        return Err(wrong);
    }
    pinpad.screen = text.to_vec();
    Ok(Reply::ok(command.name).into())
}

pub(crate) fn file(command: &Command) -> Result<Step, Status> {
    command.objects()?.need(host::FILE_NAME)?;
    Err(Status::NO_FILE)
}
