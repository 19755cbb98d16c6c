// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices: whether this user may use the ports they hang on, and how each fares.

use super::{Inside, Scene, fail, note, ok, warn};
use crate::plugins::discover;
use crate::ports::{PortWish, look_for, permission};
use crate::supervisor::{State, View};
use payhal_messages::manifest::{Kind, PortSort};
use payhal_protocol::diagnose::Finding;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const AREA: &str = "devices";
const SMART_CARDS: &str = "Smart card service";

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let plugins = discover(&scene.sources());
    let mut all = Vec::new();
    for (name, plugin) in &scene.instances {
        let Some(plugin) = plugins.found.get(plugin) else {
            continue;
        };
        let none = BTreeMap::new();
        let places = scene.ports.get(name).unwrap_or(&none);
        match PortWish::of(name, &plugin.manifest.ports, places) {
            Ok(wishes) => all.extend(wishes.iter().map(|wish| port(scene, wish))),
            Err(why) => all.push(fail(AREA, name, why, "Correct it in the configuration.")),
        }
    }
    let socket = scene.system("/run/pcscd/pcscd.comm");
    if socket.exists() {
        all.push(smart_cards(scene, &socket));
    }
    all
}

/// Whether the device is there, and whether this user may use it.
fn port(scene: &Scene, wish: &PortWish) -> Finding {
    let title = format!("{}, port {}", wish.instance, wish.need.name);
    if wish.need.kind == PortSort::Stream {
        return match &wish.place {
            Some(place) => note(AREA, &title, format!("a connection to {place}")),
            None => {
                let todo = format!("Say it: ports = {{ {} = \"HOST:PORT\" }}", wish.need.name);
                fail(AREA, &title, "nobody says where it is", &todo)
            }
        };
    }
    let seen = match look_for(&scene.root, wish) {
        Ok(seen) => seen,
        Err(_) if wish.need.optional => {
            return note(AREA, &title, "not there, and it works without");
        }
        Err(absent) => {
            let todo = "It is taken up by itself as soon as that is done.";
            return warn(AREA, &title, absent.to_string(), todo);
        }
    };
    if !may_use(scene, &seen.node) {
        let id = seen.usb_id.as_deref();
        let id = id.filter(|_| wish.need.kind == PortSort::Usb);
        let todo = permission(&scene.root, &seen.node, id);
        let says = format!("{}: this user may not use it", seen.called);
        return fail(AREA, &title, says, &todo);
    }
    match seen.others {
        0 => ok(AREA, &title, seen.called),
        others => {
            let says = format!("{}; {others} more would do as well", seen.called);
            let todo = format!(
                "Say which one is meant: ports = {{ {} = \"usb:SERIALNUMBER\" }}",
                wish.need.name
            );
            warn(AREA, &title, says, &todo)
        }
    }
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
    if let Some(parameters) = &view.parameters {
        words.push_str(&format!(", EMV parameters {parameters}"));
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
        State::Starting => match &view.reason {
            Some(why) => note(area, name, format!("not ready yet: {why}")),
            None => note(area, name, "starting"),
        },
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
             [reader]\nentries=['chip']\n[[port]]\nname='main'\n{access}\n"
        );
        let folder = scene.plugins[0].join("pin");
        put(&folder.join("plugin.toml"), &manifest, 0o644);
        put(&folder.join("libpin.so"), "", 0o755);
        scene
            .instances
            .push(("counter".to_owned(), "pin".to_owned()));
    }

    const PORT: &str = "counter, port main";

    #[test]
    fn a_serial_port_this_user_may_not_use_is_named_with_its_group() {
        let (_folder, mut scene) = scene();
        with_reader(&mut scene, "kind = 'serial'");
        assert_eq!(level(&check(&scene), PORT), FindingLevel::Warn);
        let places = [("main".to_owned(), "/dev/ttyACM0".to_owned())];
        scene.ports.insert("counter".to_owned(), places.into());
        assert_eq!(level(&check(&scene), PORT), FindingLevel::Warn);
        let node = scene.system("/dev/ttyACM0");
        put(&node, "", 0o660);
        assert_eq!(level(&check(&scene), PORT), FindingLevel::Ok);
        // Another user, in no group of it.
        scene.uid = 4_242;
        scene.groups = vec![4_242];
        assert_eq!(level(&check(&scene), PORT), FindingLevel::Fail);
        let gid = std::fs::metadata(&node).unwrap().gid();
        scene.groups.push(gid);
        assert_eq!(level(&check(&scene), PORT), FindingLevel::Ok);
    }

    fn plug_in(scene: &Scene, slot: &str, number: u32, serial: &str) {
        for (name, value) in [
            ("idVendor", "0acd"),
            ("idProduct", "3810"),
            ("busnum", "1"),
            ("devnum", &number.to_string()),
            ("serial", serial),
        ] {
            let path = format!("/sys/bus/usb/devices/{slot}/{name}");
            put(&scene.system(&path), &format!("{value}\n"), 0o644);
        }
        let node = format!("/dev/bus/usb/001/{number:03}");
        put(&scene.system(&node), "", 0o664);
    }

    #[test]
    fn an_attached_usb_device_is_found_by_its_numbers() {
        let (_folder, mut scene) = scene();
        with_reader(&mut scene, "kind = 'usb'\nusb = ['0ACD:3810']");
        assert_eq!(level(&check(&scene), PORT), FindingLevel::Warn);
        plug_in(&scene, "1-1", 7, "A1");
        let found = check(&scene);
        assert_eq!(level(&found, PORT), FindingLevel::Ok);
        assert!(titled(&found, PORT).says.contains("serial number A1"));
        // Two of one kind: whichever comes first is taken.
        plug_in(&scene, "1-2", 8, "B2");
        let found = check(&scene);
        assert_eq!(level(&found, PORT), FindingLevel::Warn);
        assert!(titled(&found, PORT).todo.as_ref().unwrap().contains("usb:"));
        let places = [("main".to_owned(), "usb:B2".to_owned())];
        scene.ports.insert("counter".to_owned(), places.into());
        assert!(
            titled(&check(&scene), PORT)
                .says
                .contains("serial number B2")
        );
        scene.uid = 4_242;
        scene.groups = Vec::new();
        let found = check(&scene);
        assert_eq!(level(&found, PORT), FindingLevel::Fail);
    }

    #[test]
    fn a_place_that_cannot_be_is_told() {
        let (_folder, mut scene) = scene();
        with_reader(&mut scene, "kind = 'stream'");
        assert_eq!(level(&check(&scene), PORT), FindingLevel::Fail);
        let places = [("main".to_owned(), "/dev/ttyACM0".to_owned())];
        scene.ports.insert("counter".to_owned(), places.into());
        assert_eq!(level(&check(&scene), "counter"), FindingLevel::Fail);
        let places = [("main".to_owned(), "pinpad:8000".to_owned())];
        scene.ports.insert("counter".to_owned(), places.into());
        assert_eq!(level(&check(&scene), PORT), FindingLevel::Note);
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
