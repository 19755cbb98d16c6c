// SPDX-License-Identifier: MIT OR Apache-2.0
//! The journal: whether it opens and its end is as written, what waits in it, and how old the last
//! backup is.

use super::{Scene, ago, fail, note, ok, quoted, warn};
use payhal_journal::{JournalError, Look};
use payhal_protocol::diagnose::Finding;
use std::path::{Path, PathBuf};

const AREA: &str = "journal";
const FILE: &str = "Journal";
const WAITING: &str = "Open transactions";
const OFFLINE: &str = "Offline sales";
const EPOCH: &str = "Epoch";
const BACKUP: &str = "Backup";

/// The file in the state folder.
const NAME: &str = "journal.sqlite";
/// Beside it: when it was backed up last.
const BACKED_UP: &str = "journal.sqlite.backed-up";

const DAY_MICROS: i64 = 86_400_000_000;
/// A night's backup that was missed twice.
const BACKUP_DAYS_WARN: i64 = 3;
/// The log that is copied back after about a hundred commits stays far below this.
const LOG_BYTES_WARN: u64 = 64 * 1024 * 1024;

pub(super) fn look(scene: &Scene) -> Result<Look, JournalError> {
    payhal_journal::look(scene.state.join(NAME))
}

pub(super) fn check(scene: &Scene, look: &Result<Look, JournalError>) -> Vec<Finding> {
    let path = scene.state.join(NAME);
    let look = match look {
        Ok(look) => look,
        Err(JournalError::Missing { .. }) => {
            return vec![note(AREA, FILE, "there is none yet; the host makes one")];
        }
        Err(error) => {
            let todo = "Stop the host, keep a copy of the whole state folder, then do as \
                        docs/recovering.md says. `payhal journal verify` reads all of it.";
            return vec![fail(AREA, FILE, format!("failed to {error}"), todo)];
        }
    };
    vec![
        file(&path, look),
        waiting(look),
        offline(scene, look),
        epoch(look),
        backup(scene, look),
    ]
}

fn file(path: &Path, look: &Look) -> Finding {
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let (file, log) = (bytes(path), bytes(&PathBuf::from(log)));
    if log > LOG_BYTES_WARN {
        let says = format!("its write-ahead log has {} MB", log / 1_000_000);
        let todo = "Close whatever else reads the journal, then restart the host.";
        return warn(AREA, FILE, says, todo);
    }
    let says = format!(
        "{} records, {} KB, and {} audit entries; its end is as written",
        look.position,
        file / 1_000,
        look.audit.entries
    );
    ok(AREA, FILE, says)
}

fn waiting(look: &Look) -> Finding {
    let (open, person) = (look.open, look.needs_operator);
    if person > 0 {
        let says = format!("{person} of {open} open transactions wait for a person's word");
        let todo = "See what each needs: payhal journal open   Then: payhal resolve";
        return warn(AREA, WAITING, says, todo);
    }
    if open > 0 {
        let says = format!("{open} are not at rest; the host works on them by itself");
        return note(AREA, WAITING, says);
    }
    ok(AREA, WAITING, "none: all are at rest")
}

/// What was sold while a gateway was away: each is a risk until it is forwarded, and may be a loss.
fn offline(scene: &Scene, look: &Look) -> Finding {
    let (stored, lost) = (look.stored, look.lost);
    let since = look.stored_since_micros;
    let since = since.map(|at| ago((scene.now_micros - at).max(0)));
    let waits = since.map(|ago| format!("{stored} wait for their gateway, the oldest began {ago}"));
    if lost > 0 {
        let waits = waits.map_or_else(String::new, |waits| format!("; {waits}"));
        let says = format!("{lost} were not taken by their issuers: that money is lost{waits}");
        return warn(AREA, OFFLINE, says, "See which: payhal list --offline lost");
    }
    match waits {
        None => ok(AREA, OFFLINE, "none wait"),
        Some(says) => {
            let todo = "They are forwarded when their gateway is back. See which: \
                        payhal list --offline waiting";
            warn(AREA, OFFLINE, says, todo)
        }
    }
}

fn epoch(look: &Look) -> Finding {
    let began = &look.epoch;
    if began.epoch.number == 0 {
        return ok(AREA, EPOCH, "the first one: nothing was lost or restored");
    }
    let says = format!(
        "number {}: {}, after record {}",
        began.epoch.number, began.reason, began.position
    );
    note(AREA, EPOCH, says)
}

