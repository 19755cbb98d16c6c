// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registers and their cashiers: they ask, cancel, lose connections, ask again, and remember every
//! answer.

use crate::world::{DEVICES, GATEWAYS, World};
use payhal_engine::answer::{Answer, Progress, Reason, Retry};
use payhal_engine::event::Event;
use payhal_engine::ids::{DeviceId, Scope, Ticket, TransactionId};
use payhal_engine::money::{Amount, Amounts, Currency};
use payhal_engine::prompt::{Prompt, PromptKind, PromptKinds};
use payhal_engine::request::{Caller, Kind, MoneyRequest, Request, Response, Terms, Which};
use std::collections::BTreeMap;

/// One key of one register.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) scope: Scope,
    pub(crate) request: MoneyRequest,
    pub(crate) last_answer: Option<Answer>,
    pub(crate) final_answer: Option<Answer>,
}

#[derive(Debug)]
struct Waiting {
    attempt: Option<usize>,
    seq: u32,
    over: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Registers {
    pub(crate) attempts: Vec<Attempt>,
    waiting: BTreeMap<Ticket, Waiting>,
    last_ticket: u64,
    /// Which request came with which fresh id.
    asked: BTreeMap<TransactionId, usize>,
    approved: Vec<(usize, TransactionId, i64)>,
    /// Questions that were shown, each once, and by which register.
    shown: Vec<(Prompt, Scope)>,
}

impl Registers {
    /// One thing a register does.
    pub(crate) fn act(world: &mut World) -> Option<Event> {
        match world.random.below(20) {
            0..=7 => Some(Self::new_sale(world, None)),
            8..=12 => Self::change(world),
            13 | 14 => Self::cancel(world),
            15 => Self::forget(world),
            16 => Self::reuse_key(world),
            17 => Some(Self::look(world)),
            _ => {
                let attempts = world.registers.attempts.len();
                (attempts > 0).then(|| {
                    let attempt = world.random.index(attempts);
                    Self::ask(world, attempt)
                })
            }
        }
    }

    /// Asks with a key that is there already.
    pub(crate) fn ask(world: &mut World, attempt: usize) -> Event {
        let Attempt { scope, request, .. } = world.registers.attempts[attempt].clone();
        let ticket = world.registers.ticket(Some(attempt));
        let event = asked(world, ticket, scope, Request::Money(Box::new(request)));
        if let Event::Asked { transaction_id, .. } = &event {
            world.registers.asked.insert(*transaction_id, attempt);
        }
        event
    }

    /// A customer comes, to this reader or to any.
    pub(crate) fn new_sale(world: &mut World, device: Option<DeviceId>) -> Event {
        let total = Amount {
            minor: 100 * i64::try_from(1 + world.random.below(3)).expect("small"),
            currency: Currency::EUR,
        };
        let named = device.is_none() && world.random.percent(50);
        let named = named.then(|| DEVICES[world.random.index(DEVICES.len())].into());
        let device = device.or(named);
        let gateway = Some(GATEWAYS[world.random.index(GATEWAYS.len())].into());
        let basket = world.random.below(6);
        let reference = world
            .random
            .percent(50)
            .then(|| format!("basket {basket}").into());
        let timeout_ms = world.random.percent(20).then_some(20_000);
        let request = MoneyRequest {
            key: world.registers.next_key().as_str().into(),
            kind: Kind::Sale,
            amounts: Some(whole(total)),
            amount_max: None,
            device,
            gateway,
            timeout_ms,
            reference,
            despite: Vec::new(),
            order: None,
            terms: Terms::default(),
        };
        let scope = a_register(world);
        Self::begin(world, scope, request)
    }

    fn change(world: &mut World) -> Option<Event> {
        let count = world.registers.approved.len();
        if count == 0 {
            return None;
        }
        // The latest ones more often, so that changes meet.
        let place = count - 1 - world.random.index(count.min(3));
        let (attempt, original, minor) = world.registers.approved[place];
        let scope = world.registers.attempts[attempt].scope.clone();
        let void = world.random.percent(40);
        let part = i64::try_from(1 + world.random.below(100)).expect("small") * minor / 80;
        let total = Amount {
            minor: part.max(1),
            currency: Currency::EUR,
        };
        let request = MoneyRequest {
            key: world.registers.next_key().as_str().into(),
            kind: if void {
                Kind::Void { original }
            } else {
                Kind::Refund { original }
            },
            amounts: (!void).then(|| whole(total)),
            amount_max: None,
            device: None,
            gateway: None,
            timeout_ms: None,
            reference: None,
            despite: Vec::new(),
            order: None,
            terms: Terms::default(),
        };
        Some(Self::begin(world, scope, request))
    }

