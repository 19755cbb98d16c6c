// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configuration and manifests: each manifest's configuration fits what it promises.

use super::*;
use crate::config::Config;
use payhal_messages::manifest::{Ability, Inquiry, Kind, Manifest, TerminalReversal};

const MANIFESTS: [(&str, &str); 6] = [
    ("virtual-terminal", include_str!("../plugin.toml")),
    (
        "virtual-terminal-last-only",
        include_str!("../last-only/plugin.toml"),
    ),
    (
        "virtual-terminal-needs-card",
        include_str!("../needs-card/plugin.toml"),
    ),
    (
        "virtual-terminal-no-inquiry",
        include_str!("../no-inquiry/plugin.toml"),
    ),
    (
        "virtual-terminal-no-reversal",
        include_str!("../no-reversal/plugin.toml"),
    ),
    (
        "virtual-terminal-blind",
        include_str!("../blind/plugin.toml"),
    ),
];

#[test]
fn every_manifest_promises_what_its_configuration_does() {
    let (mut inquiries, mut reversals) = (Vec::new(), Vec::new());
    for (id, text) in MANIFESTS {
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.id, id);
        assert_eq!(manifest.kind, Kind::Terminal);
        assert!(manifest.simulated);
        assert_eq!(manifest.version, env!("CARGO_PKG_VERSION"));
        assert!(manifest.library_file().contains(env!("CARGO_CRATE_NAME")));
        let config: Config = serde_json::from_value(Value::Object(manifest.config)).unwrap();
        let plan = config.plan().unwrap();
        let able = manifest.terminal.unwrap();
        assert_eq!(plan.inquiry, able.inquiry, "{id}");
        assert_eq!(plan.reversal, able.reversal, "{id}");
        let voids = able.can.contains(&Ability::Void);
        assert_eq!(voids, able.reversal != TerminalReversal::None, "{id}");
        inquiries.push(able.inquiry);
        reversals.push(able.reversal);
    }
    for inquiry in [Inquiry::ById, Inquiry::LastOnly, Inquiry::None] {
        assert!(inquiries.contains(&inquiry), "{inquiry:?}");
    }
    for reversal in [
        TerminalReversal::ByReference,
        TerminalReversal::NeedsCard,
        TerminalReversal::None,
    ] {
        assert!(reversals.contains(&reversal), "{reversal:?}");
    }
}

#[test]
fn the_schema_knows_every_fault_and_every_moment() {
    let schema: Value = serde_json::from_str(include_str!("../configuration.schema.json")).unwrap();
    let fault = &schema["properties"]["faults"]["items"]["properties"];
    let names = |list: &Value| list["enum"].as_array().unwrap().clone();
    assert_eq!(names(&fault["fault"]).len(), 21);
    assert_eq!(names(&fault["at"]).len(), 9);
    for name in names(&fault["fault"]) {
        Shop::with(&json!({"faults": [{"fault": name, "at": "pay"}]}));
    }
    for at in names(&fault["at"]) {
        Shop::with(&json!({"faults": [{"fault": "slow", "at": at, "delay_ms": 5}]}));
    }
    for (key, value) in [
        ("inquiry", "last_only"),
        ("reversal", "needs_card"),
        ("selection", "register"),
    ] {
        let known = names(&schema["properties"][key]);
        assert!(known.contains(&json!(value)), "{key}");
        Shop::with(&json!({ key: value }));
    }
}

#[test]
fn the_readme_names_every_fault_and_action() {
    let readme = include_str!("../README.md");
    let schema: Value = serde_json::from_str(include_str!("../configuration.schema.json")).unwrap();
    let fault = &schema["properties"]["faults"]["items"]["properties"];
    for list in [&fault["fault"]["enum"], &fault["at"]["enum"]] {
        for name in list.as_array().unwrap() {
            let quoted = format!("`{}`", name.as_str().unwrap());
            assert!(readme.contains(&quoted), "{quoted}");
        }
    }
    for (id, _) in MANIFESTS {
        assert!(readme.contains(&format!("`{id}`")), "{id}");
    }
}

#[test]
fn faults_of_the_configuration_wait_from_the_start() {
    let config = json!({
        "auto": "tap visa-approve", "faults": [{"fault": "busy", "at": "pay", "count": 2}],
    });
    let mut shop = Shop::with(&config);
    for _ in 0..2 {
        assert_eq!(code(shop.pay(request("s", Purpose::Sale, 1000))), "busy");
    }
    assert!(shop.sale("s", 1000).approved);
}

#[test]
fn a_wrong_configuration_does_not_open() {
    for (config, part) in [
        (json!({"auto": "tap"}), "auto is"),
        (json!({"auto": "tap nothing"}), "auto is"),
        (
            json!({"auto": "tap stripe-only"}),
            "cannot be read that way",
        ),
        (
            json!({"auto": "tap visa-approve", "selection": "register"}),
            "chooses by itself",
        ),
        (json!({"tip": {"tip_minor": -1}}), "tip_minor"),
        (json!({"surcharge_basis_points": 1001}), "basis points"),
        (
            json!({"faults": [{"fault": "busy", "at": "pay_answer"}]}),
            "refused any more",
        ),
        (json!({"inquiry": "sometimes"}), "configuration"),
        (json!({"surprise": 1}), "configuration"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let bench = Bench::new().state_dir(folder.path());
        let opened = bench.terminal::<VirtualTerminal>(&config.to_string());
        let error = opened.err().unwrap().to_string();
        assert!(error.contains(part), "{config}: {error}");
    }
}

#[test]
fn a_ledger_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let later = rusqlite::Connection::open(&path).unwrap();
    later.pragma_update(None, "user_version", 99).unwrap();
    drop(later);
    let bench = Bench::new().state_dir(folder.path());
    let error = bench
        .terminal::<VirtualTerminal>("{}")
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("schema 99"), "{error}");
}
