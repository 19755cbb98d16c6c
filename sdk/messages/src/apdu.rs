// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a register may say to a card that does not pay: the rules that a plugin keeps.
//!
//! Three walls, whatever an allow-list says: no application that pays is ever selected, no command
//! leads from one application to another, and none carries a PIN. A card that answers with an
//! application that was not asked for is not listened to.

use crate::device::Apdu;

/// Commands of one request. A loyalty card is read with a handful.
pub const COMMANDS_MAX: usize = 32;

/// Bytes of one command: the longest short one (ISO/IEC 7816-4, 5.1).
pub const COMMAND_BYTES_MAX: usize = 261;

/// Bytes of an application's identifier (ISO/IEC 7816-4, 8.2.1.2), with a whole provider.
const AID_BYTES: std::ops::RangeInclusive<usize> = 5..=16;

/// Registered providers of payment applications (the first five bytes of their identifiers).
const PAYMENT_PROVIDERS: [[u8; 5]; 36] = [
    [0xA0, 0x00, 0x00, 0x00, 0x03], // Visa
    [0xA0, 0x00, 0x00, 0x00, 0x04], // Mastercard
    [0xA0, 0x00, 0x00, 0x00, 0x05], // Maestro UK
    [0xA0, 0x00, 0x00, 0x00, 0x10], // Mastercard, contactless
    [0xA0, 0x00, 0x00, 0x00, 0x25], // American Express
    [0xA0, 0x00, 0x00, 0x00, 0x29], // LINK
    [0xA0, 0x00, 0x00, 0x00, 0x42], // CB
    [0xA0, 0x00, 0x00, 0x00, 0x65], // JCB
    [0xA0, 0x00, 0x00, 0x00, 0x98], // Visa, US common debit
    [0xA0, 0x00, 0x00, 0x01, 0x21], // Dankort
    [0xA0, 0x00, 0x00, 0x01, 0x41], // PagoBANCOMAT
    [0xA0, 0x00, 0x00, 0x01, 0x52], // Discover, Diners Club
    [0xA0, 0x00, 0x00, 0x01, 0x54], // Banricompras
    [0xA0, 0x00, 0x00, 0x02, 0x28], // SPAN
    [0xA0, 0x00, 0x00, 0x02, 0x77], // Interac
    [0xA0, 0x00, 0x00, 0x03, 0x24], // Discover, contactless
    [0xA0, 0x00, 0x00, 0x03, 0x33], // UnionPay
    [0xA0, 0x00, 0x00, 0x03, 0x59], // girocard
    [0xA0, 0x00, 0x00, 0x03, 0x71], // Verve
    [0xA0, 0x00, 0x00, 0x03, 0x84], // eftpos
    [0xA0, 0x00, 0x00, 0x04, 0x36], // TROY, contactless
    [0xA0, 0x00, 0x00, 0x04, 0x39], // ACCEL, US common debit
    [0xA0, 0x00, 0x00, 0x04, 0x62], // Visa Europe
    [0xA0, 0x00, 0x00, 0x04, 0x74], // BC Card
    [0xA0, 0x00, 0x00, 0x04, 0x76], // wallets of telephones
    [0xA0, 0x00, 0x00, 0x05, 0x24], // RuPay
    [0xA0, 0x00, 0x00, 0x06, 0x02], // NSICCS
    [0xA0, 0x00, 0x00, 0x06, 0x15], // MyDebit
    [0xA0, 0x00, 0x00, 0x06, 0x20], // DNA, US common debit
    [0xA0, 0x00, 0x00, 0x06, 0x51], // Elo
    [0xA0, 0x00, 0x00, 0x06, 0x58], // Mir
    [0xA0, 0x00, 0x00, 0x06, 0x72], // TROY
    [0xA0, 0x00, 0x00, 0x07, 0x27], // NAPAS
    [0xA0, 0x00, 0x00, 0x09, 0x91], // Meeza
    [0xD2, 0x76, 0x00, 0x00, 0x25], // GeldKarte, girocard
    [0xD5, 0x78, 0x00, 0x00, 0x02], // BankAxept
];

