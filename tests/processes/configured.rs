// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that devices and gateways are added, changed and removed while the host runs: others sell
//! meanwhile, nothing is taken from under a payment, what a plugin does not take is put back, no
//! secret is told, and what was set is there after a restart.

use crate::host::{GATEWAY, Host, Setup, from_xtask, soon};
use crate::register::{Register, Watch, sale};
use payhal_client::CallError;
use payhal_client::protocol::audit::AuditListParams;
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::events::{DeviceChanged, Topic};
use payhal_client::protocol::instances::{
    InstanceAcceptor, InstanceDraftParams, InstanceKind, InstanceListParams, InstanceRemoveParams,
    InstanceRemoveResult, InstanceSetParams, InstanceSetResult, InstanceShowParams, InstanceView,
    Source,
};
use payhal_client::protocol::{ErrorData, ErrorName};
use serde_json::{Map, Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Sells by itself.
const AUTOMATIC: &str = "tap visa-approve";

pub(crate) fn setting(name: &str, plugin: Option<&str>, config: Value) -> InstanceSetParams {
    InstanceSetParams {
        name: name.to_owned(),
        plugin: plugin.map(str::to_owned),
        config: Some(object(config)),
        ..InstanceSetParams::default()
    }
}

fn object(config: Value) -> Map<String, Value> {
    match config {
        Value::Object(members) => members,
        other => panic!("{other} is no configuration"),
    }
}

pub(crate) async fn set(
    operator: &Register,
    params: &InstanceSetParams,
) -> Result<InstanceSetResult, ErrorData> {
    let answer = soon("instance.set", operator.0.request(params)).await;
    answer.map_err(refusal)
}

async fn remove(operator: &Register, name: &str) -> Result<InstanceRemoveResult, ErrorData> {
    let name = name.to_owned();
    let params = InstanceRemoveParams { name };
    let answer = soon("instance.remove", operator.0.request(&params)).await;
    answer.map_err(refusal)
}

pub(crate) fn refusal(error: CallError) -> ErrorData {
    match error {
        CallError::Rpc(error) => *error.data.expect("an error of the host has details"),
        other => panic!("{other}"),
    }
}

pub(crate) async fn show(operator: &Register, name: &str) -> InstanceView {
    let name = name.to_owned();
    let params = InstanceShowParams { name };
    let shown = soon("instance.show", operator.0.request(&params)).await;
    shown.unwrap().instance
}

async fn names(operator: &Register) -> Vec<String> {
    let listed = soon("instance.list", operator.0.request(&InstanceListParams {})).await;
    let listed = listed.unwrap().instances;
    listed.into_iter().map(|instance| instance.name).collect()
}

async fn told(watch: &mut Watch, name: &str, wanted: impl Fn(&DeviceChanged) -> bool) {
    loop {
        let event: DeviceChanged = watch.next_of(Topic::DeviceChanged).await.parse().unwrap();
        if event.device.id.as_str() == name && wanted(&event) {
            return;
        }
    }
}

#[tokio::test]
async fn a_device_comes_sells_stays_over_a_restart_and_goes() {
    let host = Host::start(&Setup::readers(1)).await;
    let (operator, register) = (host.operator().await, host.register("till-1").await);
    let mut watch = register.watch().await;
    let params = InstanceDraftParams {
        plugin: "virtual-reader".to_owned(),
    };
    let draft = soon("instance.draft", operator.0.request(&params)).await;
    let draft = draft.unwrap();
    assert_eq!(draft.kind, InstanceKind::Device);

    let wanted = setting(
        "reader-2",
        Some("virtual-reader"),
        json!({"auto": AUTOMATIC}),
    );
    let added = set(&operator, &wanted).await.unwrap();
    assert!(added.added && added.instance.state == "ready", "{added:?}");
    told(&mut watch, "reader-2", |event| {
        event.device.state == DeviceState::Ready
    })
    .await;
    let sold = register.sell_alone(&sale("a", 1_100, "reader-2")).await;
    sold.approved();

    let host = host.stop_and_restart().await;
    let (operator, register) = (host.operator().await, host.register("till-1").await);
    assert_eq!(show(&operator, "reader-2").await.source, Source::State);
    assert_eq!(show(&operator, "reader-1").await.source, Source::File);
    let sold = register.sell_alone(&sale("b", 1_200, "reader-2")).await;
    sold.approved();

    let mut watch = register.watch().await;
    assert!(!remove(&operator, "reader-2").await.unwrap().in_file);
    told(&mut watch, "reader-2", |event| event.removed).await;
    let gone = register.sell_alone(&sale("c", 1_300, "reader-2")).await;
    let error = gone.answer.unwrap_err();
    assert_eq!(refusal(error).name, ErrorName::DeviceNotFound);
    let host = host.stop_and_restart().await;
    assert_eq!(names(&host.operator().await).await, ["reader-1", GATEWAY]);
    host.ledger()
        .assert(&[("sale", "approved", 1_100), ("sale", "approved", 1_200)]);
}

#[tokio::test]
async fn what_a_plugin_refuses_is_put_back_while_another_reader_sells() {
    let host = Host::start(&Setup::automatic(2, AUTOMATIC)).await;
    let operator = host.operator().await;
    // The other reader waits for a card all the while.
    let waiting = setting("reader-1", None, json!({}));
    set(&operator, &waiting).await.unwrap();
    let register = host.register("till-1").await;
    let begun = register.begin(&sale("a", 1_100, "reader-1")).await;

    let nonsense = setting("reader-2", None, json!({"auto": "tap no-such-card"}));
    let refused = set(&operator, &nonsense).await.unwrap_err();
    assert_eq!(refused.name, ErrorName::InvalidParams);
    let detail = refused.detail.unwrap();
    assert!(detail.contains("auto"), "the plugin's own words: {detail}");
    let view = show(&operator, "reader-2").await;
    assert_eq!(
        (view.source, view.config["auto"].as_str()),
        (Source::File, Some(AUTOMATIC))
    );
    operator.until_state("reader-2", DeviceState::Ready).await;
    let second = host.register("till-2").await;
    let sold = second.sell_alone(&sale("b", 1_200, "reader-2")).await;
    sold.approved();

    // A new one that does not come up was never there.
    let nobody = setting(
        "reader-3",
        Some("virtual-reader"),
        json!({"auto": "tap no-such-card"}),
    );
    assert_eq!(
        set(&operator, &nobody).await.unwrap_err().name,
        ErrorName::InvalidParams
    );
    assert_eq!(names(&operator).await, ["reader-1", "reader-2", GATEWAY]);
    register.show("reader-1", "tap", "visa-approve").await;
    begun.end().await.approved();
}

#[tokio::test]
async fn nothing_is_taken_from_under_a_payment() {
    let host = Host::start(&Setup::readers(1)).await;
    let (operator, register) = (host.operator().await, host.register("till-1").await);
    let begun = register.begin(&sale("a", 1_100, "reader-1")).await;
    let runner = host.runner("reader-1");
    let wanted = setting("reader-1", None, json!({"auto": AUTOMATIC}));
    for refused in [
        set(&operator, &wanted).await.unwrap_err(),
        remove(&operator, "reader-1").await.unwrap_err(),
    ] {
        assert_eq!(refused.name, ErrorName::DeviceBusy);
        let transaction = refused.busy.unwrap().transaction_id.unwrap();
        assert_eq!(transaction.as_str(), begun.transaction_id());
        assert!(refused.retry_after_ms.is_some());
    }
    assert_eq!(host.runner("reader-1"), runner);
    register.show("reader-1", "tap", "visa-approve").await;
    begun.end().await.approved();
    // The reader still shows how it went.
    let changed = soon("a reader that is free", async {
        loop {
            match set(&operator, &wanted).await {
                Err(busy) if busy.name == ErrorName::DeviceBusy => {}
                changed => return changed.unwrap(),
            }
        }
    });
    assert!(!changed.await.added);
    let sold = register.sell_alone(&sale("b", 1_200, "reader-1")).await;
    sold.approved();
}

#[tokio::test]
async fn a_new_acceptor_holds_at_once_and_a_gateway_that_is_needed_stays_what_it_is() {
    let setup = Setup::automatic(1, AUTOMATIC)
        .timeout("gateway_ms", 2_000)
        .timeout("hard_ms", 4_000);
    let host = Host::start(&setup).await;
    let (operator, register) = (host.operator().await, host.register("till-1").await);
    let acceptor = |merchant: &str| InstanceSetParams {
        name: GATEWAY.to_owned(),
        acceptor: Some(InstanceAcceptor {
            merchant: merchant.to_owned(),
            terminal: "one".to_owned(),
        }),
        ..InstanceSetParams::default()
    };
    set(&operator, &acceptor("shop")).await.unwrap();
    let sold = register.sell_alone(&sale("a", 1_100, "reader-1")).await;
    assert_eq!(sold.approved().acceptor.unwrap().merchant_id, "shop");

    // One that the plugin does not take leaves the acceptor that runs.
    let mut refused = acceptor("refused");
    refused.config = json!({"live": "perhaps"}).as_object().cloned();
    set(&operator, &refused).await.unwrap_err();
    let sold = register.sell_alone(&sale("a2", 1_150, "reader-1")).await;
    assert_eq!(sold.approved().acceptor.unwrap().merchant_id, "shop");

    // The reply is lost, and so is every word on it from now on.
    register.fault(GATEWAY, "lose_reply", "authorize", 0).await;
    for at in ["reverse", "inquire"] {
        let rest = [
            ("fault", "go_away".into()),
            ("at", at.into()),
            ("count", 10_000.into()),
        ];
        register.act(GATEWAY, "fault", &rest).await;
    }
    let lost = register.sell_alone(&sale("b", 1_200, "reader-1")).await;
    lost.answer.expect_err("nobody knows what became of it");
    let needed = remove(&operator, GATEWAY).await.unwrap_err();
    assert_eq!(needed.name, ErrorName::UnresolvedTransaction);
    let another = set(&operator, &acceptor("other")).await.unwrap_err();
    assert_eq!(another.name, ErrorName::UnresolvedTransaction);
}

/// A plugin of the case's own: the virtual reader under another name, whose card is a secret.
fn secretive(folder: &Path) {
    let from = from_xtask("PAYHAL_PLUGINS").join("virtual-reader");
    let to = folder.join("plugins/secretive");
    std::fs::create_dir_all(&to).unwrap();
    let manifest = std::fs::read_to_string(from.join("plugin.toml")).unwrap();
    let manifest = manifest.replace("id = \"virtual-reader\"", "id = \"secretive\"");
    std::fs::write(to.join("plugin.toml"), manifest).unwrap();
    let library = "libpayhal_virtual_reader.so";
    std::fs::copy(from.join(library), to.join(library)).unwrap();
    let schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "auto": {"type": "string", "maxLength": 40, "writeOnly": true},
            "selection": {"enum": ["keypad", "register"]},
        },
    });
    let path = to.join("configuration.schema.json");
    std::fs::write(path, schema.to_string()).unwrap();
}

