// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recalls, views and lists.

use crate::records::{Sale, id, refund, sale, scope};
use crate::{Open, PATIENCE, folder, open};
use payhal_engine::answer::{Outcome, Reason};
use payhal_engine::conversion::Conversion;
use payhal_engine::dcc::CurrencyOffer;
use payhal_engine::effect::RecallBy;
use payhal_engine::gateway::Change;
use payhal_engine::ids::{IdempotencyKey, Position, RecallId, RegisterId, Scope};
use payhal_engine::money::{Amount, Currency};
use payhal_engine::record::{Fact, FinalAnswer, PastChange, Record};
use payhal_engine::request::Kind;
use payhal_journal::{
    Became, Cursor, Filter, Happened, Journal, NotACursor, Options, Page, Sought,
    open_transactions, show, verify,
};
use std::sync::mpsc::channel;

fn by_key(scope: Scope, key: &str) -> RecallBy {
    RecallBy::Key(scope, IdempotencyKey::from(key))
}

fn list(open: &Open, filter: Filter) -> Page {
    let (reply, replied) = channel();
    open.journal
        .list(filter, move |page| reply.send(page).unwrap());
    replied.recv_timeout(PATIENCE).unwrap().unwrap()
}

fn numbers(page: &Page) -> Vec<u128> {
    page.rows
        .iter()
        .map(|row| row.transaction_id.0.as_u128())
        .collect()
}

#[test]
fn a_key_is_recalled_in_its_scope_only() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    open.write(sale(1).intent());
    open.write(sale(1).approved());
    let past = open.recall(by_key(scope(), "key-1")).unwrap();
    assert_eq!(past.records, [sale(1).intent(), sale(1).approved()]);
    assert!(past.changes.is_empty());
    let again = Scope {
        generation: 2,
        ..scope()
    };
    assert_eq!(open.recall(by_key(again, "key-1")), None);
    let other = Scope {
        register: RegisterId::from("back"),
        ..scope()
    };
    assert_eq!(open.recall(by_key(other, "key-1")), None);
    assert_eq!(open.recall(by_key(scope(), "key-2")), None);
    assert_eq!(open.recall(RecallBy::Transaction(id(2))), None);
}

#[test]
fn the_newest_transaction_has_the_key() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    let mut second = sale(2);
    second.key = sale(1).key;
    open.write(sale(1).unsent(Reason::DeviceUnavailable));
    open.write(second.intent());
    let past = open.recall(by_key(scope(), "key-1")).unwrap();
    assert_eq!(past.records, [second.intent()]);
}

#[test]
fn a_sale_is_recalled_with_what_changed_it() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    let mut void = sale(16);
    void.kind = Kind::Void { original: id(1) };
    for record in [
        sale(1).intent(),
        sale(1).approved(),
        refund(11, 1, 100).intent(),
        refund(11, 1, 100).approved(),
        refund(12, 1, 200).intent(),
        refund(12, 1, 200).declined(),
        refund(13, 1, 300).intent(),
        refund(14, 1, 400).intent(),
        refund(14, 1, 400).reversing(),
        refund(15, 1, 500).intent(),
        refund(15, 1, 500).reversing(),
        refund(15, 1, 500).reversed(),
        void.unsent(Reason::NotAllowed),
        refund(17, 2, 700).intent(),
    ] {
        open.write(record);
    }
    let past = open.recall(RecallBy::Transaction(id(1))).unwrap();
    let refunded = |number, amount_minor, counts| PastChange {
        transaction_id: id(number),
        change: Change::Refund,
        amount_minor,
        counts,
    };
    assert_eq!(
        past.changes,
        [
            refunded(11, 100, true),
            refunded(12, 200, false),
            refunded(13, 300, true),
            refunded(14, 400, true),
            refunded(15, 500, false),
            PastChange {
                transaction_id: id(16),
                change: Change::Void,
                amount_minor: 1_016,
                counts: false,
            },
        ]
    );
}

#[test]
fn a_view_has_the_line_and_the_records() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    open.write(sale(1).intent());
    let before = open.view(id(1)).unwrap();
    assert_eq!(before.summary.outcome, None);
    assert!(before.summary.open());
    open.write(sale(1).approved());
    let view = open.view(id(1)).unwrap();
    let line = &view.summary;
    assert_eq!(line.outcome, Some(Outcome::Approved));
    assert!(!line.open());
    assert_eq!(line.amount.unwrap().minor, 1_001);
    assert_eq!(line.approved_minor, Some(1_001));
    assert_eq!(line.last_four.as_deref(), Some("0119"));
    assert_eq!(line.approval_code.as_deref(), Some("A1B2C3"));
    assert_eq!(line.reference.as_deref(), Some("Order 1"));
    assert_eq!((line.first.0, line.last.0), (1, 2));
    assert_eq!(line.ended_at_micros, Some(line.started_at_micros + 5));
    assert_eq!(view.records, [sale(1).intent(), sale(1).approved()]);
    assert_eq!(open.view(id(2)), None);
    // The tools see the same beside the open journal.
    assert_eq!(
        show(&path, &RecallBy::Transaction(id(1))).unwrap(),
        Some(view)
    );
}

