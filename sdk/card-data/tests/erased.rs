// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was dropped is nowhere in the memory of this process; the search is shown to find what is
//! still held.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "fixtures of a test")]

use payhal_card_data::dukpt::{aes, tdes};
use payhal_card_data::{
    Amounts, Associated, CardSecrets, EncryptedPinBlock, EntryMode, Expiry, Inner, Padding, Pan,
    Pin, PrivateKey, Purpose, SEAL_VERSION, Track1, Track2, Track2Equivalent, open_from, seal_from,
};
use std::fs::File;
use std::os::unix::fs::FileExt;
use zeroize::Zeroizing;

/// No number of any card, and altered, so that it is not found in the program itself.
const HIDDEN: [u8; 16] = *b"4\x10\x10\x12\x10\x11\x13\x14\x11\x14\x11\x15\x12\x10\x10\x16";

/// The canary's digits. The caller erases them.
fn digits() -> Zeroizing<[u8; 16]> {
    let mut digits = Zeroizing::new([0; 16]);
    for (digit, hidden) in digits.iter_mut().zip(HIDDEN) {
        *digit = if hidden == b'4' {
            hidden
        } else {
            hidden ^ 0x20
        };
    }
    // The check digit that makes it a number.
    for last in b'0'..=b'9' {
        digits[15] = last;
        if payhal_card_data::passes_luhn(&*digits) {
            return digits;
        }
    }
    unreachable!("one of ten digits checks")
}

/// How often the pattern lies in memory that this process can write to.
///
/// The pattern is given altered, and compared so, to find no copy of its own.
fn found(altered: &[u8]) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let memory = File::open("/proc/self/mem").unwrap();
    let mut count = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (bounds, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with("rw") || line.ends_with("[vvar]") {
            continue;
        }
        let (start, end) = bounds.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        count += found_between(&memory, start, end, altered);
    }
    count
}

/// In pieces, each altered as soon as it is read: a copy that is searched must not be found.
fn found_between(memory: &File, start: u64, end: u64, altered: &[u8]) -> usize {
    const PIECE: usize = 1 << 16;
    let mut count = 0;
    let mut piece = vec![0; PIECE + altered.len()];
    let mut at = start;
    while at < end {
        let read = memory.read_at(&mut piece, at).unwrap_or(0);
        let read = read.min(usize::try_from(end - at).unwrap());
        let own = piece.as_ptr().addr() as u64;
        piece.iter_mut().for_each(|byte| *byte ^= 0xA5);
        for (place, window) in piece[..read].windows(altered.len()).enumerate() {
            // Where the buffer itself is read, it holds what was altered before.
            let inside = (own..own + (PIECE as u64) * 2).contains(&(at + place as u64));
            count += usize::from(place < PIECE && window == altered && !inside);
        }
        at += PIECE as u64;
    }
    piece.fill(0);
    count
}

fn altered(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ 0xA5).collect()
}

/// Where a value was held, how often it was found; after it was dropped it is found nowhere.
fn is_erased<T>(name: &str, make: impl FnOnce() -> T, bytes_of: impl Fn(&T) -> Vec<u8>) {
    let held = make();
    let pattern = altered(&Zeroizing::new(bytes_of(&held)));
    assert!(found(&pattern) > 0, "the search does not find {name}");
    drop(held);
    assert_eq!(found(&pattern), 0, "{name} is still there");
}

/// One case, since the memory is that of all threads.
#[test]
fn nothing_that_was_dropped_is_left() {
    let pan = || Pan::new(&*digits()).unwrap();
    let expiry = Expiry::new(2049, 12).unwrap();
    let track = move || Track2::made_of(&pan(), expiry, b"201").unwrap();
    is_erased("a PAN", pan, |pan| {
        Zeroizing::new(pan.digits().to_vec()).to_vec()
    });
    is_erased("a track", track, |track| track.characters()[..16].to_vec());
    is_erased(
        "a chip's track",
        || Track2Equivalent::from(&track()),
        |chip| chip.value()[..8].to_vec(),
    );
    let long_pin = || Pin::new(&digits()[..12]).unwrap();
    is_erased("a PIN", long_pin, |pin| pin.digits().to_vec());
    keys_are_erased();
    a_sealed_read_is_erased(&track, expiry);
    a_pin_on_its_way_is_erased(&long_pin);
}

