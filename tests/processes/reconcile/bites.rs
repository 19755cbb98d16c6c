// SPDX-License-Identifier: MIT OR Apache-2.0
//! Views made up by hand, each with one thing wrong, which must be found.

use super::*;

fn told(key: &str, answers: &[Word]) -> Told {
    Told {
        register: "till".into(),
        key: key.into(),
        answers: answers.to_vec(),
        denied: Vec::new(),
        own: Vec::new(),
        cards: Vec::new(),
        presented: false,
    }
}

/// One that the till keeps.
fn card(reference: &str, deleted: bool) -> KeptCard {
    KeptCard {
        register: "till".into(),
        reference: reference.into(),
        token_id: format!("id of {reference}"),
        at: ("gateway".into(), "token".into()),
        deleted,
    }
}

fn approved(transaction: &str, minor: i64) -> Word {
    Word::Approved {
        transaction: transaction.into(),
        minor,
    }
}

fn ended(transaction: &str) -> Word {
    Word::Ended {
        transaction: Some(transaction.into()),
        outcome: "failed".into(),
    }
}

fn kept(transaction: &str, key: &str, outcome: &str) -> Kept {
    Kept {
        transaction: transaction.into(),
        register: "till".into(),
        key: key.into(),
        kind: "sale".into(),
        original: None,
        outcome: outcome.into(),
        open: false,
        needs_operator: false,
        to_report: Vec::new(),
        forwarding: None,
        own: None,
        modes: Vec::new(),
    }
}

fn booked(transaction: &str, kind: &str, state: &str, minor: i64) -> Booked {
    Booked {
        book: "gateway".into(),
        transaction: transaction.into(),
        kind: kind.into(),
        state: state.into(),
        minor,
        original: None,
    }
}

/// A sale that was approved, a sale that failed and was reversed, a refund of the first.
fn sound() -> Views {
    let mut refund = booked("t3", "refund", "approved", 400);
    refund.original = Some("t1".into());
    Views {
        told: vec![
            told("a", &[approved("t1", 1000), approved("t1", 1000)]),
            told("b", &[ended("t2")]),
            told("c", &[approved("t3", 400)]),
        ],
        kept: vec![
            kept("t1", "a", "approved"),
            kept("t2", "b", "failed"),
            kept("t3", "c", "approved"),
        ],
        booked: vec![
            booked("t1", "sale", "approved", 1000),
            booked("t2", "sale", "reversed", 700),
            refund,
        ],
        settled: vec![Settled {
            transaction: "t2".into(),
            outcome: "failed",
        }],
        terminals: vec![AfterAll {
            terminal: "terminal".into(),
            quarantined: false,
            next: Some(approved("t1", 1000)),
        }],
        ..Views::default()
    }
}

fn change(views: &mut Views, transaction: &str, kind: &str, minor: i64, original: &str) {
    let mut line = booked(transaction, kind, "approved", minor);
    line.original = Some(original.into());
    views.booked.push(line);
}

/// A hold of 1000 that was captured in part, with some of that given back.
fn captured() -> Views {
    let mut views = Views::default();
    views
        .booked
        .push(booked("h", "authorize", "approved", 1000));
    change(&mut views, "c1", "capture", 600, "h");
    change(&mut views, "r1", "refund", 200, "c1");
    change(&mut views, "r2", "refund", 300, "h");
    views
}

#[track_caller]
fn assert_not_found(views: &Views, promise: &str) {
    let found = reconcile(views);
    assert!(
        found.iter().all(|violation| violation.promise != promise),
        "{found:#?}"
    );
}

/// Exactly this promise is found broken, beside those that go with it.
#[track_caller]
fn assert_found(views: &Views, promise: &str) {
    let found = reconcile(views);
    assert!(
        found.iter().any(|violation| violation.promise == promise),
        "{promise} is not among {found:#?}"
    );
}

#[test]
fn a_sound_shop_is_sound() {
    assert_eq!(reconcile(&Views::default()), []);
    assert_eq!(reconcile(&sound()), []);
}

#[test]
fn a_key_without_an_answer_is_found() {
    let mut views = sound();
    views.told.push(told("d", &[]));
    assert_found(&views, "Every key gets an answer.");
}

