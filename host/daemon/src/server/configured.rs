// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices and gateways as the operator configures them.
//!
//! Whatever is decided here is in the audit before it has an effect, by the names of what changed:
//! no value of a configuration is kept there. It must never tell what a schema calls `writeOnly`.

use super::convert;
use super::plugins::blocking;
use super::session::Session;
use crate::audit::{Action, Audit};
use crate::config::Config;
use crate::configured::{self, Kept, KeptAcceptor};
use crate::plugins::Plugin;
use crate::ports::PortState;
use crate::ports::PortWish;
use crate::schema;
use crate::supervisor::{ChangeError, Changed, InstanceConfig, View};
use payhal_engine::ids::Acceptor;
use payhal_messages::manifest::Kind;
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::instances::{
    InstanceAcceptor, InstanceDraftParams, InstanceDraftResult, InstanceKind, InstanceListParams,
    InstanceListResult, InstanceLogParams, InstanceLogResult, InstancePort, InstanceRemoveParams,
    InstanceRemoveResult, InstanceSetParams, InstanceSetResult, InstanceShowParams,
    InstanceShowResult, InstanceSummary, InstanceView, Source,
};
use payhal_protocol::params::FieldError;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// What the configuration file says, which is read once.
#[derive(Debug)]
pub(super) struct File {
    state: PathBuf,
    /// Names of devices and gateways that it has.
    names: BTreeSet<String>,
    /// Gateways that other parts of it name, and where.
    used: BTreeMap<String, &'static str>,
    /// One change at a time, from what it starts from to what is kept.
    alone: tokio::sync::Mutex<()>,
}

impl File {
    pub(super) fn of(config: &Config) -> Self {
        let engine = &config.engine;
        let surcharges = engine.surcharges.iter();
        let surcharges = surcharges.filter_map(|it| Some((it.gateway.as_ref()?, "surcharges")));
        let routes = engine.routes.iter().flat_map(|it| it.gateways());
        let routes = routes.map(|gateway| (gateway, "routes"));
        let default = engine.gateway.iter();
        let default = default.map(|gateway| (gateway, "host.default_gateway"));
        let used = surcharges.chain(routes).chain(default);
        Self {
            state: config.state.clone(),
            names: config.in_file.clone(),
            used: used
                .map(|(gateway, key)| (gateway.0.to_string(), key))
                .collect(),
            alone: tokio::sync::Mutex::default(),
        }
    }
}

/// `instance.list`.
pub(super) async fn list(
    session: Arc<Session>,
    InstanceListParams {}: InstanceListParams,
) -> Result<InstanceListResult, ErrorObject> {
    let supervisor = &session.shared.supervisor;
    let mut views = supervisor.all();
    views.sort_by(|one, other| one.name.cmp(&other.name));
    let named = |view: View| {
        let config = supervisor.config(&view.name)?;
        Some(InstanceSummary {
            name: view.name,
            kind: view.kind,
            plugin: config.plugin,
            version: version(&view.plugin),
            source: view.source,
            state: view.state.name().to_owned(),
            reason: view.reason,
        })
    };
    Ok(InstanceListResult {
        instances: views.into_iter().filter_map(named).collect(),
    })
}

fn version(plugin: &Plugin) -> Option<String> {
    let version = &plugin.manifest.version;
    (!version.is_empty()).then(|| version.clone())
}

/// `instance.show`.
pub(super) async fn show(
    session: Arc<Session>,
    params: InstanceShowParams,
) -> Result<InstanceShowResult, ErrorObject> {
    let instance = view(&session, &params.name).ok_or_else(|| no_such(&params.name))?;
    Ok(InstanceShowResult { instance })
}

