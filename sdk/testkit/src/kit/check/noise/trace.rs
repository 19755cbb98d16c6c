// SPDX-License-Identifier: MIT OR Apache-2.0
//! What passed over the line, for who looks into a violation: with the card data scrubbed, as
//! recordings are.

use super::super::limits::TRACE_MAX;
use payhal_messages::recording::{Entry, Scrubber, Side};
use std::collections::{BTreeMap, VecDeque};

/// What happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Happened {
    /// These bytes arrived.
    Bytes(Entry),
    /// Something else.
    Note(u64, String),
}

/// The last things that happened on a line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    all: VecDeque<Happened>,
}

impl Trace {
    fn add(&mut self, happened: Happened) {
        if self.all.len() >= TRACE_MAX {
            self.all.pop_front();
        }
        self.all.push_back(happened);
    }

    /// These bytes arrived at the other end.
    pub(crate) fn bytes(&mut self, at_us: u64, port: &str, from: Side, bytes: &[u8]) {
        self.add(Happened::Bytes(Entry {
            at_us,
            port: port.to_owned(),
            from,
            bytes: bytes.to_vec(),
            scrubbed: Vec::new(),
        }));
    }

    /// Something else happened; the text must hold nothing that was on the line.
    pub(crate) fn note(&mut self, at_us: u64, text: impl Into<String>) {
        self.add(Happened::Note(at_us, text.into()));
    }

    /// As lines of text.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut scrubbed = self.scrubbed();
        let lines = self.all.iter().filter_map(|happened| match happened {
            Happened::Note(at_us, text) => Some(format!("{}  {text}", seconds(*at_us))),
            Happened::Bytes(entry) => {
                let entry = scrubbed.get_mut(&entry.port)?.pop_front()?;
                let arrow = match entry.from {
                    Side::Plugin => "plugin >",
                    Side::Device => "device <",
                };
                let at = seconds(entry.at_us);
                Some(format!("{at}  {arrow} {}  {}", entry.port, hex(&entry)))
            }
        });
        lines.collect()
    }

    /// The bytes of each port, in order, without card data.
    fn scrubbed(&self) -> BTreeMap<String, VecDeque<Entry>> {
        let mut scrubbers: BTreeMap<String, (Scrubber, VecDeque<Entry>)> = BTreeMap::new();
        for happened in &self.all {
            if let Happened::Bytes(entry) = happened {
                let fresh = || (Scrubber::new(&entry.port), VecDeque::new());
                let (scrubber, done) = scrubbers.entry(entry.port.clone()).or_insert_with(fresh);
                done.extend(scrubber.take(entry.clone()));
            }
        }
        let finished = scrubbers
            .into_iter()
            .map(|(port, (mut scrubber, mut done))| {
                done.extend(scrubber.finish());
                (port, done)
            });
        finished.collect()
    }
}

fn seconds(us: u64) -> String {
    format!("{:>6}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// Two digits a byte, and two dots for one that was scrubbed.
fn hex(entry: &Entry) -> String {
    let byte = |(at, byte): (usize, &u8)| match entry.is_scrubbed(at) {
        true => "..".to_owned(),
        false => format!("{byte:02x}"),
    };
    entry.bytes.iter().enumerate().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_in_order_and_without_the_card() {
        let mut trace = Trace::default();
        trace.bytes(1_500_000, "main", Side::Plugin, b"PAY");
        trace.note(1_500_001, "a word was lost");
        let card = format!(";4{}=3012", "1".repeat(15));
        trace.bytes(2_000_000, "main", Side::Device, card.as_bytes());
        let lines = trace.lines();
        assert_eq!(lines[0], "     1.500000  plugin > main  504159");
        assert_eq!(lines[1], "     1.500001  a word was lost");
        assert!(lines[2].contains(".."), "{lines:?}");
        assert!(!lines[2].contains("3431313131"), "{lines:?}");
    }

    #[test]
    fn only_the_last_of_it_is_kept() {
        let mut trace = Trace::default();
        for at in 0..TRACE_MAX as u64 + 5 {
            trace.note(at, "x");
        }
        assert_eq!(trace.lines().len(), TRACE_MAX);
        assert!(trace.lines()[0].contains("0.000005"));
    }
}
