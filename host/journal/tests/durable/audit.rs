// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was told to be in the audit is there after a power cut, whole and in order; what is changed
//! is found; what is old goes.

use crate::records::sale;
use crate::{Open, PATIENCE, cut_power, folder, open, open_with};
use payhal_journal::limits::{AUDIT_BODY_BYTES_MAX, AUDIT_PAGE_ROWS_MAX, AUDITS_WAITING_MAX};
use payhal_journal::{
    AuditReport, Entry, Fault, Format, JournalError, Options, Retention, Span, audit, backup,
    export_audit, look, verify,
};
use rusqlite::Connection;
use serde_json::json;
use std::path::Path;
use std::sync::mpsc::channel;

/// As the records of [`crate::records`].
const FIRST_MICROS: i64 = 1_700_000_000_000_000;
const DAY_MICROS: i64 = 86_400_000_000;

fn entry(number: i64) -> Entry {
    Entry {
        at_micros: FIRST_MICROS + number,
        actor: "operator (socket, uid 1000)".to_owned(),
        action: "register.updated".to_owned(),
        subject: Some(format!("till-{number}")),
        text: format!("till-{number} may refund"),
        details: (number % 2 == 0).then(|| json!({ "permissions": ["refund"] })),
    }
}

fn write(open: &Open, entry: &Entry, lazy: bool) -> Result<u64, JournalError> {
    let (done, told) = channel();
    open.journal
        .audit(entry, lazy, move |written| done.send(written).unwrap());
    told.recv_timeout(PATIENCE).unwrap()
}

fn filled(path: &Path, entries: i64) {
    let open = open(path);
    for number in 1..=entries {
        assert_eq!(
            write(&open, &entry(number), false).unwrap(),
            u64::try_from(number).unwrap()
        );
    }
}

fn texts(path: &Path) -> Vec<(u64, String)> {
    let page = audit(path, None, AUDIT_PAGE_ROWS_MAX).unwrap();
    let entries = page.entries.into_iter();
    entries.map(|one| (one.seq, one.entry.text)).collect()
}

#[test]
fn an_entry_is_on_disk_before_it_is_told_in_a_commit_with_records() {
    let (folder, path) = folder();
    let mut open = open(&path);
    for number in 1..=5 {
        open.queue(sale(number).intent(), false);
        let at = i64::try_from(number).unwrap();
        let seq = write(&open, &entry(at), number == 3).unwrap();
        let cut = folder.path().join(format!("cut-{number}.db"));
        cut_power(&path, &cut);
        assert_eq!(texts(&cut)[0], (seq, format!("till-{number} may refund")));
        let found = verify(&cut).unwrap();
        assert_eq!((found.damage, found.audit.entries), (None, seq));
    }
    open.wait();
    drop(open);
    let again = crate::open(&path);
    assert_eq!(again.restored.position.0, 5);
    assert_eq!(write(&again, &entry(6), false).unwrap(), 6);
    drop(again);
    assert_eq!(
        verify(&path).unwrap().audit,
        AuditReport {
            entries: 6,
            pruned: 0
        }
    );
}

#[test]
fn pages_go_from_the_newest_to_the_oldest() {
    let (_folder, path) = folder();
    filled(&path, 7);
    let open = open(&path);
    let (reply, replied) = channel();
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let reply = reply.clone();
        open.journal
            .audited(before, 3, move |page| reply.send(page).unwrap());
        let page = replied.recv_timeout(PATIENCE).unwrap().unwrap();
        for one in &page.entries {
            let number = i64::try_from(one.seq).unwrap();
            assert_eq!(one.entry, entry(number), "as it was given");
        }
        seen.extend(page.entries.iter().map(|one| one.seq));
        before = seen.last().copied();
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    let none = audit(&path, Some(1), 3).unwrap();
    assert!(none.entries.is_empty() && !none.more);
}

