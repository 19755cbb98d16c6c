// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a card's cryptography costs beside the bare primitives under it: seal and open, DUKPT of both
//! standards, the check of a chip's cryptogram. One thread, nothing else.
//!
//! The difference is locked and erased memory, canonical names and the record inside.

use super::{Setup, both};
use crate::Failure;
use crate::baseline::card as bare;
use crate::measure::{COUNTED, Contestant, Sample, Spread, WARM_UP, contest};
use crate::report::{Goal, Report};
use payhal_card_data::dukpt::{aes, tdes};
use payhal_card_data::emv::IssuerMasterKey;
use payhal_card_data::{
    Amounts, Associated, CardSecrets, DukptKey, EntryMode, Expiry, Inner, Pan, PrivateKey, Purpose,
    SEAL_VERSION, Track2, open_from, seal_from,
};
use std::hint::black_box;
use std::time::Instant;

/// Operations between two looks at the clock.
const BATCH: u32 = 8;

/// Five ones: as many derivations. An AES counter has eight on the average of its first 65,536.
const COUNTER: u32 = 0b1_0101_0101;
const DERIVATIONS: usize = 5;

/// Bytes of the associated names, about.
const NAMES_BYTES: usize = 160;

type Operation<'a> = Box<dyn FnMut() -> Result<(), Failure> + 'a>;

pub(super) fn measure(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    let inner = inner()?;
    for (figure, ours, bare) in sealing(&inner)?
        .into_iter()
        .chain(dukpt_aes(&inner)?)
        .chain(dukpt_tdes(&inner)?)
        .chain(cryptogram()?)
    {
        let (mut ours, mut bare) = (ours, bare);
        let mut contestants: Vec<Contestant<'_>> =
            vec![Box::new(|| rate(&mut ours)), Box::new(|| rate(&mut bare))];
        let samples = contest(setup.rounds, &mut contestants)?;
        let (ours, bare) = (&samples[0], &samples[1]);
        let spread = Spread::of_ratios(ours, bare, |sample| sample.rate);
        let note = both(ours, bare, "a second", |sample| sample.rate);
        report.add("card", figure, Goal::Told, spread, note);
    }
    Ok(())
}

fn rate(operation: &mut Operation<'_>) -> Result<Sample, Failure> {
    let warm = Instant::now() + WARM_UP;
    while Instant::now() < warm {
        operation()?;
    }
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < COUNTED {
        for _ in 0..BATCH {
            operation()?;
        }
        count += BATCH;
    }
    Ok(Sample {
        rate: f64::from(count) / begun.elapsed().as_secs_f64(),
        ..Sample::default()
    })
}

type Pairs<'a> = Vec<(&'static str, Operation<'a>, Operation<'a>)>;

fn sealing(inner: &Inner) -> Result<Pairs<'_>, Failure> {
    let (device, gateway) = (PrivateKey::generate(), PrivateKey::generate());
    let to = gateway.public_bytes();
    let associated = associated();
    let (key, sealed) = seal_from(&device, &to, &associated, inner, None)?;
    let sender = device.public().clone();
    let seals = bare::Hpke::new(sealed.len() - 16, NAMES_BYTES);
    let opens = bare::Hpke::new(sealed.len() - 16, NAMES_BYTES);
    let bare_sealed = opens.seal()?;
    Ok(vec![
        (
            "HPKE seal",
            Box::new(move || {
                black_box(seal_from(&device, &to, &associated, inner, None)?);
                Ok(())
            }),
            Box::new(move || {
                black_box(seals.seal()?);
                Ok(())
            }),
        ),
        (
            "HPKE open",
            Box::new(move || {
                let opened = open_from(&sender, &gateway, &associated, &key, &sealed)?;
                black_box(&opened);
                Ok(())
            }),
            Box::new(move || {
                black_box(opens.open(&bare_sealed)?);
                Ok(())
            }),
        ),
    ])
}

