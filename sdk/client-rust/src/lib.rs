// SPDX-License-Identifier: MIT OR Apache-2.0
//! Owns the register's end of a connection: one background task per client, calls and their
//! answers, reconnecting, and sending keyed calls again. It must never make a new key for a call
//! that was sent, nor report an outcome the host did not report.
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod access;
mod agreement;
mod backoff;
mod client;
mod config;
mod connection;
mod error;
mod journal;
pub mod limits;
mod pairing;
mod payment;
mod tls;
mod transport;

pub use access::pair;
pub use client::Client;
pub use config::{Config, Endpoint, Trust};
pub use connection::{Notification, RESUBSCRIBED};
pub use error::{CallError, ConnectError, WhyUnpaired};
pub use journal::{Journal, JournalFile, Recovered};
pub use pairing::{Pairing, PairingFile, PairingStore};
pub use payhal_protocol as protocol;
pub use payment::{Payment, Update};
