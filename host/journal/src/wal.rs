// SPDX-License-Identifier: MIT OR Apache-2.0
//! The write-ahead log's file, looked at before SQLite opens it.
//!
//! SQLite takes the first frame whose checksum fails for the end of the log, and drops everything
//! after it without a word. After a power cut that is right: only the last commit can be torn. So
//! a frame of a later commit behind a bad one is damage, and the journal must not be opened.
//! Format: <https://www.sqlite.org/fileformat2.html#walformat>. This never changes a log that has
//! anything in it.

use crate::error::{Doing, JournalError};
use crate::files;
use crate::limits::WAL_BYTES_KEPT;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read, Write as _};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// Magic of a log whose checksums read words in little endian; one more: in big endian.
const MAGIC: u32 = 0x377f_0682;
/// What every journal has; SQLite's own choice for a new file.
const PAGE_BYTES: usize = 4_096;

type Checksum = (u32, u32);

/// Refuses a log in which something is damaged that SQLite would drop silently, and one whose
/// journal is gone, which SQLite would delete.
pub(crate) fn check(path: &Path) -> Result<(), JournalError> {
    let file = match File::open(files::beside(path, "-wal")) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(JournalError::file("read the WAL of", &error)),
    };
    let mut log = BufReader::with_capacity(64 * 1024, file);
    if std::fs::metadata(path).map_or(0, |found| found.len()) == 0 {
        let mut header = [0; HEADER_BYTES];
        let written = fill(&mut log, &mut header).doing("read the WAL of")?;
        if written && header != [0; HEADER_BYTES] {
            return Err(JournalError::damaged(
                path,
                "the file itself is missing, only its write-ahead log is there",
            ));
        }
        return Ok(());
    }
    match scan(&mut log).doing("read the WAL of")?.verdict {
        Verdict::Sound => Ok(()),
        Verdict::Header => Err(JournalError::damaged(
            path,
            "the head of its write-ahead log is damaged and committed records follow it",
        )),
        Verdict::Frame(frame) => Err(JournalError::damaged(
            path,
            format!("frame {frame} of its write-ahead log is damaged and later commits follow it"),
        )),
    }
}

/// A journal that is one file, as a backup is, has no log of its own: one that lies beside it is of
/// the journal that it replaces, and SQLite would mix the two. One without anything in it goes.
pub(crate) fn check_none(path: &Path) -> Result<(), JournalError> {
    let wal = files::beside(path, "-wal");
    let mut file = match File::open(&wal) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(JournalError::file("read the WAL of", &error)),
    };
    let mut header = [0; HEADER_BYTES];
    let written = fill(&mut file, &mut header).doing("read the WAL of")?;
    if written && header != [0; HEADER_BYTES] {
        return Err(JournalError::damaged(
            path,
            "it is a backup, and beside it lies the write-ahead log of another journal: move that away with its -shm",
        ));
    }
    std::fs::remove_file(&wal).doing("open")
}

/// Whether the file says of itself that it has a write-ahead log.
pub(crate) fn has_log(path: &Path) -> Result<bool, JournalError> {
    let mut header = [0; 20];
    let mut file = File::open(path).doing("open")?;
    // What is no database at all is found out by SQLite.
    Ok(!fill(&mut file, &mut header).doing("open")? || header[18..] == [2, 2])
}

/// Fills a log that is not there yet, so that commits overwrite blocks instead of adding them.
pub(crate) fn prepare(path: &Path) -> Result<(), JournalError> {
    let wal = files::beside(path, "-wal");
    if std::fs::metadata(&wal).is_ok_and(|found| found.len() > 0) {
        return Ok(());
    }
    files::create_private(&wal)?;
    let filled = OpenOptions::new()
        .write(true)
        .open(&wal)
        .and_then(|mut file| {
            let zeros = [0_u8; 64 * 1024];
            for _ in 0..WAL_BYTES_KEPT / 65_536 {
                file.write_all(&zeros)?;
            }
            file.sync_all()
        });
    filled.doing("make room for")
}

