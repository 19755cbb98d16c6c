// SPDX-License-Identifier: MIT OR Apache-2.0
//! A daemon of its own for each case: configured, started, killed, started again, reaped.
//!
//! Owns processes and the state folder. It must never leave one of them behind.

use crate::ledger::Ledger;
use crate::register::Register;
use payhal_client::protocol::registers::{Limits, RegisterUpdateParams};
use payhal_client::protocol::session::Permission;
use payhal_client::{Endpoint, Trust};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, waitpid};
use std::fmt::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The gateway of every shop.
pub(crate) const GATEWAY: &str = "sandbox";

/// A file of this name says that registers must be paired, over restarts too.
const PAIRED: &str = "paired";

/// A folder of this name beside the configuration holds plugins of the case's own.
pub(crate) const OWN_PLUGINS: &str = "plugins";

/// A file of this name says that only signed plugins run, and none but those of the case's own.
pub(crate) const SIGNED: &str = "signed";

/// Longest wait for anything: far beyond what a machine with too much to do needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for what must come.
pub(crate) async fn soon<T>(what: &str, wanted: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, wanted).await {
        Ok(came) => came,
        Err(_) => panic!("{what} did not come within {PATIENCE:?}"),
    }
}

/// What a daemon is configured with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    readers: Vec<(String, String)>,
    terminals: Vec<(String, String, String)>,
    timeouts: Vec<(&'static str, String)>,
    host: Vec<(&'static str, String)>,
    gateway: String,
    further_gateways: Vec<(String, String)>,
    gateway_plugin: &'static str,
    rest: String,
    rights: Vec<RegisterUpdateParams>,
    paired: bool,
}

impl Setup {
    /// Readers `reader-1` and so on, whose cards come from the case.
    pub(crate) fn readers(count: usize) -> Self {
        Self::with_readers(count, "{}")
    }

    /// Readers that answer every read at once with this card, as `tap visa-approve`.
    pub(crate) fn automatic(count: usize, card: &str) -> Self {
        Self::with_readers(count, &format!("{{ auto = \"{card}\" }}"))
    }

    /// Readers that ask the register which application of a card is meant.
    pub(crate) fn asking(count: usize) -> Self {
        Self::with_readers(count, "{ selection = \"register\" }")
    }

    fn with_readers(count: usize, config: &str) -> Self {
        let reader = |number: usize| (format!("reader-{number}"), config.to_owned());
        Self {
            readers: (1..=count).map(reader).collect(),
            terminals: Vec::new(),
            timeouts: vec![("retry_ms", "[50, 100, 200]".to_owned())],
            host: Vec::new(),
            gateway: "{}".to_owned(),
            further_gateways: Vec::new(),
            gateway_plugin: "sandbox",
            rest: String::new(),
            rights: Vec::new(),
            paired: false,
        }
    }

    /// Registers must be paired, as in a shop. Without this access is open.
    pub(crate) fn paired(mut self) -> Self {
        self.paired = true;
        self
    }

    /// One more device: a virtual terminal of this plugin.
    pub(crate) fn terminal(mut self, name: &str, plugin: &str, config: &str) -> Self {
        self.terminals
            .push((name.to_owned(), plugin.to_owned(), config.to_owned()));
        self
    }

    /// One of the engine's time-outs.
    pub(crate) fn timeout(mut self, name: &'static str, ms: u64) -> Self {
        self.timeouts.push((name, ms.to_string()));
        self
    }

    /// The gateway's own configuration.
    pub(crate) fn gateway(mut self, config: &str) -> Self {
        config.clone_into(&mut self.gateway);
        self
    }

    /// One more gateway of this plugin, with an acceptor of its own. The first one stays the
    /// host's choice.
    pub(crate) fn further_gateway(mut self, name: &str, plugin: &str) -> Self {
        self.further_gateways
            .push((name.to_owned(), plugin.to_owned()));
        self.host("default_gateway", &format!("\"{GATEWAY}\""))
    }

    /// The gateway's plugin, where it is another way to run the sandbox.
    pub(crate) fn gateway_plugin(mut self, plugin: &'static str) -> Self {
        self.gateway_plugin = plugin;
        self
    }

    /// The gateway's acceptor has this MID and TID.
    pub(crate) fn acceptor(self, merchant: &str, terminal: &str) -> Self {
        let acceptor = format!("merchant = \"{merchant}\", terminal = \"{terminal}\"");
        let of_gateway = format!("{}\nacceptor = {{ {acceptor} }}", self.gateway);
        self.gateway(&of_gateway)
    }

    /// What the operator allows this register, and up to which amounts.
    pub(crate) fn rights(mut self, register: &str, may: &[Permission], limits: Limits) -> Self {
        self.rights.push(RegisterUpdateParams {
            register_id: register.into(),
            name: None,
            permissions: Some(may.to_vec()),
            limits: Some(limits),
        });
        self
    }

    /// Tables of the configuration besides.
    pub(crate) fn rules(mut self, tables: &str) -> Self {
        self.rest += tables;
        self
    }

    /// One of the supervisor's or the host's own settings, in its table.
    pub(crate) fn host(mut self, name: &'static str, value: &str) -> Self {
        self.host.push((name, value.to_owned()));
        self
    }

    /// The configuration file.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from("[host]\nname = \"Test shop\"\n");
        for (name, value) in &self.host {
            writeln!(text, "{name} = {value}").unwrap();
        }
        for (name, config) in &self.readers {
            let table =
                format!("name = \"{name}\"\nplugin = \"virtual-reader\"\nconfig = {config}");
            writeln!(text, "[[device]]\n{table}").unwrap();
        }
        for (name, plugin, config) in &self.terminals {
            let table = format!("name = \"{name}\"\nplugin = \"{plugin}\"\nconfig = {config}");
            writeln!(text, "[[device]]\n{table}").unwrap();
        }
        for (name, plugin) in &self.further_gateways {
            let table = format!("name = \"{name}\"\nplugin = \"{plugin}\"");
            let acceptor = "acceptor = { merchant = \"shop\", terminal = \"one\" }";
            writeln!(text, "[[gateway]]\n{table}\n{acceptor}").unwrap();
        }
        let table = format!(
            "name = \"{GATEWAY}\"
plugin = \"{}\"
config = {}",
            self.gateway_plugin, self.gateway
        );
        writeln!(
            text,
            "[[gateway]]
{table}
[timeouts]"
        )
        .unwrap();
        for (name, value) in &self.timeouts {
            writeln!(text, "{name} = {value}").unwrap();
        }
        text + &self.rest
    }
}

