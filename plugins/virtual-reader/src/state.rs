// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the call that runs and the person beside the reader share.
//!
//! Owns waiting: a call waits here for cards, keys and cables, a person for a read to start. Each
//! wait ends at once when what it waits for happens. Nothing here may block while it holds the
//! lock.

use crate::action::{At, Fault, entry_of, mode_of};
use crate::config::{Moment, Plan, Selection};
use crate::error::{screen_words, unplugged};
use crate::fault;
use crate::limits::{FAULTS_MAX, KEYS_MAX};
use crate::other_card::OtherCard;
use crate::screen::Screen;
use crate::tip::Tip;
use payhal_card_data::TestCard;
use payhal_messages::apdu::AllowList;
use payhal_messages::card::Entry;
use payhal_messages::prompt::DeviceChange;
use payhal_plugin::{Context, Level, Outcome, PluginError};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroize;

/// Both sides' meeting point.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Rung when the reader begins to wait for something, for people who wait for that.
    started: Condvar,
    screen: Mutex<Screen>,
    /// For changes outside any call.
    own: Context,
    auto: Option<(&'static TestCard, Entry)>,
    /// Where an application is chosen.
    pub(crate) selection: Selection,
    /// Which cards that do not pay may be talked to.
    pub(crate) allowed: AllowList,
}

/// What is true now.
#[derive(Default)]
pub(crate) struct State {
    /// The cable is pulled.
    pub(crate) unplugged: bool,
    /// What the reader waits for.
    pub(crate) waiting: Waiting,
    /// A card shown and not yet noticed.
    offered: Option<Placed>,
    /// A card that does not pay, shown and not yet noticed.
    pub(crate) other: Option<&'static OtherCard>,
    /// The card in the slot, or the one last held to the antenna.
    pub(crate) placed: Option<Placed>,
    keys: Keypad,
    /// The application chosen and not yet noticed.
    pub(crate) chosen: Option<usize>,
    /// The tip that the reader asks for.
    pub(crate) tip: Option<Tip>,
    faults: Vec<Planned>,
    /// Steps so far: a fault happens once in each.
    steps: u64,
    /// A fault that alters the answer of the running call.
    spoil: Option<Fault>,
    script: VecDeque<(Moment, crate::action::Action)>,
    closed: bool,
}

/// What the reader waits for.
#[derive(Clone, Default, Eq, PartialEq)]
pub(crate) enum Waiting {
    /// Nothing.
    #[default]
    Nothing,
    /// A card, in one of these ways.
    Card(Vec<Entry>),
    /// A card that does not pay.
    OtherCard,
    /// The choice of one of these applications.
    Select(Vec<String>),
    /// A PIN.
    Keys,
}

/// A card and the way it was shown.
#[derive(Clone, Copy)]
pub(crate) struct Placed {
    pub(crate) card: &'static TestCard,
    pub(crate) entry: Entry,
}

/// Keys pressed and not yet read. Erased as they are read.
#[derive(Default)]
struct Keypad(VecDeque<u8>);

impl Keypad {
    fn clear(&mut self) {
        self.0.make_contiguous().zeroize();
        self.0.clear();
    }
}

impl Drop for Keypad {
    fn drop(&mut self) {
        self.clear();
    }
}

struct Planned {
    fault: Fault,
    at: At,
    left: u32,
    delay: Duration,
    /// The step it last happened in.
    happened: Option<u64>,
}

impl State {
    /// Shows a card to the reader. `None`: no read is running.
    pub(crate) fn offer(
        &mut self,
        card: &'static TestCard,
        entry: Entry,
    ) -> Option<Result<(), String>> {
        let Waiting::Card(entries) = &self.waiting else {
            return None;
        };
        if self.offered.is_some() || self.unplugged {
            return None;
        }
        if !card.entries.contains(&mode_of(entry)) {
            let ways: Vec<_> = card
                .entries
                .iter()
                .map(|mode| name_of(entry_of(*mode)))
                .collect();
            return Some(Err(format!(
                "this card can be read by {} only",
                ways.join(", ")
            )));
        }
        if !entries.contains(&entry) {
            let ways: Vec<_> = entries.iter().map(|entry| name_of(*entry)).collect();
            return Some(Err(format!(
                "the reader waits for {} only",
                ways.join(", ")
            )));
        }
        let placed = Placed { card, entry };
        self.offered = Some(placed);
        self.placed = Some(placed);
        Some(Ok(()))
    }

