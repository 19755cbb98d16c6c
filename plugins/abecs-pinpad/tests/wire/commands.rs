// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every command both ways, beyond what published examples cover.

use super::bytes;
use crate::blocks::{Reply, Writer, split};
use crate::commands::cex::{CheckEvent, Chip, Event};
use crate::commands::chp::{self, Coupler, TalkToChip};
use crate::commands::clx::{Close, CloseOld, Farewell};
use crate::commands::dex::Display;
use crate::commands::dsp::DisplayLines;
use crate::commands::ebx::Encrypt;
use crate::commands::fcx::{FinishCard, Issuer};
use crate::commands::gcd::AskDigits;
use crate::commands::gcx::{BeginCard, CardKind, Shape};
use crate::commands::gix::{Inquire, InquireOld};
use crate::commands::gky::{Pressed, WaitForKey};
use crate::commands::gox::{Decision, GoOn, PinOutcome};
use crate::commands::gpn::AskPin;
use crate::commands::gtk::{TakeTracks, Wanted};
use crate::commands::gts::TableVersion;
use crate::commands::mnu::Menu;
use crate::commands::opn::Open;
use crate::commands::rmc::RemoveCard;
use crate::commands::tables::{BeginTables, EndTables, LoadRecords};
use crate::commands::{Chaining, Command, Day, Key, Mask, Time};
use crate::status::{Class, Status};
use crate::wire::{self, Field, WireError};
use std::time::Duration;
use zeroize::Zeroizing;

fn text<C: Command>(command: &C) -> String {
    let blocks = command.blocks().expect("it can be written");
    let id = C::ID.map(char::from).iter().collect::<String>();
    id + &wire::from_latin(&blocks)
}

fn answered<C: Command>(
    command: &C,
    packet: &[u8],
) -> Result<Result<C::Answer, Status>, WireError> {
    let reply = Reply::read(packet)?;
    assert_eq!(reply.id, C::ID);
    command.settle(&reply)
}

/// Reads an answer of these fields.
fn fields<C: Command>(command: &C, fields: &[(Field, &[u8])]) -> Result<C::Answer, WireError> {
    let mut writer = Writer::default();
    for (field, value) in fields {
        writer.put(field, value)?;
    }
    command.read(&writer.finish()?)
}

pub(super) fn begin() -> BeginCard {
    BeginCard {
        transaction: 0x09,
        acquirer: 0,
        kinds: vec![1, 98],
        records: vec![(3, *b"0Z"), (12, *b"A1")],
        amount_minor: 999_999_999_999,
        cashback_minor: Some(1),
        currency: 986,
        day: Day {
            year: 26,
            month: 3,
            day: 1,
        },
        time: Time {
            hour: 9,
            minute: 5,
            second: 0,
        },
        contactless: true,
        hide_amount: true,
        mask: Some(Mask::USUAL),
        objects: Vec::new(),
        tags: Vec::new(),
        timeout: Some(Duration::from_millis(59_001)),
        text: Some("Cartão".to_owned()),
    }
}

pub(super) fn go_on() -> GoOn {
    GoOn {
        acquirer: 1,
        amount_minor: None,
        cashback_minor: None,
        excepted: false,
        online_only: true,
        pin_required: true,
        pin_key: Key::Dukpt { slot: 99 },
        text: None,
        risk: None,
        objects: bytes("9F0206000000001250"),
        tags: Vec::new(),
        timeout: Some(Duration::from_secs(1000)),
    }
}

pub(super) fn tracks() -> TakeTracks {
    TakeTracks {
        wanted: Wanted {
            pan: true,
            track2: true,
            ..Wanted::default()
        },
        key: Key::Dukpt { slot: 3 },
        chaining: Chaining::Cbc { iv: Some([0; 8]) },
        open_digits: 0,
    }
}

