// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be said behind `payhal tls`. It must never do anything.

use crate::cli::args::PlaceArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TlsCommand {
    /// Let browsers and other programs of this machine trust this host's certificates
    Install(TlsArgs),
    /// Show the certificates and who trusts them
    Status(TlsArgs),
    /// Take back the trust that `install` gave
    Remove(TlsArgs),
}

#[derive(Args, Debug)]
pub(in crate::cli) struct TlsArgs {
    /// Which trust store
    #[arg(long, value_enum, default_value_t)]
    pub(super) store: StoreArg,
    /// The authority's certificate of a host whose state folder is another user's: its tls/ca.pem
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// A trust store, or all that are there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(super) enum StoreArg {
    /// Every one that is there
    #[default]
    All,
    /// This system's: curl, Python, Go and others; needs root
    System,
    /// This user's Chromium, Chrome, Edge, Brave
    Nss,
    /// This user's Firefox profiles
    Firefox,
    /// The Java installation; needs root
    Java,
}
