// SPDX-License-Identifier: MIT OR Apache-2.0
//! The certificates of an installation on virtual time.

use super::authority::{LEAF_DAYS, LEAVES, OVERLAP_DAYS, STEP_DAYS};
use super::*;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

const DAY: i64 = 86_400;
/// Noon of a day in 2027.
const INSTALLED: i64 = 1_800_014_400 / DAY * DAY + DAY / 2;
const HOST: &str = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000";

fn opened() -> (tempfile::TempDir, Keyring) {
    let folder = tempfile::tempdir().unwrap();
    let opened = Keyring::open(&folder.path().join("tls"), HOST, INSTALLED).unwrap();
    assert_eq!(opened.remade, None);
    (folder, opened.keyring)
}

/// What a client that trusts this authority makes of the leaf, at its own time.
fn verdict(
    authority: &[u8],
    leaf: &CertificateDer<'_>,
    name: &str,
    now: i64,
) -> Result<(), String> {
    let mut trusted = RootCertStore::empty();
    trusted
        .add(CertificateDer::from_pem_slice(authority).unwrap())
        .unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(trusted.into(), provider);
    let name = ServerName::try_from(name).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.unsigned_abs()));
    let verified = verifier
        .build()
        .unwrap()
        .verify_server_cert(leaf, &[], &name, &[], now);
    verified.map(drop).map_err(|error| format!("{error:?}"))
}

fn certificate(folder: &Path, fingerprint: &str) -> CertificateDer<'static> {
    let of = |number| folder.join("tls").join(format!("leaf-{number}.pem"));
    let all = (1..=LEAVES).map(|number| CertificateDer::from_pem_file(of(number)).unwrap());
    let mut all = all.filter(|der| keyring::fingerprint(der) == fingerprint);
    all.next().unwrap()
}

#[test]
fn for_ten_years_a_client_with_a_clock_weeks_off_takes_what_is_shown() {
    let (folder, keyring) = opened();
    let authority = std::fs::read(folder.path().join("tls/ca.pem")).unwrap();
    let mut shown = BTreeSet::new();
    let last = STEP_DAYS * (LEAVES as i64 - 1) + LEAF_DAYS - OVERLAP_DAYS / 2 - 2;
    assert!(last > 3_650, "ten years");
    for day in (0..last).step_by(3) {
        let now = INSTALLED + day * DAY;
        let leaf = keyring.at(now);
        assert!(leaf.is_valid(now), "day {day}");
        shown.insert(leaf.fingerprint.clone());
        let leaf = certificate(folder.path(), &leaf.fingerprint);
        let off = (OVERLAP_DAYS / 2 - 2) * DAY;
        // Nothing was valid before the installation.
        let behind = if day * DAY < off { 0 } else { off };
        for clock in [now - behind, now, now + off] {
            assert_eq!(
                verdict(&authority, &leaf, "localhost", clock),
                Ok(()),
                "day {day}"
            );
        }
    }
    assert_eq!(shown.len(), LEAVES, "each leaf has its time");
}

#[test]
fn the_next_leaf_is_shown_from_the_middle_of_each_overlap() {
    let (_folder, keyring) = opened();
    let begins = keyring.at(INSTALLED).not_before;
    for number in 1..LEAVES as i64 {
        let switch = begins + (STEP_DAYS * number + OVERLAP_DAYS / 2) * DAY;
        let (before, after) = (keyring.at(switch - 1), keyring.at(switch));
        assert_ne!(before.fingerprint, after.fingerprint, "switch {number}");
        assert!(
            before.is_valid(switch) && after.is_valid(switch),
            "both are good there"
        );
    }
}

#[test]
fn a_clock_outside_of_everything_gets_the_nearest_leaf() {
    let (_folder, keyring) = opened();
    assert_eq!(keyring.at(0).not_before, keyring.at(INSTALLED).not_before);
    assert_eq!(keyring.at(i64::MAX).not_after, keyring.ends());
}

#[test]
fn nobody_else_can_be_named_by_this_authority() {
    let (folder, keyring) = opened();
    let authority = std::fs::read(folder.path().join("tls/ca.pem")).unwrap();
    let leaf = certificate(folder.path(), &keyring.at(INSTALLED).fingerprint);
    for name in ["localhost", "127.0.0.1", "::1"] {
        assert_eq!(
            verdict(&authority, &leaf, name, INSTALLED),
            Ok(()),
            "{name}"
        );
    }
    let other = verdict(&authority, &leaf, "bank.example", INSTALLED);
    assert!(other.unwrap_err().contains("NotValidForName"));
    // The constraints are critical, so that who does not understand them trusts nothing.
    let der = CertificateDer::from_pem_slice(&authority).unwrap();
    let name_constraints = [0x06, 0x03, 0x55, 0x1D, 0x1E, 0x01, 0x01, 0xFF];
    assert!(der.windows(8).any(|bytes| bytes == name_constraints));
}

