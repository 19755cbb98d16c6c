// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payment tokens are kept as their last record left them, whatever becomes of their records.

use crate::records::{Sale, id, sale};
use crate::{Open, PATIENCE, beside, folder, open};
use payhal_engine::effect::RecallBy;
use payhal_engine::ids::{Acceptor, TokenId};
use payhal_engine::record::Past;
use payhal_engine::tokens::{Named, Sought, Token};
use payhal_journal::{Filter, Happened, Retention, TokenFilter, TokenPage, backup, verify};
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc::channel;
use uuid::Uuid;

fn token(number: u128, reference: &str, text: &str) -> Token {
    Token {
        id: TokenId(Uuid::from_u128(number)),
        register: "front".into(),
        reference: reference.into(),
        gateway: "acquirer".into(),
        acceptor: Acceptor::default(),
        token: text.into(),
        card: None,
        custom: None,
        created_at_micros: 1,
        changed_at_micros: 1,
        deleted: false,
    }
}

/// The check that makes this of a token.
fn making(number: u128, stored: Token) -> Sale {
    Sale {
        stored: Some(stored),
        ..sale(number)
    }
}

fn keep(open: &mut Open, number: u128, stored: Token) {
    let check = making(number, stored);
    open.write(check.intent());
    open.write(check.approved());
}

fn recall(open: &Open, sought: Sought) -> Past {
    open.recall(RecallBy::Tokens(vec![sought])).unwrap()
}

fn named(reference: &str) -> Sought {
    Sought::Named(Named::Reference(reference.into()))
}

fn list(open: &Open, filter: TokenFilter) -> TokenPage {
    let (reply, replied) = channel();
    open.journal
        .tokens(filter, move |page| reply.send(page).unwrap());
    replied.recv_timeout(PATIENCE).unwrap().unwrap()
}

#[test]
fn a_token_is_what_its_last_record_made_of_it() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    let anna = token(1, "anna", "tok-1");
    keep(&mut open, 1, anna.clone());
    keep(&mut open, 2, token(2, "bert", "tok-1"));
    assert_eq!(
        recall(&open, named("anna")).tokens,
        std::slice::from_ref(&anna)
    );
    assert_eq!(recall(&open, Sought::Text("tok-1".into())).tokens.len(), 2);
    let given = recall(&open, Sought::GivenBy(id(1)));
    assert_eq!((given.records.len(), given.tokens.len()), (2, 2));
    let moved = Token {
        reference: "carl".into(),
        ..anna.clone()
    };
    keep(&mut open, 3, moved.clone());
    assert!(recall(&open, named("anna")).tokens.is_empty());
    assert_eq!(
        recall(&open, named("carl")).tokens,
        std::slice::from_ref(&moved)
    );
    let gone = Token {
        deleted: true,
        ..moved
    };
    keep(&mut open, 4, gone.clone());
    assert!(recall(&open, named("carl")).tokens.is_empty());
    let by_id = Sought::Named(Named::Id(anna.id));
    assert_eq!(recall(&open, by_id).tokens, std::slice::from_ref(&gone));
    assert_eq!(list(&open, TokenFilter::default()).tokens.len(), 1);
    let filter = TokenFilter {
        id: Some(anna.id),
        ..TokenFilter::default()
    };
    assert_eq!(list(&open, filter).tokens, [gone]);
    // Its history is a list of transactions.
    let (reply, replied) = channel();
    let filter = Filter {
        token: Some(anna.id),
        ..Filter::default()
    };
    open.journal
        .list(filter, move |page| reply.send(page).unwrap());
    assert_eq!(
        replied.recv_timeout(PATIENCE).unwrap().unwrap().rows.len(),
        3
    );
    assert_eq!(verify(&path).unwrap().damage, None);
}

