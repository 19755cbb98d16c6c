// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask fuzz`: one target of `tests/fuzz` for as long as wanted, under libFuzzer or, without
//! it, with the seeded mutator of the test command.

use crate::workspace;
use std::path::PathBuf;
use std::process::Command;

/// The case that runs one target.
const ONE_TARGET: &str = "fuzz::child::one_target";

/// How long each target runs in the test command.
const TEST_SECONDS: u64 = 5;

/// What cargo-fuzz builds.
const PROGRAM: &str = "../../tests/fuzz/libfuzzer.rs";

#[derive(clap::Args, Debug)]
pub(crate) struct Fuzz {
    /// A folder of `tests/fuzz/corpus`.
    target: String,
    /// How long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// With the seeded mutator instead of libFuzzer.
    #[arg(long)]
    plain: bool,
    /// Its seed.
    #[arg(long, default_value_t = 1, requires = "plain")]
    seed: u64,
}

pub(crate) fn run(fuzz: &Fuzz) -> Result<(), String> {
    let known = targets()?;
    if !known.contains(&fuzz.target) {
        let known = known.join(", ");
        return Err(format!("no target `{}`; there are {known}", fuzz.target));
    }
    if fuzz.plain {
        return workspace::run(&mut plainly(fuzz));
    }
    if workspace::output(workspace::cargo().args(["fuzz", "--version"])).is_err() {
        return Err(
            "cargo-fuzz is missing: cargo install cargo-fuzz; or say --plain, which needs nothing"
                .to_owned(),
        );
    }
    workspace::run(&mut under_libfuzzer(fuzz))
}

/// Each target for a few seconds.
pub(crate) fn all() -> Result<(), String> {
    let mut command = lib_tests();
    command
        .args(["fuzz", "--nocapture"])
        .env("PAYHAL_FUZZ_SECONDS", TEST_SECONDS.to_string());
    workspace::run(&mut command)
}

/// Named as their folders are.
fn targets() -> Result<Vec<String>, String> {
    let folder = workspace::root().join("tests/fuzz/corpus");
    let failed = |error| format!("failed to list {}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn lib_tests() -> Command {
    let mut command = workspace::cargo();
    command.args([
        "test",
        "--quiet",
        "--package",
        "payhal-tests",
        "--lib",
        "--",
    ]);
    command
}

fn plainly(fuzz: &Fuzz) -> Command {
    let mut command = lib_tests();
    command
        .args(["--exact", ONE_TARGET, "--nocapture"])
        .env("RUST_BACKTRACE", "0")
        .env("PAYHAL_FUZZ_TARGET", &fuzz.target)
        .env("PAYHAL_FUZZ_SEED", fuzz.seed.to_string())
        .env("PAYHAL_FUZZ_SECONDS", fuzz.seconds.to_string());
    command
}

/// What it finds worth keeping lies below the target folder; what we keep is only read.
fn under_libfuzzer(fuzz: &Fuzz) -> Command {
    let root = workspace::root();
    let found: PathBuf = workspace::target().join("fuzz").join(&fuzz.target);
    let program = root.join("xtask/src").join(PROGRAM);
    let folder = program.parent().unwrap_or(&root).to_path_buf();
    let mut command = workspace::cargo();
    command
        .args(["fuzz", "run", "--fuzz-dir"])
        .arg(&folder)
        .arg("libfuzzer")
        .arg(&found)
        .arg(folder.join("corpus").join(&fuzz.target))
        .arg("--")
        .arg(format!("-max_total_time={}", fuzz.seconds))
        .args(["-rss_limit_mb=512", "-timeout=1"])
        .env("CARGO_TARGET_DIR", workspace::target().join("fuzz/build"))
        .env("PAYHAL_FUZZ_TARGET", &fuzz.target)
        // Instruments with the compiler that is here.
        .env("RUSTC_BOOTSTRAP", "1");
    std::fs::create_dir_all(&found).ok();
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_named_as_their_corpus_is() {
        let names = targets().unwrap();
        assert!(names.contains(&"journal-record".to_owned()), "{names:?}");
    }

    #[test]
    fn what_cargo_fuzz_builds_is_there() {
        assert!(workspace::root().join("xtask/src").join(PROGRAM).is_file());
    }
}
