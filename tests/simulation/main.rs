// SPDX-License-Identifier: MIT OR Apache-2.0
//! Thousands of histories of the daemon's own engine and dispatcher in a world that fails in every
//! way it can: one seed, one history, every invariant checked after every step.

mod cashiers;
mod checkers;
mod currencies;
mod day;
mod epochs;
mod fallback_scripts;
mod gateways;
mod history;
mod intrusions;
mod journal;
mod ledger;
mod lines;
mod offline_scripts;
mod outages;
mod persons;
mod ports;
mod prices;
#[cfg(feature = "whole")]
mod properties;
mod random;
mod readers;
mod registers;
mod requests;
mod script;
mod scripts;
mod seeds;
mod statement;
mod tally;
mod terminals;
mod tills;
mod trace;
#[cfg(feature = "whole")]
mod twin;
mod vault;
mod watches;
mod world;

use history::History;

/// From this many histories on, everything that can happen must have happened.
const TELLING_SEEDS: u64 = 300;

#[test]
fn every_invariant_holds_in_every_history() {
    let from = number("PAYHAL_SEED_FROM", 0);
    let seeds = number("PAYHAL_SEEDS", 100);
    if std::env::var_os("PAYHAL_TRACE").is_some() {
        History::of_seed(from, true);
        return;
    }
    match seeds::run(from, seeds) {
        Ok(tally) => {
            println!("{seeds} histories: {tally:#?}");
            if seeds >= TELLING_SEEDS {
                tally.check();
            }
        }
        Err(failure) => {
            println!("after {} histories: {}", failure.histories, failure.why);
            println!(
                "replay: cargo xtask simulate --seed {} --trace",
                failure.seed
            );
            panic!("seed {}: {}", failure.seed, failure.why);
        }
    }
}

#[test]
fn every_effect_can_be_the_last() {
    println!("{} crashes", intrusions::crashes());
}

#[test]
fn every_effect_of_a_recovery_can_be_the_last() {
    println!("{} pairs of crashes", intrusions::pairs());
}

#[test]
fn anything_can_break_in_at_every_effect() {
    println!("{} intrusions", intrusions::others());
}

fn number(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else {
        return default;
    };
    text.parse()
        .unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}"))
}
