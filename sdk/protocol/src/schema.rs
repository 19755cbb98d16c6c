// SPDX-License-Identifier: MIT OR Apache-2.0
//! The generated documents: JSON Schema, OpenRPC, AsyncAPI, and the tables of the reference.
//!
//! Owns how the types become documents, and the documents as they are checked in. It must never
//! say anything the types do not say.

use std::fmt::Write as _;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::error::{ERRORS, ErrorObject};
use crate::events::{
    DeviceChanged, GatewayChanged, HostStopping, PairingChanged, PaymentChanged, PaymentResolved,
    RegisterChanged, Topic,
};
use crate::leases::{
    CARD_PRESENTED, CARD_REMOVED, CardPresented, CardRemoved, LEASE_ENDED, LeaseEnded,
};
use crate::method::{METHODS, MethodRow};
use crate::progress::{PROGRESS, PROMPT, Progress, Prompt};
use crate::session::{ENDED, SessionEnded};
use crate::{PROTOCOL_VERSION, WEBSOCKET_PATH};

/// The OpenRPC document, as `rpc.discover` answers it.
pub const OPENRPC: &str = include_str!("../schema/openrpc.json");
/// The AsyncAPI document, as `/asyncapi.json` serves it.
pub const ASYNCAPI: &str = include_str!("../schema/asyncapi.json");
/// The JSON Schema of every message, as `/schema/payhal-v1.json` serves it.
pub const JSON_SCHEMA: &str = include_str!("../schema/payhal-v1.json");
const REFERENCE: &str = include_str!("../../../docs/pos-api.md");

/// One notification: its name, what it says, the schema of its params.
type NotificationRow = (
    &'static str,
    &'static str,
    fn(&mut SchemaGenerator) -> schemars::Schema,
);

const NOTIFICATIONS: [NotificationRow; 13] = [
    (
        PROGRESS,
        "How far a call of this connection has come.",
        |generator| generator.subschema_for::<Progress>(),
    ),
    (PROMPT, "A question to the cashier.", |generator| {
        generator.subschema_for::<Prompt>()
    }),
    (
        CARD_PRESENTED,
        "A card was presented to a reader that watches for this connection.",
        |generator| generator.subschema_for::<CardPresented>(),
    ),
    (
        CARD_REMOVED,
        "A presentation that nobody used is void.",
        |generator| generator.subschema_for::<CardRemoved>(),
    ),
    (
        LEASE_ENDED,
        "A lease of this connection ended.",
        |generator| generator.subschema_for::<LeaseEnded>(),
    ),
    (
        Topic::PaymentResolved.as_str(),
        "An open outcome came to its end.",
        |generator| generator.subschema_for::<PaymentResolved>(),
    ),
    (
        Topic::PaymentChanged.as_str(),
        "A transaction began, came further or ended.",
        |generator| generator.subschema_for::<PaymentChanged>(),
    ),
    (
        Topic::DeviceChanged.as_str(),
        "A device changed its state.",
        |generator| generator.subschema_for::<DeviceChanged>(),
    ),
    (
        Topic::GatewayChanged.as_str(),
        "A gateway changed its state.",
        |generator| generator.subschema_for::<GatewayChanged>(),
    ),
    (
        Topic::HostStopping.as_str(),
        "The host is about to stop.",
        |generator| generator.subschema_for::<HostStopping>(),
    ),
    (
        Topic::PairingChanged.as_str(),
        "A pairing began, came further or ended.",
        |generator| generator.subschema_for::<PairingChanged>(),
    ),
    (
        Topic::RegisterChanged.as_str(),
        "A register was paired, unpaired, changed, came or went.",
        |generator| generator.subschema_for::<RegisterChanged>(),
    ),
    (
        ENDED,
        "The pairing or the console's session is over; the connection is closed.",
        |generator| generator.subschema_for::<SessionEnded>(),
    ),
];

/// Every generated file: its path from the root of the repository, and its content.
#[must_use]
pub fn generate() -> Vec<(String, String)> {
    vec![
        (
            "sdk/protocol/schema/openrpc.json".to_owned(),
            pretty(openrpc()),
        ),
        (
            "sdk/protocol/schema/asyncapi.json".to_owned(),
            pretty(asyncapi()),
        ),
        (
            "sdk/protocol/schema/payhal-v1.json".to_owned(),
            pretty(json_schema()),
        ),
        ("docs/pos-api.md".to_owned(), reference(REFERENCE)),
    ]
}

