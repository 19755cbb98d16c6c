// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client against a host that does exactly what each test says.
#![expect(
    clippy::unwrap_used,
    reason = "a step of the test's host that fails fails the test"
)]

#[path = "access/mod.rs"]
mod access;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use payhal_client::protocol::error::ErrorOutcome;
use payhal_client::protocol::events::SubscribeParams;
use payhal_client::protocol::payment::{CancelState, SaleParams};
use payhal_client::protocol::progress::{RespondParams, Stage};
use payhal_client::protocol::{Amount, ErrorName, MoneyMoved};
use payhal_client::{CallError, Client, Config, ConnectError, Endpoint, RESUBSCRIBED, Update};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// The host's end of one connection.
struct Peer(WebSocketStream<TcpStream>);

impl Peer {
    /// Takes a connection and answers its greeting.
    async fn accept(listener: &TcpListener) -> Self {
        let mut peer = Self::accept_silently(listener).await;
        let hello = peer.receive().await;
        assert_eq!(hello["method"], "session.hello");
        peer.answer(&hello, hello_result()).await;
        peer
    }

    async fn accept_silently(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        Self(tokio_tungstenite::accept_async(stream).await.unwrap())
    }

    async fn receive_text(&mut self) -> String {
        loop {
            if let Message::Text(text) = self.0.next().await.unwrap().unwrap() {
                return text.as_str().to_owned();
            }
        }
    }

    async fn receive(&mut self) -> Value {
        serde_json::from_str(&self.receive_text().await).unwrap()
    }

    async fn send(&mut self, message: Value) {
        self.0
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    async fn answer(&mut self, call: &Value, result: Value) {
        self.send(json!({"jsonrpc": "2.0", "id": call["id"], "result": result}))
            .await;
    }

    async fn refuse(&mut self, call: &Value, code: i64, name: &str) {
        let details =
            json!({"name": name, "outcome": "failed", "money_moved": "no", "retry": "never"});
        let error = json!({"code": code, "message": name, "data": details});
        self.send(json!({"jsonrpc": "2.0", "id": call["id"], "error": error}))
            .await;
    }

    /// Whether the client hung up without another message.
    async fn nothing_more(&mut self) -> bool {
        !matches!(self.0.next().await, Some(Ok(Message::Text(_))))
    }

    async fn notify(&mut self, method: &str, params: Value) {
        self.send(json!({"jsonrpc": "2.0", "method": method, "params": params}))
            .await;
    }

    async fn progress(&mut self, call: &Value, seq: u64, stage: &str) {
        let params = json!({
            "transaction_id": "t-1", "idempotency_key": call["params"]["idempotency_key"],
            "request_id": call["id"], "seq": seq, "stage": stage, "text": stage,
            "at": "2026-01-01T00:00:00Z",
        });
        self.notify("payment.progress", params).await;
    }
}

fn hello_result() -> Value {
    json!({
        "host": {"id": "h", "name": "host", "version": "1"}, "protocol": 1, "state": "open",
        "register_id": "till",
    })
}

fn approved(call: &Value) -> Value {
    let amount = &call["params"]["amount"];
    json!({
        "transaction_id": "t-1", "idempotency_key": call["params"]["idempotency_key"],
        "outcome": "approved", "amounts": {"requested": amount, "approved": amount},
        "partial": false, "receipts": {"merchant": "m", "customer": "c"},
        "signature_required": false, "at": "2026-01-01T00:00:00Z", "replayed": false,
    })
}

async fn listen() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, Endpoint::Ws(format!("ws://{address}/v1/ws")))
}

/// A client and the host's end of its first connection.
async fn pair(config: Config) -> (TcpListener, Peer, Client) {
    let (listener, endpoint) = listen().await;
    let connect = Client::connect_with(endpoint, config);
    let (peer, client) = tokio::join!(Peer::accept(&listener), connect);
    (listener, peer, client.unwrap())
}

