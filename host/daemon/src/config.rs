// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration file: what it may say, and where everything lies without one.
//!
//! A wrong key or value is an error that points at its line; nothing is ignored silently.

mod instances;
mod offline;

use crate::access::Mode;
use crate::configured;
use crate::pricing::{RouteTable, SurchargeTable};
use crate::supervisor::InstanceConfig;
use instances::InstanceTable;
use offline::OfflineTable;
use payhal_engine::ids::GatewayId;
use payhal_engine::timeouts::Timeouts;
use payhal_journal::Retention;
use payhal_journal::limits::{KEYS_RETENTION_DAYS, RETENTION_DAYS_MIN};
use payhal_protocol::limits::{RECEIPT_COLUMNS, RECEIPT_COLUMNS_DEFAULT};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The register API's port.
pub(crate) const PORT: u16 = 7425;

/// Running transactions may take this long to end after the host was asked to stop: long enough
/// for an answer of a gateway that is slow, short enough for a system that shuts down. What is open
/// then is in the journal and is taken up at the next start.
const STOP_GRACE_MS: u64 = 20_000;

/// The file, as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(default)]
    host: HostTable,
    #[serde(default)]
    tls: crate::tls::TlsTable,
    lan: Option<crate::tls::LanTable>,
    #[serde(default)]
    device: Vec<InstanceTable>,
    #[serde(default)]
    gateway: Vec<InstanceTable>,
    #[serde(default)]
    plugins: PluginsTable,
    #[serde(default)]
    timeouts: TimeoutsTable,
    #[serde(default)]
    journal: JournalTable,
    #[serde(default)]
    merchant: MerchantTable,
    #[serde(default)]
    surcharges: Vec<SurchargeTable>,
    #[serde(default)]
    routes: Vec<RouteTable>,
    #[serde(default)]
    offline: Vec<OfflineTable>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginsTable {
    #[serde(default)]
    allow_unsigned: bool,
    #[serde(default)]
    allow_incomplete_sandbox: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct JournalTable {
    retention_days: Option<u32>,
    keys_retention_days: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MerchantTable {
    name: Option<String>,
    #[serde(default)]
    address: Vec<String>,
    #[serde(default)]
    footer: Vec<String>,
    receipt_columns: Option<u32>,
}

/// Whose receipts these are.
#[derive(Clone, Debug)]
pub(crate) struct Merchant {
    /// Name and address, above everything else.
    pub(crate) header: Vec<String>,
    /// Below everything else.
    pub(crate) footer: Vec<String>,
    /// Columns of the paper, where a register does not say.
    pub(crate) columns: u32,
}

impl MerchantTable {
    fn merchant(
        &self,
        value: &impl Fn(&str, &str) -> ConfigError,
    ) -> Result<Merchant, ConfigError> {
        let columns = self.receipt_columns.unwrap_or(RECEIPT_COLUMNS_DEFAULT);
        if !RECEIPT_COLUMNS.contains(&columns) {
            return Err(value("merchant.receipt_columns", "24, 32, 40 or 48"));
        }
        let header = self.name.iter().chain(&self.address).cloned().collect();
        Ok(Merchant {
            header,
            footer: self.footer.clone(),
            columns,
        })
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HostTable {
    name: Option<String>,
    listen: Option<SocketAddr>,
    state: Option<PathBuf>,
    #[serde(default)]
    plugins: Vec<PathBuf>,
    #[serde(default)]
    allow_origins: Vec<String>,
    default_gateway: Option<String>,
    stop_grace_ms: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeoutsTable {
    card_ms: Option<u64>,
    pin_ms: Option<u64>,
    prompt_ms: Option<u64>,
    amount_ms: Option<u64>,
    offer_ms: Option<u64>,
    gateway_ms: Option<u64>,
    completion_ms: Option<u64>,
    hard_ms: Option<u64>,
    grace_ms: Option<u64>,
    terminal_ms: Option<u64>,
    retry_ms: Option<[u64; 3]>,
}

/// What the daemon runs with.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The host's name for people.
    pub(crate) name: String,
    /// Where the register API listens; loopback.
    pub(crate) listen: SocketAddr,
    /// The listeners with TLS.
    pub(crate) tls: crate::tls::Settings,
    /// Journal, instance folders, socket.
    pub(crate) state: PathBuf,
    /// Folders that hold plugin folders.
    pub(crate) plugins: Vec<PathBuf>,
    /// Whether plugins run that nobody trusted has signed.
    pub(crate) allow_unsigned: bool,
    /// Whether plugins run where this system cannot keep them from everything else.
    pub(crate) allow_incomplete_sandbox: bool,
    /// The runner program.
    pub(crate) runner: PathBuf,
    /// Origins beside the listener's own that may connect.
    pub(crate) allow_origins: Vec<String>,
    /// Devices and gateways.
    pub(crate) instances: Vec<InstanceConfig>,
    /// Names of those that the configuration file has, whatever became of them.
    pub(crate) in_file: BTreeSet<String>,
    /// Names of those that were removed while the host ran.
    pub(crate) removed: BTreeSet<String>,
    /// The configuration file, where there is one.
    pub(crate) file: Option<PathBuf>,
    /// How long running transactions may take to end after the host was asked to stop.
    pub(crate) stop_grace_ms: u64,
    /// How long transactions stay in the journal; absent: for ever.
    pub(crate) retention: Option<Retention>,
    /// Whether anybody is let in without proof. The command line says so, never the file.
    pub(crate) access: Mode,
    /// For receipts.
    pub(crate) merchant: Merchant,
    /// For the engine.
    pub(crate) engine: payhal_engine::Config,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("failed to read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or a wrong key or value; the text shows the line.
    #[error("{path}: {source}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A value that cannot be.
    #[error("{path}: `{key}` must be {must}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What it must be.
        must: String,
    },
    /// No home to put state in.
    #[error(
        "failed to find a folder for the state: neither XDG_STATE_HOME nor HOME is set; \
         say `--state FOLDER`"
    )]
    NoState,
}

/// What the command line overrides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
    /// `--state`.
    pub(crate) state: Option<PathBuf>,
    /// `--listen`.
    pub(crate) listen: Option<SocketAddr>,
    /// `--tls-listen`.
    pub(crate) tls_listen: Option<SocketAddr>,
    /// `--plugins`.
    pub(crate) plugins: Vec<PathBuf>,
    /// `--allow-unsigned`.
    pub(crate) allow_unsigned: bool,
    /// `--runner`.
    pub(crate) runner: Option<PathBuf>,
    /// `--allow-origin`.
    pub(crate) allow_origins: Vec<String>,
    /// `--access`.
    pub(crate) access: Mode,
}

impl Config {
    /// Reads the configuration: the named file, or the one in the state folder if it is there, or
    /// defaults.
    ///
    /// # Errors
    /// [`ConfigError`], pointing at the line and key.
    pub(crate) fn load(overrides: &Overrides) -> Result<Self, ConfigError> {
        let state = state_folder(overrides)?;
        let beside = state.join("payhal.toml");
        let path = overrides
            .config
            .clone()
            .or_else(|| beside.is_file().then_some(beside));
        let text = path.as_deref().map(read).transpose()?.unwrap_or_default();
        let shown = path.clone().unwrap_or_else(|| PathBuf::from("(defaults)"));
        let mut file = File::parse(&text, &shown)?;
        let in_file = file.names();
        let kept = configured::read(&file.state(&state, overrides))?;
        let removed = file.put_over(kept);
        let config = Self::assemble(&file, &shown, &state, overrides)?;
        Ok(Self {
            in_file,
            removed,
            file: path,
            ..config
        })
    }

    /// What a file says. No text is all defaults.
    ///
    /// # Errors
    /// [`ConfigError`], pointing at the line and key.
    pub(crate) fn parse(
        text: &str,
        path: &Path,
        state: &Path,
        overrides: &Overrides,
    ) -> Result<Self, ConfigError> {
        let file = File::parse(text, path)?;
        Self::assemble(&file, path, state, overrides)
    }

    fn assemble(
        file: &File,
        path: &Path,
        state: &Path,
        overrides: &Overrides,
    ) -> Result<Self, ConfigError> {
        let value = |key: &str, must: &str| ConfigError::Value {
            path: path.to_owned(),
            key: key.to_owned(),
            must: must.to_owned(),
        };
        let default_listen = SocketAddr::from(([127, 0, 0, 1], PORT));
        let listen = overrides
            .listen
            .or(file.host.listen)
            .unwrap_or(default_listen);
        if !listen.ip().is_loopback() {
            return Err(value(
                "host.listen",
                "a loopback address; the shop's network has `[lan]`",
            ));
        }
        let over = overrides.tls_listen;
        let tls = crate::tls::Settings::read(&file.tls, file.lan.as_ref(), listen, over)
            .map_err(|(key, must)| value(key, must))?;
        if overrides.access == Mode::Open && tls.network.is_some() {
            return Err(value("lan", "left out while access is open"));
        }
        let instances = file.instances(&value)?;
        let engine = file.engine(&value)?;
        let retention = file.journal.retention(&value)?;
        let merchant = file.merchant.merchant(&value)?;
        let mut plugins = overrides.plugins.clone();
        plugins.extend(file.host.plugins.iter().cloned());
        if plugins.is_empty() {
            plugins = default_plugin_folders(state);
        }
        let mut allow_origins = file.host.allow_origins.clone();
        allow_origins.extend(overrides.allow_origins.iter().cloned());
        Ok(Self {
            name: file
                .host
                .name
                .clone()
                .unwrap_or_else(|| "payhal".to_owned()),
            listen,
            tls,
            state: file.state(state, overrides),
            plugins,
            allow_unsigned: overrides.allow_unsigned || file.plugins.allow_unsigned,
            allow_incomplete_sandbox: file.plugins.allow_incomplete_sandbox,
            runner: (overrides.runner.clone()).map_or_else(default_runner, absolute),
            allow_origins,
            instances,
            in_file: file.names(),
            removed: BTreeSet::new(),
            file: None,
            stop_grace_ms: file.host.stop_grace_ms.unwrap_or(STOP_GRACE_MS),
            retention,
            access: overrides.access,
            merchant,
            engine,
        })
    }
}

impl File {
    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|source| ConfigError::Syntax {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    fn state(&self, state: &Path, overrides: &Overrides) -> PathBuf {
        let said = overrides.state.clone().or_else(|| self.host.state.clone());
        absolute(said.unwrap_or_else(|| state.to_owned()))
    }

    fn engine(
        &self,
        value: &impl Fn(&str, &str) -> ConfigError,
    ) -> Result<payhal_engine::Config, ConfigError> {
        let gateway = self.host.default_gateway.as_deref();
        let known = |name: &str| self.gateway.iter().any(|table| table.name == name);
        if gateway.is_some_and(|name| !known(name)) {
            return Err(value(
                "host.default_gateway",
                "the name of a configured gateway",
            ));
        }
        if gateway.is_none() && self.gateway.len() > 1 && !self.routes.is_empty() {
            let must = "there, where routes choose among several gateways";
            return Err(value("host.default_gateway", must));
        }
        let surcharges = self.surcharges.iter().map(|table| table.read(known));
        let surcharges = surcharges.collect::<Result<_, _>>();
        let surcharges = surcharges.map_err(|(key, must)| value(&key, &must))?;
        let routes = self.routes.iter().map(|table| table.read(known));
        let routes = routes.collect::<Result<_, _>>();
        let routes = routes.map_err(|(key, must)| value(&key, &must))?;
        let offline = self.offline.iter().map(|table| table.read(known));
        let offline = offline.collect::<Result<_, _>>();
        let offline = offline.map_err(|(key, must)| value(&key, &must))?;
        Ok(payhal_engine::Config {
            timeouts: self.timeouts.over(Timeouts::default()),
            gateway: gateway.map(GatewayId::from),
            acceptors: self.acceptors(),
            terminals: self.terminals(),
            surcharges,
            software_sealing: self.software_sealing(value)?,
            live: self.live(value)?,
            routes,
            offline,
        })
    }
}

impl JournalTable {
    fn retention(
        &self,
        value: &impl Fn(&str, &str) -> ConfigError,
    ) -> Result<Option<Retention>, ConfigError> {
        let days = [
            ("journal.retention_days", self.retention_days),
            ("journal.keys_retention_days", self.keys_retention_days),
        ];
        for (key, days) in days {
            if days.is_some_and(|days| days < RETENTION_DAYS_MIN) {
                return Err(value(key, &format!("{RETENTION_DAYS_MIN} days at least")));
            }
        }
        Ok(self.retention_days.map(|days| Retention {
            days,
            keys_days: self.keys_retention_days.unwrap_or(KEYS_RETENTION_DAYS),
        }))
    }
}

impl TimeoutsTable {
    fn over(&self, defaults: Timeouts) -> Timeouts {
        Timeouts {
            card_ms: self.card_ms.unwrap_or(defaults.card_ms),
            pin_ms: self.pin_ms.unwrap_or(defaults.pin_ms),
            prompt_ms: self.prompt_ms.unwrap_or(defaults.prompt_ms),
            amount_ms: self.amount_ms.unwrap_or(defaults.amount_ms),
            offer_ms: self.offer_ms.unwrap_or(defaults.offer_ms),
            gateway_ms: self.gateway_ms.unwrap_or(defaults.gateway_ms),
            completion_ms: self.completion_ms.unwrap_or(defaults.completion_ms),
            hard_ms: self.hard_ms.unwrap_or(defaults.hard_ms),
            grace_ms: self.grace_ms.unwrap_or(defaults.grace_ms),
            terminal_ms: self.terminal_ms.unwrap_or(defaults.terminal_ms),
            retry_ms: self.retry_ms.unwrap_or(defaults.retry_ms),
            ..defaults
        }
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })
}

/// The state folder: `--state`, or the user's own.
pub(crate) fn state_folder(overrides: &Overrides) -> Result<PathBuf, ConfigError> {
    if let Some(state) = &overrides.state {
        return std::path::absolute(state).map_err(|source| ConfigError::Read {
            path: state.clone(),
            source,
        });
    }
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    Ok(home.ok_or(ConfigError::NoState)?.join("payhal"))
}

/// As it is named from anywhere: runners work in folders of their own.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn default_plugin_folders(state: &Path) -> Vec<PathBuf> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.join("plugins")));
    let installed = [
        state.join("plugins"),
        PathBuf::from("/usr/lib/payhal/plugins"),
    ];
    beside.into_iter().chain(installed).collect()
}