/// A running daemon and its state folder.
#[derive(Debug)]
pub(crate) struct Host {
    process: Process,
    address: String,
    tls_port: String,
    folder: TempDir,
}

impl Host {
    /// Starts a daemon and waits until every device and gateway is ready.
    pub(crate) async fn start(setup: &Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("shop.toml"), setup.text()).unwrap();
        if setup.paired {
            std::fs::write(folder.path().join(PAIRED), "").unwrap();
        }
        let host = Self::start_in(folder).await;
        let operator = host.operator().await;
        for rights in &setup.rights {
            operator.0.request(rights).await.unwrap();
        }
        host
    }

    /// Starts a daemon where one has lived before.
    pub(crate) async fn start_in(folder: TempDir) -> Self {
        Self::start_with(folder, &[]).await
    }

    /// The same with these variables in its environment.
    pub(crate) async fn start_with(folder: TempDir, variables: &[(&str, &str)]) -> Self {
        let host = Self::start_unready(folder, variables).await;
        host.operator().await.until_all_ready().await;
        host
    }

    /// Starts a daemon and waits until it listens, whatever becomes of its plugins.
    pub(crate) async fn start_unready(folder: TempDir, variables: &[(&str, &str)]) -> Self {
        let mut command = serve(folder.path(), "127.0.0.1:0");
        command.envs(variables.iter().copied());
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(folder.path().join("daemon.log"))
            .unwrap();
        command.stdout(Stdio::piped()).stderr(log);
        let mut process = Process(command.spawn().unwrap(), folder.path().join("daemon.log"));
        let output = process.0.stdout.take().unwrap();
        let mut lines = BufReader::new(output).lines();
        let address = soon("the line that says where it listens", async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(address) = line.strip_prefix("payhal: listening on ") {
                    return address.to_owned();
                }
            }
            panic!("the daemon ended before it listened")
        });
        let address = address.await;
        let tls_port = soon("the line that says where TLS is", async {
            let line = lines.next_line().await.unwrap().unwrap_or_default();
            let port = line.strip_prefix("payhal: with TLS on localhost:");
            port.map(str::to_owned).unwrap_or_default()
        });
        let tls_port = tls_port.await;
        Self {
            process,
            address,
            tls_port,
            folder,
        }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The WebSocket endpoint with TLS, for who takes just this certificate.
    pub(crate) fn wss(&self, fingerprint: &str) -> Endpoint {
        let url = format!("wss://localhost:{}/v1/ws", self.tls_port);
        Endpoint::Wss(url, Trust::Pinned(fingerprint.to_owned()))
    }

    /// The state folder.
    pub(crate) fn state(&self) -> PathBuf {
        state_of(self.folder.path())
    }

    /// The folder of configuration, state and diagnostic log.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The WebSocket endpoint.
    pub(crate) fn ws(&self) -> Endpoint {
        Endpoint::Ws(format!("ws://{}/v1/ws", self.address))
    }

    /// The Unix socket: the one address that a restart keeps.
    pub(crate) fn unix(&self) -> Endpoint {
        Endpoint::Unix(self.state().join("payhal.sock"))
    }

    /// A register over WebSocket.
    pub(crate) async fn register(&self, id: &str) -> Register {
        Register::connect(self.ws(), id).await
    }

    /// A connection over the Unix socket that makes no payments.
    pub(crate) async fn operator(&self) -> Register {
        Register::connect(self.unix(), "operator").await
    }

    /// The sandbox gateway's ledger.
    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::in_folder(&self.state().join("instances").join(GATEWAY))
    }

    /// Ends the daemon with SIGKILL and starts another one on the same state folder.
    pub(crate) async fn kill_and_restart(self) -> Self {
        let Self {
            mut process,
            folder,
            ..
        } = self;
        process.end(Signal::KILL).await;
        Self::start_in(folder).await
    }

    /// Asks the daemon to end, and starts another one on the same state folder.
    pub(crate) async fn stop_and_restart(self) -> Self {
        let Self {
            mut process,
            folder,
            ..
        } = self;
        let status = process.end(Signal::TERM).await;
        assert!(
            status.success(),
            "a daemon that is asked to end ends well: {status}"
        );
        Self::start_in(folder).await
    }

    /// Asks the daemon to end, and waits for it. The state folder lives as long as what this gives.
    pub(crate) async fn stop(self) -> (std::process::ExitStatus, TempDir) {
        let Self {
            mut process,
            folder,
            ..
        } = self;
        (process.end(Signal::TERM).await, folder)
    }

    /// Asks the daemon to end, and waits for nothing.
    pub(crate) fn ask_to_stop(&self) {
        kill_process(self.process.pid().unwrap(), Signal::TERM).unwrap();
    }

    /// Ends the daemon with SIGKILL. The state folder lives as long as what this gives.
    pub(crate) async fn kill(self) -> TempDir {
        let Self {
            mut process,
            folder,
            ..
        } = self;
        process.end(Signal::KILL).await;
        folder
    }

    /// Process id of the daemon.
    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id().unwrap()
    }

    /// Process id of the runner of a device or gateway.
    pub(crate) fn runner(&self, instance: &str) -> Pid {
        let home = self.state().join("instances").join(instance);
        let home = home.canonicalize().unwrap();
        let lives_there = |pid: &u32| {
            std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == home)
        };
        let runner = children(self.pid()).into_iter().find(lives_there);
        let runner = runner.unwrap_or_else(|| panic!("{instance} has no runner"));
        Pid::from_raw(i32::try_from(runner).unwrap()).unwrap()
    }

    /// SIGKILL to the runner of a device or gateway.
    pub(crate) fn kill_runner(&self, instance: &str) {
        kill_process(self.runner(instance), Signal::KILL).unwrap();
    }

    /// Starts a second daemon, which must refuse to run; what it says on standard error.
    pub(crate) async fn refusal_of_second(&self, state: &Path, listen: &str) -> String {
        let mut command = serve(state, listen);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut second = Process(command.spawn().unwrap(), PathBuf::new());
        let mut said = String::new();
        let mut errors = second.0.stderr.take().unwrap();
        soon("the end of a second daemon", async {
            tokio::io::AsyncReadExt::read_to_string(&mut errors, &mut said)
                .await
                .unwrap();
            let status = second.0.wait().await.unwrap();
            assert!(!status.success(), "a second daemon ran: {status}");
        })
        .await;
        said
    }
}

