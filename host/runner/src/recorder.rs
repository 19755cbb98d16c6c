// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stands between the plugin and its ports, and tells what passes, without the card data in it.
//!
//! Owns one thread and, for each port, the device's end and one end of a socket pair whose other
//! end the plugin has. Bytes pass at once and unchanged; what is told goes through the scrubber of
//! `payhal-messages`, inside this process. Must never tell a byte that the scrubber still holds:
//! when the process dies, those are lost.

use crate::limits::{
    RECORD_FINISH_WAIT, RECORD_LAST_PASSES, RECORD_READ_BYTES, RECORD_STACK_BYTES,
};
use payhal_ipc::{Port, PortKind};
use payhal_messages::recording::{Entry, Scrubber, Side};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use std::io::{PipeReader, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use zeroize::{Zeroize, Zeroizing};

/// A port between whose ends somebody stands.
#[derive(Debug)]
pub(crate) struct Tap {
    scrubber: Scrubber,
    name: String,
    /// By [`Side`]: towards the plugin, towards the device.
    ends: [End; 2],
}

/// One end of a tapped port.
#[derive(Debug)]
struct End {
    descriptor: OwnedFd,
    /// What is still to be written to it.
    pending: Zeroizing<Vec<u8>>,
    /// Nothing more comes from it.
    ended: bool,
}

/// What lies between, and what the plugin gets. USB devices are not read and written but spoken to
/// by ioctl, so those stay as they are.
pub(crate) fn tap(
    ports: Vec<OwnedFd>,
    described: &[Port],
) -> std::io::Result<(Vec<OwnedFd>, Vec<Tap>)> {
    let mut taps = Vec::new();
    let mut given = Vec::new();
    for (device, port) in ports.into_iter().zip(described) {
        if port.kind == PortKind::Usb {
            given.push(device);
            continue;
        }
        let (ours, plugin) = UnixStream::pair()?;
        let flags = fcntl_getfl(&device)?;
        // The plugin finds its port as blocking as it would have been.
        plugin.set_nonblocking(flags.contains(OFlags::NONBLOCK))?;
        ours.set_nonblocking(true)?;
        fcntl_setfl(&device, flags | OFlags::NONBLOCK)?;
        given.push(OwnedFd::from(plugin));
        taps.push(Tap {
            scrubber: Scrubber::new(&port.name),
            name: port.name.clone(),
            ends: [OwnedFd::from(ours), device].map(|descriptor| End {
                descriptor,
                pending: Zeroizing::default(),
                ended: false,
            }),
        });
    }
    Ok((given, taps))
}

/// The recorder that runs.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// Dropping it ends the recording.
    running: Mutex<Option<(PipeWriter, Receiver<()>)>>,
}

impl Recorder {
    /// Begins to pass bytes, and to tell each line of the recording.
    pub(crate) fn start(
        taps: Vec<Tap>,
        tell: impl FnMut(String) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (stop, stopper) = std::io::pipe()?;
        let (ending, ended) = channel();
        std::thread::Builder::new()
            .name("recorder".to_owned())
            .stack_size(RECORD_STACK_BYTES)
            .spawn(move || {
                let mut passing = Passing {
                    taps,
                    begun: Instant::now(),
                    tell,
                    room: Zeroizing::new(vec![0; RECORD_READ_BYTES]),
                };
                passing.run(&stop);
                // Whoever waits has left if this is not heard.
                let _ = ending.send(());
            })?;
        Ok(Self {
            running: Mutex::new(Some((stopper, ended))),
        })
    }

    /// Ends the recording and waits until its rest is told.
    pub(crate) fn finish(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((stopper, ended)) = running.take() {
            drop(stopper);
            // A rest that takes longer is lost, as it is when the process dies.
            let _ = ended.recv_timeout(RECORD_FINISH_WAIT);
        }
    }
}

struct Passing<T> {
    taps: Vec<Tap>,
    begun: Instant,
    tell: T,
    room: Zeroizing<Vec<u8>>,
}

