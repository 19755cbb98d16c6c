// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs that stages need, how to tell that they are here, and how to install them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Names under which Chromium is installed.
const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Rustfmt,
    Clippy,
    Gcc,
    Gpp,
    Clang,
    Node,
    Npm,
    Python,
    Venv,
    Chromium,
    Firefox,
    Strace,
    Mounts,
    Qemu,
}

/// One line for each tool that is not here: its name, and what installs it.
pub(crate) fn missing(needs: &[Tool]) -> Vec<String> {
    needs
        .iter()
        .filter(|tool| !tool.is_here())
        .map(|tool| format!("{} is missing: {}", tool.name(), tool.installed_by()))
        .collect()
}

/// Names under which Firefox is installed.
const FIREFOX: [&str; 2] = ["firefox-esr", "firefox"];

/// Chromium's program, under whichever name it is here, with its whole path: who drives it does
/// not search for it.
pub(crate) fn chromium() -> Option<PathBuf> {
    program(&CHROMIUM)
}

/// The same of Firefox.
pub(crate) fn firefox() -> Option<PathBuf> {
    program(&FIREFOX)
}

fn program(names: &[&str]) -> Option<PathBuf> {
    let found = |name: &str| {
        let folders = std::env::var_os("PATH")?;
        std::env::split_paths(&folders)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
    };
    names
        .iter()
        .filter(|name| answers(name, &["--version"]))
        .find_map(|name| found(name))
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Rustfmt => "rustfmt",
            Self::Clippy => "clippy",
            Self::Gcc => "gcc",
            Self::Gpp => "g++",
            Self::Clang => "clang",
            Self::Node => "Node 20 or newer",
            Self::Npm => "npm",
            Self::Python => "Python 3.11 or newer",
            Self::Venv => "Python's venv",
            Self::Chromium => "Chromium",
            Self::Firefox => "Firefox",
            Self::Strace => "strace that may trace a running process",
            Self::Mounts => "a mount namespace",
            Self::Qemu => "QEMU with what makes a machine for it",
        }
    }

    fn installed_by(self) -> &'static str {
        match self {
            Self::Rustfmt => "rustup component add rustfmt",
            Self::Clippy => "rustup component add clippy",
            Self::Gcc => "apt-get install -y gcc libc6-dev",
            Self::Gpp => "apt-get install -y g++",
            Self::Clang => "apt-get install -y clang",
            Self::Node => "see https://nodejs.org/en/download",
            Self::Npm => "apt-get install -y npm",
            Self::Python => "apt-get install -y python3",
            Self::Venv => "apt-get install -y python3-venv",
            Self::Chromium => "apt-get install -y chromium",
            Self::Firefox => "apt-get install -y firefox-esr",
            Self::Strace => "apt-get install -y strace",
            Self::Mounts => "run as root, where containers may mount",
            Self::Qemu => "apt-get install -y qemu-system-x86 busybox-static cpio kmod",
        }
    }

    fn is_here(self) -> bool {
        match self {
            Self::Rustfmt => answers("cargo", &["fmt", "--version"]),
            Self::Clippy => answers("cargo", &["clippy", "--version"]),
            Self::Gcc => answers("gcc", &["--version"]),
            Self::Gpp => answers("g++", &["--version"]),
            Self::Clang => answers("clang", &["--version"]),
            Self::Node => {
                let check = "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)";
                answers("node", &["--eval", check])
            }
            Self::Npm => answers("npm", &["--version"]),
            Self::Python => {
                let check = "import sys; sys.exit(sys.version_info < (3, 11))";
                answers("python3", &["-c", check])
            }
            Self::Venv => answers("python3", &["-c", "import ensurepip, venv"]),
            Self::Chromium => chromium().is_some(),
            Self::Firefox => firefox().is_some(),
            Self::Strace => may_attach() && answers("strace", &["-o", "/dev/null", "true"]),
            Self::Qemu => {
                answers("qemu-system-x86_64", &["--version"])
                    && answers("busybox", &["true"])
                    && answers("cpio", &["--version"])
                    && answers("modprobe", &["--version"])
            }
            Self::Mounts => {
                let private = ["--map-root-user", "--mount"];
                let mount = ["mount", "-t", "tmpfs", "none", "/tmp"];
                answers("unshare", &[private.as_slice(), &mount].concat())
            }
        }
    }
}

/// Whether the kernel lets one process of a user trace another: Yama may forbid it to all but root.
fn may_attach() -> bool {
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let is_root = status.lines().any(|line| line.starts_with("Uid:\t0\t"));
    is_root || scope.map_or(true, |scope| scope.trim() == "0")
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_does_not_answer() {
        assert!(!answers("payhal-no-such-program", &["--version"]));
        assert!(answers("cargo", &["--version"]));
        assert!(!answers("cargo", &["no-such-subcommand"]));
    }

    #[test]
    fn every_tool_names_what_installs_it() {
        for tool in [
            Tool::Gcc,
            Tool::Clang,
            Tool::Npm,
            Tool::Venv,
            Tool::Chromium,
            Tool::Firefox,
            Tool::Strace,
            Tool::Qemu,
        ] {
            assert!(tool.installed_by().starts_with("apt-get install -y "));
        }
    }
}
