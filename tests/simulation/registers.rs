// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registers: every key they used, every request that waits, every answer they got.
//!
//! What they decide to do next is in `cashiers.rs`.

use crate::checkers::contract;
use crate::checkers::{self, Sight};
use crate::world::World;
use payhal_engine::answer::{Answer, Progress, Reason, ResolutionState, Retry};
use payhal_engine::ids::{DeviceId, GatewayId, RegisterId, Scope, Ticket, TransactionId};
use payhal_engine::money::Amounts;
use payhal_engine::prompt::{Prompt, PromptKind, PromptKinds};
use payhal_engine::request::{Kind, MoneyRequest};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// One key of one register.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) scope: Scope,
    pub(crate) request: MoneyRequest,
    pub(crate) last_answer: Option<Answer>,
    pub(crate) final_answer: Option<Answer>,
}

/// What a request is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Money, under the key of this attempt.
    Money(usize),
    /// Other money, under a key that is used up.
    OtherBody,
    /// A signature, of this place among those that were drawn.
    Signs(usize),
    /// The answer to a question, with a signature of this place.
    Shows(usize),
    /// A cancel, a look, an answer to a question.
    Other,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) purpose: Purpose,
    pub(crate) seq: u32,
    pub(crate) over: bool,
}

/// A sale or an authorization that was approved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sold {
    pub(crate) attempt: usize,
    pub(crate) id: TransactionId,
    pub(crate) kind: Kind,
    pub(crate) minor: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Registers {
    pub(crate) attempts: Vec<Attempt>,
    waiting: BTreeMap<Ticket, Waiting>,
    last_ticket: u64,
    /// How many keys each register has used.
    keys: BTreeMap<RegisterId, u64>,
    /// When keys say that they were made, milliseconds since 1970 UTC.
    pub(crate) keys_made_ms: u64,
    /// Which request came with which fresh id.
    pub(crate) asked: BTreeMap<TransactionId, usize>,
    pub(crate) sold: Vec<Sold>,
    /// Questions that were shown, each once, and by which register.
    pub(crate) shown: Vec<(Prompt, Scope)>,
    /// Questions about a transaction that somebody said yes to.
    pub(crate) agreed: BTreeSet<(TransactionId, u8)>,
    /// Amounts that were said after a card, by the register that was asked.
    pub(crate) said: BTreeMap<TransactionId, Vec<Amounts>>,
    /// Signatures that were given, and for which payment.
    pub(crate) drawn: Vec<(TransactionId, Arc<str>)>,
    /// Payments whose question was answered with one, and the answer taken.
    pub(crate) drawn_in_time: BTreeSet<TransactionId>,
    /// Tokens that stand for cards, and where.
    pub(crate) tokens: Vec<(Arc<str>, GatewayId)>,
    /// What was accepted offline and is lost, as they were told; minor units.
    pub(crate) lost: BTreeMap<TransactionId, i64>,
}

impl Registers {
    pub(crate) fn new(keys_made_ms: u64) -> Self {
        Self {
            keys_made_ms,
            ..Self::default()
        }
    }

    /// A fresh key. Registers count alike, so that each key is that of many of them.
    pub(crate) fn next_key(&mut self, scope: &Scope) -> String {
        let used = self.keys.entry(scope.register.clone()).or_default();
        *used += 1;
        let made = u128::from(self.keys_made_ms) << 80;
        let number = u128::from(*used) & 0x3fff_ffff_ffff_ffff;
        Uuid::from_u128(made | 7 << 76 | 2 << 62 | number).to_string()
    }

