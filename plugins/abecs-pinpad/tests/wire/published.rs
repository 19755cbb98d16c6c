// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything against the examples that the protocol's text publishes.

use super::bytes;
use crate::blocks::Reply;
use crate::commands::cex::{CheckEvent, Chip, Event};
use crate::commands::chp::{self, Coupler, TalkToChip};
use crate::commands::clx::{Close, Farewell};
use crate::commands::ebx::Encrypt;
use crate::commands::fcx::{FinishCard, Issuer};
use crate::commands::gcx::{Application, BeginCard, CardKind};
use crate::commands::ged::ChipObjects;
use crate::commands::gix::InquireFields;
use crate::commands::gox::{Decision, GoOn, PinOutcome, RiskRules};
use crate::commands::gpn::AskPin;
use crate::commands::gtk::{TakeTracks, Wanted};
use crate::commands::tables::BeginTables;
use crate::commands::{Chaining, Command, Day, Key, Mask, Time};
use crate::crc::crc;
use crate::frame::{Deframer, Step, frame, pack, unpack};
use crate::secure::HostKey;
use crate::{shown, wire};
use serde_json::Value;
use zeroize::Zeroizing;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors.json")).expect("JSON")
}

fn hex_at(value: &Value, name: &str) -> Vec<u8> {
    bytes(value[name].as_str().expect("a string"))
}

fn message(name: &str) -> Vec<u8> {
    hex_at(&vectors()["messages"], name)
}

/// The bytes of a whole message.
fn written<C: Command>(command: &C) -> Vec<u8> {
    let mut message = C::ID.to_vec();
    message.extend(command.blocks().expect("it can be written"));
    message
}

fn answer<C: Command>(command: &C, name: &str) -> C::Answer {
    let packet = message(name);
    let reply = Reply::read(&packet).expect("an answer");
    assert_eq!(reply.id, C::ID);
    let settled = command.settle(&reply).expect("it can be read");
    settled.unwrap_or_else(|status| panic!("{status}"))
}

#[test]
fn checksums() {
    assert_eq!(crc(b"OPN\x17"), 0xA8A9);
    assert_eq!(crc(b"DSP000\x17"), 0x3963);
    assert_eq!(crc(b""), 0);
}

#[test]
fn frames_are_written_and_read() {
    let vectors = vectors();
    let frames = vectors["frames"].as_array().expect("frames");
    assert_eq!(frames.len(), 11);
    for example in frames {
        let (packet, line) = (hex_at(example, "packet"), hex_at(example, "line"));
        assert_eq!(frame(&packet).expect("a packet"), line);
        let mut deframer = Deframer::new();
        let steps: Vec<Step> = line.iter().map(|&byte| deframer.push(byte)).collect();
        let (last, before) = steps.split_last().expect("bytes");
        assert!(before.iter().all(|step| *step == Step::More));
        assert_eq!(*last, Step::Whole);
        assert_eq!(*deframer.take(), packet);
    }
}

#[test]
fn the_session_key_is_opened_and_envelopes_under_it() {
    let vectors = vectors();
    let host = HostKey::from_pkcs8(&hex_at(&vectors["host_key"], "pkcs8")).expect("a key");
    let command = host.command();
    assert_eq!(command.modulus[..], hex_at(&vectors["host_key"], "modulus"));
    assert_eq!(
        command.exponent,
        hex_at(&vectors["host_key"], "public_exponent")
    );
    let opn = written(&command);
    assert_eq!(&opn[..10], b"OPN5190256");
    assert_eq!(&opn[opn.len() - 3..], b"10D");
    let encrypted = hex_at(&vectors["session_key"], "encrypted");
    let mut said = b"515256".to_vec();
    said.extend(wire::hex(&encrypted));
    let key = command.read(&said).expect("an answer");
    assert_eq!(key[..], encrypted);
    let key = host.open(&key).expect("a key");
    let envelopes = vectors["envelopes"].as_array().expect("envelopes");
    assert_eq!(envelopes.len(), 2);
    for example in envelopes {
        let (clear, packet) = (hex_at(example, "clear"), hex_at(example, "packet"));
        let block = hex_at(example, "block");
        assert_eq!(*pack(&clear).expect("not too long"), block);
        assert_eq!(unpack(&block).expect("an envelope"), clear);
        assert_eq!(key.seal(&clear).expect("not too long"), packet);
        assert_eq!(*key.open(&packet).expect("an envelope"), clear);
    }
}

#[test]
fn another_key_opens_nothing() {
    let vectors = vectors();
    let other = HostKey::generate().expect("a key");
    let encrypted = hex_at(&vectors["session_key"], "encrypted");
    assert!(
        other
            .open(&encrypted.try_into().expect("its length"))
            .is_err()
    );
}