/// Where a daemon that was started in this folder keeps its state.
pub(crate) fn state_of(folder: &Path) -> PathBuf {
    folder.join("state")
}

/// The command line of a daemon in this folder.
pub(crate) fn serve(folder: &Path, listen: &str) -> Command {
    let mut command = Command::new(from_xtask("PAYHAL_BIN"));
    command
        .arg("serve")
        .arg("--config")
        .arg(folder.join("shop.toml"))
        .arg("--state")
        .arg(state_of(folder))
        .arg("--runner")
        .arg(from_xtask("PAYHAL_RUNNER"))
        .args(["--listen", listen])
        .stdin(Stdio::null());
    if !folder.join(SIGNED).is_file() {
        let built = from_xtask("PAYHAL_PLUGINS");
        command.arg("--allow-unsigned").arg("--plugins").arg(built);
    }
    if folder.join(OWN_PLUGINS).is_dir() {
        command.arg("--plugins").arg(folder.join(OWN_PLUGINS));
    }
    if !folder.join(PAIRED).is_file() {
        command.args(["--access", "open"]);
    }
    command
}

/// A path that only xtask knows.
pub(crate) fn from_xtask(name: &str) -> PathBuf {
    match std::env::var_os(name) {
        Some(path) => PathBuf::from(path),
        None => panic!("{name} is not set; run these through: cargo xtask test processes"),
    }
}

