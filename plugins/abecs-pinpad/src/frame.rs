// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets as bytes of a line: SYN, escaped content, ETB, checksum; and the inside of an envelope.
//!
//! Owns what a byte means where it stands. Must never wait, and never keep more than one packet.

use super::crc::crc;
use super::limits::{CLEAR_MAX, PACKET_MAX};
use super::wire::WireError;
use zeroize::Zeroizing;

pub(crate) const EOT: u8 = 0x04;
pub(crate) const ACK: u8 = 0x06;
/// Marks a packet whose content is an envelope.
pub(crate) const DC2: u8 = 0x12;
pub(crate) const DC3: u8 = 0x13;
pub(crate) const NAK: u8 = 0x15;
pub(crate) const SYN: u8 = 0x16;
pub(crate) const ETB: u8 = 0x17;
pub(crate) const CAN: u8 = 0x18;

/// An escaped byte comes after DC3, this much higher.
const LIFT: u8 = 0x20;

/// The bytes that carry `packet`.
pub(crate) fn frame(packet: &[u8]) -> Result<Vec<u8>, WireError> {
    if packet.is_empty() || packet.len() > PACKET_MAX {
        return Err(WireError::TooLong("packet"));
    }
    // Once, so that no copy is left behind where a growing buffer lay.
    let mut bytes = Vec::with_capacity(2 * packet.len() + 4);
    bytes.push(SYN);
    for &byte in packet {
        match byte {
            DC3 | SYN | ETB => bytes.extend([DC3, byte + LIFT]),
            plain => bytes.push(plain),
        }
    }
    bytes.push(ETB);
    bytes.extend(checksum(packet));
    Ok(bytes)
}

/// Over the content as it was before escaping, and ETB.
fn checksum(packet: &[u8]) -> [u8; 2] {
    let mut covered = Zeroizing::new(Vec::with_capacity(packet.len() + 1));
    covered.extend(packet);
    covered.push(ETB);
    crc(&covered).to_be_bytes()
}

/// What a byte led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It stood outside of any packet.
    Outside(u8),
    /// The packet goes on.
    More,
    /// It ended a packet that is whole: [`Deframer::take`] it.
    Whole,
    /// The packet is broken; whatever follows is not to be trusted until the line was silent.
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Content,
    Escaped,
    FirstOfChecksum,
    SecondOfChecksum(u8),
}

/// Finds packets in bytes that come one by one.
#[derive(Debug)]
pub(crate) struct Deframer {
    place: Place,
    packet: Zeroizing<Vec<u8>>,
}

impl Deframer {
    pub(crate) fn new() -> Self {
        Self {
            place: Place::Outside,
            packet: Zeroizing::default(),
        }
    }

    /// Forgets a packet that has begun.
    pub(crate) fn reset(&mut self) {
        self.place = Place::Outside;
        self.packet = Zeroizing::default();
    }

    /// Whether a packet has begun.
    pub(crate) fn inside(&self) -> bool {
        self.place != Place::Outside
    }

    /// The packet that has just become whole.
    pub(crate) fn take(&mut self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.packet)
    }

    pub(crate) fn push(&mut self, byte: u8) -> Step {
        let step = self.step(byte);
        if step == Step::Broken {
            self.reset();
        }
        step
    }

    fn step(&mut self, byte: u8) -> Step {
        match self.place {
            Place::Outside if byte == SYN => {
                self.reset();
                // Once, so that no copy is left behind where a growing buffer lay.
                self.packet.reserve_exact(PACKET_MAX);
                self.place = Place::Content;
                Step::More
            }
            Place::Outside => Step::Outside(byte),
            Place::Content => match byte {
                SYN => Step::Broken,
                ETB if self.packet.is_empty() => Step::Broken,
                ETB => {
                    self.place = Place::FirstOfChecksum;
                    Step::More
                }
                DC3 => {
                    self.place = Place::Escaped;
                    Step::More
                }
                plain => self.add(plain),
            },
            Place::Escaped => match byte.wrapping_sub(LIFT) {
                lifted @ (DC3 | SYN | ETB) => {
                    self.place = Place::Content;
                    self.add(lifted)
                }
                _ => Step::Broken,
            },
            Place::FirstOfChecksum => {
                self.place = Place::SecondOfChecksum(byte);
                Step::More
            }
            Place::SecondOfChecksum(first) => {
                self.place = Place::Outside;
                match checksum(&self.packet) == [first, byte] {
                    true => Step::Whole,
                    false => Step::Broken,
                }
            }
        }
    }

    fn add(&mut self, byte: u8) -> Step {
        if self.packet.len() == PACKET_MAX {
            return Step::Broken;
        }
        self.packet.push(byte);
        Step::More
    }
}

/// Length of a cipher block: an envelope's content is a multiple of it.
pub(crate) const CIPHER_BLOCK: usize = 16;

/// What an envelope encrypts: length, checksum, `clear`, zeros up to whole cipher blocks.
pub(crate) fn pack(clear: &[u8]) -> Result<Zeroizing<Vec<u8>>, WireError> {
    let length = u16::try_from(clear.len()).unwrap_or(u16::MAX);
    if clear.is_empty() || clear.len() > CLEAR_MAX {
        return Err(WireError::TooLong("packet"));
    }
    let whole = (4 + clear.len()).next_multiple_of(CIPHER_BLOCK);
    let mut block = Zeroizing::new(Vec::with_capacity(whole));
    block.extend(length.to_be_bytes());
    block.extend(crc(clear).to_be_bytes());
    block.extend(clear);
    block.resize(whole, 0);
    Ok(block)
}

/// The clear text in a decrypted envelope, if it is one.
pub(crate) fn unpack(block: &[u8]) -> Result<&[u8], WireError> {
    let malformed = WireError::Malformed("envelope");
    if block.is_empty() || !block.len().is_multiple_of(CIPHER_BLOCK) {
        return Err(malformed);
    }
    let (head, rest) = block.split_at(4);
    let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
    let clear = rest.get(..length).ok_or(malformed.clone())?;
    let is_whole = !clear.is_empty()
        && clear.len() <= CLEAR_MAX
        && crc(clear).to_be_bytes() == [head[2], head[3]];
    is_whole.then_some(clear).ok_or(malformed)
}
