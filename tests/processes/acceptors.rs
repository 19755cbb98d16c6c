// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a gateway which takes one transaction of an acceptor at a time, and none before a
//! reversal is settled, is asked in that order. The gateway itself watches it.

use crate::host::{GATEWAY, Host, Setup};
use crate::register::{Register, sale};
use payhal_client::protocol::ErrorName;
use payhal_client::protocol::error::ErrorOutcome::Failed;

const STRICT: &str = "sandbox-strict";
const WATCHED: &str = "{ in_flight_per_acceptor = 1, reversal_before_next = true }";

/// Two registers sell at the same moment, each on a reader of its own, to a gateway that is slow.
async fn rush(setup: &Setup) -> (Host, Register) {
    let host = Host::start(setup).await;
    let register = host.register("till-1").await;
    for _ in 0..2 {
        register.fault(GATEWAY, "delay", "authorize", 200).await;
    }
    let (one, two) = (sale("a", 1250, "reader-1"), sale("b", 700, "reader-2"));
    let (one, two) = tokio::join!(register.sell_alone(&one), register.sell_alone(&two));
    one.approved();
    two.approved();
    (host, register)
}

/// A chip whose approval got lost, whose reversal is taken only at the third attempt, and another
/// customer meanwhile.
async fn owing(setup: &Setup) -> Host {
    let host = Host::start(setup).await;
    let register = host.register("till-1").await;
    register.fault(GATEWAY, "lose_reply", "authorize", 0).await;
    for _ in 0..2 {
        register.fault(GATEWAY, "go_away", "reverse", 0).await;
    }
    let mut watch = register.watch().await;
    let first = sale("a", 1250, "reader-1");
    let first = register.sell(&first, "insert", "visa-approve").await;
    let first = first.refused(ErrorName::TimedOut, Failed).transaction();
    let next = sale("b", 700, "reader-2");
    let next = register.sell(&next, "tap", "visa-approve").await;
    next.approved();
    watch.resolved(&first).await;
    host.ledger()
        .assert(&[("sale", "reversed", 1250), ("sale", "approved", 700)]);
    host
}

#[tokio::test]
async fn one_at_a_time_where_the_gateway_asks_for_it() {
    let setup = Setup::automatic(2, "tap visa-approve").gateway_plugin(STRICT);
    let (host, register) = rush(&setup.acceptor("shop", "one")).await;
    host.ledger().assert_in_order();
    let of = host
        .ledger()
        .rows("SELECT DISTINCT merchant, terminal FROM entry");
    assert_eq!(of, [["shop", "one"]]);
    let later = sale("c", 300, "reader-1");
    let told = register.sell_alone(&later).await.approved();
    let acceptor = told.acceptor.unwrap();
    assert_eq!(
        (acceptor.merchant_id.as_str(), acceptor.terminal_id.as_str()),
        ("shop", "one")
    );
}

#[tokio::test]
async fn all_at_once_where_it_does_not() {
    // The same gateway that does not ask for it sees both: it would notice.
    let setup = Setup::automatic(2, "tap visa-approve").gateway(WATCHED);
    let (host, _register) = rush(&setup).await;
    let seen = host.ledger().rows("SELECT kind FROM violation");
    assert_eq!(seen, [["in_flight"]]);
}

#[tokio::test]
async fn nothing_new_before_a_reversal_is_settled() {
    let host = owing(&Setup::readers(2).gateway_plugin(STRICT)).await;
    host.ledger().assert_in_order();
}

#[tokio::test]
async fn an_unsettled_reversal_hinders_nobody_elsewhere() {
    let host = owing(&Setup::readers(2).gateway(WATCHED)).await;
    let seen = host.ledger().rows("SELECT DISTINCT kind FROM violation");
    assert_eq!(seen, [["reversal_owed"]]);
}
