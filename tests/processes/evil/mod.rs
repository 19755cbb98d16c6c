// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a malicious plugin, in C, harms nothing but its own device: whatever it does, the
//! device beside it sells meanwhile and afterwards, a register that waits for it is told so by
//! name and in time, and everybody can see which plugin it was and why.
//!
//! Owns the evil plugin (`*.c`) and the shop it is let loose in. What it does, and where, are its
//! orders, which come as its configuration; where it acts before it has one, they are compiled in.

mod confined;
mod entries;
mod gateway;
mod machine;
mod words;

use crate::host::{GATEWAY, Host, OWN_PLUGINS, Setup, children, from_xtask, soon};
use crate::register::{Played, Register, sale};
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::gateway::{GatewayListParams, GatewayState, GatewaySummary};
use payhal_client::protocol::plugins::{PluginInstance, PluginListParams};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The evil device, and its plugin.
const EVIL: &str = "evil";

/// The evil gateway.
const SHADY: &str = "shady";

/// The device beside it.
const HONEST: &str = "reader-1";

/// What a plugin that does not answer costs a register here: the time for a card, the grace of
/// every call, a ping, and room for a machine with too much to do.
const DEADLINE: Duration = Duration::from_secs(8);

const MANIFEST: &str = r#"
id = "evil"
name = "Evil"
version = "6.6.6"
abi = 1
kind = "reader"
library = "evil"
simulated = true

[reader]
entries = ["contactless"]
display = true
encrypts = true
"#;

/// The same library where it is taken for a gateway connector.
const GATEWAY_MANIFEST: &str = r#"
id = "shady"
name = "Shady"
version = "6.6.6"
abi = 1
kind = "gateway"
library = "evil"
simulated = true

[gateway]
"#;

/// What the plugin is to do, by name.
#[derive(Clone, Debug)]
struct Orders {
    all: BTreeMap<&'static str, String>,
    early: bool,
}

impl Orders {
    /// In this function of the plugin, or when this method is called, do this.
    fn new(at: &str, does: &str) -> Self {
        let all = [("at", at.to_owned()), ("does", does.to_owned())];
        Self {
            all: all.into(),
            early: matches!(at, "constructor" | "entry"),
        }
    }

    fn and(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.all.insert(name, value.into());
        self
    }

    fn json(&self) -> String {
        serde_json::to_string(&self.all).unwrap()
    }

    /// As a table of the configuration.
    fn toml(&self) -> String {
        let members = self.all.iter();
        let members: Vec<String> = members
            .map(|(name, value)| format!("{name} = {value:?}"))
            .collect();
        format!("{{ {} }}", members.join(", "))
    }
}

/// Compiles the plugin once for each set of flags, whoever asks first.
fn library(flags: &[String]) -> PathBuf {
    static COMPILED: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap();
    let key = flags.join(" ");
    if let Some(library) = compiled.get(&key) {
        return library.clone();
    }
    let name = format!("libevil-{}-{}.so", std::process::id(), compiled.len());
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    compile(flags, &library);
    compiled.insert(key, library.clone());
    library
}

fn compile(flags: &[String], library: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = ["evil.c", "gateway.c", "harm.c", "words.c", "attempts.c"];
    let output = Command::new("gcc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-O1"])
        .args(["-fPIC", "-shared", "-fexceptions", "-pthread", "-I"])
        .arg(root.join("../sdk/abi/include"))
        .args(flags)
        .args(sources.map(|source| root.join("processes/evil").join(source)))
        .arg("-o")
        .arg(library)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "gcc refuses the plugin: {said}");
}

/// A host with the evil device and an honest one.
#[derive(Debug)]
struct Shop {
    host: Host,
    register: Register,
    honest_runner: rustix::process::Pid,
    /// Through which gateway the evil device sells, where it is not the host's choice.
    through: Option<&'static str>,
}

impl Shop {
    /// Opens it and waits until the honest device is ready.
    async fn open(orders: &Orders) -> Self {
        Self::open_in(tempfile::tempdir().unwrap(), orders).await
    }

