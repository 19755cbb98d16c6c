// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is kept of who did what to this host: the actors, the closed list of actions, and the
//! sentence that a person reads years later.
//!
//! It must never hold a card number or a secret, whatever a client wrote: texts are cut and card
//! numbers replaced before anything is queued.

use crate::clock;
use payhal_journal::Entry;
use payhal_messages::card_check::redact;
use serde_json::Value;
use std::fmt;

/// Characters of each text: names of registers and reasons of persons are far shorter.
const NAME_CHARS_MAX: usize = 160;
const TEXT_CHARS_MAX: usize = 600;
/// Bytes of what programs are told besides; more is left out.
const DETAILS_BYTES_MAX: usize = 3_000;

/// Who did it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Actor {
    /// A person at this machine, by the Unix socket.
    Socket {
        /// The user.
        uid: u32,
    },
    /// A person at the console.
    Console,
    /// A register.
    Register(String),
    /// Whoever it is, as long as access is open; the name is what it calls itself.
    Open(String),
    /// This host by itself, as it was told before.
    Host,
    /// A person with a command that needs no running host.
    Command {
        /// The user.
        uid: u32,
    },
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { uid } => write!(f, "operator (socket, uid {uid})"),
            Self::Console => f.write_str("operator (console)"),
            Self::Register(id) => write!(f, "register {id}"),
            Self::Open(id) => write!(f, "{id} (access is open)"),
            Self::Host => f.write_str("host"),
            Self::Command { uid } => write!(f, "operator (command line, uid {uid})"),
        }
    }
}

