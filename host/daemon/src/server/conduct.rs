// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a WebSocket behaves: how fast it speaks, how often nobody understands it, whether it is there
//! at all, and whether it has proven anything in time.
//!
//! Decides from what it is told and the clock it is given. It never sends anything.

use super::limits::{
    IDLE_TIMEOUT, MALFORMED_MAX, MALFORMED_REFILL, MESSAGE_BURST, MESSAGE_RATE, PING_INTERVAL,
    REFUSED_BURST, REFUSED_RATE, STRANGER_BURST, STRANGER_RATE, UNPROVEN_TIMEOUT,
};
use super::outgoing::Farewell;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use payhal_protocol::limits::{CLOSE_NOT_PROVEN, CLOSE_PROTOCOL_ABUSE, CLOSE_TOO_MANY_MESSAGES};
use std::num::NonZeroU32;
use tokio::time::Instant;

/// Whose connection it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Known {
    /// Nobody's yet.
    Stranger,
    /// Nobody's yet, and the operator is being asked.
    Pairing,
    /// Somebody's who has proven it.
    Proven,
    /// Access is open: for demonstrations and tests, at whatever pace.
    Open,
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Take it.
    Take,
    /// Refuse it.
    Refuse,
    /// It was told often enough.
    End(Farewell),
}

/// What time it is for a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// To ask whether anybody is there.
    Ping,
    /// To end it.
    End(Farewell),
}

type Pace<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// One connection's conduct.
pub(super) struct Conduct<C: Clock = DefaultClock> {
    stranger: Pace<C>,
    proven: Pace<C>,
    refused: Pace<C>,
    malformed: Pace<C>,
    begun: Instant,
    heard: Instant,
    pinged: Instant,
}

