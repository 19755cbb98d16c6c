// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host by hand: it writes bytes, and lets time pass.

use crate::digits::hex;
use crate::frame::{Heard, Receiver, packet};
use crate::secure::{SessionKey, is_encrypted};
use crate::{Options, Pinpad};
use payhal_testkit::simulate::{Out, Simulator};

pub(crate) struct Host {
    pub(crate) pinpad: Pinpad,
    pub(crate) now_us: u64,
    pub(crate) key: Option<SessionKey>,
    receiver: Receiver,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        Self {
            pinpad: Pinpad::new(options),
            now_us: 1_000_000,
            key: None,
            receiver: Receiver::default(),
        }
    }

    /// In a session without secrecy.
    pub(crate) fn opened() -> Self {
        let mut host = Self::new();
        assert_eq!(host.ask(b"OPN"), b"OPN000");
        host
    }

    /// Writes bytes; what comes at once.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Out::default();
        self.pinpad.hear(0, bytes, self.now_us, &mut out);
        out.said.into_iter().flat_map(|said| said.bytes).collect()
    }

    /// Lets so much time pass; what came meanwhile.
    pub(crate) fn pass(&mut self, us: u64) -> Vec<u8> {
        let until = self.now_us + us;
        let mut said = Vec::new();
        while let Some(next) = self.pinpad.next_us().filter(|next| *next <= until) {
            self.now_us = self.now_us.max(next);
            let mut out = Out::default();
            self.pinpad.due(self.now_us, &mut out);
            said.extend(out.said.into_iter().flat_map(|said| said.bytes));
        }
        self.now_us = until;
        said
    }

    pub(crate) fn act(&mut self, words: &str) {
        let mut out = Out::default();
        self.pinpad.act(words, self.now_us, &mut out).unwrap();
        assert_eq!(out.said, []);
    }

    /// As [`Self::act`], where the pinpad says something at once.
    pub(crate) fn act_out(&mut self, words: &str) {
        let mut out = Out::default();
        self.pinpad.act(words, self.now_us, &mut out).unwrap();
        assert_ne!(out.said, []);
    }

    /// What packets say, in clear.
    pub(crate) fn packets(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let heard = self.receiver.take(bytes, self.now_us);
        let said = heard.into_iter().map(|heard| match heard {
            Heard::Packet(said) => said,
            other => panic!("{other:?} in {bytes:02X?}"),
        });
        let opened = said.map(|said| match &self.key {
            Some(key) if is_encrypted(&said) => key.unwrap(&said).unwrap(),
            _ => said,
        });
        opened.collect()
    }

    /// Sends a command; all that comes within ten minutes, notifications first.
    pub(crate) fn converse(&mut self, said: &[u8]) -> Vec<Vec<u8>> {
        let sent = match &self.key {
            Some(key) => packet(&key.wrap(said)),
            None => packet(said),
        };
        let mut bytes = self.write(&sent);
        assert_eq!(bytes.first(), Some(&0x06), "{said:02X?}");
        bytes.remove(0);
        bytes.extend(self.pass(600_000_000));
        self.packets(&bytes)
    }

    /// Sends a command; its response.
    pub(crate) fn ask(&mut self, said: &[u8]) -> Vec<u8> {
        let mut said = self.converse(said);
        said.retain(|said| !said.starts_with(b"NTM"));
        assert_eq!(said.len(), 1, "{said:02X?}");
        said.remove(0)
    }

    /// Sends a command of objects; its status and objects.
    pub(crate) fn objects(&mut self, name: &str, objects: &[(u16, &[u8])]) -> Answer {
        Answer::of(&self.ask(&command(name, objects)))
    }
}

/// A command of objects.
pub(crate) fn command(name: &str, objects: &[(u16, &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (id, value) in objects {
        block.extend(id.to_be_bytes());
        block.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        block.extend(*value);
    }
    match objects {
        [] => name.into(),
        _ => [format!("{name}{:03}", block.len()).into_bytes(), block].concat(),
    }
}

/// A response, read by hand.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) objects: Vec<(u16, Vec<u8>)>,
}

impl Answer {
    pub(crate) fn of(said: &[u8]) -> Self {
        let status = String::from_utf8(said[..6].to_vec()).unwrap();
        let mut objects = Vec::new();
        let mut rest = &said[6..];
        while !rest.is_empty() {
            let length: usize = std::str::from_utf8(&rest[..3]).unwrap().parse().unwrap();
            let mut block = &rest[3..3 + length];
            rest = &rest[3 + length..];
            while !block.is_empty() {
                let id = u16::from_be_bytes([block[0], block[1]]);
                let length = usize::from(u16::from_be_bytes([block[2], block[3]]));
                objects.push((id, block[4..4 + length].to_vec()));
                block = &block[4 + length..];
            }
        }
        Self { status, objects }
    }

    pub(crate) fn value(&self, id: u16) -> Option<&[u8]> {
        let found = self.objects.iter().find(|(name, _)| *name == id);
        found.map(|(_, value)| value.as_slice())
    }

    pub(crate) fn text(&self, id: u16) -> &str {
        std::str::from_utf8(self.value(id).unwrap()).unwrap()
    }

    pub(crate) fn hex(&self, id: u16) -> String {
        hex(self.value(id).unwrap())
    }
}