    /// The same in this folder, which orders may name.
    async fn open_in(folder: tempfile::TempDir, orders: &Orders) -> Self {
        install(folder.path(), "evil", MANIFEST, orders);
        let device = format!(
            "[[device]]\nname = \"{EVIL}\"\nplugin = \"evil\"\nconfig = {}\n",
            orders.toml()
        );
        Self::open_with(folder, &device, None).await
    }

    /// Opens it with an evil gateway, and an evil device that only helps it.
    async fn open_behind(orders: &Orders) -> Self {
        Self::open_behind_in(tempfile::tempdir().unwrap(), orders).await
    }

    /// The same in this folder, which orders may name.
    async fn open_behind_in(folder: tempfile::TempDir, orders: &Orders) -> Self {
        install(folder.path(), "evil", MANIFEST, &Orders::new("", ""));
        install(folder.path(), SHADY, GATEWAY_MANIFEST, orders);
        let config = orders.toml();
        let instances = format!(
            "[[device]]\nname = \"{EVIL}\"\nplugin = \"evil\"\n\
             [[gateway]]\nname = \"{SHADY}\"\nplugin = \"{SHADY}\"\nconfig = {config}\n\
             acceptor = {{ merchant = \"shop\", terminal = \"two\" }}\n",
        );
        let shop = Self::open_with(folder, &instances, Some(SHADY)).await;
        shop.register.until_state(EVIL, DeviceState::Ready).await;
        shop
    }

    async fn open_with(
        folder: tempfile::TempDir,
        instances: &str,
        through: Option<&'static str>,
    ) -> Self {
        // Whoever means to be patient says so with each sale.
        let setup = Setup::readers(1)
            .host("default_gateway", &format!("\"{GATEWAY}\""))
            .timeout("card_ms", 300)
            .timeout("prompt_ms", 20_000)
            .timeout("gateway_ms", 2_000)
            .timeout("grace_ms", 300)
            .rules(instances);
        std::fs::write(folder.path().join("shop.toml"), setup.text()).unwrap();
        let host = Host::start_unready(folder, &[]).await;
        let register = host.register("till-1").await;
        register.until_state(HONEST, DeviceState::Ready).await;
        let shop = Self {
            honest_runner: host.runner(HONEST),
            host,
            register,
            through,
        };
        shop.until_gateway_ready().await;
        shop
    }

    /// What the honest device sells goes through it.
    async fn until_gateway_ready(&self) {
        let mut news = self.register.watch().await;
        soon("the gateway", async {
            loop {
                let client = &self.register.0;
                let listed = client.request(&GatewayListParams {}).await.unwrap();
                let ready = |gateway: &GatewaySummary| {
                    gateway.id.as_str() == GATEWAY && gateway.state == GatewayState::Ready
                };
                if listed.gateways.iter().any(ready) {
                    return;
                }
                news.next().await;
            }
        })
        .await;
    }

    /// The same, where the evil device comes up well.
    async fn open_ready(orders: &Orders) -> Self {
        let shop = Self::open(orders).await;
        shop.register.until_state(EVIL, DeviceState::Ready).await;
        shop
    }

