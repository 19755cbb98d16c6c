// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys: new, running, ended, or so old that only the journal knows.
//!
//! Never lets a second request with a key pass the first one.

use crate::amounts::check_amounts;
use crate::answer::{Answer, Reason, Refused, Resolution, ResolutionState};
use crate::effect::{Action, RecallBy};
use crate::engine::{Engine, ScopedKey};
use crate::fingerprint::fingerprint;
use crate::forwarding::{Forwarding, became};
use crate::ids::{Fingerprint, IdempotencyKey, Position, RecallId, Scope, Ticket, TransactionId};
use crate::limits::{QUEUED_MAX, TICKETS_MAX};
use crate::prompt::PromptKinds;
use crate::recent::Ended;
use crate::record::{Fact, FinalAnswer, Past};
use crate::request::{Caller, MoneyRequest, Resolve, Sign};
use crate::tokens::Recalled;
use crate::transaction::{Phase, Transaction, Waiter};
use std::collections::VecDeque;

/// Requests with one key, waiting for the journal.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    queue: VecDeque<Queued>,
}

#[derive(Debug)]
enum Queued {
    Money(Box<Ask>),
    Cancel { ticket: Ticket, caller: Caller },
}

/// A request for money on its way to acceptance.
#[derive(Debug)]
pub(crate) struct Ask {
    /// Absent when its register stopped waiting.
    pub(crate) ticket: Option<Ticket>,
    pub(crate) scope: Scope,
    pub(crate) others: bool,
    /// The questions its register can show.
    pub(crate) prompts: PromptKinds,
    pub(crate) id: TransactionId,
    pub(crate) request: MoneyRequest,
    pub(crate) fingerprint: Fingerprint,
    /// What the journal knows of the payment tokens that it names.
    pub(crate) tokens: Option<Recalled>,
}

/// What a recall is for.
#[derive(Clone, Debug)]
pub(crate) enum RecallFor {
    /// The first request with a key.
    Key(ScopedKey),
    /// The original of a refund or void.
    Parent(TransactionId),
    /// The tokens that the first request with a key names, as of that change of any.
    Tokens(ScopedKey, Position),
    /// Who keeps a token that a gateway is to be told to forget.
    Holders(TransactionId),
    /// A cancel of something that is not in memory.
    Cancel {
        ticket: Option<Ticket>,
        caller: Caller,
    },
    /// Keys that a read spends.
    Spent(TransactionId),
    /// An offline approval that a batch close tells of.
    Collected {
        close: TransactionId,
        of: TransactionId,
        accepted: bool,
    },
    /// A person's word on something that is not in memory.
    Resolve {
        ticket: Option<Ticket>,
        caller: Caller,
        resolve: Box<Resolve>,
    },
    /// A payment that a signature is for.
    Sign {
        ticket: Option<Ticket>,
        caller: Caller,
        sign: Box<Sign>,
    },
}

impl Engine {
    pub(crate) fn asked_for_money(
        &mut self,
        ticket: Ticket,
        mut caller: Caller,
        id: TransactionId,
        request: MoneyRequest,
    ) {
        let ticket = Some(ticket);
        if let Err(detail) = check_amounts(&request) {
            let mut refused = self.refusal(Reason::AmountInvalid);
            refused.key = Some(request.key);
            refused.detail = Some(detail.into());
            self.refuse(Position(0), ticket, refused);
            return;
        }
        caller.scope = caller.scope.of(&request.key);
        let key = (caller.scope.clone(), request.key.clone());
        let fingerprint = fingerprint(&request);
        let Caller {
            scope,
            others,
            prompts,
        } = caller;
        let ask = Ask {
            ticket,
            scope,
            others,
            prompts,
            id,
            request,
            fingerprint,
            tokens: None,
        };
        if self.pending.contains_key(&key) {
            self.queue(&key, ask);
        } else if let Some(known) = self.keys.get(&key).copied() {
            self.asked_again(ask, known);
        } else if self.pending.len() >= QUEUED_MAX {
            self.refuse_ask(ask, Reason::RateLimited, |_| {});
        } else {
            let queue = VecDeque::from([Queued::Money(Box::new(ask))]);
            self.pending.insert(key.clone(), Pending { queue });
            let by = RecallBy::Key(key.0.clone(), key.1.clone());
            self.recall(Position(0), by, RecallFor::Key(key));
        }
    }

