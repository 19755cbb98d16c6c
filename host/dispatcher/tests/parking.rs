// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nothing leaves before its record is durable, and a failed journal leaves nobody without an
//! answer.

use payhal_dispatcher::Dispatcher;
use payhal_dispatcher::ports::{JournalPort, PluginPort, RegisterPort, VaultPort};
use payhal_engine::answer::{Answer, Notification, Progress, Reason};
use payhal_engine::card::{CardFace, Cvm, Entry};
use payhal_engine::device::{DeviceAbilities, DeviceCommand, DeviceReply, DeviceStatus};
use payhal_engine::effect::RecallBy;
use payhal_engine::event::Event;
use payhal_engine::gateway::{
    Decision, Extras, GatewayAnswer, GatewayCommand, GatewayParameters, GatewayReply,
    GatewayStatus, Recipient,
};
use payhal_engine::ids::{
    CallId, DeviceId, GatewayId, Kept, Opaque, Position, RecallId, Scope, Ticket, TransactionId,
};
use payhal_engine::leases::LeaseNews;
use payhal_engine::money::{Amount, Amounts, Currency};
use payhal_engine::pricing::Lists;
use payhal_engine::prompt::{Prompt, PromptAnswer, PromptKinds};
use payhal_engine::protection::Protection;
use payhal_engine::record::{Record, Restored};
use payhal_engine::request::{Caller, Kind, MoneyRequest, Request, Terms};
use payhal_engine::time::Now;
use payhal_engine::{Config, Engine};
use uuid::Uuid;

const NOW: Now = Now {
    boot_ms: 1_000,
    wall_micros: 1_000_000,
    wall_trusted: true,
};

/// Writes down what it is asked for.
#[derive(Default)]
struct Wire {
    appended: Vec<(Position, Record, bool)>,
    recalls: Vec<RecallId>,
    reader: Vec<(CallId, DeviceCommand)>,
    stopped: Vec<CallId>,
    gateway: Vec<(CallId, GatewayCommand)>,
    answers: Vec<(Ticket, Answer)>,
    kept: Vec<TransactionId>,
    destroyed: Vec<TransactionId>,
}

impl VaultPort for Wire {
    fn keep(&mut self, transaction: TransactionId, _: Kept, _: Opaque) {
        self.kept.push(transaction);
    }

    fn destroy(&mut self, transaction: TransactionId, _: Kept) {
        self.destroyed.push(transaction);
    }
}

impl JournalPort for Wire {
    fn append(&mut self, position: Position, record: Box<Record>, lazy: bool) {
        self.appended.push((position, *record, lazy));
    }

    fn recall(&mut self, recall: RecallId, _by: RecallBy) {
        self.recalls.push(recall);
    }
}

impl PluginPort for Wire {
    fn call_device(&mut self, _: DeviceId, call: CallId, command: DeviceCommand, _: u64) {
        self.reader.push((call, command));
    }

    fn cancel_device(&mut self, _: DeviceId, call: CallId) {
        self.stopped.push(call);
    }

    fn deliver_device(&mut self, _: DeviceId, _: CallId, _: u64, _: PromptAnswer) {}

    fn call_gateway(&mut self, _: GatewayId, call: CallId, command: GatewayCommand, _: u64) {
        self.gateway.push((call, command));
    }
}

impl RegisterPort for Wire {
    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.answers.push((ticket, answer));
    }

    fn progress(&mut self, _: Ticket, _: Progress) {}

    fn prompt(&mut self, _: Ticket, _: Prompt) {}

    fn tell(&mut self, _: Ticket, _: LeaseNews) {}

    fn notify(&mut self, _: Notification) {}
}

struct Shop {
    dispatcher: Dispatcher,
    wire: Wire,
}

