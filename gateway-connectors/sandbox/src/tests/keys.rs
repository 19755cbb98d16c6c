// SPDX-License-Identifier: MIT OR Apache-2.0
//! The gateway's own keys: certified, kept for their owner, replaced by age and by hand.

use super::*;
use crate::authority::test_authority;
use crate::keys::{Lifetime, SealingKeys};
use crate::opening::now;
use payhal_card_data::{ValidTime, key_id, verify_certificate};

const DAY: u64 = 86_400;

const LIFETIME: Lifetime = Lifetime {
    days: 90,
    overlap_days: 30,
};

fn open(folder: &TempDir, now: u64) -> SealingKeys {
    SealingKeys::open(folder.path(), LIFETIME, now).unwrap()
}

#[test]
fn the_key_is_certified_by_the_test_authority() {
    let shop = Shop::new();
    let recipient = &shop.parameters.recipient;
    assert_eq!(recipient.key_id, key_id(&recipient.public_key));
    let valid = ValidTime {
        from: 0,
        until: 4_000_000_000,
    };
    let anchor = test_authority().unwrap().anchor(valid).unwrap();
    let verify = |now| {
        verify_certificate(
            &recipient.certificates,
            &[&anchor],
            now,
            &recipient.public_key,
        )
    };
    assert_eq!(verify(now()).unwrap().subject, "CN=sandbox-1");
    assert!(verify(now() + 119 * DAY).is_ok());
    assert!(verify(now() + 121 * DAY).is_err());
}

#[test]
fn who_pretends_to_be_live_shows_no_certificate_of_a_test() {
    let shop = Shop::with(r#"{"pretend_live": true}"#, TempDir::new().unwrap());
    assert!(shop.parameters.live && shop.parameters.name.contains("pretends"));
    assert!(shop.parameters.recipient.certificates.is_empty());
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    let answer = shop.authorize(&request);
    assert_eq!(answer.response_code, "63");
    assert!(answer.response_text.unwrap().contains("not enrolled"));
    let config = r#"{"pretend_live": true, "enrolment": "first_use"}"#;
    let folder = TempDir::new().unwrap();
    let bench = Bench::new().state_dir(folder.path());
    let error = bench.gateway::<Sandbox>(config).unwrap_err().to_string();
    assert!(error.contains("listed"), "{error}");
}

#[cfg(unix)]
#[test]
fn the_key_is_for_its_owner_and_kept() {
    use std::os::unix::fs::PermissionsExt;
    let shop = Shop::new();
    let key_id = shop.parameters.recipient.key_id.clone();
    let file = format!("keys/sealing/{key_id}.key");
    let path = shop.folder.path().join(&file);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = Shop::with("{}", shop.folder);
    assert_eq!(again.parameters.recipient.key_id, key_id);
    let bench = Bench::new().state_dir(again.folder.path());
    std::fs::write(&path, "short").unwrap();
    let error = bench.gateway::<Sandbox>("{}").unwrap_err();
    assert!(error.to_string().contains(&file), "{error}");
}

#[test]
fn a_key_is_replaced_when_it_is_old_and_destroyed_when_nothing_is_sealed_to_it_any_more() {
    let folder = TempDir::new().unwrap();
    let first = open(&folder, 1_000 * DAY).current().id.clone();
    assert_eq!(open(&folder, 1_089 * DAY).current().id, first);
    let keys = open(&folder, 1_090 * DAY);
    let second = keys.current().id.clone();
    assert_ne!(second, first);
    assert!(keys.opening(&first, 1_119 * DAY).is_some());
    assert!(keys.opening(&first, 1_120 * DAY).is_none());
    assert!(keys.opening(&second, 9_999 * DAY).is_some());
    let path = folder.path().join(format!("keys/sealing/{first}.key"));
    assert_eq!(open(&folder, 1_119 * DAY).shown().count(), 2);
    assert!(path.exists());
    assert_eq!(open(&folder, 1_120 * DAY).shown().count(), 1);
    assert!(!path.exists());
}

#[test]
fn a_clock_that_was_set_back_does_not_bring_an_old_key_back() {
    let folder = TempDir::new().unwrap();
    let mut keys = open(&folder, 1_000 * DAY);
    let second = keys.rotate(900 * DAY).unwrap().id.clone();
    assert_eq!(open(&folder, 900 * DAY).current().id, second);
}

#[test]
fn after_a_rotation_both_keys_open_and_readers_get_the_new_one_at_the_next_start() {
    let shop = Shop::new();
    let sealed_before = shop.request(Purpose::Sale, "visa-approve", 1250);
    let told = shop.simulate(json!({"action": "rotate_key"}));
    let ids = told["sealing_keys"].as_array().unwrap();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[1]["key_id"], shop.parameters.recipient.key_id.as_str());
    assert!(ids[1]["opens_until"].is_number() && ids[0].get("opens_until").is_none());
    assert_eq!(shop.authorize(&sealed_before).response_code, "00");
    let mut late = shop.request(Purpose::Sale, "visa-approve", 1250);
    late.wire.transaction_id = "t-late".into();
    shop.seal(&mut late, "visa-approve", None);
    let again = Shop::with("{}", shop.folder);
    again.stan.store(100, Ordering::Relaxed);
    assert_eq!(again.parameters.recipient.key_id, ids[0]["key_id"]);
    assert_eq!(again.authorize(&late).response_code, "00");
    again.sale(1250);
}

