// SPDX-License-Identifier: MIT OR Apache-2.0
//! One engine on a test bench: readers, terminals, gateways, one register, and a journal that is durable
//! after every step.

mod words;

pub(crate) use words::told;

use crate::answer::{Answer, Approved, Outcome, Reason, Refused};
use crate::card::{CardFace, Cvm, Entry, SpentKey};
use crate::device::{
    DeviceAbilities, DeviceCommand, DeviceReply, DeviceStatus, Inquiry, IssuerAnswer,
    TerminalOutcome, TerminalReversal,
};
use crate::effect::{Action, Effect, RecallBy};
use crate::event::Event;
use crate::gateway::{
    Ability, Decision, Extras, GatewayAnswer, GatewayCommand, GatewayParameters, GatewayReply,
    GatewayStatus, Recipient,
};
use crate::ids::{
    CallId, DeviceId, Kept, Opaque, Position, RecallId, Scope, Ticket, TokenId, TransactionId,
};
use crate::money::{Amount, Amounts, Currency};
use crate::pricing::{Lists, Millionths, Surcharge};
use crate::prompt::PromptKinds;
use crate::protection::Protection;
use crate::record::{Fact, FinalAnswer, Past, PastChange, Record, Restored};
use crate::request::{Caller, Kind, MoneyRequest, Request, Terms, Which};
use crate::time::Now;
use crate::tokens::{Named, Sought, Token};
use crate::{Config, Engine};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Everything a gateway can do.
pub(crate) const ABILITIES: [Ability; 19] = [
    Ability::Authorize,
    Ability::Adjust,
    Ability::Refund,
    Ability::RefundByReceipt,
    Ability::RefundUnreferenced,
    Ability::Void,
    Ability::Verify,
    Ability::Token,
    Ability::Balance,
    Ability::CashAdvance,
    Ability::Cashback,
    Ability::Installments,
    Ability::VoiceApproval,
    Ability::BatchTotals,
    Ability::BatchClose,
    Ability::Advice,
    Ability::NotifyOrder,
    Ability::Forward,
    Ability::ForgetToken,
];

