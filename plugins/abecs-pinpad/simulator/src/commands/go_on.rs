// SPDX-License-Identifier: MIT OR Apache-2.0
//! `GOX`: verifies the cardholder and asks the chip for its cryptogram.

use super::card::{Reading, twelve_digits};
use super::pin::PinKeyAsked;
use super::{show_message, timeout_us};
use crate::chip::Verified;
use crate::fields::{Command, Reply};
use crate::ids::{host, pinpad as own};
use crate::person::Entered;
use crate::pinpad::Pinpad;
use crate::status::Status;
use crate::waiting::{Step, What};
use payhal_card_data::dukpt::tdes::Ksn;
use payhal_card_data::emv::Tag;
use payhal_card_data::{EncryptedPinBlock, EntryMode, Pin, TestCard, Verification};

/// How often a chip lets its PIN be entered.
const TRIES: u8 = 3;

/// What a host wants of the chip.
#[derive(Debug)]
pub(crate) struct GoOnAsked {
    tags: Vec<u8>,
    is_listed: bool,
    /// Whether OK without a PIN is no answer.
    must_enter: bool,
    pin_key: Option<PinKeyAsked>,
    tries: u8,
}

pub(crate) fn run(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let objects = command.objects()?;
    let until_us = timeout_us(&objects)?;
    let options = objects.digits(0x0018, 5)?.unwrap_or(b"00000");
    let asked = GoOnAsked {
        tags: objects.find(host::TAG_LIST).unwrap_or_default().to_vec(),
        is_listed: options.starts_with(b"1"),
        must_enter: options.get(2) == Some(&b'1'),
        pin_key: PinKeyAsked::of(&objects, pinpad)?,
        tries: 0,
    };
    let amount = objects.number(host::AMOUNT, 12)?;
    let cashback = objects.number(host::CASHBACK, 12)?;
    if std::mem::take(&mut pinpad.person.snatches) {
        pinpad.slot = None;
    }
    if pinpad.has_lost_its_chip() {
        return Err(Status::NO_CARD);
    }
    let reading = pinpad.reading.as_mut();
    let reading = reading.filter(|reading| !reading.gone_on);
    let reading = reading.ok_or(Status::INVALID_CALL)?;
    if reading.entry == EntryMode::Contactless && amount.is_some_and(|a| a != reading.amount) {
        return Err(Status::AMOUNT);
    }
    reading.amount = amount.unwrap_or(reading.amount);
    let chip = reading.chip.as_mut().ok_or(Status::INVALID_CALL)?;
    chip.set(Tag::AMOUNT_AUTHORIZED, twelve_digits(reading.amount));
    if let Some(cashback) = cashback {
        chip.set(Tag::AMOUNT_OTHER, twelve_digits(cashback));
    }
    let given = objects.find(host::EMV).unwrap_or_default();
    chip.set_all(given).ok_or(Status::INVALID_PARAMETER)?;
    chip.shown(&asked.tags).ok_or(Status::INVALID_PARAMETER)?;
    if asked.is_listed || !asked.wants_pin(reading) {
        return asked.ask_issuer(pinpad, Verified::Not, None);
    }
    pinpad.notify("DIGITE SUA SENHA", "");
    show_message(pinpad, &objects);
    Ok(Step::Wait {
        what: What::Pin(Box::new(asked)),
        until_us,
    })
}

impl GoOnAsked {
    fn wants_pin(&self, reading: &Reading) -> bool {
        match reading.card.verification {
            Verification::OnlinePin => {
                self.pin_key.is_some() && reading.amount >= reading.verify_from
            }
            Verification::OfflinePin => reading.entry == EntryMode::Chip,
            Verification::None | Verification::Signature => false,
        }
    }

    /// Something was entered for the PIN.
    pub(crate) fn entered(mut self: Box<Self>, pinpad: &mut Pinpad) -> Result<Step, Status> {
        if pinpad.has_lost_its_chip() {
            return Err(Status::NO_CARD);
        }
        let reading = pinpad.reading.as_ref().ok_or(Status::INVALID_CALL)?;
        let card = reading.card;
        let pin = match pinpad.person.pins.pop_front() {
            None => card.pin(),
            Some(Entered::Digits(pin)) => Some(pin),
            Some(Entered::Wrong) => Some(another(card)),
            Some(Entered::Nothing) => None,
        };
        let Some(pin) = pin else {
            if self.must_enter {
                return Ok(Step::Wait {
                    what: What::Pin(self),
                    until_us: None,
                });
            }
            return self.ask_issuer(pinpad, Verified::Not, None);
        };
        if card.verification == Verification::OnlinePin {
            let (ksn, key) = pinpad.keys.next().ok_or(Status::KEY)?;
            let block = EncryptedPinBlock::format0(&pin, &card.pan(), &key.pin_key());
            return self.ask_issuer(pinpad, Verified::Online, Some((block, ksn)));
        }
        if card.pin() == Some(pin) {
            return self.ask_issuer(pinpad, Verified::Offline, None);
        }
        self.tries += 1;
        if self.tries == TRIES {
            return self.ask_issuer(pinpad, Verified::Failed, None);
        }
        pinpad.notify("SENHA INVALIDA", "DIGITE DE NOVO");
        Ok(Step::Wait {
            what: What::Pin(self),
            until_us: None,
        })
    }

    fn ask_issuer(
        &self,
        pinpad: &mut Pinpad,
        verified: Verified,
        pin: Option<(EncryptedPinBlock, Ksn)>,
    ) -> Result<Step, Status> {
        let reading = pinpad.reading.as_mut().ok_or(Status::INVALID_CALL)?;
        reading.gone_on = true;
        let signs = reading.card.verification == Verification::Signature;
        let verified = if signs { Verified::Signature } else { verified };
        let chip = reading.chip.as_mut().ok_or(Status::INVALID_CALL)?;
        match self.is_listed {
            true => chip.decline(),
            false => chip.ask_issuer(verified),
        }
        let result = match (self.is_listed, verified) {
            (true, _) => "100000",
            (_, Verified::Signature) => "210000",
            (_, Verified::Offline) => "201000",
            (_, Verified::Online) => "202000",
            (_, Verified::Not | Verified::Failed) => "200000",
        };
        let shown = chip.shown(&self.tags).ok_or(Status::INVALID_PARAMETER)?;
        let mut reply = Reply::ok(*b"GOX").object(own::RESULT, result);
        if let Some((block, ksn)) = pin {
            pinpad.books.part(block.bytes());
            reply = reply
                .object(own::PIN_BLOCK, block.bytes())
                .object(own::KSN, ksn.bytes());
        }
        Ok(match shown.is_empty() {
            true => reply,
            false => reply.object(own::EMV, shown),
        }
        .into())
    }
}

/// A PIN that is not the card's.
pub(crate) fn another(card: &TestCard) -> Pin {
    let [first, second] = [b"9999", b"0000"].map(|digits| Pin::new(digits).expect("four digits"));
    if card.pin().as_ref() == Some(&first) {
        second
    } else {
        first
    }
}

impl Pinpad {
    /// Whether a chip was read that is no longer in the slot.
    pub(crate) fn has_lost_its_chip(&self) -> bool {
        let reading = self.reading.as_ref();
        reading.is_some_and(|reading| {
            let inserted = self.slot.map(|card| card.name);
            reading.entry == EntryMode::Chip && inserted != Some(reading.card.name)
        })
    }
}
