// SPDX-License-Identifier: MIT OR Apache-2.0
//! A scene in a folder of its own, as it should be; each test spoils one thing.

use super::Scene;
use crate::plugins::Plugin;
use crate::supervisor::{State, View};
use payhal_messages::manifest::Manifest;
use payhal_protocol::diagnose::{Finding, FindingLevel};
use payhal_protocol::instances::{InstanceKind, Source};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::TempDir;

/// 2026-11-21T12:00:00Z.
pub(crate) const NOW: i64 = 1_795_262_400_000_000;

/// A state folder and a system with nothing in them. The folder goes with the guard.
pub(crate) fn scene() -> (TempDir, Scene) {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let root = folder.path().join("root");
    for made in [&state, &root] {
        std::fs::create_dir(made).unwrap();
        mode(made, 0o700);
    }
    let scene = Scene {
        root,
        state,
        uid: rustix::process::geteuid().as_raw(),
        groups: Vec::new(),
        now_micros: NOW,
        plugins: vec![folder.path().join("plugins")],
        allow_unsigned: true,
        allow_incomplete_sandbox: false,
        runner: folder.path().join("payhal-plugin-runner"),
        instances: Vec::new(),
        ports: std::collections::BTreeMap::new(),
        software_sealing: Vec::new(),
        listeners: Vec::new(),
        origins: Vec::new(),
    };
    (folder, scene)
}

/// Makes a file, with the folders above it.
pub(crate) fn put(path: &Path, content: &str, permissions: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
    mode(path, permissions);
}

pub(crate) fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A device as the supervisor shows it.
pub(crate) fn view(name: &str, state: State, ends: u32) -> View {
    let manifest = "id='pin'\nname='P'\nversion='1.0.0'\nabi=1\nkind='reader'\nlibrary='pin'\n\
                    [reader]\nentries=['chip']\n";
    View {
        name: name.to_owned(),
        plugin: Plugin::made_up(Manifest::parse(manifest).unwrap()),
        kind: InstanceKind::Device,
        source: Source::File,
        state,
        reason: None,
        since_micros: NOW,
        identity: None,
        opened: None,
        parameters: None,
        update: None,
        screen: None,
        ends,
        last_end: None,
        pid: None,
        sandbox: Vec::new(),
        ports: Vec::new(),
    }
}

/// The finding with this title.
#[track_caller]
pub(crate) fn titled<'a>(findings: &'a [Finding], title: &str) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.title == title);
    found.unwrap_or_else(|| panic!("no `{title}` in {findings:#?}"))
}

/// Its level; what is not well says what to do.
#[track_caller]
pub(crate) fn level(findings: &[Finding], title: &str) -> FindingLevel {
    let found = titled(findings, title);
    assert_eq!(
        found.todo.is_some(),
        found.level > FindingLevel::Note,
        "{found:?}"
    );
    found.level
}
