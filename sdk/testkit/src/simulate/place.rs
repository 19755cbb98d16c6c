// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a simulated device is: the arguments that every simulator's program takes.

use clap::Args;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where a simulated device is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// On a terminal of its own, with a link to it here.
    Pty(PathBuf),
    /// At this TCP address; port 0 takes any.
    Listen(SocketAddr),
    /// On standard input and output, in JSON lines, on the time that they name.
    Lines,
}

/// Where a simulated device is, and what is done to it first; flattened by a simulator's arguments.
#[derive(Args, Clone, Debug)]
pub struct PlaceArgs {
    #[command(flatten)]
    at: At,
    /// What somebody does before anybody speaks to it, as it would be typed; can be repeated
    #[arg(long = "act", value_name = "WORDS")]
    pub(super) acts: Vec<String>,
}

#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct At {
    /// Make a terminal (PTY), as a serial line looks to a host, and put a link to it here
    #[arg(long, value_name = "PATH")]
    pty: Option<PathBuf>,
    /// Listen on this port of the loopback; 0 takes any
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Listen on this address; port 0 takes any
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Speak JSON lines on standard input and output, as `conformance.toml` wants a simulator to
    #[arg(long)]
    lines: bool,
}

impl PlaceArgs {
    /// Where it is.
    #[must_use]
    pub fn place(&self) -> Place {
        match (&self.at.pty, self.at.port, self.at.listen) {
            (Some(path), ..) => Place::Pty(path.clone()),
            (None, Some(port), _) => Place::Listen((Ipv4Addr::LOCALHOST, port).into()),
            (None, None, Some(address)) => Place::Listen(address),
            (None, None, None) => Place::Lines,
        }
    }
}