macro_rules! actions {
    ($($variant:ident $name:literal $says:literal;)*) => {
        /// What was done. The names are kept for years: none is ever used for anything else.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Action {
            $(#[doc = $says] $variant,)*
        }

        impl Action {
            /// Every action there is.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As it is kept.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

actions! {
    PairingApproved "pairing.approved" "A register was let in.";
    PairingRefused "pairing.refused" "A register was not let in.";
    PairingFailed "pairing.failed" "A pairing ended because something in it was wrong.";
    RegisterUnpaired "register.unpaired" "A pairing was ended.";
    RegisterReplaced "register.replaced" "A register took the place of another one.";
    RegisterUpdated "register.updated" "What a register may do was changed.";
    RegisterRotated "register.rotated" "A register has a new secret.";
    OperatorSession "operator.session" "A console was opened.";
    OperatorEnded "operator.ended" "A console was closed.";
    InstanceChanged "instance.changed" "A device or gateway was added, changed or removed.";
    Resolve "payment.resolve" "A person settled a payment by word.";
    RefundUnreferenced "payment.refund_unreferenced" "Money was given back without a payment it belongs to.";
    DeviceRecorded "device.recorded" "What passes between a device and its plugin was recorded, or no longer.";
    DeviceUpdated "device.updated" "A device is to take new firmware or configuration, did, refused it, or is not to any more.";
    PluginChanged "plugin.changed" "A plugin, or whose signatures count, was changed.";
    VoiceApproval "payment.voice_approval" "A payment was approved by telephone.";
    TlsMade "tls.made" "Certificates of this host were made.";
    TlsInstalled "tls.installed" "A trust store of this machine trusts this host's certificates, or no longer.";
    AccessOpen "access.open" "The host was started with open access: nobody has to be paired.";
}

/// One thing that was done, on its way into the audit.
#[derive(Clone, Debug)]
pub(crate) struct Audit(Entry);

impl Audit {
    /// Now. `subject` is what it was done to: a register, a transaction, a plugin.
    pub(crate) fn new(actor: &Actor, action: Action, subject: Option<&str>, text: &str) -> Self {
        Self(Entry {
            at_micros: clock::wall_micros(),
            actor: clean(&actor.to_string(), NAME_CHARS_MAX),
            action: action.name().to_owned(),
            subject: subject.map(self::subject),
            text: clean(text, TEXT_CHARS_MAX),
            details: None,
        })
    }

    /// With what a program may want to know. No times in microseconds: they read like card numbers.
    pub(crate) fn with_details(mut self, details: &Value) -> Self {
        let details = clean_tree(details);
        let fits = details.to_string().len() <= DETAILS_BYTES_MAX;
        self.0.details = fits.then_some(details);
        self
    }

    /// What a program beside the host left. Not to be believed more than what a client says.
    pub(crate) fn left(entry: &Entry) -> Self {
        Self(Entry {
            actor: clean(&entry.actor, NAME_CHARS_MAX),
            action: clean(&entry.action, NAME_CHARS_MAX),
            subject: entry.subject.as_deref().map(subject),
            text: clean(&entry.text, TEXT_CHARS_MAX),
            details: None,
            at_micros: entry.at_micros,
        })
    }

    /// As the journal takes it.
    pub(crate) fn entry(&self) -> &Entry {
        &self.0
    }
}

/// A transaction's id is ours, and its digits stay whatever they look like.
fn subject(text: &str) -> String {
    match uuid::Uuid::parse_str(text) {
        Ok(id) => id.to_string(),
        Err(_) => clean(text, NAME_CHARS_MAX),
    }
}

/// One line without card numbers and control characters, of bounded length.
fn clean(text: &str, chars_max: usize) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let redacted = redact(&line);
    if redacted.chars().count() <= chars_max {
        return redacted.into_owned();
    }
    let kept: String = redacted.chars().take(chars_max - 1).collect();
    format!("{kept}…")
}

fn clean_tree(value: &Value) -> Value {
    match value {
        Value::String(text) => match uuid::Uuid::parse_str(text) {
            Ok(id) => id.to_string().into(),
            Err(_) => clean(text, TEXT_CHARS_MAX).into(),
        },
        Value::Number(number) => match redact(&number.to_string()) {
            std::borrow::Cow::Borrowed(_) => value.clone(),
            std::borrow::Cow::Owned(redacted) => redacted.into(),
        },
        Value::Array(items) => items.iter().map(clean_tree).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (clean(name, NAME_CHARS_MAX), clean_tree(value)))
            .collect(),
        Value::Null | Value::Bool(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn host(text: &str) -> Audit {
        Audit::new(
            &Actor::Console,
            Action::RegisterUpdated,
            Some("till-1"),
            text,
        )
    }

    #[test]
    fn no_card_number_stays_in_any_field() {
        let number = "4761739001010119";
        let audit = Audit::new(
            &Actor::Open(number.to_owned()),
            Action::PairingApproved,
            Some("4761 7390 0101 0119"),
            &format!("{number} was let in as {number}"),
        )
        .with_details(&json!({
            "name": number,
            number: ["x", { "deep": 4_761_739_001_010_119_u64 }],
        }));
        let kept = serde_json::to_string(audit.entry()).unwrap();
        assert!(!kept.contains("4761"), "{kept}");
        assert!(kept.contains("[16 digits] was let in"), "{kept}");
    }

    #[test]
    fn a_transaction_is_named_whatever_its_digits() {
        // Its first groups are a card number to whoever takes dashes for spaces.
        let id = "47617390-0101-0119-8000-000000000000";
        let audit = Audit::new(&Actor::Console, Action::Resolve, Some(id), "settled")
            .with_details(&json!({ "transaction_id": id }));
        assert_eq!(audit.entry().subject.as_deref(), Some(id));
        assert_eq!(audit.entry().details, Some(json!({ "transaction_id": id })));
    }

    #[test]
    fn texts_are_lines_of_bounded_length() {
        let audit = host("one\r\ntwo\u{1b}[31m");
        assert_eq!(audit.entry().text, "one  two [31m");
        let long = host(&"é".repeat(10_000)).with_details(&json!(vec!["x".repeat(500)]));
        assert_eq!(long.entry().text.chars().count(), TEXT_CHARS_MAX);
        assert!(long.entry().details.is_some());
        let many = vec!["x".repeat(500); 7];
        assert_eq!(host("").with_details(&json!(many)).entry().details, None);
    }

    #[test]
    fn the_longest_entry_fits_into_the_journal() {
        let wide = "\u{10ffff}".repeat(10_000);
        let audit = Audit::new(
            &Actor::Register(wide.clone()),
            Action::RefundUnreferenced,
            Some(&wide),
            &wide,
        )
        .with_details(&json!("x".repeat(599)));
        let bytes = serde_json::to_string(audit.entry()).unwrap().len();
        let rest = DETAILS_BYTES_MAX - 600;
        assert!(
            bytes + rest <= payhal_journal::limits::AUDIT_BODY_BYTES_MAX,
            "{bytes}"
        );
    }

    #[test]
    fn each_action_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> =
            Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        assert!(names.iter().all(|name| name.contains('.')));
    }
}
