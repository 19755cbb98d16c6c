// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the system is really asked, by strace: how often a file is flushed, in which pieces the log
//! is written, and what happens when one of these calls fails. Where strace is missing or may not
//! trace, these tests check nothing.

use crate::{AGAIN, Told, child_arguments, make, new_journal, nothing_is_lost, run};
use std::path::Path;
use std::process::Command;

/// A traced run: what it told, and the calls on the journal's log, in order, each with its thread.
fn traced(path: &Path, commits: u64, inject: &[&str]) -> Option<(Told, Vec<(String, Call)>)> {
    let may = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output();
    if !may.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let trace = path.with_extension("trace");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-y", "-s", "0", "-o"])
        .arg(&trace)
        .args(["-e", "trace=read,write,pwrite64,fdatasync,fsync,ftruncate"]);
    for fault in inject {
        command.args(["-e", &format!("inject={fault}")]);
    }
    let log = format!("{}-wal", path.display());
    if !inject.is_empty() {
        // Only calls on the log count and fail.
        command.args(["-P", &log]);
    }
    command.args(child_arguments());
    let told = run(command, path, commits);
    let text = std::fs::read_to_string(&trace).unwrap();
    let calls = whole_calls(&text)
        .into_iter()
        .filter_map(|(thread, call)| Some((thread.to_owned(), Call::of(&call, &log)?)))
        .collect();
    Some((told, calls))
}

/// The calls in the order in which they returned, each with its thread. Where another thread's call
/// came between, strace writes a call in two lines.
fn whole_calls(trace: &str) -> Vec<(&str, String)> {
    let mut begun = std::collections::HashMap::new();
    let mut whole = Vec::new();
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        if let Some(start) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, start);
        } else if let Some((_, end)) = call.split_once(" resumed>") {
            let start = begun.remove(thread).unwrap_or_default();
            whole.push((thread, format!("{start}{end}")));
        } else {
            whole.push((thread, call.to_owned()));
        }
    }
    whole
}

/// A call on the log.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Call {
    /// Looked through from its beginning, before SQLite has it.
    Read,
    Write {
        at: u64,
        bytes: u64,
    },
    Flush {
        failed: bool,
    },
    /// Emptied: everything in it was copied into the file, which was flushed.
    Empty,
    /// Filled with zeros.
    Fill,
}

impl Call {
    fn of(call: &str, log: &str) -> Option<Self> {
        if !call.contains(&format!("<{log}>")) {
            return None;
        }
        if call.starts_with("fdatasync(") || call.starts_with("fsync(") {
            let failed = call.contains("= -1");
            return Some(Self::Flush { failed });
        }
        for (name, call_of) in [
            ("read(", Self::Read),
            ("write(", Self::Fill),
            ("ftruncate(", Self::Empty),
        ] {
            if call.starts_with(name) {
                return Some(call_of);
            }
        }
        let arguments = call.strip_prefix("pwrite64(")?.split_once(')')?.0;
        let mut last = arguments.rsplit(", ");
        let at = last.next()?.parse().ok()?;
        let bytes = last.next()?.parse().ok()?;
        Some(Self::Write { at, bytes })
    }
}

#[test]
fn each_commit_is_flushed_once_and_written_in_frames() {
    const COMMITS: usize = 10;
    let (_folder, path) = new_journal();
    make(&path);
    let Some((told, calls)) = traced(&path, COMMITS as u64, &[]) else {
        return;
    };
    assert_eq!(told.durable, COMMITS as u64);
    // A log begins with its head, written by the thread that commits. The one that copies the log
    // back flushes too, whenever it comes to that, and may have flushed before.
    let head = Call::Write { at: 0, bytes: 32 };
    let begun = calls.iter().position(|(_, call)| *call == head).unwrap();
    let committer = &calls[begun].0;
    let calls: Vec<_> = calls[begun..]
        .iter()
        .filter(|(thread, _)| thread == committer)
        .map(|(_, call)| call.clone())
        .collect();
    let written = calls
        .iter()
        .rposition(|call| matches!(call, Call::Write { .. }));
    // What follows the last commit's flush empties the log.
    let commits = &calls[..=written.unwrap() + 1];
    let flushes = commits
        .iter()
        .filter(|call| matches!(call, Call::Flush { .. }));
    assert_eq!(flushes.count(), COMMITS + 1, "the head of the log once");
    let writes = calls.iter().filter_map(|call| match call {
        Call::Write { at, bytes } => Some((*at, *bytes)),
        _ => None,
    });
    for (at, bytes) in writes {
        let in_frame = at.checked_sub(32).map(|at| at % 4_120);
        let piece = matches!(
            (in_frame, bytes),
            (None, 32) | (Some(0), 24) | (Some(24), 4_096)
        );
        assert!(piece, "{bytes} bytes at {at}");
    }
    let flushed = Call::Flush { failed: false };
    assert_eq!(calls.get(1), Some(&flushed), "the head first");
}

