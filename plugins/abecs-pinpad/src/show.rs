// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text on the pinpad's display: DEX where it has room, DSP where it has two lines of sixteen.

use crate::commands::dex::Display;
use crate::commands::dsp::DisplayLines;
use crate::reader::AbecsPinpad;
use payhal_messages::reader::Show;
use payhal_plugin::{Context, Outcome, PluginError};

/// The least display of the protocol.
const LEAST: (usize, usize) = (2, 16);

/// Characters of DEX.
const TEXT_MAX: usize = 160;

/// Command `show`. A pinpad has no beep of its own.
pub(crate) fn show(reader: &mut AbecsPinpad, request: &Show, context: &Context) -> Outcome<()> {
    let text = match (&request.lines[..], request.beep) {
        ([], true) => format!("*** payhal ***\n{}", reader.texts().here),
        (lines, _) => lines.join("\n"),
    };
    reader.show_text(&text, context)?;
    Ok(Ok(()))
}

impl AbecsPinpad {
    /// Shows text, cut to the display. A pinpad that refuses it shows something else; nothing of a
    /// payment hangs on that.
    pub(crate) fn show_text(&mut self, text: &str, context: &Context) -> Result<(), PluginError> {
        let (rows, columns) = self.session(context)?.pinpad().display;
        let size = (usize::from(rows), usize::from(columns));
        if size.0 > LEAST.0 && size.1 >= LEAST.1 {
            let text = fitting(text, size, None);
            let _refused = self.session(context)?.command(&Display { text }, context)?;
            return Ok(());
        }
        let text = fitting(text, LEAST, Some(LEAST.1));
        let _refused = self
            .session(context)?
            .command(&DisplayLines { text }, context)?;
        Ok(())
    }
}

/// The lines that fit; of fixed length where the display has no line ends.
fn fitting(text: &str, (rows, columns): (usize, usize), fixed: Option<usize>) -> String {
    let cut = |line: &str| {
        let plain = line.chars().map(|c| if c.is_control() { ' ' } else { c });
        let line: String = plain.take(columns).collect();
        match fixed {
            Some(width) => format!("{line:<width$}"),
            None => line,
        }
    };
    let lines: Vec<String> = text.lines().take(rows).map(cut).collect();
    let joined = lines.join(if fixed.is_some() { "" } else { "\n" });
    joined.chars().take(TEXT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut() {
        let text = "A line that is too long\nsecond\nthird";
        assert_eq!(
            fitting(text, (2, 16), Some(16)),
            "A line that is tsecond          "
        );
        assert_eq!(
            fitting(text, (8, 20), None),
            "A line that is too l\nsecond\nthird"
        );
        let long = "x"
            .repeat(30)
            .repeat(8)
            .as_bytes()
            .chunks(30)
            .fold(String::new(), |lines, line| {
                lines + std::str::from_utf8(line).unwrap() + "\n"
            });
        assert_eq!(fitting(&long, (10, 30), None).chars().count(), TEXT_MAX);
    }
}
