// SPDX-License-Identifier: MIT OR Apache-2.0
//! A plugin that crashes, ends, hangs or lies down, in each function that it has.

use super::{DEADLINE, EVIL, Orders, Shop};
use crate::prompts::question;
use crate::register::{Sale, sale};
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::progress::RespondParams;
use payhal_client::protocol::{ErrorData, ErrorName, MoneyMoved, Retry};
use std::time::Instant;

/// Sold on the honest device meanwhile.
const DURING: &[i64] = &[999];

/// In a call: the register is told by name, with the reason; no money moved; the same key is good.
async fn in_a_call(does: &str, why: &str) {
    let shop = Shop::open_ready(&Orders::new("present", does)).await;
    let before = shop.host.runner(EVIL);
    let details = failed(shop.robbed().await.refused(ErrorName::PluginFailed, Failed));
    let detail = details.detail.unwrap_or_default();
    assert!(detail.contains(why), "{detail}");
    let blamed = shop.blamed(why).await;
    assert!(blamed.restarts >= 1, "{blamed:?}");
    shop.register.until_state(EVIL, DeviceState::Ready).await;
    assert_ne!(shop.host.runner(EVIL), before, "it was started anew");
    shop.unharmed(DURING).await;
}

fn failed(refused: crate::register::Refused) -> ErrorData {
    refused.says(MoneyMoved::No, Retry::SameKey)
}

#[tokio::test]
async fn a_call_that_faults() {
    in_a_call("segfault", "signal: 11").await;
}

#[tokio::test]
async fn a_call_that_aborts() {
    in_a_call("abort", "signal: 6").await;
}

#[tokio::test]
async fn a_call_that_recurses_for_ever() {
    in_a_call("recurse", "signal: ").await;
}

#[tokio::test]
async fn a_call_that_exits() {
    in_a_call("exit", "exit status: 0").await;
}

#[tokio::test]
async fn a_call_that_quits_without_a_word() {
    in_a_call("quit", "exit status: 3").await;
}

#[tokio::test]
async fn a_call_that_throws_across_the_border() {
    in_a_call("throw", "signal: 6").await;
}

#[tokio::test]
async fn a_call_that_jumps_into_a_frame_that_is_gone() {
    in_a_call("longjmp", "the runner ended").await;
}

#[tokio::test]
async fn a_call_whose_thread_leaves() {
    in_a_call("leave_thread", "").await;
}

#[tokio::test]
async fn a_call_that_waits_for_ever() {
    in_a_call("wait", "the plugin hangs").await;
}

#[tokio::test]
async fn a_call_that_works_for_ever() {
    in_a_call("spin", "the plugin hangs").await;
}

#[tokio::test]
async fn a_call_that_stops_its_process() {
    in_a_call("stand_still", "the runner does not answer").await;
}

#[tokio::test]
async fn a_call_that_meets_each_fault_again() {
    in_a_call("replace_signals", "the plugin hangs").await;
}

#[tokio::test]
async fn a_call_that_closes_every_descriptor() {
    // Whether its end or its closed lane is noticed first is chance.
    in_a_call("close_all", "the runner ").await;
}

#[tokio::test]
async fn a_call_that_writes_noise_to_its_host() {
    in_a_call("garble", "cannot be decoded").await;
}

#[tokio::test]
async fn a_call_that_announces_four_gigabytes() {
    in_a_call("announce_too_much", "exceeds the bound").await;
}

#[tokio::test]
async fn a_call_that_stops_as_if_it_were_traced() {
    in_a_call("trace_me", "").await;
}

#[tokio::test]
async fn a_call_by_the_tables_of_other_processors() {
    let shop = Shop::open_ready(&Orders::new("present", "old_calls")).await;
    failed(shop.robbed().await.refused(ErrorName::PluginFailed, Failed));
    let log = shop.log();
    assert!(!log.contains("MANAGED"), "{log}");
    shop.unharmed(DURING).await;
}

/// Before it is ready: the register is told at once that there is no such device, and why.
async fn never_ready(at: &str, does: &str, why: &str) {
    let shop = Shop::open(&Orders::new(at, does)).await;
    shop.blamed(why).await;
    let refused = shop.robbed().await;
    failed(refused.refused(ErrorName::DeviceUnavailable, Failed));
    let device = shop.register.device(EVIL).await;
    assert_ne!(device.state, DeviceState::Ready, "{device:?}");
    shop.unharmed(DURING).await;
}

