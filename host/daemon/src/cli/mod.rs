// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line: starts a host, or talks to a running one as any register would.
//!
//! It owns words and exit codes. It must never reach around the register API into a running host,
//! nor write to its journal.

mod access_args;
mod args;
mod audit;
mod beside;
mod config;
mod connect;
mod console;
mod demo;
mod device;
mod doctor;
mod exit;
mod gateway;
mod instances;
mod journal;
mod keys;
mod kit;
mod list_args;
mod log;
mod look;
mod operator;
mod outcome;
mod pair;
mod pay;
mod payment_args;
mod plugin;
mod questions;
mod reader;
mod registers;
mod resolve;
mod screen;
mod serve;
mod simulate;
mod tls;
mod tokens;
mod waiting;

use crate::amount;
use args::{Cli, Command, JournalCommand, PluginCommand};
use clap::{CommandFactory, Parser};
use exit::{Exit, Failure};
use std::io::IsTerminal;
use std::process::ExitCode;

/// The environment variable with the diagnostic filter, as `debug` or `payhal::server=trace`.
const LOG_VARIABLE: &str = "PAYHAL_LOG";

/// Does what the command line says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let Some(command) = cli.command else {
        introduce();
        return ExitCode::SUCCESS;
    };
    log_to_standard_error(&command);
    payhal_messages::tell_panics_without_payload();
    let exit = run(&command).unwrap_or_else(|failure| {
        failure.tell();
        failure.exit
    });
    ExitCode::from(exit as u8)
}

/// `payhal` alone, as a newcomer's `cargo run` says it.
fn introduce() {
    let help = Cli::command().render_help();
    screen::say(&help.to_string());
    screen::say("Start the host with `payhal serve`.");
    let config = crate::config::Config::load(&crate::config::Overrides::default());
    let found = config.is_ok_and(|config| {
        let sources = crate::plugins::Sources::of(&config);
        !crate::plugins::discover(&sources).found.is_empty()
    });
    if !found {
        screen::say(&format!("No plugin is installed. {}", exit::PLUGINS_ADVICE));
    }
}

fn log_to_standard_error(command: &Command) {
    let level = match command {
        Command::Serve(_) => "info",
        _ => "warn",
    };
    let filter = std::env::var(LOG_VARIABLE)
        .ok()
        .filter(|text| !text.is_empty());
    let filter = tracing_subscriber::EnvFilter::new(filter.as_deref().unwrap_or(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log::Checked)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Audit(args) => audit::list(args),
        Command::Config { command } => config::run(command),
        Command::Keys(args) => Err(keys::become_keys(args)),
        Command::Simulate(args) => simulate::simulate(args),
        Command::Plugin {
            command: PluginCommand::New(args),
        } => Err(kit::become_kit("new", args)),
        Command::Plugin {
            command: PluginCommand::Check(args),
        } => Err(kit::become_kit("check", args)),
        Command::Plugin {
            command: PluginCommand::Sign(args),
        } => Err(kit::become_kit("sign", args)),
        Command::Plugin {
            command: PluginCommand::Play(args),
        } => Err(kit::become_kit("play", args)),
        Command::Journal {
            command:
                JournalCommand::Show {
                    transaction,
                    journal,
                },
        } => journal::show(transaction, journal),
        Command::Journal {
            command: JournalCommand::Backup(args),
        } => journal::backup(args),
        Command::Journal {
            command: JournalCommand::Export(args),
        } => journal::export(args),
        Command::Journal {
            command: JournalCommand::Prune(args),
        } => journal::prune(args),
        Command::Journal {
            command: JournalCommand::Adopt(args),
        } => journal::adopt(args),
        Command::Journal {
            command: JournalCommand::Verify { journal },
        } => journal::verify(journal),
        command => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                Failure::new(
                    Exit::Failed,
                    format!("failed to start the runtime: {error}"),
                )
            })?
            .block_on(run_async(command)),
    }
}

async fn run_async(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => serve::serve(args).await,
        Command::Demo(args) => demo::demo(args).await,
        Command::Devices(args) => look::devices(args).await,
        Command::Device { command } => device::run(command).await,
        Command::Gateway { command } => gateway::run(command).await,
        Command::Quote(args) => gateway::quote(args).await,
        Command::Gateways(args) => look::gateways(args).await,
        Command::Pay { command } => pay::pay(command).await,
        Command::Batch { command } => pay::batch(command).await,
        Command::Token { command } => tokens::run(command).await,
        Command::Resolve(args) => resolve::resolve(args).await,
        Command::Sale(args) => pay::sale(args).await,
        Command::Refund(args) => pay::refund(args).await,
        Command::Void(args) => pay::void(args).await,
        Command::Cancel(args) => look::cancel(args).await,
        Command::Get(args) => look::transaction(args).await,
        Command::List(args) => look::transactions(args).await,
        Command::Receipt(args) => look::receipt(args).await,
        Command::Reader(args) => reader::act(args).await,
        Command::Doctor(args) => doctor::doctor(args).await,
        Command::Tls { command } => tls::tls(command).await,
        Command::Plugin { command } => plugin::run(command).await,
        Command::Pair(args) => pair::pair(args).await,
        Command::Registers(args) => registers::registers(args).await,
        Command::Console(args) => console::console(args).await,
        Command::Journal {
            command: JournalCommand::Open { journal },
        } => journal::open(journal).await,
        Command::Keys(_)
        | Command::Simulate(_)
        | Command::Config { .. }
        | Command::Audit(_)
        | Command::Journal { .. } => {
            unreachable!("needs no runtime, and was done without")
        }
    }
}
