// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which of the devices that are plugged in is the one that was wished for.
//!
//! Pure: it looks at what was found and at what is taken. It must never give one device to two
//! instances, and never guess between two that the configuration tells apart.

use super::absent::{Absent, Cause};
use super::found::{Found, UsbDevice};
use super::wish::{Place, PortWish};
use payhal_messages::manifest::PortSort;
use std::path::{Path, PathBuf};

/// A device that was picked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Picked {
    /// Its node.
    pub(super) node: PathBuf,
    /// The USB device it is, or is on.
    pub(super) usb: Option<UsbDevice>,
    /// Whether all of that USB device is meant, and not one line of it.
    pub(super) whole: bool,
}

/// A device that an instance uses, or is meant to use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Claim {
    /// The instance.
    pub(super) instance: String,
    /// The device.
    pub(super) picked: Picked,
}

/// What is not free.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    /// Devices in use by other instances, and by other ports of this one.
    pub(super) claims: &'a [Claim],
    /// Places that other instances name: never picked for who names none.
    pub(super) named: &'a [Place],
    /// Serial number that this port had last, which it prefers.
    pub(super) last: Option<&'a str>,
    /// Serial numbers that others had last, which it would rather leave to them.
    pub(super) of_others: &'a [String],
}

impl Picked {
    fn clashes(&self, other: &Self) -> bool {
        let same_usb = match (&self.usb, &other.usb) {
            (Some(one), Some(two)) => one.slot == two.slot,
            _ => false,
        };
        self.node == other.node || (same_usb && (self.whole || other.whole))
    }

    fn serial_number(&self) -> Option<&str> {
        self.usb.as_ref()?.serial_number.as_deref()
    }
}

/// Picks the device for a wish. `resolved` is the node that a configured path leads to.
///
/// # Errors
/// [`Absent`], which says what to do.
pub(super) fn pick(
    wish: &PortWish,
    found: &Found,
    resolved: Option<&Path>,
    taken: &Taken<'_>,
) -> Result<Picked, Absent> {
    let candidates = candidates(wish.need.kind, found);
    match &wish.place {
        Some(Place::Path(path)) => named_by_path(wish, path, resolved, candidates, taken),
        Some(Place::SerialNumber(number)) => {
            named_by_number(wish, number, &candidates, found, taken)
        }
        Some(Place::Address(_)) | None => first_free(wish, candidates, found, taken),
    }
}

fn candidates(kind: PortSort, found: &Found) -> Vec<Picked> {
    match kind {
        PortSort::Serial => {
            let lines = found.serial.iter().map(|line| Picked {
                node: line.node.clone(),
                usb: line.usb.clone(),
                whole: false,
            });
            lines.collect()
        }
        PortSort::Usb => {
            let devices = found.usb.iter().map(|device| Picked {
                node: device.node.clone(),
                usb: Some(device.clone()),
                whole: true,
            });
            devices.collect()
        }
        PortSort::Stream => Vec::new(),
    }
}

fn user_of<'a>(picked: &Picked, taken: &'a Taken<'_>) -> Option<&'a Claim> {
    let mut claims = taken.claims.iter();
    claims.find(|claim| claim.picked.clashes(picked))
}

fn if_free(wish: &PortWish, picked: Picked, taken: &Taken<'_>) -> Result<Picked, Absent> {
    match user_of(&picked, taken) {
        None => Ok(picked),
        Some(claim) if claim.instance == wish.instance => {
            let says = format!("{} is another port of it already", picked.node.display());
            Err(Absent::new(wish, Cause::Taken, says))
        }
        Some(claim) => {
            let says = format!("{} is used by `{}`", picked.node.display(), claim.instance);
            Err(Absent::new(wish, Cause::Taken, says))
        }
    }
}

/// A path need not be in the lists: it may be a line of a driver that we know nothing of.
fn named_by_path(
    wish: &PortWish,
    path: &Path,
    resolved: Option<&Path>,
    candidates: Vec<Picked>,
    taken: &Taken<'_>,
) -> Result<Picked, Absent> {
    let Some(node) = resolved else {
        return Err(Absent::new(
            wish,
            Cause::NotThere,
            format!(
                "{} is not there: plug it in and switch it on",
                path.display()
            ),
        ));
    };
    let known = candidates.into_iter().find(|one| one.node == node);
    let picked = known.unwrap_or_else(|| Picked {
        node: node.to_owned(),
        usb: None,
        whole: false,
    });
    if_free(wish, picked, taken)
}

