// SPDX-License-Identifier: MIT OR Apache-2.0
//! WebSocket on bare tokio-tungstenite, with the product's buffers.

use crate::Failure;
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::io::{Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// A call, its params unread.
#[derive(Deserialize)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) id: &'a RawValue,
    pub(super) method: &'a str,
    #[serde(borrow)]
    pub(super) params: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Answer<'a, R> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    result: R,
}

#[derive(Serialize)]
struct Nothing {}

/// The text of an answer.
pub(super) fn answer(id: &RawValue, result: impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string(&Answer {
        jsonrpc: "2.0",
        id,
        result,
    })?)
}

/// The answer to a call without a result.
pub(super) fn empty(id: &RawValue) -> Result<String, Failure> {
    answer(id, Nothing {})
}

/// A conversation: owned by its connection until it ends.
pub(super) type Conversation = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// Answers every call with nothing.
pub(super) fn serve_pings() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(listen(Arc::new(|stream| Box::pin(ping(stream)))))
}

async fn ping(stream: TcpStream) -> Result<(), Failure> {
    let mut socket = accept(stream).await?;
    while let Some(message) = socket.next().await {
        if let Message::Text(text) = message? {
            let call: Call<'_> = serde_json::from_str(&text)?;
            let text = empty(call.id)?;
            socket.send(Message::Text(text.into())).await?;
        }
    }
    Ok(())
}

/// Shakes hands.
pub(super) async fn accept(stream: TcpStream) -> Result<WebSocketStream<TcpStream>, Failure> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0);
    Ok(tokio_tungstenite::accept_async_with_config(stream, Some(config)).await?)
}

/// Listens until standard input ends.
pub(super) async fn listen(
    converse: Arc<dyn Fn(TcpStream) -> Conversation + Send + Sync>,
) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        // Whatever it is, it is the end.
        let _ = std::io::stdin().read(&mut [0]);
        drop(ended);
    });
    let mut out = std::io::stdout();
    writeln!(out, "listening on {}", listener.local_addr()?)?;
    out.flush()?;
    let accepting = async {
        loop {
            let (stream, _) = listener.accept().await?;
            // A conversation that breaks is noticed at the other end.
            tokio::spawn(converse(stream));
        }
    };
    tokio::select! {
        failed = accepting => failed,
        _ = end => Ok(()),
    }
}
