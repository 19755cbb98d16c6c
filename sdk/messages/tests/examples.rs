// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each published schema has examples of every message, and each example is one: for the schema as
//! for the Rust type, which writes it again as it stands.

use payhal_messages::{
    call, card, card_check, currency, device, emv, gateway, manifest, money, prompt, reader,
    settings, terminal, update,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The generated schemas, with the example lists in them.
fn schemas() -> Vec<(String, Value)> {
    let generated = payhal_messages::generate().into_iter();
    generated
        .map(|(path, text)| (path, serde_json::from_str(&text).expect("a schema is JSON")))
        .collect()
}

/// What the type makes of an example and writes again.
type Pass = fn(&Value) -> Result<Value, String>;

fn pass<T: DeserializeOwned + Serialize>(example: &Value) -> Result<Value, String> {
    let read: T = serde_json::from_value(example.clone()).map_err(|error| error.to_string())?;
    serde_json::to_value(read).map_err(|error| error.to_string())
}

macro_rules! types {
    ($($module:ident { $($name:ident)* })*) => {
        [$($((stringify!($name), pass::<$module::$name> as Pass),)*)*]
    };
}

fn types() -> Vec<(&'static str, Pass)> {
    let all = types! {
        call { Failure Refusal Sent }
        card { CardFace Cvm Entry Recipient Sealed }
        currency {
            ConfirmCurrency Conversion CurrencyChoice CurrencyOffer CurrencyOffered OfferCurrency
        }
        device { Apdu ApduReply DeviceSettings KeyPlace }
        emv {
            ActionCodes ApplicationKind CaPublicKey Contactless ContactlessMode EmvApplication
            EmvParameters RandomSelection RevokedCertificate ZeroAmount
        }
        gateway {
            Acceptor Answer Authorize CardSource Change Collected CurrencyTotals Decision Finding
            ForgetToken Forward Inquire Modify Original Parameters Prepare Prepared ReadCard Reconcile Report Reversal
            ReversalReason Reverse SealedNumber Totals Wire
        }
        manifest {
            Ability Access Approvals GatewayAbilities Inquiry Kind Manifest Parity PortNeed PortSort
            ReaderAbilities TerminalAbilities TerminalReversal
        }
        money { Amounts Purpose }
        prompt { DeviceChange PinEvent Progress Prompt PromptAnswer PromptKind Stage }
        reader {
            AuthorizeCard CardRead Complete CompletionRead Identity IssuerAnswer LoadParameters
            PinPolicy Present Presentation Sealing Show TipChoice
        }
        settings { GatewaySettings Limits Merchant Surcharge Tax Tip }
        terminal {
            InquireTerminal OriginalPayment Pay ReverseTerminal TerminalFinding TerminalOutcome
        }
        update { UpdateBegin UpdateBegun UpdateKind UpdatePiece }
    };
    all.to_vec()
}

/// Whether a value fits a schema, as far as schemas of these types go; where it does not.
fn fits(schema: &Value, value: &Value, root: &Value, at: &str) -> Result<(), String> {
    let Some(keys) = schema.as_object() else {
        return match schema {
            Value::Bool(true) => Ok(()),
            _ => Err(format!("{at}: nothing fits")),
        };
    };
    for (key, rule) in keys {
        let holds = match key.as_str() {
            "$ref" => {
                let name = rule.as_str().unwrap_or_default();
                let name = name.trim_start_matches("#/$defs/");
                fits(&root["$defs"][name], value, root, at).map(|()| true)?
            }
            "type" => is_of_type(rule, value),
            "enum" => rule.as_array().is_some_and(|all| all.contains(value)),
            "const" => rule == value,
            "minimum" => value.as_i64() >= rule.as_i64(),
            "maximum" => value.as_u64() <= rule.as_u64(),
            "oneOf" => count(rule, value, root, at) == 1,
            "anyOf" => count(rule, value, root, at) >= 1,
            "required" => has_all(rule, value),
            "properties" => fit_members(rule, value, root, at).map(|()| true)?,
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    fits(rule, item, root, &format!("{at}[]"))?;
                }
                true
            }
            "additionalProperties" => {
                let known = &schema["properties"];
                for (name, member) in value.as_object().into_iter().flatten() {
                    if known.get(name).is_none() {
                        fits(rule, member, root, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            "description" | "format" | "default" | "examples" | "title" | "$defs" | "$schema" => {
                true
            }
            unknown => return Err(format!("{at}: this test does not know {unknown}")),
        };
        if !holds {
            return Err(format!("{at}: {key}"));
        }
    }
    Ok(())
}

fn count(rule: &Value, value: &Value, root: &Value, at: &str) -> usize {
    let all = rule.as_array().into_iter().flatten();
    all.filter(|one| fits(one, value, root, at).is_ok()).count()
}

fn has_all(rule: &Value, value: &Value) -> bool {
    let mut names = rule
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    names.all(|name| value.get(name).is_some())
}

fn fit_members(rule: &Value, value: &Value, root: &Value, at: &str) -> Result<(), String> {
    for (name, rule) in rule.as_object().into_iter().flatten() {
        if let Some(member) = value.get(name) {
            fits(rule, member, root, &format!("{at}.{name}"))?;
        }
    }
    Ok(())
}

fn is_of_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => false,
    };
    match rule {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => false,
    }
}

/// Every message of a document: its definitions, and what the document itself is.
fn messages(document: &Value) -> Map<String, Value> {
    let mut all = document["$defs"].as_object().cloned().unwrap_or_default();
    if document["properties"].is_object() {
        all.insert("Manifest".to_owned(), document.clone());
    }
    all
}

#[test]
fn every_message_has_examples_that_fit_its_schema_and_its_type() {
    let types = types();
    let mut seen = BTreeSet::new();
    for (path, document) in schemas() {
        for (name, schema) in messages(&document) {
            let examples = schema["examples"].as_array().cloned().unwrap_or_default();
            assert!(!examples.is_empty(), "{path}: {name} has no example");
            let (known, pass) = types
                .iter()
                .find(|(known, _)| *known == name)
                .unwrap_or_else(|| panic!("{path}: {name} is no type of this test"));
            seen.insert(*known);
            for example in examples {
                fits(&schema, &example, &document, &name).unwrap_or_else(|flaw| {
                    panic!("{path}: an example of {name} does not fit: {flaw}")
                });
                let again = pass(&example)
                    .unwrap_or_else(|flaw| panic!("{path}: an example of {name}: {flaw}"));
                holds(&example, &again, &name);
            }
        }
    }
    let all: BTreeSet<&str> = types.iter().map(|(name, _)| *name).collect();
    assert_eq!(seen, all, "a type of this test is in no schema");
}

/// What the type writes has everything the example has: no member is misspelt.
fn holds(example: &Value, again: &Value, at: &str) {
    match (example, again) {
        (Value::Object(example), Value::Object(again)) => {
            for (name, value) in example {
                match again.get(name) {
                    Some(written) => holds(value, written, &format!("{at}.{name}")),
                    None => assert!(
                        value.as_array().is_some_and(Vec::is_empty),
                        "{at}.{name} is unknown to the type"
                    ),
                }
            }
        }
        (Value::Array(example), Value::Array(again)) => {
            assert_eq!(example.len(), again.len(), "{at}");
            for (example, again) in example.iter().zip(again) {
                holds(example, again, &format!("{at}[]"));
            }
        }
        (example, again) => assert_eq!(example, again, "{at}"),
    }
}

#[test]
fn no_example_holds_a_card_number() {
    let examples = include_str!("../examples/messages.json");
    assert!(!card_check::holds_card_number(examples));
}

#[test]
fn what_does_not_fit_is_seen() {
    let (_, document) = schemas().remove(0);
    let schema = &document["$defs"]["Present"];
    let mut example = schema["examples"][0].clone();
    assert!(fits(schema, &example, &document, "Present").is_ok());
    example["entries"] = serde_json::json!(["psychic"]);
    assert!(fits(schema, &example, &document, "Present").is_err());
    if let Some(members) = example.as_object_mut() {
        members.remove("entries");
    }
    assert!(fits(schema, &example, &document, "Present").is_err());
}
