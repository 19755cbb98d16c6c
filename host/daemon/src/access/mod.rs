// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may do what: paired registers, open pairings, the operator's sessions, and their proofs.
//!
//! Owns every secret shared with registers. It knows neither WebSocket nor JSON-RPC, asks no clock
//! of its own, and lets nobody in whom the operator has not compared numbers with.

mod agreement;
mod consoles;
mod limits;
mod pairings;
mod rates;
mod table;

pub(crate) use consoles::Opened;
pub(crate) use pairings::{Asker, Decision, Refusal, Waiting};
pub(crate) use table::{Granted, Paired, TableError};

use crate::clock::Moment;
use crate::rights::Grant;
use agreement::{KeyPair, random_text};
use consoles::Consoles;
use limits::{WRONG_CODES, WRONG_CODES_EVERY, WRONG_PROOFS, WRONG_PROOFS_EVERY, WRONG_PROOFS_KEYS};
use pairings::{Pairing, Pairings};
use payhal_protocol::access::{CompleteResult, PairedAs};
use payhal_protocol::limits::ROTATE_AFTER_DAYS;
use payhal_protocol::pairing::{Proven, Rotation, SECRET_BYTES, Secret, Share, same};
use payhal_protocol::registers::Limits;
use payhal_protocol::session::{Ended, Permission};
use rates::Rates;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use table::{Newcomer, Table};

/// The folder of access in the state folder.
pub(crate) const FOLDER: &str = "access";
/// The register id of a console's session. No register can have it.
pub(crate) const OPERATOR: &str = "operator";

/// Whether anybody is let in without proof.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Mode {
    /// Nobody.
    #[default]
    Paired,
    /// Everybody, at loopback: demonstration and tests.
    Open,
}

/// What a connection may do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// Everything: it came through the Unix socket.
    Socket,
    /// Everything: a console proved its session.
    Console(u64),
    /// Everything, because access is open.
    Open,
    /// What was granted to this register.
    Paired {
        /// Its id.
        register_id: String,
        /// Of its pairing.
        generation: u32,
    },
    /// Only to be paired, or to prove itself.
    Stranger,
}

impl Standing {
    /// Whether this is the operator.
    pub(crate) fn is_operator(&self) -> bool {
        matches!(self, Self::Socket | Self::Console(_))
    }
}

/// What a hello says of who it is, and the connection of where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The host's id as this connection knows it.
    pub(crate) host_id: String,
    pub(crate) register_id: String,
    pub(crate) key_id: String,
    pub(crate) nonce: String,
    pub(crate) origin: Option<String>,
    /// The page is the console of this very listener.
    pub(crate) own_origin: bool,
    /// The console's cookies; another port of this address may have set one of the same name.
    pub(crate) cookies: Vec<String>,
    pub(crate) authority: String,
    pub(crate) channel: String,
}

/// What a hello finds.
#[derive(Debug)]
pub(crate) enum Greeting {
    /// The host proves itself; the register's proof is awaited.
    Known {
        challenge: Box<Challenge>,
        proof: String,
        /// The secret is due to be replaced.
        rotate: bool,
    },
    /// No pairing with this key; why, if there was one.
    Unknown(Option<Ended>),
}

/// A proof that is awaited on one connection. It is good for one try.
#[derive(Debug)]
pub(crate) struct Challenge {
    claim: Claim,
    /// The host's nonce.
    pub(crate) nonce: String,
    secret: Secret,
    who: Who,
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Register,
    Console(u64),
}

/// Why a proof does not count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unproven {
    /// It is wrong, or the pairing ended meanwhile.
    Wrong,
    /// Too many were wrong.
    Wait {
        /// When to try again.
        retry_after_ms: u64,
    },
}

/// Why the operator's approval is not carried out.
#[derive(Debug)]
pub(crate) enum Unapproved {
    /// The pairing does not take it.
    Refused(Refusal),
    /// Somebody has this id.
    Conflict(PairedAs),
    /// The disk said no.
    Disk(io::Error),
}

