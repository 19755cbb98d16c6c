// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a good plugin can rely on.

use crate::harness::{Launch, Runner, beeper, beeper_device, faulty};
use payhal_ipc::{FailureKind, FromRunner, Library, LogSource, Refused, ToRunner};
use payhal_messages::call::{Refusal, Status};
use payhal_messages::reader::{Identity, Presentation};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

/// The example in C with its device.
fn beeping(config: &str) -> (tempfile::TempDir, Runner, JoinHandle<Vec<String>>) {
    let (folder, library) = beeper();
    let (port, heard) = beeper_device();
    let mut launch = Launch::new(&library);
    launch.config = config.to_owned();
    launch.port = Some(port);
    (folder, launch.ready(), heard)
}

fn present(amount_minor: u32) -> String {
    format!(
        r#"{{"transaction_id":"t","purpose":"sale","timeout_ms":10000,"entries":["contactless"],
            "amounts":{{"currency":"EUR","total_minor":{amount_minor}}}}}"#
    )
}

const NOBODY: u32 = 1;
const LATER: u32 = 2;

#[test]
fn the_example_in_c_answers_as_the_messages_say() {
    let (_folder, mut runner, _) = beeping("{}");
    let (status, payload) = runner.ask("identify", "{}");
    assert_eq!(status, Status::Ok as i32);
    let identity: Identity = serde_json::from_str(&payload).unwrap();
    assert_eq!(identity.serial_number.as_deref(), Some("B-7"));

    runner.call(0, "present", &present(1250));
    let (emissions, status, payload) = runner.answers(0);
    assert_eq!(status, Status::Ok as i32);
    let presentation: Presentation = serde_json::from_str(&payload).unwrap();
    assert_eq!(presentation.card.scheme, "visa");
    let kinds: Vec<u32> = emissions.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [payhal_messages::call::emission::PROGRESS; 2]);
    assert!(emissions[0].1.contains("waiting_for_card"));
    assert!(emissions[1].1.contains("card_tapped"));

    let (status, payload) = runner.ask("no_such_method", "{}");
    assert_eq!((status, payload.as_str()), (Status::Unsupported as i32, ""));
}

#[test]
fn a_refusal_is_not_a_failure() {
    let (_folder, mut runner, _) = beeping("{}");
    let (status, payload) = runner.ask("present", &present(NOBODY));
    assert_eq!(status, Status::Refused as i32);
    let refusal: Refusal = serde_json::from_str(&payload).unwrap();
    assert_eq!(refusal.code, "no_card");
}