    /// Tells the plugin which process drives the honest device, when it is told to act.
    fn other(&self) -> [(&'static str, serde_json::Value); 1] {
        let pid = self.honest_runner.as_raw_nonzero().to_string();
        [("other", pid.into())]
    }

    /// A sale on the honest device.
    async fn sells(&self, key: &str, minor: i64) {
        let params = patient(key, minor);
        let sold = self.register.sell(&params, "tap", "visa-approve").await;
        sold.approved();
    }

    /// What a register is told of a sale on the evil device, in time, while another one sells on
    /// the honest device.
    async fn robbed(&self) -> Played {
        self.robbed_for(300).await
    }

    /// The same where the register gives the card this many milliseconds.
    async fn robbed_for(&self, timeout_ms: u64) -> Played {
        let other = self.host.register("till-2").await;
        let waiting = other.begin(&patient("during", 999)).await;
        let mut params = sale("k", 1250, EVIL);
        params.timeout_ms = Some(timeout_ms);
        params.gateway = self.through.map(Into::into);
        let begun = Instant::now();
        let played = self.register.sell_alone(&params).await;
        let took = begun.elapsed();
        let limit = DEADLINE + Duration::from_millis(timeout_ms);
        assert!(took < limit, "{took:?}: {played:?}");
        other.show(HONEST, "tap", "visa-approve").await;
        waiting.end().await.approved();
        played
    }

    /// The evil device as the operator sees it, as soon as the reason holds these words.
    async fn blamed(&self, words: &str) -> PluginInstance {
        self.blamed_for(EVIL, words).await
    }

    /// The same of this plugin, whose only instance has its name.
    async fn blamed_for(&self, id: &str, words: &str) -> PluginInstance {
        let operator = self.host.operator().await;
        let mut news = operator.watch().await;
        soon(&format!("the blame for {words:?}"), async {
            loop {
                let listed = operator.0.request(&PluginListParams {}).await.unwrap();
                let plugin = listed.plugins.iter().find(|plugin| plugin.id == id);
                let found = plugin.and_then(|plugin| plugin.instances.first());
                let said = found.and_then(|found| found.last_error.as_deref());
                if said.is_some_and(|said| said.contains(words)) {
                    return found.unwrap().clone();
                }
                news.next().await;
            }
        })
        .await
    }

    /// The diagnostic log as it is now.
    fn log(&self) -> String {
        std::fs::read_to_string(self.host.folder().join("daemon.log")).unwrap()
    }

    /// The first line of the log that holds these words. The runner passes it on before it says
    /// that it is ready, or before the answer that the case has waited for.
    #[track_caller]
    fn told(&self, words: &str) -> String {
        let log = self.log();
        let line = log.lines().find(|line| line.contains(words));
        line.unwrap_or_else(|| panic!("no {words:?} in:\n{log}"))
            .to_owned()
    }

    /// The daemon, the honest device and the books are as if nothing had been.
    async fn unharmed(self, sold: &[i64]) {
        self.sells("after", 700).await;
        let runner = self.host.runner(HONEST);
        assert_eq!(
            runner, self.honest_runner,
            "the honest device was disturbed"
        );
        let device = self.register.device(EVIL).await;
        assert_eq!(device.plugin, "evil");
        self.assert_no_stranger();
        let sold = sold.iter().chain([&700]);
        let expected: Vec<_> = sold.map(|minor| ("sale", "approved", *minor)).collect();
        self.host.ledger().assert(&expected);
        let log = self.log();
        assert!(!holds_long_number(&log), "a card is in the log:\n{log}");
        let (status, _folder) = self.host.stop().await;
        assert!(status.success(), "the daemon ended with {status}");
    }

    /// Nothing runs below the daemon but its runners.
    fn assert_no_stranger(&self) {
        let program = from_xtask("PAYHAL_RUNNER").canonicalize().unwrap();
        for runner in children(self.host.pid()) {
            // One that has just ended has no program any more.
            if let Ok(found) = std::fs::read_link(format!("/proc/{runner}/exe")) {
                assert_eq!(found, program, "a stranger runs below the daemon");
            }
            assert_eq!(children(runner), [0_u32; 0], "a runner has children");
        }
    }
}

/// Lays the plugin out beside the configuration.
fn install(folder: &Path, id: &str, manifest: &str, orders: &Orders) {
    let plugin = folder.join(OWN_PLUGINS).join(id);
    std::fs::create_dir_all(&plugin).unwrap();
    std::fs::write(plugin.join("plugin.toml"), manifest).unwrap();
    let early = format!("-DEARLY_ORDERS={:?}", orders.json());
    let flags = if orders.early {
        vec![early]
    } else {
        Vec::new()
    };
    let library = library(&flags);
    std::fs::copy(library, plugin.join("libevil.so")).unwrap();
}

/// A sale on the honest device that waits for its card.
fn patient(key: &str, minor: i64) -> payhal_client::protocol::payment::SaleParams {
    let mut params = sale(key, minor, HONEST);
    params.timeout_ms = Some(20_000);
    params
}

/// A run of digits as long as a card number.
fn holds_long_number(text: &str) -> bool {
    let runs = text.split(|c: char| !c.is_ascii_digit());
    runs.into_iter().any(|run| (14..=19).contains(&run.len()))
}
