// SPDX-License-Identifier: MIT OR Apache-2.0
//! A trading day: two tills, one reader, one bank, from opening to the batch close, in virtual time.
//! In the evening three ledgers agree to the cent: the tills' books, the host's journal, the bank's
//! books. And they do so wherever in the day the host dies.

use crate::gateways::{Fate, GATEWAYS};
use crate::history::History;
use crate::ledger::Chance;
use crate::prices::Tip;
use crate::readers::DEVICES;
use crate::script::Fates;
use crate::statement;
use crate::world::{Happening, Intrusion};
use crate::{cashiers, checkers, outages, requests};
use payhal_engine::answer::{Answer, Reason};
use payhal_engine::forwarding::ForwardingState;
use payhal_engine::gateway::Totals;
use payhal_engine::ids::TransactionId;
use payhal_engine::record::FinalAnswer;
use payhal_engine::request::{Kind, MoneyRequest, Request};
use std::collections::BTreeMap;

const READER: &str = DEVICES[0];
const BANK: &str = GATEWAYS[0];
/// The first can show questions, the second cannot.
const TILL_1: &str = "register 1";
const TILL_2: &str = "register 2";

/// What the shop has of the day, minor units, where nothing dies.
const DAY_MINOR: i64 = 39_110;

/// What was accepted while the bank was away and not taken afterwards.
const LOST_MINOR: i64 = 415;

/// Between two moments at which the host dies.
const EFFECTS_APART: usize = 3;

#[test]
fn three_ledgers_agree_after_a_trading_day() {
    let day = Day::lived(&[]);
    let [told, ..] = day.books();
    assert_eq!(told.values().sum::<i64>(), DAY_MINOR);
    let lost = day.history.world.registers.lost.values();
    assert_eq!(
        lost.sum::<i64>(),
        LOST_MINOR,
        "what the tills were told of by themselves"
    );
}

#[test]
fn three_ledgers_agree_wherever_in_the_day_the_host_dies() {
    let effects = Day::lived(&[]).history.world.effects;
    for at in (0..effects).step_by(EFFECTS_APART) {
        for kept in [0, usize::MAX] {
            println!("the host dies at effect {at}, {kept} records are kept");
            let day = Day::lived(&[(at, Intrusion::Crash { kept })]);
            assert_eq!(day.history.world.life, 1, "it died once");
        }
    }
}

/// What each payment is worth, with everything that was changed of it; what is worth nothing is not
/// in it.
type Book = BTreeMap<TransactionId, i64>;

struct Day {
    history: History,
}

impl Day {
    fn lived(intrusions: &[(u64, Intrusion)]) -> Self {
        let mut day = Self {
            history: History::calm(Fates::default()),
        };
        day.history.world.intrusions = intrusions.iter().copied().collect();
        day.morning();
        day.noon();
        day.outage();
        day.evening();
        day.agrees();
        day.history.come_to_rest();
        day.agrees();
        day
    }

    /// The shop opens at eight.
    fn at(&mut self, hour: u64, minute: u64) {
        self.history.until(((hour - 8) * 60 + minute) * 60_000);
    }

    fn morning(&mut self) {
        self.at(8, 30);
        let coffee = self.sells(TILL_1, 1_250);
        self.sells_with(
            TILL_2,
            2_000,
            Fates {
                completion_owed: true,
                ..Fates::default()
            },
        );
        self.at(9, 0);
        self.fates(Fates {
            tip: Tip::Chosen(300),
            ..Fates::default()
        });
        self.asks(TILL_1, Kind::Sale, 2_000, |request| {
            request.amount_max = Some(requests::whole(2_500).total);
        });
        // A surcharge of 17.5 %, agreed to at the till that can ask.
        self.fates(Fates {
            card: 1,
            says: Some(true),
            ..Fates::default()
        });
        self.asks(TILL_1, Kind::Sale, 2_000, |request| {
            request.amount_max = Some(requests::whole(2_500).total);
        });
        self.at(9, 30);
        let declines = Chance {
            declines: true,
            ..Chance::default()
        };
        self.sells_with(
            TILL_2,
            999,
            Fates {
                chance: declines,
                ..Fates::default()
            },
        );
        let partial = Chance {
            partial: true,
            ..Chance::default()
        };
        self.sells_with(
            TILL_1,
            3_000,
            Fates {
                chance: partial,
                says: Some(true),
                ..Fates::default()
            },
        );
        self.sells_with(
            TILL_2,
            700,
            Fates {
                completion_owed: true,
                chip_refuses: true,
                ..Fates::default()
            },
        );
        self.at(10, 0);
        self.holds_and_captures();
        self.at(10, 30);
        self.changes(TILL_1, coffee, |original| Kind::Refund { original }, 500);
        let wrong = self.sells(TILL_2, 4_400);
        self.changes(TILL_2, wrong, |original| Kind::Void { original }, 0);
        let regretted = self.sells(TILL_2, 1_800);
        self.changes(TILL_2, regretted, |original| Kind::Refund { original }, 300);
        self.changes(TILL_2, regretted, |original| Kind::Undo { original }, 0);
    }

