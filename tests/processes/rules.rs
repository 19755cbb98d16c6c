// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves the rules of the wire: what comes in broken is answered by the standard's codes or ends
//! the connection with the documented close code, and none of it moves money.

use crate::host::{Host, Setup};
use crate::register;
use crate::wire::{Socket, Wire, call};
use payhal_client::protocol::payment::{CardToken, SaleParams, VerifyParams};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"session.ping"}"#;
const MESSAGE_BYTES_MAX: usize = 256 * 1024;

async fn shop() -> (Host, Wire) {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let wire = Wire::connect(&host).await;
    (host, wire)
}

fn sale(id: i64, with: &Value) -> String {
    let mut params = json!({
        "idempotency_key": format!("k{id}"),
        "amount": {"minor": 1250, "currency": "EUR"},
    });
    params
        .as_object_mut()
        .unwrap()
        .extend(with.as_object().unwrap().clone());
    call(id, "payment.sale", &params)
}

/// Answers until the one with this id.
async fn answer_to(wire: &mut Wire, id: i64) -> Value {
    loop {
        let heard: Value = serde_json::from_str(&wire.hear().await).unwrap();
        if heard["id"] == id {
            return heard;
        }
    }
}

#[tokio::test]
async fn ids_come_back_byte_for_byte() {
    let (host, mut wire) = shop().await;
    let mut socket = Socket::connect(&host).await;
    let long = format!("\"{}\"", "x".repeat(128));
    for id in [
        "-9223372036854775808",
        "9223372036854775807",
        "0",
        "-7",
        r#""a\u0041\/\n \"""#,
        r#""""#,
        &long,
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"session.ping"}}"#);
        let expected = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
        assert_eq!(wire.ask(&text).await, expected);
        assert_eq!(socket.ask(&text).await, expected);
    }
    for id in [
        "null",
        "1.5",
        "9223372036854775808",
        &format!("\"{}\"", "x".repeat(129)),
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"session.ping"}}"#);
        let answer = wire.ask_json(&text).await;
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&Value::Null, &json!(-32600)),
            "{id}"
        );
    }
}

#[tokio::test]
async fn broken_messages_get_the_codes_of_the_standard() {
    let (_host, mut wire) = shop().await;
    for (text, code, name) in [
        ("{", -32700, "PARSE_ERROR"),
        ("nonsense", -32700, "PARSE_ERROR"),
        ("[]", -32600, "INVALID_REQUEST"),
        (
            r#"{"jsonrpc":"1.0","id":1,"method":"session.ping"}"#,
            -32600,
            "INVALID_REQUEST",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"payment.steal"}"#,
            -32601,
            "METHOD_NOT_FOUND",
        ),
    ] {
        let answer = wire.ask_json(text).await;
        assert_eq!(answer["error"]["code"], code, "{text}: {answer}");
        assert_eq!(answer["error"]["data"]["name"], name, "{text}: {answer}");
        assert_eq!(
            answer["error"]["data"]["money_moved"], "no",
            "{text}: {answer}"
        );
    }
    assert!(
        wire.ask(PING).await.contains("result"),
        "the connection goes on"
    );
}

