// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where words go: what was asked for to standard output, everything else to standard error.
//!
//! Texts of plugins, gateways and other registers pass through here, so no control character gets
//! to a terminal. A reader that has gone away (`| head`) is not an error.

use serde::Serialize;
use std::io::Write;

/// A result, on standard output.
pub(super) fn say(text: &str) {
    let _gone = writeln!(std::io::stdout().lock(), "{}", printable(text));
}

/// Progress, advice and errors, on standard error.
pub(super) fn tell(text: &str) {
    let _gone = writeln!(std::io::stderr().lock(), "{}", printable(text));
}

/// One line of JSON, on standard output.
pub(super) fn say_json(value: &impl Serialize) {
    say(&serde_json::to_string(value).expect("these types are JSON"));
}

/// The word a value is written as on the wire.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn printable(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() && c != '\n' {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().map(shown).collect()
}

/// Columns as wide as their widest cell; the last one is not padded.
pub(super) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = header.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let header = header.map(str::to_owned);
    std::iter::once(&header)
        .chain(rows)
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            ["counter".to_owned(), "ready".to_owned()],
            ["b".to_owned(), String::new()],
        ];
        assert_eq!(
            table(["DEVICE", "STATE"], &rows),
            "DEVICE   STATE\ncounter  ready\nb"
        );
    }

    #[test]
    fn no_control_character_reaches_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\r\nc"), "a\u{fffd}[31mb\u{fffd}\nc");
    }

    #[test]
    fn words_are_those_of_the_wire() {
        assert_eq!(word(&payhal_protocol::device::DeviceState::Ready), "ready");
        assert_eq!(word(&3), "");
    }
}