#[test]
fn contradicting_answers_are_found() {
    for (first, second) in [
        (approved("t1", 1000), ended("t1")),
        (approved("t1", 1000), approved("t4", 1000)),
        (ended("t1"), approved("t1", 1000)),
    ] {
        let mut views = sound();
        views.told[0].answers = vec![first, second];
        assert_found(&views, "One key has one final answer, the same each time.");
    }
}

#[test]
fn a_refusal_before_acceptance_contradicts_nothing() {
    let mut views = sound();
    let refused = Word::Refused {
        name: "NOT_ALLOWED".into(),
    };
    views.told[0].answers.insert(0, refused);
    assert_eq!(reconcile(&views), []);
}

#[test]
fn a_double_charge_is_found() {
    let mut views = sound();
    views.kept.push(kept("t9", "a", "failed"));
    views.booked.push(booked("t9", "sale", "approved", 1000));
    assert_found(&views, "No key moves money twice.");

    let mut same_name = sound();
    let line = booked("t1", "sale", "approved", 1000);
    same_name.booked.push(line);
    assert_found(&same_name, "No key moves money twice.");
    assert_found(
        &same_name,
        "An approval a register was told of stands exactly once.",
    );
}

#[test]
fn an_approval_that_does_not_stand_is_found() {
    for change in [
        |views: &mut Views| views.booked[0].state = "reversed".into(),
        |views: &mut Views| views.booked[0].minor = 999,
        |views: &mut Views| {
            views.booked.remove(0);
        },
        // Voided, and nobody voided it.
        |views: &mut Views| views.booked[0].state = "voided".into(),
    ] {
        let mut views = sound();
        change(&mut views);
        assert_found(
            &views,
            "An approval a register was told of stands exactly once.",
        );
    }
}

#[test]
fn a_lost_approval_is_found_unless_a_person_is_asked() {
    let promise =
        "An approval at a gateway or terminal is told under its key, or waits for a person.";
    let mut views = sound();
    views.booked[1].state = "approved".into();
    assert_found(&views, promise);
    views.kept[1].needs_operator = true;
    assert!(
        !reconcile(&views)
            .iter()
            .any(|found| found.promise == promise)
    );
    views.booked.push(booked("t8", "sale", "approved", 1));
    assert_found(&views, promise);
}

#[test]
fn a_wrong_word_on_the_way_is_found() {
    let promise = "Nothing moved where a register was told so, though it was not the last word.";
    let mut views = sound();
    views.told[0].denied.push("t2".into());
    assert_eq!(reconcile(&views), []);
    views.told[0].denied.push("t1".into());
    assert_found(&views, promise);
}

#[test]
fn what_is_left_open_is_found() {
    let mut views = sound();
    views.kept[1].open = true;
    assert_found(&views, "Nothing is left open but what waits for a person.");
}

#[test]
fn too_much_given_back_is_found() {
    let mut views = sound();
    let mut second = booked("t4", "refund", "approved", 601);
    second.original = Some("t1".into());
    views.booked.push(second);
    assert_found(&views, "What is given back never exceeds what was paid.");
}

#[test]
fn a_journal_that_says_otherwise_or_is_damaged_is_found() {
    let promise = "The journal is whole, and says what registers were told.";
    let mut views = sound();
    views.kept[0].outcome = "failed".into();
    assert_found(&views, promise);
    let mut views = sound();
    views.damage = Some("record 3 is not as written".into());
    assert_found(&views, promise);
    let mut views = sound();
    views.kept.remove(1);
    assert_found(&views, promise);
}

#[test]
fn more_given_back_than_was_captured_is_found() {
    let promise = "What is given back never exceeds what was paid.";
    assert_not_found(&captured(), promise);
    let mut views = captured();
    change(&mut views, "r3", "refund", 101, "h");
    assert_found(&views, promise);
    let mut views = captured();
    change(&mut views, "v", "void", 1000, "h");
    assert_found(&views, promise);
    let mut cash = Views::default();
    cash.booked
        .push(booked("a", "cash_advance", "approved", 500));
    change(&mut cash, "v", "void", 500, "a");
    assert_not_found(&cash, promise);
    change(&mut cash, "v2", "void", 500, "a");
    assert_found(&cash, promise);
}

