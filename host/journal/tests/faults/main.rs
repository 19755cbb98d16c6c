// SPDX-License-Identifier: MIT OR Apache-2.0
//! A disk that is full, broken or read-only, too few files, damaged pages, a lock that somebody
//! else holds: the journal stops, says what to do, and what was told durable is there afterwards.
//!
//! Faults are the system's own: limits of a process, a small file system in a mount namespace, and,
//! where strace is, errors that it puts into single system calls. The journal runs in a child: the
//! test `child` of this binary.
#![expect(clippy::unwrap_used, reason = "what cannot be set up fails its test")]

mod disk;
mod pages;
#[expect(dead_code, reason = "this binary needs some of them")]
#[path = "../durable/records.rs"]
mod records;
mod traced;

use payhal_engine::ids::Position;
use payhal_journal::{Happened, Journal, Options, verify};
use records::sale;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Duration;

/// Only ever waited for in full when something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Variables of the child: the journal, and how many commits to make.
const PATH: &str = "PAYHAL_FAULT_PATH";
const COMMITS: &str = "PAYHAL_FAULT_COMMITS";

/// What a child told, line by line.
#[derive(Debug, Default)]
struct Told {
    /// The journal could not be opened.
    refused: Option<String>,
    /// The last position told durable.
    durable: u64,
    /// Why it stopped.
    failed: Option<String>,
    /// What the next append was told.
    then: Option<String>,
    /// Why it could not be opened again in the same process, time after time.
    refused_again: Vec<String>,
    /// The position found when it was opened again there.
    again: Option<u64>,
}

/// The end of a command that runs the child.
fn child_arguments() -> [String; 4] {
    let me = std::env::current_exe().unwrap();
    [
        me.to_str().unwrap().to_owned(),
        "--exact".into(),
        "child".into(),
        "--nocapture".into(),
    ]
}

fn run(mut command: Command, path: &Path, commits: u64) -> Told {
    command.env(PATH, path).env(COMMITS, commits.to_string());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut told = Told::default();
    for line in text.lines() {
        let Some((word, rest)) = line.trim().split_once(": ") else {
            continue;
        };
        match word {
            "refused" => told.refused = Some(rest.to_owned()),
            "durable" => told.durable = rest.parse().unwrap(),
            "failed" => told.failed = Some(rest.to_owned()),
            "then" => told.then = Some(rest.to_owned()),
            "refused again" => told.refused_again.push(rest.to_owned()),
            "again" => told.again = Some(rest.parse().unwrap()),
            _ => {}
        }
    }
    let ended = text.contains("\nended: ");
    assert!(ended, "{text}{}", String::from_utf8_lossy(&output.stderr));
    told
}

/// A shell that sets the child up.
fn shell(setup: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{setup} exec \"$0\" \"$@\"")]);
    command.args(child_arguments());
    command
}

/// Everything that was told durable is there, and nothing is damaged.
fn nothing_is_lost(path: &Path, told: &Told) {
    let (journal, restored) = Journal::open(path, &Options::default(), |_| {}).unwrap();
    drop(journal);
    assert!(restored.position.0 >= told.durable, "{told:?}");
    assert_eq!(verify(path).unwrap().damage, None);
}

fn new_journal() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    (folder, path)
}

/// Makes a journal without records.
fn make(path: &Path) {
    drop(Journal::open(path, &Options::default(), |_| {}).unwrap());
}

/// With a journal named to it this is the child of the others. Without one it runs itself, where
/// nothing fails.
#[test]
fn child() {
    if let Some(path) = std::env::var_os(PATH) {
        let commits = std::env::var(COMMITS).unwrap();
        return commit(&PathBuf::from(path), commits.parse().unwrap());
    }
    let (_folder, path) = new_journal();
    let told = run(shell(""), &path, 3);
    assert_eq!((told.durable, told.again), (3, Some(3)), "{told:?}");
    assert_eq!((told.refused, told.failed), (None, None));
}

/// How often a stopped journal is opened again.
const AGAIN: usize = 3;

/// Opens, commits, tells; when it stops, tries once more, closes, and opens again until it can.
#[expect(clippy::print_stdout, reason = "its parent reads it")]
fn commit(path: &Path, commits: u64) {
    let (tell, told) = channel();
    let opened = Journal::open(path, &Options::default(), move |happened| {
        tell.send(happened).ok();
    });
    println!();
    let (journal, restored) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            println!("refused: {error}");
            println!("ended: well");
            return;
        }
    };
    let append = |position: u64| {
        let sale = sale(position.into());
        journal.append(Position(position), Box::new(sale.intent()), false)
    };
    for position in restored.position.0 + 1..=restored.position.0 + commits {
        let happened = match append(position) {
            Ok(()) => told.recv_timeout(PATIENCE).unwrap(),
            Err(error) => Happened::Failed(error.to_string().into()),
        };
        match happened {
            Happened::Durable(position) => println!("durable: {}", position.0),
            Happened::Failed(why) => {
                println!("failed: {why}");
                println!("then: {}", append(position + 1).unwrap_err());
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    drop(journal);
    for _ in 0..AGAIN {
        match Journal::open(path, &Options::default(), |_| {}) {
            Ok((_, restored)) => {
                println!("again: {}", restored.position.0);
                break;
            }
            Err(error) => println!("refused again: {error}"),
        }
    }
    println!("ended: well");
}