#[tokio::test]
async fn a_constructor_that_faults() {
    never_ready("constructor", "segfault", "the runner ended").await;
}

#[tokio::test]
async fn a_constructor_that_quits() {
    never_ready("constructor", "quit", "the runner ended").await;
}

#[tokio::test]
async fn a_constructor_that_never_returns() {
    never_ready("constructor", "spin", "not ready within").await;
}

#[tokio::test]
async fn an_entry_that_faults() {
    never_ready("entry", "segfault", "the runner ended").await;
}

#[tokio::test]
async fn a_create_that_faults() {
    never_ready("create", "segfault", "the runner ended").await;
}

#[tokio::test]
async fn a_create_that_throws() {
    never_ready("create", "throw", "the runner ended").await;
}

#[tokio::test]
async fn a_create_that_never_returns() {
    never_ready("create", "wait", "not ready within").await;
}

#[tokio::test]
async fn a_create_whose_thread_leaves() {
    never_ready("create", "leave_thread", "").await;
}

#[tokio::test]
async fn a_first_answer_that_is_none() {
    never_ready("identify", "segfault", "signal: 11").await;
}

#[tokio::test]
async fn a_first_answer_that_is_no_json() {
    never_ready("identify", "no_json", "").await;
}

/// In `cancel`, on the thread that answers the host: the payment ends all the same.
async fn in_cancel(does: &str) {
    let orders = Orders::new("cancel", does).and("also", "wait");
    let shop = Shop::open_ready(&orders).await;
    let mut params = sale("k", 1250, EVIL);
    params.timeout_ms = Some(2_000);
    let selling = shop.register.begin(&params).await;
    let begun = Instant::now();
    selling.cancel().await;
    let error = selling.end().await.answer.unwrap_err();
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
    let details = error.rpc().unwrap().data.clone().unwrap();
    let names = [ErrorName::PluginFailed, ErrorName::Cancelled];
    assert!(names.contains(&details.name), "{details:?}");
    assert_eq!(details.money_moved, MoneyMoved::No, "{details:?}");
    shop.blamed("").await;
    shop.register.until_state(EVIL, DeviceState::Ready).await;
    shop.unharmed(&[]).await;
}

#[tokio::test]
async fn a_cancel_that_faults() {
    in_cancel("segfault").await;
}

#[tokio::test]
async fn a_cancel_that_works_for_ever() {
    in_cancel("spin").await;
}

#[tokio::test]
async fn a_cancel_that_throws() {
    in_cancel("throw").await;
}

/// In `deliver`, on the same thread.
async fn in_deliver(does: &str) {
    let orders = Orders::new("deliver", does).and("also", "prompt");
    let shop = Shop::open_ready(&orders).await;
    let kinds = &["choose_application"];
    let till = crate::register::Register::connect_showing(shop.host.ws(), "till-3", kinds).await;
    let mut params = sale("k", 1250, EVIL);
    params.timeout_ms = Some(2_000);
    let mut payment = till.0.sale(&params);
    let prompt = question(&mut payment).await.expect("a question");
    let begun = Instant::now();
    let answer = RespondParams {
        choice: Some(prompt.options[0].id.clone()),
        ..RespondParams::to(prompt.prompt_id.clone())
    };
    till.0.request(&answer).await.unwrap();
    let refused = Sale::new(payment).end().await;
    failed(refused.refused(ErrorName::PluginFailed, Failed));
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
    shop.register.until_state(EVIL, DeviceState::Ready).await;
    shop.unharmed(&[]).await;
}

#[tokio::test]
async fn a_deliver_that_faults() {
    in_deliver("segfault").await;
}

#[tokio::test]
async fn a_deliver_that_never_returns() {
    in_deliver("wait").await;
}

/// In `destroy`: the host ends in time all the same, and well.
async fn in_destroy(does: &str) {
    let shop = Shop::open_ready(&Orders::new("destroy", does)).await;
    shop.sells("before", 999).await;
    let begun = Instant::now();
    shop.unharmed(DURING).await;
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_destroy_that_faults() {
    in_destroy("segfault").await;
}

#[tokio::test]
async fn a_destroy_that_never_returns() {
    in_destroy("spin").await;
}

#[tokio::test]
async fn a_destroy_after_which_threads_call_back() {
    in_destroy("haunt").await;
}
