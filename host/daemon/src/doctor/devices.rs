// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices: whether this user may use the ports they hang on, and how each fares.

use super::{Inside, Scene, fail, note, ok, warn};
use crate::supervisor::{State, View, discover};
use payhal_messages::manifest::{Access, Kind};
use payhal_protocol::diagnose::Finding;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const AREA: &str = "devices";
const SERIAL: &str = "Serial ports";
const USB: &str = "USB devices";
const SMART_CARDS: &str = "Smart card service";

/// Nodes of serial ports that readers have.
const SERIAL_NODES: [&str; 4] = ["ttyACM", "ttyUSB", "ttyS", "ttyAMA"];

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let needs = needs(scene);
    let mut all = Vec::new();
    if needs.iter().any(|access| access.serial) {
        all.push(serial(scene));
    }
    if needs.iter().any(|access| !access.usb.is_empty()) {
        all.push(usb(scene, &needs));
    }
    let socket = scene.system("/run/pcscd/pcscd.comm");
    if socket.exists() {
        all.push(smart_cards(scene, &socket));
    }
    all
}

/// What the plugins of configured devices need of the system.
fn needs(scene: &Scene) -> Vec<Access> {
    let plugins = discover(&scene.plugins);
    let wanted = scene.instances.iter();
    wanted
        .filter_map(|(_, plugin)| plugins.found.get(plugin))
        .filter(|plugin| !plugin.manifest.simulated && plugin.manifest.kind != Kind::Gateway)
        .map(|plugin| plugin.manifest.access.clone())
        .collect()
}

fn serial(scene: &Scene) -> Finding {
    let nodes = nodes(&scene.system("/dev"), |name| {
        SERIAL_NODES.iter().any(|kind| name.starts_with(kind))
    });
    if nodes.is_empty() {
        let todo = "Plug the device in; `ls /dev/ttyACM* /dev/ttyUSB*` shows it then.";
        return warn(AREA, SERIAL, "a device needs one, and there is none", todo);
    }
    usable(scene, SERIAL, &nodes)
}

fn usb(scene: &Scene, needs: &[Access]) -> Finding {
    let wanted: Vec<&str> = needs
        .iter()
        .flat_map(|access| access.usb.iter().map(String::as_str))
        .collect();
    let found = attached(scene, &wanted);
    if found.is_empty() {
        let says = format!("none of these is plugged in: {}", wanted.join(", "));
        let todo = "Plug it in; `lsusb` lists what there is.";
        return warn(AREA, USB, says, todo);
    }
    usable(scene, USB, &found)
}

/// Nodes of attached devices with one of these vendor and product numbers (sysfs-bus-usb).
fn attached(scene: &Scene, wanted: &[&str]) -> Vec<PathBuf> {
    let Ok(devices) = std::fs::read_dir(scene.system("/sys/bus/usb/devices")) else {
        return Vec::new();
    };
    let node = |device: &Path| {
        let read = |name: &str| {
            let text = std::fs::read_to_string(device.join(name)).ok()?;
            Some(text.trim().to_ascii_lowercase())
        };
        let id = format!("{}:{}", read("idVendor")?, read("idProduct")?);
        let matches = wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(&id));
        let (bus, number): (u32, u32) =
            (read("busnum")?.parse().ok()?, read("devnum")?.parse().ok()?);
        let node = scene.system(&format!("/dev/bus/usb/{bus:03}/{number:03}"));
        matches.then_some(node)
    };
    devices
        .flatten()
        .filter_map(|device| node(&device.path()))
        .collect()
}

fn nodes(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(&wanted))
        .map(|entry| entry.path())
        .collect();
    all.sort();
    all
}

