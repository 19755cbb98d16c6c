// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the configuration may say about TLS: the tables `[tls]` and `[lan]`.

use super::Network;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `[tls]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsTable {
    enabled: Option<bool>,
    listen: Option<SocketAddr>,
}

/// `[lan]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LanTable {
    listen: SocketAddr,
    #[serde(default)]
    names: Vec<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// The listeners beside the plain one.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// On loopback; none if it is switched off.
    pub(crate) listen: Option<SocketAddr>,
    /// In the shop's network; off unless somebody says otherwise.
    pub(crate) network: Option<Network>,
}

impl Settings {
    /// What the tables mean, beside the plain listener at `plain`. `over` is the command line's word.
    ///
    /// # Errors
    /// The key and what it must be.
    pub(crate) fn read(
        tls: &TlsTable,
        lan: Option<&LanTable>,
        plain: SocketAddr,
        over: Option<SocketAddr>,
    ) -> Result<Self, (&'static str, &'static str)> {
        let enabled = tls.enabled.unwrap_or(true);
        let listen = over.or(tls.listen).unwrap_or_else(|| beside(plain));
        if !listen.ip().is_loopback() {
            return Err(("tls.listen", "a loopback address; the network has [lan]"));
        }
        if listen.port() != 0 && listen.port() == plain.port() && listen.ip() == plain.ip() {
            return Err(("tls.listen", "another port than that of host.listen"));
        }
        let network = lan.map(LanTable::network).transpose()?;
        if network.is_some() && !enabled {
            return Err((
                "lan",
                "left out, or tls.enabled true: the network gets TLS only",
            ));
        }
        Ok(Self {
            listen: enabled.then_some(listen),
            network,
        })
    }
}

impl LanTable {
    fn network(&self) -> Result<Network, (&'static str, &'static str)> {
        if self.listen.ip().is_unspecified() && self.names.is_empty() {
            return Err(("lan.names", "there, where lan.listen is every address"));
        }
        let is_name = |name: &String| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
            (1..=253).contains(&name.len()) && name.chars().all(allowed)
        };
        if !self.names.iter().all(is_name) {
            return Err(("lan.names", "names or IPv4 addresses, without a port"));
        }
        let files = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => return Err(("lan.certificate", "there together with lan.key")),
        };
        Ok(Network {
            listen: self.listen,
            names: self.names.clone(),
            files,
        })
    }
}

/// The port behind the plain one, or any where that one is any.
fn beside(plain: SocketAddr) -> SocketAddr {
    let port = match plain.port() {
        0 => 0,
        port => port.checked_add(1).unwrap_or(port - 1),
    };
    SocketAddr::new(plain.ip(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tls: &str, lan: Option<&str>, plain: &str) -> Result<Settings, &'static str> {
        let tls = toml::from_str(tls).unwrap();
        let lan: Option<LanTable> = lan.map(|text| toml::from_str(text).unwrap());
        let read = Settings::read(&tls, lan.as_ref(), plain.parse().unwrap(), None);
        read.map_err(|(key, _)| key)
    }

    #[test]
    fn tls_is_on_beside_the_plain_listener() {
        let listen = |plain| read("", None, plain).unwrap().listen.unwrap().to_string();
        assert_eq!(listen("127.0.0.1:7425"), "127.0.0.1:7426");
        assert_eq!(listen("127.0.0.1:0"), "127.0.0.1:0");
        assert_eq!(listen("[::1]:65535"), "[::1]:65534");
        let off = read("enabled = false", None, "127.0.0.1:7425").unwrap();
        assert!(off.listen.is_none() && off.network.is_none());
    }

    #[test]
    fn the_network_gets_tls_and_a_name_or_nothing() {
        let plain = "127.0.0.1:7425";
        let address = "listen = \"192.168.1.5:7427\"";
        assert!(read("", Some(address), plain).unwrap().network.is_some());
        for (tls, lan, key) in [
            ("enabled = false", address.to_owned(), "lan"),
            ("", "listen = \"0.0.0.0:7427\"".to_owned(), "lan.names"),
            ("", format!("{address}\nnames = [\"shop:1\"]"), "lan.names"),
            ("", format!("{address}\nkey = \"k\""), "lan.certificate"),
            (
                "listen = \"192.168.1.5:1\"",
                address.to_owned(),
                "tls.listen",
            ),
            (
                "listen = \"127.0.0.1:7425\"",
                address.to_owned(),
                "tls.listen",
            ),
        ] {
            assert_eq!(
                read(tls, Some(&lan), plain).unwrap_err(),
                key,
                "{tls} {lan}"
            );
        }
    }
}
