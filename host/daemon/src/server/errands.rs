// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a device does beside paying: `device.settings` and `device.apdu`.
//!
//! The engine lends the device, so that no payment meets an errand. What may be said to a card is
//! the plugin's to judge: it must never be judged here alone.

use super::convert;
use super::session::Session;
use payhal_engine::answer::Answer;
use payhal_engine::errands::{Errand, ErrandOrder};
use payhal_engine::ids::{DeviceId, Opaque};
use payhal_engine::request::Request;
use payhal_messages as m;
use payhal_protocol::errands::{ApduParams, ApduResult, DeviceSettings, SettingsParams};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::session::Permission;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// How long a device may take to tell its settings: some ask the device table by table.
const SETTINGS_MS: u64 = 15_000;

/// What the exchange with a card may take, beside the wait for it.
const EXCHANGE_MS: u64 = 10_000;

/// `device.settings`.
pub(super) async fn settings(
    session: Arc<Session>,
    params: SettingsParams,
) -> Result<DeviceSettings, ErrorObject> {
    let order = ErrandOrder {
        errand: Errand::Settings,
        command: Opaque(b"{}".to_vec()),
        limit_ms: SETTINGS_MS,
        presentation: None,
    };
    send(&session, params.device.as_str(), order).await
}

/// `device.apdu`.
pub(super) async fn apdu(
    session: Arc<Session>,
    params: ApduParams,
) -> Result<ApduResult, ErrorObject> {
    session.check_permission(Permission::Apdu)?;
    let device = params.device.as_str();
    check_able(&session, device, params.presentation_id.is_some())?;
    let timeout_ms = params.timeout_ms();
    let command = m::device::Apdu {
        aid: params.aid,
        commands: params.commands,
        timeout_ms,
        // How the reader names the card is between it and the engine.
        presentation_id: None,
    };
    let order = ErrandOrder {
        errand: Errand::Apdu,
        command: Opaque(serde_json::to_vec(&command).expect("messages are plain JSON")),
        limit_ms: timeout_ms + EXCHANGE_MS,
        presentation: params.presentation_id.as_deref().map(Into::into),
    };
    send(&session, device, order).await
}

/// A plugin that does not know how is not asked.
fn check_able(session: &Session, device: &str, presented: bool) -> Result<(), ErrorObject> {
    let Some(view) = session.shared.supervisor.view(device) else {
        return Ok(()); // The engine says that there is none.
    };
    let reader = view.plugin.manifest.reader.as_ref();
    let (able, ability, message) = match presented {
        false => (
            reader.is_some_and(|reader| reader.apdu),
            "apdu",
            "This device talks to payment cards only",
        ),
        true => (
            reader.is_some_and(|reader| reader.apdu && reader.apdu_presented),
            "apdu_presented",
            "This device cannot talk with a card that was presented for a payment",
        ),
    };
    match able {
        true => Ok(()),
        false => Err(ErrorObject::named(ErrorName::DeviceUnsupported)
            .with_message(message)
            .with_detail(format!(
                "`{device}` has no `{ability}` in its plugin's manifest"
            ))),
    }
}

async fn send<T: DeserializeOwned>(
    session: &Session,
    device: &str,
    order: ErrandOrder,
) -> Result<T, ErrorObject> {
    let device = DeviceId::from(device);
    match session.ask(Request::Errand { device, order }, None).await {
        Some(Answer::ErrandDone(answer)) => serde_json::from_slice(&answer.0).map_err(|_| {
            // What it said instead is not repeated.
            ErrorObject::named(ErrorName::PluginFailed)
                .with_detail("the plugin's answer is not what the method answers")
        }),
        Some(Answer::Refused { refused, replayed }) => Err(convert::refused(&refused, replayed)),
        _ => Err(ErrorObject::named(ErrorName::HostStopping)),
    }
}
