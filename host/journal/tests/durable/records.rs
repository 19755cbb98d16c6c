// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records as the engine makes them, in few words.

use payhal_engine::answer::{Approved, Reason, Refused};
use payhal_engine::card::{CardFace, Entry, SpentKey};
use payhal_engine::gateway::{Decision, Extras, GatewayAnswer, ReversalReason, Wire};
use payhal_engine::ids::{
    Acceptor, DeviceId, Fingerprint, GatewayId, IdempotencyKey, Opaque, RegisterId, Scope,
    TransactionId,
};
use payhal_engine::money::{Amount, Amounts, Currency};
use payhal_engine::record::{Ending, Fact, FinalAnswer, Intent, Owed, Record, Stored, Unsent};
use payhal_engine::request::{Kind, MoneyRequest, Terms};
use payhal_engine::tokens::Token;
use uuid::Uuid;

pub(crate) fn id(number: u128) -> TransactionId {
    TransactionId(Uuid::from_u128(number))
}

pub(crate) fn scope() -> Scope {
    Scope {
        register: RegisterId::from("front"),
        generation: 1,
    }
}

/// A transaction that records are made for.
#[derive(Clone)]
pub(crate) struct Sale {
    pub(crate) number: u128,
    pub(crate) key: String,
    pub(crate) kind: Kind,
    pub(crate) minor: i64,
    pub(crate) scope: Scope,
    /// Keys of its reader.
    pub(crate) spent: Vec<SpentKey>,
    /// What its approval makes of a payment token.
    pub(crate) stored: Option<Token>,
}

pub(crate) fn sale(number: u128) -> Sale {
    Sale {
        number,
        key: format!("key-{number}"),
        kind: Kind::Sale,
        minor: 1_000 + i64::try_from(number).unwrap(),
        scope: scope(),
        spent: Vec::new(),
        stored: None,
    }
}

pub(crate) fn refund(number: u128, original: u128, minor: i64) -> Sale {
    Sale {
        kind: Kind::Refund {
            original: id(original),
        },
        minor,
        ..sale(number)
    }
}

impl Sale {
    fn at(&self) -> i64 {
        1_700_000_000_000_000 + i64::try_from(self.number).unwrap() * 1_000_000
    }

    fn amounts(&self) -> Amounts {
        Amounts {
            total: Amount {
                minor: self.minor,
                currency: Currency::EUR,
            },
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: None,
        }
    }

    fn request(&self) -> MoneyRequest {
        MoneyRequest {
            key: IdempotencyKey::from(self.key.as_str()),
            kind: self.kind,
            amounts: Some(self.amounts()),
            amount_max: None,
            device: None,
            gateway: None,
            timeout_ms: None,
            reference: Some(format!("Order {}", self.number).into()),
            despite: vec![],
            order: None,
            terms: Terms::default(),
        }
    }

    fn record(&self, later_micros: i64, fact: Fact) -> Record {
        Record {
            transaction_id: id(self.number),
            at_micros: self.at() + later_micros,
            fact,
        }
    }

    pub(crate) fn intent(&self) -> Record {
        let wire = Wire {
            transaction_id: id(self.number),
            stan: u32::try_from(self.number).unwrap(),
            at_micros: self.at(),
            acceptor: Acceptor {
                merchant: "merchant".into(),
                terminal: "terminal".into(),
            },
            reference: "".into(),
        };
        self.record(
            0,
            Fact::Intent(Box::new(Intent {
                scope: self.scope.clone(),
                request: self.request(),
                fingerprint: Fingerprint([7; 32]),
                amounts: self.amounts(),
                device: Some(DeviceId::from("counter")),
                gateway: Some(GatewayId::from("acquirer")),
                wire,
                original: None,
                card: Some(card()),
                entry: Some(Entry::Chip),
                cvm: None,
                completion_owed: true,
                spent: self.spent.clone(),
                number_kept: false,
                dcc: None,
            })),
        )
    }