#[test]
fn gix() {
    let fields = [
        wire::SERNUM,
        wire::MNNAME,
        wire::Field {
            id: 0x8034,
            ..wire::DKPTTDESP
        },
        wire::slot_ksn(wire::KSN_OF_PIN_SLOT, 1),
        wire::slot_ksn(wire::KSN_OF_PIN_SLOT, 14),
    ];
    let command = InquireFields {
        fields: fields.to_vec(),
    };
    assert_eq!(written(&command), message("GIX_cmd"));
    let vectors = vectors();
    let packet = hex_at(&vectors["envelopes"][1], "clear");
    let reply = Reply::read(&packet).expect("an answer");
    let found = command
        .settle(&reply)
        .expect("it can be read")
        .expect("done");
    assert_eq!(found[0].as_deref(), Some(&b"991274366155"[..]));
    assert_eq!(found[1].as_deref(), Some(&b"HEMISPHERES  "[..]));
    assert_eq!(found[2].as_ref().map(Vec::len), Some(100));
    assert_eq!(found[3], Some(bytes("FFFFF913250043200443")));
    assert_eq!(found[4], None);
}

#[test]
fn cex() {
    let command = CheckEvent {
        keys: false,
        stripe: true,
        chip: Chip::Ignored,
        contactless: false,
        timeout: None,
        mask: None,
    };
    assert_eq!(written(&command), message("CEX_mag_cmd"));
    let swiped = Event::Swiped {
        track1: None,
        track2: Some("4313032929830011=1508601".to_owned()),
        track3: None,
    };
    assert_eq!(answer(&command, "CEX_mag_rsp"), swiped);
}

#[test]
fn chp() {
    let command = |what| TalkToChip {
        coupler: Coupler::Card,
        what,
    };
    let on = command(chp::Chip::PowerOn);
    assert_eq!(written(&on), message("CHP_on_cmd"));
    assert_eq!(answer(&on, "CHP_on_rsp"), bytes("3B29008072A4456400FF0010"));
    let select = command(chp::Chip::Exchange(bytes("00A4040007A0000000041010")));
    assert_eq!(written(&select), message("CHP_select_cmd"));
    assert_eq!(answer(&select, "CHP_select_rsp"), bytes("6132"));
    let more = command(chp::Chip::Exchange(bytes("00C0000032")));
    assert_eq!(written(&more), message("CHP_getresp_cmd"));
}

#[test]
fn tli_and_clx() {
    let command = BeginTables {
        acquirer: 0,
        version: "TABVER0008".to_owned(),
    };
    assert_eq!(written(&command), message("TLI_cmd"));
    let farewell = Farewell::Text("PRESTO SHOP\nOBRIGADO E\nVOLTE SEMPRE!".to_owned());
    assert_eq!(written(&Close { farewell }), message("CLX_cmd"));
}

#[test]
fn ebx() {
    let command = Encrypt {
        clear: b"DADO A SER CRIPTOGRAFADO".to_vec(),
        key: Key::Dukpt { slot: 7 },
        chaining: Chaining::Ecb,
    };
    let mut expected = message("EBX_cmd");
    // The example names a method by a number that was withdrawn.
    let method = expected
        .windows(2)
        .position(|pair| pair == b"71")
        .expect("there");
    expected[method..method + 2].copy_from_slice(b"50");
    assert_eq!(written(&command), expected);
    let encrypted = answer(&command, "EBX_rsp");
    assert_eq!(encrypted.text.len(), 24);
    assert_eq!(
        encrypted.ksn.map(Vec::from),
        Some(bytes("FFFFF1234500888006C3"))
    );
}

#[test]
fn gcx() {
    let command = BeginCard {
        transaction: 0,
        acquirer: 8,
        kinds: Vec::new(),
        records: Vec::new(),
        amount_minor: 48_300,
        cashback_minor: None,
        currency: 0,
        day: Day {
            year: 13,
            month: 9,
            day: 1,
        },
        time: Time {
            hour: 20,
            minute: 18,
            second: 47,
        },
        contactless: false,
        hide_amount: false,
        mask: None,
        objects: bytes("9F3303E0F8C8"),
        tags: bytes("5F285F24"),
        timeout: None,
        text: None,
    };
    assert_eq!(written(&command), message("GCX_icc_cmd"));
    let begun = answer(&command, "GCX_icc_rsp");
    assert_eq!(begun.kind, CardKind::Chip);
    assert_eq!(begun.holder.as_deref(), Some("JOHN DOE"));
    assert_eq!(begun.pan.as_deref(), Some("4444333322221111"));
    assert_eq!(begun.track2.as_deref(), Some("4444333322221111=1608201"));
    let application = Application {
        acquirer: 8,
        record: *b"03",
        kind: 1,
    };
    assert_eq!(begun.applications, [application]);
    assert_eq!(begun.pan_sequence, Some(1));
    assert_eq!(begun.label.as_deref(), Some("R\u{c9}DITO"));
    assert_eq!(begun.issuer_country, Some(76));
    let expiry = Day {
        year: 16,
        month: 8,
        day: 31,
    };
    assert_eq!(begun.expiry, Some(expiry));
    assert_eq!(begun.objects, bytes("5F280200765F2403160831"));
    // A pinpad that ignored the mask does not make the number known.
    let masking = BeginCard {
        mask: Some(Mask::USUAL),
        ..command
    };
    let begun = answer(&masking, "GCX_icc_rsp");
    assert_eq!(begun.pan.as_deref(), Some("444433******1111"));
    assert_eq!(begun.track2.as_deref(), Some("444433******1111=1608201"));
}

