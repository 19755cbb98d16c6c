// SPDX-License-Identifier: MIT OR Apache-2.0
//! The virtual terminal in real runners: each of its plugins gets ready, and its ledger outlives
//! the process that wrote it.

use crate::host::{Host, Setup, soon};
use crate::ledger::Ledger;
use payhal_client::protocol::device::{DeviceKind, DeviceState};
use serde_json::json;

const PLUGINS: [&str; 6] = [
    "virtual-terminal",
    "virtual-terminal-last-only",
    "virtual-terminal-needs-card",
    "virtual-terminal-no-inquiry",
    "virtual-terminal-no-reversal",
    "virtual-terminal-blind",
];

#[tokio::test]
async fn every_kind_of_terminal_gets_ready() {
    let setup = PLUGINS.iter().fold(Setup::readers(0), |setup, plugin| {
        setup.terminal(plugin, plugin, "{}")
    });
    let host = Host::start(&setup).await;
    let devices = host.operator().await.devices().await;
    assert_eq!(devices.len(), PLUGINS.len());
    for device in devices {
        assert_eq!(device.kind, DeviceKind::Terminal);
        assert_eq!(device.model.as_deref(), Some("payhal virtual terminal"));
    }
}

#[tokio::test]
async fn a_terminal_that_dies_comes_back_with_its_ledger() {
    const NAME: &str = "terminal-1";
    let setup = Setup::readers(0).terminal(NAME, "virtual-terminal", "{}");
    let host = Host::start(&setup).await;
    let operator = host.operator().await;
    let told = operator.act(NAME, "ledger", &[]).await;
    assert_eq!(told["entries"], json!([]));
    for fault in ["crash", "exit"] {
        let dead = operator
            .try_act(NAME, "fault", &[("fault", fault.into())])
            .await;
        assert!(dead.is_err(), "{fault}: {dead:?}");
        soon("the next process", async {
            while operator.try_act(NAME, "ledger", &[]).await.is_err() {}
        })
        .await;
    }
    operator.act(NAME, "unplug", &[]).await;
    operator.until_state(NAME, DeviceState::Unplugged).await;
    operator.act(NAME, "plug", &[]).await;
    operator.until_state(NAME, DeviceState::Ready).await;
    let ledger = Ledger::in_folder(&host.state().join("instances").join(NAME));
    let (status, _folder) = host.stop().await;
    assert!(status.success());
    assert_eq!(ledger.lines(), [], "it can be read while nothing runs");
}
