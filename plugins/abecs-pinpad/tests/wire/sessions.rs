// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sessions with a small pinpad: opened, sealed, lost, opened again, cancelled, closed.

use super::device::{Device, Words};
use crate::commands::Command;
use crate::commands::cex::{CheckEvent, Chip, Event};
use crate::commands::clx::Farewell;
use crate::commands::dex::Display;
use crate::commands::ged::ChipObjects;
use crate::commands::opn::MODULUS_BYTES;
use crate::frame::{ACK, CAN, DC2, Deframer, EOT, NAK, frame};
use crate::limits::Timers;
use crate::secure::{HostKey, SessionKey};
use crate::session::{Notice, Options, Session, Version};
use crate::status::Status;
use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use payhal_plugin::PluginError;
use payhal_plugin::messages::call::Sent;
use payhal_plugin::testing::Bench;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const KEY: [u8; 16] = *b"no secret at all";

/// What the pinpad does; each test bends it.
#[derive(Clone, Copy)]
struct Manners {
    version: &'static str,
    /// Answers the message, in the clear or sealed as it came.
    answers: fn(&str, usize) -> Vec<Said>,
    secure_refused: bool,
    ends: bool,
}

#[derive(Debug, Clone)]
enum Said {
    /// As the command came, so many milliseconds later.
    After(u64, Vec<u8>),
    /// In the clear whatever there was.
    Clear(Vec<u8>),
    /// Under another key.
    Foreign(Vec<u8>),
    /// Instead of an acknowledgement.
    Instead(Vec<u8>),
}

fn done(text: &str) -> Vec<Said> {
    vec![Said::After(10, text.as_bytes().to_vec())]
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            version: "2.12",
            answers: |id, _| done(&format!("{id}000")),
            secure_refused: false,
            ends: true,
        }
    }
}

/// What the pinpad was told, without the frames; `+` in front of what came sealed.
type Told = Arc<Mutex<Vec<String>>>;

fn encrypted_for(opn: &[u8]) -> Vec<u8> {
    let modulus = crate::wire::unhex(&opn[10..10 + 2 * MODULUS_BYTES], "modulus").expect("hex");
    let exponent = crate::wire::unhex(&opn[11 + 2 * MODULUS_BYTES..], "exponent").expect("hex");
    assert_eq!(exponent, [1, 0, 1]);
    let mut key =
        super::bytes("30820122300D06092A864886F70D01010105000382010F003082010A0282010100");
    key.extend(modulus);
    key.extend(super::bytes("0203010001"));
    let key = PublicEncryptingKey::from_der(&key).expect("a public key");
    let key = Pkcs1PublicEncryptingKey::new(key).expect("a public key");
    let mut encrypted = vec![0; MODULUS_BYTES];
    key.encrypt(&KEY, &mut encrypted).expect("it fits");
    encrypted
}

fn session_key(bytes: [u8; 16]) -> SessionKey {
    SessionKey::new(&bytes).expect("its length")
}

