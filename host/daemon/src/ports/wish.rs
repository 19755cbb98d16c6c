// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an instance wishes for: the manifest's needs, and where its configuration says they are.

use payhal_messages::manifest::{PortNeed, PortSort};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One port that an instance wishes for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PortWish {
    /// The instance; a device is used by one only.
    pub(crate) instance: String,
    /// What the manifest says.
    pub(crate) need: PortNeed,
    /// Where the configuration says it is; absent: the first free device that fits.
    pub(crate) place: Option<Place>,
}

/// Where a port is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// A device node, or a link to one.
    Path(PathBuf),
    /// The USB device with this serial number.
    SerialNumber(String),
    /// `HOST:PORT`.
    Address(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::SerialNumber(number) => write!(f, "usb:{number}"),
            Self::Address(address) => f.write_str(address),
        }
    }
}

impl PortWish {
    /// The wishes of an instance, in the order of its manifest.
    ///
    /// # Errors
    /// In words for the operator: what `ports` must be.
    pub(crate) fn of(
        instance: &str,
        needs: &[PortNeed],
        ports: &BTreeMap<String, String>,
    ) -> Result<Vec<Self>, String> {
        if let Some(unknown) = ports
            .keys()
            .find(|name| needs.iter().all(|need| need.name != **name))
        {
            let known: Vec<&str> = needs.iter().map(|need| need.name.as_str()).collect();
            return Err(match known.as_slice() {
                [] => format!("`ports.{unknown}` is for nothing: the plugin has no port"),
                known => format!("`ports.{unknown}`: the plugin has {}", known.join(", ")),
            });
        }
        needs
            .iter()
            .map(|need| {
                let place = ports.get(&need.name).map(|text| place(need, text));
                Ok(Self {
                    instance: instance.to_owned(),
                    need: need.clone(),
                    place: place.transpose()?,
                })
            })
            .collect()
    }
}

fn place(need: &PortNeed, text: &str) -> Result<Place, String> {
    let wrong = |must: &str| Err(format!("`ports.{}` must be {must}", need.name));
    if need.kind == PortSort::Stream {
        return match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(Place::Address(text.to_owned()))
            }
            _ => wrong("the device's address, \"HOST:PORT\""),
        };
    }
    match text.strip_prefix("usb:") {
        Some("") => wrong("\"usb:\" with a serial number behind it"),
        Some(number) => Ok(Place::SerialNumber(number.to_owned())),
        None if text.starts_with('/') => Ok(Place::Path(PathBuf::from(text))),
        None => wrong("a path, such as \"/dev/ttyUSB0\", or \"usb:SERIALNUMBER\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn need(text: &str) -> PortNeed {
        toml::from_str(text).unwrap()
    }

    fn wish(kind: &str, place: &str) -> Result<Vec<PortWish>, String> {
        let needs = [need(&format!("name = 'main'\nkind = '{kind}'"))];
        let ports = BTreeMap::from([("main".to_owned(), place.to_owned())]);
        PortWish::of("counter", &needs, &ports)
    }

    #[test]
    fn a_place_has_the_form_of_its_kind() {
        for (kind, text, place) in [
            ("serial", "/dev/ttyUSB0", Place::Path("/dev/ttyUSB0".into())),
            ("serial", "usb:A1", Place::SerialNumber("A1".into())),
            ("usb", "usb:A1", Place::SerialNumber("A1".into())),
            (
                "stream",
                "pinpad:8000",
                Place::Address("pinpad:8000".into()),
            ),
            ("stream", "[::1]:8000", Place::Address("[::1]:8000".into())),
        ] {
            let wishes = wish(kind, text).unwrap();
            assert_eq!(wishes[0].place.as_ref(), Some(&place));
            assert_eq!(place.to_string(), text);
        }
        for (kind, text) in [
            ("serial", "ttyUSB0"),
            ("serial", "usb:"),
            ("stream", "/dev/ttyUSB0"),
            ("stream", "pinpad"),
            ("stream", ":8000"),
            ("stream", "pinpad:80000"),
        ] {
            let why = wish(kind, text).unwrap_err();
            assert!(why.contains("`ports.main`"), "{why}");
        }
    }

    #[test]
    fn a_name_that_the_plugin_has_not_is_an_error() {
        let ports = BTreeMap::from([("pinpad".to_owned(), "/dev/ttyUSB0".to_owned())]);
        let needs = [need("name = 'main'\nkind = 'serial'")];
        let why = PortWish::of("counter", &needs, &ports).unwrap_err();
        assert!(why.contains("pinpad") && why.contains("main"), "{why}");
        assert!(PortWish::of("counter", &[], &ports).is_err());
        let free = PortWish::of("counter", &needs, &BTreeMap::new()).unwrap();
        assert_eq!(free[0].place, None);
    }
}
