// SPDX-License-Identifier: MIT OR Apache-2.0
//! The display: four lines of twenty characters.
//!
//! It must never show a PIN or a card number.

use crate::limits::{SCREEN_COLUMNS, SCREEN_LINES};

/// What the display shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Screen {
    lines: [String; SCREEN_LINES],
}

impl Screen {
    /// A display with these lines; what does not fit is cut.
    pub(crate) fn of<T: AsRef<str>>(lines: &[T]) -> Self {
        let cut = |line: &str| {
            line.chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .take(SCREEN_COLUMNS)
                .collect()
        };
        Self {
            lines: std::array::from_fn(|place| {
                lines
                    .get(place)
                    .map_or_else(String::new, |l| cut(l.as_ref()))
            }),
        }
    }

    /// Nothing to do.
    pub(crate) fn idle() -> Self {
        Self::of(&["", "      Welcome"])
    }

    /// The lines.
    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }
}
