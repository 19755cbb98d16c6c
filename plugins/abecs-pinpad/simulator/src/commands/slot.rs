// SPDX-License-Identifier: MIT OR Apache-2.0
//! `CHP`: raw access to the card in the slot, which is a small one: it selects, and tells who it is.

use crate::digits::{hex, number, unhex};
use crate::fields::{Command, Reply};
use crate::pinpad::Pinpad;
use crate::status::Status;
use crate::waiting::Step;
use payhal_card_data::{Behaviour, EntryMode, TestCard};

/// Answer to reset: T=0, eight historical bytes.
const RESET: [u8; 12] = [
    0x3B, 0x68, 0x00, 0x00, b'P', b'A', b'Y', b'H', b'A', b'L', b' ', b'1',
];

const DIRECTORY: &[u8] = b"1PAY.SYS.DDF01";

pub(crate) fn run(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let wrong = Status::INVALID_PARAMETER;
    let (head, apdu) = command.block().split_at_checked(5).ok_or(wrong)?;
    let length = number(&head[2..]).and_then(|length| usize::try_from(length).ok());
    let apdu = unhex(apdu)
        .filter(|apdu| Some(apdu.len()) == length)
        .ok_or(wrong)?;
    match head[0] {
        b'0' => {}
        b'1'..=b'8' => return Err(Status::NO_SAM),
        b'9' => return Err(Status::NO_CARD),
        _ => return Err(wrong),
    }
    let card = pinpad.slot.ok_or(Status::NO_CARD)?;
    let answer = match head[1] {
        b'0' => {
            pinpad.powered = false;
            Vec::new()
        }
        b'1' => {
            let answers = card.entries.contains(&EntryMode::Chip);
            if !answers || card.behaviour == Behaviour::ChipFault {
                return Err(Status::DUMB_CARD);
            }
            pinpad.powered = true;
            RESET.to_vec()
        }
        b'2' if pinpad.powered => answer(card, &apdu),
        b'2' | b'3' => return Err(Status::INVALID_CALL),
        _ => return Err(wrong),
    };
    let answer = format!("{:03}{}", answer.len(), hex(&answer));
    Ok(Reply::ok(command.name).block(answer).into())
}

fn answer(card: &TestCard, apdu: &[u8]) -> Vec<u8> {
    let [0x00, 0xA4, 0x04, _, length, rest @ ..] = apdu else {
        // No such instruction, or no such class.
        return match apdu.first() {
            Some(0x00) => vec![0x6D, 0x00],
            _ => vec![0x6E, 0x00],
        };
    };
    let Some(name) = rest.get(..usize::from(*length)) else {
        return vec![0x67, 0x00];
    };
    let mut applications = card.applications.iter();
    let application = applications.find(|(_, aid)| {
        let aid = unhex(aid.as_bytes()).unwrap_or_default();
        !name.is_empty() && aid.starts_with(name)
    });
    let (aid, label) = match application {
        Some((label, aid)) => (unhex(aid.as_bytes()).unwrap_or_default(), *label),
        None if name == DIRECTORY => (DIRECTORY.to_vec(), "PSE"),
        None => return vec![0x6A, 0x82],
    };
    let labelled = object(&[0xA5], &object(&[0x50], label.as_bytes()));
    let inside = [object(&[0x84], &aid), labelled].concat();
    [object(&[0x6F], &inside), vec![0x90, 0x00]].concat()
}

/// Short enough that its length is one byte.
fn object(tag: &[u8], value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap_or(0);
    [tag, &[length], value].concat()
}