impl Conduct {
    /// Of a connection that begins now.
    pub(super) fn new(now: Instant) -> Self {
        Self::with_clock(now, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> Conduct<C> {
    fn with_clock(now: Instant, clock: &C) -> Self {
        let pace = |rate: NonZeroU32, burst: NonZeroU32| {
            let quota = Quota::per_second(rate).allow_burst(burst);
            RateLimiter::direct_with_clock(quota, clock.clone())
        };
        let malformed = Quota::with_period(MALFORMED_REFILL);
        let malformed = malformed.expect("the period is not zero");
        Self {
            stranger: pace(STRANGER_RATE, STRANGER_BURST),
            proven: pace(MESSAGE_RATE, MESSAGE_BURST),
            refused: pace(REFUSED_RATE, REFUSED_BURST),
            malformed: RateLimiter::direct_with_clock(
                malformed.allow_burst(MALFORMED_MAX),
                clock.clone(),
            ),
            begun: now,
            heard: now,
            pinged: now,
        }
    }

    /// Something came, a pong for one.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// A message came. `within_register` says whether its register may speak at all.
    pub(super) fn message(&self, known: Known, within_register: bool) -> Verdict {
        let may = match known {
            Known::Open => true,
            Known::Stranger | Known::Pairing => self.stranger.check().is_ok(),
            Known::Proven => within_register && self.proven.check().is_ok(),
        };
        match may {
            true => Verdict::Take,
            false if self.refused.check().is_ok() => Verdict::Refuse,
            false => Verdict::End(Farewell {
                code: CLOSE_TOO_MANY_MESSAGES,
                reason: "too many messages",
            }),
        }
    }

    /// A message was not understood. How the connection ends, if that was once too often.
    pub(super) fn malformed(&self) -> Option<Farewell> {
        self.malformed.check().is_err().then_some(Farewell {
            code: CLOSE_PROTOCOL_ABUSE,
            reason: "too many messages that nobody understands",
        })
    }

    /// What is due now.
    pub(super) fn due(&mut self, known: Known, now: Instant) -> Due {
        if known == Known::Stranger && now >= self.begun + UNPROVEN_TIMEOUT {
            return Due::End(Farewell {
                code: CLOSE_NOT_PROVEN,
                reason: "nothing was proven in time",
            });
        }
        if now >= self.heard + IDLE_TIMEOUT {
            return Due::End(Farewell {
                code: 1001,
                reason: "nobody answers the pings",
            });
        }
        if now >= self.heard.max(self.pinged) + PING_INTERVAL {
            self.pinged = now;
            return Due::Ping;
        }
        Due::Nothing
    }

    /// When to look again.
    pub(super) fn next(&self, known: Known) -> Instant {
        let ping = self.heard.max(self.pinged) + PING_INTERVAL;
        let silent = self.heard + IDLE_TIMEOUT;
        let first = ping.min(silent);
        match known {
            Known::Stranger => first.min(self.begun + UNPROVEN_TIMEOUT),
            _ => first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;
    use std::time::Duration;

    fn conduct() -> (Conduct<FakeRelativeClock>, FakeRelativeClock, Instant) {
        let (clock, now) = (FakeRelativeClock::default(), Instant::now());
        (Conduct::with_clock(now, &clock), clock, now)
    }

    fn code(verdict: Verdict) -> Option<u16> {
        match verdict {
            Verdict::End(farewell) => Some(farewell.code),
            _ => None,
        }
    }

    #[test]
    fn who_speaks_too_fast_is_refused_first_and_ended_then() {
        for (known, burst, rate) in [
            (Known::Stranger, STRANGER_BURST, STRANGER_RATE),
            (Known::Proven, MESSAGE_BURST, MESSAGE_RATE),
        ] {
            let (conduct, clock, _) = conduct();
            let say = || conduct.message(known, true);
            assert!((0..burst.get()).all(|_| say() == Verdict::Take));
            assert_eq!(say(), Verdict::Refuse);
            clock.advance(Duration::from_secs(1));
            assert!((0..rate.get()).all(|_| say() == Verdict::Take));
            let ended = (0..2 * REFUSED_BURST.get()).find_map(|_| code(say()));
            assert_eq!(ended, Some(CLOSE_TOO_MANY_MESSAGES), "{known:?}");
        }
    }

    #[test]
    fn a_register_that_said_too_much_elsewhere_is_refused_here() {
        let (conduct, _, _) = conduct();
        assert_eq!(conduct.message(Known::Proven, false), Verdict::Refuse);
        assert_eq!(conduct.message(Known::Open, false), Verdict::Take);
    }

    #[test]
    fn nonsense_is_answered_some_times_only() {
        let (conduct, clock, _) = conduct();
        assert!((0..MALFORMED_MAX.get()).all(|_| conduct.malformed().is_none()));
        assert_eq!(conduct.malformed().unwrap().code, CLOSE_PROTOCOL_ABUSE);
        clock.advance(MALFORMED_REFILL);
        assert_eq!(
            conduct.malformed(),
            None,
            "one a while is a developer at work"
        );
    }

    #[test]
    fn a_stranger_has_so_long_unless_somebody_is_asked() {
        let (mut conduct, _, now) = conduct();
        let late = now + UNPROVEN_TIMEOUT;
        conduct.heard(late);
        assert_eq!(conduct.next(Known::Stranger), late);
        let Due::End(farewell) = conduct.due(Known::Stranger, late) else {
            panic!("a stranger stays")
        };
        assert_eq!(farewell.code, CLOSE_NOT_PROVEN);
        for known in [Known::Pairing, Known::Proven, Known::Open] {
            assert_eq!(conduct.due(known, late), Due::Nothing, "{known:?}");
        }
    }

    #[test]
    fn who_is_silent_is_asked_and_then_gone() {
        let (mut conduct, _, now) = conduct();
        let mut pings = 0;
        let (ended, at) = loop {
            let at = conduct.next(Known::Proven);
            match conduct.due(Known::Proven, at) {
                Due::Ping => pings += 1,
                Due::End(farewell) => break (farewell, at),
                Due::Nothing => panic!("a timer that means nothing"),
            }
        };
        assert_eq!((ended.code, at), (1001, now + IDLE_TIMEOUT));
        assert_eq!(pings, 2);
    }

    #[test]
    fn an_answer_to_a_ping_keeps_it_alive() {
        let (mut conduct, _, _) = conduct();
        for _ in 0..100 {
            let at = conduct.next(Known::Proven);
            assert_eq!(conduct.due(Known::Proven, at), Due::Ping);
            conduct.heard(at + Duration::from_millis(1));
        }
    }
}
