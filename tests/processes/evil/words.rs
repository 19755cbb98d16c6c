// SPDX-License-Identifier: MIT OR Apache-2.0
//! A plugin that says what it must not: to the wrong call, too often, too much, in a wrong form,
//! or what nobody may hear.

use super::{DEADLINE, EVIL, HONEST, Orders, Shop, holds_long_number};
use crate::register::sale;
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};
use payhal_ipc::{Answer, FromRunner, LogLevel, LogSource, Payload};
use std::fmt::Write;
use std::time::Instant;

/// Sold on the honest device meanwhile.
const DURING: &[i64] = &[999];

/// What breaks a rule of the interface ends the runner, with these words.
async fn ends_the_runner(does: &str, why: &str) {
    let shop = Shop::open_ready(&Orders::new("present", does)).await;
    // Time enough for a flood to be one, on a machine with too much to do.
    let refused = shop.robbed_for(10_000).await;
    let refused = refused.refused(ErrorName::PluginFailed, Failed);
    refused.says(MoneyMoved::No, Retry::SameKey);
    shop.blamed(why).await;
    shop.register.until_state(EVIL, DeviceState::Ready).await;
    shop.unharmed(DURING).await;
}

#[tokio::test]
async fn an_answer_after_the_answer() {
    ends_the_runner("answer_after_answer", "replied twice to present").await;
}

#[tokio::test]
async fn an_answer_to_a_call_that_nobody_made() {
    ends_the_runner("stranger", "which no call has").await;
}

#[tokio::test]
async fn an_answer_without_the_context_it_was_given() {
    ends_the_runner("lose_context", "the runner ended").await;
}

#[tokio::test]
async fn an_answer_that_lies_nowhere() {
    ends_the_runner("nowhere", "signal: 11").await;
}

#[tokio::test]
async fn a_flood_of_progress() {
    ends_the_runner("flood_progress", "flooded").await;
}

#[tokio::test]
async fn a_flood_of_changes() {
    ends_the_runner("flood_changes", "flooded").await;
}

#[tokio::test]
async fn a_flood_of_questions() {
    ends_the_runner("flood_questions", "flooded").await;
}

#[tokio::test]
async fn a_flood_of_log_lines() {
    ends_the_runner("flood_log", "flooded").await;
}

#[tokio::test]
async fn a_flood_of_output() {
    ends_the_runner("flood_output", "").await;
}

#[tokio::test]
async fn a_line_of_output_without_an_end() {
    ends_the_runner("flood_one_line", "").await;
}

/// What is only wrong ends the call, by its name, and the runner goes on.
async fn ends_the_call(does: &str) {
    let shop = Shop::open_ready(&Orders::new("present", does)).await;
    let before = shop.host.runner(EVIL);
    let refused = shop.robbed().await.refused(ErrorName::PluginFailed, Failed);
    let details = refused.says(MoneyMoved::No, Retry::SameKey);
    assert!(details.detail.is_some_and(|detail| !detail.is_empty()));
    shop.register.until_state(EVIL, DeviceState::Ready).await;
    assert_eq!(shop.host.runner(EVIL), before, "the runner goes on");
    shop.unharmed(DURING).await;
}

#[tokio::test]
async fn an_answer_of_no_bytes() {
    ends_the_call("nothing_at_all").await;
}

#[tokio::test]
async fn an_answer_that_is_no_json() {
    ends_the_call("no_json").await;
}

#[tokio::test]
async fn an_answer_of_another_form() {
    ends_the_call("other_json").await;
}

#[tokio::test]
async fn an_answer_that_lacks_members() {
    ends_the_call("missing_members").await;
}

#[tokio::test]
async fn an_answer_nested_deeper_than_any_stack() {
    ends_the_call("deep_json").await;
}

#[tokio::test]
async fn an_answer_that_is_no_text() {
    ends_the_call("wrong_utf8").await;
}

#[tokio::test]
async fn an_answer_of_eight_megabytes() {
    ends_the_call("huge").await;
}

#[tokio::test]
async fn an_answer_longer_than_memory() {
    ends_the_call("lie_about_length").await;
}

#[tokio::test]
async fn an_answer_with_a_status_of_its_own() {
    ends_the_call("wrong_status").await;
}

#[tokio::test]
async fn a_refusal_without_a_form() {
    ends_the_call("wrong_refusal").await;
}

#[tokio::test]
async fn a_failure_without_a_form() {
    ends_the_call("wrong_failure").await;
}

#[tokio::test]
async fn emissions_of_every_wrong_form() {
    ends_the_call("wrong_emissions").await;
}

#[tokio::test]
async fn a_card_in_every_way_out() {
    ends_the_call("show_card").await;
}

