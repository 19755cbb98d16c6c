// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual time, cancellation and prompts as plugins see them.

use super::*;
use payhal_messages::prompt::{PromptKind, Stage};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

#[test]
fn waiting_takes_no_real_time() {
    let bench = Bench::new();
    let context = bench.call();
    let begun = Instant::now();
    context
        .sleep(Duration::from_secs(3600))
        .expect("not cancelled");
    assert_eq!(bench.passed(), Duration::from_secs(3600));
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_cancellation_happens_at_its_time() {
    let bench = Bench::new();
    let context = bench.call();
    bench.cancel_at(Duration::from_secs(5), &context);
    assert_eq!(context.sleep(Duration::from_secs(3)), Ok(()));
    assert_eq!(
        context.sleep(Duration::from_secs(3)),
        Err(PluginError::Cancelled)
    );
    assert_eq!(bench.passed(), Duration::from_secs(5));
    assert!(!bench.call().cancelled(), "other calls go on");
}

#[test]
fn scheduled_events_wake_in_order() {
    let bench = Bench::new();
    let context = bench.call();
    let order = Arc::new(Mutex::new(Vec::new()));
    for second in [9, 2, 4] {
        let (order, waker) = (Arc::clone(&order), context.waker());
        bench.at(Duration::from_secs(second), move || {
            lock(&order).push(second);
            waker.wake();
        });
    }
    let two = || (lock(&order).len() == 2).then_some(());
    assert_eq!(context.wait_for(context.deadline(), two), Ok(Some(())));
    assert_eq!(*lock(&order), [2, 4]);
    assert_eq!(bench.passed(), Duration::from_secs(4));
}

#[test]
fn prompts_are_answered_or_time_out() {
    let bench = Bench::new().answer(PromptAnswer::Chosen { index: 1 });
    let context = bench.call();
    let ask = || {
        let timeout = Duration::from_secs(30);
        context.prompt(
            PromptKind::ChooseApplication,
            "Which?",
            &["a", "b"],
            timeout,
        )
    };
    assert_eq!(ask(), Ok(PromptAnswer::Chosen { index: 1 }));
    assert_eq!(bench.passed(), Duration::ZERO);
    assert_eq!(ask(), Ok(PromptAnswer::None));
    // The host ends it after 30 s; one that does not is waited for a little longer.
    assert_eq!(bench.passed(), Duration::from_secs(31));
    let prompts = bench.said();
    assert!(
        matches!(&prompts[..], [Said::Prompt(a), Said::Prompt(b)] if a.prompt_id != b.prompt_id)
    );
}

#[test]
fn what_is_said_is_kept() {
    let bench = Bench::new();
    let context = bench.call();
    context.progress(Stage::Reading, "reading");
    context.log(Level::Warn, "odd");
    context.change(&DeviceChange::Attached);
    let progress = Progress {
        stage: Stage::Reading,
        text: "reading".to_owned(),
        pin: None,
    };
    let expected = [
        Said::Progress(progress),
        Said::Log(Level::Warn, "odd".to_owned()),
        Said::Change(DeviceChange::Attached),
    ];
    assert_eq!(bench.said(), expected);
}

#[test]
fn a_real_descriptor_reads_times_out_and_hangs_up() {
    let (mut device, port) = UnixStream::pair().expect("a socket pair");
    let port = Port::from_descriptor(OwnedFd::from(port));
    let mut bytes = [0; 8];
    assert_eq!(port.read(&mut bytes, Instant::now()).expect("open"), 0);
    device.write_all(b"abc").expect("open");
    let until = Instant::now() + Duration::from_secs(20);
    assert_eq!(port.read(&mut bytes, until).expect("open"), 3);
    assert_eq!(&bytes[..3], b"abc");
    drop(device);
    let error = port.read(&mut bytes, until).expect_err("hung up");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn what_must_be_heard_is_heard_after_a_cancel_too() {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair");
    let port = Port::from_descriptor(OwnedFd::from(ours.try_clone().expect("a clone")));
    let bench = Bench::new();
    let context = bench.call();
    bench.cancel_at(Duration::ZERO, &context);
    assert_eq!(
        context.sleep(Duration::from_secs(1)),
        Err(PluginError::Cancelled)
    );
    let until = context.now() + Duration::from_secs(5);
    let mut byte = [0; 1];
    assert_eq!(
        context.read(&port, &mut byte, until),
        Err(PluginError::Cancelled)
    );
    assert_eq!(context.readable(&ours, until), Err(PluginError::Cancelled));
    let nothing = context.readable_although_cancelled(&ours, context.now());
    assert_eq!(nothing, Ok(false));
    theirs.write_all(b"!").expect("it is open");
    assert_eq!(context.readable_although_cancelled(&ours, until), Ok(true));
    let read = context.read_although_cancelled(&port, &mut byte, until);
    assert_eq!((read, byte), (Ok(1), *b"!"));
}

#[test]
fn cancelling_stops_a_read_that_waits() {
    let (_device, port) = UnixStream::pair().expect("a socket pair");
    let port = Port::from_descriptor(OwnedFd::from(port));
    let bench = Bench::new();
    let context = bench.call();
    let (call, bell) = (Arc::clone(&context.call), Arc::clone(&bench.script.bell));
    let reading = std::thread::spawn(move || {
        let until = Instant::now() + Duration::from_secs(3600);
        context.read(&port, &mut [0; 8], until)
    });
    // Whether the read has begun already or not, it must end.
    call.cancel(&bell);
    assert_eq!(
        reading.join().expect("no panic"),
        Err(PluginError::Cancelled)
    );
}

#[test]
fn a_scripted_line_insists_on_its_script() {
    let line = ScriptedLine::new().expect(b"A", b"xy").expect(b"B", b"");
    let port = Port::new(line);
    assert!(
        port.write(b"Z").is_err(),
        "the wrong bytes, and the exchange is spent"
    );
    port.write(b"B").expect("as scripted");
    assert_eq!(port.read(&mut [0; 4], Instant::now()).expect("silent"), 0);
    assert!(port.write(b"B").is_err(), "nothing more was expected");
}
