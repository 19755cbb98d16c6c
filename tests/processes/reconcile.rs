// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compares what registers were told, what the journal keeps and what stands in the books of
//! gateways and terminals, after everything has come to rest.
//!
//! One function for each promise, each with its sentence. It reads nothing itself: whoever has the
//! views hands them over, so that it can be shown views in which something is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a register was told once under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Money moved: the transaction and the amount.
    Approved { transaction: String, minor: i64 },
    /// Accepted, and over without an approval: `declined`, `cancelled` or `failed`.
    Ended {
        transaction: Option<String>,
        outcome: String,
    },
    /// Refused before it was accepted; the key is not used up.
    Refused { name: String },
}

/// Everything one key was told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) register: String,
    pub(crate) key: String,
    /// Final answers in order; what says "the same key again" is none.
    pub(crate) answers: Vec<Word>,
    /// Transactions of which it was told meanwhile that nothing moved.
    pub(crate) denied: Vec<String>,
}

/// One transaction of the journal.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) transaction: String,
    pub(crate) register: String,
    pub(crate) key: String,
    /// `approved`, `declined`, `cancelled`, `failed`, `unknown` or `running`.
    pub(crate) outcome: String,
    /// Somebody still works on it.
    pub(crate) open: bool,
    /// A person has to decide: it is listed and alarmed.
    pub(crate) needs_operator: bool,
}

/// One line in the books of a gateway or a terminal.
#[derive(Clone, Debug)]
pub(crate) struct Booked {
    /// Whose books.
    pub(crate) book: String,
    pub(crate) transaction: String,
    /// `sale`, `refund`, `void` and so on.
    pub(crate) kind: String,
    /// `approved` stands; `voided` stood until a void that stands; anything else moved nothing.
    pub(crate) state: String,
    pub(crate) minor: i64,
    /// What it changes.
    pub(crate) original: Option<String>,
}

impl Booked {
    /// Approved, and never undone behind the register's back.
    fn was_approved(&self) -> bool {
        matches!(self.state.as_str(), "approved" | "voided")
    }
}

/// Everything that is compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Views {
    pub(crate) told: Vec<Told>,
    pub(crate) kept: Vec<Kept>,
    pub(crate) booked: Vec<Booked>,
    /// What `payhal journal verify` found wrong.
    pub(crate) damage: Option<String>,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The promise.
    pub(crate) promise: &'static str,
    /// Where it is broken.
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "broken: {}\n    {}", self.promise, self.what)
    }
}