/// The engine and what it asked for last.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) boot_ms: u64,
    /// The wall clock cannot be right.
    pub(crate) distrusted: bool,
    pub(crate) records: Vec<Record>,
    /// What the journal recalls of a transaction.
    pub(crate) past: Option<Past>,
    /// What it recalls of whoever spent a key.
    pub(crate) spent_before: Option<Past>,
    /// It does not look for keys yet.
    pub(crate) holds_spent: bool,
    pub(crate) held_recall: Option<RecallId>,
    /// Numbers that are kept, and those that were destroyed.
    pub(crate) numbers: Vec<TransactionId>,
    pub(crate) destroyed: Vec<TransactionId>,
    /// Sealed reads that are kept.
    pub(crate) reads: Vec<TransactionId>,
    pub(crate) reader_call: Option<(DeviceId, CallId, DeviceCommand)>,
    pub(crate) gateway_call: Option<(CallId, GatewayCommand)>,
    pub(crate) last_ticket: u64,
    /// Who asks.
    pub(crate) register: &'static str,
    /// The questions it can show.
    pub(crate) prompts: PromptKinds,
    last_id: u128,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let mut bench = Self {
            engine: Engine::new(Config::default(), Restored::default()),
            boot_ms: 1_000,
            distrusted: false,
            records: Vec::new(),
            past: None,
            spent_before: None,
            holds_spent: false,
            held_recall: None,
            numbers: Vec::new(),
            destroyed: Vec::new(),
            reads: Vec::new(),
            reader_call: None,
            gateway_call: None,
            last_ticket: 0,
            register: "register",
            prompts: PromptKinds::default(),
            last_id: 0,
        };
        bench.attach();
        bench
    }

    /// Reader and gateways are ready.
    fn attach(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for id in ["reader", "spare"] {
            effects.extend(self.step(reader_is(id, true)));
        }
        for id in TERMINALS {
            effects.extend(self.step(terminal_is(id, true)));
        }
        for (id, inquiry) in [("asking", true), ("mute", false), ("numbered", true)] {
            effects.extend(self.step(gateway_is(id, inquiry, true)));
        }
        effects
    }

    /// Power fails and comes back; everything appended is on disk.
    pub(crate) fn restart(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.restart_with(|bench| effects = bench.attach());
        effects
    }

    /// The same, with other devices and gateways.
    pub(crate) fn restart_with(&mut self, attach: impl FnOnce(&mut Self)) {
        let ended = |records: &[Record]| {
            let pending = records.iter().any(|record| match &record.fact {
                Fact::Ended(ending) => ending.reversal.is_some(),
                _ => false,
            });
            let operator = records
                .iter()
                .rposition(|record| matches!(record.fact, Fact::NeedsOperator { .. }));
            let settled = records
                .iter()
                .rposition(|record| matches!(record.fact, Fact::Ended(_) | Fact::Resolved(_)));
            let has = |wanted: fn(&Fact) -> bool| records.iter().any(|record| wanted(&record.fact));
            let owed = records.iter().any(|record| match &record.fact {
                Fact::Ended(ending) => !ending.owed.is_nothing(),
                _ => false,
            });
            let waits = records.iter().any(|record| match &record.fact {
                Fact::Ended(ending) => ending.stored.is_some(),
                _ => false,
            });
            let forwarded = |fact: &Fact| {
                let told = matches!(fact, Fact::Forwarded { .. } | Fact::Withdrawn { .. });
                told || matches!(fact, Fact::Resolved(_))
            };
            let lost = |fact: &Fact| match fact {
                Fact::Forwarded { answer } => answer.decision != Decision::Approved,
                _ => matches!(fact, Fact::Withdrawn { .. }),
            };
            has(|fact| matches!(fact, Fact::Ended(_)))
                && (!waits || has(forwarded))
                && (!owed || has(lost) || has(|fact| matches!(fact, Fact::Reported { .. })))
                && (!pending || has(|fact| matches!(fact, Fact::Reversed | Fact::Resolved(_))))
                && operator <= settled
        };
        let mut open: Vec<Vec<Record>> = Vec::new();
        for record in &self.records {
            let same = |of: &&mut Vec<Record>| of[0].transaction_id == record.transaction_id;
            match open.iter_mut().find(same) {
                Some(records) => records.push(record.clone()),
                None => open.push(vec![record.clone()]),
            }
        }
        open.retain(|records| !ended(records));
        let position = Position(self.records.len() as u64);
        self.engine = Engine::new(
            self.engine.config.clone(),
            Restored {
                position,
                stan: 1,
                open,
                ..Restored::default()
            },
        );
        self.reader_call = None;
        self.gateway_call = None;
        attach(self);
    }

    pub(crate) fn now(&self) -> Now {
        let elapsed = i64::try_from(self.boot_ms).unwrap();
        Now {
            boot_ms: self.boot_ms,
            wall_micros: elapsed * 1_000,
            wall_trusted: !self.distrusted,
        }
    }

    /// One event; recalls are answered, appends become durable.
    pub(crate) fn step(&mut self, event: Event) -> Vec<Effect> {
        let mut done = Vec::new();
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for effect in self.engine.step(self.now(), event) {
                if let Action::Recall { recall, by } = &effect.action {
                    if self.holds_spent && matches!(by, RecallBy::Spent(..)) {
                        self.held_recall = Some(*recall);
                        continue;
                    }
                    let past = match by {
                        RecallBy::Key(..) => None,
                        RecallBy::Transaction(id) => self.recalled(*id).map(Box::new),
                        RecallBy::Tokens(sought) => Some(Box::new(self.tokens(sought))),
                        RecallBy::Spent(..) => self.spent_before.clone().map(Box::new),
                    };
                    events.push(Event::Recalled {
                        recall: *recall,
                        past,
                    });
                    continue;
                }
                self.note(&effect.action);
                done.push(effect);
            }
        }
        let durable = Event::Durable(self.engine.position());
        assert!(self.engine.step(self.now(), durable).is_empty());
        done
    }

    /// The original, with every change of this bench besides those it came with.
    fn recalled(&self, id: TransactionId) -> Option<Past> {
        let own = self.records.iter();
        let own = own.filter(|record| record.transaction_id == id).cloned();
        let own = Past {
            records: own.collect(),
            ..Past::default()
        };
        let own = (!own.records.is_empty()).then_some(own);
        let mut past = self.past.clone().or(own)?;
        for record in &self.records {
            let Fact::Intent(intent) = &record.fact else {
                continue;
            };
            let Some(change) = intent.request.kind.change() else {
                continue;
            };
            past.changes.push(PastChange {
                transaction_id: record.transaction_id,
                change,
                amount_minor: intent.amounts.total.minor,
                counts: self.counts(record.transaction_id),
            });
        }
        Some(past)
    }

    /// Kept tokens, as the records leave them.
    fn tokens(&self, sought: &[Sought]) -> Past {
        let mut rows: BTreeMap<TokenId, Token> = BTreeMap::new();
        let mut past = Past::default();
        for record in &self.records {
            if sought.contains(&Sought::GivenBy(record.transaction_id)) {
                past.records.push(record.clone());
            }
            if let Fact::Ended(ending) = &record.fact
                && let FinalAnswer::Approved(approved) = &ending.answer
                && let Some(stored) = &approved.extras.stored
            {
                rows.insert(stored.id, (**stored).clone());
            }
        }
        let is_sought = |row: &Token| {
            sought.iter().any(|sought| match sought {
                Sought::Named(Named::Id(id)) => row.id == *id,
                Sought::Named(Named::Reference(name)) => row.reference == *name && !row.deleted,
                Sought::Text(text) => row.token == *text,
                Sought::GivenBy(_) => true,
            })
        };
        past.tokens = rows.into_values().filter(is_sought).collect();
        past
    }

    fn counts(&self, id: TransactionId) -> bool {
        let mut counts = true;
        for record in self
            .records
            .iter()
            .filter(|record| record.transaction_id == id)
        {
            match &record.fact {
                Fact::Ended(ending) => {
                    counts = matches!(ending.answer, FinalAnswer::Approved(_))
                        || ending.reversal.is_some();
                }
                Fact::Reversed => counts = false,
                Fact::Resolved(resolved) => counts = resolved.outcome == Outcome::Approved,
                _ => {}
            }
        }
        counts
    }

    fn note(&mut self, action: &Action) {
        match action {
            Action::Append {
                record, position, ..
            } => {
                self.records.push((**record).clone());
                assert_eq!(position.0, self.records.len() as u64);
            }
            Action::CallDevice {
                device,
                call,
                command,
                ..
            } => {
                self.reader_call = Some((device.clone(), *call, (**command).clone()));
            }
            Action::CallGateway { call, command, .. } => {
                self.gateway_call = Some((*call, (**command).clone()));
            }
            Action::Keep {
                transaction,
                part: Kept::Number,
                ..
            } => self.numbers.push(*transaction),
            Action::Destroy {
                transaction,
                part: Kept::Number,
            } => self.destroyed.push(*transaction),
            Action::Keep {
                transaction,
                part: Kept::Read,
                ..
            } => self.reads.push(*transaction),
            Action::Destroy {
                transaction,
                part: Kept::Read,
            } => self.reads.retain(|kept| kept != transaction),
            _ => {}
        }
    }

    /// A gateway takes nothing of anybody, or as much as there is.
    pub(crate) fn full(&mut self, gateway: &str, full: bool) -> Vec<Effect> {
        let mut status = self.engine.gateways[&gateway.into()].clone();
        let parameters = status.parameters.as_mut().unwrap();
        parameters.in_flight_per_acceptor = full.then_some(0);
        self.step(Event::GatewayChanged {
            gateway: gateway.into(),
            status: Some(status),
        })
    }

    pub(crate) fn ask(&mut self, request: Request) -> Vec<Effect> {
        self.last_ticket += 1;
        self.last_id += 1;
        let event = Event::Asked {
            ticket: Ticket(self.last_ticket),
            caller: Caller {
                prompts: self.prompts,
                ..caller_of(self.register)
            },
            transaction_id: TransactionId(Uuid::from_u128(self.last_id)),
            request,
        };
        self.step(event)
    }

    pub(crate) fn money(&mut self, request: MoneyRequest) -> Vec<Effect> {
        self.ask(Request::Money(Box::new(request)))
    }

    pub(crate) fn cancel(&mut self, key: &str) -> Vec<Effect> {
        self.ask(Request::Cancel(Which::Key(key.into())))
    }

    pub(crate) fn reader(&mut self, reply: DeviceReply) -> Vec<Effect> {
        let (_, call, _) = self.reader_call.take().expect("the reader was called");
        self.step(Event::DeviceReplied { call, reply })
    }

    pub(crate) fn gateway(&mut self, reply: GatewayReply) -> Vec<Effect> {
        let (call, _) = self.gateway_call.take().expect("the gateway was called");
        self.step(Event::GatewayReplied { call, reply })
    }
}

