// SPDX-License-Identifier: MIT OR Apache-2.0
//! The made-up pad at the other end of a pseudo-terminal or of a connection. Dropping it pulls its
//! cable.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{PipeWriter, Read, Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread::JoinHandle;

/// A pad that is plugged in.
#[derive(Debug)]
pub(super) struct Pad {
    cable: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Pad {
    /// Plugs it in, so that this path leads to its line.
    pub(super) fn on_line(serial: &str, path: &Path) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let device = openpt(flags).unwrap();
        grantpt(&device).unwrap();
        unlockpt(&device).unwrap();
        let node = ptsname(&device, Vec::new()).unwrap();
        let node = Path::new(node.to_str().unwrap()).to_owned();
        // A line that nobody has open looks hung up from this end.
        let kept = File::options().read(true).write(true).open(&node).unwrap();
        // Readers of the old link never see none.
        let fresh = path.with_extension("fresh");
        symlink(&node, &fresh).unwrap();
        std::fs::rename(&fresh, path).unwrap();
        Self::behind(serial, device, Some(kept))
    }

    /// Is it at the other end of a connection.
    pub(super) fn on_connection(serial: &str, connection: tokio::net::TcpStream) -> Self {
        let connection = connection.into_std().unwrap();
        connection.set_nonblocking(false).unwrap();
        Self::behind(serial, connection.into(), None)
    }

    fn behind(serial: &str, device: OwnedFd, kept: Option<File>) -> Self {
        let serial = serial.to_owned();
        let (end, cable) = pipe().unwrap();
        let thread = std::thread::spawn(move || {
            serve(&serial, &File::from(device), &end.into());
            drop(kept);
        });
        Self {
            cable: Some(cable),
            thread: Some(thread),
        }
    }
}

impl Drop for Pad {
    fn drop(&mut self) {
        drop(self.cable.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the pad failed");
        }
    }
}

/// Answers until its cable is pulled or the host hangs up.
fn serve(serial: &str, mut device: &File, cable: &OwnedFd) {
    let mut heard = Vec::new();
    loop {
        let mut waits = [
            PollFd::new(device, PollFlags::IN),
            PollFd::new(cable, PollFlags::IN),
        ];
        poll(&mut waits, None).unwrap();
        if !waits[1].revents().is_empty() {
            return;
        }
        let mut bytes = [0; 64];
        match device.read(&mut bytes) {
            Ok(count) if count > 0 => heard.extend_from_slice(&bytes[..count]),
            _ => return,
        }
        for answer in answers(serial, &mut heard) {
            device.write_all(answer.as_bytes()).unwrap();
        }
    }
}

/// What it says to the whole lines it has heard; a card never comes.
pub(super) fn answers(serial: &str, heard: &mut Vec<u8>) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(end) = heard.iter().position(|byte| *byte == b'\n') {
        let line: Vec<u8> = heard.drain(..=end).collect();
        if line == b"WHO\n" {
            all.push(format!("PAD {serial}\n"));
        }
    }
    all
}
