// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a command ends: its exit code, and the words that go with it.
//!
//! The codes are part of the contract (`docs/operating.md`): a script decides by them whether to
//! hand out the goods. An outcome nobody knows must never look like a failure.

use super::screen::tell;
use crate::config::ConfigError;
use crate::host::HostError;
use payhal_client::{CallError, ConnectError};
use payhal_journal::JournalError;
use payhal_protocol::error::ErrorOutcome;
use payhal_protocol::{ErrorObject, Retry};

/// Exit codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Exit {
    /// Approved, or done.
    Ok = 0,
    /// Anything that has no code of its own. Nothing was charged by it.
    Failed = 1,
    /// The command line says something that cannot be. clap uses the same.
    Usage = 2,
    /// The card or its issuer said no.
    Declined = 10,
    /// Stopped before it was approved.
    Cancelled = 11,
    /// Ended or refused for another reason; no money moved, or it is being taken back.
    NotCharged = 12,
    /// Not known. The same command with `--key` asks again and never charges twice.
    Unknown = 13,
    /// Refused for now; the same command with `--key` may work later.
    Later = 14,
    /// Refused until a person has looked at an earlier transaction.
    AskOperator = 15,
    /// Approved, but less than was asked.
    Partial = 16,
    /// No host answers.
    NotRunning = 20,
    /// The configuration cannot be used.
    Configuration = 30,
    /// Somebody else has the port.
    PortTaken = 31,
    /// A plugin is missing.
    PluginsMissing = 32,
    /// The journal cannot be used.
    Journal = 33,
}

/// What `payhal doctor` found; its codes are its own.
impl Exit {
    /// Something works, and may not for long.
    pub(super) const DOCTOR_WARNS: Self = Self::Failed;
    /// Something does not work, or is not safe.
    pub(super) const DOCTOR_FAILS: Self = Self::Usage;
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    /// How the process ends.
    pub(super) exit: Exit,
    text: String,
    advice: Option<String>,
}

impl Failure {
    pub(super) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self {
            exit,
            text: text.into(),
            advice: None,
        }
    }

    /// The same with what to do about it.
    pub(super) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    pub(super) fn tell(&self) {
        tell(&format!("payhal: {}", self.text));
        if let Some(advice) = &self.advice {
            tell(advice);
        }
    }
}

/// What to start when nothing answers.
pub(super) const START_ADVICE: &str = "Start one with `payhal serve`, or with `cargo xtask demo` \
     in a source tree. `--url` and `--state` name another one.";

/// Where plugins come from when there are none.
pub(super) const PLUGINS_ADVICE: &str = "In a source tree, `cargo xtask demo` builds the simulated plugins and starts payhal with \
     them. `--plugins FOLDER` names another folder.";

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Configuration, error.to_string().trim_end())
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Journal(error) => error.into(),
            HostError::Plugins(text) => {
                Self::new(Exit::PluginsMissing, text).advise(PLUGINS_ADVICE)
            }
            error @ HostError::PortTaken { .. } => Self::new(Exit::PortTaken, error.to_string())
                .advise("`--listen 127.0.0.1:0` takes any free port."),
            error @ (HostError::State { .. }
            | HostError::Access(_)
            | HostError::Listen { .. }
            | HostError::Tls(_)) => Self::new(Exit::Failed, error.to_string()),
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::new(Exit::Journal, format!("failed to {error}"))
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let source = std::error::Error::source(&error);
        let text = source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
        match error {
            ConnectError::Address(_) => Self::new(Exit::Usage, text),
            ConnectError::Refused(_) | ConnectError::Greeting => Self::new(Exit::Failed, text),
            // Nobody answers, or somebody who is no host.
            _ => Self::new(Exit::NotRunning, text).advise(START_ADVICE),
        }
    }
}