fn default_runner() -> PathBuf {
    let name = format!("payhal-plugin-runner{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.join(&name)));
    beside.unwrap_or_else(|| PathBuf::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let (path, state) = (Path::new("payhal.toml"), Path::new("s"));
        let read = Config::parse(text, path, state, &Overrides::default());
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config.listen.port(), PORT);
        assert!(config.instances.is_empty());
    }

    #[test]
    fn relative_paths_mean_the_folder_in_which_the_host_was_started() {
        let here = std::env::current_dir().unwrap();
        let overrides = Overrides {
            runner: Some("bin/runner".into()),
            ..Overrides::default()
        };
        let text = "[host]\nstate = \"shop/state\"";
        let file = Path::new("payhal.toml");
        let config = Config::parse(text, file, Path::new(""), &overrides).unwrap();
        assert_eq!(config.state, here.join("shop/state"));
        assert_eq!(config.runner, here.join("bin/runner"));
    }

    #[test]
    fn errors_point_at_line_and_key() {
        let error = parse("[host]\nname = \"x\"\nlisen = 3\n").unwrap_err();
        assert!(
            error.contains("line 3") && error.contains("lisen"),
            "{error}"
        );
        let error = parse("[timeouts]\ncard_ms = \"soon\"\n").unwrap_err();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn values_that_cannot_be_name_their_key() {
        for (text, key) in [
            ("[host]\nlisten = \"0.0.0.0:7425\"", "host.listen"),
            ("[[device]]\nname = \"a/b\"\nplugin = \"p\"", "device.name"),
            (
                "[[device]]\nname = \"a\"\nplugin = \"p\"\n[[gateway]]\nname = \"a\"\nplugin = \"q\"",
                "gateway.name",
            ),
            ("[host]\ndefault_gateway = \"g\"", "host.default_gateway"),
            (
                "[[gateway]]\nname = \"a\"\nplugin = \"p\"\n[[gateway]]\nname = \"b\"\nplugin = \"q\"\n\
                 [[routes]]\nscheme = \"amex\"\ngateway = \"b\"",
                "host.default_gateway",
            ),
            ("[[surcharges]]\npercent = \"1,5\"", "surcharges.percent"),
            ("[[routes]]\ngateway = \"g\"", "routes.gateway"),
            (
                "[[offline]]\ngateway = \"g\"\namount_max = \"50.00 EUR\"\ncount_max = 9\n\
                 total_max = \"200.00 EUR\"\nage_max_hours = 24",
                "offline.gateway",
            ),
            (
                "[[offline]]\namount_max = \"50.00 EUR\"\ncount_max = 9\n\
                 total_max = \"200.00 USD\"\nage_max_hours = 24",
                "offline.total_max",
            ),
            (
                "[[offline]]\namount_max = \"50.00 EUR\"\ncount_max = 9\n\
                 total_max = \"49.00 EUR\"\nage_max_hours = 24",
                "offline.total_max",
            ),
            (
                "[[offline]]\namount_max = \"50.00 EUR\"\ncount_max = 0\n\
                 total_max = \"50.00 EUR\"\nage_max_hours = 24",
                "offline.count_max",
            ),
            (
                "[[offline]]\namount_max = \"50.00 EUR\"\ncount_max = 9\n\
                 total_max = \"50.00 EUR\"\nage_max_hours = 0",
                "offline.age_max_hours",
            ),
            // What registers may do is the operator's word, not the file's; nor is access itself.
            ("[registers.till-1]\nmay = [\"others\"]", "registers"),
            ("[host]\naccess = \"open\"", "access"),
            (
                "[[device]]\nname = \"a\"\nplugin = \"p\"\nallow_software_sealing = true",
                "device.allow_software_sealing",
            ),
            (
                "[[device]]\nname = \"a\"\nplugin = \"p\"\nmode = \"live\"",
                "device.mode",
            ),
            (
                "[merchant]\nreceipt_columns = 80",
                "merchant.receipt_columns",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(key), "{key}: {error}");
        }
    }

    #[test]
    fn a_full_file_is_understood() {
        let config = parse(
            "[host]\nname = \"Counter\"\ndefault_gateway = \"g\"\n\
             [[device]]\nname = \"r\"\nplugin = \"p\"\nconfig = { auto = true }\n\
             [[gateway]]\nname = \"g\"\nplugin = \"q\"\nacceptor = { merchant = \"m\", terminal = \"t\" }\n\
             allow_software_sealing = true\n\
             [timeouts]\ncard_ms = 5\n\
             [[surcharges]]\nranges = [\"37\"]\npercent = \"1.5\"\n\
             [[routes]]\nscheme = \"amex\"\ngateway = \"g\"\n\
             [[offline]]\nregister = \"till-1\"\namount_max = \"50.00 EUR\"\ncount_max = 9\n\
             total_max = \"200.00 EUR\"\nage_max_hours = 24\n\
             [merchant]\nname = \"Shop\"\naddress = [\"1 High Street\"]\n",
        )
        .unwrap();
        assert_eq!(config.instances.len(), 2);
        assert_eq!(config.engine.timeouts.card_ms, 5);
        assert_eq!(config.engine.acceptors.len(), 1);
        assert!(config.engine.software_sealing.contains(&"g".into()));
        assert_eq!(config.instances[0].config["auto"], true);
        assert_eq!(config.access, Mode::Paired);
        assert_eq!(config.engine.surcharges.len(), 1);
        assert_eq!(config.engine.routes[0].gateway, "g".into());
        let offline = &config.engine.offline[0];
        assert_eq!(offline.register, Some("till-1".into()));
        assert_eq!(
            (offline.amount_max_minor, offline.total_max_minor),
            (5_000, 20_000)
        );
        assert_eq!(offline.age_max_ms, 86_400_000);
        assert_eq!(config.merchant.header, ["Shop", "1 High Street"]);
    }
}
