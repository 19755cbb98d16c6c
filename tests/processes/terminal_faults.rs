// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves what becomes of a sale on a terminal for each way in which its word can be lost, late or
//! wrong: what the register is told is what the terminal's books say.

use crate::host::Setup;
use crate::register::sale;
use crate::terminal_desk::{AUTO, Desk, TERMINAL};
use payhal_client::CallError;
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::error::ErrorOutcome::{Failed, Unknown};
use payhal_client::protocol::transaction::ResolutionState;
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};
use serde_json::Value;

/// A fault, when, how often, what the register is told (`None`: approved), and the state that the
/// sale has in the terminal's books (`None`: it is not there).
type Row = (
    &'static str,
    &'static str,
    u64,
    Option<(ErrorName, MoneyMoved)>,
    Option<&'static str>,
);

const NOTHING_SENT: Option<(ErrorName, MoneyMoved)> =
    Some((ErrorName::DeviceUnavailable, MoneyMoved::No));

async fn play(desk: &Desk, rows: &[Row]) {
    for (number, (fault, at, count, told, state)) in rows.iter().enumerate() {
        let minor = 1000 + i64::try_from(number).unwrap() * 1000;
        let before = desk.books(TERMINAL).lines().len();
        desk.fault(fault, at, &[("count", (*count).into())]).await;
        let params = sale(&format!("k{number}"), minor, TERMINAL);
        let first = desk.till.sell_alone(&params).await.answer;
        match (&first, told) {
            (Ok(approved), None) => {
                assert_eq!(approved.amounts.approved.as_ref().unwrap().minor, minor)
            }
            (Err(CallError::Rpc(error)), Some(told)) => {
                let details = error.data.as_ref().unwrap();
                assert_eq!((details.name, details.money_moved), *told, "{details:?}");
                assert_eq!(details.retry, Retry::NewKey, "{details:?}");
            }
            _ => panic!("{fault} at {at}: {first:?}"),
        }
        let lines = desk.books(TERMINAL).lines();
        let found = lines.get(before).map(|line| line.state.as_str());
        if *state != Some("reversed") {
            assert_eq!(found, *state, "{fault} at {at}: {lines:?}");
        }
        let again = desk.till.sell_alone(&params).await.answer;
        assert_eq!(
            first.is_ok(),
            again.is_ok(),
            "one key, one answer: {again:?}"
        );
        desk.till.until_state(TERMINAL, DeviceState::Ready).await;
        let lines = desk.books(TERMINAL).lines();
        let found = lines.get(before).map(|line| line.state.as_str());
        assert_eq!(found, *state, "{fault} at {at}: {lines:?}");
        desk.till.until_faults_met(TERMINAL).await;
    }
    let standing = desk.books(TERMINAL).charges().len();
    let approved = rows.iter().filter(|row| row.3.is_none()).count();
    assert_eq!(standing, approved);
}

#[tokio::test]
async fn a_lost_word_is_asked_for() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    let rows: [Row; 9] = [
        ("lose_answer", "pay", 1, NOTHING_SENT, None),
        ("lose_answer", "pay_answer", 1, None, Some("approved")),
        ("not_sent", "pay", 1, NOTHING_SENT, None),
        (
            "busy",
            "pay",
            1,
            Some((ErrorName::CardError, MoneyMoved::No)),
            None,
        ),
        (
            "refuse",
            "pay",
            1,
            Some((ErrorName::Declined, MoneyMoved::No)),
            Some("declined"),
        ),
        ("slow", "pay", 1, None, Some("approved")),
        ("print", "pay", 1, None, Some("approved")),
        (
            "overcharge",
            "pay",
            1,
            Some((ErrorName::GatewayRejected, MoneyMoved::Reversing)),
            Some("reversed"),
        ),
        (
            "overcharge",
            "pay_answer",
            1,
            Some((ErrorName::GatewayRejected, MoneyMoved::Reversing)),
            Some("reversed"),
        ),
    ];
    play(&desk, &rows).await;
}

#[tokio::test]
async fn a_terminal_that_dies_is_asked_when_it_lives_again() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    let rows: [Row; 4] = [
        ("crash", "pay", 1, NOTHING_SENT, None),
        ("crash", "pay_answer", 1, None, Some("approved")),
        ("exit", "pay_answer", 1, None, Some("approved")),
        ("panic", "pay_answer", 1, None, Some("approved")),
    ];
    play(&desk, &rows).await;
}

