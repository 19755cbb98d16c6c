// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every field of the wire: its identifier, its name, its format, each declared once.
//!
//! Owns what may stand in a field. Must never show what stood in one: an error names the field.

use super::limits::FIELD_MAX;

/// Why bytes are no packet, no message or no field of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error("{0} is too long")]
    TooLong(&'static str),
    #[error("{0} is not what the protocol says")]
    Malformed(&'static str),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} stands there twice")]
    Twice(&'static str),
    #[error("the answer belongs to another command")]
    OtherCommand,
}

/// What may stand in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// So many decimal digits.
    N(usize),
    /// At least and at most so many decimal digits.
    NOf(usize, usize),
    /// So many printable ASCII characters.
    A(usize),
    /// Up to so many printable ASCII characters.
    AUpTo(usize),
    /// So many bytes.
    B(usize),
    /// Up to so many bytes, at least one.
    BUpTo(usize),
    /// Up to so many characters of Latin-1, and line ends.
    S(usize),
    /// Up to so many bytes, which are records of a length.
    Records(usize, usize),
}

impl Format {
    fn fits(self, value: &[u8]) -> bool {
        let printable = |value: &[u8]| value.iter().all(|byte| matches!(byte, 0x20..=0x7E));
        let decimal = |value: &[u8]| value.iter().all(u8::is_ascii_digit);
        match self {
            Self::N(count) => value.len() == count && decimal(value),
            Self::NOf(least, most) => (least..=most).contains(&value.len()) && decimal(value),
            Self::A(count) => value.len() == count && printable(value),
            Self::AUpTo(most) => value.len() <= most && printable(value),
            Self::B(count) => value.len() == count,
            Self::BUpTo(most) => (1..=most).contains(&value.len()),
            Self::S(most) => value.len() <= most && value.iter().all(|&byte| is_text(byte)),
            Self::Records(each, most) => {
                value.len() <= most && value.len().is_multiple_of(each) && !value.is_empty()
            }
        }
    }
}

/// A character of a display, or its line end.
fn is_text(byte: u8) -> bool {
    matches!(byte, 0x0D | 0x20..=0x7E | 0xA0..=0xFF)
}

/// A field of tagged messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) id: u16,
    pub(crate) name: &'static str,
    pub(crate) format: Format,
}

impl Field {
    const fn new(id: u16, name: &'static str, format: Format) -> Self {
        Self { id, name, format }
    }

    /// Whether `value` may stand there.
    pub(crate) fn check(&self, value: &[u8]) -> Result<(), WireError> {
        match value.len() > FIELD_MAX {
            true => Err(WireError::TooLong(self.name)),
            false if self.format.fits(value) => Ok(()),
            false => Err(WireError::Malformed(self.name)),
        }
    }
}

macro_rules! fields {
    ($($name:ident $id:literal $format:expr;)*) => {
        $(pub(crate) const $name: Field = Field::new($id, stringify!($name), $format);)*
        /// All of them.
        pub(crate) const FIELDS: &[Field] = &[$($name),*];
    };
}

use Format::{A, AUpTo, B, BUpTo, N, NOf, Records, S};

