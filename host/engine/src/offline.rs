// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sales without their gateway: which may be accepted while it is away, and how.

use crate::ids::{GatewayId, RegisterId};
use crate::money::Currency;

/// How much may wait to be forwarded. A sale needs one rule that fits, and every rule that fits
/// must have room for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// Of which gateway; absent: of all.
    pub gateway: Option<GatewayId>,
    /// Of which register; absent: of all.
    pub register: Option<RegisterId>,
    /// In which currency.
    pub currency: Currency,
    /// The largest sale, minor units.
    pub amount_max_minor: i64,
    /// How many may wait.
    pub count_max: u32,
    /// What they may come to, minor units.
    pub total_max_minor: i64,
    /// How long the oldest may wait before no other is accepted, milliseconds.
    pub age_max_ms: u64,
}
