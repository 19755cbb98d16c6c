// SPDX-License-Identifier: MIT OR Apache-2.0
//! Day and time of a transaction, as the chip signs them: the host's calendar, moved to local time.

use crate::commands::{Day, Time};
use payhal_card_data::Expiry;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Days from the first of March of year 0 to the first of January 1970.
const DAYS_BEFORE_1970: i64 = 719_468;

/// Days of 400 years.
const ERA_DAYS: i64 = 146_097;

/// A moment, taken apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Moment {
    pub(crate) year: u16,
    pub(crate) day: Day,
    pub(crate) time: Time,
}

impl Moment {
    /// The local time of a clock that is `offset_minutes` ahead of UTC.
    pub(crate) fn of(now: SystemTime, offset_minutes: i32) -> Self {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(0) + i64::from(offset_minutes) * 60;
        let (days, second) = (
            seconds.div_euclid(DAY_SECONDS),
            seconds.rem_euclid(DAY_SECONDS),
        );
        // Years are counted from March, so that the leap day comes last.
        let shifted = days + DAYS_BEFORE_1970;
        let era = shifted.div_euclid(ERA_DAYS);
        let of_era = shifted.rem_euclid(ERA_DAYS);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        Self {
            year: u16::try_from(year).unwrap_or(0),
            day: Day {
                year: small(year.rem_euclid(100)),
                month: small(month),
                day: small(day),
            },
            time: Time {
                hour: small(second / 3_600),
                minute: small(second / 60 % 60),
                second: small(second % 60),
            },
        }
    }

    /// Whether a card is past its last day.
    pub(crate) fn is_after(&self, expiry: Expiry) -> bool {
        expiry.is_before(self.year, self.day.month)
    }
}

/// The month of a day on a card; its year is of this century.
pub(crate) fn expiry_of(day: Day) -> Option<Expiry> {
    Expiry::new(2_000 + u16::from(day.year), day.month)
}

fn small(number: i64) -> u8 {
    u8::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64, offset: i32) -> Moment {
        Moment::of(UNIX_EPOCH + Duration::from_secs(seconds), offset)
    }

    #[test]
    fn days_and_times_are_the_calendars() {
        for (seconds, offset, date, clock) in [
            (0, 0, (1970, 1, 1), (0, 0, 0)),
            (951_827_696, 0, (2000, 2, 29), (12, 34, 56)),
            (1_772_366_400, 0, (2026, 3, 1), (12, 0, 0)),
            // Three hours before UTC it is still the day before.
            (1_767_225_600, -180, (2025, 12, 31), (21, 0, 0)),
            (1_767_225_600, 345, (2026, 1, 1), (5, 45, 0)),
        ] {
            let moment = at(seconds, offset);
            let (year, month, day) = date;
            assert_eq!(moment.year, year);
            assert_eq!((moment.day.month, moment.day.day), (month, day));
            let Time {
                hour,
                minute,
                second,
            } = moment.time;
            assert_eq!((hour, minute, second), clock);
        }
    }

    #[test]
    fn a_card_is_good_through_its_month() {
        let expiry = expiry_of(Day {
            year: 26,
            month: 3,
            day: 31,
        })
        .unwrap();
        assert!(!at(1_772_366_400, 0).is_after(expiry));
        assert!(at(1_775_001_600, 0).is_after(expiry));
    }
}