fields! {
    // From the host.
    IDLIST 0x0001 Records(2, 128);
    MTHDPIN 0x0002 N(1);
    MTHDDAT 0x0003 N(2);
    TAGLIST 0x0004 BUpTo(128);
    EMVDATA_IN 0x0005 BUpTo(512);
    CEXOPT 0x0006 A(6);
    TRACKS 0x0007 N(4);
    OPNDIG 0x0008 N(1);
    KEYIDX 0x0009 N(2);
    WKENC 0x000A B(16);
    MSGIDX 0x000B B(2);
    TIMEOUT 0x000C B(1);
    MINDIG 0x000D B(1);
    MAXDIG 0x000E B(1);
    DATAIN 0x000F BUpTo(FIELD_MAX);
    ACQREF 0x0010 N(2);
    APPTYPE 0x0011 Records(2, 20);
    AIDLIST 0x0012 Records(4, 512);
    AMOUNT 0x0013 N(12);
    CASHBACK 0x0014 N(12);
    TRNDATE 0x0015 N(6);
    TRNTIME 0x0016 N(6);
    GCXOPT 0x0017 N(5);
    GOXOPT 0x0018 N(5);
    FCXOPT 0x0019 N(4);
    TRMPAR 0x001A B(10);
    DSPMSG 0x001B S(128);
    ARC 0x001C A(2);
    IVCBC 0x001D B(8);
    MFNAME_IN 0x001E A(8);
    MNUOPT 0x0020 S(24);
    TRNTYPE 0x0021 B(1);
    TRNCURR 0x0022 N(3);
    PANMASK 0x0023 N(4);
    PBKMOD 0x0024 B(256);
    PBKEXP 0x0025 BUpTo(3);

    // From the pinpad: what it is.
    SERNUM 0x8001 AUpTo(32);
    PARTNBR 0x8002 AUpTo(32);
    MODEL 0x8003 AUpTo(20);
    MNNAME 0x8004 AUpTo(20);
    CAPAB 0x8005 A(10);
    SOVER 0x8006 AUpTo(20);
    SPECVER 0x8007 A(4);
    MANVERS 0x8008 A(16);
    APPVERS 0x8009 A(16);
    GENVERS 0x800A A(16);
    KRNLVER 0x8010 AUpTo(20);
    CTLSVER 0x8011 AUpTo(20);
    DSPTXTSZ 0x8020 N(4);
    DSPGRSZ 0x8021 N(8);
    MFSUP 0x8022 AUpTo(20);
    MKTDESP 0x8032 A(100);
    MKTDESD 0x8033 A(100);
    DKPTTDESP 0x8035 A(100);
    DKPTTDESD 0x8036 A(100);

    // From the pinpad: what happened.
    EVENT 0x8040 N(2);
    TRK1INC 0x8041 AUpTo(60);
    TRK2INC 0x8042 AUpTo(40);
    TRK3INC 0x8043 AUpTo(40);
    TRACK1 0x8044 BUpTo(88);
    TRACK2 0x8045 BUpTo(32);
    TRACK3 0x8046 BUpTo(64);
    TRK1KSN 0x8047 B(10);
    TRK2KSN 0x8048 B(10);
    TRK3KSN 0x8049 B(10);
    ENCPAN 0x804A BUpTo(16);
    ENCPANKSN 0x804B B(10);
    KSN 0x804C B(10);
    VALUE 0x804D AUpTo(32);
    DATAOUT 0x804E BUpTo(FIELD_MAX);
    CARDTYPE 0x804F N(2);
    ICCSTAT 0x8050 N(1);
    AIDTABINFO 0x8051 Records(6, 120);
    PAN 0x8052 AUpTo(19);
    PANSEQNO 0x8053 N(2);
    EMVDATA 0x8054 BUpTo(512);
    CHNAME 0x8055 AUpTo(26);
    GOXRES 0x8056 N(6);
    PINBLK 0x8057 B(8);
    FCXRES 0x8058 N(3);
    FCXRES_AS_GOXRES 0x8056 N(3);
    ISRESULTS 0x8059 Records(5, 50);
    LABEL 0x805B S(16);
    // Three digits by the text, four by its example.
    ISSCNTRY 0x805C NOf(3, 4);
    CARDEXP 0x805D N(6);
    DEVTYPE 0x8060 N(2);
    TLRMEM 0x8062 B(4);
    ENCKRAND 0x8063 B(256);
}

/// First of a hundred fields: the key serial number of each slot of PIN keys.
pub(crate) const KSN_OF_PIN_SLOT: u16 = 0x9100;
/// The key serial number of one slot.
pub(crate) const fn slot_ksn(first: u16, slot: u8) -> Field {
    Field::new(first + slot as u16, "KSN of a slot", B(10))
}

/// `value` in so many digits.
pub(crate) fn digits(value: u64, count: usize, name: &'static str) -> Result<Vec<u8>, WireError> {
    let text = format!("{value:0count$}");
    match text.len() == count {
        true => Ok(text.into_bytes()),
        false => Err(WireError::TooLong(name)),
    }
}

/// The number these digits are.
pub(crate) fn number(text: &[u8], name: &'static str) -> Result<u64, WireError> {
    if text.is_empty() || text.len() > 18 || !text.iter().all(u8::is_ascii_digit) {
        return Err(WireError::Malformed(name));
    }
    Ok(text
        .iter()
        .fold(0, |so_far, digit| so_far * 10 + u64::from(digit - b'0')))
}

/// Bytes as upper-case digits.
pub(crate) fn hex(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let pairs = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
    pairs.map(|half| DIGITS[usize::from(half)]).collect()
}

/// The bytes that such digits are.
pub(crate) fn unhex(text: &[u8], name: &'static str) -> Result<Vec<u8>, WireError> {
    let half = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|&[high, low]| Some(half(high)? << 4 | half(low)?))
        .collect();
    match bytes {
        Some(bytes) if rest.is_empty() => Ok(bytes),
        _ => Err(WireError::Malformed(name)),
    }
}

/// Text as a display of the pinpad takes it; what Latin-1 has not becomes a question mark.
pub(crate) fn latin(text: &str) -> Vec<u8> {
    let byte = |letter: char| match letter {
        '\n' => Some(0x0D),
        other => u8::try_from(other).ok().filter(|&byte| is_text(byte)),
    };
    text.chars()
        .map(|letter| byte(letter).unwrap_or(b'?'))
        .collect()
}

/// Text of the pinpad.
pub(crate) fn from_latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The same in exactly so many characters, padded with spaces.
pub(crate) fn padded(text: &str, count: usize, name: &'static str) -> Result<Vec<u8>, WireError> {
    let mut bytes = latin(text);
    if bytes.len() > count {
        return Err(WireError::TooLong(name));
    }
    bytes.resize(count, b' ');
    Ok(bytes)
}