/// Writes down that a backup was made, for [`check`].
pub(crate) fn backed_up(journal: &Path, target: &Path, now_micros: i64) -> std::io::Result<()> {
    let text = format!("{now_micros} {}\n", target.display());
    std::fs::write(journal.with_file_name(BACKED_UP), text)
}

fn backup(scene: &Scene, look: &Look) -> Finding {
    let todo = format!(
        "payhal journal backup /ANOTHER-DISK/payhal-$(date +%F) --state {}",
        quoted(&scene.state)
    );
    let text = std::fs::read_to_string(scene.state.join(BACKED_UP)).ok();
    let last = text.as_deref().and_then(|text| {
        let (at, target) = text.trim().split_once(' ')?;
        Some((at.parse::<i64>().ok()?, target.to_owned()))
    });
    match last {
        None if look.position == 0 => ok(AREA, BACKUP, "there is nothing to back up yet"),
        None => warn(AREA, BACKUP, "none was ever made from here", &todo),
        Some((at, target)) => {
            let age = scene.now_micros - at;
            let says = format!("the last one was made {} to {target}", ago(age.max(0)));
            if age > BACKUP_DAYS_WARN * DAY_MICROS {
                warn(AREA, BACKUP, says, &todo)
            } else {
                ok(AREA, BACKUP, says)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{NOW, level, put, scene, titled};
    use super::*;
    use payhal_journal::{Journal, Options};
    use payhal_protocol::diagnose::FindingLevel;

    fn found(scene: &Scene) -> Vec<Finding> {
        check(scene, &look(scene))
    }

    #[test]
    fn none_yet_a_sound_one_and_a_damaged_one_are_told_apart() {
        let (_folder, scene) = scene();
        assert_eq!(level(&found(&scene), FILE), FindingLevel::Note);
        let path = scene.state.join(NAME);
        drop(Journal::open(&path, &Options::default(), |_| {}).unwrap());
        let sound = found(&scene);
        for title in [FILE, WAITING, OFFLINE, EPOCH, BACKUP] {
            assert_eq!(level(&sound, title), FindingLevel::Ok, "{title}");
        }
        put(&path, &"no journal ".repeat(1_000), 0o600);
        assert_eq!(level(&found(&scene), FILE), FindingLevel::Fail);
    }

    #[test]
    fn what_waits_for_a_person_and_a_new_epoch_are_told() {
        let (_folder, scene) = scene();
        let path = scene.state.join(NAME);
        drop(Journal::open(&path, &Options::default(), |_| {}).unwrap());
        let mut looked = look(&scene).unwrap();
        looked.open = 2;
        assert_eq!(level(&[waiting(&looked)], WAITING), FindingLevel::Note);
        looked.needs_operator = 1;
        assert_eq!(level(&[waiting(&looked)], WAITING), FindingLevel::Warn);
        assert_eq!(
            level(&[offline(&scene, &looked)], OFFLINE),
            FindingLevel::Ok
        );
        (looked.stored, looked.stored_since_micros) = (2, Some(NOW - DAY_MICROS));
        let stored = offline(&scene, &looked);
        assert_eq!(stored.level, FindingLevel::Warn);
        assert!(stored.says.contains("2 wait"), "{}", stored.says);
        looked.lost = 1;
        let lost = offline(&scene, &looked);
        assert!(lost.says.contains("1 were not taken"), "{}", lost.says);
        looked.epoch.epoch.number = 3;
        assert_eq!(level(&[epoch(&looked)], EPOCH), FindingLevel::Note);
    }

    #[test]
    fn the_age_of_the_last_backup_counts_once_there_is_something() {
        let (_folder, scene) = scene();
        let path = scene.state.join(NAME);
        drop(Journal::open(&path, &Options::default(), |_| {}).unwrap());
        let mut looked = look(&scene).unwrap();
        looked.position = 7;
        let now = |looked: &Look| backup(&scene, looked);
        assert_eq!(now(&looked).level, FindingLevel::Warn);
        backed_up(&path, Path::new("/mnt/x"), NOW - DAY_MICROS).unwrap();
        assert_eq!(now(&looked).level, FindingLevel::Ok);
        assert!(titled(&[now(&looked)], BACKUP).says.contains("/mnt/x"));
        backed_up(&path, Path::new("/mnt/x"), NOW - 4 * DAY_MICROS).unwrap();
        assert_eq!(now(&looked).level, FindingLevel::Warn);
    }
}
