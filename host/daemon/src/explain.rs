// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a plugin may touch, in plain sentences: from its manifest, the configuration of its
//! instances and what is in force in their runners.
//!
//! It must never say less than is allowed, and never show a configuration.

use crate::plugins::Plugin;
use crate::supervisor::{InstanceConfig, View};
use payhal_ipc::limits::ADDRESS_SPACE_BYTES;
use payhal_messages::manifest::{Kind, Manifest, PortNeed, PortSort};
use payhal_protocol::explain::{AccessRow, PluginExplainResult};
use std::path::{Path, PathBuf};

/// Who gives what every plugin gets.
const EVERYBODY: &str = "every plugin gets this; it could not be loaded without";
/// Who takes what every plugin is denied.
const NOBODY: &str = "no plugin gets more, whatever its manifest says";
/// Parts of a sandbox without which a plugin reaches what these rows say it does not.
pub(crate) const PARTS: [(&str, &str); 2] = [
    ("landlock", "files and folders"),
    ("seccomp", "network and other processes"),
];

/// A device or gateway of the plugin.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// Its name.
    pub(crate) name: String,
    /// The one folder it may write to.
    pub(crate) folder: PathBuf,
    /// Targets that the configuration adds.
    pub(crate) network: Vec<String>,
    /// Where each port is, by its name in the manifest.
    pub(crate) ports: Vec<(String, String)>,
    /// What is in force in its runner, while there is one.
    pub(crate) sandbox: Vec<String>,
}

impl Seat {
    /// As the configuration has it, below this state folder.
    pub(crate) fn configured(config: &InstanceConfig, state: &Path) -> Self {
        Self {
            name: config.name.clone(),
            folder: state.join("instances").join(&config.name),
            network: config.network.clone(),
            ports: config.ports.clone().into_iter().collect(),
            sandbox: Vec::new(),
        }
    }

    /// The same as it runs.
    pub(crate) fn running(mut self, view: &View) -> Self {
        self.sandbox.clone_from(&view.sandbox);
        for port in &view.ports {
            let Some(place) = &port.place else { continue };
            let place = match &port.serial_number {
                Some(serial) => format!("{place} (serial number {serial})"),
                None => place.clone(),
            };
            self.ports.retain(|(name, _)| *name != port.name);
            self.ports.push((port.name.clone(), place));
        }
        self
    }
}

/// Parts that are missing of what is in force, as what a plugin then reaches.
pub(crate) fn missing(in_force: &[String]) -> Vec<&'static str> {
    let has = |part: &str| {
        let names = in_force.iter().map(|name| name.split(':').next());
        names.into_iter().any(|name| name == Some(part))
    };
    let lacking = PARTS.iter().filter(|(part, _)| !has(part));
    lacking.map(|(_, reach)| *reach).collect()
}

/// Everything that a plugin may touch.
pub(crate) fn explain(plugin: &Plugin, seats: &[Seat]) -> PluginExplainResult {
    let manifest = &plugin.manifest;
    let mut rows = vec![maker(plugin), cards(manifest)];
    rows.extend(ports(manifest, seats));
    rows.extend(network(manifest, seats));
    rows.extend(smart_cards(manifest));
    rows.extend(files(seats));
    rows.push(processes());
    rows.extend([memory(manifest), calls(manifest)]);
    rows.extend(seats.iter().map(in_force));
    PluginExplainResult {
        plugin: manifest.id.clone(),
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        rows,
    }
}

fn row(what: &str, access: impl Into<String>, why: impl Into<String>) -> AccessRow {
    AccessRow {
        what: what.to_owned(),
        access: access.into(),
        why: why.into(),
        ..AccessRow::default()
    }
}

fn exception(what: &str, access: impl Into<String>, why: impl Into<String>) -> AccessRow {
    AccessRow {
        exception: true,
        ..row(what, access, why)
    }
}

fn at(seat: &Seat, row: AccessRow) -> AccessRow {
    AccessRow {
        instance: Some(seat.name.clone()),
        ..row
    }
}

fn maker(plugin: &Plugin) -> AccessRow {
    match &plugin.signer {
        Some(signer) => row(
            "Maker",
            format!(
                "signed with the key {} {}",
                signer.key_id, signer.key_comment
            )
            .trim_end()
            .to_owned(),
            "this host trusts that key: payhal plugin keys",
        ),
        None => exception(
            "Maker",
            "nobody that this host trusts has signed it",
            "it runs only where its operator allowed unsigned plugins, or this one",
        ),
    }
}

