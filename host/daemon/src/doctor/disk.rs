// SPDX-License-Identifier: MIT OR Apache-2.0
//! The disk under the state folder: room, writable, and how long a flush takes. A sale waits for two.

use super::{Scene, fail, ok, warn};
use payhal_protocol::diagnose::Finding;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

const AREA: &str = "disk";
const ROOM: &str = "Room";
const WRITING: &str = "Writing";

/// Below this the next day's payments may not fit; far below, none does.
const FREE_BYTES_WARN: u64 = 512 * 1024 * 1024;
const FREE_BYTES_FAIL: u64 = 32 * 1024 * 1024;
/// A flush that a cashier notices, two of them being in each sale.
const FLUSH_WARN: Duration = Duration::from_millis(150);

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    if !scene.state.is_dir() {
        return Vec::new();
    }
    let mut all = Vec::new();
    if let Ok(found) = rustix::fs::statvfs(&scene.state) {
        all.push(room(found.f_bavail.saturating_mul(found.f_frsize)));
    }
    all.push(writing(&scene.state, flush(&scene.state)));
    all
}

fn room(free_bytes: u64) -> Finding {
    let says = format!(
        "{} MB are free for the state folder",
        free_bytes / 1_000_000
    );
    let todo =
        "Free some, or put the state folder on a larger disk. A full disk takes no payments.";
    match free_bytes {
        ..FREE_BYTES_FAIL => fail(AREA, ROOM, says, todo),
        FREE_BYTES_FAIL..FREE_BYTES_WARN => warn(AREA, ROOM, says, todo),
        _ => ok(AREA, ROOM, says),
    }
}

/// Writes a small file, flushes it as a commit does, and removes it.
fn flush(folder: &Path) -> std::io::Result<Duration> {
    let mut probe = tempfile::Builder::new()
        .prefix(".doctor-")
        .tempfile_in(folder)?;
    let began = Instant::now();
    probe.write_all(&[0; 4_096])?;
    probe.as_file().sync_all()?;
    Ok(began.elapsed())
}

fn writing(folder: &Path, flushed: std::io::Result<Duration>) -> Finding {
    let path = folder.display();
    match flushed {
        Err(error) => {
            let says = format!("nothing can be written in {path}: {error}");
            let todo = "Make it writable for this user: a file system that turned read-only has \
                        often failed before; `dmesg` says so.";
            fail(AREA, WRITING, says, todo)
        }
        Ok(took) if took > FLUSH_WARN => {
            let says = format!(
                "a flush took {} ms, and each sale waits for two",
                took.as_millis()
            );
            let todo = "Look again when the machine is idle. If it stays slow, use a disk of its \
                        own, and no memory card.";
            warn(AREA, WRITING, says, todo)
        }
        Ok(took) => {
            let micros = took.as_micros();
            ok(
                AREA,
                WRITING,
                format!("4 KiB were written and flushed in {micros} µs"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{level, scene};
    use super::*;
    use payhal_protocol::diagnose::FindingLevel;

    #[test]
    fn room_is_judged_by_what_is_free() {
        let level = |free| room(free).level;
        assert_eq!(level(FREE_BYTES_WARN), FindingLevel::Ok);
        assert_eq!(level(FREE_BYTES_WARN - 1), FindingLevel::Warn);
        assert_eq!(level(FREE_BYTES_FAIL - 1), FindingLevel::Fail);
    }

    #[test]
    fn a_probe_is_written_and_leaves_nothing() {
        let (_folder, scene) = scene();
        let found = check(&scene);
        assert!(level(&found, WRITING) < FindingLevel::Fail);
        assert_eq!(std::fs::read_dir(&scene.state).unwrap().count(), 0);
    }

    #[test]
    fn a_slow_disk_and_one_that_refuses_are_told() {
        let (_folder, scene) = scene();
        let slow = writing(&scene.state, Ok(FLUSH_WARN + Duration::from_millis(1)));
        assert_eq!(level(&[slow], WRITING), FindingLevel::Warn);
        let absent = flush(&scene.state.join("absent"));
        let refused = writing(&scene.state, absent);
        assert_eq!(level(&[refused], WRITING), FindingLevel::Fail);
    }
}
