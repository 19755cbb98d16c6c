// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clock: receipts, certificates and the gateway's references hang on it.

use super::{Scene, fail, note, ok, warn};
use payhal_protocol::diagnose::Finding;

const AREA: &str = "clock";
const YEAR: &str = "Date";
const STEPS: &str = "Steps back";
const ZONE: &str = "Time zone";

/// 2026-01-01: no clock that is right shows an earlier time to this program.
const BUILT_MICROS: i64 = 1_767_225_600_000_000;
/// 2056: whatever shows more has lost its battery, or its mind.
const FAR_MICROS: i64 = BUILT_MICROS + 30 * 365 * 86_400_000_000;
/// What clocks that are set by the network step back.
const STEP_MICROS: i64 = 5_000_000;

const SET: &str = "Set it by the network: sudo timedatectl set-ntp true";

/// With the time of the journal's newest record, where there is one.
pub(super) fn check(scene: &Scene, newest_micros: Option<i64>) -> Vec<Finding> {
    let mut all = vec![date(scene.now_micros)];
    all.extend(newest_micros.map(|newest| step(scene.now_micros, newest)));
    all.push(zone(scene));
    all
}

fn date(now_micros: i64) -> Finding {
    let says = time(now_micros);
    if !(BUILT_MICROS..=FAR_MICROS).contains(&now_micros) {
        return fail(AREA, YEAR, format!("{says} cannot be right"), SET);
    }
    ok(AREA, YEAR, format!("it is {says}"))
}

/// Against the newest record: what was written cannot have happened later than now.
fn step(now_micros: i64, newest_micros: i64) -> Finding {
    let back = newest_micros - now_micros;
    if back > STEP_MICROS {
        let says = format!(
            "the newest record of the journal is of {}, {} seconds after now: the clock was put back",
            time(newest_micros),
            back / 1_000_000
        );
        warn(AREA, STEPS, says, SET)
    } else {
        let says = "the clock is not behind the journal's newest record";
        ok(AREA, STEPS, says)
    }
}

fn time(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(
        |_| "a time out of range".to_owned(),
        |at| format!("{at:.0}"),
    )
}

fn zone(scene: &Scene) -> Finding {
    let link = std::fs::read_link(scene.system("/etc/localtime")).ok();
    let from_link = link.as_deref().and_then(|path| {
        let text = path.to_str()?;
        Some(text.split_once("/zoneinfo/")?.1.to_owned())
    });
    match from_link.or_else(|| scene.line("/etc/timezone")) {
        Some(zone) => ok(AREA, ZONE, format!("{zone}; payhal itself counts in UTC")),
        None => note(
            AREA,
            ZONE,
            "no time zone is set; payhal counts in UTC, and receipts show that",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{NOW, level, put, scene, titled};
    use super::*;
    use payhal_protocol::diagnose::FindingLevel;

    #[test]
    fn a_date_that_cannot_be_is_found() {
        let (_folder, mut scene) = scene();
        assert_eq!(level(&check(&scene, None), YEAR), FindingLevel::Ok);
        for wrong in [0, BUILT_MICROS - 1, FAR_MICROS + 1] {
            scene.now_micros = wrong;
            assert_eq!(level(&check(&scene, None), YEAR), FindingLevel::Fail);
        }
    }

    #[test]
    fn a_clock_behind_the_journal_is_found() {
        let (_folder, scene) = scene();
        let found = |newest| level(&check(&scene, Some(newest)), STEPS);
        assert_eq!(found(NOW - 1), FindingLevel::Ok);
        assert_eq!(found(NOW + STEP_MICROS), FindingLevel::Ok);
        assert_eq!(found(NOW + STEP_MICROS + 1), FindingLevel::Warn);
    }

    #[test]
    fn the_zone_is_named() {
        let (_folder, scene) = scene();
        assert_eq!(level(&check(&scene, None), ZONE), FindingLevel::Note);
        put(&scene.system("/etc/timezone"), "Europe/Lisbon\n", 0o644);
        assert!(
            titled(&check(&scene, None), ZONE)
                .says
                .contains("Europe/Lisbon")
        );
        let link = scene.system("/etc/localtime");
        std::os::unix::fs::symlink("/usr/share/zoneinfo/America/Santiago", link).unwrap();
        assert!(
            titled(&check(&scene, None), ZONE)
                .says
                .contains("America/Santiago")
        );
    }
}