    fn queue(&mut self, key: &ScopedKey, ask: Ask) {
        match self.pending.get_mut(key) {
            Some(pending) if pending.queue.len() < TICKETS_MAX => {
                pending.queue.push_back(Queued::Money(Box::new(ask)));
            }
            _ => self.refuse_ask(ask, Reason::RateLimited, |_| {}),
        }
    }

    /// A cancel waits behind the request it is meant for. Whether there is one.
    pub(crate) fn queue_cancel(
        &mut self,
        key: &ScopedKey,
        ticket: Ticket,
        caller: &Caller,
    ) -> bool {
        let Some(pending) = self.pending.get_mut(key) else {
            return false;
        };
        pending.queue.push_back(Queued::Cancel {
            ticket,
            caller: caller.clone(),
        });
        true
    }

    /// A request whose key is that of an open or recent transaction.
    fn asked_again(&mut self, ask: Ask, known: TransactionId) {
        if let Some(ended) = self.recent.find(known) {
            let (print, after) = (ended.fingerprint, ended.position);
            let answer = told(ended.answer.clone(), true, ended.forwarding.clone());
            if print == ask.fingerprint {
                self.replay(ask.ticket, answer, after);
            } else {
                self.refuse_ask_after(after, ask, Reason::KeyReused, |_| {});
            }
            return;
        }
        self.with(known, |engine, transaction| engine.attach(transaction, ask));
    }

    fn attach(&mut self, transaction: &mut Transaction, ask: Ask) {
        let after = transaction.after;
        if transaction.fingerprint != ask.fingerprint {
            self.refuse_ask_after(after, ask, Reason::KeyReused, |_| {});
        } else if let Some(answer) = transaction.ending.clone() {
            let answer = told(answer, true, transaction.forwarding());
            self.replay(ask.ticket, answer, after);
        } else if transaction.phase == Phase::NeedsOperator {
            let unknown = self.unknown_answer(transaction);
            self.refuse(after, ask.ticket, unknown);
        } else if transaction.waiters.len() >= TICKETS_MAX {
            self.refuse_ask_after(after, ask, Reason::RateLimited, |_| {});
        } else if let Some(ticket) = ask.ticket {
            transaction.waiters.push(Waiter {
                ticket,
                prompts: ask.prompts,
            });
            for progress in transaction.steps.clone() {
                self.emit(after, Action::Progress { ticket, progress });
            }
            self.show_prompt(transaction, ticket, ask.prompts);
            if transaction.patience.is_none() {
                self.set_patience(transaction, self.config.timeouts.gateway_ms);
            }
        }
    }

    fn replay(&mut self, ticket: Option<Ticket>, answer: Answer, after: Position) {
        if let Some(ticket) = ticket {
            self.answer(after, ticket, answer);
        }
    }

    pub(crate) fn recalled(&mut self, recall: RecallId, past: Option<Past>) {
        match self.recalls.remove(&recall) {
            Some(RecallFor::Key(key)) => self.key_recalled(&key, past),
            Some(RecallFor::Parent(parent)) => self.parent_recalled(parent, past.as_ref()),
            Some(RecallFor::Tokens(key, at)) => self.tokens_recalled(&key, at, past),
            Some(RecallFor::Holders(id)) => self.holders_recalled(id, past.as_ref()),
            Some(RecallFor::Cancel { ticket, caller }) => {
                self.cancel_recalled(ticket, &caller, past.as_ref());
            }
            Some(RecallFor::Spent(id)) => self.keys_recalled(id, past.as_ref()),
            Some(RecallFor::Collected {
                close,
                of,
                accepted,
            }) => self.collected_recalled(close, of, accepted, past.as_ref()),
            Some(RecallFor::Resolve {
                ticket,
                caller,
                resolve,
            }) => self.resolve_recalled(ticket, &caller, &resolve, past.as_ref()),
            Some(RecallFor::Sign {
                ticket,
                caller,
                sign,
            }) => self.sign_recalled(ticket, &caller, *sign, past.as_ref()),
            None => {}
        }
    }

