// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripted faults: they wait in a list, and an exchange takes the first one that fits.

use crate::limits::{DELAY_MS_MAX, FAULTS_MAX};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What goes wrong.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// The gateway acts; nobody hears of it.
    LoseReply,
    /// The request travels for `delay_ms`, then all is well.
    #[serde(alias = "slow")]
    Delay,
    /// The request arrives twice.
    Duplicate,
    /// The gateway refuses the request.
    Refuse,
    /// The gateway is not there; with `after_send`, it left after taking the request unread.
    GoAway,
    /// The request is lost on its way.
    LoseRequest,
    /// The gateway acts and says the opposite.
    Contradict,
    /// The request hangs on its way: it arrives right after its reversal, or when it is let go.
    Late,
    /// The gateway says of whatever it is asked about that it is being worked on.
    Pending,
    /// The gateway says of whatever it is asked about that it does not know it.
    NotFound,
}

/// Which exchange goes wrong.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    OfferCurrency,
    Authorize,
    Forward,
    Modify,
    Inquire,
    Reverse,
    Reconcile,
    Report,
    Forget,
    /// Whatever comes next.
    Any,
}

/// A scripted fault.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) fault: FaultKind,
    #[serde(default = "any")]
    pub(crate) at: Place,
    /// How many exchanges it hits.
    #[serde(default = "once")]
    pub(crate) count: u32,
    /// How many exchanges pass unharmed before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) skip: u32,
    /// How long the request travels first.
    #[serde(default)]
    pub(crate) delay_ms: u64,
    /// For `go_away`.
    #[serde(default)]
    pub(crate) after_send: bool,
    /// Only exchanges over this amount, so that one of many concurrent ones can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) amount_minor: Option<i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn any() -> Place {
    Place::Any
}

fn once() -> u32 {
    1
}

/// The faults that wait.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Mutex<Vec<Fault>>,
    /// Length of the list: the usual exchange, with none waiting, takes no lock.
    count: AtomicUsize,
    unplugged: AtomicBool,
}

impl Faults {
    /// Faults that wait from the start.
    pub(crate) fn starting_with(faults: Vec<Fault>) -> Result<Self, String> {
        let all = Self::default();
        faults.into_iter().try_for_each(|fault| all.add(fault))?;
        Ok(all)
    }

    /// Whether somebody pulled the gateway's cable.
    pub(crate) fn is_unplugged(&self) -> bool {
        self.unplugged.load(Ordering::Acquire)
    }

    /// The fault for this exchange, if one waits for it.
    pub(crate) fn take(&self, at: Place, amount_minor: Option<i64>) -> Option<Fault> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut waiting = self.lock();
        let fits = |fault: &Fault| {
            (fault.at == at || fault.at == Place::Any)
                && (fault.amount_minor.is_none() || fault.amount_minor == amount_minor)
        };
        let place = waiting.iter().position(fits)?;
        if waiting[place].skip > 0 {
            waiting[place].skip -= 1;
            return None;
        }
        waiting[place].count -= 1;
        let fault = waiting[place].clone();
        if fault.count == 0 {
            waiting.remove(place);
        }
        self.count.store(waiting.len(), Ordering::Release);
        Some(fault)
    }

    pub(crate) fn add(&self, fault: Fault) -> Result<(), String> {
        if fault.count == 0 {
            return Err("`count` must be at least 1".into());
        }
        if fault.delay_ms > DELAY_MS_MAX {
            return Err(format!("`delay_ms` must be at most {DELAY_MS_MAX}"));
        }
        if fault.fault == FaultKind::Delay && fault.delay_ms == 0 {
            return Err("a delay needs `delay_ms`".into());
        }
        let asks = matches!(fault.at, Place::Inquire | Place::Any);
        if matches!(fault.fault, FaultKind::Pending | FaultKind::NotFound) && !asks {
            return Err("`pending` and `not_found` are answers of `inquire`".into());
        }
        let moves = matches!(fault.at, Place::Authorize | Place::Modify);
        if fault.fault == FaultKind::Late && !moves {
            return Err("`late` needs `at`: `authorize` or `modify`".into());
        }
        let mut waiting = self.lock();
        if waiting.len() == FAULTS_MAX {
            return Err(format!("{FAULTS_MAX} faults wait already"));
        }
        waiting.push(fault);
        self.count.store(waiting.len(), Ordering::Release);
        Ok(())
    }

    pub(crate) fn clear(&self) {
        let mut waiting = self.lock();
        waiting.clear();
        self.count.store(0, Ordering::Release);
        self.unplugged.store(false, Ordering::Release);
    }

    /// Pulls or plugs the cable.
    pub(crate) fn unplug(&self, unplugged: bool) {
        self.unplugged.store(unplugged, Ordering::Release);
    }

    /// What waits, as it was told.
    pub(crate) fn waiting(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