fn named_by_number(
    wish: &PortWish,
    number: &str,
    candidates: &[Picked],
    found: &Found,
    taken: &Taken<'_>,
) -> Result<Picked, Absent> {
    let fits = |one: &&Picked| {
        let of_kind = |usb: &UsbDevice| wish.need.usb.is_empty() || usb.is_one_of(&wish.need.usb);
        one.serial_number() == Some(number) && one.usb.as_ref().is_some_and(of_kind)
    };
    let fitting: Vec<&Picked> = candidates.iter().filter(fits).collect();
    let slots = |one: &&Picked| one.usb.as_ref().map(|usb| usb.slot.clone());
    let first = fitting.first().and_then(slots);
    match fitting.as_slice() {
        [] => Err(not_numbered(wish, number, found)),
        several if several.iter().any(|one| slots(one) != first) => {
            let nodes: Vec<String> = several
                .iter()
                .map(|one| one.node.display().to_string())
                .collect();
            let says = format!(
                "{} have the same serial number {number}: tell them apart by where they are \
                 plugged in, with a path below /dev/serial/by-path",
                nodes.join(" and ")
            );
            Err(Absent::new(wish, Cause::Unclear, says))
        }
        // One device with several lines: the first that no other port of it has.
        lines => {
            let free = lines.iter().find(|one| user_of(one, taken).is_none());
            if_free(wish, (*free.unwrap_or(&lines[0])).clone(), taken)
        }
    }
}

fn not_numbered(wish: &PortWish, number: &str, found: &Found) -> Absent {
    let with_number = |usb: &&UsbDevice| usb.serial_number.as_deref() == Some(number);
    let says = match found.usb.iter().find(with_number) {
        None => format!("no USB device with serial number {number} is there: plug it in"),
        Some(other) if !wish.need.usb.is_empty() && !other.is_one_of(&wish.need.usb) => format!(
            "the USB device with serial number {number} is {}, and the plugin drives {}",
            other.id,
            wish.need.usb.join(", ")
        ),
        Some(other) => driverless(other),
    };
    Absent::new(wish, Cause::NotThere, says)
}

fn driverless(device: &UsbDevice) -> String {
    format!(
        "{} is there, but is no serial port: the kernel's driver for it is not loaded",
        device.called()
    )
}

fn first_free(
    wish: &PortWish,
    candidates: Vec<Picked>,
    found: &Found,
    taken: &Taken<'_>,
) -> Result<Picked, Absent> {
    if wish.need.usb.is_empty() {
        return Err(Absent::new(wish, Cause::Unclear, which(wish, &candidates)));
    }
    let fits = |one: &Picked| {
        one.usb
            .as_ref()
            .is_some_and(|usb| usb.is_one_of(&wish.need.usb))
    };
    let mut fitting: Vec<Picked> = candidates.into_iter().filter(fits).collect();
    if fitting.is_empty() {
        let lineless = found.usb.iter().find(|usb| usb.is_one_of(&wish.need.usb));
        let says = match lineless {
            Some(device) => driverless(device),
            None => format!(
                "no {} is there: plug it in and switch it on",
                wish.need.usb.join(", ")
            ),
        };
        return Err(Absent::new(wish, Cause::NotThere, says));
    }
    fitting.retain(|one| !is_named(one, taken.named));
    let rank = |one: &Picked| match one.serial_number() {
        Some(number) if taken.last == Some(number) => 0,
        Some(number) if taken.of_others.iter().any(|other| other == number) => 2,
        _ => 1,
    };
    fitting.sort_by_key(rank);
    let free = fitting.iter().find(|one| user_of(one, taken).is_none());
    match free.or(fitting.first()) {
        Some(one) => if_free(wish, one.clone(), taken),
        None => {
            let says = "every one that is plugged in belongs to another device by its name in the \
                        configuration: plug in one more";
            Err(Absent::new(wish, Cause::Taken, says))
        }
    }
}

fn is_named(picked: &Picked, named: &[Place]) -> bool {
    named.iter().any(|place| match place {
        Place::SerialNumber(number) => picked.serial_number() == Some(number),
        Place::Path(path) => *path == picked.node,
        Place::Address(_) => false,
    })
}

/// For a port of which the manifest does not say what it may be.
fn which(wish: &PortWish, candidates: &[Picked]) -> String {
    let name = &wish.need.name;
    let Some(first) = candidates.first() else {
        return format!("nobody says where it is: `ports = {{ {name} = \"/dev/ttyUSB0\" }}`");
    };
    let called = |one: &Picked| match &one.usb {
        Some(usb) => format!("{} ({})", one.node.display(), usb.called()),
        None => one.node.display().to_string(),
    };
    let there: Vec<String> = candidates.iter().map(called).collect();
    let example = match first.serial_number() {
        Some(number) => format!("usb:{number}"),
        None => first.node.display().to_string(),
    };
    format!(
        "nobody says which one it is: `ports = {{ {name} = \"{example}\" }}`; there are {}",
        there.join(", ")
    )
}
