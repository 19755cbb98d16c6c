// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a method ends: two levels, because "the cable is cut" and "the card said no" differ.
//!
//! Must never carry received bytes: an error names the thing and the limit.

use payhal_messages::call::{CardRefusal, Failure, Refusal, Sent};

/// What a method returns. Outer level: the port or the protocol broke. Inner level: the other
/// side was reached and said no. `?` passes the outer one on:
///
/// ```
/// use payhal_plugin::{Context, Outcome, Port, PluginError, refused};
/// use std::time::Duration;
///
/// fn firmware(port: &Port, context: &Context) -> Outcome<u8> {
///     port.write(b"V")?;
///     let mut answer = [0; 1];
///     let until = context.now() + Duration::from_secs(2);
///     if context.read(port, &mut answer, until)? == 0 {
///         return Err(PluginError::maybe_sent("get an answer to V within 2 s"));
///     }
///     match answer[0] {
///         0x15 => refused("nak", "The device refuses to tell its version."),
///         version => Ok(Ok(version)),
///     }
/// }
/// ```
pub type Outcome<T> = Result<Result<T, Refusal>, PluginError>;

/// The other side said no, with a stable code and a sentence for the cashier.
///
/// # Errors
///
/// Never at the outer level.
pub fn refused<T>(code: &str, text: &str) -> Outcome<T> {
    Ok(Err(Refusal {
        code: code.to_owned(),
        text: text.to_owned(),
    }))
}

/// The card, its holder or the reader said no, with a sentence for the cashier.
///
/// # Errors
///
/// Never at the outer level.
pub fn card_refused<T>(why: CardRefusal, text: &str) -> Outcome<T> {
    refused(why.code(), text)
}

/// Why a method could not be carried out at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// The port, the protocol or the plugin broke.
    #[error("{0}")]
    Failed(Failure),
    /// The call was cancelled before anything irrevocable happened.
    #[error("cancelled")]
    Cancelled,
    /// This plugin has no such method.
    #[error("unsupported")]
    Unsupported,
}

impl PluginError {
    /// It broke, and the request certainly did not reach the other side. `reason` completes
    /// "failed to …".
    pub fn not_sent(reason: impl Into<String>) -> Self {
        Self::Failed(Failure {
            sent: Sent::No,
            reason: reason.into(),
        })
    }

    /// It broke, and the request may have reached the other side. When in doubt, this one: the
    /// host then treats the outcome as unknown and finds out.
    pub fn maybe_sent(reason: impl Into<String>) -> Self {
        Self::Failed(Failure {
            sent: Sent::Maybe,
            reason: reason.into(),
        })
    }
}

/// An I/O error says nothing about what reached the other side.
impl From<std::io::Error> for PluginError {
    fn from(error: std::io::Error) -> Self {
        Self::maybe_sent(format!("use a port: {error}"))
    }
}
