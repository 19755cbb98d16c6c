// SPDX-License-Identifier: MIT OR Apache-2.0
//! No card data leaves a scrubber, however it is written and wherever it is cut.

use super::*;
use proptest::prelude::*;

const NUMBER: &str = "4111111111111111";

fn piece(at_us: u64, from: Side, bytes: &[u8]) -> Entry {
    Entry {
        at_us,
        port: "main".to_owned(),
        from,
        bytes: bytes.to_vec(),
        scrubbed: Vec::new(),
    }
}

fn scrub(pieces: &[(Side, &[u8])]) -> Vec<Entry> {
    let mut scrubber = Scrubber::new("main");
    let mut given = Vec::new();
    for (at, (from, bytes)) in (0..).zip(pieces) {
        given.extend(scrubber.take(piece(at, *from, bytes)));
    }
    given.extend(scrubber.finish());
    given
}

fn bytes_of(entries: &[Entry], from: Side) -> Vec<u8> {
    let of_side = entries.iter().filter(|entry| entry.from == from);
    of_side.flat_map(|entry| entry.bytes.clone()).collect()
}

fn packed(digits: &str) -> Vec<u8> {
    let padded = format!("{digits}F");
    let nibble = |byte: u8| char::from(byte).to_digit(16).expect("hexadecimal") as u8;
    padded
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| nibble(pair[0]) << 4 | nibble(pair[1]))
        .collect()
}

#[test]
fn a_line_of_a_recording_reads_as_it_says() {
    let entry = &scrub(&[(Side::Device, b"T;4111111111111111=2512?\r\n")])[0];
    assert_eq!(
        entry.to_line(),
        r#"{"at_us":0,"port":"main","from":"device","hex":"543b0000000000000000000000000000000000000000003f0d0a","scrubbed":[[2,21]]}"#
    );
    let head = r#"{"recording":1,"plugin":"p","version":"1.0.0","instance":"i"}"#;
    let text = format!("{head}\n{}\n", entry.to_line());
    let recording: Recording = text.parse().expect("as written");
    assert_eq!(&recording.entries[0], entry);
    assert_eq!(recording.card_data(), []);
    for (text, why) in [
        ("", "line 1"),
        (
            r#"{"recording":2,"plugin":"p","version":"1","instance":"i"}"#,
            "another version",
        ),
        (&format!("{head}\n{{\"at_us\":1}}"), "line 2"),
        (
            &format!("{head}\n{}", entry.to_line().replace("543b", "54")),
            "?",
        ),
    ] {
        match text.parse::<Recording>() {
            Err(error) => assert!(error.to_string().contains(why), "{error}"),
            Ok(recording) => assert_eq!(why, "?", "{recording:?}"),
        }
    }
}

#[test]
fn a_number_split_over_reads_is_found() {
    let (first, second) = NUMBER.as_bytes().split_at(7);
    let given = scrub(&[
        (Side::Device, first),
        (Side::Plugin, b"\x06"),
        (Side::Device, second),
    ]);
    assert_eq!(bytes_of(&given, Side::Device), [0; 16]);
    assert_eq!(bytes_of(&given, Side::Plugin), b"\x06");
}

#[test]
fn a_number_split_over_both_directions_is_found() {
    let (first, second) = NUMBER.as_bytes().split_at(9);
    let given = scrub(&[(Side::Plugin, first), (Side::Device, second)]);
    assert_eq!(bytes_of(&given, Side::Plugin), [0; 9]);
    assert_eq!(bytes_of(&given, Side::Device), [0; 7]);
}

#[test]
fn what_waits_too_long_is_hidden_whole() {
    let mut scrubber = Scrubber::new("main");
    let mut given = scrubber.take(piece(0, Side::Plugin, b"poll 411111111"));
    let noise = [b'x'; 4096];
    for at in 1..=40 {
        given.extend(scrubber.take(piece(at, Side::Device, &noise)));
    }
    given.extend(scrubber.take(piece(41, Side::Plugin, b"1111111")));
    given.extend(scrubber.finish());
    assert_eq!(given[0].scrubbed, [(0, 14)]);
    assert_eq!(given.len(), 42);
    assert!(given[1..].iter().all(|entry| entry.scrubbed.is_empty()));
    let held: usize = scrubber.held.iter().map(|held| held.bytes.len()).sum();
    assert_eq!(held, 0);
}

#[test]
fn a_long_recording_is_given_back_as_it_comes() {
    let mut scrubber = Scrubber::new("main");
    let mut given = 0;
    for at in 0..1000 {
        given += scrubber
            .take(piece(at, Side::Device, b"STATUS OK 12\r\n"))
            .len();
        given += scrubber.take(piece(at, Side::Plugin, b"STATUS?\r\n")).len();
        assert!(scrubber.held.len() < 300, "context is bounded");
    }
    assert!(given > 1900);
    assert_eq!(given + scrubber.finish().len(), 2000);
}