#[test]
fn more_captured_than_is_held_is_found() {
    let promise = "What is captured never exceeds what is held.";
    assert_not_found(&captured(), promise);
    let mut views = captured();
    change(&mut views, "c2", "capture", 401, "h");
    assert_found(&views, promise);
    change(&mut views, "a1", "adjust", 1001, "h");
    assert_not_found(&views, promise);
    change(&mut views, "a2", "adjust", 1000, "h");
    assert_found(&views, promise);
    let mut released = captured();
    released.booked[0].state = "voided".into();
    assert_found(&released, promise);
}

#[test]
fn a_question_about_a_card_may_be_forgotten() {
    let promise =
        "An approval at a gateway or terminal is told under its key, or waits for a person.";
    let mut views = sound();
    views.booked.push(booked("t7", "verify", "approved", 0));
    assert_not_found(&views, promise);
    views
        .booked
        .push(booked("t8", "batch_close", "approved", 0));
    assert_found(&views, promise);
}

#[test]
fn a_person_who_was_not_heard_is_found() {
    let promise = "What a person settled is what its key says from then on.";
    let mut views = sound();
    views.settled[0].outcome = "approved";
    assert_found(&views, promise);
    let mut views = sound();
    views.settled[0].transaction = "t9".into();
    assert_found(&views, promise);
    let mut views = sound();
    views.told[1].answers = vec![approved("t2", 700)];
    assert_found(&views, promise);
}

#[test]
fn a_terminal_that_stays_shut_is_found() {
    let promise = "A terminal that owes nothing takes the next payment.";
    let mut views = sound();
    views.terminals[0].quarantined = true;
    assert_found(&views, promise);
    for next in [None, Some(ended("t2"))] {
        let mut views = sound();
        views.terminals[0].next = next;
        assert_found(&views, promise);
    }
}

#[test]
fn what_came_out_of_turn_is_found() {
    let mut views = sound();
    views.out_of_turn.push("t1 while t2 was owed".into());
    assert_found(
        &views,
        "A gateway that takes one exchange at a time gets one, and none while another is owed.",
    );
}

#[test]
fn a_gateway_that_was_not_told_is_found() {
    let promise = "What a gateway should know of an outcome it hears at least once.";
    let mut views = sound();
    views.kept[0].to_report = vec!["notify_order"];
    views.kept[1].to_report = vec!["advice"];
    assert_found(&views, promise);
    views.reported.insert(("t1".into(), "advice".into()));
    assert_found(&views, promise);
    views.reported.insert(("t1".into(), "notify_order".into()));
    assert_not_found(&views, promise);
}

#[test]
fn another_amount_in_the_card_s_own_currency_is_found() {
    let promise = "A charge in the card's own currency is told as it stands in the books.";
    let mut views = sound();
    views.told[0].own = vec![("t1".into(), Some(1128)); 2];
    views.kept[0].own = Some(1128);
    views.converted.insert("t1".into(), 1128);
    assert_eq!(reconcile(&views), []);
    for change in [
        |views: &mut Views| views.told[0].own[1].1 = None,
        |views: &mut Views| views.kept[0].own = Some(1127),
        |views: &mut Views| views.converted.clear(),
    ] {
        let mut views = views.clone();
        change(&mut views);
        assert_found(&views, promise);
    }
}

#[test]
fn a_kept_card_that_is_lost_or_comes_back_is_found() {
    let promise =
        "A kept card is there and known to its gateway until it is deleted, and no longer.";
    let mut views = sound();
    views.told[0].cards = vec![card("anna", false), card("bert", false)];
    views.told[2].cards = vec![card("bert", true)];
    views.cards = vec![card("anna", false)];
    views.tokens.insert(("gateway".into(), "token".into()));
    assert_eq!(reconcile(&views), []);
    for change in [
        |views: &mut Views| views.cards.clear(),
        |views: &mut Views| views.cards.push(card("bert", false)),
        |views: &mut Views| views.cards.push(card("carl", false)),
        |views: &mut Views| views.tokens.clear(),
    ] {
        let mut views = views.clone();
        change(&mut views);
        assert_found(&views, promise);
    }
}

#[test]
fn a_deletion_has_no_line_in_any_book() {
    let promise = "An approval a register was told of stands exactly once.";
    let mut views = sound();
    views.told.push(told("d", &[approved("t5", 0)]));
    views.kept.push(kept("t5", "d", "approved"));
    assert_found(&views, promise);
    views.kept[3].kind = "token_delete".into();
    assert_not_found(&views, promise);
}