fn view(session: &Session, name: &str) -> Option<InstanceView> {
    let supervisor = &session.shared.supervisor;
    let (view, config) = (supervisor.view(name)?, supervisor.config(name)?);
    let schema = view.plugin.schema.as_ref();
    let (told, kept) = schema::without_secrets(schema, &object(&config.config));
    let manifest = &view.plugin.manifest;
    let (defaults, _) = schema::without_secrets(schema, &manifest.config);
    Some(InstanceView {
        name: view.name.clone(),
        kind: config.kind,
        plugin: config.plugin,
        version: version(&view.plugin),
        source: config.source,
        state: view.state.name().to_owned(),
        reason: view.reason.clone(),
        config: told,
        kept,
        defaults,
        schema: view.plugin.schema.clone(),
        network: config.network,
        ports: config.ports,
        port_states: view.ports.iter().map(PortState::told).collect(),
        acceptor: config.acceptor.map(|acceptor| InstanceAcceptor {
            merchant: acceptor.merchant.to_string(),
            terminal: acceptor.terminal.to_string(),
        }),
        allow_software_sealing: config.allow_software_sealing,
        mode: config.mode,
        log: config.log,
    })
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// `instance.draft`.
pub(super) async fn draft(
    session: Arc<Session>,
    params: InstanceDraftParams,
) -> Result<InstanceDraftResult, ErrorObject> {
    let plugin = plugin(&session, &params.plugin).await?;
    let supervisor = &session.shared.supervisor;
    let taken = |name: &String| supervisor.view(name).is_some();
    let numbered = (2..).map(|number| format!("{}-{number}", params.plugin));
    let mut names = std::iter::once(params.plugin.clone()).chain(numbered);
    let name = names.find(|name| !taken(name)).unwrap_or_default();
    let manifest = &plugin.manifest;
    let schema = plugin.schema.as_ref();
    let ports = manifest.ports.iter().map(|port| InstancePort {
        name: port.name.clone(),
        kind: json!(port.kind).as_str().unwrap_or_default().to_owned(),
        optional: port.optional,
        choices: supervisor.choices(port),
    });
    Ok(InstanceDraftResult {
        name,
        kind: kind(&plugin),
        plugin: params.plugin,
        defaults: schema::without_secrets(schema, &manifest.config).0,
        schema: plugin.schema.clone(),
        ports: ports.collect(),
    })
}

fn kind(plugin: &Plugin) -> InstanceKind {
    match plugin.manifest.kind {
        Kind::Gateway => InstanceKind::Gateway,
        Kind::Reader | Kind::Terminal => InstanceKind::Device,
    }
}

async fn plugin(session: &Session, id: &str) -> Result<Arc<Plugin>, ErrorObject> {
    let wanted = id.to_owned();
    let found = blocking(session, move |shelf| shelf.plugin(&wanted)).await?;
    found.map_err(|why| field("plugin", &why.to_string()))
}

/// A field that is not what it must be, with a sentence of the plugin or of the shelf.
fn field(name: &str, why: &str) -> ErrorObject {
    let mut error = ErrorObject::named(ErrorName::InvalidParams).with_detail(why);
    if let Some(details) = error.data.as_deref_mut() {
        details.field = Some(name.to_owned());
    }
    error
}

/// `instance.set`. Runs to its end even if whoever asked goes away.
pub(super) async fn set(
    session: Arc<Session>,
    params: InstanceSetParams,
) -> Result<InstanceSetResult, ErrorObject> {
    let task = tokio::spawn(async move {
        let _one = session.shared.file.alone.lock().await;
        let before = session.shared.supervisor.config(&params.name);
        let wanted = wanted(&session, params, before.as_ref()).await?;
        change(&session, before, wanted).await
    });
    task.await.map_err(|_| internal())?
}

fn internal() -> ErrorObject {
    ErrorObject::named(ErrorName::InternalError)
}

/// What is to run: what was said over what was there, checked as far as the host can.
async fn wanted(
    session: &Session,
    params: InstanceSetParams,
    before: Option<&InstanceConfig>,
) -> Result<InstanceConfig, ErrorObject> {
    let (name, said) = (params.name, params.plugin);
    let id = said.or_else(|| before.map(|before| before.plugin.clone()));
    let id = id.ok_or_else(|| FieldError::new("plugin", "must be named for a new name"))?;
    let plugin = plugin(session, &id).await?;
    let kind = kind(&plugin);
    let named = params.kind.or(before.map(|before| before.kind));
    if named.is_some_and(|named| named != kind) {
        let must = match kind {
            InstanceKind::Device => "must be `device`: that is what the plugin drives",
            InstanceKind::Gateway => "must be `gateway`: that is what the plugin drives",
        };
        return Err(FieldError::new("kind", must).into());
    }
    let mut wanted = before.cloned();
    let mut wanted = wanted
        .take()
        .unwrap_or_else(|| InstanceConfig::new(&name, kind, &id));
    // Secrets are for the plugin that they were told to.
    let same = before.is_some_and(|before| before.plugin == id);
    let own = object(&wanted.config);
    let (kept, config) = match (params.config, same) {
        (Some(config), true) => (own, config),
        (Some(config), false) => (Map::new(), config),
        (None, true) => (Map::new(), own),
        (None, false) => (Map::new(), Map::new()),
    };
    let config = schema::keep_secrets(plugin.schema.as_ref(), &kept, config);
    check(&plugin, &config)?;
    wanted.plugin = id;
    wanted.config = Value::Object(config);
    wanted.source = Source::State;
    wanted.network = params.network.unwrap_or(wanted.network);
    wanted.ports = params.ports.unwrap_or(wanted.ports);
    wanted.allow_software_sealing = (params.allow_software_sealing)
        .unwrap_or(wanted.allow_software_sealing && kind == InstanceKind::Gateway);
    wanted.mode = params.mode.or(wanted.mode);
    wanted.log = params.log.or(wanted.log);
    if wanted.mode.is_some() && kind == InstanceKind::Device {
        return Err(FieldError::new("mode", "must be left out: a gateway says it").into());
    }
    if let Some(acceptor) = params.acceptor {
        wanted.acceptor = Some(Acceptor {
            merchant: acceptor.merchant.as_str().into(),
            terminal: acceptor.terminal.as_str().into(),
        });
    }
    if wanted.allow_software_sealing && kind == InstanceKind::Device {
        let must = "must be left out: a gateway says it";
        return Err(FieldError::new("allow_software_sealing", must).into());
    }
    PortWish::of(&name, &plugin.manifest.ports, &wanted.ports)
        .map_err(|why| field("ports", &why))?;
    Ok(wanted)
}

fn check(plugin: &Plugin, config: &Map<String, Value>) -> Result<(), ErrorObject> {
    if toml::Table::try_from(config).is_err() {
        let must = "must hold texts, numbers, booleans, lists and objects";
        return Err(FieldError::new("config", must).into());
    }
    let Some(schema) = &plugin.schema else {
        return Ok(());
    };
    let mut all = plugin.manifest.config.clone();
    all.extend(config.clone());
    schema::check(schema, &Value::Object(all))
        .map_err(|misfit| FieldError::new(misfit.path, misfit.must).into())
}

async fn change(
    session: &Arc<Session>,
    before: Option<InstanceConfig>,
    wanted: InstanceConfig,
) -> Result<InstanceSetResult, ErrorObject> {
    let name = wanted.name.clone();
    let supervisor = &session.shared.supervisor;
    let what = differences(before.as_ref(), &wanted);
    session.keep(entry(session, &wanted, &what)).await?;
    let changed = match supervisor.set(wanted.clone()).await {
        Ok(changed) => changed,
        Err(why) => {
            let error = refused(session, why);
            let detail = error.data.as_deref().and_then(|it| it.detail.clone());
            let text = format!(
                "`{name}` stays as it was: {}",
                detail.as_deref().unwrap_or(&error.message)
            );
            session
                .audit(Action::InstanceChanged, Some(&name), &text)
                .await?;
            return Err(error);
        }
    };
    if let Err(error) = keep(session, &wanted).await {
        put_back(session, before, &name).await;
        return Err(error);
    }
    let instance = view(session, &name).ok_or_else(|| no_such(&name))?;
    Ok(InstanceSetResult {
        instance,
        added: changed == Changed::Added,
    })
}

/// What is not on disk would be gone with the next start: it does not run either.
async fn put_back(session: &Session, before: Option<InstanceConfig>, name: &str) {
    let supervisor = &session.shared.supervisor;
    let back = match before {
        Some(before) => supervisor.set(before).await.map(|_| ()),
        None => supervisor.remove(name).await,
    };
    if let Err(why) = back {
        tracing::error!(instance = name, "not put back as it was: {why:?}");
    }
}

async fn keep(session: &Session, config: &InstanceConfig) -> Result<(), ErrorObject> {
    let kept = Kept {
        kind: config.kind,
        removed: false,
        plugin: config.plugin.clone(),
        network: config.network.clone(),
        allow_software_sealing: config.allow_software_sealing,
        mode: config.mode,
        log: config.log,
        acceptor: config.acceptor.as_ref().map(|acceptor| KeptAcceptor {
            merchant: acceptor.merchant.to_string(),
            terminal: acceptor.terminal.to_string(),
        }),
        ports: config.ports.clone(),
        config: toml::Table::try_from(object(&config.config)).unwrap_or_default(),
    };
    let (state, name) = (session.shared.file.state.clone(), config.name.clone());
    on_disk(move || configured::write(&state, &name, &kept)).await
}

async fn on_disk(
    write: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> Result<(), ErrorObject> {
    let written = tokio::task::spawn_blocking(write).await;
    let written = written.map_err(|_| internal())?;
    written.map_err(|error| super::admission::on_disk(&error))
}

/// Names of what changes, never values.
fn differences(before: Option<&InstanceConfig>, wanted: &InstanceConfig) -> Vec<String> {
    let Some(before) = before else {
        return Vec::new();
    };
    let (old, new) = (object(&before.config), object(&wanted.config));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name));
    let mut what: Vec<String> = changed.map(|name| format!("config.{name}")).collect();
    let others = [
        ("plugin", before.plugin != wanted.plugin),
        ("network", before.network != wanted.network),
        ("ports", before.ports != wanted.ports),
        ("acceptor", before.acceptor != wanted.acceptor),
        ("mode", before.mode != wanted.mode),
        ("log", before.log != wanted.log),
        (
            "allow_software_sealing",
            before.allow_software_sealing != wanted.allow_software_sealing,
        ),
    ];
    let others = others.into_iter().filter(|(_, differs)| *differs);
    what.extend(others.map(|(name, _)| name.to_owned()));
    what
}

