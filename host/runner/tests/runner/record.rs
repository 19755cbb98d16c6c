// SPDX-License-Identifier: MIT OR Apache-2.0
//! What passes between a plugin and its port is told, and no card data with it.

use crate::harness::{Launch, Runner, faulty};
use payhal_ipc::{FromRunner, ToRunner};
use payhal_messages::recording::{Entry, Side};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

const NUMBER: &[u8] = b"4111111111111111";

fn recorded() -> (tempfile::TempDir, UnixStream, Runner) {
    let (folder, library) = faulty(&[]);
    let (device, theirs) = UnixStream::pair().expect("a socket pair");
    let mut launch = Launch::new(&library);
    launch.port = Some(OwnedFd::from(theirs));
    launch.record = true;
    (folder, device, launch.ready())
}

fn entries(frames: &[FromRunner]) -> Vec<Entry> {
    let line = |frame: &FromRunner| match frame {
        FromRunner::Recorded { line } => Some(serde_json::from_str(line).expect("an entry")),
        _ => None,
    };
    frames.iter().filter_map(line).collect()
}

/// The plugin writes, and the device hears it: what was sent before has passed the recorder.
fn exchange(runner: &mut Runner, device: &mut UnixStream) {
    assert_eq!(runner.ask("write_port", "").0, 0);
    let mut written = [0; 3];
    device.read_exact(&mut written).expect("the plugin wrote");
    assert_eq!(&written, b"ATZ");
}

#[test]
fn a_stopped_runner_has_told_everything_without_card_data() {
    let (_folder, mut device, mut runner) = recorded();
    let (first, second) = NUMBER.split_at(8);
    device.write_all(first).unwrap();
    exchange(&mut runner, &mut device);
    device.write_all(second).unwrap();
    device.write_all(b"=2512").unwrap();
    runner.send(&ToRunner::Stop);
    let frames = runner.rest();
    let told = entries(&frames);
    let of = |side: Side| -> Vec<u8> {
        let entries = told.iter().filter(|entry| entry.from == side);
        entries.flat_map(|entry| entry.bytes.clone()).collect()
    };
    assert_eq!(of(Side::Plugin), b"ATZ");
    assert_eq!(of(Side::Device), [0; 21]);
    assert!(told.iter().all(|entry| entry.port == "main"));
    assert!(runner.wait().success());
}

#[test]
fn a_runner_that_dies_takes_what_it_still_holds_along() {
    let (_folder, mut device, mut runner) = recorded();
    device.write_all(&NUMBER[..8]).unwrap();
    exchange(&mut runner, &mut device);
    runner.call(0, "exit", "");
    let frames = runner.rest();
    assert_eq!(entries(&frames), []);
}