/// What this fault does to a process of ten commits that has one journal and opens it again. strace
/// counts in each thread: the fault meets the thread that commits, and may meet once more the one
/// that opens again.
fn stopped_by(fault: &str, says: &str) -> Option<Vec<Call>> {
    let (_folder, path) = new_journal();
    make(&path);
    let (told, calls) = traced(&path, 10, &[fault])?;
    let why = told.failed.as_deref().unwrap();
    assert!(why.contains(says), "{fault}: {why}");
    assert!(told.then.as_deref().unwrap().contains("it stopped earlier"));
    assert!(
        told.refused_again.len() <= 1 && told.refused_again.iter().all(|why| why.contains(says)),
        "{fault}: {told:?}"
    );
    assert!(told.again.unwrap() >= told.durable, "{fault}: {told:?}");
    nothing_is_lost(&path, &told);
    Some(calls.into_iter().map(|(_, call)| call).collect())
}

#[test]
fn after_a_failed_flush_nothing_is_written_over_what_was_not_flushed() {
    for number in [2, 3, 7] {
        let fault = format!("fdatasync:error=EIO:when={number}");
        let Some(calls) = stopped_by(&fault, "the disk failed; check it, then restart") else {
            return;
        };
        let failed = calls
            .iter()
            .position(|call| *call == Call::Flush { failed: true });
        let after = &calls[failed.unwrap() + 1..];
        let emptied = after.iter().position(|call| *call == Call::Empty);
        let doubtful = &after[..emptied.unwrap()];
        // The journal that failed neither writes nor flushes. The one that is opened looks through
        // the log, lets what is good there reach the file, and only then begins a new one.
        assert_eq!(doubtful.first(), Some(&Call::Read), "{fault}");
        let overwrites = |call: &&Call| matches!(call, Call::Write { .. } | Call::Fill);
        assert_eq!(doubtful.iter().find(overwrites), None, "{fault}");
        let after = &after[emptied.unwrap()..];
        assert!(
            after.iter().any(|call| matches!(call, Call::Write { .. })),
            "{fault}: nothing proves that it can be written again: {after:?}"
        );
    }
}

#[test]
fn a_failed_write_stops_it_with_the_reason() {
    for (error, says) in [
        ("ENOSPC", "no space left; free some and restart"),
        ("EIO", "the disk failed; check it, then restart"),
        ("EROFS", "the disk failed; check it, then restart"),
    ] {
        for number in [1, 9, 40] {
            let fault = format!("pwrite64:error={error}:when={number}");
            if stopped_by(&fault, says).is_none() {
                return;
            }
        }
    }
}

#[test]
fn it_does_not_open_again_on_a_disk_that_goes_on_failing() {
    for (fault, says) in [
        (
            "fdatasync:error=EIO:when=1+",
            "the disk failed; check it, then restart",
        ),
        (
            "pwrite64:error=EIO:when=1+",
            "the disk failed; check it, then restart",
        ),
        (
            "pwrite64:error=ENOSPC:when=1+",
            "no space left; free some and restart",
        ),
    ] {
        let (_folder, path) = new_journal();
        make(&path);
        let Some((told, _)) = traced(&path, 1, &[fault]) else {
            return;
        };
        assert!(told.failed.is_some(), "{fault}: {told:?}");
        assert_eq!(told.again, None, "{fault}");
        assert_eq!(told.refused_again.len(), AGAIN, "{fault}: {told:?}");
        for why in &told.refused_again {
            assert!(why.contains(says), "{fault}: {why}");
        }
        nothing_is_lost(&path, &told);
    }
}