fn pinpad(manners: Manners) -> (Device, Told) {
    let told = Told::default();
    let heard = Arc::clone(&told);
    let mut count = 0;
    let mut last: Words = Vec::new();
    let device = Device::new(move |_, written| {
        match written {
            [CAN] if manners.ends => return vec![(5, vec![EOT])],
            [CAN] => return Vec::new(),
            [NAK] => return last.clone(),
            _ => {}
        }
        let mut deframer = Deframer::new();
        written.iter().for_each(|&byte| {
            deframer.push(byte);
        });
        let packet = deframer.take().to_vec();
        let key = session_key(KEY);
        let (sealed, clear) = match packet.first() {
            Some(&DC2) => (true, key.open(&packet).expect("an envelope").to_vec()),
            _ => (false, packet),
        };
        let id = String::from_utf8_lossy(&clear[..3]).into_owned();
        let mark = if sealed { "+" } else { "" };
        heard.lock().expect("whole").push(format!("{mark}{id}"));
        let said = match &id[..] {
            "OPN" if clear.len() == 3 => done("OPN000"),
            "OPN" if manners.secure_refused => done("OPN011"),
            "OPN" => {
                let mut answer = b"OPN000515256".to_vec();
                answer.extend(crate::wire::hex(&encrypted_for(&clear)));
                vec![Said::After(100, answer)]
            }
            "GIX" => done(&format!("GIX000008\u{0}\u{0}\u{0}\u{4}{}", manners.version))
                .into_iter()
                .map(|said| match said {
                    Said::After(at, mut bytes) => {
                        bytes[9..11].copy_from_slice(&[0x80, 0x07]);
                        Said::After(at, bytes)
                    }
                    other => other,
                })
                .collect(),
            other => {
                count += 1;
                (manners.answers)(other, count)
            }
        };
        let mut words: Words = vec![(1, vec![ACK])];
        for said in said {
            let packet = match said {
                Said::After(_, ref clear) if !sealed => clear.clone(),
                Said::After(_, ref clear) => key.seal(clear).expect("it fits"),
                Said::Clear(ref clear) => clear.clone(),
                Said::Foreign(ref clear) => session_key([7; 16]).seal(clear).expect("it fits"),
                Said::Instead(ref bytes) => {
                    words = vec![(1, bytes.clone())];
                    continue;
                }
            };
            let at = match said {
                Said::After(at, _) => at,
                _ => 10,
            };
            words.push((at, frame(&packet).expect("it fits")));
        }
        last = words[1..].to_vec();
        words
    });
    (device, told)
}

fn told(told: &Told) -> Vec<String> {
    std::mem::take(&mut *told.lock().expect("whole"))
}

fn open(device: &Device, secure: bool) -> (Bench, Result<Session, PluginError>) {
    let bench = device.bench();
    let context = bench.call();
    let options = Options {
        secure,
        timers: Timers::STANDARD,
    };
    let port = context.port("main").expect("the bench has it");
    let session = Session::open(port, options, &context);
    (bench, session)
}

fn opened(manners: Manners, secure: bool) -> (Device, Told, Bench, Session) {
    let (device, heard) = pinpad(manners);
    let (bench, session) = open(&device, secure);
    let session = session.expect("it opens");
    told(&heard);
    (device, heard, bench, session)
}

fn show() -> Display {
    Display {
        text: "Hello".to_owned(),
    }
}

fn wait() -> CheckEvent {
    CheckEvent {
        keys: true,
        stripe: true,
        chip: Chip::Inserted,
        contactless: true,
        timeout: None,
        mask: None,
    }
}