pub(crate) fn caller() -> Caller {
    caller_of("register")
}

fn caller_of(register: &str) -> Caller {
    Caller {
        scope: Scope {
            register: register.into(),
            generation: 1,
        },
        others: false,
        prompts: PromptKinds::default(),
    }
}

pub(crate) fn euros(minor: i64) -> Amounts {
    let total = Amount {
        minor,
        currency: Currency::EUR,
    };
    Amounts {
        total,
        tip_minor: None,
        surcharge_minor: None,
        cashback_minor: None,
    }
}

/// All cards cost so many percent more.
pub(crate) fn percent(percent: u32) -> Surcharge {
    Surcharge {
        rate: Millionths::new(percent * Millionths::ONE / 100).unwrap(),
        ..Surcharge::default()
    }
}

pub(crate) fn request(key: &str, kind: Kind, gateway: &str) -> MoneyRequest {
    MoneyRequest {
        key: key.into(),
        kind,
        amounts: carries_amount(kind).then(|| euros(1_000)),
        amount_max: None,
        device: None,
        gateway: Some(gateway.into()),
        timeout_ms: None,
        reference: None,
        despite: Vec::new(),
        order: None,
        terms: Terms::default(),
    }
}

fn carries_amount(kind: Kind) -> bool {
    !kind.is_of_token()
        && !matches!(
            kind,
            Kind::Void { .. } | Kind::Undo { .. } | Kind::Verify | Kind::Balance | Kind::BatchClose
        )
}

