// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sale on a reader, up to the gateway's answer and with the chip's own word after it.
//!
//! Never lets a reader seal anything before amount and gateway are final.

use crate::admit::NotNow;
use crate::answer::{Reason, Refused, Stage};
use crate::delayed::is_delayed;
use crate::device::{CardRefusal, DeviceCommand, DeviceReply, IssuerAnswer};
use crate::engine::Engine;
use crate::gateway::{GatewayAnswer, ReversalReason};
use crate::reports::completion_tags;
use crate::transaction::{Phase, SealedRead, Stop, Transaction};
use std::sync::Arc;

impl Engine {
    /// Its device lights up.
    pub(crate) fn start_on_device(&mut self, transaction: &mut Transaction) {
        let Some(device) = transaction.device.clone() else {
            return;
        };
        let owner = transaction.scope.register.clone();
        self.make_way(transaction, &device);
        let finishing = self.devices.is_called(&device);
        let since_micros = self.now.wall_micros;
        self.devices
            .hold(&device, owner, Some(transaction.id), since_micros);
        transaction.holds_device = true;
        self.step_to(transaction, Stage::Accepted, None);
        if finishing {
            transaction.phase = Phase::AwaitingReader;
        } else {
            self.begin_on_device(transaction);
        }
    }

    fn begin_on_device(&mut self, transaction: &mut Transaction) {
        if transaction.on_terminal() {
            self.pay(transaction);
        } else {
            self.present(transaction);
        }
    }

    /// The device that a request waited for is its own. An earlier try of the same basket may have
    /// become unknown meanwhile.
    pub(crate) fn device_is_done(&mut self, transaction: &mut Transaction) {
        let Transaction {
            request,
            scope,
            amounts,
            ..
        } = &*transaction;
        let unresolved = match request.kind.original() {
            Some(_) => Ok(()),
            // What was asked: a tip may be in the price by now, where a card is presented again.
            None => self.check_unresolved(request, scope, &request.amounts.unwrap_or(*amounts)),
        };
        match unresolved {
            Ok(()) => self.begin_on_device(transaction),
            Err(not_now) => self.give_up_before_intent(transaction, not_now),
        }
    }

    /// The reader waits for a card.
    fn present(&mut self, transaction: &mut Transaction) {
        if self.use_presentation(transaction) {
            return;
        }
        let timeouts = self.config.timeouts;
        let timeout_ms = transaction.request.timeout_ms.unwrap_or(timeouts.card_ms);
        let timeout_ms = timeout_ms.min(timeouts.hard_ms);
        let tip_max = self.tip_asked(transaction);
        let present = DeviceCommand::Present {
            transaction_id: transaction.id,
            purpose: transaction.purpose(),
            amounts: transaction.amounts,
            estimated: is_delayed(&transaction.request),
            timeout_ms,
            entries: transaction.request.terms.entries.clone(),
            total_minor_max: tip_max,
            again: transaction.tried.is_any(),
            tips: self.tips_offered(transaction),
        };
        transaction.phase = Phase::Presenting;
        let tip_ms = tip_max.map_or(0, |_| timeouts.prompt_ms);
        self.call_reader(transaction, present, timeout_ms + tip_ms);
    }

    /// The device of a transaction replied.
    pub(crate) fn device_said(&mut self, transaction: &mut Transaction, reply: DeviceReply) {
        match transaction.phase {
            Phase::Presenting | Phase::ChoosingCurrency(_) | Phase::AuthorizingCard => {
                if let DeviceReply::Presented {
                    presentation_id, ..
                } = &reply
                {
                    transaction.presentation_id = Some(presentation_id.clone());
                }
                if let Some(stop) = transaction.stop {
                    self.finish_stop(transaction, stop);
                } else if !self.choice_told(transaction, &reply) {
                    self.card_read(transaction, reply);
                }
            }
            Phase::Completing => self.completed(transaction, &reply),
            Phase::CompletingOffline(ref read) => {
                let read = read.clone();
                self.completed_offline(transaction, read, &reply);
            }
            Phase::Paying => self.paid(transaction, reply),
            Phase::Inquiring => self.terminal_inquired(transaction, reply),
            Phase::Reversing => self.terminal_reversed(transaction, reply),
            Phase::AwaitingReader
            | Phase::AwaitingAmount
            | Phase::Pricing { .. }
            | Phase::OfferingCurrency
            | Phase::AskingCurrency(_)
            | Phase::AwaitingTurn(_)
            | Phase::CheckingKeys(_)
            | Phase::Keeping(_)
            | Phase::Preparing(_)
            | Phase::Authorizing
            | Phase::Asking
            | Phase::Modifying
            | Phase::Storing(_)
            | Phase::Stored
            | Phase::Forwarding
            | Phase::NeedsOperator
            | Phase::Reporting
            | Phase::Settled => {}
        }
    }

