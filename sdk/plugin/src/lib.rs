// SPDX-License-Identifier: MIT OR Apache-2.0
//! Safe Rust for vendors: write a payhal plugin without touching C.
//!
//! Implement one of three traits, each with a recipe and a complete example:
//! [`Reader`] for devices that read cards, [`Terminal`] for devices that run the whole payment,
//! [`GatewayConnector`] for whoever authorizes. Export it with [`export_reader!`],
//! [`export_terminal!`] or [`export_gateway!`]. Test it with [`testing`], without a device, a host
//! or real time.
//!
//! Owns the road from the C ABI to the traits. Must never reach a device, the network or the time
//! except through the host.
#![deny(unsafe_code)]
#![deny(missing_docs)]

mod clock;
mod context;
#[doc(hidden)]
pub mod export;
mod gateway;
mod limits;
mod outcome;
mod port;
mod reader;
mod service;
mod simulated;
mod terminal;
pub mod testing;

#[doc(hidden)]
pub use payhal_abi as abi;
pub use payhal_card_data as card_data;
pub use payhal_messages as messages;

pub use clock::{Bell, Clock, SystemClock, Woken};
pub use context::{Asked, Context, HostLink, HostRefusal, Level, Waker};
pub use gateway::GatewayConnector;
pub use outcome::{Outcome, PluginError, card_refused, refused};
pub use port::{Line, Port};
pub use reader::Reader;
pub use simulated::Simulated;
pub use terminal::Terminal;
