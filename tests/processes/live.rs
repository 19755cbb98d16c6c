// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a gateway which is live gets nothing of a simulated reader, nor anything at all
//! where access is open, and that the reader is not even lit: by the sandbox, told to say that it
//! is live.

use crate::host::{GATEWAY, Host, Setup};
use crate::paired::{Desk, pair};
use crate::register::{not_allowed, sale};
use serde_json::json;

const READER: &str = "reader-1";

#[tokio::test]
async fn a_live_gateway_takes_nothing_of_a_simulated_reader() {
    for software in ["", "\nallow_software_sealing = true"] {
        let gateway = format!("{{ pretend_live = true }}{software}");
        let host = Host::start(&Setup::readers(1).gateway(&gateway).paired()).await;
        let (mut till, _) = pair(&host, "till-1", &json!({})).await;
        let mut desk = Desk::at(&host).await;
        let screen = json!({"device": READER, "action": "screen"});
        let dark = desk.must("device.simulate", &screen).await;
        let error = till.sell("k", 1250).await.unwrap_err();
        assert_eq!(error["data"]["name"], "NOT_ALLOWED", "{error}");
        let detail = error["data"]["detail"].as_str().unwrap();
        assert!(
            detail.contains(&format!("gateway {GATEWAY} is live")) && detail.contains("simulated"),
            "{detail}"
        );
        assert_eq!(desk.must("device.simulate", &screen).await, dark);
        host.ledger().assert(&[]);
    }
}

#[tokio::test]
async fn nothing_is_live_where_access_is_open() {
    let host = Host::start(&Setup::readers(1).gateway("{ pretend_live = true }")).await;
    let register = host.register("till-1").await;
    let error = not_allowed(register.0.sale(&sale("k", 1250, READER))).await;
    let detail = error.detail.unwrap_or_default();
    assert!(detail.contains("is live and access is open"), "{detail}");
    host.ledger().assert(&[]);
}

#[tokio::test]
async fn the_same_gateway_for_tests_takes_it() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    let params = sale("k", 1250, READER);
    let played = register.sell(&params, "tap", "visa-approve");
    assert!(played.await.approved().approval_code.is_some());
}