#[test]
fn what_was_not_scrubbed_is_found_in_a_recording() {
    let head = Head {
        recording: VERSION,
        plugin: "p".to_owned(),
        version: "1.0.0".to_owned(),
        instance: "i".to_owned(),
    };
    let entries = vec![
        piece(0, Side::Device, b"READY"),
        piece(1, Side::Device, b" 41111111"),
        piece(2, Side::Device, b"11111111\r\n"),
    ];
    let recording = Recording { head, entries };
    assert_eq!(recording.card_data(), [(1, 1), (2, 0)]);
}

/// A card number of this length that some scheme issues: Luhn's last digit is worked out.
fn number() -> impl Strategy<Value = String> {
    let heads = prop_oneof![
        Just(("4", 16)),
        Just(("51", 16)),
        Just(("2345", 16)),
        Just(("37", 15)),
        Just(("36", 14)),
        Just(("60", 19)),
        Just(("62", 17)),
    ];
    (heads, proptest::collection::vec(0_u8..10, 19)).prop_map(|((head, length), rest)| {
        let mut digits: Vec<u8> = head.bytes().map(|b| b - b'0').collect();
        digits.extend(&rest[..length - 1 - digits.len()]);
        let sum: u32 = digits
            .iter()
            .rev()
            .enumerate()
            .map(|(place, digit)| match place % 2 {
                0 if *digit > 4 => u32::from(digit * 2 - 9),
                0 => u32::from(digit * 2),
                _ => u32::from(*digit),
            })
            .sum();
        digits.push(((10 - sum % 10) % 10) as u8);
        digits
            .iter()
            .map(|digit| char::from(b'0' + digit))
            .collect()
    })
}

/// The number as a device may write it.
fn written(number: &str, form: u8) -> Vec<u8> {
    let track = format!("{number}D25122010000000000");
    match form {
        0 => number.as_bytes().to_vec(),
        1 => format!(";{number}=25122010000000000?").into_bytes(),
        2 => format!("%B{number}^A/B^25122010000000000?").into_bytes(),
        3 => packed(number),
        4 => packed(&track),
        5 => packed(&format!("A{number}")),
        6 => number.bytes().flat_map(|digit| [digit, 0]).collect(),
        _ => number.bytes().map(|digit| digit - b'0').collect(),
    }
}

/// Whether the digits stand in what was given back, in any form.
fn stands_in(number: &str, bytes: &[u8]) -> bool {
    let nibbles: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let digits: Vec<u8> = number.bytes().map(|digit| digit - b'0').collect();
    let characters: Vec<u8> = bytes.iter().copied().filter(u8::is_ascii_digit).collect();
    nibbles.contains(number)
        || bytes.windows(digits.len()).any(|window| window == digits)
        || characters
            .windows(number.len())
            .any(|window| window == number.as_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_number_leaves(
        number in number(),
        form in 0_u8..8,
        before in proptest::collection::vec(any::<u8>(), 0..600),
        after in proptest::collection::vec(any::<u8>(), 0..600),
        cuts in proptest::collection::vec(1_usize..40, 1..60),
        sides in proptest::collection::vec(any::<bool>(), 1..60),
        split_sides: bool,
    ) {
        // A byte no text has: a line of BCD is never all text.
        let line = [&before[..], &[0x80, b'|'], &written(&number, form), b"|", &after].concat();
        let mut scrubber = Scrubber::new("main");
        let mut given = Vec::new();
        let (mut at, mut turn) = (0, 0);
        while at < line.len() {
            let end = line.len().min(at + cuts[turn % cuts.len()]);
            let from = match split_sides && sides[turn % sides.len()] {
                true => Side::Plugin,
                false => Side::Device,
            };
            given.extend(scrubber.take(piece(turn as u64, from, &line[at..end])));
            if !split_sides && sides[turn % sides.len()] {
                given.extend(scrubber.take(piece(turn as u64, Side::Plugin, b"\x06\x15ok")));
            }
            (at, turn) = (end, turn + 1);
        }
        given.extend(scrubber.finish());
        let whole: Vec<u8> = given
            .iter()
            .filter(|entry| split_sides || entry.from == Side::Device)
            .flat_map(|entry| entry.bytes.clone())
            .collect();
        prop_assert_eq!(whole.len(), line.len());
        // Never with the number in the message of a failure.
        prop_assert!(!stands_in(&number, &whole), "form {} was given back", form);
    }

    #[test]
    fn scrubbing_again_finds_nothing(
        line in proptest::collection::vec(0x20_u8..0x7F, 0..2000),
        number in number(),
        cut in 1_usize..50,
    ) {
        let line = [&line[..], number.as_bytes(), b"\r\n", &line].concat();
        let pieces: Vec<(Side, &[u8])> = line.chunks(cut).map(|c| (Side::Device, c)).collect();
        let head = Head {
            recording: VERSION,
            plugin: "p".to_owned(),
            version: "1.0.0".to_owned(),
            instance: "i".to_owned(),
        };
        let recording = Recording { head, entries: scrub(&pieces) };
        prop_assert_eq!(recording.card_data(), []);
    }
}