#[tokio::test]
async fn bad_params_name_the_field_and_what_it_must_be() {
    let (host, mut wire) = shop().await;
    for (number, (with, field)) in [
        (json!({"idempotency_key": ""}), "idempotency_key"),
        (
            json!({"idempotency_key": "x".repeat(65)}),
            "idempotency_key",
        ),
        (
            json!({"amount": {"minor": 12.5, "currency": "EUR"}}),
            "amount.minor",
        ),
        (
            json!({"amount": {"minor": 1, "currency": "euro"}}),
            "amount.currency",
        ),
        (json!({"amount": null}), "amount"),
        (json!({"timeout_ms": 1}), "timeout_ms"),
        (json!({"device": 7}), "device"),
        (json!({"custom": {"x": "y".repeat(9000)}}), "custom"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = wire
            .ask_json(&sale(i64::try_from(number).unwrap(), &with))
            .await;
        let error = &answer["error"];
        assert_eq!(error["code"], -32602, "{with}: {answer}");
        assert_eq!(error["data"]["field"], field, "{with}: {answer}");
        let text = format!("{} {}", error["message"], error["data"]["detail"]);
        assert!(
            text.contains(field) && text.contains("must"),
            "{with}: {answer}"
        );
    }
    let nothing = sale(90, &json!({"amount": {"minor": 0, "currency": "EUR"}}));
    let answer = wire.ask_json(&nothing).await;
    assert_eq!(
        answer["error"]["data"]["name"], "AMOUNT_INVALID",
        "{answer}"
    );
    assert_eq!(answer["error"]["data"]["field"], "amount.minor", "{answer}");
    host.ledger().assert(&[]);
}

#[tokio::test]
async fn a_batch_may_look_and_may_not_pay() {
    let (host, mut wire) = shop().await;
    let answers = wire
        .ask_json(&format!("[{PING},{}]", sale(2, &json!({}))))
        .await;
    let refused = answers
        .as_array()
        .unwrap()
        .iter()
        .find(|answer| answer["id"] == 2)
        .unwrap();
    assert_eq!(refused["error"]["code"], -32600, "{refused}");
    assert!(wire.ask(PING).await.contains("result"));
    host.ledger().assert(&[]);
}

#[tokio::test]
async fn a_batch_is_answered_as_a_batch() {
    let (_host, mut wire) = shop().await;
    let second = call(2, "device.list", &json!({}));
    let silent = r#"{"jsonrpc":"2.0","method":"session.ping"}"#;
    let answers = wire
        .ask_json(&format!("[{PING},{silent},{second},7]"))
        .await;
    // JSON-RPC 2.0, section 6: one array, in any order, and nothing for a notification.
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 3, "{answers:?}");
    let of = |id: Value| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert!(of(json!(1))["result"].is_object());
    assert!(of(json!(2))["result"]["devices"].is_array());
    assert_eq!(of(Value::Null)["error"]["code"], -32600);
    wire.say(&format!("[{silent}]")).await;
    assert!(
        wire.ask(PING).await.contains(r#""id":1"#),
        "a batch of notifications has no answer"
    );
    let subscribe = call(3, "events.subscribe", &json!({}));
    let answers = wire.ask_json(&format!("[{subscribe}]")).await;
    assert_eq!(answers[0]["error"]["code"], -32600, "{answers}");
}

#[tokio::test]
async fn a_call_without_an_id_moves_no_money() {
    let (host, mut wire) = shop().await;
    let mut silent: Value = serde_json::from_str(&sale(1, &json!({}))).unwrap();
    silent.as_object_mut().unwrap().remove("id");
    wire.say(&silent.to_string()).await;
    // Calls of a connection are taken in order: what answers this has seen the one before.
    wire.say(&sale(
        2,
        &json!({"amount": {"minor": 700, "currency": "EUR"}}),
    ))
    .await;
    assert_eq!(
        answer_to(&mut wire, 2).await["result"]["outcome"],
        "approved"
    );
    host.ledger().assert(&[("sale", "approved", 700)]);
}

#[tokio::test]
async fn a_card_number_in_any_field_is_refused_and_not_repeated() {
    const NUMBER: &str = "4111111111111111";
    let (host, mut wire) = shop().await;
    for (number, with) in [
        json!({"reference": NUMBER}),
        json!({"reference": "4111 1111-1111 1111"}),
        json!({"custom": {"note": {"deep": [NUMBER]}}}),
        json!({"custom": {"number": 4_111_111_111_111_111_i64}}),
        json!({"customer": {"name": format!("card {NUMBER} please")}}),
        json!({"idempotency_key": NUMBER}),
        json!({"basket": [{"name": NUMBER}]}),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = wire.ask(&sale(i64::try_from(number).unwrap(), &with)).await;
        assert!(answer.contains("CARD_NUMBER_REFUSED"), "{with}: {answer}");
        assert!(
            !answer.replace([' ', '-'], "").contains(NUMBER),
            "{with}: {answer}"
        );
    }
    let escaped =
        sale(50, &json!({"reference": "PLACE"})).replace("PLACE", r"\u0034111111111111111");
    assert!(wire.ask(&escaped).await.contains("CARD_NUMBER_REFUSED"));
    // An EAN may look like one.
    let basket = json!({"basket": [{
        "name": "milk", "amount": {"minor": 1250, "currency": "EUR"}, "product_reference": NUMBER,
    }]});
    wire.say(&sale(60, &basket)).await;
    let answer = answer_to(&mut wire, 60).await;
    assert_eq!(answer["result"]["outcome"], "approved", "{answer}");
    let (_, folder) = host.stop().await;
    let log = std::fs::read_to_string(folder.path().join("daemon.log")).unwrap();
    assert!(!log.contains(NUMBER), "{log}");
}

#[tokio::test]
async fn binary_frames_close_with_1003() {
    let (_host, mut wire) = shop().await;
    wire.send(Message::binary(PING.as_bytes().to_vec())).await;
    assert_eq!(u16::from(wire.closed().await.code), 1003);
}

#[tokio::test]
async fn a_message_has_at_most_256_kib() {
    let (host, mut wire) = shop().await;
    let fill = |bytes: usize| {
        let room =
            bytes - r#"{"jsonrpc":"2.0","id":1,"method":"session.ping","params":{"x":""}}"#.len();
        let x = "x".repeat(room);
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"session.ping","params":{{"x":"{x}"}}}}"#)
    };
    let mut socket = Socket::connect(&host).await;
    assert!(wire.ask(&fill(MESSAGE_BYTES_MAX)).await.contains("result"));
    assert!(
        socket
            .ask(&fill(MESSAGE_BYTES_MAX))
            .await
            .contains("result")
    );
    wire.try_send(Message::text(fill(MESSAGE_BYTES_MAX + 1)))
        .await;
    assert_eq!(u16::from(wire.closed().await.code), 1009);
    socket
        .try_send(format!("{}\n", fill(MESSAGE_BYTES_MAX + 1)).as_bytes())
        .await;
    assert_eq!(socket.hear().await, None);
}

