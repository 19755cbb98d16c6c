// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every bound and every wait of the wire, in one place.
//!
//! Owns the numbers. Must never wait by itself.

use std::time::Duration;

/// Longest packet, before its bytes are escaped: an envelope with the longest clear text.
pub(crate) const PACKET_MAX: usize = 2049;
/// Bytes that stay of the shortest answer when its first is lost. Less than that is noise: while a
/// card is waited for, nobody asks the pinpad to repeat what it never said.
pub(crate) const ANSWER_MIN: usize = 9;
/// Longest clear text of an envelope.
pub(crate) const CLEAR_MAX: usize = 2044;
/// Longest block.
pub(crate) const BLOCK_MAX: usize = 999;
/// Longest value of a tagged field: with its head it still fits one block.
pub(crate) const FIELD_MAX: usize = 995;
/// How often a packet is sent until it is acknowledged.
pub(crate) const SENDS: u32 = 3;
/// How often an answer is asked for until it is whole.
pub(crate) const RECEPTIONS: u32 = 3;
/// How often CAN is sent until EOT comes.
pub(crate) const CANCELS: u32 = 3;
/// What a device may say within one exchange, all repeats and notices included.
pub(crate) const TALK_MAX: usize = 64 * 1024;

/// How long the wire waits for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timers {
    /// For ACK or NAK.
    pub(crate) acknowledgement: Duration,
    /// For the answer to a command that waits for nobody.
    pub(crate) answer: Duration,
    /// For the next byte of a packet.
    pub(crate) between: Duration,
    /// How long a line is silent that has nothing more to say.
    pub(crate) silence: Duration,
    /// For such a silence.
    pub(crate) talk: Duration,
    /// For EOT.
    pub(crate) end: Duration,
}

impl Timers {
    /// What the protocol says.
    pub(crate) const STANDARD: Self = Self {
        acknowledgement: Duration::from_secs(2),
        answer: Duration::from_secs(10),
        between: Duration::from_secs(2),
        silence: Duration::from_millis(500),
        talk: Duration::from_secs(10),
        end: Duration::from_secs(2),
    };

    /// The same at `percent` of their length.
    pub(crate) fn scaled(percent: u32) -> Self {
        let scale = |standard: Duration| standard * percent.clamp(1, 10_000) / 100;
        Self {
            acknowledgement: scale(Self::STANDARD.acknowledgement),
            answer: scale(Self::STANDARD.answer),
            between: scale(Self::STANDARD.between),
            silence: scale(Self::STANDARD.silence),
            talk: scale(Self::STANDARD.talk),
            end: scale(Self::STANDARD.end),
        }
    }
}
