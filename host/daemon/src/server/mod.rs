// SPDX-License-Identifier: MIT OR Apache-2.0
//! The register API: one conversation, carried by WebSocket and by the Unix socket, and the pages
//! beside it. The only place that knows either.
//!
//! Decides nothing about money: it checks shapes and access, asks the engine, and tells.

mod access;
mod admission;
mod arrival;
mod audit;
mod calls;
mod card_numbers;
mod closing;
mod conduct;
mod configured;
mod convert;
mod depth;
mod diagnose;
mod errands;
mod events;
mod explain;
mod follow;
mod frames;
mod instances;
mod leases;
mod limits;
mod listener;
mod looks;
mod metrics;
mod money;
mod operator;
mod outgoing;
mod pages;
mod permissions;
mod plugin_changes;
mod plugins;
mod presence;
mod questions;
mod receipt;
mod record;
mod registers;
mod seats;
mod session;
mod settings;
mod sign_in;
mod signatures;
mod socket;
mod timeline;
mod tokens;
mod updates;
mod views;
mod websocket;

pub(crate) use audit::entry as audit_entry;
pub(crate) use frames::echo;
pub(crate) use listener::{Addresses, Listeners, bind, holder as port_holder};
pub(crate) use plugin_changes::shown as trusted_key;
pub(crate) use plugins::summaries as plugin_summaries;
pub(crate) use registers::Registers;

use crate::access::Gate;
use crate::config::{Config, Merchant};
use crate::doctor::Scene;
use crate::host::HostError;
use crate::plugins::PluginShelf;
use crate::records::Records;
use crate::supervisor::{Outlet, Supervisor};
use access::Access;
use closing::Closing;
use events::{Events, Subject};
use metrics::Metrics;
use payhal_protocol::session::HostIdentity;
use presence::Presences;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What every connection shares.
pub(crate) struct Shared {
    registers: Registers,
    events: Arc<Events>,
    outlet: Arc<dyn Outlet>,
    supervisor: Supervisor,
    plugins: Arc<PluginShelf>,
    journal: Records,
    identity: HostIdentity,
    access: Access,
    presences: Arc<Presences>,
    /// Where the console is, for a code behind it.
    console_url: String,
    merchant: Merchant,
    /// The gateway of calls that name none.
    default_gateway: Option<String>,
    file: configured::File,
    /// What a diagnosis looks at.
    scene: Scene,
    metrics: Metrics,
    connections: AtomicUsize,
    closing: watch::Sender<Closing>,
    stop_grace_ms: u64,
}

/// The listening server.
pub(crate) struct Server {
    shared: Arc<Shared>,
    addresses: Addresses,
    socket: PathBuf,
    tasks: [JoinHandle<()>; 2],
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Starts to answer.
    ///
    /// # Errors
    /// When the Unix socket cannot be made.
    pub(crate) async fn start(
        listeners: Listeners,
        config: &Config,
        journal: Records,
        supervisor: Supervisor,
        plugins: Arc<PluginShelf>,
        outlet: Arc<dyn Outlet>,
    ) -> Result<Self, HostError> {
        let identity = identity(config)?;
        let (listeners, addresses) = listeners.open(config, &identity.id)?;
        let gate = Gate::open(&config.state, config.access)?;
        let socket = config.state.join("payhal.sock");
        let unix = socket::bind(&socket)?;
        let events = Arc::new(Events::default());
        let shared = Arc::new(Shared {
            registers: Registers::new(Arc::clone(&events)),
            events: Arc::clone(&events),
            outlet,
            supervisor,
            plugins,
            journal,
            identity,
            access: Access::new(config.access, &config.allow_origins),
            presences: Arc::new(Presences::new(gate, Arc::clone(&events))),
            console_url: format!("http://{}/", addresses.plain),
            merchant: config.merchant.clone(),
            default_gateway: config.engine.gateway.as_ref().map(ToString::to_string),
            file: configured::File::of(config),
            scene: Scene::of(config),
            metrics: Metrics::new(),
            connections: AtomicUsize::new(0),
            closing: watch::Sender::new(Closing::Open),
            stop_grace_ms: config.stop_grace_ms,
        });
        let router = pages::router(Arc::clone(&shared));
        let tasks = [
            tokio::spawn(listener::serve(listeners, router)),
            tokio::spawn(socket::serve(unix, Arc::clone(&shared))),
        ];
        Ok(Self {
            shared,
            addresses,
            socket,
            tasks,
        })
    }

    /// For the pump.
    pub(crate) fn registers(&self) -> Registers {
        self.shared.registers.clone()
    }

    /// Where it listens.
    pub(crate) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The Unix socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Tells every connection that the host is about to stop.
    pub(crate) fn announce_stop(&self) {
        self.shared.events.push(Subject::Stopping);
        self.shared.closing.send_replace(Closing::Announced);
    }

    /// Closes the listener and every connection.
    pub(crate) async fn stop(self) {
        for task in &self.tasks {
            task.abort();
        }
        self.shared.closing.send_replace(Closing::Closed);
        // The file is only a name; the next start removes it too.
        std::fs::remove_file(&self.socket).ok();
        tokio::task::yield_now().await;
    }
}

fn identity(config: &Config) -> Result<HostIdentity, HostError> {
    Ok(HostIdentity {
        id: host_id(&config.state)?,
        name: config.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// The host's id is made once and kept in the state folder.
pub(crate) fn host_id(state: &Path) -> Result<String, HostError> {
    let path = state.join("host-id");
    let failed = |source| HostError::State {
        path: path.clone(),
        source,
    };
    match std::fs::read_to_string(&path) {
        Ok(id) if uuid::Uuid::parse_str(id.trim()).is_ok() => Ok(id.trim().to_owned()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
        _ => {
            let id = uuid::Uuid::now_v7().to_string();
            std::fs::write(&path, &id).map_err(failed)?;
            Ok(id)
        }
    }
}
