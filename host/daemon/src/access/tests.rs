// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of proof and of the operator's word, on virtual time.

use super::*;
use payhal_protocol::limits::PAIRING_MS_MAX;
use payhal_protocol::pairing::{CHANNEL_PLAIN, Transcript, encode};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const SHOP: Option<&str> = Some("https://shop.example");
const AUTHORITY: &str = "127.0.0.1:7425";

fn at(boot_ms: u64) -> Moment {
    Moment {
        boot_ms: 0,
        wall_micros: 0,
    }
    .after_ms(boot_ms)
}

/// A host, and what the last register that was paired holds.
struct World {
    gate: Gate,
    folder: tempfile::TempDir,
}

impl World {
    fn new(mode: Mode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let gate = Gate::open(folder.path(), mode).unwrap();
        Self { gate, folder }
    }

    fn restarted(self) -> Self {
        let gate = Gate::open(self.folder.path(), self.gate.mode()).unwrap();
        Self { gate, ..self }
    }

    /// Begins, reveals; the pairing's id, its number, and the register's secret.
    fn asked(&self, id: &str, seat: u64, origin: Option<&str>, now: u64) -> (String, Secret) {
        let mine = KeyPair::new();
        let asker = Asker {
            host_id: "host".to_owned(),
            seat,
            origin: origin.map(str::to_owned),
            authority: AUTHORITY.to_owned(),
            channel: CHANNEL_PLAIN.to_owned(),
            certificate: None,
        };
        let register = (id.to_owned(), "Till".to_owned());
        let (_, begun) = self
            .gate
            .begin(asker, register, mine.share.commitment(), at(now));
        let begun = begun.unwrap();
        self.gate.reveal(&begun.id, seat, &mine.share).unwrap();
        let transcript = Transcript {
            host_id: "host",
            pairing_id: &begun.id,
            register_id: id,
            register_name: "Till",
            origin,
            authority: AUTHORITY,
            channel: CHANNEL_PLAIN,
            register: &mine.share,
            host: &begun.share,
        };
        let x = mine.x(&begun.share.public_key).unwrap();
        let secret = Secret::agreed(&x, &transcript.digest());
        (begun.id, secret)
    }

    fn number(&self, pairing: &str) -> String {
        self.gate.pairing(pairing).unwrap().number.unwrap()
    }

    fn pair(&self, id: &str, seat: u64, origin: Option<&str>, now: u64) -> Secret {
        let (pairing, secret) = self.asked(id, seat, origin, now);
        let number = self.number(&pairing);
        self.gate.compare(&pairing, &number, true).unwrap();
        self.gate
            .approve(&pairing, &[Permission::Others], Limits::default(), at(now))
            .unwrap();
        self.gate.left(seat);
        secret
    }
}

fn claim(id: &str, secret: &Secret, origin: Option<&str>) -> Claim {
    Claim {
        host_id: "host".to_owned(),
        register_id: id.to_owned(),
        key_id: secret.key_id(),
        nonce: encode(&[1; 32]),
        origin: origin.map(str::to_owned),
        own_origin: false,
        cookies: Vec::new(),
        authority: AUTHORITY.to_owned(),
        channel: CHANNEL_PLAIN.to_owned(),
    }
}

fn known(greeting: Greeting) -> (Box<Challenge>, String, bool) {
    match greeting {
        Greeting::Known {
            challenge,
            proof,
            rotate,
        } => (challenge, proof, rotate),
        Greeting::Unknown(why) => panic!("unknown: {why:?}"),
    }
}

fn unknown(greeting: &Greeting) -> Option<Ended> {
    match greeting {
        Greeting::Unknown(why) => *why,
        Greeting::Known { .. } => panic!("known"),
    }
}

fn answer(challenge: &Challenge, secret: &Secret) -> String {
    secret.register_proof(&challenge.proven())
}

fn proven(world: &World, id: &str, secret: &Secret, origin: Option<&str>) -> Standing {
    let (challenge, ..) = known(world.gate.greet(claim(id, secret, origin), at(0)));
    let proof = answer(&challenge, secret);
    world.gate.prove(&challenge, &proof, at(0)).unwrap()
}

fn paired(generation: u32) -> Standing {
    Standing::Paired {
        register_id: "a".to_owned(),
        generation,
    }
}

