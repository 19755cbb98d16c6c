// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves what opens the console, and what the operator does at the command line: both begin at
//! the Unix socket, and nothing of it stands where others can read it.

use crate::host::{Host, Setup, from_xtask, soon};
use crate::paired::{Desk, Peer};
use crate::wire::post;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};
use tokio::process::Command;

fn shop() -> Setup {
    Setup::automatic(1, "tap visa-approve").paired()
}

/// The command line at this host, on a machine without a desktop.
async fn payhal(host: &Host, words: &[&str]) -> Output {
    let mut command = Command::new(from_xtask("PAYHAL_BIN"));
    command
        .args(words)
        .arg("--state")
        .arg(host.state())
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    soon("the end of a command", command.output())
        .await
        .unwrap()
}

fn said(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{output:?}");
    text.trim().to_owned()
}

#[tokio::test]
async fn the_console_is_opened_by_a_code_that_is_good_once() {
    let host = Host::start(&shop()).await;
    let url = said(&payhal(&host, &["console", "--print"]).await);
    let (page, code) = url.split_once("/#code=").expect("the code is behind the #");
    assert_eq!(page, format!("http://{}", host.address()));
    let body = json!({"code": code}).to_string();
    let opened = post(&host, "/operator/session", &body).await;
    assert_eq!(opened.status, 200, "{opened:?}");
    let cookie = opened.header("set-cookie").unwrap();
    for part in ["payhal_operator=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let session: Value = serde_json::from_str(&opened.body).unwrap();
    assert_eq!(session["register_id"], "operator");
    let again = post(&host, "/operator/session", &body).await;
    assert_ne!(again.status, 200, "a code is good once");
    assert!(again.header("set-cookie").is_none());
}

#[tokio::test]
async fn the_page_that_leads_to_the_console_is_for_its_owner_alone() {
    let host = Host::start(&shop()).await;
    let output = payhal(&host, &["console"]).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("--print"),
        "what to do without a desktop: {told}"
    );
    let page = host.state().join("access/console.html");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&page), 0o600);
    assert_eq!(mode(page.parent().unwrap()), 0o700);
    let text = std::fs::read_to_string(&page).unwrap();
    let code = text
        .split("#code=")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let code = code.expect("the page leads to the console");
    assert!(!told.contains(code), "{told}");
}

#[tokio::test]
async fn the_operator_pairs_changes_and_unpairs_at_the_command_line() {
    let host = Host::start(&shop()).await;
    let mut till = Peer::connect(&host).await;
    let begun = till.begin("till-1").await;
    let waits = till.complete(&begun).await;
    let shown: Value =
        serde_json::from_str(&said(&payhal(&host, &["pair", "--json"]).await)).unwrap();
    assert_eq!(shown["pairings"][0]["number"], begun.number);
    let (first, last) = begun.number.split_at(3);
    let human = said(&payhal(&host, &["pair"]).await);
    assert!(human.contains(&format!("{first} {last}")), "{human}");
    let approve = [
        "pair",
        "--approve",
        "till-1",
        "--number",
        &format!("{first} {last}"),
        "--allow",
        "others,batch-close",
        "--sale-max",
        "100.00 EUR",
    ];
    let human = said(&payhal(&host, &approve).await);
    assert!(human.contains("sale up to 100.00 EUR"), "{human}");
    till.answer(waits).await.unwrap();
    till.prove(&begun.paired(&till)).await;

    let listed: Value =
        serde_json::from_str(&said(&payhal(&host, &["registers", "--json"]).await)).unwrap();
    assert_eq!(
        listed["registers"][0]["permissions"],
        json!(["others", "batch_close"])
    );
    said(
        &payhal(
            &host,
            &[
                "registers",
                "limit",
                "till-1",
                "--sale-max",
                "none",
                "--refund-max",
                "5.00 EUR",
            ],
        )
        .await,
    );
    said(&payhal(&host, &["registers", "allow", "till-1", "--nothing"]).await);
    let human = said(&payhal(&host, &["registers", "show", "till-1"]).await);
    assert!(
        human.contains("plain payments") && human.contains("refund up to 5.00 EUR"),
        "{human}"
    );
    assert!(!human.contains("sale up to"), "{human}");
    said(&payhal(&host, &["registers", "rotate", "till-1"]).await);
    said(&payhal(&host, &["registers", "unpair", "till-1"]).await);
    assert_eq!(till.told("session.ended").await["why"], "unpaired");
    assert!(Desk::at(&host).await.registers().await.is_empty());
}

#[tokio::test]
async fn a_number_that_nobody_compared_pairs_nobody() {
    let host = Host::start(&shop()).await;
    let mut till = Peer::connect(&host).await;
    let begun = till.begin("till-1").await;
    let waits = till.complete(&begun).await;
    let other = if begun.number == "000000" {
        "000001"
    } else {
        "000000"
    };
    let output = payhal(&host, &["pair", "--approve", "till-1", "--number", other]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(till.answer(waits).await.is_err());
    assert!(Desk::at(&host).await.registers().await.is_empty());
    let mut till = Peer::connect(&host).await;
    let begun = till.begin("till-1").await;
    let waits = till.complete(&begun).await;
    said(&payhal(&host, &["pair", "--refuse", "till-1"]).await);
    assert!(till.answer(waits).await.is_err());
}

#[tokio::test]
async fn the_operators_commands_know_no_address_but_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(from_xtask("PAYHAL_BIN"));
    command.args(["registers", "--state"]).arg(folder.path());
    let output = soon("the end of a command", command.output())
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(20), "{output:?}");
}
