// SPDX-License-Identifier: MIT OR Apache-2.0
//! The journal in memory and the real one say the same about the same records: otherwise the
//! simulation would prove something about a journal that nobody runs.

use crate::history::History;
use crate::journal::Journal;
use payhal_engine::card::SpentKey;
use payhal_engine::effect::RecallBy;
use payhal_engine::ids::{Position, RecallId};
use payhal_engine::record::{Past, Restored};
use payhal_journal::{Happened, Options};
use std::sync::mpsc::{Receiver, channel};

/// Histories whose records are written to disk.
const SEEDS: u64 = 12;

#[test]
fn the_real_journal_says_the_same() {
    for seed in 0..SEEDS {
        let history = History::lived(seed, false);
        let simulated = &history.world.journal;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("journal");
        write(&path, simulated);
        let (tell, told) = channel();
        let options = Options::default();
        let opened = payhal_journal::Journal::open(&path, &options, move |happened| {
            tell.send(happened).ok();
        });
        let (real, restored) = opened.expect("a journal that was closed in order");
        same_start(seed, simulated, &restored);
        for (place, by) in questions(simulated).into_iter().enumerate() {
            real.recall(RecallId(place as u64), by.clone())
                .expect("the journal runs");
            let parts = |past: Past| (past.records, past.changes);
            let ours = simulated.recall(&by).map(parts);
            let theirs = recalled(&told).map(parts);
            let (ours, theirs) = (ours.unzip(), theirs.unzip());
            assert_eq!(ours.1, theirs.1, "seed {seed}, changes of {by:?}");
            assert_eq!(ours.0, theirs.0, "seed {seed}, records of {by:?}");
        }
    }
}

fn write(path: &std::path::Path, simulated: &Journal) {
    let (tell, told) = channel();
    let options = Options::default();
    let opened = payhal_journal::Journal::open(path, &options, move |happened| {
        tell.send(happened).ok();
    });
    let (real, _) = opened.expect("a fresh journal");
    let records = simulated.durable_records();
    let last = Position(records.len() as u64);
    for (place, record) in records.iter().enumerate() {
        let position = Position(place as u64 + 1);
        real.append(position, Box::new(record.clone()), false)
            .expect("the journal runs");
    }
    for happened in told {
        match happened {
            Happened::Durable(position) if position == last => break,
            Happened::Durable(_) => {}
            other => panic!("nothing was asked: {other:?}"),
        }
    }
}

fn same_start(seed: u64, simulated: &Journal, restored: &Restored) {
    let ours = simulated.restored();
    assert_eq!(ours.position, restored.position, "seed {seed}");
    assert_eq!(ours.stan, restored.stan, "seed {seed}");
    assert_eq!(ours.open, restored.open, "seed {seed}");
    assert_eq!(ours.closed, restored.closed, "seed {seed}");
}

/// By every id and every key that is there, and by a key that is not.
fn questions(simulated: &Journal) -> Vec<RecallBy> {
    let mut questions = Vec::new();
    for id in simulated.transactions() {
        questions.push(RecallBy::Transaction(id));
        if let Some(intent) = simulated.intent_of(id) {
            let (scope, key) = (intent.scope.clone(), intent.request.key.clone());
            questions.push(RecallBy::Key(scope.clone(), key));
            questions.push(RecallBy::Key(scope, "no such key".into()));
            if let Some(device) = intent.device.clone() {
                let mut keys = intent.spent.clone();
                let serial = "never made".into();
                keys.insert(
                    0,
                    SpentKey {
                        slot: "main".into(),
                        serial,
                    },
                );
                questions.push(RecallBy::Spent(device, keys));
            }
        }
    }
    questions
}

fn recalled(told: &Receiver<Happened>) -> Option<Past> {
    match told.recv().expect("the journal answers") {
        Happened::Recalled(_, past) => past.map(|past| *past),
        other => panic!("no answer: {other:?}"),
    }
}
