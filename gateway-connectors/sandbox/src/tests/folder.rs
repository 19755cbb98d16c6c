// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files beside the code: manifest, configuration schema, and the tables of the README.

use crate::faults::FaultKind;
use crate::rules::{Card, PinCheck, Verdict, decide};
use payhal_card_data::{test_card, test_cards};
use payhal_messages::manifest::{Kind, Manifest};
use payhal_messages::money::Purpose;
use serde_json::{Value, json};

const README: &str = include_str!("../../README.md");

/// What testers read.
const TESTING: &str = include_str!("../../../../docs/testing.md");

/// Rows of the README's table with this heading.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    table_of(README, heading)
}

/// Rows of a page's table with this heading, cells trimmed.
fn table_of(page: &'static str, heading: &str) -> Vec<Vec<&'static str>> {
    let (_, text) = page.split_once(heading).expect("the heading is there");
    let rows = text.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    let cells = |row: &'static str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().trim_matches('`')).collect()
    };
    rows.map(cells).collect()
}

fn code(card: &str, minor: i64) -> String {
    let card = test_card(card).expect("a test card");
    let pin = card.pin().map_or(PinCheck::None, |_| PinCheck::Right);
    let presented = Card::presented(Some(card), pin);
    match decide(Purpose::Sale, &presented, minor) {
        Verdict::Approve { code, .. }
        | Verdict::Decline(code)
        | Verdict::Refer(code)
        | Verdict::Reject(code) => code.code.into(),
    }
}

#[test]
fn the_table_of_cards_is_true_and_whole() {
    let rows = table("## Cards");
    for row in &rows {
        assert_eq!(code(row[0], 1250), row[1], "{}", row[0]);
    }
    let named: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    let known: Vec<&str> = test_cards().iter().map(|card| card.name).collect();
    assert_eq!(named, known);
}

#[test]
fn the_table_of_amounts_is_true_and_whole() {
    let rows = table("## Amounts");
    let mut special = Vec::new();
    for row in &rows {
        let ending: i64 = row[0].trim_start_matches('…').parse().unwrap();
        assert_eq!(code("visa-approve", 1200 + ending), row[1], "{ending}");
        special.push(ending);
    }
    for ending in (0..100).filter(|ending| !special.contains(ending)) {
        assert_eq!(code("visa-approve", 1200 + ending), "00", "{ending}");
    }
}

#[test]
fn the_page_for_testers_says_what_the_cards_do() {
    let rows = table_of(TESTING, "## Test cards");
    let known = test_cards().iter();
    let known: Vec<_> = known.filter(|it| !it.name.starts_with("canary-")).collect();
    assert_eq!(rows.len(), known.len());
    for (row, card) in rows.iter().zip(known) {
        assert_eq!(row[0], card.name);
        assert_eq!(row[1], code(card.name, 1250), "{}", card.name);
        assert_eq!(row[2], card.country.unwrap_or_default(), "{}", card.name);
    }
}

#[test]
fn the_page_for_testers_says_what_amounts_and_faults_do() {
    let named = |rows: &[Vec<&'static str>]| -> Vec<[String; 2]> {
        let row = |row: &Vec<&'static str>| {
            [row[0].trim_start_matches('…').to_owned(), row[1].to_owned()]
        };
        rows.iter().map(row).collect()
    };
    let amounts = table_of(TESTING, "## Test amounts");
    assert_eq!(named(&amounts), named(&table("## Amounts")));
    let first =
        |rows: Vec<Vec<&'static str>>| -> Vec<&str> { rows.iter().map(|row| row[0]).collect() };
    let faults = first(table_of(TESTING, "## Faults"));
    assert_eq!(faults, first(table("### Faults")));
}

#[test]
fn the_manifest_is_a_simulated_gateway() {
    let manifest = Manifest::parse(include_str!("../../plugin.toml")).unwrap();
    assert_eq!(manifest.kind, Kind::Gateway);
    assert_eq!(manifest.library, env!("CARGO_PKG_NAME").replace('-', "_"));
    assert_eq!(manifest.version, env!("CARGO_PKG_VERSION"));
    assert!(manifest.simulated && manifest.gateway.unwrap().inquiry);
}

#[test]
fn the_strict_manifest_differs_in_its_name_and_its_order() {
    let plain = Manifest::parse(include_str!("../../plugin.toml")).unwrap();
    let strict = Manifest::parse(include_str!("../../strict/plugin.toml")).unwrap();
    let abilities = strict.gateway.clone().unwrap();
    assert_eq!(abilities.in_flight_per_acceptor, Some(1));
    assert!(abilities.reversal_before_next && abilities.reversal_needs_pan);
    // What the host is asked to do is what the gateway looks at.
    let watched = json!({
        "in_flight_per_acceptor": 1, "reversal_before_next": true, "reversal_needs_number": true,
    });
    assert_eq!(Value::Object(strict.config.clone()), watched);
    serde_json::from_value::<crate::settings::Settings>(watched).unwrap();
    let mut same = strict;
    same.config.clear();
    same.id.clone_from(&plain.id);
    same.name.clone_from(&plain.name);
    let gateway = same.gateway.as_mut().unwrap();
    gateway.in_flight_per_acceptor = None;
    gateway.reversal_before_next = false;
    gateway.reversal_needs_pan = false;
    assert_eq!(same, plain);
}

#[test]
fn every_fault_is_in_the_readme_and_in_the_schema() {
    let schema: Value =
        serde_json::from_str(include_str!("../../configuration.schema.json")).unwrap();
    let faults = &schema["properties"]["faults"]["items"]["properties"]["fault"]["enum"];
    let named = |row: &Vec<&str>| Value::from(row[0]);
    let documented: Vec<Value> = table("### Faults").iter().map(named).collect();
    assert_eq!(faults.as_array().unwrap(), &documented);
    for fault in documented {
        assert!(serde_json::from_value::<FaultKind>(fault).is_ok());
    }
}

#[test]
fn the_schema_describes_what_the_configuration_takes() {
    let schema: Value =
        serde_json::from_str(include_str!("../../configuration.schema.json")).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let error = serde_json::from_str::<crate::settings::Settings>(r#"{"nothing": 1}"#)
        .unwrap_err()
        .to_string();
    for name in properties.keys() {
        assert!(error.contains(&format!("`{name}`")), "{name}: {error}");
    }
    assert_eq!(
        error.matches('`').count(),
        2 * (properties.len() + 1),
        "{error}"
    );
}
