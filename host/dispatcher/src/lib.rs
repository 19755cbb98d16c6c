// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one loop between the engine and the world.
#![forbid(unsafe_code)]

mod dispatcher;
pub mod ports;
mod timers;

pub use dispatcher::Dispatcher;
