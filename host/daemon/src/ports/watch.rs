// SPDX-License-Identifier: MIT OR Apache-2.0
//! Being told instead of asking: when a folder of device nodes changes (inotify), and when the
//! other end of an open port hangs up (epoll).
//!
//! The kernel and udev make, remove and re-own nodes in folders, so that one way of watching
//! serves serial lines, USB devices and configured links. It must never poll.

use rustix::event::epoll;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use std::io::Result;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A watch on folders.
#[derive(Debug)]
pub(super) struct Watch(AsyncFd<OwnedFd>);

impl Watch {
    /// Watches the folders in which these paths are or would appear.
    pub(super) fn on(paths: &[PathBuf]) -> Result<Self> {
        use inotify::{CreateFlags, WatchFlags};
        let queue = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let wanted = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ATTRIB
            | WatchFlags::ONLYDIR;
        for path in paths {
            // The nearest folder that there is; one may go away meanwhile.
            let folders = path.ancestors().skip(1);
            for folder in folders {
                if inotify::add_watch(&queue, folder, wanted).is_ok() {
                    break;
                }
            }
        }
        Ok(Self(readable(queue)?))
    }

    /// Waits until something has changed since the watch began.
    pub(super) async fn changed(&self) {
        if self.0.readable().await.is_err() {
            // Only a runtime that shuts down does this.
            std::future::pending::<()>().await;
        }
    }
}

/// Tells when one of several open ports is hung up.
#[derive(Debug)]
pub(super) struct Ends(AsyncFd<OwnedFd>);

impl Ends {
    pub(super) fn of<'a>(ports: impl Iterator<Item = &'a OwnedFd>) -> Result<Self> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for port in ports {
            let ends = epoll::EventFlags::RDHUP | epoll::EventFlags::ONESHOT;
            epoll::add(&set, port, epoll::EventData::new_u64(0), ends)?;
        }
        Ok(Self(readable(set)?))
    }

    /// Waits until one is.
    pub(super) async fn reached(&self) {
        if self.0.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for descriptors that may be closed meanwhile; this one is \
              owned by what it returns"
)]
fn readable(descriptor: OwnedFd) -> Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}

/// Whether the other end of an open port has hung up: no more can come but what has come.
pub(super) fn is_hung_up(port: &OwnedFd) -> bool {
    let ends = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    let mut waits = [PollFd::from_borrowed_fd(port.as_fd(), PollFlags::RDHUP)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let asked = rustix::io::retry_on_intr(|| poll(&mut waits, Some(&at_once)));
    asked.is_ok() && waits[0].revents().intersects(ends)
}

/// The folders in which nodes of this kind appear.
pub(super) fn usual(root: &Path, usb: bool) -> Vec<PathBuf> {
    if !usb {
        return vec![root.join("dev/tty")];
    }
    let buses = root.join("dev/bus/usb");
    let mut all = vec![buses.join("001"), buses.join("001/001")];
    let there = std::fs::read_dir(&buses).into_iter().flatten().flatten();
    all.extend(there.map(|bus| bus.path().join("001")));
    all
}
