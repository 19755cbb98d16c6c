// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of a pairing, on virtual time.

use super::*;
use payhal_protocol::pairing::CHANNEL_PLAIN;

fn at(boot_ms: u64) -> Moment {
    Moment {
        boot_ms,
        wall_micros: 0,
    }
}

fn asker(seat: u64, origin: Option<&str>) -> Asker {
    Asker {
        host_id: "host".to_owned(),
        seat,
        origin: origin.map(str::to_owned),
        authority: "127.0.0.1:7425".to_owned(),
        channel: CHANNEL_PLAIN.to_owned(),
        certificate: None,
    }
}

fn begin(
    pairings: &mut Pairings,
    id: &str,
    asker: Asker,
    share: &Share,
    now: u64,
) -> Result<String, Refusal> {
    let who = ("till-1".to_owned(), "Till 1".to_owned());
    let begun = pairings.begin(id.to_owned(), asker, who, share.commitment(), at(now));
    begun.map(|pairing| pairing.share().public_key.clone())
}

#[test]
fn both_sides_come_to_one_number_and_one_secret() {
    let mut pairings = Pairings::default();
    let mine = KeyPair::new();
    begin(&mut pairings, "p", asker(1, None), &mine.share, 0).unwrap();
    assert_eq!(pairings.waiting("p", 1).unwrap_err(), Refusal::TooEarly);
    let theirs = pairings.get("p").unwrap().share().clone();
    let pairing = pairings.reveal("p", 1, &mine.share).unwrap();
    let transcript = Transcript {
        host_id: "host",
        pairing_id: "p",
        register_id: "till-1",
        register_name: "Till 1",
        origin: None,
        authority: "127.0.0.1:7425",
        channel: CHANNEL_PLAIN,
        register: &mine.share,
        host: &theirs,
    };
    let digest = transcript.digest();
    assert_eq!(pairing.number().unwrap(), number(&digest));
    let x = mine.x(&theirs.public_key).unwrap();
    let secret = Secret::agreed(&x, &digest);
    assert_eq!(pairing.secret().unwrap().key_id(), secret.key_id());
    let shown = pairing.number().unwrap().to_owned();
    assert!(pairings.compared("p", &shown).is_ok());
}

#[test]
fn another_share_than_the_promised_one_ends_it() {
    let mut pairings = Pairings::default();
    let (mine, other) = (KeyPair::new(), KeyPair::new());
    begin(&mut pairings, "p", asker(1, None), &mine.share, 0).unwrap();
    let swapped = pairings.reveal("p", 1, &other.share);
    assert_eq!(swapped.unwrap_err(), Refusal::Mismatch);
    let again = pairings.reveal("p", 1, &mine.share);
    assert_eq!(again.unwrap_err(), Refusal::Unknown);
    assert!(pairings.open().is_empty());
}

#[test]
fn a_pairing_is_revealed_once_and_by_its_own_connection() {
    let mut pairings = Pairings::default();
    let mine = KeyPair::new();
    begin(&mut pairings, "p", asker(1, None), &mine.share, 0).unwrap();
    let stolen = pairings.reveal("p", 2, &mine.share);
    assert_eq!(stolen.unwrap_err(), Refusal::Unknown);
    pairings.reveal("p", 1, &mine.share).unwrap();
    assert_eq!(pairings.waiting("p", 2).unwrap_err(), Refusal::Unknown);
    let again = pairings.reveal("p", 1, &mine.share);
    assert_eq!(again.unwrap_err(), Refusal::Mismatch);
}

#[test]
fn another_number_ends_it() {
    let mut pairings = Pairings::default();
    let mine = KeyPair::new();
    begin(&mut pairings, "p", asker(1, None), &mine.share, 0).unwrap();
    assert_eq!(
        pairings.compared("p", "000000").unwrap_err(),
        Refusal::TooEarly
    );
    let shown = pairings.reveal("p", 1, &mine.share).unwrap();
    let shown: u32 = shown.number().unwrap().parse().unwrap();
    let (waiting, _) = pairings.waiting("p", 1).unwrap();
    let other = format!("{:06}", (shown + 1) % 1_000_000);
    assert_eq!(pairings.compared("p", &other).unwrap_err(), Refusal::Number);
    assert!(matches!(*waiting.borrow(), Some(Decision::Ended)));
    let right = format!("{shown:06}");
    assert_eq!(
        pairings.compared("p", &right).unwrap_err(),
        Refusal::Unknown
    );
}

