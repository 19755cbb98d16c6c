// SPDX-License-Identifier: MIT OR Apache-2.0
//! A journal that an older payhal left is brought forward, after a copy, all or nothing.

use crate::records::{id, sale, scope};
use crate::{beside, cut_power, folder, open, open_with, wal};
use payhal_engine::card::SpentKey;
use payhal_engine::effect::RecallBy;
use payhal_engine::ids::{DeviceId, IdempotencyKey, Position};
use payhal_engine::record::Epoch;
use payhal_journal::{JournalError, Options, audit, open_transactions, show, verify};
use rusqlite::Connection;
use std::path::Path;

/// Made by the last payhal whose journal had schema 1.
const VERSION_1: &[u8] = include_bytes!("version-1.db");

/// Made by the last payhal whose journal had schema 3: pruned, with a key of a reader spent.
const VERSION_3: &[u8] = include_bytes!("version-3.db");

/// The schema of this build.
const NOW: i64 = 7;

/// Bytes of a frame and its header.
const FRAME: usize = 24 + 4_096;

fn version(path: &Path) -> i64 {
    Connection::open(path)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

#[test]
fn version_1_is_brought_forward_with_everything_in_it() {
    let (_folder, path) = folder();
    std::fs::write(&path, VERSION_1).unwrap();
    let mut open = open(&path);
    assert_eq!(open.restored.position, Position(12));
    assert_eq!(open.restored.epoch, Epoch::default());
    assert_eq!(open.restored.open.len(), 3);
    let past = open.recall(RecallBy::Key(scope(), IdempotencyKey::from("key-1")));
    assert_eq!(past.unwrap().changes.len(), 1);
    open.write(sale(20).intent());
    drop(open);
    assert_eq!(version(&path), NOW);
    let report = verify(&path).unwrap();
    assert_eq!((report.records, report.damage), (13, None));
    let copy = beside(&path, ".v1.bak");
    assert_eq!(version(&copy), 1);
    assert!(!beside(&copy, ".partial").exists());
    let copied = verify(&copy).unwrap();
    assert_eq!((copied.records, copied.damage), (12, None));
}

#[test]
fn tools_read_version_1_as_it_is() {
    let (_folder, path) = folder();
    std::fs::write(&path, VERSION_1).unwrap();
    let report = verify(&path).unwrap();
    assert_eq!((report.records, report.open), (12, 3));
    assert_eq!(report.damage, None);
    assert!(
        show(&path, &RecallBy::Transaction(id(1)))
            .unwrap()
            .is_some()
    );
    assert_eq!(show(&path, &RecallBy::Transaction(id(99))).unwrap(), None);
    assert_eq!(open_transactions(&path).unwrap().len(), 3);
    assert_eq!(version(&path), 1);
}

#[test]
fn version_3_gets_an_audit_and_keeps_everything() {
    let (_folder, path) = folder();
    std::fs::write(&path, VERSION_3).unwrap();
    let mut open = open(&path);
    assert_eq!(open.restored.position, Position(12));
    assert_eq!(open.restored.epoch, Epoch::default());
    assert_eq!(open.restored.open.len(), 2);
    let key = SpentKey {
        slot: "main".into(),
        serial: "AAE=".into(),
    };
    let spent = RecallBy::Spent(DeviceId::from("counter"), vec![key]);
    assert!(open.recall(spent).is_some());
    let pruned = RecallBy::Key(scope(), IdempotencyKey::from("key-1"));
    assert!(open.recall(pruned).is_some());
    open.write(sale(20).intent());
    drop(open);
    assert_eq!(version(&path), NOW);
    let report = verify(&path).unwrap();
    assert_eq!((report.records, report.pruned), (9, 4));
    assert_eq!((report.audit.entries, report.damage), (0, None));
    let copy = beside(&path, ".v3.bak");
    assert_eq!(version(&copy), 3);
    let copied = verify(&copy).unwrap();
    assert_eq!((copied.records, copied.damage), (8, None));
}

#[test]
fn tools_read_version_3_as_it_is() {
    let (_folder, path) = folder();
    std::fs::write(&path, VERSION_3).unwrap();
    let report = verify(&path).unwrap();
    assert_eq!((report.records, report.open, report.damage), (8, 2, None));
    assert!(audit(&path, None, 10).unwrap().entries.is_empty());
    assert_eq!(version(&path), 3);
}

#[test]
fn an_upgrade_that_is_cut_short_at_any_frame_is_made_at_the_next_start() {
    let (folder, path) = folder();
    std::fs::write(&path, VERSION_1).unwrap();
    let upgraded = open(&path);
    let whole = folder.path().join("whole.db");
    cut_power(&path, &whole);
    drop(upgraded);
    let log = std::fs::read(wal(&whole)).unwrap();
    let frames = (1..).find(|frame| {
        log[32 + frame * FRAME..][..FRAME]
            .iter()
            .all(|byte| *byte == 0)
    });
    let frames = frames.unwrap();
    assert!(frames > 5, "{frames}");
    for frame in 0..=frames {
        for torn in [0, 700] {
            let cut = folder.path().join(format!("cut-{frame}-{torn}.db"));
            std::fs::write(&cut, VERSION_1).unwrap();
            let mut log = log.clone();
            log[32 + frame * FRAME + torn..].fill(0);
            std::fs::write(wal(&cut), &log).unwrap();
            std::fs::write(beside(&cut, ".v1.bak.partial"), "half a copy").unwrap();
            if frame < frames {
                assert_eq!(verify(&cut).unwrap().damage, None, "usable as it was");
                std::fs::remove_file(beside(&cut, "-shm")).ok();
            }
            let again = open(&cut);
            assert_eq!(again.restored.position, Position(12));
            assert_eq!(again.restored.open.len(), 3);
            drop(again);
            assert_eq!(verify(&cut).unwrap().damage, None);
            assert_eq!(version(&cut), NOW);
        }
    }
}

#[test]
fn a_newer_version_is_refused_and_left_as_it_is() {
    let (_folder, path) = folder();
    drop(open(&path));
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", NOW + 1).unwrap();
    drop(newer);
    let refused = open_with(&path, &Options::default()).err().unwrap();
    assert!(
        matches!(
            refused,
            JournalError::TooNew {
                found: 8,
                known: 7,
                ..
            }
        ),
        "{refused}"
    );
    assert!(refused.to_string().contains("install the newer payhal"));
    assert_eq!(version(&path), NOW + 1);
    assert!(verify(&path).is_err());
}
