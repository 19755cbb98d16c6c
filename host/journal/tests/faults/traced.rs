// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the system is really asked, by strace: how often a file is flushed, in which pieces the log
//! is written, and what happens when one of these calls fails. Where strace is missing or may not
//! trace, these tests check nothing.

use crate::{Told, child_arguments, make, new_journal, nothing_is_lost, run};
use std::path::Path;
use std::process::Command;

/// A traced run: what it told, and the calls on the journal's files, in order.
fn traced(path: &Path, commits: u64, inject: &[&str]) -> Option<(Told, Vec<Call>)> {
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
        .args(["-e", "trace=pwrite64,fdatasync,fsync,ftruncate"]);
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
    let calls = text
        .lines()
        .filter_map(|line| Call::of(line, &log))
        .collect();
    Some((told, calls))
}

/// A call on the log.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Call {
    Write { at: u64, bytes: u64 },
    Flush { failed: bool },
}

impl Call {
    fn of(line: &str, log: &str) -> Option<Self> {
        let (_, call) = line.split_once(' ')?;
        let call = call.trim_start();
        if !call.contains(&format!("<{log}>")) {
            return None;
        }
        if call.starts_with("fdatasync(") || call.starts_with("fsync(") {
            let failed = call.contains("= -1");
            return Some(Self::Flush { failed });
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
    let written = calls
        .iter()
        .rposition(|call| matches!(call, Call::Write { .. }));
    // What follows the last commit's flush copies the log back.
    let commits = &calls[..=written.unwrap() + 1];
    let flushes = commits
        .iter()
        .filter(|call| matches!(call, Call::Flush { .. }));
    assert_eq!(flushes.count(), COMMITS + 1, "the head of the log once");
    let writes = calls.iter().filter_map(|call| match call {
        Call::Write { at, bytes } => Some((*at, *bytes)),
        Call::Flush { .. } => None,
    });
    for (at, bytes) in writes {
        let in_frame = at.checked_sub(32).map(|at| at % 4_120);
        let piece = matches!(
            (in_frame, bytes),
            (None, 32) | (Some(0), 24) | (Some(24), 4_096)
        );
        assert!(piece, "{bytes} bytes at {at}");
    }
    assert_eq!(calls[0], Call::Write { at: 0, bytes: 32 });
    assert_eq!(calls[1], Call::Flush { failed: false }, "the head first");
}

#[test]
fn a_failed_flush_is_never_repeated() {
    for number in [2, 3, 7] {
        let (_folder, path) = new_journal();
        make(&path);
        let fault = format!("fdatasync:error=EIO:when={number}");
        let Some((told, calls)) = traced(&path, 10, &[&fault]) else {
            return;
        };
        let why = told.failed.as_deref().unwrap();
        assert!(
            why.contains("the disk failed; check it, then restart"),
            "{why}"
        );
        assert!(told.then.as_deref().unwrap().contains("it stopped earlier"));
        let failed = calls
            .iter()
            .position(|call| *call == Call::Flush { failed: true });
        let after = &calls[failed.unwrap() + 1..];
        // Nothing is written or flushed until the journal is opened again, which needs neither.
        assert!(
            !after.iter().any(|call| matches!(call, Call::Write { .. })),
            "{after:?}"
        );
        assert!(told.again.unwrap() >= told.durable, "{told:?}");
        nothing_is_lost(&path, &told);
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
            let (_folder, path) = new_journal();
            make(&path);
            let fault = format!("pwrite64:error={error}:when={number}");
            let Some((told, _)) = traced(&path, 12, &[&fault]) else {
                return;
            };
            let why = told.failed.as_deref().unwrap();
            assert!(why.contains(says), "{error} at {number}: {why}");
            assert!(told.again.unwrap() >= told.durable, "{told:?}");
            nothing_is_lost(&path, &told);
        }
    }
}
