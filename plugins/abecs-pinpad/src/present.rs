// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `present`: waits for a card and chooses its application, by GCX; by CEX where a stripe
//! alone is wanted. Nothing is encrypted here: amounts may still change.
//!
//! A stripe that has a chip beside it is taken only after that chip failed, as the pinpad tells.

use crate::calendar::Moment;
use crate::card::{Found, Held};
use crate::commands::Mask;
use crate::commands::cex::{CheckEvent, Chip, Event};
use crate::commands::gcx::{BeginCard, CardKind};
use crate::commands::rmc::RemoveCard;
use crate::error::{Doing, ended};
use crate::names::fresh_name;
use crate::objects;
use crate::prompts::pass_on;
use crate::reader::AbecsPinpad;
use crate::status::{Class, Status};
use payhal_card_data::Expiry;
use payhal_card_data::emv::currency_number;
use payhal_messages::call::CardRefusal;
use payhal_messages::card::{CardFace, Entry};
use payhal_messages::money::{Amounts, Purpose};
use payhal_messages::prompt::Stage;
use payhal_messages::reader::{Present, Presentation};
use payhal_plugin::{Context, Outcome, PluginError, card_refused};
use std::time::{Duration, Instant};

/// How often somebody may try before the register is told.
const TRIES_MAX: u32 = 5;

/// Longest wait that is added to a clock.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Seconds fit a byte on the wire.
const TIMEOUT_MAX: Duration = Duration::from_secs(255);

pub(crate) fn present(
    reader: &mut AbecsPinpad,
    request: &Present,
    context: &Context,
) -> Outcome<Presentation> {
    let (Some(transaction), Some(currency)) = (
        transaction_type(request.purpose, &request.amounts),
        currency_number(&request.amounts.currency),
    ) else {
        return Err(match request.purpose {
            // Nobody presents a card for these: they change what was authorized before.
            Purpose::Capture | Purpose::Adjust => PluginError::Unsupported,
            _ => PluginError::not_sent("use the currency: it has no number that is known here"),
        });
    };
    let until = context.now() + Duration::from_millis(request.timeout_ms).min(DAY);
    if reader.slot_in_doubt {
        let removed = remove_card(reader, context)?;
        if let Err(refusal) = removed {
            return Ok(Err(refusal));
        }
        reader.slot_in_doubt = false;
    }
    let ask = Ask {
        request,
        transaction,
        currency,
        until,
    };
    let found = match ask.wait_for_card(reader, context)? {
        Ok(found) => found,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if !request.entries.contains(&found.entry()) {
        return card_refused(
            CardRefusal::NotAccepted,
            "The card cannot be used in this way here.",
        );
    }
    let now = Moment::of(context.calendar(), reader.config.utc_offset_minutes);
    if found.expiry.is_some_and(|expiry| now.is_after(expiry)) {
        return card_refused(CardRefusal::CardExpired, "The card has expired.");
    }
    Ok(Ok(hold(reader, request, found)?))
}

fn hold(
    reader: &mut AbecsPinpad,
    request: &Present,
    found: Found,
) -> Result<Presentation, PluginError> {
    let presentation_id = fresh_name()?;
    let entry = found.entry();
    reader.held = Some(Held {
        presentation_id: presentation_id.clone(),
        kind: found.kind,
        expiry: found.expiry,
        acquirer: found.acquirer,
        purpose: request.purpose,
        amounts: request.amounts.clone(),
        answerable: false,
    });
    Ok(Presentation {
        presentation_id,
        entry,
        card: CardFace {
            expiry: found.expiry.map(month),
            ..found.face
        },
        tip_minor: None,
    })
}

/// `MMYY`, as it stands on the card.
fn month(expiry: Expiry) -> String {
    format!("{:02}{:02}", expiry.month(), expiry.year() % 100)
}

/// What is asked of the pinpad.
struct Ask<'a> {
    request: &'a Present,
    transaction: u8,
    currency: u16,
    until: Instant,
}