    fn card_read(&mut self, transaction: &mut Transaction, reply: DeviceReply) {
        match (&transaction.phase, reply) {
            (
                Phase::Presenting,
                DeviceReply::Presented {
                    entry,
                    card,
                    tip_minor,
                    ..
                },
            ) => {
                transaction.entry = Some(entry);
                transaction.card = Some(card);
                match self.add_tip(transaction, tip_minor) {
                    Ok(()) => self.card_is_known(transaction),
                    Err(detail) => self.reader_failed(transaction, detail.into(), true),
                }
            }
            (
                Phase::AuthorizingCard,
                DeviceReply::CardAuthorized {
                    read_id,
                    sealed,
                    entry,
                    cvm,
                    completion_owed,
                    keys,
                    number,
                },
            ) => {
                transaction.entry = Some(entry);
                transaction.cvm = Some(cvm);
                transaction.completion_owed = completion_owed;
                let read = SealedRead {
                    read_id,
                    sealed,
                    entry,
                    number,
                };
                self.check_keys(transaction, read, &keys);
            }
            (_, DeviceReply::Refused { refusal, text }) => {
                let mut refused = self.refused(transaction, refusal_reason(refusal));
                refused.detail = Some(text);
                self.end_refused(transaction, refused, None);
            }
            (_, DeviceReply::Cancelled) => {
                let refused = self.refused(transaction, Reason::Cancelled);
                self.end_refused(transaction, refused, None);
            }
            (_, DeviceReply::Unsupported) => {
                let refused = self.refused(transaction, Reason::DeviceUnsupported);
                self.drop_unrecorded(transaction, refused);
            }
            (
                _,
                DeviceReply::Failed {
                    reason,
                    effect_possible,
                },
            ) => {
                self.reader_failed(transaction, reason, effect_possible);
            }
            (_, _) => {
                let detail = "the device plugin answered something else than it was asked";
                self.reader_failed(transaction, detail.into(), true);
            }
        }
    }

    /// A plugin that broke off in the middle of its call has failed, whether the news of its end or
    /// the end of the call comes first. What never reached a device that is away is only unavailable.
    fn reader_failed(&mut self, transaction: &mut Transaction, detail: Arc<str>, begun: bool) {
        let ready = transaction
            .device
            .as_ref()
            .is_some_and(|id| self.devices.is_ready(id));
        let reason = if ready || begun {
            Reason::PluginFailed
        } else {
            Reason::DeviceUnavailable
        };
        let mut refused = self.refused(transaction, reason);
        refused.detail = Some(detail);
        self.drop_unrecorded(transaction, refused);
    }

    /// Amounts and gateway are final from here on.
    pub(crate) fn authorize_card(&mut self, transaction: &mut Transaction) {
        match self.still_reachable(transaction) {
            Ok(()) => {
                transaction.going_offline = false;
                self.seal(transaction);
            }
            // Another gateway makes its own offer.
            Err(_) if self.fall_over(transaction) => self.offer_currency(transaction),
            Err(not_now) => self.gateway_away(transaction, None, not_now),
        }
    }

