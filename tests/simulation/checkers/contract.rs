// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the ports are promised: a device has one call at a time, a ticket one answer, and steps on
//! the way go forward.

use super::{Checker, Sight, violated};
use crate::registers::{Purpose, Waiting};
use payhal_engine::answer::{Answer, Progress};

const LAW: &str = "contract of the ports";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| match sight {
        Sight::Device(device, command) => {
            let mut busy = world.readers_busy.values();
            let mut tills = world.terminals.busy.values();
            if busy.any(|(busy, _)| busy == *device) || tills.any(|busy| busy == *device) {
                violated(LAW, format_args!("a second call to {device}: {command:?}"));
            }
        }
        Sight::Answer(waiting, answer) => answered(waiting, answer),
        Sight::Append(_) | Sight::Destroy(..) | Sight::Gateway(..) | Sight::Notify(_) => {}
    },
    ..Checker::BLIND
};

fn answered(waiting: &Waiting, answer: &Answer) {
    if waiting.over {
        violated(LAW, format_args!("nobody waits for {answer:?}"));
    }
    let money = matches!(answer, Answer::Approved { .. });
    if money && !matches!(waiting.purpose, Purpose::Money(_) | Purpose::OtherBody) {
        violated(LAW, format_args!("nobody asked for {answer:?}"));
    }
}

pub(crate) fn progressed(waiting: &Waiting, progress: &Progress) {
    if waiting.over {
        violated(LAW, format_args!("after the answer: {progress:?}"));
    }
    if progress.seq <= waiting.seq {
        violated(LAW, format_args!("it goes backwards: {progress:?}"));
    }
}

/// Anything else that a port was promised.
pub(crate) fn broken(what: &str) -> ! {
    violated(LAW, what);
}
