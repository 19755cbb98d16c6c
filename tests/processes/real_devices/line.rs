// SPDX-License-Identifier: MIT OR Apache-2.0
//! A serial line between a simulated device and the host: two pseudo-terminals and somebody between
//! them who spoils some of what passes. Dropping it pulls the cable; the device stays.

use crate::random::Random;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{PipeWriter, Read, Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// What is wrong with a line: how many of a thousand words are spoiled, out of a seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    pub(super) seed: u64,
    pub(super) per_mille: u64,
}

impl Noise {
    pub(super) const NONE: Self = Self {
        seed: 0,
        per_mille: 0,
    };
}

/// A line that is plugged in.
#[derive(Debug)]
pub(super) struct Cable {
    path: PathBuf,
    pull: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Cable {
    /// Leads from the device's own terminal to `path`, which the host opens.
    pub(super) fn plug(device: &Path, path: &Path, noise: Noise) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let host = openpt(flags).unwrap();
        grantpt(&host).unwrap();
        unlockpt(&host).unwrap();
        let node = ptsname(&host, Vec::new()).unwrap();
        let node = Path::new(node.to_str().unwrap()).to_owned();
        // A line that nobody has open looks hung up from this end.
        let kept = File::options().read(true).write(true).open(&node).unwrap();
        raw(&kept);
        let device = File::options().read(true).write(true).open(device).unwrap();
        raw(&device);
        let fresh = path.with_extension("fresh");
        symlink(&node, &fresh).unwrap();
        std::fs::rename(&fresh, path).unwrap();
        let (end, pull) = pipe().unwrap();
        let thread = std::thread::spawn(move || {
            carry(&File::from(host), &device, &end.into(), noise);
            drop(kept);
        });
        Self {
            path: path.to_owned(),
            pull: Some(pull),
            thread: Some(thread),
        }
    }
}

fn raw(terminal: &File) {
    let mut settings = tcgetattr(terminal).unwrap();
    settings.make_raw();
    tcsetattr(terminal, OptionalActions::Now, &settings).unwrap();
}

impl Drop for Cable {
    fn drop(&mut self) {
        // First: the number of a terminal that is closed is soon another one's.
        let _gone = std::fs::remove_file(&self.path);
        drop(self.pull.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the line failed");
        }
    }
}

/// Carries until the cable is pulled or an end is gone.
fn carry(host: &File, device: &File, pull: &OwnedFd, noise: Noise) {
    let mut random = Random::new(noise.seed);
    loop {
        let mut waits = [
            PollFd::new(host, PollFlags::IN),
            PollFd::new(device, PollFlags::IN),
            PollFd::new(pull, PollFlags::IN),
        ];
        poll(&mut waits, None).unwrap();
        let ready = waits.map(|wait| !wait.revents().is_empty());
        if ready[2] {
            return;
        }
        for (is_ready, mut from, mut to) in [(ready[0], host, device), (ready[1], device, host)] {
            let mut bytes = [0; 1024];
            match is_ready.then(|| from.read(&mut bytes)) {
                None => {}
                Some(Ok(count)) if count > 0 => {
                    let word = spoiled(&bytes[..count], noise, &mut random);
                    if to.write_all(&word).is_err() {
                        return;
                    }
                }
                Some(_) => return,
            }
        }
    }
}

/// One word after the line.
fn spoiled(word: &[u8], noise: Noise, random: &mut Random) -> Vec<u8> {
    let mut word = word.to_vec();
    if random.below(1000) >= noise.per_mille {
        return word;
    }
    match random.below(4) {
        // A wrong checksum.
        0 => {
            if let Some(last) = word.last_mut() {
                *last ^= 1 << random.below(7);
            }
        }
        1 => word.truncate(random.index(word.len())),
        2 => word.clear(),
        _ => {
            let at = random.index(word.len());
            word[at] ^= 1 << random.below(7);
        }
    }
    word
}