fn dukpt_aes(inner: &Inner) -> Result<Pairs<'_>, Failure> {
    let base = [0x5A; 32];
    let bdk = aes::Bdk::new(&base)?;
    let ksn = aes::Ksn {
        initial_key_id: aes::InitialKeyId::new([1; 8]),
        counter: COUNTER,
    };
    let key = DukptKey::Aes(bdk.transaction_key(&ksn)?);
    let associated = associated();
    let length = key.seal(&associated, inner, None)?.len() - 17;
    let bare_key = bare::aes_derive(&base, 1 + DERIVATIONS);
    let mut text = vec![7; length];
    Ok(vec![
        (
            "DUKPT AES-256 derive",
            Box::new(move || {
                black_box(bdk.transaction_key(&ksn)?);
                Ok(())
            }),
            Box::new(move || {
                black_box(bare::aes_derive(black_box(&base), 1 + DERIVATIONS));
                Ok(())
            }),
        ),
        (
            "DUKPT AES-256 encrypt",
            Box::new(move || {
                black_box(key.seal(&associated, inner, None)?);
                Ok(())
            }),
            Box::new(move || {
                black_box(bare::aes_encrypt(&bare_key, &mut text, &[7; NAMES_BYTES]));
                Ok(())
            }),
        ),
    ])
}

fn dukpt_tdes(inner: &Inner) -> Result<Pairs<'_>, Failure> {
    let base = std::array::from_fn(|at| at.to_le_bytes()[0]);
    let bdk = tdes::Bdk::new(&base)?;
    let ksn = tdes::Ksn::new([1, 2, 3, 4, 5, 6, 7, 0, 0, 0]).with_counter(COUNTER);
    let key = DukptKey::Tdes(bdk.transaction_key(&ksn)?);
    let associated = associated();
    let length = key.seal(&associated, inner, None)?.len() - 9;
    let bare_key = bare::tdes_derive(&base, DERIVATIONS);
    let mut text = vec![7; length];
    Ok(vec![
        (
            "DUKPT TDES derive",
            Box::new(move || {
                black_box(bdk.transaction_key(&ksn)?);
                Ok(())
            }),
            Box::new(move || {
                black_box(bare::tdes_derive(black_box(&base), DERIVATIONS));
                Ok(())
            }),
        ),
        (
            "DUKPT TDES encrypt",
            Box::new(move || {
                black_box(key.seal(&associated, inner, None)?);
                Ok(())
            }),
            Box::new(move || {
                black_box(bare::tdes_encrypt(&bare_key, &mut text, &[7; NAMES_BYTES]));
                Ok(())
            }),
        ),
    ])
}

/// Of a card whose key is known: session key, MAC, comparison.
fn cryptogram() -> Result<Pairs<'static>, Failure> {
    let bytes: [u8; 16] = std::array::from_fn(|at| at.to_le_bytes()[0]);
    let card = IssuerMasterKey::new(&bytes)?.card_key(&Pan::new(b"4111111111111111")?, 0);
    let message = [9; 33];
    let arqc = card.session_key(7).cryptogram(&message);
    Ok(vec![(
        "ARQC check",
        Box::new(
            move || match card.session_key(7).has_cryptogram(&message, &arqc) {
                true => Ok(()),
                false => Err("a cryptogram is not its own".into()),
            },
        ),
        Box::new(move || {
            black_box(bare::cryptogram(black_box(&bytes), &message)?);
            Ok(())
        }),
    )])
}

fn associated() -> Associated<'static> {
    Associated {
        version: SEAL_VERSION,
        read_id: "01a1ff62-2f33-764d-ace2-784e1968ae14",
        transaction_id: "01a1ff62-2f35-706f-b60d-5e72634fe0b4",
        device: "counter",
        gateway: "sandbox",
        key_id: "abcdefghijklmnopabcdefghijklmnop",
    }
}

fn inner() -> Result<Inner, Failure> {
    let expiry = Expiry::new(2049, 12).ok_or("December is a month")?;
    Ok(Inner {
        purpose: Purpose::Sale,
        amounts: Amounts {
            currency: *b"EUR",
            total_minor: 1250,
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: None,
        },
        secrets: CardSecrets {
            pan: Pan::new(b"4111111111111111")?,
            expiry,
            track1: None,
            track2: Some(Track2::new(b"4111111111111111=49122010000000000000")?),
            entry: EntryMode::Chip,
        },
    })
}
