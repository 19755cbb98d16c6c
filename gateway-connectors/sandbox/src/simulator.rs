// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripted faults, and what a person may ask a simulated gateway.
//!
//! Faults wait in a list; an exchange takes the first one that fits. No answer here may hold
//! more of a card than its mask.

use crate::entry::Entry;
use crate::ledger::Ledger;
use crate::limits::{DELAY_MS_MAX, ENTRIES_MAX, FAULTS_MAX};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
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
    /// The gateway acts and says the opposite.
    Contradict,
}

/// Which exchange goes wrong.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    Authorize,
    Modify,
    Inquire,
    Reverse,
    Reconcile,
    Report,
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
        waiting[place].count -= 1;
        let fault = waiting[place].clone();
        if fault.count == 0 {
            waiting.remove(place);
        }
        self.count.store(waiting.len(), Ordering::Release);
        Some(fault)
    }

    fn add(&self, fault: Fault) -> Result<(), String> {
        if fault.count == 0 {
            return Err("`count` must be at least 1".into());
        }
        if fault.delay_ms > DELAY_MS_MAX {
            return Err(format!("`delay_ms` must be at most {DELAY_MS_MAX}"));
        }
        if fault.fault == FaultKind::Delay && fault.delay_ms == 0 {
            return Err("a delay needs `delay_ms`".into());
        }
        let mut waiting = self.lock();
        if waiting.len() == FAULTS_MAX {
            return Err(format!("{FAULTS_MAX} faults wait already"));
        }
        waiting.push(fault);
        self.count.store(waiting.len(), Ordering::Release);
        Ok(())
    }

    fn clear(&self) {
        let mut waiting = self.lock();
        waiting.clear();
        self.count.store(0, Ordering::Release);
        self.unplugged.store(false, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a person or a test may ask.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum Action {
    Fault(Fault),
    Faults,
    Reset,
    Unplug,
    Plug,
    Totals,
    Ledger { since: Option<i64> },
}

/// Carries out one action.
pub(crate) fn simulate(ledger: &Ledger, faults: &Faults, action: Value) -> Result<Value, String> {
    let action: Action =
        serde_json::from_value(flattened(action)).map_err(|error| error.to_string())?;
    let broken = |error: rusqlite::Error| format!("failed to read the ledger: {error}");
    match action {
        Action::Fault(fault) => faults.add(fault)?,
        Action::Faults => {}
        Action::Reset => faults.clear(),
        Action::Unplug => faults.unplugged.store(true, Ordering::Release),
        Action::Plug => faults.unplugged.store(false, Ordering::Release),
        Action::Totals => {
            let totals = ledger.read(|books| books.totals(None)).map_err(broken)?;
            return Ok(json!({ "totals": totals }));
        }
        Action::Ledger { since } => {
            let entries = ledger
                .read(|books| books.entries(since, ENTRIES_MAX))
                .map_err(broken)?;
            let entries: Vec<Value> = entries.iter().map(shown).collect();
            return Ok(json!({ "entries": entries }));
        }
    }
    Ok(json!({ "faults": *faults.lock(), "unplugged": faults.is_unplugged() }))
}

/// The register API's form of an action, with `options` and a fault of its own shape, as ours.
fn flattened(action: Value) -> Value {
    let Value::Object(mut fields) = action else {
        return action;
    };
    fields.remove("device");
    if let Some(Value::Object(options)) = fields.remove("options") {
        fields.extend(options);
    }
    if let Some(Value::Object(fault)) = fields.get("fault").cloned() {
        fields.remove("fault");
        for (theirs, value) in fault {
            let ours = match theirs.as_str() {
                "kind" => "fault",
                "step" => "at",
                "times" => "count",
                other => other,
            };
            fields.insert(ours.into(), value);
        }
    }
    match fields.get("fault").and_then(Value::as_str) {
        Some("none") => json!({ "action": "reset" }),
        _ => Value::Object(fields),
    }
}

fn shown(entry: &Entry) -> Value {
    json!({
        "seq": entry.seq,
        "transaction_id": entry.transaction_id,
        "reference": entry.reference,
        "kind": entry.kind.name(),
        "state": entry.state.name(),
        "amount_minor": entry.amount_minor,
        "requested_minor": entry.requested_minor,
        "currency": entry.currency,
        "approval_code": entry.approval_code,
        "response_code": entry.response_code,
        "rrn": entry.rrn,
        "original": entry.original,
        "merchant": entry.merchant,
        "terminal": entry.terminal,
        "batch": entry.batch,
        "masked_pan": entry.masked_pan,
        "at": entry.at_micros,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(faults: &Faults, action: Value) -> Result<Value, String> {
        simulate(&Ledger::in_memory().unwrap(), faults, action)
    }

    #[test]
    fn a_fault_hits_its_place_as_often_as_told() {
        let faults = Faults::default();
        let told = json!({"action": "fault", "fault": "refuse", "at": "modify", "count": 2});
        act(&faults, told).unwrap();
        assert_eq!(faults.take(Place::Authorize, None), None);
        assert!(faults.take(Place::Modify, None).is_some());
        assert!(faults.take(Place::Modify, Some(5)).is_some());
        assert_eq!(faults.take(Place::Modify, None), None);
    }

    #[test]
    fn a_fault_can_choose_its_amount() {
        let faults = Faults::default();
        let told = json!({"action": "fault", "fault": "lose_reply", "amount_minor": 700});
        act(&faults, told).unwrap();
        assert_eq!(faults.take(Place::Authorize, Some(701)), None);
        assert_eq!(faults.take(Place::Inquire, None), None);
        let hit = faults.take(Place::Authorize, Some(700)).unwrap();
        assert_eq!(hit.fault, FaultKind::LoseReply);
    }

    #[test]
    fn the_form_of_the_register_api_is_understood() {
        let faults = Faults::default();
        let told = json!({
            "device": "sandbox-1", "action": "fault",
            "fault": {"kind": "slow", "step": "reverse", "times": 3, "delay_ms": 40},
            "options": {"amount_minor": 700},
        });
        act(&faults, told).unwrap();
        let hit = faults.take(Place::Reverse, Some(700)).unwrap();
        assert_eq!(
            (hit.fault, hit.count, hit.delay_ms),
            (FaultKind::Delay, 2, 40)
        );
        act(
            &faults,
            json!({"action": "fault", "fault": {"kind": "none"}}),
        )
        .unwrap();
        assert_eq!(faults.take(Place::Reverse, Some(700)), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_reason() {
        let faults = Faults::default();
        for (action, reason) in [
            (json!({"action": "fault", "fault": "explode"}), "explode"),
            (json!({"action": "fault", "fault": "delay"}), "delay_ms"),
            (
                json!({"action": "fault", "fault": "refuse", "count": 0}),
                "count",
            ),
            (json!({"action": "dance"}), "dance"),
        ] {
            let error = act(&faults, action).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        assert_eq!(faults.take(Place::Any, None), None);
    }

    #[test]
    fn reset_forgets_faults_and_plugs_in() {
        let faults = Faults::default();
        act(&faults, json!({"action": "unplug"})).unwrap();
        act(&faults, json!({"action": "fault", "fault": "refuse"})).unwrap();
        assert!(faults.is_unplugged());
        let left = act(&faults, json!({"action": "reset"})).unwrap();
        assert_eq!(left, json!({"faults": [], "unplugged": false}));
    }

    #[test]
    fn waiting_faults_are_bounded() {
        let faults = Faults::default();
        let told = json!({"action": "fault", "fault": "refuse"});
        for _ in 0..FAULTS_MAX {
            act(&faults, told.clone()).unwrap();
        }
        assert!(act(&faults, told).is_err());
    }
}