pub(crate) fn reader_is(id: &str, ready: bool) -> Event {
    let abilities = DeviceAbilities::Reader {
        entries: vec![Entry::Chip],
        tip: true,
        offline: true,
        dcc: true,
    };
    let status = DeviceStatus {
        abilities,
        ready,
        retry_after_ms: None,
        why: None,
        protection: Protection::default(),
    };
    Event::DeviceChanged {
        device: id.into(),
        status: Some(status),
    }
}

/// One that answers by id and reverses by reference, one that remembers the last payment, and one
/// that can neither be asked nor reverse.
const TERMINALS: [&str; 3] = ["counter", "old", "deaf"];

pub(crate) fn terminal_is(id: &str, ready: bool) -> Event {
    let (inquiry, reversal) = match id {
        "counter" => (Inquiry::ById, TerminalReversal::ByReference),
        "old" => (Inquiry::LastOnly, TerminalReversal::NeedsCard),
        _ => (Inquiry::None, TerminalReversal::None),
    };
    let can = match id {
        "counter" => vec![
            Ability::Authorize,
            Ability::Refund,
            Ability::BatchClose,
            Ability::BatchTotals,
            Ability::RefundUnreferenced,
            Ability::Balance,
            Ability::Cashback,
        ],
        _ => Vec::new(),
    };
    let status = DeviceStatus {
        abilities: DeviceAbilities::Terminal {
            inquiry,
            reversal,
            can,
        },
        ready,
        retry_after_ms: None,
        why: None,
        protection: Protection::default(),
    };
    Event::DeviceChanged {
        device: id.into(),
        status: Some(status),
    }
}

