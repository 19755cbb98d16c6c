// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is here: each connection with what it may do, and the operator's hand on all of them.
//!
//! What is decided about a register reaches its open connections from here. Secrets stay in
//! `access`.

use super::arrival::Visitor;
use super::events::{Events, Subject};
use super::outgoing::Outgoing;
use super::session::Door;
use crate::access::{Asker, Challenge, Claim, Gate, Mode, Standing};
use crate::clock::Moment;
use payhal_protocol::access::PairingState;
use payhal_protocol::limits::CLOSE_PAIRING_ENDED;
use payhal_protocol::rpc;
use payhal_protocol::session::{ENDED, Ended, SessionEnded};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Wrong proofs on one connection before it is closed.
const WRONG_PROOFS_MAX: u32 = 3;

/// All connections.
pub(super) struct Presences {
    pub(super) gate: Gate,
    events: Arc<Events>,
    here: Mutex<Here>,
}

#[derive(Default)]
struct Here {
    last: u64,
    all: BTreeMap<u64, Weak<Presence>>,
}

/// One connection.
pub(super) struct Presence {
    number: u64,
    door: Door,
    outgoing: Outgoing,
    standing: Mutex<Standing>,
    challenge: Mutex<Option<Box<Challenge>>>,
    /// The key that was proven.
    key_id: Mutex<Option<String>>,
    wrong_proofs: AtomicU32,
    presences: Arc<Presences>,
}

impl Presences {
    pub(super) fn new(gate: Gate, events: Arc<Events>) -> Self {
        Self {
            gate,
            events,
            here: Mutex::default(),
        }
    }

    /// For a connection that came through this door.
    pub(super) fn enter(self: &Arc<Self>, door: Door, outgoing: Outgoing) -> Arc<Presence> {
        let standing = match (&door, self.gate.mode()) {
            (Door::Operator, _) => Standing::Socket,
            (Door::Web(_), Mode::Open) => Standing::Open,
            (Door::Web(_), Mode::Paired) => Standing::Stranger,
        };
        let mut here = locked(&self.here);
        here.last += 1;
        let presence = Arc::new(Presence {
            number: here.last,
            door,
            outgoing,
            standing: Mutex::new(standing),
            challenge: Mutex::default(),
            key_id: Mutex::default(),
            wrong_proofs: AtomicU32::new(0),
            presences: Arc::clone(self),
        });
        here.all.insert(presence.number, Arc::downgrade(&presence));
        presence
    }

    fn all(&self) -> Vec<Arc<Presence>> {
        let here = locked(&self.here);
        here.all.values().filter_map(Weak::upgrade).collect()
    }

    /// Connections that proved this register.
    pub(super) fn connections_of(&self, register: &str) -> u32 {
        let all = self.all().into_iter();
        let its = all.filter(|presence| presence.is_of(register));
        u32::try_from(its.count()).unwrap_or(u32::MAX)
    }

    /// Ends the connections of a register, but those of this pairing.
    pub(super) fn end_register(&self, register: &str, but: Option<u32>, why: Ended) {
        for presence in self.all() {
            let its = match &presence.standing() {
                Standing::Paired {
                    register_id,
                    generation,
                } => register_id == register && Some(*generation) != but,
                _ => false,
            };
            if its {
                presence.end(why);
            }
        }
    }

    /// Ends the connections of a session of the console.
    pub(super) fn end_console(&self, session: u64) {
        for presence in self.all() {
            if presence.standing() == Standing::Console(session) {
                presence.end(Ended::OperatorEnded);
            }
        }
    }

    /// Tells whoever follows pairings.
    pub(super) fn pairing_changed(&self, id: &str, state: PairingState) {
        self.events.push(Subject::Pairing(id.to_owned(), state));
    }

    /// Tells whoever follows registers.
    pub(super) fn register_changed(&self, register: &str) {
        self.events.push(Subject::Register(register.to_owned()));
    }

    /// Whether nobody needs a proof.
    pub(super) fn is_open(&self) -> bool {
        self.gate.mode() == Mode::Open
    }

    /// Ends the pairings that waited too long.
    pub(super) fn sweep(&self) {
        for id in self.gate.expire(Moment::now()) {
            self.pairing_changed(&id, PairingState::Expired);
        }
    }
}

