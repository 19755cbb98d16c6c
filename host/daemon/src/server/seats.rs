// SPDX-License-Identifier: MIT OR Apache-2.0
//! The places for connections. Each bound is a place somebody else cannot take away: who has not
//! said anything, who has said something and proven nothing, and who belongs here.
//!
//! A full pool of strangers drops its oldest for a newcomer, so that thousands of sockets that never
//! finish a sentence cost a register nothing. Nobody who has proven something is ever dropped here.

use super::limits::{
    CONNECTIONS_MAX, GREETING_MAX, ORIGIN_CONNECTIONS_MAX, REGISTER_BURST,
    REGISTER_CONNECTIONS_MAX, REGISTER_RATE, UNPROVEN_MAX,
};
use governor::{DefaultKeyedRateLimiter, Quota};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// All places of this host.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    taken: Mutex<Taken>,
    /// Messages of each register, on whatever connections.
    pace: DefaultKeyedRateLimiter<String>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    greeting: Pool,
    unproven: Pool,
    settled: usize,
    origins: HashMap<String, usize>,
    registers: HashMap<String, usize>,
}

/// By age; who is in it can be told to go.
type Pool = BTreeMap<u64, Arc<Notify>>;

/// One connection's place, for as long as this lives.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    number: u64,
    go: Arc<Notify>,
    place: Mutex<Place>,
}

#[derive(Debug)]
struct Place {
    stage: Stage,
    origin: Option<String>,
    register: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Greeting,
    Unproven,
    Settled,
}

/// There is no place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Full;

impl Default for Seats {
    fn default() -> Self {
        let pace = Quota::per_second(REGISTER_RATE).allow_burst(REGISTER_BURST);
        let shared = Shared {
            taken: Mutex::default(),
            pace: DefaultKeyedRateLimiter::keyed(pace),
        };
        Self {
            shared: Arc::new(shared),
        }
    }
}

impl Seats {
    /// For a connection that was accepted just now.
    pub(super) fn admit(&self) -> Arc<Seat> {
        let go = Arc::new(Notify::new());
        let mut taken = self.taken();
        let number = taken.next;
        taken.next += 1;
        make_room(&mut taken.greeting, GREETING_MAX);
        taken.greeting.insert(number, Arc::clone(&go));
        drop(taken);
        let place = Place {
            stage: Stage::Greeting,
            origin: None,
            register: None,
        };
        Arc::new(Seat {
            seats: self.clone(),
            number,
            go,
            place: Mutex::new(place),
        })
    }

