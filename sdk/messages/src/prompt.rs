// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a plugin says while a call runs: progress, prompts, changes of its device.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a call stands.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// One line, as the device shows it; no card data.
    #[serde(default)]
    pub text: String,
    /// In `pin_entry`: what happened at the keypad. Never which key, never how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<PinEvent>,
}

/// What happened while a PIN is entered.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PinEvent {
    /// The keypad waits for the PIN.
    Started,
    /// A digit was added.
    Added,
    /// Digits were taken away.
    Removed,
    /// The PIN is complete.
    Finished,
}

/// Stages a plugin can report.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The reader is ready for a card.
    WaitingForCard,
    /// A card is in the slot.
    CardInserted,
    /// A card was tapped.
    CardTapped,
    /// A card was swiped.
    CardSwiped,
    /// The cardholder chooses an application.
    ApplicationSelection,
    /// The cardholder enters a PIN.
    PinEntry,
    /// The expiry of a card is typed whose number was typed.
    ExpiryEntry,
    /// The card is read.
    Reading,
    /// The issuer is asked (terminals).
    Authorizing,
    /// The card may be taken out.
    RemoveCard,
    /// A signature is taken.
    Signature,
    /// The chip gets the issuer's answer.
    Completing,
}

/// A question to the register's operator or the cardholder through the register.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Prompt {
    /// Names the prompt within its call; echoed by `deliver`.
    pub prompt_id: u64,
    /// What is asked.
    pub kind: PromptKind,
    /// The question in words.
    pub text: String,
    /// Choices, for `choose_application`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// How long to wait before the default is taken.
    pub timeout_ms: u64,
}

/// Kinds of prompts a plugin can raise.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptKind {
    /// The reader cannot let the cardholder choose by itself.
    ChooseApplication,
    /// Is the signature right?
    ConfirmSignature,
    /// Free text.
    EnterText,
}

/// Payload of `deliver`: the answer to a prompt, or that nobody answered.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum PromptAnswer {
    /// Yes or no.
    Confirmed {
        /// The answer.
        yes: bool,
    },
    /// Index into the choices.
    Chosen {
        /// The index.
        index: usize,
    },
    /// Free text.
    Text {
        /// The text.
        text: String,
    },
    /// Nobody answered in time.
    None,
}

/// Emission outside any call: the device itself changed.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum DeviceChange {
    /// The device is reachable.
    Attached,
    /// The device is gone (cable, radio, power).
    Detached {
        /// Why, as far as known.
        reason: String,
    },
    /// The plugin cannot go on, as after a panic: its process must be started anew.
    Broken {
        /// Why.
        reason: String,
    },
    /// The text on its display, for consoles of simulated devices.
    Screen {
        /// Lines.
        lines: Vec<String>,
    },
}
