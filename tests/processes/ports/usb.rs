// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same with real USB devices: these cases make them, with the kernel's virtual host
//! controller (vhci_hcd), and run as root in a machine of their own; see `tests/usb`.

mod gadget;

use super::*;
use gadget::Gadget;

/// Two pads of one kind, at the ports that the manifest says.
async fn two_pads(port: &str) -> (Gadget, Gadget, Host, Register) {
    let pads = (Gadget::plug_in("A1"), Gadget::plug_in("B2"));
    let devices = device("left", "usb:A1") + &device("right", "usb:B2");
    let folder = folder(&format!("{port}\nusb = ['{}']", gadget::ID));
    let (host, register) = open(folder, &devices).await;
    (pads.0, pads.1, host, register)
}

async fn has(register: &Register, name: &str, serial: &str) {
    let device = ready(register, name).await;
    assert_eq!(device.serial_number.as_deref(), Some(serial), "{name}");
}

/// One is unplugged while the other works, both are plugged in again in the other order, and each
/// instance has its own.
async fn told_apart(port: &str) {
    let (left, right, host, register) = two_pads(port).await;
    has(&register, "left", "A1").await;
    has(&register, "right", "B2").await;
    let steady = host.runner("right");
    drop(left);
    absent(&register, "left", "").await;
    has(&register, "right", "B2").await;
    assert_eq!(host.runner("right"), steady, "the other pad was disturbed");
    drop(right);
    absent(&register, "right", "").await;
    let right = Gadget::plug_in("B2");
    has(&register, "right", "B2").await;
    let left = Gadget::plug_in("A1");
    has(&register, "left", "A1").await;
    let steady = host.runner("left");
    pulled_mid_unplug(&register, right).await;
    assert_eq!(host.runner("left"), steady, "the other pad was disturbed");
    for name in ["left", "right"] {
        assert_eq!(instance(&host, name).await.restarts, 0, "{name} crashed");
    }
    drop(left);
}

async fn pulled_mid_unplug(register: &Register, right: Gadget) {
    drop(right);
    absent(register, "right", "").await;
    nothing_moved(&register.sell_alone(&sale("k", 1250, "right")).await);
}

#[tokio::test]
async fn two_lines_of_one_kind_are_told_apart_by_serial_number() {
    told_apart("kind = 'serial'").await;
}

#[tokio::test]
async fn two_devices_of_one_kind_are_told_apart_by_serial_number() {
    told_apart("kind = 'usb'").await;
}

#[tokio::test]
async fn a_cable_is_pulled_mid_sale() {
    let (left, _right, host, register) = two_pads("kind = 'serial'").await;
    has(&register, "left", "A1").await;
    has(&register, "right", "B2").await;
    pulled_mid_sale(&host, &register, "left", || drop(left)).await;
    absent(&register, "left", "").await;
    host.ledger().assert(&[("sale", "approved", 999)]);
}

#[tokio::test]
async fn the_device_is_told_how_the_line_is_set() {
    let settings = "baud = 19200\ndata_bits = 7\nparity = 'even'\nstop_bits = 2";
    let (left, _right, _host, register) = two_pads(&format!("kind = 'serial'\n{settings}")).await;
    has(&register, "left", "A1").await;
    // PSTN subclass of CDC, 6.3.11: speed, 2 stop bits, even, 7 data bits.
    let mut coding = 19_200_u32.to_le_bytes().to_vec();
    coding.extend([2, 2, 7]);
    assert_eq!(left.line_coding(), coding);
}