    /// The card that was shown, once.
    pub(crate) fn take_offered(&mut self) -> Option<Placed> {
        self.offered.take()
    }

    /// Presses keys; false when too many are pending.
    pub(crate) fn press(&mut self, keys: &[u8]) -> bool {
        let room = self.keys.0.len() + keys.len() <= KEYS_MAX;
        if room {
            // Reserved once, so that the buffer never moves and leaves a copy behind.
            let pending = self.keys.0.len();
            self.keys.0.reserve_exact(KEYS_MAX - pending);
            self.keys.0.extend(keys);
        }
        room
    }

    /// The next key.
    pub(crate) fn take_key(&mut self) -> Option<u8> {
        let front = self.keys.0.front_mut()?;
        let key = std::mem::take(front);
        self.keys.0.pop_front();
        Some(key)
    }

    /// Plans a fault; false when too many are planned.
    pub(crate) fn plan(&mut self, fault: Fault, at: At, count: u32, delay: Duration) -> bool {
        let room = self.faults.len() < FAULTS_MAX;
        if room && count > 0 {
            self.faults.push(Planned {
                fault,
                at,
                left: count,
                delay,
                happened: None,
            });
        }
        room
    }

    /// A fault that is due, counted down.
    fn take_fault(&mut self, at: At) -> Option<(Fault, Duration)> {
        let step = Some(self.steps);
        let due = |planned: &Planned| {
            (planned.at == at || planned.at == At::Now) && planned.happened != step
        };
        let place = self.faults.iter().position(due)?;
        let planned = &mut self.faults[place];
        let taken = (planned.fault, planned.delay);
        planned.happened = step;
        planned.left -= 1;
        if planned.left == 0 {
            self.faults.remove(place);
        }
        Some(taken)
    }

    /// Undoes everything that people and faults did; whether nothing waits.
    pub(crate) fn reset(&mut self) -> bool {
        self.unplugged = false;
        self.offered = None;
        self.placed = None;
        self.chosen = None;
        self.tip = None;
        self.spoil = None;
        self.keys.clear();
        self.faults.clear();
        self.script.clear();
        self.waiting == Waiting::Nothing
    }
}

/// While it lives, the reader waits for something.
pub(crate) struct WaitingGuard<'a>(&'a Shared);

impl Drop for WaitingGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting = Waiting::Nothing;
        state.offered = None;
        state.other = None;
        state.chosen = None;
        state.tip = None;
        state.keys.clear();
    }
}

enum Woken<T> {
    Happened(T),
    Unplugged,
    Fault(Fault, Duration),
}

