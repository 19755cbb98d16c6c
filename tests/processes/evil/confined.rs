// SPDX-License-Identifier: MIT OR Apache-2.0
//! A plugin that tries everything that is not its own: files, sockets, processes, rights. It tells
//! what it managed, and somebody listens at every door besides.

use super::{EVIL, Orders, Shop};
use crate::host::state_of;
use crate::register::sale;
use payhal_client::protocol::device::DeviceState;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

/// Doors at which nobody may knock.
#[derive(Debug)]
pub(super) struct Doors {
    tcp: TcpListener,
    mailbox: UnixDatagram,
    hidden: UnixListener,
}

impl Doors {
    fn in_folder(folder: &Path) -> (Self, String) {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let mailbox = UnixDatagram::bind(folder.join("mailbox")).unwrap();
        // Named by nothing but itself: no file shows it.
        let name = format!("payhal-evil-{}", folder.file_name().unwrap().display());
        let socket = abstract_socket(&name);
        let doors = Self {
            tcp,
            mailbox,
            hidden: UnixListener::from(socket),
        };
        doors.tcp.set_nonblocking(true).unwrap();
        doors.mailbox.set_nonblocking(true).unwrap();
        doors.hidden.set_nonblocking(true).unwrap();
        (doors, name)
    }

    fn assert_nobody_knocked(&self) {
        let tcp = self.tcp.accept().map(|_| ());
        assert_eq!(tcp.unwrap_err().kind(), ErrorKind::WouldBlock, "TCP");
        let mail = self.mailbox.recv(&mut [0; 16]);
        assert_eq!(mail.unwrap_err().kind(), ErrorKind::WouldBlock, "datagram");
        let hidden = self.hidden.accept().map(|_| ());
        assert_eq!(
            hidden.unwrap_err().kind(),
            ErrorKind::WouldBlock,
            "abstract"
        );
    }
}

fn abstract_socket(name: &str) -> OwnedFd {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
    bind(&socket, &address).unwrap();
    listen(&socket, 4).unwrap();
    socket
}

/// Tries it all at this place of the plugin.
async fn tries_at(at: &str, also: &str) -> (Shop, Doors) {
    let folder = tempfile::tempdir().unwrap();
    let (orders, doors) = tries(folder.path(), at);
    let shop = Shop::open_in(folder, &orders.and("also", also)).await;
    (shop, doors)
}

/// The orders to try it all at this place, and the doors that are tried.
pub(super) fn tries(folder: &Path, at: &str) -> (Orders, Doors) {
    let path = |place: &str| folder.join(place).display().to_string();
    let (doors, hidden) = Doors::in_folder(folder);
    let state = state_of(folder);
    let orders = Orders::new(at, "try_all")
        .and("secret", path("shop.toml"))
        .and("mailbox", path("mailbox"))
        .and("abstract", hidden)
        .and("target", doors.tcp.local_addr().unwrap().to_string())
        .and("operator", state.join("payhal.sock").display().to_string())
        .and(
            "folder",
            state
                .join("instances")
                .join("reader-1")
                .display()
                .to_string(),
        );
    (orders, doors)
}

/// It managed nothing, nobody knocked, and what it may do it can.
pub(super) async fn managed_nothing(shop: Shop, doors: &Doors, sold: &[i64]) {
    let log = shop.log();
    let managed: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("MANAGED"))
        .collect();
    assert!(managed.is_empty(), "{}", managed.join("\n"));
    assert!(shop.told("evil: tried ").contains("managed 0"));
    // Its own folder is its own.
    shop.told("evil: own file 0");
    doors.assert_nobody_knocked();
    shop.unharmed(sold).await;
}

#[tokio::test]
async fn in_a_constructor() {
    let (shop, doors) = tries_at("constructor", "").await;
    shop.register.until_state(EVIL, DeviceState::Ready).await;
    managed_nothing(shop, &doors, &[]).await;
}

#[tokio::test]
async fn in_create() {
    let (shop, doors) = tries_at("create", "").await;
    shop.register.until_state(EVIL, DeviceState::Ready).await;
    managed_nothing(shop, &doors, &[]).await;
}

#[tokio::test]
async fn in_a_call() {
    let (shop, doors) = tries_at("simulate", "").await;
    shop.register.until_state(EVIL, DeviceState::Ready).await;
    shop.register.act(EVIL, "anything", &shop.other()).await;
    managed_nothing(shop, &doors, &[]).await;
}

#[tokio::test]
async fn in_cancel() {
    let (shop, doors) = tries_at("cancel", "wait").await;
    shop.register.until_state(EVIL, DeviceState::Ready).await;
    let mut params = sale("k", 1250, EVIL);
    params.timeout_ms = Some(20_000);
    let selling = shop.register.begin(&params).await;
    selling.cancel().await;
    assert!(selling.end().await.answer.is_err());
    managed_nothing(shop, &doors, &[]).await;
}
