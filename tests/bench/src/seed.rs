// SPDX-License-Identifier: MIT OR Apache-2.0
//! Journals as a shop has after years, written by the journal's own writer.

use crate::Failure;
use payhal_engine::answer::Approved;
use payhal_engine::card::{CardFace, Entry};
use payhal_engine::gateway::{Extras, Wire};
use payhal_engine::ids::{
    Acceptor, DeviceId, Fingerprint, GatewayId, IdempotencyKey, Position, RegisterId, Scope,
    TransactionId,
};
use payhal_engine::money::{Amount, Amounts, Currency};
use payhal_engine::record::{Ending, Fact, FinalAnswer, Intent, Owed, Record};
use payhal_engine::request::{Kind, MoneyRequest, Terms};
use payhal_journal::{Happened, Journal, Options};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use uuid::Uuid;

/// Records on their way at once: below what the journal takes.
const QUEUED_MAX: u64 = 8_000;

/// How long one commit may take.
const COMMIT_MAX: Duration = Duration::from_secs(60);

/// When the first sale was; one follows each second.
const BEGAN_MICROS: i64 = 1_760_000_000_000_000;

/// Writes so many records: sales of two records each, the last `open` of them without an end, at a
/// gateway that is not there, so that they stay open.
pub(crate) fn fill(path: &Path, records: u64, open: u64) -> Result<(), Failure> {
    let (tell, told) = channel();
    let (journal, restored) = Journal::open(path, &Options::default(), move |happened| {
        tell.send(happened).ok();
    })?;
    let mut position = restored.position.0;
    let mut durable = position;
    let ended = (records - open) / 2;
    for number in 0..ended + open {
        let sale = Sale(number);
        let end = (number < ended).then(|| sale.ended());
        for record in std::iter::once(sale.intent()).chain(end) {
            position += 1;
            journal.append(Position(position), Box::new(record), false)?;
        }
        while position - durable > QUEUED_MAX {
            durable = next(&told)?;
        }
    }
    while durable < position {
        durable = next(&told)?;
    }
    Ok(())
}

fn next(told: &Receiver<Happened>) -> Result<u64, Failure> {
    match told.recv_timeout(COMMIT_MAX)? {
        Happened::Durable(position) => Ok(position.0),
        other => Err(format!("the journal could not be filled: {other:?}").into()),
    }
}

/// The id of a sale.
pub(crate) fn id(number: u64) -> Uuid {
    Sale(number).id().0
}

/// The key of a sale.
pub(crate) fn key(number: u64) -> String {
    format!("seeded-key-{number:09}-0123456789")
}

struct Sale(u64);

impl Sale {
    /// In the order of time, as version 7 has it.
    fn id(&self) -> TransactionId {
        TransactionId(Uuid::from_u128(
            (u128::from(self.0) << 64) | 0x7000_8000_0000,
        ))
    }

    fn at_micros(&self) -> i64 {
        BEGAN_MICROS + i64::try_from(self.0).unwrap_or(0) * 1_000_000
    }

    fn amounts() -> Amounts {
        Amounts {
            total: Amount {
                minor: 1_250,
                currency: Currency::EUR,
            },
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: None,
        }
    }

    fn card() -> CardFace {
        CardFace {
            masked_pan: "476173******0119".into(),
            scheme: "visa".into(),
            application: Some("VISA CREDIT".into()),
            aid: Some("A0000000031010".into()),
            country: None,
            expiry: None,
        }
    }

    fn acceptor() -> Acceptor {
        Acceptor {
            merchant: "123456789012345".into(),
            terminal: "00000001".into(),
        }
    }

    fn record(&self, fact: Fact) -> Record {
        Record {
            transaction_id: self.id(),
            at_micros: self.at_micros(),
            fact,
        }
    }

    fn intent(&self) -> Record {
        let request = MoneyRequest {
            key: IdempotencyKey::from(key(self.0).as_str()),
            kind: Kind::Sale,
            amounts: Some(Self::amounts()),
            amount_max: None,
            device: Some(DeviceId::from("reader-0")),
            gateway: None,
            timeout_ms: None,
            reference: Some(format!("order {}", self.0).into()),
            despite: vec![],
            order: None,
            terms: Terms::default(),
        };
        self.record(Fact::Intent(Box::new(Intent {
            scope: Scope {
                register: RegisterId::from("register-0"),
                generation: 0,
            },
            request,
            fingerprint: Fingerprint([7; 32]),
            amounts: Self::amounts(),
            device: Some(DeviceId::from("reader-0")),
            gateway: Some(GatewayId::from("elsewhere")),
            wire: Wire {
                transaction_id: self.id(),
                stan: u32::try_from(self.0 % 999_999).unwrap_or(0) + 1,
                at_micros: self.at_micros(),
                acceptor: Self::acceptor(),
                reference: format!("{:012}", self.0).into(),
            },
            original: None,
            card: Some(Self::card()),
            entry: Some(Entry::Contactless),
            cvm: None,
            completion_owed: false,
            spent: Vec::new(),
            number_kept: false,
            dcc: None,
        })))
    }

    fn ended(&self) -> Record {
        let approved = Approved {
            transaction_id: self.id(),
            key: IdempotencyKey::from(key(self.0).as_str()),
            requested: Self::amounts(),
            approved_minor: 1_250,
            partial: false,
            approval_code: Some(format!("{:06}", self.0 % 1_000_000).into()),
            response_code: "00".into(),
            rrn: Some(format!("{:012}", self.0).into()),
            stan: None,
            card: Some(Self::card()),
            entry: Some(Entry::Contactless),
            cvm: None,
            signature_required: false,
            gateway: Some(GatewayId::from("elsewhere")),
            device: Some(DeviceId::from("reader-0")),
            acceptor: Some(Self::acceptor()),
            at_micros: self.at_micros(),
            extras: Extras::default(),
            accepted_offline: false,
            withdrawal: false,
            dcc: None,
        };
        self.record(Fact::Ended(Box::new(Ending {
            answer: FinalAnswer::Approved(Box::new(approved)),
            reversal: None,
            unsent: None,
            owed: Owed::default(),
            stored: None,
            became: None,
            signature: None,
        })))
    }
}
