// SPDX-License-Identifier: MIT OR Apache-2.0
//! `plugin.explain`, asked of a running host. It tells what is in force now, not what should be.

use super::plugins::blocking;
use super::session::Session;
use crate::explain::{Seat, explain as rows};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::explain::{PluginExplainParams, PluginExplainResult};
use std::sync::Arc;

/// `plugin.explain`.
pub(super) async fn explain(
    session: Arc<Session>,
    params: PluginExplainParams,
) -> Result<PluginExplainResult, ErrorObject> {
    let id = params.plugin.clone();
    let known = blocking(&session, move |shelf| {
        let plugins = shelf.refresh();
        let (found, disabled) = (plugins.found.get(&id), plugins.disabled.get(&id));
        let refused = plugins.refused.get(&id).cloned();
        found.or(disabled).cloned().ok_or(refused)
    });
    let known = known.await?;
    let supervisor = &session.shared.supervisor;
    let views = supervisor.all().into_iter();
    let views: Vec<_> = views
        .filter(|view| view.plugin.manifest.id == params.plugin)
        .collect();
    // One that runs though its folder is gone is explained as it runs.
    let runs = |why| {
        views
            .first()
            .map(|view| Arc::clone(&view.plugin))
            .ok_or(why)
    };
    let plugin = known.or_else(runs).map_err(|why| {
        let nobody = || format!("there is no plugin `{}`", params.plugin);
        ErrorObject::named(ErrorName::InvalidParams)
            .with_message("The payment host has no such plugin")
            .with_detail(why.unwrap_or_else(nobody))
    })?;
    let configured = |name: &str| supervisor.config(name);
    let seats: Vec<_> = views
        .iter()
        .filter_map(|view| {
            let config = configured(&view.name)?;
            Some(Seat::configured(&config, &session.shared.scene.state).running(view))
        })
        .collect();
    Ok(rows(&plugin, &seats))
}
