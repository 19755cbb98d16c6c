// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the call that runs and the person beside the terminal share.
//!
//! Owns waiting: a call waits here for cards, keys and cables, a person for a payment to start.
//! Each wait ends at once when what it waits for happens. Nothing here may block while it holds
//! the lock.

use crate::action::{At, FaultOrder, Offline, Tip, can_be_read, entry_of, name_of};
use crate::config::{Plan, Selection};
use crate::error::unplugged;
use crate::fault;
use crate::ledger::Ledger;
use crate::limits::{FAULTS_MAX, KEYS_MAX};
use crate::screen::Screen;
use payhal_card_data::TestCard;
use payhal_messages::card::Entry;
use payhal_messages::manifest::{Inquiry, TerminalReversal};
use payhal_messages::prompt::DeviceChange;
use payhal_plugin::{Context, PluginError};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroize;

/// Both sides' meeting point.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Rung when the terminal begins to wait for something, for people who wait for that.
    started: Condvar,
    screen: Mutex<Screen>,
    /// For changes outside any call.
    own: Context,
    set: Set,
    pub(crate) ledger: Ledger,
    pub(crate) auto: Option<(&'static TestCard, Entry)>,
    pub(crate) selection: Selection,
    /// Whether customers are offered the currency of their card.
    pub(crate) offers_currency: bool,
    pub(crate) inquiry: Inquiry,
    pub(crate) reversal: TerminalReversal,
    pub(crate) latency: Duration,
}

/// What is true now.
#[derive(Default)]
pub(crate) struct State {
    /// The cable is pulled.
    pub(crate) unplugged: bool,
    /// What the terminal waits for.
    pub(crate) waiting: Waiting,
    /// A card shown and not yet noticed.
    offered: Option<Placed>,
    /// The card in the slot, or the one last held to the antenna.
    pub(crate) placed: Option<Placed>,
    keys: Keypad,
    /// The application chosen and not yet noticed.
    pub(crate) chosen: Option<usize>,
    pub(crate) tip: Tip,
    pub(crate) surcharge_basis_points: i64,
    pub(crate) offline: Offline,
    faults: Vec<Planned>,
    /// Steps so far: a fault happens once in each.
    steps: u64,
    closed: bool,
}

/// What the terminal waits for.
#[derive(Clone, Default, Eq, PartialEq)]
pub(crate) enum Waiting {
    /// Nothing.
    #[default]
    Nothing,
    /// A card.
    Card,
    /// The choice of one of these applications.
    Select(Vec<String>),
    /// A tip or a PIN.
    Keys,
    /// The cashier.
    Register,
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
    order: FaultOrder,
    /// The step it last happened in.
    happened: Option<u64>,
}

impl State {
    /// Shows a card to the terminal. `None`: it waits for none.
    pub(crate) fn offer(
        &mut self,
        card: &'static TestCard,
        entry: Entry,
    ) -> Option<Result<(), String>> {
        if self.waiting != Waiting::Card || self.offered.is_some() || self.unplugged {
            return None;
        }
        if !can_be_read(card, entry) {
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

    /// Whether the cancel key is among those pressed; the others are dropped.
    pub(crate) fn cancel_pressed(&mut self) -> bool {
        std::iter::from_fn(|| self.take_key()).any(|key| key == b'*')
    }

    /// Plans a fault; false when too many are planned.
    pub(crate) fn plan(&mut self, order: FaultOrder) -> bool {
        let room = self.faults.len() < FAULTS_MAX;
        if room && order.count > 0 {
            self.faults.push(Planned {
                order,
                happened: None,
            });
        }
        room
    }

    /// The faults that wait.
    pub(crate) fn planned(&self) -> Vec<&FaultOrder> {
        self.faults.iter().map(|planned| &planned.order).collect()
    }

    /// A fault that is due, counted down.
    fn take_fault(&mut self, fits: impl Fn(&FaultOrder) -> bool) -> Option<FaultOrder> {
        let step = Some(self.steps);
        let due = |planned: &Planned| planned.happened != step && fits(&planned.order);
        let place = self.faults.iter().position(due)?;
        let planned = &mut self.faults[place];
        let taken = planned.order.clone();
        planned.happened = step;
        planned.order.count -= 1;
        if planned.order.count == 0 {
            self.faults.remove(place);
        }
        Some(taken)
    }

    /// Undoes what people and faults did; whether nothing waits.
    fn reset(&mut self, set: &Set) -> bool {
        self.unplugged = false;
        self.offered = None;
        self.placed = None;
        self.chosen = None;
        self.keys.clear();
        self.faults.clear();
        self.tip = set.tip;
        self.surcharge_basis_points = set.surcharge_basis_points;
        self.offline = set.offline;
        self.waiting == Waiting::Nothing
    }
}

/// What the configuration says of what people can change.
struct Set {
    tip: Tip,
    surcharge_basis_points: i64,
    offline: Offline,
}

/// While it lives, the terminal waits for something.
pub(crate) struct WaitingGuard<'a>(&'a Shared);

impl Drop for WaitingGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting = Waiting::Nothing;
        state.offered = None;
        state.chosen = None;
        state.keys.clear();
    }
}

