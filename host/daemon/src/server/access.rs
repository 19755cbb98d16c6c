// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may connect: the Host and Origin rules of every HTTP request.
//!
//! A local WebSocket is outside the browser's same-origin policy, and a name that resolves to
//! loopback counts as loopback: only these two headers tell a hostile page from a register.

use super::arrival::Names;

/// Whose requests are answered. Access is `open`: loopback only, no pairing; a web page must come
/// from the listener itself or from an origin the operator named.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    origins: Vec<String>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// No `Host`, or several, or one that is not ours.
    Host,
    /// Several `Origin`s, `null`, or one nobody named.
    Origin,
}

impl Refusal {
    /// One sentence for the response body.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Host => "the Host header must be a loopback name with this host's port",
            Self::Origin => "this origin may not use this host; the operator can allow it",
        }
    }
}

impl Access {
    /// Rules beside those of each listener's own names.
    pub(crate) fn new(allow_origins: &[String]) -> Self {
        Self {
            origins: allow_origins.to_vec(),
        }
    }

    /// Checks the values of `Host` and `Origin`. The second is absent for a native application.
    pub(super) fn check<'a>(
        &self,
        names: &Names,
        hosts: impl IntoIterator<Item = &'a [u8]>,
        origins: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), Refusal> {
        let host = only(hosts)
            .map_err(|()| Refusal::Host)?
            .ok_or(Refusal::Host)?;
        if !names
            .hosts
            .iter()
            .any(|known| known.as_bytes().eq_ignore_ascii_case(host))
        {
            return Err(Refusal::Host);
        }
        match only(origins).map_err(|()| Refusal::Origin)? {
            None => Ok(()),
            Some(origin) if self.knows(names, origin) => Ok(()),
            Some(_) => Err(Refusal::Origin),
        }
    }

    fn knows(&self, names: &Names, origin: &[u8]) -> bool {
        let mut known = names.origins.iter().chain(&self.origins);
        known.any(|known| known.as_bytes() == origin)
    }

    /// Checks the `Host` alone, for `/health`, which any page may ask.
    pub(super) fn check_host<'a>(
        &self,
        names: &Names,
        hosts: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), Refusal> {
        self.check(names, hosts, [])
    }
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

    fn check(hosts: &[&str], origins: &[&str]) -> Result<(), Refusal> {
        let access = Access::new(&["https://shop.example".to_owned()]);
        access.check(
            &Names::loopback(7425, false),
            hosts.iter().map(|text| text.as_bytes()),
            origins.iter().map(|text| text.as_bytes()),
        )
    }

    #[test]
    fn native_applications_and_named_origins_may_connect() {
        for (host, origins) in [
            ("127.0.0.1:7425", &[][..]),
            ("LOCALHOST:7425", &[]),
            ("[::1]:7425", &["http://localhost:7425"]),
            ("localhost:7425", &["https://shop.example"]),
        ] {
            assert_eq!(check(&[host], origins), Ok(()), "{host} {origins:?}");
        }
    }

    #[test]
    fn rebinding_and_foreign_pages_are_refused() {
        for (hosts, origins, refusal) in [
            (&["evil.example:7425"][..], &[][..], Refusal::Host),
            (&["127.0.0.1:80"], &[], Refusal::Host),
            (&["127.0.0.1"], &[], Refusal::Host),
            (&[], &[], Refusal::Host),
            (&["127.0.0.1:7425", "127.0.0.1:7425"], &[], Refusal::Host),
            (&["127.0.0.1:7425"], &["null"], Refusal::Origin),
            (
                &["127.0.0.1:7425"],
                &["http://evil.example"],
                Refusal::Origin,
            ),
            (
                &["127.0.0.1:7425"],
                &["https://shop.example.evil.com"],
                Refusal::Origin,
            ),
            (
                &["127.0.0.1:7425"],
                &["https://shop.example:444"],
                Refusal::Origin,
            ),
            (
                &["127.0.0.1:7425"],
                &["https://localhost:7425"],
                Refusal::Origin,
            ),
            (
                &["127.0.0.1:7425"],
                &["http://localhost:7425", "null"],
                Refusal::Origin,
            ),
        ] {
            assert_eq!(check(hosts, origins), Err(refusal), "{hosts:?} {origins:?}");
        }
    }
}
