// SPDX-License-Identifier: MIT OR Apache-2.0
//! What devices and gateways say in the table of states.

use crate::bench::{Bench, answer, authorized, prepared, presented, request};
use crate::device::DeviceReply;
use crate::gateway::{Decision, Finding, GatewayReply, Totals};
use crate::ids::TransactionId;
use crate::record::Past;
use crate::request::Kind;

pub(super) fn unplugged() -> DeviceReply {
    DeviceReply::Failed {
        effect_possible: true,
        reason: "unplugged".into(),
    }
}

pub(super) fn approved(minor: i64) -> GatewayReply {
    GatewayReply::Answered(answer(Decision::Approved, Some(minor)))
}

pub(super) fn declined() -> GatewayReply {
    GatewayReply::Answered(answer(Decision::Declined, None))
}

pub(super) fn no_totals() -> Totals {
    Totals {
        batch: "1".into(),
        rows: Vec::new(),
        collected: Vec::new(),
    }
}

pub(super) fn referred() -> GatewayReply {
    GatewayReply::Answered(answer(Decision::Referred, None))
}

pub(super) fn pending() -> GatewayReply {
    GatewayReply::Found(Finding::Pending)
}

pub(super) fn failed(sent: bool) -> GatewayReply {
    GatewayReply::Failed {
        sent,
        reason: "line".into(),
    }
}

/// An approved sale as the journal recalls it.
pub(crate) fn sale(id: TransactionId) -> Past {
    let mut bench = Bench::new();
    bench.money(request("original", Kind::Sale, "asking"));
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    bench.gateway(approved(1_000));
    let mut records = bench.records;
    for record in &mut records {
        record.transaction_id = id;
    }
    Past {
        records,
        ..Past::default()
    }
}
