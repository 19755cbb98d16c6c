// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that plugins come, change and go while the host runs: a new version waits until its
//! device is idle, other devices never notice, and one that does not come up is put back.

use crate::configured::{refusal, set, setting, show};
use crate::host::{Host, Setup, from_xtask, soon};
use crate::register::{Register, sale};
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::plugins::{
    PluginChangeResult, PluginDisableParams, PluginEnableParams, PluginInstallParams,
};
use payhal_client::protocol::{ErrorData, ErrorName};
use serde_json::json;
use std::path::PathBuf;

/// The device whose plugin changes.
const OWN: &str = "own-1";

/// A folder of the plugin `own`: the virtual reader as this version, configured so by its manifest.
fn folder(host: &Host, version: &str, card: &str) -> PathBuf {
    let from = from_xtask("PAYHAL_PLUGINS").join("virtual-reader");
    let to = host.folder().join(format!("own-{version}"));
    std::fs::create_dir_all(&to).unwrap();
    let manifest = std::fs::read_to_string(from.join("plugin.toml")).unwrap();
    let manifest = manifest
        .replace("id = \"virtual-reader\"", "id = \"own\"")
        .replace("version = \"0.1.0\"", &format!("version = \"{version}\""));
    let manifest = format!("{manifest}\n[config]\nauto = \"{card}\"\n");
    assert!(manifest.contains(version), "{manifest}");
    std::fs::write(to.join("plugin.toml"), manifest).unwrap();
    let library = "libpayhal_virtual_reader.so";
    std::fs::copy(from.join(library), to.join(library)).unwrap();
    to
}

async fn install(operator: &Register, folder: PathBuf) -> Result<PluginChangeResult, ErrorData> {
    let params = PluginInstallParams {
        folder: folder.display().to_string(),
        allow_unsigned: true,
    };
    let installed = soon("plugin.install", operator.0.request(&params)).await;
    installed.map_err(refusal)
}

/// A host with a reader, and a device of the plugin `own` 1.0.0 that waits for cards.
async fn shop() -> (Host, Register) {
    let host = Host::start(&Setup::readers(1)).await;
    let operator = host.operator().await;
    let first = folder(&host, "1.0.0", "tap visa-approve");
    assert_eq!(
        install(&operator, first).await.unwrap().instances,
        Vec::<String>::new()
    );
    set(&operator, &setting(OWN, Some("own"), json!({})))
        .await
        .unwrap();
    (host, operator)
}

async fn version(operator: &Register) -> Option<String> {
    show(operator, OWN).await.version
}

#[tokio::test]
async fn a_new_version_runs_while_another_device_is_in_a_payment() {
    let (host, operator) = shop().await;
    let register = host.register("till-1").await;
    let begun = register.begin(&sale("a", 1_100, "reader-1")).await;
    let (other, own) = (host.runner("reader-1"), host.runner(OWN));
    let second = folder(&host, "2.0.0", "tap visa-decline");
    let change = install(&operator, second).await.unwrap();
    assert_eq!(
        (change.from.as_deref(), change.to.as_deref()),
        (Some("1.0.0"), Some("2.0.0"))
    );
    assert_eq!(change.instances, [OWN]);
    assert_eq!(version(&operator).await.as_deref(), Some("2.0.0"));
    assert_ne!(host.runner(OWN), own);
    assert_eq!(
        host.runner("reader-1"),
        other,
        "another device is left alone"
    );
    register.show("reader-1", "tap", "visa-approve").await;
    begun.end().await.approved();
    // It is the new version that runs: its card is declined.
    let second = host.register("till-2").await;
    let declined = second.sell_alone(&sale("b", 1_200, OWN)).await;
    assert_eq!(
        refusal(declined.answer.unwrap_err()).name,
        ErrorName::Declined
    );
}

#[tokio::test]
async fn a_new_version_waits_until_its_device_is_idle() {
    let (host, operator) = shop().await;
    let register = host.register("till-1").await;
    // The device takes its time over this payment.
    register.fault(OWN, "slow", "present", 1_500).await;
    let selling = {
        let register = register.clone();
        tokio::spawn(async move { register.sell_alone(&sale("a", 1_100, OWN)).await })
    };
    operator.until_state(OWN, DeviceState::Busy).await;
    let own = host.runner(OWN);
    let second = folder(&host, "2.0.0", "tap visa-approve");
    let installing = {
        let operator = operator.clone();
        tokio::spawn(async move { install(&operator, second).await })
    };
    // The payment ends as it began; only then is there another process.
    selling.await.unwrap().approved();
    assert_eq!(installing.await.unwrap().unwrap().instances, [OWN]);
    assert_ne!(host.runner(OWN), own);
    let sold = register.sell_alone(&sale("b", 1_200, OWN)).await;
    sold.approved();
    host.ledger()
        .assert(&[("sale", "approved", 1_100), ("sale", "approved", 1_200)]);
}

#[tokio::test]
async fn a_version_that_does_not_come_up_is_put_back() {
    let (host, operator) = shop().await;
    let broken = folder(&host, "2.0.0", "tap no-such-card");
    let refused = install(&operator, broken).await.unwrap_err();
    assert_eq!(refused.name, ErrorName::PluginFailed);
    let detail = refused.detail.unwrap();
    assert!(detail.contains(OWN) && detail.contains("auto"), "{detail}");
    assert_eq!(version(&operator).await.as_deref(), Some("1.0.0"));
    operator.until_state(OWN, DeviceState::Ready).await;
    let register = host.register("till-1").await;
    let sold = register.sell_alone(&sale("a", 1_100, OWN)).await;
    sold.approved();
    // So it is after a crash, and after a restart.
    host.kill_runner(OWN);
    operator.until_state(OWN, DeviceState::Failed).await;
    operator.until_state(OWN, DeviceState::Ready).await;
    let host = host.stop_and_restart().await;
    assert_eq!(
        version(&host.operator().await).await.as_deref(),
        Some("1.0.0")
    );
}

#[tokio::test]
async fn a_plugin_that_is_switched_off_rests_and_comes_back() {
    let (host, operator) = shop().await;
    let register = host.register("till-1").await;
    let off = PluginDisableParams {
        plugin: "own".to_owned(),
    };
    let off = soon("plugin.disable", operator.0.request(&off)).await;
    assert_eq!(off.unwrap().instances, [OWN]);
    let resting = operator.until_state(OWN, DeviceState::Failed).await;
    assert!(resting.state_text.unwrap().contains("disabled"));
    let refused = register.sell_alone(&sale("a", 1_100, OWN)).await;
    let refused = refusal(refused.answer.unwrap_err());
    assert_eq!(refused.name, ErrorName::DeviceUnavailable);
    let on = PluginEnableParams {
        plugin: "own".to_owned(),
    };
    soon("plugin.enable", operator.0.request(&on))
        .await
        .unwrap();
    operator.until_state(OWN, DeviceState::Ready).await;
    let sold = register.sell_alone(&sale("b", 1_200, OWN)).await;
    sold.approved();
}