/// Whether this user may read and write at least one of them.
fn usable(scene: &Scene, title: &str, nodes: &[PathBuf]) -> Finding {
    let names: Vec<_> = nodes
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if nodes.iter().any(|node| may_use(scene, node)) {
        return ok(
            AREA,
            title,
            format!("this user may use {}", names.join(", ")),
        );
    }
    let group = nodes.iter().find_map(|node| group_of(scene, node));
    let says = format!("this user may use none of {}", names.join(", "));
    let todo = match group {
        Some(group) => format!(
            "sudo usermod -aG {group} $USER   Then log in again, or restart the host's service."
        ),
        None => "Give this user the right to it, with a udev rule.".to_owned(),
    };
    fail(AREA, title, says, &todo)
}

/// By the bits of its mode; what access lists say besides is not looked at.
fn may_use(scene: &Scene, node: &Path) -> bool {
    let Ok(found) = std::fs::metadata(node) else {
        return false;
    };
    let bits = if found.uid() == scene.uid {
        found.mode() >> 6
    } else if scene.groups.contains(&found.gid()) {
        found.mode() >> 3
    } else {
        found.mode()
    };
    scene.uid == 0 || bits & 0o6 == 0o6
}

/// The name of the group that may use it, where that is one for devices.
fn group_of(scene: &Scene, node: &Path) -> Option<String> {
    let gid = std::fs::metadata(node).ok()?.gid();
    let groups = scene.line("/etc/group")?;
    let line = groups
        .lines()
        .find(|line| line.split(':').nth(2).and_then(|id| id.parse().ok()) == Some(gid))?;
    let name = line.split(':').next()?;
    (gid != 0).then(|| name.to_owned())
}

/// The service that has smart-card readers: whoever may use it takes them from everybody else.
fn smart_cards(scene: &Scene, socket: &Path) -> Finding {
    if may_use(scene, socket) {
        return ok(AREA, SMART_CARDS, "pcscd runs, and this user may use it");
    }
    note(
        AREA,
        SMART_CARDS,
        "pcscd runs, and this user may not use it",
    )
}

/// How each device fares.
pub(super) fn states(inside: &Inside) -> Vec<Finding> {
    let views = inside.views.iter();
    views
        .filter(|view| view.plugin.manifest.kind != Kind::Gateway)
        .map(|view| {
            if inside.quarantined.contains(&view.name) {
                let says = "it owes the outcome of a payment, and takes no other until that is \
                            known";
                let todo = "See what it waits for: payhal journal open   And \
                            docs/recovering.md, \"A terminal is quarantined\".";
                return warn(AREA, &view.name, says, todo);
            }
            instance(AREA, view, &about(view))
        })
        .collect()
}

fn about(view: &View) -> String {
    let Some(identity) = &view.identity else {
        return String::new();
    };
    let mut words = identity.model.clone();
    for (word, value) in [
        ("serial number", &identity.serial_number),
        ("firmware", &identity.firmware),
    ] {
        if let Some(value) = value {
            words.push_str(&format!(", {word} {value}"));
        }
    }
    words
}

