// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every state that a loss of power can leave on the disk, and bits that flipped there: nothing
//! that was told durable is lost, a torn end is cut, and damage is refused, never cut in silence.
//!
//! States are built from what a real journal wrote: every prefix of the unflushed writes, subsets
//! of them, tears inside one at sectors and at bytes, flipped bits. All are judged by the scan that
//! opening uses; a seeded sample is opened for real, and must agree with it.
#![expect(clippy::unwrap_used, reason = "what cannot be set up fails its test")]

mod history;
#[expect(dead_code, reason = "this binary needs one of them")]
#[path = "../durable/records.rs"]
mod records;

use history::{Disk, FRAME, HEADER, Step};
use payhal_journal::fuzz::{Log, Verdict, scan_log};
use payhal_journal::{Journal, JournalError, Options, verify};
use std::path::{Path, PathBuf};

/// Fewest states the test command checks.
const STATES_MIN: u64 = 100_000;

/// States of one step in which a write is torn at any byte, subsets of its writes, flipped bits.
const TEARS: usize = 3_500;
const SUBSETS: usize = 1_800;
const FLIPS: usize = 4_000;

/// Of so many states one is opened for real.
const OPENED_EVERY: u64 = 40;

/// A small generator (xorshift64*), so that a seed is a run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// What must be found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expected {
    /// Opened, with these frames of its log and up to this position.
    Opened { frames: u64, position: u64 },
    /// Refused.
    Refused,
    /// Opened with no less than this, or refused: a head that tore inside a sector, which no disk
    /// does, or a flip that makes a torn end look like damage.
    NeverLess { position: u64 },
}

struct Check {
    folder: PathBuf,
    states: u64,
    opened: u64,
    refused: u64,
    random: Random,
}

impl Check {
    fn state(&mut self, disk: &Disk, expected: Expected, what: &dyn Fn() -> String) {
        let found = scan_log(&disk.wal);
        self.judge(found, expected, what);
        self.states += 1;
        if self.random.next().is_multiple_of(OPENED_EVERY) {
            self.open(disk, found, expected, what);
        }
    }

    fn judge(&mut self, found: Log, expected: Expected, what: &dyn Fn() -> String) {
        match expected {
            Expected::Opened { frames, .. } => {
                let opened = Log {
                    verdict: Verdict::Sound,
                    frames,
                };
                assert_eq!(found, opened, "{}", what());
            }
            Expected::Refused => assert_ne!(found.verdict, Verdict::Sound, "{}", what()),
            Expected::NeverLess { .. } => {}
        }
    }

    /// Opens it as a host does, and lets SQLite recover.
    fn open(&mut self, disk: &Disk, found: Log, expected: Expected, what: &dyn Fn() -> String) {
        let path = self.folder.join("journal.db");
        for ending in ["-shm", ".epoch"] {
            std::fs::remove_file(beside(&path, ending)).ok();
        }
        std::fs::write(&path, &disk.db).unwrap();
        std::fs::write(beside(&path, "-wal"), &disk.wal).unwrap();
        self.opened += 1;
        let opened = Journal::open(&path, &Options::default(), |_| {});
        let (opened, position) = match opened {
            Ok((journal, restored)) => {
                drop(journal);
                (true, restored.position.0)
            }
            Err(JournalError::Damaged { .. }) => (false, 0),
            Err(error) => panic!("{}: {error}", what()),
        };
        assert_eq!(opened, found.verdict == Verdict::Sound, "{}", what());
        if opened {
            let least = match expected {
                Expected::Opened { position, .. } => position,
                Expected::NeverLess { position } => position,
                Expected::Refused => panic!("opened: {}", what()),
            };
            assert_eq!(position, least, "{}", what());
            if self.opened.is_multiple_of(64) {
                assert_eq!(verify(&path).unwrap().damage, None, "{}", what());
            }
        } else {
            self.refused += 1;
            let left = std::fs::read(beside(&path, "-wal")).unwrap();
            assert!(left == disk.wal, "changed though refused: {}", what());
        }
    }

