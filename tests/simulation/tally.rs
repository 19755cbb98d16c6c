// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happened in all histories together: a simulation in which something never happens proves
//! nothing about it.

use crate::world::World;
use payhal_engine::answer::{Answer, Reason, Refused};
use payhal_engine::record::Fact;
use payhal_engine::request::Kind;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<&'static str, u64>);

/// What enough histories must contain.
const EXPECTED: [&str; 79] = [
    "crashes",
    "disk failures",
    "sale",
    "authorize",
    "capture",
    "adjust",
    "refund",
    "refund_by_receipt",
    "refund_unreferenced",
    "void",
    "undo",
    "verify",
    "balance",
    "cash_advance",
    "batch_close",
    "totals told",
    "paid with a token",
    "kept cards registered, changed or deleted",
    "paid with a kept card",
    "cards kept by sales",
    "issuers called",
    "orders told",
    "settled by people",
    "partial approvals",
    "declined",
    "cancelled",
    "timed out",
    "card errors",
    "gateway rejected",
    "answered unknown",
    "not allowed",
    "keys reused",
    "device busy",
    "gateway unavailable",
    "unresolved transactions refused",
    "reversals acknowledged",
    "left to a person",
    "intents",
    "orderly stops",
    "clock jumps",
    "host stopping",
    "charged despite an unknown",
    "readers handed over",
    "questions shown",
    "questions answered",
    "questions left to their default",
    "plugins died",
    "tried again under a new key",
    "terminals too late",
    "terminals replied late or twice",
    "terminals obeyed a cancel",
    "terminals ignored a cancel",
    "people looked",
    "tips on the reader",
    "amounts after the card",
    "cards told",
    "cards used that came early",
    "tips that cannot be",
    "surcharges agreed",
    "surcharges to be left out",
    "own currencies chosen",
    "cards routed",
    "cards presented once more",
    "intents closed as unsent",
    "repeated keys refused",
    "numbers kept",
    "numbers that could not be kept",
    "numbers destroyed",
    "reversals with a number",
    "accepted offline",
    "sales forwarded",
    "losses told",
    "taken back before they were forwarded",
    "too large for offline",
    "too many offline",
    "too much offline",
    "too old for offline",
    "cards that want their issuer",
    "cards that are kept with their gateway only",
];

/// Which limit kept a sale from being accepted without its gateway.
fn limit(detail: &str) -> Option<&'static str> {
    let limits = [
        ("a sale may come to", "too large for offline"),
        ("wait to be forwarded already", "too many offline"),
        ("together they may come to", "too much offline"),
        ("the oldest has waited", "too old for offline"),
        ("the card does not allow it", "cards that want their issuer"),
        (
            "a token needs its gateway",
            "cards that are kept with their gateway only",
        ),
    ];
    let found = limits.iter().find(|(words, _)| detail.contains(words));
    found.map(|(_, limit)| *limit)
}

/// Whether a card error is a reader's that repeated a key.
fn repeated(detail: Option<&str>) -> bool {
    detail.is_some_and(|detail| detail.contains("repeated a key"))
}

impl Tally {
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn answer(&mut self, answer: &Answer, kind: Option<Kind>) {
        match answer {
            Answer::Approved { approved, .. } => {
                if approved.partial {
                    self.count("partial approvals");
                }
                if let Some(kind) = kind {
                    self.count(kind.name());
                }
            }
            Answer::Refused { refused, .. } => self.refusal(refused),
            Answer::Totals(_) => self.count("totals told"),
            _ => {}
        }
    }

    fn refusal(&mut self, refused: &Refused) {
        let detail = refused.detail.as_deref();
        if let Some(limit) = detail.and_then(limit) {
            self.count(limit);
        }
        self.count(match refused.reason {
            Reason::Declined => "declined",
            Reason::Cancelled => "cancelled",
            Reason::TimedOut => "timed out",
            Reason::CardError if repeated(detail) => "repeated keys refused",
            Reason::CardError => "card errors",
            Reason::GatewayRejected => "gateway rejected",
            Reason::OutcomeUnknown => "answered unknown",
            Reason::NotAllowed => "not allowed",
            Reason::KeyReused => "keys reused",
            Reason::HostStopping => "host stopping",
            Reason::DeviceBusy { .. } => "device busy",
            Reason::GatewayUnavailable => "gateway unavailable",
            Reason::NothingSent => "nothing sent",
            Reason::NeverBegun => "never begun",
            Reason::UnresolvedTransaction { .. } => "unresolved transactions refused",
            _ => "other refusals",
        });
    }

    pub(crate) fn records(&mut self, world: &World) {
        for id in world.journal.transactions().collect::<Vec<_>>() {
            for record in world.journal.records_of(id) {
                match record.fact {
                    Fact::Intent(_) => self.count("intents"),
                    Fact::Reversed => self.count("reversals acknowledged"),
                    Fact::NeedsOperator { .. } => self.count("left to a person"),
                    Fact::Resolved(_) => self.count("settled by people"),
                    Fact::Reported { known: true } => self.count("orders told"),
                    _ => {}
                }
            }
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// Everything must have happened somewhere.
    pub(crate) fn check(&self) {
        for what in EXPECTED {
            assert!(
                self.0.contains_key(what),
                "it never happened: {what}; {self:#?}"
            );
        }
    }
}
