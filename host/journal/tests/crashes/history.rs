// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a journal writes, recorded from a real one: its files after each flush that it waited for,
//! and the writes in between.
//!
//! The writer tells `Durable` on its own thread right after the flush, so the files are looked at
//! in that very moment. What changed since the flush before was written in between, in the pieces
//! that the file format prescribes; `faults` shows with strace that SQLite writes just these.

use crate::records::sale;
use payhal_engine::ids::Position;
use payhal_journal::{Happened, Journal, Options};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const HEADER: usize = 32;
pub(crate) const FRAME: usize = 24 + 4_096;
const PAGE: usize = 4_096;

/// Only ever waited for in full when something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Both files.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Disk {
    pub(crate) db: Vec<u8>,
    pub(crate) wal: Vec<u8>,
}

/// One write, before it is flushed.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) to_wal: bool,
    pub(crate) at: usize,
    pub(crate) bytes: Vec<u8>,
}

impl Write {
    /// Whether all of it is there.
    pub(crate) fn is_in(&self, disk: &Disk) -> bool {
        let file = if self.to_wal { &disk.wal } else { &disk.db };
        file.get(self.at..self.at + self.bytes.len()) == Some(&self.bytes[..])
    }

    /// Its first `length` bytes reach the disk.
    pub(crate) fn apply(&self, disk: &mut Disk, length: usize) {
        let file = if self.to_wal {
            &mut disk.wal
        } else {
            &mut disk.db
        };
        let end = self.at + length;
        if file.len() < end {
            file.resize(end, 0);
        }
        file[self.at..end].copy_from_slice(&self.bytes[..length]);
    }
}

/// From one flush to the next.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The disk at the flush before.
    pub(crate) before: Disk,
    /// What is written until the next.
    pub(crate) writes: Vec<Write>,
    /// The disk then.
    pub(crate) after: Disk,
    /// What was told durable at the flush before, and what is at the next.
    pub(crate) acknowledged: (u64, u64),
    /// Frames that the log holds then, counted as they were recorded.
    pub(crate) frames: (u64, u64),
    /// Frames that end a commit in the log after, with the last position each has.
    pub(crate) commits: Vec<(u64, u64)>,
    /// The last position in the file itself.
    pub(crate) in_file: u64,
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The files now; the log without the zeros that it is filled with, but for a little room.
fn look(path: &Path) -> Disk {
    let mut wal = std::fs::read(beside(path, "-wal")).unwrap();
    let used = wal
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    let frames = used.saturating_sub(HEADER).div_ceil(FRAME) + 1;
    wal.truncate(HEADER + frames * FRAME);
    Disk {
        db: std::fs::read(path).unwrap(),
        wal,
    }
}

/// Writes between two looks at a file.
fn writes(before: &Disk, after: &Disk, out: &mut Vec<Write>) {
    let pieces = |to_wal: bool, length: usize| {
        let mut pieces = Vec::new();
        if to_wal {
            pieces.push((0, HEADER));
            for frame in (HEADER..length).step_by(FRAME) {
                pieces.push((frame, 24));
                pieces.push((frame + 24, PAGE));
            }
        } else {
            pieces.extend((0..length).step_by(PAGE).map(|page| (page, PAGE)));
        }
        pieces
    };
    for (to_wal, was, is) in [
        (true, &before.wal, &after.wal),
        (false, &before.db, &after.db),
    ] {
        for (at, length) in pieces(to_wal, is.len()) {
            let end = (at + length).min(is.len());
            let old = |at| was.get(at).copied().unwrap_or(0);
            if (at..end).any(|at| old(at) != is[at]) {
                let bytes = is[at..end].to_vec();
                out.push(Write { to_wal, at, bytes });
            }
        }
    }
}

/// Keeps a look at each flush.
struct Recorder {
    durable: Receiver<u64>,
    journal: Journal,
    position: u64,
}

