// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that can happen.

use crate::answer::{PinEvent, Stage};
use crate::device::{DeviceReply, DeviceStatus};
use crate::gateway::{GatewayReply, GatewayStatus};
use crate::ids::{
    Acceptor, CallId, DeviceId, GatewayId, Kept, Position, RecallId, Ticket, TimerId, TransactionId,
};
use crate::prompt::DevicePrompt;
use crate::record::Past;
use crate::request::{Caller, Part, Request};
use std::sync::Arc;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A register asks.
    Asked {
        /// Where its answer goes.
        ticket: Ticket,
        /// Who.
        caller: Caller,
        /// A fresh id, used if this becomes a transaction.
        transaction_id: TransactionId,
        /// What.
        request: Request,
    },
    /// A register stopped waiting (closed, or `$/cancelRequest`). The money goes on.
    Forgotten {
        /// The ticket that gets no answer any more.
        ticket: Ticket,
    },
    /// The journal answered a recall.
    Recalled {
        /// Which.
        recall: RecallId,
        /// What it holds.
        past: Option<Box<Past>>,
    },
    /// Something sealed is on disk, or cannot be kept and is not there.
    Kept {
        /// Whose.
        transaction: TransactionId,
        /// What it is.
        part: Kept,
        /// The reason, if it is not.
        refused: Option<Arc<str>>,
    },
    /// Everything up to here is on disk.
    Durable(Position),
    /// A device call ended.
    DeviceReplied {
        /// Which.
        call: CallId,
        /// How.
        reply: DeviceReply,
    },
    /// A device call moved on.
    DeviceProgressed {
        /// Which.
        call: CallId,
        /// Where to.
        stage: Stage,
        /// In PIN entry: what happened at the keypad.
        pin: Option<PinEvent>,
        /// As the device shows it.
        text: Arc<str>,
    },
    /// A device asks something through the register.
    DevicePrompted {
        /// During which call.
        call: CallId,
        /// What.
        prompt: DevicePrompt,
    },
    /// A gateway call ended.
    GatewayReplied {
        /// Which.
        call: CallId,
        /// How.
        reply: GatewayReply,
    },
    /// A device came, went or changed. `None`: it is not configured any more.
    DeviceChanged {
        /// Which.
        device: DeviceId,
        /// How it is now.
        status: Option<DeviceStatus>,
    },
    /// A gateway came, went or changed.
    GatewayChanged {
        /// Which.
        gateway: GatewayId,
        /// How it is now.
        status: Option<GatewayStatus>,
    },
    /// The operator configured a device or gateway anew. What is open keeps what it began with.
    Configured {
        /// Which.
        part: Part,
        /// Whose money it is from now on, if it is said.
        acceptor: Option<Acceptor>,
        /// Whether a gateway that is live takes what was encrypted on this computer.
        software_sealing: bool,
    },
    /// An alarm went off.
    TimerFired(TimerId),
    /// The host wants to stop: no new money, running transactions end or are handed to recovery.
    Stopping,
}
