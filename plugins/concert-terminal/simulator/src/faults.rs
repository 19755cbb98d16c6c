// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with the terminal or the way to it, in words.

/// Something that is wrong once, with the next exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Once {
    /// It does something else.
    Busy,
    /// It takes the request and does nothing.
    Silent,
    /// It does everything; its answer never arrives.
    Lost,
    /// Its answer comes so many microseconds later.
    Late(u64),
    /// The check sum of its answer is wrong; over TCP a length is.
    WrongLrc,
    /// It does not acknowledge the request, and carries it out.
    NoAck,
    /// It refuses the request's frame so many times.
    Nak(u8),
    /// It ends the connection once it has the request, and carries it out.
    HangUp,
    /// It ends the connection in the middle of its answer.
    Tear,
    /// Its answer carries another reference than the request.
    MixedUp,
}

/// Something that is wrong until all is well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lasting {
    /// It hears nothing.
    Deaf,
    /// It never stops talking.
    Talk,
    /// It refuses every frame.
    NakStorm,
}

pub(crate) const WORDS: [(&str, &str); 14] = [
    ("busy", "The next request finds it busy"),
    ("silent", "It takes the next request and does nothing"),
    (
        "lost",
        "It does what is asked next; its answer never arrives",
    ),
    (
        "late",
        "Its next answer comes 10 s late, or the seconds that are named",
    ),
    (
        "wrong-lrc",
        "The check sum of its next answer is wrong; over TCP a length is",
    ),
    (
        "no-ack",
        "It carries out the next request and does not acknowledge it (serial)",
    ),
    (
        "nak",
        "It refuses the next frame once, or as often as is named (serial)",
    ),
    (
        "hang-up",
        "It ends the connection once it has the next request, and carries it out (TCP)",
    ),
    (
        "tear",
        "It ends the connection in the middle of its next answer (TCP)",
    ),
    ("mixed-up", "Its next answer carries another reference"),
    ("nak-storm", "It refuses every frame (serial)"),
    ("talk", "It never stops talking"),
    ("deaf", "It hears nothing"),
    ("well", "Nothing of all that any more"),
];

/// How long a late answer takes where nobody says.
const LATE_S: u64 = 10;

/// What is wrong.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    once: Option<Once>,
    pub(crate) lasting: Option<Lasting>,
}

impl Faults {
    /// Whether these were its words.
    pub(crate) fn read(&mut self, words: &str) -> Result<bool, String> {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        let number = |usual: u64| match rest {
            "" => Ok(usual),
            rest => rest.parse().map_err(|_| format!("{verb} takes a number")),
        };
        let once = match verb {
            "busy" => Once::Busy,
            "silent" => Once::Silent,
            "lost" => Once::Lost,
            "late" => Once::Late(number(LATE_S)?.saturating_mul(1_000_000)),
            "wrong-lrc" => Once::WrongLrc,
            "no-ack" => Once::NoAck,
            "nak" => Once::Nak(u8::try_from(number(1)?).unwrap_or(u8::MAX)),
            "hang-up" => Once::HangUp,
            "tear" => Once::Tear,
            "mixed-up" => Once::MixedUp,
            "nak-storm" | "talk" | "deaf" => {
                self.lasting = Some(match verb {
                    "talk" => Lasting::Talk,
                    "deaf" => Lasting::Deaf,
                    _ => Lasting::NakStorm,
                });
                return Ok(true);
            }
            "well" => {
                *self = Self::default();
                return Ok(true);
            }
            _ => return Ok(false),
        };
        self.once = Some(once);
        Ok(true)
    }

    /// Whether exactly this is wrong; it is no more then.
    pub(crate) fn take(&mut self, once: Once) -> bool {
        self.once.take_if(|now| *now == once).is_some()
    }

    /// How much later the next answer comes.
    pub(crate) fn late_us(&mut self) -> u64 {
        match self.once {
            Some(Once::Late(us)) => {
                self.once = None;
                us
            }
            _ => 0,
        }
    }

    /// Whether this frame is refused.
    pub(crate) fn refuses_frame(&mut self) -> bool {
        match self.once {
            Some(Once::Nak(times)) => {
                self.once = (times > 1).then(|| Once::Nak(times - 1));
                times > 0
            }
            _ => self.lasting == Some(Lasting::NakStorm),
        }
    }
}