#[test]
fn a_leaf_for_another_name_is_worth_nothing_even_from_this_authority() {
    use rcgen::{CertificateParams, Issuer, KeyPair};
    // As if somebody had caught the key while it lived: the same authority, made here.
    let key = KeyPair::generate().unwrap();
    let params = authority::constrained_for_tests();
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::from_params(&params, &key);
    let leaf_key = KeyPair::generate().unwrap();
    for (name, fits) in [
        ("bank.example", false),
        ("10.0.0.1", false),
        ("localhost", true),
    ] {
        let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
        leaf.not_before = rcgen::date_time_ymd(2026, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2028, 1, 1);
        let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
        let verdict = verdict(ca.as_bytes(), leaf.der(), name, INSTALLED);
        assert_eq!(verdict.is_ok(), fits, "{name}: {verdict:?}");
    }
}

#[test]
fn keys_are_for_this_user_alone_and_the_authoritys_is_nowhere() {
    let (folder, _keyring) = opened();
    let tls = folder.path().join("tls");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&tls), 0o700);
    let mut names = BTreeSet::new();
    for file in std::fs::read_dir(&tls).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.insert(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    assert_eq!(names.len(), 2 * LEAVES + 1, "{names:?}");
    let keys = names.iter().filter(|name| name.ends_with(".key"));
    assert!(keys.clone().all(|name| name.starts_with("leaf-")) && keys.count() == LEAVES);
}

#[test]
fn what_is_whole_is_kept_and_what_is_damaged_is_made_anew() {
    let (folder, first) = opened();
    let tls = folder.path().join("tls");
    let open = || Keyring::open(&tls, HOST, INSTALLED + DAY).unwrap();
    let again = open();
    let shown = |keyring: &Keyring| keyring.at(INSTALLED).fingerprint.clone();
    assert_eq!((shown(&again.keyring), again.remade), (shown(&first), None));
    let mut before = shown(&first);
    let damages: [&dyn Fn(); 5] = [
        &|| std::fs::remove_file(tls.join("leaf-3.key")).unwrap(),
        &|| std::fs::remove_file(tls.join("ca.pem")).unwrap(),
        &|| std::fs::write(tls.join("leaf-2.pem"), "rubbish").unwrap(),
        &|| {
            std::fs::copy(tls.join("leaf-1.key"), tls.join("leaf-5.key")).unwrap();
        },
        &|| std::fs::write(tls.join("leaf-4.pem"), vec![b'x'; 100_000]).unwrap(),
    ];
    for (number, damage) in damages.iter().enumerate() {
        damage();
        assert!(
            state(folder.path(), INSTALLED).damage.is_some(),
            "damage {number}"
        );
        let remade = open();
        assert!(remade.remade.is_some(), "damage {number}");
        assert_ne!(shown(&remade.keyring), before, "damage {number}");
        before = shown(&remade.keyring);
        assert_eq!(open().remade, None, "damage {number}");
    }
}

#[test]
fn the_state_tells_what_is_there_and_who_was_told() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(state(folder.path(), INSTALLED).leaves, 0);
    Keyring::open(&super::folder(folder.path()), HOST, INSTALLED).unwrap();
    let there = state(folder.path(), INSTALLED);
    assert_eq!((there.leaves, &there.damage), (LEAVES, &None));
    let authority = there.authority.unwrap();
    assert!(there.trusted.is_empty());
    let trust = |store: &str, authority: &str| Trust {
        store: store.into(),
        place: "somewhere".into(),
        authority: authority.into(),
    };
    let found = [trust("nss", &authority), trust("java", "another")];
    record_trust(folder.path(), &["nss", "java"], &found).unwrap();
    assert_eq!(
        state(folder.path(), INSTALLED).trusted,
        found[..1],
        "only this authority counts"
    );
    record_trust(folder.path(), &["nss"], &[]).unwrap();
    assert!(state(folder.path(), INSTALLED).trusted.is_empty());
}

#[test]
fn the_network_has_one_certificate_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let listen = ([192, 168, 1, 5], 7427).into();
    let names = vec!["shop.example".to_owned()];
    let network = Network {
        listen,
        names,
        files: None,
    };
    let shown = |network: &Network, now| {
        let keyring = network.keyring(folder.path(), HOST, now).unwrap();
        keyring.keyring.at(now).fingerprint.clone()
    };
    let first = shown(&network, INSTALLED);
    assert_eq!(shown(&network, INSTALLED + 3_000 * DAY), first);
    let lan = folder.path().join("lan");
    let files = Some((lan.join("certificate.pem"), lan.join("certificate.key")));
    let own = Network {
        files,
        ..network.clone()
    };
    assert_eq!(shown(&own, INSTALLED), first);
    std::fs::write(lan.join("certificate.pem"), "rubbish").unwrap();
    let error = network.keyring(folder.path(), HOST, INSTALLED).unwrap_err();
    assert!(error.to_string().contains("certificate.pem"), "{error}");
}