#[tokio::test]
async fn a_terminal_that_says_nothing_is_given_up_and_asked() {
    let setup = Setup::readers(0)
        .terminal(TERMINAL, "virtual-terminal", AUTO)
        .timeout("terminal_ms", 300)
        .timeout("grace_ms", 300);
    let desk = Desk::of(&setup).await;
    let rows: [Row; 5] = [
        ("hang", "pay", 1, NOTHING_SENT, None),
        ("hang", "pay_answer", 1, None, Some("approved")),
        ("silent", "pay", 1, NOTHING_SENT, None),
        ("silent", "pay_answer", 1, None, Some("approved")),
        ("flood", "pay", 1, NOTHING_SENT, None),
    ];
    play(&desk, &rows).await;
}

#[tokio::test]
async fn a_payment_that_still_runs_is_waited_for() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    desk.fault("lose_answer", "pay_answer", &[]).await;
    desk.fault("running", "inquire", &[("count", 2.into())])
        .await;
    let running = desk.sale("a", 1250).end().await.approved();
    let rest = [
        ("inquiries", Value::from(2)),
        ("card", "visa-approve".into()),
    ];
    desk.fault("late_approval", "pay", &rest).await;
    let late = desk.sale("b", 1350).end().await.approved();
    let lines = desk.books(TERMINAL).lines();
    let found: Vec<_> = lines
        .iter()
        .map(|line| (line.transaction_id.as_str(), line.state.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (running.transaction_id.as_str(), "approved"),
            (late.transaction_id.as_str(), "approved")
        ]
    );
    // A customer who pays late with a card that is declined.
    let rest = [("card", Value::from("visa-decline"))];
    desk.fault("late_approval", "pay", &rest).await;
    let declined = desk.sale("c", 1450).end().await.answer.unwrap_err();
    assert_eq!(declined.name(), Some(ErrorName::Declined));
    assert_eq!(desk.books(TERMINAL).charges().len(), 2);
}

#[tokio::test]
async fn a_cable_pulled_after_the_approval_loses_nothing() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    desk.fault("unplug", "pay_answer", &[]).await;
    let sold = desk.sale("a", 1250);
    desk.till
        .until_state(TERMINAL, DeviceState::Unplugged)
        .await;
    desk.till.act(TERMINAL, "plug", &[]).await;
    sold.end().await.approved();
    desk.books(TERMINAL).assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn the_word_on_another_payment_is_not_taken_for_this_one() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    let former = desk.sale("former", 900).end().await.approved();
    desk.fault("duplicate", "pay_answer", &[]).await;
    let sold = desk.sale("k", 1250).end().await.approved();
    assert_ne!(sold.approval_code, former.approval_code);
    assert_eq!(sold.amounts.approved.unwrap().minor, 1250);
    desk.books(TERMINAL)
        .assert(&[("sale", "approved", 900), ("sale", "approved", 1250)]);
}

#[tokio::test]
async fn a_word_that_cannot_be_is_left_to_a_person() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    desk.fault("garble", "pay_answer", &[]).await;
    let told = desk.sale("k", 1250).end().await;
    let told = told.refused(ErrorName::OutcomeUnknown, Unknown);
    let told = told.says(MoneyMoved::Unknown, Retry::SameKey);
    let state = told.resolution.unwrap().state;
    assert_eq!(state, ResolutionState::NeedsOperator);
    assert_eq!(
        desk.till.device(TERMINAL).await.state,
        DeviceState::Quarantined
    );
}

#[tokio::test]
async fn a_card_number_in_an_answer_goes_no_further() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    desk.fault("leak", "pay_answer", &[]).await;
    let sold = desk.sale("k", 1250).end().await.approved();
    assert_eq!(sold.card.as_ref().unwrap().masked_pan, "411111******1111");
    let id = sold.transaction_id.to_string();
    let said = format!("{sold:?} {:?}", desk.till.get(&id).await);
    assert!(!said.contains("4111111111111111"), "{said}");
    let (_, folder) = desk.host.stop().await;
    let journal = std::fs::read(folder.path().join("state/journal.sqlite")).unwrap();
    let number = b"4111111111111111";
    assert!(!journal.windows(number.len()).any(|bytes| bytes == number));
}

#[tokio::test]
async fn a_register_says_how_long_a_terminal_waits_for_a_card() {
    let desk = Desk::with("virtual-terminal", "{}").await;
    let mut hurried = sale("k", 1250, TERMINAL);
    hurried.timeout_ms = Some(200);
    let told = desk.till.sell_alone(&hurried).await;
    let told = told.refused(ErrorName::TimedOut, Failed);
    told.says(MoneyMoved::No, Retry::NewKey);
    desk.till.until_state(TERMINAL, DeviceState::Ready).await;
    assert_eq!(desk.books(TERMINAL).charges().len(), 0);
}
