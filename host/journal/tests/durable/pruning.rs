// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pruning drops what is old and at rest, and nothing else; the chain and the keys' answers stay.

use crate::records::{Sale, id, refund, sale, scope};
use crate::{Open, PATIENCE, folder, open, open_with};
use payhal_engine::answer::Reason;
use payhal_engine::effect::RecallBy;
use payhal_engine::forwarding::{ForwardingState, became};
use payhal_engine::ids::IdempotencyKey;
use payhal_engine::record::{Fact, FinalAnswer, Record};
use payhal_journal::{JournalError, Options, Pruned, Retention, verify};
use std::sync::mpsc::channel;

const DAY_SECONDS: u128 = 86_400;

/// A sale's number is its second: this one is so many days later.
fn on_day(day: u128, number: u128) -> u128 {
    day * DAY_SECONDS + number
}

fn retention(days: u32, keys_days: u32) -> Retention {
    Retention { days, keys_days }
}

fn prune(open: &Open, retention: Retention) -> Result<Pruned, JournalError> {
    let (reply, replied) = channel();
    open.journal
        .prune(retention, move |pruned| reply.send(pruned).unwrap())?;
    replied.recv_timeout(PATIENCE).unwrap()
}

fn by_key(sale: &Sale) -> RecallBy {
    RecallBy::Key(scope(), IdempotencyKey::from(sale.key.as_str()))
}

fn numbered(day: u128, number: u128) -> Sale {
    let mut sale = sale(on_day(day, number));
    sale.minor = 1_000;
    sale
}

fn refunded(day: u128, number: u128, of: &Sale) -> Sale {
    refund(on_day(day, number), of.number, 10)
}

fn answer(records: &[Record]) -> FinalAnswer {
    let ended = records.iter().rev().find_map(|record| match &record.fact {
        Fact::Ended(ending) => Some(ending.answer.clone()),
        _ => None,
    });
    ended.unwrap()
}

#[test]
fn what_is_old_and_at_rest_goes_with_its_family() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    let gone = [numbered(0, 1), numbered(0, 2), numbered(0, 3)];
    for sale in &gone {
        open.write(sale.intent());
        open.write(sale.approved());
    }
    let back = refunded(1, 4, &gone[0]);
    open.write(back.intent());
    open.write(back.approved());
    let never_sent = numbered(1, 5);
    open.write(never_sent.unsent(Reason::Cancelled));
    let stays_open = numbered(1, 6);
    open.write(stays_open.intent());
    let with_young_refund = numbered(1, 7);
    open.write(with_young_refund.intent());
    open.write(with_young_refund.approved());
    let old_refund = refunded(2, 8, &with_young_refund);
    open.write(old_refund.intent());
    open.write(old_refund.approved());
    let reversing = numbered(2, 9);
    open.write(reversing.intent());
    open.write(reversing.reversing());
    let young_refund = refunded(99, 10, &with_young_refund);
    open.write(young_refund.intent());
    open.write(young_refund.approved());
    let today = numbered(100, 11);
    open.write(today.intent());

    let pruned = prune(&open, retention(50, 3_653)).unwrap();
    assert_eq!(
        (pruned.transactions, pruned.records, pruned.answers),
        (5, 9, 0)
    );
    let report = verify(&path).unwrap();
    assert_eq!(report.damage, None);
    assert_eq!((report.records, report.pruned), (10, 9));
    for sale in gone.iter().chain([&back]) {
        let past = open.recall(by_key(sale)).unwrap();
        assert_eq!(answer(&past.records), answer(&[sale.approved()]));
        assert_eq!(open.recall(RecallBy::Transaction(id(sale.number))), None);
    }
    let unsent = open.recall(by_key(&never_sent)).unwrap();
    assert_eq!(unsent.records, [never_sent.unsent(Reason::Cancelled)]);
    let original = RecallBy::Transaction(id(with_young_refund.number));
    assert_eq!(open.recall(original).unwrap().changes.len(), 2);
    let stays = open.view(id(stays_open.number)).unwrap();
    assert_eq!(stays.records, [stays_open.intent()]);
    assert!(open.view(id(gone[0].number)).unwrap().pruned);
    // The writer goes on with what it remembered, and a start finds the same.
    open.write(stays_open.approved());
    drop(open);
    let again = crate::open(&path);
    assert_eq!(again.restored.position.0, 20);
    assert_eq!(again.restored.open.len(), 2);
    assert_eq!(
        prune(&again, retention(50, 3_653)).unwrap(),
        Pruned::default()
    );
    assert!(again.recall(by_key(&gone[1])).is_some());
    assert_eq!(again.recall(by_key(&numbered(0, 77))), None);
}

