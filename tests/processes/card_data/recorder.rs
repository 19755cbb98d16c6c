// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stands between registers and the host, and keeps every byte that the host sends to them.
//!
//! It must never change what passes but the name under which the host is asked for.

use payhal_client::Endpoint;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What registers that connect here get from the host.
#[derive(Debug)]
pub(crate) struct Recorder {
    address: String,
    heard: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// In front of the host at this address.
    pub(crate) async fn before(host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = Arc::default();
        let task = tokio::spawn(listen(
            listener,
            address.clone(),
            host.to_owned(),
            Arc::clone(&heard),
        ));
        Self {
            address,
            heard,
            task,
        }
    }

    /// Where registers connect.
    pub(crate) fn ws(&self) -> Endpoint {
        Endpoint::Ws(format!("ws://{}/v1/ws", self.address))
    }

    /// Everything so far.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, own: String, host: String, heard: Arc<Mutex<Vec<u8>>>) {
    while let Ok((register, _)) = listener.accept().await {
        let (own, host, heard) = (own.clone(), host.clone(), Arc::clone(&heard));
        tokio::spawn(async move {
            // Either side may hang up at any time.
            let _ended = pass(register, &own, &host, &heard).await;
        });
    }
}

async fn pass(
    mut register: TcpStream,
    own: &str,
    host: &str,
    heard: &Mutex<Vec<u8>>,
) -> std::io::Result<()> {
    let mut there = TcpStream::connect(host).await?;
    let mut opening = Vec::new();
    while !opening.ends_with(b"\r\n\r\n") {
        opening.push(register.read_u8().await?);
    }
    // The host answers under its own name only.
    let opening = String::from_utf8_lossy(&opening).replace(own, host);
    there.write_all(opening.as_bytes()).await?;
    let (mut from_host, mut to_host) = there.into_split();
    let (mut from_register, mut to_register) = register.into_split();
    let asking =
        tokio::spawn(async move { tokio::io::copy(&mut from_register, &mut to_host).await });
    let mut piece = vec![0; 16 * 1024];
    loop {
        let count = from_host.read(&mut piece).await?;
        if count == 0 {
            asking.abort();
            return Ok(());
        }
        heard.lock().unwrap().extend_from_slice(&piece[..count]);
        to_register.write_all(&piece[..count]).await?;
    }
}
