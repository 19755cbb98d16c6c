// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checked-in documents follow the types, and version 1 only ever gains optional fields.
//!
//! With `PAYHAL_UPDATE=1` the documents are written instead of compared; the golden file of
//! version 1 never is.

use std::path::{Path, PathBuf};

use payhal_protocol::METHODS;
use payhal_protocol::schema::{JSON_SCHEMA, OPENRPC, generate};
use serde_json::{Map, Value};

const GOLDEN: &str = include_str!("golden-v1.json");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn documents_follow_the_types() {
    for (path, content) in generate() {
        let file = root().join(&path);
        if std::env::var_os("PAYHAL_UPDATE").is_some() {
            std::fs::write(&file, content).unwrap();
            continue;
        }
        let found = std::fs::read_to_string(&file).unwrap();
        assert!(
            found == content,
            "{path} is out of date: run `cargo xtask generate`"
        );
    }
}

#[test]
fn openrpc_lists_every_method_with_its_fields() {
    let document: Value = serde_json::from_str(OPENRPC).unwrap();
    let methods = document["methods"].as_array().unwrap();
    assert_eq!(methods.len(), METHODS.len());
    let sale = methods
        .iter()
        .find(|method| method["name"] == "payment.sale")
        .unwrap();
    let params = sale["params"].as_array().unwrap();
    let key = params
        .iter()
        .find(|param| param["name"] == "idempotency_key")
        .unwrap();
    assert_eq!(key["required"], true);
    assert_eq!(sale["x-moves-money"], true);
}

#[test]
fn every_reference_of_a_document_leads_somewhere() {
    for (path, content) in generate()
        .into_iter()
        .filter(|(path, _)| path.ends_with(".json"))
    {
        let document: Value = serde_json::from_str(&content).unwrap();
        let mut references = Vec::new();
        collect_references(&document, &mut references);
        assert!(references.len() > 20, "{path}");
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{path}: {reference}");
        }
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(
                members
                    .get("$ref")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            members
                .values()
                .for_each(|member| collect_references(member, found));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_references(item, found)),
        _ => {}
    }
}

#[test]
fn version_1_gains_optional_fields_only() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let now: Value = serde_json::from_str(JSON_SCHEMA).unwrap();
    let (golden, now) = (
        golden["$defs"].as_object().unwrap(),
        now["$defs"].as_object().unwrap(),
    );
    assert!(golden.len() > 40);
    let broken = breaks(golden, now);
    assert!(
        broken.is_empty(),
        "version 1 would break:\n{}",
        broken.join("\n")
    );
}

#[test]
fn a_break_is_noticed() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let golden = golden["$defs"].as_object().unwrap();
    let spoilt = |spoil: &dyn Fn(&mut Value)| {
        let mut now = Value::Object(golden.clone());
        spoil(&mut now);
        breaks(golden, now.as_object().unwrap())
    };
    assert!(spoilt(&|_| ()).is_empty());
    assert!(spoilt(&|now| now["Amount"]["properties"]["new"] = Value::Bool(true)).is_empty());
    let removed = spoilt(&|now| {
        now["Amount"]["properties"]
            .as_object_mut()
            .unwrap()
            .remove("minor");
    });
    assert_eq!(removed, ["Amount.minor is gone or has another type"]);
    let retyped = spoilt(&|now| now["Amount"]["properties"]["minor"]["type"] = "string".into());
    assert_eq!(retyped, ["Amount.minor is gone or has another type"]);
    let required = spoilt(&|now| {
        now["SaleParams"]["required"]
            .as_array_mut()
            .unwrap()
            .push("device".into());
    });
    assert_eq!(required, ["SaleParams requires other fields"]);
}

fn breaks(golden: &Map<String, Value>, now: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, before) in golden {
        let Some(after) = now.get(name) else {
            found.push(format!("{name} is gone"));
            continue;
        };
        let (mut asked, asks) = (names(&before["required"]), names(&after["required"]));
        // What only registers send may ask for less: who sends it all the same is understood.
        if name.ends_with("Params") || name == "CardToken" {
            asked.retain(|field| asks.contains(field));
        }
        if asked != asks {
            found.push(format!("{name} requires other fields"));
        }
        for (field, shape) in before["properties"].as_object().into_iter().flatten() {
            if bare(shape) != bare(&after["properties"][field]) {
                found.push(format!("{name}.{field} is gone or has another type"));
            }
        }
        let words = words(after);
        for word in self::words(before) {
            if !words.contains(&word) {
                found.push(format!("{name} lost {word}"));
            }
        }
    }
    found
}

fn names(list: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    names.sort_unstable();
    names
}

/// The words of an enumeration, however the schema writes it.
fn words(schema: &Value) -> Vec<String> {
    let plain = schema["enum"].as_array().into_iter().flatten().cloned();
    let described = schema["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|choice| {
            let listed = choice["enum"].as_array().cloned().unwrap_or_default();
            listed.into_iter().chain(choice.get("const").cloned())
        });
    plain
        .chain(described)
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}

/// A schema without its wording.
fn bare(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "description")
            .map(|(name, value)| (name.clone(), bare(value)))
            .collect(),
        other => other.clone(),
    }
}
