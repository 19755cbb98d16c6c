// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cards that do not pay: one of a loyalty programme, one that says who its holder is.
//!
//! Small ISO/IEC 7816-4 cards: one application, one file that can be read. Nobody is behind them.

/// A card that does not pay.
pub(crate) struct OtherCard {
    /// How simulators are told to use it.
    pub(crate) name: &'static str,
    /// Words for a button.
    pub(crate) label: &'static str,
    /// Its application.
    pub(crate) aid: [u8; 7],
    /// Its file.
    content: &'static [u8],
}

/// All of them. `F0` begins identifiers of nobody (ISO/IEC 7816-5, proprietary).
pub(crate) const OTHER_CARDS: [OtherCard; 2] = [
    OtherCard {
        name: "loyalty",
        label: "Loyalty card",
        aid: *b"\xF0PAYHL\x01",
        content: b"MEMBER=LOY-K7QW;POINTS=120",
    },
    OtherCard {
        name: "identity",
        label: "Identity card",
        aid: *b"\xF0PAYHL\x02",
        content: b"NAME=TEST PERSON;AGE=OVER 18",
    },
];

const DONE: [u8; 2] = [0x90, 0x00];
const NO_SUCH_FILE: [u8; 2] = [0x6A, 0x82];
const NO_SUCH_PLACE: [u8; 2] = [0x6B, 0x00];
const NO_SUCH_COMMAND: [u8; 2] = [0x6D, 0x00];
const NOT_ALLOWED: [u8; 2] = [0x69, 0x82];

/// Payment cards that have the application of such a card beside their own.
const BOTH: [(&str, &str); 1] = [("visa-approve", "loyalty")];

/// What a payment card has beside its own application.
pub(crate) fn beside(payment_card: &str) -> Option<&'static OtherCard> {
    let both = BOTH.iter().find(|(name, _)| *name == payment_card);
    both.and_then(|(_, other)| other_card(other))
}

/// What a card says that does not have the application.
pub(crate) fn knows_none() -> Vec<u8> {
    NO_SUCH_FILE.to_vec()
}

/// The card of that name.
pub(crate) fn other_card(name: &str) -> Option<&'static OtherCard> {
    OTHER_CARDS.iter().find(|card| card.name == name)
}

impl OtherCard {
    /// What it says to the selection of an application.
    pub(crate) fn select(&self, aid: &[u8]) -> Vec<u8> {
        if aid != self.aid {
            return NO_SUCH_FILE.to_vec();
        }
        let mut template = vec![0x6F, 9, 0x84, 7];
        template.extend(self.aid);
        template.extend(DONE);
        template
    }

    /// What it says to a command, once selected.
    pub(crate) fn say(&self, command: &[u8]) -> Vec<u8> {
        let &[_, instruction, high, low, ref rest @ ..] = command else {
            return NO_SUCH_COMMAND.to_vec();
        };
        match instruction {
            0xB0 => self.read(u16::from_be_bytes([high, low]), rest),
            0xD6 | 0xDC => NOT_ALLOWED.to_vec(),
            _ => NO_SUCH_COMMAND.to_vec(),
        }
    }

    /// READ BINARY: from a place on, at most so many bytes; zero is all.
    fn read(&self, from: u16, length: &[u8]) -> Vec<u8> {
        let Some(rest) = self.content.get(usize::from(from)..) else {
            return NO_SUCH_PLACE.to_vec();
        };
        let most = match length.first() {
            None | Some(0) => rest.len(),
            Some(most) => usize::from(*most),
        };
        let mut said = rest[..most.min(rest.len())].to_vec();
        said.extend(DONE);
        said
    }
}
