// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the operator does with plugins: install, switch off and on, go back, remove; and whose
//! signatures count.
//!
//! Each change is in the audit before it has an effect, and a version with which a device or gateway
//! does not come up is put back. It must never end a runner that money is under way in.

use super::plugins::blocking;
use super::session::Session;
use crate::access::Standing;
use crate::audit::{Action, Audit};
use crate::plugins::{Change, PluginShelf, TrustedKey as Key};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::plugins::{
    PluginChangeResult, PluginDisableParams, PluginEnableParams, PluginInstallParams,
    PluginKeysParams, PluginKeysResult, PluginRemoveParams, PluginRollBackParams,
    PluginTrustParams, PluginTrustResult, PluginUntrustParams, PluginUntrustResult, TrustedKey,
};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// `plugin.install`.
pub(super) async fn install(
    session: Arc<Session>,
    params: PluginInstallParams,
) -> Result<PluginChangeResult, ErrorObject> {
    known(&session)?;
    let folder = PathBuf::from(params.folder);
    let unsigned = params.allow_unsigned;
    change(session, move |shelf| shelf.install(&folder, unsigned)).await
}

/// `plugin.roll_back`.
pub(super) async fn roll_back(
    session: Arc<Session>,
    params: PluginRollBackParams,
) -> Result<PluginChangeResult, ErrorObject> {
    change(session, move |shelf| shelf.roll_back(&params.plugin)).await
}

/// `plugin.disable`.
pub(super) async fn disable(
    session: Arc<Session>,
    params: PluginDisableParams,
) -> Result<PluginChangeResult, ErrorObject> {
    change(session, move |shelf| shelf.enable(&params.plugin, false)).await
}

/// `plugin.enable`.
pub(super) async fn enable(
    session: Arc<Session>,
    params: PluginEnableParams,
) -> Result<PluginChangeResult, ErrorObject> {
    change(session, move |shelf| shelf.enable(&params.plugin, true)).await
}

/// `plugin.remove`.
pub(super) async fn remove(
    session: Arc<Session>,
    params: PluginRemoveParams,
) -> Result<PluginChangeResult, ErrorObject> {
    let users = users(&session, &params.plugin);
    if !users.is_empty() {
        return Err(refused(format!(
            "`{}` drives {}; take it out of the configuration first",
            params.plugin,
            users.join(", ")
        )));
    }
    change(session, move |shelf| shelf.remove(&params.plugin)).await
}

/// `plugin.trust`.
pub(super) async fn trust(
    session: Arc<Session>,
    params: PluginTrustParams,
) -> Result<PluginTrustResult, ErrorObject> {
    known(&session)?;
    let key = Key::parse(&params.key).map_err(refused)?;
    let id = key.key_id.clone();
    let text = format!("plugins that the key {id} ({}) signs may run", key.comment);
    session
        .audit(Action::PluginChanged, Some(&id), &text)
        .await?;
    let key = blocking(&session, move |shelf| shelf.trust(&params.key)).await?;
    Ok(PluginTrustResult {
        key: shown(key.map_err(refused)?),
    })
}

/// `plugin.untrust`.
pub(super) async fn untrust(
    session: Arc<Session>,
    params: PluginUntrustParams,
) -> Result<PluginUntrustResult, ErrorObject> {
    let id = params.key_id.to_ascii_uppercase();
    let text = format!("the signatures of the key {id} count no longer");
    session
        .audit(Action::PluginChanged, Some(&id), &text)
        .await?;
    let lost = blocking(&session, move |shelf| {
        let before = shelf.plugins().found;
        shelf.untrust(&id)?;
        let after = shelf.plugins().found;
        let lost = before.into_keys().filter(|id| !after.contains_key(id));
        Ok::<_, String>(lost.collect())
    });
    let refused_now = lost.await?.map_err(refused)?;
    Ok(PluginUntrustResult {
        refused: refused_now,
    })
}

/// `plugin.keys`.
pub(super) async fn keys(
    session: Arc<Session>,
    PluginKeysParams {}: PluginKeysParams,
) -> Result<PluginKeysResult, ErrorObject> {
    let keys = blocking(&session, PluginShelf::keys).await?;
    Ok(PluginKeysResult {
        keys: keys.into_iter().map(shown).collect(),
    })
}