#[test]
fn whatever_is_changed_is_found() {
    let found = |change: &str| {
        let (_folder, path) = folder();
        filled(&path, 5);
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(change).unwrap();
        drop(connection);
        let damage = verify(&path).unwrap().damage;
        let opens = open_with(&path, &Options::default()).is_ok();
        (damage.map(|damage| damage.to_string()), opens)
    };
    let damaged = |what: &str, opens| (Some(format!("entry {what}")), opens);
    assert_eq!(found("SELECT 1 LIMIT 0"), (None, true));
    let changed = "UPDATE audit SET body = replace(body, 'may', 'may not') WHERE seq = 3";
    // Not a reason to keep a shop from selling.
    let expected = damaged("3 of its audit is not as written", true);
    assert_eq!(found(changed), expected);
    for (change, expected) in [
        (
            "UPDATE audit SET at = at + 1 WHERE seq = 2",
            "2 of its audit does not say what its columns say",
        ),
        (
            "UPDATE audit SET action = 'other' WHERE seq = 4",
            "4 of its audit does not say what its columns say",
        ),
        (
            "DELETE FROM audit WHERE seq = 1",
            "1 of its audit is missing",
        ),
        (
            "DELETE FROM audit WHERE seq = 4",
            "4 of its audit is missing",
        ),
        (
            "UPDATE audit_head SET pruned_seq = 1; DELETE FROM audit WHERE seq = 1",
            "2 of its audit is not as written",
        ),
    ] {
        assert_eq!(found(change), damaged(expected, true), "{change}");
    }
    let end = "the last entry of its audit is not the one that was written last";
    for change in [
        "DELETE FROM audit WHERE seq = 5",
        "DELETE FROM audit",
        "DELETE FROM audit_head",
        "UPDATE audit SET chain = zeroblob(32) WHERE seq = 5",
    ] {
        assert_eq!(found(change), (Some(end.to_owned()), false), "{change}");
    }
}

#[test]
fn another_journal_s_entries_do_not_fit() {
    let (_folders, [one, other]) = {
        let (first, one) = folder();
        let (second, other) = folder();
        ((first, second), [one, other])
    };
    filled(&one, 3);
    filled(&other, 3);
    let connection = Connection::open(&one).unwrap();
    connection
        .execute("ATTACH ?1 AS other", [other.to_str().unwrap()])
        .unwrap();
    connection
        .execute_batch(
            "DELETE FROM main.audit; INSERT INTO main.audit SELECT * FROM other.audit;
             DELETE FROM main.audit_head;
             INSERT INTO main.audit_head SELECT * FROM other.audit_head;",
        )
        .unwrap();
    drop(connection);
    let damage = verify(&one).unwrap().damage.unwrap();
    assert_eq!(&*damage, "entry 1 of its audit is not as written");
}

#[test]
fn a_full_disk_is_told_and_leaves_no_entry() {
    let (_folder, path) = folder();
    drop(open(&path));
    let pages: u32 = Connection::open(&path)
        .unwrap()
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    let mut options = Options::default();
    options.pages_max = Some(pages + 1);
    let open = open_with(&path, &options).unwrap();
    let mut long = entry(1);
    long.text = "x".repeat(AUDIT_BODY_BYTES_MAX - 1_000);
    let refused = (1..20).find_map(|_| write(&open, &long, false).err());
    let refused = refused.unwrap();
    assert!(
        matches!(
            refused,
            JournalError::Disk {
                fault: Fault::Full,
                ..
            }
        ),
        "{refused}"
    );
    let later = write(&open, &entry(2), false).unwrap_err();
    assert!(matches!(later, JournalError::Stopped { .. }), "{later}");
    drop(open);
    let kept = verify(&path).unwrap();
    assert_eq!(kept.damage, None);
    let again = crate::open(&path);
    assert_eq!(
        write(&again, &entry(3), false).unwrap(),
        kept.audit.entries + 1
    );
}