impl Recorder {
    fn open(path: &Path, looks: &Arc<Mutex<Vec<(u64, Disk)>>>) -> Self {
        let (told, durable): (Sender<u64>, _) = channel();
        let (looks_then, file) = (Arc::clone(looks), path.to_owned());
        let (journal, restored) = Journal::open(path, &Options::default(), move |happened| {
            let Happened::Durable(position) = happened else {
                panic!("{happened:?}")
            };
            looks_then.lock().unwrap().push((position.0, look(&file)));
            told.send(position.0).unwrap();
        })
        .unwrap();
        Self {
            durable,
            journal,
            position: restored.position.0,
        }
    }

    /// One commit of so many records.
    fn commit(&mut self, records: u64) {
        for number in 0..records {
            self.position += 1;
            let sale = sale(self.position.into());
            let last = number + 1 == records;
            self.journal
                .append(Position(self.position), Box::new(sale.intent()), !last)
                .unwrap();
        }
        while self.durable.recv_timeout(PATIENCE).unwrap() < self.position {}
    }
}

/// A journal's life: commits, a copy back into the file, a log that starts afresh, commits.
pub(crate) fn record(path: &Path) -> Vec<Step> {
    let looks = Arc::new(Mutex::new(Vec::new()));
    let mut steps = Vec::new();
    let mut first = Recorder::open(path, &looks);
    looks.lock().unwrap().push((0, look(path)));
    for records in [1, 1, 2, 5, 1, 3] {
        first.commit(records);
    }
    let one = std::mem::take(&mut *looks.lock().unwrap());
    follow(&one, 0, &mut steps);
    // As the journal's own thread does once much has come together.
    let copier = rusqlite::Connection::open(path).unwrap();
    copier
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))
        .unwrap();
    let copied = look(path);
    let (position, full) = one.last().unwrap();
    copy_back(full, &copied, *position, &mut steps);
    looks.lock().unwrap().push((*position, copied));
    for records in [2, 1, 1, 4, 1, 1, 1] {
        first.commit(records);
    }
    let two = std::mem::take(&mut *looks.lock().unwrap());
    follow(&two, *position, &mut steps);
    steps
}

/// Steps from commit to commit.
fn follow(looks: &[(u64, Disk)], in_file: u64, steps: &mut Vec<Step>) {
    let mut commits: Vec<(u64, u64)> = Vec::new();
    let mut afresh = false;
    for pair in looks.windows(2) {
        let ((was, before), (is, after)) = (&pair[0], &pair[1]);
        let mut before = before.clone();
        let mut all = Vec::new();
        writes(&before, after, &mut all);
        assert!(all.iter().all(|write| write.to_wal), "no copying meanwhile");
        let frames_before = commits.last().map_or(0, |(frames, _)| *frames);
        let mut frames = (frames_before, 0);
        if all[0].at == 0 {
            // The head of a log is flushed before anything follows it.
            let head = all.remove(0);
            let mut then = before.clone();
            head.apply(&mut then, HEADER);
            let old = steps.last().map_or(0, |step: &Step| step.frames.1);
            afresh = old > 0;
            steps.push(Step {
                before: before.clone(),
                writes: vec![head],
                after: then.clone(),
                acknowledged: (*was, *was),
                frames: (old, 0),
                commits: Vec::new(),
                in_file,
            });
            before = then;
            frames.0 = 0;
        }
        let last = all.last().unwrap();
        frames.1 = ((last.at + last.bytes.len() - HEADER) / FRAME) as u64;
        commits.push((frames.1, *is));
        steps.push(Step {
            before,
            writes: all,
            after: after.clone(),
            acknowledged: (*was, *is),
            frames,
            commits: commits.clone(),
            in_file,
        });
    }
    assert!(!commits.is_empty());
    assert_eq!(afresh, in_file > 0, "after a copy the log starts afresh");
}

/// The step in which the log is copied into the file.
fn copy_back(full: &Disk, copied: &Disk, position: u64, steps: &mut Vec<Step>) {
    let mut all = Vec::new();
    writes(full, copied, &mut all);
    assert!(all.len() > 5 && all.iter().all(|write| !write.to_wal));
    let last = steps.last().unwrap().clone();
    steps.push(Step {
        before: full.clone(),
        writes: all,
        after: copied.clone(),
        acknowledged: (position, position),
        frames: (last.frames.1, last.frames.1),
        ..last
    });
}