#[test]
fn one_at_a_time_for_each_origin_and_four_in_all() {
    let mut pairings = Pairings::default();
    let share = KeyPair::new().share;
    let shop = Some("https://shop.example");
    begin(&mut pairings, "a", asker(1, shop), &share, 0).unwrap();
    let second = begin(&mut pairings, "b", asker(2, shop), &share, 1_000);
    let retry_after_ms = PAIRING_MS_MAX - 1_000;
    assert_eq!(second.unwrap_err(), Refusal::Rate { retry_after_ms });
    // The same connection begins anew instead.
    begin(&mut pairings, "c", asker(1, shop), &share, 1_000).unwrap();
    assert!(pairings.get("a").is_none());
    for (seat, origin) in [
        (3, None),
        (4, Some("https://a.example")),
        (5, Some("https://b.example")),
    ] {
        begin(
            &mut pairings,
            &seat.to_string(),
            asker(seat, origin),
            &share,
            2_000,
        )
        .unwrap();
    }
    let fifth = begin(
        &mut pairings,
        "e",
        asker(6, Some("https://c.example")),
        &share,
        2_000,
    );
    assert!(matches!(fifth.unwrap_err(), Refusal::Rate { .. }));
    assert_eq!(pairings.open().len(), OPEN_MAX);
    assert_eq!(pairings.left(3), ["3"]);
    begin(
        &mut pairings,
        "e",
        asker(6, Some("https://c.example")),
        &share,
        2_000,
    )
    .unwrap();
}

#[test]
fn an_origin_has_three_tries_then_one_a_minute() {
    let mut pairings = Pairings::default();
    let share = KeyPair::new().share;
    let mut attempt = |now: u64| {
        let begun = begin(&mut pairings, "p", asker(1, None), &share, now);
        pairings.left(1);
        begun.is_ok()
    };
    assert!(attempt(0) && attempt(1) && attempt(2));
    assert!(!attempt(3));
    assert!(!attempt(59_000));
    assert!(attempt(61_000));
    assert!(!attempt(62_000));
}

#[test]
fn all_origins_together_have_ten_tries_then_one_in_ten_seconds() {
    let mut pairings = Pairings::default();
    let share = KeyPair::new().share;
    let mut attempt = |number: u64, now: u64| {
        let origin = format!("https://page-{number}.example");
        let begun = begin(&mut pairings, "p", asker(1, Some(&origin)), &share, now);
        pairings.left(1);
        begun.is_ok()
    };
    assert!((0..10).all(|number| attempt(number, 0)));
    assert!(!attempt(10, 1));
    assert!(attempt(11, 10_001));
    assert!(!attempt(12, 10_002));
}

#[test]
fn a_pairing_expires_and_its_register_is_told() {
    let mut pairings = Pairings::default();
    let mine = KeyPair::new();
    begin(&mut pairings, "p", asker(1, None), &mine.share, 0).unwrap();
    pairings.reveal("p", 1, &mine.share).unwrap();
    let (waiting, expires) = pairings.waiting("p", 1).unwrap();
    assert_eq!(expires.boot_ms, PAIRING_MS_MAX);
    assert!(pairings.expire(at(PAIRING_MS_MAX - 1)).is_empty());
    assert_eq!(pairings.expire(at(PAIRING_MS_MAX)), ["p"]);
    assert!(matches!(*waiting.borrow(), Some(Decision::Expired)));
    assert!(pairings.expire(at(PAIRING_MS_MAX)).is_empty());
}

#[test]
fn who_asks_late_still_hears_the_decision() {
    let mut pairings = Pairings::default();
    let mine = KeyPair::new();
    begin(&mut pairings, "p", asker(1, None), &mine.share, 0).unwrap();
    pairings.reveal("p", 1, &mine.share).unwrap();
    assert!(pairings.decide("p", Decision::Refused));
    assert!(!pairings.decide("p", Decision::Ended));
    let (waiting, _) = pairings.waiting("p", 1).unwrap();
    assert!(matches!(*waiting.borrow(), Some(Decision::Refused)));
    assert!(pairings.left(1).is_empty());
    assert_eq!(pairings.waiting("p", 1).unwrap_err(), Refusal::Unknown);
}
