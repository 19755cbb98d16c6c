// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal reader`: does at a simulated reader or terminal what a person would do, by `device.simulate`.
//!
//! Cards are named, never numbered.

use super::args::{ClientArgs, OfferArgs, PlaceArgs, ReaderAction, ReaderArgs};
use super::connect::connect;
use super::exit::{Exit, Failure};
use super::screen::{say, say_json, table};
use payhal_client::Client;
use payhal_protocol::DeviceId;
use payhal_protocol::device::{DeviceListParams, SimulateParams, SimulateResult};
use serde_json::Value;

/// Acts, and says what came of it.
pub(super) async fn act(args: &ReaderArgs) -> Result<Exit, Failure> {
    let client = connect(&ClientArgs {
        place: PlaceArgs {
            config: None,
            state: args.state.clone(),
        },
        url: args.url.clone(),
        register: "payhal-cli".to_owned(),
    })
    .await?;
    let mut params = params(&args.action)?;
    params.device = Some(match &args.device {
        Some(device) => device.as_str().into(),
        None => only_simulated(&client).await?,
    });
    let answer = client.request(&params).await?;
    if args.json || matches!(args.action, ReaderAction::Do { .. }) {
        say_json(&answer);
    } else {
        say(&words(&args.action, &answer));
    }
    Ok(Exit::Ok)
}

/// The simulated device, where there is just one.
async fn only_simulated(client: &Client) -> Result<DeviceId, Failure> {
    let devices = client.request(&DeviceListParams {}).await?.devices;
    let mut simulated: Vec<DeviceId> = devices
        .into_iter()
        .filter(|device| device.simulated)
        .map(|device| device.id)
        .collect();
    if simulated.len() > 1 {
        let names: Vec<&str> = simulated.iter().map(DeviceId::as_str).collect();
        let text = format!(
            "name one of the simulated devices: --device {}",
            names.join("|")
        );
        return Err(Failure::new(Exit::Usage, text));
    }
    simulated
        .pop()
        .ok_or_else(|| Failure::new(Exit::Failed, "there is no simulated device"))
}

fn params(action: &ReaderAction) -> Result<SimulateParams, Failure> {
    Ok(match action {
        ReaderAction::Do { action, arguments } => any(action, arguments)?,
        ReaderAction::Tap(offer) => offered("tap", offer),
        ReaderAction::Insert(offer) => offered("insert", offer),
        ReaderAction::Swipe(offer) => offered("swipe", offer),
        ReaderAction::KeyIn(offer) => offered("key_in", offer),
        ReaderAction::Cards => SimulateParams::new("cards"),
        ReaderAction::Remove => SimulateParams::new("remove"),
        ReaderAction::Keys { keys } => SimulateParams::new("keys").with("keys", keys.as_str()),
        ReaderAction::Select { index } => SimulateParams::new("select").with("index", *index),
        ReaderAction::Screen => SimulateParams::new("screen"),
        ReaderAction::Plug => SimulateParams::new("plug"),
        ReaderAction::Reset => SimulateParams::new("reset"),
        ReaderAction::Fault {
            kind,
            at,
            count,
            delay_ms,
        } => {
            let mut params = SimulateParams::new("fault").with("fault", word_of(kind));
            let at = at.as_deref().map(|at| Value::from(word_of(at)));
            for (name, value) in [
                ("at", at),
                ("count", count.map(Value::from)),
                ("delay_ms", delay_ms.map(Value::from)),
            ] {
                if let Some(value) = value {
                    params = params.with(name, value);
                }
            }
            params
        }
    })
}

/// What the device knows and this program does not.
fn any(action: &str, arguments: &[String]) -> Result<SimulateParams, Failure> {
    let mut params = SimulateParams::new(&word_of(action));
    for argument in arguments {
        let Some((name, text)) = argument.split_once('=') else {
            let text = format!("`{argument}` is not NAME=VALUE");
            return Err(Failure::new(Exit::Usage, text));
        };
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        params = params.with(&word_of(name), value);
    }
    Ok(params)
}

fn offered(action: &str, offer: &OfferArgs) -> SimulateParams {
    let params = SimulateParams::new(action).with("card", offer.card.as_str());
    match offer.wait_ms {
        Some(wait_ms) => params.with("wait_ms", wait_ms),
        None => params,
    }
}

