// SPDX-License-Identifier: MIT OR Apache-2.0
//! The world around the dispatcher: virtual time, and everything that waits to happen in it.
//!
//! Everything is drawn from one seed. Readers, gateways and registers have files of their own; what
//! the dispatcher asks of them comes in through `ports.rs`.

use crate::currencies::Currencies;
use crate::journal::Journal;
use crate::ledger::{Entry, Ledger};
use crate::outages::{self, News, Outages};
use crate::prices::Prices;
use crate::random::Random;
use crate::readers::{self, DEVICES};
use crate::registers::Registers;
use crate::script::Fates;
use crate::tally::Tally;
use crate::terminals::{self, TERMINALS, Terminals};
use crate::trace::Trace;
use crate::vault::{self, Vault};
use crate::watches::Watches;
use crate::{cashiers, gateways};
use payhal_engine::card::SpentKey;
use payhal_engine::device::{DeviceCommand, DeviceReply};
use payhal_engine::effect::RecallBy;
use payhal_engine::event::Event;
use payhal_engine::gateway::GatewayCommand;
use payhal_engine::ids::{CallId, DeviceId, GatewayId, Position, RecallId, TransactionId};
use payhal_engine::time::Now;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use uuid::Uuid;

const BEGAN_MS: u64 = 1_800_000_000_000;
const BEGAN_MICROS: i64 = BEGAN_MS.cast_signed() * 1_000;

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Happening {
    Deliver(Event),
    /// A reader is done with a call.
    ReaderDone(CallId),
    /// An exchange reaches its gateway, whether or not the host still lives.
    Exchange {
        call: CallId,
        command: Box<GatewayCommand>,
        reply_comes: bool,
    },
    /// A terminal does what it was told; `heard`: how often its reply comes.
    TillActs {
        device: DeviceId,
        call: CallId,
        command: Box<DeviceCommand>,
        subject: TransactionId,
        heard: u32,
    },
    /// What a terminal, or its plugin, says.
    TillReplied {
        call: CallId,
        reply: DeviceReply,
    },
    /// A terminal is attached again.
    TillBack(DeviceId),
    /// A person settles what is left to people.
    Person(TransactionId),
    Commit,
    /// The vault is through with something.
    Vault,
    /// The host learns that its disk failed.
    JournalFailed,
    /// The journal is opened again.
    JournalOpens,
    Recall(RecallId, RecallBy),
    /// A register does something.
    Move,
    /// The next thing of the script.
    Act(usize),
    /// Somebody uses a card that was presented before.
    UseCard(Arc<str>),
    /// A register asks again.
    Again(usize),
    /// A register cancels.
    Cancel(usize),
    /// A register closes a connection.
    Forget,
    /// The next customer of this reader is there already.
    Next(DeviceId),
    /// A cashier answers a question that was shown.
    Respond(usize),
}

