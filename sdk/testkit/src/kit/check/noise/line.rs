// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a bad line does to what passes over it, out of a seed. It must never invent what either end
//! could have said: it loses, repeats, spoils and delays, and adds what is no message.

use super::random::Random;
use super::trace::Trace;
use payhal_messages::recording::Side;

/// What is wrong with the line during one exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Nothing.
    #[default]
    Clean,
    /// Bits flip.
    Bits,
    /// Bytes are lost.
    Drops,
    /// Words come twice.
    Twice,
    /// Words end early.
    Short,
    /// The last byte of a word is another one: a wrong checksum.
    BadCheck,
    /// Words of one control character are lost.
    LostAcks,
    /// NAK answers what the plugin says, and the device does not hear it.
    Naks,
    /// Words come late: around the moment at which the plugin gives up waiting.
    Late,
    /// The device says nothing any more.
    Silent,
    /// The device reads nothing any more.
    Deaf,
    /// Something on the line never stops talking.
    Talk,
    /// The plugin hears itself.
    Echo,
    /// Words come in pieces with pauses.
    Pieces,
    /// The connection is reset.
    Reset,
}

impl Fault {
    /// Every one, with its name in `conformance.toml` and in the report.
    pub(crate) const ALL: [(Self, &'static str); 15] = [
        (Self::Clean, "clean"),
        (Self::Bits, "bits"),
        (Self::Drops, "drops"),
        (Self::Twice, "twice"),
        (Self::Short, "short"),
        (Self::BadCheck, "bad-check"),
        (Self::LostAcks, "lost-acks"),
        (Self::Naks, "naks"),
        (Self::Late, "late"),
        (Self::Silent, "silent"),
        (Self::Deaf, "deaf"),
        (Self::Talk, "talk"),
        (Self::Echo, "echo"),
        (Self::Pieces, "pieces"),
        (Self::Reset, "reset"),
    ];

    /// Whether it happens on a serial line, or on a connection, which loses and spoils nothing.
    pub(crate) fn happens_on(self, is_connection: bool) -> bool {
        match self {
            Self::Clean | Self::Late | Self::Silent | Self::Deaf | Self::Talk | Self::Pieces => {
                true
            }
            Self::Reset => is_connection,
            _ => !is_connection,
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        let known = Self::ALL.iter().find(|(fault, _)| *fault == self);
        known.map_or("", |(_, name)| name)
    }
}

/// Longest pause between the pieces of a word, nanoseconds.
const PAUSE_NS: u64 = 300_000_000;

/// How soon a NAK follows, nanoseconds.
const NAK_NS: u64 = 5_000_000;

const NAK: u8 = 0x15;

/// Later than the plugin gives up by this much, or earlier: nanoseconds.
const AROUND_NS: [i64; 7] = [
    -200_000_000,
    -1_000_000,
    -1_000,
    0,
    1_000,
    1_000_000,
    200_000_000,
];

/// What becomes of a word: each piece with how much later it comes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Where it was meant to go.
    pub(crate) on: Vec<(u64, Vec<u8>)>,
    /// Back to the plugin.
    pub(crate) back: Vec<(u64, Vec<u8>)>,
    /// The connection ends instead.
    pub(crate) reset: bool,
}

/// A line with a fault.
#[derive(Debug)]
pub(crate) struct Line {
    /// Decides about exchanges.
    random: Random,
    /// Decides about one word. What happens to it depends on no other word's length, which may
    /// come out of a plugin's own chance.
    of_word: Random,
    /// What the exchange's words are decided by.
    exchange: u64,
    fault: Fault,
    /// The first word that is hurt, and how many.
    window: (u64, u64),
    /// How many of a hundred words in it, or of a million bytes.
    rate: u64,
    words: u64,
    /// Bytes that passed in this exchange, both ways.
    pub(crate) passed: usize,
    /// How many may pass until the cable is pulled.
    pub(crate) cut: Option<usize>,
    /// Bytes of one direction never overtake: when the last ones arrive.
    last_ns: [u64; 2],
    /// Nanoseconds between what a talker says.
    period_ns: u64,
    pub(crate) trace: Trace,
}

impl Line {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            of_word: Random::new(seed),
            exchange: seed,
            fault: Fault::Clean,
            window: (0, u64::MAX),
            rate: 0,
            words: 0,
            passed: 0,
            cut: None,
            last_ns: [0; 2],
            period_ns: 0,
            trace: Trace::default(),
        }
    }

    /// Chance, for who decides what the exchange is.
    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// From here on this is wrong with it.
    pub(crate) fn begin(&mut self, fault: Fault) {
        self.exchange = self.random.next();
        let mut random = Random::new(self.exchange);
        self.fault = fault;
        let rates: &[u64] = match fault {
            Fault::Bits | Fault::Drops => &[100, 1_000, 10_000],
            _ => &[10, 40, 100],
        };
        self.rate = random.one_of(rates).unwrap_or_default();
        let length = random.one_of(&[1, 2, 4, u64::MAX]).unwrap_or(1);
        self.window = (random.below(8), length);
        let period_ms = random.one_of(&[20_u64, 150, 900]);
        self.period_ns = period_ms.unwrap_or(150) * 1_000_000;
        (self.words, self.passed) = (0, 0);
    }

    /// A fresh runner's time begins at zero.
    pub(crate) fn renew(&mut self) {
        self.last_ns = [0; 2];
    }

    fn is_hit(&mut self) -> bool {
        let (from, length) = self.window;
        let is_in = self.words >= from && self.words - from < length;
        is_in && self.of_word.percent(self.rate)
    }

    /// What becomes of a word. `timer_ns` is how long the plugin will wait for it.
    pub(crate) fn pass(&mut self, side: Side, bytes: &[u8], timer_ns: Option<u64>) -> Passed {
        let mut passed = Passed::default();
        self.of_word = Random::new(self.exchange.rotate_left(17).wrapping_add(self.words));
        let is_hit = self.is_hit();
        match self.fault {
            Fault::Clean | Fault::Talk => passed.on.push((0, bytes.to_vec())),
            Fault::Bits | Fault::Drops => passed.on.push((0, self.noise(bytes))),
            _ if !is_hit => passed.on.push((0, bytes.to_vec())),
            _ => self.hurt(side, bytes, timer_ns, &mut passed),
        }
        self.words += 1;
        passed.on.retain(|(_, bytes)| !bytes.is_empty());
        passed
    }

    fn hurt(&mut self, side: Side, bytes: &[u8], timer_ns: Option<u64>, passed: &mut Passed) {
        let mut word = bytes.to_vec();
        match self.fault {
            Fault::Twice => passed.on.push((0, word.clone())),
            Fault::Short => {
                let keep = self.of_word.below(word.len() as u64);
                word.truncate(usize::try_from(keep).unwrap_or_default());
            }
            Fault::BadCheck => {
                if let Some(last) = word.last_mut() {
                    *last ^= 1 << self.of_word.below(8);
                }
            }
            // Alone, or before a message.
            Fault::LostAcks if word.first().copied().is_some_and(is_acknowledgement) => {
                word.remove(0);
            }
            Fault::Naks if side == Side::Plugin => {
                word.clear();
                passed.back.push((NAK_NS, vec![NAK]));
            }
            Fault::Reset => {
                word.clear();
                passed.reset = true;
            }
            Fault::Late => {
                let late_ns = self.lateness(timer_ns);
                passed.on.push((late_ns, std::mem::take(&mut word)));
            }
            Fault::Silent if side == Side::Device => word.clear(),
            Fault::Deaf if side == Side::Plugin => word.clear(),
            Fault::Echo if side == Side::Plugin => passed.back.push((NAK_NS, word.clone())),
            Fault::Pieces => self.pieces(std::mem::take(&mut word), passed),
            _ => {}
        }
        if !word.is_empty() {
            passed.on.push((0, word));
        }
    }

    fn pieces(&mut self, mut word: Vec<u8>, passed: &mut Passed) {
        let mut late_ns = 0;
        while !word.is_empty() {
            let length = 1 + self.of_word.below(word.len() as u64);
            let rest = word.split_off(usize::try_from(length).unwrap_or(1));
            passed
                .on
                .push((late_ns, std::mem::replace(&mut word, rest)));
            late_ns += self.of_word.below(PAUSE_NS);
        }
    }

    fn lateness(&mut self, timer_ns: Option<u64>) -> u64 {
        let around = self.of_word.one_of(&AROUND_NS).unwrap_or_default();
        match timer_ns.filter(|_| self.of_word.percent(70)) {
            Some(timer_ns) => timer_ns.saturating_add_signed(around),
            None => {
                let seconds = self.of_word.one_of(&[1, 3, 10, 70]).unwrap_or(1);
                self.of_word.below(seconds * 1_000_000_000)
            }
        }
    }

    fn noise(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (rate, fault) = (self.rate, self.fault);
        let random = &mut self.of_word;
        let mut noise = Vec::with_capacity(bytes.len());
        for byte in bytes {
            match random.ppm(rate) {
                false => noise.push(*byte),
                true if fault == Fault::Drops => {}
                true => noise.push(byte ^ 1 << random.below(8)),
            }
        }
        noise
    }

    /// When something that would arrive at that moment does: never before what came earlier.
    pub(crate) fn in_turn(&mut self, side: Side, at_ns: u64) -> u64 {
        let last_ns = &mut self.last_ns[usize::from(side == Side::Device)];
        *last_ns = at_ns.max(*last_ns);
        *last_ns
    }

    /// What a talker says next, and after how long.
    pub(crate) fn talk(&mut self) -> Option<(u64, Vec<u8>)> {
        if self.fault != Fault::Talk || self.words < self.window.0.min(6) {
            return None;
        }
        let random = &mut self.of_word;
        let length = 1 + random.below(40);
        let pick = random.one_of(&[None, Some(0), Some(b'U')]).flatten();
        let noise = (0..length).map(|_| pick.unwrap_or_else(|| random.next().to_le_bytes()[0]));
        // Who says that it understood, or did not, is no noise.
        let noise = noise.filter(|byte| !is_acknowledgement(*byte)).collect();
        Some((self.period_ns, noise))
    }

    /// How many of these bytes pass until the cable is pulled; they count as passed.
    pub(crate) fn until_cut(&mut self, count: usize) -> usize {
        let left = self.cut.map(|cut| cut.saturating_sub(self.passed));
        let passes = left.map_or(count, |left| left.min(count));
        self.passed += passes;
        passes
    }

    /// Whether the cable is to be pulled now.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.is_some_and(|cut| self.passed >= cut)
    }
}