/// Nobody cancelled, and nobody asked for what every reader can: no approval comes of it.
async fn ends_without_money(does: &str) {
    let shop = Shop::open_ready(&Orders::new("present", does)).await;
    let error = shop.robbed().await.answer.unwrap_err();
    let details = error.rpc().unwrap().data.clone().unwrap();
    assert_eq!(details.money_moved, MoneyMoved::No, "{details:?}");
    shop.unharmed(DURING).await;
}

#[tokio::test]
async fn a_cancellation_that_nobody_asked_for() {
    ends_without_money("never_mind").await;
}

#[tokio::test]
async fn a_reader_that_does_not_know_how_to_read() {
    ends_without_money("no_such_method").await;
}

#[tokio::test]
async fn an_answer_after_the_cancellation() {
    let shop = Shop::open_ready(&Orders::new("present", "answer_after_cancel")).await;
    let mut params = sale("k", 1250, EVIL);
    params.timeout_ms = Some(20_000);
    let begun = Instant::now();
    let selling = shop.register.begin(&params).await;
    selling.cancel().await;
    let error = selling.end().await.answer.unwrap_err();
    let details = error.rpc().unwrap().data.clone().unwrap();
    assert_eq!(details.money_moved, MoneyMoved::No, "{details:?}");
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
    shop.unharmed(&[]).await;
}

/// That is no evil: by its own clock it is in time.
#[tokio::test]
async fn an_answer_at_the_very_deadline() {
    let shop = Shop::open_ready(&Orders::new("present", "answer_at_deadline")).await;
    let before = shop.host.runner(EVIL);
    let error = shop.robbed().await.answer.unwrap_err();
    let details = error.rpc().unwrap().data.clone().unwrap();
    assert_ne!(details.name, ErrorName::PluginFailed, "{details:?}");
    assert_eq!(details.money_moved, MoneyMoved::No, "{details:?}");
    assert_eq!(shop.host.runner(EVIL), before, "the runner goes on");
    shop.unharmed(DURING).await;
}

#[tokio::test]
async fn an_answer_in_the_place_of_another_call() {
    let orders = Orders::new("simulate", "answer_another").and("also", "wait");
    let shop = Shop::open_ready(&orders).await;
    let mut params = sale("k", 1250, EVIL);
    params.timeout_ms = Some(20_000);
    let selling = shop.register.begin(&params).await;
    shop.register.try_act(EVIL, "anything", &[]).await.ok();
    let refused = selling.end().await.refused(ErrorName::PluginFailed, Failed);
    refused.says(MoneyMoved::No, Retry::SameKey);
    shop.unharmed(&[]).await;
}

/// Frames of its own on the control socket, past every bound that the runner keeps.
async fn forged<T: serde::Serialize>(frame: &T) {
    let bytes = payhal_ipc::encode(frame).unwrap();
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    let orders = Orders::new("present", "forge").and("frame", hex);
    let shop = Shop::open_ready(&orders).await;
    let refused = shop.robbed_for(10_000).await;
    let refused = refused.refused(ErrorName::PluginFailed, Failed);
    refused.says(MoneyMoved::No, Retry::SameKey);
    // Written to every socket, it is a flood on one, and no frame on another.
    shop.blamed("").await;
    let length = shop.log().len();
    assert!(length < 4 * 1024 * 1024, "{length} bytes of log");
    assert_eq!(shop.host.runner(HONEST), shop.honest_runner);
    shop.unharmed(DURING).await;
}

#[tokio::test]
async fn forged_log_lines_for_ever() {
    let frame = FromRunner::Log {
        source: LogSource::Plugin,
        level: LogLevel::Error,
        text: "again ".repeat(100),
    };
    forged(&frame).await;
}

#[tokio::test]
async fn forged_changes_for_ever() {
    let screen = br#"{"change":"screen","lines":["again"]}"#.as_slice();
    let frame = FromRunner::Event {
        kind: 3,
        payload: Payload::from(screen),
    };
    forged(&frame).await;
}

#[tokio::test]
async fn forged_connections_for_ever() {
    let frame = FromRunner::Connect {
        request: 1,
        target: "127.0.0.1:1".to_owned(),
    };
    forged(&frame).await;
}

#[tokio::test]
async fn forged_pongs_for_ever() {
    forged(&FromRunner::Pong { nonce: 1 }).await;
}

#[tokio::test]
async fn forged_progress_for_ever() {
    // `identify` was the first call of this runner, and the payment makes the second.
    let stage = br#"{"stage":"reading","text":"again"}"#.as_slice();
    let frame = Answer::Emit {
        token: 2,
        kind: 1,
        payload: Payload::from(stage),
    };
    forged(&frame).await;
}

#[test]
fn a_card_is_known_by_its_length() {
    assert!(holds_long_number("x 4111111111111111 y"));
    assert!(!holds_long_number(
        "1732233526123 and 20 digits 12345678901234567890"
    ));
}