#[test]
fn a_key_that_was_replaced_too_long_ago_opens_nothing() {
    let folder = TempDir::new().unwrap();
    let former = open(&folder, now() - 200 * DAY).current().clone();
    let mut shop = Shop::with(r#"{"sealing_overlap_days": 0}"#, folder);
    assert_ne!(shop.parameters.recipient.key_id, former.id);
    shop.parameters.recipient.public_key = former.key.public_bytes();
    shop.parameters.recipient.key_id = former.id;
    let answer = shop.authorize(&shop.request(Purpose::Sale, "visa-approve", 1250));
    assert_eq!(answer.response_code, "63");
    assert!(answer.response_text.unwrap().contains("replaced"));
}

#[test]
fn the_key_that_readers_were_told_opens_as_long_as_the_process_runs() {
    let folder = TempDir::new().unwrap();
    let mut keys = open(&folder, 1_000 * DAY);
    let announced = keys.current().id.clone();
    keys.rotate(1_000 * DAY).unwrap();
    assert!(keys.opening(&announced, 2_000 * DAY).is_some());
    assert!(
        open(&folder, 2_000 * DAY)
            .opening(&announced, 2_000 * DAY)
            .is_none()
    );
}

#[test]
fn tokens_of_the_first_sealing_key_hold() {
    let folder = TempDir::new().unwrap();
    let former = folder.path().join("sealing.key");
    let secret = payhal_card_data::SecretBytes::copied(&[9; 32]);
    payhal_card_data::key_file::store(&former, &secret).unwrap();
    let shop = Shop::with("{}", folder);
    assert!(!former.exists());
    let kept = std::fs::read(shop.folder.path().join("keys/tokens.key")).unwrap();
    assert_eq!(kept, [9; 32]);
}

#[test]
fn keys_are_bounded() {
    let folder = TempDir::new().unwrap();
    let mut keys = open(&folder, 1_000 * DAY);
    let error = std::iter::repeat_with(|| keys.rotate(1_000 * DAY).map(drop))
        .take(40)
        .find_map(Result::err);
    let error = error.unwrap().to_string();
    assert!(error.contains("32 keys"), "{error}");
    assert_eq!(open(&folder, 1_031 * DAY).shown().count(), 1);
    let full = open(&folder, 1_095 * DAY);
    assert_eq!(full.shown().count(), 2);
}

#[test]
fn a_lifetime_of_no_days_is_refused() {
    for config in [
        r#"{"sealing_key_days": 0}"#,
        r#"{"sealing_key_days": 4000}"#,
        r#"{"sealing_overlap_days": 4000}"#,
    ] {
        let folder = TempDir::new().unwrap();
        let bench = Bench::new().state_dir(folder.path());
        let error = bench.gateway::<Sandbox>(config).unwrap_err().to_string();
        assert!(error.contains("days"), "{error}");
    }
}

#[test]
fn keys_are_shown_by_name_only() {
    let shop = Shop::new();
    shop.sale(1250);
    let told = shop.simulate(json!({"action": "keys"}));
    assert_eq!(told["devices"][0]["device"], "reader-1");
    assert_eq!(told["devices"][0]["enrolled"], "first_use");
    assert_eq!(told["base_keys"], json!([]));
    let shown = told.to_string();
    let private: String = shop
        .device
        .to_bytes()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert!(!shown.contains(&private));
}