    fn key_recalled(&mut self, key: &ScopedKey, past: Option<Past>) {
        if let Some(past) = past {
            match remembered(&past) {
                Some((id, ended)) => {
                    self.keys.insert(key.clone(), id);
                    self.recent.insert(id, ended);
                }
                None => {
                    self.refuse_unreadable(key, &past);
                    return;
                }
            }
        }
        self.run_pending(key);
    }

    /// The journal holds the key, but not how it ended, and it is not among the open ones either:
    /// it was answered for after a restore or by another hand. Never guess.
    fn refuse_unreadable(&mut self, key: &ScopedKey, past: &Past) {
        let Some(pending) = self.pending.remove(key) else {
            return;
        };
        let id = past.records.first().map(|record| record.transaction_id);
        for queued in pending.queue {
            match queued {
                Queued::Money(ask) => {
                    self.refuse_ask(*ask, Reason::OutcomeUnknown, |refused| {
                        refused.transaction_id = id;
                        refused.detail = Some("the journal holds no outcome for this key".into());
                    });
                }
                Queued::Cancel { ticket, .. } => {
                    let state = crate::answer::CancelState::TooLate;
                    self.answer(Position(0), ticket, Answer::Cancel(state));
                }
            }
        }
    }

    /// The key was made before the journal was restored, copied or lost, and is not in it. It may
    /// have been approved all the same.
    fn refuse_outlived(&mut self, ask: Ask) {
        self.refuse_ask(ask, Reason::OutcomeUnknown, |refused| {
            refused.resolution = Some(Resolution {
                state: ResolutionState::NeedsOperator,
                next_at_micros: None,
            });
            let detail = "the key is older than the host's journal, which was restored, copied or \
                          lost since: look for the payment at the gateway or on the terminal, and \
                          ask with a new key only if it did not happen there";
            refused.detail = Some(detail.into());
        });
    }

    /// Takes up, in order, what waited for a key; stops where an original must be recalled first.
    pub(crate) fn run_pending(&mut self, key: &ScopedKey) {
        loop {
            let next = self
                .pending
                .get_mut(key)
                .and_then(|pending| pending.queue.pop_front());
            match next {
                None => break,
                Some(Queued::Cancel { ticket, caller }) => {
                    self.cancel_key(ticket, &caller, key);
                }
                Some(Queued::Money(ask)) => {
                    if let Some(known) = self.keys.get(key).copied() {
                        self.asked_again(*ask, known);
                    } else if self.stopping {
                        self.refuse_ask(*ask, Reason::HostStopping, |_| {});
                    } else if self.epoch.predates(&ask.request.key) {
                        self.refuse_outlived(*ask);
                    } else if self.parent_awaited(&ask, key) || self.tokens_awaited(&ask, key) {
                        if let Some(pending) = self.pending.get_mut(key) {
                            pending.queue.push_front(Queued::Money(ask));
                        }
                        return;
                    } else {
                        self.admit(*ask);
                    }
                }
            }
        }
        self.pending.remove(key);
    }