/// Nine sales: four approved, one declined, one being reversed, three unknown, two of these from
/// another register.
fn nine_sales(open: &mut Open) {
    for number in 1..=9 {
        let mut sale = sale(number);
        if number > 7 {
            sale.scope.register = RegisterId::from("back");
        }
        open.write(sale.intent());
        match number {
            1..=4 => open.write(sale.approved()),
            5 => open.write(sale.declined()),
            6 => open.write(sale.reversing()),
            _ => {}
        }
    }
}

#[test]
fn lists_are_filtered() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    nine_sales(&mut open);
    let all = || Filter::default();
    let since = open.view(id(3)).unwrap().summary.started_at_micros;
    for (filter, expected) in [
        (all(), vec![9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (
            Filter {
                outcome: Some(Became::Ended(Outcome::Approved)),
                ..all()
            },
            vec![4, 3, 2, 1],
        ),
        (
            Filter {
                outcome: Some(Became::Ended(Outcome::Unknown)),
                ..all()
            },
            vec![9, 8, 7],
        ),
        (
            Filter {
                open: Some(true),
                ..all()
            },
            vec![9, 8, 7, 6],
        ),
        (
            Filter {
                open: Some(false),
                ..all()
            },
            vec![5, 4, 3, 2, 1],
        ),
        (
            Filter {
                register: Some("back".into()),
                ..all()
            },
            vec![9, 8],
        ),
        (
            Filter {
                since_micros: Some(since),
                until_micros: Some(since + 2_000_000),
                ..all()
            },
            vec![4, 3],
        ),
    ] {
        assert_eq!(
            numbers(&list(&open, filter.clone())),
            expected,
            "{filter:?}"
        );
    }
}

#[test]
fn lists_are_searched() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    nine_sales(&mut open);
    let text = |text: &str| Filter {
        text: Some(text.into()),
        ..Filter::default()
    };
    for (filter, expected) in [
        (text("order 7"), vec![7]),
        (text("key-2"), vec![2]),
        (text("ORDER"), vec![9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (text("A1B2C3"), vec![4, 3, 2, 1]),
        (text(&id(5).to_string()), vec![5]),
        (text("%"), vec![]),
        (
            Filter {
                register: Some("front".into()),
                limit: 2,
                ..text("0119")
            },
            vec![7, 6],
        ),
    ] {
        assert_eq!(
            numbers(&list(&open, filter.clone())),
            expected,
            "{filter:?}"
        );
    }
}

/// What a list of these finds, page by page of two.
fn paged(open: &Open, filter: &Filter) -> Vec<u128> {
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = list(
            open,
            Filter {
                cursor,
                limit: 2,
                ..filter.clone()
            },
        );
        let full = page.rows.len() == 2;
        assert!(
            full || page.next.is_none(),
            "a page that others follow is full"
        );
        seen.extend(numbers(&page));
        let Some(next) = page.next else { return seen };
        cursor = Some(next);
    }
}

/// A sale in two, whose card was charged in dollars.
fn converted(number: u128, dollars: i64) -> [Record; 2] {
    let sale = sale(number);
    let conversion = Conversion {
        amount: Amount {
            minor: dollars,
            currency: Currency::from_code("USD").unwrap(),
        },
        rate: "1.1282".into(),
        markup_millionths: 35_000,
    };
    let (mut intent, mut approved) = (sale.intent(), sale.approved());
    if let Fact::Intent(intent) = &mut intent.fact {
        intent.dcc = Some(CurrencyOffer {
            offer_id: "offer".into(),
            conversion: conversion.clone(),
            expires_at_micros: 0,
        });
    }
    if let Fact::Ended(ending) = &mut approved.fact
        && let FinalAnswer::Approved(approved) = &mut ending.answer
    {
        approved.dcc = Some(conversion);
    }
    [intent, approved]
}

/// Twenty sales of two prices that end in each way, and one of a card that pays in dollars.
fn many_sales(open: &mut Open) {
    let price = |number, minor| Sale {
        minor,
        ..sale(number)
    };
    for number in 1..=20 {
        let sale = price(number, if number % 3 == 0 { 1_250 } else { 990 });
        open.write(sale.intent());
        match number % 4 {
            0 => open.write(sale.declined()),
            1 => open.write(sale.approved()),
            2 => open.write(sale.stored()),
            _ => {}
        }
    }
    open.write(price(2, 990).lost());
    for record in converted(21, 1_250) {
        open.write(record);
    }
}

#[test]
fn lists_are_searched_by_amount_outcome_and_card_over_pages() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    many_sales(&mut open);
    let amount = |minor, code| Filter {
        amount: Some(Sought {
            minor,
            currency: Currency::from_code(code),
        }),
        ..Filter::default()
    };
    let of = |outcome| Filter {
        outcome: Some(outcome),
        ..Filter::default()
    };
    let four = |digits: &str| Filter {
        last_four: Some(digits.into()),
        ..Filter::default()
    };
    for (filter, expected) in [
        (amount(1_250, ""), vec![21, 18, 15, 12, 9, 6, 3]),
        (amount(1_250, "EUR"), vec![18, 15, 12, 9, 6, 3]),
        (amount(1_250, "USD"), vec![21]),
        (amount(1_250, "CHF"), vec![]),
        (amount(1_021, "EUR"), vec![21]),
        (
            of(Became::Ended(Outcome::Declined)),
            vec![20, 16, 12, 8, 4, 2],
        ),
        (
            of(Became::Ended(Outcome::Approved)),
            vec![21, 17, 13, 9, 5, 1],
        ),
        (of(Became::Ended(Outcome::Unknown)), vec![19, 15, 11, 7, 3]),
        (of(Became::Ended(Outcome::Cancelled)), vec![]),
        (of(Became::AcceptedOffline), vec![18, 14, 10, 6]),
        (
            Filter {
                outcome: Some(Became::Ended(Outcome::Declined)),
                ..amount(1_250, "")
            },
            vec![12],
        ),
        (
            Filter {
                outcome: Some(Became::Ended(Outcome::Unknown)),
                without: vec![id(11), id(19)],
                ..four("0119")
            },
            vec![15, 7, 3],
        ),
        (four("9999"), vec![]),
    ] {
        assert_eq!(paged(&open, &filter), expected, "{filter:?}");
    }
}

