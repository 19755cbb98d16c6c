// SPDX-License-Identifier: MIT OR Apache-2.0
//! The register API byte by byte: a bare WebSocket, a bare HTTP request, a bare Unix socket.

use crate::host::{Host, soon};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, UnixStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};

/// A WebSocket without manners.
#[derive(Debug)]
pub(crate) struct Wire(WebSocketStream<TcpStream>);

impl Wire {
    /// Connects; says nothing.
    pub(crate) async fn connect(host: &Host) -> Self {
        let stream = TcpStream::connect(host.address()).await.unwrap();
        let url = format!("ws://{}/v1/ws", host.address());
        // The host's bounds are under test, not this client's.
        let unbounded = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let opening = tokio_tungstenite::client_async_with_config(url, stream, Some(unbounded));
        Self(soon("a WebSocket", opening).await.unwrap().0)
    }

    pub(crate) async fn send(&mut self, message: Message) {
        soon("a write", self.0.send(message)).await.unwrap();
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// Sends what may not be taken whole, because the host hangs up meanwhile.
    pub(crate) async fn try_send(&mut self, message: Message) {
        // Refused while it is sent is as good.
        soon("a write or its refusal", self.0.send(message))
            .await
            .ok();
    }

    /// The next text, as it came.
    pub(crate) async fn hear(&mut self) -> String {
        loop {
            match soon("a message", self.0.next()).await {
                Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("a text was expected, not {other:?}"),
            }
        }
    }

    /// The next text, or the code with which the host ends it; 1006 where it says none.
    pub(crate) async fn next(&mut self) -> Result<String, u16> {
        loop {
            match soon("a message or the end", self.0.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// The answer to one message, as it came.
    pub(crate) async fn ask(&mut self, text: &str) -> String {
        self.say(text).await;
        self.hear().await
    }

    /// The same as JSON.
    pub(crate) async fn ask_json(&mut self, text: &str) -> Value {
        serde_json::from_str(&self.ask(text).await).unwrap()
    }

    /// The close frame that must come; texts before it do not matter.
    pub(crate) async fn closed(&mut self) -> CloseFrame {
        loop {
            match soon("a close frame", self.0.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => return frame,
                Some(Ok(_)) => {}
                other => panic!("a close frame was expected, not {other:?}"),
            }
        }
    }
}

/// One line of JSON-RPC.
pub(crate) fn call(id: i64, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

/// What an HTTP request got.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Response {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// `GET` with exactly these headers beside `Connection`.
pub(crate) async fn http(host: &Host, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = format!("GET {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("connection"))
    {
        request.push_str("Connection: close\r\n");
    }
    request.push_str("\r\n");
    respond(host, &request).await
}

async fn respond(host: &Host, request: &str) -> Response {
    let mut stream = TcpStream::connect(host.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    soon("a response", stream.read_to_end(&mut bytes))
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Response {
        status: status.unwrap_or(0),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// The same with a `Host` header as it should be.
pub(crate) async fn page(host: &Host, path: &str) -> Response {
    http(host, path, &[("Host", host.address())]).await
}

/// `POST` of JSON by the console's own page.
pub(crate) async fn post(host: &Host, path: &str, body: &str) -> Response {
    let own = format!("http://{}", host.address());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nOrigin: {own}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        host.address(),
        body.len()
    );
    respond(host, &(head + body)).await
}

/// The Unix socket, line by line.
#[derive(Debug)]
pub(crate) struct Socket(Lines<BufReader<OwnedReadHalf>>, OwnedWriteHalf);

impl Socket {
    pub(crate) async fn connect(host: &Host) -> Self {
        let stream = UnixStream::connect(host.state().join("payhal.sock"))
            .await
            .unwrap();
        let (read, write) = stream.into_split();
        Self(BufReader::new(read).lines(), write)
    }

    pub(crate) async fn ask(&mut self, text: &str) -> String {
        self.1
            .write_all(format!("{text}\n").as_bytes())
            .await
            .unwrap();
        self.hear().await.unwrap()
    }

    /// The next line; nothing once the host has hung up.
    pub(crate) async fn hear(&mut self) -> Option<String> {
        soon("a line", self.0.next_line()).await.unwrap_or_default()
    }

    /// Sends what may not be taken whole.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) {
        soon("a write or its refusal", self.1.write_all(bytes))
            .await
            .ok();
    }
}