    fn holds_and_captures(&mut self) {
        let room = self.asks(TILL_1, Kind::Authorize, 10_000, |_| ());
        self.changes(TILL_1, room, |original| Kind::Adjust { original }, 12_000);
        self.changes(TILL_1, room, |original| Kind::Capture { original }, 7_000);
        self.changes(TILL_1, room, |original| Kind::Capture { original }, 5_000);
        self.changes(TILL_1, room, |original| Kind::Refund { original }, 1_000);
    }

    fn noon(&mut self) {
        self.at(11, 0);
        self.asks(TILL_1, Kind::Verify, 0, |_| ());
        let known = self.history.world.registers.tokens.last().cloned();
        if let Some((token, _)) = known {
            self.asks(TILL_1, Kind::Sale, 2_500, |request| {
                request.device = None;
                request.terms.token = Some(token);
            });
        }
        self.asks(TILL_2, Kind::Sale, 6_000, |request| {
            if let Some(amounts) = &mut request.amounts {
                amounts.cashback_minor = Some(2_000);
            }
        });
        self.asks(TILL_2, Kind::CashAdvance, 3_000, |_| ());
        self.asks(TILL_2, Kind::RefundUnreferenced, 650, |_| ());
        self.asks(TILL_1, Kind::Balance, 0, |_| ());
        self.at(11, 30);
        // The answer is lost, the host asks; a request is lost, the host takes it back.
        self.sells_with(TILL_1, 1_370, way(&[Fate::ReplyLost]));
        self.sells_with(TILL_2, 1_590, way(&[Fate::Lost, Fate::Arrives]));
    }

    /// The bank is away for two hours; the tills go on selling, within the limits.
    fn outage(&mut self) {
        self.at(12, 0);
        self.bank(false);
        let before = self.booked();
        assert_eq!(self.sells(TILL_2, 1_111), None, "nobody allowed it");
        let tea = self.sells_offline(TILL_1, 830);
        self.at(12, 20);
        self.sells_offline(TILL_2, 2_760);
        let wrong = self.sells_offline(TILL_1, 1_940);
        let cake = self.sells_offline(TILL_2, 415);
        self.fates(Fates {
            chip_refuses: true,
            ..Fates::default()
        });
        assert_eq!(
            self.sells_now(TILL_1, 640),
            None,
            "its chip wants the issuer"
        );
        assert_eq!(
            self.sells_offline(TILL_1, 5_001),
            None,
            "too much for one sale"
        );
        self.at(13, 0);
        // Never forwarded, never charged.
        self.changes(TILL_1, wrong, |original| Kind::Refund { original }, 1_940);
        assert_eq!(
            self.told(),
            self.kept(),
            "the tills' books and the host's journal"
        );
        assert_eq!(self.booked(), before, "nothing reached the bank");
        // The issuer will not take it: the shop has lost it.
        self.history.world.ledger.not_honoured.extend(cake);
        self.at(14, 0);
        self.bank(true);
        self.at(14, 30);
        let became =
            |it: Option<TransactionId>| it.and_then(|id| self.history.world.journal.became(id));
        assert_eq!(became(tea), tea.map(|_| ForwardingState::Approved));
        assert_eq!(became(cake), cake.map(|_| ForwardingState::Declined));
        assert_eq!(became(wrong), wrong.map(|_| ForwardingState::Withdrawn));
    }

    fn bank(&mut self, there: bool) {
        let world = &mut self.history.world;
        outages::set(world, BANK, there);
        let now_ms = world.now_ms;
        self.history.until(now_ms);
    }

    fn sells_offline(&mut self, till: &str, minor: i64) -> Option<TransactionId> {
        self.fates(Fates::default());
        self.sells_now(till, minor)
    }

