// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `complete`: gives the issuer's answer to a contact chip by FCX, and the result to the
//! cardholder.
//!
//! Once the chip had its last word nothing may delay or change the answer: the card is not waited
//! for here, it is asked out before the next one is taken.

use crate::card::Held;
use crate::commands::fcx::{CardFinished, FinishCard, Issuer};
use crate::error::gone;
use crate::objects;
use crate::reader::AbecsPinpad;
use crate::status::{Class, Status};
use payhal_messages::call::CardRefusal;
use payhal_messages::prompt::Stage;
use payhal_messages::reader::{Complete, CompletionRead, IssuerAnswer};
use payhal_plugin::{Context, Outcome, PluginError, card_refused};
use std::collections::BTreeMap;

/// Tells the chip that nobody could be asked and that an approval is wanted all the same (EMV Book
/// 4, annex A6).
const APPROVED_ALONE: [u8; 2] = *b"Y3";

pub(crate) fn complete(
    reader: &mut AbecsPinpad,
    request: &Complete,
    context: &Context,
) -> Outcome<CompletionRead> {
    let held = reader.held.take();
    let Some(held) = held.filter(|held| held.presentation_id == request.presentation_id) else {
        return gone();
    };
    let approved = matches!(request.answer, IssuerAnswer::Approved { .. });
    // A contactless card is gone: the protocol has no word for asking its issuer later.
    let alone = request.offline && held.answerable && request.answer == IssuerAnswer::NoAnswer;
    let completion = match held.answerable {
        true => match finish(reader, &request.answer, alone, context)? {
            Ok(finished) => told(&finished, approved, alone)?,
            Err(refusal) => return Ok(Err(refusal)),
        },
        false => CompletionRead {
            accepted: approved,
            tags: BTreeMap::new(),
        },
    };
    show(reader, &held, &request.answer, completion.accepted, context);
    Ok(Ok(completion))
}

fn finish(
    reader: &mut AbecsPinpad,
    answer: &IssuerAnswer,
    alone: bool,
    context: &Context,
) -> Outcome<CardFinished> {
    context.progress(Stage::Completing, reader.texts().completing);
    let (issuer, code, objects) = match answer {
        IssuerAnswer::Approved {
            response_code,
            issuer,
        } => (Issuer::Approved, Some(response_code), Some(issuer)),
        IssuerAnswer::Declined {
            response_code,
            issuer,
        } => (Issuer::Declined, Some(response_code), Some(issuer)),
        IssuerAnswer::NoAnswer => (Issuer::Unreachable, None, None),
    };
    let objects = match objects {
        Some(issuer) => objects::of_issuer(issuer)
            .ok_or_else(|| PluginError::not_sent("use the issuer's objects: they are no hex"))?,
        None => Vec::new(),
    };
    let finish = FinishCard {
        issuer,
        // A code of another length is a gateway's own: the chip is told approved or declined alone.
        response_code: match alone {
            true => Some(APPROVED_ALONE),
            false => code.and_then(|code| code.as_bytes().try_into().ok()),
        },
        objects,
        tags: objects::list(objects::OF_COMPLETION),
    };
    match reader.session(context)?.command(&finish, context)? {
        Ok(finished) => Ok(Ok(finished)),
        Err(status) => not_finished(status),
    }
}

/// The chip did not get the answer, or did not answer it: an approval is to be taken back.
fn not_finished(status: Status) -> Outcome<CardFinished> {
    match status.class() {
        Class::NoCard | Class::ReadAgain => card_refused(
            CardRefusal::CardRemoved,
            "The card was removed before it was done.",
        ),
        Class::CardUnusable | Class::CardBlocked => {
            card_refused(CardRefusal::CardUnreadable, status.sentence())
        }
        _ => Err(PluginError::maybe_sent(format!(
            "give the chip its issuer's answer: the pinpad says {status}"
        ))),
    }
}

fn told(
    finished: &CardFinished,
    approved: bool,
    alone: bool,
) -> Result<CompletionRead, PluginError> {
    // Whatever stands in the objects, the chip has decided.
    let mut tags = objects::in_clear(&finished.objects).unwrap_or_default();
    objects::add_scripts(&mut tags, &finished.scripts);
    if alone && finished.approved {
        let code: String = APPROVED_ALONE
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        tags.insert("8A".to_owned(), code);
    }
    Ok(CompletionRead {
        accepted: finished.approved && (approved || alone),
        tags,
    })
}

/// Best effort: a display that breaks now has seen the payment through.
fn show(
    reader: &mut AbecsPinpad,
    held: &Held,
    answer: &IssuerAnswer,
    accepted: bool,
    context: &Context,
) {
    let texts = reader.texts();
    let result = match (answer, accepted) {
        (IssuerAnswer::Approved { .. }, true) => texts.approved,
        (IssuerAnswer::Approved { .. }, false) => texts.refused_by_card,
        (IssuerAnswer::Declined { .. }, _) => texts.declined,
        (IssuerAnswer::NoAnswer, true) => texts.approved,
        (IssuerAnswer::NoAnswer, false) => texts.no_connection,
    };
    let text = match held.answerable {
        true => format!("{result}\n{}", texts.remove),
        false => result.to_owned(),
    };
    if held.answerable {
        context.progress(Stage::RemoveCard, texts.remove);
    }
    let _ = reader.show_text(&text, context);
}
