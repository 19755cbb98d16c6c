// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens between a call and its answer: progress, and questions to the cashier.
//!
//! Owns `payment.progress`, `payment.prompt` and `payment.respond`. It must never ask for a PIN or
//! a card number.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{IdempotencyKey, PromptId, TransactionId};
use crate::limits::TEXT_CHARS_MAX;
use crate::money::Amount;
use crate::params::{FieldError, Validate, check_chars, check_id};
use crate::payment::{Signature, check_parts};
use crate::rpc::Id;

/// Name of the progress notification.
pub const PROGRESS: &str = "payment.progress";
/// Name of the prompt notification.
pub const PROMPT: &str = "payment.prompt";

/// How far a transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The host has taken the call.
    Accepted,
    /// The device asks for a card.
    WaitingForCard,
    /// A chip card is in the slot.
    CardInserted,
    /// A contactless card or phone was held to the device.
    CardTapped,
    /// A magnetic stripe was read.
    CardSwiped,
    /// The customer chooses one of the card's applications.
    ApplicationSelection,
    /// The customer enters the PIN.
    PinEntry,
    /// The expiry of a card is typed, after its number.
    ExpiryEntry,
    /// Device and card are talking.
    Reading,
    /// The gateway was asked.
    Authorizing,
    /// The customer should take the card.
    RemoveCard,
    /// The customer signs.
    Signature,
    /// The gateway answered; card and records are being completed.
    Completing,
    /// What may have been charged is being undone.
    Reversing,
}

/// What happened at the keypad while a PIN is entered. Nobody is told which key it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PinEvent {
    /// The device waits for the PIN.
    Started,
    /// A digit was added.
    Added,
    /// Digits were taken away.
    Removed,
    /// The PIN is complete.
    Finished,
}

/// Params of the `payment.progress` notification. None follows the call's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// The transaction.
    pub transaction_id: TransactionId,
    /// The key of the call.
    pub idempotency_key: IdempotencyKey,
    /// The id of the call on this connection.
    pub request_id: Id,
    /// Strictly increases within a transaction.
    pub seq: u64,
    /// How far it has come.
    pub stage: Stage,
    /// In `pin_entry`, where the device tells it: what happened at the keypad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<PinEvent>,
    /// A sentence for the cashier.
    pub text: String,
    /// When, RFC 3339.
    pub at: String,
}

/// Kinds of questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptKind {
    /// Does the signature match? Nobody answers: the payment is reversed.
    ConfirmSignature,
    /// Is a part of the amount enough? Nobody answers: it is reversed.
    ConfirmPartial,
    /// Does the customer accept the surcharge? Nobody answers: cancelled.
    ConfirmSurcharge,
    /// Does the customer pay in the card's own currency? Nobody answers: in the shop's.
    ConfirmCurrency,
    /// What is the final amount? Nobody answers: cancelled.
    SetAmount,
    /// Which application of the card? Nobody answers: cancelled.
    ChooseApplication,
    /// Which code did the issuer give by telephone? Nobody answers: declined.
    VoiceApproval,
    /// A text the gateway needs. Nobody answers: empty.
    EnterText,
}

impl PromptKind {
    /// The kind as it is written on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmSignature => "confirm_signature",
            Self::ConfirmPartial => "confirm_partial",
            Self::ConfirmSurcharge => "confirm_surcharge",
            Self::ConfirmCurrency => "confirm_currency",
            Self::SetAmount => "set_amount",
            Self::ChooseApplication => "choose_application",
            Self::VoiceApproval => "voice_approval",
            Self::EnterText => "enter_text",
        }
    }
}

/// Params of the `payment.prompt` notification, answered with `payment.respond`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prompt {
    /// The question's id.
    pub prompt_id: PromptId,
    /// The transaction.
    pub transaction_id: TransactionId,
    /// The key of the call.
    pub idempotency_key: IdempotencyKey,
    /// What is asked.
    pub kind: PromptKind,
    /// The question, for the cashier.
    pub text: String,
    /// What can be chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<PromptOption>,
    /// The amount in question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// When the default is taken, RFC 3339.
    pub expires_at: String,
    /// What happens if nobody answers, as `reverse`, `cancel`, `decline`, `empty`.
    pub default: String,
}

/// One choice of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PromptOption {
    /// What `choice` repeats.
    pub id: String,
    /// What the cashier reads.
    pub label: String,
}

/// Params of `payment.respond`. Which member counts depends on the kind of the prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RespondParams {
    /// The question.
    pub prompt_id: PromptId,
    /// `confirm_*`: yes or no. `set_amount` and `voice_approval`: `false` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<bool>,
    /// `set_amount`: the final amount, every part included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// `set_amount`: how much of it is tip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<Amount>,
    /// `set_amount`: how much of it is surcharge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surcharge: Option<Amount>,
    /// `set_amount`: how much of it is paid out in cash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashback: Option<Amount>,
    /// `choose_application`: the id of the option.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// `enter_text` and `voice_approval`: what was typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `confirm_signature`, with `accepted: true`: what the customer drew. It is kept with the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Box<Signature>>,
}

impl RespondParams {
    /// An answer that says nothing yet.
    #[must_use]
    pub fn to(prompt_id: impl Into<PromptId>) -> Self {
        Self {
            prompt_id: prompt_id.into(),
            accepted: None,
            amount: None,
            tip: None,
            surcharge: None,
            cashback: None,
            choice: None,
            text: None,
            signature: None,
        }
    }

    /// The final amount, of one that follows the card.
    #[must_use]
    pub fn amount(prompt_id: impl Into<PromptId>, amount: Amount) -> Self {
        Self {
            amount: Some(amount),
            ..Self::to(prompt_id)
        }
    }

    fn check_amount(&self) -> Result<(), FieldError> {
        let parts = [
            ("tip", &self.tip),
            ("surcharge", &self.surcharge),
            ("cashback", &self.cashback),
        ];
        match &self.amount {
            Some(amount) => {
                amount.check("amount")?;
                check_parts(amount, &parts)
            }
            None => match parts.iter().find(|(_, part)| part.is_some()) {
                Some((field, _)) => Err(FieldError::new(*field, "must be a part of an `amount`")),
                None => Ok(()),
            },
        }
    }
}

impl Validate for RespondParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.prompt_id.as_str(), "prompt_id")?;
        self.check_amount()?;
        if let Some(choice) = &self.choice {
            check_id(choice, "choice")?;
        }
        if let Some(signature) = &self.signature {
            signature.check("signature")?;
        }
        self.text
            .as_deref()
            .map_or(Ok(()), |text| check_chars(text, 0, TEXT_CHARS_MAX, "text"))
    }
}

/// Result of `payment.respond`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RespondResult {
    /// Whether this answer counted; the first one wins.
    pub accepted: bool,
}
