// SPDX-License-Identifier: MIT OR Apache-2.0
//! One history: the daemon's own dispatcher and engine in a world, from the first happening to the
//! last, with every checker after every step.

use crate::checkers::{self, self_healing};
use crate::script::{Fates, Script};
use crate::tally::Tally;
use crate::watches;
use crate::world::{Happening, Intrusion, World};
use crate::{cashiers, gateways, persons, prices, readers, terminals, trace, vault};
use payhal_dispatcher::Dispatcher;
use payhal_dispatcher::ports::RegisterPort as _;
use payhal_engine::Engine;
use payhal_engine::answer::{Answer, Reason, Refused};
use payhal_engine::effect::RecallBy;
use payhal_engine::event::Event;
use payhal_engine::ids::Ticket;
use payhal_engine::record::Restored;
use payhal_engine::request::{Caller, Request};

/// How long faults go on, in happenings.
const TROUBLED_STEPS: u64 = 600;

/// How long a failed journal stays closed, at least.
const REOPEN_MS: u64 = 200;

pub(crate) struct History {
    pub(crate) world: World,
    dispatcher: Dispatcher,
    /// What plugins said while the journal was closed.
    heard: Vec<Event>,
}

impl History {
    fn new(seed: u64, trace: bool) -> Self {
        let mut world = World::new(seed);
        world.trace.wanted = trace;
        world.attach();
        let dispatcher = Dispatcher::new(Engine::new(prices::config(), Default::default()));
        Self {
            world,
            dispatcher,
            heard: Vec::new(),
        }
    }

    /// What chance makes of a seed.
    pub(crate) fn of_seed(seed: u64, trace: bool) -> Tally {
        let mut history = Self::lived(seed, trace);
        let mut tally = std::mem::take(&mut history.world.tally);
        tally.records(&history.world);
        tally
    }

    /// The same, with everything that is left of it.
    pub(crate) fn lived(seed: u64, trace: bool) -> Self {
        let mut history = Self::new(seed, trace);
        history.world.in_ms(3_000, Happening::Move);
        for _ in 0..TROUBLED_STEPS {
            history.maybe_trouble();
            history.advance();
        }
        history.calm_down();
        history.come_to_rest();
        history
    }

    /// A script, with what breaks into it. How many effects each life of the host had.
    pub(crate) fn of_script(
        script: &Script,
        intrusions: &[(u64, Intrusion)],
        trace: bool,
    ) -> Lives {
        let mut history = Self::calm(script.fates.clone());
        history.world.trace.wanted = trace;
        history.world.intrusions = intrusions.iter().copied().collect();
        for (place, (at_ms, _)) in script.acts.iter().enumerate() {
            history.world.in_ms(*at_ms, Happening::Act(place));
        }
        history.acts(script);
        history.dark_ask_again();
        history.come_to_rest();
        history.lives()
    }

    /// One without chance or faults; what happens is told from outside.
    pub(crate) fn calm(fates: Fates) -> Self {
        let mut history = Self::new(0, false);
        history.world.faults = false;
        history.world.script = Some(fates);
        history
    }

    /// Everything that happens until then, and then it is that time.
    pub(crate) fn until(&mut self, at_ms: u64) {
        while self.next_at().is_some_and(|next| next <= at_ms) {
            self.advance();
        }
        self.world.now_ms = self.world.now_ms.max(at_ms);
    }

    fn next_at(&self) -> Option<u64> {
        let alarm = self.dispatcher.next_alarm_boot_ms();
        let alarm = alarm.filter(|_| !self.world.journal_closed);
        self.world.next_at().into_iter().chain(alarm).min()
    }

    fn acts(&mut self, script: &Script) {
        let mut steps = 0;
        while steps < self_healing::QUIET_STEPS && self.advance_with(Some(script)) {
            steps += 1;
        }
    }

    fn lives(&self) -> Lives {
        Lives {
            effects: self.world.effects,
            life: self.world.life,
            intruded: self.world.intrusions.is_empty(),
            unsynced_max: self.world.unsynced_max,
        }
    }

    pub(crate) fn come_to_rest(&mut self) {
        for step in 0.. {
            if step >= self_healing::QUIET_STEPS {
                self_healing::never_rests();
            }
            if !self.advance() {
                break;
            }
        }
        checkers::rest(&self.world);
    }