/// How a device or gateway fares.
pub(super) fn instance(area: &str, view: &View, about: &str) -> Finding {
    let reason = view.reason.as_deref().unwrap_or("no reason is known");
    let ended = match view.ends {
        0 => String::new(),
        1 => "; its process ended once unasked".to_owned(),
        times => format!("; its process ended {times} times unasked"),
    };
    let name = view.name.as_str();
    match view.state {
        State::Ready if view.ends > 0 => {
            let says = format!("ready {about}{ended}, last because: {reason}");
            let todo = "If it happens again, give the host's log to the plugin's maker.";
            warn(area, name, says, todo)
        }
        State::Ready => ok(area, name, format!("ready {about}").trim_end()),
        State::Starting => note(area, name, "starting"),
        State::Detached => {
            let says = format!("not there: {reason}");
            let todo = match area {
                AREA => "Plug it in and switch it on; it comes back by itself.",
                _ => "Look at the network and at the gateway's own status page.",
            };
            warn(area, name, says, todo)
        }
        State::Failed | State::GivenUp | State::Stopped => {
            let says = format!("not working: {reason}{ended}");
            let todo = "It is started again by itself, after two minutes at the latest. The \
                        host's log says more; `payhal plugin list` says which build it is.";
            fail(area, name, says, todo)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{level, put, scene, titled, view};
    use super::*;
    use payhal_protocol::diagnose::FindingLevel;

    fn with_reader(scene: &mut Scene, access: &str) {
        let manifest = format!(
            "id='pin'\nname='P'\nversion='1.0.0'\nabi=1\nkind='reader'\nlibrary='pin'\n\
             [reader]\nentries=['chip']\n[access]\n{access}\n"
        );
        let folder = scene.plugins[0].join("pin");
        put(&folder.join("plugin.toml"), &manifest, 0o644);
        put(&folder.join("libpin.so"), "", 0o755);
        scene
            .instances
            .push(("counter".to_owned(), "pin".to_owned()));
    }

    #[test]
    fn a_serial_port_this_user_may_not_use_is_named_with_its_group() {
        let (_folder, mut scene) = scene();
        with_reader(&mut scene, "serial = true");
        assert_eq!(level(&check(&scene), SERIAL), FindingLevel::Warn);
        let node = scene.system("/dev/ttyACM0");
        put(&node, "", 0o660);
        assert_eq!(level(&check(&scene), SERIAL), FindingLevel::Ok);
        // Another user, in no group of it.
        scene.uid = 4_242;
        scene.groups = vec![4_242];
        assert_eq!(level(&check(&scene), SERIAL), FindingLevel::Fail);
        let gid = std::fs::metadata(&node).unwrap().gid();
        scene.groups.push(gid);
        assert_eq!(level(&check(&scene), SERIAL), FindingLevel::Ok);
    }

    #[test]
    fn an_attached_usb_device_is_found_by_its_numbers() {
        let (_folder, mut scene) = scene();
        with_reader(&mut scene, "usb = ['0ACD:3810']");
        assert_eq!(level(&check(&scene), USB), FindingLevel::Warn);
        for (name, value) in [
            ("idVendor", "0acd"),
            ("idProduct", "3810"),
            ("busnum", "1"),
            ("devnum", "7"),
        ] {
            let path = scene.system("/sys/bus/usb/devices/1-1").join(name);
            put(&path, &format!("{value}\n"), 0o644);
        }
        put(&scene.system("/dev/bus/usb/001/007"), "", 0o664);
        assert_eq!(level(&check(&scene), USB), FindingLevel::Ok);
        scene.uid = 4_242;
        scene.groups = Vec::new();
        assert_eq!(level(&check(&scene), USB), FindingLevel::Fail);
    }

    #[test]
    fn what_nothing_needs_is_not_asked_for() {
        let (_folder, scene) = scene();
        assert!(check(&scene).is_empty());
        put(&scene.system("/run/pcscd/pcscd.comm"), "", 0o666);
        assert_eq!(level(&check(&scene), SMART_CARDS), FindingLevel::Ok);
    }

    #[test]
    fn each_state_has_its_level() {
        let found = |state, ends| instance(AREA, &view("counter", state, ends), "").level;
        assert_eq!(found(State::Ready, 0), FindingLevel::Ok);
        assert_eq!(found(State::Ready, 1), FindingLevel::Warn);
        assert_eq!(found(State::Starting, 0), FindingLevel::Note);
        assert_eq!(found(State::Detached, 0), FindingLevel::Warn);
        assert_eq!(found(State::Failed, 3), FindingLevel::Fail);
        assert_eq!(found(State::GivenUp, 3), FindingLevel::Fail);
        let inside = Inside {
            views: vec![view("counter", State::Ready, 0)],
            quarantined: vec!["counter".to_owned()],
            open: false,
        };
        let found = states(&inside);
        assert!(titled(&found, "counter").says.contains("owes"));
        assert_eq!(level(&found, "counter"), FindingLevel::Warn);
    }
}
