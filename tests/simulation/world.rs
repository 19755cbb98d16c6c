// SPDX-License-Identifier: MIT OR Apache-2.0
//! The world around the dispatcher: virtual time, journal, readers, gateways, registers, faults.
//!
//! Everything that happens is drawn from one seed.

use crate::checkers;
use crate::journal::Journal;
use crate::ledger::{Chance, Ledger};
use crate::random::Random;
use crate::registers::Registers;
use crate::tally::Tally;
use payhal_dispatcher::ports::{JournalPort, PluginPort, RegisterPort};
use payhal_engine::answer::{Answer, Notification, Progress, Stage};
use payhal_engine::card::{CardFace, Cvm, Entry};
use payhal_engine::device::{
    CardRefusal, DeviceAbilities, DeviceCommand, DeviceReply, DeviceStatus,
};
use payhal_engine::effect::RecallBy;
use payhal_engine::event::Event;
use payhal_engine::gateway::{
    Ability, GatewayCommand, GatewayParameters, GatewayReply, GatewayStatus, Recipient,
};
use payhal_engine::ids::{
    CallId, DeviceId, GatewayId, Opaque, Position, RecallId, Ticket, TransactionId,
};
use payhal_engine::prompt::{DevicePrompt, Prompt, PromptAnswer, PromptKind};
use payhal_engine::record::Record;
use payhal_engine::time::Now;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

