// SPDX-License-Identifier: MIT OR Apache-2.0
//! A gateway connector that does the same from each function that it has. A reader that helps it
//! hands it whatever it read; nobody else's money and no other gateway is touched.

use super::confined::{managed_nothing, tries};
use super::{Orders, SHADY, Shop};
use crate::host::soon;
use crate::register::Played;
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::gateway::{GatewayListParams, GatewayState};
use payhal_client::protocol::{ErrorName, MoneyMoved};

/// Sold through the honest gateway meanwhile.
const DURING: &[i64] = &[999];

async fn until_ready(shop: &Shop) {
    let mut news = shop.register.watch().await;
    soon("the shady gateway", async {
        loop {
            let listed = shop.register.0.request(&GatewayListParams {}).await;
            let gateways = listed.unwrap().gateways;
            let shady = gateways.iter().find(|gateway| gateway.id.as_str() == SHADY);
            if shady.is_some_and(|shady| shady.state == GatewayState::Ready) {
                return;
            }
            news.next().await;
        }
    })
    .await;
}

/// What the register is told of a payment that this one was asked to authorize, and that it left
/// without a word that could be believed: that it is undone. It is.
async fn in_an_authorization(does: &str, why: &str) {
    let shop = Shop::open_behind(&Orders::new("authorize", does)).await;
    until_ready(&shop).await;
    let mut watch = shop.register.watch().await;
    let played = shop.robbed().await;
    let transaction = undone(&played);
    shop.blamed_for(SHADY, why).await;
    watch.resolved(&transaction).await;
    until_ready(&shop).await;
    shop.unharmed(DURING).await;
}

fn undone(played: &Played) -> String {
    let error = played.answer.as_ref().unwrap_err();
    let details = error.rpc().unwrap().data.clone().unwrap();
    assert_eq!(details.money_moved, MoneyMoved::Reversing, "{details:?}");
    details.transaction_id.unwrap().to_string()
}

#[tokio::test]
async fn an_authorization_that_faults() {
    in_an_authorization("segfault", "signal: 11").await;
}

#[tokio::test]
async fn an_authorization_that_exits() {
    in_an_authorization("exit", "exit status: 0").await;
}

#[tokio::test]
async fn an_authorization_that_works_for_ever() {
    in_an_authorization("spin", "the plugin hangs").await;
}

#[tokio::test]
async fn an_authorization_that_stops_its_process() {
    in_an_authorization("stand_still", "the runner does not answer").await;
}

#[tokio::test]
async fn an_authorization_that_takes_all_memory() {
    // The bound of its memory ends it, or its deadline on a machine with too much to do.
    in_an_authorization("eat_memory", "").await;
}

#[tokio::test]
async fn an_authorization_that_floods_the_log() {
    in_an_authorization("flood_log", "flooded").await;
}

/// An answer that cannot be believed is none: nobody knows what moved, and it is undone.
async fn answers(does: &str) {
    let shop = Shop::open_behind(&Orders::new("authorize", does)).await;
    until_ready(&shop).await;
    let mut watch = shop.register.watch().await;
    let transaction = undone(&shop.robbed().await);
    watch.resolved(&transaction).await;
    shop.unharmed(DURING).await;
}

#[tokio::test]
async fn an_approval_that_is_no_json() {
    answers("no_json").await;
}

#[tokio::test]
async fn an_approval_that_is_no_text() {
    answers("wrong_utf8").await;
}

#[tokio::test]
async fn an_approval_of_eight_megabytes() {
    answers("huge").await;
}

/// Before anything was asked of an issuer: nothing moved, whatever it did.
#[tokio::test]
async fn a_preparation_that_faults() {
    let shop = Shop::open_behind(&Orders::new("prepare", "segfault")).await;
    until_ready(&shop).await;
    let played = shop.robbed().await;
    let error = played.answer.unwrap_err();
    let details = error.rpc().unwrap().data.clone().unwrap();
    assert_eq!(details.money_moved, MoneyMoved::No, "{details:?}");
    shop.blamed_for(SHADY, "signal: 11").await;
    shop.unharmed(DURING).await;
}

/// One that never comes up is no gateway, and says why not.
async fn never_comes_up(at: &str, does: &str, why: &str) {
    let shop = Shop::open_behind(&Orders::new(at, does)).await;
    shop.blamed_for(SHADY, why).await;
    let refused = shop.robbed().await;
    let refused = refused.refused(ErrorName::GatewayUnavailable, Failed);
    assert_eq!(refused.0.money_moved, MoneyMoved::No);
    shop.unharmed(DURING).await;
}

#[tokio::test]
async fn a_create_that_faults() {
    never_comes_up("create", "segfault", "the runner ended").await;
}

#[tokio::test]
async fn an_open_that_is_no_json() {
    never_comes_up("open", "no_json", "").await;
}

/// It tries everything that is not its own.
async fn tries_at(at: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (orders, doors) = tries(folder.path(), at);
    let shop = Shop::open_behind_in(folder, &orders).await;
    until_ready(&shop).await;
    let approved = shop.robbed().await.approved();
    assert_eq!(approved.gateway.unwrap().as_str(), SHADY);
    managed_nothing(shop, &doors, DURING).await;
}

#[tokio::test]
async fn everything_in_a_constructor() {
    tries_at("constructor").await;
}

#[tokio::test]
async fn everything_in_create() {
    tries_at("create").await;
}

#[tokio::test]
async fn everything_in_an_authorization() {
    tries_at("authorize").await;
}
