// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a device that takes new firmware ends up with all of it or none, whoever dies on the
//! way: the reader's power, its runner, the host. Meanwhile it sells nothing, and afterwards it does;
//! and that what became of it can be shown later.

use crate::host::{Host, Setup, soon};
use crate::keeper::{Keeper, LAST_WORD};
use crate::paired::pair;
use crate::register::{Register, sale};
use crate::till::{PAUSE, Stages, Till};
use payhal_client::protocol::audit::{AuditEntry, AuditListParams};
use payhal_client::protocol::device::{DeviceListParams, DeviceState, DeviceSummary};
use payhal_client::protocol::error::{ErrorName, ErrorObject};
use payhal_client::protocol::update::{
    UpdateAction, UpdateKind, UpdateParams, UpdateResult, UpdateState, UpdateView,
};
use payhal_client::{CallError, Client};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;
use std::path::{Path, PathBuf};
use tokio::time::{sleep, timeout};

const READER: &str = "reader-1";
const NAME: &str = "reader-9.9.bin";

/// What begins a file for a virtual reader.
const GOOD: &str = "payhal virtual reader\n";

/// A reader takes new firmware, whoever dies on the way. Asks until it works with it.
pub(crate) async fn see_through(keeper: &Keeper, reader: &str) {
    let mut person = Till::new("operator", keeper.place(), true, Stages::default());
    let path = file(keeper.folder(), GOOD, 100_000);
    let asked = async {
        loop {
            let client = person.client().await;
            match works(&client, reader, &path).await {
                Ok(true) => return,
                Ok(false) | Err(CallError::Rpc(_)) => {}
                Err(_) => person.hang_up(),
            }
            sleep(PAUSE).await;
        }
    };
    let worked = timeout(LAST_WORD, asked).await;
    assert!(worked.is_ok(), "{reader} never worked with its firmware");
}

/// Whether it works with it; whoever knows nothing of it any more is told again.
async fn works(client: &Client, reader: &str, path: &Path) -> Result<bool, CallError> {
    let devices = client.request(&DeviceListParams {}).await?.devices;
    let is_it = |device: &&DeviceSummary| device.id.as_str() == reader;
    let Some(device) = devices.iter().find(is_it) else {
        return Ok(false);
    };
    if device.state == DeviceState::Ready && device.firmware.as_deref() == Some(NAME) {
        return Ok(true);
    }
    if device.state == DeviceState::Ready && device.update.is_none() {
        let action = UpdateAction::Start {
            kind: UpdateKind::Firmware,
            file: path.to_string_lossy().into_owned(),
            sha256: None,
        };
        let device = reader.into();
        client.request(&UpdateParams { device, action }).await?;
    }
    Ok(false)
}

fn file(folder: &Path, head: &str, bytes: usize) -> PathBuf {
    let path = folder.join(NAME);
    let mut content = head.as_bytes().to_vec();
    content.resize(bytes, b'.');
    std::fs::write(&path, content).unwrap();
    path
}

fn new_firmware(host: &Host, head: &str) -> UpdateAction {
    UpdateAction::Start {
        kind: UpdateKind::Firmware,
        file: file(host.folder(), head, 300_000)
            .to_string_lossy()
            .into_owned(),
        sha256: None,
    }
}

async fn ask(operator: &Register, action: UpdateAction) -> Result<UpdateResult, CallError> {
    let params = UpdateParams {
        device: READER.into(),
        action,
    };
    soon("an answer about an update", operator.0.request(&params)).await
}

async fn start(operator: &Register, host: &Host, head: &str) {
    ask(operator, new_firmware(host, head)).await.unwrap();
}

fn refused(answer: Result<UpdateResult, CallError>) -> ErrorObject {
    let error = answer.unwrap_err();
    error.rpc().unwrap().clone()
}

async fn status(operator: &Register) -> Option<UpdateView> {
    ask(operator, UpdateAction::Status).await.unwrap().update
}

/// The device as it is told, as soon as it is so.
async fn told(operator: &Register, fits: impl Fn(&DeviceSummary) -> bool) -> DeviceSummary {
    let mut watch = operator.watch().await;
    loop {
        let device = operator.device(READER).await;
        if fits(&device) {
            return device;
        }
        watch.next().await;
    }
}

async fn until(operator: &Register, state: UpdateState) -> UpdateView {
    let at = |device: &DeviceSummary| {
        let update = device.update.as_ref();
        update.is_some_and(|update| update.state == state)
    };
    let device = soon(&format!("an update that is {state:?}"), told(operator, at)).await;
    device.update.unwrap()
}

async fn firmware(operator: &Register) -> Option<String> {
    operator.device(READER).await.firmware
}

async fn sells(host: &Host, key: &str) {
    let register = host.register("till-1").await;
    register.until_state(READER, DeviceState::Ready).await;
    let params = sale(key, 1250, READER);
    let paid = register.sell(&params, "tap", "visa-approve");
    assert!(paid.await.approved().approval_code.is_some());
}

