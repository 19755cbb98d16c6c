// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a port cannot be had, in words that say what to do, and what would change it.

use super::watch::Watch;
use super::wish::PortWish;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

/// A port that cannot be had now.
#[derive(Debug)]
pub(crate) struct Absent {
    /// Its name in the manifest.
    pub(crate) port: String,
    /// What kind of reason it is.
    pub(crate) cause: Cause,
    says: String,
    /// Tells when a folder changes in which it would appear.
    pub(super) watch: Option<Watch>,
    /// How often an instance had given a device back when this was found.
    pub(super) released: u64,
    /// When to try again what nothing announces.
    pub(super) again: Option<Duration>,
}

/// What kind of reason there is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// It is not plugged in, or nobody answers at its address.
    NotThere,
    /// This user may not use it.
    Denied,
    /// Another instance or another program uses it.
    Taken,
    /// The configuration does not say which one it is.
    Unclear,
    /// It is there and cannot be opened as it should.
    Broken,
}

impl Absent {
    pub(super) fn new(wish: &PortWish, cause: Cause, says: impl Into<String>) -> Self {
        Self {
            port: wish.need.name.clone(),
            cause,
            says: says.into(),
            watch: None,
            released: 0,
            again: None,
        }
    }

    pub(super) fn again(mut self, pause: Duration) -> Self {
        self.again = Some(pause);
        self
    }
}

impl std::fmt::Display for Absent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "port `{}`: {}", self.port, self.says)
    }
}

impl std::error::Error for Absent {}

/// What lets this user use a node: its group, or a rule for udev where the group is root's.
pub(crate) fn permission(root: &Path, node: &Path, usb_id: Option<&str>) -> String {
    let owner = std::fs::metadata(node).ok();
    let group = owner.and_then(|owner| match owner.gid() {
        0 => None,
        gid => group_name(root, gid),
    });
    match (group, usb_id.and_then(|id| id.split_once(':'))) {
        (Some(group), _) => format!(
            "run `sudo usermod -aG {group} $USER`, log in again, and restart the host's service"
        ),
        (None, Some((vendor, product))) => format!(
            "write `SUBSYSTEM==\"usb\", ATTR{{idVendor}}==\"{vendor}\", \
             ATTR{{idProduct}}==\"{product}\", MODE=\"0660\", GROUP=\"payhal\"` to \
             /etc/udev/rules.d/70-payhal.rules, with a group of the host's user, run `sudo udevadm \
             control --reload`, and plug it in again"
        ),
        (None, None) => format!(
            "give the host's user the right to read and write {}",
            node.display()
        ),
    }
}

fn group_name(root: &Path, gid: u32) -> Option<String> {
    let groups = std::fs::read_to_string(root.join("etc/group")).ok()?;
    // group(5): name, password, number, members.
    let of = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == gid.to_string()).then(|| name.to_owned())
    };
    groups.lines().find_map(of)
}

/// Which program has a node open: `process 812 (ModemManager)`.
pub(super) fn holder(root: &Path, node: &Path) -> Option<String> {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir(root.join("proc")).ok()?;
    let numbered = processes.flatten().filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name != own.as_str() && name.bytes().all(|byte| byte.is_ascii_digit())
    });
    let has_it = |process: &Path| {
        let files = std::fs::read_dir(process.join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        let mut open = files.filter_map(|file| std::fs::read_link(file.path()).ok());
        open.any(|file| file == node)
    };
    let process = numbered
        .map(|entry| entry.path())
        .find(|path| has_it(path))?;
    let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
    let number = process.file_name()?.to_string_lossy().into_owned();
    Some(format!("process {number} ({})", name.trim()))
}