#[test]
fn host_and_register_prove_themselves_to_each_other() {
    let world = World::new(Mode::Paired);
    let secret = world.pair("a", 1, SHOP, 0);
    let world = world.restarted();
    let (challenge, host_proof, rotate) = known(world.gate.greet(claim("a", &secret, SHOP), at(0)));
    assert_eq!(host_proof, secret.host_proof(&challenge.proven()));
    assert!(!rotate);
    let proof = answer(&challenge, &secret);
    assert_eq!(world.gate.prove(&challenge, &proof, at(0)), Ok(paired(1)));
    // What the host proved with is no proof of the register's.
    let refused = world.gate.prove(&challenge, &host_proof, at(0));
    assert_eq!(refused, Err(Unproven::Wrong));
}

#[test]
fn a_pairing_is_for_its_origin_its_authority_and_its_channel() {
    let world = World::new(Mode::Paired);
    let secret = world.pair("a", 1, SHOP, 0);
    for origin in [
        None,
        Some("https://evil.example"),
        Some("http://shop.example"),
    ] {
        unknown(&world.gate.greet(claim("a", &secret, origin), at(0)));
    }
    let (seen_by_host, ..) = known(world.gate.greet(claim("a", &secret, SHOP), at(0)));
    let dialled = [
        Proven {
            authority: "127.0.0.1:9999",
            ..seen_by_host.proven()
        },
        Proven {
            channel: "wss:ab",
            ..seen_by_host.proven()
        },
    ];
    for through_another in dialled {
        let proof = secret.register_proof(&through_another);
        let refused = world.gate.prove(&seen_by_host, &proof, at(0));
        assert_eq!(refused, Err(Unproven::Wrong));
    }
}

#[test]
fn a_proof_of_another_connection_does_not_count() {
    let world = World::new(Mode::Paired);
    let secret = world.pair("a", 1, SHOP, 0);
    let (first, ..) = known(world.gate.greet(claim("a", &secret, SHOP), at(0)));
    let (second, ..) = known(world.gate.greet(claim("a", &secret, SHOP), at(0)));
    let overheard = answer(&first, &secret);
    assert!(world.gate.prove(&first, &overheard, at(0)).is_ok());
    let replayed = world.gate.prove(&second, &overheard, at(0));
    assert_eq!(replayed, Err(Unproven::Wrong));
}

#[test]
fn an_unknown_id_and_a_wrong_key_look_the_same() {
    let world = World::new(Mode::Paired);
    world.pair("a", 1, SHOP, 0);
    let other = Secret::new([9; 32]);
    assert_eq!(
        unknown(&world.gate.greet(claim("a", &other, SHOP), at(0))),
        None
    );
    assert_eq!(
        unknown(&world.gate.greet(claim("b", &other, SHOP), at(0))),
        None
    );
}

#[test]
fn the_fifth_wrong_proof_in_a_minute_closes_the_door_for_a_while() {
    let world = World::new(Mode::Paired);
    let (secret, other) = (world.pair("a", 1, SHOP, 0), world.pair("b", 2, None, 0));
    let wrong = encode(&[0; 32]);
    let attempt = |proof: Option<&str>, now| {
        let (challenge, ..) = known(world.gate.greet(claim("a", &secret, SHOP), at(now)));
        let right = answer(&challenge, &secret);
        world
            .gate
            .prove(&challenge, proof.unwrap_or(&right), at(now))
    };
    for now in 0..5 {
        assert_eq!(attempt(Some(&wrong), now), Err(Unproven::Wrong));
    }
    let Err(Unproven::Wait { retry_after_ms }) = attempt(None, 5) else {
        panic!("the right proof was looked at")
    };
    assert!(
        (1_000..=15_001).contains(&retry_after_ms),
        "{retry_after_ms}"
    );
    // Another register at another place is not concerned.
    assert!(matches!(
        proven(&world, "b", &other, None),
        Standing::Paired { .. }
    ));
    assert_eq!(attempt(None, 5 + retry_after_ms), Ok(paired(1)));
}