fn entry(session: &Session, wanted: &InstanceConfig, what: &[String]) -> Audit {
    let (name, plugin) = (&wanted.name, &wanted.plugin);
    let before = session.shared.supervisor.config(name);
    let text = match (&before, what) {
        (None, _) => format!("`{name}` is added, driven by {plugin}"),
        (Some(_), []) => format!("`{name}` is set to what it was"),
        (Some(_), what) => format!("`{name}` is changed: {}", what.join(", ")),
    };
    let from = before.map(|before| before.plugin);
    let details = json!({ "plugin": { "from": from, "to": plugin }, "changed": what });
    let action = Action::InstanceChanged;
    Audit::new(&session.actor(), action, Some(name), &text).with_details(&details)
}

/// `instance.log`.
pub(super) async fn log(
    session: Arc<Session>,
    params: InstanceLogParams,
) -> Result<InstanceLogResult, ErrorObject> {
    let supervisor = &session.shared.supervisor;
    match supervisor.log(&params.name, params.level).await {
        true => Ok(InstanceLogResult {}),
        false => Err(no_such(&params.name)),
    }
}

/// `instance.remove`. Runs to its end even if whoever asked goes away.
pub(super) async fn remove(
    session: Arc<Session>,
    params: InstanceRemoveParams,
) -> Result<InstanceRemoveResult, ErrorObject> {
    let task = tokio::spawn(async move {
        let _one = session.shared.file.alone.lock().await;
        remove_now(&session, &params.name).await
    });
    task.await.map_err(|_| internal())?
}

