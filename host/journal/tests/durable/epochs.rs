// SPDX-License-Identifier: MIT OR Apache-2.0
//! A journal that was restored, copied or lost says so, once, and counts on from further ahead.

use crate::records::sale;
use crate::{Open, beside, folder, open, wal};
use payhal_engine::record::Epoch;
use payhal_journal::{JournalError, Reason, adopt, backup, epochs, verify};
use std::path::Path;

/// A journal with some sales, closed.
fn filled(path: &Path, sales: std::ops::RangeInclusive<u128>) {
    let mut open = open(path);
    for number in sales {
        open.write(sale(number).intent());
        open.write(sale(number).approved());
    }
}

/// Copies a closed journal with all that belongs to it.
fn copy_folder(from: &Path, to: &Path, endings: &[&str]) {
    for ending in endings {
        std::fs::copy(beside(from, ending), beside(to, ending)).unwrap();
    }
}

fn began(open: &Open) -> (u32, u32) {
    assert_eq!(open.restored.epoch, open.journal.epoch());
    (open.restored.epoch.number, open.restored.stan)
}

/// The last epoch, after the whole journal was found sound.
fn last_reason(path: &Path) -> Reason {
    let report = verify(path).unwrap();
    assert_eq!(report.damage, None);
    assert_eq!(report.epochs, epochs(path).unwrap());
    report.epochs.last().unwrap().reason
}

#[test]
fn nothing_happened_and_no_epoch_begins() {
    let (_folder, path) = folder();
    filled(&path, 1..=3);
    for _ in 0..3 {
        let again = open(&path);
        assert_eq!(again.restored.epoch, Epoch::default());
        assert_eq!(began(&again), (0, 3));
    }
    assert_eq!(last_reason(&path), Reason::First);
}

#[test]
fn a_restored_backup_begins_an_epoch_once() {
    let (folder, path) = folder();
    filled(&path, 1..=2);
    let copy = folder.path().join("monday.backup");
    backup(&path, &copy).unwrap();
    filled(&path, 3..=4);
    for ending in ["", "-wal", "-shm"] {
        std::fs::remove_file(beside(&path, ending)).ok();
    }
    std::fs::copy(&copy, &path).unwrap();
    let again = open(&path);
    // The counter goes on from where it was noted to be, not from where the backup was.
    assert_eq!(began(&again), (1, 10_004));
    assert!(again.restored.epoch.began_micros > 1_700_000_000_000_000);
    assert_eq!(again.restored.position.0, 4);
    drop(again);
    assert_eq!(last_reason(&path), Reason::Restored);
    assert_eq!(began(&open(&path)), (1, 10_004));
    // The chain goes on over the epoch's beginning.
    filled(&path, 5..=6);
    let report = verify(&path).unwrap();
    assert_eq!((report.records, report.damage), (8, None));
}

#[test]
fn an_earlier_state_written_over_the_file_is_noticed() {
    let (folder, path) = folder();
    filled(&path, 1..=2);
    let earlier = folder.path().join("earlier");
    copy_folder(&path, &earlier, &["", "-wal"]);
    filled(&path, 3..=4);
    // Into the same file: only its contents say it.
    copy_folder(&earlier, &path, &["", "-wal"]);
    std::fs::remove_file(beside(&path, "-shm")).ok();
    assert_eq!(began(&open(&path)), (1, 10_004));
    assert_eq!(last_reason(&path), Reason::Restored);
}

#[test]
fn a_copy_of_the_folder_begins_an_epoch_and_the_original_does_not() {
    let (folder, path) = folder();
    filled(&path, 1..=2);
    let clone = folder.path().join("clone.db");
    copy_folder(&path, &clone, &["", "-wal", ".epoch"]);
    assert_eq!(began(&open(&clone)), (1, 10_002));
    assert_eq!(last_reason(&clone), Reason::Copied);
    assert_eq!(began(&open(&clone)), (1, 10_002));
    assert_eq!(began(&open(&path)), (0, 2));
}