/// What breaks into a history at one effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Intrusion {
    /// The host dies before the effect; so many records of what was not synced were written.
    Crash { kept: usize },
    /// The disk fails.
    DiskFails,
    /// The register cancels its latest request.
    Cancel,
    /// The register closes a connection.
    Forget,
    /// The register asks the same once more.
    SameKey,
    /// The cashier begins anew under a new key.
    NewKey,
    /// Plugins die with everything they were doing.
    PluginsDie,
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
    pub(crate) journal_closed: bool,
    pub(crate) ledger: Ledger,
    pub(crate) vault: Vault,
    /// The next key of each reader.
    pub(crate) serials: BTreeMap<DeviceId, u64>,
    /// Keys that readers sealed under, by transaction.
    pub(crate) sealed_under: BTreeMap<TransactionId, Vec<SpentKey>>,
    pub(crate) registers: Registers,
    pub(crate) terminals: Terminals,
    /// What each reader is doing, and how that will end.
    pub(crate) readers_busy: BTreeMap<CallId, (DeviceId, DeviceReply)>,
    /// Exchanges whose reply the host waits for.
    pub(crate) exchanges: BTreeSet<CallId>,
    /// Questions of readers that nobody has answered.
    pub(crate) questions: BTreeSet<(CallId, u64)>,
    /// When each transaction of this life was accepted, and how many records there were.
    pub(crate) accepted: BTreeMap<TransactionId, (u64, u64)>,
    last_id: u128,
    pub(crate) faults: bool,
    /// The host dies after so many more effects.
    pub(crate) dies_in: Option<u64>,
    pub(crate) dead: bool,
    /// Effects so far in this life.
    pub(crate) effects: u64,
    /// Most records that were ever not synced.
    pub(crate) unsynced_max: usize,
    /// What breaks in at which effect of which life, in order.
    pub(crate) intrusions: VecDeque<(u64, Intrusion)>,
    /// A gateway that does not come back with the host.
    pub(crate) away: Option<&'static str>,
    pub(crate) outages: Outages,
    pub(crate) news: News,
    /// How often each was forwarded.
    pub(crate) forwards: BTreeMap<TransactionId, u32>,
    /// What is not left to chance.
    pub(crate) script: Option<Fates>,
    /// What was presented and sealed.
    pub(crate) prices: Prices,
    pub(crate) watches: Watches,
    /// What cards were offered and charged in their own currency.
    pub(crate) currencies: Currencies,
    pub(crate) tally: Tally,
    pub(crate) trace: Trace,
    /// How far people have set the wall clock from where it was.
    pub(crate) clock_set_by_micros: i64,
    pub(crate) clock_was_set: bool,
    /// Whether the host knows the wall clock to be right.
    pub(crate) clock_trusted: bool,
    /// The gateway that may have been sent an authorization, or what was accepted offline.
    pub(crate) sent_to: BTreeMap<TransactionId, GatewayId>,
    /// Transactions that a gateway was asked about.
    pub(crate) asked_about: BTreeSet<TransactionId>,
    /// Transactions that an inquiry found approved when nobody waited any more.
    pub(crate) found_too_late: BTreeSet<TransactionId>,
    /// Transactions whose chip accepted the approval.
    pub(crate) chips_agreed: BTreeSet<TransactionId>,
    /// Journal, ledger or what registers were told changed since the checkers looked.
    pub(crate) changed: bool,
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
            journal_closed: false,
            ledger: Ledger::default(),
            vault: Vault::default(),
            serials: BTreeMap::new(),
            sealed_under: BTreeMap::new(),
            registers: Registers::new(BEGAN_MS),
            terminals: Terminals::default(),
            readers_busy: BTreeMap::new(),
            exchanges: BTreeSet::new(),
            questions: BTreeSet::new(),
            accepted: BTreeMap::new(),
            last_id: 0,
            faults: true,
            dies_in: None,
            dead: false,
            effects: 0,
            unsynced_max: 0,
            intrusions: VecDeque::new(),
            away: None,
            outages: Outages::default(),
            news: News::default(),
            forwards: BTreeMap::new(),
            script: None,
            prices: Prices::default(),
            watches: Watches::default(),
            currencies: Currencies::default(),
            tally: Tally::default(),
            trace: Trace::default(),
            clock_set_by_micros: 0,
            clock_was_set: false,
            clock_trusted: true,
            sent_to: BTreeMap::new(),
            asked_about: BTreeSet::new(),
            found_too_late: BTreeSet::new(),
            chips_agreed: BTreeSet::new(),
            changed: false,
        }
    }

    pub(crate) fn now(&self) -> Now {
        let elapsed = i64::try_from(self.now_ms).expect("simulated time is short");
        let wall_micros = BEGAN_MICROS + elapsed * 1_000 + self.clock_set_by_micros;
        Now {
            boot_ms: self.now_ms,
            wall_micros,
            wall_trusted: self.clock_trusted && wall_micros >= BEGAN_MICROS,
        }
    }

    /// Everything that gateways and terminals hold.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&TransactionId, &Entry)> {
        let terminals = self.terminals.tills.values();
        let terminals = terminals.flat_map(|till| &till.entries);
        self.ledger.entries.iter().chain(terminals)
    }

    pub(crate) fn entry(&self, id: TransactionId) -> Option<&Entry> {
        let gateway = self.ledger.entries.get(&id);
        gateway.or_else(|| self.terminals.entry(id))
    }

    /// Whether a batch was closed by this transaction.
    pub(crate) fn is_closed_by(&self, id: TransactionId) -> bool {
        let mut tills = self.terminals.tills.values();
        tills.any(|till| till.closes.contains_key(&id)) || self.ledger.closes.contains_key(&id)
    }

    /// Whether something that moves its money is being asked for right now.
    pub(crate) fn is_asked(&self, id: TransactionId) -> bool {
        self.queue
            .values()
            .any(|(life, happening)| match happening {
                Happening::Exchange { call, command, .. } => {
                    let awaited = *life == self.life && self.exchanges.contains(call);
                    gateways::may_move(command) == Some(id) && awaited
                }
                _ => false,
            })
    }

    /// Whether something that may move its money is under way and nobody waits for what becomes of
    /// it; or its terminal is at it.
    pub(crate) fn is_on_its_way(&self, id: TransactionId) -> bool {
        let mut queue = self.queue.values();
        let sent = queue.any(|(life, happening)| match happening {
            Happening::Exchange { call, command, .. } => {
                let awaited = *life == self.life && self.exchanges.contains(call);
                gateways::may_move(command) == Some(id) && !awaited
            }
            Happening::TillActs {
                command, subject, ..
            } => *subject == id && !matches!(**command, DeviceCommand::Inquire { .. }),
            _ => false,
        });
        sent || self.terminals.is_running(id)
    }

    /// A person sees to it that its money comes back.
    pub(crate) fn undo_by_hand(&mut self, id: TransactionId) {
        let gateway = self.ledger.entries.get_mut(&id);
        let tills = self.terminals.tills.values_mut();
        let mut terminal = tills.filter_map(|till| till.entries.get_mut(&id));
        if let Some(entry) = gateway.or_else(|| terminal.next()) {
            entry.reversed = true;
        }
    }

    /// Whether its money moved and did not come back.
    pub(crate) fn stands(&self, id: TransactionId) -> bool {
        self.entry(id).is_some_and(Entry::stands)
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        self.trace.note(self.now_ms, line);
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
            Happening::Move
                | Happening::Act(_)
                | Happening::Again(_)
                | Happening::Cancel(_)
                | Happening::Forget
                | Happening::Next(_)
                | Happening::Respond(_)
                | Happening::UseCard(_)
                | Happening::TillBack(_)
                | Happening::Person(_)
        );
        match happening {
            Happening::Exchange { call, command, .. } if life != self.life => {
                Some(Happening::Exchange {
                    call,
                    command,
                    reply_comes: false,
                })
            }
            Happening::TillActs {
                device,
                call,
                command,
                subject,
                ..
            } if life != self.life => Some(Happening::TillActs {
                device,
                call,
                command,
                subject,
                heard: 0,
            }),
            happening if outside || life == self.life => Some(happening),
            _ => Some(Happening::Deliver(Event::Durable(Position(0)))),
        }
    }

    pub(crate) fn fresh_id(&mut self) -> TransactionId {
        self.last_id += 1;
        TransactionId(Uuid::from_u128(self.last_id))
    }

    /// An effect is about to happen. Whether the host is gone before it.
    pub(crate) fn gone_before(&mut self, effect: impl FnOnce() -> String) -> bool {
        if self.dead {
            return true;
        }
        if let Some((_, intrusion)) = self.intrusions.pop_front_if(|(at, _)| *at == self.effects) {
            self.intrude(intrusion);
        }
        self.effects += 1;
        if let Some(left) = &mut self.dies_in {
            self.dead |= *left == 0;
            *left = left.saturating_sub(1);
        }
        if self.dead {
            self.note(|| "the host dies".to_owned());
        } else {
            self.note(effect);
        }
        self.dead
    }

    fn intrude(&mut self, intrusion: Intrusion) {
        self.note(|| format!("here: {intrusion:?}"));
        let latest = self.registers.attempts.len().checked_sub(1);
        match intrusion {
            Intrusion::Crash { kept } => {
                self.dead = true;
                self.journal.kept_at_crash = Some(kept);
            }
            Intrusion::DiskFails => self.fail_disk(),
            Intrusion::PluginsDie => {
                readers::all_die(self);
                terminals::all_die(self);
                gateways::all_die(self);
            }
            Intrusion::Forget => self.in_ms(0, Happening::Forget),
            Intrusion::Cancel => {
                if let Some(latest) = latest {
                    self.in_ms(0, Happening::Cancel(latest));
                }
            }
            Intrusion::SameKey => {
                if let Some(latest) = latest {
                    self.in_ms(0, Happening::Again(latest));
                }
            }
            Intrusion::NewKey => {
                if let Some(latest) = latest {
                    let event = cashiers::again_under_new_key(self, latest);
                    self.in_ms(0, Happening::Deliver(event));
                }
            }
        }
    }

    /// From here on nothing is written; a moment later the host learns it.
    pub(crate) fn fail_disk(&mut self) {
        if self.journal.failing || self.journal_closed {
            return;
        }
        self.tally.count("disk failures");
        self.note(|| "the disk fails".to_owned());
        self.journal.failing = true;
        let delay_ms = self.random.below(50);
        self.in_ms(delay_ms, Happening::JournalFailed);
    }

    /// The host is gone; plugins die with it, what they sent is on its way.
    pub(crate) fn crash(&mut self) {
        let kept = self.torn_at();
        self.note(|| format!("of what was not synced, {kept} records reached the disk"));
        self.journal.crash(kept);
        vault::crash(self);
        self.journal_closed = false;
        self.life += 1;
        self.effects = 0;
        self.accepted.clear();
        self.readers_busy.clear();
        terminals::forgotten(self);
        self.exchanges.clear();
        self.questions.clear();
        self.news.owed.clear();
        self.dead = false;
        self.dies_in = None;
        self.changed = true;
        for attempt in self.registers.connections_lost() {
            let delay_ms = 500 + self.random.below(60_000);
            self.in_ms(delay_ms, Happening::Again(attempt));
        }
    }

    /// The journal is put back to what it was long ago; nobody remembers what came after.
    pub(crate) fn restore_copy(&mut self) {
        self.journal.restore_copy();
        vault::crash(self);
        self.vault.outlived = true;
        self.life += 1;
        self.accepted.clear();
        self.asked_about.clear();
        self.found_too_late.clear();
        self.news = News::default();
        let journal = &self.journal;
        let known = |id: &TransactionId| journal.line(*id).is_some();
        self.ledger.entries.retain(|id, _| known(id));
        for till in self.terminals.tills.values_mut() {
            till.entries.retain(|id, _| known(id));
        }
    }

    /// How many records of what was not synced reached the disk all the same.
    pub(crate) fn torn_at(&mut self) -> usize {
        if let Some(kept) = self.journal.kept_at_crash.take() {
            return kept;
        }
        self.random.index(self.journal.unsynced() + 1)
    }

    /// Devices and gateways of a fresh host come up.
    pub(crate) fn attach(&mut self) {
        for id in DEVICES {
            let delay_ms = self.random.below(3_000);
            self.in_ms(delay_ms, Happening::Deliver(readers::changed(id, true)));
        }
        for id in TERMINALS {
            let delay_ms = self.random.below(3_000);
            self.in_ms(delay_ms, Happening::TillBack(id.into()));
        }
        outages::attach(self);
    }

    /// Now and then something goes away and comes back.
    pub(crate) fn disturb(&mut self) {
        match self.random.below(15) {
            0..=2 => readers::unplug_one(self),
            3 => terminals::detach_one(self),
            4..=12 => gateways::lose_one(self),
            13 => {
                readers::all_die(self);
                terminals::all_die(self);
            }
            _ => gateways::all_die(self),
        }
    }

    /// Somebody sets the clock, or the host stops trusting it.
    pub(crate) fn disturb_clock(&mut self) {
        self.tally.count("clock jumps");
        self.clock_was_set = true;
        self.clock_trusted = self.random.percent(70);
        let hours = i64::try_from(self.random.below(48)).expect("small") - 24;
        self.clock_set_by_micros = hours * 3_600_000_000;
        self.note(|| format!("the clock is set by {hours} hours"));
    }
}