/// `authorize-card` is what a shell would say; `authorize_card` is what is documented.
fn word_of(text: &str) -> String {
    text.replace('-', "_")
}

fn words(action: &ReaderAction, SimulateResult(answer): &SimulateResult) -> String {
    match action {
        ReaderAction::Cards => cards(answer.get("cards")),
        ReaderAction::Screen => screen(answer),
        ReaderAction::Tap(_)
        | ReaderAction::Insert(_)
        | ReaderAction::Swipe(_)
        | ReaderAction::KeyIn(_) => "the card was taken".to_owned(),
        _ => "done".to_owned(),
    }
}

fn cards(cards: Option<&Value>) -> String {
    let rows = cards
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|card| {
            let text = |name: &str| card[name].as_str().unwrap_or_default().to_owned();
            let entries = card["entries"].as_array().into_iter().flatten();
            let entries: Vec<&str> = entries.filter_map(Value::as_str).collect();
            [
                text("name"),
                text("masked"),
                text("behaviour"),
                entries.join(" "),
            ]
        });
    table(
        ["CARD", "NUMBER", "BEHAVIOUR", "ENTRY"],
        &rows.collect::<Vec<_>>(),
    )
}

fn screen(answer: &serde_json::Map<String, Value>) -> String {
    let lines = answer
        .get("screen")
        .and_then(|screen| screen["lines"].as_array());
    let lines: Vec<&str> = lines
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let width = lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or_default()
        .max(20);
    let edge = format!("+{}+", "-".repeat(width + 2));
    let mut shown = vec![edge.clone()];
    shown.extend(lines.iter().map(|line| format!("| {line:<width$} |")));
    shown.push(edge);
    let waiting = answer.get("waiting").unwrap_or(&Value::Null);
    let names = |name: &str| {
        let names = waiting[name]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        names.collect::<Vec<_>>().join(", ")
    };
    if !names("card").is_empty() {
        shown.push(format!("waits for a card: {}", names("card")));
    }
    if waiting["keys"] == Value::Bool(true) {
        shown.push("waits for keys".to_owned());
    }
    if !names("select").is_empty() {
        shown.push(format!("waits for a choice: {}", names("select")));
    }
    if let Some(card) = answer.get("card").and_then(Value::as_str) {
        shown.push(format!("card inserted: {card}"));
    }
    if answer.get("attached") == Some(&Value::Bool(false)) {
        shown.push("the cable is pulled".to_owned());
    }
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn actions_are_written_as_the_reader_documents_them() {
        let offer = OfferArgs {
            card: "visa-approve".into(),
            wait_ms: Some(5),
        };
        let order = params(&ReaderAction::KeyIn(offer)).unwrap().for_device();
        assert_eq!(
            order,
            json!({"action": "key_in", "card": "visa-approve", "wait_ms": 5})
        );
        let fault = ReaderAction::Fault {
            kind: "slow".into(),
            at: Some("authorize-card".into()),
            count: None,
            delay_ms: Some(20),
        };
        let order =
            json!({"action": "fault", "fault": "slow", "at": "authorize_card", "delay_ms": 20});
        assert_eq!(params(&fault).unwrap().for_device(), order);
        let order = params(&ReaderAction::Select { index: 1 });
        let order = order.unwrap().for_device();
        assert_eq!(order, json!({"action": "select", "index": 1}));
        let arguments = ["on=true", "floor-minor=5000", "note=no line"].map(ToOwned::to_owned);
        let order = any("offline", &arguments).unwrap().for_device();
        let wanted = json!({"action": "offline", "on": true, "floor_minor": 5000,
            "note": "no line"});
        assert_eq!(order, wanted);
        assert!(any("offline", &["on".to_owned()]).is_err());
    }

    #[test]
    fn the_screen_is_drawn() {
        let answer = json!({
            "screen": {"lines": ["TOTAL 12.50 EUR"]},
            "waiting": {"card": ["chip", "contactless"], "keys": false, "select": []},
            "card": null,
            "attached": true,
        });
        let drawn = screen(answer.as_object().unwrap());
        assert!(drawn.contains("| TOTAL 12.50 EUR      |"), "{drawn}");
        assert!(
            drawn.ends_with("waits for a card: chip, contactless"),
            "{drawn}"
        );
    }
}
