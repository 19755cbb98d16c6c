// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be said on the command line. It must never do anything.

use clap::{Args, Parser, Subcommand, ValueEnum};
use payhal_card_data::key_file::KeyScheme;
use std::path::PathBuf;

/// Keys of simulated readers and of the sandbox gateway. For tests only: no key made here is taken
/// by a live gateway.
#[derive(Debug, Parser)]
#[command(
    name = "payhal keys",
    bin_name = "payhal keys",
    version,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// State folder of the host, which must be stopped
    #[arg(long, value_name = "FOLDER", global = true)]
    pub(crate) state: Option<PathBuf>,
    /// The answer as one line of JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a base derivation key (BDK) for a gateway
    NewBdk(NewBdkArgs),
    /// Derive a reader's initial key from a gateway's base key, and load it into the reader
    Inject(InjectArgs),
    /// Let a gateway take what a reader seals with its own key
    Enrol(EnrolArgs),
    /// Destroy a gateway's base key, or what it knows of a reader
    Forget(ForgetArgs),
    /// List slots, readers and fingerprints; the host may run
    List,
}

#[derive(Args, Debug)]
pub(crate) struct NewBdkArgs {
    /// The gateway's name in the configuration
    #[arg(long)]
    pub(crate) gateway: String,
    /// Name of the key slot: lower-case letters and dashes
    #[arg(long)]
    pub(crate) slot: String,
    /// Which DUKPT
    #[arg(long, value_enum)]
    pub(crate) scheme: SchemeName,
    /// Length of an AES key: 128, 192 or 256
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) bits: u16,
    /// For tests. Every key made here is; this says it for whoever reads a script
    #[arg(long)]
    pub(crate) test: bool,
}

#[derive(Args, Debug)]
pub(crate) struct InjectArgs {
    /// The reader's name in the configuration
    #[arg(long)]
    pub(crate) device: String,
    /// The gateway that has the base key
    #[arg(long)]
    pub(crate) gateway: String,
    /// Name of the key slot
    #[arg(long)]
    pub(crate) slot: String,
    /// Replace the key that the reader has for this scheme
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Args, Debug)]
pub(crate) struct EnrolArgs {
    /// The reader's name in the configuration
    #[arg(long)]
    pub(crate) device: String,
    /// The gateway that is to know it
    #[arg(long)]
    pub(crate) gateway: String,
}

#[derive(Args, Debug)]
pub(crate) struct ForgetArgs {
    /// The gateway
    #[arg(long)]
    pub(crate) gateway: String,
    #[command(flatten)]
    pub(crate) what: ForgetWhat,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct ForgetWhat {
    /// A reader: the gateway takes nothing more that it seals with its own key
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// A base key: nothing that was sealed under it opens any more
    #[arg(long)]
    pub(crate) slot: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum SchemeName {
    DukptTdes,
    DukptAes,
}

impl NewBdkArgs {
    /// `None` for a length that AES does not have.
    pub(crate) fn scheme(&self) -> Option<KeyScheme> {
        match (self.scheme, self.bits) {
            (SchemeName::DukptTdes, _) => Some(KeyScheme::Tdes),
            (SchemeName::DukptAes, 128) => Some(KeyScheme::Aes128),
            (SchemeName::DukptAes, 192) => Some(KeyScheme::Aes192),
            (SchemeName::DukptAes, 256) => Some(KeyScheme::Aes256),
            (SchemeName::DukptAes, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_the_manual_says_is_understood() {
        for line in [
            "new-bdk --gateway g --slot s --scheme dukpt-aes --bits 128 --test --state f",
            "--state f inject --device d --gateway g --slot s --replace",
            "enrol --device d --gateway g --json",
            "forget --gateway g --slot s",
            "forget --gateway g --device d",
            "list",
        ] {
            let words = std::iter::once("payhal keys").chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
        for line in [
            "new-bdk --gateway g --slot s",
            "forget --gateway g",
            "forget --gateway g --slot s --device d",
        ] {
            let words = std::iter::once("payhal keys").chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}
