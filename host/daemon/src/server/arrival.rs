// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a connection came in: through which listener, protected by what, under which names.
//!
//! Every request carries its [`Arrival`] as an extension. Nothing here decides who may do what.

use super::seats::Seat;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// What protects a connection on its way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Channel {
    /// Nothing: it never leaves the machine.
    Plain,
    /// TLS.
    Tls {
        /// Lower-case hex of the SHA-256 of the leaf certificate that was shown, in DER.
        fingerprint: Arc<str>,
    },
}

/// As proofs and pairings name it.
impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("ws"),
            Self::Tls { fingerprint } => write!(f, "wss:{fingerprint}"),
        }
    }
}

impl Channel {
    /// The certificate a client can compare with its own view.
    pub(super) fn certificate(&self) -> Option<&str> {
        match self {
            Self::Plain => None,
            Self::Tls { fingerprint } => Some(fingerprint),
        }
    }
}

/// The names of one listener: what `Host` must be, and which origins are the console's own.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Values of `Host`, in lower case.
    pub(super) hosts: Vec<String>,
    /// Origins of pages that this listener serves.
    pub(super) origins: Vec<String>,
}

impl Names {
    /// Of a listener at loopback.
    pub(super) fn loopback(port: u16, tls: bool) -> Self {
        Self::of(&["127.0.0.1", "localhost", "[::1]"], port, tls)
    }

    /// Of a listener in the shop's network: its address, and the names the operator gave it.
    pub(super) fn network(listen: SocketAddr, names: &[String]) -> Self {
        let address = match listen {
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        };
        let all: Vec<String> = names
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .chain([address])
            .collect();
        Self::of(&all, listen.port(), true)
    }

    fn of(names: &[impl AsRef<str>], port: u16, tls: bool) -> Self {
        let (scheme, default_port) = if tls { ("https", 443) } else { ("http", 80) };
        // A browser leaves the default port out of both headers.
        let host = |name: &str| match port {
            port if port == default_port => name.to_owned(),
            port => format!("{name}:{port}"),
        };
        let hosts: Vec<String> = names.iter().map(|name| host(name.as_ref())).collect();
        let origins = hosts.iter().map(|host| format!("{scheme}://{host}"));
        Self {
            origins: origins.collect(),
            hosts,
        }
    }
}

/// How a connection came in.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// What protects it.
    pub(super) channel: Channel,
    /// The listener's names.
    pub(super) names: Arc<Names>,
    /// Its place among the connections.
    pub(super) seat: Arc<Seat>,
}

/// Who knocks at the WebSocket, as its request shows it. Host and Origin were checked.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// The host's id as this visitor is told it.
    pub(super) host_id: String,
    /// What protects the connection.
    pub(super) channel: Channel,
    /// The `Host` header in lower case: what the client dialled.
    pub(super) authority: String,
    /// The page's origin; absent for a native application.
    pub(super) origin: Option<String>,
    /// The page is the console of the very listener.
    pub(super) own_origin: bool,
    /// Its cookies of the console's name.
    pub(super) cookies: Vec<String>,
}

/// The host's id as pages of an origin know it: the same at each visit, and of no use to any other
/// origin, so that no two sites can tell that they look at the same machine.
pub(super) fn host_id_for(origin: &str, host_id: &str) -> String {
    let digest = Sha256::digest(format!("payhal host id v1\n{host_id}\n{origin}"));
    let (bytes, _) = digest.split_first_chunk().expect("a digest is longer");
    uuid::Builder::from_custom_bytes(*bytes)
        .into_uuid()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_sites_know_the_host_by_the_same_id() {
        let of = |origin| host_id_for(origin, "0198-host");
        assert_eq!(of("https://a.example"), of("https://a.example"));
        assert_ne!(of("https://a.example"), of("https://b.example"));
        assert_ne!(
            of("https://a.example"),
            host_id_for("https://a.example", "0199-host")
        );
        assert!(uuid::Uuid::parse_str(&of("https://a.example")).is_ok());
    }

    #[test]
    fn each_listener_has_its_own_names() {
        let plain = Names::loopback(7425, false);
        assert_eq!(
            plain.hosts,
            ["127.0.0.1:7425", "localhost:7425", "[::1]:7425"]
        );
        assert_eq!(plain.origins[1], "http://localhost:7425");
        let tls = Names::loopback(443, true);
        assert_eq!(tls.hosts[1], "localhost");
        assert_eq!(tls.origins[1], "https://localhost");
        let lan = Names::network(([192, 168, 1, 5], 7427).into(), &["Shop.Example".into()]);
        assert_eq!(lan.hosts, ["shop.example:7427", "192.168.1.5:7427"]);
    }

    #[test]
    fn a_channel_is_named_as_proofs_name_it() {
        assert_eq!(Channel::Plain.to_string(), "ws");
        let fingerprint = "ab".into();
        assert_eq!(Channel::Tls { fingerprint }.to_string(), "wss:ab");
    }
}
