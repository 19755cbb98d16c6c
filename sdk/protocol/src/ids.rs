// SPDX-License-Identifier: MIT OR Apache-2.0
//! Identifiers as they travel on the wire, one type per concept.
//!
//! Owns their types. It must never give an identifier a meaning: to a register all of them are
//! opaque text.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// The host's name for a transaction.
    TransactionId
}
text_id! {
    /// The register's own name for one attempt to move money: 1 to 64 printable ASCII characters,
    /// made and stored by the register before it sends the call. A UUID is advised.
    IdempotencyKey
}
text_id! {
    /// The host's name for a payment token that a register keeps.
    TokenId
}
text_id! {
    /// A configured device instance.
    DeviceId
}
text_id! {
    /// A configured gateway instance.
    GatewayId
}
text_id! {
    /// A register, unique among the registers of this host's merchant.
    RegisterId
}
text_id! {
    /// One attempt of a register to be paired.
    PairingId
}
text_id! {
    /// One question the host asks during a transaction.
    PromptId
}
