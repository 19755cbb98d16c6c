// SPDX-License-Identifier: MIT OR Apache-2.0
//! No record is dated before the one before it, whatever people do to the clock.

use super::{Checker, Sight, violated};

const LAW: &str = "dates never fall";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| {
        if let Sight::Append(record) = sight {
            let last = world.journal.last_at_micros();
            if record.at_micros < last {
                violated(LAW, format_args!("after {last}: {record:?}"));
            }
        }
    },
    ..Checker::BLIND
};
