// SPDX-License-Identifier: MIT OR Apache-2.0
//! `GPN`: a PIN for a number that the host tells; and which key PINs are encrypted with.

use crate::commands::go_on::another;
use crate::digits::{hex, number};
use crate::fields::{Command, Objects, Reply};
use crate::ids::host;
use crate::person::Entered;
use crate::pinpad::Pinpad;
use crate::status::Status;
use crate::waiting::{Step, What};
use payhal_card_data::{EncryptedPinBlock, Pan, Pin, by_pan};

/// Method, index, working key, length of the number, the number.
const HEAD: usize = 1 + 2 + 32 + 2 + 19;

/// Shortest and longest PIN, and a message.
const ENTRY: usize = 2 + 2 + 32;

/// That a host wants PINs under the DUKPT key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct PinKeyAsked;

impl PinKeyAsked {
    /// None where the host names no method.
    pub(crate) fn of(objects: &Objects, pinpad: &Pinpad) -> Result<Option<Self>, Status> {
        let Some(method) = objects.digits(host::PIN_METHOD, 1)? else {
            return Ok(None);
        };
        objects.need(host::KEY_INDEX)?;
        let index = objects.number(host::KEY_INDEX, 2)?;
        key(pinpad, method, index)?;
        Ok(Some(Self))
    }
}

/// Only DUKPT TDES has a key here; single DES was withdrawn.
fn key(pinpad: &Pinpad, method: &[u8], index: Option<u64>) -> Result<(), Status> {
    match method {
        b"3" if index == Some(pinpad.key_index.into()) => Ok(()),
        b"1" | b"3" => Err(Status::KEY),
        _ => Err(Status::INVALID_PARAMETER),
    }
}

pub(crate) fn wait(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let block = command.block();
    let wrong = Status::INVALID_PARAMETER;
    let (head, rest) = block.split_at_checked(HEAD).ok_or(wrong)?;
    let index = number(&head[1..3]).ok_or(wrong)?;
    key(pinpad, &head[..1], Some(index))?;
    let length = number(&head[35..37]).and_then(|length| usize::try_from(length).ok());
    let digits = head[37..].get(..length.ok_or(wrong)?).ok_or(wrong)?;
    let pan = Pan::new(digits).map_err(|_| wrong)?;
    let (count, entries) = rest.split_at_checked(1).ok_or(wrong)?;
    let count = usize::try_from(number(count).ok_or(wrong)?).map_err(|_| wrong)?;
    if count == 0 || entries.len() != count * ENTRY {
        return Err(wrong);
    }
    let bound = |digits: &[u8]| u8::try_from(number(digits)?).ok();
    let least = bound(&entries[..2])
        .filter(|least| *least >= 4)
        .ok_or(wrong)?;
    let most = bound(&entries[2..4])
        .filter(|most| (least..=12).contains(most))
        .ok_or(wrong)?;
    pinpad.screen = entries[4..ENTRY].to_vec();
    Ok(Step::Wait {
        what: What::PinFor { pan, least, most },
        until_us: None,
    })
}

/// Something was entered.
pub(crate) fn entered(pinpad: &mut Pinpad, pan: &Pan, least: u8, most: u8) -> Result<Step, Status> {
    let card = by_pan(pan);
    let own = || card.and_then(|card| card.pin());
    let pin = match pinpad.person.pins.pop_front() {
        Some(Entered::Digits(pin)) => Some(pin),
        Some(Entered::Wrong) => card.map(another),
        Some(Entered::Nothing) => None,
        None => own(),
    };
    let known = Pin::new(b"1234").map_err(|_| Status::CANCEL)?;
    let pin = pin.unwrap_or(known);
    let length = u8::try_from(pin.digits().len()).map_err(|_| Status::CANCEL)?;
    if !(least..=most).contains(&length) {
        return Err(Status::CANCEL);
    }
    let (ksn, key) = pinpad.keys.next().ok_or(Status::KEY)?;
    let block = EncryptedPinBlock::format0(&pin, pan, &key.pin_key());
    pinpad.books.part(block.bytes());
    let answer = format!("{}{ksn}", hex(block.bytes()));
    Ok(Reply::ok(*b"GPN").block(answer).into())
}
