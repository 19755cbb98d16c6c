// SPDX-License-Identifier: MIT OR Apache-2.0
//! Subscriptions: what was missed, then whatever comes, each subject as it is when it is sent.

use super::events::{Entry, Next, Subject};
use super::looks::holder;
use super::session::{Session, Taken};
use super::{closing, convert, instances, operator};
use crate::access::Standing;
use payhal_engine::ids::TransactionId;
use payhal_engine::request::Which;
use payhal_protocol as p;
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::events::{SubscribeParams, SubscribeResult, Topic};
use payhal_protocol::params::decode;
use payhal_protocol::rpc::{self, Id};
use payhal_protocol::transaction::TransactionView;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Notify;

/// Subscribes: the answer first, then what was missed, then whatever comes, until the connection
/// ends or subscribes anew.
pub(super) fn subscribe(session: &Arc<Session>, id: &Id, params: Option<&RawValue>) -> Taken {
    let params = match decode::<SubscribeParams>(params) {
        Ok(params) => params,
        Err(error) => return Taken::Answer(rpc::error_text(Some(id), &error.into())),
    };
    let events = &session.shared.events;
    let operators = may_follow_operators(session);
    if let Some(named) = &params.topics
        && !operators
        && named.iter().any(|topic| topic.is_operators())
    {
        let error = ErrorObject::named(ErrorName::PermissionDenied)
            .with_detail("pairings and registers are told to the operator only");
        return Taken::Answer(rpc::error_text(Some(id), &error));
    }
    let topics = params.topics.unwrap_or_else(|| Topic::ALL.to_vec());
    let latest = events.latest();
    let since = params.since_seq.unwrap_or(latest);
    let missed = matches!(events.after(since, |_| true), Next::Missed);
    let since = if missed { latest } else { since };
    let knows_of_stop = topics.contains(&Topic::HostStopping);
    session
        .knows_of_stop
        .store(knows_of_stop, Ordering::Relaxed);
    let answer = SubscribeResult {
        seq: latest,
        missed,
    };
    session.outgoing.send(rpc::result_text(id, &answer));
    let replaced = Arc::new(Notify::new());
    let former = session
        .subscription
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .replace(Arc::clone(&replaced));
    if let Some(former) = former {
        former.notify_one();
    }
    let session = Arc::clone(session);
    Taken::Running(vec![Box::pin(async move {
        tokio::select! {
            () = session.follow(since, topics) => {}
            () = replaced.notified() => {}
        }
    })])
}

/// Whether pairings and registers are told to this connection.
fn may_follow_operators(session: &Session) -> bool {
    let standing = session.standing();
    standing.is_operator() || standing == Standing::Open
}

impl Session {
    async fn follow(&self, mut seq: u64, topics: Vec<Topic>) {
        let events = &self.shared.events;
        let mut news = events.watch();
        loop {
            news.borrow_and_update();
            // A session of the console may end while it follows.
            let operators = may_follow_operators(self);
            let wanted =
                |topic: Topic| topics.contains(&topic) && (operators || !topic.is_operators());
            match events.after(seq, wanted) {
                Next::Entry(entry) => {
                    seq = entry.seq;
                    if let Some(message) = self.render(entry).await {
                        // As many as are kept may be due at once.
                        self.outgoing.send_in_turn(message).await;
                    }
                }
                Next::Nothing => {
                    if news.changed().await.is_err() {
                        return;
                    }
                }
                Next::Missed => return self.outgoing.cut_off(),
            }
        }
    }

    /// A transaction as an event tells it: many may listen, so without the card's expiry.
    async fn told(&self, id: TransactionId) -> Option<TransactionView> {
        let mut transaction = self.transaction(Which::Transaction(id)).await.ok()??;
        if let Some(card) = &mut transaction.card {
            card.expiry = None;
        }
        Some(transaction)
    }

    /// The notification for a change, with its subject as it is now.
    async fn render(&self, entry: Entry) -> Option<String> {
        let seq = entry.seq;
        let at = convert::rfc3339(entry.at_micros);
        let topic = entry.subject.topic().as_str();
        Some(match entry.subject {
            Subject::Changed(id) => {
                let transaction = self.told(id).await?;
                rpc::notification_text(
                    topic,
                    &p::events::PaymentChanged {
                        seq,
                        at,
                        transaction,
                    },
                )
            }
            Subject::Resolved(id) => {
                let transaction = self.told(id).await?;
                let loss = super::views::loss(&transaction);
                let resolved = p::events::PaymentResolved {
                    seq,
                    at,
                    transaction,
                    loss,
                };
                rpc::notification_text(topic, &resolved)
            }
            Subject::Device(name) => self.render_device(seq, at, &name).await?,
            Subject::Gateway(name) => self.render_gateway(seq, at, &name)?,
            Subject::Pairing(id, state) => {
                let seen = self.gate().pairing(&id);
                let pairing = seen.map(operator::pairing_view);
                rpc::notification_text(
                    topic,
                    &p::events::PairingChanged {
                        seq,
                        at,
                        pairing_id: id.into(),
                        state,
                        pairing,
                    },
                )
            }
            Subject::Register(id) => {
                let register = operator::register_view(self.presences(), &id);
                rpc::notification_text(
                    topic,
                    &p::events::RegisterChanged {
                        seq,
                        at,
                        register_id: id.into(),
                        register,
                    },
                )
            }
            Subject::Stopping => closing::notice(&self.shared, seq, entry.at_micros),
        })
    }

    /// A device as it is now, or as it was when it was removed.
    async fn render_device(&self, seq: u64, at: String, name: &str) -> Option<String> {
        let supervisor = &self.shared.supervisor;
        let live = self.running_anywhere().await;
        let quarantined = self.quarantined().await;
        let holder = holder(&live, name);
        let now = supervisor.view(name);
        let removed = now.is_none();
        let view = now.or_else(|| supervisor.removed(name))?;
        let device = instances::device(&view, holder, &quarantined, |owner| self.may_see(owner));
        let device = self.with_lease(device, &self.lent().await);
        let changed = p::events::DeviceChanged {
            seq,
            at,
            device,
            removed,
        };
        let topic = Subject::Device(name.to_owned()).topic();
        Some(rpc::notification_text(topic.as_str(), &changed))
    }

    fn render_gateway(&self, seq: u64, at: String, name: &str) -> Option<String> {
        let supervisor = &self.shared.supervisor;
        let now = supervisor.view(name);
        let removed = now.is_none();
        let view = now.or_else(|| supervisor.removed(name))?;
        let changed = p::events::GatewayChanged {
            seq,
            at,
            gateway: instances::gateway(&view),
            removed,
        };
        let topic = Subject::Gateway(name.to_owned()).topic();
        Some(rpc::notification_text(topic.as_str(), &changed))
    }
}
