// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that `payhal keys` loads a reader which then sells under its key, and that it touches
//! nothing while the host runs.

use crate::host::{GATEWAY, Host, Setup, from_xtask, soon, state_of};
use crate::register::sale;
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};
use serde_json::Value;
use std::path::Path;
use std::process::{Output, Stdio};
use tempfile::TempDir;
use tokio::process::Command;

const READER: &str = "counter";

fn shop(sealing: &str) -> TempDir {
    let config = format!("{{ sealing = \"{sealing}\" }}");
    let setup = Setup::readers(0).terminal(READER, "virtual-reader", &config);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.toml"), setup.text()).unwrap();
    folder
}

async fn keys(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(from_xtask("PAYHAL_BIN"));
    command
        .arg("keys")
        .args(line.split_whitespace())
        .arg("--config")
        .arg(folder.join("shop.toml"))
        .arg("--state")
        .arg(state_of(folder))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    soon("the end of payhal keys", command.output())
        .await
        .unwrap()
}

async fn done(folder: &Path, line: &str) -> String {
    let output = keys(folder, line).await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

async fn listed(folder: &Path) -> Value {
    serde_json::from_str(&done(folder, "list --json").await).unwrap()
}

async fn a_reader_sells_under(scheme: &str, sealing: &str) {
    let folder = shop(sealing);
    let path = folder.path();
    let make = format!("new-bdk --gateway {GATEWAY} --slot main --scheme {scheme}");
    done(path, &make).await;
    let inject = format!("inject --device {READER} --gateway {GATEWAY} --slot main");
    assert!(done(path, &inject).await.contains(sealing));
    let host = Host::start_in(folder).await;
    let register = host.register("till-1").await;
    for (key, minor) in [("one", 1250), ("two", 990)] {
        let params = sale(key, minor, READER);
        let played = register.sell(&params, "tap", "visa-approve");
        assert!(played.await.approved().approval_code.is_some());
    }
    host.ledger()
        .assert(&[("sale", "approved", 1250), ("sale", "approved", 990)]);
    let refused = keys(host.folder(), &inject).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    let holder = format!("process {}", host.pid());
    assert!(
        said.contains("a host runs on") && said.contains(&holder),
        "{said}"
    );
    let facts = listed(host.folder()).await;
    let slot = &facts["devices"][0]["slots"][0];
    assert!(slot["counter"].as_u64() >= Some(2), "{facts}");
    assert_eq!(
        (&slot["scheme"], &slot["test"]),
        (&scheme.into(), &true.into())
    );
    let (_, folder) = host.stop().await;
    let said = done(folder.path(), &format!("{inject} --replace")).await;
    assert!(said.contains("counter 0"), "{said}");
    let host = Host::start_in(folder).await;
    let register = host.register("till-1").await;
    let params = sale("three", 500, READER);
    let played = register.sell(&params, "tap", "visa-approve");
    assert!(played.await.approved().approval_code.is_some());
}

#[tokio::test]
async fn a_reader_sells_under_an_aes_key_that_was_injected() {
    a_reader_sells_under("dukpt-aes", "dukpt_aes").await;
}

#[tokio::test]
async fn a_reader_sells_under_a_tdes_key_that_was_injected() {
    a_reader_sells_under("dukpt-tdes", "dukpt_tdes").await;
}

#[tokio::test]
async fn a_reader_that_repeats_a_key_pays_for_nobody_else() {
    let folder = shop("dukpt_aes");
    let path = folder.path();
    let make = format!("new-bdk --gateway {GATEWAY} --slot main --scheme dukpt-aes");
    done(path, &make).await;
    let inject = format!("inject --device {READER} --gateway {GATEWAY} --slot main");
    done(path, &inject).await;
    let host = Host::start_in(folder).await;
    let register = host.register("till-1").await;
    register
        .sell(&sale("one", 1250, READER), "tap", "visa-approve")
        .await
        .approved();
    register
        .fault(READER, "duplicate", "authorize_card", 0)
        .await;
    let played = register
        .sell(&sale("two", 1250, READER), "tap", "visa-approve")
        .await;
    let said = format!("{:?}", played.answer);
    assert!(said.contains("spent"), "{said}");
    played
        .refused(ErrorName::CardError, Failed)
        .says(MoneyMoved::No, Retry::NewKey);
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

/// The gateway takes only readers that an operator enrolled.
#[tokio::test]
async fn a_reader_is_enrolled_by_an_operator() {
    let setup = Setup::readers(0)
        .terminal(READER, "virtual-reader", "{}")
        .gateway("{ enrolment = \"listed\" }");
    let host = Host::start(&setup).await;
    let register = host.register("till-1").await;
    let played = register
        .sell(&sale("one", 1250, READER), "tap", "visa-approve")
        .await;
    assert!(played.answer.is_err(), "an unknown reader was taken");
    host.ledger().assert(&[("sale", "rejected", 0)]);
    let (_, folder) = host.stop().await;
    let enrol = format!("enrol --device {READER} --gateway {GATEWAY}");
    assert!(done(folder.path(), &enrol).await.contains("enrolled"));
    let host = Host::start_in(folder).await;
    let register = host.register("till-1").await;
    let params = sale("two", 1250, READER);
    let played = register.sell(&params, "tap", "visa-approve");
    assert!(played.await.approved().approval_code.is_some());
}

#[tokio::test]
async fn a_missing_tool_is_named_with_where_it_belongs() {
    let folder = shop("hpke");
    let alone = folder.path().join("payhal");
    std::fs::copy(from_xtask("PAYHAL_BIN"), &alone).unwrap();
    let mut command = Command::new(&alone);
    command
        .args(["keys", "list"])
        .env("PAYHAL_BIN", &alone)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = soon("the end of payhal keys", command.output()).await;
    let output = output.unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    let here = folder.path().to_string_lossy().into_owned();
    assert!(
        said.contains("payhal-keys") && said.contains(&here),
        "{said}"
    );
}
