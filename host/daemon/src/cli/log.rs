// SPDX-License-Identifier: MIT OR Apache-2.0
//! The diagnostic log: every line is looked at for card numbers before it is written.
//!
//! It must never write what it could not look at: that becomes its length.

use payhal_messages::card_check;
use std::io::{self, Write};
use tracing_subscriber::fmt::MakeWriter;

/// Longest line that is looked at. No line of ours comes near it.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Makes a writer for each line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked;

impl<'a> MakeWriter<'a> for Checked {
    type Writer = Line;

    fn make_writer(&'a self) -> Self::Writer {
        Line(Vec::new())
    }
}

/// One line, which is written when it is whole.
#[derive(Debug)]
pub(super) struct Line(Vec<u8>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            // With standard error closed there is nobody to tell.
            let _ = io::stderr().write_all(checked(&self.0).as_bytes());
        }
    }
}

/// The line as it may be written.
fn checked(line: &[u8]) -> String {
    match std::str::from_utf8(line) {
        Ok(text) if text.len() <= LINE_BYTES_MAX => card_check::redact(text).into_owned(),
        _ => format!("[{} bytes]\n", line.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_card_number() {
        let line = b"WARN payhal: unplugged card=4111 1111 1111 1111 at 12\n";
        let written = checked(line);
        assert_eq!(written, "WARN payhal: unplugged card=[16 digits] at 12\n");
        let track = checked(b"track 41111111111111112512101000000\n");
        assert_eq!(track, "track [29 digits]\n");
    }

    #[test]
    fn what_cannot_be_looked_at_becomes_its_length() {
        assert_eq!(checked(b"4111\xff\n"), "[6 bytes]\n");
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        assert_eq!(checked(&long), "[65537 bytes]\n");
    }

    #[test]
    fn a_line_in_pieces_is_looked_at_whole() {
        let mut line = Checked.make_writer();
        for piece in ["card 41111111", "11111111", "\n"] {
            line.write_all(piece.as_bytes()).unwrap();
        }
        assert_eq!(checked(&line.0), "card [16 digits]\n");
        line.0.clear();
    }
}
