// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sealing key is taken only with a certificate that a known authority signed for it, for now.
#![expect(clippy::unwrap_used, reason = "fixtures of a test")]

use payhal_card_data::{
    Authority, CertificateError, IssueError, PrivateKey, ValidTime, key_id, verify_certificate,
};

const LONG: ValidTime = ValidTime {
    from: 1_000,
    until: 4_000_000_000,
};
const SHORT: ValidTime = ValidTime {
    from: 2_000,
    until: 3_000,
};
const NOW: u64 = 2_500;

fn authority(name: &str, key: u8) -> Authority {
    Authority::new(name, &[key; 32]).unwrap()
}

/// A certified key and its anchor.
struct Fixture {
    anchor: Vec<u8>,
    leaf: Vec<u8>,
    key: Vec<u8>,
}

impl Fixture {
    fn new() -> Self {
        let authority = authority("Test authority", 1);
        let key = PrivateKey::generate().public_bytes();
        Self {
            anchor: authority.anchor(LONG).unwrap(),
            leaf: authority.issue("A gateway", &key, SHORT).unwrap(),
            key,
        }
    }

    fn refusal_of(&self, leaf: &[u8], now: u64) -> CertificateError {
        verify_certificate(&[leaf], &[&self.anchor], now, &self.key).unwrap_err()
    }
}

#[test]
fn a_certified_key_is_taken_from_its_first_second_to_its_last() {
    let of = Fixture::new();
    for now in [SHORT.from, NOW, SHORT.until] {
        let leaf = std::slice::from_ref(&of.leaf);
        let certified = verify_certificate(leaf, &[&of.anchor], now, &of.key).unwrap();
        assert_eq!(certified.subject, "CN=A gateway");
        assert_eq!((certified.not_after, certified.anchor), (SHORT.until, 0));
    }
}

#[test]
fn another_time_is_refused() {
    let of = Fixture::new();
    let early = of.refusal_of(&of.leaf, SHORT.from - 1);
    assert_eq!(early, CertificateError::NotYetValid);
    let late = of.refusal_of(&of.leaf, SHORT.until + 1);
    assert_eq!(late, CertificateError::Expired);
}

#[test]
fn an_anchor_that_expired_vouches_for_nothing() {
    let authority = authority("Test authority", 1);
    let key = PrivateKey::generate().public_bytes();
    let leaf = authority.issue("A gateway", &key, LONG).unwrap();
    let anchor = authority.anchor(SHORT).unwrap();
    let at = |now| verify_certificate(&[&leaf], &[&anchor], now, &key).map(|_| ());
    assert_eq!(at(SHORT.from - 1), Err(CertificateError::NotYetValid));
    assert_eq!(at(NOW), Ok(()));
    assert_eq!(at(SHORT.until + 1), Err(CertificateError::Expired));
}

#[test]
fn no_certificate_is_refused() {
    let of = Fixture::new();
    let none: [&[u8]; 0] = [];
    let refused = verify_certificate(&none, &[&of.anchor], NOW, &of.key);
    assert_eq!(refused, Err(CertificateError::None));
    // One that comes second vouches for nothing.
    let refused = verify_certificate(&[&of.anchor, &of.leaf], &[&of.anchor], NOW, &of.key);
    assert_eq!(refused, Err(CertificateError::NotForSealing));
}

#[test]
fn another_key_than_the_certified_one_is_refused() {
    let mut of = Fixture::new();
    let certified = std::mem::replace(&mut of.key, PrivateKey::generate().public_bytes());
    let other = of.refusal_of(&of.leaf, NOW);
    assert_eq!(other, CertificateError::OtherKey);
    of.key = certified[..64].to_vec();
    assert_eq!(of.refusal_of(&of.leaf, NOW), CertificateError::OtherKey);
}

#[test]
fn an_authority_nobody_knows_is_refused_whatever_it_calls_itself() {
    let of = Fixture::new();
    let unknown = authority("Other authority", 2);
    let leaf = unknown.issue("A gateway", &of.key, SHORT).unwrap();
    let refused = of.refusal_of(&leaf, NOW);
    assert_eq!(refused, CertificateError::UnknownIssuer);
    let impostor = authority("Test authority", 2);
    let leaf = impostor.issue("A gateway", &of.key, SHORT).unwrap();
    assert_eq!(of.refusal_of(&leaf, NOW), CertificateError::Altered);
    // Nor does it help to bring its own anchor along.
    let brought = [leaf, impostor.anchor(LONG).unwrap()];
    let refused = verify_certificate(&brought, &[&of.anchor], NOW, &of.key);
    assert_eq!(refused, Err(CertificateError::Altered));
    assert_eq!(
        verify_certificate(&[&of.leaf], &[], NOW, &of.key),
        Err(CertificateError::UnknownIssuer)
    );
}

