// SPDX-License-Identifier: MIT OR Apache-2.0
//! Readers lent to a register: `device.watch`, `device.reserve`, and the cards that are told to the
//! one connection that asked.
//!
//! A lease lasts no longer than its connection, and nothing of a card is kept for anybody who comes
//! later.

use super::calls::now;
use super::convert;
use super::registers::Update;
use super::session::{Session, Taken};
use payhal_engine::answer::Answer;
use payhal_engine::event::Event;
use payhal_engine::ids::{DeviceId, TransactionId};
use payhal_engine::leases::{LeaseNews, LeaseWish};
use payhal_engine::request::Request;
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::leases::{
    CARD_PRESENTED, CARD_REMOVED, CardRemoved, LEASE_ENDED, LeaseEnded, LeaseOver, LeaseResult,
    ReleaseParams, ReserveParams, UnwatchParams, WatchParams,
};
use payhal_protocol::limits::LEASE_MS_DEFAULT;
use payhal_protocol::params::decode;
use payhal_protocol::rpc::{self, Id};
use payhal_protocol::session::Permission;
use serde_json::value::RawValue;
use std::sync::Arc;

/// `device.watch`.
pub(super) fn watch(session: &Arc<Session>, id: Id, params: Option<&RawValue>) -> Taken {
    let wish = decode(params).map(|params: WatchParams| LeaseWish {
        device: params.device.map(|id| DeviceId::from(id.as_str())),
        entries: convert::entries(params.entry.as_deref()),
        lease_ms: params.lease_ms.unwrap_or(LEASE_MS_DEFAULT),
        watches: true,
    });
    lend(session, id, wish.map_err(ErrorObject::from))
}

/// `device.reserve`.
pub(super) fn reserve(session: &Arc<Session>, id: Id, params: Option<&RawValue>) -> Taken {
    let wish = decode(params).map(|params: ReserveParams| LeaseWish {
        device: params.device.map(|id| DeviceId::from(id.as_str())),
        entries: Vec::new(),
        lease_ms: params.lease_ms.unwrap_or(LEASE_MS_DEFAULT),
        watches: false,
    });
    lend(session, id, wish.map_err(ErrorObject::from))
}

/// `device.unwatch`.
pub(super) async fn unwatch(
    session: Arc<Session>,
    params: UnwatchParams,
) -> Result<LeaseOver, ErrorObject> {
    session.give_back(params.device.as_str()).await
}

/// `device.release`.
pub(super) async fn release(
    session: Arc<Session>,
    params: ReleaseParams,
) -> Result<LeaseOver, ErrorObject> {
    session.give_back(params.device.as_str()).await
}

/// The call is answered when the lease begins, and lives on as long as that.
fn lend(session: &Arc<Session>, id: Id, wish: Result<LeaseWish, ErrorObject>) -> Taken {
    let wish = wish.and_then(|wish| {
        session.check_permission(Permission::Watch)?;
        Ok(wish)
    });
    let wish = match wish {
        Ok(wish) => wish,
        Err(error) => return now::<(), _>(&id, Err::<(), ErrorObject>(error)),
    };
    let session = Arc::clone(session);
    Taken::Running(vec![Box::pin(async move {
        session.listen(&id, wish).await;
    })])
}

impl Session {
    async fn give_back(&self, device: &str) -> Result<LeaseOver, ErrorObject> {
        let device = DeviceId::from(device);
        match self.ask(Request::GiveBack { device }, None).await {
            Some(Answer::GivenBack) => Ok(LeaseOver {}),
            Some(Answer::Refused { refused, replayed }) => {
                Err(convert::refused(&refused, replayed))
            }
            _ => Err(ErrorObject::named(ErrorName::HostStopping)),
        }
    }

    /// A card, where the operator has taken the permission back meanwhile: that ends the lease.
    fn may_not_be_told(&self, update: &Update) -> bool {
        let presented = matches!(update, Update::Lease(LeaseNews::Presented(_)));
        presented && self.check_permission(Permission::Watch).is_err()
    }

    /// Passes on what is told of a lease, until it ends. Dropped with its connection, which ends it.
    async fn listen(&self, id: &Id, wish: LeaseWish) {
        let shared = &self.shared;
        let mut waiting = shared.registers.wait(Arc::clone(&shared.outlet));
        shared.outlet.event(Event::Asked {
            ticket: waiting.ticket,
            caller: self.caller(),
            transaction_id: TransactionId(uuid::Uuid::now_v7()),
            request: Request::Lend(wish),
        });
        let mut begun: Option<LeaseEnded> = None;
        while let Some(update) = waiting.next().await {
            if let (true, Some(ended)) = (self.may_not_be_told(&update), &begun) {
                self.outgoing
                    .send(rpc::notification_text(LEASE_ENDED, ended));
                return;
            }
            let message = match update {
                Update::Lease(LeaseNews::Began {
                    device,
                    lease,
                    until_micros,
                }) => {
                    let result = LeaseResult {
                        device: device.to_string().into(),
                        watch_id: lease.to_string(),
                        until: convert::rfc3339(until_micros),
                    };
                    begun = Some(LeaseEnded {
                        device: result.device.clone(),
                        watch_id: result.watch_id.clone(),
                    });
                    rpc::result_text(id, &result)
                }
                Update::Lease(LeaseNews::Presented(presentation)) => {
                    let told = convert::card_presented(&presentation);
                    rpc::notification_text(CARD_PRESENTED, &told)
                }
                Update::Lease(LeaseNews::Removed {
                    device,
                    presentation_id,
                }) => {
                    let told = CardRemoved {
                        device: device.to_string().into(),
                        presentation_id: presentation_id.to_string(),
                    };
                    rpc::notification_text(CARD_REMOVED, &told)
                }
                Update::Answer(answer) => match (answer, &begun) {
                    (_, Some(ended)) => rpc::notification_text(LEASE_ENDED, ended),
                    (Answer::Refused { refused, replayed }, None) => {
                        let error = convert::refused(&refused, replayed);
                        rpc::error_text(Some(id), &error)
                    }
                    (_, None) => {
                        let error = ErrorObject::named(ErrorName::HostStopping);
                        rpc::error_text(Some(id), &error)
                    }
                },
                Update::Progress(_) | Update::Prompt(_) => continue,
            };
            self.outgoing.send(message);
            // An answer is the last.
            if waiting.is_answered() {
                return;
            }
        }
    }
}
