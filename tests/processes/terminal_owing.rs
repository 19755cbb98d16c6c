// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a terminal which owes a word takes no money, that everybody is told, and that the
//! word is found out after whatever died, or a person gives it.

use crate::host::{Setup, soon};
use crate::register::{Register, Sale, Watch, eur, sale};
use crate::terminal_desk::{AUTO, Desk, TERMINAL};
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::error::ErrorOutcome::{Failed, Unknown};
use payhal_client::protocol::events::{DeviceChanged, Topic};
use payhal_client::protocol::payment::{ResolveParams, ResolvedOutcome, VoidParams};
use payhal_client::protocol::progress::Stage;
use payhal_client::protocol::transaction::{ResolutionState, TransactionOutcome};
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};

async fn told_state(watch: &mut Watch, state: DeviceState) {
    loop {
        let event: DeviceChanged = watch.next_of(Topic::DeviceChanged).await.parse().unwrap();
        if event.device.id.as_str() == TERMINAL && event.device.state == state {
            return;
        }
    }
}

/// A sale whose word a blind terminal lost; the name of its transaction.
async fn owing(desk: &Desk, key: &str, minor: i64) -> String {
    desk.fault("lose_answer", "pay_answer", &[]).await;
    let lost = desk
        .sale(key, minor)
        .end()
        .await
        .refused(ErrorName::OutcomeUnknown, Unknown);
    let id = lost.transaction();
    let told = lost.says(MoneyMoved::Unknown, Retry::SameKey);
    assert_eq!(
        told.resolution.unwrap().state,
        ResolutionState::NeedsOperator
    );
    id
}

async fn settle(register: &Register, id: &str, outcome: ResolvedOutcome) {
    let params = ResolveParams {
        transaction_id: id.into(),
        outcome,
        evidence: "the terminal's journal, line 1".to_owned(),
        operator: "Ann".to_owned(),
    };
    register.0.resolve(&params).await.unwrap();
}

