// SPDX-License-Identifier: MIT OR Apache-2.0
//! Open pairings: from a commitment to six digits, and to the operator's word.
//!
//! Reads no clock and writes no file. One that is over leaves nothing behind but its end, for the
//! register that waits for it.

use super::agreement::KeyPair;
use super::limits::{ALL_BURST, ALL_EVERY, OPEN_MAX, ORIGIN_BURST, ORIGIN_EVERY, ORIGINS_MAX};
use super::rates::Rates;
use crate::clock::Moment;
use payhal_protocol::access::CompleteResult;
use payhal_protocol::limits::PAIRING_MS_MAX;
use payhal_protocol::pairing::{Secret, Share, Transcript, number, same};
use std::collections::BTreeMap;
use tokio::sync::watch;
use zeroize::Zeroizing;

/// Who asks, and over what.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    /// The host's id as it knows it.
    pub(crate) host_id: String,
    /// Its connection.
    pub(crate) seat: u64,
    /// The page's origin; absent for a native application.
    pub(crate) origin: Option<String>,
    /// Host and port as it dialled them.
    pub(crate) authority: String,
    /// As proofs name the channel.
    pub(crate) channel: String,
    /// The certificate's fingerprint on TLS.
    pub(crate) certificate: Option<String>,
}

/// How a pairing ended.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    /// Paired.
    Approved(Box<CompleteResult>),
    /// The operator said no.
    Refused,
    /// The operator kept the register that has this id.
    Conflict,
    /// Nobody said anything in time.
    Expired,
    /// It fell apart.
    Ended,
}

/// Waits for the end of a pairing.
pub(crate) type Waiting = watch::Receiver<Option<Decision>>;

/// Why a step is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// Too often, or too many at once.
    Rate {
        /// When to try again.
        retry_after_ms: u64,
    },
    /// There is no such pairing, or it is another connection's.
    Unknown,
    /// What was revealed is not what was committed to; the pairing is over.
    Mismatch,
    /// The register has not revealed its share yet.
    TooEarly,
    /// Another number; the pairing is over.
    Number,
}

/// One pairing.
#[derive(Debug)]
pub(super) struct Pairing {
    pub(super) id: String,
    pub(super) asker: Asker,
    pub(super) register_id: String,
    pub(super) name: String,
    pub(super) began: Moment,
    pub(super) expires: Moment,
    commitment: String,
    host: KeyPair,
    agreed: Option<Agreed>,
    decision: watch::Sender<Option<Decision>>,
}

/// What both sides know.
#[derive(Debug)]
struct Agreed {
    number: String,
    secret: Secret,
}

impl Pairing {
    /// The host's share.
    pub(super) fn share(&self) -> &Share {
        &self.host.share
    }

    /// The six digits, once both sides know them.
    pub(super) fn number(&self) -> Option<&str> {
        self.agreed.as_ref().map(|agreed| agreed.number.as_str())
    }

    /// The secret, once there is one.
    pub(super) fn secret(&self) -> Option<&Secret> {
        self.agreed.as_ref().map(|agreed| &agreed.secret)
    }

    fn decide(&mut self, decision: Decision) {
        // The secret is in the table by now, or nowhere.
        self.agreed = None;
        self.decision.send_replace(Some(decision));
    }

    fn is_open(&self) -> bool {
        self.decision.borrow().is_none()
    }
}

/// All of them, and how often more may come.
#[derive(Debug)]
pub(super) struct Pairings {
    all: BTreeMap<String, Pairing>,
    by_origin: Rates,
    overall: Rates,
}

impl Default for Pairings {
    fn default() -> Self {
        Self {
            all: BTreeMap::new(),
            by_origin: Rates::new(ORIGIN_BURST, ORIGIN_EVERY, ORIGINS_MAX),
            overall: Rates::new(ALL_BURST, ALL_EVERY, 1),
        }
    }
}

impl Pairings {
    /// Begins one. A connection that begins anew ends what it began before.
    pub(super) fn begin(
        &mut self,
        id: String,
        asker: Asker,
        (register_id, name): (String, String),
        commitment: String,
        now: Moment,
    ) -> Result<&Pairing, Refusal> {
        let rate = |retry_after_ms| Refusal::Rate { retry_after_ms };
        let seat = asker.seat;
        let mut others = self.all.values();
        let others = others
            .by_ref()
            .filter(|other| other.is_open() && other.asker.seat != seat);
        let until = |other: &Pairing| other.expires.boot_ms.saturating_sub(now.boot_ms);
        let waits: Vec<(bool, u64)> = others
            .map(|other| (other.asker.origin == asker.origin, until(other)))
            .collect();
        if let Some((_, wait_ms)) = waits.iter().find(|(same_origin, _)| *same_origin) {
            return Err(rate(*wait_ms));
        }
        if waits.len() >= OPEN_MAX {
            let soonest = waits.iter().map(|(_, wait_ms)| *wait_ms).min();
            return Err(rate(soonest.unwrap_or(PAIRING_MS_MAX)));
        }
        let origin = asker.origin.as_deref().unwrap_or("-");
        self.by_origin.take(origin, now.boot_ms).map_err(rate)?;
        self.overall.take("", now.boot_ms).map_err(rate)?;
        self.left(seat);
        let pairing = Pairing {
            id: id.clone(),
            asker,
            register_id,
            name,
            began: now,
            expires: now.after_ms(PAIRING_MS_MAX),
            commitment,
            host: KeyPair::new(),
            agreed: None,
            decision: watch::Sender::new(None),
        };
        Ok(self.all.entry(id).or_insert(pairing))
    }

