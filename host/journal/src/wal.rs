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
const PAGE_BYTES_MAX: usize = 65_536;

type Checksum = (u32, u32);

/// Refuses a log in which something is damaged that SQLite would drop silently.
pub(crate) fn check(path: &Path) -> Result<(), JournalError> {
    let file = match File::open(files::beside(path, "-wal")) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(JournalError::file("read the WAL of", &error)),
    };
    let mut log = BufReader::with_capacity(64 * 1024, file);
    match scan(&mut log).doing("read the WAL of")? {
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

#[derive(Debug, Eq, PartialEq)]
enum Verdict {
    Sound,
    Header,
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
    /// Whether the bad frame's own header belongs to this log.
    own: bool,
    /// Whether the commit that the bad frame belongs to has ended.
    ended: bool,
}

fn scan(log: &mut impl Read) -> std::io::Result<Verdict> {
    let mut header = [0; HEADER_BYTES];
    if !fill(log, &mut header)? || header == [0; HEADER_BYTES] {
        return Ok(Verdict::Sound);
    }
    let word = |at| big(&header, at);
    let big_endian = word(0) & 1 == 1;
    let page_bytes = word(8) as usize;
    let stored = (word(24), word(28));
    let sound = word(0) & !1 == MAGIC && checksum(big_endian, (0, 0), &header[..24]) == stored;
    if !page_bytes.is_power_of_two() || !(512..=PAGE_BYTES_MAX).contains(&page_bytes) {
        // Without a page size no frame can be told from another.
        return Ok(Verdict::Header);
    }
    let salt: [u8; 8] = header[16..24].try_into().expect("eight bytes");
    let mut bytes = vec![0; FRAME_HEADER_BYTES + page_bytes];
    let (mut number, mut before, mut intact) = (0, stored, sound);
    let mut bad: Option<Bad> = None;
    while fill(log, &mut bytes)? {
        number += 1;
        let frame = frame(&bytes, big_endian, before);
        before = frame.checksum;
        if !sound {
            // Frames whose header is gone: SQLite would drop them all.
            if number > 1 && frame.follows && frame.commit {
                return Ok(Verdict::Header);
            }
            continue;
        }
        let own = frame.salt == salt;
        intact = intact && own && frame.follows;
        if intact {
            continue;
        }
        match &mut bad {
            None => {
                bad = Some(Bad {
                    number,
                    own,
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

/// Whether a good frame shows that the bad one was flushed: it is of a later commit, or follows
/// directly from a header that cannot be this log's any more.
fn later(bad: &Bad, number: u64) -> bool {
    bad.ended || (!bad.own && number == bad.number + 1)
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