/// What a log is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Log {
    /// Whether it may be opened.
    pub verdict: Verdict,
    /// Frames up to the end of the last commit that SQLite would take.
    pub frames: u64,
}

/// Whether a log may be opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Nothing that was flushed would be dropped.
    Sound,
    /// Its head is damaged, and commits follow.
    Header,
    /// This frame, from 1, is damaged, and later commits follow.
    Frame(u64),
}

/// What a frame's header says.
#[derive(Clone, Copy)]
struct Frame {
    commit: bool,
    salt: [u8; 8],
    /// As stored.
    checksum: Checksum,
    /// Whether the stored checksum follows from the one stored before it.
    follows: bool,
}

/// What has been seen since the first bad frame.
struct Bad {
    number: u64,
    /// Whether it ends a commit, by a header that does not belong to this log: left from an
    /// earlier use of the file, or damaged itself.
    doubtful: bool,
    /// Whether the commit that the bad frame belongs to has ended.
    ended: bool,
}

/// Reads a whole log; opening uses no other.
pub(crate) fn scan(log: &mut impl Read) -> std::io::Result<Log> {
    let mut frames = 0;
    let verdict = judge(log, &mut frames)?;
    Ok(Log { verdict, frames })
}

fn judge(log: &mut impl Read, frames: &mut u64) -> std::io::Result<Verdict> {
    let mut header = [0; HEADER_BYTES];
    if !fill(log, &mut header)? || header == [0; HEADER_BYTES] {
        return Ok(Verdict::Sound);
    }
    let word = |at| big(&header, at);
    let stored = (word(24), word(28));
    let own_order = word(0) & 1 == 1;
    let sound = word(0) & !1 == MAGIC
        && word(8) as usize == PAGE_BYTES
        && checksum(own_order, (0, 0), &header[..24]) == stored;
    // What a damaged header says is not to be trusted.
    let big_endian = if sound {
        own_order
    } else {
        cfg!(target_endian = "big")
    };
    let salt: [u8; 8] = header[16..24].try_into().expect("eight bytes");
    let mut bytes = vec![0; FRAME_HEADER_BYTES + PAGE_BYTES];
    let (mut number, mut before, mut intact) = (0, stored, sound);
    let mut bad: Option<Bad> = None;
    while fill(log, &mut bytes)? {
        number += 1;
        let frame = frame(&bytes, big_endian, before);
        before = frame.checksum;
        if !sound {
            // Frames whose header is gone: SQLite would drop them all.
            if frame.follows && frame.commit {
                return Ok(Verdict::Header);
            }
            continue;
        }
        let own = frame.salt == salt;
        intact = intact && own && frame.follows;
        if intact {
            if frame.commit {
                *frames = number;
            }
            continue;
        }
        match &mut bad {
            None => {
                bad = Some(Bad {
                    number,
                    doubtful: !own && frame.commit,
                    ended: own && frame.commit,
                })
            }
            Some(bad) => {
                if own && frame.follows && later(bad, number) {
                    return Ok(Verdict::Frame(bad.number));
                }
                bad.ended |= own && frame.commit;
            }
        }
    }
    Ok(Verdict::Sound)
}

/// Whether a good frame shows that the bad one was flushed: it is of a later commit, or its
/// checksum goes on from that of a doubtful one, which therefore is not an old one.
fn later(bad: &Bad, number: u64) -> bool {
    bad.ended || (bad.doubtful && number == bad.number + 1)
}

fn frame(bytes: &[u8], big_endian: bool, before: Checksum) -> Frame {
    let (head, page) = bytes.split_at(FRAME_HEADER_BYTES);
    let stored = (big(head, 16), big(head, 20));
    let follows = checksum(big_endian, checksum(big_endian, before, &head[..8]), page) == stored;
    Frame {
        commit: big(head, 4) != 0,
        salt: head[8..16].try_into().expect("eight bytes"),
        checksum: stored,
        follows,
    }
}

fn checksum(big_endian: bool, before: Checksum, bytes: &[u8]) -> Checksum {
    let word = |bytes: &[u8]| {
        let bytes = bytes.try_into().expect("four bytes");
        if big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    };
    bytes.chunks_exact(8).fold(before, |(first, second), pair| {
        let first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
        let second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
        (first, second)
    })
}

