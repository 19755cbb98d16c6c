// SPDX-License-Identifier: MIT OR Apache-2.0
//! The link layer as the pinpad sees it: packets, their check, and single bytes between them.
//!
//! What a packet says is nobody's business here.

/// The pinpad's answer to [`CAN`].
pub(crate) const EOT: u8 = 0x04;
pub(crate) const ACK: u8 = 0x06;
pub(crate) const NAK: u8 = 0x15;
/// Begins a packet.
const SYN: u8 = 0x16;
/// Ends what a packet says; two bytes of check follow.
const ETB: u8 = 0x17;
/// Stands for a control byte that is meant as what a packet says.
const DC3: u8 = 0x13;
/// Aborts whatever the pinpad does.
const CAN: u8 = 0x18;

/// Longest that a packet may say, without escapes.
pub(crate) const PACKET_BYTES_MAX: usize = 2049;

/// A control byte as it is escaped: this much more.
const ESCAPED: u8 = 0x20;

/// Longest pause inside of a packet.
const PAUSE_US: u64 = 2_000_000;

/// What came over the line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Heard {
    /// A whole packet with a right check.
    Packet(Vec<u8>),
    /// A packet that is none.
    Damaged,
    /// The host aborts.
    Cancel,
    /// The host could not read what it was sent.
    Again,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    #[default]
    Between,
    Inside,
    Escape,
    Check,
    LastCheck(u8),
}

/// Puts packets together from whatever pieces come.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    place: Place,
    bytes: Vec<u8>,
    damaged: bool,
    last_us: u64,
}

impl Receiver {
    /// Takes a piece.
    pub(crate) fn take(&mut self, bytes: &[u8], now_us: u64) -> Vec<Heard> {
        if now_us.saturating_sub(self.last_us) > PAUSE_US {
            self.place = Place::Between;
        }
        self.last_us = now_us;
        bytes.iter().filter_map(|byte| self.byte(*byte)).collect()
    }

    /// Forgets the beginning of a packet.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    fn byte(&mut self, byte: u8) -> Option<Heard> {
        match (self.place, byte) {
            (Place::Check, _) => self.place = Place::LastCheck(byte),
            (Place::LastCheck(first), last) => {
                self.place = Place::Between;
                return Some(self.checked(u16::from_be_bytes([first, last])));
            }
            // Inside of a packet it is always escaped: whatever came before was cut.
            (_, SYN) => {
                self.place = Place::Inside;
                self.bytes.clear();
                self.damaged = false;
            }
            (Place::Between, CAN) => return Some(Heard::Cancel),
            (Place::Between, NAK) => return Some(Heard::Again),
            (Place::Between, _) => {}
            (Place::Inside, ETB) => self.place = Place::Check,
            (Place::Inside, DC3) => self.place = Place::Escape,
            (Place::Inside, _) => self.keep(byte),
            (Place::Escape, _) => {
                self.place = Place::Inside;
                let meant = byte.wrapping_sub(ESCAPED);
                self.damaged |= !is_escaped(meant);
                self.keep(meant);
            }
        }
        None
    }

    fn keep(&mut self, byte: u8) {
        match self.bytes.len() {
            PACKET_BYTES_MAX.. => self.damaged = true,
            _ => self.bytes.push(byte),
        }
    }

    fn checked(&mut self, check: u16) -> Heard {
        let said = std::mem::take(&mut self.bytes);
        match !self.damaged && !said.is_empty() && packet_check(&said) == check {
            true => Heard::Packet(said),
            false => Heard::Damaged,
        }
    }
}

fn is_escaped(byte: u8) -> bool {
    matches!(byte, DC3 | SYN | ETB)
}

/// The packet that says this.
pub(crate) fn packet(said: &[u8]) -> Vec<u8> {
    let mut bytes = vec![SYN];
    for byte in said {
        match is_escaped(*byte) {
            true => bytes.extend([DC3, byte + ESCAPED]),
            false => bytes.push(*byte),
        }
    }
    bytes.push(ETB);
    bytes.extend(packet_check(said).to_be_bytes());
    bytes
}

fn packet_check(said: &[u8]) -> u16 {
    check(said.iter().chain(&[ETB]))
}

/// CRC-16 with polynomial 1021, from zero, nothing turned around.
pub(crate) fn check<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u16 {
    bytes.into_iter().fold(0, |check, byte| {
        let start = check ^ u16::from(*byte) << 8;
        (0..8).fold(start, |check, _| match check & 0x8000 {
            0 => check << 1,
            _ => check << 1 ^ 0x1021,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_a_packet_wherever_they_are_cut() {
        let said = [b'X', DC3, SYN, ETB, CAN, NAK, EOT, ACK, b'Y'];
        let whole = packet(&said);
        assert_eq!(whole.len(), said.len() + 3 + 4);
        for cut in 0..=whole.len() {
            let mut receiver = Receiver::default();
            let mut heard = receiver.take(&whole[..cut], 0);
            heard.extend(receiver.take(&whole[cut..], 1_999_999));
            assert_eq!(heard, [Heard::Packet(said.to_vec())], "cut at {cut}");
        }
    }

    #[test]
    fn a_packet_with_any_byte_altered_is_damaged_or_none() {
        let whole = packet(b"GIX");
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 0x01;
            let heard = Receiver::default().take(&altered, 0);
            assert!(!matches!(heard[..], [Heard::Packet(_)]), "byte {at}");
        }
        let escape = [SYN, b'A', DC3, b'A', ETB, 0, 0];
        assert_eq!(Receiver::default().take(&escape, 0), [Heard::Damaged]);
    }

    #[test]
    fn a_cut_packet_is_forgotten_at_the_next_or_after_a_pause() {
        let mut receiver = Receiver::default();
        receiver.take(&packet(b"GIX")[..3], 0);
        assert_eq!(
            receiver.take(&packet(b"OPN"), 1),
            [Heard::Packet(b"OPN".to_vec())]
        );
        receiver.take(&packet(b"GIX")[..3], 2);
        assert_eq!(receiver.take(&[CAN], 3), []);
        assert_eq!(receiver.take(&[CAN], 2_000_004), [Heard::Cancel]);
        receiver.take(&packet(b"GIX")[..3], 2_000_005);
        receiver.forget();
        assert_eq!(receiver.take(&[NAK], 2_000_006), [Heard::Again]);
    }

    #[test]
    fn the_longest_packet_is_taken_and_no_longer_one() {
        let longest = vec![b'A'; PACKET_BYTES_MAX];
        let heard = Receiver::default().take(&packet(&longest), 0);
        assert_eq!(heard, [Heard::Packet(longest.clone())]);
        let longer = [longest, vec![b'A']].concat();
        let heard = Receiver::default().take(&packet(&longer), 0);
        assert_eq!(heard, [Heard::Damaged]);
    }
}
