// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a gateway which is live gets nothing of a simulated reader, and that the reader is
//! not even lit: by the sandbox, told to say that it is live.

use crate::host::{GATEWAY, Host, Setup};
use crate::register::{not_allowed, sale};

const READER: &str = "reader-1";

#[tokio::test]
async fn a_live_gateway_takes_nothing_of_a_simulated_reader() {
    for software in ["", "\nallow_software_sealing = true"] {
        let gateway = format!("{{ pretend_live = true }}{software}");
        let host = Host::start(&Setup::readers(1).gateway(&gateway)).await;
        let register = host.register("till-1").await;
        let dark = register.act(READER, "screen", &[]).await;
        let error = not_allowed(register.0.sale(&sale("k", 1250, READER))).await;
        let detail = error.detail.unwrap_or_default();
        assert!(
            detail.contains(&format!("gateway {GATEWAY} is live")) && detail.contains("simulated"),
            "{detail}"
        );
        assert_eq!(register.act(READER, "screen", &[]).await, dark);
        host.ledger().assert(&[]);
    }
}

#[tokio::test]
async fn the_same_gateway_for_tests_takes_it() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    let params = sale("k", 1250, READER);
    let played = register.sell(&params, "tap", "visa-approve");
    assert!(played.await.approved().approval_code.is_some());
}
