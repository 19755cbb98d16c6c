// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every target over its kept corpus, and over mutations of it for a while: no panic, no hang, no
//! memory that the bytes only announce.
//!
//! Each target runs in a process of its own, whose memory is bounded by the system.

mod child;
mod mutate;
mod targets;

use std::path::PathBuf;
use std::process::{Command, Output};
use targets::TARGETS;

/// Where a target's inputs are kept.
fn corpus(target: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.join("fuzz/corpus").join(target)
}

#[test]
fn every_target_survives_its_corpus_and_mutations_of_it() {
    let seconds = std::env::var("PAYHAL_FUZZ_SECONDS").unwrap_or_else(|_| "1".to_owned());
    std::thread::scope(|scope| {
        let running = TARGETS.map(|(name, _)| {
            let seconds = &seconds;
            scope.spawn(move || (name, start(name, seconds, false)))
        });
        for done in running {
            let (name, output) = done.join().expect("nothing panics there");
            println!("{}", String::from_utf8_lossy(&output.stdout));
            if !output.status.success() {
                // Once more, slower, with each input written down before it is used.
                let again = start(name, &seconds, true);
                panic!("{name}: {}\n{}", said(&output), said(&again));
            }
        }
    });
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let root = corpus("");
    let folders = std::fs::read_dir(&root).expect("the corpus");
    let mut folders: Vec<String> = folders
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let mut names = TARGETS.map(|(name, _)| name.to_owned());
    names.sort();
    assert_eq!(folders, names);
    for name in names {
        assert!(!child::kept(&name).is_empty(), "nothing is kept for {name}");
    }
}

#[test]
fn a_panic_a_hang_and_a_hoard_are_noticed() {
    for (trap, sign) in [
        ("trap-panic", "panicked on"),
        ("trap-hang", "more than a second"),
        ("trap-hoard", "memory allocation of"),
    ] {
        let output = start(trap, "1", false);
        assert!(!output.status.success(), "{trap} was not noticed");
        assert!(said(&output).contains(sign), "{trap}: {}", said(&output));
    }
}

/// Runs one target in a process of its own.
fn start(target: &str, seconds: &str, record: bool) -> Output {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command
        .args(["--exact", "fuzz::child::one_target", "--nocapture"])
        // Naming the places of a panic takes more memory than the bound leaves.
        .env("RUST_BACKTRACE", "0")
        .env("PAYHAL_FUZZ_TARGET", target)
        .env("PAYHAL_FUZZ_SECONDS", seconds);
    if record {
        command.env("PAYHAL_FUZZ_RECORD", "1");
    }
    command.output().expect("this program starts")
}

fn said(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    both.join("\n")
}