#[test]
fn opening_and_closing() {
    assert_eq!(text(&Open), "OPN");
    assert_eq!(answered(&Open, b"OPN000"), Ok(Ok(())));
    let plain = Close {
        farewell: Farewell::Plain,
    };
    assert_eq!(text(&plain), "CLX");
    let file = Close {
        farewell: Farewell::File("ADVERT01".to_owned()),
    };
    assert_eq!(text(&file), "CLX012\0\u{1e}\0\u{8}ADVERT01");
    let old = CloseOld {
        text: "Bye".to_owned(),
    };
    assert_eq!(text(&old), format!("CLO032{:<32}", "Bye"));
    assert_eq!(answered(&old, b"CLO000"), Ok(Ok(())));
}

#[test]
fn inquiring() {
    let map = "0".repeat(3) + "1" + &"2".repeat(96);
    let pinpad = fields(
        &Inquire,
        &[
            (wire::SERNUM, b"0815   "),
            (wire::MODEL, b"ACME 7;512KB"),
            (wire::CAPAB, b"1000000000"),
            (wire::SPECVER, b"2.20"),
            (wire::DSPTXTSZ, b"0416"),
            (wire::DKPTTDESD, map.as_bytes()),
        ],
    );
    let pinpad = pinpad.expect("it can be read");
    assert_eq!(pinpad.serial, "0815");
    assert_eq!(pinpad.model, "ACME 7;512KB");
    assert!(pinpad.contactless);
    assert_eq!(pinpad.display, (4, 16));
    assert_eq!(pinpad.specification, "2.20");
    assert_eq!(pinpad.has_data_key(3), Some(true));
    assert_eq!(pinpad.has_data_key(2), Some(false));
    assert_eq!(pinpad.has_data_key(4), Some(false));
    assert_eq!(pinpad.has_data_key(200), Some(false));
    assert_eq!(pinpad.has_pin_key(3), None, "it does not say");
    assert_eq!(text(&InquireOld), "GIN00200");
    let old = format!(
        "100{:<20}{:<19}C{:<20}1.08{:<16}{:<20}",
        "ACME", "Old", "OS 1", "001.00 090101", "42"
    );
    let old = InquireOld.read(old.as_bytes()).expect("it can be read");
    assert_eq!((&old.maker[..], &old.serial[..]), ("ACME", "42"));
    assert!(old.contactless);
    assert_eq!(old.specification, "1.08");
}

#[test]
fn displays_and_questions() {
    let shown = Display {
        text: "Olá\n€".to_owned(),
    };
    assert_eq!(text(&shown), "DEX008005Ol\u{e1}\r?");
    let lines = DisplayLines {
        text: "A".to_owned(),
    };
    assert_eq!(text(&lines), format!("DSP032{:<32}", "A"));
    let remove = RemoveCard {
        text: "RETIRE O CARTAO".to_owned(),
    };
    assert_eq!(text(&remove), format!("RMC032{:<32}", "RETIRE O CARTAO"));
    const { assert!(RemoveCard::WAITS && !Display::WAITS) };
    let menu = Menu {
        title: Some("Which?".to_owned()),
        options: vec!["Debit".to_owned(), "Credit".to_owned()],
        timeout: Some(Duration::from_secs(30)),
    };
    assert_eq!(
        text(&menu),
        "MNU034\0\u{c}\0\u{1}\u{1e}\0\u{1b}\0\u{6}Which?\0 \0\u{5}Debit\0 \0\u{6}Credit"
    );
    assert_eq!(fields(&menu, &[(wire::VALUE, b"02")]), Ok(1));
    for wrong in [&b"00"[..], b"03", b"", b"x"] {
        fields(&menu, &[(wire::VALUE, wrong)]).expect_err("no option");
    }
    let digits = AskDigits {
        question: 0x0105,
        least: 2,
        most: 4,
        timeout: None,
    };
    assert_eq!(
        text(&digits),
        "GCD016\0\u{b}\0\u{2}\u{1}\u{5}\0\r\0\u{1}\u{2}\0\u{e}\0\u{1}\u{4}"
    );
    assert_eq!(
        fields(&digits, &[(wire::VALUE, b"123")]),
        Ok("123".to_owned())
    );
    fields(&digits, &[(wire::VALUE, b"1")]).expect_err("too few");
    fields(&digits, &[(wire::VALUE, b"12345")]).expect_err("too many");
}

