// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payments over lines that spoil some of what passes: every word that a register hears is what
//! stands in the terminal's books, or in the gateway's.

use super::line::Noise;
use super::{OnLine, error, folder, open, open_as, pinpad, serial};
use crate::host::Setup;
use crate::register::{Played, Register, sale};
use crate::till::PAUSE;
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::payment::{ResolveParams, ResolvedOutcome};
use payhal_client::protocol::{ErrorData, ErrorName, MoneyMoved};
use std::time::{Duration, Instant};

/// Noisy terminals at once, and payments of each: a hundred and more in all.
const TERMINALS: i64 = 8;
const PAYMENTS_EACH: i64 = 13;

/// Noisy payments of the pinpad.
const READS: i64 = 25;

/// Spoiled words of a thousand. A payment has about a dozen on a terminal's line.
const PER_MILLE: u64 = 15;

/// A terminal that was not heard out has up to nine seconds of its own, in which it lets nobody.
const OWN_TURN: Duration = Duration::from_secs(15);

/// What a person reads on the terminal decides what is left.
async fn settled(register: &Register, told: &ErrorData, moved: &[i64], minor: i64) {
    let id = told.transaction_id.clone();
    let outcome = match moved.contains(&minor) {
        true => ResolvedOutcome::Approved,
        false => ResolvedOutcome::Failed,
    };
    let params = ResolveParams {
        transaction_id: id.expect("what is unknown has a name"),
        outcome,
        evidence: "the terminal's own record".to_owned(),
        operator: "Ann".to_owned(),
    };
    register.0.resolve(&params).await.unwrap();
}

/// A cashier who tries again, a little later, while the device takes nothing.
async fn taken(register: &Register, name: &str, minor: i64) -> Result<(), ErrorData> {
    let begun = Instant::now();
    for attempt in 1.. {
        let key = format!("{name}-{minor}-{attempt}");
        let answer = register.sell_alone(&sale(&key, minor, name)).await.answer;
        let Err(answer) = answer else {
            return Ok(());
        };
        let told = error(Played {
            progress: Vec::new(),
            answer: Err(answer),
        });
        let nothing_sent = matches!(
            told.name,
            ErrorName::GatewayUnavailable | ErrorName::DeviceUnavailable
        );
        if !nothing_sent || begun.elapsed() > OWN_TURN {
            return Err(told);
        }
        assert_eq!(told.money_moved, MoneyMoved::No, "{told:?}");
        tokio::time::sleep(PAUSE).await;
    }
    unreachable!("attempts do not run out")
}

/// How many payments were approved.
async fn sells_over_noise(register: Register, mut on: OnLine, name: String, first: i64) -> usize {
    register.until_state(&name, DeviceState::Ready).await;
    let mut approved = Vec::new();
    for place in 0..PAYMENTS_EACH {
        // The last two digits say how it goes: 00 is approved, 51 refused.
        let minor = (first + place) * 100 + if place % 5 == 4 { 51 } else { 0 };
        let told = taken(&register, &name, minor).await;
        let moved = on.device.moved("payment").await;
        match told {
            Ok(()) => {
                approved.push(minor);
                assert!(moved.contains(&minor), "{minor} was approved: {moved:?}");
            }
            Err(told) if told.money_moved == MoneyMoved::No => {
                assert!(!moved.contains(&minor), "{minor} was denied: {told:?}");
            }
            Err(told) => settled(&register, &told, &moved, minor).await,
        }
    }
    let moved = on.device.moved("payment").await;
    let mut once = moved.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), moved.len(), "charged twice: {moved:?}");
    assert!(approved.iter().all(|minor| moved.contains(minor)));
    approved.len()
}

#[tokio::test]
async fn a_hundred_payments_over_noisy_lines_are_told_as_the_terminals_have_them() {
    let folder = folder();
    let mut devices = String::new();
    let mut all = Vec::new();
    for number in 1..=TERMINALS {
        let name = format!("line-{number}");
        let on = OnLine::terminal(folder.path(), &name).await;
        let noise = Noise {
            seed: number.unsigned_abs(),
            per_mille: PER_MILLE,
        };
        devices += &serial(&name, &on.line);
        all.push((number, name, on.plug(noise), on));
    }
    let (host, _) = open(folder, &devices).await;
    let mut selling = tokio::task::JoinSet::new();
    for (number, name, cable, on) in all {
        let register = host.register(&format!("till-{number}")).await;
        selling.spawn(async move {
            let approved = sells_over_noise(register, on, name, number * 1000).await;
            drop(cable);
            approved
        });
    }
    let mut approved = 0;
    while let Some(ended) = selling.join_next().await {
        approved += ended.unwrap();
    }
    // Four of five are asked for an amount that the bank approves.
    assert!(approved >= 50, "hardly anything got through: {approved}");
}

#[tokio::test]
async fn payments_at_a_pinpad_on_a_noisy_line_are_told_as_the_gateway_has_them() {
    let folder = folder();
    pinpad::new_base_key(folder.path()).await;
    let mut on = pinpad::start(folder.path(), "noisy").await;
    let noise = Noise {
        seed: 1,
        per_mille: PER_MILLE,
    };
    let _cable = on.plug(noise);
    let devices = pinpad::configured("noisy", &on.line, ", timer_percent = 25");
    // A response that is lost as a whole is waited for as long as a person may take.
    let setup = Setup::readers(0)
        .rules(&devices)
        .timeout("card_ms", 5_000)
        .timeout("pin_ms", 5_000)
        .timeout("completion_ms", 5_000);
    let (host, register) = open_as(folder, &setup).await;
    register.until_state("noisy", DeviceState::Ready).await;
    let mut approved = Vec::new();
    for place in 0..READS {
        let minor = (10 + place) * 100;
        let card = ["insert visa-approve", "tap visa-approve"][usize::from(place % 2 == 1)];
        on.device.does(card).await;
        match taken(&register, "noisy", minor).await {
            Ok(()) => approved.push(minor),
            Err(told) => {
                if told.money_moved == MoneyMoved::Reversing {
                    let id = told.transaction_id.expect("it has a name");
                    register.until_back(id.as_str()).await;
                } else {
                    assert_eq!(told.money_moved, MoneyMoved::No, "{told:?}");
                }
            }
        }
    }
    let charges = host.ledger().charges();
    let charged: Vec<_> = charges.iter().map(|line| line.amount_minor).collect();
    assert_eq!(charged, approved, "the gateway's books");
    assert!(
        approved.len() > 10,
        "hardly anything got through: {approved:?}"
    );
}
