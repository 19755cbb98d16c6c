// SPDX-License-Identifier: MIT OR Apache-2.0
//! JSON Schemas of every message, generated from the types, with the examples of
//! `examples/messages.json`; checked in under `schema/`.

use crate::{call, currency, device, gateway, manifest, prompt, reader, terminal, update};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

/// Examples of each message, by its name.
const EXAMPLES: &str = include_str!("../examples/messages.json");

/// Puts its examples into a schema.
fn exemplify(name: &str, schema: &mut Value) {
    let all: Value = serde_json::from_str(EXAMPLES).expect("the examples are JSON");
    if let Some(examples) = all.get(name) {
        schema["examples"] = examples.clone();
    }
}

/// Repository path and content of each generated file.
pub fn generate() -> Vec<(String, String)> {
    [
        ("reader", reader_messages()),
        ("terminal", terminal_messages()),
        ("gateway", gateway_messages()),
        (
            "manifest",
            one::<manifest::Manifest>("payhal plugin manifest", "Manifest"),
        ),
    ]
    .into_iter()
    .map(|(name, schema)| {
        let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
        (format!("sdk/messages/schema/{name}.json"), text + "\n")
    })
    .collect()
}

fn reader_messages() -> Value {
    document("payhal reader messages", |all| {
        all.add::<reader::Identity>();
        all.add::<reader::LoadParameters>();
        all.add::<reader::Present>();
        all.add::<reader::Presentation>();
        all.add::<currency::ConfirmCurrency>();
        all.add::<currency::CurrencyChoice>();
        all.add::<reader::AuthorizeCard>();
        all.add::<reader::CardRead>();
        all.add::<reader::Complete>();
        all.add::<reader::CompletionRead>();
        all.add::<reader::Show>();
        all.add::<device::DeviceSettings>();
        all.add::<device::Apdu>();
        all.add::<device::ApduReply>();
        all.add_update();
        all.add_envelope();
    })
}

fn terminal_messages() -> Value {
    document("payhal terminal messages", |all| {
        all.add::<terminal::Pay>();
        all.add::<terminal::TerminalOutcome>();
        all.add::<terminal::InquireTerminal>();
        all.add::<terminal::TerminalFinding>();
        all.add::<terminal::ReverseTerminal>();
        all.add::<gateway::Reversal>();
        all.add::<device::DeviceSettings>();
        all.add_update();
        all.add_envelope();
    })
}

fn gateway_messages() -> Value {
    document("payhal gateway messages", |all| {
        all.add::<gateway::Parameters>();
        all.add::<gateway::Prepare>();
        all.add::<gateway::Prepared>();
        all.add::<currency::OfferCurrency>();
        all.add::<currency::CurrencyOffered>();
        all.add::<gateway::Authorize>();
        all.add::<gateway::Forward>();
        all.add::<gateway::Modify>();
        all.add::<gateway::Answer>();
        all.add::<gateway::Inquire>();
        all.add::<gateway::Finding>();
        all.add::<gateway::Reverse>();
        all.add::<gateway::Reversal>();
        all.add::<gateway::Report>();
        all.add::<gateway::ForgetToken>();
        all.add::<gateway::Reconcile>();
        all.add::<gateway::Totals>();
        all.add_envelope();
    })
}

struct All(SchemaGenerator);

impl All {
    fn add<T: JsonSchema>(&mut self) {
        self.0.subschema_for::<T>();
    }

    fn add_update(&mut self) {
        self.add::<update::UpdateBegin>();
        self.add::<update::UpdateBegun>();
        self.add::<update::UpdatePiece>();
    }

    fn add_envelope(&mut self) {
        self.add::<call::Refusal>();
        self.add::<call::Failure>();
        self.add::<prompt::Progress>();
        self.add::<prompt::Prompt>();
        self.add::<prompt::PromptAnswer>();
        self.add::<prompt::DeviceChange>();
    }
}

fn document(title: &str, fill: impl FnOnce(&mut All)) -> Value {
    let mut all = All(SchemaGenerator::default());
    fill(&mut all);
    let mut definitions = all.0.take_definitions(true);
    for (name, schema) in &mut definitions {
        exemplify(name, schema);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$defs": definitions,
    })
}

fn one<T: JsonSchema>(title: &str, name: &str) -> Value {
    let mut schema = SchemaGenerator::default()
        .into_root_schema_for::<T>()
        .to_value();
    schema["title"] = json!(title);
    exemplify(name, &mut schema);
    for (name, schema) in schema["$defs"].as_object_mut().into_iter().flatten() {
        exemplify(name, schema);
    }
    schema
}