/// A key as the API has it.
pub(crate) fn shown(key: Key) -> TrustedKey {
    TrustedKey {
        key_id: key.key_id,
        comment: key.comment,
        key: key.key,
    }
}

/// While access is open nobody has proved to be the operator, and programs that come with a plugin
/// are no card of a demonstration.
fn known(session: &Session) -> Result<(), ErrorObject> {
    if session.standing() != Standing::Open {
        return Ok(());
    }
    Err(ErrorObject::named(ErrorName::NotAllowed)
        .with_message("While access is open, plugins are installed at the machine itself")
        .with_detail("use `payhal plugin install` or `payhal plugin trust` there"))
}

fn refused(why: impl Into<String>) -> ErrorObject {
    ErrorObject::named(ErrorName::NotAllowed)
        .with_message("The payment host does not take this plugin")
        .with_detail(why)
}

/// Names of the devices and gateways that a plugin drives.
fn users(session: &Session, id: &str) -> Vec<String> {
    let supervisor = &session.shared.supervisor;
    let views = supervisor.all().into_iter();
    let own = views.filter(|view| view.plugin.manifest.id == id);
    own.map(|view| view.name).collect()
}

/// Runs to its end even if whoever asked goes away: half an upgrade is none.
async fn change(
    session: Arc<Session>,
    act: impl FnOnce(&PluginShelf) -> Result<Change, String> + Send + 'static,
) -> Result<PluginChangeResult, ErrorObject> {
    let task = tokio::spawn(async move {
        let shelf = Arc::clone(&session.shared.plugins);
        let _one_at_a_time = shelf.alone().await;
        let change = blocking(&session, act).await?.map_err(refused)?;
        finish(&session, change).await
    });
    let ended = task.await;
    ended.map_err(|_| ErrorObject::named(ErrorName::InternalError))?
}

/// Keeps it in the audit, does it, and lets the runners follow; or takes it back.
async fn finish(session: &Arc<Session>, change: Change) -> Result<PluginChangeResult, ErrorObject> {
    session.keep(entry(session, &change, None)).await?;
    let done = blocking(session, move |shelf| {
        shelf.carry_out(&change).map(|()| change)
    });
    let change = done.await?.map_err(refused)?;
    match session.shared.supervisor.renew(&change.id).await {
        Ok(instances) => {
            let id = change.id.clone();
            blocking(session, move |shelf| shelf.tidy(&id)).await?;
            Ok(PluginChangeResult {
                plugin: change.id,
                from: change.from,
                to: change.to,
                instances,
            })
        }
        Err(why) => {
            let audit = entry(session, &change, Some(&why));
            let id = put_back(session, change).await?;
            // The old version ran before; how it fares now is in the list of plugins.
            let _as_before = session.shared.supervisor.renew(&id).await;
            session.keep(audit).await?;
            Err(ErrorObject::named(ErrorName::PluginFailed)
                .with_message("The plugin did not come up and was put back as it was")
                .with_detail(why))
        }
    }
}

async fn put_back(session: &Session, change: Change) -> Result<String, ErrorObject> {
    let back = blocking(session, move |shelf| {
        shelf.put_back(&change).map(|()| change.id)
    });
    back.await?.map_err(|why| {
        tracing::error!("a plugin could not be put back: {why}");
        ErrorObject::named(ErrorName::InternalError).with_detail(why)
    })
}

fn entry(session: &Session, change: &Change, failed: Option<&str>) -> Audit {
    let (id, from, to) = (&change.id, &change.from, &change.to);
    let text = match (from, to, failed) {
        (_, _, Some(why)) => format!("`{id}` was put back as it was: {why}"),
        (None, Some(to), _) => format!("`{id}` {to} was installed"),
        (Some(from), Some(to), _) if from == to => format!("`{id}` {to} {}", change.did),
        (Some(from), Some(to), _) => format!("`{id}` went from {from} to {to}"),
        (from, None, _) => {
            let from = from.as_deref().unwrap_or_default();
            format!("`{id}` {from} {}", change.did)
        }
    };
    Audit::new(&session.actor(), Action::PluginChanged, Some(id), &text)
        .with_details(&json!({ "from": from, "to": to, "failed": failed }))
}
