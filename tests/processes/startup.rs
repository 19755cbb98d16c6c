// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that there is one host for a port and one for a state folder, that a second one says why
//! it does not run, and that an end leaves no process behind.

use crate::host::{GATEWAY, Host, Setup, Stranger};
use crate::register::sale;
use payhal_client::protocol::progress::Stage;
use rustix::process::test_kill_process;

#[tokio::test]
async fn a_taken_port_names_its_holder() {
    let host = Host::start(&Setup::readers(1)).await;
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("shop.toml"), "").unwrap();
    let said = host.refusal_of_second(other.path(), host.address()).await;
    assert!(said.contains(host.address()), "{said}");
    assert!(said.contains(&format!("process {}", host.pid())), "{said}");
}

/// `localhost` is ::1 as well: whoever had that would be taken for the host.
#[tokio::test]
async fn a_port_that_is_taken_at_the_other_loopback_address_is_refused_too() {
    let squatter = std::net::TcpListener::bind("[::1]:0").expect("loopback has IPv6");
    let port = squatter.local_addr().unwrap().port();
    let host = Host::start(&Setup::readers(1)).await;
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("shop.toml"), "").unwrap();
    let listen = format!("127.0.0.1:{port}");
    let said = host.refusal_of_second(other.path(), &listen).await;
    assert!(said.contains(&format!("[::1]:{port}")), "{said}");
    assert!(
        said.contains(&format!("process {}", std::process::id())),
        "{said}"
    );
}

#[tokio::test]
async fn a_second_host_on_the_same_state_folder_is_refused() {
    let host = Host::start(&Setup::readers(1)).await;
    let said = host.refusal_of_second(host.folder(), "127.0.0.1:0").await;
    assert!(said.contains("journal"), "{said}");
    // The first one goes on, over the socket too.
    host.operator().await.0.ping().await.unwrap();
}

#[tokio::test]
async fn a_wrong_key_in_the_configuration_is_pointed_at() {
    let host = Host::start(&Setup::readers(1)).await;
    let other = tempfile::tempdir().unwrap();
    std::fs::write(
        other.path().join("shop.toml"),
        "[host]\nlisen = \"127.0.0.1:0\"\n",
    )
    .unwrap();
    let said = host.refusal_of_second(other.path(), "127.0.0.1:0").await;
    assert!(said.contains("line 2") && said.contains("lisen"), "{said}");
}

#[tokio::test]
async fn an_end_takes_every_runner_with_it() {
    let host = Host::start(&Setup::readers(2)).await;
    let runners = ["reader-1", "reader-2", GATEWAY].map(|name| host.runner(name));
    let (status, folder) = host.stop().await;
    assert!(status.success(), "{status}");
    for runner in runners {
        assert!(
            test_kill_process(runner).is_err(),
            "runner {runner:?} outlived its host"
        );
    }
    assert!(!folder.path().join("state/payhal.sock").exists());
}

#[tokio::test]
async fn a_killed_host_takes_its_runners_with_it_whatever_they_do() {
    let host = Host::start(&Setup::readers(2)).await;
    let register = host.register("till-1").await;
    let runners = ["reader-1", "reader-2", GATEWAY].map(|name| Stranger::of(host.runner(name)));
    register
        .fault("reader-1", "hang", "authorize_card", 0)
        .await;
    register.fault(GATEWAY, "delay", "authorize", 60_000).await;
    let hanging = register.begin(&sale("k", 1250, "reader-1")).await;
    register.show("reader-1", "tap", "visa-approve").await;
    let mut asking = register.begin(&sale("l", 700, "reader-2")).await;
    register.show("reader-2", "tap", "visa-approve").await;
    asking.until(Stage::Authorizing).await;
    drop((hanging, asking, register));
    let _folder = host.kill().await;
    for runner in runners {
        runner.assert_ends();
    }
}

#[tokio::test]
async fn a_sale_that_waits_for_its_card_ends_with_the_host() {
    use payhal_client::protocol::error::ErrorOutcome::Failed;
    use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    let selling = register.begin(&sale("k", 1250, "reader-1")).await;
    let (stopped, played) = tokio::join!(host.stop(), selling.end());
    assert!(stopped.0.success());
    assert!(!played.stages().contains(&Stage::Authorizing));
    let refused = played.refused(ErrorName::HostStopping, Failed);
    refused.says(MoneyMoved::No, Retry::SameKey);
}
