// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a person or a test may ask of a simulated gateway. No answer here may hold more of a card
//! than its mask.

use crate::faults::{Fault, Faults};
use crate::ledger::Ledger;
use crate::opening::Opener;
use crate::plant::{Planted, plant};
use crate::reads::forget_pins;
use crate::shown::books;
use crate::shown_keys::{forgotten, keys, rotated};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a person or a test may ask.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum Action {
    Fault(Fault),
    Faults,
    Reset,
    #[serde(alias = "down")]
    Unplug,
    #[serde(alias = "up")]
    Plug,
    Deliver,
    PlantSale(Planted),
    RotateKey,
    /// `device` would be the gateway itself.
    ForgetDevice {
        name: String,
    },
    Keys,
    Totals,
    Ledger {
        since: Option<i64>,
    },
}

/// Carries out one action. `deliver` lets requests go that hang on their way, and counts them.
pub(crate) fn simulate(
    ledger: &Ledger,
    faults: &Faults,
    opener: &Opener,
    action: Value,
    deliver: impl FnOnce() -> Result<usize, String>,
) -> Result<Value, String> {
    let action: Action =
        serde_json::from_value(flattened(action)).map_err(|error| error.to_string())?;
    let broken = |error: rusqlite::Error| format!("failed to use the ledger: {error}");
    match action {
        Action::Fault(fault) => faults.add(fault)?,
        Action::Faults => {}
        Action::Reset => {
            faults.clear();
            ledger.write(forget_pins).map_err(broken)?;
        }
        Action::Unplug => faults.unplug(true),
        Action::Plug => faults.unplug(false),
        Action::Deliver => return Ok(json!({ "delivered": deliver()? })),
        Action::PlantSale(planted) => return plant(ledger, planted).map_err(broken)?,
        Action::RotateKey => return rotated(opener),
        Action::ForgetDevice { name } => return forgotten(opener, &name),
        Action::Keys => return keys(opener),
        Action::Totals => {
            let totals = ledger.read(|books| books.totals(None)).map_err(broken)?;
            return Ok(json!({ "totals": totals }));
        }
        Action::Ledger { since } => return books(ledger, since).map_err(broken),
    }
    Ok(json!({ "faults": faults.waiting(), "unplugged": faults.is_unplugged() }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{FaultKind, Place};
    use crate::keys::Lifetime;
    use crate::limits::FAULTS_MAX;
    use crate::settings::Trust;

    fn act(faults: &Faults, action: Value) -> Result<Value, String> {
        let folder = tempfile::TempDir::new().unwrap();
        let lifetime = Lifetime {
            days: 90,
            overlap_days: 30,
        };
        let opener = Opener::open("sandbox", folder.path(), Trust::FirstUse, false, lifetime);
        let ledger = Ledger::in_memory().unwrap();
        simulate(&ledger, faults, &opener.unwrap(), action, || Ok(0))
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
            (json!({"action": "fault", "fault": "late"}), "`at`"),
            (
                json!({"action": "fault", "fault": "late", "at": "report"}),
                "`at`",
            ),
            (
                json!({"action": "fault", "fault": "pending", "at": "modify"}),
                "inquire",
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
        act(&faults, json!({"action": "down"})).unwrap();
        assert!(faults.is_unplugged());
        act(&faults, json!({"action": "up"})).unwrap();
        assert!(!faults.is_unplugged());
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
