// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plugins as the operator looks at them: what lies in the folders now, and what runs of it.

use super::session::Session;
use crate::plugins::{Plugin, PluginShelf, Plugins, Signer};
use crate::ports::PortState;
use crate::supervisor::View;
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::plugins::{
    PluginInstance, PluginListParams, PluginListResult, PluginSignature, PluginSummary,
};
use std::path::Path;
use std::sync::Arc;

/// What is said of a plugin that nobody signed whom this host trusts.
const UNSIGNED: &str = "unsigned";

pub(super) async fn list(
    session: Arc<Session>,
    PluginListParams {}: PluginListParams,
) -> Result<PluginListResult, ErrorObject> {
    let plugins = blocking(&session, PluginShelf::refresh).await?;
    let supervisor = &session.shared.supervisor;
    let views = supervisor.all();
    Ok(PluginListResult {
        plugins: summaries(&plugins, &views),
    })
}

/// Asks the shelf where the disk may be waited for.
pub(super) async fn blocking<R: Send + 'static>(
    session: &Session,
    act: impl FnOnce(&PluginShelf) -> R + Send + 'static,
) -> Result<R, ErrorObject> {
    let shelf = Arc::clone(&session.shared.plugins);
    let done = tokio::task::spawn_blocking(move || act(&shelf)).await;
    done.map_err(|_| ErrorObject::named(ErrorName::InternalError))
}

/// Every plugin that is installed, that runs though it is gone, or that is broken.
pub(crate) fn summaries(plugins: &Plugins, views: &[View]) -> Vec<PluginSummary> {
    let both = plugins.found.values().chain(plugins.disabled.values());
    let mut all: Vec<PluginSummary> = both
        .map(|plugin| PluginSummary {
            disabled: plugins.disabled.contains_key(&plugin.manifest.id),
            previous_version: plugins.previous.get(&plugin.manifest.id).cloned(),
            ..summary(plugin, views)
        })
        .collect();
    all.sort_by(|one, other| one.id.cmp(&other.id));
    let mut told = Vec::new();
    for view in views {
        let id = &view.plugin.manifest.id;
        if !all.iter().any(|plugin| plugin.id == *id) {
            let refused = plugins.refused.get(id);
            let mut gone = summary(&view.plugin, views);
            gone.broken = Some(match (view.pid, refused) {
                (Some(_), Some(why)) => format!("it runs, and does not start again: {why}"),
                (Some(_), None) => "it runs, and is not in its folder any more".to_owned(),
                (None, Some(why)) => why.clone(),
                (None, None) => "it is not installed".to_owned(),
            });
            let at = plugins.broken.iter().find(|(_, why)| Some(why) == refused);
            if let Some((folder, _)) = at {
                gone.folder = folder.display().to_string();
                told.push(folder);
            }
            all.push(gone);
        }
    }
    let others = plugins.broken.iter();
    let others = others.filter(|(folder, _)| !told.contains(&folder));
    all.extend(others.map(|(folder, why)| broken(folder, why)));
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
        signed: plugin.signer.as_ref().map_or_else(unsigned, by),
        signature: plugin.signer.as_ref().map(signature),
        installed: plugin.installed,
        ..PluginSummary::default()
    }
}

fn unsigned() -> String {
    UNSIGNED.to_owned()
}

/// Who signed it, for people: what the operator trusted the key as, and its id.
fn by(signer: &Signer) -> String {
    match signer.key_comment.as_str() {
        "" => signer.key_id.clone(),
        comment => format!("{comment} ({})", signer.key_id),
    }
}

fn signature(signer: &Signer) -> PluginSignature {
    PluginSignature {
        key_id: signer.key_id.clone(),
        key_comment: signer.key_comment.clone(),
        comment: signer.comment.clone(),
    }
}

fn broken(folder: &Path, why: &str) -> PluginSummary {
    let name = folder.file_name().unwrap_or(folder.as_os_str());
    PluginSummary {
        id: name.to_string_lossy().into_owned(),
        folder: folder.display().to_string(),
        broken: Some(why.to_owned()),
        signed: unsigned(),
        ..PluginSummary::default()
    }
}

fn instance(view: &View) -> PluginInstance {
    PluginInstance {
        name: view.name.clone(),
        version: Some(view.plugin.manifest.version.clone()),
        state: view.state.name().to_owned(),
        restarts: view.ends,
        last_error: view.reason.clone().or_else(|| view.last_end.clone()),
        pid: view.pid,
        memory_bytes: view.pid.and_then(resident_bytes),
        sandbox: view.sandbox.clone(),
        ports: view.ports.iter().map(PortState::told).collect(),
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
    use crate::plugins::{Sources, discover};
    use crate::supervisor::State;

    #[test]
    fn what_is_installed_runs_or_is_broken_is_listed_once() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "id='other'\nname='O'\nversion='2.0.0'\nabi=1\nkind='gateway'\n\
                        library='other'\n[gateway]\n[approvals]\npts='4-1'\n";
        put(&folder.path().join("other/plugin.toml"), manifest, 0o644);
        put(&folder.path().join("other/libother.so"), "", 0o755);
        put(&folder.path().join("bad/plugin.toml"), "id = 3", 0o644);
        let plugins = discover(&Sources {
            folders: vec![folder.path().to_owned()],
            state: folder.path().join("state"),
            allow_unsigned: true,
        });
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