    fn begin(world: &mut World, scope: Scope, request: MoneyRequest) -> Event {
        let attempt = Attempt {
            scope,
            request,
            last_answer: None,
            final_answer: None,
        };
        world.registers.attempts.push(attempt);
        let attempt = world.registers.attempts.len() - 1;
        Self::ask(world, attempt)
    }

    fn cancel(world: &mut World) -> Option<Event> {
        let attempt = Self::recent(world)?;
        let Attempt { scope, request, .. } = world.registers.attempts[attempt].clone();
        let ticket = world.registers.ticket(None);
        Some(asked(
            world,
            ticket,
            scope,
            Request::Cancel(Which::Key(request.key)),
        ))
    }

    /// A question of a reader is shown. When somebody answers it, if anybody does, and which it is.
    pub(crate) fn prompted(
        world: &mut World,
        ticket: Ticket,
        prompt: Prompt,
    ) -> Option<(u64, usize)> {
        let waiting = world.registers.waiting.get(&ticket);
        let waiting = waiting.expect("a ticket of a register");
        assert!(!waiting.over, "a question after the answer: {prompt:?}");
        let attempt = waiting.attempt.expect("a request for money");
        let Attempt { scope, request, .. } = &world.registers.attempts[attempt];
        assert_eq!(prompt.key, request.key, "a question about another sale");
        let scope = scope.clone();
        assert!(
            shows(&scope).contains(prompt.kind),
            "a question that its register cannot show: {prompt:?}"
        );
        world.registers.shown.push((prompt, scope));
        world.tally.count("questions shown");
        // Now and then the cashier is slow, and now and then nobody answers at all.
        let delay_ms = 200 + world.random.below(40_000);
        let place = world.registers.shown.len() - 1;
        world.random.percent(70).then_some((delay_ms, place))
    }

    /// Somebody answers a question, in time or not; seldom it is not theirs.
    pub(crate) fn respond(world: &mut World, place: usize) -> Option<Event> {
        let (prompt, scope) = world.registers.shown[place].clone();
        let scope = match world.random.percent(10) {
            true => a_register(world),
            false => scope,
        };
        let response = Response {
            accepted: Some(world.random.percent(50)),
            chosen: Some(world.random.index(3)),
            text: Some("text".into()),
        };
        let prompt = prompt.prompt_id;
        let ticket = world.registers.ticket(None);
        Some(asked(
            world,
            ticket,
            scope,
            Request::Respond { prompt, response },
        ))
    }

    /// A register closes its connection.
    fn forget(world: &mut World) -> Option<Event> {
        let waiting = world.registers.waiting.iter();
        let open: Vec<_> = waiting
            .filter(|(_, waiting)| !waiting.over)
            .map(|(ticket, _)| *ticket)
            .collect();
        if open.is_empty() {
            return None;
        }
        let ticket = open[world.random.index(open.len())];
        world.registers.waiting.get_mut(&ticket)?.over = true;
        Some(Event::Forgotten { ticket })
    }

    /// The same key with another body must be refused, whatever became of the first.
    fn reuse_key(world: &mut World) -> Option<Event> {
        let attempt = Self::recent(world)?;
        let Attempt {
            scope,
            mut request,
            final_answer,
            ..
        } = world.registers.attempts[attempt].clone();
        final_answer?;
        request.reference = Some("another basket".into());
        let ticket = world.registers.ticket(None);
        Some(asked(
            world,
            ticket,
            scope,
            Request::Money(Box::new(request)),
        ))
    }

    fn look(world: &mut World) -> Event {
        let scope = a_register(world);
        let ticket = world.registers.ticket(None);
        asked(world, ticket, scope, Request::LiveAll)
    }

    fn recent(world: &mut World) -> Option<usize> {
        let count = world.registers.attempts.len();
        (count > 0).then(|| count - 1 - world.random.index(count.min(4)))
    }

    fn ticket(&mut self, attempt: Option<usize>) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.waiting.insert(
            ticket,
            Waiting {
                attempt,
                seq: 0,
                over: false,
            },
        );
        ticket
    }

    fn next_key(&self) -> String {
        format!("key {}", self.attempts.len())
    }

    /// Every connection is lost. Who waited asks again.
    pub(crate) fn connections_lost(&mut self) -> Vec<usize> {
        let mut again = Vec::new();
        for waiting in self.waiting.values_mut() {
            if !waiting.over {
                waiting.over = true;
                again.extend(waiting.attempt);
            }
        }
        again
    }