async fn audited(operator: &Register) -> Vec<AuditEntry> {
    let params = AuditListParams::default();
    let page = soon("the audit", operator.0.request(&params)).await;
    let entries = page.unwrap().entries.into_iter();
    entries
        .filter(|entry| entry.action == "device.updated")
        .collect()
}

#[tokio::test]
async fn a_reader_takes_new_firmware_and_sells() {
    let host = Host::start(&Setup::readers(1)).await;
    let operator = host.operator().await;
    let before = firmware(&operator).await;
    start(&operator, &host, GOOD).await;
    let update = until(&operator, UpdateState::Done).await;
    assert_eq!(update.done_bytes, 300_000);
    assert_eq!(update.firmware_before, before);
    assert_eq!(update.firmware.as_deref(), Some(NAME));
    sells(&host, "k").await;
    assert_eq!(firmware(&operator).await.as_deref(), Some(NAME));
    let entries = audited(&operator).await;
    let actors: Vec<_> = entries.iter().map(|entry| entry.actor.as_str()).collect();
    assert!(matches!(actors[..], ["host", operator] if operator.starts_with("operator")));
    let story = &entries[0].text;
    let versions = format!("firmware before: {}, now: {NAME}", before.unwrap());
    assert!(story.contains(&versions), "{story}");
    let left = host.state().join("updates").join(READER);
    assert_eq!(left.read_dir().unwrap().count(), 0, "nothing is kept");
}

#[tokio::test]
async fn what_is_not_for_it_is_refused_and_changes_nothing() {
    let host = Host::start(&Setup::readers(1)).await;
    let operator = host.operator().await;
    let before = firmware(&operator).await;
    start(&operator, &host, "something else").await;
    let update = until(&operator, UpdateState::Refused).await;
    let why = update.why.unwrap();
    assert!(why.contains("not for this reader"), "{why}");
    sells(&host, "k").await;
    assert_eq!(firmware(&operator).await, before);
    let entries = audited(&operator).await;
    assert!(entries[0].text.contains("did not take"), "{entries:?}");
}

#[tokio::test]
async fn another_file_than_its_maker_made_never_reaches_it() {
    let host = Host::start(&Setup::readers(1)).await;
    let operator = host.operator().await;
    let action = UpdateAction::Start {
        kind: UpdateKind::Firmware,
        file: file(host.folder(), GOOD, 300_000)
            .to_string_lossy()
            .into_owned(),
        sha256: Some("0".repeat(64)),
    };
    let error = refused(ask(&operator, action).await);
    assert_eq!(error.name(), Some(ErrorName::InvalidParams));
    let detail = error.data.unwrap().detail.unwrap();
    assert!(detail.contains("SHA-256"), "{detail}");
    assert_eq!(status(&operator).await, None);
    let entries = audited(&operator).await;
    assert!(entries[0].text.contains("not to take it after all"));
    sells(&host, "k").await;
}

#[tokio::test]
async fn under_a_payment_it_is_refused() {
    let host = Host::start(&Setup::readers(1)).await;
    let operator = host.operator().await;
    let register = host.register("till-1").await;
    let paying = register.begin(&sale("k", 1250, READER)).await;
    let error = refused(ask(&operator, new_firmware(&host, GOOD)).await);
    assert_eq!(error.name(), Some(ErrorName::DeviceBusy));
    assert!(error.data.unwrap().retry_after_ms.is_some());
    assert_eq!(status(&operator).await, None);
    register.show(READER, "tap", "visa-approve").await;
    paying.end().await.approved();
    start(&operator, &host, GOOD).await;
    until(&operator, UpdateState::Done).await;
}

#[tokio::test]
async fn whoever_dies_the_reader_ends_up_whole() {
    for at in ["update_begin", "update_piece", "update_finish"] {
        let host = Host::start(&Setup::readers(1)).await;
        let operator = host.operator().await;
        let before = firmware(&operator).await;
        operator.fault(READER, "crash", at, 0).await;
        start(&operator, &host, GOOD).await;
        let update = until(&operator, UpdateState::Done).await;
        assert_eq!(update.firmware_before, before, "{at}");
        sells(&host, "k").await;
        assert_eq!(firmware(&operator).await.as_deref(), Some(NAME), "{at}");
    }
}