impl Ask<'_> {
    fn wait_for_card(&self, reader: &mut AbecsPinpad, context: &Context) -> Outcome<Found> {
        // A card without contact signs the amount when it is held there: an estimate is nothing to sign.
        let mut contactless = reader.config.contactless
            && !self.request.estimated
            && self.request.entries.contains(&Entry::Contactless);
        let stripe_alone = self.request.entries == [Entry::Stripe];
        context.progress(Stage::WaitingForCard, reader.texts().waiting);
        let mut last = None;
        for _ in 0..TRIES_MAX {
            let Some(left) = self.left(context) else {
                break;
            };
            let tried = match stripe_alone {
                true => self.swipe(reader, left, context)?,
                false => self.begin(reader, contactless, left, context)?,
            };
            let status = match tried {
                Tried::Found(found) => match self.is_to_be_inserted(&found) {
                    None => return Ok(Ok(*found)),
                    Some(text) => {
                        context.progress(Stage::WaitingForCard, text);
                        last = Some(Status::MCDATAERR);
                        continue;
                    }
                },
                Tried::Not(status) => status,
            };
            if let Some(end) = self.ends_with(status) {
                return end;
            }
            last = Some(status);
            contactless &= status.class() != Class::OtherInterface;
            if is_of_chip(status)
                && let Err(refusal) = remove_card(reader, context)?
            {
                return Ok(Err(refusal));
            }
            context.progress(Stage::WaitingForCard, status.sentence());
        }
        match last.filter(|_| self.left(context).is_some()) {
            Some(status) => ended(status, Doing::Present),
            None => ended(Status::TIMEOUT, Doing::Present),
        }
    }

    /// The end, for a status after which nobody can do better.
    fn ends_with(&self, status: Status) -> Option<Outcome<Found>> {
        let goes_on = match status.class() {
            Class::ReadAgain | Class::SeeDevice | Class::OtherInterface => true,
            // Without a stripe there is nothing to fall back on.
            Class::Fallback => self.request.entries.contains(&Entry::Stripe),
            _ => false,
        };
        (!goes_on).then(|| ended(status, Doing::Present))
    }

    /// What to say to whoever swiped a card that has a chip which was not tried.
    fn is_to_be_inserted(&self, found: &Found) -> Option<&'static str> {
        let takes_chips = self.request.entries.contains(&Entry::Chip);
        let skipped = takes_chips && found.hides_chip() && found.chip_before != 1;
        skipped.then_some("The card has a chip. Please insert it.")
    }

    /// One GCX.
    fn begin(
        &self,
        reader: &mut AbecsPinpad,
        contactless: bool,
        left: Duration,
        context: &Context,
    ) -> Result<Tried, PluginError> {
        let now = Moment::of(context.calendar(), reader.config.utc_offset_minutes);
        let amounts = &self.request.amounts;
        let begin = BeginCard {
            transaction: self.transaction,
            acquirer: reader.config.acquirer,
            kinds: Vec::new(),
            records: Vec::new(),
            amount_minor: minor(amounts.total_minor)?,
            cashback_minor: amounts.cashback_minor.map(minor).transpose()?,
            currency: self.currency,
            day: now.day,
            time: now.time,
            contactless,
            hide_amount: amounts.total_minor == 0 || self.request.estimated,
            mask: Some(Mask::USUAL),
            objects: Vec::new(),
            tags: objects::list(objects::OF_PRESENTATION),
            timeout: Some(left),
            text: None,
        };
        // Until this ends well, nobody knows what is left in the slot.
        reader.slot_in_doubt = true;
        let begun = reader
            .session(context)?
            .command_noting(&begin, context, &mut |notice| {
                pass_on(notice, Stage::WaitingForCard, context);
            })?;
        Ok(match begun {
            Ok(card) => match Found::begun(&card) {
                Some(found) => {
                    reader.slot_in_doubt = found.kind == CardKind::Chip;
                    tell_entry(found.kind, reader, context);
                    Tried::Found(Box::new(found))
                }
                None => Tried::Not(Status::MCDATAERR),
            },
            Err(status) => Tried::Not(status),
        })
    }

    /// One CEX for a stripe.
    fn swipe(
        &self,
        reader: &mut AbecsPinpad,
        left: Duration,
        context: &Context,
    ) -> Result<Tried, PluginError> {
        reader.show_text(reader.texts().swipe, context)?;
        let check = CheckEvent {
            keys: true,
            stripe: true,
            chip: Chip::Ignored,
            contactless: false,
            timeout: Some(left),
            mask: Some(Mask::USUAL),
        };
        let event = match reader.session(context)?.command(&check, context)? {
            Ok(event) => event,
            Err(status) => return Ok(Tried::Not(status)),
        };
        Ok(match &event {
            Event::Cancel => Tried::Not(Status::CANCEL),
            Event::Swiped { .. } => match Found::swiped(&event) {
                Some(found) => {
                    tell_entry(found.kind, reader, context);
                    Tried::Found(Box::new(found))
                }
                None => Tried::Not(Status::MCDATAERR),
            },
            // Another key: nobody swiped anything yet.
            _ => Tried::Not(Status::MCDATAERR),
        })
    }

    fn left(&self, context: &Context) -> Option<Duration> {
        let left = self.until.saturating_duration_since(context.now());
        (!left.is_zero()).then(|| left.min(TIMEOUT_MAX))
    }
}

/// What came of one try.
enum Tried {
    Found(Box<Found>),
    Not(Status),
}

/// Has the chip taken out, if there is one. It waits for as long as the call may take.
fn remove_card(reader: &mut AbecsPinpad, context: &Context) -> Outcome<()> {
    let text = reader.texts().remove;
    context.progress(Stage::RemoveCard, text);
    let remove = RemoveCard {
        text: text.to_owned(),
    };
    let removed = reader
        .session(context)?
        .command_noting(&remove, context, &mut |notice| {
            pass_on(notice, Stage::RemoveCard, context);
        })?;
    match removed {
        Ok(()) => Ok(Ok(())),
        Err(status) => ended(status, Doing::Present),
    }
}

/// Whether a chip in the slot failed.
fn is_of_chip(status: Status) -> bool {
    [Status::DUMBCARD, Status::ERRCARD, Status::ERRFALLBACK].contains(&status)
}

fn tell_entry(kind: CardKind, reader: &AbecsPinpad, context: &Context) {
    let texts = reader.texts();
    let (stage, text) = match kind {
        CardKind::Stripe => (Stage::CardSwiped, texts.swiped),
        CardKind::Chip => (Stage::CardInserted, texts.inserted),
        CardKind::ContactlessStripe | CardKind::Contactless => (Stage::CardTapped, texts.tapped),
    };
    context.progress(stage, text);
}

/// An amount as the wire has it.
pub(crate) fn minor(amount: i64) -> Result<u64, PluginError> {
    u64::try_from(amount).map_err(|_| PluginError::not_sent("use a negative amount"))
}

/// ISO 8583's processing code, first two digits (tag 9C), in half bytes.
fn transaction_type(purpose: Purpose, amounts: &Amounts) -> Option<u8> {
    Some(match purpose {
        Purpose::Sale if amounts.cashback_minor.is_some_and(|minor| minor > 0) => 0x09,
        Purpose::Sale | Purpose::Authorize | Purpose::Verify => 0x00,
        Purpose::CashAdvance => 0x01,
        Purpose::Refund => 0x20,
        Purpose::Balance => 0x31,
        Purpose::Capture | Purpose::Adjust => return None,
    })
}
