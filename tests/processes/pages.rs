// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves what a browser gets: every request from a foreign page or under a foreign name is
//! refused, `/health` alone is open to all, and the console comes with a strict policy.

use crate::host::{Host, Setup};
use crate::wire::{http, page};
use serde_json::Value;

async fn shop() -> Host {
    Host::start(&Setup::readers(1)).await
}

#[tokio::test]
async fn foreign_names_and_foreign_pages_are_refused_everywhere() {
    let host = shop().await;
    let port = host.address().rsplit(':').next().unwrap();
    let own = host.address();
    let upgrade = [
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Connection", "Upgrade, close"),
    ];
    let rebound = format!("evil.example:{port}");
    for (name, headers) in [
        ("HOST_REFUSED", vec![("Host", rebound.as_str())]),
        ("HOST_REFUSED", vec![("Host", "127.0.0.1")]),
        ("HOST_REFUSED", vec![("Host", own), ("Host", own)]),
        (
            "ORIGIN_REFUSED",
            vec![("Host", own), ("Origin", "http://evil.example")],
        ),
        ("ORIGIN_REFUSED", vec![("Host", own), ("Origin", "null")]),
        (
            "ORIGIN_REFUSED",
            vec![("Host", own), ("Origin", "https://127.0.0.1")],
        ),
    ] {
        for path in ["/", "/v1/ws", "/metrics", "/openrpc.json"] {
            let mut all = headers.clone();
            if path == "/v1/ws" {
                all.extend(upgrade);
            }
            let response = http(&host, path, &all).await;
            assert_eq!(response.status, 403, "{path} {headers:?}: {response:?}");
            let body: Value = serde_json::from_str(&response.body).unwrap();
            assert_eq!(body["error"], name, "{path} {headers:?}");
            assert!(response.header("access-control-allow-origin").is_none());
        }
    }
    let origin = format!("http://{own}");
    assert_eq!(
        http(&host, "/", &[("Host", own), ("Origin", &origin)])
            .await
            .status,
        200
    );
    let name = format!("localhost:{port}");
    assert_eq!(http(&host, "/", &[("Host", &name)]).await.status, 200);
}

#[tokio::test]
async fn health_is_open_to_every_page_and_tells_nothing_else() {
    let host = shop().await;
    let headers = [("Host", host.address()), ("Origin", "https://shop.example")];
    let response = http(&host, "/health", &headers).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    let body: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(body["product"], "payhal");
    assert_eq!(body["protocol"], serde_json::json!([1]));
    let fields: Vec<_> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert!(
        fields
            .iter()
            .all(|field| ["access", "product", "protocol", "version"].contains(field)),
        "{fields:?}"
    );
    assert_eq!(
        http(&host, "/health", &[("Host", "evil.example")])
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn the_console_comes_with_a_strict_policy() {
    let host = shop().await;
    let console = page(&host, "/").await;
    assert_eq!(console.status, 200);
    assert!(
        console
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    let policy = console.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
    assert!(!console.body.contains("style=") && !console.body.contains("onclick"));
    for script in console.body.split("<script").skip(1) {
        assert!(
            script.split('>').next().unwrap().contains("src="),
            "an inline script: {script}"
        );
    }
    assert_eq!(page(&host, "/payhal.js").await.status, 200);
    assert_eq!(page(&host, "/../Cargo.toml").await.status, 404);
}

#[tokio::test]
async fn the_documents_are_those_of_the_protocol() {
    use payhal_client::protocol::{ASYNCAPI, JSON_SCHEMA, OPENRPC};
    let host = shop().await;
    for (path, document) in [
        ("/openrpc.json", OPENRPC),
        ("/asyncapi.json", ASYNCAPI),
        ("/schema/payhal-v1.json", JSON_SCHEMA),
    ] {
        let response = page(&host, path).await;
        assert_eq!(
            response.header("content-type"),
            Some("application/json"),
            "{path}"
        );
        assert!(response.body == document, "{path} is another document");
    }
    assert_eq!(page(&host, "/schema/other.json").await.status, 404);
    let mut wire = crate::wire::Wire::connect(&host).await;
    let discovered = wire
        .ask_json(r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover","params":[]}"#)
        .await;
    assert_eq!(
        discovered["result"],
        serde_json::from_str::<Value>(OPENRPC).unwrap()
    );
}

#[tokio::test]
async fn metrics_are_text_for_prometheus() {
    let host = shop().await;
    let metrics = page(&host, "/metrics").await;
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    for line in ["payhal_devices_ready 1", "payhal_runner_ends 0"] {
        assert!(
            metrics.body.lines().any(|found| found == line),
            "{line}:\n{}",
            metrics.body
        );
    }
}
