// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `authorize`: opens the seal, decides, writes one entry.
//!
//! The seal is opened before the ledger is locked. A repeat of the same transaction gets the
//! entry's answer and must never make a second one.

use crate::entry::{Entry, Kind, State};
use crate::ledger::{Books, Ledger};
use crate::rules::{self, Code, Verdict};
use payhal_card_data::{
    Associated, EntryMode, Inner, PrivateKey, Purpose as SealedPurpose, SCHEME, SEAL_VERSION,
    masked, open,
};
use payhal_messages::card::Entry as ReadEntry;
use payhal_messages::gateway::{Answer, Authorize, CardSource, ReadCard};
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
) -> rusqlite::Result<Answer> {
    let opened = match &request.card {
        CardSource::Read(read) => unseal(recipient, request, read).map(|inner| (read, inner)),
        CardSource::Token { .. } => Err(rules::TOKEN),
    };
    let entry_mode = match &request.card {
        CardSource::Read(read) => Some(read.entry),
        CardSource::Token { .. } => None,
    };
    ledger.write(|books| {
        if let Some(found) = books.find(&request.wire)? {
            return Ok(repeated(&found, request));
        }
        let mut entry = Entry::undecided(
            &request.wire,
            request.purpose.into(),
            request.amounts.total_minor,
            &request.amounts.currency,
        );
        entry
            .merchant_reference
            .clone_from(&request.merchant_reference);
        let verdict = match opened {
            Err(code) => Verdict::Reject(code),
            Ok((read, inner)) => {
                entry.masked_pan = Some(masked(&inner.secrets.pan));
                decide(books, currencies, request, read, &inner, &mut entry)?
            }
        };
        apply(books, &mut entry, verdict);
        if entry_mode == Some(ReadEntry::Chip) && entry.state != State::Rejected {
            let cryptogram = format!("{:016X}{}", entry.seq, hex_of(&entry.response_code));
            entry.issuer.insert("91".into(), cryptogram);
        }
        books.insert(&entry)?;
        Ok(entry.answer())
    })
}

fn repeated(found: &Entry, request: &Authorize) -> Answer {
    let same = found.transaction_id == request.wire.transaction_id
        && found.kind == request.purpose.into()
        && found.requested_minor == request.amounts.total_minor
        && found.currency == request.amounts.currency;
    match found.kind {
        Kind::Unknown => found.answer(),
        _ if same => found.answer(),
        _ => rules::rejected(&rules::DUPLICATE),
    }
}

fn decide(
    books: &Books,
    currencies: &[String],
    request: &Authorize,
    read: &ReadCard,
    inner: &Inner,
    entry: &mut Entry,
) -> rusqlite::Result<Verdict> {
    if books.is_spent(&read.read_id)? {
        return Ok(Verdict::Reject(rules::READ_SPENT));
    }
    entry.read_id = Some(read.read_id.clone());
    let amount_is_possible = match request.purpose {
        Purpose::Verify | Purpose::Balance => request.amounts.total_minor == 0,
        _ => request.amounts.total_minor > 0,
    };
    Ok(if !is_taken(currencies, &request.amounts.currency) {
        Verdict::Reject(rules::CURRENCY)
    } else if !amount_is_possible {
        Verdict::Reject(rules::AMOUNT)
    } else {
        rules::decide(request.purpose, &inner.secrets, request.amounts.total_minor)
    })
}

fn is_taken(currencies: &[String], currency: &str) -> bool {
    currencies.is_empty() || currencies.iter().any(|taken| taken == currency)
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
            entry.approval_code = Some(format!("S{:05}", entry.seq % 100_000));
            code
        }
        Verdict::Decline(code) => {
            entry.state = State::Declined;
            code
        }
        Verdict::Reject(code) => {
            entry.state = State::Rejected;
            code
        }
    };
    entry.response_code = code.code.into();
    entry.response_text = code.text.into();
    entry.rrn = Some(format!("{:012}", entry.seq));
}

fn hex_of(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}

/// Opens the seal and compares what lies inside with what is asked.
fn unseal(recipient: &Recipient, request: &Authorize, read: &ReadCard) -> Result<Inner, Code> {
    let sealed = &read.sealed;
    if sealed.scheme != SCHEME || sealed.key_id != recipient.key_id {
        return Err(rules::SEAL);
    }
    let associated = Associated {
        version: SEAL_VERSION,
        read_id: &read.read_id,
        transaction_id: &request.wire.transaction_id,
        device: &read.device,
        gateway: &recipient.gateway,
        key_id: &recipient.key_id,
    };
    let inner = open(
        &recipient.key,
        &associated,
        &sealed.encapsulated_key,
        &sealed.ciphertext,
    )
    .map_err(|_| rules::SEAL)?;
    match is_for(&inner, request, read) {
        true => Ok(inner),
        false => Err(rules::SEAL_AMOUNTS),
    }
}

fn is_for(inner: &Inner, request: &Authorize, read: &ReadCard) -> bool {
    let (used, asked) = (&inner.amounts, &request.amounts);
    Some(inner.purpose) == sealed_purpose(request.purpose)
        && inner.secrets.entry == entry_mode(read.entry)
        && used.currency == *asked.currency.as_bytes()
        && used.total_minor == asked.total_minor
        && used.tip_minor == asked.tip_minor
        && used.surcharge_minor == asked.surcharge_minor
        && used.cashback_minor == asked.cashback_minor
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
