// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one connection is sent, and how it is told to end.
//!
//! Never waits: a reader too slow for the bound is cut off and loses nothing, for it can ask again.

use super::limits::OUTGOING_MAX;
use payhal_protocol::limits::CLOSE_SLOW_READER;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, mpsc};

/// Why this side ends a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Farewell {
    /// WebSocket close code; the Unix socket just ends.
    pub(super) code: u16,
    /// For a developer.
    pub(super) reason: &'static str,
}

impl Farewell {
    /// What was sent before still goes out first, unless nobody reads it.
    pub(super) fn is_patient(self) -> bool {
        self.code != CLOSE_SLOW_READER
    }
}

/// Messages for one connection.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    queue: mpsc::Sender<String>,
    ending: Arc<Ending>,
}

/// The connection's own end of it.
#[derive(Debug)]
pub(super) struct Sendings {
    pub(super) queue: mpsc::Receiver<String>,
    ending: Arc<Ending>,
}

#[derive(Debug, Default)]
struct Ending {
    farewell: Mutex<Option<Farewell>>,
    said: Notify,
}

impl Ending {
    fn farewell(&self) -> Option<Farewell> {
        *self.farewell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outgoing {
    /// For a connection.
    pub(super) fn new() -> (Self, Sendings) {
        Self::holding(OUTGOING_MAX)
    }

    /// With a bound of its own, as a batch has one.
    pub(super) fn holding(bound: usize) -> (Self, Sendings) {
        let (queue, receiver) = mpsc::channel(bound);
        let ending = Arc::new(Ending::default());
        let outgoing = Self {
            queue,
            ending: Arc::clone(&ending),
        };
        let sendings = Sendings {
            queue: receiver,
            ending,
        };
        (outgoing, sendings)
    }

    pub(super) fn send(&self, message: String) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(message) {
            self.cut_off();
        }
    }

    /// The same, once there is room: for a long list that nobody is too slow for, such as what a
    /// register missed.
    pub(super) async fn send_in_turn(&self, message: String) {
        // Who reads nothing at all is ended by what the socket takes.
        self.queue.send(message).await.ok();
    }

    /// Ends the connection with the code for slow readers.
    pub(super) fn cut_off(&self) {
        self.end(CLOSE_SLOW_READER, "read faster");
    }

    /// Ends the connection after what was sent so far. The first reason counts.
    pub(super) fn end(&self, code: u16, reason: &'static str) {
        let farewell = &self.ending.farewell;
        farewell
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(Farewell { code, reason });
        self.ending.said.notify_one();
    }
}

impl Sendings {
    /// That the connection is to end, for who waits while the queue is borrowed. Cancel safe.
    pub(super) fn farewell_apart(&self) -> impl Future<Output = Farewell> + use<> {
        let ending = Arc::clone(&self.ending);
        async move { farewell(&ending).await }
    }
}

async fn farewell(ending: &Ending) -> Farewell {
    loop {
        if let Some(farewell) = ending.farewell() {
            return farewell;
        }
        ending.said.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_ends_the_connection() {
        let (outgoing, sendings) = Outgoing::holding(1);
        outgoing.send("one".into());
        outgoing.send("two".into());
        let farewell = sendings.farewell_apart().await;
        assert_eq!(farewell.code, CLOSE_SLOW_READER);
        assert!(!farewell.is_patient());
    }

    #[tokio::test]
    async fn a_long_list_waits_for_its_reader() {
        let (outgoing, mut sendings) = Outgoing::holding(2);
        let told = async {
            for number in 0..100 {
                outgoing.send_in_turn(number.to_string()).await;
            }
        };
        let read = async {
            for number in 0..100 {
                assert_eq!(sendings.queue.recv().await.unwrap(), number.to_string());
            }
        };
        tokio::join!(told, read);
        let farewell = tokio::time::timeout(std::time::Duration::ZERO, sendings.farewell_apart());
        assert!(farewell.await.is_err(), "nobody is cut off");
    }

    #[tokio::test]
    async fn the_first_reason_counts_and_is_told_again() {
        let (outgoing, sendings) = Outgoing::new();
        outgoing.end(4403, "ended");
        outgoing.cut_off();
        assert_eq!(sendings.farewell_apart().await.code, 4403);
        assert!(sendings.farewell_apart().await.is_patient());
    }
}
