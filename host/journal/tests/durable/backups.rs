// SPDX-License-Identifier: MIT OR Apache-2.0
//! Backups while the journal is written, and exports.

use crate::records::{id, sale};
use crate::{beside, folder, open, open_with};
use payhal_engine::effect::RecallBy;
use payhal_journal::{Format, JournalError, Options, Span, backup, export, show, verify};

#[test]
fn a_backup_of_a_journal_in_use_is_whole_and_one_file() {
    let (folder, path) = folder();
    let mut open = open(&path);
    for number in 1..=40 {
        open.write(sale(number).intent());
        open.queue(sale(number).approved(), false);
        let copy = folder.path().join(format!("{number}.backup"));
        let report = backup(&path, &copy).unwrap();
        assert_eq!(report.damage, None);
        // All that was durable when it began; what was under way may be in it.
        let durable = u64::try_from(2 * number - 1).unwrap();
        assert!([durable, durable + 1].contains(&report.records));
        open.wait();
    }
    let endings = ["-wal", "-shm", "-journal", ".partial"];
    let copy = folder.path().join("40.backup");
    assert!(endings.iter().all(|ending| !beside(&copy, ending).exists()));
    assert!(
        show(&copy, &RecallBy::Transaction(id(40)))
            .unwrap()
            .is_some()
    );
    assert_eq!(verify(&path).unwrap().damage, None);
}

#[test]
fn a_backup_writes_over_nothing() {
    let (folder, path) = folder();
    drop(open(&path));
    let there = folder.path().join("there");
    std::fs::write(&there, "precious").unwrap();
    let refused = backup(&path, &there).unwrap_err();
    assert!(matches!(refused, JournalError::Exists { .. }), "{refused}");
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "precious");
    let refused = backup(&path, &path).unwrap_err();
    assert!(matches!(refused, JournalError::Exists { .. }), "{refused}");
}

#[test]
fn a_damaged_journal_makes_no_backup() {
    let (folder, path) = folder();
    let mut first = open(&path);
    for number in 1..=5 {
        first.write(sale(number).intent());
    }
    drop(first);
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("DELETE FROM record WHERE position = 2")
        .unwrap();
    let copy = folder.path().join("backup");
    let refused = backup(&path, &copy).unwrap_err();
    assert!(matches!(refused, JournalError::Damaged { .. }), "{refused}");
    assert!(!copy.exists() && !beside(&copy, ".partial").exists());
}

#[test]
fn a_backup_beside_another_journal_s_log_is_refused() {
    let (folder, path) = folder();
    let mut first = open(&path);
    first.write(sale(1).intent());
    let copy = folder.path().join("backup");
    backup(&path, &copy).unwrap();
    first.write(sale(1).approved());
    drop(first);
    // The log is left where it was: SQLite would mix both.
    std::fs::copy(&copy, &path).unwrap();
    let refused = open_with(&path, &Options::default()).err().unwrap();
    assert!(refused.to_string().contains("write-ahead log"), "{refused}");
    std::fs::remove_file(beside(&path, "-wal")).unwrap();
    std::fs::remove_file(beside(&path, "-shm")).ok();
    let again = open(&path);
    assert_eq!(again.restored.position.0, 1);
    assert_eq!(again.restored.epoch.number, 1);
}

#[test]
fn exports_have_a_line_for_each_transaction() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    for number in 1..=5 {
        open.write(sale(number).intent());
        open.write(sale(number).approved());
    }
    open.write(sale(6).intent());
    let written = |format, span| {
        let mut out = Vec::new();
        let count = export(&path, format, span, &mut out).unwrap();
        (count, String::from_utf8(out).unwrap())
    };
    let (count, csv) = written(Format::Csv, Span::default());
    assert_eq!((count, csv.lines().count()), (6, 7));
    let last = csv.lines().last().unwrap();
    assert!(
        last.contains(",key-6,Order 6,1006,EUR,,unknown,true,"),
        "{last}"
    );
    let lines = written(Format::JsonLines, Span::default()).1;
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["transaction"]["approved_minor"], 1_001);
    assert_eq!(first["transaction"]["open"], false);
    assert_eq!(
        first["records"][0],
        serde_json::to_value(sale(1).intent()).unwrap()
    );
    let since = first["transaction"]["started_at_micros"].as_i64().unwrap() + 1_000_000;
    let span = Span {
        since_micros: Some(since),
        until_micros: Some(since + 2_000_000),
    };
    assert_eq!(written(Format::JsonLines, span).0, 2);
}
