// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that the register API survives whatever is said to it: frames of every method, and
//! mutations of them, to a real host over a real WebSocket. Every message with an id gets exactly
//! one answer with that id, connections end with documented codes only, and nothing panics.
//!
//! `PAYHAL_FUZZ_SECONDS` and `PAYHAL_FUZZ_SEED` say how long, and which mutations.

use crate::host::{Host, PATIENCE, Setup, soon};
use crate::random::Random;
use crate::wire::{Wire, call};
use payhal_client::protocol::limits::NESTING_MAX;
use payhal_client::protocol::rpc::{self, Incoming};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::protocol::Message;

/// Codes that `docs/pos-api.md` has, beside the standard's for a host that goes.
const CODES: [u16; 11] = [
    1000, 1001, 1002, 1003, 1007, 1009, 4400, 4401, 4403, 4408, 4429,
];

/// Messages of one conversation.
const ROUND: usize = 60;

/// What stands in the place of a value.
fn odd(random: &mut Random) -> Value {
    let deep = (0..random.below(40)).fold(json!(1), |inner, _| json!([inner]));
    let choices = [
        Value::Null,
        json!(-1),
        json!(0),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1.5),
        json!(1e300),
        json!(true),
        json!(""),
        json!("\u{0}\u{7f}\u{2028}\u{1f4b3}"),
        json!("x".repeat(300)),
        json!([]),
        json!({}),
        json!({"minor": -5, "currency": "XXX"}),
        json!(["others", "others"]),
        deep,
    ];
    choices[random.index(choices.len())].clone()
}

/// Changes one place of a value.
fn change(value: &mut Value, random: &mut Random) {
    match value {
        Value::Object(fields) if !fields.is_empty() && random.percent(85) => {
            change_field(fields, random);
        }
        Value::Array(items) if !items.is_empty() && random.percent(80) => {
            let at = random.index(items.len());
            if random.percent(20) {
                let again = items[at].clone();
                items.push(again);
            } else {
                change(&mut items[at], random);
            }
        }
        other => *other = odd(random),
    }
}

fn change_field(fields: &mut Map<String, Value>, random: &mut Random) {
    let names: Vec<String> = fields.keys().cloned().collect();
    let name = names[random.index(names.len())].clone();
    match random.below(10) {
        0 => drop(fields.remove(&name)),
        1 => drop(fields.insert("unknown".to_owned(), odd(random))),
        2 => {
            let moved = fields.remove(&name).unwrap_or_default();
            fields.insert(names[random.index(names.len())].clone(), moved);
        }
        _ => change(fields.get_mut(&name).unwrap(), random),
    }
}

/// One message out of those that are kept.
fn message(kept: &[String], random: &mut Random) -> String {
    let text = &kept[random.index(kept.len())];
    if random.percent(12) {
        return broken(text, random);
    }
    let mut value: Value = serde_json::from_str(text).expect("what is kept is JSON");
    if let Some(params) = value.get_mut("params") {
        for _ in 0..random.below(4) {
            change(params, random);
        }
    }
    if value.get("id").is_some() && random.percent(70) {
        value["id"] = json!(random.below(1 << 40));
    }
    if random.percent(4) {
        change(&mut value, random);
    }
    value.to_string()
}

