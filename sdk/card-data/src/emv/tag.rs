// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tags with their names and formats (EMV Book 3 annex A), and which of them hold card data.

use std::fmt;

/// Longest tag in bytes; EMV's have one or two, the kernels' own three.
const TAG_BYTES_MAX: usize = 4;

/// A tag, as the number that its bytes spell.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tag(u32);

/// How a value is written, which decides how it is cut and filled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Digits in half bytes, zeros in front.
    Numeric,
    /// Digits in half bytes, `F` behind.
    CompressedNumeric,
    /// Letters and digits, or other characters.
    Text,
    /// Bits and everything else.
    Binary,
}

/// One constant and one row for each tag.
macro_rules! tags {
    ($($constant:ident = $number:literal $format:ident $name:literal;)+) => {
        impl Tag {
            $(#[doc = concat!($name, ".")]
            pub const $constant: Self = Self($number);)+

            /// Each tag that has a name here.
            pub const NAMED: &'static [Self] = &[$(Self::$constant),+];

            /// The standard's name.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)+
                    _ => None,
                }
            }

            /// How the value is written; binary for a tag without a name here.
            pub fn format(self) -> Format {
                match self.0 {
                    $($number => Format::$format,)+
                    _ => Format::Binary,
                }
            }
        }
    };
}

