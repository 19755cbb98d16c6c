// SPDX-License-Identifier: MIT OR Apache-2.0
//! Histories by the thousand: a range of seeds over all cores. The first that fails is named with
//! the command that replays it.

use crate::history::History;
use crate::tally::Tally;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A history in which something was violated.
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) why: String,
    /// How many histories were run in all.
    pub(crate) histories: u64,
}

/// Runs histories until one fails; of those that fail, the lowest seed.
pub(crate) fn run(from: u64, seeds: u64) -> Result<Tally, Failure> {
    let next = AtomicU64::new(from);
    let stop = AtomicBool::new(false);
    let found: Mutex<(Tally, Vec<(u64, String)>)> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut tally = Tally::default();
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from.saturating_add(seeds) {
                        break;
                    }
                    match catch_unwind(AssertUnwindSafe(|| History::of_seed(seed, false))) {
                        Ok(one) => tally.add(one),
                        Err(why) => {
                            failed.push((seed, said(&*why)));
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                }
                let mut found = found.lock().expect("no thread panics while it adds up");
                found.0.add(tally);
                found.1.append(&mut failed);
            });
        }
    });
    let (tally, failed) = found.into_inner().expect("every thread has ended");
    match failed.into_iter().min() {
        None => Ok(tally),
        Some((seed, why)) => Err(Failure {
            seed,
            why,
            histories: next.into_inner().min(from + seeds) - from,
        }),
    }
}

/// What a panic said.
fn said(why: &(dyn Any + Send)) -> String {
    let text = why.downcast_ref::<String>().cloned();
    let text = text.or_else(|| why.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "a panic without words".to_owned())
}