#[test]
fn the_answer_that_is_left_says_what_became_of_a_sale_without_its_gateway() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    let (lost, waits) = (numbered(0, 1), numbered(0, 2));
    open.write(lost.stored());
    open.write(lost.lost());
    open.write(waits.stored());
    open.write(numbered(100, 3).intent());
    let before = became(&[lost.stored(), lost.lost()]);
    assert_eq!(prune(&open, retention(50, 3_653)).unwrap().transactions, 1);
    let past = open.recall(by_key(&lost)).unwrap();
    assert_eq!(past.records.len(), 1);
    assert_eq!(became(&past.records), before);
    assert_eq!(before.unwrap().state, ForwardingState::Declined);
    assert_eq!(
        open.recall(by_key(&waits)).unwrap().records,
        [waits.stored()]
    );
}

#[test]
fn everything_may_go_and_the_journal_goes_on() {
    let (_folder, path) = folder();
    let mut first = open(&path);
    for number in 1..=300 {
        first.queue(sale(number).intent(), false);
        first.queue(sale(number).approved(), false);
    }
    let today = sale(on_day(500, 1));
    first.queue(today.intent(), false);
    first.queue(today.approved(), false);
    first.wait();
    let pruned = prune(&first, retention(30, 3_653)).unwrap();
    assert_eq!((pruned.transactions, pruned.records), (300, 600));
    drop(first);
    let mut again = open(&path);
    assert_eq!(again.restored.position.0, 602);
    again.write(sale(on_day(1_000, 1)).intent());
    // The answers of keys go when their own time has come.
    let pruned = prune(&again, retention(30, 600)).unwrap();
    assert_eq!((pruned.transactions, pruned.answers), (1, 300));
    assert_eq!(again.recall(by_key(&sale(1))), None);
    assert!(again.recall(by_key(&today)).is_some());
    drop(again);
    let report = verify(&path).unwrap();
    assert_eq!(
        (report.records, report.pruned, report.damage),
        (1, 602, None)
    );
    assert_eq!(open(&path).restored.position.0, 603);
}

#[test]
fn a_seal_is_no_licence_to_drop_more() {
    for (change, expected) in [
        (
            "DELETE FROM record WHERE position = 605",
            "record 605 is missing",
        ),
        ("DELETE FROM seal", "record 1 is missing"),
        ("UPDATE seal SET last = last - 1", "record 600 is missing"),
        (
            "UPDATE seal SET chain = zeroblob(32)",
            "record 601 is not as written",
        ),
        (
            "UPDATE kept SET body = replace(body, '1001', '9001')",
            "the kept answer of a pruned transaction is not as written",
        ),
    ] {
        let (_folder, path) = folder();
        let mut open = open(&path);
        for number in (1..=300).chain((1..=5).map(|number| on_day(500, number))) {
            open.queue(sale(number).intent(), false);
            open.queue(sale(number).approved(), false);
        }
        open.wait();
        prune(&open, retention(30, 3_653)).unwrap();
        drop(open);
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(change).unwrap();
        drop(connection);
        assert_eq!(verify(&path).unwrap().damage.as_deref(), Some(expected));
    }
}

#[test]
fn commits_go_on_while_it_prunes() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    for number in 1..=2_000 {
        open.queue(sale(number).intent(), false);
        open.queue(sale(number).approved(), false);
    }
    open.write(sale(on_day(500, 1)).intent());
    let (reply, replied) = channel();
    open.journal
        .prune(retention(30, 3_653), move |pruned| {
            reply.send(pruned).unwrap()
        })
        .unwrap();
    let mut written = 0;
    let pruned = loop {
        written += 1;
        open.write(sale(on_day(500, 1 + written)).intent());
        match replied.try_recv() {
            Ok(pruned) => break pruned.unwrap(),
            Err(_) => assert!(written < 100_000),
        }
    };
    assert_eq!(pruned.transactions, 2_000);
    drop(open);
    let report = verify(&path).unwrap();
    assert_eq!((report.pruned, report.damage), (4_000, None));
    assert_eq!(u128::from(report.open), 1 + written);
}

#[test]
fn the_open_business_days_are_never_dropped() {
    let (_folder, path) = folder();
    let open = open(&path);
    for retention in [retention(29, 3_653), retention(548, 0)] {
        let refused = prune(&open, retention).unwrap_err();
        assert!(
            matches!(refused, JournalError::TooYoung { .. }),
            "{refused}"
        );
    }
    drop(open);
    let mut options = Options::default();
    options.retention = Some(retention(1, 1));
    assert!(open_with(&path, &options).is_err());
}