    pub(crate) fn approved(&self) -> Record {
        let approved = Approved {
            transaction_id: id(self.number),
            key: IdempotencyKey::from(self.key.as_str()),
            requested: self.amounts(),
            approved_minor: self.minor,
            partial: false,
            approval_code: Some("A1B2C3".into()),
            response_code: "00".into(),
            rrn: None,
            stan: None,
            card: Some(card()),
            entry: Some(Entry::Chip),
            cvm: None,
            signature_required: false,
            gateway: Some(GatewayId::from("acquirer")),
            device: Some(DeviceId::from("counter")),
            acceptor: None,
            at_micros: self.at() + 5,
            extras: Extras {
                token: self.stored.as_ref().map(|stored| stored.token.clone()),
                stored: self.stored.clone().map(Box::new),
                ..Extras::default()
            },
            accepted_offline: false,
            withdrawal: false,
            dcc: None,
        };
        self.ended(FinalAnswer::Approved(Box::new(approved)), None, None)
    }

    /// Approved while its gateway was away.
    pub(crate) fn stored(&self) -> Record {
        let mut record = self.approved();
        let intent = self.intent().fact.intent().cloned().unwrap();
        if let Fact::Ended(ending) = &mut record.fact {
            let stored = Stored {
                intent,
                read_id: "read".into(),
                tags: None,
            };
            ending.stored = Some(Box::new(stored));
        }
        record
    }

    /// Its issuer did not take what was stored.
    pub(crate) fn lost(&self) -> Record {
        let answer = GatewayAnswer {
            decision: Decision::Declined,
            response_code: "51".into(),
            response_text: None,
            approved_minor: None,
            approval_code: None,
            rrn: None,
            signature_required: false,
            extras: Extras::default(),
            issuer: Opaque::default(),
        };
        let answer = Box::new(answer);
        self.record(9, Fact::Forwarded { answer })
    }

    pub(crate) fn declined(&self) -> Record {
        self.ended(self.refused(Reason::Declined), None, None)
    }

    pub(crate) fn reversing(&self) -> Record {
        self.ended(
            self.refused(Reason::CardError),
            Some(ReversalReason::CardRefused),
            None,
        )
    }

    /// An ending before any intent.
    pub(crate) fn unsent(&self, reason: Reason) -> Record {
        let unsent = Unsent {
            scope: self.scope.clone(),
            request: self.request(),
            fingerprint: Fingerprint([7; 32]),
            device: None,
            gateway: None,
            card: None,
        };
        self.ended(self.refused(reason), None, Some(unsent))
    }

    pub(crate) fn reversed(&self) -> Record {
        self.record(9, Fact::Reversed)
    }

    pub(crate) fn needs_operator(&self) -> Record {
        self.record(
            8,
            Fact::NeedsOperator {
                reason: "the gateway contradicts itself".into(),
            },
        )
    }

    fn refused(&self, reason: Reason) -> FinalAnswer {
        FinalAnswer::Refused(Box::new(Refused {
            transaction_id: Some(id(self.number)),
            key: Some(IdempotencyKey::from(self.key.as_str())),
            reason,
            reversing: false,
            retry_after_ms: None,
            response_code: None,
            response_text: None,
            resolution: None,
            detail: None,
            unresolved: Vec::new(),
            at_micros: self.at() + 5,
        }))
    }

    fn ended(
        &self,
        answer: FinalAnswer,
        reversal: Option<ReversalReason>,
        unsent: Option<Unsent>,
    ) -> Record {
        self.record(
            5,
            Fact::Ended(Box::new(Ending {
                answer,
                reversal,
                unsent,
                stored: None,
                became: None,
                signature: None,
                owed: Owed::default(),
            })),
        )
    }
}

fn card() -> CardFace {
    CardFace {
        masked_pan: "476173******0119".into(),
        scheme: "visa".into(),
        application: None,
        aid: None,
        country: None,
        expiry: None,
    }
}
