// SPDX-License-Identifier: MIT OR Apache-2.0
//! `GCX`: waits for a card however it comes, selects its application and reads it.

use super::event::{cut_track_2, with_tracks};
use super::{show_message, timeout_us};
use crate::chip::Chip;
use crate::digits::{number, packed};
use crate::fields::{Command, Objects, Reply};
use crate::ids::{host, pinpad as own};
use crate::person::Gesture;
use crate::pinpad::{ChipStatus, Pinpad};
use crate::status::Status;
use crate::tables::{Application, Asked};
use crate::tracks::{self, Mask};
use crate::waiting::{Candidate, Step, What};
use payhal_card_data::emv::Tag;
use payhal_card_data::{Behaviour, EntryMode, TestCard};

/// The day of a host that names none: the pinpad has no calendar.
const SOME_DAY: &[u8] = b"260301";
const SOME_TIME: &[u8] = b"120000";

/// A card that was read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) card: &'static TestCard,
    pub(crate) entry: EntryMode,
    pub(crate) chip: Option<Chip>,
    /// What it was shown, without contact.
    pub(crate) amount: u64,
    /// Amounts from here on verify the cardholder.
    pub(crate) verify_from: u64,
    pub(crate) tracks_taken: bool,
    pub(crate) gone_on: bool,
}

impl Reading {
    /// A stripe.
    pub(crate) fn without_chip(card: &'static TestCard, entry: EntryMode) -> Self {
        Self {
            card,
            entry,
            chip: None,
            amount: 0,
            verify_from: 0,
            tracks_taken: false,
            gone_on: false,
        }
    }
}

/// What a host wants of a card.
#[derive(Debug)]
pub(crate) struct CardAsked {
    tables: Asked,
    contactless: bool,
    amount: u64,
    cashback: u64,
    kind: u8,
    currency: Option<Vec<u8>>,
    date: Vec<u8>,
    time: Vec<u8>,
    mask: Option<Mask>,
    objects: Vec<u8>,
    tags: Vec<u8>,
}

pub(crate) fn wait(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let objects = command.objects()?;
    let until_us = timeout_us(&objects)?;
    let mut asked = CardAsked::of(&objects)?;
    let tables = &pinpad.tables;
    asked.contactless &= tables.allow_contactless(&asked.tables, asked.amount);
    pinpad.reading = None;
    pinpad.books.begin();
    match asked.contactless {
        true => pinpad.notify("APROXIME, INSIRA", "OU PASSE CARTAO"),
        false => pinpad.notify("INSIRA OU PASSE", "O CARTAO"),
    }
    show_message(pinpad, &objects);
    Ok(Step::Wait {
        what: What::Card(Box::new(asked)),
        until_us,
    })
}

impl CardAsked {
    fn of(objects: &Objects) -> Result<Self, Status> {
        let options = objects.digits(host::CARD_OPTIONS, 5)?;
        let kinds = two_by_two(objects.find(host::APPLICATION_KINDS))?;
        let (places, rest) = objects
            .find(host::APPLICATIONS)
            .unwrap_or_default()
            .as_chunks::<4>();
        if !rest.is_empty() {
            return Err(Status::INVALID_PARAMETER);
        }
        let place = |[a, b, c, d]: &[u8; 4]| Some((two(&[*a, *b])?, [*c, *d]));
        let places: Option<_> = places.iter().map(place).collect();
        let acquirer = objects.digits(host::ACQUIRER, 2)?.and_then(two);
        let date = objects.digits(host::DATE, 6)?.unwrap_or(SOME_DAY);
        let time = objects.digits(host::TIME, 6)?.unwrap_or(SOME_TIME);
        Ok(Self {
            tables: Asked {
                acquirer: acquirer.unwrap_or(0),
                kinds,
                places: places.ok_or(Status::INVALID_PARAMETER)?,
            },
            contactless: options.is_some_and(|options| options.starts_with(b"1")),
            amount: objects.number(host::AMOUNT, 12)?.unwrap_or(0),
            cashback: objects.number(host::CASHBACK, 12)?.unwrap_or(0),
            kind: objects.byte(host::TRANSACTION_TYPE)?.unwrap_or(0),
            currency: objects.digits(host::CURRENCY, 3)?.map(packed),
            date: packed(date),
            time: packed(time),
            mask: objects.digits(host::MASK, 4)?.and_then(Mask::read),
            objects: objects.find(host::EMV).unwrap_or_default().to_vec(),
            tags: objects.find(host::TAG_LIST).unwrap_or_default().to_vec(),
        })
    }