enum Woken<T> {
    Happened(T),
    Unplugged,
    Fault(FaultOrder),
}

impl Shared {
    pub(crate) fn new(plan: Plan, ledger: Ledger, own: &Context) -> Self {
        let set = Set {
            tip: plan.tip,
            surcharge_basis_points: plan.surcharge_basis_points,
            offline: plan.offline,
        };
        let mut state = State::default();
        state.reset(&set);
        state.faults = plan
            .faults
            .into_iter()
            .map(|order| Planned {
                order,
                happened: None,
            })
            .collect();
        Self {
            state: Mutex::new(state),
            started: Condvar::new(),
            screen: Mutex::new(Screen::idle()),
            own: own.clone(),
            set,
            ledger,
            auto: plan.auto,
            selection: plan.selection,
            offers_currency: plan.own_currency,
            inquiry: plan.inquiry,
            reversal: plan.reversal,
            latency: Duration::from_millis(plan.latency_ms),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the call that runs look again.
    pub(crate) fn wake(&self) {
        self.own.waker().wake();
    }

    /// Begins a step: faults planned for it happen, and a pulled cable ends it. What is left for
    /// the command itself to do wrong is returned.
    pub(crate) fn enter(
        &self,
        at: At,
        amount_minor: Option<i64>,
        context: &Context,
    ) -> Result<Option<FaultOrder>, PluginError> {
        self.lock().steps += 1;
        let fits = |order: &FaultOrder| {
            (order.at == at || order.at == At::Now && at.is_begin())
                && (order.amount_minor.is_none() || order.amount_minor == amount_minor)
        };
        let mut left = None;
        loop {
            self.check_attached(at)?;
            let due = self.lock().take_fault(fits);
            match due {
                Some(order) if order.fault.is_for_the_command() => left = Some(order),
                Some(order) => fault::carry_out(self, &order, at, context)?,
                None => return Ok(left),
            }
        }
    }

    fn check_attached(&self, at: At) -> Result<(), PluginError> {
        match self.lock().unplugged {
            true if at.is_answer() => Err(unplugged()),
            true => Err(PluginError::not_sent("reach the terminal: it is unplugged")),
            false => Ok(()),
        }
    }

    /// Whether anybody could be reached.
    pub(crate) fn attached(&self) -> Result<(), PluginError> {
        self.check_attached(At::Now)
    }

    /// A fault of the collection, which ends no call.
    pub(crate) fn rejects(&self, amount_minor: i64) -> bool {
        let mut state = self.lock();
        state.steps += 1;
        let fits = |order: &FaultOrder| {
            order.at == At::Collect
                && (order.amount_minor.is_none() || order.amount_minor == Some(amount_minor))
        };
        state.take_fault(fits).is_some()
    }

    /// Tells people that the terminal waits, until the guard is dropped.
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
        let fits = |order: &FaultOrder| {
            order.at == At::Now && order.amount_minor.is_none() && !order.fault.is_for_the_command()
        };
        loop {
            let woken = context.wait_for(until, || {
                let mut state = self.lock();
                if state.unplugged {
                    return Some(Woken::Unplugged);
                }
                if let Some(order) = state.take_fault(fits) {
                    return Some(Woken::Fault(order));
                }
                ready(&mut state).map(Woken::Happened)
            })?;
            match woken {
                Some(Woken::Happened(what)) => return Ok(Some(what)),
                Some(Woken::Unplugged) => return Err(unplugged()),
                Some(Woken::Fault(order)) => fault::carry_out(self, &order, At::Now, context)?,
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

    /// Undoes everything but the ledger; whether the cable had been out.
    pub(crate) fn reset(&self) -> bool {
        let was_out = self.plug();
        let idle = self.lock().reset(&self.set);
        if idle {
            self.show(Screen::idle());
        }
        was_out
    }

    /// Lets everybody who waits go.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.started.notify_all();
        self.wake();
    }
}
