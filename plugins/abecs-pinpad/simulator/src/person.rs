// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who stands before the pinpad: what they will do as soon as it waits for it.
//!
//! Whoever was told nothing enters the card's PIN, takes the first of several choices, and removes
//! the card when the pinpad wants it out.

use payhal_card_data::{EntryMode, Pin, TestCard, test_card};
use std::collections::VecDeque;

/// How a card is held to the pinpad.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Gesture {
    Tap,
    Insert,
    Swipe,
}

/// What is entered where a PIN is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Entered {
    Digits(Pin),
    /// Another than the card's.
    Wrong,
    /// Nothing but OK.
    Nothing,
}

/// A key, as the pinpad reports it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Key(pub(crate) u8);

impl Key {
    pub(crate) const OK: Self = Self(0);
    pub(crate) const CANCEL: Self = Self(13);
}

/// The words, each with a sentence.
pub(crate) const WORDS: [(&str, &str); 14] = [
    ("tap [CARD]", "a test card without contact"),
    ("insert [CARD]", "a test card into the slot"),
    ("swipe [CARD]", "a test card through the stripe reader"),
    (
        "snatch [CARD]",
        "inserts it, and pulls it out before it is asked for a PIN or a cryptogram",
    ),
    ("remove", "takes the card out"),
    (
        "pin DIGITS",
        "enters this PIN instead of the card's; several words, one for each time",
    ),
    ("wrong-pin", "enters another PIN than the card's"),
    ("no-pin", "presses OK without a PIN"),
    (
        "cancel",
        "presses the red key now: nothing happens where nothing waits for somebody",
    ),
    (
        "unwilling",
        "presses the red key as soon as something waits, until a card is presented",
    ),
    (
        "key N",
        "presses a key: 0 OK, 2 and 3 arrows, 4 to 7 F1 to F4, 8 clear, 13 cancel",
    ),
    ("choose N", "takes the Nth of several, from 1"),
    ("type DIGITS", "types digits where digits are asked for"),
    (
        "idle",
        "nobody is there any more: no PIN, no choice, no removal, until a card is presented",
    ),
];

/// What somebody will do.
#[derive(Debug, Default)]
pub(crate) struct Person {
    pub(crate) card: Option<(Gesture, &'static TestCard)>,
    pub(crate) keys: VecDeque<Key>,
    pub(crate) pins: VecDeque<Entered>,
    pub(crate) choice: Option<usize>,
    pub(crate) typed: Option<String>,
    pub(crate) snatches: bool,
    pub(crate) idle: bool,
    /// Presses the red key wherever that ends something.
    pub(crate) unwilling: bool,
}

/// What words of somebody's mean for what the pinpad has in it.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Act {
    /// Remembered until it is asked for.
    Later,
    /// The card is taken out now.
    Remove,
    /// The red key is pressed now.
    Cancel,
}

impl Person {
    /// Remembers what the words say; `None` for words of something else.
    pub(crate) fn told(&mut self, words: &[&str]) -> Option<Result<Act, String>> {
        let argument = words.get(1).copied();
        let result = match *words.first()? {
            "tap" => self.present(Gesture::Tap, argument),
            "insert" => self.present(Gesture::Insert, argument),
            "swipe" => self.present(Gesture::Swipe, argument),
            "snatch" => {
                let presented = self.present(Gesture::Insert, argument);
                self.snatches = presented.is_ok();
                presented
            }
            "remove" => return Some(Ok(Act::Remove)),
            "pin" => pin(argument).map(|pin| self.pins.push_back(pin)),
            "wrong-pin" => {
                self.pins.push_back(Entered::Wrong);
                Ok(())
            }
            "no-pin" => {
                self.pins.push_back(Entered::Nothing);
                Ok(())
            }
            "cancel" => return Some(Ok(Act::Cancel)),
            "unwilling" => {
                self.unwilling = true;
                Ok(())
            }
            "key" => key(argument).map(|key| self.keys.push_back(key)),
            "choose" => choice(argument).map(|choice| self.choice = Some(choice)),
            "type" => typed(argument).map(|typed| self.typed = Some(typed)),
            "idle" => {
                *self = Self {
                    idle: true,
                    ..Self::default()
                };
                Ok(())
            }
            _ => return None,
        };
        Some(result.map(|()| Act::Later))
    }

    fn present(&mut self, gesture: Gesture, name: Option<&str>) -> Result<(), String> {
        let name = name.unwrap_or("visa-approve");
        let card = test_card(name).ok_or_else(|| format!("there is no test card \"{name}\""))?;
        let can = match gesture {
            Gesture::Tap => card.entries.contains(&EntryMode::Contactless),
            Gesture::Swipe => card.entries.contains(&EntryMode::Stripe),
            // Without a chip it goes in as well, and does not answer.
            Gesture::Insert => true,
        };
        if !can {
            return Err(format!("{name} cannot be read that way"));
        }
        self.card = Some((gesture, card));
        self.snatches = false;
        self.idle = false;
        self.unwilling = false;
        Ok(())
    }
}

fn pin(argument: Option<&str>) -> Result<Entered, String> {
    let digits = argument.ok_or("pin wants digits")?;
    let pin = Pin::new(digits.as_bytes()).map_err(|why| why.to_string())?;
    Ok(Entered::Digits(pin))
}

fn key(argument: Option<&str>) -> Result<Key, String> {
    let code = argument.and_then(|argument| argument.parse().ok());
    match code {
        Some(code @ (0 | 2..=8 | 13)) => Ok(Key(code)),
        _ => Err("a key is 0, 2 to 8, or 13".to_owned()),
    }
}

fn choice(argument: Option<&str>) -> Result<usize, String> {
    let place = argument.and_then(|argument| argument.parse().ok());
    let place = place.filter(|place| *place > 0);
    place.ok_or_else(|| "choose wants a number from 1".to_owned())
}

fn typed(argument: Option<&str>) -> Result<String, String> {
    let digits = argument.filter(|digits| digits.len() <= 32);
    let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let digits = digits.ok_or("type wants digits, 32 at most")?;
    Ok(digits.to_owned())
}