#[test]
fn a_replaced_register_is_told_and_the_new_one_learns_whom_it_replaced() {
    let world = World::new(Mode::Paired);
    let old = world.pair("a", 1, SHOP, 0);
    assert_eq!(proven(&world, "a", &old, SHOP), paired(1));
    let (pairing, new) = world.asked("a", 2, None, 1_000);
    let number = world.number(&pairing);
    let conflict = match world.gate.compare(&pairing, &number, false) {
        Err(Unapproved::Conflict(conflict)) => conflict,
        other => panic!("{other:?}"),
    };
    assert_eq!(conflict.origin.as_deref(), SHOP);
    // The operator says so, and only then.
    world.gate.compare(&pairing, &number, true).unwrap();
    let (waiting, _) = world.gate.waiting(&pairing, 2).unwrap();
    world
        .gate
        .approve(&pairing, &[], Limits::default(), at(1_000))
        .unwrap();
    match &*waiting.borrow() {
        Some(Decision::Approved(answer)) => {
            assert_eq!(answer.generation, 2);
            assert_eq!(answer.key_id, new.key_id());
            assert_eq!(answer.replaced.as_ref().unwrap().origin.as_deref(), SHOP);
        }
        other => panic!("{other:?}"),
    }
    let why = unknown(&world.gate.greet(claim("a", &old, SHOP), at(0)));
    assert_eq!(why, Some(Ended::Replaced));
    assert_eq!(proven(&world, "a", &new, None), paired(2));
}

#[test]
fn keeping_the_register_that_has_the_id_is_a_conflict_to_the_other() {
    let world = World::new(Mode::Paired);
    let old = world.pair("a", 1, SHOP, 0);
    let (pairing, _) = world.asked("a", 2, None, 0);
    let (waiting, _) = world.gate.waiting(&pairing, 2).unwrap();
    world.gate.refuse(&pairing).unwrap();
    assert!(matches!(&*waiting.borrow(), Some(Decision::Conflict)));
    assert_eq!(proven(&world, "a", &old, SHOP), paired(1));
    assert!(world.gate.refuse(&pairing).is_none());
}

#[test]
fn a_proof_does_not_outlive_its_pairing() {
    let world = World::new(Mode::Paired);
    let secret = world.pair("a", 1, SHOP, 0);
    let (challenge, ..) = known(world.gate.greet(claim("a", &secret, SHOP), at(0)));
    assert!(world.gate.unpair("a", at(0)).unwrap());
    let proof = answer(&challenge, &secret);
    let late = world.gate.prove(&challenge, &proof, at(0));
    assert_eq!(late, Err(Unproven::Wrong));
    let why = unknown(&world.gate.greet(claim("a", &secret, SHOP), at(0)));
    assert_eq!(why, Some(Ended::Unpaired));
    // A connection that was proven before may do nothing any more.
    assert!(world.gate.grant(&paired(1), "a").permissions().is_empty());
}

#[test]
fn a_secret_is_replaced_by_the_next_one_once_that_is_proven() {
    let world = World::new(Mode::Paired);
    let secret = world.pair("a", 1, SHOP, 0);
    world.gate.mark_due("a").unwrap();
    let (_, _, rotate) = known(world.gate.greet(claim("a", &secret, SHOP), at(0)));
    assert!(rotate);
    let mine = KeyPair::new();
    let agreed = world
        .gate
        .rotate("host", "a", &secret.key_id(), &mine.share);
    let (share, key_id) = agreed.unwrap().unwrap();
    let x = mine.x(&share.public_key).unwrap();
    let next = secret.rotated(
        &x,
        &Rotation {
            host_id: "host",
            register_id: "a",
            register: &mine.share,
            host: &share,
        },
    );
    assert_eq!(next.key_id(), key_id);
    let world = world.restarted();
    // The answer may have been lost: until the new one is proven, the old one is good.
    assert_eq!(proven(&world, "a", &secret, SHOP), paired(1));
    assert_eq!(proven(&world, "a", &next, SHOP), paired(1));
    unknown(&world.gate.greet(claim("a", &secret, SHOP), at(0)));
    let (_, _, rotate) = known(world.gate.greet(claim("a", &next, SHOP), at(0)));
    assert!(!rotate);
}

#[test]
fn a_secret_is_due_after_half_a_year() {
    let world = World::new(Mode::Paired);
    let secret = world.pair("a", 1, SHOP, 0);
    let due = |days| {
        let now = at(days * DAY_MS + 1);
        known(world.gate.greet(claim("a", &secret, SHOP), now)).2
    };
    assert!(!due(u64::from(ROTATE_AFTER_DAYS) - 1));
    assert!(due(u64::from(ROTATE_AFTER_DAYS)));
}