tags! {
    ISSUER_IDENTIFICATION_NUMBER = 0x42 Numeric "Issuer identification number";
    AID = 0x4F Binary "Application identifier, card";
    APPLICATION_LABEL = 0x50 Text "Application label";
    TRACK1 = 0x56 Text "Track 1";
    TRACK2_EQUIVALENT = 0x57 Binary "Track 2 equivalent";
    PAN = 0x5A CompressedNumeric "Primary account number";
    APPLICATION_TEMPLATE = 0x61 Binary "Application template";
    FCI_TEMPLATE = 0x6F Binary "File control information template";
    READ_RECORD_TEMPLATE = 0x70 Binary "Read record response template";
    ISSUER_SCRIPT_1 = 0x71 Binary "Issuer script template 1";
    ISSUER_SCRIPT_2 = 0x72 Binary "Issuer script template 2";
    DIRECTORY_TEMPLATE = 0x73 Binary "Directory discretionary template";
    RESPONSE_FORMAT_2 = 0x77 Binary "Response message template format 2";
    RESPONSE_FORMAT_1 = 0x80 Binary "Response message template format 1";
    AMOUNT_AUTHORIZED_BINARY = 0x81 Binary "Amount, authorized (binary)";
    AIP = 0x82 Binary "Application interchange profile";
    COMMAND_TEMPLATE = 0x83 Binary "Command template";
    DF_NAME = 0x84 Binary "Dedicated file name";
    ISSUER_SCRIPT_COMMAND = 0x86 Binary "Issuer script command";
    APPLICATION_PRIORITY = 0x87 Binary "Application priority indicator";
    SFI = 0x88 Binary "Short file identifier";
    AUTHORIZATION_CODE = 0x89 Text "Authorization code";
    AUTHORIZATION_RESPONSE_CODE = 0x8A Text "Authorization response code";
    CDOL1 = 0x8C Binary "Card risk management data object list 1";
    CDOL2 = 0x8D Binary "Card risk management data object list 2";
    CVM_LIST = 0x8E Binary "Cardholder verification method list";
    CA_PUBLIC_KEY_INDEX = 0x8F Binary "Certification authority public key index, card";
    ISSUER_PUBLIC_KEY_CERTIFICATE = 0x90 Binary "Issuer public key certificate";
    ISSUER_AUTHENTICATION = 0x91 Binary "Issuer authentication data";
    ISSUER_PUBLIC_KEY_REMAINDER = 0x92 Binary "Issuer public key remainder";
    SIGNED_STATIC_APPLICATION = 0x93 Binary "Signed static application data";
    AFL = 0x94 Binary "Application file locator";
    TVR = 0x95 Binary "Terminal verification results";
    TDOL = 0x97 Binary "Transaction certificate data object list";
    TC_HASH = 0x98 Binary "Transaction certificate hash value";
    TRANSACTION_PIN = 0x99 Binary "Transaction PIN data";
    TRANSACTION_DATE = 0x9A Numeric "Transaction date";
    TSI = 0x9B Binary "Transaction status information";
    TRANSACTION_TYPE = 0x9C Numeric "Transaction type";
    DDF_NAME = 0x9D Binary "Directory definition file name";
    FCI_PROPRIETARY_TEMPLATE = 0xA5 Binary "File control information proprietary template";
    CARDHOLDER_NAME = 0x5F20 Text "Cardholder name";
    EXPIRATION_DATE = 0x5F24 Numeric "Application expiration date";
    EFFECTIVE_DATE = 0x5F25 Numeric "Application effective date";
    ISSUER_COUNTRY = 0x5F28 Numeric "Issuer country code";
    TRANSACTION_CURRENCY = 0x5F2A Numeric "Transaction currency code";
    LANGUAGE_PREFERENCE = 0x5F2D Text "Language preference";
    SERVICE_CODE = 0x5F30 Numeric "Service code";
    PAN_SEQUENCE_NUMBER = 0x5F34 Numeric "Application PAN sequence number";
    TRANSACTION_CURRENCY_EXPONENT = 0x5F36 Numeric "Transaction currency exponent";
    IBAN = 0x5F53 Text "International bank account number";
    ACQUIRER = 0x9F01 Numeric "Acquirer identifier";
    AMOUNT_AUTHORIZED = 0x9F02 Numeric "Amount, authorized";
    AMOUNT_OTHER = 0x9F03 Numeric "Amount, other";
    AMOUNT_OTHER_BINARY = 0x9F04 Binary "Amount, other (binary)";
    APPLICATION_DISCRETIONARY = 0x9F05 Binary "Application discretionary data";
    AID_TERMINAL = 0x9F06 Binary "Application identifier, terminal";
    APPLICATION_USAGE_CONTROL = 0x9F07 Binary "Application usage control";
    APPLICATION_VERSION_CARD = 0x9F08 Binary "Application version number, card";
    APPLICATION_VERSION_TERMINAL = 0x9F09 Binary "Application version number, terminal";
    CARDHOLDER_NAME_EXTENDED = 0x9F0B Text "Cardholder name extended";
    IAC_DEFAULT = 0x9F0D Binary "Issuer action code, default";
    IAC_DENIAL = 0x9F0E Binary "Issuer action code, denial";
    IAC_ONLINE = 0x9F0F Binary "Issuer action code, online";
    ISSUER_APPLICATION = 0x9F10 Binary "Issuer application data";
    ISSUER_CODE_TABLE = 0x9F11 Numeric "Issuer code table index";
    PREFERRED_NAME = 0x9F12 Text "Application preferred name";
    LAST_ONLINE_ATC = 0x9F13 Binary "Last online application transaction counter";
    MERCHANT_CATEGORY = 0x9F15 Numeric "Merchant category code";
    MERCHANT = 0x9F16 Text "Merchant identifier";
    PIN_TRY_COUNTER = 0x9F17 Binary "PIN try counter";
    ISSUER_SCRIPT_IDENTIFIER = 0x9F18 Binary "Issuer script identifier";
    TERMINAL_COUNTRY = 0x9F1A Numeric "Terminal country code";
    FLOOR_LIMIT = 0x9F1B Binary "Terminal floor limit";
    TERMINAL = 0x9F1C Text "Terminal identification";
    IFD_SERIAL_NUMBER = 0x9F1E Text "Interface device serial number";
    TRACK1_DISCRETIONARY = 0x9F1F Text "Track 1 discretionary data";
    TRACK2_DISCRETIONARY = 0x9F20 CompressedNumeric "Track 2 discretionary data";
    TRANSACTION_TIME = 0x9F21 Numeric "Transaction time";
    CA_PUBLIC_KEY_INDEX_TERMINAL = 0x9F22 Binary "Certification authority public key index, terminal";
    CRYPTOGRAM = 0x9F26 Binary "Application cryptogram";
    CRYPTOGRAM_INFORMATION = 0x9F27 Binary "Cryptogram information data";
    ISSUER_PUBLIC_KEY_EXPONENT = 0x9F32 Binary "Issuer public key exponent";
    TERMINAL_CAPABILITIES = 0x9F33 Binary "Terminal capabilities";
    CVM_RESULTS = 0x9F34 Binary "Cardholder verification method results";
    TERMINAL_TYPE = 0x9F35 Numeric "Terminal type";
    ATC = 0x9F36 Binary "Application transaction counter";
    UNPREDICTABLE_NUMBER = 0x9F37 Binary "Unpredictable number";
    PDOL = 0x9F38 Binary "Processing options data object list";
    POS_ENTRY_MODE = 0x9F39 Numeric "Point-of-service entry mode";
    TERMINAL_CAPABILITIES_ADDITIONAL = 0x9F40 Binary "Additional terminal capabilities";
    TRANSACTION_SEQUENCE_COUNTER = 0x9F41 Numeric "Transaction sequence counter";
    APPLICATION_CURRENCY = 0x9F42 Numeric "Application currency code";
    AUTHENTICATION_CODE = 0x9F45 Binary "Data authentication code";
    ICC_PUBLIC_KEY_CERTIFICATE = 0x9F46 Binary "Card public key certificate";
    ICC_PUBLIC_KEY_EXPONENT = 0x9F47 Binary "Card public key exponent";
    ICC_PUBLIC_KEY_REMAINDER = 0x9F48 Binary "Card public key remainder";
    DDOL = 0x9F49 Binary "Dynamic data authentication data object list";
    STATIC_AUTHENTICATION_TAGS = 0x9F4A Binary "Static data authentication tag list";
    SIGNED_DYNAMIC_APPLICATION = 0x9F4B Binary "Signed dynamic application data";
    ICC_DYNAMIC_NUMBER = 0x9F4C Binary "Card dynamic number";
    LOG_ENTRY = 0x9F4D Binary "Log entry";
    MERCHANT_NAME_AND_LOCATION = 0x9F4E Text "Merchant name and location";
    TERMINAL_TRANSACTION_QUALIFIERS = 0x9F66 Binary "Terminal transaction qualifiers";
    TRACK2_CONTACTLESS = 0x9F6B Binary "Track 2 data, contactless stripe";
    CARD_TRANSACTION_QUALIFIERS = 0x9F6C Binary "Card transaction qualifiers";
    FORM_FACTOR = 0x9F6E Binary "Form factor indicator";
    CUSTOMER_EXCLUSIVE = 0x9F7C Binary "Customer exclusive data";
    FCI_ISSUER_DISCRETIONARY = 0xBF0C Binary "File control information issuer discretionary data";
}

