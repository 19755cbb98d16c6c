// SPDX-License-Identifier: MIT OR Apache-2.0
//! What of a card may be seen outside of the pinpad: tracks cut short, digits under a mask.
//!
//! Owns the two rules, and lays them over whatever a pinpad sent: one that ignores the mask it was
//! given must not make a number known. What was cut and masked already stays as it is.

use super::commands::Mask;

/// Characters that stay where nothing says how a track is made.
const STRANGE: usize = 19;
/// Characters that stay after the last separator: expiry and service code.
const AFTER_SEPARATOR: usize = 7;

/// Track 1 to the end of the service code.
pub(crate) fn track1(track: &str, mask: Option<Mask>) -> String {
    let second = track.match_indices('^').nth(1);
    cut_after(&masked(track, '^', true, mask), second.map(|(at, _)| at))
}

/// Track 2 to the end of the service code.
pub(crate) fn track2(track: &str, mask: Option<Mask>) -> String {
    cut_after(&masked(track, '=', false, mask), track.find('='))
}

/// Of track 3 nobody knows how it is made.
pub(crate) fn track3(track: &str, mask: Option<Mask>) -> String {
    cut_after(&masked(track, '=', false, mask), None)
}

/// A card number.
pub(crate) fn pan(pan: &str, mask: Option<Mask>) -> String {
    masked(pan, '=', false, mask)
}

fn cut_after(track: &str, separator: Option<usize>) -> String {
    let kept = separator.map_or(STRANGE, |at| at + 1 + AFTER_SEPARATOR);
    track.chars().take(kept).collect()
}

/// Lays the mask over the digits before `end`; the letter in front of track 1 is no digit.
fn masked(text: &str, end: char, letter: bool, mask: Option<Mask>) -> String {
    let Some(mask) = mask else {
        return text.to_owned();
    };
    let until = text.find(end).unwrap_or(text.len());
    let is_digit = |letter: char| letter.is_ascii_digit() || letter == '*';
    let count = text[..until]
        .chars()
        .filter(|&letter| is_digit(letter))
        .count();
    let (left, right) = (usize::from(mask.left), usize::from(mask.right));
    let mut seen = 0;
    let cover = |(at, character): (usize, char)| {
        let is_letter = letter && at == 0;
        if at >= until || is_letter || !is_digit(character) {
            return character;
        }
        seen += 1;
        match seen <= left || seen + right > count {
            true => character,
            false => '*',
        }
    };
    text.char_indices().map(cover).collect()
}
