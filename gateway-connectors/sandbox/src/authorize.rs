// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `authorize`: opens the seal or looks up the token, decides, writes one entry.
//!
//! The seal is opened before the ledger is locked. A repeat of the same transaction gets the
//! entry's answer and must never make a second one.

use crate::books::{Books, Result};
use crate::card::{self, Known, OpenedRead};
use crate::converted;
use crate::cryptogram::{Checked, Expected};
use crate::entry::{Entry, Kind, State};
use crate::forward::Offline;
use crate::ledger::Ledger;
use crate::opening::Opener;
use crate::reads::{self, SpentRead};
use crate::rules::{self, Code, PinCheck, Verdict};
use payhal_card_data::{EntryMode, Purpose as SealedPurpose};
use payhal_messages::card::Entry as ReadEntry;
use payhal_messages::gateway::{Answer, Authorize, CardSource, ReadCard};
use payhal_messages::money::Purpose;

/// Carries out the command. An empty list of currencies takes any.
pub(crate) fn authorize(
    ledger: &Ledger,
    opener: &Opener,
    currencies: &[String],
    request: &Authorize,
) -> Result<Answer> {
    take(ledger, opener, currencies, request, None)
}

/// The same for a sale that was approved before anybody asked.
pub(crate) fn take(
    ledger: &Ledger,
    opener: &Opener,
    currencies: &[String],
    request: &Authorize,
    approved: Option<Offline>,
) -> Result<Answer> {
    let expected = approved.map_or(Expected::Question, |offline| offline.expected);
    let opened = match &request.card {
        CardSource::Read(read) => Some(card::unsealed(opener, request, read, expected)),
        CardSource::Token { .. } => None,
    };
    let kind = Kind::from(request.purpose);
    ledger.write(|books| {
        if let Some(found) = books.find(&request.wire)? {
            books.count_repeat(&found)?;
            return converted::told(books, &request.wire, repeated(&found, kind, request));
        }
        if books.closed_by(&request.wire.transaction_id)?.is_some() {
            return Ok(rules::rejected(&rules::DUPLICATE));
        }
        let mut entry = Entry::undecided(&request.wire, kind, &request.amounts);
        entry
            .merchant_reference
            .clone_from(&request.merchant_reference);
        entry.installments = request.installments;
        entry.voice_code.clone_from(&request.voice_code);
        let mut known = the_card(books, request, opened)?;
        let verdict = match &mut known {
            Err(code) => Verdict::Reject(*code),
            Ok(known) => {
                let late = approved.is_some();
                decide(books, currencies, request, known, &mut entry, late)?
            }
        };
        match approved {
            None => {
                apply(books, &mut entry, verdict);
                answer_chip(&mut entry, request, known.ok().and_then(|known| known.read));
            }
            Some(_) => apply(books, &mut entry, verdict.without_customer()),
        }
        books.insert(&mut entry)?;
        if let Some(offer) = &request.dcc {
            converted::as_offered(books, &entry, offer)?;
        }
        if let Some(offline) = approved {
            books.mark_forwarded(&entry.transaction_id, offline.at_micros)?;
        }
        converted::told(books, &request.wire, entry.answer())
    })
}

fn repeated(found: &Entry, kind: Kind, request: &Authorize) -> Answer {
    let same = found.is_of(&request.wire, kind, &request.amounts)
        && found.installments == request.installments;
    match found.kind {
        Kind::Unknown => found.answer(),
        _ if same => found.answer(),
        _ => rules::rejected(&rules::DUPLICATE),
    }
}

fn the_card(
    books: &Books,
    request: &Authorize,
    opened: Option<std::result::Result<Known, Code>>,
) -> Result<std::result::Result<Known, Code>> {
    Ok(match (&request.card, opened) {
        (CardSource::Token { token }, _) => {
            card::behind(books, &request.wire.acceptor.merchant, token)?.ok_or(rules::TOKEN)
        }
        (CardSource::Read(_), opened) => opened.unwrap_or(Err(rules::SEAL)),
    })
}

fn decide(
    books: &mut Books,
    currencies: &[String],
    request: &Authorize,
    known: &mut Known,
    entry: &mut Entry,
    late: bool,
) -> Result<Verdict> {
    entry.masked_pan = Some(known.masked_pan.clone());
    match &request.card {
        CardSource::Token { token } => entry.token = Some(token.clone()),
        CardSource::Read(read) => {
            if let Some(verdict) = spend(books, read, known, entry, late)? {
                return Ok(verdict);
            }
        }
    }
    if let Some(code) = rules::not_taken(request, currencies) {
        return Ok(Verdict::Reject(code));
    }
    if known.has_wrong_cryptogram() {
        return Ok(Verdict::Decline(rules::CRYPTOGRAM));
    }
    count_pin(books, known)?;
    if let Some(code) = &request.voice_code {
        return Ok(rules::by_voice(code, request.amounts.total_minor));
    }
    let verdict = rules::decide(request.purpose, &known.card, request.amounts.total_minor);
    let verdict = match request.dcc {
        Some(_) => verdict.whole_or_nothing(),
        None => verdict,
    };
    if let Verdict::Approve { .. } = verdict {
        if request.purpose == Purpose::Verify || request.keep_card {
            card::keep(books, &entry.merchant, known)?;
            entry.token = Some(known.token.clone());
        }
        if request.purpose == Purpose::Balance {
            entry.balance_minor = Some(rules::balance(&known.card));
        }
    }
    Ok(verdict)
}

