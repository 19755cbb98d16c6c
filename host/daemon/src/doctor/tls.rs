// SPDX-License-Identifier: MIT OR Apache-2.0
//! Certificates: there, valid for long enough, and known to whom browsers ask.

use super::{Scene, fail, note, ok, warn};
use crate::tls::{State, state};
use payhal_protocol::diagnose::Finding;

const AREA: &str = "tls";
const CERTIFICATES: &str = "Certificates";
const VALID: &str = "Validity";
const TRUST: &str = "Trust";

/// Time to say `payhal tls install` once more before the last certificate ends.
const ENDS_SECONDS_WARN: i64 = 60 * 86_400;

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let on = scene
        .listeners
        .iter()
        .any(|(_, option)| *option == "--tls-listen");
    if !on {
        let says = "the configuration switches it off: tls.enabled = false";
        return vec![note(AREA, CERTIFICATES, says)];
    }
    let now = scene.now_micros / 1_000_000;
    judge(&state(&scene.state, now), now)
}

fn judge(state: &State, now: i64) -> Vec<Finding> {
    if let Some(damage) = &state.damage {
        let todo = "Move the folder `tls` of the state folder away, restart the host, which makes \
                    new ones, then: payhal tls install";
        return vec![fail(AREA, CERTIFICATES, damage, todo)];
    }
    let Some(leaf) = &state.leaf else {
        let says = "there are none yet; the host makes them when it starts";
        return vec![note(AREA, CERTIFICATES, says)];
    };
    let says = format!(
        "{} made ahead; SHA-256 of the one in use: {leaf}",
        state.leaves
    );
    vec![
        ok(AREA, CERTIFICATES, says),
        valid(state, now),
        trust(state),
    ]
}

fn valid(state: &State, now: i64) -> Finding {
    let todo = "Move the folder `tls` of the state folder away, restart the host, which makes new \
                ones, then: payhal tls install";
    let (begins, ends) = state.leaf_valid.unwrap_or((i64::MAX, 0));
    if !(begins..ends).contains(&now) {
        let says = "the certificate in use is not valid now: is the clock right?";
        return fail(AREA, VALID, says, todo);
    }
    let last = state.ends.unwrap_or(ends);
    let date = jiff::Timestamp::from_second(last).map_or_else(
        |_| "a date out of range".to_owned(),
        |at| format!("{:.10}", at.to_string()),
    );
    let says = format!("the last certificate ends on {date}; the next one takes over by itself");
    if last - now < ENDS_SECONDS_WARN {
        return warn(AREA, VALID, says, todo);
    }
    ok(AREA, VALID, says)
}

fn trust(state: &State) -> Finding {
    let mut stores: Vec<&str> = state
        .trusted
        .iter()
        .map(|trust| trust.store.as_str())
        .collect();
    stores.sort_unstable();
    stores.dedup();
    if stores.is_empty() {
        let says = "no store of this machine knows the certificates: pages that need wss:// cannot \
                    connect until `payhal tls install`; ws:// to loopback needs none";
        return note(AREA, TRUST, says);
    }
    ok(AREA, TRUST, format!("known to: {}", stores.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{level, scene, titled};
    use super::*;
    use crate::tls::Trust;
    use payhal_protocol::diagnose::FindingLevel;

    const NOW: i64 = 1_795_262_400;

    fn sound() -> State {
        State {
            authority: Some("aa".to_owned()),
            authority_valid: Some((0, NOW * 2)),
            leaf: Some("bb".to_owned()),
            leaf_valid: Some((NOW - 1, NOW + ENDS_SECONDS_WARN)),
            leaves: 5,
            ends: Some(NOW + ENDS_SECONDS_WARN),
            damage: None,
            trusted: vec![Trust {
                store: "nss".to_owned(),
                place: "/x".to_owned(),
                authority: "aa".to_owned(),
            }],
        }
    }

    #[test]
    fn off_and_none_yet_are_no_troubles() {
        let (_folder, mut scene) = scene();
        assert_eq!(level(&check(&scene), CERTIFICATES), FindingLevel::Note);
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 7_426));
        scene.listeners.push((address, "--tls-listen"));
        let found = check(&scene);
        assert_eq!(level(&found, CERTIFICATES), FindingLevel::Note);
        assert!(titled(&found, CERTIFICATES).says.contains("when it starts"));
    }

    #[test]
    fn validity_and_trust_are_judged() {
        let found = judge(&sound(), NOW);
        for title in [CERTIFICATES, VALID, TRUST] {
            assert_eq!(level(&found, title), FindingLevel::Ok, "{title}");
        }
        assert_eq!(level(&judge(&sound(), NOW + 1), VALID), FindingLevel::Warn);
        for wrong in [NOW - 2, NOW + ENDS_SECONDS_WARN] {
            assert_eq!(level(&judge(&sound(), wrong), VALID), FindingLevel::Fail);
        }
        let mut unknown = sound();
        unknown.trusted.clear();
        assert_eq!(level(&judge(&unknown, NOW), TRUST), FindingLevel::Note);
        unknown.damage = Some("leaf-1.pem is no certificate".to_owned());
        let found = judge(&unknown, NOW);
        assert_eq!(level(&found, CERTIFICATES), FindingLevel::Fail);
    }
}
