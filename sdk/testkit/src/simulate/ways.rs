// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ways to a played device: a terminal of its own, or a TCP port.
//!
//! It must never listen to anything but the address it was given.

use super::play::Event;
use super::{Unplayable, Way};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::ioctl_fionbio;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Duration;

/// How long a host may leave what was sent to it unread before it is hung up on.
const UNREAD: Duration = Duration::from_secs(1);

/// What a played device writes to.
pub(super) enum Wire {
    /// The device's end of a terminal.
    Line(File),
    /// A connection.
    Stream(TcpStream),
}

impl Wire {
    pub(super) fn is_line(&self) -> bool {
        matches!(self, Self::Line(_))
    }

    /// Writes all of it, or on a line as much as fits: nobody paces a serial line.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stream(stream) => stream.write_all(bytes),
            Self::Line(file) => {
                while !bytes.is_empty() {
                    match file.write(bytes) {
                        Ok(count) => bytes = &bytes[count..],
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
        }
    }

    /// Ends a connection; a line stays.
    pub(super) fn hang_up(&self) {
        if let Self::Stream(stream) = self {
            // It may have ended already.
            let _ended = stream.shutdown(Shutdown::Both);
        }
    }
}

/// A pseudo-terminal, as a serial line looks to a program; where it is.
pub(super) fn terminal(link: &Path, events: Sender<Event>) -> Result<String, Unplayable> {
    let failed = |verb: &str, error| Unplayable::of(format!("{verb} {}", link.display()), error);
    let opened = open_terminal().map_err(|error| failed("make a terminal for", error));
    let (ours, theirs, name) = opened?;
    match fs::symlink_metadata(link) {
        Ok(old) if !old.is_symlink() => {
            let there = io::Error::new(ErrorKind::AlreadyExists, "a file is there");
            return Err(failed("put a link at", there));
        }
        Ok(_) => fs::remove_file(link).map_err(|error| failed("replace", error))?,
        Err(_) => {}
    }
    symlink(&name, link).map_err(|error| failed("put a link at", error))?;
    let writer = ours
        .try_clone()
        .map_err(|error| failed("use the terminal of", error))?;
    let _gone = events.send(Event::Opened(0, Wire::Line(writer)));
    std::thread::spawn(move || {
        // Without it, the terminal would hang up each time the host closes it.
        let _held = theirs;
        forward(0, ours, &events);
        let _gone = events.send(Event::Ended("read from the terminal"));
    });
    Ok(format!("{} ({})", link.display(), name.display()))
}

fn open_terminal() -> io::Result<(File, File, PathBuf)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?.into_bytes();
    let name = PathBuf::from(OsString::from_vec(name));
    let theirs = File::options().read(true).write(true).open(&name)?;
    // No echo: what the device says must not come back to it.
    let mut settings = tcgetattr(&theirs)?;
    settings.make_raw();
    tcsetattr(&theirs, OptionalActions::Now, &settings)?;
    ioctl_fionbio(&ours, true)?;
    Ok((File::from(ours), theirs, name))
}

/// A TCP port; where it is.
pub(super) fn listener(address: SocketAddr, events: Sender<Event>) -> Result<String, Unplayable> {
    let failed = |error| Unplayable::of(format!("listen on {address}"), error);
    let listener = TcpListener::bind(address).map_err(failed)?;
    let place = listener.local_addr().map_err(failed)?;
    std::thread::spawn(move || {
        for (way, stream) in listener.incoming().enumerate() {
            let Ok(stream) = stream else { continue };
            if serve(way, stream, &events).is_none() {
                return;
            }
        }
    });
    Ok(place.to_string())
}

/// `None` when nobody plays any more.
fn serve(way: Way, stream: TcpStream, events: &Sender<Event>) -> Option<()> {
    let prepared = stream
        .set_nodelay(true)
        .and_then(|()| stream.set_write_timeout(Some(UNREAD)))
        .and_then(|()| stream.try_clone());
    let Ok(writer) = prepared else {
        return Some(());
    };
    events.send(Event::Opened(way, Wire::Stream(writer))).ok()?;
    let events = events.clone();
    std::thread::spawn(move || {
        forward(way, stream, &events);
        let _gone = events.send(Event::Closed(way));
    });
    Some(())
}

fn forward(way: Way, mut from: impl Read + AsFd, events: &Sender<Event>) {
    let mut bytes = [0; 1024];
    loop {
        match from.read(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // An interrupted wait looks again, and so does the next read.
                let _again = poll(&mut [PollFd::new(&from, PollFlags::IN)], None);
            }
            Ok(0) | Err(_) => return,
            Ok(count) => {
                let came = Event::Came(way, bytes[..count].to_vec());
                if events.send(came).is_err() {
                    return;
                }
            }
        }
    }
}