    /// The reader of an answered sale, if its next customer is there already.
    pub(crate) fn next_customer(world: &mut World, ticket: Ticket) -> Option<DeviceId> {
        let attempt = world.registers.waiting.get(&ticket)?.attempt?;
        let request = &world.registers.attempts[attempt].request;
        let device = request.device.clone()?;
        (world.faults && world.random.percent(30)).then_some(device)
    }

    /// An answer came. When the register asks again, and what.
    pub(crate) fn answered(
        world: &mut World,
        ticket: Ticket,
        answer: &Answer,
    ) -> Option<(u64, usize)> {
        let waiting = world
            .registers
            .waiting
            .get_mut(&ticket)
            .expect("a ticket of a register");
        assert!(
            !waiting.over,
            "a second answer, or one nobody waits for: {answer:?}"
        );
        waiting.over = true;
        let attempt = waiting.attempt;
        let kind = attempt.map(|attempt| world.registers.attempts[attempt].request.kind);
        world.tally.answer(answer, kind);
        let Some(attempt) = attempt else {
            if let Answer::Approved { .. } = answer {
                panic!("another body was approved under a used key: {answer:?}");
            }
            return None;
        };
        let seen = &mut world.registers.attempts[attempt];
        crate::checkers::one_final_answer(seen, answer, world.disk_fails);
        seen.last_answer = Some(answer.clone());
        match answer {
            Answer::Approved { approved, replayed } => {
                seen.final_answer = Some(answer.clone());
                if !seen.request.despite.is_empty() {
                    world.tally.count("charged despite an unknown");
                }
                if !replayed && seen.request.kind == Kind::Sale {
                    let sale = (attempt, approved.transaction_id, approved.approved_minor);
                    world.registers.approved.push(sale);
                }
                None
            }
            Answer::Refused { refused, .. } => {
                if let Reason::UnresolvedTransaction { transaction_id } = refused.reason {
                    // Now and then the cashier knows better.
                    let knows = world.random.percent(20);
                    seen.request.despite.push(transaction_id);
                    return knows.then_some((1_000, attempt));
                }
                if refused.reason.uses_key() {
                    seen.final_answer = Some(answer.clone());
                    return None;
                }
                let patient = refused.reason == Reason::OutcomeUnknown
                    || (world.faults && world.random.percent(50));
                let needs_operator = refused.resolution.is_some_and(|resolution| {
                    resolution.state == payhal_engine::answer::ResolutionState::NeedsOperator
                });
                let again = refused.reason.retry() == Retry::SameKey && patient;
                (again && !needs_operator)
                    .then(|| (refused.retry_after_ms.unwrap_or(60_000), attempt))
            }
            other => panic!("not an answer to a request for money: {other:?}"),
        }
    }

    pub(crate) fn progressed(&mut self, ticket: Ticket, progress: &Progress) {
        let waiting = self
            .waiting
            .get_mut(&ticket)
            .expect("a ticket of a register");
        assert!(!waiting.over, "progress after the answer: {progress:?}");
        assert!(
            progress.seq > waiting.seq,
            "progress goes backwards: {progress:?}"
        );
        waiting.seq = progress.seq;
    }

    /// The request that a transaction was made of.
    pub(crate) fn attempt_of(&self, id: TransactionId) -> Option<&Attempt> {
        self.asked.get(&id).map(|place| &self.attempts[*place])
    }

    /// Tickets nobody has answered.
    pub(crate) fn unanswered(&self) -> usize {
        self.waiting
            .values()
            .filter(|waiting| !waiting.over)
            .count()
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

fn asked(world: &mut World, ticket: Ticket, scope: Scope, request: Request) -> Event {
    let prompts = shows(&scope);
    let caller = Caller {
        scope,
        others: false,
        prompts,
    };
    let transaction_id = world.fresh_id();
    Event::Asked {
        ticket,
        caller,
        transaction_id,
        request,
    }
}

fn a_register(world: &mut World) -> Scope {
    let register = if world.random.percent(50) {
        "register 1"
    } else {
        "register 2"
    };
    Scope {
        register: register.into(),
        generation: 1,
    }
}

/// The questions that a register can show: one shows all but texts, the other none.
fn shows(scope: &Scope) -> PromptKinds {
    let none = PromptKinds::default();
    match &*scope.register.0 {
        "register 1" => none
            .with(PromptKind::ChooseApplication)
            .with(PromptKind::ConfirmSignature),
        _ => none,
    }
}

fn whole(total: Amount) -> Amounts {
    Amounts {
        total,
        tip_minor: None,
        surcharge_minor: None,
        cashback_minor: None,
    }
}
