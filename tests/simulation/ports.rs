// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the dispatcher drives: each effect is looked at by every checker, then it happens in the
//! world, unless the host dies before.

use crate::checkers::{self, Sight, contract};
use crate::registers::Registers;
use crate::trace::brief;
use crate::watches;
use crate::world::{Happening, World};
use crate::{gateways, outages, readers, terminals, vault};
use payhal_dispatcher::ports::{JournalPort, PluginPort, RegisterPort, VaultPort};
use payhal_engine::answer::{Answer, Notification, Progress, Stage};
use payhal_engine::device::DeviceCommand;
use payhal_engine::effect::RecallBy;
use payhal_engine::event::Event;
use payhal_engine::gateway::{GatewayCommand, GatewayReply};
use payhal_engine::ids::{
    CallId, DeviceId, GatewayId, Kept, Opaque, Position, RecallId, Ticket, TransactionId,
};
use payhal_engine::leases::LeaseNews;
use payhal_engine::prompt::{Prompt, PromptAnswer};
use payhal_engine::record::{Fact, Record};

impl JournalPort for World {
    fn append(&mut self, position: Position, record: Box<Record>, lazy: bool) {
        if self.gone_before(|| format!("append {}: {}", position.0, brief(&record))) {
            return;
        }
        checkers::sight(self, &Sight::Append(&record));
        if let Fact::Unsent { .. } = record.fact {
            self.tally.count("intents closed as unsent");
            self.sealed_under.remove(&record.transaction_id);
        }
        outages::recorded(self, &record);
        if let Fact::NeedsOperator { .. } = record.fact {
            let delay_ms = 600_000 + self.random.below(3_000_000);
            self.in_ms(delay_ms, Happening::Person(record.transaction_id));
        }
        self.journal.append(position, *record);
        self.unsynced_max = self.unsynced_max.max(self.journal.unsynced());
        if self.journal.commit_scheduled || self.journal.failing {
            return;
        }
        if lazy {
            self.in_ms(5_000, Happening::Commit);
        } else {
            self.journal.commit_scheduled = true;
            let delay_ms = 1 + self.random.below(20);
            self.in_ms(delay_ms, Happening::Commit);
        }
    }

    fn recall(&mut self, recall: RecallId, by: RecallBy) {
        if !self.gone_before(|| format!("recall {}", brief(&by))) {
            let delay_ms = 1 + self.random.below(50);
            self.in_ms(delay_ms, Happening::Recall(recall, by));
        }
    }
}

impl PluginPort for World {
    fn call_device(
        &mut self,
        device: DeviceId,
        call: CallId,
        command: DeviceCommand,
        deadline_boot_ms: u64,
    ) {
        if self.gone_before(|| format!("{device}, call {}: {}", call.0, brief(&command))) {
            return;
        }
        checkers::sight(self, &Sight::Device(&device, &command));
        if let DeviceCommand::Present { transaction_id, .. } = &command
            && self
                .accepted
                .get(transaction_id)
                .is_some_and(|(at, _)| *at < self.now_ms)
        {
            self.tally.count("readers handed over");
        }
        if self.script.is_none() && self.random.percent(50) {
            let event = Event::DeviceProgressed {
                call,
                stage: Stage::Reading,
                pin: None,
                text: "".into(),
            };
            self.in_ms(50, Happening::Deliver(event));
        }
        if terminals::is_terminal(&device) {
            terminals::called(self, device, call, &command, deadline_boot_ms);
        } else {
            readers::called(self, device, call, &command, deadline_boot_ms);
        }
    }

    fn deliver_device(
        &mut self,
        device: DeviceId,
        call: CallId,
        number: u64,
        answer: PromptAnswer,
    ) {
        if self.gone_before(|| format!("{device}, call {}: {answer:?}", call.0)) {
            return;
        }
        if !self.questions.remove(&(call, number)) {
            contract::broken("a device was answered that did not ask, or twice");
        }
        if self.readers_busy.contains_key(&call) {
            self.tally.count(match answer {
                PromptAnswer::None => "questions left to their default",
                _ => "questions answered",
            });
        }
    }

    fn cancel_device(&mut self, device: DeviceId, call: CallId) {
        if !self.gone_before(|| format!("{device}: stop call {}", call.0)) {
            readers::cancelled(self, call);
            terminals::cancelled(self, call);
        }
    }

