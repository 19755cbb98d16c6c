// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the running host: by its Unix socket, or where a host listens by default.

use super::args::{ClientArgs, PlaceArgs};
use super::exit::{Exit, Failure};
use crate::config::{self, Config, ConfigError, Overrides};
use payhal_client::{Client, ConnectError, Endpoint};
use std::path::PathBuf;

/// Name of the socket in the state folder.
const SOCKET: &str = "payhal.sock";

/// Connects as the register the command line names.
pub(super) async fn connect(args: &ClientArgs) -> Result<Client, Failure> {
    connect_showing(args, &[]).await
}

/// The same for who can answer these kinds of questions.
pub(super) async fn connect_showing(
    args: &ClientArgs,
    prompts: &[String],
) -> Result<Client, Failure> {
    let open = |endpoint| open(endpoint, &args.register, prompts);
    if let Some(url) = &args.url {
        return open(Endpoint::url(url)).await.map_err(Failure::from);
    }
    let socket = state_folder(&args.place)?.join(SOCKET);
    let failed = match open(Endpoint::Unix(socket.clone())).await {
        Ok(client) => return Ok(client),
        Err(failed) => failed,
    };
    let named = args.place.state.is_some() || args.place.config.is_some();
    if named || !matches!(failed, ConnectError::Unreachable(_)) {
        return Err(at(&socket, failed));
    }
    // A demonstration keeps its state elsewhere, but has the usual port.
    open(Endpoint::local())
        .await
        .map_err(|_| at(&socket, failed))
}

/// The host of this state folder, if it runs. Others are not tried.
pub(super) async fn by_socket(place: &PlaceArgs) -> Option<Client> {
    let socket = state_folder(place).ok()?.join(SOCKET);
    open(Endpoint::Unix(socket), "payhal-cli", &[]).await.ok()
}

fn at(socket: &std::path::Path, error: ConnectError) -> Failure {
    match error {
        ConnectError::Unreachable(source) => Failure::new(
            Exit::NotRunning,
            format!("no host answers at {}: {source}", socket.display()),
        )
        .advise(super::exit::START_ADVICE),
        error => error.into(),
    }
}

async fn open(
    endpoint: Endpoint,
    register: &str,
    prompts: &[String],
) -> Result<Client, ConnectError> {
    let config = payhal_client::Config::new("payhal-cli", env!("CARGO_PKG_VERSION"));
    let mut config = config.register(register);
    config.hello.prompts = prompts.to_vec();
    Client::connect_with(endpoint, config).await
}

/// The state folder: the one named, or that of the configuration.
pub(super) fn state_folder(place: &PlaceArgs) -> Result<PathBuf, ConfigError> {
    match &place.state {
        Some(state) => {
            let overrides = Overrides {
                state: Some(state.clone()),
                ..Overrides::default()
            };
            config::state_folder(&overrides)
        }
        None => Ok(Config::load(&place.overrides())?.state),
    }
}