#[tokio::test]
async fn secrets_are_kept_and_never_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.toml"), Setup::readers(1).text()).unwrap();
    secretive(folder.path());
    let host = Host::start_in(folder).await;
    let (operator, register) = (host.operator().await, host.register("till-1").await);
    for (config, field) in [
        (json!({"auto": 4_711_471}), "config.auto"),
        (json!({"selection": "by chance"}), "config.selection"),
        (json!({"volume": 3}), "config.volume"),
    ] {
        let refused = set(&operator, &setting("quiet", Some("secretive"), config)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.field.as_deref(), Some(field), "{refused:?}");
        assert!(
            !refused.detail.unwrap().contains("4711"),
            "no value is repeated"
        );
    }
    let wanted = setting("quiet", Some("secretive"), json!({"auto": AUTOMATIC}));
    let added = set(&operator, &wanted).await.unwrap().instance;
    assert_eq!(
        (json!(added.config), added.kept),
        (json!({}), vec!["auto".to_owned()])
    );
    // Set anew without it, it is still there.
    let wanted = setting("quiet", None, json!({"selection": "keypad"}));
    set(&operator, &wanted).await.unwrap();
    let view = show(&operator, "quiet").await;
    assert_eq!(json!(view.config), json!({"selection": "keypad"}));
    assert_eq!(view.kept, ["auto"]);
    let sold = register.sell_alone(&sale("a", 1_100, "quiet")).await;
    sold.approved();
    let kept = host.state().join("configured/quiet.toml");
    let mode = std::fs::metadata(&kept).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(std::fs::read_to_string(&kept).unwrap().contains(AUTOMATIC));
    let params = AuditListParams::default();
    let page = soon("the audit", operator.0.request(&params)).await;
    let page = page.unwrap().entries;
    let entries: Vec<_> = (page.iter())
        .filter(|entry| entry.action == "instance.changed")
        .collect();
    assert_eq!(entries.len(), 2, "{entries:?}");
    let text = json!(entries).to_string();
    assert!(
        text.contains("config.selection") && !text.contains(AUTOMATIC),
        "{text}"
    );
    // Taken out with a `null`, it is gone.
    set(&operator, &setting("quiet", None, json!({"auto": null})))
        .await
        .unwrap();
    assert!(show(&operator, "quiet").await.kept.is_empty());
}