/// An open pairing as the operator sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) asker: Asker,
    pub(crate) register_id: String,
    pub(crate) name: String,
    pub(crate) number: Option<String>,
    pub(crate) share: Share,
    pub(crate) began: Moment,
    pub(crate) expires: Moment,
    /// Who has this id.
    pub(crate) conflict: Option<Paired>,
}

/// All of access.
#[derive(Debug)]
pub(crate) struct Gate {
    mode: Mode,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    table: Table,
    pairings: Pairings,
    consoles: Consoles,
    wrong_by_register: Rates,
    wrong_by_origin: Rates,
    wrong_codes: Rates,
}

impl Gate {
    /// Reads what is kept in the state folder.
    ///
    /// # Errors
    /// [`TableError`], which says what to do.
    pub(crate) fn open(state: &Path, mode: Mode) -> Result<Self, TableError> {
        let wrong = || Rates::new(WRONG_PROOFS, WRONG_PROOFS_EVERY, WRONG_PROOFS_KEYS);
        Ok(Self {
            mode,
            inner: Mutex::new(Inner {
                table: Table::open(&state.join(FOLDER))?,
                pairings: Pairings::default(),
                consoles: Consoles::default(),
                wrong_by_register: wrong(),
                wrong_by_origin: wrong(),
                wrong_codes: Rates::new(WRONG_CODES, WRONG_CODES_EVERY, 1),
            }),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether proofs are needed.
    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// What a connection may do now, as the operator granted it.
    pub(crate) fn grant(&self, standing: &Standing, register_id: &str) -> Grant {
        match standing {
            Standing::Socket | Standing::Console(_) => Grant::all(),
            Standing::Stranger => Grant::default(),
            Standing::Open => {
                let inner = self.inner();
                let paired = inner.table.find(register_id);
                let paired = paired.map(|one| Grant::new(&one.permissions, one.limits.clone()));
                let granted = inner.table.grants().get(register_id);
                let granted =
                    || granted.map(|one| Grant::new(&one.permissions, one.limits.clone()));
                paired.or_else(granted).unwrap_or_else(Grant::all)
            }
            Standing::Paired {
                register_id,
                generation,
            } => {
                let inner = self.inner();
                let paired = inner.table.find(register_id);
                let paired = paired.filter(|paired| paired.generation == *generation);
                paired.map_or_else(Grant::default, |one| {
                    Grant::new(&one.permissions, one.limits.clone())
                })
            }
        }
    }

    /// What a hello finds. Whether an id exists is told only to who names its key.
    pub(crate) fn greet(&self, claim: Claim, now: Moment) -> Greeting {
        let inner = self.inner();
        let (secret, who, rotate) = if claim.register_id == OPERATOR {
            let mut cookies = claim.cookies.iter().filter(|_| claim.own_origin);
            let found = cookies.find_map(|cookie| inner.consoles.find(&claim.key_id, cookie, now));
            match found {
                Some((number, secret)) => (secret.clone(), Who::Console(number), false),
                None => return Greeting::Unknown(None),
            }
        } else {
            let paired = inner.table.find(&claim.register_id);
            let paired = paired.filter(|paired| paired.origin == claim.origin);
            let found = paired.and_then(|paired| Some((paired, paired.secret(&claim.key_id)?)));
            match found {
                Some((paired, secret)) => (secret.clone(), Who::Register, is_due(paired, now)),
                None => {
                    let why = inner.table.why_gone(&claim.register_id, &claim.key_id);
                    return Greeting::Unknown(why);
                }
            }
        };
        let challenge = Challenge {
            claim,
            nonce: random_text::<SECRET_BYTES>(),
            secret,
            who,
        };
        let proof = challenge.secret.host_proof(&challenge.proven());
        Greeting::Known {
            challenge: Box::new(challenge),
            proof,
            rotate,
        }
    }

    /// Takes a proof. A challenge is spent by it, whatever it is.
    pub(crate) fn prove(
        &self,
        challenge: &Challenge,
        proof: &str,
        now: Moment,
    ) -> Result<Standing, Unproven> {
        let mut inner = self.inner();
        let register_id = challenge.claim.register_id.as_str();
        let origin = challenge.claim.origin.as_deref().unwrap_or("-");
        let wait = |ms: Option<u64>| ms.map(|retry_after_ms| Unproven::Wait { retry_after_ms });
        let closed = inner
            .wrong_by_register
            .closed_for(register_id, now.boot_ms)
            .max(inner.wrong_by_origin.closed_for(origin, now.boot_ms));
        if let Some(refused) = wait(closed) {
            return Err(refused);
        }
        let wanted = challenge.secret.register_proof(&challenge.proven());
        if !same(&wanted, proof) {
            inner.wrong_by_register.failed(register_id, now.boot_ms);
            inner.wrong_by_origin.failed(origin, now.boot_ms);
            return Err(Unproven::Wrong);
        }
        match challenge.who {
            Who::Console(number) if inner.consoles.is_open(number, now) => {
                Ok(Standing::Console(number))
            }
            Who::Console(_) => Err(Unproven::Wrong),
            Who::Register => inner.proven(register_id, &challenge.claim.key_id, now),
        }
    }

    /// Begins a pairing; and those that its connection had begun before.
    pub(crate) fn begin(
        &self,
        asker: Asker,
        register: (String, String),
        commitment: String,
        now: Moment,
    ) -> (Vec<String>, Result<Seen, Refusal>) {
        let mut inner = self.inner();
        let ended = inner.pairings.left(asker.seat);
        let id = uuid::Uuid::now_v7().to_string();
        let begun = inner
            .pairings
            .begin(id.clone(), asker, register, commitment, now)
            .map(drop);
        let seen = begun.and_then(|()| inner.seen(&id).ok_or(Refusal::Unknown));
        (ended, seen)
    }

    /// Takes a register's share.
    pub(crate) fn reveal(&self, id: &str, seat: u64, share: &Share) -> Result<(), Refusal> {
        let mut inner = self.inner();
        inner.pairings.reveal(id, seat, share).map(drop)
    }

    /// What a register waits for, and until when.
    pub(crate) fn waiting(&self, id: &str, seat: u64) -> Result<(Waiting, Moment), Refusal> {
        self.inner().pairings.waiting(id, seat)
    }

    /// One open pairing.
    pub(crate) fn pairing(&self, id: &str) -> Option<Seen> {
        self.inner().seen(id)
    }

    /// The open pairings, oldest first.
    pub(crate) fn pairings(&self) -> Vec<Seen> {
        let inner = self.inner();
        let ids: Vec<String> = inner
            .pairings
            .open()
            .iter()
            .map(|pairing| pairing.id.clone())
            .collect();
        ids.iter().filter_map(|id| inner.seen(id)).collect()
    }

    /// Whether the operator compared the right number, and takes the id from nobody unasked.
    pub(crate) fn compare(
        &self,
        id: &str,
        number: &str,
        replace: bool,
    ) -> Result<Seen, Unapproved> {
        let mut inner = self.inner();
        let compared = inner.pairings.compared(id, number).map(drop);
        compared.map_err(Unapproved::Refused)?;
        let seen = inner.seen(id);
        let seen = seen.ok_or(Unapproved::Refused(Refusal::Unknown))?;
        match &seen.conflict {
            Some(holder) if !replace => Err(Unapproved::Conflict(paired_as(holder))),
            _ => Ok(seen),
        }
    }

    /// Lets the register of a pairing in, whose number was compared.
    pub(crate) fn approve(
        &self,
        id: &str,
        permissions: &[Permission],
        limits: Limits,
        now: Moment,
    ) -> Result<Paired, Unapproved> {
        let mut inner = self.inner();
        let refused = || Unapproved::Refused(Refusal::Unknown);
        let pairing = inner.pairings.get(id).ok_or_else(refused)?;
        let newcomer = Newcomer {
            register_id: pairing.register_id.clone(),
            name: pairing.name.clone(),
            origin: pairing.asker.origin.clone(),
            secret: pairing.secret().ok_or_else(refused)?.clone(),
            permissions: Grant::new(permissions, Limits::default()).permissions(),
            limits,
            at_micros: now.wall_micros,
        };
        let replaced = inner.table.find(&newcomer.register_id).map(paired_as);
        let paired = inner.table.pair(newcomer).map_err(Unapproved::Disk)?;
        let answer = CompleteResult {
            register_id: paired.register_id.as_str().into(),
            key_id: paired.key_id(),
            generation: paired.generation,
            permissions: paired.permissions.clone(),
            limits: Some(paired.limits.clone()).filter(|limits| !limits.is_none()),
            replaced,
        };
        let decision = Decision::Approved(Box::new(answer));
        inner.pairings.decide(id, decision);
        Ok(paired)
    }

    /// Ends a pairing by the operator's word; how it ended, if it was open.
    pub(crate) fn refuse(&self, id: &str) -> Option<Seen> {
        let mut inner = self.inner();
        let seen = inner.seen(id)?;
        let decision = match &seen.conflict {
            Some(_) => Decision::Conflict,
            None => Decision::Refused,
        };
        inner.pairings.decide(id, decision).then_some(seen)
    }

    /// A connection is gone: the pairings that end with it.
    pub(crate) fn left(&self, seat: u64) -> Vec<String> {
        self.inner().pairings.left(seat)
    }

    /// The pairings that waited too long.
    pub(crate) fn expire(&self, now: Moment) -> Vec<String> {
        self.inner().pairings.expire(now)
    }

    /// A paired register.
    pub(crate) fn paired(&self, register_id: &str) -> Option<Paired> {
        self.inner().table.find(register_id).cloned()
    }

    /// Every paired register.
    pub(crate) fn all_paired(&self) -> Vec<Paired> {
        self.inner().table.all().to_vec()
    }

    /// What was granted to registers that are not paired. It counts where access is open.
    pub(crate) fn grants(&self) -> Vec<(String, Granted)> {
        let inner = self.inner();
        let grants = inner.table.grants().iter();
        grants.map(|(id, one)| (id.clone(), one.clone())).collect()
    }

    /// Changes what a register may do; whether there is such a register.
    pub(crate) fn update(
        &self,
        register_id: &str,
        name: Option<String>,
        permissions: Option<Vec<Permission>>,
        limits: Option<Limits>,
    ) -> io::Result<bool> {
        let mut inner = self.inner();
        let permissions =
            permissions.map(|list| Grant::new(&list, Limits::default()).permissions());
        if inner.table.find(register_id).is_some() {
            return inner.table.update(register_id, |paired| {
                paired.name = name.unwrap_or_else(|| paired.name.clone());
                paired.permissions = permissions.unwrap_or_else(|| paired.permissions.clone());
                paired.limits = limits.unwrap_or_else(|| paired.limits.clone());
            });
        }
        if self.mode == Mode::Paired {
            return Ok(false);
        }
        let before = inner.table.grants().get(register_id).cloned();
        // Where access is open, a register may do everything until it is told otherwise.
        let before = before.unwrap_or_else(|| Granted {
            name: register_id.to_owned(),
            permissions: Permission::ALL.to_vec(),
            limits: Limits::default(),
        });
        let granted = Granted {
            name: name.unwrap_or(before.name),
            permissions: permissions.unwrap_or(before.permissions),
            limits: limits.unwrap_or(before.limits),
        };
        inner.table.grant(register_id, granted)?;
        Ok(true)
    }

    /// Ends a pairing; whether there was one.
    pub(crate) fn unpair(&self, register_id: &str, now: Moment) -> io::Result<bool> {
        self.inner().table.unpair(register_id, now.wall_micros)
    }

    /// The register is told at its next hello to replace its secret; whether there is one.
    pub(crate) fn mark_due(&self, register_id: &str) -> io::Result<bool> {
        self.inner()
            .table
            .update(register_id, |paired| paired.rotate_due = true)
    }

    /// Agrees with a register about the secret that follows the one it proved.
    pub(crate) fn rotate(
        &self,
        host_id: &str,
        register_id: &str,
        key_id: &str,
        share: &Share,
    ) -> io::Result<Option<(Share, String)>> {
        let mut inner = self.inner();
        let secret = inner.table.find(register_id).and_then(|paired| {
            // What was proven on this connection is the old secret of the agreement.
            paired.secret(key_id).cloned()
        });
        let host = KeyPair::new();
        let (Some(secret), Some(x)) = (secret, host.x(&share.public_key)) else {
            return Ok(None);
        };
        let rotation = Rotation {
            host_id,
            register_id,
            register: share,
            host: &host.share,
        };
        let next = secret.rotated(&x, &rotation);
        let next_key_id = next.key_id();
        inner.table.add_next(register_id, next)?;
        Ok(Some((host.share, next_key_id)))
    }

    /// A code for the console, and until when.
    pub(crate) fn code(&self, now: Moment) -> (String, Moment) {
        self.inner().consoles.code(now)
    }

    /// Trades a code for a session. An error says how long to wait after too many wrong ones.
    pub(crate) fn open_console(&self, code: &str, now: Moment) -> Result<Option<Opened>, u64> {
        let mut inner = self.inner();
        if let Some(wait_ms) = inner.wrong_codes.closed_for("", now.boot_ms) {
            return Err(wait_ms);
        }
        let opened = inner.consoles.open(code, now);
        if opened.is_none() {
            inner.wrong_codes.failed("", now.boot_ms);
        }
        Ok(opened)
    }

    /// Whether a console's session goes on.
    pub(crate) fn console_is_open(&self, number: u64, now: Moment) -> bool {
        self.inner().consoles.is_open(number, now)
    }

    /// Ends a console's session.
    pub(crate) fn end_console(&self, number: u64) {
        self.inner().consoles.end(number);
    }
}

impl Inner {
    fn seen(&self, id: &str) -> Option<Seen> {
        let pairing: &Pairing = self.pairings.get(id)?;
        Some(Seen {
            id: pairing.id.clone(),
            asker: pairing.asker.clone(),
            register_id: pairing.register_id.clone(),
            name: pairing.name.clone(),
            number: pairing.number().map(str::to_owned),
            share: pairing.share().clone(),
            began: pairing.began,
            expires: pairing.expires,
            conflict: self.table.find(&pairing.register_id).cloned(),
        })
    }

    fn proven(
        &mut self,
        register_id: &str,
        key_id: &str,
        now: Moment,
    ) -> Result<Standing, Unproven> {
        // It may have been unpaired, or rotated on another connection, since the hello.
        let paired = self.table.find(register_id);
        let paired = paired.filter(|paired| paired.secret(key_id).is_some());
        let generation = paired.ok_or(Unproven::Wrong)?.generation;
        let written = self.table.proven(register_id, key_id, now.wall_micros);
        if let Err(error) = written {
            // Both secrets stay good; the next proof tries again.
            tracing::warn!("failed to keep that a register was seen: {error}");
        }
        Ok(Standing::Paired {
            register_id: register_id.to_owned(),
            generation,
        })
    }
}

impl Challenge {
    fn proven(&self) -> Proven<'_> {
        Proven {
            host_id: &self.claim.host_id,
            register_id: &self.claim.register_id,
            nonce_register: &self.claim.nonce,
            nonce_host: &self.nonce,
            origin: self.claim.origin.as_deref(),
            authority: &self.claim.authority,
            channel: &self.claim.channel,
        }
    }

    /// The key that is to be proven.
    pub(crate) fn key_id(&self) -> &str {
        &self.claim.key_id
    }

    /// The register that is to be proven.
    pub(crate) fn register_id(&self) -> &str {
        &self.claim.register_id
    }
}

fn is_due(paired: &Paired, now: Moment) -> bool {
    let age_max_micros = i64::from(ROTATE_AFTER_DAYS) * 24 * 60 * 60 * 1_000_000;
    let age_micros = now.wall_micros.saturating_sub(paired.rotated_at_micros);
    paired.rotate_due || age_micros > age_max_micros
}

/// Who has an id, for who wants it.
pub(crate) fn paired_as(paired: &Paired) -> PairedAs {
    let text = |micros: i64| {
        let at = jiff::Timestamp::from_microsecond(micros);
        at.map_or_else(|_| String::new(), |at| at.to_string())
    };
    PairedAs {
        name: paired.name.clone(),
        origin: paired.origin.clone(),
        paired_at: Some(text(paired.paired_at_micros)),
        last_seen_at: paired.last_seen_at_micros.map(text),
    }
}

#[cfg(test)]
mod tests;
