// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `authorize`: opens the seal or looks up the token, decides, writes one entry.
//!
//! The seal is opened before the ledger is locked. A repeat of the same transaction gets the
//! entry's answer and must never make a second one.

use crate::books::{Books, Result};
use crate::card::{self, Known};
use crate::entry::{Entry, Kind, State};
use crate::ledger::Ledger;
use crate::rules::{self, Code, Verdict};
use payhal_card_data::{EntryMode, PrivateKey, Purpose as SealedPurpose};
use payhal_messages::card::Entry as ReadEntry;
use payhal_messages::gateway::{Answer, Authorize, CardSource};
use payhal_messages::money::Purpose;

/// Who opens seals here.
#[derive(Debug)]
pub(crate) struct Recipient {
    pub(crate) gateway: String,
    pub(crate) key_id: String,
    pub(crate) key: PrivateKey,
}

/// Carries out the command. An empty list of currencies takes any.
pub(crate) fn authorize(
    ledger: &Ledger,
    recipient: &Recipient,
    currencies: &[String],
    request: &Authorize,
) -> Result<Answer> {
    let opened = match &request.card {
        CardSource::Read(read) => Some(card::unsealed(recipient, request, read)),
        CardSource::Token { .. } => None,
    };
    let kind = Kind::from(request.purpose);
    ledger.write(|books| {
        if let Some(found) = books.find(&request.wire)? {
            books.count_repeat(&found)?;
            return Ok(repeated(&found, kind, request));
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
        let verdict = match the_card(books, request, opened)? {
            Err(code) => Verdict::Reject(code),
            Ok(known) => decide(books, currencies, request, &known, &mut entry)?,
        };
        apply(books, &mut entry, verdict);
        if is_chip(&request.card) && entry.state != State::Rejected {
            let cryptogram = format!("{:016X}{}", entry.seq, hex_of(&entry.response_code));
            entry.issuer.0.insert("91".into(), cryptogram);
        }
        books.insert(&mut entry)?;
        Ok(entry.answer())
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
    known: &Known,
    entry: &mut Entry,
) -> Result<Verdict> {
    entry.masked_pan = Some(known.masked_pan.clone());
    match &request.card {
        CardSource::Token { token } => entry.token = Some(token.clone()),
        CardSource::Read(read) if books.is_spent(&read.read_id)? => {
            return Ok(Verdict::Reject(rules::READ_SPENT));
        }
        CardSource::Read(read) => entry.read_id = Some(read.read_id.clone()),
    }
    if let Some(code) = rules::not_taken(request, currencies) {
        return Ok(Verdict::Reject(code));
    }
    if let Some(code) = &request.voice_code {
        return Ok(rules::by_voice(code, request.amounts.total_minor));
    }
    let verdict = rules::decide(request.purpose, &known.card, request.amounts.total_minor);
    if let Verdict::Approve { .. } = verdict {
        match request.purpose {
            Purpose::Verify => {
                card::keep(books, &entry.merchant, known)?;
                entry.token = Some(known.token.clone());
            }
            Purpose::Balance => entry.balance_minor = Some(rules::balance(&known.card)),
            _ => {}
        }
    }
    Ok(verdict)
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

fn hex_of(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
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
