// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers that are to something else, or were spoilt: never an approval, and never a no.

use super::{Desk, MARK, TARGET, approved, at_once, echo, field, is_unknown, sale};
use crate::terminal::ConcertTerminal;
use payhal_plugin::Terminal as _;

/// What a V3 terminal says behind its echo.
fn yes() -> String {
    field("AE", "10") + &field("AC", "216561") + &field("AA", "497010######1234")
}

fn fields(answer: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = answer;
    while !rest.is_empty() {
        let length: usize = rest[2..5].parse().expect("a length");
        let (field, behind) = rest.split_at(5 + length);
        fields.push(field.to_owned());
        rest = behind;
    }
    fields
}

/// Terminals that answer so, one after the other, and what the register hears of each.
fn unknown_after(answers: Vec<String>) {
    let names = answers.clone();
    let desk = Desk::new(answers.into_iter().map(at_once).collect());
    let mut terminal = desk.terminal("");
    for name in names {
        let outcome = terminal.pay(sale(), &desk.bench.call());
        assert!(is_unknown(outcome), "{name}");
    }
}

#[test]
fn an_answer_that_is_cut_is_no_answer() {
    let whole = echo("0") + &yes();
    let said = echo("0").len() + field("AE", "10").len();
    let cuts = (0..said).map(|cut| whole[..cut].to_owned());
    unknown_after(cuts.collect());
    // Behind its status every echo is there: what is cut off is card data.
    let desk = Desk::new(vec![at_once(&whole[..said])]);
    let mut terminal = desk.terminal("");
    approved(terminal.pay(sale(), &desk.bench.call()));
    // A field that stops amid is not one.
    let cuts = (said + 1..said + 11).map(|cut| whole[..cut].to_owned());
    unknown_after(cuts.collect());
}

#[test]
fn a_field_that_comes_twice_is_not_believed() {
    let answer = echo("0") + &yes();
    let twice = fields(&answer)
        .into_iter()
        .map(|field| answer.clone() + &field);
    unknown_after(twice.collect());
}

#[test]
fn an_echo_that_is_missing_or_another_is_not_believed() {
    let fields = fields(&(echo("0") + &yes()));
    let mut answers = Vec::new();
    for (place, field) in fields.iter().enumerate() {
        if ["CA", "CB", "CD", "CE", "CF", "AE"].contains(&&field[..2]) {
            let mut without = fields.clone();
            without.remove(place);
            answers.push(without.concat());
        }
    }
    for (tag, wrong) in [
        ("CA", "02"),
        ("CA", "1"),
        ("CB", "1251"),
        ("CD", "1"),
        ("CD", "2"),
        ("CD", "T"),
        ("CE", "840"),
        ("CF", "00000812AB"),
        ("CF", "00000712AC"),
        ("CF", ""),
        ("AE", "12"),
    ] {
        let place = fields.iter().position(|field| field.starts_with(tag));
        let mut changed = fields.clone();
        changed[place.expect("it is there")] = field(tag, wrong);
        answers.push(changed.concat());
    }
    unknown_after(answers);
}

#[test]
fn values_that_changed_places_are_not_believed() {
    let fields = fields(&(echo("0") + &yes()));
    let money = ["CA", "CB", "CD", "CE", "CF", "AE"];
    let places: Vec<usize> = (0..fields.len())
        .filter(|place| money.contains(&&fields[*place][..2]))
        .collect();
    let mut answers = Vec::new();
    for (at, first) in places.iter().enumerate() {
        for second in &places[at + 1..] {
            let mut swapped = fields.clone();
            let (one, other) = (&fields[*first], &fields[*second]);
            swapped[*first] = one[..2].to_owned() + &other[2..];
            swapped[*second] = other[..2].to_owned() + &one[2..];
            answers.push(swapped.concat());
        }
    }
    unknown_after(answers);
}

#[test]
fn the_order_of_fields_does_not_matter() {
    let mut fields = fields(&(echo("0") + &yes()));
    fields[1..].reverse();
    let desk = Desk::new(vec![at_once(fields.concat())]);
    let mut terminal = desk.terminal("");
    approved(terminal.pay(sale(), &desk.bench.call()));
}

#[test]
fn what_is_no_message_is_not_believed() {
    unknown_after(
        [
            "",
            "\0",
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "CZ0x40300",
            "cz0040300",
            "1Z0040300",
            "C",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    let endless = field("ZT", &"x".repeat(999));
    let tags = ('A'..='Z').flat_map(|one| ('A'..='Z').map(move |two| format!("{one}{two}")));
    let endless: Vec<String> = tags.map(|tag| endless.replace("ZT", &tag)).collect();
    unknown_after(vec![endless.concat()]);
}

#[test]
fn a_terminal_that_gives_no_private_data_back_can_be_had_too() {
    let answer = (echo("0") + &yes()).replace(&field("CF", MARK), "");
    let desk = Desk::new(vec![at_once(answer)]);
    let mut terminal = desk.terminal(r#","private_data":false"#);
    approved(terminal.pay(sale(), &desk.bench.call()));
    assert!(!desk.heard()[0].contains(MARK));
}

#[test]
fn the_answer_to_the_payment_before_is_not_this_ones() {
    let desk = Desk::new(vec![
        at_once(echo("0") + &yes()),
        at_once(echo("0") + &yes()),
    ]);
    let mut terminal: ConcertTerminal = desk
        .bench
        .terminal(&format!(r#"{{"address":"{TARGET}"}}"#))
        .expect("a right configuration");
    approved(terminal.pay(sale(), &desk.bench.call()));
    let mut next = sale();
    next.stan = 8;
    assert!(is_unknown(terminal.pay(next, &desk.bench.call())));
}
