// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the pinpad shows, passed on as progress: the register's operator sees what its holder sees.
//!
//! A pinpad's words are its maker's: the stage is guessed of them and nothing else may be. A line
//! with a long row of digits is not passed on, whatever it is.

use crate::session::Notice;
use payhal_messages::prompt::{PinEvent, Stage};
use payhal_plugin::Context;
use std::cmp::Ordering;

/// Rows of digits that may be told: an amount has fewer.
const DIGITS_MAX: usize = 9;

/// Beginnings of words of a stage, without accents.
const WORDS: [(Stage, &[&str]); 4] = [
    (Stage::RemoveCard, &["RETIR", "REMOV", "TAKE"]),
    (
        Stage::ApplicationSelection,
        &["SELECION", "SELECCION", "SELECT", "ESCOLH", "CHOOSE"],
    ),
    (Stage::PinEntry, &["SENHA", "PIN", "CLAVE"]),
    (
        Stage::Reading,
        &["PROCESS", "PROCES", "AGUARDE", "WAIT", "LENDO"],
    ),
];

/// Passes a notice on; `otherwise` is the stage of words that say nothing.
pub(crate) fn pass_on(notice: &Notice, otherwise: Stage, context: &Context) {
    let text = text_of(notice);
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        context.progress(stage_of(&text).unwrap_or(otherwise), &text);
    }
}

/// What a PIN pad shows while its keys are pressed, told as what happened: a pinpad writes one `*`
/// for each digit. How many there are goes nowhere.
#[derive(Debug, Default)]
pub(crate) struct PinWatch {
    stars: Option<usize>,
}

impl PinWatch {
    /// Passes a notice on.
    pub(crate) fn pass_on(&mut self, notice: &Notice, context: &Context) {
        let Some(text) = text_of(notice).filter(|text| !text.is_empty()) else {
            return;
        };
        let stars = text.matches('*').count();
        let plain = text.replace('*', "").trim().to_owned();
        let asks = stars > 0 || stage_of(&text) == Some(Stage::PinEntry);
        match (asks, self.stars) {
            (false, _) => context.progress(stage_of(&text).unwrap_or(Stage::PinEntry), &text),
            (true, None) => {
                context.pin_progress(PinEvent::Started, &plain);
                Self::keys(0, stars, &plain, context);
            }
            (true, Some(before)) => Self::keys(before, stars, &plain, context),
        }
        if asks {
            self.stars = Some(stars);
        }
    }

    /// The pinpad has the PIN, if it asked for one.
    pub(crate) fn finish(&self, context: &Context) {
        if self.stars.is_some() {
            context.pin_progress(PinEvent::Finished, "");
        }
    }

    fn keys(before: usize, stars: usize, text: &str, context: &Context) {
        match stars.cmp(&before) {
            Ordering::Greater => context.pin_progress(PinEvent::Added, text),
            Ordering::Less => context.pin_progress(PinEvent::Removed, text),
            Ordering::Equal => {}
        }
    }
}

fn text_of(notice: &Notice) -> Option<String> {
    let text = notice.lines.join(" ").trim().to_owned();
    let rows = text.split(|letter: char| !letter.is_ascii_digit());
    let longest = rows.map(str::len).max().unwrap_or(0);
    (longest <= DIGITS_MAX).then_some(text)
}

fn stage_of(text: &str) -> Option<Stage> {
    let upper = text.to_uppercase();
    let says = |words: &[&str]| {
        let mut said = upper.split_whitespace();
        said.any(|word| words.iter().any(|begins| word.starts_with(begins)))
    };
    let found = WORDS.iter().find(|(_, words)| says(words));
    found.map(|(stage, _)| *stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(first: &str, second: &str) -> Notice {
        Notice {
            lines: [first, second].map(str::to_owned),
        }
    }

    #[test]
    fn words_tell_the_stage() {
        for (first, second, stage) in [
            ("APROXIME, INSIRA", "OU PASSE CARTAO", None),
            ("PROCESSANDO", "", Some(Stage::Reading)),
            ("SELECIONE:", "1 CREDITO", Some(Stage::ApplicationSelection)),
            ("R$ 12,50", "SENHA:", Some(Stage::PinEntry)),
            ("RETIRE O CARTAO", "", Some(Stage::RemoveCard)),
        ] {
            let text = text_of(&notice(first, second)).unwrap();
            assert_eq!(stage_of(&text), stage, "{text}");
        }
    }

    #[test]
    fn a_long_row_of_digits_goes_nowhere() {
        assert_eq!(text_of(&notice("4111111111111111", "")), None);
        assert!(text_of(&notice("R$ 1.234.567,89", "")).is_some());
    }
}
