// SPDX-License-Identifier: MIT OR Apache-2.0
//! How two routes stand to each other. It must never guess: "covers" is said only where every
//! payment of the one fits the other.

use payhal_engine::routing::Route;
use std::sync::Arc;

/// Whether every payment that fits `later` fits `earlier`.
pub(super) fn covers(earlier: &Route, later: &Route) -> bool {
    let begins = |range: &Arc<str>| {
        let mut ranges = earlier.cards.ranges.iter();
        ranges.any(|wider| range.starts_with(&**wider))
    };
    let country = |country: &Arc<str>| earlier.cards.countries.contains(country);
    is_wider(&earlier.cards.scheme, &later.cards.scheme)
        && is_wider(&earlier.currency, &later.currency)
        && is_wider(&earlier.register, &later.register)
        && all(&earlier.cards.ranges, &later.cards.ranges, begins)
        && all(&earlier.cards.countries, &later.cards.countries, country)
        && earlier
            .from_minor
            .is_none_or(|from| later.from_minor.is_some_and(|it| it >= from))
        && earlier
            .to_minor
            .is_none_or(|to| later.to_minor.is_some_and(|it| it <= to))
}

/// Whether a payment can fit both, and neither covers the other.
pub(super) fn meet(one: &Route, other: &Route) -> bool {
    let ranges = |a: &Arc<str>, b: &Arc<str>| a.starts_with(&**b) || b.starts_with(&**a);
    let above = |from: Option<i64>, to: Option<i64>| match (from, to) {
        (Some(from), Some(to)) => from <= to,
        _ => true,
    };
    agree(&one.cards.scheme, &other.cards.scheme)
        && agree(&one.currency, &other.currency)
        && agree(&one.register, &other.register)
        && any(&one.cards.ranges, &other.cards.ranges, ranges)
        && any(&one.cards.countries, &other.cards.countries, |a, b| a == b)
        && above(one.from_minor, other.to_minor)
        && above(other.from_minor, one.to_minor)
        && !covers(other, one)
}

/// Nothing asked for, or the same.
fn is_wider<T: PartialEq>(earlier: &Option<T>, later: &Option<T>) -> bool {
    earlier.is_none() || earlier == later
}

fn agree<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
    one.is_none() || other.is_none() || one == other
}

/// Nothing asked for, or each of the later one's is among the earlier one's.
fn all<T>(earlier: &[T], later: &[T], is_in: impl Fn(&T) -> bool) -> bool {
    earlier.is_empty() || (!later.is_empty() && later.iter().all(is_in))
}

fn any<T>(one: &[T], other: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    one.is_empty()
        || other.is_empty()
        || one
            .iter()
            .any(|one| other.iter().any(|other| same(one, other)))
}