/// Directories of payment applications (EMV Book 1, 12.2.2; Book B, 3.3.1), without their ends.
const PAYMENT_DIRECTORIES: [&[u8]; 2] = [b"1PAY.SYS", b"2PAY.SYS"];

/// Applications whose owner lets registers talk to them. Nothing by default.
#[derive(Clone, Debug, Default)]
pub struct AllowList(Vec<Vec<u8>>);

/// A request that keeps the rules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admitted {
    /// The application.
    pub aid: Vec<u8>,
    /// The commands.
    pub commands: Vec<Vec<u8>>,
}

impl AllowList {
    /// The list of a plugin's configuration: identifiers in hex.
    ///
    /// # Errors
    /// In words, where one is no identifier or belongs to payment.
    pub fn new<T: AsRef<str>>(aids: &[T]) -> Result<Self, String> {
        let aids = aids.iter().enumerate().map(|(place, aid)| {
            let wrong = |why: &str| format!("application {} of the allow-list {why}", place + 1);
            let aid = aid_of(aid.as_ref()).ok_or_else(|| wrong("is not 5 to 16 bytes of hex"))?;
            match is_payment(&aid) {
                true => Err(wrong("belongs to payment cards")),
                false => Ok(aid),
            }
        });
        aids.collect::<Result<_, _>>().map(Self)
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The request, if everything in it is allowed.
    ///
    /// # Errors
    /// In a sentence for whoever asked; nothing may be sent to the card then.
    pub fn admit(&self, request: &Apdu) -> Result<Admitted, &'static str> {
        let aid = aid_of(&request.aid).ok_or("The application is not 5 to 16 bytes of hex")?;
        if is_payment(&aid) {
            return Err("Nobody may talk to a payment application");
        }
        if !self.0.contains(&aid) {
            return Err("The device's configuration does not allow this application");
        }
        if request.commands.len() > COMMANDS_MAX {
            return Err("There are too many commands");
        }
        let commands = request.commands.iter().map(|text| command_of(text));
        let commands = commands.collect::<Result<_, _>>()?;
        Ok(Admitted { aid, commands })
    }
}

impl Admitted {
    /// The command that selects the application, whole (ISO/IEC 7816-4, 11.1.1).
    pub fn selection(&self) -> Vec<u8> {
        let length = u8::try_from(self.aid.len()).unwrap_or(u8::MAX);
        let mut select = vec![0x00, 0xA4, 0x04, 0x00, length];
        select.extend(&self.aid);
        select.push(0x00);
        select
    }

    /// Whether the card's answer is of this application: it says no, or names it, or names nothing.
    pub fn is_answered_by(&self, selected: &[u8]) -> bool {
        match selected.split_last_chunk() {
            Some((template, [0x90, 0x00])) => match name_in(template) {
                Some(name) => name.starts_with(&self.aid) && !is_payment(name),
                None => true,
            },
            Some((template, _)) => template.is_empty(),
            None => false,
        }
    }
}

/// Whether an application pays, by its provider or because it is a directory of those that do.
pub fn is_payment(aid: &[u8]) -> bool {
    let is_provider = |provider: &[u8; 5]| aid.starts_with(provider);
    PAYMENT_PROVIDERS.iter().any(is_provider)
        || PAYMENT_DIRECTORIES.iter().any(|name| aid.starts_with(name))
}

/// Bytes of hex text, if it is one.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// Upper-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    let both = |byte: &u8| [digit(byte >> 4), digit(byte & 0x0F)];
    bytes.iter().flat_map(both).collect()
}

fn aid_of(text: &str) -> Option<Vec<u8>> {
    unhex(text).filter(|aid| AID_BYTES.contains(&aid.len()))
}

/// A command that stays within its application and carries no PIN.
fn command_of(text: &str) -> Result<Vec<u8>, &'static str> {
    let bytes = unhex(text).ok_or("A command is no hex")?;
    let &[class, instruction, ..] = bytes.as_slice() else {
        return Err("A command has at least four bytes");
    };
    if bytes.len() < 4 || bytes.len() > COMMAND_BYTES_MAX {
        return Err("A command has 4 to 261 bytes");
    }
    // Other channels have other applications; chained and wrapped commands hide what they are.
    let plain = match class & 0x80 {
        0 => class == 0,
        _ => class & 0x13 == 0 && class != 0xFF,
    };
    match instruction {
        _ if !plain => Err("A command goes to the card's basic channel, in one piece"),
        0xA4 => Err("The application is selected by `aid` alone"),
        0x70 => Err("No command opens another channel"),
        0x20 | 0x21 | 0x24 | 0x2C => Err("No command carries a PIN"),
        0xA8 | 0xAE | 0x88 | 0x82 => Err("No command asks a card for a cryptogram"),
        _ => Ok(bytes),
    }
}