/// A request to a terminal.
pub(crate) fn on_terminal(key: &str, kind: Kind, device: &str) -> MoneyRequest {
    MoneyRequest {
        device: Some(device.into()),
        gateway: None,
        ..request(key, kind, "")
    }
}

/// The terminal's word.
pub(crate) fn paid(decision: Decision, approved_minor: Option<i64>) -> DeviceReply {
    let mut answer = *answer(decision, approved_minor);
    answer.extras.reference = Some("receipt 7".into());
    DeviceReply::Paid(Box::new(TerminalOutcome {
        answer,
        entry: Some(Entry::Contactless),
        cvm: Some(Cvm::None),
        card: None,
    }))
}

pub(crate) fn gateway_is(id: &str, inquiry: bool, ready: bool) -> Event {
    let recipient = Recipient {
        gateway: id.into(),
        key_id: "1".into(),
        public_key: Opaque::default(),
        certificates: [].into(),
    };
    let parameters = GatewayParameters {
        currencies: vec![Currency::EUR],
        recipient,
        inquiry,
        in_flight_per_acceptor: None,
        reversal_before_next: false,
        reversal_needs_number: id == "numbered",
        can: ABILITIES.to_vec(),
        live: false,
        opens: Vec::new(),
        lists: Lists::default(),
    };
    let status = GatewayStatus {
        parameters: Some(parameters),
        ready,
        retry_after_ms: None,
    };
    Event::GatewayChanged {
        gateway: id.into(),
        status: Some(status),
    }
}

pub(crate) fn presented() -> DeviceReply {
    let card = CardFace {
        masked_pan: "541333******0002".into(),
        scheme: "mastercard".into(),
        application: None,
        aid: None,
        country: None,
        expiry: None,
    };
    DeviceReply::Presented {
        presentation_id: "p".into(),
        entry: Entry::Chip,
        card,
        tip_minor: None,
    }
}

pub(crate) fn authorized(completion_owed: bool) -> DeviceReply {
    DeviceReply::CardAuthorized {
        read_id: "r".into(),
        sealed: Opaque(vec![1]),
        entry: Entry::Chip,
        cvm: Cvm::OnlinePin,
        completion_owed,
        keys: Vec::new(),
        number: None,
    }
}

/// A read under keys that are spent with it.
pub(crate) fn spending(serials: &[&str]) -> DeviceReply {
    let mut read = authorized(false);
    if let DeviceReply::CardAuthorized { keys, .. } = &mut read {
        *keys = serials.iter().map(|serial| spent_key(serial)).collect();
    }
    read
}

pub(crate) fn spent_key(serial: &str) -> SpentKey {
    SpentKey {
        slot: "main".into(),
        serial: serial.into(),
    }
}

/// A read with the card's number sealed apart.
pub(crate) fn with_number() -> DeviceReply {
    let mut read = authorized(false);
    if let DeviceReply::CardAuthorized { number, .. } = &mut read {
        *number = Some(Opaque(vec![7]));
    }
    read
}

pub(crate) fn completed(accepted: bool) -> DeviceReply {
    DeviceReply::Completed {
        accepted,
        tags: Opaque::default(),
    }
}

pub(crate) fn prepared() -> GatewayReply {
    GatewayReply::Prepared {
        reference: "ref".into(),
    }
}

pub(crate) fn answer(decision: Decision, approved_minor: Option<i64>) -> Box<GatewayAnswer> {
    Box::new(GatewayAnswer {
        decision,
        response_code: "00".into(),
        response_text: None,
        approved_minor,
        approval_code: None,
        rrn: None,
        signature_required: false,
        issuer: Opaque::default(),
        extras: Extras::default(),
    })
}

/// The approval that a register is told.
pub(crate) fn approved(effects: &[Effect]) -> Option<&Approved> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Approved { approved, .. },
            ..
        } => Some(&**approved),
        _ => None,
    })
}

/// The refusal that a register is told.
pub(crate) fn refused(effects: &[Effect]) -> Option<&Refused> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Refused { refused, .. },
            ..
        } => Some(&**refused),
        _ => None,
    })
}