fn json_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    collect(&mut generator);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "payhal register API, version 1",
        "$defs": generator.take_definitions(true),
    })
}

/// Makes the generator know every message.
fn collect(generator: &mut SchemaGenerator) {
    generator.subschema_for::<ErrorObject>();
    for row in METHODS {
        (row.params)(generator);
        (row.result)(generator);
    }
    for (_, _, schema) in NOTIFICATIONS {
        schema(generator);
    }
}

/// A generator for documents that keep their schemas under `components`.
fn component_generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft07()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    collect(&mut generator);
    generator
}

fn document_head() -> Value {
    json!({
        "title": "payhal register API",
        "version": format!("{PROTOCOL_VERSION}.0.0"),
        "description": "What a register and a payhal host say to each other.",
        "license": {"name": "MIT OR Apache-2.0"},
    })
}

fn openrpc() -> Value {
    let mut generator = component_generator();
    let schemas = generator.take_definitions(true);
    let methods: Vec<Value> = METHODS
        .iter()
        .map(|row| openrpc_method(row, &schemas))
        .collect();
    let errors: Map<String, Value> = ERRORS
        .iter()
        .map(|row| {
            (
                row.text.to_owned(),
                json!({"code": row.code, "message": row.message}),
            )
        })
        .collect();
    json!({
        "openrpc": "1.3.2",
        "info": document_head(),
        "servers": [{"name": "local", "url": format!("ws://127.0.0.1:7425{WEBSOCKET_PATH}")}],
        "methods": methods,
        "components": {"schemas": schemas, "errors": errors},
    })
}

fn openrpc_method(row: &MethodRow, schemas: &Map<String, Value>) -> Value {
    let mut generator = component_generator();
    let params = Value::from((row.params)(&mut generator));
    let result = Value::from((row.result)(&mut generator));
    let errors: Vec<Value> = ERRORS
        .iter()
        .filter(|error| row.moves_money || error.code < 1000)
        .map(|error| json!({"$ref": format!("#/components/errors/{}", error.text)}))
        .collect();
    json!({
        "name": row.name,
        "summary": row.summary,
        "paramStructure": "by-name",
        "params": fields_of(&params, schemas),
        "result": {"name": "result", "schema": result},
        "errors": errors,
        "x-moves-money": row.moves_money,
    })
}

/// The fields of a params object as OpenRPC lists them.
fn fields_of(params: &Value, schemas: &Map<String, Value>) -> Vec<Value> {
    let name = params["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next());
    let Some(object) = name.and_then(|name| schemas.get(name)) else {
        return Vec::new();
    };
    let required = object["required"].as_array().cloned().unwrap_or_default();
    let Some(properties) = object["properties"].as_object() else {
        return Vec::new();
    };
    let mut names: Vec<&String> = properties.keys().collect();
    names.sort();
    names
        .into_iter()
        .map(|name| {
            json!({
                "name": name,
                "required": required.iter().any(|field| field == name),
                "schema": properties[name],
            })
        })
        .collect()
}

fn asyncapi() -> Value {
    let mut generator = component_generator();
    let mut messages = Map::new();
    let mut operations = Map::new();
    for row in METHODS {
        asyncapi_method(row, &mut generator, &mut messages, &mut operations);
    }
    for (name, summary, schema) in NOTIFICATIONS {
        let params = Value::from(schema(&mut generator));
        let payload = envelope(&[("method", json!({"const": name})), ("params", params)]);
        messages.insert(name.to_owned(), message(name, summary, &payload));
        let operation = json!({
            "action": "send",
            "summary": summary,
            "channel": {"$ref": "#/channels/v1"},
            "messages": [{"$ref": format!("#/channels/v1/messages/{name}")}],
        });
        operations.insert(name.to_owned(), operation);
    }
    let error = Value::from(generator.subschema_for::<ErrorObject>());
    let failed = envelope(&[("id", id_schema()), ("error", error)]);
    messages.insert(
        "error".to_owned(),
        message("error", "The call was not approved.", &failed),
    );
    let references: Map<String, Value> = messages
        .keys()
        .map(|name| {
            (
                name.clone(),
                json!({"$ref": format!("#/components/messages/{name}")}),
            )
        })
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": document_head(),
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:7425", "protocol": "ws"}},
        "channels": {"v1": {"address": WEBSOCKET_PATH, "messages": references}},
        "operations": operations,
        "components": {"messages": messages, "schemas": generator.take_definitions(true)},
    })
}