    /// With its gateway or without.
    fn sells_now(&mut self, till: &str, minor: i64) -> Option<TransactionId> {
        self.asks(till, Kind::Sale, minor, |request| {
            request.terms.allow_offline = true
        })
    }

    /// Each till asks once more for what it was told while the bank was away.
    fn asks_again(&mut self) {
        let attempts = self.history.world.registers.attempts.iter().enumerate();
        let offline = attempts.filter(|(_, seen)| {
            matches!(&seen.final_answer, Some(Answer::Approved { approved, .. }) if approved.accepted_offline)
        });
        let offline: Vec<usize> = offline.map(|(place, _)| place).collect();
        for attempt in offline {
            let world = &mut self.history.world;
            world.registers.attempts[attempt].last_answer = None;
            let event = cashiers::ask(world, attempt);
            world.in_ms(0, Happening::Deliver(event));
            while self.history.world.registers.attempts[attempt]
                .last_answer
                .is_none()
            {
                assert!(self.history.advance(), "nobody answers again");
            }
        }
    }

    fn evening(&mut self) {
        self.at(17, 0);
        self.sells(TILL_1, 1_500);
        self.sells(TILL_2, 1_900);
        self.at(18, 0);
        self.asks_again();
        let [told, ..] = self.books();
        let expected: i64 = told.values().sum();
        let looked = requests::totals_of(BANK);
        self.looks(looked);
        let totals = self.closes();
        let closed: i64 = totals
            .rows
            .iter()
            .map(|row| row.sales_minor - row.refunds_minor)
            .sum();
        assert_eq!(closed, expected, "the batch and the tills' books");
        self.at(18, 30);
        // The next batch is empty but for what came after.
        let late = self.sells(TILL_1, 450);
        self.changes(TILL_1, late, |original| Kind::Undo { original }, 0);
    }

    /// The batch is closed, however often that must be asked for.
    fn closes(&mut self) -> Totals {
        self.asks(TILL_1, Kind::BatchClose, 0, |request| request.device = None);
        let last = self.history.world.registers.attempts.last();
        let Some(Answer::Approved { approved, .. }) =
            last.and_then(|seen| seen.final_answer.as_ref())
        else {
            panic!("the batch was not closed: {last:?}");
        };
        *approved
            .extras
            .totals
            .clone()
            .expect("the totals of a closed batch")
    }

    fn looks(&mut self, request: Request) {
        let scope = cashiers::register(TILL_1);
        let purpose = crate::registers::Purpose::Other;
        let world = &mut self.history.world;
        let event = cashiers::asked(world, purpose, scope, request);
        world.in_ms(0, Happening::Deliver(event));
    }

    fn fates(&mut self, fates: Fates) {
        self.history.world.script = Some(fates);
    }

    fn sells(&mut self, till: &str, minor: i64) -> Option<TransactionId> {
        self.sells_with(till, minor, Fates::default())
    }

    fn sells_with(&mut self, till: &str, minor: i64, fates: Fates) -> Option<TransactionId> {
        self.fates(fates);
        self.asks(till, Kind::Sale, minor, |_| ())
    }

    /// A change of what was approved; nothing, where it was not.
    fn changes(
        &mut self,
        till: &str,
        original: Option<TransactionId>,
        kind: impl FnOnce(TransactionId) -> Kind,
        minor: i64,
    ) {
        if let Some(original) = original {
            self.asks(till, kind(original), minor, |request| {
                request.device = None;
                request.gateway = None;
            });
        }
    }

    /// A till asks, and goes on asking until it has its last word. What was approved.
    fn asks(
        &mut self,
        till: &str,
        kind: Kind,
        minor: i64,
        edit: impl FnOnce(&mut MoneyRequest),
    ) -> Option<TransactionId> {
        let world = &mut self.history.world;
        let scope = cashiers::register(till);
        let mut request = requests::of_kind(world, &scope, kind, minor, BANK);
        request.device = Some(READER.into());
        edit(&mut request);
        let event = cashiers::begin(world, &scope, request);
        let attempt = world.registers.attempts.len() - 1;
        world.in_ms(0, Happening::Deliver(event));
        while !self.is_answered(attempt) {
            assert!(self.history.advance(), "nobody answers {till}");
        }
        self.fates(Fates::default());
        let seen = &self.history.world.registers.attempts[attempt];
        match &seen.final_answer {
            Some(Answer::Approved { approved, .. }) => Some(approved.transaction_id),
            _ => None,
        }
    }