impl Shop {
    fn open() -> Self {
        let dispatcher = Dispatcher::new(Engine::new(Config::default(), Restored::default()));
        let mut shop = Self {
            dispatcher,
            wire: Wire::default(),
        };
        let abilities = DeviceAbilities::Reader {
            entries: vec![Entry::Contactless],
            tip: false,
            offline: false,
            dcc: false,
        };
        let status = DeviceStatus {
            abilities,
            ready: true,
            retry_after_ms: None,
            why: None,
            protection: Protection::default(),
        };
        shop.step(Event::DeviceChanged {
            device: "reader".into(),
            status: Some(status),
        });
        let recipient = Recipient {
            gateway: "gateway".into(),
            key_id: "1".into(),
            public_key: Opaque::default(),
            certificates: [].into(),
        };
        let parameters = GatewayParameters {
            currencies: Vec::new(),
            recipient,
            inquiry: true,
            in_flight_per_acceptor: None,
            reversal_before_next: false,
            reversal_needs_number: true,
            can: Vec::new(),
            live: false,
            opens: Vec::new(),
            lists: Lists::default(),
        };
        let status = GatewayStatus {
            parameters: Some(parameters),
            ready: true,
            retry_after_ms: None,
        };
        shop.step(Event::GatewayChanged {
            gateway: "gateway".into(),
            status: Some(status),
        });
        shop
    }

    fn step(&mut self, event: Event) {
        self.dispatcher.step(NOW, event, &mut self.wire);
    }

    fn ask(&mut self) {
        let total = Amount {
            minor: 500,
            currency: Currency::EUR,
        };
        let request = MoneyRequest {
            key: "k".into(),
            kind: Kind::Sale,
            amounts: Some(Amounts {
                total,
                tip_minor: None,
                surcharge_minor: None,
                cashback_minor: None,
            }),
            amount_max: None,
            device: None,
            gateway: None,
            timeout_ms: None,
            reference: None,
            despite: Vec::new(),
            order: None,
            terms: Terms::default(),
        };
        let scope = Scope {
            register: "register".into(),
            generation: 1,
        };
        self.step(Event::Asked {
            ticket: Ticket(1),
            caller: Caller {
                scope,
                others: false,
                prompts: PromptKinds::default(),
            },
            transaction_id: TransactionId(Uuid::from_u128(1)),
            request: Request::Money(Box::new(request)),
        });
        let recall = self
            .wire
            .recalls
            .pop()
            .expect("the key is recalled at once");
        self.step(Event::Recalled { recall, past: None });
    }

    /// As far as the intent, which is not durable yet.
    fn ask_and_present(&mut self) {
        self.ask();
        let card = CardFace {
            masked_pan: "541333******0002".into(),
            scheme: "mastercard".into(),
            application: None,
            aid: None,
            country: None,
            expiry: None,
        };
        self.reader_says(DeviceReply::Presented {
            presentation_id: "p".into(),
            entry: Entry::Contactless,
            card,
            tip_minor: None,
        });
        self.reader_says(DeviceReply::CardAuthorized {
            read_id: "r".into(),
            sealed: Opaque::default(),
            entry: Entry::Contactless,
            cvm: Cvm::None,
            completion_owed: false,
            keys: Vec::new(),
            number: Some(Opaque(vec![7])),
        });
        self.gateway_says(GatewayReply::Prepared {
            reference: "ref".into(),
        });
        assert!(
            self.wire.appended.is_empty(),
            "the intent before the number was kept"
        );
        for transaction in self.wire.kept.clone() {
            self.step(Event::Kept {
                transaction,
                part: Kept::Number,
                refused: None,
            });
        }
    }

    fn reader_says(&mut self, reply: DeviceReply) {
        let (call, _) = self.wire.reader.pop().expect("the reader was called");
        self.step(Event::DeviceReplied { call, reply });
    }

    fn gateway_says(&mut self, reply: GatewayReply) {
        let (call, _) = self.wire.gateway.pop().expect("the gateway was called");
        self.step(Event::GatewayReplied { call, reply });
    }

    fn reasons(&self) -> Vec<&Reason> {
        let refused = self
            .wire
            .answers
            .iter()
            .filter_map(|(_, answer)| match answer {
                Answer::Refused { refused, .. } => Some(&refused.reason),
                _ => None,
            });
        refused.collect()
    }
}

fn approval() -> GatewayReply {
    GatewayReply::Answered(Box::new(GatewayAnswer {
        decision: Decision::Approved,
        response_code: "00".into(),
        response_text: None,
        approved_minor: Some(500),
        approval_code: None,
        rrn: None,
        signature_required: false,
        issuer: Opaque::default(),
        extras: Extras::default(),
    }))
}

