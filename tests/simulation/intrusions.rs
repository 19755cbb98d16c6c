// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every script once for each effect of it, with something breaking in right there: a crash with
//! every tear of what was not synced, a disk that fails, a cancel, another try. And a second crash
//! at each effect of the recovery from the first.

use crate::history::{History, Lives};
use crate::script::Script;
use crate::scripts;
use crate::world::Intrusion;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What the registers and plugins do at the worst moment.
const OTHERS: [Intrusion; 6] = [
    Intrusion::DiskFails,
    Intrusion::Cancel,
    Intrusion::Forget,
    Intrusion::SameKey,
    Intrusion::NewKey,
    Intrusion::PluginsDie,
];

/// Crashes at each effect, each with every prefix of what was not synced.
pub(crate) fn crashes() -> u64 {
    let mut runs = 0;
    for script in scripts::all() {
        each_crash(&script, |crash, _| {
            run(&script, &[crash]);
            runs += 1;
        });
    }
    runs
}

/// A crash at each effect, then another at each effect of the recovery.
pub(crate) fn pairs() -> u64 {
    let mut runs = 0;
    for script in scripts::all() {
        each_crash(&script, |first, lives| {
            for at in 0..=lives.effects {
                let second = (at, Intrusion::Crash { kept: 0 });
                let all = (at, Intrusion::Crash { kept: usize::MAX });
                run(&script, &[first, second]);
                run(&script, &[first, all]);
                runs += 2;
            }
        });
    }
    runs
}

/// Everything else that can break in.
pub(crate) fn others() -> u64 {
    let mut runs = 0;
    for script in scripts::all() {
        let whole = run(&script, &[]);
        for at in 0..whole.effects {
            for intrusion in OTHERS {
                run(&script, &[(at, intrusion)]);
                runs += 1;
            }
        }
    }
    runs
}

/// `then` gets each crash of a script, and what became of it.
fn each_crash(script: &Script, mut then: impl FnMut((u64, Intrusion), Lives)) {
    let whole = run(script, &[]);
    assert!(whole.effects > 5, "nothing happens in {}", script.name);
    for at in 0..whole.effects {
        for kept in 0..=whole.unsynced_max {
            let crash = (at, Intrusion::Crash { kept });
            let lives = run(script, &[crash]);
            assert_eq!((lives.life, lives.intruded), (1, true), "it did not crash");
            then(crash, lives);
        }
    }
}

/// One run; a failing one is run again with its trace.
fn run(script: &Script, intrusions: &[(u64, Intrusion)]) -> Lives {
    let once = |trace| History::of_script(script, intrusions, trace);
    match catch_unwind(AssertUnwindSafe(|| once(false))) {
        Ok(lives) => lives,
        Err(why) => {
            say(script, intrusions);
            catch_unwind(AssertUnwindSafe(|| once(true))).ok();
            say(script, intrusions);
            resume_unwind(why);
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the test harness shows it with the failure"
)]
fn say(script: &Script, intrusions: &[(u64, Intrusion)]) {
    println!(
        "script: {}, with {intrusions:?} (effect, what)",
        script.name
    );
}