fn asyncapi_method(
    row: &MethodRow,
    generator: &mut SchemaGenerator,
    messages: &mut Map<String, Value>,
    operations: &mut Map<String, Value>,
) {
    let params = Value::from((row.params)(generator));
    let result = Value::from((row.result)(generator));
    let (call, answer) = (format!("{}.call", row.name), format!("{}.result", row.name));
    let request = envelope(&[
        ("id", id_schema()),
        ("method", json!({"const": row.name})),
        ("params", params),
    ]);
    let reply = envelope(&[("id", id_schema()), ("result", result)]);
    messages.insert(call.clone(), message(&call, row.summary, &request));
    messages.insert(answer.clone(), message(&answer, row.summary, &reply));
    let operation = json!({
        "action": "receive",
        "summary": row.summary,
        "channel": {"$ref": "#/channels/v1"},
        "messages": [{"$ref": format!("#/channels/v1/messages/{call}")}],
        "reply": {
            "channel": {"$ref": "#/channels/v1"},
            "messages": [
                {"$ref": format!("#/channels/v1/messages/{answer}")},
                {"$ref": "#/channels/v1/messages/error"},
            ],
        },
    });
    operations.insert(row.name.to_owned(), operation);
}

fn message(name: &str, summary: &str, payload: &Value) -> Value {
    json!({"name": name, "summary": summary, "payload": payload})
}

fn id_schema() -> Value {
    json!({"type": ["integer", "string"]})
}

/// The schema of a JSON-RPC envelope with these members, all of them required.
fn envelope(members: &[(&str, Value)]) -> Value {
    let mut properties = Map::new();
    properties.insert("jsonrpc".to_owned(), json!({"const": "2.0"}));
    properties.extend(
        members
            .iter()
            .map(|(name, schema)| ((*name).to_owned(), schema.clone())),
    );
    // An answer of this host has an id, but params may be left out by a caller.
    let required: Vec<&str> = std::iter::once("jsonrpc")
        .chain(
            members
                .iter()
                .map(|(name, _)| *name)
                .filter(|name| *name != "params"),
        )
        .collect();
    json!({"type": "object", "required": required, "properties": properties})
}

/// Writes the tables between their markers and leaves every other line alone.
fn reference(current: &str) -> String {
    let text = between(current, "methods", &method_table());
    between(&text, "errors", &error_table())
}

fn between(text: &str, name: &str, table: &str) -> String {
    let (begin, end) = (
        format!("<!-- begin {name} -->\n"),
        format!("<!-- end {name} -->"),
    );
    let Some((head, rest)) = text.split_once(&begin) else {
        return text.to_owned();
    };
    let Some((_, tail)) = rest.split_once(&end) else {
        return text.to_owned();
    };
    format!("{head}{begin}{table}{end}{tail}")
}

fn method_table() -> String {
    let mut table = "| method | moves money | what it does |\n|---|---|---|\n".to_owned();
    for row in METHODS {
        let money = if row.moves_money { "yes" } else { "no" };
        writeln!(table, "| `{}` | {money} | {} |", row.name, row.summary)
            .expect("writing to a string succeeds");
    }
    table
}

fn error_table() -> String {
    let mut table =
        "| code | name | outcome | money moved | retry | uses up the key | message |\n".to_owned();
    table.push_str("|---|---|---|---|---|---|---|\n");
    for row in ERRORS {
        let (outcome, moved, retry) =
            (word(&row.outcome), word(&row.money_moved), word(&row.retry));
        let uses_key = if row.uses_key { "yes" } else { "no" };
        let anchor = row.text.to_ascii_lowercase();
        writeln!(
            table,
            "| {} | <a id=\"{anchor}\"></a>`{}` | {outcome} | {moved} | `{retry}` | {uses_key} | {} |",
            row.code, row.text, row.message
        )
        .expect("writing to a string succeeds");
    }
    table
}

/// A word of ours as it is written on the wire.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        _ => String::new(),
    }
}

/// Sorted keys, so that the text does not depend on how `serde_json` was built.
fn pretty(document: Value) -> String {
    let mut text = serde_json::to_string_pretty(&sorted(document)).expect("a document is JSON");
    text.push('\n');
    text
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members.into_iter().collect();
            members.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (name, sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