fn keys_are_erased() {
    let ksn = tdes::Ksn::new([0xFF; 10]);
    let device = || {
        let bdk = tdes::Bdk::new(&digits()[..]).unwrap();
        let mut device = tdes::Device::load(bdk.initial_key(&ksn));
        let (_, key) = device.next_transaction().unwrap();
        (device, key)
    };
    is_erased("a TDES key", device, |(_, key)| key.bytes().to_vec());
    let (mut held, key) = device();
    let used = altered(&Zeroizing::new(key.bytes().to_vec()));
    drop(key);
    assert_eq!(found(&used), 0, "a device keeps a past key");
    held.next_transaction().unwrap();
    let device = || {
        let bdk = aes::Bdk::new(&digits()[..]).unwrap();
        let initial = bdk.initial_key(aes::InitialKeyId::new([1; 8]));
        aes::Device::load(initial)
    };
    is_erased("an AES device", device, |device| {
        let state = device.state();
        state.bytes()[8..24].to_vec()
    });
}

fn a_sealed_read_is_erased(track: &dyn Fn() -> Track2, expiry: Expiry) {
    let (device, recipient) = (PrivateKey::generate(), PrivateKey::generate());
    let associated = Associated {
        version: SEAL_VERSION,
        read_id: "read-1",
        transaction_id: "01J0",
        device: "counter",
        gateway: "sandbox",
        key_id: "key-1",
    };
    let sealed = {
        let track1 = [b"B", &digits()[..], b"^DOE/JANE^4912201"];
        let track1 = Zeroizing::new(track1.concat());
        let inner = Inner {
            purpose: Purpose::Sale,
            amounts: Amounts {
                currency: *b"EUR",
                total_minor: 1250,
                tip_minor: None,
                surcharge_minor: None,
                cashback_minor: None,
            },
            secrets: CardSecrets {
                pan: track().pan(),
                expiry,
                track2: Some(track()),
                track1: Some(Track1::new(&track1).unwrap()),
                entry: EntryMode::Chip,
            },
        };
        seal_from(
            &device,
            &recipient.public_bytes(),
            &associated,
            &inner,
            Some(&Pin::new(&digits()[..12]).unwrap()),
        )
        .unwrap()
    };
    let pattern = altered(&*digits());
    assert_eq!(found(&pattern), 0, "a read that was sealed is still there");
    let opened = open_from(
        device.public(),
        &recipient,
        &associated,
        &sealed.0,
        &sealed.1,
    );
    assert!(found(&pattern) > 0, "the search does not find what is open");
    assert!(opened.unwrap().open_pin().unwrap().is_ok());
    assert_eq!(found(&pattern), 0, "a read that was opened is still there");
}

fn a_pin_on_its_way_is_erased(pin: &dyn Fn() -> Pin) {
    let pan = Pan::new(b"4111111111111111").unwrap();
    let ksn = tdes::Ksn::new([0xFF; 10]);
    let bdk = tdes::Bdk::new(&[7; 16]).unwrap();
    let key = bdk.transaction_key(&ksn.with_counter(1)).unwrap();
    let block = EncryptedPinBlock::format3(&pin(), &pan, &key.pin_key());
    let text = key
        .data_request_key()
        .encrypt_cbc(&[0; 8], pin().digits(), Padding::Bit);
    let pattern = altered(&digits()[..12]);
    assert_eq!(
        found(&pattern),
        0,
        "a PIN that was encrypted is still there"
    );
    assert_eq!(block.open_tdes(&pan, &key.pin_key()), Ok(pin()));
    let opened = key
        .data_request_key()
        .decrypt_cbc(&[0; 8], &text, Padding::Bit);
    assert_eq!(opened.unwrap().bytes(), pin().digits());
    assert_eq!(
        found(&pattern),
        0,
        "a PIN that was decrypted is still there"
    );
}
