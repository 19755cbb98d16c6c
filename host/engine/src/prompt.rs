// SPDX-License-Identifier: MIT OR Apache-2.0
//! Questions to a register, of its device or of the host: what they are, and what becomes of each.
//!
//! The first answer counts; where nobody can show a question, or nobody answers in time, whoever
//! asked is told so at once and takes the default of its kind. Never asks for a card number or a
//! PIN, and never decides about money.

use crate::answer::{Answer, Reason};
use crate::effect::Action;
use crate::effects::micros_after;
use crate::engine::{Alarm, CallFor, Engine};
use crate::ids::{CallId, DeviceId, IdempotencyKey, Position, PromptId, Ticket, TimerId};
use crate::money::{Amount, Amounts};
use crate::request::{Caller, Response};
use crate::transaction::Transaction;
use std::sync::Arc;

/// Kinds of questions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PromptKind {
    /// Which application of the card? By default: cancelled.
    ChooseApplication,
    /// Is the signature right? By default: no.
    ConfirmSignature,
    /// Free text. By default: empty.
    EnterText,
    /// The card costs more. Does the customer agree? By default: no, it is cancelled.
    ConfirmSurcharge,
    /// The card may pay in its own currency. Does the customer want that? By default: no.
    ConfirmCurrency,
    /// Less than asked was approved. Is that enough? By default: no, it is reversed.
    ConfirmPartial,
    /// The issuer wants to be called. Its approval code? By default: declined.
    VoiceApproval,
    /// The card is there. The final amount? By default: none, it is cancelled.
    SetAmount,
}

/// A set of kinds: what a register can show.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PromptKinds(u8);

impl PromptKinds {
    /// The same set, with this kind.
    #[must_use]
    pub fn with(self, kind: PromptKind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// Whether the kind is in it.
    pub fn contains(self, kind: PromptKind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

/// A question as a device raises it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DevicePrompt {
    /// The plugin's number for it, unique within the call.
    pub number: u64,
    /// What is asked.
    pub kind: PromptKind,
    /// In words.
    pub text: Arc<str>,
    /// What can be chosen.
    pub choices: Vec<Arc<str>>,
    /// How long the plugin waits.
    pub timeout_ms: u64,
}

/// A question as a register is told it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Prompt {
    /// Names it.
    pub prompt_id: PromptId,
    /// The register's key.
    pub key: IdempotencyKey,
    /// What is asked.
    pub kind: PromptKind,
    /// In words.
    pub text: Arc<str>,
    /// What can be chosen.
    pub choices: Vec<Arc<str>>,
    /// The amount in question.
    pub amount: Option<Amount>,
    /// When the default is taken, microseconds since 1970 UTC.
    pub expires_at_micros: i64,
}

/// What a device is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PromptAnswer {
    /// Yes or no.
    Confirmed(bool),
    /// Place among the choices.
    Chosen(usize),
    /// Free text.
    Text(Arc<str>),
    /// The final amounts. No device asks for them.
    Amounts(Amounts),
    /// Nobody can be asked, or nobody answered in time.
    None,
}

/// A question that waits for its answer.
#[derive(Debug)]
pub(crate) struct OpenPrompt {
    pub(crate) told: Prompt,
    asker: Asker,
    pub(crate) timer: TimerId,
}

/// Who wants to know.
#[derive(Clone, Debug)]
pub(crate) enum Asker {
    /// A device, during this call, under this number.
    Device {
        device: DeviceId,
        call: CallId,
        number: u64,
    },
    /// The host itself.
    Host,
}

/// A question to be opened.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) asker: Asker,
    pub(crate) kind: PromptKind,
    pub(crate) text: Arc<str>,
    pub(crate) choices: Vec<Arc<str>>,
    pub(crate) amount: Option<Amount>,
    pub(crate) timeout_ms: u64,
}

impl Engine {
    pub(crate) fn device_prompted(&mut self, call: CallId, prompt: &DevicePrompt) {
        let Some(CallFor::Device {
            device,
            transaction,
        }) = self.calls.get(&call).cloned()
        else {
            return;
        };
        let Some(id) = transaction else {
            // Its transaction has ended: nobody waits whom it could ask.
            self.deliver(
                Position(0),
                &device,
                call,
                prompt.number,
                PromptAnswer::None,
            );
            return;
        };
        self.with(id, |engine, transaction| {
            if transaction.call == Some(call) {
                engine.raise(transaction, device, call, prompt);
            }
        });
    }

    fn raise(
        &mut self,
        transaction: &mut Transaction,
        device: DeviceId,
        call: CallId,
        prompt: &DevicePrompt,
    ) {
        let shown = Self::can_show(transaction, prompt.kind);
        let senseless = prompt.kind == PromptKind::ChooseApplication && prompt.choices.is_empty();
        if !shown || senseless || transaction.prompt.is_some() || transaction.stop.is_some() {
            self.deliver(
                transaction.after,
                &device,
                call,
                prompt.number,
                PromptAnswer::None,
            );
            return;
        }
        let question = Question {
            asker: Asker::Device {
                device,
                call,
                number: prompt.number,
            },
            kind: prompt.kind,
            text: prompt.text.clone(),
            choices: prompt.choices.clone(),
            amount: None,
            timeout_ms: prompt.timeout_ms.min(self.config.timeouts.prompt_ms),
        };
        self.open_prompt(transaction, question);
    }

