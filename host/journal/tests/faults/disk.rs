// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits of a process and of a file system.

use crate::{Told, child_arguments, make, new_journal, nothing_is_lost, run, shell};
use payhal_engine::ids::Position;
use payhal_journal::{Happened, Journal, JournalError, Options};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;

#[test]
fn a_limit_of_the_file_s_size_stops_it_and_loses_nothing() {
    let (_folder, path) = new_journal();
    make(&path);
    // 2,048 blocks of 512 or 1,024 bytes: the log is longer.
    let told = run(shell("trap '' XFSZ; ulimit -f 2048;"), &path, 2_000);
    let why = told.failed.as_deref().unwrap();
    assert!(
        why.contains("the disk failed; check it, then restart"),
        "{why}"
    );
    assert!(told.then.as_deref().unwrap().contains("it stopped earlier"));
    assert!(told.durable > 10, "{told:?}");
    nothing_is_lost(&path, &told);
}

#[test]
fn no_room_for_its_log_is_said_before_anything_is_taken() {
    let (_folder, path) = new_journal();
    let told = run(shell("trap '' XFSZ; ulimit -f 2048;"), &path, 1);
    let why = told.refused.as_deref().unwrap();
    assert!(
        why.contains("no space left; free some and restart"),
        "{why}"
    );
    nothing_is_lost(&path, &told);
}

#[test]
fn too_few_files_are_said_and_break_nothing() {
    let (_folder, path) = new_journal();
    make(&path);
    let mut refused = 0;
    let mut worked = 0;
    for files in 4..=20 {
        let told = run(shell(&format!("ulimit -n {files};")), &path, 2);
        match &told.refused {
            Some(why) => {
                refused += 1;
                assert!(
                    why.contains("too many files are open") || why.contains("cannot be opened"),
                    "{files}: {why}"
                );
            }
            None => worked += u64::from(told.failed.is_none()),
        }
        nothing_is_lost(&path, &told);
    }
    assert!(
        refused > 0 && worked > 0,
        "{refused} refused, {worked} worked"
    );
}

/// Runs the child where the journal's folder is a small file system of its own, in a namespace that
/// ends with it. `None`: this user may not mount.
fn on_small_disk(mebibytes: u32, then: &str, path: &Path, commits: u64) -> Option<Told> {
    let may = Command::new("unshare").args(["-m", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let folder = path.parent().unwrap().display();
    let mut command = Command::new("unshare");
    let script = format!(
        "mount -t tmpfs -o size={mebibytes}m none {folder} || exit 9; {then} exec \"$0\" \"$@\""
    );
    command.args(["-m", "sh", "-c", &script]);
    command.args(child_arguments());
    Some(run(command, path, commits))
}

#[test]
fn a_full_disk_stops_it_and_it_can_be_read() {
    let (_folder, path) = new_journal();
    let Some(told) = on_small_disk(5, "", &path, 5_000) else {
        return;
    };
    let why = told.failed.as_deref().unwrap();
    assert!(
        why.contains("no space left; free some and restart"),
        "{why}"
    );
    assert!(told.durable > 10, "{told:?}");
    // The space is still missing: opening again either finds everything or says so.
    assert!(
        told.again.is_none_or(|again| again >= told.durable),
        "{told:?}"
    );
}

#[test]
fn a_disk_too_small_for_the_journal_is_refused() {
    let (_folder, path) = new_journal();
    let Some(told) = on_small_disk(1, "", &path, 1) else {
        return;
    };
    let why = told.refused.unwrap();
    assert!(
        why.contains("no space left; free some and restart"),
        "{why}"
    );
}

#[test]
fn a_read_only_disk_is_refused() {
    let (folder, path) = new_journal();
    make(&path);
    let saved = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), saved.path().join(entry.file_name())).unwrap();
    }
    let (from, to) = (saved.path().display(), folder.path().display());
    let then = format!("cp {from}/* {to}/; mount -o remount,ro {to};");
    let Some(told) = on_small_disk(8, &then, &path, 1) else {
        return;
    };
    let why = told.refused.unwrap();
    assert!(why.contains("it is read-only; make it writable"), "{why}");
}

#[test]
fn a_lock_that_another_program_holds_is_said() {
    let (_folder, path) = new_journal();
    let (tell, told) = channel();
    let (journal, _) = Journal::open(&path, &Options::default(), move |happened| {
        tell.send(happened).ok();
    })
    .unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let sale = crate::sale(1);
    journal
        .append(Position(1), Box::new(sale.intent()), false)
        .unwrap();
    let Happened::Failed(why) = told.recv_timeout(crate::PATIENCE).unwrap() else {
        panic!()
    };
    assert!(
        why.contains("another program has locked it; close"),
        "{why}"
    );
    drop(other);
    drop(journal);
    let (_journal, restored) = Journal::open(&path, &Options::default(), |_| {}).unwrap();
    assert_eq!(restored.position.0, 0);
}

#[test]
fn a_host_in_another_process_is_named() {
    let (_folder, path) = new_journal();
    let (_journal, _) = Journal::open(&path, &Options::default(), |_| {}).unwrap();
    let told = run(shell(""), &path, 1);
    let why = told.refused.unwrap();
    let me = format!("already open by process {}", std::process::id());
    assert!(why.contains(&me), "{why}");
    let refused = Journal::open(&path, &Options::default(), |_| {});
    assert!(matches!(refused, Err(JournalError::AlreadyOpen { .. })));
}