    /// What a step leaves when only some of its writes, or parts of them, reached the disk.
    fn partly(&mut self, step: &Step, number: usize) {
        let count = step.writes.len();
        for written in 0..=count {
            let mut disk = step.before.clone();
            for write in &step.writes[..written] {
                write.apply(&mut disk, write.bytes.len());
            }
            self.unflushed(step, &disk, &|| format!("step {number}, {written} writes"));
            let Some(torn) = step.writes.get(written) else {
                continue;
            };
            let sectors = (torn.at / 512 + 1)..(torn.at + torn.bytes.len()).div_ceil(512);
            for sector in sectors {
                let mut disk = disk.clone();
                torn.apply(&mut disk, sector * 512 - torn.at);
                self.unflushed(step, &disk, &|| {
                    format!("step {number}, {written} writes and up to sector {sector}")
                });
            }
        }
        for _ in 0..TEARS {
            let written = self.random.below(count);
            let torn = &step.writes[written];
            let length = self.random.below(torn.bytes.len());
            let mut disk = step.before.clone();
            for write in &step.writes[..written] {
                write.apply(&mut disk, write.bytes.len());
            }
            torn.apply(&mut disk, length);
            self.unflushed(step, &disk, &|| {
                format!("step {number}, {written} writes and {length} bytes")
            });
        }
        for _ in 0..SUBSETS {
            let mut chosen = self.random.next();
            let few = self.random.below(3);
            let mut disk = step.before.clone();
            for write in &step.writes {
                let length = match chosen % 8 {
                    0 => self.random.below(write.bytes.len()),
                    kept if kept > few as u64 => write.bytes.len(),
                    _ => 0,
                };
                chosen = chosen.rotate_right(3);
                write.apply(&mut disk, length);
            }
            self.unflushed(step, &disk, &|| format!("step {number}, a subset"));
        }
    }

    /// Either the step before or this one, whichever is whole in the log.
    fn unflushed(&mut self, step: &Step, disk: &Disk, what: &dyn Fn() -> String) {
        let whole = step.writes.iter().all(|write| write.is_in(disk));
        let of = |(before, after): (u64, u64)| if whole { after } else { before };
        let head_torn =
            step.writes[0].to_wal && step.writes[0].at == 0 && disk != &step.before && !whole;
        let position = of(step.acknowledged);
        let expected = match head_torn {
            true => Expected::NeverLess { position },
            false => Expected::Opened {
                frames: of(step.frames),
                position,
            },
        };
        self.state(disk, expected, what);
    }

    /// One bit of what was flushed is not what was written.
    fn flipped(&mut self, step: &Step, number: usize) {
        let used = HEADER + usize::try_from(step.frames.1).unwrap() * FRAME;
        for _ in 0..FLIPS {
            let at = self.random.below(used);
            let mut disk = step.after.clone();
            disk.wal[at] ^= 1 << self.random.below(8);
            self.state(&disk, flip(step, at), &|| {
                format!("step {number}, a flipped bit in byte {at}")
            });
        }
    }
}

/// A flip in the last commit cannot be told from a torn write; before it, it is damage.
fn flip(step: &Step, at: usize) -> Expected {
    if at < HEADER {
        return Expected::Refused;
    }
    let frame = ((at - HEADER) / FRAME) as u64 + 1;
    let earlier = step.commits.iter().rev().nth(1).copied();
    let (frames, position) = earlier.unwrap_or((0, step.in_file));
    let says_end = (4..8).contains(&((at - HEADER) % FRAME));
    if frame > frames && says_end && frame < step.frames.1 {
        // It looks like the end of a commit that others follow: refused rather than cut.
        return Expected::NeverLess { position };
    }
    if frame > frames {
        return Expected::Opened { frames, position };
    }
    Expected::Refused
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// In memory where the system has such a folder: tens of thousands of files are written.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let builder = tempfile::Builder::new();
    let made = memory.is_dir().then(|| builder.tempdir_in(memory));
    match made {
        Some(Ok(folder)) => folder,
        _ => tempfile::tempdir().unwrap(),
    }
}

#[test]
fn no_crash_loses_what_was_told_durable() {
    let folder = folder();
    let steps = history::record(&folder.path().join("recorded.db"));
    let mut check = Check {
        folder: folder.path().to_owned(),
        states: 0,
        opened: 0,
        refused: 0,
        random: Random(0x9e37_79b9_7f4a_7c15),
    };
    for (number, step) in steps.iter().enumerate() {
        check.partly(step, number);
        let commit = step.frames.0 != step.frames.1 && step.frames.1 > 0;
        if commit {
            check.flipped(step, number);
        }
    }
    let Check {
        states,
        opened,
        refused,
        ..
    } = check;
    println!("{states} crash states checked, {opened} of them opened, {refused} of these refused");
    assert!(states >= STATES_MIN, "{states}");
    assert!(opened > 2_000 && refused > 100, "{opened}, {refused}");
}