#[test]
fn keys() {
    assert_eq!(text(&WaitForKey), "GKY");
    for (packet, pressed) in [
        (b"GKY000", Pressed::Enter),
        (b"GKY004", Pressed::Function(1)),
        (b"GKY007", Pressed::Function(4)),
        (b"GKY008", Pressed::Clear),
        (b"GKY013", Pressed::Cancel),
    ] {
        assert_eq!(answered(&WaitForKey, packet), Ok(Ok(pressed)));
    }
    assert_eq!(answered(&WaitForKey, b"GKY012"), Ok(Err(Status::TIMEOUT)));
}

#[test]
fn events() {
    let all = CheckEvent {
        keys: true,
        stripe: true,
        chip: Chip::Removed,
        contactless: true,
        timeout: Some(Duration::from_secs(60)),
        mask: Some(Mask::USUAL),
    };
    assert_eq!(
        text(&all),
        "CEX023\0\u{6}\0\u{6}112100\0\u{c}\0\u{1}<\0#\0\u{4}0604"
    );
    for (code, event) in [
        (b"00", Event::Enter),
        (b"02", Event::Up),
        (b"03", Event::Down),
        (b"05", Event::Function(2)),
        (b"08", Event::Clear),
        (b"13", Event::Cancel),
        (b"91", Event::ChipRemoved),
        (b"92", Event::ChipInserted),
        (b"93", Event::NothingTapped),
        (b"94", Event::Tapped),
    ] {
        assert_eq!(fields(&all, &[(wire::EVENT, code)]), Ok(event));
    }
    fields(&all, &[(wire::EVENT, b"01")]).expect_err("no event");
    let whole = b"4444333322221111=26121019923625524";
    let swiped = fields(&all, &[(wire::EVENT, b"90"), (wire::TRK2INC, whole)]);
    let Ok(Event::Swiped { track2, .. }) = swiped else {
        panic!("{swiped:?}");
    };
    assert_eq!(track2.as_deref(), Some("444433******1111=2612101"));
}

#[test]
fn a_card_of_any_kind() {
    let written = text(&begin());
    let expected = concat!(
        "GCX122",
        "\0\u{17}\0\u{5}11000\0\u{10}\0\u{2}00\0\u{11}\0\u{4}0198\0\u{12}\0\u{8}030Z12A1",
        "\0\u{13}\0\u{c}999999999999\0\u{14}\0\u{c}000000000001",
        "\0\u{15}\0\u{6}260301\0\u{16}\0\u{6}090500",
        "\0!\0\u{1}\u{9}\0\"\0\u{3}986\0#\0\u{4}0604\0\u{c}\0\u{1}<\0\u{1b}\0\u{6}Cart\u{e3}o",
    );
    assert_eq!(written, expected);
    for (code, kind) in [
        (b"00", CardKind::Stripe),
        (b"03", CardKind::Chip),
        (b"05", CardKind::ContactlessStripe),
        (b"06", CardKind::Contactless),
    ] {
        let card = fields(
            &begin(),
            &[
                (wire::CARDTYPE, code),
                (wire::ICCSTAT, b"1"),
                (wire::PAN, b"444433******1111"),
                (wire::AIDTABINFO, b"01020103ZZ98"),
                (wire::DEVTYPE, b"01"),
            ],
        );
        let card = card.expect("it can be read");
        assert_eq!((card.kind, card.chip_before), (kind, Some(1)));
        assert_eq!(card.pan.as_deref(), Some("444433******1111"));
        assert_eq!(card.applications.len(), 2);
        assert_eq!(card.applications[1].record, *b"ZZ");
        assert_eq!(card.applications[1].kind, 98);
        assert_eq!(card.shape, Some(Shape::Phone));
    }
    fields(&begin(), &[]).err().expect("no kind");
    let wrong = [(wire::CARDTYPE, &b"03"[..]), (wire::PAN, b"4444 33")];
    fields(&begin(), &wrong).err().expect("no number");
}

