// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections the plugin asked the daemon for.
//!
//! Owns who waits for which answer. Must never be waited on by the control thread, which brings
//! the answers.

use crate::limits::{CONNECT_WAIT, CONNECTS_MAX};
use crate::link::lock;
use payhal_ipc::Refused;
use std::os::fd::OwnedFd;
use std::sync::{Condvar, Mutex, PoisonError};

type Answer = Result<OwnedFd, Refused>;

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    requests: Vec<(u64, Option<Answer>)>,
}

/// Requests on their way, and answers nobody has picked up yet.
#[derive(Debug, Default)]
pub(crate) struct Connects {
    waiting: Mutex<Waiting>,
    answered: Condvar,
}

impl Connects {
    /// Makes room for one more request; `None` when there are too many.
    pub(crate) fn begin(&self) -> Option<u64> {
        let mut waiting = lock(&self.waiting);
        if waiting.requests.len() >= CONNECTS_MAX {
            return None;
        }
        waiting.last += 1;
        let request = waiting.last;
        waiting.requests.push((request, None));
        Some(request)
    }

    /// Waits for the answer to `request`.
    pub(crate) fn wait(&self, request: u64) -> Answer {
        let waiting = lock(&self.waiting);
        let open = |waiting: &mut Waiting| {
            waiting
                .requests
                .iter()
                .any(|(own, answer)| *own == request && answer.is_none())
        };
        let mut waiting = self
            .answered
            .wait_timeout_while(waiting, CONNECT_WAIT, open)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        let place = waiting.requests.iter().position(|(own, _)| *own == request);
        let answer = place.and_then(|place| waiting.requests.swap_remove(place).1);
        answer.unwrap_or(Err(Refused::Unreachable))
    }

    /// Brings an answer; one that nobody waits for any more is dropped and its socket closed.
    pub(crate) fn answer(&self, request: u64, answer: Answer) {
        let mut waiting = lock(&self.waiting);
        if let Some((_, open)) = waiting.requests.iter_mut().find(|(own, _)| *own == request) {
            *open = Some(answer);
            drop(waiting);
            self.answered.notify_all();
        }
    }
}