    /// A register stopped waiting. The money goes on.
    pub(crate) fn forgotten(&mut self, forgotten: Ticket) {
        for pending in self.pending.values_mut() {
            pending.queue.retain_mut(|queued| match queued {
                Queued::Money(ask) => {
                    ask.ticket = ask.ticket.filter(|ticket| *ticket != forgotten);
                    true
                }
                Queued::Cancel { ticket, .. } => *ticket != forgotten,
            });
        }
        for purpose in self.recalls.values_mut() {
            if let RecallFor::Cancel { ticket, .. }
            | RecallFor::Resolve { ticket, .. }
            | RecallFor::Sign { ticket, .. } = purpose
            {
                *ticket = ticket.filter(|ticket| *ticket != forgotten);
            }
        }
        self.forget_look(forgotten);
        self.forget_lease(forgotten);
        let waited: Vec<_> = self
            .open
            .values()
            .filter(|open| open.waiters.iter().any(|waiter| waiter.ticket == forgotten))
            .map(|transaction| transaction.id)
            .collect();
        for id in waited {
            self.with(id, |engine, transaction| {
                transaction
                    .waiters
                    .retain(|waiter| waiter.ticket != forgotten);
                engine.nobody_waits(transaction);
            });
        }
    }

    pub(crate) fn refusal(&self, reason: Reason) -> Refused {
        Refused::new(reason, self.now)
    }

    /// Refuses a request that was not accepted.
    pub(crate) fn refuse_ask(&mut self, ask: Ask, reason: Reason, say: impl FnOnce(&mut Refused)) {
        self.refuse_ask_after(Position(0), ask, reason, say);
    }

    fn refuse_ask_after(
        &mut self,
        after: Position,
        ask: Ask,
        reason: Reason,
        say: impl FnOnce(&mut Refused),
    ) {
        let mut refused = self.refusal(reason);
        refused.key = Some(ask.request.key);
        if matches!(refused.reason, Reason::RateLimited | Reason::HostStopping) {
            refused.retry_after_ms = Some(self.config.timeouts.busy_hint_ms);
        }
        say(&mut refused);
        self.refuse(after, ask.ticket, refused);
    }

    pub(crate) fn refuse(&mut self, after: Position, ticket: Option<Ticket>, refused: Refused) {
        if let Some(ticket) = ticket {
            let answer = Answer::Refused {
                refused: Box::new(refused),
                replayed: false,
            };
            self.answer(after, ticket, answer);
        }
    }
}

impl Ask {
    /// Whether a transaction of this scope is its own, or its register may touch others'.
    pub(crate) fn may_touch(&self, scope: &Scope) -> bool {
        self.others || self.scope.register == scope.register
    }
}

impl Pending {
    /// The request that is next.
    pub(crate) fn first(&mut self) -> Option<&mut Ask> {
        match self.queue.front_mut() {
            Some(Queued::Money(ask)) => Some(ask),
            _ => None,
        }
    }

    /// Who waits: requests for money with their key, cancels without.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (Ticket, Option<&IdempotencyKey>)> {
        self.queue.iter().filter_map(|queued| match queued {
            Queued::Money(ask) => Some((ask.ticket?, Some(&ask.request.key))),
            Queued::Cancel { ticket, .. } => Some((*ticket, None)),
        })
    }
}

/// A final answer as a register is told it.
pub(crate) fn told(answer: FinalAnswer, replayed: bool, forwarding: Option<Forwarding>) -> Answer {
    match answer {
        FinalAnswer::Approved(approved) => Answer::Approved {
            approved,
            replayed,
            forwarding: forwarding.map(Box::new),
        },
        FinalAnswer::Refused(refused) => Answer::Refused { refused, replayed },
    }
}

/// An ended transaction out of its records.
fn remembered(past: &Past) -> Option<(TransactionId, Ended)> {
    let mut whose = None;
    let mut answer = None;
    for record in &past.records {
        if let Some(intent) = record.fact.intent() {
            whose = Some((&intent.scope, &intent.request.key, intent.fingerprint));
        }
        if let Fact::Ended(ending) = &record.fact {
            if let Some(unsent) = &ending.unsent {
                whose = Some((&unsent.scope, &unsent.request.key, unsent.fingerprint));
            }
            answer = Some(ending.answer.clone());
        }
    }
    let (scope, key, fingerprint) = whose?;
    let ended = Ended {
        scope: scope.clone(),
        key: key.clone(),
        fingerprint,
        answer: answer?,
        forwarding: became(&past.records),
        spent: Vec::new(),
        position: Position(0),
    };
    Some((past.records.first()?.transaction_id, ended))
}
