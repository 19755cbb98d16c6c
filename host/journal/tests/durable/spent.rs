// SPDX-License-Identifier: MIT OR Apache-2.0
//! A key of a reader is spent by one transaction, whatever becomes of its records.

use crate::records::{Sale, id, sale};
use crate::{Open, PATIENCE, beside, folder, open};
use payhal_engine::card::SpentKey;
use payhal_engine::effect::RecallBy;
use payhal_engine::ids::DeviceId;
use payhal_journal::{Happened, Retention, backup, show, verify};
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc::channel;

fn key(slot: &str, serial: &str) -> SpentKey {
    SpentKey {
        slot: slot.into(),
        serial: serial.into(),
    }
}

fn spending(number: u128, keys: &[SpentKey]) -> Sale {
    let mut sale = sale(number);
    sale.spent = keys.to_vec();
    sale
}

fn spent(device: &str, keys: &[SpentKey]) -> RecallBy {
    RecallBy::Spent(DeviceId::from(device), keys.to_vec())
}

fn spender(open: &Open, device: &str, keys: &[SpentKey]) -> Option<u128> {
    let past = open.recall(spent(device, keys))?;
    let first = past.records.first();
    Some(first.map_or(0, |record| record.transaction_id.0.as_u128()))
}

#[test]
fn whoever_spent_a_key_is_found_by_any_of_its_keys() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    let (first, second) = (key("main", "AAE="), key("main", "AAI="));
    open.write(spending(1, &[first.clone(), second.clone()]).intent());
    open.write(sale(2).intent());
    let only = std::slice::from_ref(&first);
    assert_eq!(spender(&open, "counter", only), Some(1));
    assert_eq!(
        spender(&open, "counter", &[key("main", "AAM="), second]),
        Some(1)
    );
    // Another slot, another reader, another letter: other keys.
    let others = [
        ("counter", key("spare", "AAE=")),
        ("garden", first),
        ("counter", key("main", "aae=")),
    ];
    for (device, other) in others {
        assert_eq!(spender(&open, device, &[other]), None);
    }
    assert_eq!(verify(&path).unwrap().damage, None);
}

#[test]
fn a_key_stays_spent_when_its_transaction_is_pruned_and_its_answer_too() {
    let (folder, path) = folder();
    let mut open = open(&path);
    let keys = [key("main", "AAE=")];
    let old = spending(1, &keys);
    open.write(old.intent());
    open.write(old.approved());
    open.write(sale(100 * 86_400).intent());
    let (reply, replied) = channel();
    let retention = Retention {
        days: 50,
        keys_days: 50,
    };
    let pruned = move |pruned| reply.send(pruned).unwrap();
    open.journal.prune(retention, pruned).unwrap();
    let pruned = replied.recv_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!((pruned.transactions, pruned.answers), (1, 1));
    assert_eq!(spender(&open, "counter", &keys), Some(0));
    drop(open);
    assert_eq!(verify(&path).unwrap().damage, None);
    // So it does in a copy that is put in the journal's place.
    let copy = folder.path().join("copy.db");
    backup(&path, &copy).unwrap();
    let open = crate::open(&copy);
    assert_eq!(spender(&open, "counter", &keys), Some(0));
}

#[test]
fn the_second_intent_with_a_key_is_never_written() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    let keys = [key("main", "AAE=")];
    open.write(spending(1, &keys).intent());
    open.queue(sale(2).intent(), false);
    open.wait();
    open.queue(spending(3, &keys).intent(), false);
    match open.happened.recv_timeout(PATIENCE).unwrap() {
        Happened::Failed(why) => assert!(why.contains("spends a key"), "{why}"),
        other => panic!("{other:?}"),
    }
    drop(open);
    let open = crate::open(&path);
    assert_eq!(open.restored.position.0, 2);
    assert_eq!(show(&path, &RecallBy::Transaction(id(3))).unwrap(), None);
    assert_eq!(spender(&open, "counter", &keys), Some(1));
}

#[test]
fn a_spent_key_that_was_taken_out_is_found_missing() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    open.write(spending(1, &[key("main", "AAE=")]).intent());
    drop(open);
    change(&path, "DELETE FROM spent");
    let damage = verify(&path).unwrap().damage.unwrap();
    assert!(damage.contains("is not among the spent ones"), "{damage}");
}

/// A journal of schema 2 is one of this one without the later tables; its records spend nothing.
#[test]
fn version_2_is_brought_forward_and_read_as_it_is() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    open.write(sale(1).intent());
    drop(open);
    change(&path, crate::WITHOUT_SEVENTH);
    change(
        &path,
        "DROP TABLE spent; DROP TABLE audit; DROP TABLE audit_head;
         DROP INDEX transaction_forwarding;
         ALTER TABLE \"transaction\" DROP COLUMN forwarding; DROP TABLE token;
         DROP INDEX transaction_token; ALTER TABLE \"transaction\" DROP COLUMN token_id;
         PRAGMA user_version = 2",
    );
    assert_eq!(verify(&path).unwrap().damage, None);
    assert_eq!(
        show(&path, &spent("counter", &[key("a", "b")])).unwrap(),
        None
    );
    let mut open = crate::open(&path);
    assert_eq!(open.restored.open.len(), 1);
    let keys = [key("main", "AAE=")];
    open.write(spending(2, &keys).intent());
    assert_eq!(spender(&open, "counter", &keys), Some(2));
    drop(open);
    assert!(beside(&path, ".v2.bak").exists());
}

fn change(path: &Path, statements: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(statements).unwrap();
}
