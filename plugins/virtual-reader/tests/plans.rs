// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configuration: automatic cards, scripts, the manifest.

use super::*;
use payhal_messages::manifest::{Kind, Manifest};
use payhal_messages::prompt::DeviceChange;

#[test]
fn the_manifest_is_one() {
    let manifest = Manifest::parse(include_str!("../plugin.toml")).unwrap();
    assert_eq!(manifest.id, "virtual-reader");
    assert_eq!(manifest.kind, Kind::Reader);
    assert!(manifest.simulated);
    assert_eq!(manifest.version, env!("CARGO_PKG_VERSION"));
    assert!(manifest.library_file().contains(env!("CARGO_CRATE_NAME")));
}

#[test]
fn the_schema_knows_every_fault() {
    let schema: Value = serde_json::from_str(include_str!("../configuration.schema.json")).unwrap();
    let step = &schema["properties"]["script"]["items"]["properties"];
    let faults = step["fault"]["enum"].as_array().unwrap();
    assert_eq!(faults.len(), 12);
    for fault in faults {
        let planned = json!({"action": "fault", "fault": fault, "at": "complete"});
        assert!(Shop::new().act(planned).is_ok(), "{fault}");
    }
}

#[test]
fn an_automatic_card_answers_every_read_at_once() {
    for (auto, entry) in [
        ("tap visa-approve", Entry::Contactless),
        ("insert visa-pin", Entry::Chip),
        ("insert discover-two-applications", Entry::Chip),
        ("swipe stripe-only", Entry::Stripe),
    ] {
        let mut shop = Shop::with(&json!({"auto": auto}));
        for _ in 0..3 {
            let presentation = shop.present().unwrap().unwrap();
            assert_eq!(presentation.entry, entry);
            shop.authorize(&presentation).unwrap().unwrap();
            assert!(
                shop.complete(&presentation, approved())
                    .unwrap()
                    .unwrap()
                    .accepted
            );
        }
        assert_eq!(shop.bench.passed(), Duration::ZERO, "{auto}");
        let screens = shop.bench.said().into_iter();
        let screens = screens.filter(|s| matches!(s, Said::Change(DeviceChange::Screen { .. })));
        assert_eq!(screens.count(), 0, "nobody is there to look");
    }
}

#[test]
fn an_automatic_card_that_is_not_wanted_is_refused_at_once() {
    let mut shop = Shop::with(&json!({"auto": "tap visa-approve"}));
    assert_eq!(code(shop.present_by(&[Entry::Chip])), "not_accepted");
    assert_eq!(shop.bench.passed(), Duration::ZERO);
}

#[test]
fn a_script_is_followed_step_by_step() {
    let mut shop = Shop::with(&json!({"script": [
        {"on": "present", "do": "insert", "card": "maestro-pin"},
        {"on": "pin", "do": "keys", "keys": "0000#"},
        {"on": "pin", "do": "pin"},
        {"on": "complete", "do": "remove"},
        {"on": "present", "do": "insert", "card": "discover-two-applications"},
        {"on": "select", "do": "select", "index": 1},
        {"on": "authorize_card", "do": "fault", "fault": "slow", "delay_ms": 5_000},
        {"on": "present", "do": "keys", "keys": "*"},
    ]}));
    let presentation = shop.present().unwrap().unwrap();
    assert_eq!(presentation.card.scheme, "maestro");
    shop.authorize(&presentation).unwrap().unwrap();
    assert_eq!(
        code(shop.complete(&presentation, approved())),
        "card_removed"
    );
    let presentation = shop.present().unwrap().unwrap();
    assert_eq!(presentation.card.application.as_deref(), Some("US DEBIT"));
    shop.authorize(&presentation).unwrap().unwrap();
    assert_eq!(shop.bench.passed(), Duration::from_secs(5));
    assert_eq!(code(shop.present()), "cancelled_on_device");
    assert_eq!(code(shop.present()), "no_card", "the script has ended");
}

#[test]
fn a_wrong_configuration_does_not_open() {
    for (config, part) in [
        (json!({"auto": "tap"}), "auto is"),
        (json!({"auto": "tap nothing"}), "auto is"),
        (json!({"selection": "guess"}), "keypad"),
        (json!({"sealing": "clear"}), "hpke"),
        (json!({"sealing": "dukpt_tdes"}), "payhal keys inject"),
        (json!({"sealing": "dukpt_aes"}), "payhal keys inject"),
        (
            json!({"auto": "tap visa-approve", "selection": "register"}),
            "chooses by itself",
        ),
        (
            json!({"auto": "tap stripe-only"}),
            "cannot be read that way",
        ),
        (
            json!({"script": [{"on": "present", "do": "dance"}]}),
            "step 1",
        ),
        (
            json!({"script": [{"on": "present", "do": "tap", "card": "x"}]}),
            "step 1",
        ),
        (
            json!({"script": [{"on": "never", "do": "remove"}]}),
            "configuration",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let bench = Bench::new().state_dir(folder.path());
        let opened = bench.reader::<VirtualReader>(&config.to_string());
        let error = opened.err().unwrap().to_string();
        assert!(error.contains(part), "{config}: {error}");
    }
}
