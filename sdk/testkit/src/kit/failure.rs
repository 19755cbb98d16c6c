// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a command did nothing, and what to do about it. It must never carry what a device sent.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// Why a command of the kit could not be carried out.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    advice: Option<String>,
}

impl Failure {
    /// A sentence without a full stop: "failed to …".
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            advice: None,
        }
    }

    /// The same with what to do about it.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// A file that could not be read, written, listed: `verb` says what.
    pub(crate) fn file(verb: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::new(format!("failed to {verb} {}: {error}", path.display()))
    }

    /// Says it, and how the process ends.
    pub(crate) fn tell(&self) -> ExitCode {
        // Nobody is left to hear that nobody listens.
        let mut err = std::io::stderr().lock();
        let _gone = writeln!(err, "payhal plugin: {}", self.text);
        if let Some(advice) = &self.advice {
            let _gone = writeln!(err, "{advice}");
        }
        ExitCode::FAILURE
    }
}