pub(crate) const DEVICES: [&str; 3] = ["reader-a", "reader-b", "reader-c"];
pub(crate) const GATEWAYS: [&str; 2] = ["asking", "mute"];
const BEGAN_MICROS: i64 = 1_800_000_000_000_000;

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Happening {
    Deliver(Event),
    /// A reader is done with a call.
    ReaderDone(CallId),
    /// An exchange reaches its gateway, whether or not the host still lives.
    Exchange {
        call: CallId,
        command: GatewayCommand,
        reply_comes: bool,
    },
    Commit,
    Recall(RecallId, RecallBy),
    /// A register does something.
    Move,
    /// A register asks again.
    Again(usize),
    /// The next customer of this reader is there already.
    Next(DeviceId),
    /// A cashier answers a question that was shown.
    Respond(usize),
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) now_ms: u64,
    queue: BTreeMap<(u64, u64), (u64, Happening)>,
    sequence: u64,
    /// Counts the host's lives: what belongs to a former one does not reach the next.
    pub(crate) life: u64,
    pub(crate) journal: Journal,
    pub(crate) ledger: Ledger,
    pub(crate) registers: Registers,
    readers_busy: BTreeMap<CallId, (DeviceId, DeviceReply)>,
    /// Questions of readers that nobody has answered.
    questions: BTreeSet<(CallId, u64)>,
    /// When each transaction was accepted.
    accepted: BTreeMap<TransactionId, u64>,
    last_id: u128,
    pub(crate) faults: bool,
    /// The host dies after so many more effects.
    pub(crate) dies_in: Option<u64>,
    pub(crate) dead: bool,
    pub(crate) tally: Tally,
    /// How far people have set the wall clock from where it was.
    pub(crate) clock_set_by_micros: i64,
    /// A commit fails just now.
    pub(crate) disk_fails: bool,
    /// Transactions that a gateway was asked about.
    pub(crate) asked_about: BTreeSet<TransactionId>,
    /// Transactions whose chip accepted the approval.
    pub(crate) chips_agreed: BTreeSet<TransactionId>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            now_ms: 1_000,
            queue: BTreeMap::new(),
            sequence: 0,
            life: 0,
            journal: Journal::default(),
            ledger: Ledger::default(),
            registers: Registers::default(),
            readers_busy: BTreeMap::new(),
            questions: BTreeSet::new(),
            accepted: BTreeMap::new(),
            last_id: 0,
            faults: true,
            dies_in: None,
            dead: false,
            tally: Tally::default(),
            clock_set_by_micros: 0,
            disk_fails: false,
            asked_about: BTreeSet::new(),
            chips_agreed: BTreeSet::new(),
        }
    }

    pub(crate) fn now(&self) -> Now {
        let elapsed = i64::try_from(self.now_ms).expect("simulated time is short");
        let wall_micros = BEGAN_MICROS + elapsed * 1_000 + self.clock_set_by_micros;
        let wall_trusted = wall_micros >= BEGAN_MICROS;
        Now {
            boot_ms: self.now_ms,
            wall_micros,
            wall_trusted,
        }
    }

    pub(crate) fn in_ms(&mut self, delay_ms: u64, happening: Happening) {
        self.sequence += 1;
        self.queue.insert(
            (self.now_ms + delay_ms, self.sequence),
            (self.life, happening),
        );
    }

    pub(crate) fn next_at(&self) -> Option<u64> {
        self.queue.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next happening; one of a former life only if it does not concern the host.
    pub(crate) fn take(&mut self) -> Option<Happening> {
        let ((at, _), (life, happening)) = self.queue.pop_first()?;
        self.now_ms = self.now_ms.max(at);
        let outside = matches!(
            happening,
            Happening::Exchange { .. }
                | Happening::Move
                | Happening::Again(_)
                | Happening::Next(_)
                | Happening::Respond(_)
        );
        match happening {
            Happening::Exchange { call, command, .. } if life != self.life => {
                Some(Happening::Exchange {
                    call,
                    command,
                    reply_comes: false,
                })
            }
            happening if outside || life == self.life => Some(happening),
            _ => Some(Happening::Deliver(Event::Durable(Position(0)))),
        }
    }

    pub(crate) fn fresh_id(&mut self) -> TransactionId {
        self.last_id += 1;
        TransactionId(Uuid::from_u128(self.last_id))
    }

    /// The host is gone; plugins die with it, what they sent is on its way.
    pub(crate) fn crash(&mut self) {
        let kept = self.journal.unsynced() as u64;
        let kept = if kept == 0 {
            0
        } else {
            self.random.below(kept + 1)
        };
        self.journal
            .crash(usize::try_from(kept).expect("few records"));
        self.life += 1;
        self.readers_busy.clear();
        self.questions.clear();
        self.dead = false;
        self.dies_in = None;
        for attempt in self.registers.connections_lost() {
            let delay_ms = 500 + self.random.below(60_000);
            self.in_ms(delay_ms, Happening::Again(attempt));
        }
    }

    /// A commit failed: what was not on disk is lost, the process lives on.
    pub(crate) fn disk_failed(&mut self) {
        self.journal.crash(0);
    }

    /// Devices and gateways of a fresh host come up.
    pub(crate) fn attach(&mut self) {
        for id in DEVICES {
            let delay_ms = self.random.below(3_000);
            self.in_ms(delay_ms, Happening::Deliver(device_changed(id, true)));
        }
        for id in GATEWAYS {
            let delay_ms = self.random.below(3_000);
            self.in_ms(delay_ms, Happening::Deliver(gateway_changed(id, true)));
        }
    }

    /// Now and then something goes away and comes back.
    pub(crate) fn disturb(&mut self) {
        let delay_ms = 1_000 + self.random.below(90_000);
        if self.random.percent(50) {
            let id = DEVICES[self.random.index(DEVICES.len())];
            self.in_ms(0, Happening::Deliver(device_changed(id, false)));
            self.in_ms(delay_ms, Happening::Deliver(device_changed(id, true)));
        } else {
            let id = GATEWAYS[self.random.index(GATEWAYS.len())];
            self.in_ms(0, Happening::Deliver(gateway_changed(id, false)));
            self.in_ms(delay_ms, Happening::Deliver(gateway_changed(id, true)));
        }
    }

    pub(crate) fn reader_done(&mut self, call: CallId) -> Option<Event> {
        let (_, reply) = self.readers_busy.remove(&call)?;
        Some(Event::DeviceReplied { call, reply })
    }

    /// An exchange happens. The reply, if it finds its way.
    pub(crate) fn exchange(
        &mut self,
        call: CallId,
        command: &GatewayCommand,
        reply_comes: bool,
    ) -> Option<Event> {
        let chance = Chance {
            declines: self.random.percent(10),
            partial: self.random.percent(10),
            contradicts: self.faults && self.random.percent(2),
            refuses_reversal: self.faults && self.random.percent(2),
        };
        let reply = self.ledger.exchange(command, chance);
        if !reply_comes {
            return None;
        }
        let event = Event::GatewayReplied { call, reply };
        if self.faults && self.random.percent(5) {
            let delay_ms = self.random.below(90_000);
            self.in_ms(delay_ms, Happening::Deliver(event.clone()));
        }
        Some(event)
    }

    /// A reader asks something during a call. How much longer the call takes.
    fn raise(&mut self, call: CallId) -> u64 {
        let number = self.random.below(3);
        let patience_ms = 5_000 + self.random.below(90_000);
        let kinds = [
            PromptKind::ChooseApplication,
            PromptKind::ConfirmSignature,
            PromptKind::EnterText,
        ];
        let prompt = DevicePrompt {
            number,
            kind: kinds[self.random.index(kinds.len())],
            text: "?".into(),
            choices: vec!["one".into(), "two".into()],
            timeout_ms: patience_ms,
        };
        self.questions.insert((call, number));
        let event = Event::DevicePrompted { call, prompt };
        self.in_ms(60, Happening::Deliver(event));
        self.random.below(patience_ms)
    }

    /// Whether the host dies before this effect.
    fn dies(&mut self) -> bool {
        if let Some(left) = &mut self.dies_in {
            if *left == 0 {
                self.dead = true;
            }
            *left = left.saturating_sub(1);
        }
        self.dead
    }

    fn read(&mut self, command: &DeviceCommand) -> (u64, DeviceReply) {
        let quick_ms = 100 + self.random.below(3_000);
        let broken = DeviceReply::Failed {
            effect_possible: true,
            reason: "unplugged".into(),
        };
        if self.faults && self.random.percent(5) {
            return (quick_ms, broken);
        }
        let refused = |refusal| DeviceReply::Refused {
            refusal,
            text: "no".into(),
        };
        match command {
            DeviceCommand::Present { timeout_ms, .. } => match self.random.below(20) {
                0 => (*timeout_ms, refused(CardRefusal::NoCard)),
                1 => (quick_ms, refused(CardRefusal::CancelledOnDevice)),
                2 => (quick_ms, refused(CardRefusal::CardUnreadable)),
                _ => (quick_ms, presented(self.random.next())),
            },
            DeviceCommand::AuthorizeCard { .. } => {
                if self.random.percent(5) {
                    return (quick_ms, refused(CardRefusal::PinFailed));
                }
                let completion_owed = self.random.percent(50);
                (quick_ms, authorized(self.random.next(), completion_owed))
            }
            DeviceCommand::Complete { .. } => {
                let accepted = self.random.percent(90);
                (
                    quick_ms,
                    DeviceReply::Completed {
                        accepted,
                        tags: Opaque::default(),
                    },
                )
            }
            DeviceCommand::Show { .. } => (quick_ms, DeviceReply::Shown),
            _ => (quick_ms, DeviceReply::Unsupported),
        }
    }
}

