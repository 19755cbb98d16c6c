// SPDX-License-Identifier: MIT OR Apache-2.0
//! A plugin that takes what is everybody's: memory, threads, descriptors, processors, and
//! other processes. Each has its bound, and what it ends is its own runner.

use super::{EVIL, Orders, Shop};
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};

/// Sold on the honest device meanwhile.
const DURING: &[i64] = &[999];

/// It takes all that it gets, says how much that was, and ends.
async fn bounded(does: &str, what: &str) {
    let shop = Shop::open_ready(&Orders::new("present", does)).await;
    let refused = shop
        .robbed_for(10_000)
        .await
        .refused(ErrorName::PluginFailed, Failed);
    refused.says(MoneyMoved::No, Retry::SameKey);
    // What it told is in the log once its end is.
    shop.blamed("signal: 6").await;
    let told = shop.told(&format!("evil: {what}: "));
    assert!(told.contains(": bounded at "), "{told}");
    shop.register.until_state(EVIL, DeviceState::Ready).await;
    shop.unharmed(DURING).await;
}

#[tokio::test]
async fn memory() {
    bounded("eat_memory", "memory").await;
}

#[tokio::test]
async fn threads() {
    ends_with_it("eat_threads", "started too many threads").await;
}

#[tokio::test]
async fn memory_that_no_address_space_holds() {
    bounded("eat_memory_files", "memory files").await;
}

/// It takes more than a runner may have, and keeps it: the runner ends it, and says why.
async fn ends_with_it(does: &str, why: &str) {
    let shop = Shop::open_ready(&Orders::new("present", does)).await;
    let refused = shop.robbed_for(10_000).await;
    let refused = refused.refused(ErrorName::PluginFailed, Failed);
    refused.says(MoneyMoved::No, Retry::SameKey);
    shop.blamed(why).await;
    shop.register.until_state(EVIL, DeviceState::Ready).await;
    shop.unharmed(DURING).await;
}

#[tokio::test]
async fn descriptors() {
    bounded("eat_descriptors", "descriptors").await;
}

#[tokio::test]
async fn every_processor() {
    // Threads of it never rest, while it answers as it should.
    let shop = Shop::open_ready(&Orders::new("create", "eat_processors")).await;
    let mut times = [0_u128; 3];
    for (round, took) in times.iter_mut().enumerate() {
        let begun = std::time::Instant::now();
        shop.sells(&format!("round-{round}"), 999).await;
        *took = begun.elapsed().as_millis();
    }
    assert!(times.iter().all(|took| *took < 5_000), "{times:?} ms");
    shop.unharmed(&[999, 999, 999]).await;
}

#[tokio::test]
async fn its_host() {
    let shop = Shop::open_ready(&Orders::new("simulate", "kill_host")).await;
    shop.register.act(EVIL, "anything", &[]).await;
    shop.told("as well as could be");
    shop.unharmed(&[]).await;
}

#[tokio::test]
async fn the_runner_of_another_device() {
    let shop = Shop::open_ready(&Orders::new("simulate", "kill_other")).await;
    shop.register.act(EVIL, "anything", &shop.other()).await;
    shop.told("as well as could be");
    shop.unharmed(&[]).await;
}