impl Presence {
    /// What it may do, whatever has been decided meanwhile.
    pub(super) fn standing(&self) -> Standing {
        let standing = locked(&self.standing).clone();
        if let Standing::Console(session) = standing
            && !self.presences.gate.console_is_open(session, Moment::now())
        {
            self.end(Ended::OperatorEnded);
            return Standing::Stranger;
        }
        standing
    }

    fn is_of(&self, register: &str) -> bool {
        matches!(&*locked(&self.standing), Standing::Paired { register_id, .. } if register_id == register)
    }

    /// Whether the operator is being asked about it.
    pub(super) fn is_pairing(&self) -> bool {
        let pairings = self.presences.gate.pairings();
        pairings.iter().any(|one| one.asker.seat == self.number)
    }

    /// Its number among all connections.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Who it says it is, over what; nothing for the operator's own socket.
    pub(super) fn visitor(&self) -> Option<&Visitor> {
        match &self.door {
            Door::Web(visitor) => Some(visitor),
            Door::Operator => None,
        }
    }

    /// As one that asks to be paired.
    pub(super) fn asker(&self) -> Option<Asker> {
        let visitor = self.visitor()?;
        Some(Asker {
            host_id: visitor.host_id.clone(),
            seat: self.number,
            origin: visitor.origin.clone(),
            authority: visitor.authority.clone(),
            channel: visitor.channel.to_string(),
            certificate: visitor.channel.certificate().map(str::to_owned),
        })
    }

    /// As one that says who it is.
    pub(super) fn claim(&self, register_id: &str, key_id: &str, nonce: &str) -> Option<Claim> {
        let visitor = self.visitor()?;
        Some(Claim {
            host_id: visitor.host_id.clone(),
            register_id: register_id.to_owned(),
            key_id: key_id.to_owned(),
            nonce: nonce.to_owned(),
            origin: visitor.origin.clone(),
            own_origin: visitor.own_origin,
            cookies: visitor.cookies.clone(),
            authority: visitor.authority.clone(),
            channel: visitor.channel.to_string(),
        })
    }

    /// The proof that is awaited from now on, in place of any other.
    pub(super) fn await_proof(&self, challenge: Option<Box<Challenge>>) {
        *locked(&self.challenge) = challenge;
    }

    /// What is to be proven. It is spent by this.
    pub(super) fn spend_challenge(&self) -> Option<Box<Challenge>> {
        locked(&self.challenge).take()
    }

    /// It proved itself.
    pub(super) fn proven(&self, standing: Standing, key_id: &str) {
        if let Standing::Paired { register_id, .. } = &standing {
            self.presences.register_changed(register_id);
        }
        *locked(&self.key_id) = Some(key_id.to_owned());
        *locked(&self.standing) = standing;
    }

    /// The key it proved itself with.
    pub(super) fn key_id(&self) -> Option<String> {
        locked(&self.key_id).clone()
    }

    /// Its proof was wrong. The third wrong one ends it.
    pub(super) fn was_wrong(&self) {
        let before = self.wrong_proofs.fetch_add(1, Ordering::Relaxed);
        if before + 1 >= WRONG_PROOFS_MAX {
            self.outgoing
                .end(CLOSE_PAIRING_ENDED, "the pairing could not be proved");
        }
    }

    /// Its pairing, or the console's session, is over.
    pub(super) fn end(&self, why: Ended) {
        *locked(&self.standing) = Standing::Stranger;
        self.await_proof(None);
        let (message, reason) = match why {
            Ended::Unpaired => (
                "The operator ended the pairing of this register",
                "the pairing was ended",
            ),
            Ended::Replaced => (
                "Another register was paired in the place of this one",
                "the register was replaced",
            ),
            Ended::OperatorEnded => (
                "This session of the console is over: open it anew with `payhal console`",
                "the session of the console is over",
            ),
        };
        let ended = SessionEnded {
            why,
            message: message.to_owned(),
        };
        self.outgoing.send(rpc::notification_text(ENDED, &ended));
        self.outgoing.end(CLOSE_PAIRING_ENDED, reason);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        locked(&self.presences.here).all.remove(&self.number);
        for id in self.presences.gate.left(self.number) {
            self.presences.pairing_changed(&id, PairingState::Ended);
        }
        let standing = self.standing.get_mut();
        let standing = standing.unwrap_or_else(PoisonError::into_inner);
        if let Standing::Paired { register_id, .. } = standing {
            self.presences.register_changed(register_id);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