impl<T: FnMut(String)> Passing<T> {
    fn run(&mut self, stop: &PipeReader) {
        // What was said before the end is told, but a device that never stops does not delay it.
        let mut last_passes = RECORD_LAST_PASSES;
        loop {
            let (stopping, ready) = self.wait(stop);
            if stopping && (ready.is_empty() || last_passes == 0) {
                break;
            }
            last_passes -= u32::from(stopping);
            for (tap, side, flags) in ready {
                self.serve(tap, side, flags);
            }
            self.close();
        }
        for at in 0..self.taps.len() {
            let rest = self.taps[at].scrubber.finish();
            self.tell_all(rest);
        }
    }

    /// Waits until something can be passed on or the recording ends; what can be done where.
    fn wait(&self, stop: &PipeReader) -> (bool, Vec<(usize, usize, PollFlags)>) {
        let mut places = Vec::new();
        let mut waits = vec![PollFd::new(stop, PollFlags::IN)];
        for (at, tap) in self.taps.iter().enumerate() {
            for side in 0..2 {
                let mut wanted = PollFlags::empty();
                wanted.set(PollFlags::IN, tap.reads(side));
                wanted.set(PollFlags::OUT, !tap.ends[side].pending.is_empty());
                // One that nothing is wanted of would say that it hung up, again and again.
                if !wanted.is_empty() {
                    places.push((at, side));
                    waits.push(PollFd::new(&tap.ends[side].descriptor, wanted));
                }
            }
        }
        if !matches!(poll(&mut waits, None), Ok(_) | Err(Errno::INTR)) {
            return (true, Vec::new());
        }
        let ready = places.into_iter().zip(&waits[1..]);
        let ready = ready
            .map(|((tap, side), wait)| (tap, side, wait.revents()))
            .filter(|(_, _, flags)| !flags.is_empty());
        (!waits[0].revents().is_empty(), ready.collect())
    }

    fn serve(&mut self, tap: usize, side: usize, flags: PollFlags) {
        let told = &mut self.taps[tap];
        if !told.ends[side].pending.is_empty() {
            told.write(side);
        }
        if !told.reads(side) || flags == PollFlags::OUT {
            return;
        }
        let count = match rustix::io::read(&told.ends[side].descriptor, &mut self.room[..]) {
            Err(Errno::AGAIN | Errno::INTR) => return,
            // A serial line whose device is gone says EIO.
            Ok(0) | Err(_) => {
                told.ends[side].ended = true;
                return;
            }
            Ok(count) => count,
        };
        let piece = Entry {
            at_us: u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            port: told.name.clone(),
            from: [Side::Plugin, Side::Device][side],
            bytes: self.room[..count].to_vec(),
            scrubbed: Vec::new(),
        };
        told.ends[1 - side].pending.extend(&self.room[..count]);
        self.room[..count].zeroize();
        told.write(1 - side);
        let settled = told.scrubber.take(piece);
        self.tell_all(settled);
    }

    fn tell_all(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            (self.tell)(entry.to_line());
        }
    }

    /// Passes on that one side has ended, and lets go of ports where both have.
    fn close(&mut self) {
        for at in (0..self.taps.len()).rev() {
            for side in 0..2 {
                self.taps[at].pass_end(side);
            }
            if self.taps[at].ends.iter().all(|end| end.ended) {
                let rest = self.taps.remove(at).scrubber.finish();
                self.tell_all(rest);
            }
        }
    }
}

impl Tap {
    /// Whether there is room for what comes from this side.
    fn reads(&self, side: usize) -> bool {
        !self.ends[side].ended && self.ends[1 - side].pending.is_empty()
    }

    fn write(&mut self, side: usize) {
        let end = &mut self.ends[side];
        match rustix::io::write(&end.descriptor, &end.pending) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(count) => {
                end.pending[..count].zeroize();
                end.pending.drain(..count);
            }
            Err(_) => self.ends.iter_mut().for_each(|end| {
                end.pending.clear();
                end.ended = true;
            }),
        }
    }

    /// Says to the other side that nothing more comes, once it has all that came before.
    fn pass_end(&self, side: usize) {
        let other = &self.ends[1 - side];
        if self.ends[side].ended && other.pending.is_empty() {
            // A serial line knows no such thing; saying it twice does no harm.
            let _ = rustix::net::shutdown(other.descriptor.as_fd(), rustix::net::Shutdown::Write);
        }
    }
}

#[cfg(test)]
mod tests;