type Promise = (&'static str, fn(&Views) -> Vec<String>);

/// Every promise, in the words of the design.
const PROMISES: [Promise; 9] = [
    ("Every key gets an answer.", unanswered),
    (
        "One key has one final answer, the same each time.",
        contradicting,
    ),
    ("No key moves money twice.", charged_twice),
    (
        "An approval a register was told of stands exactly once.",
        approvals_that_do_not_stand,
    ),
    (
        "An approval at a gateway or terminal is told under its key, or waits for a person.",
        lost_approvals,
    ),
    (
        "Nothing moved where a register was told so, though it was not the last word.",
        denied_and_moved,
    ),
    (
        "Nothing is left open but what waits for a person.",
        left_open,
    ),
    ("What is given back never exceeds what was paid.", overdrawn),
    (
        "The journal is whole, and says what registers were told.",
        journal_at_odds,
    ),
];

/// Every broken promise.
pub(crate) fn reconcile(views: &Views) -> Vec<Violation> {
    PROMISES
        .iter()
        .flat_map(|(promise, broken)| {
            broken(views)
                .into_iter()
                .map(|what| Violation { promise, what })
        })
        .collect()
}

fn unanswered(views: &Views) -> Vec<String> {
    let silent = views.told.iter().filter(|told| told.answers.is_empty());
    silent.map(name).collect()
}

fn contradicting(views: &Views) -> Vec<String> {
    let differ = |told: &&Told| {
        let mut accepted = told.answers.iter().filter(|word| is_stored(word));
        let first = accepted.next();
        accepted.any(|word| Some(word) != first)
    };
    let told = views.told.iter().filter(differ);
    told.map(|told| format!("{}: {:?}", name(told), told.answers))
        .collect()
}

/// A refusal before acceptance is not stored: the next one may say something else.
fn is_stored(word: &Word) -> bool {
    !matches!(word, Word::Refused { .. })
}

fn charged_twice(views: &Views) -> Vec<String> {
    let mut by_key: BTreeMap<(&str, &str), Vec<&Booked>> = BTreeMap::new();
    for line in views.booked.iter().filter(|line| line.was_approved()) {
        for kept in views
            .kept
            .iter()
            .filter(|kept| kept.transaction == line.transaction)
        {
            by_key
                .entry((&kept.register, &kept.key))
                .or_default()
                .push(line);
        }
    }
    let twice = by_key.into_iter().filter(|(_, lines)| lines.len() > 1);
    twice
        .map(|((register, key), lines)| format!("{register}/{key}: {lines:?}"))
        .collect()
}

fn approvals_that_do_not_stand(views: &Views) -> Vec<String> {
    let mut wrong = Vec::new();
    for told in &views.told {
        for word in &told.answers {
            let Word::Approved { transaction, minor } = word else {
                continue;
            };
            let lines: Vec<_> = views
                .booked
                .iter()
                .filter(|line| line.transaction == *transaction)
                .collect();
            let stands = matches!(lines[..], [line]
                if line.was_approved() && line.minor == *minor && void_stands(views, line));
            if !stands {
                wrong.push(format!(
                    "{} was told {transaction} over {minor}; booked: {lines:?}",
                    name(told)
                ));
            }
        }
    }
    wrong
}

/// A line that was voided has the void that did it.
fn void_stands(views: &Views, line: &Booked) -> bool {
    let is_it = |void: &&Booked| {
        void.kind == "void"
            && void.state == "approved"
            && void.original.as_deref() == Some(&line.transaction)
    };
    (line.state == "voided") == (views.booked.iter().filter(is_it).count() == 1)
}

fn lost_approvals(views: &Views) -> Vec<String> {
    let told: BTreeSet<&str> = views
        .told
        .iter()
        .flat_map(|told| &told.answers)
        .filter_map(|word| match word {
            Word::Approved { transaction, .. } => Some(transaction.as_str()),
            _ => None,
        })
        .collect();
    let for_a_person = |line: &Booked| {
        let kept = views.kept.iter();
        kept.into_iter()
            .any(|kept| kept.transaction == line.transaction && kept.needs_operator)
    };
    let approved = views.booked.iter().filter(|line| line.was_approved());
    approved
        .filter(|line| !told.contains(line.transaction.as_str()) && !for_a_person(line))
        .map(|line| format!("in the books of {}: {line:?}", line.book))
        .collect()
}

fn denied_and_moved(views: &Views) -> Vec<String> {
    let moved: BTreeSet<&str> = views
        .booked
        .iter()
        .filter(|line| line.was_approved())
        .map(|line| line.transaction.as_str())
        .collect();
    let mut wrong = Vec::new();
    for told in &views.told {
        let mut denied = told.denied.iter();
        if let Some(lie) = denied.find(|denied| moved.contains(denied.as_str())) {
            wrong.push(format!("{}: {lie}", name(told)));
        }
    }
    wrong
}

fn left_open(views: &Views) -> Vec<String> {
    let open = views
        .kept
        .iter()
        .filter(|kept| kept.open && !kept.needs_operator);
    open.map(|kept| format!("{kept:?}")).collect()
}

fn overdrawn(views: &Views) -> Vec<String> {
    let mut back: BTreeMap<&str, i64> = BTreeMap::new();
    for line in views.booked.iter().filter(|line| line.state == "approved") {
        if let (Some(original), "refund" | "void") = (&line.original, line.kind.as_str()) {
            *back.entry(original).or_default() += line.minor;
        }
    }
    let paid = |transaction: &str| {
        let lines = views.booked.iter();
        let own = lines.filter(|line| line.transaction == transaction && line.was_approved());
        own.map(|line| line.minor).sum::<i64>()
    };
    let over = back
        .into_iter()
        .filter(|(original, minor)| *minor > paid(original));
    over.map(|(original, minor)| format!("{original}: {minor} of {} given back", paid(original)))
        .collect()
}

fn journal_at_odds(views: &Views) -> Vec<String> {
    let mut wrong: Vec<String> = views.damage.clone().into_iter().collect();
    let outcomes: BTreeMap<&str, &str> = views
        .kept
        .iter()
        .map(|kept| (kept.transaction.as_str(), kept.outcome.as_str()))
        .collect();
    for told in &views.told {
        for word in &told.answers {
            let (transaction, outcome) = match word {
                Word::Approved { transaction, .. } => (transaction.as_str(), "approved"),
                Word::Ended {
                    transaction: Some(transaction),
                    outcome,
                } => (transaction.as_str(), outcome.as_str()),
                Word::Ended { .. } | Word::Refused { .. } => continue,
            };
            let kept = outcomes.get(transaction).copied();
            if kept != Some(outcome) {
                wrong.push(format!(
                    "{} was told that {transaction} is {outcome}; the journal says {kept:?}",
                    name(told)
                ));
            }
        }
    }
    wrong
}

fn name(told: &Told) -> String {
    format!("{}/{}", told.register, told.key)
}

/// Views made up by hand, each with one thing wrong.
mod bites {
    use super::*;

    fn told(key: &str, answers: &[Word]) -> Told {
        Told {
            register: "till".into(),
            key: key.into(),
            answers: answers.to_vec(),
            denied: Vec::new(),
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
            outcome: outcome.into(),
            open: false,
            needs_operator: false,
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
            damage: None,
        }
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
        let promise =
            "Nothing moved where a register was told so, though it was not the last word.";
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
}