#[test]
fn a_charge_in_the_card_s_currency_outlives_an_upgrade() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    let [intent, approved] = converted(1, 1_250);
    open.write(intent);
    open.write(approved);
    let [intent, _] = converted(2, 990);
    open.write(intent);
    open.write(sale(3).intent());
    let lines = list(&open, Filter::default());
    let minor = |page: &Page| -> Vec<_> {
        let lines = page.rows.iter();
        lines
            .map(|line| line.dcc.as_ref().map(|dcc| dcc.amount.minor))
            .collect()
    };
    assert_eq!(minor(&lines), [None, Some(990), Some(1_250)]);
    drop(open);
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(crate::WITHOUT_SEVENTH)
        .unwrap();
    assert_eq!(verify(&path).unwrap().damage, None);
    let open = crate::open(&path);
    assert_eq!(list(&open, Filter::default()), lines);
    drop(open);
    assert_eq!(verify(&path).unwrap().damage, None);
}

#[test]
fn lists_are_paged_newest_first() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    nine_sales(&mut open);
    let mut seen = Vec::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = list(
            &open,
            Filter {
                limit: 4,
                cursor,
                ..Filter::default()
            },
        );
        seen.extend(numbers(&page));
        let Some(next) = page.next else { break };
        cursor = Some(next.to_string().parse().unwrap());
    }
    assert_eq!(seen, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!("9".parse::<Cursor>(), Err(NotACursor));
}

#[test]
fn what_needs_attention_is_listed_oldest_first() {
    let (_folder, path) = folder();
    let mut open = open(&path);
    open.write(sale(1).intent());
    open.write(sale(2).intent());
    open.write(sale(2).approved());
    open.write(sale(3).intent());
    open.write(sale(3).needs_operator());
    let (reply, replied) = channel();
    open.journal
        .unresolved(move |lines| reply.send(lines).unwrap());
    let lines = replied.recv_timeout(PATIENCE).unwrap().unwrap();
    let found: Vec<_> = lines
        .iter()
        .map(|line| (line.transaction_id, line.needs_operator))
        .collect();
    assert_eq!(found, [(id(1), false), (id(3), true)]);
    assert_eq!(open_transactions(&path).unwrap(), lines);
}

#[test]
fn a_new_key_is_known_to_be_new_on_the_asker_s_own_thread() {
    let (_folder, path) = folder();
    let mut first = open(&path);
    for number in 1..=3_000 {
        first.queue(sale(number).intent(), false);
    }
    first.wait();
    drop(first);
    let (tell, told) = channel();
    let (journal, _) = Journal::open(&path, &Options::default(), move |happened| {
        tell.send((std::thread::current().id(), happened)).ok();
    })
    .unwrap();
    let recall = |key: &str| {
        journal.recall(RecallId(1), by_key(scope(), key)).unwrap();
        match told.recv_timeout(PATIENCE).unwrap() {
            (thread, Happened::Recalled(_, past)) => (thread, past.is_some()),
            other => panic!("{other:?}"),
        }
    };
    let until = std::time::Instant::now() + PATIENCE;
    let me = std::thread::current().id();
    let at_once = |number: u32| recall(&format!("new-{number}")) == (me, false);
    // Until every key is in the filter, each is looked up in the file. One in a hundred still is.
    while !(0..5).any(at_once) {
        assert!(std::time::Instant::now() < until, "the filter gets full");
    }
    assert!((0..1_000).filter(|number| at_once(*number)).count() > 900);
    for number in 1..=3_000 {
        assert!(recall(&format!("key-{number}")).1, "key-{number}");
    }
    journal
        .append(Position(3_001), Box::new(sale(3_001).intent()), false)
        .unwrap();
    let (_, happened) = told.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(happened, Happened::Durable(Position(3_001))));
    assert!(recall("key-3001").1, "added when it was queued");
}