fn sale(key: &str) -> SaleParams {
    SaleParams::new(key, Amount::new(1250, "EUR"))
}

#[tokio::test]
async fn progress_comes_before_the_one_answer() {
    let (_listener, mut peer, client) = pair(Config::default()).await;
    assert_eq!(client.hello().register_id.as_str(), "till");
    let mut payment = client.sale(&sale("k-1"));
    let call = peer.receive().await;
    assert_eq!(call["method"], "payment.sale");
    peer.progress(&call, 1, "waiting_for_card").await;
    peer.progress(&call, 2, "authorizing").await;
    peer.answer(&call, approved(&call)).await;
    let mut stages = Vec::new();
    while let Some(update) = payment.next().await {
        let Update::Progress(progress) = update else {
            panic!("not progress: {update:?}")
        };
        stages.push((progress.seq, progress.stage));
    }
    assert_eq!(
        stages,
        [(1, Stage::WaitingForCard), (2, Stage::Authorizing)]
    );
    let approved = payment.await.unwrap();
    assert_eq!(approved.amounts.approved, Some(Amount::new(1250, "EUR")));
}

#[tokio::test]
async fn answers_find_their_calls_in_any_order() {
    let (_listener, mut peer, client) = pair(Config::default()).await;
    let (first, second) = (client.sale(&sale("k-1")), client.sale(&sale("k-2")));
    let (one, two) = (peer.receive().await, peer.receive().await);
    peer.answer(&two, approved(&two)).await;
    peer.answer(&one, approved(&one)).await;
    assert_eq!(first.await.unwrap().idempotency_key.as_str(), "k-1");
    assert_eq!(second.await.unwrap().idempotency_key.as_str(), "k-2");
}

#[tokio::test]
async fn errors_keep_what_the_host_said() {
    let (_listener, mut peer, client) = pair(Config::default()).await;
    for (code, name, outcome, unknown) in [
        (3001, "DECLINED", "declined", false),
        (3004, "OUTCOME_UNKNOWN", "unknown", true),
        (3999, "OF_A_NEWER_HOST", "unknown", true),
    ] {
        let payment = client.sale(&sale(name));
        let call = peer.receive().await;
        let details = json!({
            "name": name, "outcome": outcome, "money_moved": "unknown", "retry": "same_key",
            "doc": "d", "transaction_id": "t-9",
        });
        let error = json!({"code": code, "message": "m", "data": details});
        peer.send(json!({"jsonrpc": "2.0", "id": call["id"], "error": error}))
            .await;
        let error = payment.await.unwrap_err();
        assert_eq!(error.outcome_unknown(), unknown, "{name}");
        let object = error.rpc().unwrap();
        assert_eq!(object.code, code);
        if code == 3001 {
            assert_eq!(error.name(), Some(ErrorName::Declined));
            let details = object.data.as_ref().unwrap();
            assert_eq!(details.outcome, ErrorOutcome::Declined);
            assert_eq!(details.money_moved, MoneyMoved::Unknown);
            assert_eq!(details.transaction_id.as_ref().unwrap().as_str(), "t-9");
        }
    }
}

#[tokio::test]
async fn a_lost_connection_sends_the_same_call_again() {
    let (listener, mut peer, client) = pair(Config::default()).await;
    let mut payment = client.sale(&sale("k-1"));
    let before = peer.receive_text().await;
    let ping = tokio::spawn({
        let client = client.clone();
        async move { client.ping().await }
    });
    assert_eq!(peer.receive().await["method"], "session.ping");
    drop(peer);
    let mut peer = Peer::accept(&listener).await;
    let after = peer.receive_text().await;
    assert_eq!(before, after);
    assert!(matches!(
        ping.await.unwrap(),
        Err(CallError::ConnectionLost)
    ));
    let call = serde_json::from_str::<Value>(&after).unwrap();
    assert_eq!(call["params"]["idempotency_key"], "k-1");
    peer.progress(&call, 7, "authorizing").await;
    peer.answer(&call, approved(&call)).await;
    assert!(matches!(payment.next().await, Some(Update::Progress(progress)) if progress.seq == 7));
    assert!(payment.await.is_ok());
}

