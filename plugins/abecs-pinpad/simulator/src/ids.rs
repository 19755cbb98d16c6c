// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of the objects in commands and answers.

/// Of what a host says.
pub(crate) mod host {
    pub(crate) const ID_LIST: u16 = 0x0001;
    pub(crate) const PIN_METHOD: u16 = 0x0002;
    pub(crate) const CARD_METHOD: u16 = 0x0003;
    pub(crate) const TAG_LIST: u16 = 0x0004;
    pub(crate) const EMV: u16 = 0x0005;
    pub(crate) const EVENTS: u16 = 0x0006;
    pub(crate) const TRACKS: u16 = 0x0007;
    pub(crate) const OPEN_DIGITS: u16 = 0x0008;
    pub(crate) const KEY_INDEX: u16 = 0x0009;
    pub(crate) const MESSAGE_INDEX: u16 = 0x000B;
    pub(crate) const TIMEOUT: u16 = 0x000C;
    pub(crate) const DIGITS_MIN: u16 = 0x000D;
    pub(crate) const DIGITS_MAX: u16 = 0x000E;
    pub(crate) const INPUT: u16 = 0x000F;
    pub(crate) const ACQUIRER: u16 = 0x0010;
    pub(crate) const APPLICATION_KINDS: u16 = 0x0011;
    pub(crate) const APPLICATIONS: u16 = 0x0012;
    pub(crate) const AMOUNT: u16 = 0x0013;
    pub(crate) const CASHBACK: u16 = 0x0014;
    pub(crate) const DATE: u16 = 0x0015;
    pub(crate) const TIME: u16 = 0x0016;
    pub(crate) const CARD_OPTIONS: u16 = 0x0017;
    pub(crate) const FINISH_OPTIONS: u16 = 0x0019;
    pub(crate) const MESSAGE: u16 = 0x001B;
    pub(crate) const RESPONSE_CODE: u16 = 0x001C;
    pub(crate) const VECTOR: u16 = 0x001D;
    pub(crate) const FILE_NAME: u16 = 0x001E;
    pub(crate) const MENU_OPTION: u16 = 0x0020;
    pub(crate) const TRANSACTION_TYPE: u16 = 0x0021;
    pub(crate) const CURRENCY: u16 = 0x0022;
    pub(crate) const MASK: u16 = 0x0023;
    pub(crate) const MODULUS: u16 = 0x0024;
    pub(crate) const EXPONENT: u16 = 0x0025;
}

/// Of what a pinpad says.
pub(crate) mod pinpad {
    pub(crate) const SERIAL_NUMBER: u16 = 0x8001;
    pub(crate) const PART_NUMBER: u16 = 0x8002;
    pub(crate) const MODEL: u16 = 0x8003;
    pub(crate) const MAKER: u16 = 0x8004;
    pub(crate) const ABILITIES: u16 = 0x8005;
    pub(crate) const SYSTEM_VERSION: u16 = 0x8006;
    pub(crate) const SPECIFICATION: u16 = 0x8007;
    pub(crate) const MANAGER_VERSION: u16 = 0x8008;
    pub(crate) const APPLICATION_VERSION: u16 = 0x8009;
    pub(crate) const GENERIC_VERSION: u16 = 0x800A;
    pub(crate) const KERNEL: u16 = 0x8010;
    pub(crate) const CONTACTLESS_KERNEL: u16 = 0x8011;
    pub(crate) const TEXT_SIZE: u16 = 0x8020;
    pub(crate) const GRAPHIC_SIZE: u16 = 0x8021;
    pub(crate) const FILES: u16 = 0x8022;
    pub(crate) const MASTER_PIN_KEYS: u16 = 0x8032;
    pub(crate) const MASTER_CARD_KEYS: u16 = 0x8033;
    pub(crate) const DUKPT_PIN_KEYS: u16 = 0x8035;
    pub(crate) const DUKPT_CARD_KEYS: u16 = 0x8036;
    pub(crate) const EVENT: u16 = 0x8040;
    pub(crate) const TRACK_1_CUT: u16 = 0x8041;
    pub(crate) const TRACK_2_CUT: u16 = 0x8042;
    pub(crate) const TRACK_1: u16 = 0x8044;
    pub(crate) const TRACK_2: u16 = 0x8045;
    pub(crate) const TRACK_1_KSN: u16 = 0x8047;
    pub(crate) const TRACK_2_KSN: u16 = 0x8048;
    pub(crate) const NUMBER: u16 = 0x804A;
    pub(crate) const NUMBER_KSN: u16 = 0x804B;
    pub(crate) const KSN: u16 = 0x804C;
    pub(crate) const VALUE: u16 = 0x804D;
    pub(crate) const OUTPUT: u16 = 0x804E;
    pub(crate) const CARD_TYPE: u16 = 0x804F;
    pub(crate) const CHIP_STATUS: u16 = 0x8050;
    pub(crate) const APPLICATIONS: u16 = 0x8051;
    pub(crate) const NUMBER_SHOWN: u16 = 0x8052;
    pub(crate) const SEQUENCE: u16 = 0x8053;
    pub(crate) const EMV: u16 = 0x8054;
    pub(crate) const HOLDER: u16 = 0x8055;
    pub(crate) const RESULT: u16 = 0x8056;
    pub(crate) const PIN_BLOCK: u16 = 0x8057;
    pub(crate) const FINISH_RESULT: u16 = 0x8058;
    pub(crate) const SCRIPT_RESULTS: u16 = 0x8059;
    pub(crate) const LABEL: u16 = 0x805B;
    pub(crate) const COUNTRY: u16 = 0x805C;
    pub(crate) const EXPIRY: u16 = 0x805D;
    pub(crate) const DEVICE_TYPE: u16 = 0x8060;
    pub(crate) const WRAPPED_KEY: u16 = 0x8063;
    /// Behind it, the index of a key for PINs.
    pub(crate) const KSN_OF_PIN_KEY: u16 = 0x9100;
    /// Behind it, the index of a key for card data.
    pub(crate) const KSN_OF_CARD_KEY: u16 = 0x9200;
    /// Behind it, an acquirer.
    pub(crate) const TABLES: u16 = 0x9300;
}
