// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looks at a host and says what is well and what is not, each with what to do about it: a file for
//! each area. Most is seen from outside, so that it works on a host that does not start.
//!
//! It reads, and makes one small file to time the disk. It must never repair anything, nor show
//! what a secret file holds.

mod access;
mod browsers;
mod clock;
mod devices;
mod disk;
mod gateways;
mod journal;
mod plugins;
mod ports;
mod process;
mod sandbox;
mod state;
mod tls;

pub(crate) use journal::backed_up;

use crate::config::Config;
use crate::plugins::Sources;
use crate::supervisor::View;
use payhal_protocol::diagnose::{Finding, FindingLevel};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What is looked at, and from where: given, so that tests may make one up.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// Where the system's own files are: `/`.
    pub(crate) root: PathBuf,
    /// The state folder.
    pub(crate) state: PathBuf,
    /// The user that looks, and its groups.
    pub(crate) uid: u32,
    pub(crate) groups: Vec<u32>,
    /// Microseconds since 1970 UTC.
    pub(crate) now_micros: i64,
    /// Folders of plugin folders.
    pub(crate) plugins: Vec<PathBuf>,
    /// Whether plugins run that nobody trusted has signed.
    pub(crate) allow_unsigned: bool,
    /// Whether plugins run where this system cannot confine them in full.
    pub(crate) allow_incomplete_sandbox: bool,
    /// The program that holds one plugin.
    pub(crate) runner: PathBuf,
    /// Devices and gateways: name and plugin.
    pub(crate) instances: Vec<(String, String)>,
    /// Which port of this machine each port of an instance is, where the configuration says so.
    pub(crate) ports: BTreeMap<String, BTreeMap<String, String>>,
    /// Gateways that take what this computer encrypts.
    pub(crate) software_sealing: Vec<String>,
    /// Where the configuration lets it listen, and with which option that is changed.
    pub(crate) listeners: Vec<(SocketAddr, &'static str)>,
    /// Origins that the configuration lets in.
    pub(crate) origins: Vec<String>,
}

/// What only the running host knows.
#[derive(Debug)]
pub(crate) struct Inside {
    /// Devices and gateways as they are now.
    pub(crate) views: Vec<View>,
    /// Terminals that owe the outcome of a payment.
    pub(crate) quarantined: Vec<String>,
    /// Whether access is open.
    pub(crate) open: bool,
}

impl Scene {
    /// What a configuration says, looked at now by this process.
    pub(crate) fn of(config: &Config) -> Self {
        let tls = config.tls.listen.map(|tls| (tls, "--tls-listen"));
        let network = config.tls.network.as_ref();
        let network = network.map(|network| (network.listen, "lan.listen"));
        let listeners = [Some((config.listen, "--listen")), tls, network];
        let instances = config.instances.iter();
        let sealing = config.engine.software_sealing.iter();
        Self {
            root: PathBuf::from("/"),
            state: config.state.clone(),
            uid: rustix::process::geteuid().as_raw(),
            groups: groups(),
            now_micros: crate::clock::wall_micros(),
            plugins: config.plugins.clone(),
            allow_unsigned: config.allow_unsigned,
            allow_incomplete_sandbox: config.allow_incomplete_sandbox,
            runner: config.runner.clone(),
            instances: instances
                .map(|instance| (instance.name.clone(), instance.plugin.clone()))
                .collect(),
            ports: config
                .instances
                .iter()
                .map(|instance| (instance.name.clone(), instance.ports.clone()))
                .collect(),
            software_sealing: sealing.map(|gateway| gateway.0.to_string()).collect(),
            listeners: listeners.into_iter().flatten().collect(),
            origins: config.allow_origins.clone(),
        }
    }

    /// The same, now.
    pub(crate) fn now(mut self) -> Self {
        self.now_micros = crate::clock::wall_micros();
        self
    }

    /// Where plugins may come from, and on which terms.
    fn sources(&self) -> Sources {
        Sources {
            folders: self.plugins.clone(),
            state: self.state.clone(),
            allow_unsigned: self.allow_unsigned,
        }
    }

    /// A file of the system.
    fn system(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// What a small file of the system says, without the line's end.
    fn line(&self, path: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.system(path)).ok()?;
        Some(text.trim().to_owned())
    }
}

fn groups() -> Vec<u32> {
    let others = rustix::process::getgroups().unwrap_or_default();
    let own = rustix::process::getegid();
    let all = others.into_iter().chain([own]);
    all.map(rustix::process::Gid::as_raw).collect()
}

/// Everything that can be looked at without a host. `running` says whether one has this state.
pub(crate) fn outside(scene: &Scene, running: bool) -> Vec<Finding> {
    let look = journal::look(scene);
    let newest = look.as_ref().ok().and_then(|look| look.newest_micros);
    let mut all = process::versions(scene);
    all.extend(state::check(scene));
    all.extend(clock::check(scene, newest));
    all.extend(disk::check(scene));
    all.extend(journal::check(scene, &look));
    all.extend(tls::check(scene));
    all.extend(ports::check(scene, running));
    all.extend(access::check(scene));
    all.extend(plugins::check(scene));
    all.extend(devices::check(scene));
    all.extend(gateways::check(scene));
    all.extend(sandbox::check(scene));
    all.extend(browsers::check(scene));
    all
}

/// What the running host knows besides.
pub(crate) fn inside(scene: &Scene, inside: &Inside) -> Vec<Finding> {
    let mut all = process::limits();
    all.extend(access::mode(inside.open));
    all.extend(devices::states(inside));
    all.extend(gateways::states(scene, inside));
    all.extend(sandbox::runners(scene, inside));
    all
}

/// What a policy of this machine lets pages do.
pub(crate) fn browsers(scene: &Scene) -> Vec<Finding> {
    browsers::check(scene)
}

/// The worst of them.
pub(crate) fn worst(findings: &[Finding]) -> FindingLevel {
    let levels = findings.iter().map(|finding| finding.level);
    levels.max().unwrap_or(FindingLevel::Ok)
}

/// The area of what depends on whose home it is.
pub(crate) const BROWSERS: &str = "browsers";

fn finding(area: &str, level: FindingLevel, title: &str, says: impl Into<String>) -> Finding {
    Finding {
        area: area.to_owned(),
        level,
        title: title.to_owned(),
        says: says.into(),
        todo: None,
    }
}

pub(crate) fn ok(area: &str, title: &str, says: impl Into<String>) -> Finding {
    finding(area, FindingLevel::Ok, title, says)
}

fn note(area: &str, title: &str, says: impl Into<String>) -> Finding {
    finding(area, FindingLevel::Note, title, says)
}

pub(crate) fn warn(area: &str, title: &str, says: impl Into<String>, todo: &str) -> Finding {
    Finding {
        todo: Some(todo.to_owned()),
        ..finding(area, FindingLevel::Warn, title, says)
    }
}

pub(crate) fn fail(area: &str, title: &str, says: impl Into<String>, todo: &str) -> Finding {
    Finding {
        todo: Some(todo.to_owned()),
        ..finding(area, FindingLevel::Fail, title, says)
    }
}

/// A path for a command that a person copies.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    if text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Days, hours or minutes, whichever a person would say.
fn ago(micros: i64) -> String {
    let minutes = micros / 60_000_000;
    match (minutes / 1_440, minutes / 60) {
        (days, _) if days > 1 => format!("{days} days ago"),
        (_, hours) if hours > 1 => format!("{hours} hours ago"),
        _ => format!("{minutes} minutes ago"),
    }
}

#[cfg(test)]
pub(crate) mod made_up;
