// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows as lines of a width.

use super::slip::Row;

/// The text without anything a printer or a page would act on, in one line.
pub(super) fn clean(text: &str) -> String {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let plain: String = text
        .chars()
        .map(|c| if acts(c) { ' ' } else { c })
        .collect();
    plain.trim().to_owned()
}

/// Lines in the middle.
pub(super) fn centred(texts: &[String], columns: usize) -> Vec<String> {
    let lines = texts.iter().flat_map(|text| wrapped(&clean(text), columns));
    lines.map(|line| middle(&line, columns)).collect()
}

/// One row.
pub(super) fn row(row: &Row, columns: usize) -> Vec<String> {
    match row {
        Row::Title(text) | Row::Note(text) => centred(std::slice::from_ref(text), columns),
        Row::Pair(label, value) => pair(label, value, columns),
        Row::Blank => vec![String::new()],
        Row::Signed(_) => pair("Signature:", "on file", columns),
        Row::Signature => vec!["Signature:".to_owned(), String::new(), "_".repeat(columns)],
    }
}

fn middle(line: &str, columns: usize) -> String {
    format!("{line:^columns$}").trim_end().to_owned()
}

/// Label left, value right; the value below where both do not fit on one line.
fn pair(label: &str, value: &str, columns: usize) -> Vec<String> {
    let taken = label.chars().count() + 1 + value.chars().count();
    if taken <= columns {
        let gap = " ".repeat(columns + 1 - taken);
        return vec![format!("{label}{gap}{value}")];
    }
    let below = wrapped(value, columns);
    wrapped(label, columns)
        .into_iter()
        .chain(below.iter().map(|line| format!("{line:>columns$}")))
        .collect()
}

/// Pieces of at most `columns` characters, parted at spaces where that is possible, else behind a
/// hyphen.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > columns {
        let space = rest[..=columns].iter().rposition(|c| *c == ' ');
        let hyphen = || rest[..columns].iter().rposition(|c| *c == '-');
        let end = space.filter(|end| *end > 0);
        let end = end.or_else(|| hyphen().map(|place| place + 1));
        let end = end.unwrap_or(columns);
        let line: String = rest.drain(..end).collect();
        lines.push(line.trim_end().to_owned());
        let spaces = rest.iter().take_while(|c| **c == ' ').count();
        rest.drain(..spaces);
    }
    lines.push(rest.into_iter().collect());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_fills_its_line_or_takes_two() {
        assert_eq!(pair("Total", "12.50 EUR", 24), ["Total          12.50 EUR"]);
        assert_eq!(
            pair("of it surcharge", "1234.50 EUR", 24),
            ["of it surcharge", "             1234.50 EUR"]
        );
    }

    #[test]
    fn long_words_are_cut_and_others_kept_whole() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("0af1-22b3-c4", 7), ["0af1-", "22b3-c4"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn nothing_acts_on_the_printer() {
        assert_eq!(clean("a\u{1b}@b\r\n\u{202e}c\u{200b} "), "a @b   c");
    }
}
