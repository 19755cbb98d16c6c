// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the dispatcher drives. The daemon implements these with threads, sockets and SQLite; the
//! simulation with a virtual world. None of them may block, and none may call back: what happens
//! comes in as an event.

use payhal_engine::answer::{Answer, Notification, Progress};
use payhal_engine::device::DeviceCommand;
use payhal_engine::effect::RecallBy;
use payhal_engine::gateway::GatewayCommand;
use payhal_engine::ids::{
    CallId, DeviceId, GatewayId, Kept, Opaque, Position, RecallId, Ticket, TransactionId,
};
use payhal_engine::leases::LeaseNews;
use payhal_engine::prompt::{Prompt, PromptAnswer};
use payhal_engine::record::Record;

/// The journal's writer and reader.
pub trait JournalPort {
    /// Queues a record for the next commit. `Durable(position)` follows. A lazy one may wait for
    /// company.
    fn append(&mut self, position: Position, record: Box<Record>, lazy: bool);
    /// Queues a lookup. `Recalled` follows, and shows only what is durable.
    fn recall(&mut self, recall: RecallId, by: RecallBy);
}

/// The plugin runners. Every call gets exactly one reply event, whatever happens to its runner,
/// at the latest a little after its deadline.
pub trait PluginPort {
    /// Calls a device.
    fn call_device(
        &mut self,
        device: DeviceId,
        call: CallId,
        command: DeviceCommand,
        deadline_boot_ms: u64,
    );
    /// Asks a device to stop a call.
    fn cancel_device(&mut self, device: DeviceId, call: CallId);
    /// Brings a device the answer to the question of that number, or that there is none. Lost if
    /// the call has ended.
    fn deliver_device(&mut self, device: DeviceId, call: CallId, number: u64, answer: PromptAnswer);
    /// Calls a gateway. A reversal that says so takes the sealed number along that is kept for it;
    /// what is forwarded takes its sealed read along.
    fn call_gateway(
        &mut self,
        gateway: GatewayId,
        call: CallId,
        command: GatewayCommand,
        deadline_boot_ms: u64,
    );
}

/// Where sealed numbers wait that a reversal may need, and sealed reads that are forwarded later.
/// What is asked of it happens in order.
pub trait VaultPort {
    /// Keeps one. `Kept` follows, once it is on disk or certainly not there.
    fn keep(&mut self, transaction: TransactionId, part: Kept, sealed: Opaque);
    /// Destroys one, whether or not it is there. Nothing follows: what is left over by a failure is
    /// destroyed at the next start.
    fn destroy(&mut self, transaction: TransactionId, part: Kept);
}

/// The registers.
pub trait RegisterPort {
    /// The one answer to a request.
    fn answer(&mut self, ticket: Ticket, answer: Answer);
    /// A step on the way; may be lost.
    fn progress(&mut self, ticket: Ticket, progress: Progress);
    /// A question of its device; may be lost.
    fn prompt(&mut self, ticket: Ticket, prompt: Prompt);
    /// To the owner of a lease alone; may be lost.
    fn tell(&mut self, ticket: Ticket, news: LeaseNews);
    /// To whoever subscribed.
    fn notify(&mut self, notification: Notification);
}

/// Everything the dispatcher drives.
pub trait Ports: JournalPort + PluginPort + RegisterPort + VaultPort {}

impl<T: JournalPort + PluginPort + RegisterPort + VaultPort> Ports for T {}