#[test]
fn the_gateway_is_asked_and_the_register_answered_only_once_durable() {
    let mut shop = Shop::open();
    shop.ask_and_present();
    assert_eq!(shop.wire.appended.len(), 1);
    assert!(
        shop.wire.gateway.is_empty(),
        "asked before the intent was durable"
    );
    shop.step(Event::Durable(Position(1)));
    assert_eq!(shop.wire.gateway.len(), 1);

    shop.gateway_says(approval());
    let lazy: Vec<_> = shop
        .wire
        .appended
        .iter()
        .map(|(_, _, lazy)| *lazy)
        .collect();
    assert_eq!(lazy, [false, true, false]);
    shop.step(Event::Durable(Position(2)));
    assert!(shop.wire.answers.is_empty() && shop.wire.reader.is_empty());
    assert!(shop.wire.destroyed.is_empty(), "the ending may be lost");
    shop.step(Event::Durable(Position(3)));
    assert_eq!(shop.wire.destroyed, shop.wire.kept);
    assert!(matches!(
        shop.wire.answers[..],
        [(Ticket(1), Answer::Approved { .. })]
    ));
    assert_eq!(shop.wire.reader.len(), 1);
}

#[test]
fn a_forgotten_ticket_gets_no_parked_answer() {
    let mut shop = Shop::open();
    shop.ask_and_present();
    shop.step(Event::Durable(Position(1)));
    shop.gateway_says(approval());
    shop.step(Event::Forgotten { ticket: Ticket(1) });
    shop.step(Event::Durable(Position(3)));
    assert!(shop.wire.answers.is_empty());
}

#[test]
fn a_failed_journal_answers_with_what_is_certain() {
    let mut before = Shop::open();
    before.ask();
    before.dispatcher.journal_failed(NOW, &mut before.wire);
    assert_eq!(before.reasons(), [&Reason::JournalUnavailable]);

    let mut with_intent = Shop::open();
    with_intent.ask_and_present();
    with_intent
        .dispatcher
        .journal_failed(NOW, &mut with_intent.wire);
    assert_eq!(with_intent.reasons(), [&Reason::OutcomeUnknown]);
    assert!(
        with_intent.wire.gateway.is_empty(),
        "what was parked must never happen"
    );

    let mut answered = Shop::open();
    answered.ask_and_present();
    answered.step(Event::Durable(Position(1)));
    answered.gateway_says(approval());
    answered.dispatcher.journal_failed(NOW, &mut answered.wire);
    assert_eq!(answered.reasons(), [&Reason::OutcomeUnknown]);
}

#[test]
fn a_host_that_stops_short_answers_with_what_is_certain() {
    let mut before = Shop::open();
    before.ask();
    before.dispatcher.stop_short(NOW, &mut before.wire);
    assert_eq!(before.reasons(), [&Reason::HostStopping]);

    let mut with_intent = Shop::open();
    with_intent.ask_and_present();
    with_intent.step(Event::Durable(Position(1)));
    with_intent
        .dispatcher
        .stop_short(NOW, &mut with_intent.wire);
    assert_eq!(with_intent.reasons(), [&Reason::OutcomeUnknown]);
}

#[test]
fn after_a_failed_journal_the_reader_is_stopped_and_late_replies_mean_nothing() {
    let mut shop = Shop::open();
    shop.ask();
    let (present, _) = shop.wire.reader.pop().expect("the reader was called");
    shop.dispatcher.journal_failed(NOW, &mut shop.wire);
    shop.dispatcher.restart(Restored::default());
    shop.step(Event::Durable(Position(0)));
    assert_eq!(shop.wire.stopped, [present]);
    assert!(!shop.dispatcher.is_quiet(), "the reader is still at it");

    // The next sale has the reader, and calls it when that call has ended.
    shop.ask();
    assert!(shop.wire.reader.is_empty());
    shop.step(Event::DeviceReplied {
        call: present,
        reply: DeviceReply::Cancelled,
    });
    let (next, _) = shop.wire.reader.pop().expect("the reader is free again");
    assert!(next > present, "numbers of calls go on");
    assert_eq!(shop.reasons().len(), 1, "only the first one was answered");
}