#[test]
fn the_same_file_on_another_machine_begins_an_epoch() {
    let (_folder, path) = folder();
    filled(&path, 1..=2);
    let mark = beside(&path, ".epoch");
    let text = std::fs::read_to_string(&mark).unwrap();
    let mut noted: serde_json::Value = serde_json::from_str(&text).unwrap();
    if noted["machine"].is_null() {
        // A machine without an id is never another one.
        return;
    }
    noted["machine"] = "another".into();
    std::fs::write(&mark, noted.to_string()).unwrap();
    assert_eq!(began(&open(&path)), (1, 10_002));
    assert_eq!(last_reason(&path), Reason::Copied);
}

#[test]
fn a_lost_journal_begins_an_epoch() {
    let (_folder, path) = folder();
    filled(&path, 1..=2);
    for ending in ["", "-wal", "-shm"] {
        std::fs::remove_file(beside(&path, ending)).unwrap();
    }
    let again = open(&path);
    assert_eq!(began(&again), (1, 10_002));
    assert_eq!(again.restored.position.0, 0);
    drop(again);
    assert_eq!(last_reason(&path), Reason::Lost);
    // Lost again: epochs are counted on, though the journal never saw the first ones.
    for ending in ["", "-wal", "-shm"] {
        std::fs::remove_file(beside(&path, ending)).unwrap();
    }
    assert_eq!(began(&open(&path)), (2, 20_002));
}

#[test]
fn a_journal_without_its_mark_begins_an_epoch() {
    for spoil in [
        |mark: &Path| std::fs::remove_file(mark).unwrap(),
        |mark: &Path| std::fs::write(mark, "half of").unwrap(),
    ] {
        let (_folder, path) = folder();
        filled(&path, 1..=2);
        spoil(&beside(&path, ".epoch"));
        assert_eq!(began(&open(&path)), (1, 10_002));
        assert_eq!(last_reason(&path), Reason::Unmarked);
    }
}

#[test]
fn another_journal_in_its_place_begins_an_epoch() {
    let (folder, path) = folder();
    filled(&path, 1..=2);
    let other = folder.path().join("other.db");
    filled(&other, 1..=9);
    copy_folder(&other, &path, &["", "-wal"]);
    assert_eq!(began(&open(&path)).0, 1);
    assert_eq!(last_reason(&path), Reason::Restored);
}

#[test]
fn a_journal_that_was_moved_on_purpose_is_taken_over() {
    let (folder, path) = folder();
    filled(&path, 1..=2);
    let moved = folder.path().join("moved.db");
    copy_folder(&path, &moved, &["", "-wal", ".epoch"]);
    assert_eq!(adopt(&moved).unwrap(), Epoch::default());
    assert_eq!(began(&open(&moved)), (0, 2));

    let earlier = folder.path().join("earlier.db");
    copy_folder(&moved, &earlier, &["", "-wal"]);
    assert!(matches!(
        adopt(&earlier).unwrap_err(),
        JournalError::NotMoved { .. }
    ));
    filled(&moved, 3..=4);
    copy_folder(&moved, &earlier, &[".epoch"]);
    let refused = adopt(&earlier).unwrap_err();
    assert!(refused.to_string().contains("earlier state"), "{refused}");
    let held = open(&moved);
    assert!(matches!(
        adopt(&moved).unwrap_err(),
        JournalError::AlreadyOpen { .. }
    ));
    drop(held);
}

#[test]
fn an_altered_epoch_is_found() {
    let (_folder, path) = folder();
    filled(&path, 1..=2);
    std::fs::remove_file(beside(&path, ".epoch")).unwrap();
    drop(open(&path));
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("UPDATE epoch SET began_at = began_at + 1 WHERE number = 2")
        .unwrap();
    drop(connection);
    let damage = verify(&path).unwrap().damage.unwrap();
    assert!(damage.contains("epoch 2"), "{damage}");
    assert!(wal(&path).exists());
}