    /// The reader seals for the gateway, whether or not that is there now.
    pub(crate) fn seal(&mut self, transaction: &mut Transaction) {
        let gateway = transaction.gateway.as_ref();
        let known = gateway.and_then(|gateway| self.known(gateway));
        let Some(recipient) = known.map(|known| known.recipient.clone()) else {
            return;
        };
        let seal_number = self.wants_number(transaction);
        let Some(presentation_id) = transaction.presentation_id.clone() else {
            return;
        };
        transaction.phase = Phase::AuthorizingCard;
        let command = DeviceCommand::AuthorizeCard {
            transaction_id: transaction.id,
            presentation_id,
            purpose: transaction.purpose(),
            amounts: transaction.amounts,
            recipient,
            seal_number,
            offline: transaction.going_offline,
            dcc: transaction.dcc.clone(),
        };
        transaction.number_wanted = seal_number;
        self.call_reader(transaction, command, self.config.timeouts.pin_ms);
    }

    /// Nothing was sent: the next gateway is tried, or the same request may be made again.
    pub(crate) fn give_up_before_intent(&mut self, transaction: &mut Transaction, not_now: NotNow) {
        if not_now.reason == Reason::GatewayUnavailable
            && self.fall_back(transaction, &not_now.words())
        {
            return;
        }
        let refused = self.refused(transaction, not_now.reason);
        self.drop_unrecorded(
            transaction,
            Refused {
                retry_after_ms: not_now.retry_after_ms,
                detail: not_now.detail,
                unresolved: not_now.unresolved,
                ..refused
            },
        );
    }

    /// Ends what was stopped before its intent.
    pub(crate) fn finish_stop(&mut self, transaction: &mut Transaction, stop: Stop) {
        let show = Some(IssuerAnswer::NoAnswer);
        match stop {
            Stop::Cancelled => {
                let refused = self.refused(transaction, Reason::Cancelled);
                self.end_refused(transaction, refused, show);
            }
            Stop::TooLong => {
                let refused = self.refused(transaction, Reason::TimedOut);
                self.end_refused(transaction, refused, show);
            }
            Stop::HostStopping => {
                let refused = self.refused(transaction, Reason::HostStopping);
                self.drop_unrecorded(transaction, refused);
            }
        }
    }

    /// The gateway approved; the chip has the last word.
    pub(crate) fn complete(&mut self, transaction: &mut Transaction, answer: &GatewayAnswer) {
        let Some(presentation_id) = transaction.presentation_id.clone() else {
            return;
        };
        self.step_to(transaction, Stage::Completing, None);
        transaction.phase = Phase::Completing;
        let command = DeviceCommand::Complete {
            transaction_id: transaction.id,
            presentation_id,
            answer: IssuerAnswer::Approved {
                response_code: answer.response_code.clone(),
                issuer: answer.issuer.clone(),
            },
            offline: false,
        };
        self.call_reader(transaction, command, self.config.timeouts.completion_ms);
    }

    fn completed(&mut self, transaction: &mut Transaction, reply: &DeviceReply) {
        if let DeviceReply::Completed { tags, .. } = reply {
            transaction.tags = completion_tags(tags);
        }
        let (reversal, detail) = match reply {
            DeviceReply::Completed { accepted: true, .. } => {
                transaction.passed.chip = true;
                self.resume_approval(transaction);
                return;
            }
            DeviceReply::Completed {
                accepted: false, ..
            } => (
                ReversalReason::CardRefused,
                "the chip refused after the approval",
            ),
            DeviceReply::Refused { .. } => (
                ReversalReason::CardRefused,
                "the card was refused after the approval",
            ),
            _ => (
                ReversalReason::CompletionLost,
                "the reader did not complete the approval",
            ),
        };
        self.end_reversing(transaction, Reason::CardError, reversal, detail, None);
    }
}

/// A card's or cardholder's no, as its register is told.
pub(crate) fn refusal_reason(refusal: CardRefusal) -> Reason {
    match refusal {
        CardRefusal::CancelledOnDevice => Reason::Cancelled,
        CardRefusal::NoCard => Reason::TimedOut,
        CardRefusal::CardExpired
        | CardRefusal::CardUnreadable
        | CardRefusal::CardRemoved
        | CardRefusal::NotAccepted
        | CardRefusal::PinFailed
        | CardRefusal::Other => Reason::CardError,
    }
}
