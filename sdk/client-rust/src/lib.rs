// SPDX-License-Identifier: MIT OR Apache-2.0
//! Owns the register's end of a connection: one background task per client, calls and their
//! answers, reconnecting, and sending keyed calls again. It must never make a new key for a call
//! that was sent, nor report an outcome the host did not report.
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod backoff;
mod client;
mod config;
mod connection;
mod error;
pub mod limits;
mod payment;
mod transport;

pub use client::Client;
pub use config::{Config, Endpoint};
pub use connection::{Notification, RESUBSCRIBED};
pub use error::{CallError, ConnectError};
pub use payhal_protocol as protocol;
pub use payment::{Payment, Update};
