// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sessions of the console: opened by a code that is good once and for seconds, kept in memory.
//!
//! Reads no clock. A session is proven by its key, over a connection that has its cookie: cookies
//! of a loopback address go to every port of it, and a key can be copied with a profile; together
//! they are this browser on this host.

use super::agreement::{random, random_text};
use super::limits::{CODE_BYTES, CODES_MAX, SESSION_MS_MAX, SESSIONS_MAX};
use crate::clock::Moment;
use payhal_protocol::limits::OPERATOR_CODE_MS_MAX;
use payhal_protocol::pairing::{SECRET_BYTES, Secret, same};
use std::collections::VecDeque;

/// One session.
#[derive(Debug)]
struct Console {
    number: u64,
    cookie: String,
    secret: Secret,
    ends_ms: u64,
}

/// What the page gets for its code.
#[derive(Debug)]
pub(crate) struct Opened {
    /// For the cookie.
    pub(crate) cookie: String,
    /// For the page, which keeps it where scripts cannot read it out.
    pub(crate) secret: Secret,
    /// Names the session.
    pub(crate) number: u64,
    /// A session that had to make room.
    pub(crate) ended: Option<u64>,
}

/// Codes and sessions.
#[derive(Debug, Default)]
pub(super) struct Consoles {
    codes: VecDeque<(String, u64)>,
    sessions: VecDeque<Console>,
    last: u64,
}

impl Consoles {
    /// A new code and until when it is good.
    pub(super) fn code(&mut self, now: Moment) -> (String, Moment) {
        let until = now.after_ms(OPERATOR_CODE_MS_MAX);
        let code = random_text::<CODE_BYTES>();
        self.codes.retain(|(_, ends)| *ends > now.boot_ms);
        if self.codes.len() >= CODES_MAX {
            self.codes.pop_front();
        }
        self.codes.push_back((code.clone(), until.boot_ms));
        (code, until)
    }

    /// Trades a code for a session; nothing if it is unknown, used or too old.
    pub(super) fn open(&mut self, code: &str, now: Moment) -> Option<Opened> {
        self.codes.retain(|(_, ends)| *ends > now.boot_ms);
        let place = self.codes.iter().position(|(known, _)| same(known, code))?;
        self.codes.remove(place);
        self.sessions
            .retain(|session| session.ends_ms > now.boot_ms);
        let full = self.sessions.len() >= SESSIONS_MAX;
        let ended = full.then(|| self.sessions.pop_front()).flatten();
        self.last += 1;
        let session = Console {
            number: self.last,
            cookie: random_text::<SECRET_BYTES>(),
            secret: Secret::new(*random()),
            ends_ms: now.after_ms(SESSION_MS_MAX).boot_ms,
        };
        let opened = Opened {
            cookie: session.cookie.clone(),
            secret: session.secret.clone(),
            number: session.number,
            ended: ended.map(|session| session.number),
        };
        self.sessions.push_back(session);
        Some(opened)
    }

    /// The session of this key, if the connection has its cookie.
    pub(super) fn find(&self, key_id: &str, cookie: &str, now: Moment) -> Option<(u64, &Secret)> {
        let session = self.sessions.iter().find(|session| {
            session.ends_ms > now.boot_ms
                && same(&session.cookie, cookie)
                && same(&session.secret.key_id(), key_id)
        })?;
        Some((session.number, &session.secret))
    }

    /// Whether a session goes on.
    pub(super) fn is_open(&self, number: u64, now: Moment) -> bool {
        let mut sessions = self.sessions.iter();
        sessions.any(|session| session.number == number && session.ends_ms > now.boot_ms)
    }

    /// Ends a session.
    pub(super) fn end(&mut self, number: u64) {
        self.sessions.retain(|session| session.number != number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot_ms: u64) -> Moment {
        Moment {
            boot_ms,
            wall_micros: 0,
        }
    }

    #[test]
    fn a_code_opens_one_session_and_only_for_a_while() {
        let mut consoles = Consoles::default();
        let (code, until) = consoles.code(at(0));
        assert_eq!(until.boot_ms, OPERATOR_CODE_MS_MAX);
        assert!(consoles.open("something else", at(1)).is_none());
        assert!(consoles.open(&code, at(1)).is_some());
        assert!(consoles.open(&code, at(2)).is_none(), "used twice");
        let (late, until) = consoles.code(at(10));
        assert!(consoles.open(&late, until).is_none(), "too late");
    }

    #[test]
    fn neither_key_nor_cookie_is_enough() {
        let mut consoles = Consoles::default();
        let mut open = |now| {
            let (code, _) = consoles.code(at(now));
            consoles.open(&code, at(now)).unwrap()
        };
        let (mine, other) = (open(0), open(1));
        let key_id = mine.secret.key_id();
        let found = |key_id: &str, cookie: &str, now| {
            let found = consoles.find(key_id, cookie, at(now));
            found.map(|(number, _)| number)
        };
        assert_eq!(found(&key_id, &mine.cookie, 2), Some(mine.number));
        assert_eq!(found(&key_id, "", 2), None, "without cookie");
        assert_eq!(found(&key_id, &other.cookie, 2), None);
        assert_eq!(found("0000000000000000", &mine.cookie, 2), None);
        assert_eq!(found(&key_id, &mine.cookie, SESSION_MS_MAX), None);
        assert!(consoles.is_open(mine.number, at(2)));
        assert!(!consoles.is_open(mine.number, at(SESSION_MS_MAX)));
        consoles.end(mine.number);
        assert!(!consoles.is_open(mine.number, at(2)));
    }

    #[test]
    fn the_oldest_session_makes_room() {
        let mut consoles = Consoles::default();
        let mut first = None;
        for now in 0..=SESSIONS_MAX as u64 {
            let (code, _) = consoles.code(at(now));
            let opened = consoles.open(&code, at(now)).unwrap();
            let first = *first.get_or_insert(opened.number);
            let makes_room = now == SESSIONS_MAX as u64;
            assert_eq!(opened.ended, makes_room.then_some(first));
        }
        assert_eq!(consoles.sessions.len(), SESSIONS_MAX);
    }
}
