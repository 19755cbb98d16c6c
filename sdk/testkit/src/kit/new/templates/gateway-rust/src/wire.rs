// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wire protocol: one connection for each exchange, a line there, a line back.
//!
//! It owns framing and waiting. What the words mean is in the files of the messages. A real gateway has
//! TLS here, on top of the connection that the host opened.

use crate::config::Config;
use payhal_plugin::messages::gateway::{Answer, Decision};
use payhal_plugin::{Context, PluginError};
use std::collections::BTreeMap;
use std::io::{Read, Write};

/// Longest line, its end included.
const LINE_BYTES_MAX: usize = 2048;

/// What the service answers, without the number.
#[derive(Debug)]
pub(crate) struct Line {
    text: String,
}

impl Line {
    /// Whether this is its first word.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.text.split(' ').next() == Some(name)
    }

    /// A word behind the first one, from 0.
    fn word(&self, place: usize) -> Option<&str> {
        self.text
            .split(' ')
            .nth(place + 1)
            .filter(|word| !word.is_empty())
    }

    /// `YES MINOR APPROVAL RRN` or `NO CODE TEXT`; `None` for anything else.
    pub(crate) fn answer(&self) -> Option<Answer> {
        let approved = self.is("YES");
        if !approved && !self.is("NO") {
            return None;
        }
        let word = |place: usize| self.word(place).map(str::to_owned);
        let text = self.text.splitn(3, ' ').nth(2).unwrap_or("");
        Some(Answer {
            decision: match approved {
                true => Decision::Approved,
                false => Decision::Declined,
            },
            response_code: if approved { "00".to_owned() } else { word(0)? },
            response_text: (!approved).then(|| text.to_owned()),
            approved_minor: if approved {
                Some(self.word(0)?.parse().ok()?)
            } else {
                None
            },
            approval_code: if approved { Some(word(1)?) } else { None },
            rrn: word(2).filter(|_| approved),
            issuer: BTreeMap::new(),
            signature_required: false,
            token: None,
            balance_minor: None,
            dcc: None,
        })
    }
}

/// One exchange. Before anything is written, a failure says that nothing was sent.
pub(crate) fn ask(config: &Config, words: &[&str], context: &Context) -> Result<Line, PluginError> {
    let is_word =
        |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
    if !words.iter().all(is_word) {
        return Err(PluginError::not_sent(
            "write the request: a word of it is none",
        ));
    }
    context.check_cancelled()?;
    let mut stream = context.connect(&config.server)?;
    stream.write_all(format!("1 {}\n", words.join(" ")).as_bytes())?;
    let until = context.deadline().min(context.now() + config.patience());
    let mut heard = Vec::new();
    loop {
        match context.readable(&stream, until) {
            Ok(true) => {}
            Ok(false) => return Err(PluginError::maybe_sent("get the service's answer in time")),
            // Too late to cancel: the service has the request.
            Err(PluginError::Cancelled) => {
                return Err(PluginError::maybe_sent("wait for the service's answer"));
            }
            Err(error) => return Err(error),
        }
        let mut bytes = [0; 512];
        match stream.read(&mut bytes)? {
            0 => {
                return Err(PluginError::maybe_sent(
                    "get an answer: the service hung up",
                ));
            }
            count => heard.extend_from_slice(&bytes[..count]),
        }
        if let Some(line) = answer_in(&heard) {
            return Ok(line);
        }
        if heard.len() >= LINE_BYTES_MAX {
            return Err(not_understood());
        }
    }
}

/// The first whole line that answers; noise before it is skipped.
fn answer_in(heard: &[u8]) -> Option<Line> {
    let end = heard.iter().rposition(|byte| *byte == b'\n')?;
    let lines = heard[..end].split(|byte| *byte == b'\n');
    let mut answers = lines.filter_map(|line| {
        let text = std::str::from_utf8(line)
            .ok()?
            .trim_end_matches('\r')
            .strip_prefix("1 ")?;
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        printable.then(|| Line {
            text: text.to_owned(),
        })
    });
    answers.next()
}

/// The service said what it should not have. Its words stay out of it.
pub(crate) fn not_understood() -> PluginError {
    PluginError::maybe_sent("understand the service's answer")
}