/// What of a card it gets to see is the first thing to know of a plugin.
fn cards(manifest: &Manifest) -> AccessRow {
    let sealing = "its manifest says what the device can do";
    match (manifest.kind, &manifest.reader) {
        (Kind::Reader, Some(reader)) if reader.encrypts => row(
            "Cards",
            "passes on what its reader has encrypted; no card number in clear",
            sealing,
        ),
        (Kind::Reader, _) => row(
            "Cards",
            "sees the cards that are shown to its reader, and encrypts what it read at once",
            "its reader cannot encrypt",
        ),
        (Kind::Terminal, _) => row(
            "Cards",
            "sees what its terminal tells of a payment; the card stays in there",
            "terminals do the whole payment themselves",
        ),
        (Kind::Gateway, _) => row(
            "Cards",
            "opens card data that readers have encrypted for it, and for nobody else",
            "it asks its gateway for the money",
        ),
    }
}

fn ports(manifest: &Manifest, seats: &[Seat]) -> Vec<AccessRow> {
    let what = "Ports";
    if manifest.ports.is_empty() {
        let none = "none: no serial line, no USB device";
        return vec![row(what, none, "its manifest asks for none")];
    }
    let mut rows: Vec<_> = manifest
        .ports
        .iter()
        .map(|port| row(what, needed(port), "its manifest asks for it"))
        .collect();
    for seat in seats {
        rows.extend(seat.ports.iter().map(|(name, place)| {
            let access = format!("`{name}` is {place}; the host opened it and handed it over");
            at(
                seat,
                row(what, access, "the configuration, or the device that fits"),
            )
        }));
    }
    rows
}

fn needed(port: &PortNeed) -> String {
    let kind = match port.kind {
        PortSort::Serial => format!("a serial line of {} baud", port.baud),
        PortSort::Usb => "a USB device".to_owned(),
        PortSort::Stream => "a network connection that stays".to_owned(),
    };
    let fits = match port.usb.as_slice() {
        [] => String::new(),
        ids => format!(", one of {}", ids.join(", ")),
    };
    let optional = if port.optional {
        ", if it is there"
    } else {
        ""
    };
    format!("`{}`: {kind}{fits}{optional}", port.name)
}

fn network(manifest: &Manifest, seats: &[Seat]) -> Vec<AccessRow> {
    let (what, access) = ("Network", &manifest.access);
    let mut rows = Vec::new();
    if access.own_network {
        rows.push(exception(
            what,
            "opens connections by itself, to anybody, and takes some; nobody can tell whom it \
             talks to or what it says there",
            "its manifest asks for `own_network`; ask its maker why",
        ));
    }
    let opened = |targets: &[String]| {
        let targets = targets.join(", ");
        format!("connections to {targets}, which the host opens and hands over")
    };
    if !access.network.is_empty() {
        rows.push(row(
            what,
            opened(&access.network),
            "its manifest names them",
        ));
    }
    for seat in seats.iter().filter(|seat| !seat.network.is_empty()) {
        let why = "the configuration names them";
        rows.push(at(seat, row(what, opened(&seat.network), why)));
    }
    if rows.is_empty() {
        let none = "none: it can open no socket, and the host opens none for it";
        rows.push(row(
            what,
            none,
            "neither its manifest nor the configuration names a target",
        ));
    }
    rows
}

fn smart_cards(manifest: &Manifest) -> Option<AccessRow> {
    let access = "talks to this computer's smart card service, and on Linux before 7.1 to every \
                  other service with a local socket, some of which start programs";
    let why = "its manifest asks for `pcsc`";
    let asked = manifest.access.pcsc;
    asked.then(|| exception("Smart cards", access, why))
}

fn files(seats: &[Seat]) -> Vec<AccessRow> {
    let what = "Files";
    let read = "reads the system's libraries, time zones and certificates of authorities";
    let mut rows = vec![row(what, read, EVERYBODY)];
    let why = "its own folder, where it keeps keys and counters";
    for seat in seats {
        let access = format!("reads and writes {}", seat.folder.display());
        rows.push(at(seat, row(what, access, why)));
    }
    let none = "no other file or folder can be opened, made, changed or deleted";
    rows.push(row(what, none, NOBODY));
    rows
}

fn processes() -> AccessRow {
    let access = "starts no program, sees, signals and changes no process but its own";
    row("Processes", access, NOBODY)
}

fn memory(manifest: &Manifest) -> AccessRow {
    let usual = ADDRESS_SPACE_BYTES / (1024 * 1024);
    let access = |mib: u64| format!("{mib} MiB of address space, and no core files");
    match manifest.access.memory_mib {
        0 => row("Memory", access(usual), "the usual"),
        asked => {
            let asked = u64::from(asked);
            let found = row("Memory", access(asked), "its manifest asks for it");
            AccessRow {
                exception: asked > usual,
                ..found
            }
        }
    }
}

