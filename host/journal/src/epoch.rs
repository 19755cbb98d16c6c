// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the journal is the one that lay here, whole: if not, a new epoch begins.
//!
//! After a restore, a copy or a loss the journal may lack what happened before. Nobody can say what;
//! so the new epoch's number and beginning go to the engine, and the counter of trace numbers jumps
//! over those that may have been used. It must never repair anything.

use crate::chain;
use crate::error::{Doing, JournalError};
use crate::limits::{STAN_JUMP, STAN_MAX};
use crate::mark::{self, Mark};
use crate::rows::{self, Began, Head};
use crate::{backup, connect, files, schema, wal};
use payhal_engine::record::Epoch;
use rusqlite::Connection;
use std::path::Path;

/// An epoch as the journal has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EpochBegan {
    /// Its number and time.
    pub epoch: Epoch,
    /// The last position before it.
    pub position: u64,
    /// Why it began.
    pub reason: Reason,
}

/// Why an epoch began.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The journal is new.
    #[error("it is the first")]
    First,
    /// A backup or an earlier state of the journal was put in place.
    #[error("a backup or an earlier state of the journal was put in place")]
    Restored,
    /// It lies in another file or on another machine than before.
    #[error("it was copied: it lies in another file or on another machine than before")]
    Copied,
    /// The journal that was here is gone.
    #[error("the journal that was here is gone, and a new one was made")]
    Lost,
    /// The note beside it is gone.
    #[error("the file beside it that says how far it was is gone")]
    Unmarked,
    /// A newer payhal knows.
    #[error("for a reason that a newer payhal knows")]
    Other,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Restored => "restored",
            Self::Copied => "copied",
            Self::Lost => "lost",
            Self::Unmarked => "unmarked",
            Self::Other => "other",
        }
    }

    fn of(name: &str) -> Self {
        let all = [
            Self::First,
            Self::Restored,
            Self::Copied,
            Self::Lost,
            Self::Unmarked,
        ];
        all.into_iter()
            .find(|reason| reason.name() == name)
            .unwrap_or(Self::Other)
    }
}

impl EpochBegan {
    pub(crate) fn of(began: &Began) -> Self {
        Self {
            epoch: number(began),
            position: began.position,
            reason: Reason::of(&began.reason),
        }
    }
}

/// As the engine counts: 0 = the first, which knows everything since it began.
fn number(began: &Began) -> Epoch {
    Epoch {
        number: began.number.saturating_sub(1),
        began_micros: began.at_micros,
    }
}

/// What is known before the file is touched.
#[derive(Debug)]
pub(crate) struct Before {
    mark: Option<Mark>,
    /// Whether there is a journal.
    there: bool,
}

/// To be called before anything is made.
pub(crate) fn before(path: &Path) -> Result<Before, JournalError> {
    Ok(Before {
        mark: mark::read(path)?,
        there: std::fs::metadata(path).is_ok_and(|found| found.len() > 0),
    })
}

