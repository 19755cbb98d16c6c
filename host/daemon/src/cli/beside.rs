// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs that lie beside this one, and that it becomes: `payhal-keys`, `payhal-kit`,
//! simulators.
//!
//! What they can do (hold keys, run a vendor's library without a host) must not be in the host. It
//! must never start a child: this process ends or becomes the other one.

use super::exit::{Exit, Failure};
use std::ffi::{OsStr, OsString};
use std::io::{Error, ErrorKind};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns only when that could not be done; `advice` is for where the program is missing.
pub(super) fn become_program(name: &str, words: &[OsString], advice: &str) -> Failure {
    let program = beside(name);
    let error = Command::new(&program).args(words).exec();
    failed(&program, &error, advice)
}

fn beside(name: &str) -> PathBuf {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let exe = std::env::current_exe().ok();
    let beside = exe.and_then(|exe| Some(exe.parent()?.join(&name)));
    beside.unwrap_or_else(|| PathBuf::from(name))
}

fn failed(program: &Path, error: &Error, advice: &str) -> Failure {
    if error.kind() != ErrorKind::NotFound {
        let text = format!("failed to start {}: {error}", program.display());
        return Failure::new(Exit::Failed, text);
    }
    let name = program.file_name().unwrap_or(OsStr::new("the program"));
    let folder = program.parent().unwrap_or(program);
    let text = format!(
        "`{}` is not installed (looked in {})",
        name.display(),
        folder.display()
    );
    Failure::new(Exit::Failed, text).advise(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_where_it_belongs() {
        let program = PathBuf::from("/nowhere/payhal-keys");
        let said = format!(
            "{:?}",
            failed(&program, &Error::from(ErrorKind::NotFound), "Build it.")
        );
        assert!(
            said.contains("/nowhere") && said.contains("payhal-keys") && said.contains("Build it."),
            "{said}"
        );
    }
}
