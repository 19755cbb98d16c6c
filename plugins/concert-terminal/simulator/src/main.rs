// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal-simulate-concert`: the simulated terminal as a program; `payhal simulate concert` starts it.
#![forbid(unsafe_code)]

use clap::{Parser, ValueEnum};
use payhal_concert_simulator::{ConcertTerminal, Options, Protocol, amounts_help};
use payhal_testkit::simulate::{self, Place, PlaceArgs};
use std::process::ExitCode;

/// Be a French payment terminal that speaks Concert: V3 over TCP, E and E+ on a serial line.
///
/// What somebody does at it is typed: `tap`, `insert visa-pin`, `refuse`, `abandon`, `late 20`;
/// `help` tells all of it, `books` what the terminal has on its record.
#[derive(Debug, Parser)]
#[command(name = "payhal-simulate-concert", version, after_help = amounts_help())]
struct Cli {
    #[command(flatten)]
    place: PlaceArgs,
    /// What the till speaks; without it V3 over TCP and E+ on a line
    #[arg(long, value_enum)]
    protocol: Option<Speaks>,
    /// A currency it takes, ISO 4217 numeric; can be repeated; euros where none is named
    #[arg(long = "currency", value_name = "NUMBER")]
    currencies: Vec<String>,
    /// V3: it does not tell its last transaction
    #[arg(long)]
    no_status: bool,
    /// A customer is always there, and the amount decides
    #[arg(long)]
    auto: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Speaks {
    V3,
    E,
    #[value(name = "e+")]
    EPlus,
}

impl Cli {
    fn options(&self) -> Options {
        let protocol = match (self.protocol, self.place.place()) {
            (Some(Speaks::V3), _) | (None, Place::Listen(_) | Place::Lines) => Protocol::V3,
            (Some(Speaks::E | Speaks::EPlus), _) | (None, Place::Pty(_)) => Protocol::Serial,
        };
        let mut options = Options::of(protocol);
        if !self.currencies.is_empty() {
            options.currencies.clone_from(&self.currencies);
        }
        options.status = !self.no_status;
        options
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut terminal = ConcertTerminal::new(cli.options());
    if cli.auto {
        terminal.serve_everybody();
    }
    simulate::main(
        "payhal-simulate-concert",
        "Concert terminal",
        Box::new(terminal),
        &cli.place,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["x", "--pty", "line"]);
        assert_eq!(cli.options().protocol, Protocol::Serial);
        let cli = Cli::parse_from(["x", "--port", "0", "--currency", "756"]);
        assert_eq!(cli.options().protocol, Protocol::V3);
        assert_eq!(cli.options().currencies, ["756"]);
        assert!(Cli::try_parse_from(["x"]).is_err());
    }
}