#[test]
fn going_on_with_a_chip() {
    let written = text(&go_on());
    let expected = concat!(
        "GOX044\0\u{2}\0\u{1}3\0\u{9}\0\u{2}99\0\u{10}\0\u{2}01\0\u{18}\0\u{5}01100",
        "\0\u{5}\0\u{9}\u{9f}\u{2}\u{6}\0\0\0\0\u{12}P\0\u{c}\0\u{1}\u{ff}",
    );
    assert_eq!(written, expected);
    let block = [7; 8];
    let ksn = [8; 10];
    for (result, decision, pin) in [
        (b"000000", Decision::ApprovedOffline, PinOutcome::None),
        (b"111000", Decision::Declined, PinOutcome::CheckedByChip),
        (b"202000", Decision::Online, PinOutcome::ForIssuer),
    ] {
        let went = fields(
            &go_on(),
            &[
                (wire::GOXRES, result),
                (wire::PINBLK, &block),
                (wire::KSN, &ksn),
            ],
        );
        let went = went.expect("it can be read");
        assert_eq!((went.decision, went.pin), (decision, pin));
        assert_eq!(went.signature, result[1] == b'1');
    }
    let online = (wire::GOXRES, &b"202000"[..]);
    assert_eq!(
        fields(&go_on(), &[online]),
        Err(WireError::Missing("PINBLK"))
    );
    assert_eq!(
        fields(&go_on(), &[online, (wire::PINBLK, &block)]),
        Err(WireError::Missing("KSN"))
    );
    fields(&go_on(), &[(wire::GOXRES, b"300000")]).expect_err("no decision");
    fields(&go_on(), &[(wire::GOXRES, b"003000")]).expect_err("no verification");
    let on_device = fields(&go_on(), &[(wire::GOXRES, b"200100")]);
    assert!(on_device.expect("it can be read").on_device);
}

#[test]
fn the_last_word_of_a_chip() {
    for (issuer, option) in [
        (Issuer::Approved, "0000"),
        (Issuer::Declined, "1000"),
        (Issuer::Unreachable, "2000"),
    ] {
        let command = FinishCard {
            issuer,
            response_code: None,
            objects: Vec::new(),
            tags: Vec::new(),
        };
        assert_eq!(text(&command), format!("FCX008\0\u{19}\0\u{4}{option}"));
        for (result, approved) in [(&b"000"[..], true), (b"100", false)] {
            let finished = fields(&command, &[(wire::FCXRES, result)]);
            assert_eq!(finished.expect("it can be read").approved, approved);
        }
        fields(&command, &[(wire::FCXRES, b"200")]).expect_err("neither yes nor no");
        fields(&command, &[]).expect_err("nothing");
    }
}

#[test]
fn tracks_are_asked_for_encrypted_only() {
    assert_eq!(
        text(&tracks()),
        "GTK032\0\u{7}\0\u{4}1010\0\u{3}\0\u{2}51\0\u{9}\0\u{2}03\0\u{1d}\0\u{8}\0\0\0\0\0\0\0\0"
    );
    let (pan, ksn) = ([5; 16], [6; 10]);
    let taken = fields(&tracks(), &[(wire::ENCPAN, &pan), (wire::ENCPANKSN, &ksn)]);
    let piece = taken.expect("it can be read").pan.expect("it is there");
    assert_eq!((&piece.text[..], piece.ksn), (&pan[..], Some(ksn)));
    assert_eq!(
        fields(&tracks(), &[(wire::ENCPAN, &pan)]),
        Err(WireError::Missing("ENCPANKSN"))
    );
    let clear = b"4444333322221111=26121";
    let clear = [(wire::TRACK2, &clear[..19]), (wire::TRK2KSN, &ksn)];
    assert_eq!(
        fields(&tracks(), &clear),
        Err(WireError::Malformed("TRACK2"))
    );
    let odd = TakeTracks {
        open_digits: 3,
        ..tracks()
    };
    odd.blocks().expect_err("no even number");
}

