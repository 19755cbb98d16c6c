// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a plugin said, beside what its device did: the simulator's books.
//!
//! Owns what a wrong approval and a wrong denial are. It must never take silence for an answer.

use payhal_testkit::simulate::{Booked, Money};

/// What a plugin said of a payment, of money back, or of a card, as far as it can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Money moved, this much.
    Moved(Kind, i64),
    /// None has moved, and none will.
    NothingMoved(Kind),
    /// Nobody knows: true either way, as long as it is not twice.
    Unknown(Kind),
    /// The payment is undone.
    Reversed,
    /// The payment was not undone.
    NotReversed,
    /// A read card: its ciphertext.
    Read(Vec<u8>),
    /// Whether the card took the issuer's answer.
    Completed(bool),
}

/// Which way money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Payment,
    Credit,
}

/// A claim, and how many bookings there were before it was asked for.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    pub(super) claim: Claim,
    pub(super) since: usize,
}

fn money(kind: Kind, booked: &Booked) -> Option<&Money> {
    match (kind, booked) {
        (Kind::Payment, Booked::Payment(money)) | (Kind::Credit, Booked::Credit(money)) => {
            Some(money)
        }
        _ => None,
    }
}

/// Compares the claims of one exchange with the books after it.
///
/// # Errors
///
/// A sentence on the first claim that is wrong.
pub(super) fn judge(claims: &[Claimed], books: &[Booked]) -> Result<(), String> {
    for Claimed { claim, since } in claims {
        let fresh = books.get(*since..).unwrap_or_default();
        judge_one(claim, fresh)?;
    }
    Ok(())
}

fn judge_one(claim: &Claim, fresh: &[Booked]) -> Result<(), String> {
    let reversed = || {
        let mut all = fresh.iter();
        all.any(|booked| matches!(booked, Booked::Reversal(money) if money.approved))
    };
    match claim {
        Claim::Moved(kind, minor) => moved(*kind, *minor, fresh),
        Claim::NothingMoved(kind) => match amounts(*kind, fresh).first() {
            None => Ok(()),
            Some(minor) => Err(format!(
                "a wrong denial: the plugin says that no money has moved, and {minor} did"
            )),
        },
        Claim::Unknown(kind) => once(&amounts(*kind, fresh)),
        Claim::Reversed if !reversed() && moved_at_all(fresh) => Err(
            "a wrong reversal: the plugin says that the payment is undone, and it stands"
                .to_owned(),
        ),
        Claim::NotReversed if reversed() => Err(
            "a wrong denial: the plugin says that the payment stands, and it is undone".to_owned(),
        ),
        Claim::Reversed | Claim::NotReversed => Ok(()),
        Claim::Read(ciphertext) => read(ciphertext, fresh),
        Claim::Completed(accepted) => completed(*accepted, fresh),
    }
}

/// What moved, each time.
fn amounts(kind: Kind, fresh: &[Booked]) -> Vec<i64> {
    let all = fresh.iter().filter_map(|booked| money(kind, booked));
    all.filter(|money| money.approved)
        .map(|money| money.minor)
        .collect()
}

fn moved_at_all(fresh: &[Booked]) -> bool {
    !amounts(Kind::Payment, fresh).is_empty()
}

fn once(amounts: &[i64]) -> Result<(), String> {
    match amounts.len() {
        0 | 1 => Ok(()),
        times => Err(format!(
            "charged twice: the device moved money {times} times for one call"
        )),
    }
}

fn moved(kind: Kind, minor: i64, fresh: &[Booked]) -> Result<(), String> {
    let amounts = amounts(kind, fresh);
    once(&amounts)?;
    match amounts.first() {
        Some(booked) if *booked == minor => Ok(()),
        Some(booked) => Err(format!(
            "a wrong approval: the plugin says {minor}, and the device moved {booked}"
        )),
        None => Err(format!(
            "a wrong approval: the plugin says {minor}, and the device moved nothing"
        )),
    }
}

