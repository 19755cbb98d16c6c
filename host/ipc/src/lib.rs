// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames and lanes between the payhal daemon and a plugin runner.
//!
//! # How a runner is started
//!
//! The daemon makes one socket pair for control and one for each lane. The runner gets its end of
//! the control pair as standard input, an empty environment and its state folder as working
//! folder. The first frame on control is [`ToRunner::Start`]; the runner's ends of the lanes and
//! the ports come with it as descriptors. The runner answers [`FromRunner::Ready`] or
//! [`FromRunner::Failed`]; then the daemon may write a [`Call`] to any lane, one at a time on each.
//! What a call emits and its reply come back on its lane, in order. Everything else is on control.
//! When the control socket closes, the runner exits at once.
//!
//! # From an async task
//!
//! [`FrameBuffer`] and [`encode`] know no socket. [`send_some`] sends descriptors with the first
//! bytes of a frame on a non-blocking socket.
//!
//! # Must never
//!
//! This crate must never look into a payload, know a method's name or start a process.
#![forbid(unsafe_code)]

mod codec;
mod descriptors;
mod frame;
mod lane;
pub mod limits;
#[cfg(target_os = "linux")]
mod sealed;

pub use codec::{FrameBuffer, FrameError, encode, encode_into};
pub use descriptors::{ControlReader, send_frame, send_some};
pub use frame::{
    Answer, BUILD_ID, Call, Confinement, FailureKind, FromRunner, Library, LogLevel, LogSource,
    Payload, Port, PortKind, Ready, Refused, Start, ToRunner, WaitOn, WaitOutcome,
};
pub use lane::{FrameReader, FrameWriter, LaneError, split};
#[cfg(target_os = "linux")]
pub use sealed::{fresh_memory, is_sealed, seal_memory};