    pub(crate) fn somebody_acts(&self, pinpad: &Pinpad) -> bool {
        let gesture = pinpad.person.card.map(|(gesture, _)| gesture);
        pinpad.slot.is_some()
            || matches!(gesture, Some(Gesture::Swipe | Gesture::Insert))
            || (gesture == Some(Gesture::Tap) && self.contactless)
    }

    pub(crate) fn acted(self: Box<Self>, pinpad: &mut Pinpad) -> Result<Step, Status> {
        pinpad.insert();
        if let Some(card) = pinpad.slot {
            pinpad.unread = false;
            return self.inserted(pinpad, card);
        }
        match pinpad.person.card.take() {
            Some((Gesture::Swipe, card)) => Ok(self.swiped(pinpad, card)),
            Some((Gesture::Tap, card)) => self.tapped(pinpad, card),
            _ => Ok(self.goes_on()),
        }
    }

    fn goes_on(self: Box<Self>) -> Step {
        Step::Wait {
            what: What::Card(self),
            until_us: None,
        }
    }

    fn inserted(
        self: Box<Self>,
        pinpad: &mut Pinpad,
        card: &'static TestCard,
    ) -> Result<Step, Status> {
        let answers = card.entries.contains(&EntryMode::Chip);
        if !answers || card.behaviour == Behaviour::ChipFault {
            return Err(gives_back(pinpad, ChipStatus::Failed, Status::DUMB_CARD));
        }
        let candidates = self.candidates(pinpad, card);
        match candidates.as_slice() {
            [] => Err(gives_back(
                pinpad,
                ChipStatus::Unwanted,
                Status::NO_APPLICATION,
            )),
            [only] => {
                let only = only.clone();
                self.read(pinpad, card, &only)
            }
            [first, second, ..] => {
                pinpad.notify(first.label, second.label);
                Ok(Step::Wait {
                    what: What::Application(self, candidates),
                    until_us: None,
                })
            }
        }
    }

    /// The application was chosen.
    pub(crate) fn chosen(
        &self,
        pinpad: &mut Pinpad,
        candidates: &[Candidate],
    ) -> Result<Step, Status> {
        let card = pinpad.slot.ok_or(Status::NO_CARD)?;
        let place = pinpad.person.choice.take().unwrap_or(1) - 1;
        let last = candidates.len().saturating_sub(1);
        let candidate = candidates
            .get(place.min(last))
            .ok_or(Status::NO_APPLICATION)?;
        self.read(pinpad, card, candidate)
    }

    fn candidates(&self, pinpad: &Pinpad, card: &TestCard) -> Vec<Candidate> {
        let applications = card.applications.iter();
        let candidates = applications.filter_map(|(label, aid)| {
            let aid = crate::digits::unhex(aid.as_bytes())?;
            let is_wanted = !pinpad.tables.matching(&aid, &self.tables).is_empty();
            is_wanted.then_some(Candidate { label, aid })
        });
        candidates.collect()
    }

    fn read(
        &self,
        pinpad: &mut Pinpad,
        card: &'static TestCard,
        candidate: &Candidate,
    ) -> Result<Step, Status> {
        pinpad.chip_status = ChipStatus::Read;
        pinpad.notify("SELECIONADO", candidate.label);
        Ok(self
            .with_chip(pinpad, card, candidate, EntryMode::Chip)?
            .into())
    }

    fn swiped(self: Box<Self>, pinpad: &mut Pinpad, card: &'static TestCard) -> Step {
        let has_chip = card.entries.contains(&EntryMode::Chip);
        if has_chip && pinpad.chip_status == ChipStatus::Read {
            pinpad.notify("CARTAO COM CHIP", "INSIRA O CARTAO");
            return self.goes_on();
        }
        let status = match pinpad.chip_status {
            ChipStatus::Read => "0",
            ChipStatus::Failed => "1",
            ChipStatus::Unwanted => "2",
        };
        pinpad.chip_status = ChipStatus::Read;
        pinpad.reading = Some(Reading::without_chip(card, EntryMode::Stripe));
        let reply = Reply::ok(*b"GCX")
            .object(own::CARD_TYPE, "00")
            .object(own::CHIP_STATUS, status);
        with_tracks(reply, card, self.mask).into()
    }

    fn tapped(&self, pinpad: &mut Pinpad, card: &'static TestCard) -> Result<Step, Status> {
        let mut candidates = self.candidates(pinpad, card);
        candidates.retain(|candidate| {
            let matching = pinpad.tables.matching(&candidate.aid, &self.tables);
            matching
                .iter()
                .any(|application| application.contactless.allowed)
        });
        let candidate = candidates
            .first()
            .ok_or(Status::NO_CONTACTLESS_APPLICATION)?;
        let candidate = candidate.clone();
        Ok(self
            .with_chip(pinpad, card, &candidate, EntryMode::Contactless)?
            .into())
    }

