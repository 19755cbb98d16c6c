// SPDX-License-Identifier: MIT OR Apache-2.0
//! Thousands of histories of the daemon's own engine and dispatcher in a world that fails in every
//! way it can: one seed, one history, every invariant checked after every step.

mod checkers;
mod journal;
mod ledger;
mod random;
mod registers;
mod tally;
mod world;

use payhal_dispatcher::Dispatcher;
use payhal_engine::event::Event;
use payhal_engine::{Config, Engine};
use registers::Registers;
use tally::Tally;
use world::{DEVICES, GATEWAYS, Happening, World};

/// From this many histories on, everything that can happen must have happened.
const TELLING_SEEDS: u64 = 100;
/// How long faults go on, in steps.
const TROUBLED_STEPS: u64 = 600;
/// How many steps the rest may take: far more than it needs.
const QUIET_STEPS: u64 = 100_000;

#[test]
fn every_invariant_holds_in_every_history() {
    let seeds = number("PAYHAL_SEEDS", 100);
    let from = number("PAYHAL_SEED_FROM", 0);
    let mut tally = Tally::default();
    for seed in from..from + seeds {
        let failed = Replay(seed);
        tally.add(Simulation::new(seed).run());
        std::mem::drop(failed);
    }
    println!("{seeds} histories: {tally:#?}");
    if seeds >= TELLING_SEEDS {
        tally.check();
    }
}

/// Says how to replay a history that panics.
struct Replay(u64);

impl Drop for Replay {
    #[expect(
        clippy::print_stdout,
        reason = "the test harness shows it with the failure"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("replay: cargo xtask simulate --seeds 1 --from {}", self.0);
        }
    }
}

fn number(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else {
        return default;
    };
    text.parse()
        .unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}"))
}

struct Simulation {
    world: World,
    dispatcher: Dispatcher,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        world.attach();
        world.in_ms(3_000, Happening::Move);
        let dispatcher = Dispatcher::new(Engine::new(Config::default(), Default::default()));
        Self { world, dispatcher }
    }

    fn run(mut self) -> Tally {
        for _ in 0..TROUBLED_STEPS {
            self.maybe_trouble();
            self.advance();
        }
        self.calm_down();
        for step in 0.. {
            assert!(step < QUIET_STEPS, "the world never comes to rest");
            if !self.advance() {
                break;
            }
        }
        checkers::told_as_recorded(&self.world);
        checkers::no_double_money(&self.world);
        checkers::no_lost_money(&self.world);
        checkers::chips_agreed(&self.world);
        checkers::everything_ended(&self.world);
        let mut tally = std::mem::take(&mut self.world.tally);
        tally.records(&self.world);
        tally
    }

    /// One happening. Whether there was one.
    fn advance(&mut self) -> bool {
        let next = self.world.next_at();
        let alarm = self.dispatcher.next_alarm_boot_ms();
        match (next, alarm) {
            (None, None) => return false,
            (next, Some(alarm)) if next.is_none_or(|next| alarm < next) => {
                self.world.now_ms = self.world.now_ms.max(alarm);
                let now = self.world.now();
                self.dispatcher.fire_due(now, &mut self.world);
            }
            _ => {
                if let Some(happening) = self.world.take() {
                    self.happen(happening);
                }
            }
        }
        if self.world.dead {
            self.restart();
        }
        checkers::sums_hold(&self.world);
        true
    }

    fn happen(&mut self, happening: Happening) {
        let event = match happening {
            Happening::Deliver(event) => Some(event),
            Happening::ReaderDone(call) => self.world.reader_done(call),
            Happening::Exchange {
                call,
                command,
                reply_comes,
            } => self.world.exchange(call, &command, reply_comes),
            Happening::Commit => self.commit(),
            Happening::Recall(recall, by) => {
                let past = self.world.journal.recall(&by).map(Box::new);
                Some(Event::Recalled { recall, past })
            }
            Happening::Move => {
                if self.world.faults {
                    let delay_ms = self.world.random.below(4_000);
                    self.world.in_ms(delay_ms, Happening::Move);
                    Registers::act(&mut self.world)
                } else {
                    None
                }
            }
            Happening::Next(device) => Some(Registers::new_sale(&mut self.world, Some(device))),
            Happening::Respond(number) => Registers::respond(&mut self.world, number),
            Happening::Again(attempt) => Some(Registers::ask(&mut self.world, attempt)),
        };
        if let Some(event) = event {
            let now = self.world.now();
            self.dispatcher.step(now, event, &mut self.world);
        }
    }

    fn commit(&mut self) -> Option<Event> {
        if self.world.faults && self.world.random.percent(1) {
            let now = self.world.now();
            self.world.tally.count("disk failures");
            self.world.disk_fails = true;
            self.dispatcher.journal_failed(now, &mut self.world);
            self.world.disk_fails = false;
            if !self.world.dead {
                self.world.disk_failed();
                self.dispatcher.restart(self.world.journal.restored());
            }
            return None;
        }
        Some(Event::Durable(self.world.journal.commit()))
    }

    fn maybe_trouble(&mut self) {
        if self.world.random.percent(1) && self.world.dies_in.is_none() {
            self.world.dies_in = Some(self.world.random.below(40));
        }
        if self.world.random.percent(1) {
            self.world.disturb();
        }
        if self.world.random.below(1_000) == 0 {
            self.world.tally.count("clock jumps");
            let hours = i64::try_from(self.world.random.below(48)).expect("small") - 24;
            self.world.clock_set_by_micros = hours * 3_600_000_000;
        }
        if self.world.random.below(1_000) < 2 && self.world.dies_in.is_none() {
            // It is asked to stop, goes on for a while, and is gone.
            self.world.tally.count("orderly stops");
            self.world.in_ms(0, Happening::Deliver(Event::Stopping));
            self.world.dies_in = Some(20 + self.world.random.below(60));
        }
    }

    fn restart(&mut self) {
        self.world.tally.count("crashes");
        self.world.crash();
        let restored = self.world.journal.restored();
        self.dispatcher = Dispatcher::new(Engine::new(Config::default(), restored));
        self.world.attach();
    }

    /// Faults end; whoever was left in the dark asks again.
    fn calm_down(&mut self) {
        self.world.faults = false;
        self.world.dies_in = None;
        for id in DEVICES {
            self.world
                .in_ms(100_000, Happening::Deliver(world::device_changed(id, true)));
        }
        for id in GATEWAYS {
            self.world.in_ms(
                100_000,
                Happening::Deliver(world::gateway_changed(id, true)),
            );
        }
        for attempt in self.world.registers.in_the_dark() {
            let delay_ms = 2_000_000 + self.world.random.below(100_000_000);
            self.world.in_ms(delay_ms, Happening::Again(attempt));
        }
    }
}