#[test]
fn a_list_goes_on_where_it_stopped_and_shows_what_it_is_asked_for() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    for number in 1..=5 {
        let name = format!("n-{number}");
        let mut stored = token(number, &name, &name);
        if number == 5 {
            stored.register = "back".into();
            stored.gateway = "other".into();
        }
        keep(&mut open, number, stored);
    }
    let mut filter = TokenFilter {
        register: Some("front".into()),
        limit: 3,
        ..TokenFilter::default()
    };
    let first = list(&open, filter.clone());
    let names = |page: &TokenPage| -> Vec<_> {
        page.tokens
            .iter()
            .map(|it| it.reference.to_string())
            .collect()
    };
    assert_eq!(names(&first), ["n-4", "n-3", "n-2"]);
    filter.before = first.next;
    let rest = list(&open, filter);
    assert_eq!((names(&rest), rest.next), (vec!["n-1".to_owned()], None));
    let other = TokenFilter {
        gateway: Some("other".into()),
        ..TokenFilter::default()
    };
    assert_eq!(names(&list(&open, other)), ["n-5"]);
    let one = TokenFilter {
        reference: Some("n-2".into()),
        ..TokenFilter::default()
    };
    assert_eq!(names(&list(&open, one)), ["n-2"]);
}

#[test]
fn a_token_outlives_its_records_and_goes_into_a_copy() {
    let (folder, path) = folder();
    let mut open = open(&path);
    keep(&mut open, 1, token(1, "anna", "tok"));
    open.write(sale(100 * 86_400).intent());
    let (reply, replied) = channel();
    let retention = Retention {
        days: 50,
        keys_days: 50,
    };
    open.journal
        .prune(retention, move |pruned| reply.send(pruned).unwrap())
        .unwrap();
    assert_eq!(
        replied
            .recv_timeout(PATIENCE)
            .unwrap()
            .unwrap()
            .transactions,
        1
    );
    assert_eq!(recall(&open, named("anna")).tokens.len(), 1);
    drop(open);
    assert_eq!(verify(&path).unwrap().damage, None);
    let copy = folder.path().join("copy.db");
    backup(&path, &copy).unwrap();
    let open = crate::open(&copy);
    assert_eq!(recall(&open, named("anna")).tokens.len(), 1);
}

#[test]
fn the_second_token_with_a_reference_is_never_written() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    keep(&mut open, 1, token(1, "anna", "tok"));
    let second = making(2, token(2, "anna", "tok-2"));
    open.write(second.intent());
    open.queue(second.approved(), false);
    match open.happened.recv_timeout(PATIENCE).unwrap() {
        Happened::Failed(why) => assert!(why.contains("write"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_that_was_changed_or_taken_out_by_hand_is_found() {
    for (change, found) in [
        ("DELETE FROM token", "is not written down"),
        (
            "UPDATE token SET body = replace(body, 'anna', 'bert')",
            "not as written",
        ),
        ("UPDATE token SET position = 1", "is not written down"),
    ] {
        let (_folder, path) = folder();
        let mut open = open(&path);
        keep(&mut open, 1, token(1, "anna", "tok"));
        drop(open);
        by_hand(&path, change);
        let damage = verify(&path).unwrap().damage.unwrap();
        assert!(damage.contains(found), "{damage}");
    }
}

/// A journal of schema 5 is one of this one without the tokens.
#[test]
fn version_5_is_read_as_it_is_and_brought_forward() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    open.write(sale(1).intent());
    drop(open);
    by_hand(&path, crate::WITHOUT_SEVENTH);
    by_hand(
        &path,
        "DROP TABLE token; DROP INDEX transaction_token;
         ALTER TABLE \"transaction\" DROP COLUMN token_id; PRAGMA user_version = 5",
    );
    assert_eq!(verify(&path).unwrap().damage, None);
    let mut open = crate::open(&path);
    assert_eq!(open.restored.open.len(), 1);
    keep(&mut open, 2, token(2, "anna", "tok"));
    assert_eq!(recall(&open, named("anna")).tokens.len(), 1);
    drop(open);
    assert!(beside(&path, ".v5.bak").exists());
    assert_eq!(verify(&path).unwrap().damage, None);
}

fn by_hand(path: &Path, statements: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(statements).unwrap();
}
