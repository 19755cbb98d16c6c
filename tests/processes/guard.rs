// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a cashier who tries again with a new key, while the outcome of the first attempt is
//! unknown, charges nobody twice, and that a person's word lets them go on.

use crate::host::{GATEWAY, Host, Setup};
use crate::register::{Register, Sale, sale};
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};

/// A sale that the gateway approved, whose reply was lost, and about which it is being asked.
async fn unknown(host: &Host) -> (Register, Sale, String) {
    let register = host.register("till-1").await;
    register.fault(GATEWAY, "lose_reply", "authorize", 0).await;
    register.fault(GATEWAY, "delay", "inquire", 2_000).await;
    let mut params = sale("k", 1250, "reader-1");
    params.reference = Some("bill 1".to_owned());
    let selling = register.begin(&params).await;
    register.show("reader-1", "tap", "visa-approve").await;
    register.until_faults_met(GATEWAY).await;
    let transaction = selling.transaction_id();
    (register, selling, transaction)
}

#[tokio::test]
async fn the_same_amount_or_reference_is_refused_until_it_is_known() {
    let host = Host::start(&Setup::readers(2)).await;
    let (register, selling, transaction) = unknown(&host).await;
    let same_amount = sale("l", 1250, "reader-2");
    let mut same_bill = sale("m", 600, "reader-2");
    same_bill.reference = Some("bill 1".to_owned());
    let other_till = host.register("till-2").await;
    for (register, params) in [(&register, &same_amount), (&other_till, &same_bill)] {
        let played = register.sell_alone(params).await;
        let refused = played.refused(ErrorName::UnresolvedTransaction, Failed);
        let details = refused.says(MoneyMoved::No, Retry::AskOperator);
        assert_eq!(details.unresolved.len(), 1, "{details:?}");
        assert_eq!(details.unresolved[0].as_str(), transaction);
    }
    // Another customer at another till is none of its business.
    let other = sale("n", 1250, "reader-2");
    other_till
        .sell(&other, "tap", "visa-approve")
        .await
        .approved();
    selling.end().await.approved();
    // Now it is known, and the next customer may buy for the same amount.
    register
        .sell(&same_amount, "tap", "visa-approve")
        .await
        .approved();
    assert_eq!(host.ledger().charges().len(), 3);
}

#[tokio::test]
async fn a_person_who_has_looked_may_go_on() {
    let host = Host::start(&Setup::readers(2)).await;
    let (register, selling, transaction) = unknown(&host).await;
    let mut params = sale("l", 1250, "reader-2");
    params.despite = vec![transaction.as_str().into()];
    register
        .sell(&params, "tap", "visa-approve")
        .await
        .approved();
    selling.end().await.approved();
    assert_eq!(host.ledger().charges().len(), 2);
}