impl JournalPort for World {
    fn append(&mut self, position: Position, record: Box<Record>, lazy: bool) {
        if self.dies() {
            return;
        }
        self.journal.append(position, *record);
        let delay_ms = if lazy {
            5_000
        } else {
            1 + self.random.below(20)
        };
        if !lazy {
            if !self.journal.commit_scheduled {
                self.journal.commit_scheduled = true;
                self.in_ms(delay_ms, Happening::Commit);
            }
        } else if !self.journal.commit_scheduled {
            self.in_ms(delay_ms, Happening::Commit);
        }
    }

    fn recall(&mut self, recall: RecallId, by: RecallBy) {
        if !self.dies() {
            let delay_ms = 1 + self.random.below(50);
            self.in_ms(delay_ms, Happening::Recall(recall, by));
        }
    }
}

impl PluginPort for World {
    fn call_device(
        &mut self,
        device: DeviceId,
        call: CallId,
        command: DeviceCommand,
        deadline_boot_ms: u64,
    ) {
        if self.dies() {
            return;
        }
        checkers::device_is_free(&self.readers_busy, &device);
        checkers::journal_first_at_device(self, &command);
        checkers::one_basket(self, &command);
        if let DeviceCommand::Present { transaction_id, .. } = &command
            && self
                .accepted
                .get(transaction_id)
                .is_some_and(|at| *at < self.now_ms)
        {
            self.tally.count("readers handed over");
        }
        if self.random.percent(50) {
            let event = Event::DeviceProgressed {
                call,
                stage: Stage::Reading,
                text: "".into(),
            };
            self.in_ms(50, Happening::Deliver(event));
        }
        let (mut delay_ms, mut reply) = self.read(&command);
        if self.random.percent(15) {
            // The call goes on for as long as its question is open.
            delay_ms += self.raise(call);
        }
        if let (
            DeviceCommand::Complete { transaction_id, .. },
            DeviceReply::Completed { accepted: true, .. },
        ) = (&command, &reply)
        {
            self.chips_agreed.insert(*transaction_id);
        }
        let mut at_ms = self.now_ms + delay_ms;
        if at_ms > deadline_boot_ms {
            at_ms = deadline_boot_ms;
            reply = DeviceReply::Failed {
                effect_possible: true,
                reason: "deadline".into(),
            };
        }
        self.readers_busy.insert(call, (device, reply));
        let delay_ms = at_ms.saturating_sub(self.now_ms);
        self.in_ms(delay_ms, Happening::ReaderDone(call));
    }

    fn deliver_device(
        &mut self,
        _device: DeviceId,
        call: CallId,
        number: u64,
        answer: PromptAnswer,
    ) {
        if self.dies() {
            return;
        }
        let raised = self.questions.remove(&(call, number));
        assert!(
            raised,
            "an answer nobody asked for, or a second one: {answer:?}"
        );
        if self.readers_busy.contains_key(&call) {
            self.tally.count(match answer {
                PromptAnswer::None => "questions left to their default",
                _ => "questions answered",
            });
        }
    }

