// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a pinpad says, read by the plugin's own files.
//!
//! They are compiled in here, because a plugin is a library that only exports a C symbol. What it
//! reads from others is kept free of the SDK for that.

#[path = "../../plugins/abecs-pinpad/src/blocks.rs"]
mod blocks;
#[path = "../../plugins/abecs-pinpad/src/commands/mod.rs"]
mod commands;
#[path = "../../plugins/abecs-pinpad/src/crc.rs"]
mod crc;
#[path = "../../plugins/abecs-pinpad/src/frame.rs"]
mod frame;
#[path = "../../plugins/abecs-pinpad/src/limits.rs"]
mod limits;
#[path = "../../plugins/abecs-pinpad/src/shown.rs"]
mod shown;
#[path = "../../plugins/abecs-pinpad/src/status.rs"]
mod status;
#[path = "../../plugins/abecs-pinpad/src/wire.rs"]
mod wire;

use blocks::Reply;
use commands::cex::{CheckEvent, Chip, Event};
use commands::chp::{self, Coupler, TalkToChip};
use commands::ebx::Encrypt;
use commands::fcx::{FinishCard, Issuer};
use commands::gcd::AskDigits;
use commands::gcx::BeginCard;
use commands::ged::ChipObjects;
use commands::gix::{Inquire, InquireOld};
use commands::gky::WaitForKey;
use commands::gox::GoOn;
use commands::gpn::AskPin;
use commands::gtk::{TakeTracks, Wanted};
use commands::gts::TableVersion;
use commands::mnu::Menu;
use commands::opn::OpenSecure;
use commands::tables::BeginTables;
use commands::{Chaining, Command, Day, Key, Mask, Time};
use frame::{Deframer, Step};

/// Bytes of a line. What is a packet is the same packet again when it is framed.
pub(super) fn line(bytes: &[u8]) {
    let mut deframer = Deframer::new();
    for &byte in bytes {
        match deframer.push(byte) {
            Step::Whole => {
                let packet = deframer.take();
                assert!((1..=limits::PACKET_MAX).contains(&packet.len()));
                let line = frame::frame(&packet).expect("it was one");
                let last = line.iter().map(|&byte| deframer.push(byte)).last();
                assert_eq!(last, Some(Step::Whole), "a packet changes as it is framed");
                assert_eq!(deframer.take(), packet);
            }
            Step::Broken | Step::Outside(_) => assert!(!deframer.inside()),
            Step::More => assert!(deframer.inside()),
        }
    }
    if let Ok(clear) = frame::unpack(bytes) {
        let again = frame::pack(clear).expect("it fitted");
        assert_eq!(frame::unpack(&again), Ok(clear));
    }
}

/// An answer, read as every command would.
pub(super) fn answers(packet: &[u8]) {
    let Ok(reply) = Reply::read(packet) else {
        return;
    };
    let key = Key::Dukpt { slot: 1 };
    let chaining = Chaining::Cbc { iv: None };
    settle(&Inquire, &reply);
    settle(&InquireOld, &reply);
    settle(&WaitForKey, &reply);
    settle(&TableVersion { acquirer: 1 }, &reply);
    settle(&ChipObjects { tags: vec![0x95] }, &reply);
    let secure = OpenSecure {
        modulus: [0xFF; 256],
        exponent: vec![3],
    };
    settle(&secure, &reply);
    let tables = BeginTables {
        acquirer: 1,
        version: "1".to_owned(),
    };
    settle(&tables, &reply);
    let chip = TalkToChip {
        coupler: Coupler::Card,
        what: chp::Chip::PowerOn,
    };
    settle(&chip, &reply);
    let encrypt = Encrypt {
        clear: vec![0; 8],
        key: key.clone(),
        chaining,
    };
    settle(&encrypt, &reply);
    let pin = AskPin {
        pan: zeroize::Zeroizing::new("4444333322221111".to_owned()),
        key: key.clone(),
        least: 4,
        most: 12,
        text: String::new(),
    };
    settle(&pin, &reply);
    let tracks = TakeTracks {
        wanted: Wanted::default(),
        key: key.clone(),
        chaining,
        open_digits: 0,
    };
    settle(&tracks, &reply);
    of_people(&reply);
    of_cards(&reply, key);
}

fn of_people(reply: &Reply<'_>) {
    let digits = AskDigits {
        question: 1,
        least: 1,
        most: 9,
        timeout: None,
    };
    if let Some(typed) = settle(&digits, reply) {
        assert!((1..=9).contains(&typed.len()));
    }
    let menu = Menu {
        title: None,
        options: vec![String::new(); 3],
        timeout: None,
    };
    assert!(settle(&menu, reply).is_none_or(|chosen| chosen < 3));
}

/// No number is known that the mask was to hide.
fn of_cards(reply: &Reply<'_>, key: Key) {
    let event = CheckEvent {
        keys: true,
        stripe: true,
        chip: Chip::Inserted,
        contactless: true,
        timeout: None,
        mask: Some(Mask::USUAL),
    };
    if let Some(Event::Swiped {
        track1,
        track2,
        track3,
    }) = settle(&event, reply)
    {
        for track in [track1, track2, track3].into_iter().flatten() {
            assert!(track.chars().count() <= 60);
        }
    }
    let begin = BeginCard {
        transaction: 0,
        acquirer: 0,
        kinds: Vec::new(),
        records: Vec::new(),
        amount_minor: 1,
        cashback_minor: None,
        currency: 986,
        day: Day {
            year: 26,
            month: 3,
            day: 1,
        },
        time: Time {
            hour: 12,
            minute: 0,
            second: 0,
        },
        contactless: true,
        hide_amount: false,
        mask: Some(Mask::USUAL),
        objects: Vec::new(),
        tags: Vec::new(),
        timeout: None,
        text: None,
    };
    if let Some(pan) = settle(&begin, reply).and_then(|card| card.pan) {
        assert!(
            pan.bytes().filter(u8::is_ascii_digit).count() <= 10,
            "{pan}"
        );
    }
    with_chip(reply, key);
}

fn with_chip(reply: &Reply<'_>, key: Key) {
    let go_on = GoOn {
        acquirer: 1,
        amount_minor: None,
        cashback_minor: None,
        excepted: false,
        online_only: false,
        pin_required: false,
        pin_key: key,
        text: None,
        risk: None,
        objects: Vec::new(),
        tags: Vec::new(),
        timeout: None,
    };
    settle(&go_on, reply);
    let finish = FinishCard {
        issuer: Issuer::Approved,
        response_code: None,
        objects: Vec::new(),
        tags: Vec::new(),
    };
    settle(&finish, reply);
}

fn settle<C: Command>(command: &C, reply: &Reply<'_>) -> Option<C::Answer> {
    match command.settle(reply) {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(status)) => {
            assert!(!status.sentence().is_empty());
            None
        }
        Err(error) => {
            assert!(error.to_string().len() < 100, "an error repeats what came");
            None
        }
    }
}