#[tokio::test]
async fn a_host_that_stays_away_leaves_the_outcome_unknown() {
    let config = Config {
        reconnect_for: Duration::ZERO,
        ..Config::default()
    };
    let (listener, mut peer, client) = pair(config).await;
    let payment = client.sale(&sale("k-1"));
    peer.receive().await;
    drop(peer);
    let error = payment.await.unwrap_err();
    assert!(matches!(error, CallError::ConnectionLost), "{error:?}");
    assert!(error.outcome_unknown());
    // With no time to reconnect the next call cannot be sent, and says so.
    let error = client.sale(&sale("k-2")).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent), "{error:?}");
    assert!(!error.outcome_unknown());
    drop(listener);
}

#[tokio::test]
async fn prompts_reach_their_payment_and_are_answered() {
    let (_listener, mut peer, client) = pair(Config::default()).await;
    let mut payment = client.sale(&sale("k-1"));
    let call = peer.receive().await;
    let prompt = json!({
        "prompt_id": "p-1", "transaction_id": "t-1", "idempotency_key": "k-1",
        "kind": "confirm_signature", "text": "ok?", "expires_at": "2026-01-01T00:01:00Z",
        "default": "reverse",
    });
    peer.notify("payment.prompt", prompt).await;
    let Some(Update::Prompt(prompt)) = payment.next().await else {
        panic!("no prompt")
    };
    let respond = RespondParams {
        accepted: Some(true),
        ..RespondParams::to(prompt.prompt_id)
    };
    let host = async {
        let response = peer.receive().await;
        assert_eq!(
            response["params"],
            json!({"prompt_id": "p-1", "accepted": true})
        );
        peer.answer(&response, json!({"accepted": true})).await;
        peer.answer(&call, approved(&call)).await;
    };
    let (responded, ()) = tokio::join!(client.request(&respond), host);
    assert!(responded.unwrap().accepted);
    assert!(payment.await.is_ok());
}

#[tokio::test]
async fn cancel_names_the_key_and_leaves_the_answer_to_the_call() {
    let (_listener, mut peer, client) = pair(Config::default()).await;
    let payment = client.sale(&sale("k-1"));
    let call = peer.receive().await;
    let host = async {
        let cancel = peer.receive().await;
        assert_eq!(cancel["params"], json!({"idempotency_key": "k-1"}));
        peer.answer(
            &cancel,
            json!({"state": "too_late", "transaction_id": "t-1"}),
        )
        .await;
        peer.answer(&call, approved(&call)).await;
    };
    let (cancelled, ()) = tokio::join!(payment.cancel(), host);
    assert_eq!(cancelled.unwrap().state, CancelState::TooLate);
    assert!(payment.await.is_ok());
}

#[tokio::test]
async fn a_subscription_goes_on_after_the_last_event() {
    let (listener, mut peer, client) = pair(Config::default()).await;
    let mut notifications = client.notifications();
    let params = SubscribeParams::default();
    let host = async {
        let call = peer.receive().await;
        peer.answer(&call, json!({"seq": 40, "missed": false}))
            .await;
    };
    let (subscribed, ()) = tokio::join!(client.subscribe(&params), host);
    assert_eq!(subscribed.unwrap().seq, 40);
    peer.notify(
        "host.stopping",
        json!({"seq": 41, "at": "a", "reason": "r", "grace_ms": 1}),
    )
    .await;
    assert_eq!(
        &*notifications.recv().await.unwrap().method,
        "host.stopping"
    );
    drop(peer);
    let mut peer = Peer::accept(&listener).await;
    let again = peer.receive().await;
    assert_eq!(again["method"], "events.subscribe");
    assert_eq!(again["params"], json!({"since_seq": 41}));
    peer.answer(&again, json!({"seq": 50, "missed": true}))
        .await;
    let made = notifications.recv().await.unwrap();
    assert_eq!(
        (
            &*made.method,
            made.parse::<Value>().unwrap()["missed"] == true
        ),
        (RESUBSCRIBED, true)
    );
}

