// SPDX-License-Identifier: MIT OR Apache-2.0
//! Access: whether it is open, and the registers that may come in: old secrets, and those that have
//! not been seen for long.
//!
//! It reads names and times of the file of pairings, and must never look at a secret in it.

use super::{Scene, ago, fail, note, ok, warn};
use payhal_protocol::diagnose::Finding;
use serde::Deserialize;
use std::io::ErrorKind;
use zeroize::Zeroizing;

const AREA: &str = "access";
const MODE: &str = "Access";
const REGISTERS: &str = "Registers";
const AWAY: &str = "Registers not seen";
const ROTATION: &str = "Old secrets";

const DAY_MICROS: i64 = 86_400_000_000;
/// A register that nobody missed for so long is probably gone, and its secret is not.
const AWAY_DAYS: i64 = 60;

#[derive(Deserialize)]
struct Kept {
    registers: Vec<Register>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Register {
    register_id: String,
    pub(super) origin: Option<String>,
    paired_at_micros: i64,
    #[serde(default)]
    rotate_due: bool,
    #[serde(default)]
    last_seen_at_micros: Option<i64>,
}

/// The paired registers, or why they cannot be read.
pub(super) fn registers(scene: &Scene) -> Result<Vec<Register>, String> {
    let path = scene.state.join("access/registers.json");
    let text = match std::fs::read(&path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    };
    // serde's words may quote what stands there.
    let kept: Kept =
        serde_json::from_slice(&text).map_err(|_| format!("{} is damaged", path.display()))?;
    Ok(kept.registers)
}

/// As the running host has it.
pub(super) fn mode(open: bool) -> Option<Finding> {
    Some(if open {
        let says = "it is open: every program and every allowed page on this machine may take \
                    payments";
        let todo = "For a shop, start it as `payhal serve` and pair each register.";
        warn(AREA, MODE, says, todo)
    } else {
        ok(AREA, MODE, "only registers that were paired may call")
    })
}

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let all = match registers(scene) {
        Ok(all) => all,
        Err(says) => {
            let todo = "Put it back from a copy of the state folder; or move it away and pair \
                        every register anew.";
            return vec![fail(AREA, REGISTERS, says, todo)];
        }
    };
    if all.is_empty() {
        let says = "none is paired: a register asks, and the operator says yes at the console or \
                    with `payhal pair`";
        return vec![note(AREA, REGISTERS, says)];
    }
    let says = format!("{} paired", all.len());
    vec![ok(AREA, REGISTERS, says), away(scene, &all), rotation(&all)]
}

fn away(scene: &Scene, all: &[Register]) -> Finding {
    let mut names = Vec::new();
    for register in all {
        let seen = register
            .last_seen_at_micros
            .unwrap_or(register.paired_at_micros);
        let age = scene.now_micros - seen;
        if age > AWAY_DAYS * DAY_MICROS {
            names.push(format!("{} ({})", register.register_id, ago(age)));
        }
    }
    if names.is_empty() {
        return ok(AREA, AWAY, format!("each was here within {AWAY_DAYS} days"));
    }
    let says = format!("not seen for long: {}", names.join(", "));
    let todo = "If one is gone for good: payhal registers unpair REGISTER";
    warn(AREA, AWAY, says, todo)
}

fn rotation(all: &[Register]) -> Finding {
    let due = all.iter().filter(|register| register.rotate_due);
    let due: Vec<_> = due.map(|register| register.register_id.as_str()).collect();
    if due.is_empty() {
        return ok(AREA, ROTATION, "none is due to be replaced");
    }
    let says = format!(
        "due to be replaced, which each register does at its next hello: {}",
        due.join(", ")
    );
    note(AREA, ROTATION, says)
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{NOW, level, put, scene, titled};
    use super::*;
    use payhal_protocol::diagnose::FindingLevel;
    use serde_json::json;

    fn paired(scene: &Scene, last_seen: i64, due: bool) {
        let kept = json!({ "version": 1, "registers": [{
            "register_id": "till-1", "name": "Till 1", "origin": "https://shop.example",
            "secret": "never shown", "generation": 1, "permissions": [],
            "paired_at_micros": 1, "rotated_at_micros": 1,
            "rotate_due": due, "last_seen_at_micros": last_seen,
        }] });
        let path = scene.state.join("access/registers.json");
        put(&path, &kept.to_string(), 0o600);
    }

    #[test]
    fn registers_are_counted_and_old_ones_named() {
        let (_folder, scene) = scene();
        assert_eq!(level(&check(&scene), REGISTERS), FindingLevel::Note);
        paired(&scene, NOW - DAY_MICROS, false);
        let found = check(&scene);
        for title in [REGISTERS, AWAY, ROTATION] {
            assert_eq!(level(&found, title), FindingLevel::Ok, "{title}");
        }
        paired(&scene, NOW - 61 * DAY_MICROS, true);
        let found = check(&scene);
        assert_eq!(level(&found, AWAY), FindingLevel::Warn);
        assert!(titled(&found, AWAY).says.contains("till-1 (61 days ago)"));
        assert_eq!(level(&found, ROTATION), FindingLevel::Note);
    }

    #[test]
    fn a_damaged_file_is_told_without_what_it_holds() {
        let (_folder, scene) = scene();
        let path = scene.state.join("access/registers.json");
        put(&path, r#"{"registers": [{"secret": "c2VjcmV0"}]}"#, 0o600);
        let found = check(&scene);
        assert_eq!(level(&found, REGISTERS), FindingLevel::Fail);
        assert!(!format!("{found:?}").contains("c2VjcmV0"));
    }

    #[test]
    fn open_access_is_no_state_for_a_shop() {
        let level = |open| mode(open).map(|found| found.level);
        assert_eq!(level(true), Some(FindingLevel::Warn));
        assert_eq!(level(false), Some(FindingLevel::Ok));
    }
}