    fn with_chip(
        &self,
        pinpad: &mut Pinpad,
        card: &'static TestCard,
        candidate: &Candidate,
        entry: EntryMode,
    ) -> Result<Reply, Status> {
        pinpad.transactions = pinpad.transactions.wrapping_add(1);
        let unpredictable = pinpad.random.array();
        let application = (candidate.label, candidate.aid.as_slice());
        let mut chip = Chip::new(card, application, pinpad.transactions, unpredictable);
        let matching = pinpad.tables.matching(&candidate.aid, &self.tables);
        let first = *matching.first().ok_or(Status::NO_APPLICATION)?;
        self.tell(&mut chip, first);
        chip.set_all(&self.objects)
            .ok_or(Status::INVALID_PARAMETER)?;
        let shown = chip.shown(&self.tags).ok_or(Status::INVALID_PARAMETER)?;
        let references: Vec<u8> = matching.iter().flat_map(|a| a.reference()).collect();
        let is_contact = entry == EntryMode::Chip;
        let holder = card.track1().name().to_vec();
        let expires = chip.value(Tag::EXPIRATION_DATE).map(crate::digits::hex);
        let reply = Reply::ok(*b"GCX")
            .object(own::CARD_TYPE, if is_contact { "03" } else { "06" })
            .object(own::CHIP_STATUS, "0")
            .object(own::APPLICATIONS, references)
            .object(
                own::NUMBER_SHOWN,
                tracks::number(card.pan().digits(), self.mask),
            )
            .object(own::SEQUENCE, format!("{:02}", TestCard::SEQUENCE_NUMBER))
            .object(own::TRACK_2_CUT, cut_track_2(card, self.mask))
            .object(own::HOLDER, holder)
            .object(own::LABEL, candidate.label)
            .object(own::COUNTRY, "0999")
            .maybe(own::EXPIRY, expires);
        let reply = match is_contact {
            true => reply,
            false => reply.object(own::DEVICE_TYPE, "00"),
        };
        let reply = match shown.is_empty() {
            true => reply,
            false => reply.object(own::EMV, shown),
        };
        pinpad.reading = Some(Reading {
            card,
            entry,
            chip: Some(chip),
            amount: self.amount,
            verify_from: if is_contact {
                0
            } else {
                first.contactless.verify_from
            },
            tracks_taken: false,
            gone_on: false,
        });
        Ok(reply)
    }

    /// What the terminal knows, by its tables and by the host.
    fn tell(&self, chip: &mut Chip, application: &Application) {
        let currency = self.currency.as_ref().unwrap_or(&application.currency);
        chip.set(Tag::AID_TERMINAL, application.aid.clone());
        chip.set(Tag::TERMINAL_COUNTRY, application.country.clone());
        chip.set(Tag::TERMINAL_CAPABILITIES, application.capabilities.clone());
        chip.set(Tag::TERMINAL_TYPE, application.terminal_type.clone());
        chip.set(Tag::TRANSACTION_CURRENCY, currency.clone());
        chip.set(Tag::TRANSACTION_DATE, self.date.clone());
        chip.set(Tag::TRANSACTION_TIME, self.time.clone());
        chip.set(Tag::TRANSACTION_TYPE, [self.kind]);
        chip.set(Tag::AMOUNT_AUTHORIZED, twelve_digits(self.amount));
        chip.set(Tag::AMOUNT_OTHER, twelve_digits(self.cashback));
    }
}

/// An amount in six bytes.
pub(crate) fn twelve_digits(amount: u64) -> Vec<u8> {
    packed(format!("{:012}", amount % 1_000_000_000_000).as_bytes())
}

/// The holder takes the card back.
fn gives_back(pinpad: &mut Pinpad, status: ChipStatus, said: Status) -> Status {
    pinpad.chip_status = status;
    if !pinpad.person.idle {
        pinpad.slot = None;
    }
    said
}

fn two(digits: &[u8]) -> Option<u8> {
    u8::try_from(number(digits)?).ok()
}

fn two_by_two(digits: Option<&[u8]>) -> Result<Vec<u8>, Status> {
    let (pairs, rest) = digits.unwrap_or_default().as_chunks::<2>();
    let numbers: Option<Vec<u8>> = pairs.iter().map(|pair| two(pair)).collect();
    numbers
        .filter(|_| rest.is_empty())
        .ok_or(Status::INVALID_PARAMETER)
}
