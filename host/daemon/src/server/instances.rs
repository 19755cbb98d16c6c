// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices and gateways as registers look at them.

use super::convert;
use super::updates::update_view;
use crate::supervisor::{State, UpdateStage, View as InstanceView};
use payhal_engine::ids::{DeviceId, RegisterId};
use payhal_engine::request::Snapshot;
use payhal_messages::card::Entry;
use payhal_messages::manifest::{Ability, Kind as PluginKind, PortSort};
use payhal_protocol::device::{DeviceKind, DeviceState, DeviceSummary};
use payhal_protocol::error::Busy;
use payhal_protocol::gateway::{GatewayState, GatewaySummary};

/// A device, with whoever has it.
pub(super) fn device(
    view: &InstanceView,
    holder: Option<&Snapshot>,
    quarantined: &[DeviceId],
    tell: impl Fn(&RegisterId) -> bool,
) -> DeviceSummary {
    let manifest = &view.plugin.manifest;
    let identity = view.identity.clone().unwrap_or_default();
    let quarantined = quarantined.iter().any(|id| *id.0 == *view.name);
    let state = match (&view.state, holder) {
        (State::Ready, _) if quarantined => DeviceState::Quarantined,
        (State::Ready, Some(_)) => DeviceState::Busy,
        (State::Ready, None) => DeviceState::Ready,
        (State::Starting, _) if takes_update(view) => DeviceState::Updating,
        (State::Starting, _) => DeviceState::Starting,
        (State::Detached, _) => DeviceState::Unplugged,
        (State::Failed | State::GivenUp | State::Stopped, _) => DeviceState::Failed,
    };
    DeviceSummary {
        id: view.name.as_str().into(),
        name: manifest.name.clone(),
        plugin: manifest.id.clone(),
        kind: match manifest.kind {
            PluginKind::Terminal => DeviceKind::Terminal,
            PluginKind::Reader | PluginKind::Gateway => DeviceKind::Reader,
        },
        model: view.identity.is_some().then_some(identity.model),
        serial_number: identity.serial_number,
        firmware: identity.firmware,
        emv_parameters: view.parameters.as_ref().map(ToString::to_string),
        connection: connection(view).to_owned(),
        state,
        state_text: match state {
            DeviceState::Quarantined => Some(OWES.to_owned()),
            _ => state_words(view),
        },
        since: Some(convert::rfc3339(view.since_micros)),
        capabilities: capabilities(view),
        approvals: view.plugin.approvals(),
        busy_with: holder.map(|snapshot| {
            let told = tell(&snapshot.scope.register);
            Busy {
                register: told.then(|| snapshot.scope.register.to_string().into()),
                transaction_id: told.then(|| snapshot.transaction_id.to_string().into()),
                since: convert::rfc3339(snapshot.started_at_micros),
                until: None,
            }
        }),
        lease: None,
        update: view.update.as_ref().map(update_view),
        display: view.screen.as_ref().map(|lines| lines.join("\n")),
        simulated: manifest.simulated,
    }
}

fn takes_update(view: &InstanceView) -> bool {
    let update = view.update.as_ref();
    update.is_some_and(|update| update.stage == UpdateStage::Running)
}

/// Why a terminal is quarantined.
const OWES: &str = "no payment until it is known what became of an earlier one";

fn connection(view: &InstanceView) -> &'static str {
    let manifest = &view.plugin.manifest;
    match manifest.ports.first().map(|port| port.kind) {
        _ if manifest.simulated => "virtual",
        Some(PortSort::Usb) => "usb",
        Some(PortSort::Serial) => "serial",
        Some(PortSort::Stream) | None => "tcp",
    }
}

fn state_words(view: &InstanceView) -> Option<String> {
    let again = match view.state {
        State::Failed => "; it is being restarted",
        State::GivenUp => "; it failed too often and is left alone for two minutes",
        _ => "",
    };
    view.reason
        .as_ref()
        .map(|reason| format!("{reason}{again}"))
}

/// It takes new firmware or configuration from here.
const UPDATES: &str = "update";

fn capabilities(view: &InstanceView) -> Vec<String> {
    if let Some(terminal) = &view.plugin.manifest.terminal {
        let updates = (!terminal.update.is_empty()).then(|| UPDATES.to_owned());
        let can = terminal.can.iter().filter_map(name_of);
        return can.chain(updates).collect();
    }
    let Some(reader) = &view.plugin.manifest.reader else {
        return Vec::new();
    };
    let entry = |entry: &Entry| match entry {
        Entry::Chip => "chip",
        Entry::Contactless => "contactless",
        Entry::Stripe => "stripe",
        Entry::Manual => "manual_encrypted",
    };
    let mut all: Vec<&str> = reader.entries.iter().map(entry).collect();
    let abilities = [
        ("display", reader.display),
        ("pin", reader.online_pin),
        ("p2pe", reader.encrypts),
        ("tip", reader.tip),
        ("dcc", reader.dcc),
        (UPDATES, !reader.update.is_empty()),
    ];
    all.extend(
        abilities
            .into_iter()
            .filter(|(_, can)| *can)
            .map(|(name, _)| name),
    );
    all.into_iter().map(ToOwned::to_owned).collect()
}

/// As in manifests.
pub(super) fn name_of(ability: &Ability) -> Option<String> {
    let name = serde_json::to_value(ability).ok()?;
    name.as_str().map(ToOwned::to_owned)
}

/// A gateway.
pub(super) fn gateway(view: &InstanceView) -> GatewaySummary {
    let manifest = &view.plugin.manifest;
    let opened = view.opened.as_ref();
    GatewaySummary {
        id: view.name.as_str().into(),
        name: opened.map_or_else(|| manifest.name.clone(), |opened| opened.name.clone()),
        plugin: manifest.id.clone(),
        state: match view.state {
            State::Ready => GatewayState::Ready,
            State::Starting => GatewayState::Starting,
            State::Detached => GatewayState::Unreachable,
            State::Failed | State::GivenUp | State::Stopped => GatewayState::Failed,
        },
        state_text: state_words(view),
        since: Some(convert::rfc3339(view.since_micros)),
        capabilities: manifest
            .gateway
            .as_ref()
            .filter(|gateway| gateway.inquiry)
            .map(|_| vec!["inquiry".to_owned()])
            .unwrap_or_default(),
        currencies: opened
            .map(|opened| opened.currencies.clone())
            .unwrap_or_default(),
        simulated: manifest.simulated,
        offline: Vec::new(),
    }
}
