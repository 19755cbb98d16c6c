// SPDX-License-Identifier: MIT OR Apache-2.0
//! `GTK`, `EBX`: number and tracks of the card that was read, and bytes of the host's, encrypted.

use crate::commands::card::Reading;
use crate::digits::half_bytes;
use crate::fields::{Command, Objects, Reply};
use crate::ids::{host, pinpad as own};
use crate::pinpad::Pinpad;
use crate::rsa::{MODULUS_BYTES, PublicKey};
use crate::status::Status;
use crate::waiting::Step;
use payhal_card_data::{EntryMode, Padding, TdesKey};

const BLOCK: usize = TdesKey::BLOCK_BYTES;

/// Bytes of random filling in front of a wrapped key.
const FILLING: usize = MODULUS_BYTES - 16 - 3;

/// A part of a card, as it is encrypted: clear characters stand in front.
struct Part {
    id: u16,
    ksn_id: u16,
    open: Vec<u8>,
    secret: Vec<u8>,
}

/// How card data is encrypted.
enum Method {
    Clear,
    /// A key of its own for each part.
    Dukpt {
        chained: bool,
    },
    /// One random key for all, wrapped for the host.
    Random {
        chained: bool,
        key: Box<TdesKey>,
        wrapped: Vec<u8>,
    },
}

pub(crate) fn tracks(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let objects = command.objects()?;
    objects.need(host::TRACKS)?;
    let flags = objects.digits(host::TRACKS, 4)?.unwrap_or_default();
    let vector = vector(&objects)?;
    let open = match objects.find(host::OPEN_DIGITS) {
        None => 0,
        Some([digit @ b'0'..=b'9']) => usize::from(digit - b'0'),
        Some(_) => return Err(Status::INVALID_PARAMETER),
    };
    let method = method(pinpad, &objects)?;
    let reading = pinpad.reading.as_mut();
    let reading = reading.filter(|reading| !reading.tracks_taken);
    let reading = reading.ok_or(Status::INVALID_CALL)?;
    let parts = parts(reading, flags, open);
    reading.tracks_taken = true;
    let mut reply = Reply::ok(command.name);
    for part in parts {
        let (secret, ksn) = match &method {
            Method::Clear => (part.secret, None),
            Method::Dukpt { chained } => {
                let (ksn, key) = pinpad.keys.next().ok_or(Status::KEY)?;
                let key = key.data_request_key();
                let encrypted = encrypted(&key, *chained, &vector, &part.secret);
                pinpad.books.part(&encrypted);
                (encrypted, Some(ksn))
            }
            Method::Random { chained, key, .. } => {
                let encrypted = encrypted(key, *chained, &vector, &part.secret);
                pinpad.books.part(&encrypted);
                (encrypted, None)
            }
        };
        reply = reply
            .object(part.id, [part.open, secret].concat())
            .maybe(part.ksn_id, ksn.map(|ksn| *ksn.bytes()));
    }
    if let Method::Random { wrapped, .. } = method {
        reply = reply.object(own::WRAPPED_KEY, wrapped);
    }
    Ok(reply.into())
}

/// What of the card is asked for and there: a chip has no track 1.
fn parts(reading: &Reading, flags: &[u8], open: usize) -> Vec<Part> {
    let asked = |at: usize| flags.get(at).is_some_and(|flag| *flag != b'0');
    let mut parts = Vec::new();
    if asked(0) {
        let pan = reading.card.pan();
        parts.push(digits(own::NUMBER, own::NUMBER_KSN, pan.digits(), open));
    }
    if asked(1) && reading.entry == EntryMode::Stripe {
        let track = reading.card.track1();
        // The letter of the format stands in front of what is left in clear, and is not counted.
        let from = usize::from(open > 0);
        let (clear, secret) = track.characters()[from..].split_at(open);
        let mut secret = secret.to_vec();
        secret.resize(secret.len().next_multiple_of(BLOCK), 0);
        parts.push(Part {
            id: own::TRACK_1,
            ksn_id: own::TRACK_1_KSN,
            open: clear.to_vec(),
            secret,
        });
    }
    if asked(2) {
        let track = reading.card.track2();
        parts.push(digits(
            own::TRACK_2,
            own::TRACK_2_KSN,
            track.characters(),
            open,
        ));
    }
    parts
}