    pub(crate) fn ticket(&mut self, purpose: Purpose) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let waiting = Waiting {
            purpose,
            seq: 0,
            over: false,
        };
        self.waiting.insert(ticket, waiting);
        ticket
    }

    /// Whether somebody waits at a ticket.
    pub(crate) fn listens(&self, ticket: Ticket) -> bool {
        self.waiting
            .get(&ticket)
            .is_some_and(|waiting| !waiting.over)
    }

    /// Requests that nobody has answered.
    pub(crate) fn open(&self) -> Vec<Ticket> {
        let waiting = self.waiting.iter();
        let open = waiting.filter(|(_, waiting)| !waiting.over);
        open.map(|(ticket, _)| *ticket).collect()
    }

    /// A connection is closed: its answer finds nobody.
    pub(crate) fn close(&mut self, ticket: Ticket) {
        if let Some(waiting) = self.waiting.get_mut(&ticket) {
            waiting.over = true;
        }
    }

    /// Every connection is lost. Who waited asks again.
    pub(crate) fn connections_lost(&mut self) -> Vec<usize> {
        let mut again = Vec::new();
        for waiting in self.waiting.values_mut().filter(|waiting| !waiting.over) {
            waiting.over = true;
            if let Purpose::Money(attempt) = waiting.purpose {
                again.push(attempt);
            }
        }
        again
    }

    /// The reader of an answered sale, if its next customer is there already.
    pub(crate) fn next_customer(world: &mut World, ticket: Ticket) -> Option<DeviceId> {
        let Purpose::Money(attempt) = world.registers.waiting.get(&ticket)?.purpose else {
            return None;
        };
        let device = world.registers.attempts[attempt].request.device.clone()?;
        (world.faults && world.random.percent(30)).then_some(device)
    }

    /// An answer comes. When the register asks again, and what.
    pub(crate) fn answered(
        world: &mut World,
        ticket: Ticket,
        answer: &Answer,
    ) -> Option<(u64, usize)> {
        let Some(waiting) = world.registers.waiting.get(&ticket).copied() else {
            contract::broken("an answer to a ticket that was never given out");
        };
        checkers::sight(world, &Sight::Answer(&waiting, answer));
        world.registers.close(ticket);
        let kind = match waiting.purpose {
            Purpose::Money(attempt) => Some(world.registers.attempts[attempt].request.kind),
            Purpose::Shows(place) => {
                let (id, _) = world.registers.drawn[place];
                world
                    .registers
                    .drawn_in_time
                    .extend(matches!(answer, Answer::Responded).then_some(id));
                None
            }
            Purpose::OtherBody | Purpose::Signs(_) | Purpose::Other => None,
        };
        world.tally.answer(answer, kind);
        let Purpose::Money(attempt) = waiting.purpose else {
            return None;
        };
        world.registers.attempts[attempt].last_answer = Some(answer.clone());
        if checkers::is_final(answer) {
            Self::settled(world, attempt, answer);
            return None;
        }
        Self::asks_again(world, attempt, answer)
    }

    fn settled(world: &mut World, attempt: usize, answer: &Answer) {
        let seen = &mut world.registers.attempts[attempt];
        seen.final_answer = Some(answer.clone());
        let Answer::Approved {
            approved, replayed, ..
        } = answer
        else {
            return;
        };
        if !seen.request.despite.is_empty() {
            world.tally.count("charged despite an unknown");
        }
        let kind = seen.request.kind;
        if let (Some(token), Some(gateway)) = (&approved.extras.token, &approved.gateway) {
            let token = (token.clone(), gateway.clone());
            world.registers.tokens.push(token);
        }
        if approved.extras.stored.is_some() {
            world
                .tally
                .count("kept cards registered, changed or deleted");
            if kind == Kind::Sale {
                world.tally.count("cards kept by sales");
            }
        }
        if seen.request.is_by_token() && seen.request.terms.stored.is_some() {
            world.tally.count("paid with a kept card");
        }
        if seen.request.terms.token.is_some() {
            world.tally.count("paid with a token");
        }
        if *replayed || !matches!(kind, Kind::Sale | Kind::Authorize) {
            return;
        }
        world.registers.sold.push(Sold {
            attempt,
            id: approved.transaction_id,
            kind,
            minor: approved.approved_minor,
        });
    }

    fn asks_again(world: &mut World, attempt: usize, answer: &Answer) -> Option<(u64, usize)> {
        let Answer::Refused { refused, .. } = answer else {
            contract::broken("no answer to a request for money");
        };
        if let Reason::UnresolvedTransaction { transaction_id } = refused.reason {
            // Now and then the cashier knows better.
            let knows = world.random.percent(20);
            let seen = &mut world.registers.attempts[attempt];
            seen.request.despite.push(transaction_id);
            return knows.then_some((1_000, attempt));
        }
        let patient =
            refused.reason == Reason::OutcomeUnknown || (world.faults && world.random.percent(50));
        let left_to_a_person = refused
            .resolution
            .is_some_and(|resolution| resolution.state == ResolutionState::NeedsOperator);
        if left_to_a_person {
            return Some((7_200_000, attempt));
        }
        let again = refused.reason.retry() == Retry::SameKey && patient;
        again.then(|| (refused.retry_after_ms.unwrap_or(60_000), attempt))
    }

    pub(crate) fn progressed(&mut self, ticket: Ticket, progress: &Progress) {
        let Some(waiting) = self.waiting.get_mut(&ticket) else {
            contract::broken("progress for a ticket that was never given out");
        };
        contract::progressed(waiting, progress);
        waiting.seq = progress.seq;
    }

    /// A question of a reader is shown. When somebody answers it, if anybody does, and which it is.
    pub(crate) fn prompted(
        world: &mut World,
        ticket: Ticket,
        prompt: Prompt,
    ) -> Option<(u64, usize)> {
        let waiting = world.registers.waiting.get(&ticket).copied();
        let Some(Waiting {
            purpose: Purpose::Money(attempt),
            over: false,
            ..
        }) = waiting
        else {
            contract::broken("a question that nobody can answer");
        };
        let Attempt { scope, request, .. } = &world.registers.attempts[attempt];
        let scope = scope.clone();
        if prompt.key != request.key {
            contract::broken("a question about another sale");
        }
        if !shows(&scope).contains(prompt.kind) {
            contract::broken("a question that its register cannot show");
        }
        world.registers.shown.push((prompt, scope));
        world.tally.count("questions shown");
        if let Some(fates) = &world.script {
            let place = world.registers.shown.len() - 1;
            return fates.says.map(|_| (300, place));
        }
        // Now and then the cashier is slow, and now and then nobody answers at all.
        let delay_ms = 200 + world.random.below(40_000);
        let place = world.registers.shown.len() - 1;
        world.random.percent(70).then_some((delay_ms, place))
    }

    /// Somebody said yes to a question.
    pub(crate) fn agrees(&mut self, prompt: &Prompt) {
        let about = (prompt.prompt_id.transaction, prompt.kind as u8);
        self.agreed.insert(about);
    }

    /// The request that a transaction was made of.
    pub(crate) fn attempt_of(&self, id: TransactionId) -> Option<&Attempt> {
        self.asked.get(&id).map(|place| &self.attempts[*place])
    }

    /// Whether somebody waits for the outcome of a transaction.
    pub(crate) fn waits_for(&self, id: TransactionId) -> bool {
        let Some(asked) = self.asked.get(&id) else {
            return false;
        };
        self.waiting.values().any(|waiting| {
            !waiting.over && matches!(waiting.purpose, Purpose::Money(place) if place == *asked)
        })
    }

    /// A ticket that nobody has answered.
    pub(crate) fn unanswered(&self) -> Option<Ticket> {
        self.open().first().copied()
    }

    /// Keys without a final answer whose register was left in the dark.
    pub(crate) fn in_the_dark(&self) -> Vec<usize> {
        let attempts = self.attempts.iter().enumerate();
        attempts
            .filter(|(_, seen)| seen.final_answer.is_none())
            .map(|(place, _)| place)
            .collect()
    }
}

/// The questions that a register can show: one shows all but texts, the others none.
pub(crate) fn shows(scope: &Scope) -> PromptKinds {
    let none = PromptKinds::default();
    match &*scope.register.0 {
        "register 1" => none
            .with(PromptKind::ChooseApplication)
            .with(PromptKind::ConfirmSignature)
            .with(PromptKind::ConfirmPartial)
            .with(PromptKind::ConfirmSurcharge)
            .with(PromptKind::SetAmount)
            .with(PromptKind::ConfirmCurrency)
            .with(PromptKind::VoiceApproval),
        _ => none,
    }
}
