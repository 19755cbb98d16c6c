// SPDX-License-Identifier: MIT OR Apache-2.0
//! `OPN`, `GIX`, `GIN`, `CLO`, `CLX`: a session, and what the pinpad is.

use super::show_message;
use crate::digits::{hex, number, text, unhex};
use crate::fields::{Command, Reply};
use crate::ids::{host, pinpad as own};
use crate::pinpad::{Pinpad, Session, Version};
use crate::rsa::{MODULUS_BYTES, PublicKey};
use crate::secure::SessionKey;
use crate::status::Status;
use crate::waiting::Step;

const MAKER: &str = "PAYHAL SIMULATOR";
const MODEL: &str = "ABECS-1";
const SYSTEM: &str = "1.0.0";

/// Places of keys.
const KEYS: usize = 100;

/// Bytes of random filling in front of a wrapped session key.
const FILLING: usize = MODULUS_BYTES - 16 - 3;

pub(crate) fn open(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let block = command.block();
    pinpad.close();
    pinpad.screen.clear();
    if block.is_empty() {
        pinpad.session = Session::Clear;
        return Ok(Reply::ok(command.name).into());
    }
    let key = public_key(block).ok_or(Status::INVALID_PARAMETER)?;
    let session: [u8; 16] = pinpad.random.array();
    let filling: [u8; FILLING] = pinpad.random.nonzero();
    let wrapped = key.wrap(&session, &filling);
    pinpad.session = Session::Secret(SessionKey::new(&session));
    let block = format!("{MODULUS_BYTES}{}", hex(&wrapped));
    Ok(Reply::ok(command.name).block(block).into())
}

/// Mode, length and modulus, length and exponent.
fn public_key(block: &[u8]) -> Option<PublicKey> {
    let rest = block.strip_prefix(b"0256")?;
    let (modulus, rest) = rest.split_at_checked(2 * MODULUS_BYTES)?;
    let (length, exponent) = rest.split_at_checked(1)?;
    let length = usize::try_from(number(length)?).ok()?;
    if !(1..=3).contains(&length) || exponent.len() != 2 * length {
        return None;
    }
    PublicKey::new(&unhex(modulus)?, &unhex(exponent)?)
}

pub(crate) fn show(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let objects = command.objects()?;
    let known = known(pinpad);
    let Some(list) = objects.find(host::ID_LIST) else {
        let reply = known
            .iter()
            .fold(Reply::ok(command.name), |reply, (id, value)| {
                reply.object(*id, value)
            });
        return Ok(reply.into());
    };
    let (ids, rest) = list.as_chunks::<2>();
    if !rest.is_empty() || ids.is_empty() {
        return Err(Status::INVALID_PARAMETER);
    }
    let mut reply = Reply::ok(command.name);
    for id in ids {
        let id = u16::from_be_bytes(*id);
        let value = known.iter().find(|(known, _)| *known == id);
        reply = reply.maybe(id, value.map(|(_, value)| value));
    }
    Ok(reply.into())
}

fn version(pinpad: &Pinpad) -> &'static str {
    match pinpad.version {
        Version::V212 => "2.12",
        Version::V220 => "2.20",
    }
}

fn known(pinpad: &Pinpad) -> Vec<(u16, Vec<u8>)> {
    let index = usize::from(pinpad.key_index);
    let place = u16::from(pinpad.key_index);
    let ours: Vec<u8> = (0..KEYS)
        .map(|at| if at == index { b'1' } else { b'0' })
        .collect();
    let none = vec![b'0'; KEYS];
    let ksn = pinpad.keys.last().bytes().to_vec();
    let mut known = vec![
        (
            own::SERIAL_NUMBER,
            pinpad.serial_number.clone().into_bytes(),
        ),
        (own::PART_NUMBER, b"SIM-1".to_vec()),
        (own::MODEL, MODEL.into()),
        (own::MAKER, MAKER.into()),
        // Contactless, and a keypad with function keys.
        (own::ABILITIES, b"1000000000".to_vec()),
        (own::SYSTEM_VERSION, SYSTEM.into()),
        (own::SPECIFICATION, version(pinpad).into()),
        (own::MANAGER_VERSION, text("001.00 000000", 16)),
        (own::APPLICATION_VERSION, text("001.00 000000", 16)),
        (own::GENERIC_VERSION, text("001.00 000000", 16)),
        (own::KERNEL, b"SIM EMV 4.3".to_vec()),
        (own::CONTACTLESS_KERNEL, b"SIM CTLS 2.6".to_vec()),
        (own::TEXT_SIZE, b"0216".to_vec()),
        (own::GRAPHIC_SIZE, b"00000000".to_vec()),
        (own::FILES, vec![b'0'; 20]),
        (own::MASTER_PIN_KEYS, none.clone()),
        (own::MASTER_CARD_KEYS, none),
        (own::DUKPT_PIN_KEYS, ours.clone()),
        (own::DUKPT_CARD_KEYS, ours),
        (own::KSN_OF_PIN_KEY + place, ksn.clone()),
        (own::KSN_OF_CARD_KEY + place, ksn),
    ];
    for acquirer in pinpad.tables.acquirers() {
        let version = pinpad.tables.version(acquirer).to_vec();
        known.push((own::TABLES + u16::from(acquirer), version));
    }
    known
}

/// The pinpad for acquirer zero, else one of its network applications.
pub(crate) fn show_old(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let acquirer = match command.block().len() {
        2 => number(command.block()).ok_or(Status::INVALID_PARAMETER)?,
        _ => return Err(Status::INVALID_PARAMETER),
    };
    let fields = match acquirer {
        0 => vec![
            text(MAKER, 20),
            text(MODEL, 19),
            text("C", 1),
            text(SYSTEM, 20),
            text(version(pinpad), 4),
            text("001.00 000000", 16),
            text(&pinpad.serial_number, 20),
        ],
        _ => vec![text("GENERIC", 20), text("001.00 000000", 13), text("", 9)],
    };
    Ok(Reply::ok(command.name).block(fields.concat()).into())
}

pub(crate) fn close(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    if !matches!(command.block().len(), 0 | 32) {
        return Err(Status::INVALID_PARAMETER);
    }
    pinpad.screen = command.block().to_vec();
    pinpad.close();
    Ok(Reply::ok(command.name).into())
}

pub(crate) fn close_with_objects(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let objects = command.objects()?;
    pinpad.screen.clear();
    show_message(pinpad, &objects);
    pinpad.close();
    Ok(Reply::ok(command.name).into())
}
