// SPDX-License-Identifier: MIT OR Apache-2.0
//! The product as it is installed: `payhal serve` with virtual readers and the sandbox gateway.

use crate::Failure;
use crate::load;
use crate::process::{EndBy, Process};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long all plugins may take to be ready.
const READY_MAX: Duration = Duration::from_secs(30);

/// Where the programs are.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    pub(crate) daemon: PathBuf,
    pub(crate) runner: PathBuf,
    pub(crate) plugins: PathBuf,
}

impl Installed {
    /// As `cargo xtask bench` says it.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        let place = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .ok_or_else(|| format!("{name} is not set; run this through: cargo xtask bench"))
        };
        Ok(Self {
            daemon: place("PAYHAL_BIN")?,
            runner: place("PAYHAL_RUNNER")?,
            plugins: place("PAYHAL_PLUGINS")?,
        })
    }
}

/// Where the sandbox gateway keeps its ledger.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ledger {
    /// In its own file, as it is installed.
    File,
    /// Nowhere: the gateway costs its messages alone.
    Memory,
}

/// A state folder with a configuration, used by one host after another; gone when dropped.
#[derive(Debug)]
pub(crate) struct Shop {
    folder: tempfile::TempDir,
}

impl Shop {
    /// One with readers `reader-0` and so on that answer at once, and a gateway.
    pub(crate) fn new(readers: usize, ledger: Ledger) -> Result<Self, Failure> {
        use std::fmt::Write;
        let folder = tempfile::Builder::new().prefix("payhal-bench-").tempdir()?;
        let mut config = String::from("[host]\nname = \"bench\"\n");
        for index in 0..readers {
            write!(
                config,
                "\n[[device]]\nname = \"reader-{index}\"\nplugin = \"virtual-reader\"\n\
                 config = {{ auto = \"tap visa-approve\" }}\n",
            )?;
        }
        let ledger = match ledger {
            Ledger::File => "file",
            Ledger::Memory => "memory",
        };
        write!(
            config,
            "\n[[gateway]]\nname = \"bank\"\nplugin = \"sandbox\"\n\
             config = {{ ledger = \"{ledger}\" }}\n",
        )?;
        fs::write(folder.path().join("payhal.toml"), config)?;
        Ok(Self { folder })
    }

    /// Its journal, to be filled before a host uses it.
    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.path().join("journal.sqlite")
    }

    fn said(&self) -> PathBuf {
        self.folder.path().join("standard-error")
    }

    /// Starts a host and waits for nothing.
    pub(crate) fn spawn(&self, installed: &Installed) -> Result<Process, Failure> {
        let mut command = Command::new(&installed.daemon);
        command
            .args(["serve", "--allow-unsigned"])
            .args(["--listen", "127.0.0.1:0", "--access", "open"])
            .arg("--state")
            .arg(self.folder.path())
            .arg("--plugins")
            .arg(&installed.plugins)
            .arg("--runner")
            .arg(&installed.runner)
            .stderr(File::create(self.said())?);
        Process::start(&mut command, EndBy::Signal)
    }

    /// Starts a host and waits until every plugin is ready.
    pub(crate) fn open(&self, installed: &Installed) -> Result<Host, Failure> {
        let mut process = self.spawn(installed)?;
        let address = process.address().map_err(|error| {
            let said = fs::read_to_string(self.said()).unwrap_or_default();
            format!("{error}: {said}")
        })?;
        wait_until_ready(&address)?;
        Ok(Host { address, process })
    }
}

/// A host with all its plugins ready.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) address: String,
    process: Process,
}

impl Host {
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// One gauge of `/metrics`.
    pub(crate) fn gauge(&self, name: &str) -> Result<f64, Failure> {
        let text = http(&self.address, "/metrics")?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = value.ok_or_else(|| format!("/metrics does not tell {name}"))?;
        Ok(value.trim().parse()?)
    }

    /// Runners by what they hold: readers, then the gateway.
    pub(crate) fn runners(&self) -> Result<(u32, u32), Failure> {
        let held = |pid: u32| fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        let ends = |path: &Path, name: &str| path.to_string_lossy().contains(name);
        let runners = crate::process::children(self.pid());
        let find = |name| runners.iter().copied().find(|pid| ends(&held(*pid), name));
        find("reader-0")
            .zip(find("bank"))
            .ok_or_else(|| "the host has no runners".into())
    }
}

/// Asks until every device and gateway is ready.
pub(crate) fn wait_until_ready(address: &str) -> Result<(), Failure> {
    let until = Instant::now() + READY_MAX;
    loop {
        let devices = load::ask(address, "device.list")?;
        let gateways = load::ask(address, "gateway.list")?;
        let states = |text: &str, ready: bool| {
            let all = text.matches("\"state\":\"").count();
            let well = text.matches("\"state\":\"ready\"").count();
            all > 0 && (all == well) == ready
        };
        if states(&devices, true) && states(&gateways, true) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(format!("the plugins did not get ready: {devices} {gateways}").into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn http(address: &str, path: &str) -> Result<String, Failure> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(READY_MAX))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