#[test]
fn grants_count_at_once_and_a_stranger_has_none() {
    let world = World::new(Mode::Paired);
    world.pair("a", 1, SHOP, 0);
    let granted = |standing: &Standing| world.gate.grant(standing, "a").permissions();
    assert_eq!(granted(&paired(1)), [Permission::Others]);
    assert!(granted(&Standing::Stranger).is_empty());
    assert_eq!(granted(&Standing::Socket).len(), Permission::ALL.len());
    let now = Some(vec![Permission::Resolve, Permission::BatchClose]);
    assert!(world.gate.update("a", None, now, None).unwrap());
    assert_eq!(
        granted(&paired(1)),
        [Permission::BatchClose, Permission::Resolve]
    );
    assert!(!world.gate.update("b", None, None, None).unwrap());
}

#[test]
fn where_access_is_open_everything_is_granted_until_something_is() {
    let world = World::new(Mode::Open);
    let all = |id: &str| world.gate.grant(&Standing::Open, id).permissions().len();
    assert_eq!(all("till"), Permission::ALL.len());
    let none = Some(Vec::new());
    assert!(world.gate.update("till", None, none, None).unwrap());
    assert_eq!(all("till"), 0);
    assert_eq!(all("other"), Permission::ALL.len());
    let world = world.restarted();
    assert_eq!(world.gate.grants().len(), 1);
}

#[test]
fn a_console_is_proven_by_key_and_cookie_on_its_own_origin() {
    let world = World::new(Mode::Paired);
    let (code, _) = world.gate.code(at(0));
    let opened = world.gate.open_console(&code, at(1)).unwrap().unwrap();
    let own = Claim {
        own_origin: true,
        cookies: vec!["another port's".to_owned(), opened.cookie.clone()],
        ..claim(OPERATOR, &opened.secret, Some("http://127.0.0.1:7425"))
    };
    let (challenge, ..) = known(world.gate.greet(own.clone(), at(2)));
    let proof = answer(&challenge, &opened.secret);
    let standing = world.gate.prove(&challenge, &proof, at(2)).unwrap();
    assert_eq!(standing, Standing::Console(opened.number));
    assert!(standing.is_operator());
    for lacking in [
        Claim {
            cookies: Vec::new(),
            ..own.clone()
        },
        Claim {
            own_origin: false,
            ..own.clone()
        },
        Claim {
            key_id: Secret::new([1; 32]).key_id(),
            ..own.clone()
        },
    ] {
        unknown(&world.gate.greet(lacking, at(2)));
    }
    // The cookie and a made-up proof are not enough.
    let (challenge, ..) = known(world.gate.greet(own.clone(), at(3)));
    let guessed = world.gate.prove(&challenge, &encode(&[7; 32]), at(3));
    assert_eq!(guessed, Err(Unproven::Wrong));
    world.gate.end_console(opened.number);
    unknown(&world.gate.greet(own, at(4)));
}

#[test]
fn codes_cannot_be_tried_for_long() {
    let world = World::new(Mode::Paired);
    for number in 0..=WRONG_CODES.get() {
        let guess = number.to_string();
        assert!(world.gate.open_console(&guess, at(0)).unwrap().is_none());
    }
    let (code, _) = world.gate.code(at(1));
    let wait_ms = world.gate.open_console(&code, at(1)).unwrap_err();
    let opened = world.gate.open_console(&code, at(1 + wait_ms));
    assert!(opened.unwrap().is_some());
}

#[test]
fn a_pairing_that_ended_cannot_be_approved() {
    let world = World::new(Mode::Paired);
    let (pairing, _) = world.asked("a", 1, SHOP, 0);
    let number = world.number(&pairing);
    world.gate.compare(&pairing, &number, false).unwrap();
    assert_eq!(world.gate.expire(at(PAIRING_MS_MAX)), [pairing.as_str()]);
    let late = world
        .gate
        .approve(&pairing, &[], Limits::default(), at(PAIRING_MS_MAX));
    assert!(matches!(late, Err(Unapproved::Refused(Refusal::Unknown))));
    assert!(world.gate.all_paired().is_empty());
}
