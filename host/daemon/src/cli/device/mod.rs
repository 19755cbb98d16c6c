// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal device`: what the operator does with one device of a running host.
//!
//! It owns words; each command is a file of its own. It must never change what the host has not
//! said it will take.

mod errands;
mod record;
mod update;

use super::exit::{Exit, Failure};
use super::instances::{self, InstanceCommand};
use clap::Subcommand;
use payhal_protocol::instances::InstanceKind;

#[derive(Debug, Subcommand)]
pub(super) enum DeviceCommand {
    #[command(flatten)]
    Instance(InstanceCommand),
    /// Record what passes between a device and its plugin, without card data, for the plugin's tests
    Record(record::RecordArgs),
    /// How a device is set up, as it says itself
    Settings(errands::SettingsArgs),
    /// New firmware or configuration for a device, or how that fares
    Update(update::UpdateArgs),
    /// Talk with a card that does not pay, as far as the device's configuration allows
    Apdu(errands::ApduArgs),
}

pub(super) async fn run(command: &DeviceCommand) -> Result<Exit, Failure> {
    match command {
        DeviceCommand::Instance(command) => instances::run(InstanceKind::Device, command).await,
        DeviceCommand::Record(args) => record::record(args).await,
        DeviceCommand::Update(args) => update::update(args).await,
        DeviceCommand::Settings(args) => errands::settings(args).await,
        DeviceCommand::Apdu(args) => errands::apdu(args).await,
    }
}
