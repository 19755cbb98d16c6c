// SPDX-License-Identifier: MIT OR Apache-2.0
//! How connections learn that the host stops: first they are told, later they are closed.
//!
//! Never ends a call: a register whose call is cut off asks again with its key.

use super::session::Session;
use super::{Shared, convert};
use payhal_protocol::events::{HostStopping, Topic};
use payhal_protocol::rpc;
use std::sync::atomic::Ordering;
use tokio::sync::watch;

/// How far the host has come with stopping.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Closing {
    /// Not at all.
    Open,
    /// It was asked to; running payments may still end.
    Announced,
    /// Everything that had to be said was said.
    Closed,
}

/// The next step. Cancel safe.
pub(super) async fn next_of(closing: &mut watch::Receiver<Closing>) -> Closing {
    // The sender lives as long as any connection.
    if closing.changed().await.is_err() {
        return Closing::Closed;
    }
    *closing.borrow_and_update()
}

/// The notification that a register gets once.
pub(super) fn notice(shared: &Shared, seq: u64, at_micros: i64) -> String {
    let stopping = HostStopping {
        seq,
        at: convert::rfc3339(at_micros),
        reason: "the host was asked to stop".to_owned(),
        grace_ms: shared.stop_grace_ms,
    };
    rpc::notification_text(Topic::HostStopping.as_str(), &stopping)
}

impl Session {
    /// Tells a connection that the host stops, unless it follows that topic or was told.
    pub(super) fn announce_stop(&self) {
        if !self.knows_of_stop.swap(true, Ordering::Relaxed) {
            let seq = self.shared.events.latest();
            let now = crate::clock::wall_micros();
            self.outgoing.send(notice(&self.shared, seq, now));
        }
    }
}