/// It hangs on the way, so that somebody can look; then the host dies.
#[tokio::test]
async fn a_host_that_dies_halfway_goes_on_where_it_was() {
    for at in ["update_piece", "update_finish"] {
        let host = Host::start(&Setup::readers(1)).await;
        let operator = host.operator().await;
        operator.fault(READER, "hang", at, 0).await;
        start(&operator, &host, GOOD).await;
        until(&operator, UpdateState::Running).await;
        let register = host.register("till-1").await;
        register.until_state(READER, DeviceState::Updating).await;
        let params = sale("early", 1250, READER);
        let error = register.0.sale(&params).await.unwrap_err();
        let error = error.rpc().unwrap().clone();
        assert_eq!(error.name(), Some(ErrorName::DeviceUnavailable), "{at}");
        let detail = error.data.unwrap().detail.unwrap();
        assert!(detail.contains("it takes the firmware"), "{detail}");
        let second = refused(ask(&operator, new_firmware(&host, GOOD)).await);
        assert_eq!(second.name(), Some(ErrorName::DeviceBusy), "{at}");
        drop((operator, register));
        let host = host.kill_and_restart().await;
        let operator = host.operator().await;
        until(&operator, UpdateState::Done).await;
        sells(&host, "k").await;
        assert_eq!(firmware(&operator).await.as_deref(), Some(NAME), "{at}");
    }
}

#[tokio::test]
async fn a_cable_that_is_pulled_is_waited_for() {
    let host = Host::start(&Setup::readers(1)).await;
    let operator = host.operator().await;
    operator.fault(READER, "unplug", "now", 0).await;
    operator.until_state(READER, DeviceState::Unplugged).await;
    start(&operator, &host, GOOD).await;
    until(&operator, UpdateState::Waiting).await;
    operator.act(READER, "plug", &[]).await;
    until(&operator, UpdateState::Done).await;
    sells(&host, "k").await;
    assert_eq!(firmware(&operator).await.as_deref(), Some(NAME));
}

/// Waits until the reader has no whole program.
async fn until_writing(host: &Host) {
    let flash = host
        .state()
        .join("instances")
        .join(READER)
        .join("flash.json");
    soon("a reader that writes its program", async {
        let writes = |text: String| text.contains("\"writing\":true");
        while !std::fs::read_to_string(&flash).is_ok_and(writes) {
            sleep(PAUSE).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_given_up_halfway_is_told_and_made_good() {
    let host = Host::start(&Setup::readers(1)).await;
    let operator = host.operator().await;
    operator.fault(READER, "hang", "update_finish", 0).await;
    start(&operator, &host, GOOD).await;
    until_writing(&host).await;
    ask(&operator, UpdateAction::Abort).await.unwrap();
    host.kill_runner(READER);
    until(&operator, UpdateState::Aborted).await;
    let says = |device: &DeviceSummary| {
        let text = device.state_text.as_deref().unwrap_or_default();
        device.state == DeviceState::Starting && text.contains("not whole")
    };
    soon("a reader that is not whole", told(&operator, says)).await;
    let register = host.register("till-1").await;
    let params = sale("early", 1250, READER);
    let error = register.0.sale(&params).await.unwrap_err();
    let error = error.rpc().unwrap().clone();
    assert_eq!(error.name(), Some(ErrorName::DeviceUnavailable));
    start(&operator, &host, GOOD).await;
    until(&operator, UpdateState::Done).await;
    sells(&host, "k").await;
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_begun() {
    let host = Host::start(&Setup::readers(1)).await;
    let operator = host.operator().await;
    let path = file(host.folder(), GOOD, 12 * 1024 * 1024);
    let daemon = Pid::from_raw(i32::try_from(host.pid()).unwrap());
    let limit = Rlimit {
        current: Some(8 * 1024 * 1024),
        maximum: getrlimit(Resource::Fsize).maximum,
    };
    let unlimited = prlimit(daemon, Resource::Fsize, limit).unwrap();
    let action = UpdateAction::Start {
        kind: UpdateKind::Firmware,
        file: path.to_string_lossy().into_owned(),
        sha256: None,
    };
    let error = refused(ask(&operator, action.clone()).await);
    assert_eq!(error.name(), Some(ErrorName::InternalError));
    assert_eq!(status(&operator).await, None);
    let left = host.state().join("updates").join(READER);
    assert_eq!(left.read_dir().unwrap().count(), 0, "nothing is kept");
    sells(&host, "k").await;
    prlimit(daemon, Resource::Fsize, unlimited).unwrap();
    ask(&operator, action).await.unwrap();
    until(&operator, UpdateState::Done).await;
}

#[tokio::test]
async fn a_terminal_that_is_not_updated_here_says_so() {
    let setup = Setup::readers(0).terminal(READER, "virtual-terminal", "{}");
    let host = Host::start(&setup).await;
    let operator = host.operator().await;
    let error = refused(ask(&operator, new_firmware(&host, GOOD)).await);
    assert_eq!(error.name(), Some(ErrorName::DeviceUnsupported));
}

#[tokio::test]
async fn no_register_updates_a_device() {
    let host = Host::start(&Setup::readers(1).paired()).await;
    let (mut till, _) = pair(&host, "till-1", &json!({})).await;
    for action in ["status", "abort"] {
        let params = json!({"device": READER, "action": action});
        assert_eq!(
            till.refusal("device.update", &params).await,
            "PERMISSION_DENIED"
        );
    }
}