fn sent(error: &PluginError) -> Sent {
    match error {
        PluginError::Failed(failure) => failure.sent,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_begins_with_can_and_asks_who_is_there() {
    for secure in [false, true] {
        let (device, heard) = pinpad(Manners::default());
        let (_, session) = open(&device, secure);
        let session = session.expect("it opens");
        assert_eq!(device.heard()[0], [CAN]);
        let expected = if secure {
            ["OPN", "+GIX"]
        } else {
            ["OPN", "GIX"]
        };
        assert_eq!(told(&heard), expected);
        assert_eq!(session.is_sealed(), secure);
        assert_eq!(session.pinpad().specification, "2.12");
        assert_eq!(session.version(), Version::OLDEST);
    }
}

#[test]
fn versions_are_negotiated() {
    for (spoken, expected) in [
        ("2.12", Some(12)),
        ("2.13", Some(13)),
        ("2.20", Some(20)),
        ("2.21", Some(20)),
        ("2.11", None),
        ("1.08", None),
        ("3.00", None),
        ("2..2", None),
        ("  12", None),
    ] {
        let found = Version::negotiated(spoken).map(|version| version.minor);
        assert_eq!(found, expected, "{spoken}");
    }
    let (device, _) = pinpad(Manners {
        version: "1.08",
        ..Manners::default()
    });
    let (_, session) = open(&device, false);
    let error = session.expect_err("too old");
    assert_eq!(sent(&error), Sent::No);
    assert!(error.to_string().contains("1.08"), "{error}");
}

#[test]
fn nobody_there_is_told_within_four_seconds() {
    let (device, _) = pinpad(Manners {
        ends: false,
        ..Manners::default()
    });
    let (bench, session) = open(&device, true);
    session.expect_err("nobody answers");
    assert_eq!(bench.passed(), Duration::from_secs(4));
}

#[test]
fn a_refused_secure_session_is_not_opened_in_the_clear() {
    let (device, heard) = pinpad(Manners {
        secure_refused: true,
        ..Manners::default()
    });
    let (_, session) = open(&device, true);
    let error = session.expect_err("it is refused");
    assert!(error.to_string().contains("INVPARM"), "{error}");
    assert_eq!(told(&heard), ["OPN"]);
}

#[test]
fn commands_are_done_or_refused() {
    let answers = |id: &str, count: usize| match count {
        1 => done(&format!("{id}000")),
        _ => done(&format!("{id}040")),
    };
    for secure in [false, true] {
        let manners = Manners {
            answers,
            ..Manners::default()
        };
        let (_, _, bench, mut session) = opened(manners, secure);
        let context = bench.call();
        assert_eq!(session.command(&show(), &context), Ok(Ok(())));
        assert_eq!(session.command(&show(), &context), Ok(Err(Status::INTERR)));
    }
}

#[test]
fn notices_are_told_while_somebody_is_waited_for() {
    let answers = |_: &str, _: usize| {
        let notice = |at, text: &str| Said::After(at, format!("NTM000032{text:<32}").into());
        let mut event = b"CEX000006\x80\x40\x00\x0200".to_vec();
        event[6..9].copy_from_slice(b"006");
        vec![
            notice(1000, "  INSIRA OU      PASSE O CARTAO "),
            notice(20_000, "REMOVA"),
            Said::After(50_000, event),
        ]
    };
    for secure in [false, true] {
        let manners = Manners {
            answers,
            ..Manners::default()
        };
        let (device, _, bench, mut session) = opened(manners, secure);
        let context = bench.call();
        let before = device.heard().len();
        let mut notices: Vec<Notice> = Vec::new();
        let event = session.command_noting(&wait(), &context, &mut |notice| {
            notices.push(notice.clone());
        });
        assert_eq!(event, Ok(Ok(Event::Enter)));
        assert_eq!(notices[0].lines, ["INSIRA OU", "PASSE O CARTAO"]);
        assert_eq!(notices[1].lines, ["REMOVA", ""]);
        assert_eq!(notices.len(), 2);
        assert_eq!(device.heard().len(), before + 1, "no notice is answered");
    }
}

#[test]
fn a_cancelled_command_ends_and_the_session_goes_on() {
    let answers = |id: &str, _: usize| match id {
        "CEX" => Vec::new(),
        other => done(&format!("{other}000")),
    };
    let manners = Manners {
        answers,
        ..Manners::default()
    };
    let (device, heard, bench, mut session) = opened(manners, true);
    let call = device.call(&bench);
    bench.cancel_at(bench.passed() + Duration::from_secs(7), &call);
    assert_eq!(session.command(&wait(), &call), Err(PluginError::Cancelled));
    assert_eq!(device.heard().last(), Some(&vec![CAN]));
    assert_eq!(session.command(&show(), &device.call(&bench)), Ok(Ok(())));
    assert_eq!(told(&heard), ["+CEX", "+DEX"], "nothing was opened again");
}

#[test]
fn nobody_coming_ends_with_the_call() {
    let manners = Manners {
        answers: |_, _| Vec::new(),
        ..Manners::default()
    };
    let (device, _, bench, mut session) = opened(manners, false);
    let begun = bench.passed();
    let context = bench.call_within(Duration::from_secs(90));
    let error = session.command(&wait(), &context).expect_err("nobody came");
    assert_eq!(sent(&error), Sent::Maybe);
    let waited = bench.passed() - begun;
    assert_eq!(waited, Duration::from_millis(90_005));
    assert_eq!(device.heard().last(), Some(&vec![CAN]));
}

#[test]
fn a_lost_session_is_opened_again_and_the_command_repeated_once() {
    for status in ["ERR009", "ERR003", "ERR010", "DEX003", "DEX009", "DEX010"] {
        let manners = Manners {
            answers: |id, _| done(&format!("{id}000")),
            ..Manners::default()
        };
        let answers: fn(&str, usize) -> Vec<Said> = match status {
            "ERR009" => |_, count| lost(count, "ERR009"),
            "ERR003" => |_, count| lost(count, "ERR003"),
            "ERR010" => |_, count| lost(count, "ERR010"),
            "DEX003" => |_, count| sealed_loss(count, "DEX003"),
            "DEX009" => |_, count| sealed_loss(count, "DEX009"),
            _ => |_, count| sealed_loss(count, "DEX010"),
        };
        let manners = Manners { answers, ..manners };
        let (_, heard, bench, mut session) = opened(manners, true);
        let context = bench.call();
        assert_eq!(session.command(&show(), &context), Ok(Ok(())), "{status}");
        assert_eq!(told(&heard), ["+DEX", "OPN", "+DEX"], "{status}");
    }
}

fn lost(count: usize, text: &str) -> Vec<Said> {
    match count {
        1 => vec![Said::Clear(text.into())],
        _ => done("DEX000"),
    }
}

fn sealed_loss(count: usize, text: &str) -> Vec<Said> {
    match count {
        1 => done(text),
        _ => done("DEX000"),
    }
}

#[test]
fn an_unknown_command_is_refused_after_one_repeat() {
    let manners = Manners {
        answers: |_, _| vec![Said::Clear(b"ERR010".to_vec())],
        ..Manners::default()
    };
    let (_, heard, bench, mut session) = opened(manners, true);
    let context = bench.call();
    assert_eq!(session.command(&show(), &context), Ok(Err(Status::INVCALL)));
    assert_eq!(told(&heard), ["+DEX", "OPN", "+DEX"]);
}

#[test]
fn what_stands_on_a_card_is_never_repeated_in_a_new_session() {
    let manners = Manners {
        answers: |_, count| lost(count, "ERR009"),
        ..Manners::default()
    };
    let (_, heard, bench, mut session) = opened(manners, true);
    let context = bench.call();
    let objects = ChipObjects { tags: vec![0x95] };
    const { assert!(!ChipObjects::STANDS_ALONE) };
    let error = session
        .command(&objects, &context)
        .expect_err("it was lost");
    assert_eq!(sent(&error), Sent::No);
    let error = session.command(&objects, &context).expect_err("it is lost");
    assert_eq!(sent(&error), Sent::No);
    assert_eq!(told(&heard), ["+GED"]);
    assert_eq!(session.command(&show(), &context), Ok(Ok(())));
    assert_eq!(told(&heard), ["OPN", "+DEX"]);
}

#[test]
fn an_answer_that_lost_its_envelope_is_not_believed() {
    for said in [
        Said::Clear(b"DEX000".to_vec()),
        Said::Foreign(b"DEX000".to_vec()),
        Said::Clear(vec![DC2; 17]),
        Said::Clear(vec![DC2]),
        Said::Clear(vec![DC2; 16]),
    ] {
        static NEXT: Mutex<Option<Said>> = Mutex::new(None);
        *NEXT.lock().expect("whole") = Some(said.clone());
        let manners = Manners {
            answers: |_, _| {
                let next = NEXT.lock().expect("whole").take();
                next.map_or_else(|| done("DEX000"), |said| vec![said])
            },
            ..Manners::default()
        };
        let (_, heard, bench, mut session) = opened(manners, true);
        let context = bench.call();
        let error = session.command(&show(), &context);
        let error = error.expect_err("it is no envelope of this session");
        assert_eq!(sent(&error), Sent::Maybe, "{said:?}");
        assert!(!session.is_sealed(), "the key is not used again");
        assert_eq!(session.command(&show(), &context), Ok(Ok(())));
        assert_eq!(told(&heard), ["+DEX", "OPN", "+DEX"], "{said:?}");
    }
}

#[test]
fn a_command_nobody_acknowledged_is_ended_and_sent_once_more() {
    for lost in [vec![], vec![0x55], vec![NAK]] {
        static LOST: Mutex<Vec<u8>> = Mutex::new(Vec::new());
        *LOST.lock().expect("whole") = lost.clone();
        let manners = Manners {
            answers: |id, count| match count {
                1 => vec![Said::Instead(LOST.lock().expect("whole").clone())],
                _ => done(&format!("{id}000")),
            },
            ..Manners::default()
        };
        let (device, heard, bench, mut session) = opened(manners, true);
        let before = device.heard().len();
        assert_eq!(session.command(&show(), &bench.call()), Ok(Ok(())));
        assert_eq!(told(&heard), ["+DEX", "+DEX"]);
        let since = device.heard().split_off(before);
        let cancels = since.iter().filter(|heard| **heard == [CAN]).count();
        assert_eq!(cancels, usize::from(lost != [NAK]), "{lost:?}");
    }
}

#[test]
fn an_answer_of_another_command_is_not_believed() {
    for text in [
        "CLX000",
        "DEX",
        "DEX0",
        "DEXabc",
        "dex000",
        "DEX000012",
        "DEX000001x",
        "NTM000",
    ] {
        static TEXT: Mutex<&str> = Mutex::new("");
        *TEXT.lock().expect("whole") = text;
        let manners = Manners {
            answers: |_, _| done(*TEXT.lock().expect("whole")),
            ..Manners::default()
        };
        let (_, _, bench, mut session) = opened(manners, false);
        let error = session.command(&show(), &bench.call());
        assert_eq!(sent(&error.expect_err(text)), Sent::Maybe, "{text}");
    }
}

#[test]
fn closing_is_answered_in_the_clear_and_ends_the_key() {
    let manners = Manners {
        answers: |id, _| match id {
            "CLX" => vec![Said::Clear(b"CLX000".to_vec())],
            other => done(&format!("{other}000")),
        },
        ..Manners::default()
    };
    let (_, heard, bench, mut session) = opened(manners, true);
    let context = bench.call();
    let farewell = Farewell::Text("Bye".to_owned());
    assert_eq!(session.close(farewell, &context), Ok(()));
    assert!(!session.is_sealed());
    assert_eq!(told(&heard), ["+CLX"]);
    assert_eq!(session.close(Farewell::Plain, &context), Ok(()));
    assert_eq!(told(&heard), Vec::<String>::new());
    assert_eq!(session.command(&show(), &context), Ok(Ok(())));
    assert_eq!(told(&heard), ["OPN", "+DEX"]);
}

#[test]
fn notices_without_end_are_left() {
    let manners = Manners {
        answers: |_, _| {
            let notice = format!("NTM000032{:<32}", "AGUARDE");
            vec![Said::After(2, notice.into()); 3000]
        },
        ..Manners::default()
    };
    let (_, _, bench, mut session) = opened(manners, false);
    let error = session.command(&wait(), &bench.call());
    let error = error.expect_err("it never stops");
    assert!(error.to_string().contains("never stops"), "{error}");
}

#[test]
fn host_keys_differ() {
    let keys = [(); 2].map(|()| HostKey::generate().expect("a key").command());
    assert_ne!(keys[0].modulus, keys[1].modulus);
    assert_eq!(keys[0].exponent, [1, 0, 1]);
    let blocks = keys[0].blocks().expect("it can be written");
    assert_eq!(&blocks[..3], b"523");
}

#[test]
fn nothing_of_a_session_is_shown() {
    let (_, _, _, session) = opened(Manners::default(), true);
    let shown = format!("{session:?}");
    assert!(!shown.contains("secret"), "{shown}");
}