#[test]
fn either_key_of_an_authority_that_changes_its_own_is_known() {
    let of = Fixture::new();
    let following = authority("Test authority", 2);
    let leaf = following.issue("A gateway", &of.key, SHORT).unwrap();
    let anchors = [&*of.anchor, &following.anchor(LONG).unwrap()];
    for (leaf, place) in [(&of.leaf, 0), (&leaf, 1)] {
        let certified = verify_certificate(&[leaf], &anchors, NOW, &of.key).unwrap();
        assert_eq!(certified.anchor, place);
    }
}

#[test]
fn whatever_byte_is_altered_it_is_refused() {
    let of = Fixture::new();
    for place in 0..of.leaf.len() {
        for bit in 0..8 {
            let mut altered = of.leaf.clone();
            altered[place] ^= 1 << bit;
            let refused = verify_certificate(&[&altered], &[&of.anchor], NOW, &of.key);
            assert!(refused.is_err(), "byte {place}, bit {bit}");
        }
    }
    for length in 0..of.leaf.len() {
        let refused = of.refusal_of(&of.leaf[..length], NOW);
        assert_eq!(refused, CertificateError::Malformed(length));
    }
    let longer = [&of.leaf[..], &[0]].concat();
    let refused = of.refusal_of(&longer, NOW);
    assert_eq!(refused, CertificateError::Malformed(longer.len()));
}

#[test]
fn a_signature_that_was_altered_is_told_from_a_broken_certificate() {
    let of = Fixture::new();
    let mut altered = of.leaf.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert_eq!(of.refusal_of(&altered, NOW), CertificateError::Altered);
    let name = of.leaf.windows(9).position(|at| at == b"A gateway");
    let mut altered = of.leaf.clone();
    altered[name.unwrap()] = b'B';
    assert_eq!(of.refusal_of(&altered, NOW), CertificateError::Altered);
}

#[test]
fn a_certificate_for_something_else_is_refused() {
    let of = Fixture::new();
    // An authority's own key, with its own good certificate.
    let own = authority("Test authority", 1).anchor(LONG).unwrap();
    assert_eq!(of.refusal_of(&own, NOW), CertificateError::NotForSealing);
    // A sealing key is no authority, even where somebody carries it as an anchor.
    let key = [7; 32];
    let sealing = PrivateKey::from_bytes(&key).unwrap().public_bytes();
    let anchor = authority("Test authority", 1);
    let anchor = anchor.issue("Sealing key", &sealing, LONG).unwrap();
    let leaf = Authority::new("Sealing key", &key).unwrap();
    let leaf = leaf.issue("A gateway", &of.key, SHORT).unwrap();
    assert_eq!(
        verify_certificate(&[leaf], &[&anchor], NOW, &of.key),
        Err(CertificateError::NotForSealing)
    );
}

#[test]
fn what_cannot_be_certified_is_not() {
    let authority = authority("Test authority", 1);
    let key = PrivateKey::generate().public_bytes();
    for name in ["", " a", "a,CN=b", "a\0", "ä", &"a".repeat(65)] {
        assert_eq!(
            authority.issue(name, &key, SHORT).unwrap_err(),
            IssueError::Name
        );
    }
    let short = authority.issue("a", &key[..64], SHORT).unwrap_err();
    assert_eq!(short, IssueError::Key(64));
    let turned = ValidTime { from: 2, until: 1 };
    let turned = authority.issue("a", &key, turned).unwrap_err();
    assert_eq!(turned, IssueError::Time);
    assert_eq!(
        Authority::new("a", &[0; 32]).unwrap_err(),
        IssueError::Key(32)
    );
}

#[test]
fn an_anchor_is_the_same_each_time_and_a_certificate_has_its_own_serial_number() {
    let authority = authority("Test authority", 1);
    assert_eq!(authority.anchor(LONG), authority.anchor(LONG));
    let key = PrivateKey::generate().public_bytes();
    let issue = || authority.issue("A gateway", &key, SHORT).unwrap();
    assert_ne!(issue(), issue());
}

#[test]
fn the_name_of_a_key_has_no_digit() {
    let id = key_id(&PrivateKey::generate().public_bytes());
    assert_eq!(id.len(), 32);
    assert!(id.bytes().all(|letter| (b'a'..=b'p').contains(&letter)));
    // SHA-256 of nothing begins with e3 b0.
    assert!(key_id(b"").starts_with("odla"));
}
