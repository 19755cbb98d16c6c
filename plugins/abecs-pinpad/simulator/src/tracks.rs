// SPDX-License-Identifier: MIT OR Apache-2.0
//! What of a stripe may be shown: cut behind the service code, the number masked.

/// Characters that are shown of a track without separators.
const SHOWN_WITHOUT: usize = 19;

/// Characters behind the last separator: expiry and service code.
const SHOWN_BEHIND: usize = 7;

/// How many digits stay, on the left and on the right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Mask {
    left: usize,
    right: usize,
}

impl Mask {
    /// Four digits: two for each side.
    pub(crate) fn read(digits: &[u8]) -> Option<Self> {
        let number = usize::try_from(crate::digits::number(digits)?).ok()?;
        (digits.len() == 4).then_some(Self {
            left: number / 100,
            right: number % 100,
        })
    }

    /// Puts `*` for the digits between; what is no digit stays and does not count.
    fn apply(self, characters: &mut [u8]) {
        let count = characters.iter().filter(|c| c.is_ascii_digit()).count();
        let shown = |place: usize| place < self.left || place + self.right >= count;
        let digits = characters.iter_mut().filter(|c| c.is_ascii_digit());
        for (place, digit) in digits.enumerate() {
            if !shown(place) {
                *digit = b'*';
            }
        }
    }
}

/// A card number as it may be shown.
pub(crate) fn number(digits: &[u8], mask: Option<Mask>) -> Vec<u8> {
    let mut shown = digits.to_vec();
    if let Some(mask) = mask {
        mask.apply(&mut shown);
    }
    shown
}

/// Track 1 as it may be shown.
pub(crate) fn track_1(characters: &[u8], mask: Option<Mask>) -> Vec<u8> {
    let mut separators = places(characters, b'^');
    let first = separators.next();
    let end = separators.next();
    cut(characters, 1, first, end, mask)
}

/// Track 2 as it may be shown.
pub(crate) fn track_2(characters: &[u8], mask: Option<Mask>) -> Vec<u8> {
    let end = places(characters, b'=').next();
    cut(characters, 0, end, end, mask)
}

fn places(characters: &[u8], separator: u8) -> impl Iterator<Item = usize> {
    let of = characters.iter().enumerate();
    of.filter(move |(_, c)| **c == separator).map(|(at, _)| at)
}

/// The number stands between `start` and its end, the track is cut behind `last`.
fn cut(
    characters: &[u8],
    start: usize,
    number_end: Option<usize>,
    last: Option<usize>,
    mask: Option<Mask>,
) -> Vec<u8> {
    let end = last.map_or(SHOWN_WITHOUT, |last| last + 1 + SHOWN_BEHIND);
    let mut shown = characters[..end.min(characters.len())].to_vec();
    let number_end = number_end.unwrap_or(shown.len()).min(shown.len());
    if let (Some(mask), Some(number)) = (mask, shown.get_mut(start..number_end)) {
        mask.apply(number);
    }
    shown
}