fn calls(manifest: &Manifest) -> AccessRow {
    let (kind, asked) = match manifest.kind {
        Kind::Reader => ("reader", "to show, read and settle cards"),
        Kind::Terminal => ("terminal", "to pay, and about payments"),
        Kind::Gateway => ("gateway", "to authorize, capture, refund and reverse"),
    };
    let access = match manifest.calls_max {
        1 => format!("is asked {asked}, one call at a time"),
        most => format!("is asked {asked}, up to {most} calls at once"),
    };
    row("Calls", access, format!("it is a {kind}"))
}

fn in_force(seat: &Seat) -> AccessRow {
    let what = "In force";
    if seat.sandbox.is_empty() {
        let access = "it is not running: what keeps it shows once it does";
        return at(
            seat,
            row(what, access, "told by its runner before it is loaded"),
        );
    }
    let parts = seat.sandbox.join(", ");
    let missing = missing(&seat.sandbox);
    if missing.is_empty() {
        return at(
            seat,
            row(what, parts, "told by its runner before it was loaded"),
        );
    }
    let access = format!(
        "{parts}; NOTHING KEEPS IT FROM {}, whatever these rows say",
        missing.join(" AND FROM ").to_uppercase()
    );
    let why = "this system cannot, and `allow_incomplete_sandbox` lets it run";
    at(seat, exception(what, access, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(access: &str) -> Manifest {
        let text = format!(
            "id='bank'\nname='Bank'\nversion='1.0.0'\nabi=1\nkind='gateway'\nlibrary='bank'\n\
             calls_max=8\n[gateway]\n[access]\n{access}\n[config]\npassword='hunter2'\n"
        );
        Manifest::parse(&text).unwrap()
    }

    fn seat(sandbox: &str) -> Seat {
        Seat {
            name: "bank-1".to_owned(),
            folder: PathBuf::from("/s/instances/bank-1"),
            network: vec!["bank.example:443".to_owned()],
            ports: Vec::new(),
            sandbox: sandbox.split_whitespace().map(str::to_owned).collect(),
        }
    }

    fn rows(access: &str, sandbox: &str) -> Vec<AccessRow> {
        let plugin = Plugin::made_up(manifest(access));
        explain(&plugin, &[seat(sandbox)]).rows
    }

    fn about<'a>(rows: &'a [AccessRow], what: &'a str) -> impl Iterator<Item = &'a AccessRow> {
        rows.iter().filter(move |row| row.what == what)
    }

    const FULL: &str = "rlimits no_new_privs undumpable landlock:6 seccomp";

    #[test]
    fn a_plain_gateway_has_its_targets_its_folder_and_no_exception_but_its_maker() {
        let rows = rows("network=['pay.example:443']", FULL);
        let targets: Vec<_> = about(&rows, "Network").collect();
        assert!(targets[0].access.contains("pay.example:443"));
        assert_eq!(targets[1].instance.as_deref(), Some("bank-1"));
        assert!(targets[1].access.contains("bank.example:443"));
        assert!(about(&rows, "Files").any(|row| row.access.contains("/s/instances/bank-1")));
        let exceptions = rows.iter().filter(|row| row.exception);
        let named: Vec<_> = exceptions.map(|row| row.what.as_str()).collect();
        assert_eq!(named, ["Maker"]);
        assert!(!format!("{rows:?}").contains("hunter2"));
    }

    #[test]
    fn every_exception_is_one() {
        let rows = rows("own_network=true\npcsc=true\nmemory_mib=4096", FULL);
        for what in ["Network", "Smart cards", "Memory"] {
            assert!(about(&rows, what).any(|row| row.exception), "{what}");
        }
    }

    #[test]
    fn what_is_missing_is_loud() {
        let of = |sandbox: &str| rows("", sandbox);
        assert!(about(&of(FULL), "In force").all(|row| !row.exception));
        assert!(about(&of(""), "In force").all(|row| row.access.contains("not running")));
        for (sandbox, reach) in [
            ("rlimits seccomp", "FILES"),
            ("rlimits landlock:6", "OTHER PROCESSES"),
            ("rlimits", "FILES"),
        ] {
            let rows = of(sandbox);
            let row = about(&rows, "In force").next().unwrap();
            assert!(
                row.exception && row.access.contains(reach),
                "{sandbox}: {}",
                row.access
            );
        }
    }
}