impl Shared {
    pub(crate) fn new(plan: Plan, own: &Context) -> Self {
        let state = State {
            script: plan.script.into(),
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            started: Condvar::new(),
            screen: Mutex::new(Screen::idle()),
            own: own.clone(),
            auto: plan.auto,
            selection: plan.selection,
            allowed: plan.allowed,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The card that answers every read, if the configuration names one.
    pub(crate) fn auto(&self) -> Option<(&'static TestCard, Entry)> {
        self.auto
    }

    /// Lets the call that runs look again.
    pub(crate) fn wake(&self) {
        self.own.waker().wake();
    }

    /// Begins a step: faults planned for it happen, and a pulled cable ends it.
    pub(crate) fn enter(&self, at: At, context: &Context) -> Result<(), PluginError> {
        {
            let mut state = self.lock();
            state.spoil = None;
            state.steps += 1;
        }
        loop {
            self.check_attached()?;
            let due = self.lock().take_fault(at);
            match due {
                Some((fault, delay)) => fault::carry_out(self, fault, delay, context)?,
                None => return Ok(()),
            }
        }
    }

    pub(crate) fn check_attached(&self) -> Result<(), PluginError> {
        match self.lock().unplugged {
            true => Err(PluginError::not_sent("reach the reader: it is unplugged")),
            false => Ok(()),
        }
    }

    /// Alters the answer of the running call.
    pub(crate) fn spoil(&self, fault: Fault) {
        self.lock().spoil = Some(fault);
    }

    /// How the answer of the running call is to be altered.
    pub(crate) fn take_spoil(&self) -> Option<Fault> {
        self.lock().spoil.take()
    }

    /// Tells people that the reader waits, until the guard is dropped.
    pub(crate) fn begin(&self, waiting: Waiting) -> WaitingGuard<'_> {
        self.lock().waiting = waiting;
        self.started.notify_all();
        WaitingGuard(self)
    }

    /// Waits until `ready` has something; `None` when time is up. Faults that are due at any
    /// moment happen here.
    pub(crate) fn wait<T>(
        &self,
        context: &Context,
        until: Instant,
        mut ready: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<Option<T>, PluginError> {
        let until = until.min(context.deadline());
        loop {
            let woken = context.wait_for(until, || {
                let mut state = self.lock();
                if state.unplugged {
                    return Some(Woken::Unplugged);
                }
                if let Some((fault, delay)) = state.take_fault(At::Now) {
                    return Some(Woken::Fault(fault, delay));
                }
                ready(&mut state).map(Woken::Happened)
            })?;
            match woken {
                Some(Woken::Happened(what)) => return Ok(Some(what)),
                Some(Woken::Unplugged) => return Err(unplugged()),
                Some(Woken::Fault(fault, delay)) => fault::carry_out(self, fault, delay, context)?,
                None => return Ok(None),
            }
        }
    }

    /// Waits on a person's behalf until `attempt` has an answer, at most that long.
    pub(crate) fn when<T>(
        &self,
        patience: Duration,
        mut attempt: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let mut answer = None;
        let state = self.lock();
        let waited = self.started.wait_timeout_while(state, patience, |state| {
            answer = attempt(state);
            answer.is_none() && !state.closed
        });
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        answer
    }

    /// The next step of the script, if it is due at this moment.
    pub(crate) fn next_step(&self, moment: Moment) -> Option<crate::action::Action> {
        let mut state = self.lock();
        let due = state.script.front().is_some_and(|(on, _)| *on == moment);
        let step = due.then(|| state.script.pop_front()).flatten();
        step.map(|(_, action)| action)
    }

    /// Pulls the cable.
    pub(crate) fn unplug(&self) {
        {
            let mut state = self.lock();
            state.unplugged = true;
            state.placed = None;
        }
        self.wake();
        let reason = "the cable was pulled".to_owned();
        self.own.change(&DeviceChange::Detached { reason });
    }

    /// Plugs it in again; false when it was in.
    pub(crate) fn plug(&self) -> bool {
        let was_out = std::mem::take(&mut self.lock().unplugged);
        if was_out {
            self.own.change(&DeviceChange::Attached);
            self.show(Screen::idle());
        }
        was_out
    }

    /// Changes the display. The host hears of it, unless nobody is there to look.
    pub(crate) fn show(&self, screen: Screen) {
        let mut shown = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown == screen {
            return;
        }
        *shown = screen;
        if self.auto.is_none() {
            let lines = shown.lines().to_vec();
            self.own.change(&DeviceChange::Screen { lines });
        }
    }

    /// What the display shows.
    pub(crate) fn screen(&self) -> Screen {
        let shown = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        shown.clone()
    }

    /// Shows how a call ended, unless it went well.
    pub(crate) fn show_ending<T>(&self, outcome: &Outcome<T>) {
        match outcome {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => self.show(Screen::of(&["", screen_words(&refusal.code)])),
            Err(PluginError::Cancelled) => self.show(Screen::of(&["", "Cancelled"])),
            Err(_) => self.show(Screen::idle()),
        }
    }

    pub(crate) fn warn(&self, text: &str) {
        self.own.log(Level::Warn, text);
    }

    /// Lets everybody who waits go.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.started.notify_all();
        self.wake();
    }
}

/// The name that messages and people use.
pub(crate) fn name_of(entry: Entry) -> &'static str {
    match entry {
        Entry::Chip => "chip",
        Entry::Contactless => "contactless",
        Entry::Stripe => "stripe",
        Entry::Manual => "manual",
    }
}
