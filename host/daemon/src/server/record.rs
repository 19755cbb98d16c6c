// SPDX-License-Identifier: MIT OR Apache-2.0
//! What passes between a device and its plugin, for whoever develops the plugin.
//!
//! Owns `device.record`. The lines come from the runner, which has scrubbed them of card data. It
//! must never start a device anew that a payment needs: the supervisor asks the engine.

use super::configured::refused;
use super::session::Session;
use crate::audit::Action;
use crate::supervisor::View;
use payhal_messages::manifest::PortSort;
use payhal_messages::recording::{Head, VERSION};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::record::{RecordAction, RecordParams, RecordResult};
use std::sync::Arc;

/// `device.record`.
pub(super) async fn record(
    session: Arc<Session>,
    params: RecordParams,
) -> Result<RecordResult, ErrorObject> {
    let device = params.device.as_str();
    let supervisor = &session.shared.supervisor;
    let view = supervisor.view(device).ok_or_else(|| no_such(device))?;
    match params.action {
        RecordAction::Read => read(&session, device),
        RecordAction::Start => {
            check(&view)?;
            let text = "what passes between it and its plugin is recorded";
            session
                .audit(Action::DeviceRecorded, Some(device), text)
                .await?;
            let started = supervisor.record(device, true).await;
            started.map_err(|why| refused(&session, why))?;
            Ok(RecordResult {
                lines: head(&view),
                recording: true,
                ..RecordResult::default()
            })
        }
        RecordAction::Stop => {
            let text = "what passes between it and its plugin is recorded no longer";
            session
                .audit(Action::DeviceRecorded, Some(device), text)
                .await?;
            let stopped = supervisor.record(device, false).await;
            stopped.map_err(|why| refused(&session, why))?;
            read(&session, device)
        }
    }
}

fn read(session: &Session, device: &str) -> Result<RecordResult, ErrorObject> {
    let recorded = session.shared.supervisor.recorded(device);
    let recorded = recorded.ok_or_else(|| no_such(device))?;
    Ok(RecordResult {
        lines: recorded.lines,
        more: recorded.more,
        recording: recorded.recording,
        lost: recorded.lost,
    })
}

/// USB devices are spoken to by calls of the system, which pass nowhere in between.
fn check(view: &View) -> Result<(), ErrorObject> {
    let ports = &view.plugin.manifest.ports;
    match ports.iter().any(|port| port.kind != PortSort::Usb) {
        true => Ok(()),
        false => Err(ErrorObject::named(ErrorName::NotAllowed)
            .with_message("There is nothing to record at this device")
            .with_detail(format!(
                "`{}` has no serial line and no stream among its ports",
                view.plugin.manifest.id
            ))),
    }
}

fn head(view: &View) -> String {
    let head = Head {
        recording: VERSION,
        plugin: view.plugin.manifest.id.clone(),
        version: view.plugin.manifest.version.clone(),
        instance: view.name.clone(),
    };
    let head = serde_json::to_string(&head).expect("a head has no value that JSON lacks");
    format!("{head}\n")
}

fn no_such(device: &str) -> ErrorObject {
    ErrorObject::named(ErrorName::DeviceNotFound)
        .with_detail(format!("there is no device `{device}`"))
}