async fn remove_now(
    session: &Arc<Session>,
    name: &str,
) -> Result<InstanceRemoveResult, ErrorObject> {
    let (file, supervisor) = (&session.shared.file, &session.shared.supervisor);
    let config = supervisor.config(name).ok_or_else(|| no_such(name))?;
    if let Some(key) = file.used.get(name) {
        let why = format!("`{key}` of the configuration file names it; change that first");
        return Err(ErrorObject::named(ErrorName::NotAllowed)
            .with_message("The configuration still needs it")
            .with_detail(why));
    }
    let text = format!("`{name}` is removed, which {} drove", config.plugin);
    session
        .audit(Action::InstanceChanged, Some(name), &text)
        .await?;
    if let Err(why) = supervisor.remove(name).await {
        let text = format!("`{name}` stays: a transaction needs it, or the host stops");
        session
            .audit(Action::InstanceChanged, Some(name), &text)
            .await?;
        return Err(refused(session, why));
    }
    let in_file = file.names.contains(name);
    let comes_back = in_file || config.source == Source::Demo;
    let (state, gone) = (file.state.clone(), name.to_owned());
    on_disk(move || match comes_back {
        true => configured::write(&state, &gone, &Kept::removed(config.kind)),
        false => configured::forget(&state, &gone),
    })
    .await?;
    Ok(InstanceRemoveResult { in_file })
}

