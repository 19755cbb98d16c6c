// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may knock: the Host and Origin rules of every HTTP request.
//!
//! A local WebSocket is outside the browser's same-origin policy, and a name that resolves to
//! loopback counts as loopback: only these two headers tell a hostile page from a register. They
//! let nobody in: that takes a proof.

use super::arrival::Names;
use crate::access::Mode;

/// Whose requests are answered at all.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    mode: Mode,
    /// Where access is open: origins that the operator named.
    origins: Vec<String>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wanted {
    /// The WebSocket, where a page of any origin may ask to be paired.
    Socket,
    /// What any page may ask without being let in.
    Health,
    /// Everything else: pages, documents, metrics.
    Rest,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// No `Host`, or several, or one that is not ours.
    Host,
    /// Several `Origin`s, `null`, or one that may not ask for this.
    Origin,
}

impl Refusal {
    /// One sentence for the response body.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Host => "the Host header must be a name of this host with its port",
            Self::Origin => "this origin may not ask this host for that",
        }
    }
}

impl Access {
    /// Rules beside those of each listener's own names.
    pub(crate) fn new(mode: Mode, allow_origins: &[String]) -> Self {
        Self {
            mode,
            origins: allow_origins.to_vec(),
        }
    }

    /// Checks the values of `Host` and `Origin`. The second is absent for a native application.
    pub(super) fn check<'a>(
        &self,
        names: &Names,
        wanted: Wanted,
        hosts: impl IntoIterator<Item = &'a [u8]>,
        origins: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), Refusal> {
        let host = only(hosts)
            .map_err(|()| Refusal::Host)?
            .ok_or(Refusal::Host)?;
        let mut known = names.hosts.iter();
        if !known.any(|known| known.as_bytes().eq_ignore_ascii_case(host)) {
            return Err(Refusal::Host);
        }
        if wanted == Wanted::Health {
            return Ok(());
        }
        match only(origins).map_err(|()| Refusal::Origin)? {
            None => Ok(()),
            Some(origin) if self.may_ask(names, wanted, origin) => Ok(()),
            Some(_) => Err(Refusal::Origin),
        }
    }

    fn may_ask(&self, names: &Names, wanted: Wanted, origin: &[u8]) -> bool {
        let is_one_of = |known: &[String]| known.iter().any(|known| known.as_bytes() == origin);
        match (self.mode, wanted) {
            _ if is_one_of(&names.origins) => true,
            (Mode::Open, _) => is_one_of(&self.origins),
            (Mode::Paired, Wanted::Socket) => is_origin(origin),
            (Mode::Paired, Wanted::Health | Wanted::Rest) => false,
        }
    }
}

/// Whether this is an origin as browsers write it: a scheme and a host, in lower case, with or
/// without a port. `null` is none: every sandboxed frame and local file has it.
fn is_origin(origin: &[u8]) -> bool {
    const BYTES_MAX: usize = 300;
    let Ok(text) = std::str::from_utf8(origin) else {
        return false;
    };
    let Some((scheme, host)) = text.split_once("://") else {
        return false;
    };
    let in_scheme = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.')
    };
    let in_host = |byte: u8| {
        let punctuation = matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']' | b'%');
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || punctuation
    };
    text.len() <= BYTES_MAX
        && scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(in_scheme)
        && !host.is_empty()
        && host.bytes().all(in_host)
}

fn only<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<&'a [u8]>, ()> {
    let mut values = values.into_iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mode: Mode, wanted: Wanted, hosts: &[&str], origins: &[&str]) -> Result<(), Refusal> {
        let access = Access::new(mode, &["https://shop.example".to_owned()]);
        access.check(
            &Names::loopback(7425, false),
            wanted,
            hosts.iter().map(|text| text.as_bytes()),
            origins.iter().map(|text| text.as_bytes()),
        )
    }

    const HOST: &[&str] = &["127.0.0.1:7425"];

    #[test]
    fn names_of_ours_and_native_applications_pass() {
        for mode in [Mode::Open, Mode::Paired] {
            for wanted in [Wanted::Socket, Wanted::Health, Wanted::Rest] {
                for (host, origins) in [
                    ("127.0.0.1:7425", &[][..]),
                    ("LOCALHOST:7425", &[]),
                    ("[::1]:7425", &["http://localhost:7425"]),
                ] {
                    assert_eq!(check(mode, wanted, &[host], origins), Ok(()), "{host}");
                }
            }
        }
    }

    #[test]
    fn a_name_that_is_not_ours_is_refused_whatever_is_asked() {
        for wanted in [Wanted::Socket, Wanted::Health, Wanted::Rest] {
            for hosts in [
                &["evil.example:7425"][..],
                &["127.0.0.1:80"],
                &["127.0.0.1"],
                &[],
                &["127.0.0.1:7425", "127.0.0.1:7425"],
            ] {
                let refused = check(Mode::Paired, wanted, hosts, &[]);
                assert_eq!(refused, Err(Refusal::Host), "{hosts:?}");
            }
        }
    }

    #[test]
    fn a_page_of_any_origin_may_knock_at_the_socket_and_nowhere_else() {
        for origin in [
            "https://shop.example",
            "http://localhost:5173",
            "chrome-extension://abcdefgh",
            "tauri://localhost",
            "http://[::1]:3000",
        ] {
            let asked = |wanted| check(Mode::Paired, wanted, HOST, &[origin]);
            assert_eq!(asked(Wanted::Socket), Ok(()), "{origin}");
            assert_eq!(asked(Wanted::Rest), Err(Refusal::Origin), "{origin}");
            assert_eq!(asked(Wanted::Health), Ok(()), "{origin}");
        }
    }

    #[test]
    fn what_is_no_origin_may_not_even_knock() {
        let long = format!("https://{}.example", "a".repeat(300));
        for origins in [
            &["null"][..],
            &[""],
            &["https://"],
            &["shop.example"],
            &["https://shop.example/"],
            &["https://shop.example/path"],
            &["HTTPS://shop.example"],
            &["https://user@shop.example"],
            &["https://shop.example\nx"],
            &["https://shop.example", "https://shop.example"],
            &["http://localhost:7425", "null"],
            &["https://sh\u{f6}p.example"],
            &[&long],
        ] {
            let refused = check(Mode::Paired, Wanted::Socket, HOST, origins);
            assert_eq!(refused, Err(Refusal::Origin), "{origins:?}");
        }
    }

    #[test]
    fn where_access_is_open_only_named_origins_may_knock() {
        let asked = |origin| check(Mode::Open, Wanted::Socket, HOST, &[origin]);
        assert_eq!(asked("https://shop.example"), Ok(()));
        for origin in [
            "null",
            "http://evil.example",
            "https://shop.example.evil.com",
            "https://shop.example:444",
            "https://localhost:7425",
        ] {
            assert_eq!(asked(origin), Err(Refusal::Origin), "{origin}");
        }
    }
}
