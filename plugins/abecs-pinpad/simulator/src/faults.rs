// SPDX-License-Identifier: MIT OR Apache-2.0
//! What goes wrong on purpose, in words: each so many times, and with one command only if one is
//! named.

use crate::fields::Name;

/// What can go wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// A command is not heard.
    NoAck,
    /// A command is answered as damaged.
    Nak,
    /// A response has a wrong check.
    WrongCrc,
    /// A response ends in its middle.
    Cut,
    /// A command is acknowledged and then forgotten.
    Silent,
    /// A command is done and its response lost.
    Lost,
    /// A response comes this much later.
    Late(u64),
    /// A secret command is answered as if it were damaged, and the secrecy ends.
    DropSecure,
    /// A command is answered as one that nobody knows.
    Unknown,
    /// Notifications come without end.
    Talk,
    /// Nothing is heard, not even an abort.
    Deaf,
}

/// The words, each with a sentence.
pub(crate) const WORDS: [(&str, &str); 13] = [
    ("no-ack [TIMES] [CMD]", "the next command is not heard"),
    (
        "nak [TIMES] [CMD]",
        "the next command is answered as damaged",
    ),
    (
        "nak-storm",
        "every command is answered as damaged, until calm",
    ),
    (
        "wrong-crc [TIMES] [CMD]",
        "the next response has a wrong check",
    ),
    ("cut [TIMES] [CMD]", "the next response ends in its middle"),
    (
        "silent [TIMES] [CMD]",
        "the next command is acknowledged and forgotten",
    ),
    (
        "lost [TIMES] [CMD]",
        "the next command is done, its response lost",
    ),
    (
        "late MS [CMD]",
        "the next response comes so many milliseconds later",
    ),
    (
        "drop-secure [CMD]",
        "the next secret command ends the secrecy (009)",
    ),
    (
        "unknown [TIMES] [CMD]",
        "the next command is answered as one that nobody knows",
    ),
    ("talk", "notifications without end, until calm"),
    ("deaf", "nothing is heard, not even an abort, until calm"),
    (
        "calm",
        "ends every fault, and forgets what somebody would do",
    ),
];

#[derive(Clone, Copy, Debug)]
struct Planned {
    fault: Fault,
    times: u32,
    only: Option<Name>,
}

/// Faults to come.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Planned>);

impl Faults {
    /// Plans what the words say; `None` for words of something else.
    pub(crate) fn plan(&mut self, words: &[&str]) -> Option<Result<(), String>> {
        let (word, rest) = words.split_first()?;
        let (fault, times) = match *word {
            "no-ack" => (Fault::NoAck, 1),
            "nak" => (Fault::Nak, 1),
            "nak-storm" => (Fault::Nak, u32::MAX),
            "wrong-crc" => (Fault::WrongCrc, 1),
            "cut" => (Fault::Cut, 1),
            "silent" => (Fault::Silent, 1),
            "lost" => (Fault::Lost, 1),
            "late" => (Fault::Late(0), 1),
            "drop-secure" => (Fault::DropSecure, 1),
            "unknown" => (Fault::Unknown, 1),
            "talk" => (Fault::Talk, u32::MAX),
            "deaf" => (Fault::Deaf, u32::MAX),
            _ => return None,
        };
        Some(self.add(fault, times, rest))
    }

    fn add(&mut self, fault: Fault, times: u32, rest: &[&str]) -> Result<(), String> {
        let mut planned = Planned {
            fault,
            times,
            only: None,
        };
        for word in rest {
            match (word.parse::<u32>(), word.as_bytes().try_into()) {
                (Ok(ms), _) if matches!(fault, Fault::Late(_)) => {
                    planned.fault = Fault::Late(u64::from(ms) * 1000);
                }
                (Ok(times), _) => planned.times = times,
                (Err(_), Ok(name)) => planned.only = Some(name),
                (Err(_), Err(_)) => {
                    return Err(format!("\"{word}\" is neither a number nor a command"));
                }
            }
        }
        if planned.fault == Fault::Late(0) {
            return Err("late wants milliseconds".to_owned());
        }
        self.0.push(planned);
        Ok(())
    }

    /// Whether this goes wrong now; a time of it is spent. `late` is any.
    pub(crate) fn strikes(&mut self, fault: Fault, name: Name) -> bool {
        self.take(|planned| planned == fault, name).is_some()
    }

    /// How much later a response comes.
    pub(crate) fn late_us(&mut self, name: Name) -> u64 {
        match self.take(|planned| matches!(planned, Fault::Late(_)), name) {
            Some(Fault::Late(us)) => us,
            _ => 0,
        }
    }

    /// Whether this goes on.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.0.iter().any(|planned| planned.fault == fault)
    }

    /// Nothing goes wrong from now on.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    fn take(&mut self, is: impl Fn(Fault) -> bool, name: Name) -> Option<Fault> {
        let mut planned = self.0.iter_mut();
        let found = planned
            .find(|planned| is(planned.fault) && planned.only.is_none_or(|only| only == name))?;
        let fault = found.fault;
        found.times = match found.times {
            u32::MAX => u32::MAX,
            times => times.saturating_sub(1),
        };
        self.0.retain(|planned| planned.times > 0);
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_so_often_and_only_where_it_should() {
        let mut faults = Faults::default();
        assert_eq!(faults.plan(&["silent", "2", "GTK"]), Some(Ok(())));
        assert!(!faults.strikes(Fault::Silent, *b"GCX"));
        assert!(!faults.strikes(Fault::Nak, *b"GTK"));
        assert!(faults.strikes(Fault::Silent, *b"GTK"));
        assert!(faults.strikes(Fault::Silent, *b"GTK"));
        assert!(!faults.strikes(Fault::Silent, *b"GTK"));
        assert_eq!(faults.plan(&["late", "1500"]), Some(Ok(())));
        assert_eq!(faults.late_us(*b"GIX"), 1_500_000);
        assert_eq!(faults.late_us(*b"GIX"), 0);
        assert_eq!(faults.plan(&["nak-storm"]), Some(Ok(())));
        assert!((0..100).all(|_| faults.strikes(Fault::Nak, *b"OPN")));
        faults.clear();
        assert!(!faults.strikes(Fault::Nak, *b"OPN"));
        assert!(faults.plan(&["late"]).unwrap().is_err());
        assert!(faults.plan(&["nak", "often"]).unwrap().is_err());
        assert_eq!(faults.plan(&["tap"]), None);
    }
}