#[test]
fn chips_in_any_coupler() {
    let on = |coupler| TalkToChip {
        coupler,
        what: chp::Chip::PowerOn,
    };
    assert_eq!(text(&on(Coupler::Module(8))), "CHP00581000");
    assert_eq!(text(&on(Coupler::Contactless)), "CHP00591000");
    on(Coupler::Module(9)).blocks().expect_err("no such module");
    let off = TalkToChip {
        coupler: Coupler::Card,
        what: chp::Chip::PowerOff,
    };
    assert_eq!(answered(&off, b"CHP000"), Ok(Ok(vec![])));
    assert_eq!(answered(&off, b"CHP000003000"), Ok(Ok(vec![])));
    answered(&off, b"CHP0000050023B").expect_err("a byte is missing");
}

#[test]
fn keys_and_methods() {
    let working = Key::Working {
        slot: 5,
        encrypted: [0x41; 16],
    };
    for (key, chaining, method) in [
        (working.clone(), Chaining::Ecb, "10"),
        (working.clone(), Chaining::Cbc { iv: None }, "11"),
        (Key::Dukpt { slot: 5 }, Chaining::Ecb, "50"),
        (Key::Dukpt { slot: 5 }, Chaining::Cbc { iv: None }, "51"),
    ] {
        let has_working = matches!(key, Key::Working { .. });
        let command = Encrypt {
            clear: vec![0x42; 8],
            key,
            chaining,
        };
        let written = text(&command);
        assert!(written.contains(&format!("\0\u{3}\0\u{2}{method}\0\u{9}\0\u{2}05")));
        assert_eq!(written.contains(&"A".repeat(16)), has_working);
    }
    let mut pin = AskPin {
        pan: Zeroizing::new("4444333322221111".to_owned()),
        key: Key::Dukpt { slot: 1 },
        least: 4,
        most: 6,
        text: String::new(),
    };
    assert!(text(&pin).starts_with(&format!("GPN093301{}164444", "0".repeat(32))));
    for wrong in ["444433******1111", "1234567", "12345678901234567890"] {
        pin.pan = Zeroizing::new(wrong.to_owned());
        pin.blocks().expect_err("no number");
    }
}

#[test]
fn tables() {
    let begin = BeginTables {
        acquirer: 4,
        version: "7".to_owned(),
    };
    assert_eq!(text(&begin), "TLI012047         ");
    assert_eq!(answered(&begin, b"TLI000"), Ok(Ok(false)));
    assert_eq!(answered(&begin, b"TLI020"), Ok(Ok(true)));
    assert_eq!(answered(&begin, b"TLI021"), Ok(Err(Status::TABERR)));
    assert_eq!(text(&EndTables), "TLE");
    let record = |length: usize| {
        let mut record = format!("{length:03}1").into_bytes();
        record.resize(length, b'0');
        record
    };
    let loads = LoadRecords::packed([340, 340, 340, 611, 26].map(record));
    let counts: Vec<usize> = loads.iter().map(|load| load.records.len()).collect();
    assert_eq!(counts, [2, 3]);
    for load in &loads {
        let blocks = load.blocks().expect("it can be written");
        let content = split(&blocks).expect("blocks")[0];
        assert_eq!(
            content[..2],
            *format!("{:02}", load.records.len()).as_bytes()
        );
    }
    let wrong = LoadRecords {
        records: vec![b"0051".to_vec()],
    };
    wrong.blocks().expect_err("its length is another");
    let asked = TableVersion { acquirer: 0 };
    assert_eq!(text(&asked), "GTS00200");
    assert_eq!(asked.read(b"010VER0000001"), Ok("VER0000001".to_owned()));
}

#[test]
fn every_status_is_a_kind_and_a_sentence() {
    let codes = [
        0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 19, 20, 21, 40, 41, 42, 43, 44, 45, 46, 51, 60, 61,
        67, 68, 69, 70, 71, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 100, 101, 102,
    ];
    for code in 0..=999 {
        let status = Status::new(code);
        let is_known = codes.contains(&code);
        assert_eq!(status.name() != "unknown", is_known, "{code}");
        assert!(status.sentence().ends_with('.'));
        assert_eq!(status.class() == Class::Done, code == 0);
        if !is_known {
            assert_eq!(status.class(), Class::Device, "{code}");
        }
    }
    assert_eq!(Status::ERRFALLBACK.class(), Class::Fallback);
    assert_eq!(Status::CANCEL.to_string(), "013 CANCEL");
}
