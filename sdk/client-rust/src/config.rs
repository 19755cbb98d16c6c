// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the host is and how the client behaves.
//!
//! Owns the defaults. It must never hold a secret: the store does.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use payhal_protocol::session::{HelloParams, Software};
use payhal_protocol::{PROTOCOL_VERSION, RegisterId};

use crate::journal::Journal;
use crate::pairing::PairingStore;

/// Where the host listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A `ws://` address, as `ws://127.0.0.1:7425/v1/ws`.
    Ws(String),
    /// A `wss://` address, as `wss://localhost:7426/v1/ws`, and whom to believe there.
    Wss(String, Trust),
    /// The path of the host's Unix socket: one JSON message per line.
    #[cfg(unix)]
    Unix(PathBuf),
}

impl Endpoint {
    /// The address a host on this machine has by default.
    #[must_use]
    pub fn local() -> Self {
        Self::Ws("ws://127.0.0.1:7425/v1/ws".to_owned())
    }

    /// The endpoint of an address; a `wss://` one is believed if this machine trusts it.
    #[must_use]
    pub fn url(address: &str) -> Self {
        if address.starts_with("wss:") {
            Self::Wss(address.to_owned(), Trust::System)
        } else {
            Self::Ws(address.to_owned())
        }
    }
}

/// Whose certificate is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// One that this machine trusts.
    System,
    /// The one with this SHA-256, in hexadecimal: for a host elsewhere in the shop.
    Pinned(String),
}

/// How the client greets the host, and how long it waits.
#[derive(Clone, Debug)]
pub struct Config {
    /// The greeting, sent on each connection.
    pub hello: HelloParams,
    /// Longest wait for the answer to a call that moves no money.
    pub call_timeout: Duration,
    /// Longest wait for the answer to a call that moves money. The host ends each within five
    /// minutes, so the default leaves room for a reconnect.
    pub payment_timeout: Duration,
    /// How long a lost connection is tried again before open calls are given up.
    pub reconnect_for: Duration,
    /// Where the register keeps its pairing. With a store no call is sent to a host that has not
    /// proven the pairing; without one the host alone decides what it answers.
    pub store: Option<Arc<dyn PairingStore>>,
    /// Where the register keeps the keys of payments under way.
    pub journal: Option<Arc<dyn Journal>>,
}

impl Config {
    /// The defaults, for this software.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        let client = Software {
            name: name.to_owned(),
            version: version.to_owned(),
        };
        Self {
            hello: HelloParams {
                client,
                protocol: vec![PROTOCOL_VERSION],
                register_id: None,
                key_id: None,
                nonce: None,
                prompts: Vec::new(),
                answers_requests: false,
            },
            call_timeout: Duration::from_secs(15),
            payment_timeout: Duration::from_secs(360),
            reconnect_for: Duration::from_secs(60),
            store: None,
            journal: None,
        }
    }

    /// The same for this register.
    #[must_use]
    pub fn register(mut self, id: impl Into<RegisterId>) -> Self {
        self.hello.register_id = Some(id.into());
        self
    }

    /// The same with its pairing kept there.
    #[must_use]
    pub fn store(mut self, store: impl PairingStore + 'static) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// The same with the keys of payments under way kept there.
    #[must_use]
    pub fn journal(mut self, journal: impl Journal + 'static) -> Self {
        self.journal = Some(Arc::new(journal));
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new("payhal-client", env!("CARGO_PKG_VERSION"))
    }
}