#[tokio::test]
async fn params_out_of_bounds_are_not_sent() {
    let (_listener, mut peer, client) = pair(Config::default()).await;
    let error = client
        .sale(&SaleParams::new("k", Amount::new(0, "EUR")))
        .await
        .unwrap_err();
    assert!(matches!(&error, CallError::Params(field) if field.field == "amount.minor"));
    let long = json!({"text": "x".repeat(300_000)});
    let error = client
        .call::<_, Value>("session.ping", &long)
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::TooLarge(_)));
    // The next thing the host sees is the next call.
    let host = async {
        let call = peer.receive().await;
        peer.answer(&call, json!({})).await;
        call
    };
    let (pinged, call) = tokio::join!(client.ping(), host);
    pinged.unwrap();
    assert_eq!(call["method"], "session.ping");
}

#[tokio::test]
async fn a_refused_greeting_is_told_apart() {
    let (listener, endpoint) = listen().await;
    let host = async {
        let mut peer = Peer::accept_silently(&listener).await;
        let hello = peer.receive().await;
        let error = json!({"code": 1005, "message": "m"});
        peer.send(json!({"jsonrpc": "2.0", "id": hello["id"], "error": error}))
            .await;
        peer
    };
    let (connected, _peer) = tokio::join!(Client::connect(endpoint), host);
    let error = connected.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Refused(object) if object.code == 1005),
        "{error:?}"
    );
    let error = Client::connect(Endpoint::Ws("http://localhost/".to_owned()))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Address(_)), "{error:?}");
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_connection() {
    let (_listener, mut peer, client) = pair(Config::default()).await;
    let clone = client.clone();
    drop(client);
    let host = async {
        let call = peer.receive().await;
        peer.answer(&call, json!({})).await;
    };
    let (pinged, ()) = tokio::join!(clone.ping(), host);
    pinged.unwrap();
    drop(clone);
    assert!(matches!(peer.0.next().await, Some(Ok(Message::Close(_)))));
}

#[cfg(unix)]
mod unix {
    use super::{approved, hello_result};
    use payhal_client::protocol::payment::Approved;
    use payhal_client::{Client, Endpoint};
    use serde_json::value::RawValue;
    use serde_json::{Value, json};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::UnixListener;

    #[tokio::test]
    async fn each_message_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("payhal.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let host = async {
            let (stream, _) = listener.accept().await.unwrap();
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            let mut seen = Vec::new();
            for _ in 0..2 {
                let call: Value =
                    serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
                let hello = call["method"] == "session.hello";
                let result = if hello {
                    hello_result()
                } else {
                    approved(&call)
                };
                let answer = json!({"jsonrpc": "2.0", "id": call["id"], "result": result});
                // Broken into two writes, as a socket may do.
                let text = format!("{answer}\n");
                let (head, tail) = text.split_at(text.len() / 2);
                write.write_all(head.as_bytes()).await.unwrap();
                write.flush().await.unwrap();
                write.write_all(tail.as_bytes()).await.unwrap();
                seen.push(call);
            }
            seen
        };
        let register = async {
            let client = Client::connect(Endpoint::Unix(path.clone())).await.unwrap();
            // A caller's own JSON with line breaks still travels as one line.
            let pretty = "{\n\"idempotency_key\": \"k\",\r\n\"amount\": {\"minor\": 5, \"currency\": \"EUR\"}\n}";
            let params = RawValue::from_string(pretty.to_owned()).unwrap();
            client
                .call::<_, Approved>("payment.sale", &params)
                .await
                .unwrap()
        };
        let (seen, approved) = tokio::join!(host, register);
        assert_eq!(seen[1]["params"]["amount"]["minor"], 5);
        assert_eq!(approved.idempotency_key.as_str(), "k");
    }
}
