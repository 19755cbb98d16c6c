// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system's own programs: trust stores are changed by those who own their format.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Folders of administrators' programs, which are not in everybody's PATH.
const ADMINISTRATORS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// A program and where it comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// Which packages have it, in words.
    pub(super) from: &'static str,
}

/// Why a store was not changed or looked at.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("`{}` is missing; install {}", .0.name, .0.from)]
    Missing(Tool),
    #[error("this needs root: say it again with sudo")]
    NeedsRoot,
    #[error("{0}")]
    Failed(String),
}

impl Tool {
    /// Where it is.
    pub(super) fn find(self) -> Result<PathBuf, Trouble> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(ADMINISTRATORS.map(PathBuf::from));
        let mut found = folders.map(|folder| folder.join(self.name));
        found
            .find(|program| program.is_file())
            .ok_or(Trouble::Missing(self))
    }

    /// Runs it without any input. What it said, if it ended well.
    pub(super) fn run<const N: usize>(self, words: [&OsStr; N]) -> Result<Said, Trouble> {
        run(&self.find()?, words)
    }
}

/// What a program said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) well: bool,
    pub(super) output: String,
    errors: String,
}

impl Said {
    /// An error unless it ended well.
    pub(super) fn done(self) -> Result<String, Trouble> {
        let denied = ["Permission denied", "SEC_ERROR_READ_ONLY", "AccessDenied"];
        match self.well {
            true => Ok(self.output),
            false if denied.iter().any(|word| self.all().contains(word)) => Err(Trouble::NeedsRoot),
            false => Err(Trouble::Failed(self.all().trim().replace('\n', "; "))),
        }
    }

    fn all(&self) -> String {
        format!("{}{}", self.output, self.errors)
    }
}

fn run<const N: usize>(program: &Path, words: [&OsStr; N]) -> Result<Said, Trouble> {
    let ran = Command::new(program)
        .args(words)
        // Words are compared, so that they must not depend on the user's language.
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output();
    let ran = ran.map_err(|error| {
        Trouble::Failed(format!("failed to start {}: {error}", program.display()))
    })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said {
        well: ran.status.success(),
        output: text(&ran.stdout),
        errors: text(&ran.stderr),
    })
}

/// `sql:` and the folder, as NSS names its databases.
pub(super) fn database(folder: &Path) -> OsString {
    let mut name = OsString::from("sql:");
    name.push(folder);
    name
}