/// Spends a read, whatever is decided about it then; a verdict where it must not be used.
fn spend(
    books: &mut Books,
    read: &ReadCard,
    known: &mut Known,
    entry: &mut Entry,
    late: bool,
) -> Result<Option<Verdict>> {
    let Some(opened) = &known.read else {
        return Ok(Some(Verdict::Reject(rules::SEAL)));
    };
    if let Some(code) = reads::spent_before(books, &opened.replay, &opened.manner, late)? {
        return Ok(Some(Verdict::Reject(code)));
    }
    if let (PinCheck::Right | PinCheck::Wrong, Some(card)) = (known.card.pin, known.card.known)
        && reads::pin_is_blocked(books, card)?
    {
        known.card.pin = PinCheck::Blocked;
    }
    reads::spend(
        books,
        &SpentRead {
            transaction_id: &entry.transaction_id,
            replay: &opened.replay,
            read_id: &read.read_id,
            manner: &opened.manner,
            pin: known.card.pin.name(),
            cryptogram: opened.cryptogram.name(),
            card: &opened.card,
        },
    )?;
    entry.read_id = Some(read.read_id.clone());
    Ok((!opened.is_for_this).then_some(Verdict::Reject(rules::SEAL_AMOUNTS)))
}

fn count_pin(books: &mut Books, known: &Known) -> Result<()> {
    match (known.card.known, known.card.pin) {
        (Some(card), PinCheck::Right) => reads::count_pin(books, card, true),
        (Some(card), PinCheck::Wrong) => reads::count_pin(books, card, false),
        _ => Ok(()),
    }
}

/// The issuer's answer to a chip whose cryptogram was right. Contactless chips are gone by then.
fn answer_chip(entry: &mut Entry, request: &Authorize, read: Option<OpenedRead>) {
    if let Some(OpenedRead {
        cryptogram: Checked::Right(answerable),
        ..
    }) = read
        && is_chip(&request.card)
        && entry.state != State::Rejected
        && let Some(authentication) = answerable.issuer_authentication(&entry.response_code)
    {
        entry.issuer.0.insert("91".into(), authentication);
    }
}

/// Gives an entry its number, its decision and the references that follow from them.
pub(crate) fn apply(books: &mut Books, entry: &mut Entry, verdict: Verdict) {
    entry.seq = books.next_seq();
    let code = match verdict {
        Verdict::Approve {
            minor,
            code,
            signature,
        } => {
            entry.state = State::Approved;
            entry.amount_minor = minor;
            entry.signature_required = signature;
            let own = || format!("S{:05}", entry.seq % 100_000);
            entry.approval_code = Some(entry.voice_code.clone().unwrap_or_else(own));
            code
        }
        Verdict::Decline(code) => {
            entry.state = State::Declined;
            code
        }
        Verdict::Refer(code) => {
            entry.state = State::Referred;
            code
        }
        Verdict::Reject(code) => {
            entry.state = State::Rejected;
            code
        }
    };
    entry.set_code(&code);
    entry.rrn = Some(format!("{:012}", entry.seq));
}

fn is_chip(card: &CardSource) -> bool {
    matches!(card, CardSource::Read(read) if read.entry == ReadEntry::Chip)
}

/// What a reader seals for this purpose; none where no card is presented.
pub(crate) fn sealed_purpose(purpose: Purpose) -> Option<SealedPurpose> {
    Some(match purpose {
        Purpose::Sale => SealedPurpose::Sale,
        Purpose::Refund => SealedPurpose::Refund,
        Purpose::Authorize => SealedPurpose::Authorize,
        Purpose::Verify => SealedPurpose::Verify,
        Purpose::Balance => SealedPurpose::Balance,
        Purpose::CashAdvance => SealedPurpose::CashAdvance,
        Purpose::Capture | Purpose::Adjust => return None,
    })
}

pub(crate) fn entry_mode(entry: ReadEntry) -> EntryMode {
    match entry {
        ReadEntry::Chip => EntryMode::Chip,
        ReadEntry::Contactless => EntryMode::Contactless,
        ReadEntry::Stripe => EntryMode::Stripe,
        ReadEntry::Manual => EntryMode::Manual,
    }
}