/// The name of the application (tag 84) in the answer to its selection.
fn name_in(template: &[u8]) -> Option<&[u8]> {
    let (0x6F, inner, _) = object(template)? else {
        return None;
    };
    let mut rest = inner;
    while let Some((tag, value, behind)) = object(rest) {
        if tag == 0x84 {
            return Some(value);
        }
        rest = behind;
    }
    None
}

/// The first data object with a tag of one byte: tag, value, what comes behind.
fn object(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81 => rest
            .split_first()
            .map(|(length, rest)| (usize::from(*length), rest))?,
        _ => return None,
    };
    let (value, behind) = rest.split_at_checked(length)?;
    Some((tag, value, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOYALTY: &str = "F0504159484C01";

    fn request(aid: &str, commands: &[&str]) -> Apdu {
        Apdu {
            aid: aid.to_owned(),
            commands: commands.iter().map(|one| (*one).to_owned()).collect(),
            timeout_ms: 1_000,
            presentation_id: None,
        }
    }

    #[test]
    fn only_what_is_listed_is_let_through() {
        let list = AllowList::new(&[LOYALTY]).unwrap();
        let admitted = list.admit(&request(LOYALTY, &["00B0000010"])).unwrap();
        assert_eq!(hex(&admitted.selection()), "00A4040007F0504159484C0100");
        assert_eq!(admitted.commands, [[0x00, 0xB0, 0x00, 0x00, 0x10]]);
        for other in ["F0504159484C02", "F0504159484C", "F050", "", "xy"] {
            assert!(list.admit(&request(other, &[])).is_err(), "{other}");
        }
        let nothing = AllowList::default();
        assert!(nothing.admit(&request(LOYALTY, &[])).is_err());
    }

    #[test]
    fn payment_is_never_on_a_list() {
        for aid in [
            "A0000000031010",
            "A00000000410",
            "325041592E5359532E4444463031",
        ] {
            assert!(AllowList::new(&[aid]).is_err(), "{aid}");
            let list = AllowList(vec![unhex(aid).unwrap()]);
            let said = list.admit(&request(aid, &[])).unwrap_err();
            assert_eq!(said, "Nobody may talk to a payment application");
        }
    }

    #[test]
    fn no_command_leaves_its_application_or_carries_a_pin() {
        let list = AllowList::new(&[LOYALTY]).unwrap();
        for bad in [
            "00A4040007A0000000031010",
            "00A40000023F00",
            "01B0000010",
            "0070000001",
            "0020008008241234FFFFFFFFFF",
            "80A80000028300",
            "80AE8000",
            "10B00000",
            "00B0",
            "",
            "00B000001",
        ] {
            assert!(list.admit(&request(LOYALTY, &[bad])).is_err(), "{bad}");
        }
        for good in ["00B0000010", "80CA9F7F00", "00D6000003010203", "00B2010C00"] {
            assert!(list.admit(&request(LOYALTY, &[good])).is_ok(), "{good}");
        }
        let many = vec!["00B0000010"; COMMANDS_MAX + 1];
        assert!(list.admit(&request(LOYALTY, &many)).is_err());
    }

    #[test]
    fn a_card_that_answers_with_another_application_is_not_heard() {
        let list = AllowList::new(&[LOYALTY]).unwrap();
        let asked = list.admit(&request(LOYALTY, &[])).unwrap();
        let answers = |text: &str| asked.is_answered_by(&unhex(text).unwrap());
        assert!(answers("6F098407F0504159484C019000"));
        assert!(answers("9000"));
        assert!(answers("6A82"));
        assert!(!answers("6F098407A00000000310109000"));
        assert!(!answers("70034F01AA6A82"));
        assert!(!answers("90"));
    }
}