    /// Drops the oldest who has proven nothing, where the system has no room for more. Whether there
    /// was one.
    pub(super) fn drop_oldest(&self) -> bool {
        let mut taken = self.taken();
        let Taken {
            greeting, unproven, ..
        } = &mut *taken;
        let oldest = greeting.pop_first().or_else(|| unproven.pop_first());
        if let Some((_, go)) = &oldest {
            go.notify_one();
        }
        oldest.is_some()
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.shared
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(pool: &mut Pool, bound: usize) {
    while pool.len() >= bound
        && let Some((_, go)) = pool.pop_first()
    {
        go.notify_one();
    }
}

impl Seat {
    /// That a newcomer has this place now: whoever serves the connection drops it.
    pub(super) async fn lost(&self) {
        self.go.notified().await;
    }

    /// A whole request head came.
    pub(super) fn heard(&self) {
        let mut place = self.place();
        if place.stage == Stage::Greeting {
            place.stage = Stage::Unproven;
            let mut taken = self.seats.taken();
            // Who was told to go meanwhile gets no other place.
            if taken.greeting.remove(&self.number).is_some() {
                make_room(&mut taken.unproven, UNPROVEN_MAX);
                taken.unproven.insert(self.number, Arc::clone(&self.go));
            }
        }
    }

    /// It becomes a WebSocket of this page; absent for a native application.
    pub(super) fn visit(&self, origin: Option<&str>) -> Result<(), Full> {
        let Some(origin) = origin else { return Ok(()) };
        let mut taken = self.seats.taken();
        count(&mut taken.origins, origin, ORIGIN_CONNECTIONS_MAX)?;
        drop(taken);
        self.place().origin = Some(origin.to_owned());
        Ok(())
    }

    /// It may stay until it ends: it has proven who it is, or somebody is being asked about it.
    pub(super) fn settle(&self) -> Result<(), Full> {
        let mut place = self.place();
        if place.stage != Stage::Settled {
            let mut taken = self.seats.taken();
            if taken.settled >= CONNECTIONS_MAX {
                return Err(Full);
            }
            taken.settled += 1;
            taken.greeting.remove(&self.number);
            taken.unproven.remove(&self.number);
            place.stage = Stage::Settled;
        }
        Ok(())
    }

    /// It is this register's.
    pub(super) fn belongs_to(&self, register: &str) -> Result<(), Full> {
        let mut place = self.place();
        if place.register.is_none() {
            let mut taken = self.seats.taken();
            count(&mut taken.registers, register, REGISTER_CONNECTIONS_MAX)?;
            place.register = Some(register.to_owned());
        }
        Ok(())
    }

    /// Whether its register has not said too much on all its connections.
    pub(super) fn may_speak(&self) -> bool {
        let place = self.place();
        let pace = &self.seats.shared.pace;
        let register = place.register.as_ref();
        register.is_none_or(|register| pace.check_key(register).is_ok())
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let place = self.place.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut taken = self.seats.taken();
        match place.stage {
            Stage::Greeting => drop(taken.greeting.remove(&self.number)),
            Stage::Unproven => drop(taken.unproven.remove(&self.number)),
            Stage::Settled => taken.settled -= 1,
        }
        if let Some(origin) = &place.origin {
            uncount(&mut taken.origins, origin);
        }
        let Some(register) = &place.register else {
            return;
        };
        uncount(&mut taken.registers, register);
        if taken.registers.is_empty() {
            drop(taken);
            self.seats.shared.pace.retain_recent();
        }
    }
}

fn count(counts: &mut HashMap<String, usize>, name: &str, bound: usize) -> Result<(), Full> {
    match counts.get_mut(name) {
        Some(count) if *count >= bound => return Err(Full),
        Some(count) => *count += 1,
        None => drop(counts.insert(name.to_owned(), 1)),
    }
    Ok(())
}

fn uncount(counts: &mut HashMap<String, usize>, name: &str) {
    if let Some(count) = counts.get_mut(name) {
        *count -= 1;
        if *count == 0 {
            counts.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn is_lost(seat: &Seat) -> bool {
        seat.lost().now_or_never().is_some()
    }

    #[test]
    fn thousands_who_say_nothing_cost_those_who_do_nothing() {
        let seats = Seats::default();
        let register = seats.admit();
        register.heard();
        let mut silent: Vec<_> = (0..2_000).map(|_| seats.admit()).collect();
        assert!(!is_lost(&register), "it has said something");
        let left = silent.iter().filter(|seat| !is_lost(seat)).count();
        assert_eq!(left, GREETING_MAX, "the newest stay");
        assert!(!is_lost(&silent[1_999]));
        register.settle().unwrap();
        for seat in &silent[1_990..] {
            seat.heard();
        }
        silent.clear();
        let taken = seats.taken();
        assert!(taken.greeting.is_empty() && taken.unproven.is_empty());
        assert_eq!(taken.settled, 1);
    }

    #[test]
    fn thousands_who_prove_nothing_never_drop_who_did() {
        let seats = Seats::default();
        let proven = seats.admit();
        proven.heard();
        proven.settle().unwrap();
        let strangers: Vec<_> = (0..UNPROVEN_MAX + 10).map(|_| seats.admit()).collect();
        // Those whom the first pool dropped cannot come into the second.
        let alive: Vec<_> = strangers.iter().filter(|seat| !is_lost(seat)).collect();
        for seat in &alive {
            seat.heard();
        }
        let more: Vec<_> = (0..20).map(|_| seats.admit()).collect();
        for seat in &more {
            seat.heard();
        }
        assert!(is_lost(alive[0]) && !is_lost(&more[19]) && !is_lost(&proven));
        assert_eq!(seats.taken().unproven.len(), UNPROVEN_MAX);
    }

    #[test]
    fn where_the_system_has_no_room_strangers_go_first() {
        let seats = Seats::default();
        let [proven, waiting, silent] = [(); 3].map(|()| seats.admit());
        proven.settle().unwrap();
        waiting.heard();
        assert!(seats.drop_oldest() && is_lost(&silent));
        assert!(seats.drop_oldest() && is_lost(&waiting));
        assert!(!seats.drop_oldest() && !is_lost(&proven));
    }

    #[test]
    fn a_page_and_a_register_have_so_many_connections() {
        let seats = Seats::default();
        let page = "https://shop.example";
        let of_page: Vec<_> = (0..ORIGIN_CONNECTIONS_MAX).map(|_| seats.admit()).collect();
        for seat in &of_page {
            seat.visit(Some(page)).unwrap();
        }
        let further = seats.admit();
        assert_eq!(further.visit(Some(page)), Err(Full));
        further.visit(Some("https://other.example")).unwrap();
        further.visit(None).unwrap();
        drop(of_page);
        assert_eq!(further.visit(Some(page)), Ok(()));
        let of_register: Vec<_> = (0..REGISTER_CONNECTIONS_MAX)
            .map(|_| seats.admit())
            .collect();
        for seat in &of_register {
            seat.belongs_to("till-1").unwrap();
            seat.belongs_to("till-1").unwrap();
        }
        let further = seats.admit();
        assert_eq!(further.belongs_to("till-1"), Err(Full));
        assert_eq!(further.belongs_to("till-2"), Ok(()));
    }

    #[test]
    fn there_are_so_many_places_for_those_who_belong_here() {
        let seats = Seats::default();
        let all: Vec<_> = (0..CONNECTIONS_MAX).map(|_| seats.admit()).collect();
        for seat in &all {
            seat.settle().unwrap();
        }
        assert_eq!(seats.admit().settle(), Err(Full));
        drop(all);
        assert_eq!(seats.admit().settle(), Ok(()));
    }

    #[test]
    fn a_register_says_only_so_much_on_all_its_connections() {
        let seats = Seats::default();
        let [one, two, other] = [(); 3].map(|()| seats.admit());
        one.belongs_to("till-1").unwrap();
        two.belongs_to("till-1").unwrap();
        other.belongs_to("till-2").unwrap();
        let burst = 2 * REGISTER_BURST.get();
        let refused = (0..burst).filter(|n| ![&one, &two][*n as usize % 2].may_speak());
        assert!(refused.count() > 0);
        assert!(other.may_speak());
    }
}