/// A process that is nobody's child here, to wait for its end.
#[derive(Debug)]
pub(crate) struct Stranger(OwnedFd);

impl Stranger {
    pub(crate) fn of(pid: Pid) -> Self {
        Self(pidfd_open(pid, PidfdFlags::empty()).unwrap())
    }

    /// Waits until it has ended. Blocks the whole case.
    pub(crate) fn assert_ends(&self) {
        let patience = Timespec::try_from(PATIENCE).unwrap();
        let mut watched = [PollFd::new(&self.0, PollFlags::IN)];
        let ended = poll(&mut watched, Some(&patience)).unwrap();
        assert_eq!(ended, 1, "a process did not end within {PATIENCE:?}");
    }
}

/// Processes whose parent this is.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |pid: &u32| {
        // proc(5): the parent is the second field behind the name, which ends with a parenthesis.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
        behind.split_whitespace().nth(1) == Some(&parent.to_string())
    };
    pids.filter(is_child).collect()
}

/// A child that is killed and reaped at the latest when it is dropped, with its diagnostic log.
#[derive(Debug)]
pub(crate) struct Process(pub(crate) Child, pub(crate) PathBuf);

impl Process {
    /// Sends a signal and waits for the end.
    pub(crate) async fn end(&mut self, signal: Signal) -> std::process::ExitStatus {
        kill_process(self.pid().unwrap(), signal).unwrap();
        soon("the daemon's end", self.0.wait()).await.unwrap()
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.0.id()?).ok()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            // Gone already is as good.
            kill_process(pid, Signal::KILL).ok();
            waitpid(Some(pid), WaitOptions::empty()).ok();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.1).unwrap_or_default();
            let tail = log.len().saturating_sub(4000);
            println!("the daemon said:\n{}", log.get(tail..).unwrap_or(&log));
        }
    }
}
