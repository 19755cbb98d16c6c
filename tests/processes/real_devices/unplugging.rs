// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cables that are pulled again and again, beside devices of the same and of another make that sell.

use super::line::Noise;
use super::simulated::Simulated;
use super::{CONCERT, OnLine, address, error, folder, networked, open, pinpad, serial};
use crate::register::{Register, sale};
use payhal_client::protocol::MoneyMoved;
use payhal_client::protocol::device::DeviceState;

const ROUNDS: i64 = 3;

#[tokio::test]
async fn a_terminal_whose_cable_is_pulled_again_and_again_disturbs_no_other() {
    let folder = folder();
    let mut loose = OnLine::terminal(folder.path(), "loose").await;
    let mut firm = OnLine::terminal(folder.path(), "firm").await;
    let mut far = Simulated::start(CONCERT, &["--port", "0", "--auto"]).await;
    let devices = serial("loose", &loose.line)
        + &serial("firm", &firm.line)
        + &networked("far", &address(&far));
    let _held = firm.plug(Noise::NONE);
    let mut cable = loose.plug(Noise::NONE);
    let (host, _) = open(folder, &devices).await;
    let tills = [
        host.register("till-1").await,
        host.register("till-2").await,
        host.register("till-3").await,
    ];
    for (till, name) in tills.iter().zip(["loose", "firm", "far"]) {
        till.until_state(name, DeviceState::Ready).await;
    }
    let runners = (host.runner("firm"), host.runner("far"));
    for round in 1..=ROUNDS {
        let minor = round * 1000;
        let key = |name: &str| format!("{name}-{round}");
        let others = [
            tills[1].begin(&sale(&key("firm"), minor, "firm")).await,
            tills[2].begin(&sale(&key("far"), minor, "far")).await,
        ];
        drop(cable);
        tills[0].until_state("loose", DeviceState::Unplugged).await;
        for other in others {
            other.end().await.approved();
        }
        cable = loose.plug(Noise::NONE);
        tills[0].until_state("loose", DeviceState::Ready).await;
        let again = sale(&key("loose"), minor, "loose");
        tills[0].sell_alone(&again).await.approved();
    }
    assert_eq!((host.runner("firm"), host.runner("far")), runners);
    for terminal in [&mut loose.device, &mut firm.device, &mut far] {
        assert_eq!(terminal.moved("payment").await, [1000, 2000, 3000]);
    }
    drop(cable);
}

#[tokio::test]
async fn two_pinpads_and_two_terminals_sell_at_once_while_one_is_pulled_out_of_its_sale() {
    let folder = folder();
    let path = folder.path();
    pinpad::new_base_key(path).await;
    let mut loose = pinpad::start(path, "loose").await;
    let mut firm = pinpad::start(path, "firm").await;
    let mut line = OnLine::terminal(path, "line").await;
    let mut far = Simulated::start(CONCERT, &["--port", "0", "--auto"]).await;
    let devices = pinpad::configured("loose", &loose.line, "")
        + &pinpad::configured("firm", &firm.line, "")
        + &serial("line", &line.line)
        + &networked("far", &address(&far));
    let _held = (firm.plug(Noise::NONE), line.plug(Noise::NONE));
    let mut cable = loose.plug(Noise::NONE);
    let (host, till) = open(folder, &devices).await;
    let names = ["firm", "line", "far"];
    let mut tills: Vec<(&str, Register)> = Vec::new();
    for name in names {
        let till = host.register(&format!("till-{name}")).await;
        till.until_state(name, DeviceState::Ready).await;
        tills.push((name, till));
    }
    till.until_state("loose", DeviceState::Ready).await;
    let runners = names.map(|name| host.runner(name));
    for round in 1..=ROUNDS {
        let pulled = sale(&format!("pulled-{round}"), 4200, "loose");
        let begun = till.begin(&pulled).await;
        let mut others = Vec::new();
        for (name, till) in &tills {
            let params = sale(&format!("{name}-{round}"), round * 1000, name);
            others.push(till.begin(&params).await);
        }
        drop(cable);
        let pulled = error(begun.end().await);
        assert_eq!(pulled.money_moved, MoneyMoved::No, "{pulled:?}");
        till.until_state("loose", DeviceState::Unplugged).await;
        firm.device.does("insert visa-pin").await;
        for other in others {
            other.end().await.approved();
        }
        cable = loose.plug(Noise::NONE);
        till.until_state("loose", DeviceState::Ready).await;
        loose.device.does("insert visa-approve").await;
        let again = sale(&format!("loose-{round}"), round * 1000 + 500, "loose");
        till.sell_alone(&again).await.approved();
    }
    assert_eq!(names.map(|name| host.runner(name)), runners);
    for terminal in [&mut line.device, &mut far] {
        assert_eq!(terminal.moved("payment").await, [1000, 2000, 3000]);
    }
    let charged = host.ledger().charges();
    let mut charged: Vec<_> = charged.iter().map(|line| line.amount_minor).collect();
    charged.sort_unstable();
    assert_eq!(charged, [1000, 1500, 2000, 2500, 3000, 3500]);
    drop(cable);
}
