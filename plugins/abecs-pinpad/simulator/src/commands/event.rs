// SPDX-License-Identifier: MIT OR Apache-2.0
//! `CEX`: waits for a key, a stripe, a chip in or out, or a card without contact.

use super::timeout_us;
use crate::commands::card::Reading;
use crate::fields::{Command, Reply};
use crate::ids::{host, pinpad as own};
use crate::person::Gesture;
use crate::pinpad::Pinpad;
use crate::status::Status;
use crate::tables::two_digits;
use crate::tracks::{self, Mask};
use crate::waiting::{Step, What};
use payhal_card_data::{EntryMode, TestCard};

/// How long the field for cards without contact stays on.
const CONTACTLESS_US: u64 = 120_000_000;

const SWIPED: &str = "90";
const CHIP_OUT: &str = "91";
const CHIP_IN: &str = "92";
const CONTACTLESS_OVER: &str = "93";
const CONTACTLESS: &str = "94";

/// Which events end it.
#[derive(Debug)]
pub(crate) struct EventsAsked {
    pub(crate) key: bool,
    stripe: bool,
    chip: ChipEvent,
    contactless: bool,
    mask: Option<Mask>,
    /// Ends when the field does.
    field_ends_it: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ChipEvent {
    None,
    In,
    Out,
}

pub(crate) fn wait(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let objects = command.objects()?;
    objects.need(host::EVENTS)?;
    let options = objects.digits(host::EVENTS, 6)?.unwrap_or_default();
    let [key, stripe, chip, contactless, ..] = options else {
        return Err(Status::INVALID_PARAMETER);
    };
    let flag = |digit: &u8| match digit {
        b'0' => Ok(false),
        b'1' => Ok(true),
        _ => Err(Status::INVALID_PARAMETER),
    };
    let mut asked = EventsAsked {
        key: flag(key)?,
        stripe: flag(stripe)?,
        chip: match chip {
            b'0' => ChipEvent::None,
            b'1' => ChipEvent::In,
            b'2' => ChipEvent::Out,
            _ => return Err(Status::INVALID_PARAMETER),
        },
        contactless: flag(contactless)?,
        mask: objects.digits(host::MASK, 4)?.and_then(Mask::read),
        field_ends_it: false,
    };
    let nothing =
        !asked.key && !asked.stripe && !asked.contactless && asked.chip == ChipEvent::None;
    if nothing {
        return Err(Status::INVALID_PARAMETER);
    }
    let mut until_us = timeout_us(&objects)?;
    if asked.contactless && until_us.is_none_or(|until| until >= CONTACTLESS_US) {
        until_us = Some(CONTACTLESS_US);
        asked.field_ends_it = true;
    }
    pinpad.reading = None;
    pinpad.books.begin();
    Ok(Step::Wait {
        what: What::Events(asked),
        until_us,
    })
}

impl EventsAsked {
    pub(crate) fn somebody_acts(&self, pinpad: &Pinpad) -> bool {
        let person = &pinpad.person;
        let gesture = person.card.map(|(gesture, _)| gesture);
        (self.key && !person.keys.is_empty())
            || (self.stripe && gesture == Some(Gesture::Swipe))
            || (self.contactless && gesture == Some(Gesture::Tap))
            || match self.chip {
                ChipEvent::None => false,
                ChipEvent::In => pinpad.slot.is_some() || gesture == Some(Gesture::Insert),
                ChipEvent::Out => pinpad.slot.is_none() || !person.idle,
            }
    }

    pub(crate) fn acted(&self, pinpad: &mut Pinpad) -> Step {
        if self.key
            && let Some(key) = pinpad.person.keys.pop_front()
        {
            return event(two_digits(key.0.into())).into();
        }
        match pinpad.person.card {
            Some((Gesture::Swipe, card)) if self.stripe => {
                pinpad.person.card = None;
                return self.swiped(pinpad, card).into();
            }
            // It is still there for the command that reads it.
            Some((Gesture::Tap, _)) if self.contactless => return event(CONTACTLESS).into(),
            _ => {}
        }
        match self.chip {
            ChipEvent::Out => {
                pinpad.slot = None;
                event(CHIP_OUT).into()
            }
            ChipEvent::In | ChipEvent::None => {
                pinpad.insert();
                event(CHIP_IN).into()
            }
        }
    }

    pub(crate) fn time_is_over(&self) -> Step {
        match self.field_ends_it {
            true => event(CONTACTLESS_OVER).into(),
            false => Reply::of(*b"CEX", Status::TIMEOUT).into(),
        }
    }

    fn swiped(&self, pinpad: &mut Pinpad, card: &'static TestCard) -> Reply {
        pinpad.reading = Some(Reading::without_chip(card, EntryMode::Stripe));
        with_tracks(event(SWIPED), card, self.mask)
    }
}

fn event(code: impl AsRef<[u8]>) -> Reply {
    Reply::ok(*b"CEX").object(own::EVENT, code)
}

/// What of a stripe may be shown.
pub(crate) fn with_tracks(reply: Reply, card: &TestCard, mask: Option<Mask>) -> Reply {
    let first = tracks::track_1(card.track1().characters(), mask);
    reply
        .object(own::TRACK_1_CUT, first)
        .object(own::TRACK_2_CUT, cut_track_2(card, mask))
}

/// Track 2, with the separator that it has on a stripe.
pub(crate) fn cut_track_2(card: &TestCard, mask: Option<Mask>) -> Vec<u8> {
    let track = card.track2();
    let characters = track.characters().iter();
    let as_on_stripe = |c: &u8| if c.is_ascii_digit() { *c } else { b'=' };
    let characters: Vec<u8> = characters.map(as_on_stripe).collect();
    tracks::track_2(&characters, mask)
}
