// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything the engine can ask for.

use crate::answer::{Answer, Notification, Progress};
use crate::card::SpentKey;
use crate::device::DeviceCommand;
use crate::gateway::GatewayCommand;
use crate::ids::{
    CallId, DeviceId, GatewayId, IdempotencyKey, Kept, Opaque, Position, RecallId, Scope, Ticket,
    TimerId, TransactionId,
};
use crate::leases::LeaseNews;
use crate::prompt::{Prompt, PromptAnswer};
use crate::record::Record;
use crate::tokens::Sought;

/// An action, and the journal position that must be durable before it happens. Appends and
/// recalls happen at once (`after` is 0).
#[derive(Clone, Debug)]
pub struct Effect {
    /// Must be durable first.
    pub after: Position,
    /// What to do.
    pub action: Action,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Write a record at the next position.
    Append {
        /// Its position: one more than the last.
        position: Position,
        /// The record.
        record: Box<Record>,
        /// Whether nothing waits for it: it may ride on the next commit.
        lazy: bool,
    },
    /// Look something up.
    Recall {
        /// Names the question.
        recall: RecallId,
        /// What is asked.
        by: RecallBy,
    },
    /// Call a device.
    CallDevice {
        /// Which.
        device: DeviceId,
        /// Names the call.
        call: CallId,
        /// What to do.
        command: Box<DeviceCommand>,
        /// When the runner is given up, milliseconds since boot.
        deadline_boot_ms: u64,
    },
    /// Keep something sealed until it is destroyed; `Kept` follows.
    Keep {
        /// Whose.
        transaction: TransactionId,
        /// What it is.
        part: Kept,
        /// As the reader sealed it.
        sealed: Opaque,
    },
    /// Destroy something sealed, whether or not it is there.
    Destroy {
        /// Whose.
        transaction: TransactionId,
        /// What it is.
        part: Kept,
    },
    /// Ask a device to stop a call. Its reply still comes.
    CancelDevice {
        /// Which.
        device: DeviceId,
        /// The call.
        call: CallId,
    },
    /// Call a gateway.
    CallGateway {
        /// Which.
        gateway: GatewayId,
        /// Names the call.
        call: CallId,
        /// What to ask.
        command: Box<GatewayCommand>,
        /// When the runner is given up, milliseconds since boot.
        deadline_boot_ms: u64,
    },
    /// Answer a register. Exactly one for each ticket that was not forgotten.
    Answer {
        /// Which.
        ticket: Ticket,
        /// The answer.
        answer: Answer,
    },
    /// Tell a waiting register where its transaction stands. May be lost.
    Progress {
        /// Which.
        ticket: Ticket,
        /// Where.
        progress: Progress,
    },
    /// Ask a waiting register what its device wants to know. May be lost: it has an end.
    Prompt {
        /// Which.
        ticket: Ticket,
        /// The question.
        prompt: Box<Prompt>,
    },
    /// Tell the owner of a lease, and nobody else. May be lost.
    Tell {
        /// Which.
        ticket: Ticket,
        /// What.
        news: Box<LeaseNews>,
    },
    /// Bring a device the answer to its question, or that there is none.
    DeliverDevice {
        /// Which.
        device: DeviceId,
        /// The call that asked.
        call: CallId,
        /// The plugin's number of the question.
        number: u64,
        /// The answer.
        answer: PromptAnswer,
    },
    /// Tell whoever subscribed.
    Notify(Box<Notification>),
    /// Wake the engine.
    SetTimer {
        /// Names the alarm; setting it again moves it.
        timer: TimerId,
        /// When, milliseconds since boot.
        at_boot_ms: u64,
    },
    /// Forget an alarm.
    ClearTimer {
        /// Which.
        timer: TimerId,
    },
}

/// What a recall asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RecallBy {
    /// The transaction under this key.
    Key(Scope, IdempotencyKey),
    /// The transaction with this id, and what changed it.
    Transaction(TransactionId),
    /// Kept payment tokens.
    Tokens(Vec<Sought>),
    /// The transaction that spent one of these keys of a device. Its records may be pruned.
    Spent(DeviceId, Vec<SpentKey>),
}
