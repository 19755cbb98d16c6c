// SPDX-License-Identifier: MIT OR Apache-2.0
//! Concert E and E+: one frame of fixed fields each way, between control characters.
//!
//! Whoever wants to speak bids with ENQ and is let with ACK. A frame is STX, its fields, ETX and an
//! LRC; it is answered ACK or NAK. EOT ends the turn.

pub(crate) const STX: u8 = 0x02;
pub(crate) const ETX: u8 = 0x03;
pub(crate) const EOT: u8 = 0x04;
pub(crate) const ENQ: u8 = 0x05;
pub(crate) const ACK: u8 = 0x06;
pub(crate) const NAK: u8 = 0x15;

/// Characters of an answer without a report.
const SHORT: usize = 25;
/// Characters of a report: the card's number, left-aligned.
const REPORT: usize = 55;
/// Characters of an answer with a report.
const LONG: usize = SHORT + REPORT;

/// What a request asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Kind {
    Debit = b'0',
    Credit = b'1',
    Cancel = b'2',
}

/// What E+ adds to a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Plus {
    /// Whether the issuer is asked in any case.
    pub(crate) force_authorization: bool,
}

/// A request. Amounts above eight digits cannot be said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Request {
    /// Number of the till.
    pub(crate) position: [u8; 2],
    /// Minor units.
    pub(crate) amount: u32,
    /// Whether the answer shall carry a report.
    pub(crate) report: bool,
    /// Means of payment.
    pub(crate) mode: u8,
    pub(crate) kind: Kind,
    /// ISO 4217 numeric.
    pub(crate) currency: [u8; 3],
    pub(crate) private: [u8; 10],
    /// Absent in E.
    pub(crate) plus: Option<Plus>,
}

/// Largest amount that the frames can say.
pub(crate) const AMOUNT_MAX: u32 = 99_999_999;

impl Request {
    /// The frame: position 2, amount 8, report 1, mode 1, kind 1, currency 3, private 10; in E+ also
    /// when the answer comes 4 (`A010`: at the end) and how the issuer is asked 4.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let mut fields = Vec::with_capacity(34);
        fields.extend_from_slice(&self.position);
        let amount = self.amount.min(AMOUNT_MAX);
        fields.extend_from_slice(format!("{amount:08}").as_bytes());
        fields.push(if self.report { b'1' } else { b'0' });
        fields.push(self.mode);
        fields.push(self.kind as u8);
        fields.extend_from_slice(&self.currency);
        fields.extend_from_slice(&self.private);
        if let Some(plus) = self.plus {
            fields.extend_from_slice(b"A010");
            fields.extend_from_slice(match plus.force_authorization {
                true => b"B011",
                false => b"B010",
            });
        }
        framed(&fields)
    }
}

/// Puts a frame around fields.
fn framed(fields: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(fields.len() + 3);
    frame.push(STX);
    frame.extend_from_slice(fields);
    frame.push(ETX);
    frame.push(lrc(fields));
    frame
}

/// The check character: the exclusive or of all fields and the ETX behind them.
pub(crate) fn lrc(fields: &[u8]) -> u8 {
    fields.iter().fold(ETX, |lrc, byte| lrc ^ byte)
}

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer<'a> {
    pub(crate) position: &'a [u8],
    /// One of [`result`].
    pub(crate) result: u8,
    /// Minor units.
    pub(crate) amount: u32,
    pub(crate) mode: u8,
    /// The card's number in clear, with blanks behind it, where there is a report.
    pub(crate) report: Option<&'a [u8]>,
    pub(crate) currency: &'a [u8],
    pub(crate) private: &'a [u8],
}

/// Values of [`Answer::result`].
pub(crate) mod result {
    pub(crate) const DONE: u8 = b'0';
    pub(crate) const NOT_DONE: u8 = b'7';
    /// Nobody waited for the end, or nobody knows it.
    pub(crate) const UNVERIFIED: u8 = b'9';
}

impl<'a> Answer<'a> {
    /// Position 2, result 1, amount 8, mode 1, perhaps a report 55, currency 3, private 10.
    pub(crate) fn read(fields: &'a [u8]) -> Option<Self> {
        let report = match fields.len() {
            SHORT => 0,
            LONG => REPORT,
            _ => return None,
        };
        let (position, rest) = fields.split_at(2);
        let (result, rest) = rest.split_first()?;
        let (amount, rest) = rest.split_at(8);
        let (mode, rest) = rest.split_first()?;
        let (report, rest) = rest.split_at(report);
        let (currency, private) = rest.split_at(3);
        if !amount.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let amount = amount
            .iter()
            .fold(0, |amount, digit| amount * 10 + u32::from(digit - b'0'));
        Some(Self {
            position,
            result: *result,
            amount,
            mode: *mode,
            report: (!report.is_empty()).then_some(report),
            currency,
            private,
        })
    }
}

/// What was heard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Word {
    Enq,
    Ack,
    Nak,
    Eot,
    /// The fields of a frame whose LRC is right.
    Frame(Vec<u8>),
    /// A frame that is spoilt, too long or cut off.
    Broken,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    /// Between frames: what is no control character is noise.
    #[default]
    Between,
    /// In the fields; `spoilt` by a character that no field has.
    Fields { spoilt: bool },
    /// Before the LRC, which may be any character.
    Check { spoilt: bool },
}

/// Makes words of characters.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    state: State,
    fields: Vec<u8>,
    /// Whether a bid was let: a frame comes. Before that, an ENQ is a bid wherever it stands.
    pub(crate) let_in: bool,
}

impl Ear {
    /// Takes a character.
    pub(crate) fn hear(&mut self, byte: u8) -> Option<Word> {
        match self.state {
            State::Between => self.between(byte),
            State::Fields { spoilt } => self.field(byte, spoilt),
            State::Check { spoilt } => {
                self.state = State::Between;
                let fields = std::mem::take(&mut self.fields);
                Some(match !spoilt && byte == lrc(&fields) {
                    true => Word::Frame(fields),
                    false => Word::Broken,
                })
            }
        }
    }

    fn between(&mut self, byte: u8) -> Option<Word> {
        match byte {
            ENQ => Some(Word::Enq),
            ACK => Some(Word::Ack),
            NAK => Some(Word::Nak),
            EOT => Some(Word::Eot),
            STX => {
                self.begin();
                None
            }
            _ => None,
        }
    }

    fn field(&mut self, byte: u8, spoilt: bool) -> Option<Word> {
        match byte {
            STX => self.begin(),
            ETX => self.state = State::Check { spoilt },
            ENQ if !self.let_in => {
                self.reset();
                return Some(Word::Enq);
            }
            _ if self.fields.len() == LONG => {
                self.reset();
                return Some(Word::Broken);
            }
            _ => {
                let spoilt = spoilt || !(b' '..=b'~').contains(&byte);
                self.fields.push(byte);
                self.state = State::Fields { spoilt };
            }
        }
        None
    }

    /// Begins a frame, in memory that will not move: it may hold a card number.
    fn begin(&mut self) {
        self.reset();
        self.fields.reserve_exact(LONG);
        self.state = State::Fields { spoilt: false };
    }

    /// Whether a frame has begun: its next character comes soon, or never.
    pub(crate) fn amid(&self) -> bool {
        self.state != State::Between
    }

    /// Gives up what was begun.
    pub(crate) fn reset(&mut self) {
        self.state = State::Between;
        self.fields.fill(0);
        self.fields.clear();
    }
}
