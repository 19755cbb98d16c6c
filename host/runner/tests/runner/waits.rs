// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plugin's time: the machine's, and one that the test is master of.

use crate::harness::{Launch, Runner, compile, repository};
use payhal_abi::{answer, wait};
use payhal_ipc::{FromRunner, Payload, ToRunner, WaitOn, WaitOutcome};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

const HOUR_MS: u64 = 3_600_000;

fn waits(virtual_time: bool, port: Option<UnixStream>) -> (tempfile::TempDir, Runner) {
    let source = repository("host/runner/tests/plugins/waits.c");
    let (folder, library) = compile(&source, "waits", &[]);
    let mut launch = Launch::new(&library);
    launch.virtual_time = virtual_time;
    launch.port = port.map(OwnedFd::from);
    (folder, launch.ready())
}

/// How the wait of a call ended, and after how many milliseconds of the plugin's time.
fn ended(runner: &mut Runner) -> (i32, u64) {
    let (_, _, payload) = runner.answers(0);
    let reply: serde_json::Value = serde_json::from_str(&payload).expect("the reply is JSON");
    let ended = reply["ended"].as_i64().expect("an outcome");
    let ended = i32::try_from(ended).expect("an outcome of the ABI");
    (ended, reply["ms"].as_u64().expect("a time"))
}

/// The question of a wait, which is next.
fn asked(runner: &mut Runner) -> (u64, u64, WaitOn, u64) {
    match runner.next() {
        Some(FromRunner::Wait {
            request,
            token,
            on,
            until_ns,
        }) => (request, token, on, until_ns),
        other => panic!("no wait was asked for: {other:?}"),
    }
}

fn tell(runner: &Runner, request: u64, now_ms: u64, outcome: WaitOutcome) {
    runner.send(&ToRunner::Time {
        request,
        now_ns: now_ms * 1_000_000,
        outcome,
    });
}

#[test]
fn on_the_machine_a_wait_ends_by_its_time_its_port_or_its_call() {
    let (mut device, port) = UnixStream::pair().unwrap();
    let (_folder, mut runner) = waits(false, Some(port));
    runner.call(0, "time", "5");
    let (outcome, ms) = ended(&mut runner);
    assert_eq!(outcome, wait::TIMEOUT);
    assert!(ms >= 5, "{ms}");

    runner.call(0, "port", "3600000");
    device.write_all(b"x").unwrap();
    assert_eq!(ended(&mut runner).0, wait::READY);

    let token = runner.call(0, "call", "3600000");
    runner.send(&ToRunner::Cancel { token });
    assert_eq!(ended(&mut runner).0, wait::WOKEN);

    let token = runner.call(0, "answer", "3600000");
    // An answer to a call that has not begun would be nobody's.
    let said = runner.next();
    assert!(matches!(said, Some(FromRunner::Log { .. })), "{said:?}");
    runner.send(&ToRunner::Deliver {
        token,
        prompt_id: 1,
        payload: Payload::from(b"{}".as_slice()),
    });
    assert_eq!(ended(&mut runner).0, wait::WOKEN);
}

#[test]
fn a_wait_for_what_is_not_there_says_so() {
    let (_folder, mut runner) = waits(false, None);
    for method in ["wrong", "closed"] {
        runner.call(0, method, "3600000");
        assert_eq!(ended(&mut runner).0, answer::INVALID, "{method}");
    }
}

#[test]
fn the_other_end_of_a_port_that_has_gone_ends_a_wait() {
    let (device, port) = UnixStream::pair().unwrap();
    let (_folder, mut runner) = waits(false, Some(port));
    runner.call(0, "port", "3600000");
    drop(device);
    assert_eq!(ended(&mut runner).0, wait::READY);
}

#[test]
fn virtual_time_is_what_its_master_says() {
    let (mut device, port) = UnixStream::pair().unwrap();
    let (_folder, mut runner) = waits(true, Some(port));

    runner.call(0, "time", "3600000");
    let (request, token, on, until_ns) = asked(&mut runner);
    assert_eq!((token, on), (0, WaitOn::Nothing));
    assert_eq!(until_ns, HOUR_MS * 1_000_000);
    tell(&runner, request, HOUR_MS, WaitOutcome::Timeout);
    assert_eq!(ended(&mut runner), (wait::TIMEOUT, HOUR_MS));

    let own = runner.call(0, "port", "3600000");
    let (request, token, on, _) = asked(&mut runner);
    assert_eq!((token, on), (own, WaitOn::Port(0)));
    device.write_all(b"x").unwrap();
    tell(&runner, request, HOUR_MS + 7, WaitOutcome::Ready);
    assert_eq!(ended(&mut runner), (wait::READY, 7));
}

#[test]
fn a_virtual_wait_looks_again_when_only_time_has_passed() {
    let (_folder, mut runner) = waits(true, None);
    let token = runner.call(0, "call", "1000");
    let (request, ..) = asked(&mut runner);
    tell(&runner, request, 400, WaitOutcome::Woken);
    let (request, ..) = asked(&mut runner);
    runner.send(&ToRunner::Cancel { token });
    tell(&runner, request, 400, WaitOutcome::Woken);
    assert_eq!(ended(&mut runner), (wait::WOKEN, 400));
}
