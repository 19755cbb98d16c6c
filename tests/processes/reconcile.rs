// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compares what registers were told, what the journal keeps and what stands in the books of
//! gateways and terminals, after everything has come to rest.
//!
//! One function for each promise, each with its sentence. It reads nothing itself: whoever has the
//! views hands them over, so that it can be shown views in which something is wrong.

use cards::{cards_at_odds, converted_otherwise};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub(crate) use cards::KeptCard;

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
    /// What each approval came to in the card's own currency, minor units, if it did.
    pub(crate) own: Vec<(String, Option<i64>)>,
    /// Cards that it keeps, as answers told of them.
    pub(crate) cards: Vec<KeptCard>,
    /// Its last attempt named a card that had been presented before.
    pub(crate) presented: bool,
}

/// One transaction of the journal.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) transaction: String,
    pub(crate) register: String,
    pub(crate) key: String,
    /// `sale`, `refund`, `void` and so on.
    pub(crate) kind: String,
    /// What it changes.
    pub(crate) original: Option<String>,
    /// `approved`, `declined`, `cancelled`, `failed`, `unknown` or `running`.
    pub(crate) outcome: String,
    /// Somebody still works on it.
    pub(crate) open: bool,
    /// A person has to decide: it is listed and alarmed.
    pub(crate) needs_operator: bool,
    /// What its gateway has to be told beside: `notify_order`, `advice`.
    pub(crate) to_report: Vec<&'static str>,
    /// What became of it where its gateway was away: `approved`, `declined`, `withdrawn` and so on;
    /// `withdrawn` of what took such a sale back, too.
    pub(crate) forwarding: Option<String>,
    /// What it came to in the card's own currency, minor units, if it did.
    pub(crate) own: Option<i64>,
    /// In which ways beside the plain one it was approved, for whoever counts them.
    pub(crate) modes: Vec<&'static str>,
}

impl Kept {
    /// Accepted while its gateway was away, and never charged; or what took it back.
    fn was_not_taken(&self) -> bool {
        matches!(self.forwarding.as_deref(), Some("declined" | "withdrawn"))
    }

    /// Nobody's books have a line of it.
    fn is_ours_alone(&self) -> bool {
        self.kind == "token_delete"
    }
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
    pub(crate) fn was_approved(&self) -> bool {
        matches!(self.state.as_str(), "approved" | "voided")
    }

    /// Somebody may miss it: a question about a card leaves nothing behind.
    fn matters(&self) -> bool {
        self.was_approved() && !matches!(self.kind.as_str(), "verify" | "balance")
    }
}

/// What a person said of a transaction that nobody else could settle.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) transaction: String,
    /// `approved` or `failed`.
    pub(crate) outcome: &'static str,
}

/// A terminal when everything was settled.
#[derive(Clone, Debug)]
pub(crate) struct AfterAll {
    pub(crate) terminal: String,
    /// It still takes no money.
    pub(crate) quarantined: bool,
    /// What became of the next payment there, with a card that is good for it.
    pub(crate) next: Option<Word>,
}

/// Everything that is compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Views {
    pub(crate) told: Vec<Told>,
    pub(crate) kept: Vec<Kept>,
    pub(crate) booked: Vec<Booked>,
    pub(crate) settled: Vec<Settled>,
    pub(crate) terminals: Vec<AfterAll>,
    /// Transactions that gateways were told more about, and what.
    pub(crate) reported: BTreeSet<(String, String)>,
    /// What gateways charged in the card's own currency, minor units, by transaction.
    pub(crate) converted: BTreeMap<String, i64>,
    /// Cards that registers keep, as they are listed to them.
    pub(crate) cards: Vec<KeptCard>,
    /// Gateways and the payment tokens they know.
    pub(crate) tokens: BTreeSet<(String, String)>,
    /// What gateways that keep an order took down as out of turn.
    pub(crate) out_of_turn: Vec<String>,
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
const PROMISES: [Promise; 16] = [
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
        "What is captured never exceeds what is held.",
        captured_too_much,
    ),
    (
        "What a person settled is what its key says from then on.",
        settled_in_vain,
    ),
    (
        "A charge in the card's own currency is told as it stands in the books.",
        converted_otherwise,
    ),
    (
        "A kept card is there and known to its gateway until it is deleted, and no longer.",
        cards_at_odds,
    ),
    (
        "A terminal that owes nothing takes the next payment.",
        kept_from_work,
    ),
    (
        "What a gateway should know of an outcome it hears at least once.",
        kept_to_itself,
    ),
    (
        "A gateway that takes one exchange at a time gets one, and none while another is owed.",
        out_of_turn,
    ),
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
    for line in views.booked.iter().filter(|line| line.matters()) {
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
            if kept_as(views, transaction).is_some_and(Kept::is_ours_alone) {
                continue;
            }
            let lines: Vec<_> = views
                .booked
                .iter()
                .filter(|line| line.transaction == *transaction)
                .collect();
            let stands = matches!(lines[..], [line]
                if line.was_approved() && line.minor == *minor && void_stands(views, line));
            let moved = lines.iter().any(|line| line.was_approved());
            if stands == was_not_taken(views, transaction) || moved != stands {
                wrong.push(format!(
                    "{} was told {transaction} over {minor}; booked: {lines:?}",
                    name(told)
                ));
            }
        }
    }
    wrong
}

fn kept_as<'a>(views: &'a Views, transaction: &str) -> Option<&'a Kept> {
    let mut kept = views.kept.iter();
    kept.find(|kept| kept.transaction == transaction)
}

