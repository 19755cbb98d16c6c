// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is plugged in: USB devices and serial lines, as the system's files tell it (sysfs).
//!
//! Reads only. It must never open a device: some act on it.

use super::limits::{ATTRIBUTE_BYTES, DEVICES_MAX};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Everything that is plugged in, in an order that stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// USB devices.
    pub(crate) usb: Vec<UsbDevice>,
    /// Serial lines that have hardware.
    pub(crate) serial: Vec<SerialLine>,
}

/// A USB device.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct UsbDevice {
    /// Where it is plugged in, as the kernel counts: `1-2.3`. Not the same after it was plugged
    /// in elsewhere.
    pub(crate) slot: String,
    /// `vendor:product`, lower-case hex.
    pub(crate) id: String,
    /// Its serial number, where it has one.
    pub(crate) serial_number: Option<String>,
    /// Maker and product, where it says them.
    pub(crate) label: Option<String>,
    /// Its node.
    pub(crate) node: PathBuf,
}

/// A serial line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SerialLine {
    /// Its node.
    pub(crate) node: PathBuf,
    /// The USB device it belongs to, where it is on one.
    pub(crate) usb: Option<UsbDevice>,
}

impl UsbDevice {
    /// Whether it is one of these, `vendor:product` in hex.
    pub(crate) fn is_one_of(&self, ids: &[String]) -> bool {
        ids.iter().any(|id| id.eq_ignore_ascii_case(&self.id))
    }

    /// For people.
    pub(crate) fn called(&self) -> String {
        let label = self.label.as_deref().unwrap_or("USB device");
        match &self.serial_number {
            Some(number) => format!("{label} {}, serial number {number}", self.id),
            None => format!("{label} {}, without a serial number", self.id),
        }
    }
}

impl Found {
    /// Looks at the system whose files are below `root`.
    pub(crate) fn look(root: &Path) -> Self {
        let devices = children(&root.join("sys/bus/usb/devices"));
        let usb = devices.iter().filter_map(|path| usb_device(root, path));
        let lines = children(&root.join("sys/class/tty"));
        let serial = lines.iter().filter_map(|path| serial_line(root, path));
        Self {
            usb: usb.collect(),
            serial: serial.collect(),
        }
    }
}

/// In order of names as people count: `ttyUSB2` before `ttyUSB10`.
fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = entries
        .take(DEVICES_MAX)
        .map(|entry| entry.path())
        .collect();
    all.sort_by_key(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        (name.len(), name.into_owned())
    });
    all
}

/// `None` for interfaces, which are listed beside the devices they belong to (sysfs-bus-usb).
fn usb_device(root: &Path, path: &Path) -> Option<UsbDevice> {
    let id = format!(
        "{}:{}",
        attribute(path, "idVendor")?,
        attribute(path, "idProduct")?
    );
    let bus: u32 = attribute(path, "busnum")?.parse().ok()?;
    let number: u32 = attribute(path, "devnum")?.parse().ok()?;
    let words = [attribute(path, "manufacturer"), attribute(path, "product")];
    let words: Vec<String> = words.into_iter().flatten().collect();
    Some(UsbDevice {
        slot: path.file_name()?.to_string_lossy().into_owned(),
        id: id.to_ascii_lowercase(),
        serial_number: attribute(path, "serial"),
        label: (!words.is_empty()).then(|| words.join(" ")),
        node: root.join(format!("dev/bus/usb/{bus:03}/{number:03}")),
    })
}

/// `None` for consoles and pseudo-terminals, which have no device behind them, and for what a
/// driver only might have: an 8250 of type 0 is not there.
fn serial_line(root: &Path, path: &Path) -> Option<SerialLine> {
    let device = path.join("device").canonicalize().ok()?;
    if attribute(path, "type").is_some_and(|kind| kind == "0") {
        return None;
    }
    let above = device
        .ancestors()
        .take_while(|above| above.starts_with(root));
    let usb = above
        .filter(|above| above.join("idVendor").is_file())
        .find_map(|above| usb_device(root, above));
    Some(SerialLine {
        node: root.join("dev").join(path.file_name()?),
        usb,
    })
}

/// What a device says about itself is foreign text: bounded, and printable.
fn attribute(path: &Path, name: &str) -> Option<String> {
    let file = std::fs::File::open(path.join(name)).ok()?;
    let mut bytes = Vec::new();
    file.take(ATTRIBUTE_BYTES).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    (!text.is_empty()).then_some(text)
}
