// SPDX-License-Identifier: MIT OR Apache-2.0
//! After a sale, nothing of the card is left in this process; the search is shown to find a card
//! that is held.

use super::*;
use payhal_card_data::{TestCard, Track2Equivalent, test_card};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Set in the process that is searched: it runs nothing else, whose cards would be found.
const SEARCHED: &str = "PAYHAL_SEARCHED";

/// Patterns are kept altered and compared so: a search must not find itself.
const MASK: u8 = 0xA5;

struct Pattern {
    what: String,
    altered: Vec<u8>,
}

impl Pattern {
    fn new(what: &str, characters: &[u8]) -> Self {
        Self {
            what: what.to_owned(),
            altered: characters.iter().map(|byte| byte ^ MASK).collect(),
        }
    }
}

/// Number, tracks and PIN, in characters and packed.
fn patterns_of(card: &TestCard) -> Vec<Pattern> {
    let (pan, track2) = (card.pan(), card.track2());
    let chip = Track2Equivalent::from(&track2);
    let digits = pan.digits();
    let mut patterns = vec![
        Pattern::new("number", digits),
        Pattern::new("packed number", &chip.value()[..digits.len() / 2]),
        Pattern::new("holder", card.track1().name()),
    ];
    // Behind number and separator: what makes a track of them.
    let behind = track2.characters().len() - digits.len() - 1;
    let end = &track2.characters()[track2.characters().len() - behind..];
    patterns.push(Pattern::new("end of the track", end));
    if let Some(pin) = card.pin() {
        let pairs = pin.digits().chunks_exact(2);
        let packed: Vec<u8> = pairs.map(|pair| pair[0] << 4 | pair[1] & 0xF).collect();
        patterns.push(Pattern::new("PIN", pin.digits()));
        patterns.push(Pattern::new("packed PIN", &packed));
        // As the field of a PIN block begins.
        let field = [&[pin.digits()[0] & 0xF], &packed[..]].concat();
        patterns.push(Pattern::new("PIN behind a digit", &field));
    }
    patterns
}

/// What of the patterns lies in memory that this process can write to.
fn found(patterns: &[Pattern]) -> Vec<&str> {
    const PIECE: usize = 1 << 16;
    const OVERLAP: usize = 64;
    let mut found = Vec::new();
    let mut starts = [false; 256];
    for pattern in patterns {
        starts[usize::from(pattern.altered[0])] = true;
    }
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let memory = File::open("/proc/self/mem").unwrap();
    let mut piece = vec![0; PIECE + OVERLAP];
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (bounds, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with("rw") {
            continue;
        }
        let (start, end) = bounds.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        for at in (start..end).step_by(PIECE) {
            let room = usize::try_from(end - at).unwrap().min(piece.len());
            let read = memory.read_at(&mut piece[..room], at).unwrap_or(0);
            piece[..read].iter_mut().for_each(|byte| *byte ^= MASK);
            // Most memory is zeros.
            let searched = piece[..read].iter().any(|byte| *byte != MASK);
            for place in (0..read).filter(|_| searched) {
                if !starts[usize::from(piece[place])] {
                    continue;
                }
                let here = |pattern: &&Pattern| piece[place..read].starts_with(&pattern.altered);
                found.extend(patterns.iter().filter(here).map(|it| it.what.as_str()));
            }
            // What was read is a copy, and may be met again further on.
            piece.fill(0);
        }
    }
    found.dedup();
    found
}

/// Types the card's PIN, as a message that holds it.
fn type_pin(simulator: &dyn Simulated, card: &TestCard) {
    let pin = card.pin().unwrap();
    let mut keys = String::with_capacity(pin.digits().len() + 1);
    keys.extend(pin.digits().iter().map(|digit| char::from(*digit)));
    keys.push('#');
    let mut action = json!({"action": "keys"});
    action["keys"] = Value::String(keys);
    simulator.simulate(action).unwrap();
}

/// One sale with everything that the reader does: PIN, cryptograms, a number apart.
fn sale(shop: &mut Shop, gesture: &str, card: &'static TestCard) {
    let presentation = shop.presented(gesture, card.name);
    match gesture {
        "key_in" => {}
        "insert" if card.pin().is_some() => {
            let simulator = Arc::clone(&shop.simulator);
            let at = shop.bench.passed();
            shop.bench.at(at, move || type_pin(&*simulator, card));
        }
        _ if card.pin().is_some() => shop.later(json!({"action": "pin"})),
        _ => {}
    }
    let request = AuthorizeCard {
        seal_number: true,
        dcc: None,
        ..shop.request(&presentation)
    };
    let read = shop.reader.authorize_card(request, &shop.bench.call());
    read.unwrap().unwrap();
    shop.complete(&presentation, approved()).unwrap().unwrap();
}

#[test]
fn nothing_of_a_card_is_left_after_its_sale() {
    const SELF: &str = "tests::memory::nothing_of_a_card_is_left_after_its_sale";
    let Some(mode) = std::env::var_os(SEARCHED) else {
        for mode in ["hpke", "dukpt_tdes", "dukpt_aes"] {
            let mut command = std::process::Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", SELF]).env(SEARCHED, mode);
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{mode}: {said}");
        }
        return;
    };
    let mut shop = Shop::sealing(mode.to_str().unwrap());
    for (card, gestures) in [
        ("canary-visa", &["insert", "tap", "swipe"][..]),
        ("canary-mastercard", &["insert", "tap", "swipe", "key_in"]),
        ("canary-amex", &["swipe", "key_in"]),
        ("canary-maestro", &["insert"]),
        ("canary-refuses", &["insert"]),
    ] {
        let card = test_card(card).unwrap();
        let patterns = patterns_of(card);
        for gesture in gestures {
            sale(&mut shop, gesture, card);
            assert_eq!(found(&patterns), [""; 0], "{} {gesture}", card.name);
        }
        let held = (card.pan(), card.track2(), card.track1(), card.pin());
        let all = found(&patterns);
        for what in ["number", "holder", "end of the track"] {
            assert!(all.contains(&what), "{} {what}", card.name);
        }
        assert_eq!(all.contains(&"PIN"), held.3.is_some(), "{}", card.name);
    }
}