/// Whether it is known that nothing was charged for what was approved while its gateway was away.
fn was_not_taken(views: &Views, transaction: &str) -> bool {
    kept_as(views, transaction).is_some_and(Kept::was_not_taken)
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
    let approved = views.booked.iter().filter(|line| line.matters());
    approved
        .filter(|line| !told.contains(line.transaction.as_str()) && !for_a_person(line))
        .map(|line| format!("in the books of {}: {line:?}", line.book))
        .collect()
}

fn denied_and_moved(views: &Views) -> Vec<String> {
    let moved: BTreeSet<&str> = views
        .booked
        .iter()
        .filter(|line| line.matters())
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

/// What stands and changes this transaction in one of these ways.
fn standing<'a>(
    booked: &'a [Booked],
    original: &'a str,
    kinds: &'a [&str],
) -> impl Iterator<Item = &'a Booked> {
    booked.iter().filter(move |line| {
        line.state == "approved"
            && line.original.as_deref() == Some(original)
            && kinds.contains(&line.kind.as_str())
    })
}

fn sum<'a>(lines: impl Iterator<Item = &'a Booked>) -> i64 {
    lines.map(|line| line.minor).sum()
}

/// What an authorization holds: its last adjustment that stands counts.
pub(crate) fn held(booked: &[Booked], line: &Booked) -> i64 {
    let last = standing(booked, &line.transaction, &["adjust"]).last();
    last.map_or(line.minor, |adjusted| adjusted.minor)
}

fn overdrawn(views: &Views) -> Vec<String> {
    let originals: BTreeSet<&str> = views
        .booked
        .iter()
        .filter(|line| line.state == "approved" && matches!(&*line.kind, "refund" | "void"))
        .filter_map(|line| line.original.as_deref())
        .collect();
    let over = originals.into_iter().filter_map(|original| {
        let mut lines = views.booked.iter();
        let paid = lines.find(|line| line.transaction == original && line.was_approved());
        let voided = sum(standing(&views.booked, original, &["void"]));
        let (most, back) = match paid {
            None => (
                0,
                voided + sum(standing(&views.booked, original, &["refund"])),
            ),
            // What was captured is given back by its own name or by that of its authorization.
            Some(line) if line.kind == "authorize" => {
                let captured = sum(standing(&views.booked, original, &["capture"]));
                let refunds = sum(standing(&views.booked, original, &["refund"]))
                    + standing(&views.booked, original, &["capture"])
                        .map(|capture| {
                            sum(standing(&views.booked, &capture.transaction, &["refund"]))
                        })
                        .sum::<i64>();
                // Whole or not at all, and never beside a capture.
                if voided > 0 && (captured > 0 || voided != held(&views.booked, line)) {
                    return Some(format!(
                        "{original}: {voided} released, {captured} captured"
                    ));
                }
                (captured, refunds)
            }
            Some(line) => (
                line.minor,
                voided + sum(standing(&views.booked, original, &["refund"])),
            ),
        };
        (back > most).then(|| format!("{original}: {back} of {most} given back"))
    });
    over.collect()
}

fn captured_too_much(views: &Views) -> Vec<String> {
    let originals: BTreeSet<&str> = views
        .booked
        .iter()
        .filter(|line| line.state == "approved" && line.kind == "capture")
        .filter_map(|line| line.original.as_deref())
        .collect();
    let over = originals.into_iter().filter_map(|original| {
        let mut holds = views.booked.iter();
        let hold = holds.find(|line| {
            line.transaction == original && line.kind == "authorize" && line.state == "approved"
        });
        let most = hold.map_or(0, |line| held(&views.booked, line));
        let captured = sum(standing(&views.booked, original, &["capture"]));
        (captured > most).then(|| format!("{original}: {captured} of {most} captured"))
    });
    over.collect()
}

fn settled_in_vain(views: &Views) -> Vec<String> {
    let mut wrong = Vec::new();
    for settled in &views.settled {
        let mut kept = views.kept.iter();
        let Some(kept) = kept.find(|kept| kept.transaction == settled.transaction) else {
            wrong.push(format!("{settled:?} is not in the journal"));
            continue;
        };
        let mut told = views.told.iter();
        let told = told.find(|told| told.register == kept.register && told.key == kept.key);
        let says = match told.and_then(|told| told.answers.last()) {
            Some(Word::Approved { .. }) => Some("approved"),
            Some(Word::Ended { outcome, .. }) => Some(outcome.as_str()),
            Some(Word::Refused { .. }) | None => None,
        };
        if kept.outcome != settled.outcome || says != Some(settled.outcome) {
            wrong.push(format!("{settled:?}: the key says {says:?}; {kept:?}"));
        }
    }
    wrong
}

fn kept_from_work(views: &Views) -> Vec<String> {
    let idle = |terminal: &&AfterAll| {
        terminal.quarantined || !matches!(terminal.next, Some(Word::Approved { .. }))
    };
    let terminals = views.terminals.iter().filter(idle);
    terminals
        .map(|terminal| format!("{}: {terminal:?}", terminal.terminal))
        .collect()
}

fn kept_to_itself(views: &Views) -> Vec<String> {
    let mut wrong = Vec::new();
    for kept in views.kept.iter().filter(|kept| kept.outcome == "approved") {
        for report in &kept.to_report {
            let said = (kept.transaction.clone(), (*report).to_owned());
            if !views.reported.contains(&said) {
                wrong.push(format!("{report} of {kept:?}"));
            }
        }
    }
    wrong
}

fn out_of_turn(views: &Views) -> Vec<String> {
    views.out_of_turn.clone()
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
            if outcome == "approved" && was_not_taken(views, transaction) {
                continue;
            }
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

mod bites;
mod cards;
