// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs the clients of `tests/clients`, which know nothing of payhal: see the README there.

use crate::host::from_xtask;
use std::path::Path;
use std::process::{Command, Stdio};

fn run(client: &str) {
    run_by("run.mjs", client);
}

fn run_by(script: &str, client: &str) {
    let node = std::env::var_os("PAYHAL_NODE");
    let node =
        node.expect("PAYHAL_NODE is not set; run this through: cargo xtask test stock-clients");
    from_xtask("PAYHAL_BIN");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let done = Command::new(node)
        .arg(script)
        .arg(client)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&done.stdout));
    println!("{}", String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{client}: {}", done.status);
}

#[test]
fn rpc_websockets() {
    run("rpc-websockets");
}

#[test]
fn jsonrpc_websocket_client() {
    run("jsonrpc-websocket-client");
}

#[test]
fn vscode_ws_jsonrpc() {
    run("vscode-ws-jsonrpc");
}

#[test]
fn json_rpc_2_0() {
    run("json-rpc-2.0");
}

#[test]
fn python_jsonrpc_websocket() {
    run("jsonrpc-websocket");
}

#[test]
fn python_jsonrpcclient() {
    run("jsonrpcclient");
}

/// Builds its crate, `clients/rust`, when it is run first.
#[test]
fn rust_jsonrpsee() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("processes");
    assert!(root.join("../clients/rust/src/main.rs").is_file());
    run("jsonrpsee");
}

#[test]
fn sdk_js() {
    run("sdk-js");
}

#[test]
fn sdk_python() {
    run("sdk-python");
}

#[test]
fn samples_in_javascript() {
    run_by("samples.mjs", "sdk-js");
}

#[test]
fn samples_in_python() {
    run_by("samples.mjs", "sdk-python");
}

#[test]
fn samples_in_rust() {
    run_by("samples.mjs", "sdk-rust");
}

#[test]
fn samples_of_the_guide_for_who_moves() {
    run_by("guide.mjs", "from-websockets.md");
}
