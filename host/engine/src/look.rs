// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looks at what is live. Never shows what a crash could take back, and never changes anything.

use crate::answer::Answer;
use crate::cancel::may_touch;
use crate::engine::Engine;
use crate::ids::{Position, Ticket};
use crate::request::{Caller, Which};

impl Engine {
    /// One transaction, if it has no outcome yet or is on its way back. Of one at rest nothing is
    /// told here, but only once the journal can tell it.
    pub(crate) fn look(&mut self, ticket: Ticket, caller: &Caller, which: &Which) {
        let id = match which {
            Which::Key(key) => self.keys.get(&(caller.scope.of(key), key.clone())).copied(),
            Which::Transaction(id) => Some(*id),
        };
        let open = id.and_then(|id| self.open.get(&id));
        let recent = id
            .and_then(|id| self.recent.find(id))
            .map(|ended| ended.position);
        let after = open.map(|open| open.after).or(recent).unwrap_or_default();
        let snapshots = open
            .filter(|open| open.is_live() && may_touch(caller, &open.scope))
            .map(|open| open.snapshot())
            .into_iter()
            .collect();
        self.answer(after, ticket, Answer::Live(snapshots));
    }

    /// Every transaction without an outcome, or on its way back.
    pub(crate) fn look_at_all(&mut self, ticket: Ticket, caller: &Caller) {
        let mut after = Position(0);
        let mut snapshots = Vec::new();
        for open in self.open.values() {
            if open.is_live() && may_touch(caller, &open.scope) {
                after = after.max(open.after);
                snapshots.push(open.snapshot());
            }
        }
        self.answer(after, ticket, Answer::Live(snapshots));
    }
}