impl Tag {
    /// The tag that a number's bytes spell, if they spell one.
    pub fn new(number: u32) -> Option<Self> {
        let bytes = number.to_be_bytes();
        let start = bytes.iter().position(|byte| *byte != 0)?;
        let (tag, rest) = Self::read(&bytes[start..])?;
        rest.is_empty().then_some(tag)
    }

    /// The number that its bytes spell: `0x9F26`.
    pub fn number(self) -> u32 {
        self.0
    }

    /// Whether the value holds other objects.
    pub fn is_constructed(self) -> bool {
        self.first_byte() & 0x20 != 0
    }

    /// Whether the value is card data: what must be sealed, and may be in no tag that a host sees.
    /// Expiry and service code count, because with a masked number they are half a track.
    pub fn is_sensitive(self) -> bool {
        matches!(
            self,
            Self::TRACK1
                | Self::TRACK2_EQUIVALENT
                | Self::PAN
                | Self::TRANSACTION_PIN
                | Self::CARDHOLDER_NAME
                | Self::CARDHOLDER_NAME_EXTENDED
                | Self::EXPIRATION_DATE
                | Self::SERVICE_CODE
                | Self::IBAN
                | Self::TRACK1_DISCRETIONARY
                | Self::TRACK2_DISCRETIONARY
                | Self::TRACK2_CONTACTLESS
        )
    }

    /// The tag at the start, and what is behind it.
    pub(crate) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (first, mut rest) = bytes.split_first()?;
        let mut number = u32::from(*first);
        if number & 0x1F == 0x1F {
            loop {
                let (next, after) = rest.split_first()?;
                if bytes.len() - after.len() > TAG_BYTES_MAX {
                    return None;
                }
                number = number << 8 | u32::from(*next);
                rest = after;
                if next & 0x80 == 0 {
                    break;
                }
            }
        }
        // Zero is filling between objects, never a tag.
        (*first != 0).then_some((Self(number), rest))
    }

    /// The bytes of the tag, behind `skipped` zeros.
    pub(crate) fn bytes(self) -> ([u8; 4], usize) {
        let leading = usize::try_from(self.0.leading_zeros()).expect("at most 32");
        (self.0.to_be_bytes(), leading / 8)
    }

    fn first_byte(self) -> u8 {
        let (bytes, skipped) = self.bytes();
        bytes[skipped]
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, skipped) = self.bytes();
        let mut shown = bytes[skipped..].iter();
        shown.try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_named_tag_is_one_and_has_its_own_name() {
        let mut names = HashSet::new();
        for tag in Tag::NAMED {
            assert_eq!(Tag::new(tag.number()), Some(*tag), "{tag}");
            assert!(names.insert(tag.name().unwrap()), "{tag}");
        }
        assert!(names.len() > 90);
    }

    #[test]
    fn numbers_that_no_bytes_spell_are_refused() {
        for number in [0, 0x5A00, 0x9F, 0x9F_8F, 0x01_02, 0x1F, u32::MAX] {
            assert_eq!(Tag::new(number), None, "{number:X}");
        }
        let kernels_own = Tag::new(0xDF_8117).unwrap();
        assert_eq!(kernels_own.to_string(), "DF8117");
        assert_eq!(kernels_own.name(), None);
        assert_eq!(kernels_own.format(), Format::Binary);
    }

    #[test]
    fn templates_are_constructed() {
        for tag in [Tag::FCI_TEMPLATE, Tag::FCI_ISSUER_DISCRETIONARY] {
            assert!(tag.is_constructed(), "{tag}");
        }
        for tag in [Tag::PAN, Tag::CRYPTOGRAM, Tag::RESPONSE_FORMAT_1] {
            assert!(!tag.is_constructed(), "{tag}");
        }
    }

    #[test]
    fn card_data_is_told_from_the_rest() {
        assert!(Tag::PAN.is_sensitive() && Tag::TRACK2_CONTACTLESS.is_sensitive());
        assert!(!Tag::CRYPTOGRAM.is_sensitive() && !Tag::AID.is_sensitive());
    }
}
