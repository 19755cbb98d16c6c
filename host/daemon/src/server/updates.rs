// SPDX-License-Identifier: MIT OR Apache-2.0
//! `device.update`: new firmware or configuration, by the operator's word.
//!
//! In the audit before it has an effect. It must never touch the device: the supervisor does, when
//! no payment needs it.

use super::configured::refused;
use super::session::Session;
use crate::audit::Action;
use crate::supervisor::{Update, UpdateStage, View};
use payhal_messages::update as m;
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::instances::InstanceKind;
use payhal_protocol::update::{
    UpdateAction, UpdateKind, UpdateParams, UpdateResult, UpdateState, UpdateView,
};
use std::path::PathBuf;
use std::sync::Arc;

/// `device.update`.
pub(super) async fn update(
    session: Arc<Session>,
    params: UpdateParams,
) -> Result<UpdateResult, ErrorObject> {
    let device = params.device.as_str();
    let supervisor = &session.shared.supervisor;
    let view = supervisor.view(device);
    let view = view.filter(|view| view.kind == InstanceKind::Device);
    let view = view.ok_or_else(|| no_such(device))?;
    match params.action {
        UpdateAction::Status => {}
        UpdateAction::Start { kind, file, sha256 } => {
            let kind = kind_out(kind);
            check_able(&view, kind)?;
            let text = format!("it is to take {file}");
            session
                .audit(Action::DeviceUpdated, Some(device), &text)
                .await?;
            let path = PathBuf::from(file);
            if let Err(why) = supervisor.update(device, kind, path, sha256).await {
                let error = refused(&session, why);
                let text = format!("it is not to take it after all: {}", error.message);
                session
                    .audit(Action::DeviceUpdated, Some(device), &text)
                    .await?;
                return Err(error);
            }
        }
        UpdateAction::Abort => {
            let text = "what it is to take is given up";
            session
                .audit(Action::DeviceUpdated, Some(device), text)
                .await?;
            let aborted = supervisor.abort_update(device).await;
            aborted.map_err(|why| refused(&session, why))?;
        }
    }
    let view = supervisor.view(device).ok_or_else(|| no_such(device))?;
    Ok(UpdateResult {
        update: view.update.as_ref().map(update_view),
    })
}

/// How it fares, for whoever looks at the device.
pub(super) fn update_view(update: &Update) -> UpdateView {
    let (state, why) = match &update.stage {
        UpdateStage::Waiting => (UpdateState::Waiting, None),
        UpdateStage::Running => (UpdateState::Running, None),
        UpdateStage::Done => (UpdateState::Done, None),
        UpdateStage::Refused(why) => (UpdateState::Refused, Some(why.clone())),
        UpdateStage::Aborted => (UpdateState::Aborted, None),
    };
    UpdateView {
        kind: match update.file.kind {
            m::UpdateKind::Firmware => UpdateKind::Firmware,
            m::UpdateKind::Configuration => UpdateKind::Configuration,
        },
        name: update.file.name.clone(),
        sha256: update.file.sha256.clone(),
        bytes: update.file.bytes,
        done_bytes: update.done,
        state,
        why,
        firmware_before: update.before.clone(),
        firmware: update.after.clone(),
    }
}

fn kind_out(kind: UpdateKind) -> m::UpdateKind {
    match kind {
        UpdateKind::Firmware => m::UpdateKind::Firmware,
        UpdateKind::Configuration => m::UpdateKind::Configuration,
    }
}

/// A plugin that does not know how is not asked.
fn check_able(view: &View, kind: m::UpdateKind) -> Result<(), ErrorObject> {
    let manifest = &view.plugin.manifest;
    let reader = manifest.reader.as_ref().map(|reader| &reader.update);
    let kinds = reader.or(manifest.terminal.as_ref().map(|terminal| &terminal.update));
    match kinds.is_some_and(|kinds| kinds.contains(&kind)) {
        true => Ok(()),
        false => Err(ErrorObject::named(ErrorName::DeviceUnsupported)
            .with_message("This device is not updated by its payment host")
            .with_detail(format!(
                "the manifest of `{}` does not name this among its updates",
                manifest.id
            ))),
    }
}

fn no_such(device: &str) -> ErrorObject {
    ErrorObject::named(ErrorName::DeviceNotFound)
        .with_detail(format!("there is no device `{device}`"))
}
