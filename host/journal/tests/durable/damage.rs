// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whatever is changed behind the journal's back is found, and named with a way out.

use crate::records::sale;
use crate::{cut_power, folder, open, open_with, wal};
use payhal_journal::{JournalError, Options, verify};
use rusqlite::Connection;
use std::path::Path;

fn filled(path: &Path) {
    let mut open = open(path);
    for number in 1..=5 {
        open.write(sale(number).intent());
        open.write(sale(number).approved());
    }
    open.write(sale(6).intent());
}

/// Changes the file as a broken disk or a person might, and says what `verify` and `open` find.
fn after(change: &str) -> (String, Option<JournalError>) {
    let (_folder, path) = folder();
    filled(&path);
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(change).unwrap();
    drop(connection);
    let damage = verify(&path)
        .unwrap()
        .damage
        .unwrap_or_else(|| "nothing".into());
    let refused = open_with(&path, &Options::default()).err();
    (damage.to_string(), refused)
}

#[test]
fn a_sound_journal_is_found_sound_also_while_it_is_open() {
    let (_folder, path) = folder();
    filled(&path);
    let report = verify(&path).unwrap();
    assert_eq!(
        (report.records, report.transactions, report.open),
        (11, 6, 1)
    );
    assert_eq!(report.damage, None);
    let mut open = open(&path);
    open.write(sale(6).approved());
    let report = verify(&path).unwrap();
    assert_eq!(
        (report.records, report.transactions, report.open),
        (12, 6, 0)
    );
    assert_eq!(report.damage, None);
}

#[test]
fn a_changed_record_is_found() {
    let (damage, refused) =
        after("UPDATE record SET body = replace(body, '1003', '1004') WHERE position = 5");
    assert_eq!(damage, "record 5 is not as written");
    let refused = refused.unwrap().to_string();
    assert!(refused.contains("record 5 is not as written"), "{refused}");
    assert!(refused.contains("docs/recovering.md"), "{refused}");
}

#[test]
fn a_missing_record_is_found() {
    let (damage, refused) = after("DELETE FROM record WHERE position = 4");
    assert_eq!(damage, "record 4 is missing");
    assert!(
        matches!(refused, Some(JournalError::Damaged { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_missing_end_is_found() {
    let (damage, refused) = after("DELETE FROM record WHERE position = 11");
    assert_eq!(damage, "records after the last one are missing");
    assert!(
        matches!(refused, Some(JournalError::Damaged { .. })),
        "{refused:?}"
    );
}

#[test]
fn columns_that_contradict_their_record_are_found() {
    let (damage, _) = after("UPDATE record SET kind = 'reversed' WHERE position = 2");
    assert_eq!(damage, "record 2 does not say what its columns say");
}

#[test]
fn a_changed_line_is_found() {
    let (damage, _) = after(r#"UPDATE "transaction" SET outcome = 'declined' WHERE first = 3"#);
    assert!(damage.ends_with("is not what its records say"), "{damage}");
}

#[test]
fn a_missing_line_is_found() {
    let (damage, _) = after(r#"DELETE FROM "transaction" WHERE first = 3"#);
    assert!(damage.ends_with("is missing"), "{damage}");
}

#[test]
fn a_flipped_bit_in_a_flushed_commit_of_the_log_is_refused() {
    let (folder, path) = folder();
    let mut live = open(&path);
    for number in 1..=6 {
        live.write(sale(number).intent());
    }
    let copy = folder.path().join("copy.db");
    cut_power(&path, &copy);
    let frame = 24 + 4096;
    let mut bytes = std::fs::read(wal(&copy)).unwrap();
    // Schema and first sale are in the first frames.
    bytes[32 + 5 * frame + 100] ^= 1;
    std::fs::write(wal(&copy), &bytes).unwrap();
    let refused = open_with(&copy, &Options::default()).err().unwrap();
    assert!(matches!(refused, JournalError::Damaged { .. }), "{refused}");
    assert!(
        verify(&copy)
            .unwrap()
            .damage
            .unwrap()
            .contains("write-ahead log")
    );
    assert_eq!(std::fs::read(wal(&copy)).unwrap(), bytes, "left as it was");
}

#[test]
fn another_program_s_file_and_no_file_are_told_apart() {
    let (_folder, path) = folder();
    let missing = verify(&path).unwrap_err();
    assert!(matches!(missing, JournalError::Missing { .. }), "{missing}");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE theirs(x)")
        .unwrap();
    let refused = open_with(&path, &Options::default()).err().unwrap();
    assert!(
        matches!(refused, JournalError::NotAJournal { .. }),
        "{refused}"
    );
    std::fs::write(
        &path,
        "notes, not a database, long enough for a header of a file".repeat(9),
    )
    .unwrap();
    assert!(verify(&path).is_err());
}

#[test]
fn a_log_without_its_journal_is_kept() {
    let (_folder, path) = folder();
    filled(&path);
    std::fs::remove_file(&path).unwrap();
    let before = std::fs::read(wal(&path)).unwrap();
    let refused = open_with(&path, &Options::default()).err().unwrap();
    assert!(matches!(refused, JournalError::Damaged { .. }), "{refused}");
    assert_eq!(std::fs::read(wal(&path)).unwrap(), before);
}
