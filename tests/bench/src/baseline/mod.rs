// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bare programs that do the same work as payhal, and nothing besides.
//!
//! Each part is a process of its own, like the product's. Must never be made slower than the work
//! asks for: a goal is worth what its baseline is.

pub(crate) mod card;
pub(crate) mod commits;
pub(crate) mod exchange;
pub(crate) mod node;
mod pipeline;
mod plugins;
mod socket;

use crate::Failure;
use crate::process::{EndBy, Process};
use clap::Subcommand;
use std::process::Command;

/// What a process of a baseline is.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Part {
    /// A WebSocket server that parses a call and answers it.
    Ws,
    /// A whole sale: WebSocket, exchanges, two commits.
    Pipeline {
        /// Reader processes.
        #[arg(long)]
        readers: usize,
        /// Whether readers seal and the gateway opens.
        #[arg(long)]
        seal: bool,
    },
    /// A reader, on standard input.
    Reader {
        #[arg(long)]
        seal: bool,
    },
    /// A gateway, on the sockets that come over standard input.
    Gateway {
        #[arg(long)]
        seal: bool,
    },
}

/// Plays a part until its standard input ends.
pub(crate) fn serve(part: &Part) -> Result<(), Failure> {
    match *part {
        Part::Ws => socket::serve_pings(),
        Part::Pipeline { readers, seal } => pipeline::serve(readers, seal),
        Part::Reader { seal } => plugins::serve_reader(seal),
        Part::Gateway { seal } => plugins::serve_gateway(seal),
    }
}

/// This program, to play a part.
fn part(arguments: &[&str]) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve-baseline").args(arguments);
    Ok(command)
}

/// A bare reader, to be given its socket as standard input.
pub(crate) fn reader() -> Result<Command, Failure> {
    part(&["reader"])
}

/// A running baseline.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: String,
    process: Process,
}

impl Server {
    fn start(command: &mut Command) -> Result<Self, Failure> {
        let mut process = Process::start(command, EndBy::Input)?;
        Ok(Self {
            address: process.address()?,
            process,
        })
    }

    /// The bare WebSocket server.
    pub(crate) fn ws() -> Result<Self, Failure> {
        Self::start(&mut part(&["ws"])?)
    }

    /// The bare pipeline.
    pub(crate) fn pipeline(readers: usize, seal: bool) -> Result<Self, Failure> {
        let readers = readers.to_string();
        let mut command = part(&["pipeline", "--readers", &readers])?;
        if seal {
            command.arg("--seal");
        }
        Self::start(&mut command)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}