    /// One happening. Whether there was one.
    pub(crate) fn advance(&mut self) -> bool {
        self.advance_with(None)
    }

    fn advance_with(&mut self, script: Option<&Script>) -> bool {
        let next = self.world.next_at();
        let alarm = self.dispatcher.next_alarm_boot_ms();
        let alarm = alarm.filter(|_| !self.world.journal_closed);
        match (next, alarm) {
            (None, None) => return false,
            (next, Some(alarm)) if next.is_none_or(|next| alarm < next) => {
                self.world.now_ms = self.world.now_ms.max(alarm);
                let now = self.world.now();
                self.dispatcher.fire_due(now, &mut self.world);
            }
            _ => {
                if let Some(happening) = self.world.take() {
                    self.happen(happening, script);
                }
            }
        }
        if self.world.dead {
            self.restart();
        }
        if std::mem::take(&mut self.world.changed) {
            checkers::step(&self.world);
        }
        true
    }

    fn happen(&mut self, happening: Happening, script: Option<&Script>) {
        let world = &mut self.world;
        let event = match happening {
            Happening::Deliver(event) => Some(event),
            Happening::ReaderDone(call) => readers::done(world, call),
            Happening::Exchange {
                call,
                command,
                reply_comes,
            } => gateways::exchange(world, call, &command, reply_comes),
            Happening::TillActs {
                device,
                call,
                command,
                subject,
                heard,
            } => {
                terminals::acts(world, &device, call, &command, subject, heard);
                None
            }
            Happening::TillReplied { call, reply } => Some(terminals::done(world, call, reply)),
            Happening::TillBack(device) => Some(terminals::back(world, &device)),
            Happening::Person(id) => persons::called(world, id),
            Happening::Commit => self.commit(),
            Happening::Vault => vault::done(world),
            Happening::JournalFailed => {
                self.journal_failed();
                None
            }
            Happening::JournalOpens => {
                self.journal_opens();
                None
            }
            Happening::Recall(recall, by) => {
                let past = world.journal.recall(&by).map(Box::new);
                (!world.journal.failing).then_some(Event::Recalled { recall, past })
            }
            Happening::Move if !world.faults => None,
            Happening::Move => {
                let delay_ms = world.random.below(4_000);
                world.in_ms(delay_ms, Happening::Move);
                cashiers::act(world)
            }
            Happening::Act(place) => script.and_then(|script| script.acts[place].1.done(world)),
            Happening::Next(device) => Some(cashiers::new_sale(world, Some(device))),
            Happening::Respond(number) => Some(cashiers::respond(world, number)),
            Happening::UseCard(id) => watches::use_card(world, id),
            Happening::Again(attempt) => Some(cashiers::ask(world, attempt)),
            Happening::Cancel(attempt) => Some(cashiers::cancel_of(world, attempt)),
            Happening::Forget => cashiers::forget(world),
        };
        if let Some(event) = event {
            self.step(event);
        }
    }

    fn step(&mut self, event: Event) {
        self.world.note(|| format!("* {}", trace::event(&event)));
        if let Event::GatewayReplied { call, .. } = &event {
            self.world.exchanges.remove(call);
        }
        if self.world.journal_closed {
            self.meanwhile(event);
            return;
        }
        let now = self.world.now();
        self.dispatcher.step(now, event, &mut self.world);
    }

    fn commit(&mut self) -> Option<Event> {
        if self.world.journal_closed || self.world.journal.failing {
            return None;
        }
        if self.world.faults && self.world.random.percent(1) {
            self.world.fail_disk();
            return None;
        }
        self.world.changed = true;
        Some(Event::Durable(self.world.journal.commit()))
    }

    /// As the daemon does: everybody is told what is certain, and what is on disk is the truth.
    fn journal_failed(&mut self) {
        if self.world.journal_closed {
            return;
        }
        self.world
            .note(|| "* the host learns that its journal failed".to_owned());
        let now = self.world.now();
        self.dispatcher.journal_failed(now, &mut self.world);
        if self.world.dead {
            return;
        }
        let kept = self.world.torn_at();
        self.world.journal.crash(kept);
        // The next engine knows nothing of them.
        self.world.exchanges.clear();
        self.world.news.owed.clear();
        terminals::reopened(&mut self.world);
        self.world.journal_closed = true;
        self.world.changed = true;
        let delay_ms = REOPEN_MS + self.world.random.below(10_000);
        self.world.in_ms(delay_ms, Happening::JournalOpens);
    }

