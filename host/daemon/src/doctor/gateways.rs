// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gateways: how each fares, whether its money is real, until when its key may be sealed to; and
//! who encrypts what is read.

use super::devices::instance;
use super::{Inside, Scene, fail, note, ok, warn};
use crate::supervisor::View;
use payhal_messages::manifest::Kind;
use payhal_protocol::diagnose::Finding;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

const AREA: &str = "gateways";
const CARD_DATA: &str = "card_data";
const SOFTWARE: &str = "Encryption by this computer";

/// A gateway needs some weeks to give out a new key.
const KEY_SECONDS_WARN: i64 = 30 * 86_400;

/// What the configuration says.
pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    if scene.software_sealing.is_empty() {
        let says = "no live gateway takes what this computer encrypts: it must come encrypted out \
                    of the reader";
        return vec![ok(CARD_DATA, SOFTWARE, says)];
    }
    let says = format!(
        "allowed for {}: this computer is in the scope of PCI DSS then",
        scene.software_sealing.join(", ")
    );
    let todo = "Use a reader that encrypts, and take allow_software_sealing out of the \
                configuration.";
    vec![warn(CARD_DATA, SOFTWARE, says, todo)]
}

/// How each fares, and what each device does with what it reads.
pub(super) fn states(scene: &Scene, inside: &Inside) -> Vec<Finding> {
    let (gateways, devices): (Vec<_>, Vec<_>) = inside
        .views
        .iter()
        .partition(|view| view.plugin.manifest.kind == Kind::Gateway);
    let mut all: Vec<Finding> = gateways
        .iter()
        .map(|view| instance(AREA, view, stake(view)))
        .collect();
    let now = scene.now_micros / 1_000_000;
    all.extend(gateways.iter().filter_map(|view| key(view, now)));
    let live = gateways.iter().any(|view| is_live(view));
    all.extend(devices.iter().filter_map(|view| sealing(view, live)));
    all
}

fn is_live(view: &View) -> bool {
    view.opened.as_ref().is_some_and(|opened| opened.live)
}

fn stake(view: &View) -> &'static str {
    match &view.opened {
        None => "",
        Some(opened) if opened.live => "and live: real money moves",
        Some(_) => "for tests: no real money moves",
    }
}

/// Until when readers seal to its key, where a certificate says so.
fn key(view: &View, now: i64) -> Option<Finding> {
    let recipient = &view.opened.as_ref()?.recipient;
    let ends = ends(recipient.certificates.first()?)?;
    let title = format!("Key of {}", view.name);
    let date = jiff::Timestamp::from_second(ends).ok()?.to_string();
    let says = format!("{} may be sealed to until {date:.10}", recipient.key_id);
    let todo = "Ask the gateway for its next key.";
    Some(if ends <= now {
        fail(CARD_DATA, &title, says, todo)
    } else if ends - now < KEY_SECONDS_WARN {
        warn(CARD_DATA, &title, says, todo)
    } else {
        ok(CARD_DATA, &title, says)
    })
}

fn ends(der: &[u8]) -> Option<i64> {
    let certificate = Certificate::from_der(der).ok()?;
    let after = certificate.tbs_certificate().validity().not_after;
    i64::try_from(after.to_unix_duration().as_secs()).ok()
}

fn sealing(view: &View, live: bool) -> Option<Finding> {
    let sealing = view.identity.as_ref()?.sealing.as_ref()?;
    let who = match sealing.software {
        true => "its plugin encrypts, on this computer",
        false => "it encrypts by itself",
    };
    let says = format!("{who} ({})", sealing.scheme);
    Some(if sealing.test_keys && live {
        let says = format!("{says}, under keys for tests: live gateways refuse what it reads");
        warn(
            CARD_DATA,
            &view.name,
            says,
            "Load its real keys, as its maker says.",
        )
    } else if sealing.test_keys {
        note(
            CARD_DATA,
            &view.name,
            format!("{says}, under keys for tests"),
        )
    } else {
        ok(CARD_DATA, &view.name, says)
    })
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{NOW, level, scene, titled, view};
    use super::*;
    use crate::supervisor::State;
    use payhal_messages::card::Recipient;
    use payhal_messages::gateway::Parameters;
    use payhal_messages::reader::{Identity, Sealing};
    use payhal_protocol::diagnose::FindingLevel;

    fn gateway(live: bool, key_days: Option<i64>) -> View {
        let mut gateway = view("bank", State::Ready, 0);
        let plugin = std::sync::Arc::get_mut(&mut gateway.plugin).unwrap();
        plugin.manifest.kind = Kind::Gateway;
        gateway.opened = Some(Parameters {
            name: "Bank".to_owned(),
            currencies: Vec::new(),
            recipient: Recipient {
                gateway: "bank".to_owned(),
                key_id: "k1".to_owned(),
                public_key: Vec::new(),
                certificates: key_days.map(certificate).into_iter().collect(),
            },
            opens: Vec::new(),
            live,
            reader_parameters: None,
            settings: None,
        });
        gateway
    }

    fn certificate(days: i64) -> Vec<u8> {
        let ends = NOW / 1_000_000 + days * 86_400;
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        let elapsed = ends - params.not_before.unix_timestamp();
        params.not_after =
            params.not_before + std::time::Duration::from_secs(elapsed.unsigned_abs());
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn found(views: Vec<View>) -> Vec<Finding> {
        let (_folder, scene) = scene();
        let inside = Inside {
            views,
            quarantined: Vec::new(),
            open: false,
        };
        states(&scene, &inside)
    }

    #[test]
    fn software_sealing_puts_this_computer_into_scope() {
        let (_folder, mut scene) = scene();
        assert_eq!(level(&check(&scene), SOFTWARE), FindingLevel::Ok);
        scene.software_sealing.push("bank".to_owned());
        assert_eq!(level(&check(&scene), SOFTWARE), FindingLevel::Warn);
    }

    #[test]
    fn a_gateway_says_whether_its_money_is_real() {
        let live = found(vec![gateway(true, None)]);
        assert!(titled(&live, "bank").says.contains("real money moves"));
        assert_eq!(level(&live, "bank"), FindingLevel::Ok);
        let test = found(vec![gateway(false, None)]);
        assert!(titled(&test, "bank").says.contains("for tests"));
    }

    #[test]
    fn a_key_near_its_end_is_told() {
        let found = |days| level(&found(vec![gateway(true, Some(days))]), "Key of bank");
        assert_eq!(found(31), FindingLevel::Ok);
        assert_eq!(found(29), FindingLevel::Warn);
        assert_eq!(found(-1), FindingLevel::Fail);
    }

    #[test]
    fn keys_for_tests_and_a_live_gateway_do_not_go_together() {
        let reader = |test_keys| {
            let mut reader = view("counter", State::Ready, 0);
            reader.identity = Some(Identity {
                sealing: Some(Sealing {
                    scheme: "dukpt".to_owned(),
                    software: false,
                    test_keys,
                }),
                ..Identity::default()
            });
            reader
        };
        let counter = |test_keys, live| {
            let all = found(vec![reader(test_keys), gateway(live, None)]);
            level(&all, "counter")
        };
        assert_eq!(counter(false, true), FindingLevel::Ok);
        assert_eq!(counter(true, false), FindingLevel::Note);
        assert_eq!(counter(true, true), FindingLevel::Warn);
    }
}