    fn call_gateway(
        &mut self,
        gateway: GatewayId,
        call: CallId,
        command: GatewayCommand,
        deadline_boot_ms: u64,
    ) {
        if self.gone_before(|| format!("{gateway}, call {}: {}", call.0, brief(&command))) {
            return;
        }
        checkers::sight(self, &Sight::Gateway(&gateway, &command));
        if self.lacks_number(call, &command) || self.lacks_read(call, &command) {
            return;
        }
        gateways::called(self, &gateway, call, &command, deadline_boot_ms);
    }
}

impl World {
    /// Whether a reversal's number is lost, which is told.
    fn lacks_number(&mut self, call: CallId, command: &GatewayCommand) -> bool {
        let GatewayCommand::Reverse {
            wire,
            with_number: true,
            ..
        } = command
        else {
            return false;
        };
        self.tally.count("reversals with a number");
        let lost = !self
            .vault
            .held
            .contains(&(wire.transaction_id, Kept::Number));
        if lost {
            let reply = GatewayReply::NumberLost {
                reason: "its key is gone".into(),
            };
            let event = Event::GatewayReplied { call, reply };
            self.in_ms(1, Happening::Deliver(event));
        }
        lost
    }
}

impl World {
    /// Whether the sealed read of a sale that was accepted offline is lost, which is told.
    fn lacks_read(&mut self, call: CallId, command: &GatewayCommand) -> bool {
        let GatewayCommand::Forward { wire, .. } = command else {
            return false;
        };
        self.tally.count("sales forwarded");
        let kept = (wire.transaction_id, Kept::Read);
        let lost = !self.vault.held.contains(&kept);
        if lost {
            let reply = GatewayReply::ReadLost {
                reason: "its key is gone".into(),
            };
            let event = Event::GatewayReplied { call, reply };
            self.in_ms(1, Happening::Deliver(event));
        }
        lost
    }
}

impl VaultPort for World {
    fn keep(&mut self, transaction: TransactionId, part: Kept, _sealed: Opaque) {
        if !self.gone_before(|| format!("keep the {part:?} of {transaction}")) {
            vault::asked(self, vault::Order::Keep((transaction, part)));
        }
    }

    fn destroy(&mut self, transaction: TransactionId, part: Kept) {
        if !self.gone_before(|| format!("destroy the {part:?} of {transaction}")) {
            checkers::sight(self, &Sight::Destroy(transaction, part));
            self.tally.count("numbers destroyed");
            vault::asked(self, vault::Order::Destroy((transaction, part)));
        }
    }
}

impl RegisterPort for World {
    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        if self.gone_before(|| format!("answer {}: {}", ticket.0, brief(&answer))) {
            return;
        }
        self.changed = true;
        let next = Registers::next_customer(self, ticket);
        if let Some((delay_ms, attempt)) = Registers::answered(self, ticket, &answer) {
            self.in_ms(delay_ms, Happening::Again(attempt));
        }
        if let Some(device) = next {
            let delay_ms = self.random.below(50);
            self.in_ms(delay_ms, Happening::Next(device));
        }
    }

    fn progress(&mut self, ticket: Ticket, progress: Progress) {
        if !self.gone_before(|| format!("tell {}: {:?}", ticket.0, progress.stage)) {
            self.registers.progressed(ticket, &progress);
        }
    }

    fn prompt(&mut self, ticket: Ticket, prompt: Prompt) {
        if !self.gone_before(|| format!("ask {}: {:?}", ticket.0, prompt.kind))
            && let Some((delay_ms, number)) = Registers::prompted(self, ticket, prompt)
        {
            self.in_ms(delay_ms, Happening::Respond(number));
        }
    }

    fn tell(&mut self, ticket: Ticket, news: LeaseNews) {
        if !self.gone_before(|| format!("tell {}: {news:?}", ticket.0)) {
            watches::told(self, ticket, news);
        }
    }

    fn notify(&mut self, notification: Notification) {
        if self.gone_before(|| format!("notify: {}", brief(&notification))) {
            return;
        }
        checkers::sight(self, &Sight::Notify(&notification));
        outages::told(self, &notification);
        if let Notification::Moved { progress, .. } = &notification {
            let accepted = self.accepted.entry(progress.transaction_id);
            accepted.or_insert((self.now_ms, self.journal.appended()));
        }
    }
}
