// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a service manager does: starts the daemon again whenever it has ended, on the same state
//! folder, until it is told to close.
//!
//! Owns the process of the moment. It never looks at money.

use crate::host::{PATIENCE, Process, Setup, children, serve, soon, state_of};
use crate::register::Register;
use payhal_client::Endpoint;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Lives in a row that may end before they listen, before something is wrong with the daemon.
const STILLBORN_MAX: usize = 3;

/// The daemon of the moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life {
    /// How many there were before.
    pub(crate) number: u32,
    /// While it runs.
    pub(crate) pid: Option<u32>,
    /// Once it listens.
    pub(crate) address: Option<String>,
}

/// Additions to the environment of a life; none for most.
pub(crate) type Fate = Vec<(&'static str, OsString)>;

/// A daemon that is started again.
#[derive(Debug)]
pub(crate) struct Keeper {
    folder: TempDir,
    life: watch::Receiver<Life>,
    closing: watch::Sender<bool>,
    task: JoinHandle<Vec<ExitStatus>>,
}

impl Keeper {
    /// Starts the first daemon, and does not wait for anything.
    pub(crate) fn open(setup: &Setup, fates: Vec<Fate>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("shop.toml"), setup.text()).unwrap();
        Self::reopen(folder, fates)
    }

    /// The same in a folder where daemons have lived before. Each life has its fate; those after
    /// the last one have none.
    pub(crate) fn reopen(folder: TempDir, fates: Vec<Fate>) -> Self {
        let (tell, life) = watch::channel(Life::default());
        let (closing, closed) = watch::channel(false);
        let place = folder.path().to_owned();
        Self {
            task: tokio::spawn(keep(place, fates, tell, closed)),
            folder,
            life,
            closing,
        }
    }

    /// The folder of configuration, state and diagnostic log.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where registers look for the host: it moves with every life.
    pub(crate) fn place(&self) -> Place {
        Place {
            life: self.life.clone(),
            socket: state_of(self.folder()).join("payhal.sock"),
        }
    }

    /// The life of the moment.
    pub(crate) fn life(&self) -> Life {
        self.life.borrow().clone()
    }

    /// SIGKILL to the daemon; whether there was one that listened.
    pub(crate) fn kill(&self) -> bool {
        let Life { pid, address, .. } = self.life();
        match pid.filter(|_| address.is_some()).and_then(as_pid) {
            Some(pid) => kill_process(pid, Signal::KILL).is_ok(),
            None => false,
        }
    }

    /// SIGTERM to the daemon.
    pub(crate) fn ask_to_stop(&self) {
        if let Some(pid) = self.life().pid.and_then(as_pid) {
            // Gone already is as good.
            kill_process(pid, Signal::TERM).ok();
        }
    }

    /// SIGKILL to the runner of a device or gateway; whether there was one.
    pub(crate) fn kill_runner(&self, instance: &str) -> bool {
        let home = state_of(self.folder()).join("instances").join(instance);
        let Some(pid) = self.life().pid else {
            return false;
        };
        let Ok(home) = home.canonicalize() else {
            return false;
        };
        let lives_there = |pid: &u32| {
            std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == home)
        };
        let runner = children(pid).into_iter().find(lives_there);
        runner
            .and_then(as_pid)
            .is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
    }

    /// Waits until this life is over.
    pub(crate) async fn ended(&self, number: u32) {
        let mut life = self.life.clone();
        let over = life.wait_for(|life| life.number > number);
        soon("the end of a life", over)
            .await
            .expect("the keeper lives");
    }

    /// Waits until a life after this one listens.
    pub(crate) async fn reborn(&self, after: u32) {
        let mut life = self.life.clone();
        soon(
            "the next life of the daemon",
            life.wait_for(|life| life.number > after && life.address.is_some()),
        )
        .await
        .expect("the keeper lives");
    }

    /// Waits until this life listens.
    pub(crate) async fn listens(&self) {
        let mut life = self.life.clone();
        soon(
            "a listening daemon",
            life.wait_for(|life| life.address.is_some()),
        )
        .await
        .expect("the keeper lives");
    }

    /// Asks the daemon to end and waits for it. How every life ended, the last one of them well,
    /// and the folder.
    pub(crate) async fn close(self) -> (Vec<ExitStatus>, TempDir) {
        self.closing.send_replace(true);
        let ends = soon("the daemon's orderly end", self.task).await;
        (ends.expect("the keeper ends"), self.folder)
    }
}

/// As the system calls take it.
pub(crate) fn as_pid(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

async fn keep(
    place: PathBuf,
    fates: Vec<Fate>,
    tell: watch::Sender<Life>,
    mut closing: watch::Receiver<bool>,
) -> Vec<ExitStatus> {
    let mut fates = fates.into_iter();
    let mut ends = Vec::new();
    let mut stillborn = 0;
    loop {
        let mut process = start(&place, fates.next().unwrap_or_default());
        let output = process.0.stdout.take().expect("standard output is ours");
        let mut lines = BufReader::new(output).lines();
        tell.send_modify(|life| life.pid = process.0.id());
        let mut born = false;
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(address) = line.strip_prefix("payhal: listening on ") {
                born = true;
                tell.send_modify(|life| life.address = Some(address.to_owned()));
                break;
            }
        }
        let ended = tokio::select! {
            status = process.0.wait() => Some(status.expect("a child can be waited for")),
            () = asked(&mut closing) => None,
        };
        let status = match ended {
            Some(status) => status,
            None => process.end(Signal::TERM).await,
        };
        tell.send_modify(|life| {
            *life = Life {
                number: life.number + 1,
                ..Life::default()
            }
        });
        ends.push(status);
        if *closing.borrow() {
            return ends;
        }
        stillborn = if born { 0 } else { stillborn + 1 };
        assert!(
            stillborn <= STILLBORN_MAX,
            "the daemon does not start any more: {status}"
        );
    }
}

async fn asked(closing: &mut watch::Receiver<bool>) {
    // The sender is the keeper: without it, this is asked too.
    closing.wait_for(|closing| *closing).await.ok();
}

fn start(place: &Path, fate: Fate) -> Process {
    let mut command = serve(place, "127.0.0.1:0");
    let log = std::fs::File::options()
        .append(true)
        .create(true)
        .open(place.join("daemon.log"))
        .unwrap();
    command.stdout(Stdio::piped()).stderr(log).envs(fate);
    Process(command.spawn().unwrap(), place.join("daemon.log"))
}

/// Where registers look for the host.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    life: watch::Receiver<Life>,
    socket: PathBuf,
}

impl Place {
    /// Over WebSocket, once somebody listens: the address changes with every life.
    pub(crate) async fn websocket(&self) -> Endpoint {
        let mut life = self.life.clone();
        let life = life.wait_for(|life| life.address.is_some()).await;
        let address = life.expect("the keeper lives").address.clone();
        Endpoint::Ws(format!("ws://{}/v1/ws", address.expect("waited for")))
    }

    /// A connection that makes no payments.
    pub(crate) async fn operator(&self) -> Register {
        self.websocket().await;
        Register::connect(self.unix(), "operator").await
    }

    /// The Unix socket keeps its place.
    pub(crate) fn unix(&self) -> Endpoint {
        Endpoint::Unix(self.socket.clone())
    }
}

/// The longest a register waits for the last word under a key.
pub(crate) const LAST_WORD: std::time::Duration = PATIENCE.saturating_mul(2);