#[test]
fn gox() {
    let command = GoOn {
        acquirer: 8,
        amount_minor: Some(23_450),
        cashback_minor: Some(10_000),
        excepted: false,
        online_only: false,
        pin_required: false,
        pin_key: Key::Dukpt { slot: 7 },
        text: Some("CR\u{c9}DITO\nR$ 234,50\nDIGITE SUA SENHA".to_owned()),
        risk: Some(RiskRules {
            floor_limit_minor: 10_000,
            target_percent: 0x14,
            threshold_minor: 0x19,
            target_percent_max: 0x50,
        }),
        objects: Vec::new(),
        tags: bytes("959F269F279F109F349F36"),
        timeout: None,
    };
    assert_eq!(written(&command), message("GOX_cmd"));
    let went = answer(&command, "GOX_rsp");
    assert_eq!(went.decision, Decision::Online);
    assert_eq!(went.pin, PinOutcome::ForIssuer);
    assert!(!went.signature && !went.on_device);
    assert_eq!(
        went.pin_block.map(Vec::from),
        Some(bytes("B9DF0A996EA6CCB7"))
    );
    assert_eq!(
        went.pin_ksn.map(Vec::from),
        Some(bytes("FFFFF798410034400008"))
    );
    assert_eq!(went.objects.len(), 48);
}

#[test]
fn fcx() {
    let command = FinishCard {
        issuer: Issuer::Approved,
        response_code: Some(*b"Y3"),
        objects: bytes("9108A102DB6D41C6796372129F1800860D8424000008A071544A23761AA1"),
        tags: bytes("959F269F279F10"),
    };
    assert_eq!(written(&command), message("FCX_cmd"));
    let finished = answer(&command, "FCX_rsp");
    assert!(finished.approved);
    assert_eq!(finished.scripts, [[0x20, 0, 0, 0, 0]]);
    assert_eq!(finished.objects.len(), 35);
}

#[test]
fn gtk() {
    let command = TakeTracks {
        wanted: Wanted {
            track1: true,
            track2: true,
            ..Wanted::default()
        },
        key: Key::Dukpt { slot: 1 },
        chaining: Chaining::Cbc { iv: None },
        open_digits: 6,
    };
    let tracks = answer(&command, "GTK_dukpt_rsp");
    let ksn = bytes("FFFFF81946001870001F");
    for (piece, length) in [(tracks.track1, 78), (tracks.track2, 19)] {
        let piece = piece.expect("it is there");
        assert_eq!(piece.text.len(), length);
        assert_eq!(piece.ksn.map(Vec::from), Some(ksn.clone()));
    }
    assert_eq!((tracks.pan, tracks.track3), (None, None));
}

#[test]
fn gpn_and_ged() {
    let command = AskPin {
        pan: Zeroizing::new("4444333322221111".to_owned()),
        key: Key::Working {
            slot: 8,
            encrypted: bytes("4135EA58BA13E262F44C59ED7899AA3C")
                .try_into()
                .expect("its length"),
        },
        least: 4,
        most: 12,
        text: "R$         34,56DIGITE SUA SENHA".to_owned(),
    };
    assert_eq!(written(&command), message("GPN_cmd"));
    let asked = answer(&command, "GPN_rsp");
    assert_eq!(asked.block[..], bytes("BB6BE28FDF3522E9"));
    assert_eq!(asked.ksn, [0; 10]);
    let objects = answer(&ChipObjects { tags: Vec::new() }, "GED_rsp");
    assert_eq!(objects.len(), 25);
}

#[test]
fn tracks_are_cut_and_masked() {
    let vectors = vectors();
    let examples = vectors["shown"].as_array().expect("examples");
    assert_eq!(examples.len(), 6);
    for example in examples {
        let text = |name: &str| example[name].as_str().expect("a string");
        let mask = match text("mask") {
            "" => None,
            digits => Some(Mask {
                left: digits[..2].parse().expect("digits"),
                right: digits[2..].parse().expect("digits"),
            }),
        };
        let rule = match example["track"].as_u64() {
            Some(1) => shown::track1,
            _ => shown::track2,
        };
        let once = rule(text("read"), mask);
        assert_eq!(once, text("shown"));
        assert_eq!(
            rule(&once, mask),
            once,
            "laid over what it made, it changes nothing"
        );
    }
}