/// A device that is asked again may have handed out another one meanwhile.
fn read(ciphertext: &[u8], fresh: &[Booked]) -> Result<(), String> {
    let mut handed_out = 0;
    for booked in fresh {
        let Booked::Read { parts } = booked else {
            continue;
        };
        handed_out += 1;
        if parts.iter().try_fold(true, |all, part| {
            is_in(part, ciphertext).map(|is_in| all && is_in)
        })? {
            return Ok(());
        }
    }
    match handed_out {
        0 => Err("a wrong read: the device handed out no card".to_owned()),
        _ => Err(
            "a wrong read: what the device encrypted is not what the plugin hands on".to_owned(),
        ),
    }
}

fn is_in(part: &str, ciphertext: &[u8]) -> Result<bool, String> {
    let bytes = super::super::device::bytes_of(part);
    let bytes = bytes.ok_or("the simulator's books hold a part that is no hex")?;
    let mut windows = ciphertext.windows(bytes.len().max(1));
    Ok(windows.any(|window| window == bytes))
}

fn completed(accepted: bool, fresh: &[Booked]) -> Result<(), String> {
    let last = fresh.iter().rev().find_map(|booked| match booked {
        Booked::Completed { accepted } => Some(*accepted),
        _ => None,
    });
    match last {
        Some(booked) if booked == accepted => Ok(()),
        Some(_) => Err(format!(
            "a wrong completion: the plugin says that the card {}, and it is the other way",
            if accepted { "accepted" } else { "refused" }
        )),
        None if accepted => Err("a wrong completion: the device completed nothing".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid(minor: i64, approved: bool) -> Booked {
        Booked::Payment(Money {
            minor,
            approved,
            tag: None,
        })
    }

    fn of(claim: Claim, books: &[Booked]) -> Result<(), String> {
        judge(&[Claimed { claim, since: 0 }], books)
    }

    #[test]
    fn approvals_are_those_of_the_device() {
        let moved = || Claim::Moved(Kind::Payment, 5);
        assert!(of(moved(), &[paid(5, false), paid(5, true)]).is_ok());
        for (books, words) in [
            (vec![], "moved nothing"),
            (vec![paid(5, false)], "moved nothing"),
            (vec![paid(6, true)], "moved 6"),
            (vec![paid(5, true), paid(5, true)], "2 times"),
        ] {
            let said = of(moved(), &books).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
        let credit = Claim::Moved(Kind::Credit, 5);
        assert!(of(credit, &[paid(5, true)]).is_err());
    }

    #[test]
    fn denials_are_those_of_the_device() {
        let nothing = || Claim::NothingMoved(Kind::Payment);
        assert!(of(nothing(), &[paid(5, false)]).is_ok());
        assert!(of(nothing(), &[paid(5, true)]).is_err());
        assert!(of(Claim::Unknown(Kind::Payment), &[paid(5, true)]).is_ok());
        let twice = [paid(5, true), paid(5, true)];
        assert!(of(Claim::Unknown(Kind::Payment), &twice).is_err());
        let earlier = Claimed {
            claim: nothing(),
            since: 1,
        };
        assert!(judge(&[earlier], &[paid(5, true)]).is_ok());
    }

    #[test]
    fn what_is_undone_is_undone() {
        let undone = Booked::Reversal(Money {
            minor: 5,
            approved: true,
            tag: None,
        });
        assert!(of(Claim::Reversed, &[paid(5, true), undone.clone()]).is_ok());
        assert!(of(Claim::Reversed, &[paid(5, true)]).is_err());
        assert!(of(Claim::Reversed, &[paid(5, false)]).is_ok());
        assert!(of(Claim::NotReversed, &[paid(5, true), undone]).is_err());
    }

    #[test]
    fn a_read_is_what_the_device_encrypted() {
        let read = |parts: &[&str]| Booked::Read {
            parts: parts.iter().map(|part| (*part).to_owned()).collect(),
        };
        let handed = || Claim::Read(vec![1, 2, 3, 4]);
        assert!(of(handed(), &[read(&["09"]), read(&["0203", "04"])]).is_ok());
        assert!(of(handed(), &[read(&["0204"])]).is_err());
        assert!(of(handed(), &[]).is_err());
        let done = |accepted| Booked::Completed { accepted };
        assert!(of(Claim::Completed(true), &[done(true)]).is_ok());
        assert!(of(Claim::Completed(true), &[done(false)]).is_err());
        assert!(of(Claim::Completed(true), &[]).is_err());
        assert!(of(Claim::Completed(false), &[]).is_ok());
    }
}