    /// Whether a till has its last word, or may go on without one.
    fn is_answered(&mut self, attempt: usize) -> bool {
        let seen = &self.history.world.registers.attempts[attempt];
        let Some(Answer::Refused { refused, .. }) = &seen.last_answer else {
            return seen.final_answer.is_some();
        };
        // What was never begun: the host had just come up.
        let is_away = self.history.world.away.is_some();
        let not_yet = matches!(refused.reason, Reason::DeviceUnavailable)
            || matches!(refused.reason, Reason::GatewayUnavailable) && !is_away;
        if not_yet && refused.retry_after_ms.is_some() {
            self.history.world.registers.attempts[attempt].last_answer = None;
            self.history.world.in_ms(5_000, Happening::Again(attempt));
            return false;
        }
        checkers::is_final(seen.last_answer.as_ref().expect("just seen"))
            || refused.reason != Reason::OutcomeUnknown
    }

    fn agrees(&self) {
        let [told, kept, booked] = self.books();
        assert_eq!(told, kept, "the tills' books and the host's journal");
        assert_eq!(kept, booked, "the host's journal and the bank's books");
    }

    /// The tills' books, the host's journal, the bank's books.
    fn books(&self) -> [Book; 3] {
        [self.told(), self.kept(), self.booked()]
    }

    fn told(&self) -> Book {
        let attempts = &self.history.world.registers.attempts;
        let lines = attempts.iter().filter_map(|seen| match &seen.final_answer {
            Some(Answer::Approved { approved, .. }) => {
                let kind = seen.request.kind;
                let lost = seen.last_answer.as_ref().is_some_and(is_lost);
                (!lost).then_some((approved.transaction_id, kind, approved.approved_minor))
            }
            _ => None,
        });
        book(lines)
    }

    fn kept(&self) -> Book {
        let journal = &self.history.world.journal;
        let lines = journal.transactions().filter_map(|id| {
            let ending = journal.ending_of(id)?;
            let FinalAnswer::Approved(approved) = &ending.answer else {
                return None;
            };
            // What took back a sale that was never forwarded had nobody to ask.
            let asked = journal.intent_of(id).map(|intent| &intent.request);
            let asked = asked.or(ending.unsent.as_ref().map(|unsent| &unsent.request))?;
            let stands = journal.became(id) != Some(ForwardingState::Declined);
            stands.then_some((id, asked.kind, approved.approved_minor))
        });
        book(lines)
    }

    fn booked(&self) -> Book {
        let ledger = &self.history.world.ledger;
        let mut book = Book::new();
        for (id, minor) in statement::lines(ledger) {
            let original = ledger.entries[&id].original;
            let root = original.map_or(id, |(original, _)| original);
            *book.entry(root).or_default() += minor;
        }
        worth_something(book)
    }
}

/// Whether a till was told that the issuer did not take what was accepted offline.
fn is_lost(answer: &Answer) -> bool {
    let Answer::Approved { forwarding, .. } = answer else {
        return false;
    };
    let state = forwarding.as_ref().map(|forwarding| forwarding.state);
    state == Some(ForwardingState::Declined)
}

fn way(exchanges: &[Fate]) -> Fates {
    Fates {
        exchanges: exchanges.iter().copied().collect(),
        ..Fates::default()
    }
}

fn book(lines: impl Iterator<Item = (TransactionId, Kind, i64)>) -> Book {
    let mut book = Book::new();
    for (id, kind, minor) in lines {
        let brought = match kind {
            Kind::Sale | Kind::CashAdvance | Kind::Capture { .. } => minor,
            Kind::RefundUnreferenced
            | Kind::RefundByReceipt
            | Kind::Refund { .. }
            | Kind::Void { .. }
            | Kind::Undo { .. } => -minor,
            Kind::Authorize
            | Kind::Verify
            | Kind::Balance
            | Kind::BatchClose
            | Kind::TokenRegister
            | Kind::TokenUpdate
            | Kind::TokenDelete
            | Kind::Adjust { .. } => 0,
        };
        *book.entry(kind.original().unwrap_or(id)).or_default() += brought;
    }
    worth_something(book)
}

fn worth_something(mut book: Book) -> Book {
    book.retain(|_, minor| *minor != 0);
    book
}