/// Half bytes; an odd count of clear ones takes the half of the byte that it began.
fn digits(id: u16, ksn_id: u16, characters: &[u8], open: usize) -> Part {
    let (clear, secret) = characters.split_at(open.min(characters.len()));
    Part {
        id,
        ksn_id,
        open: half_bytes(clear, 1),
        secret: half_bytes(secret, BLOCK),
    }
}

fn method(pinpad: &mut Pinpad, objects: &Objects) -> Result<Method, Status> {
    let Some(method) = objects.digits(host::CARD_METHOD, 2)? else {
        return Ok(Method::Clear);
    };
    match method {
        b"50" | b"51" => {
            own_key(pinpad, objects)?;
            Ok(Method::Dukpt {
                chained: method == b"51",
            })
        }
        b"90" | b"91" => {
            let modulus = objects.need(host::MODULUS)?;
            let exponent = objects.need(host::EXPONENT)?;
            let host = PublicKey::new(modulus, exponent).ok_or(Status::INVALID_PARAMETER)?;
            let key: [u8; 16] = pinpad.random.array();
            let filling: [u8; FILLING] = pinpad.random.nonzero();
            Ok(Method::Random {
                chained: method == b"91",
                wrapped: host.wrap(&key, &filling),
                key: Box::new(TdesKey::new(&key).map_err(|_| Status::KEY)?),
            })
        }
        // There are no master keys here.
        b"10" | b"11" => Err(Status::KEY),
        _ => Err(Status::INVALID_PARAMETER),
    }
}

fn own_key(pinpad: &Pinpad, objects: &Objects) -> Result<(), Status> {
    objects.need(host::KEY_INDEX)?;
    let index = objects.number(host::KEY_INDEX, 2)?;
    match index == Some(pinpad.key_index.into()) {
        true => Ok(()),
        false => Err(Status::KEY),
    }
}

fn vector(objects: &Objects) -> Result<[u8; BLOCK], Status> {
    let vector = objects.find(host::VECTOR).unwrap_or(&[0; BLOCK]);
    vector.try_into().map_err(|_| Status::INVALID_PARAMETER)
}

fn encrypted(key: &TdesKey, chained: bool, vector: &[u8; BLOCK], clear: &[u8]) -> Vec<u8> {
    if chained {
        return key.encrypt_cbc(vector, clear, Padding::Zeros);
    }
    let (blocks, _) = clear.as_chunks::<BLOCK>();
    let mut encrypted = blocks.to_vec();
    encrypted
        .iter_mut()
        .for_each(|block| key.encrypt_block(block));
    encrypted.as_flattened().to_vec()
}

pub(crate) fn bytes(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let objects = command.objects()?;
    let input = objects.need(host::INPUT)?;
    let vector = vector(&objects)?;
    objects.need(host::CARD_METHOD)?;
    let chained = match method(pinpad, &objects)? {
        Method::Dukpt { chained } => chained,
        Method::Clear | Method::Random { .. } => return Err(Status::INVALID_PARAMETER),
    };
    if input.is_empty() || input.len() % BLOCK != 0 {
        return Err(Status::INVALID_PARAMETER);
    }
    let (ksn, key) = pinpad.keys.next().ok_or(Status::KEY)?;
    let output = encrypted(&key.data_request_key(), chained, &vector, input);
    let reply = Reply::ok(command.name)
        .object(own::OUTPUT, output)
        .object(own::KSN, ksn.bytes());
    Ok(reply.into())
}