/// A text with some bytes that do not belong there.
fn broken(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=random.below(3) {
        let at = random.index(bytes.len());
        match random.below(3) {
            0 => bytes[at] ^= 1 << random.below(7),
            1 => bytes.truncate(at + 1),
            _ => bytes.insert(at, b"{}[]\",:\\0"[random.index(9)]),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Ids of the answers that a message must get; those of a batch come in one.
fn ids(text: &str) -> Vec<String> {
    // Depth is counted before anything is read, so that its id is not known.
    if serde_json::from_str(text).is_ok_and(|value| depth(&value) > NESTING_MAX) {
        return vec!["null".to_owned()];
    }
    match rpc::read(text) {
        Ok(Incoming::Call { id, .. }) => vec![id.as_json().to_owned()],
        Ok(Incoming::Notification { .. } | Incoming::Answer { .. }) => Vec::new(),
        // A batch beyond the bound, and what is no message, is answered as a whole.
        Ok(Incoming::Batch(members)) => members
            .iter()
            .flat_map(|member| match rpc::read(member.get()) {
                Ok(Incoming::Batch(_)) => vec!["null".to_owned()],
                _ => ids(member.get()),
            })
            .collect(),
        Err(malformed) => vec![id_of(&serde_json::from_str(&malformed.to_text()).unwrap())],
    }
}

fn id_of(answer: &Value) -> String {
    answer["id"].to_string()
}

/// How often each id is answered.
type Count = BTreeMap<String, i64>;

fn canonical(id: &str) -> String {
    let value: Value = serde_json::from_str(id).unwrap();
    value.to_string()
}

/// Says all of it on one connection, and counts the answers until every one is there or the host
/// has ended it.
async fn converse(host: &Host, texts: &[String]) -> Result<(), u16> {
    let mut wire = Wire::connect(host).await;
    let mut owed = Count::new();
    for text in texts {
        for id in ids(text) {
            *owed.entry(canonical(&id)).or_default() += 1;
        }
        wire.try_send(Message::text(text.clone())).await;
    }
    wire.try_send(Message::text(call(-77, "session.ping", &json!({}))))
        .await;
    *owed.entry("-77".to_owned()).or_default() += 1;
    let until = Instant::now() + PATIENCE;
    while owed.values().any(|count| *count > 0) {
        assert!(
            Instant::now() < until,
            "never answered: {owed:?}\n{texts:#?}"
        );
        let text = match wire.next().await {
            Ok(text) => text,
            Err(code) => return Err(code),
        };
        let heard: Value = serde_json::from_str(&text).unwrap();
        let answers = match heard {
            Value::Array(answers) => answers,
            one => vec![one],
        };
        for answer in answers.iter().filter(|one| one.get("method").is_none()) {
            let count = owed.entry(id_of(answer)).or_default();
            *count -= 1;
            assert!(*count >= 0, "answered twice: {answer}\n{texts:#?}");
        }
    }
    Ok(())
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn kept() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/api");
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let mut texts: Vec<String> = files
        .map(|file| std::fs::read_to_string(file.path()).unwrap())
        .collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn every_message_with_an_id_gets_one_answer_whatever_it_says() {
    let host =
        Host::start(&Setup::automatic(1, "tap visa-approve").timeout("card_ms", 2_000)).await;
    let (kept, seed) = (kept(), number("PAYHAL_FUZZ_SEED", 1));
    let seconds = Duration::from_secs(number("PAYHAL_FUZZ_SECONDS", 10));
    let (mut random, began, mut rounds) = (Random::new(seed), Instant::now(), 0_u64);
    // First what is kept, as it is.
    let mut texts = kept.clone();
    while began.elapsed() < seconds || rounds == 0 {
        if let Err(code) = converse(&host, &texts).await {
            assert!(CODES.contains(&code), "ended with {code} after\n{texts:#?}");
        }
        rounds += 1;
        texts = (0..ROUND).map(|_| message(&kept, &mut random)).collect();
    }
    println!("{rounds} conversations of {ROUND} messages, seed {seed}");
    let log = std::fs::read_to_string(host.folder().join("daemon.log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    soon("a ping", host.operator().await.0.ping())
        .await
        .unwrap();
}

/// Nor does a stranger get anything, whatever it says.
#[tokio::test]
async fn a_stranger_gets_nothing_whatever_it_says() {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve").paired()).await;
    let (kept, mut random) = (kept(), Random::new(number("PAYHAL_FUZZ_SEED", 1)));
    for _ in 0..20 {
        let mut wire = Wire::connect(&host).await;
        for _ in 0..40 {
            let text = message(&kept, &mut random);
            wire.try_send(Message::text(text)).await;
        }
        wire.try_send(Message::text(call(-77, "payment.list", &json!({}))))
            .await;
        let refused = loop {
            match wire.next().await {
                Ok(text) => {
                    let heard: Value = serde_json::from_str(&text).unwrap();
                    if heard["id"] == -77 {
                        break heard["error"]["data"]["name"].clone();
                    }
                }
                Err(code) => {
                    assert!(CODES.contains(&code), "ended with {code}");
                    break Value::Null;
                }
            }
        };
        let expected = [
            Value::Null,
            json!("PAIRING_REQUIRED"),
            json!("RATE_LIMITED"),
        ];
        assert!(expected.contains(&refused), "{refused}");
    }
    assert!(host.ledger().lines().is_empty(), "a stranger moved money");
}
