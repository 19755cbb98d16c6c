// SPDX-License-Identifier: MIT OR Apache-2.0
//! The beeper's wire protocol: text lines, each with the number of the command it belongs to.
//!
//! `sdk/abi/examples/c/README.md` describes it. What is no line of it is dropped, as the device does.

/// Longest line, its end included. A sealed read with the objects of a chip takes about 900.
pub(crate) const LINE_BYTES_MAX: usize = 2048;

/// Makes lines of what comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    pending: Vec<u8>,
    overlong: bool,
}

impl Splitter {
    /// The lines that `bytes` complete.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.pending);
                let overlong = std::mem::take(&mut self.overlong);
                lines.extend((!overlong).then(|| Line::read(&line)).flatten());
            } else if self.pending.len() + 1 < LINE_BYTES_MAX {
                self.pending.push(byte);
            } else {
                self.overlong = true;
            }
        }
        lines
    }
}

/// A command: its number, its name, its words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Line {
    pub(crate) number: u32,
    pub(crate) name: String,
    words: Vec<String>,
}

impl Line {
    /// `None` for what is no line of this protocol.
    fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let text = text.strip_suffix('\r').unwrap_or(text);
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return None;
        }
        let mut words = text.split(' ').map(str::to_owned);
        Some(Self {
            number: words.next()?.parse().ok()?,
            name: words.next()?,
            words: words.collect(),
        })
    }

    /// A word, from 0; empty where there is none.
    pub(crate) fn word(&self, place: usize) -> &str {
        self.words.get(place).map_or("", String::as_str)
    }

    /// A word that is an amount or a number; `-` is none.
    pub(crate) fn amount(&self, place: usize) -> Option<i64> {
        self.word(place).parse().ok().filter(|amount| *amount >= 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_whatever_the_pieces() {
        let mut splitter = Splitter::default();
        assert!(splitter.take(b"7 CA").is_empty());
        let lines = splitter.take(b"RD 1250 EUR\n8 STOP\r\nnoise\n\xff\xfe 9\n");
        let names: Vec<_> = lines
            .iter()
            .map(|line| (line.number, &*line.name))
            .collect();
        assert_eq!(names, [(7, "CARD"), (8, "STOP")]);
        assert_eq!(lines[0].amount(0), Some(1250));
        assert_eq!((lines[0].word(1), lines[0].word(2)), ("EUR", ""));
    }

    #[test]
    fn a_line_without_end_is_dropped_and_the_next_one_heard() {
        let mut splitter = Splitter::default();
        assert!(splitter.take(&vec![b'x'; 3 * LINE_BYTES_MAX]).is_empty());
        assert!(splitter.take(b"\n").is_empty());
        assert_eq!(splitter.take(b"1 HELLO\n").len(), 1);
    }
}
