// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a bad plugin can do: end its own runner, with a name for what it did.

use crate::harness::{Launch, Runner, faulty};
use payhal_ipc::{FailureKind, FromRunner, LogSource};
use payhal_messages::call::{Failure, Status};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

fn ready_faulty() -> (tempfile::TempDir, Runner) {
    let (folder, library) = faulty(&[]);
    (folder, Launch::new(&library).ready())
}

/// The last word of a runner that ended by itself.
fn last_word(runner: &mut Runner) -> (FailureKind, String) {
    match runner.rest().pop() {
        Some(FromRunner::Failed { kind, reason }) => (kind, reason),
        other => panic!("the runner did not say why it ends: {other:?}"),
    }
}

#[track_caller]
fn fails_to_load(flags: &[&str], words: &str) {
    let (_folder, library) = faulty(flags);
    let mut runner = Launch::new(&library).start();
    let (kind, reason) = last_word(&mut runner);
    assert_eq!(kind, FailureKind::Load, "{reason}");
    assert!(reason.contains(words), "{reason}");
    assert_eq!(runner.wait().code(), Some(70));
}

#[test]
fn another_abi_is_named() {
    fails_to_load(&["-DMAJOR=2"], "it speaks ABI 2.0, this host 1.0");
}

#[test]
fn a_missing_symbol_is_named() {
    fails_to_load(&["-DNO_SYMBOL"], "find payhal_plugin_v1 in ");
}

#[test]
fn an_unresolved_symbol_shows_while_loading() {
    fails_to_load(&["-DUNRESOLVED"], "a_function_nobody_has");
}

#[test]
fn a_missing_function_is_named() {
    fails_to_load(&["-DNO_CANCEL"], "no function \"cancel\"");
}

#[test]
fn a_short_table_is_refused() {
    fails_to_load(&["-DSIZE=40"], "its table has 40 bytes");
}

#[test]
fn a_null_table_is_refused() {
    fails_to_load(&["-DNULL_TABLE"], "its table is NULL");
}

#[test]
fn a_library_that_is_not_there_is_named() {
    let mut runner = Launch::new(Path::new("/nonexistent/libnothing.so")).start();
    let (kind, reason) = last_word(&mut runner);
    assert_eq!(kind, FailureKind::Load);
    assert!(reason.contains("/nonexistent/libnothing.so"), "{reason}");
}

#[test]
fn another_build_is_refused_before_anything_is_loaded() {
    let mut launch = Launch::new(Path::new("/nonexistent/libnothing.so"));
    launch.build_id = "another".to_owned();
    let (kind, reason) = last_word(&mut launch.start());
    assert_eq!(kind, FailureKind::Handshake);
    assert!(reason.contains("another build"), "{reason}");
}

#[test]
fn lanes_are_bounded() {
    let mut launch = Launch::new(Path::new("/nonexistent/libnothing.so"));
    launch.lanes = 0;
    assert_eq!(last_word(&mut launch.start()).0, FailureKind::Handshake);
}

#[test]
fn a_create_without_a_reason_still_has_a_name() {
    let (_folder, library) = faulty(&["-DCREATE_FAILS"]);
    let (kind, reason) = last_word(&mut Launch::new(&library).start());
    assert_eq!(kind, FailureKind::Create);
    assert_eq!(reason, "create the instance: no reason given");
}

#[test]
fn a_crash_ends_the_control_socket() {
    let (_folder, mut runner) = ready_faulty();
    runner.call(0, "segv", "");
    assert_eq!(runner.rest(), []);
    let status = runner.wait();
    assert_eq!((status.signal(), status.core_dumped()), (Some(11), false));
}

#[test]
fn an_exit_ends_the_control_socket() {
    let (_folder, mut runner) = ready_faulty();
    runner.call(0, "exit", "");
    assert_eq!(runner.rest(), []);
    assert_eq!(runner.wait().code(), Some(3));
}

