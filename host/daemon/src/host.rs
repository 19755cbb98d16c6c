// SPDX-License-Identifier: MIT OR Apache-2.0
//! Puts the host together, and takes it apart in order.

use crate::access::Mode;
use crate::audit::{Action, Actor, Audit};
use crate::audit_left;
use crate::clock::Clock;
use crate::config::Config;
use crate::plugins::{PluginShelf, Sources};
use crate::pump::{HostPorts, Inbox, Pump};
use crate::records::Records;
use crate::server::{self, Addresses, Server};
use crate::supervisor::{Outlet, Supervisor};
use crate::vault::Vault;
use payhal_dispatcher::Dispatcher;
use payhal_engine::Engine;
use payhal_failpoint::failpoint;
use payhal_journal::JournalError;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The vault's folder in the state folder.
pub(crate) const VAULT: &str = "vault";

/// A running host.
#[derive(Debug)]
pub(crate) struct Host {
    server: Server,
    supervisor: Supervisor,
    records: Records,
    vault: Vault,
    pump: JoinHandle<()>,
    stop: oneshot::Sender<Instant>,
    stop_grace: Duration,
}

/// Why the host did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    /// The state folder cannot be used.
    #[error("failed to use the state folder {path}: {source}")]
    State {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A configured plugin is not installed.
    #[error("{0}")]
    Plugins(String),
    /// Who is paired cannot be read.
    #[error(transparent)]
    Access(#[from] crate::access::TableError),
    /// The port is taken.
    #[error("failed to listen on {address}: {holder}")]
    PortTaken {
        /// The address.
        address: SocketAddr,
        /// Who has it, in words.
        holder: String,
    },
    /// The listener in the shop's network has no certificate.
    #[error("failed to listen in the network: {0}")]
    Tls(#[from] crate::tls::TlsError),
    /// The listener cannot be made for another reason.
    #[error("failed to listen on {place}: {source}")]
    Listen {
        /// Where.
        place: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Host {
    /// Starts everything; answers are given from the moment this returns.
    ///
    /// # Errors
    /// [`HostError`], in words that say what to do.
    pub(crate) async fn start(config: Config) -> Result<Self, HostError> {
        survive_full_disks();
        leave_no_core_files();
        make_state_folder(&config.state)?;
        let listeners = server::bind(&config).await?;
        let (inbox, inputs) = Inbox::new();
        let telling = inbox.clone();
        let mut options = payhal_journal::Options::default();
        options.retention = config.retention;
        let journal = config.state.join("journal.sqlite");
        let records = Records::new(journal, options, move |happened| {
            telling.journal(happened);
        });
        failpoint!("start.journal.before");
        let restored = records.open()?;
        failpoint!("start.journal.after");
        let unresolved = restored.open.len();
        if unresolved > 0 {
            tracing::warn!(
                unresolved,
                "transactions are open from before; they are resolved now"
            );
        }
        let vault = open_vault(&config.state, inbox.clone())?;
        // What belongs to nobody came here for an intent that was never written.
        vault.keep_only(restored.kept());
        let clock = Clock::new(newest_micros(&restored));
        let dispatcher = Dispatcher::new(Engine::new(config.engine.clone(), restored));
        let outlet: Arc<dyn Outlet> = Arc::new(inbox);
        let plugins = PluginShelf::open(Sources::of(&config)).map_err(HostError::Plugins)?;
        let supervisor = Supervisor::start(
            &config,
            Arc::clone(&plugins),
            Arc::clone(&outlet),
            vault.clone(),
            clock,
            records.clone(),
        );
        failpoint!("start.runners.after");
        let server = Server::start(
            listeners,
            &config,
            records.clone(),
            supervisor.clone(),
            plugins,
            outlet,
        )
        .await?;
        failpoint!("start.server.after");
        keep_start(&config, &records).await;
        let ports = HostPorts {
            records: records.clone(),
            supervisor: supervisor.clone(),
            registers: server.registers(),
            vault: vault.clone(),
            own: None,
        };
        let (stop, stopped) = oneshot::channel();
        let pump = tokio::spawn(Pump::new(dispatcher, ports, clock).run(inputs, stopped));
        Ok(Self {
            server,
            supervisor,
            records,
            vault,
            pump,
            stop,
            stop_grace: Duration::from_millis(config.stop_grace_ms),
        })
    }

    /// Where the register API listens.
    pub(crate) fn addresses(&self) -> Addresses {
        self.server.addresses()
    }

    /// The Unix socket.
    pub(crate) fn socket(&self) -> &Path {
        self.server.socket()
    }

    /// Serves until the process is asked to end, then stops in order.
    pub(crate) async fn until_stopped(self) {
        let terminate = signal(SignalKind::terminate());
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = async {
                match terminate {
                    Ok(mut terminate) => { terminate.recv().await; }
                    Err(_) => std::future::pending().await,
                }
            } => {}
        }
        self.stop().await;
    }

    /// Lets running transactions end within the grace, then ends plugins, journal and listener.
    pub(crate) async fn stop(self) {
        tracing::info!("stopping");
        failpoint!("stop.announce.before");
        self.server.announce_stop();
        failpoint!("stop.announce.after");
        let by = Instant::now() + self.stop_grace;
        // A pump that has ended already needs no telling.
        self.stop.send(by).ok();
        if let Err(error) = self.pump.await {
            tracing::error!("the loop ended by a defect: {error}");
        }
        failpoint!("stop.quiet.after");
        self.server.stop().await;
        failpoint!("stop.server.after");
        self.supervisor.stop().await;
        failpoint!("stop.runners.after");
        self.vault.close();
        self.records.close();
        failpoint!("stop.journal.after");
    }
}

/// Keeps what only shows now that the journal is open.
async fn keep_start(config: &Config, records: &Records) {
    if config.access == Mode::Open {
        let text = "the host was started with open access: every program and page of this machine \
                    may ask for everything";
        records.audit_later(&Audit::new(&Actor::Host, Action::AccessOpen, None, text));
    }
    audit_left::take(&config.state, records).await;
}

/// A crash leaves no image of this process: secrets of registers and sealed cards lie in it.
fn leave_no_core_files() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!("a crash would leave a core file: {error}");
    }
}

/// A file that may not grow is an error to the journal, which knows what to do, and no end of the
/// process: a signal that somebody listens to does not kill.
fn survive_full_disks() {
    let beyond_size = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    if let Err(error) = signal(beyond_size) {
        tracing::warn!("a file-size limit would end this process: {error}");
    }
}

/// Wall time cannot be before the last record, nor before the build's year.
fn newest_micros(restored: &payhal_engine::record::Restored) -> i64 {
    const BUILD_MICROS: i64 = 1_767_225_600_000_000;
    restored.last_at_micros.max(BUILD_MICROS)
}

/// The folder of sealed numbers, beside the journal and in none of its backups.
fn open_vault(state: &Path, inbox: Inbox) -> Result<Vault, HostError> {
    let path = state.join(VAULT);
    Vault::open(&path, move |transaction, refused| {
        inbox.kept(transaction, refused);
    })
    .map_err(|source| HostError::State { path, source })
}

pub(crate) fn make_state_folder(path: &Path) -> Result<(), HostError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|source| HostError::State {
        path: path.to_owned(),
        source,
    })
}
