// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the plugin writes to stdout and stderr.
//!
//! Owns the pipe behind descriptors 1 and 2. It ends in this very process, so that a vendor's
//! printf meets the card-number check before the daemon can see it. Must never block.

use crate::card_filter;
use crate::limits::OUTPUT_LINE_BYTES_MAX;
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use zeroize::{Zeroize, Zeroizing};

/// The reading end of the plugin's stdout and stderr.
#[derive(Debug)]
pub(crate) struct Output {
    pipe: OwnedFd,
    line: Vec<u8>,
    /// Bytes of the current line that were thrown away because it is too long.
    skipped: usize,
}

impl Output {
    /// Puts a pipe behind descriptors 1 and 2.
    ///
    /// # Errors
    ///
    /// Fails when the system refuses.
    pub(crate) fn capture() -> Result<Self, String> {
        let failed = |error| format!("capture the plugin's output: {error}");
        let (pipe, writing) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
        // Only the reading end: a plugin's printf may wait for us, but must not be cut short.
        let flags = rustix::fs::fcntl_getfl(&pipe).map_err(failed)?;
        rustix::fs::fcntl_setfl(&pipe, flags | rustix::fs::OFlags::NONBLOCK).map_err(failed)?;
        rustix::stdio::dup2_stdout(&writing).map_err(failed)?;
        rustix::stdio::dup2_stderr(&writing).map_err(failed)?;
        line_buffer_stdout();
        Ok(Self {
            pipe,
            // All it ever takes: a line that grew would leave copies of itself behind.
            line: Vec::with_capacity(OUTPUT_LINE_BYTES_MAX),
            skipped: 0,
        })
    }

    /// What to poll.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// Takes what is there now, one read, and gives each complete line to `log`. Returns whether
    /// there may be more.
    pub(crate) fn read(&mut self, log: &mut dyn FnMut(String)) -> bool {
        let mut bytes = Zeroizing::new([0; OUTPUT_LINE_BYTES_MAX]);
        let Ok(count) = rustix::io::retry_on_intr(|| rustix::io::read(&self.pipe, &mut *bytes))
        else {
            return false;
        };
        for &byte in &bytes[..count] {
            match byte {
                b'\n' => self.end_line(log),
                _ if self.line.len() == OUTPUT_LINE_BYTES_MAX => self.skipped += 1,
                _ => self.line.push(byte),
            }
        }
        count > 0
    }

    /// Takes everything that is left, the last line included.
    pub(crate) fn drain(&mut self, log: &mut dyn FnMut(String)) {
        // One pipe's worth: a plugin that keeps writing must not keep the process from ending.
        for _ in 0..16 {
            if !self.read(log) {
                break;
            }
        }
        self.end_line(log);
    }

    fn end_line(&mut self, log: &mut dyn FnMut(String)) {
        if self.skipped > 0 {
            // A card number could lie across the cut, so nothing of the line is shown.
            log(format!("[{} bytes]", self.line.len() + self.skipped));
        } else if !self.line.is_empty() {
            log(card_filter::clean(&self.line));
        }
        self.line.zeroize();
        self.skipped = 0;
    }
}

/// Makes C's stdout hand over every line: into a pipe it would wait for 4 KiB, and what a crash
/// leaves in its buffer is lost.
fn line_buffer_stdout() {
    unsafe extern "C" {
        static mut stdout: *mut libc::FILE;
    }
    // SAFETY: there is one thread, and nothing was written to stdout yet.
    unsafe {
        libc::setvbuf(stdout, std::ptr::null_mut(), libc::_IOLBF, 0);
    }
}