/// Before an older file is brought forward for the first time: it has no mark, and lacks nothing.
pub(crate) fn adopt_older(
    connection: &Connection,
    path: &Path,
    before: &mut Before,
) -> Result<(), JournalError> {
    if before.mark.is_some() || !schema::is_older(connection, path)? {
        return Ok(());
    }
    let first: ([u8; 16], u32) = connection
        .query_row(
            "SELECT id, number FROM epoch ORDER BY number DESC LIMIT 1",
            (),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .doing("read")?;
    let head = rows::head(connection)?;
    let mark = here(path, first.1, &first.0, head.as_ref())?;
    mark::write(path, &mark)?;
    before.mark = Some(mark);
    Ok(())
}

/// The epoch now: the last one, or a new one if something may be missing.
pub(crate) fn settle(
    connection: &mut Connection,
    path: &Path,
    before: &Before,
    head: &mut Head,
) -> Result<Began, JournalError> {
    let last = last(connection, path)?;
    let noted = here(path, last.number, &last.id, Some(head))?;
    let Some(reason) = reason(connection, &noted, before)? else {
        if before.mark.is_none() {
            mark::write(path, &noted)?;
        }
        return Ok(last);
    };
    let began = begin(connection, &last, before.mark.as_ref(), reason, head)?;
    tracing::warn!(
        epoch = began.number - 1,
        position = began.position,
        stan = began.stan,
        "a new epoch of the journal begins: {reason}. What happened before may be missing from it; docs/recovering.md says what to compare"
    );
    mark::write(path, &here(path, began.number, &began.id, Some(head))?)?;
    Ok(began)
}

fn reason(
    connection: &Connection,
    noted: &Mark,
    before: &Before,
) -> Result<Option<Reason>, JournalError> {
    let Some(mark) = &before.mark else {
        // A journal without a record that is made when the power fails has no mark yet.
        let unmarked = before.there && noted.position > 0;
        return Ok(if backup::is_backup(connection)? {
            Some(Reason::Restored)
        } else {
            unmarked.then_some(Reason::Unmarked)
        });
    };
    Ok(if !before.there {
        Some(Reason::Lost)
    } else if backup::is_backup(connection)?
        || noted.position < mark.position
        || !known(connection, mark)?
    {
        Some(Reason::Restored)
    } else if !mark.same_place(noted) {
        Some(Reason::Copied)
    } else {
        None
    })
}

/// Whether the mark speaks of an epoch of this journal.
fn known(connection: &Connection, mark: &Mark) -> Result<bool, JournalError> {
    let epochs = rows::epochs(connection)?;
    Ok(epochs.iter().any(|began| mark::hex(&began.id) == mark.id))
}

fn last(connection: &Connection, path: &Path) -> Result<Began, JournalError> {
    rows::epochs(connection)?
        .pop()
        .ok_or_else(|| JournalError::damaged(path, "its epoch is missing"))
}

fn here(path: &Path, epoch: u32, id: &[u8; 16], head: Option<&Head>) -> Result<Mark, JournalError> {
    Ok(Mark {
        epoch,
        id: mark::hex(id),
        position: head.map_or(0, |head| head.position),
        stan: head.map_or(0, |head| head.stan),
        file: files::identity(path)?,
        machine: mark::machine(),
    })
}

fn begin(
    connection: &mut Connection,
    last: &Began,
    mark: Option<&Mark>,
    reason: Reason,
    head: &mut Head,
) -> Result<Began, JournalError> {
    let write = connection.transaction().doing("begin an epoch of")?;
    let (id, at_micros) = write
        .query_row(
            "SELECT randomblob(16), CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER)",
            (),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .doing("begin an epoch of")?;
    let ahead = mark.filter(|mark| mark.position >= head.position);
    let mut began = Began {
        number: last.number.max(mark.map_or(0, |mark| mark.epoch)) + 1,
        id,
        at_micros,
        position: head.position,
        stan: jump(ahead.map_or(head.stan, |mark| mark.stan)),
        reason: reason.name().to_owned(),
        chain: Vec::new(),
    };
    let link = chain::epoch(&head.chain, &began);
    began.chain = link.to_vec();
    rows::put_epoch(&write, &began)?;
    let then = Head {
        chain: link,
        stan: began.stan,
        ..*head
    };
    rows::put_head(&write, &then)?;
    backup::forget(&write)?;
    write.commit().doing("begin an epoch of")?;
    *head = then;
    Ok(began)
}

/// Far ahead, within 1 and [`STAN_MAX`].
fn jump(stan: u32) -> u32 {
    (stan + STAN_JUMP - 1) % STAN_MAX + 1
}

/// Every epoch, the first one first.
pub(crate) fn all(connection: &Connection) -> Result<Vec<EpochBegan>, JournalError> {
    Ok(rows::epochs(connection)?
        .iter()
        .map(EpochBegan::of)
        .collect())
}

impl Began {
    /// As the engine counts. The first one lacks nothing, however early.
    pub(crate) fn epoch(&self) -> Epoch {
        match number(self) {
            first if first.number == 0 => Epoch::default(),
            later => later,
        }
    }
}

/// Says that the journal was moved here on purpose and that no other copy of it is used: its epoch
/// goes on. Refused where something may be missing. The host must be stopped.
pub fn adopt(path: impl AsRef<Path>) -> Result<Epoch, JournalError> {
    let path = path.as_ref();
    if !path.exists() {
        return Err(JournalError::Missing {
            path: path.to_owned(),
        });
    }
    let _lock = files::lock(path)?;
    wal::check(path)?;
    let connection = connect::offline(path)?;
    schema::check(&connection, path)?;
    let last = last(&connection, path)?;
    let head = rows::head(&connection)?;
    let noted = here(path, last.number, &last.id, head.as_ref())?;
    let refuse = |what: &str| {
        Err(JournalError::NotMoved {
            path: path.to_owned(),
            what: what.into(),
        })
    };
    if backup::is_backup(&connection)? {
        return refuse("it is a backup");
    }
    match mark::read(path)? {
        None => refuse("the file beside it that ends in .epoch was not moved along"),
        Some(mark) if mark.id != noted.id => refuse("the file beside it speaks of another one"),
        Some(mark) if mark.position > noted.position => refuse("it is an earlier state"),
        Some(_) => {
            mark::write(path, &noted)?;
            Ok(last.epoch())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_numbers_jump_within_their_six_digits() {
        assert_eq!(jump(0), 10_000);
        assert_eq!(jump(1), 10_001);
        assert_eq!(jump(989_999), STAN_MAX);
        assert_eq!(jump(990_000), 1);
        assert_eq!(jump(STAN_MAX), 10_000);
    }

    #[test]
    fn reasons_are_read_as_they_were_written() {
        for reason in [
            Reason::First,
            Reason::Restored,
            Reason::Copied,
            Reason::Lost,
        ] {
            assert_eq!(Reason::of(reason.name()), reason);
        }
        assert_eq!(Reason::of("something new"), Reason::Other);
    }
}