#[test]
fn an_entry_too_long_and_one_too_many_are_refused_and_the_journal_goes_on() {
    let (_folder, path) = folder();
    let open = open(&path);
    let mut long = entry(1);
    long.text = "x".repeat(AUDIT_BODY_BYTES_MAX);
    let refused = write(&open, &long, false).unwrap_err();
    assert!(
        matches!(refused, JournalError::EntryTooLong { .. }),
        "{refused}"
    );
    let (hold, held) = channel::<()>();
    let (done, told) = channel();
    let waits = done.clone();
    // The writer tells on its own thread: this one keeps it busy.
    open.journal.audit(&entry(1), false, move |written| {
        waits.send(written).unwrap();
        held.recv().ok();
    });
    assert_eq!(told.recv_timeout(PATIENCE).unwrap().unwrap(), 1);
    for number in 2..=AUDITS_WAITING_MAX + 2 {
        let done = done.clone();
        let number = i64::try_from(number).unwrap();
        open.journal.audit(&entry(number), false, move |written| {
            done.send(written).unwrap();
        });
    }
    let refused = told.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert!(
        matches!(refused, JournalError::QueueFull { .. }),
        "{refused}"
    );
    drop(hold);
    for seq in 2..=AUDITS_WAITING_MAX + 1 {
        let written = told.recv_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!(written, u64::try_from(seq).unwrap());
    }
    assert_eq!(open.journal.stopped(), None);
    drop(open);
    assert_eq!(verify(&path).unwrap().damage, None);
}

#[test]
fn old_entries_go_with_the_retention_and_the_chain_goes_on() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    for number in 1..=700 {
        let mut old = entry(number);
        old.at_micros = FIRST_MICROS + number * (DAY_MICROS / 20);
        write(&open, &old, number != 700).unwrap();
    }
    // The newest record says what time it is.
    open.write(sale(100 * 86_400).intent());
    let prune = |open: &Open| {
        let (reply, replied) = channel();
        let retention = Retention {
            days: 80,
            keys_days: 3_653,
        };
        open.journal
            .prune(retention, move |pruned| reply.send(pruned).unwrap())
            .unwrap();
        replied.recv_timeout(PATIENCE).unwrap().unwrap().audits
    };
    // Twenty a day, and twenty days.
    assert_eq!(prune(&open), 399);
    assert_eq!(prune(&open), 0);
    assert_eq!(write(&open, &entry(1), false).unwrap(), 701);
    let report = verify(&path).unwrap();
    let expected = AuditReport {
        entries: 302,
        pruned: 399,
    };
    assert_eq!((report.audit, report.damage), (expected, None));
    let found = look(&path).unwrap();
    assert_eq!(
        (found.position, found.open, found.needs_operator),
        (1, 1, 0)
    );
    assert_eq!(found.audit, expected);
    assert_eq!(
        found.newest_micros,
        Some(FIRST_MICROS + 100 * 86_400 * 1_000_000)
    );
    drop(open);
    let again = crate::open(&path);
    assert_eq!(write(&again, &entry(2), false).unwrap(), 702);
    drop(again);
    assert_eq!(verify(&path).unwrap().damage, None);
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("DELETE FROM audit WHERE seq = 400")
        .unwrap();
    let damage = verify(&path).unwrap().damage.unwrap();
    assert_eq!(&*damage, "entry 400 of its audit is missing");
    let found = look(&path).unwrap_err().to_string();
    assert!(found.contains("entry 400 of its audit"), "{found}");
}

#[test]
fn backups_and_exports_have_it() {
    let (folder, path) = folder();
    filled(&path, 3);
    let copy = folder.path().join("backup");
    assert_eq!(backup(&path, &copy).unwrap().audit.entries, 3);
    assert_eq!(texts(&copy), texts(&path));
    let whole = Span::default();
    let mut out = Vec::new();
    assert_eq!(
        export_audit(&copy, Format::JsonLines, whole, &mut out).unwrap(),
        3
    );
    let lines = String::from_utf8(out).unwrap();
    let second: serde_json::Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
    assert_eq!(second, json!({ "seq": 2, "entry": entry(2) }));
    let late = Span {
        since_micros: Some(FIRST_MICROS + 3),
        until_micros: None,
    };
    let mut out = Vec::new();
    assert_eq!(export_audit(&path, Format::Csv, late, &mut out).unwrap(), 1);
    let expected = "seq,at_micros,actor,action,subject,text,details\r\n\
        3,1700000000000003,\"operator (socket, uid 1000)\",register.updated,till-3,till-3 may refund,\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}
