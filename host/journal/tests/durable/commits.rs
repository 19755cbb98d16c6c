// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commits: how many, what survives, what happens when one fails.

use crate::records::sale;
use crate::{PATIENCE, cut_power, folder, open, open_with, wal};
use payhal_engine::ids::Position;
use payhal_engine::record::Restored;
use payhal_journal::{Happened, Journal, JournalError, Options};
use std::sync::Mutex;
use std::sync::mpsc::channel;

#[test]
fn a_new_journal_is_empty_and_for_its_user_only() {
    let (folder, path) = folder();
    let open = open(&path);
    assert_eq!(open.restored, Restored::default());
    assert_eq!(open.journal.syncs(), 0);
    let room = std::fs::metadata(crate::wal(&path)).unwrap().len();
    assert_eq!(room, 4 * 1024 * 1024, "the log does not have to grow");
    #[cfg(unix)]
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        use std::os::unix::fs::PermissionsExt as _;
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
    }
    drop(open);
    drop(folder);
}

#[test]
fn a_sale_costs_two_commits() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    open.write(sale(1).intent());
    open.write(sale(1).approved());
    assert_eq!(open.journal.syncs(), 2);
}

#[test]
fn what_has_not_come_to_rest_is_restored() {
    let (_folder, path) = folder();
    let mut first = open(&path);
    for record in [
        sale(1).intent(),
        sale(2).intent(),
        sale(1).approved(),
        sale(3).intent(),
        sale(3).reversing(),
        sale(4).intent(),
        sale(4).reversing(),
        sale(4).reversed(),
        sale(5).intent(),
        sale(5).needs_operator(),
        sale(6).intent(),
        sale(6).needs_operator(),
        sale(6).declined(),
        sale(7).unsent(payhal_engine::answer::Reason::Cancelled),
    ] {
        first.write(record);
    }
    drop(first);
    let again = open(&path);
    assert_eq!(again.restored.position, Position(14));
    assert_eq!(again.restored.stan, 6);
    assert_eq!(
        again.restored.open,
        [
            vec![sale(2).intent()],
            vec![sale(3).intent(), sale(3).reversing()],
            vec![sale(5).intent(), sale(5).needs_operator()],
        ]
    );
}

#[test]
fn the_last_batch_close_of_each_acceptor_is_restored() {
    let (_folder, path) = folder();
    let mut first = open(&path);
    for number in 1..=4 {
        let mut close = sale(number);
        close.kind = payhal_engine::request::Kind::BatchClose;
        first.write(close.intent());
        first.write(match number {
            4 => close.declined(),
            _ => close.approved(),
        });
    }
    drop(first);
    let closed = open(&path).restored.closed;
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].at_micros, 1_700_000_003_000_005);
    assert_eq!(closed[0].acceptor.merchant.as_ref(), "merchant");
}

#[test]
fn what_queues_during_a_commit_goes_into_one() {
    let (_folder, path) = folder();
    let (told, tell) = channel();
    let (go_on, held) = channel::<()>();
    let held = Mutex::new(held);
    let (journal, _) = Journal::open(&path, &Options::default(), move |happened| {
        told.send(happened).unwrap();
        // Holds the writer where a slow disk would.
        held.lock().unwrap().recv().ok();
    })
    .unwrap();
    let append = |number: u64, lazy| {
        let record = Box::new(sale(number.into()).intent());
        journal.append(Position(number), record, lazy).unwrap();
    };
    append(1, false);
    assert!(matches!(
        tell.recv_timeout(PATIENCE),
        Ok(Happened::Durable(Position(1)))
    ));
    for number in 2..=100 {
        append(number, number % 2 == 0);
    }
    go_on.send(()).unwrap();
    assert!(matches!(
        tell.recv_timeout(PATIENCE),
        Ok(Happened::Durable(Position(100)))
    ));
    assert_eq!(journal.syncs(), 2);
    drop(go_on);
}

#[test]
fn a_lazy_record_is_written_without_company_too() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    open.queue(sale(1).intent(), true);
    open.wait();
    assert_eq!(open.journal.syncs(), 1);
}

#[test]
fn dropping_writes_what_is_queued() {
    let (_folder, path) = folder();
    let mut first = open(&path);
    for number in 1..=40 {
        first.queue(sale(number).intent(), number > 20);
    }
    drop(first);
    assert_eq!(open(&path).restored.open.len(), 40);
}

#[test]
fn a_power_cut_takes_nothing_that_was_durable() {
    let (folder, path) = folder();
    let mut open_first = open(&path);
    for number in 1..=20 {
        open_first.write(sale(number).intent());
        if number % 2 == 0 {
            open_first.write(sale(number).approved());
        }
        let copy = folder.path().join(format!("cut-{number}.db"));
        cut_power(&path, &copy);
        let after = open(&copy);
        assert_eq!(after.restored.position.0, open_first.position);
        assert_eq!(
            after.restored.open.len(),
            usize::try_from(number.div_ceil(2)).unwrap()
        );
    }
}

#[test]
fn a_second_process_is_told_who_has_it() {
    let (_folder, path) = folder();
    let first = open(&path);
    let refused = open_with(&path, &Options::default()).err().unwrap();
    let JournalError::AlreadyOpen { pid, .. } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(refused.to_string().contains("already open by process"));
    drop(first);
    open(&path);
}

#[test]
fn after_a_failed_commit_nothing_more_is_written() {
    let (_folder, path) = folder();
    drop(open(&path));
    let mut full = Options::default();
    full.pages_max = Some(24);
    let mut open_full = open_with(&path, &full).unwrap();
    let mut durable = 0;
    let reason = loop {
        open_full.queue(sale(u128::from(durable) + 1).intent(), false);
        match open_full.happened.recv_timeout(PATIENCE).unwrap() {
            Happened::Durable(position) => durable = position.0,
            Happened::Failed(reason) => break reason,
            other => panic!("{other:?}"),
        }
        assert!(durable < 1_000, "24 pages are full by now");
    };
    assert!(reason.contains("no space left"), "{reason}");
    assert_eq!(open_full.journal.stopped(), Some(reason));
    let record = Box::new(sale(9_999).intent());
    let refused = open_full
        .journal
        .append(Position(durable + 1), record, false)
        .unwrap_err();
    assert!(matches!(refused, JournalError::Stopped { .. }), "{refused}");
    assert_eq!(open_full.journal.syncs(), durable);
    drop(open_full);

    let again = open(&path);
    assert!(durable > 0);
    assert_eq!(again.restored.position.0, durable);
}

#[test]
fn positions_without_a_gap() {
    let (_folder, path) = folder();
    let open = open(&path);
    open.journal
        .append(Position(2), Box::new(sale(1).intent()), false)
        .unwrap();
    let Happened::Failed(reason) = open.happened.recv_timeout(PATIENCE).unwrap() else {
        panic!()
    };
    assert!(reason.contains("position 2 does not follow 0"), "{reason}");
}

#[test]
fn the_log_stays_bounded_under_a_stream_without_gaps() {
    let (_folder, path) = folder();
    let mut open_first = open(&path);
    for number in 1..=1_500 {
        open_first.queue(sale(number).intent(), false);
        open_first.queue(sale(number).approved(), false);
        open_first.wait();
    }
    let bytes = std::fs::metadata(wal(&path)).unwrap().len();
    assert!(bytes < 40 * 1024 * 1024, "{bytes} bytes");
    drop(open_first);
    let again = open(&path);
    assert_eq!(again.restored.position, Position(3_000));
    assert!(again.restored.open.is_empty());
}
