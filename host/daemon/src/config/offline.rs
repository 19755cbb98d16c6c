// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much may be sold while a gateway is away, as the configuration says it. None: nothing is.
//!
//! What a rule does to a payment is the engine's.

use crate::pricing::limit;
use payhal_engine::ids::GatewayId;
use payhal_engine::offline::Rule;
use serde::Deserialize;

const HOUR_MS: u64 = 3_600_000;

/// A month: an issuer that is asked later than that takes nothing.
const AGE_HOURS_MAX: u64 = 31 * 24;

/// `[[offline]]`, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfflineTable {
    gateway: Option<String>,
    register: Option<String>,
    amount_max: String,
    count_max: u32,
    total_max: String,
    age_max_hours: u64,
}

impl OfflineTable {
    /// The rule; `known`: whether a gateway is configured.
    ///
    /// # Errors
    /// The key, and what its value must be.
    pub(super) fn read(&self, known: impl Fn(&str) -> bool) -> Result<Rule, (String, String)> {
        let wrong = |key: &str, must: String| (format!("offline.{key}"), must);
        if self.gateway.as_deref().is_some_and(|name| !known(name)) {
            return Err(wrong("gateway", "the name of a configured gateway".into()));
        }
        let amount = limit(&self.amount_max).map_err(|why| wrong("amount_max", why))?;
        let total = limit(&self.total_max).map_err(|why| wrong("total_max", why))?;
        let (amount_max_minor, currency) = amount;
        let (total_max_minor, of) = total;
        if of != currency || total_max_minor < amount_max_minor {
            let must = format!("in {}, and not below `amount_max`", currency.code());
            return Err(wrong("total_max", must));
        }
        if self.count_max == 0 {
            return Err(wrong("count_max", "1 at least".into()));
        }
        if !(1..=AGE_HOURS_MAX).contains(&self.age_max_hours) {
            return Err(wrong("age_max_hours", format!("1 to {AGE_HOURS_MAX}")));
        }
        Ok(Rule {
            gateway: self.gateway.as_deref().map(GatewayId::from),
            register: self.register.as_deref().map(Into::into),
            currency,
            amount_max_minor,
            count_max: self.count_max,
            total_max_minor,
            age_max_ms: self.age_max_hours * HOUR_MS,
        })
    }
}
