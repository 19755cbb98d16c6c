// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows about calls as such: what is unknown, what is malformed, what is said twice.

use super::super::limits::{DEADLINE_MS, SHORT_DEADLINE_MS};
use super::super::mangle::Mangle;
use super::super::master::Ask;
use super::super::replies;
use super::super::suite::{Disturb, Suite};
use super::{Held, Unheld, left, wrong};
use payhal_messages::call::Status;
use serde_json::json;

pub(super) fn unknown_method(suite: &mut Suite<'_>) -> Held {
    let mut session = suite.session(Mangle::default())?;
    for name in ["payhal_check_unknown", "", "identify ", "IDENTIFY"] {
        let called = suite.call(&mut session, &Ask::new(name, &json!({}), DEADLINE_MS));
        let called = called.inspect_err(|_| suite.close(&session))?;
        if replies::status(&called.reply) != Some(Status::Unsupported) {
            let said = replies::words(&called.reply);
            return wrong(format!("\"{name}\" is answered {said}"));
        }
    }
    suite.close(&session);
    Ok(String::new())
}

pub(super) fn unknown_members(suite: &mut Suite<'_>) -> Held {
    let went = suite.known.len();
    let mut session = suite.session(Mangle::default())?;
    let disturb = Disturb {
        strange: true,
        ..Disturb::default()
    };
    let walk = suite.walk(&mut session, disturb);
    suite.close(&session);
    if walk.made.len() < went {
        let (name, said) = match walk.last() {
            Some(made) => match &made.called {
                Ok(called) => (made.name, replies::words(&called.reply)),
                Err(trouble) => (made.name, trouble.to_string()),
            },
            None => ("the first command", "not at all".to_owned()),
        };
        return wrong(format!("{name} with a member it does not know ends {said}"));
    }
    Ok(format!("{went} commands"))
}

/// Arguments that are none. Whoever ignores them may answer OK; nobody may crash or hang.
pub(super) fn malformed(suite: &mut Suite<'_>) -> Held {
    let wrongs: [&[u8]; 8] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\"text\"",
        b"\xff\xfe\x00",
        br#"{"transaction_id":4711,"amounts":"many","timeout_ms":-1,"wire":[]}"#,
        br#"{"transaction_id":"","amounts":{"currency":"","total_minor":-9223372036854775808},"entries":[],"timeout_ms":0}"#,
    ];
    let mut methods: Vec<&'static str> = suite.steps.iter().map(|step| step.method).collect();
    methods.dedup();
    let mut session = suite.session(Mangle::default())?;
    for method in methods {
        for (place, payload) in wrongs.iter().enumerate() {
            let mut ask = Ask::new(method, &json!({}), SHORT_DEADLINE_MS);
            ask.payload = payload.to_vec();
            let called = suite.call(&mut session, &ask);
            if let Err(trouble) = called {
                suite.close(&session);
                return wrong(format!(
                    "{method} with malformed payload {}: {trouble}",
                    place + 1
                ));
            }
        }
    }
    let mut long = b"{\"text\":\"".to_vec();
    long.resize(120_000, b' ');
    long.extend_from_slice(b"\"}");
    let mut ask = Ask::new(suite.steps[0].method, &json!({}), SHORT_DEADLINE_MS);
    ask.payload = long;
    let called = suite.call(&mut session, &ask);
    suite.close(&session);
    called.map_err(|trouble| Unheld::Wrong(format!("a payload of 120,000 bytes: {trouble}")))?;
    Ok(String::new())
}

pub(super) fn one_reply(suite: &mut Suite<'_>) -> Held {
    let mut session = suite.session(Mangle::default())?;
    let went = suite.known.len();
    let walk = suite.walk(&mut session, Disturb::default());
    // Whoever answers later, too, does so here.
    let settled = session.idle(std::time::Duration::from_secs(10));
    let settled = settled.and_then(|()| session.settle());
    suite.close(&session);
    if let Some(why) = &session.ended {
        return wrong(why.clone());
    }
    settled?;
    if walk.made.len() < went {
        return wrong("the flow ends earlier than the first time");
    }
    Ok(format!("{} commands", walk.made.len()))
}

pub(super) fn repeated(suite: &mut Suite<'_>) -> Held {
    let mut session = suite.session(Mangle::default())?;
    let went = suite.known.len();
    for _ in 0..10 {
        suite.greet(&mut session)?;
    }
    for round in 2..=3 {
        for _ in 0..2 {
            let walk = suite.walk(&mut session, Disturb::default());
            if walk.made.len() < went {
                suite.close(&session);
                let Some(made) = walk.last() else {
                    return left("there is no command");
                };
                let said = match &made.called {
                    Ok(called) => replies::words(&called.reply),
                    Err(trouble) => trouble.to_string(),
                };
                return wrong(format!("{} ends {said} in round {round}", made.name));
            }
        }
    }
    suite.close(&session);
    Ok("the flow 4 times on one instance".to_owned())
}