/// Of a call that moves no money.
impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match &error {
            CallError::Rpc(object) => Self {
                exit: Exit::Failed,
                text: error.to_string(),
                advice: detail(object),
            },
            CallError::Params(_) => Self::new(Exit::Usage, error.to_string()),
            CallError::NotSent | CallError::ConnectionLost | CallError::Timeout => {
                Self::new(Exit::NotRunning, error.to_string())
            }
            CallError::TooLarge(_)
            | CallError::TooMany(_)
            | CallError::Answer { .. }
            | CallError::Access(_)
            | CallError::Journal(_) => Self::new(Exit::Failed, error.to_string()),
        }
    }
}

/// The engineer's part of an error.
pub(super) fn detail(error: &ErrorObject) -> Option<String> {
    error
        .data
        .as_deref()
        .and_then(|details| details.detail.clone())
}

/// The code of a payment that was not approved.
pub(super) fn of_payment(error: &CallError) -> Exit {
    if error.outcome_unknown() {
        return Exit::Unknown;
    }
    match error {
        CallError::Rpc(object) => of_refusal(object),
        CallError::Params(_) => Exit::Usage,
        CallError::NotSent => Exit::NotRunning,
        _ => Exit::NotCharged,
    }
}

fn of_refusal(error: &ErrorObject) -> Exit {
    let row = error.name().map(payhal_protocol::ErrorName::row);
    let details = error.data.as_deref();
    let outcome = details
        .map(|details| details.outcome)
        .or(row.map(|row| row.outcome));
    let retry = details
        .map(|details| details.retry)
        .or(row.map(|row| row.retry));
    match (outcome, retry) {
        (Some(ErrorOutcome::Declined), _) => Exit::Declined,
        (Some(ErrorOutcome::Cancelled), _) => Exit::Cancelled,
        (Some(ErrorOutcome::Failed), Some(Retry::SameKey)) => Exit::Later,
        (Some(ErrorOutcome::Failed), Some(Retry::AskOperator)) => Exit::AskOperator,
        (Some(ErrorOutcome::Failed), _) => Exit::NotCharged,
        (Some(ErrorOutcome::Unknown) | None, _) => Exit::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_protocol::ErrorName;

    fn code(name: ErrorName) -> Exit {
        of_payment(&CallError::Rpc(Box::new(ErrorObject::named(name))))
    }

    #[test]
    fn each_outcome_has_its_code() {
        for (name, exit) in [
            (ErrorName::Declined, Exit::Declined),
            (ErrorName::Cancelled, Exit::Cancelled),
            (ErrorName::TimedOut, Exit::NotCharged),
            (ErrorName::KeyReused, Exit::NotCharged),
            (ErrorName::OutcomeUnknown, Exit::Unknown),
            (ErrorName::DeviceBusy, Exit::Later),
            (ErrorName::UnresolvedTransaction, Exit::AskOperator),
        ] {
            assert_eq!(code(name), exit, "{name}");
        }
    }

    #[test]
    fn what_nobody_knows_is_never_a_failure() {
        for row in payhal_protocol::error::ERRORS {
            let unknown = row.outcome == ErrorOutcome::Unknown;
            assert_eq!(code(row.name) == Exit::Unknown, unknown, "{}", row.text);
        }
        let newer = ErrorObject {
            code: 3999,
            message: "new".into(),
            data: None,
        };
        for error in [
            CallError::Rpc(Box::new(newer)),
            CallError::ConnectionLost,
            CallError::Timeout,
        ] {
            assert_eq!(of_payment(&error), Exit::Unknown, "{error}");
        }
        assert_eq!(of_payment(&CallError::NotSent), Exit::NotRunning);
    }

    #[test]
    fn the_case_at_hand_overrules_the_table() {
        let mut error = ErrorObject::named(ErrorName::Cancelled);
        error.data.as_deref_mut().unwrap().outcome = ErrorOutcome::Unknown;
        assert_eq!(of_payment(&CallError::Rpc(Box::new(error))), Exit::Unknown);
    }
}
