// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a port could be, of what is plugged in: for whoever configures an instance.
//!
//! Reads what the system tells. It must never open a device.

use super::Ports;
use super::found::{Found, UsbDevice};
use payhal_messages::manifest::{PortNeed, PortSort};
use payhal_protocol::instances::PortChoice;

impl Ports {
    /// What is there for this port, those first that its manifest names.
    pub(crate) fn choices(&self, need: &PortNeed) -> Vec<PortChoice> {
        choices(&Found::look(&self.root), need)
    }
}

fn choices(found: &Found, need: &PortNeed) -> Vec<PortChoice> {
    let named = |device: &UsbDevice| device.is_one_of(&need.usb);
    let mut all: Vec<(bool, PortChoice)> = match need.kind {
        PortSort::Serial => {
            let lines = found.serial.iter();
            let choice = |line: &super::found::SerialLine| {
                let fits = line.usb.as_ref().is_some_and(named);
                (fits, of_line(line))
            };
            lines.map(choice).collect()
        }
        PortSort::Usb => {
            let devices = found.usb.iter().filter(|device| named(device));
            let choice = |device: &UsbDevice| Some((true, of_device(device)?));
            devices.filter_map(choice).collect()
        }
        PortSort::Stream => Vec::new(),
    };
    all.sort_by_key(|(fits, _)| !fits);
    all.into_iter().map(|(_, choice)| choice).collect()
}

/// By its serial number where it has one: its path changes with the socket it is plugged into.
fn of_line(line: &super::found::SerialLine) -> PortChoice {
    let path = line.node.display().to_string();
    match &line.usb {
        Some(device) => PortChoice {
            place: by_number(device).unwrap_or_else(|| path.clone()),
            text: format!("{path}: {}", device.called()),
        },
        None => PortChoice {
            place: path.clone(),
            text: path,
        },
    }
}

fn of_device(device: &UsbDevice) -> Option<PortChoice> {
    Some(PortChoice {
        place: by_number(device)?,
        text: device.called(),
    })
}

fn by_number(device: &UsbDevice) -> Option<String> {
    let number = device.serial_number.as_ref()?;
    Some(format!("usb:{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::found::SerialLine;

    fn device(id: &str, number: Option<&str>) -> UsbDevice {
        UsbDevice {
            slot: "1-2".to_owned(),
            id: id.to_owned(),
            serial_number: number.map(ToOwned::to_owned),
            label: Some("Acme".to_owned()),
            node: "/dev/bus/usb/001/002".into(),
        }
    }

    #[test]
    fn what_the_manifest_names_comes_first_and_by_its_serial_number() {
        let line = |node: &str, usb| SerialLine {
            node: node.into(),
            usb,
        };
        let found = Found {
            usb: vec![device("1111:2222", Some("B")), device("1111:2222", None)],
            serial: vec![
                line("/dev/ttyS0", None),
                line("/dev/ttyUSB0", Some(device("9999:0001", None))),
                line("/dev/ttyUSB1", Some(device("1111:2222", Some("A")))),
            ],
        };
        let places = |manifest: &str| -> Vec<String> {
            let need: PortNeed = toml::from_str(manifest).unwrap();
            let choices = choices(&found, &need).into_iter();
            choices.map(|choice| choice.place).collect()
        };
        let serial = "name = 'main'\nkind = 'serial'\nusb = ['1111:2222']";
        assert_eq!(places(serial), ["usb:A", "/dev/ttyS0", "/dev/ttyUSB0"]);
        let usb = "name = 'main'\nkind = 'usb'\nusb = ['1111:2222']";
        assert_eq!(places(usb), ["usb:B"]);
        assert_eq!(places("name = 'main'\nkind = 'stream'"), [""; 0]);
    }
}