#[test]
fn a_configuration_arrives_and_stop_destroys() {
    let (_folder, mut runner, heard) = beeping(r#"{"beeps":2}"#);
    let show = r#"{"lines":["Hello","there"],"beep":true}"#;
    assert_eq!(runner.ask("show", show).0, Status::Ok as i32);
    runner.send(&ToRunner::Stop);
    let rest = runner.rest();
    let lines: Vec<_> = rest
        .iter()
        .filter_map(|frame| match frame {
            FromRunner::Log { source, text, .. } if *source == LogSource::Plugin => Some(&**text),
            _ => None,
        })
        .collect();
    assert_eq!(lines, ["good night"]);
    assert_eq!(runner.wait().code(), Some(0));
    assert_eq!(heard.join().unwrap(), ["SAY 2 Hello / there"]);
}

#[test]
fn a_running_call_can_be_cancelled() {
    let (_folder, mut runner, _) = beeping("{}");
    let token = runner.call(0, "present", &present(LATER));
    runner.send(&ToRunner::Cancel { token });
    let (_, status, _) = runner.answers(0);
    assert_eq!(status, Status::Cancelled as i32);
}

#[test]
fn a_cancellation_that_overtakes_its_call_is_not_lost() {
    let (_folder, mut runner, _) = beeping("{}");
    runner.send(&ToRunner::Cancel { token: 77 });
    // The answer proves that the cancellation has been read before the call is sent.
    assert!(runner.logged().is_empty());
    runner.call_as(77, 0, "present", &present(LATER));
    let (_, status, _) = runner.answers(0);
    assert_eq!(status, Status::Cancelled as i32);
}

#[test]
fn create_says_why_it_refuses() {
    let (_folder, library) = beeper();
    let mut launch = Launch::new(&library);
    launch.config = r#"{"beeps":10}"#.to_owned();
    let mut runner = launch.start();
    let failed = FromRunner::Failed {
        kind: FailureKind::Create,
        reason: "use the configuration: beeps must be 1 to 9".to_owned(),
    };
    assert_eq!(runner.rest(), [failed]);
    assert_eq!(runner.wait().code(), Some(70));
}

#[test]
fn replies_may_come_from_another_thread() {
    let (_folder, library) = faulty(&[]);
    let mut runner = Launch::new(&library).ready();
    for _ in 0..100 {
        assert_eq!(runner.ask("late", ""), (0, r#"{"late":true}"#.to_owned()));
    }
}

#[test]
fn lanes_do_not_wait_for_each_other_and_ping_for_none() {
    let (_folder, library) = faulty(&[]);
    let mut runner = Launch::new(&library).ready();
    runner.call(0, "hang", "");
    runner.call(1, "echo", "still here");
    assert_eq!(runner.answers(1), (Vec::new(), 0, "still here".to_owned()));
    runner.send(&ToRunner::Ping { nonce: 5 });
    assert_eq!(runner.next(), Some(FromRunner::Pong { nonce: 5 }));
    // Not even a hung plugin outlives its daemon.
    runner.close_control();
    assert_eq!(runner.wait().code(), Some(0));
}

#[test]
fn large_payloads_pass_whole() {
    let (_folder, library) = faulty(&[]);
    let mut runner = Launch::new(&library).ready();
    let large = "x".repeat(payhal_ipc::limits::PAYLOAD_BYTES_MAX);
    assert_eq!(runner.ask("echo", &large), (0, large.clone()));
    assert_eq!(runner.ask("echo", ""), (0, String::new()));
}

#[test]
fn changes_of_the_device_come_on_control() {
    let (_folder, library) = faulty(&[]);
    let mut runner = Launch::new(&library).ready();
    assert_eq!(runner.ask("change", "").0, 0);
    let Some(FromRunner::Event { kind, payload }) = runner.next() else {
        panic!("no event")
    };
    assert_eq!(kind, payhal_messages::call::emission::CHANGE);
    assert_eq!(&*payload, br#"{"change":"attached"}"#);
}

#[test]
fn the_daemon_connects_or_refuses() {
    let (_folder, library) = faulty(&[]);
    let mut runner = Launch::new(&library).ready();

    runner.call(0, "connect", "gateway:443");
    let Some(FromRunner::Connect { request, target }) = runner.next() else {
        panic!("no connect")
    };
    assert_eq!(target, "gateway:443");
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    runner.send_with(&ToRunner::Connected { request }, &[theirs.as_fd()]);
    let mut hello = [0; 5];
    ours.read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"hello");
    assert_eq!(runner.answers(0).2, r#"{"connect":0}"#);

    for (why, answer) in [
        (Refused::Malformed, -1),
        (Refused::NotAllowed, -2),
        (Refused::Unreachable, -3),
    ] {
        runner.call(0, "connect", "elsewhere:1");
        let Some(FromRunner::Connect { request, .. }) = runner.next() else {
            panic!("no connect")
        };
        runner.send(&ToRunner::Refused { request, why });
        assert_eq!(runner.answers(0).2, format!(r#"{{"connect":{answer}}}"#));
    }
}

#[test]
fn a_port_reaches_the_plugin() {
    let (_folder, library) = faulty(&[]);
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut launch = Launch::new(&library);
    launch.port = Some(OwnedFd::from(theirs));
    let mut runner = launch.ready();
    assert_eq!(runner.ask("write_port", "").0, 0);
    let mut written = [0; 3];
    ours.read_exact(&mut written).unwrap();
    assert_eq!(&written, b"ATZ");
}

#[test]
fn the_library_may_come_as_a_descriptor() {
    let (_folder, library) = faulty(&[]);
    let mut launch = Launch::new(&library);
    launch.library = Library::Descriptor;
    launch.library_file = Some(OwnedFd::from(std::fs::File::open(&library).unwrap()));
    let mut runner = launch.ready();
    assert_eq!(runner.ask("echo", "hi"), (0, "hi".to_owned()));
}

#[test]
fn no_core_file_and_memory_that_may_be_locked() {
    let (_folder, library) = faulty(&[]);
    let runner = Launch::new(&library).ready();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", runner.child.id())).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        let soft = line[name.len()..].split_whitespace().next().unwrap();
        soft.parse::<u64>().unwrap_or(u64::MAX)
    };
    assert_eq!(limit("Max core file size"), 0);
    // A machine whose own limit is lower keeps it.
    let own = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = own
        .lines()
        .find(|line| line.starts_with("Max locked memory"))
        .unwrap();
    let hard = line.split_whitespace().nth(4).unwrap();
    let hard = hard.parse::<u64>().unwrap_or(u64::MAX);
    assert!(
        limit("Max locked memory") >= hard.min(256 * 1024),
        "{limits}"
    );
}

#[test]
fn started_by_hand_it_says_what_it_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_payhal-plugin-runner"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is started by payhal"));
}
