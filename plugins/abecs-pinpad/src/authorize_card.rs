// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `authorize_card`: card data encrypted by GTK, then cardholder and cryptogram by GOX.
//!
//! Everything that leaves is ciphertext or an object that is nobody's secret. No payment is approved
//! by the chip alone: the issuer is always asked.

use crate::card::Held;
use crate::commands::Chaining;
use crate::commands::gcx::CardKind;
use crate::commands::gox::{Decision, GoOn, PinOutcome, WentOn};
use crate::commands::gtk::{TakeTracks, Tracks, Wanted};
use crate::error::{Doing, ended, gone};
use crate::names::fresh_name;
use crate::objects;
use crate::present::minor;
use crate::prompts::PinWatch;
use crate::reader::AbecsPinpad;
use crate::sealing;
use payhal_messages::call::CardRefusal;
use payhal_messages::card::{Cvm, Entry};
use payhal_messages::prompt::Stage;
use payhal_messages::reader::{AuthorizeCard, CardRead, PinPolicy};
use payhal_plugin::{Context, Outcome, PluginError, card_refused};
use std::collections::BTreeMap;
use std::time::Duration;

/// Of doing nothing while a PIN is wanted, as the protocol has it by itself.
const PIN_TIME: Duration = Duration::from_secs(60);

pub(crate) fn authorize_card(
    reader: &mut AbecsPinpad,
    request: &AuthorizeCard,
    context: &Context,
) -> Outcome<CardRead> {
    let held = reader.held.clone();
    let Some(held) = held.filter(|held| held.presentation_id == request.presentation_id) else {
        return gone();
    };
    if is_signed_over_another_amount(&held, request) {
        return card_refused(
            CardRefusal::NotAccepted,
            "The total changed after the card was held there. Please insert the card instead.",
        );
    }
    context.progress(Stage::Reading, reader.texts().reading);
    let tracks = match take_tracks(reader, &held, context)? {
        Ok(tracks) => tracks,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let verified = match held.is_chip() {
        false => Verified::by_stripe(&held),
        true => match go_on(reader, &held, request, context)? {
            Ok(went) => match verified(&went, request.online_pin)? {
                Ok(verified) => verified,
                Err(refusal) => return Ok(Err(refusal)),
            },
            Err(refusal) => return Ok(Err(refusal)),
        },
    };
    let read = sealing::read_of(tracks, verified.pin, held.expiry)?;
    let slot = &reader.config.key_slot;
    let number = match request.seal_number {
        true => Some(sealing::number(&read, slot)?),
        false => None,
    };
    let answerable = held.kind == CardKind::Chip;
    let answer = CardRead {
        read_id: fresh_name()?,
        sealed: sealing::sealed(&read, slot),
        number,
        entry: held.entry(),
        cvm: verified.cvm,
        completion_owed: answerable,
        tags: verified.tags,
    };
    reader.held = Some(Held { answerable, ..held });
    Ok(Ok(answer))
}

/// A card without contact made its cryptogram when it was held there.
fn is_signed_over_another_amount(held: &Held, request: &AuthorizeCard) -> bool {
    let parts = |amounts: &payhal_messages::money::Amounts| {
        let cashback = amounts.cashback_minor.unwrap_or(0);
        (amounts.total_minor, cashback, amounts.currency.clone())
    };
    let differs =
        parts(&held.amounts) != parts(&request.amounts) || held.purpose != request.purpose;
    // A contact chip signs what GOX is told; its purpose and currency it was told before.
    match held.kind {
        CardKind::Contactless => differs,
        CardKind::Chip => {
            held.purpose != request.purpose || held.amounts.currency != request.amounts.currency
        }
        CardKind::Stripe | CardKind::ContactlessStripe => false,
    }
}

fn take_tracks(reader: &mut AbecsPinpad, held: &Held, context: &Context) -> Outcome<Tracks> {
    let take = TakeTracks {
        wanted: Wanted {
            pan: true,
            track1: held.entry() == Entry::Stripe,
            track2: true,
            track3: false,
        },
        key: reader.config.data_key(),
        chaining: Chaining::Cbc { iv: None },
        open_digits: 0,
    };
    match reader.session(context)?.command(&take, context)? {
        Ok(tracks) => Ok(Ok(tracks)),
        Err(status) => ended(status, Doing::Encrypt),
    }
}

fn go_on(
    reader: &mut AbecsPinpad,
    held: &Held,
    request: &AuthorizeCard,
    context: &Context,
) -> Outcome<WentOn> {
    // What a card without contact signed may not be changed any more.
    let changeable = held.kind == CardKind::Chip;
    let amounts = &request.amounts;
    let cashback = amounts.cashback_minor.filter(|_| changeable);
    let go_on = GoOn {
        acquirer: held.acquirer.unwrap_or(reader.config.acquirer),
        amount_minor: match changeable {
            true => Some(minor(amounts.total_minor)?),
            false => None,
        },
        cashback_minor: cashback.map(minor).transpose()?,
        excepted: false,
        online_only: true,
        pin_required: false,
        pin_key: reader.config.pin_key(),
        text: None,
        risk: None,
        objects: Vec::new(),
        tags: objects::list(objects::OF_REQUEST),
        timeout: Some(PIN_TIME),
    };
    let mut watch = PinWatch::default();
    let went = reader
        .session(context)?
        .command_noting(&go_on, context, &mut |notice| {
            watch.pass_on(notice, context);
        })?;
    match went {
        Ok(went) => {
            watch.finish(context);
            Ok(Ok(went))
        }
        Err(status) => ended(status, Doing::Verify),
    }
}

/// What the issuer is told of cardholder and chip.
struct Verified {
    cvm: Cvm,
    pin: Option<sealing::EncryptedPin>,
    tags: BTreeMap<String, String>,
}

impl Verified {
    /// Of a stripe, the pinpad asks for a PIN only where the host tells it the card's number.
    fn by_stripe(held: &Held) -> Self {
        Self {
            cvm: match held.kind {
                CardKind::Stripe => Cvm::Signature,
                _ => Cvm::None,
            },
            pin: None,
            tags: BTreeMap::new(),
        }
    }
}

fn verified(went: &WentOn, policy: PinPolicy) -> Outcome<Verified> {
    match went.decision {
        Decision::Online => {}
        Decision::Declined => {
            return card_refused(CardRefusal::NotAccepted, "The card declines this payment.");
        }
        Decision::ApprovedOffline => {
            return card_refused(
                CardRefusal::NotAccepted,
                "The card wants to pay without its bank being asked, which is not possible here.",
            );
        }
    }
    let pin = went.pin_block.zip(went.pin_ksn);
    let pin = pin.filter(|_| went.pin == PinOutcome::ForIssuer);
    if pin.is_some() && policy == PinPolicy::Never {
        return card_refused(
            CardRefusal::NotAccepted,
            "The card wants a PIN that its bank checks, which is not possible here.",
        );
    }
    let tags = objects::in_clear(&went.objects)
        .ok_or_else(|| PluginError::not_sent("understand the objects of the chip"))?;
    let cvm = match (went.pin, went.signature) {
        (PinOutcome::ForIssuer, _) => Cvm::OnlinePin,
        (PinOutcome::CheckedByChip, false) => Cvm::OfflinePin,
        (_, true) => Cvm::Signature,
        (PinOutcome::None, false) if went.on_device => Cvm::OnDevice,
        (PinOutcome::None, false) => Cvm::None,
    };
    Ok(Ok(Verified { cvm, pin, tags }))
}