fn big(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// `false` at the end, or where less than a whole one is left.
fn fill(log: &mut impl Read, bytes: &mut [u8]) -> std::io::Result<bool> {
    match log.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    const FRAME_BYTES: usize = FRAME_HEADER_BYTES + PAGE_BYTES;

    /// A log of several commits, with the numbers of the frames that end them, from 1.
    fn log() -> (Vec<u8>, Vec<usize>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
                 CREATE TABLE one(x); CREATE TABLE two(x); CREATE INDEX three ON two(x);",
            )
            .unwrap();
        for _ in 0..4 {
            connection
                .execute_batch(
                    "BEGIN; INSERT INTO one VALUES (randomblob(5000));
                     INSERT INTO two VALUES (randomblob(20)); COMMIT;",
                )
                .unwrap();
        }
        let bytes = std::fs::read(files::beside(&path, "-wal")).unwrap();
        let ends = (1..=(bytes.len() - HEADER_BYTES) / FRAME_BYTES)
            .filter(|frame| big(&bytes, HEADER_BYTES + (frame - 1) * FRAME_BYTES + 4) != 0)
            .collect();
        (bytes, ends)
    }

    fn verdict(bytes: &[u8]) -> Verdict {
        scan(&mut &*bytes).unwrap().verdict
    }

    #[test]
    fn a_flip_in_a_flushed_commit_is_damage_and_one_in_the_last_is_a_torn_write() {
        let (bytes, ends) = log();
        assert_eq!(verdict(&bytes), Verdict::Sound);
        let last_commit = ends[ends.len() - 2];
        let frames = *ends.last().unwrap();
        assert!(
            frames > last_commit + 1,
            "the last commit has several frames"
        );
        for frame in 1..=frames {
            let start = HEADER_BYTES + (frame - 1) * FRAME_BYTES;
            for at in [0, 3, 8, 15, 16, 19, 23, 24, 700, 2_000, FRAME_BYTES - 1] {
                let mut flipped = bytes.clone();
                flipped[start + at] ^= 0x10;
                let found = verdict(&flipped);
                if frame <= last_commit {
                    assert_ne!(
                        found,
                        Verdict::Sound,
                        "frame {frame} of {frames}, byte {at}"
                    );
                } else {
                    assert_eq!(
                        found,
                        Verdict::Sound,
                        "frame {frame} of {frames}, byte {at}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_flip_in_the_head_is_damage() {
        let (bytes, _) = log();
        // Its sequence number alone may differ: it is in the checksum all the same.
        for at in 0..HEADER_BYTES {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert_eq!(verdict(&flipped), Verdict::Header, "byte {at}");
        }
    }

    #[test]
    fn every_torn_end_is_sound() {
        let (bytes, ends) = log();
        let last_commit = HEADER_BYTES + ends[ends.len() - 2] * FRAME_BYTES;
        for length in (last_commit..bytes.len()).step_by(512) {
            assert_eq!(verdict(&bytes[..length]), Verdict::Sound, "cut at {length}");
            let mut zeroed = bytes.clone();
            zeroed[length..].fill(0);
            assert_eq!(verdict(&zeroed), Verdict::Sound, "zeros from {length}");
            // Sectors reach the disk in any order.
            let mut hole = bytes.clone();
            let end = (length + 512).min(hole.len());
            hole[length..end].fill(0);
            assert_eq!(verdict(&hole), Verdict::Sound, "hole at {length}");
        }
        for length in [0, 5, HEADER_BYTES] {
            assert_eq!(verdict(&bytes[..length]), Verdict::Sound);
        }
    }

    #[test]
    fn frames_of_an_earlier_use_of_the_file_are_not_damage() {
        let (old, _) = log();
        let (new, ends) = log();
        let mut bytes = old;
        let end = HEADER_BYTES + ends[2] * FRAME_BYTES;
        bytes[..end].copy_from_slice(&new[..end]);
        assert_eq!(verdict(&bytes), Verdict::Sound);
    }
}