/// ENQ and EOT among them: what serial lines say with one character.
fn is_acknowledgement(byte: u8) -> bool {
    matches!(byte, 0x04..=0x06 | 0x10 | 0x15..=0x18)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hurting(fault: Fault, seed: u64) -> Line {
        let mut line = Line::new(seed);
        line.begin(fault);
        (line.window, line.rate) = ((0, u64::MAX), 100);
        line
    }

    #[test]
    fn every_fault_does_what_its_name_says() {
        let word = b"\x02hello\x03\x55".to_vec();
        let of = |fault, side| hurting(fault, 1).pass(side, &word, Some(2_000_000_000));
        assert_eq!(of(Fault::Clean, Side::Plugin).on, [(0, word.clone())]);
        assert_eq!(of(Fault::Twice, Side::Device).on.len(), 2);
        let short = &of(Fault::Short, Side::Device).on;
        assert!(
            short
                .first()
                .is_none_or(|(_, short)| short.len() < word.len())
        );
        let bad = &of(Fault::BadCheck, Side::Plugin).on[0].1;
        assert_eq!(bad[..word.len() - 1], word[..word.len() - 1]);
        assert_ne!(bad.last(), word.last());
        assert!(of(Fault::Deaf, Side::Plugin).on.is_empty());
        assert_eq!(of(Fault::Deaf, Side::Device).on.len(), 1);
        assert!(of(Fault::Silent, Side::Device).on.is_empty());
        assert_eq!(of(Fault::Naks, Side::Plugin).back, [(NAK_NS, vec![NAK])]);
        assert!(of(Fault::Reset, Side::Device).reset);
        assert_eq!(of(Fault::Echo, Side::Plugin).back[0].1, word);
        let pieces = of(Fault::Pieces, Side::Device).on;
        let whole: Vec<u8> = pieces.into_iter().flat_map(|(_, piece)| piece).collect();
        assert_eq!(whole, word);
        assert!(of(Fault::LostAcks, Side::Device).on[0].1 == word);
        let acks = hurting(Fault::LostAcks, 1).pass(Side::Device, &[6], None);
        assert!(acks.on.is_empty());
    }

    #[test]
    fn the_same_seed_does_the_same() {
        let of = |seed| {
            let mut line = Line::new(seed);
            line.begin(Fault::Bits);
            line.rate = 200_000;
            (0..20)
                .map(|_| line.pass(Side::Device, &[0; 40], None).on)
                .collect::<Vec<_>>()
        };
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
    }

    #[test]
    fn a_cable_is_pulled_at_its_byte_and_nothing_overtakes() {
        let mut line = Line::new(1);
        line.cut = Some(5);
        assert_eq!((line.until_cut(3), line.is_cut()), (3, false));
        assert_eq!((line.until_cut(3), line.is_cut()), (2, true));
        assert_eq!(line.in_turn(Side::Device, 10), 10);
        assert_eq!(line.in_turn(Side::Device, 4), 10);
        assert_eq!(line.in_turn(Side::Plugin, 4), 4);
    }
}
