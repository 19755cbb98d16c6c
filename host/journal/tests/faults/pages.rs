// SPDX-License-Identifier: MIT OR Apache-2.0
//! Damaged bytes in the file itself.

use crate::{new_journal, sale};
use payhal_engine::ids::Position;
use payhal_journal::{Fault, Journal, JournalError, Options, verify};
use std::path::{Path, PathBuf};

const PAGE: usize = 4_096;

/// A journal that was copied back into its file: nothing is left in the log.
fn filled(path: &Path) -> Vec<u8> {
    let (journal, _) = Journal::open(path, &Options::default(), |_| {}).unwrap();
    let mut position = 0;
    for number in 1..=60 {
        for record in [sale(number).intent(), sale(number).approved()] {
            position += 1;
            journal
                .append(Position(position), Box::new(record), false)
                .unwrap();
        }
    }
    drop(journal);
    let copier = rusqlite::Connection::open(path).unwrap();
    copier
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
        .unwrap();
    drop(copier);
    std::fs::read(path).unwrap()
}

/// Whether an error says that something is damaged, and where to read on.
fn says_damage(error: &JournalError) -> bool {
    let kind = matches!(
        error,
        JournalError::Damaged { .. }
            | JournalError::NotAJournal { .. }
            | JournalError::TooNew { .. }
            | JournalError::Disk {
                fault: Fault::Corrupt,
                ..
            }
    );
    let text = error.to_string();
    kind && (text.contains("docs/recovering.md")
        || text.contains("another file")
        || text.contains("newer"))
}

#[test]
fn a_damaged_page_is_found_or_holds_nothing() {
    let (_folder, path) = new_journal();
    let sound = filled(&path);
    let report = verify(&path).unwrap();
    assert_eq!((report.records, report.damage), (120, None));
    let (mut found, mut harmless, mut refused) = (0, 0, 0);
    for (number, page) in (0..sound.len()).step_by(PAGE).enumerate() {
        for (at, bytes) in [
            (0, 1),
            (5, 2),
            (100, 1),
            (900, 40),
            (2_047, 1),
            (3_900, 190),
        ] {
            let mut damaged = sound.clone();
            for byte in &mut damaged[page + at..page + at + bytes] {
                *byte ^= 0x5a;
            }
            std::fs::write(&path, &damaged).unwrap();
            let what = format!("page {number}, byte {at}");
            let damage = match verify(&path) {
                Ok(report) => report.damage.is_some(),
                Err(error) => {
                    assert!(says_damage(&error), "{what}: {error}");
                    true
                }
            };
            match damage {
                true => found += 1,
                false => harmless += 1,
            }
            remove_rest(&path);
            // Opening looks at less, but what it hands over is as it was written.
            match Journal::open(&path, &Options::default(), |_| {}) {
                Ok((journal, restored)) => {
                    drop(journal);
                    assert_eq!(restored.position.0, 120, "{what}");
                    assert!(restored.open.is_empty(), "{what}");
                }
                Err(error) => {
                    assert!(damage, "{what}: refused though sound: {error}");
                    assert!(says_damage(&error), "{what}: {error}");
                    refused += 1;
                }
            }
            remove_rest(&path);
        }
    }
    assert!(
        found > 60 && refused > 30,
        "{found} found, {refused} refused"
    );
    assert!(harmless < found, "{harmless} of {found}");
}

fn remove_rest(path: &Path) {
    for ending in ["-wal", "-shm", ".epoch"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        std::fs::remove_file(PathBuf::from(name)).ok();
    }
}