#[tokio::test]
async fn what_the_file_names_is_removed_for_good_and_what_it_needs_stays() {
    let setup = Setup::readers(2).host("default_gateway", &format!("\"{GATEWAY}\""));
    let host = Host::start(&setup).await;
    let operator = host.operator().await;
    let needed = remove(&operator, GATEWAY).await.unwrap_err();
    assert_eq!(needed.name, ErrorName::NotAllowed);
    assert!(needed.detail.unwrap().contains("host.default_gateway"));
    assert!(remove(&operator, "reader-2").await.unwrap().in_file);
    let host = host.stop_and_restart().await;
    let operator = host.operator().await;
    assert_eq!(names(&operator).await, ["reader-1", GATEWAY]);
    let again = setting("reader-2", Some("virtual-reader"), json!({}));
    assert!(set(&operator, &again).await.unwrap().added);
    let host = host.kill_and_restart().await;
    let operator = host.operator().await;
    assert_eq!(names(&operator).await, ["reader-1", "reader-2", GATEWAY]);
    let other = setting("reader-2", Some("sandbox"), json!({}));
    assert_eq!(
        set(&operator, &other).await.unwrap_err().field.as_deref(),
        Some("kind")
    );
    let unknown = setting("reader-9", Some("absent"), json!({}));
    assert_eq!(
        set(&operator, &unknown).await.unwrap_err().field.as_deref(),
        Some("plugin")
    );
}
