// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plugins as the operator looks at them: what lies in the folders now, and what runs of it.

use super::session::Session;
use crate::supervisor::{Plugin, Plugins, State, View, discover};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::plugins::{PluginInstance, PluginListParams, PluginListResult, PluginSummary};
use std::path::Path;
use std::sync::Arc;

/// No signature is looked at yet, and nobody is told otherwise.
const UNSIGNED: &str = "unsigned";

pub(super) async fn list(
    session: Arc<Session>,
    PluginListParams {}: PluginListParams,
) -> Result<PluginListResult, ErrorObject> {
    let folders = session.shared.scene.plugins.clone();
    let read = tokio::task::spawn_blocking(move || discover(&folders)).await;
    let plugins = read.map_err(|_| ErrorObject::named(ErrorName::InternalError))?;
    let supervisor = &session.shared.supervisor;
    let views: Vec<View> = supervisor
        .devices()
        .into_iter()
        .chain(supervisor.gateways())
        .collect();
    Ok(PluginListResult {
        plugins: summaries(&plugins, &views),
    })
}

/// Every plugin that is installed, that runs though it is gone, or that is broken.
pub(crate) fn summaries(plugins: &Plugins, views: &[View]) -> Vec<PluginSummary> {
    let mut all: Vec<PluginSummary> = plugins
        .found
        .values()
        .map(|plugin| summary(plugin, views))
        .collect();
    for view in views {
        let id = &view.plugin.manifest.id;
        if !all.iter().any(|plugin| plugin.id == *id) {
            let mut gone = summary(&view.plugin, views);
            gone.broken = Some("it runs, and is not in its folder any more".to_owned());
            all.push(gone);
        }
    }
    all.extend(
        plugins
            .broken
            .iter()
            .map(|(folder, why)| broken(folder, why)),
    );
    all
}

fn summary(plugin: &Plugin, views: &[View]) -> PluginSummary {
    let manifest = &plugin.manifest;
    let own = || {
        views
            .iter()
            .filter(|view| view.plugin.manifest.id == manifest.id)
    };
    let folder = plugin.library.parent().unwrap_or(&plugin.library);
    let kind = serde_json::to_value(manifest.kind).unwrap_or_default();
    PluginSummary {
        id: manifest.id.clone(),
        name: Some(manifest.name.clone()),
        version: Some(manifest.version.clone()),
        kind: kind.as_str().map(ToOwned::to_owned),
        vendor: None,
        model: own().find_map(|view| Some(view.identity.as_ref()?.model.clone())),
        abi: Some(manifest.abi),
        approvals: plugin.approvals(),
        simulated: manifest.simulated,
        folder: folder.display().to_string(),
        instances: own().map(instance).collect(),
        broken: None,
        signed: UNSIGNED.to_owned(),
    }
}

fn broken(folder: &Path, why: &str) -> PluginSummary {
    let name = folder.file_name().unwrap_or(folder.as_os_str());
    PluginSummary {
        id: name.to_string_lossy().into_owned(),
        folder: folder.display().to_string(),
        broken: Some(why.to_owned()),
        signed: UNSIGNED.to_owned(),
        ..PluginSummary::default()
    }
}

fn instance(view: &View) -> PluginInstance {
    let state = match view.state {
        State::Starting => "starting",
        State::Ready => "ready",
        State::Detached => "detached",
        State::Failed => "failed",
        State::GivenUp => "given_up",
        State::Stopped => "stopped",
    };
    PluginInstance {
        name: view.name.clone(),
        state: state.to_owned(),
        restarts: view.ends,
        last_error: view.reason.clone(),
        pid: view.pid,
        memory_bytes: view.pid.and_then(resident_bytes),
    }
}

/// proc(5), status.
fn resident_bytes(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::made_up::{put, view};

    #[test]
    fn what_is_installed_runs_or_is_broken_is_listed_once() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "id='other'\nname='O'\nversion='2.0.0'\nabi=1\nkind='gateway'\n\
                        library='other'\n[gateway]\n[approvals]\npts='4-1'\n";
        put(&folder.path().join("other/plugin.toml"), manifest, 0o644);
        put(&folder.path().join("other/libother.so"), "", 0o755);
        put(&folder.path().join("bad/plugin.toml"), "id = 3", 0o644);
        let plugins = discover(&[folder.path().to_owned()]);
        let mut running = view("counter", State::Failed, 3);
        running.reason = Some("it crashed".to_owned());
        running.pid = Some(std::process::id());
        let all = summaries(&plugins, &[running]);
        let ids: Vec<_> = all.iter().map(|plugin| plugin.id.as_str()).collect();
        assert_eq!(ids, ["other", "pin", "bad"]);
        assert_eq!(all[0].approvals, ["pci_pts 4-1"]);
        assert_eq!(all[0].broken, None);
        let instance = &all[1].instances[0];
        assert_eq!((instance.state.as_str(), instance.restarts), ("failed", 3));
        assert_eq!(instance.last_error.as_deref(), Some("it crashed"));
        assert!(instance.memory_bytes.is_some_and(|bytes| bytes > 100_000));
        assert!(all[1].broken.is_some());
        assert!(all[2].broken.as_deref().is_some_and(|why| !why.is_empty()));
    }
}