#[test]
fn a_second_reply_ends_the_runner() {
    let (_folder, mut runner) = ready_faulty();
    let token = runner.call(0, "double", "");
    let broke = (
        FailureKind::Broke,
        format!("replied twice to double (token {token})"),
    );
    assert_eq!(last_word(&mut runner), broke);
    assert_eq!(runner.wait().code(), Some(70));
}

#[test]
fn a_reply_to_nobody_ends_the_runner() {
    let (_folder, mut runner) = ready_faulty();
    runner.call(0, "stranger", "");
    let (kind, reason) = last_word(&mut runner);
    assert_eq!(kind, FailureKind::Broke);
    assert!(reason.contains("which no call has"), "{reason}");
}

#[test]
fn chatter_is_cut_and_a_flood_ends_the_runner() {
    let (_folder, mut runner) = ready_faulty();
    runner.call(0, "chatter", "");
    let (emissions, status, _) = runner.answers(0);
    assert_eq!(status, Status::Ok as i32);
    assert!(
        (1..=1000).contains(&emissions.len()),
        "{} passed",
        emissions.len()
    );
    let Some(FromRunner::Log { source, text, .. }) = runner.next() else {
        panic!("no log")
    };
    assert_eq!(source, LogSource::Runner);
    assert!(text.ends_with("emissions of a call were dropped"), "{text}");

    runner.call(0, "flood", "");
    let (kind, reason) = last_word(&mut runner);
    assert_eq!(kind, FailureKind::Broke);
    assert!(reason.starts_with("flooded"), "{reason}");
}

#[test]
fn garbage_becomes_a_named_failure_and_the_plugin_lives_on() {
    let (_folder, mut runner) = ready_faulty();
    for (method, words) in [
        ("garbage", "answer garbage: status 77 is unknown"),
        (
            "too_long",
            "answer too_long: 1048576 bytes exceed the bound of 131072",
        ),
    ] {
        let (status, payload) = runner.ask(method, "");
        assert_eq!(status, Status::Failed as i32);
        let failure: Failure = serde_json::from_str(&payload).unwrap();
        assert_eq!(failure.reason, words);
    }
    assert_eq!(runner.ask("echo", "alive"), (0, "alive".to_owned()));
}

#[test]
fn wrong_emissions_are_told_to_the_plugin() {
    let (_folder, mut runner) = ready_faulty();
    assert_eq!(
        runner.ask("wrong_emissions", ""),
        (0, r#"{"all":true}"#.to_owned())
    );
}

#[test]
fn no_card_number_leaves_by_any_way() {
    let (_folder, mut runner) = ready_faulty();
    runner.call(0, "leak_card", "");
    let (emissions, status, payload) = runner.answers(0);
    assert_eq!(emissions, []);
    assert_eq!(status, Status::Failed as i32);
    let failure: Failure = serde_json::from_str(&payload).unwrap();
    assert_eq!(
        failure.reason,
        "answer leak_card: the reply held a card number"
    );

    runner.send(&payhal_ipc::ToRunner::Stop);
    let lines: Vec<(LogSource, String)> = runner
        .rest()
        .into_iter()
        .map(|frame| match frame {
            FromRunner::Log { source, text, .. } => (source, text),
            other => panic!("unexpected: {other:?}"),
        })
        .collect();
    let line = |source, text: &str| (source, text.to_owned());
    assert!(
        lines.contains(&line(LogSource::Output, "printed [16 digits] here")),
        "{lines:?}"
    );
    assert!(
        lines.contains(&line(LogSource::Output, "and [16 digits] there")),
        "{lines:?}"
    );
    assert!(
        lines.contains(&line(LogSource::Plugin, r#"{"text":"card [16 digits]"}"#)),
        "{lines:?}"
    );
    assert_eq!(
        lines.len(),
        4,
        "the dropped emission is told as well: {lines:?}"
    );
}