/// More than the host keeps for those who come back.
const EVENTS_KEPT: usize = 1024;
/// More than two ends of a loopback connection and their programs hold between them.
const BUFFERED_BYTES_MAX: usize = 64 * 1024 * 1024;

#[tokio::test]
async fn who_reads_too_slowly_is_cut_off_with_4408_and_disturbs_nobody() {
    const SELLING: usize = 16;
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let register = host.register("till-1").await;
    // Sales by a token need no reader: they pass what is kept before the host gives the socket up.
    let mut check = VerifyParams::new("check");
    check.device = Some("reader-1".into());
    let token = register::approved(register.0.verify(&check)).await.token;
    let mut slow = Wire::connect(&host).await;
    slow.ask(&call(1, "events.subscribe", &json!({}))).await;
    // Long answers to short questions fill every buffer on the way, however large the kernel's.
    let document = payhal_client::protocol::OPENRPC.len();
    for id in 2..2 + BUFFERED_BYTES_MAX.div_ceil(document) {
        let id = i64::try_from(id).unwrap();
        slow.say(&call(id, "rpc.discover", &json!({}))).await;
    }
    let work = (0..SELLING).map(|lane| {
        let (register, token) = (&register, token.clone().unwrap());
        async move {
            for number in 0..=EVENTS_KEPT / SELLING {
                let key = format!("{lane}-{number}");
                let mut params = SaleParams::new(&*key, register::eur(1250));
                params.card = Some(CardToken::of(token.clone()));
                register.sell_alone(&params).await.approved();
            }
        }
    });
    futures_util::future::join_all(work).await;
    assert_eq!(u16::from(slow.closed().await.code), 4408);
}

#[tokio::test]
async fn the_unix_socket_speaks_the_same_api_to_its_own_user() {
    use std::os::unix::fs::PermissionsExt;
    let (host, _) = shop().await;
    let path = host.state().join("payhal.sock");
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut socket = Socket::connect(&host).await;
    let hello = call(
        1,
        "session.hello",
        &json!({
            "client": {"name": "t", "version": "1"}, "protocol": [1], "register_id": "till-1",
        }),
    );
    let answer: Value = serde_json::from_str(&socket.ask(&hello).await).unwrap();
    assert_eq!(answer["result"]["register_id"], "till-1");
    let mut heard = socket.ask(&sale(2, &json!({}))).await;
    while !heard.contains(r#""id":2"#) {
        assert!(heard.contains("payment.progress"), "{heard}");
        heard = socket.hear().await.unwrap();
    }
    assert!(heard.contains(r#""outcome":"approved""#), "{heard}");
    // The key belongs to the register, whichever way it comes.
    let register = host.register("till-1").await;
    let key: payhal_client::protocol::payment::SaleParams = serde_json::from_value(json!({
        "idempotency_key": "k2", "amount": {"minor": 1250, "currency": "EUR"},
    }))
    .unwrap();
    assert!(register.sell_alone(&key).await.approved().replayed);
}

#[tokio::test]
async fn no_common_version_is_said_so() {
    let (_host, mut wire) = shop().await;
    let hello = json!({"client": {"name": "t", "version": "1"}, "protocol": [99]});
    let answer = wire.ask_json(&call(1, "session.hello", &hello)).await;
    assert_eq!(answer["error"]["data"]["name"], "PROTOCOL_UNSUPPORTED");
}

#[tokio::test]
async fn a_cancelled_request_stops_waiting_and_undoes_nothing() {
    let host = Host::start(&Setup::readers(1)).await;
    let mut wire = Wire::connect(&host).await;
    wire.say(&sale(1, &json!({}))).await;
    assert!(wire.hear().await.contains("payment.progress"));
    let stop = json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1}});
    wire.say(&stop.to_string()).await;
    let answer = answer_to(&mut wire, 1).await;
    assert_eq!(answer["error"]["data"]["outcome"], "unknown", "{answer}");
    assert_eq!(answer["error"]["data"]["retry"], "same_key", "{answer}");
    wire.say(&sale(1, &json!({}))).await;
    host.operator()
        .await
        .show("reader-1", "tap", "visa-approve")
        .await;
    assert_eq!(
        answer_to(&mut wire, 1).await["result"]["outcome"],
        "approved"
    );
    host.ledger().assert(&[("sale", "approved", 1250)]);
}