    fn cancel_device(&mut self, _device: DeviceId, call: CallId) {
        if self.dies() {
            return;
        }
        let obeys = self.random.percent(70);
        if let Some((_, reply)) = self.readers_busy.get_mut(&call)
            && obeys
        {
            *reply = DeviceReply::Cancelled;
            let delay_ms = self.random.below(500);
            self.in_ms(delay_ms, Happening::ReaderDone(call));
        }
    }

    fn call_gateway(
        &mut self,
        _gateway: GatewayId,
        call: CallId,
        command: GatewayCommand,
        deadline_boot_ms: u64,
    ) {
        if self.dies() {
            return;
        }
        checkers::journal_first_at_gateway(self, &command);
        if let GatewayCommand::Inquire { wire } = &command {
            self.asked_about.insert(wire.transaction_id);
        }
        let travel_ms = 20 + self.random.below(2_000);
        let until_ms = deadline_boot_ms.saturating_sub(self.now_ms);
        let fate = if self.faults {
            self.random.below(12)
        } else {
            11
        };
        let failed = |sent| {
            let reply = GatewayReply::Failed {
                sent,
                reason: "line".into(),
            };
            Happening::Deliver(Event::GatewayReplied { call, reply })
        };
        let exchange = |reply_comes| Happening::Exchange {
            call,
            command: command.clone(),
            reply_comes,
        };
        match fate {
            0 => self.in_ms(travel_ms, failed(false)),
            1 => self.in_ms(until_ms, failed(true)),
            2 => {
                self.in_ms(travel_ms, exchange(false));
                self.in_ms(travel_ms + 100, failed(true));
            }
            3 => {
                // Late: it arrives after the host has given it up.
                self.in_ms(travel_ms, failed(true));
                let late_ms = travel_ms + self.random.below(120_000);
                self.in_ms(late_ms, exchange(false));
            }
            4 => {
                self.in_ms(travel_ms, exchange(true));
                self.in_ms(travel_ms + 700, exchange(true));
            }
            _ => self.in_ms(travel_ms, exchange(true)),
        }
    }
}

impl RegisterPort for World {
    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        if self.dies() {
            return;
        }
        checkers::answer_is_durable(self, &answer);
        checkers::answer_is_true(self, &answer);
        if let Some(device) = Registers::next_customer(self, ticket) {
            let delay_ms = self.random.below(50);
            self.in_ms(delay_ms, Happening::Next(device));
        }
        if let Some((delay_ms, attempt)) = Registers::answered(self, ticket, &answer) {
            self.in_ms(delay_ms, Happening::Again(attempt));
        }
    }

    fn progress(&mut self, ticket: Ticket, progress: Progress) {
        if !self.dies() {
            self.registers.progressed(ticket, &progress);
        }
    }

    fn prompt(&mut self, ticket: Ticket, prompt: Prompt) {
        if !self.dies()
            && let Some((delay_ms, number)) = Registers::prompted(self, ticket, prompt)
        {
            self.in_ms(delay_ms, Happening::Respond(number));
        }
    }

    fn notify(&mut self, notification: Notification) {
        if !self.dies() {
            checkers::notification_is_true(self, &notification);
            if let Notification::Moved { progress, .. } = &notification {
                let accepted = self.accepted.entry(progress.transaction_id);
                accepted.or_insert(self.now_ms);
            }
        }
    }
}

pub(crate) fn device_changed(id: &str, ready: bool) -> Event {
    let abilities = DeviceAbilities::Reader {
        entries: vec![Entry::Chip],
    };
    let status = DeviceStatus {
        abilities,
        ready,
        retry_after_ms: None,
    };
    Event::DeviceChanged {
        device: id.into(),
        status: Some(status),
    }
}

pub(crate) fn gateway_changed(id: &str, ready: bool) -> Event {
    let recipient = Recipient {
        gateway: id.into(),
        key_id: "1".into(),
        public_key: Opaque(vec![4; 65]),
    };
    let parameters = GatewayParameters {
        currencies: Vec::new(),
        recipient,
        inquiry: id == GATEWAYS[0],
        in_flight_per_acceptor: None,
        reversal_before_next: id == GATEWAYS[1],
        can: vec![Ability::Refund, Ability::Void],
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

fn presented(number: u64) -> DeviceReply {
    DeviceReply::Presented {
        presentation_id: number.to_string().into(),
        entry: Entry::Chip,
        card: CardFace {
            masked_pan: "541333******0002".into(),
            scheme: "mastercard".into(),
            application: None,
            aid: None,
        },
    }
}

fn authorized(number: u64, completion_owed: bool) -> DeviceReply {
    DeviceReply::CardAuthorized {
        read_id: number.to_string().into(),
        sealed: Opaque(vec![1, 2, 3]),
        entry: Entry::Chip,
        cvm: Cvm::OnlinePin,
        completion_owed,
    }
}