fn no_such(name: &str) -> ErrorObject {
    ErrorObject::named(ErrorName::DeviceNotFound)
        .with_message("There is no such device or gateway")
        .with_detail(format!("nothing is configured as `{name}`"))
}

/// When to ask again while a device takes a file: minutes are usual.
const UPDATING_RETRY_MS: u64 = 10_000;

/// Why a change was not made.
pub(super) fn refused(session: &Session, why: ChangeError) -> ErrorObject {
    match why {
        ChangeError::NotFound => ErrorObject::named(ErrorName::DeviceNotFound),
        ChangeError::OtherKind => FieldError::new("kind", "must stay what it is").into(),
        ChangeError::TooMany => ErrorObject::named(ErrorName::NotAllowed)
            .with_message("There are too many devices and gateways"),
        ChangeError::Needed(refused) => {
            let error = convert::refused(&refused, false);
            match refused.retry_after_ms {
                Some(ms) if error.name() == Some(ErrorName::DeviceBusy) => {
                    error.with_retry_after(ms)
                }
                _ => error,
            }
        }
        ChangeError::Plugin(why) => ErrorObject::named(ErrorName::InvalidParams)
            .with_message("The plugin does not take this, and nothing was changed")
            .with_detail(why),
        ChangeError::Updating => ErrorObject::named(ErrorName::DeviceBusy)
            .with_message("The device takes an update")
            .with_detail("`device.update` says how far it is, and gives it up (`abort`)")
            .with_retry_after(UPDATING_RETRY_MS),
        ChangeError::File(why) => ErrorObject::named(ErrorName::InvalidParams)
            .with_message("The file cannot be taken, and nothing was changed")
            .with_detail(why),
        ChangeError::Unkept(why) => ErrorObject::named(ErrorName::InternalError)
            .with_message("The host cannot keep the file, and nothing was changed")
            .with_detail(why),
        ChangeError::Stopping => {
            let retry_ms = session.shared.stop_grace_ms;
            ErrorObject::named(ErrorName::HostStopping).with_retry_after(retry_ms)
        }
    }
}
