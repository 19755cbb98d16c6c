// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records with keys of X9.24-1 annex A, encrypted here as a pinpad does it.

use super::*;
use crate::dukpt::DukptError;
use crate::dukpt::tdes::Bdk;

const BDK: [u8; 16] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10,
];
const PAN: &str = "4012345678909";
const TRACK1: &str = "B4012345678909^TEST/CARD^4912201123";
const TRACK2: &str = "4012345678909=4912201123";

#[derive(Debug, PartialEq)]
enum Broken {
    Read,
    Key,
}

impl From<PinpadReadError> for Broken {
    fn from(_: PinpadReadError) -> Self {
        Self::Read
    }
}

fn ksn(counter: u32) -> Ksn {
    let name: Ksn = "FFFF9876543210E00000".parse().unwrap();
    name.with_counter(counter)
}

fn key_of(ksn: &Ksn) -> Result<TransactionKey, Broken> {
    let key = Bdk::new(&BDK).and_then(|bdk| bdk.transaction_key(ksn));
    key.map_err(|_: DukptError| Broken::Key)
}

/// Half bytes with `F` behind.
fn packed(text: &str) -> Vec<u8> {
    let mut text = text.replace('=', "D");
    while !text.len().is_multiple_of(16) {
        text.push('F');
    }
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn under(part: PinpadPart, counter: u32, clear: &[u8]) -> PinpadField {
    let key = key_of(&ksn(counter)).unwrap().data_request_key();
    PinpadField {
        part,
        ksn: ksn(counter),
        ciphertext: key.encrypt_cbc(&[0; 8], clear, Padding::Zeros),
    }
}

fn pin_block(pan: &str, counter: u32) -> PinpadField {
    let key = key_of(&ksn(counter)).unwrap().pin_key();
    let (pin, pan) = (
        Pin::new(b"1234").unwrap(),
        Pan::new(pan.as_bytes()).unwrap(),
    );
    PinpadField {
        part: PinpadPart::PinBlock,
        ksn: ksn(counter),
        ciphertext: EncryptedPinBlock::format0(&pin, &pan, &key)
            .bytes()
            .to_vec(),
    }
}

fn whole() -> PinpadRead {
    let fields = vec![
        pin_block(PAN, 1),
        under(PinpadPart::Pan, 2, &packed(PAN)),
        under(PinpadPart::Track1, 3, TRACK1.as_bytes()),
        under(PinpadPart::Track2, 4, &packed(TRACK2)),
    ];
    PinpadRead::new(fields, Expiry::new(2049, 12)).unwrap()
}

fn of(fields: Vec<PinpadField>, expiry: Option<Expiry>) -> Result<OpenedPinpadRead, Broken> {
    let read = PinpadRead::new(fields, expiry).unwrap();
    read.open(EntryMode::Stripe, key_of)
}

#[test]
fn the_published_pin_block_opens() {
    // X9.24-1:2009 annex A.4: the first block of the sequence.
    let block = PinpadField {
        part: PinpadPart::PinBlock,
        ksn: "FFFF9876543210E00001".parse().unwrap(),
        ciphertext: vec![0x1B, 0x9C, 0x18, 0x45, 0xEB, 0x99, 0x3A, 0x7A],
    };
    let opened = of(
        vec![block, under(PinpadPart::Pan, 2, &packed(PAN))],
        Expiry::new(2049, 12),
    );
    assert_eq!(
        opened.unwrap().open_pin(),
        Some(Ok(Pin::new(b"1234").unwrap()))
    );
}

#[test]
fn every_part_comes_back_out_of_the_record() {
    let read = PinpadRead::decode(&whole().encode()).unwrap();
    assert_eq!(read, whole());
    assert_eq!(read.ksn(), Some(ksn(4)));
    let opened = read.open(EntryMode::Chip, key_of).unwrap();
    assert_eq!(opened.secrets.pan.digits(), PAN.as_bytes());
    let track = opened.secrets.track1.as_ref().unwrap();
    assert_eq!(track.characters(), TRACK1.as_bytes());
    let track = opened.secrets.track2.as_ref().unwrap();
    assert_eq!(track.characters(), TRACK2.replace('=', "D").as_bytes());
    assert_eq!(opened.secrets.expiry, Expiry::new(2049, 12).unwrap());
    assert_eq!(opened.open_pin(), Some(Ok(Pin::new(b"1234").unwrap())));
}

#[test]
fn a_number_is_kept_alone_and_is_no_read() {
    let number = whole().number().unwrap();
    assert_eq!(number.fields().len(), 1);
    let number = PinpadRead::decode(&number.encode()).unwrap();
    let opened = number.open_number(key_of).unwrap();
    assert_eq!(opened.pan.digits(), PAN.as_bytes());
    assert_eq!(opened.expiry, Expiry::new(2049, 12).unwrap());
    assert_eq!(whole().open_number(key_of).unwrap_err(), Broken::Read);
    let track = PinpadRead::new(vec![under(PinpadPart::Track2, 4, &packed(TRACK2))], None);
    assert_eq!(track.unwrap().number(), None);
}

#[test]
fn every_length_of_number_and_track_fills_its_blocks() {
    for pan in ["378282246310005", "4111111111111111", "6799993496792858706"] {
        let track = format!("{pan}=491220112345");
        let opened = of(
            vec![
                under(PinpadPart::Pan, 2, &packed(pan)),
                under(PinpadPart::Track2, 3, &packed(&track)),
            ],
            None,
        );
        assert_eq!(opened.unwrap().secrets.pan.digits(), pan.as_bytes());
    }
}

#[test]
fn parts_of_two_cards_are_no_read() {
    let other = "4111111111111111=4912201123";
    let opened = of(
        vec![
            under(PinpadPart::Pan, 2, &packed(PAN)),
            under(PinpadPart::Track2, 3, &packed(other)),
        ],
        None,
    );
    assert_eq!(opened.unwrap_err(), Broken::Read);
}

#[test]
fn what_is_under_another_key_is_no_card() {
    for (part, clear) in [
        (PinpadPart::Pan, packed(PAN)),
        (PinpadPart::Track1, TRACK1.as_bytes().to_vec()),
        (PinpadPart::Track2, packed(TRACK2)),
    ] {
        let mut field = under(part, 2, &clear);
        field.ksn = ksn(3);
        assert_eq!(of(vec![field], None).unwrap_err(), Broken::Read, "{part:?}");
        let mut field = under(part, 2, &clear);
        field.ksn = ksn(0);
        assert_eq!(of(vec![field], None).unwrap_err(), Broken::Key, "{part:?}");
    }
    let pan = under(PinpadPart::Pan, 2, &packed(PAN));
    let opened = of(
        vec![pan.clone(), pin_block("4111111111111111", 1)],
        Expiry::new(2049, 12),
    );
    assert_ne!(
        opened.unwrap().open_pin(),
        Some(Ok(Pin::new(b"1234").unwrap()))
    );
    assert_eq!(of(vec![pan], None).unwrap_err(), Broken::Read, "no expiry");
    assert_eq!(of(Vec::new(), None).unwrap_err(), Broken::Read);
}

#[test]
fn what_is_no_record_is_refused() {
    let record = whole().encode();
    for length in 0..record.len() {
        assert_ne!(
            PinpadRead::decode(&record[..length]),
            Ok(whole()),
            "{length}"
        );
    }
    assert_eq!(
        PinpadRead::decode(&record[..record.len() - 1]),
        Err(PinpadReadError)
    );
    let twice = [&record[..], &record[1..]].concat();
    assert_eq!(PinpadRead::decode(&twice), Err(PinpadReadError));
    let mut other = record.clone();
    other[0] = 2;
    assert_eq!(PinpadRead::decode(&other), Err(PinpadReadError));
    for (part, length) in [
        (PinpadPart::PinBlock, 16),
        (PinpadPart::Pan, 0),
        (PinpadPart::Pan, 9),
        (PinpadPart::Track1, 88),
    ] {
        let field = PinpadField {
            part,
            ksn: ksn(1),
            ciphertext: vec![0; length],
        };
        assert_eq!(
            PinpadRead::new(vec![field], None),
            None,
            "{part:?} {length}"
        );
    }
}

#[test]
fn one_read_has_one_token_whatever_it_is_called() {
    let first = whole().open(EntryMode::Chip, key_of).unwrap().replay;
    let again = whole().open(EntryMode::Stripe, key_of).unwrap().replay;
    assert_eq!(first, again);
    let next = of(vec![under(PinpadPart::Track2, 5, &packed(TRACK2))], None);
    assert_ne!(next.unwrap().replay, first);
}

#[test]
fn debug_shows_lengths() {
    let shown = format!(
        "{:?} {:?}",
        whole(),
        whole().open(EntryMode::Chip, key_of).unwrap()
    );
    for part in ["40123", "4912", "1B9C", "TEST"] {
        assert!(!shown.contains(part), "{part}");
    }
}