    /// Asks every waiting register that can show it.
    pub(crate) fn open_prompt(&mut self, transaction: &mut Transaction, question: Question) {
        transaction.prompts += 1;
        let told = Prompt {
            prompt_id: PromptId {
                transaction: transaction.id,
                number: transaction.prompts,
            },
            key: transaction.request.key.clone(),
            kind: question.kind,
            text: question.text,
            choices: question.choices,
            amount: question.amount,
            expires_at_micros: micros_after(self.now.wall_micros, question.timeout_ms),
        };
        let timer = self.set_timer(None, transaction, Alarm::Prompt, question.timeout_ms);
        transaction.prompt = Some(OpenPrompt {
            told,
            asker: question.asker,
            timer,
        });
        for waiter in transaction.waiters.clone() {
            self.show_prompt(transaction, waiter.ticket, waiter.prompts);
        }
    }

    /// Tells one register of the open question, if it can show it.
    pub(crate) fn show_prompt(
        &mut self,
        transaction: &Transaction,
        ticket: Ticket,
        prompts: PromptKinds,
    ) {
        let open = transaction.prompt.as_ref();
        if let Some(open) = open.filter(|open| prompts.contains(open.told.kind)) {
            let prompt = Box::new(open.told.clone());
            self.emit(transaction.after, Action::Prompt { ticket, prompt });
        }
    }

    /// Nobody answered in time.
    pub(crate) fn prompt_expired(&mut self, transaction: &mut Transaction) {
        self.close_prompt(transaction, PromptAnswer::None);
    }

    fn close_prompt(&mut self, transaction: &mut Transaction, answer: PromptAnswer) {
        let after = transaction.after;
        let Some(open) = self.drop_prompt(transaction) else {
            return;
        };
        let kind = open.told.kind;
        match open.asker {
            Asker::Device {
                device,
                call,
                number,
            } => {
                if kind == PromptKind::ConfirmSignature {
                    transaction.passed.signature = answer == PromptAnswer::Confirmed(true);
                }
                self.deliver(after, &device, call, number, answer);
            }
            Asker::Host => self.register_said(transaction, kind, answer),
        }
    }

    /// The question is void: its call has ended.
    pub(crate) fn drop_prompt(&mut self, transaction: &mut Transaction) -> Option<OpenPrompt> {
        let open = transaction.prompt.take()?;
        self.clear_timer(Some(open.timer));
        Some(open)
    }

    fn deliver(
        &mut self,
        after: Position,
        device: &DeviceId,
        call: CallId,
        number: u64,
        answer: PromptAnswer,
    ) {
        let action = Action::DeliverDevice {
            device: device.clone(),
            call,
            number,
            answer,
        };
        self.emit(after, action);
    }

    /// A register answers a question of its own transaction.
    pub(crate) fn responded(
        &mut self,
        ticket: Ticket,
        caller: &Caller,
        prompt_id: PromptId,
        response: Response,
    ) {
        let id = prompt_id.transaction;
        let scope = self.open.get(&id).map(|open| &open.scope);
        let scope = scope.or_else(|| self.recent.find(id).map(|ended| &ended.scope));
        if scope.is_some_and(|scope| scope.register != caller.scope.register) {
            let detail = "the question belongs to a transaction of another register";
            self.refuse_response(ticket, Reason::TransactionNotFound, detail);
            return;
        }
        let mut counted = Err("There is no such question, or it was answered");
        self.with(id, |engine, transaction| {
            let open = transaction.prompt.as_ref().map(|open| &open.told);
            if let Some(told) = open.filter(|told| told.prompt_id == prompt_id) {
                let after = transaction.after;
                let signs = told.kind == PromptKind::ConfirmSignature;
                let drawn = response.signature.clone();
                let answer = answer_to(told, response)
                    .and_then(|answer| engine.check_amount_said(transaction, answer));
                counted = answer.map(|answer| {
                    if signs && answer == PromptAnswer::Confirmed(true) {
                        transaction.signature = drawn;
                    }
                    engine.close_prompt(transaction, answer);
                    after
                });
            }
        });
        match counted {
            Ok(after) => self.answer(after, ticket, Answer::Responded),
            Err(detail) => self.refuse_response(ticket, Reason::NotAllowed, detail),
        }
    }

    /// Names no transaction: a refused answer says nothing about anybody's money.
    fn refuse_response(&mut self, ticket: Ticket, reason: Reason, detail: &'static str) {
        let mut refused = self.refusal(reason);
        refused.detail = Some(detail.into());
        self.refuse(Position(0), Some(ticket), refused);
    }
}

/// The part of a response that its question asks for.
fn answer_to(prompt: &Prompt, response: Response) -> Result<PromptAnswer, &'static str> {
    match prompt.kind {
        PromptKind::ChooseApplication => {
            let chosen = response
                .chosen
                .filter(|chosen| *chosen < prompt.choices.len());
            let chosen = chosen.ok_or("The answer must choose one of the options of the question");
            chosen.map(PromptAnswer::Chosen)
        }
        PromptKind::ConfirmSignature
        | PromptKind::ConfirmSurcharge
        | PromptKind::ConfirmCurrency
        | PromptKind::ConfirmPartial => {
            let accepted = response.accepted.ok_or("The answer must accept or refuse");
            accepted.map(PromptAnswer::Confirmed)
        }
        PromptKind::VoiceApproval | PromptKind::SetAmount if response.accepted == Some(false) => {
            Ok(PromptAnswer::Confirmed(false))
        }
        PromptKind::SetAmount => {
            let amounts = response.amounts.ok_or("The answer must carry the amount");
            amounts.map(PromptAnswer::Amounts)
        }
        PromptKind::VoiceApproval => {
            let code = response.text.filter(|code| is_code(code));
            let code = code.ok_or("The answer must carry the approval code, or refuse")?;
            Ok(PromptAnswer::Text(code))
        }
        PromptKind::EnterText => {
            let text = response.text.ok_or("The answer must carry a text");
            text.map(PromptAnswer::Text)
        }
    }
}

/// An approval code as it is read out on the telephone.
fn is_code(code: &str) -> bool {
    (1..=16).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