/// A new sale is refused, and the refusal names what it waits for: at the latest when the terminal is
/// back. Until then it says how its plugin ended.
async fn refuses(desk: &Desk, key: &str, minor: i64, id: &str) {
    let mut next = sale(key, minor, TERMINAL);
    next.despite.push(id.into());
    soon("a refusal that names the transaction", async {
        loop {
            let refused = desk.till.sell_alone(&next).await;
            let refused = refused.refused(ErrorName::DeviceUnavailable, Failed);
            let detail = refused.says(MoneyMoved::No, Retry::SameKey).detail;
            if detail.is_some_and(|detail| detail.contains(id)) {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_blind_terminal_waits_for_a_person() {
    let desk = Desk::with("virtual-terminal-blind", AUTO).await;
    let operator = desk.host.operator().await;
    let mut watch = operator.watch().await;
    for (outcome, minor) in [
        (ResolvedOutcome::Approved, 1000),
        (ResolvedOutcome::Failed, 2000),
    ] {
        let (key, next) = (format!("k{minor}"), format!("n{minor}"));
        let id = owing(&desk, &key, minor).await;
        told_state(&mut watch, DeviceState::Quarantined).await;
        assert_eq!(
            desk.till.device(TERMINAL).await.state,
            DeviceState::Quarantined
        );
        refuses(&desk, &next, minor + 100, &id).await;
        settle(&operator, &id, outcome).await;
        told_state(&mut watch, DeviceState::Ready).await;
        let answer = desk.sale(&key, minor).end().await.answer;
        match (outcome, answer) {
            (ResolvedOutcome::Approved, Ok(approved)) => {
                assert!(approved.replayed);
                assert_eq!(approved.amounts.approved, Some(eur(minor)));
            }
            (ResolvedOutcome::Failed, Err(error)) => {
                assert_eq!(error.name(), Some(ErrorName::TimedOut));
            }
            (_, answer) => panic!("{outcome:?}: {answer:?}"),
        }
        let seen = desk.till.get(&id).await.resolved.unwrap();
        assert_eq!((seen.operator.as_str(), seen.outcome), ("Ann", outcome));
        desk.sale(&next, minor + 100).end().await.approved();
    }
}

#[tokio::test]
async fn a_quarantine_outlives_the_host_and_the_plugin() {
    let desk = Desk::with("virtual-terminal-blind", AUTO).await;
    let id = owing(&desk, "k", 1000).await;
    desk.host.kill_runner(TERMINAL);
    desk.till
        .until_state(TERMINAL, DeviceState::Quarantined)
        .await;
    refuses(&desk, "n", 1100, &id).await;
    let desk = Desk::at(desk.host.kill_and_restart().await).await;
    desk.till
        .until_state(TERMINAL, DeviceState::Quarantined)
        .await;
    refuses(&desk, "n", 1100, &id).await;
    settle(&desk.host.operator().await, &id, ResolvedOutcome::Approved).await;
    desk.sale("k", 1000).end().await.approved();
    desk.sale("n", 1100).end().await.approved();
    desk.books(TERMINAL)
        .assert(&[("sale", "approved", 1000), ("sale", "approved", 1100)]);
}

#[tokio::test]
async fn a_terminal_that_knows_only_its_last_payment_is_asked_before_the_next() {
    let desk = Desk::with("virtual-terminal-last-only", AUTO).await;
    desk.fault("lose_answer", "pay_answer", &[]).await;
    desk.fault("lose_answer", "inquire", &[("count", 3.into())])
        .await;
    let mut watch = desk.till.watch().await;
    let first = desk.sale("k", 1000);
    told_state(&mut watch, DeviceState::Quarantined).await;
    first.end().await.approved();
    told_state(&mut watch, DeviceState::Ready).await;
    desk.sale("n", 1100).end().await.approved();
    desk.books(TERMINAL)
        .assert(&[("sale", "approved", 1000), ("sale", "approved", 1100)]);
}

#[tokio::test]
async fn a_host_killed_while_the_customer_pays_learns_what_became_of_it() {
    let desk = Desk::with("virtual-terminal", "{}").await;
    // Before the card: the terminal's process dies with its host, so nothing was paid.
    let mut sale = desk.sale("a", 1000);
    sale.until(Stage::WaitingForCard).await;
    let desk = Desk::at(desk.host.kill_and_restart().await).await;
    let nothing = desk
        .sale("a", 1000)
        .end()
        .await
        .refused(ErrorName::DeviceUnavailable, Failed);
    nothing.says(MoneyMoved::No, Retry::NewKey);
    // After the ledger: the approval stands.
    desk.fault("hang", "pay_answer", &[]).await;
    let sale = desk.sale("b", 1100);
    desk.tap(TERMINAL, "visa-approve").await;
    until_in_books(&desk, 1100).await;
    drop(sale);
    let desk = Desk::at(desk.host.kill_and_restart().await).await;
    desk.sale("b", 1100).end().await.approved();
    // While it is asked.
    desk.fault("lose_answer", "pay_answer", &[]).await;
    desk.fault("hang", "inquire", &[]).await;
    let mut watch = desk.till.watch().await;
    let sale = desk.sale("c", 1200);
    desk.tap(TERMINAL, "visa-approve").await;
    told_state(&mut watch, DeviceState::Quarantined).await;
    drop(sale);
    let desk = Desk::at(desk.host.kill_and_restart().await).await;
    let paid = desk.sale("c", 1200).end().await.approved().transaction_id;
    // While it is undone.
    desk.fault("hang", "reverse_answer", &[]).await;
    let void = desk.till.0.void(&VoidParams::of("d", paid.clone()));
    until_last(&desk, "reversed").await;
    drop(void);
    let desk = Desk::at(desk.host.kill_and_restart().await).await;
    let void = desk.till.0.void(&VoidParams::of("d", paid.clone()));
    Sale::new(void).end().await.approved();
    desk.books(TERMINAL)
        .assert(&[("sale", "approved", 1100), ("sale", "reversed", 1200)]);
}

async fn until_in_books(desk: &Desk, minor: i64) {
    soon("a line in the books", async {
        while desk
            .books(TERMINAL)
            .charges()
            .iter()
            .all(|line| line.amount_minor != minor)
        {
            desk.till.0.ping().await.unwrap();
        }
    })
    .await;
}

async fn until_last(desk: &Desk, state: &str) {
    soon(state, async {
        while desk.books(TERMINAL).lines().last().unwrap().state != state {
            desk.till.0.ping().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_terminal_unplugged_while_it_owes_a_word_is_asked_when_it_is_back() {
    let setup = Setup::readers(0)
        .terminal(TERMINAL, "virtual-terminal", AUTO)
        .timeout("hard_ms", 1_000);
    let desk = Desk::of(&setup).await;
    desk.fault("unplug", "pay_answer", &[]).await;
    let told = desk
        .sale("k", 1000)
        .end()
        .await
        .refused(ErrorName::OutcomeUnknown, Unknown);
    let id = told.transaction();
    told.says(MoneyMoved::Unknown, Retry::SameKey);
    let mut watch = desk.till.watch().await;
    desk.till.act(TERMINAL, "plug", &[]).await;
    let resolved = watch.resolved(&id).await;
    assert_eq!(resolved.outcome, TransactionOutcome::Approved);
    let again = desk.sale("k", 1000).end().await.approved();
    assert_eq!(again.transaction_id.as_str(), id);
    desk.books(TERMINAL).assert(&[("sale", "approved", 1000)]);
}
