// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plugins of every frozen version of the ABI load and work: their binaries as they were built
//! then, and their sources compiled with the header of today.

use crate::harness::{Launch, Runner, compile, repository, text};
use payhal_ipc::{FailureKind, FromRunner, LogSource, Payload, Refused, ToRunner};
use payhal_messages::call::{Status, emission};
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// What every plugin of 1.0 relies on.
fn holds(library: &Path) {
    let (mut device, theirs) = UnixStream::pair().unwrap();
    let mut launch = Launch::new(library);
    launch.port = Some(OwnedFd::from(theirs));
    let mut runner = launch.ready();

    let (status, identity) = runner.ask("identify", "{}");
    assert_eq!(status, Status::Ok as i32);
    assert_eq!(
        identity,
        r#"{"model":"plugin of 1.0","serial_number":"test-1"}"#
    );
    assert_eq!(
        runner.ask("what_comes_later", "{}").0,
        Status::Unsupported as i32
    );

    question(&mut runner);
    let token = runner.call(0, "complete", "{}");
    runner.send(&ToRunner::Cancel { token });
    assert_eq!(runner.answers(0).1, Status::Cancelled as i32);

    runner.call(0, "authorize_card", "{}");
    device.write_all(b"ready").unwrap();
    assert_eq!(
        runner.answers(0),
        (Vec::new(), Status::Ok as i32, "ready".to_owned())
    );

    let (status, refusal) = runner.ask("show", "{}");
    assert_eq!(status, Status::Refused as i32);
    assert!(refusal.contains("no_display"), "{refusal}");
    loop {
        match runner.next().expect("the runner lives") {
            FromRunner::Event { kind, payload } => {
                assert_eq!(kind, emission::CHANGE);
                assert!(text(&payload).contains("attached"));
                break;
            }
            FromRunner::Log { .. } => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
    connections(&mut runner);

    runner.send(&ToRunner::Stop);
    let gone = |frame: &FromRunner| matches!(frame, FromRunner::Log { source: LogSource::Plugin, text, .. } if text == "gone: test-1");
    assert!(runner.rest().iter().any(gone), "destroy was called");
    assert!(runner.wait().success());
}

fn question(runner: &mut Runner) {
    let token = runner.call(0, "present", "{}");
    let kinds = [runner.emission(0).0, runner.emission(0).0];
    assert_eq!(kinds, [emission::PROGRESS, emission::PROMPT]);
    runner.send(&ToRunner::Deliver {
        token,
        prompt_id: 7,
        payload: Payload::from(br#"{"answer":"none"}"#.as_slice()),
    });
    let (_, status, payload) = runner.answers(0);
    assert_eq!(
        (status, payload.as_str()),
        (Status::Ok as i32, r#"{"prompt":7}"#)
    );
}

fn connections(runner: &mut Runner) {
    for refused in [None, Some(Refused::NotAllowed)] {
        runner.call(0, "load_parameters", "bank:443");
        let request = loop {
            match runner.next().expect("the runner lives") {
                FromRunner::Connect { request, target } => {
                    assert_eq!(target, "bank:443");
                    break request;
                }
                FromRunner::Log { .. } => {}
                other => panic!("unexpected: {other:?}"),
            }
        };
        match refused {
            None => {
                let (_ours, theirs) = UnixStream::pair().unwrap();
                runner.send_with(&ToRunner::Connected { request }, &[theirs.as_fd()]);
                assert_eq!(runner.answers(0).2, r#"{"connect":0}"#);
            }
            Some(why) => {
                runner.send(&ToRunner::Refused { request, why });
                assert_eq!(runner.answers(0).2, r#"{"connect":-2}"#);
            }
        }
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#[test]
fn a_binary_of_1_0_loads_and_works() {
    holds(&repository(
        "sdk/abi/fixtures/1.0/libplugin-x86_64-linux-gnu.so",
    ));
}

#[test]
fn a_source_of_1_0_compiles_today_and_works() {
    let source = repository("sdk/abi/fixtures/1.0/plugin.c");
    let (_folder, library) = compile(&source, "of_1_0", &[]);
    holds(&library);
}

#[test]
fn what_a_plugin_of_1_0_says_in_create_is_heard() {
    let source = repository("sdk/abi/fixtures/1.0/plugin.c");
    let (_folder, library) = compile(&source, "of_1_0", &[]);
    let mut launch = Launch::new(&library);
    launch.config = r#"{"refuse":true}"#.to_owned();
    let frames = launch.start().rest();
    let told = frames.iter().any(|frame| {
        matches!(frame, FromRunner::Failed { kind: FailureKind::Create, reason } if reason == "open: it was told to refuse")
    });
    assert!(told, "{frames:?}");
}
