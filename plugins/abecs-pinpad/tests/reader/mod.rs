// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reader against a pinpad that says what it is told to say, message by message, on the bench's
//! virtual time.

use super::wire::device::{Device, Words};
use crate::frame::{ACK, CAN, Deframer, EOT, Step, frame};
use crate::reader::AbecsPinpad;
use payhal_plugin::testing::Bench;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

mod flows;

/// An answer: so many milliseconds later, these packets.
pub(super) struct Said {
    pub(super) name: &'static str,
    pub(super) packets: Vec<Vec<u8>>,
}

/// A pinpad that answers commands in this order, and any other with silence.
pub(super) struct Pad {
    pub(super) bench: Bench,
    asked: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Pad {
    pub(super) fn new(said: Vec<Said>) -> Self {
        let script = Mutex::new(VecDeque::from(said));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let device = Device::new(move |_, bytes| answered(&script, &heard, bytes));
        Self {
            bench: device.bench(),
            asked,
        }
    }

    pub(super) fn reader(&self, config: &str) -> AbecsPinpad {
        self.bench.reader(config).unwrap()
    }

    /// What it was asked, in clear.
    pub(super) fn asked(&self) -> Vec<Vec<u8>> {
        self.asked.lock().unwrap().clone()
    }

    /// The letters of what it was asked.
    pub(super) fn names(&self) -> Vec<String> {
        let asked = self.asked();
        let name = |packet: &Vec<u8>| String::from_utf8_lossy(&packet[..3]).into_owned();
        asked.iter().map(name).collect()
    }
}

fn answered(script: &Mutex<VecDeque<Said>>, heard: &Mutex<Vec<Vec<u8>>>, bytes: &[u8]) -> Words {
    if bytes == [CAN] {
        return vec![(1, vec![EOT])];
    }
    let mut deframer = Deframer::new();
    let whole = bytes.iter().any(|byte| deframer.push(*byte) == Step::Whole);
    if !whole {
        return Vec::new();
    }
    let packet = deframer.take().to_vec();
    heard.lock().unwrap().push(packet.clone());
    let mut words = vec![(1, vec![ACK])];
    let mut script = script.lock().unwrap();
    if script
        .front()
        .is_some_and(|said| packet.starts_with(said.name.as_bytes()))
    {
        let said = script.pop_front().unwrap();
        let packets = said.packets.into_iter().enumerate();
        words.extend(
            packets.map(|(place, packet)| (10 * (place as u64 + 1), frame(&packet).unwrap())),
        );
    }
    words
}

/// An answer without fields, or with blocks behind.
pub(super) fn ok(name: &'static str, blocks: &[u8]) -> Said {
    let packet = [name.as_bytes(), b"000", blocks].concat();
    Said {
        name,
        packets: vec![packet],
    }
}

/// An answer that is a status.
pub(super) fn status(name: &'static str, code: u16) -> Said {
    Said {
        name,
        packets: vec![format!("{name}{code:03}").into_bytes()],
    }
}

/// A block of tagged fields.
pub(super) fn fields(all: &[(u16, &[u8])]) -> Vec<u8> {
    let mut content = Vec::new();
    for (id, value) in all {
        content.extend(id.to_be_bytes());
        content.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        content.extend(*value);
    }
    let mut block = format!("{:03}", content.len()).into_bytes();
    block.extend(content);
    block
}

/// What a pinpad is, with keys in slot 01.
pub(super) fn identity() -> Said {
    let mut keys = [b'0'; 100];
    keys[1] = b'1';
    let all = fields(&[
        (0x8001, b"SN123"),
        (0x8003, b"MODEL 1"),
        (0x8004, b"MAKER"),
        (0x8007, b"2.12"),
        (0x8020, b"0216"),
        (0x8035, &keys),
        (0x8036, &keys),
    ]);
    ok("GIX", &all)
}

/// The same, after OPN in clear.
pub(super) fn opened() -> Vec<Said> {
    vec![ok("OPN", b""), identity()]
}

/// A configuration whose line is in clear, so that a test can read along.
pub(super) const CLEAR: &str = r#"{"secure": false}"#;
