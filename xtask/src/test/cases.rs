// SPDX-License-Identifier: MIT OR Apache-2.0
//! Picks test cases of one test binary by name, so that a stage that finds none fails.

use std::process::Command;

use super::Stopped;
use crate::workspace;

/// Which cases of a binary a stage runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pick {
    /// Those whose module or name begins with the word.
    Only(&'static str),
    /// All but those that have a stage of their own.
    AllBut(&'static [&'static str]),
}

/// Runs the picked cases of `payhal-tests`' binary, with what `prepare` puts in its environment.
pub(crate) fn run(binary: &str, pick: Pick, prepare: impl Fn(&mut Command)) -> Result<(), Stopped> {
    run_with(workspace::cargo, binary, pick, prepare)
}

/// The same where cases may read the memory of runners, which keep it from other processes of their
/// own user.
pub(crate) fn run_seeing_memory(
    binary: &str,
    pick: Pick,
    prepare: impl Fn(&mut Command),
) -> Result<(), Stopped> {
    let may_already = std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| may_read_any_memory(&status));
    if may_already {
        return run(binary, pick, prepare);
    }
    let in_namespace = || {
        let mut command = workspace::program("unshare");
        command
            .arg("--map-root-user")
            .arg(workspace::cargo().get_program());
        command
    };
    run_with(in_namespace, binary, pick, prepare)
}

/// Whether a process with this status has CAP_SYS_PTRACE (capabilities(7): number 19).
fn may_read_any_memory(status: &str) -> bool {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.is_some_and(|bits| bits >> 19 & 1 == 1)
}

/// The same with mounts of its own, which are gone with it.
pub(crate) fn run_with_mounts(
    binary: &str,
    pick: Pick,
    prepare: impl Fn(&mut Command),
) -> Result<(), Stopped> {
    let in_namespace = || {
        let mut command = workspace::program("unshare");
        command
            .args(["--map-root-user", "--mount"])
            .arg(workspace::cargo().get_program());
        command
    };
    run_with(in_namespace, binary, pick, prepare)
}

fn run_with(
    cargo: impl Fn() -> Command,
    binary: &str,
    pick: Pick,
    prepare: impl Fn(&mut Command),
) -> Result<(), Stopped> {
    let mut list = cargo_test(workspace::cargo(), binary);
    list.args(["--", "--list", "--format", "terse"]);
    let names = picked(&workspace::output(&mut list)?, pick);
    if names.is_empty() {
        return Err(Stopped::Failed(format!(
            "{binary} has no case for {pick:?}"
        )));
    }
    println!("{} cases of {binary}", names.len());
    let mut command = cargo_test(cargo(), binary);
    command.args(["--", "--exact"]).args(names);
    prepare(&mut command);
    Ok(workspace::run(&mut command)?)
}

fn cargo_test(mut command: Command, binary: &str) -> Command {
    command.args([
        "test",
        "--quiet",
        "--package",
        "payhal-tests",
        "--test",
        binary,
    ]);
    command
}

fn picked(listed: &str, pick: Pick) -> Vec<String> {
    let belongs = |name: &str, word: &str| name.split("::").any(|part| part.starts_with(word));
    listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .filter(|name| match pick {
            Pick::Only(word) => belongs(name, word),
            Pick::AllBut(words) => !words.iter().any(|word| belongs(name, word)),
        })
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "load::fifty: test\nrunner_kill::mid_sale: test\nsale::payload: test\n\
                          load_is_shared: test\nbench: benchmark\n";

    #[test]
    fn only_a_capability_lets_one_read_foreign_memory() {
        assert!(may_read_any_memory("Name:\tx\nCapEff:\t000001ffffffffff\n"));
        assert!(!may_read_any_memory(
            "CapPrm:\t000001ffffffffff\nCapEff:\t0000000000000000\n"
        ));
        assert!(!may_read_any_memory(""));
    }

    #[test]
    fn a_word_picks_whole_modules_and_names() {
        let only = picked(LISTED, Pick::Only("load"));
        assert_eq!(only, ["load::fifty", "load_is_shared"]);
        let rest = picked(LISTED, Pick::AllBut(&["load", "runner_kill"]));
        assert_eq!(rest, ["sale::payload"]);
    }

    #[test]
    fn a_word_that_nothing_has_picks_nothing() {
        assert!(picked(LISTED, Pick::Only("browser")).is_empty());
    }
}