    fn journal_opens(&mut self) {
        self.world.note(|| "* the journal is open again".to_owned());
        self.world.journal_closed = false;
        self.world.accepted.clear();
        let restored = self.world.journal.restored();
        vault::asked(&mut self.world, vault::Order::Only(restored.kept()));
        self.dispatcher.restart(restored);
        for event in std::mem::take(&mut self.heard) {
            self.step(event);
        }
        self.world.attach();
    }

    /// While the journal is closed nothing is promised; what plugins say is kept.
    fn meanwhile(&mut self, event: Event) {
        match event {
            Event::Asked {
                ticket,
                caller,
                request,
                ..
            } => self.asked_meanwhile(ticket, &caller, &request),
            Event::DeviceReplied { .. } | Event::GatewayReplied { .. } => self.heard.push(event),
            _ => {}
        }
    }

    fn asked_meanwhile(&mut self, ticket: Ticket, caller: &Caller, request: &Request) {
        let now = self.world.now();
        let (reason, key) = match request {
            Request::Money(money) => {
                let by = RecallBy::Key(caller.scope.of(&money.key), money.key.clone());
                let reason = match self.world.journal.recall(&by) {
                    Some(_) => Reason::OutcomeUnknown,
                    None => Reason::JournalUnavailable,
                };
                (reason, Some(money.key.clone()))
            }
            _ => (Reason::JournalUnavailable, None),
        };
        let mut refused = Refused::new(reason, now);
        refused.key = key;
        refused.retry_after_ms = Some(2_000);
        let answer = Answer::Refused {
            refused: Box::new(refused),
            replayed: false,
        };
        self.world.answer(ticket, answer);
    }

    fn maybe_trouble(&mut self) {
        let world = &mut self.world;
        if world.random.percent(1) && world.dies_in.is_none() {
            world.dies_in = Some(world.random.below(40));
        }
        if world.random.percent(1) {
            world.disturb();
        }
        if world.random.below(1_000) == 0 {
            world.disturb_clock();
        }
        if world.random.below(1_000) < 2 && world.dies_in.is_none() {
            // It is asked to stop, goes on for a while, and is gone.
            world.tally.count("orderly stops");
            world.in_ms(0, Happening::Deliver(Event::Stopping));
            world.dies_in = Some(20 + world.random.below(60));
        }
    }

    fn restart(&mut self) {
        self.world.tally.count("crashes");
        self.world.crash();
        self.begin(self.world.journal.restored());
    }

    /// A host begins with what its journal hands over.
    pub(crate) fn begin(&mut self, restored: Restored) {
        self.heard.clear();
        vault::asked(&mut self.world, vault::Order::Only(restored.kept()));
        self.dispatcher = Dispatcher::new(Engine::new(prices::config(), restored));
        self.world.attach();
    }

    /// Faults end; whoever was left in the dark asks again.
    fn calm_down(&mut self) {
        self.world.note(|| "from here on nothing breaks".to_owned());
        self.world.faults = false;
        self.world.dies_in = None;
        self.world.outages.clear();
        for id in readers::DEVICES {
            let event = readers::changed(id, true);
            self.world.in_ms(100_000, Happening::Deliver(event));
        }
        for id in terminals::TERMINALS {
            self.world.in_ms(100_000, Happening::TillBack(id.into()));
        }
        for id in gateways::GATEWAYS {
            let event = gateways::changed(id, true);
            self.world.in_ms(100_000, Happening::Deliver(event));
        }
        self.dark_ask_again();
    }

    fn dark_ask_again(&mut self) {
        for attempt in self.world.registers.in_the_dark() {
            let delay_ms = 2_000_000 + self.world.random.below(100_000_000);
            self.world.in_ms(delay_ms, Happening::Again(attempt));
        }
    }
}

/// What became of a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lives {
    /// Effects of the last life.
    pub(crate) effects: u64,
    /// How often the host died.
    pub(crate) life: u64,
    /// Whether everything broke in that should have.
    pub(crate) intruded: bool,
    /// Most records that were ever not synced.
    pub(crate) unsynced_max: usize,
}