    /// Takes the register's share; from now on both sides know the number.
    pub(super) fn reveal(
        &mut self,
        id: &str,
        seat: u64,
        share: &Share,
    ) -> Result<&Pairing, Refusal> {
        let pairing = self.all.get_mut(id);
        let pairing = pairing
            .filter(|pairing| pairing.is_open() && pairing.asker.seat == seat)
            .ok_or(Refusal::Unknown)?;
        let x = pairing.host.x(&share.public_key);
        let kept_its_word = same(&share.commitment(), &pairing.commitment);
        // Revealed once: a second number for one pairing would be a second try.
        let x = x.filter(|_| kept_its_word && pairing.agreed.is_none());
        let Some(x) = x else {
            pairing.decide(Decision::Ended);
            return Err(Refusal::Mismatch);
        };
        let transcript = Transcript {
            host_id: &pairing.asker.host_id,
            pairing_id: &pairing.id,
            register_id: &pairing.register_id,
            register_name: &pairing.name,
            origin: pairing.asker.origin.as_deref(),
            authority: &pairing.asker.authority,
            channel: &pairing.asker.channel,
            register: share,
            host: &pairing.host.share,
        };
        let digest = Zeroizing::new(transcript.digest());
        pairing.agreed = Some(Agreed {
            number: number(&digest),
            secret: Secret::agreed(&x, &digest),
        });
        Ok(pairing)
    }

    /// What a register waits for.
    pub(super) fn waiting(&self, id: &str, seat: u64) -> Result<(Waiting, Moment), Refusal> {
        let pairing = self.all.get(id);
        let pairing = pairing.filter(|pairing| pairing.asker.seat == seat);
        let pairing = pairing.ok_or(Refusal::Unknown)?;
        if pairing.agreed.is_none() && pairing.is_open() {
            return Err(Refusal::TooEarly);
        }
        Ok((pairing.decision.subscribe(), pairing.expires))
    }

    /// The pairing whose number this is; another number ends it.
    pub(super) fn compared(&mut self, id: &str, number: &str) -> Result<&Pairing, Refusal> {
        let pairing = self.get(id).ok_or(Refusal::Unknown)?;
        let shown = pairing.number().ok_or(Refusal::TooEarly)?;
        if !same(shown, number) {
            self.decide(id, Decision::Ended);
            return Err(Refusal::Number);
        }
        self.get(id).ok_or(Refusal::Unknown)
    }

    /// An open pairing.
    pub(super) fn get(&self, id: &str) -> Option<&Pairing> {
        self.all.get(id).filter(|pairing| pairing.is_open())
    }

    /// The open ones, oldest first.
    pub(super) fn open(&self) -> Vec<&Pairing> {
        let mut open: Vec<&Pairing> = self.all.values().filter(|one| one.is_open()).collect();
        open.sort_by_key(|pairing| pairing.began.boot_ms);
        open
    }

    /// Ends an open pairing; whether it was one.
    pub(super) fn decide(&mut self, id: &str, decision: Decision) -> bool {
        let Some(pairing) = self.all.get_mut(id).filter(|pairing| pairing.is_open()) else {
            return false;
        };
        pairing.decide(decision);
        true
    }

    /// Its register is gone: so are its pairings. Those that were open.
    pub(super) fn left(&mut self, seat: u64) -> Vec<String> {
        let of_seat = self.all.values().filter(|one| one.asker.seat == seat);
        let ids: Vec<String> = of_seat.map(|one| one.id.clone()).collect();
        let mut ended = ids.clone();
        ended.retain(|id| self.decide(id, Decision::Ended));
        for id in &ids {
            self.all.remove(id);
        }
        ended
    }

    /// Ends what waited too long. Those that were open.
    pub(super) fn expire(&mut self, now: Moment) -> Vec<String> {
        let late = self.open().into_iter();
        let late = late.filter(|pairing| pairing.expires.boot_ms <= now.boot_ms);
        let ids: Vec<String> = late.map(|pairing| pairing.id.clone()).collect();
        for id in &ids {
            self.decide(id, Decision::Expired);
        }
        ids
    }
}

#[cfg(test)]
mod tests;
