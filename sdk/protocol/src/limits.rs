// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every bound of the protocol, with its reason.
//!
//! Owns the numbers both sides rely on. It must never hold a bound that only one side needs.

/// Longest JSON message in either direction, in bytes, as a WebSocket text frame or as one line on
/// the Unix socket. A page of the longest list answers fits; a client cannot make the host buffer more.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// Deepest nesting of objects and lists in one message. What payhal says itself has half of it; the
/// rest is for a register's own `custom`.
pub const NESTING_MAX: usize = 32;

/// Longest string id of a request, in bytes between its quotes: it is kept for as long as the call
/// runs and echoed in each progress notification.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// Longest idempotency key, in characters. A UUID needs 36.
pub const KEY_CHARS_MAX: usize = 64;

/// Longest `custom` and `customer` object, in bytes of its JSON. It is stored with the transaction.
pub const CUSTOM_BYTES_MAX: usize = 8 * 1024;

/// Longest `basket`, in bytes of its JSON: [`BASKET_LINES_MAX`] lines with names and numbers. It goes
/// to a plugin in one message with everything else, and comes back in one answer.
pub const BASKET_BYTES_MAX: usize = 64 * 1024;

/// Longest `evidence` of a resolution, in characters: a few sentences for an auditor.
pub const EVIDENCE_CHARS_MAX: usize = 1_000;

/// Largest picture of a signature, in bytes of its PNG: one colour on a pad of common size has a few
/// thousand. It is stored with the payment.
pub const SIGNATURE_IMAGE_BYTES_MAX: usize = 32 * 1024;

/// Longest side of a signature's picture, in pixels: more than a printed receipt can show.
pub const SIGNATURE_PIXELS_MAX: u32 = 2_048;

/// Most points of a signature: half a minute at a pad's 133 points a second.
pub const SIGNATURE_POINTS_MAX: usize = 4_096;

/// Most strokes of a signature. A long name with all its dots has some dozens.
pub const SIGNATURE_STROKES_MAX: usize = 256;

/// Columns of the paper a receipt can be made for: the widths of common printers.
pub const RECEIPT_COLUMNS: [u32; 4] = [24, 32, 40, 48];

/// Columns of a receipt if nobody says.
pub const RECEIPT_COLUMNS_DEFAULT: u32 = 40;

/// Largest amount, in minor units. Twelve digits is what ISO 8583 DE 4 carries, and it is far below
/// 2^53, so JavaScript's numbers hold it exactly.
pub const AMOUNT_MINOR_MAX: i64 = 999_999_999_999;

/// Longest `reference`, in characters: gateways carry it on their own wire.
pub const REFERENCE_CHARS_MAX: usize = 128;

/// Longest path of a plugin folder, in bytes: Linux takes no longer one.
pub const FOLDER_BYTES_MAX: usize = 4_096;

/// Longest public key with its comment, in characters: two lines.
pub const SIGNING_KEY_CHARS_MAX: usize = 1_024;

/// Longest identifier of a device, gateway, register or transaction, in characters.
pub const ID_CHARS_MAX: usize = 128;

/// Most lines of a basket: a weekly shop fits, a message stays below its bound.
pub const BASKET_LINES_MAX: usize = 500;

/// Most transactions that one call may name in `despite`.
pub const DESPITE_MAX: usize = 16;

/// Longest time a register may ask a call to wait for a card, in milliseconds (the host's hard limit).
pub const TIMEOUT_MS_MAX: u64 = 300_000;

/// Shortest time that makes sense for a person with a card, in milliseconds. Tests need short ones.
pub const TIMEOUT_MS_MIN: u64 = 100;

/// Longest time a register may take to say an amount that follows the card, in milliseconds: a tank
/// that is filled, a table that asks for its bill.
pub const AMOUNT_TIMEOUT_MS_MAX: u64 = 900_000;

/// Longest lease of a device, in milliseconds: a shop's day. It never outlives its connection.
pub const LEASE_MS_MAX: u64 = 43_200_000;

/// A lease if the call does not say how long, in milliseconds.
pub const LEASE_MS_DEFAULT: u64 = 600_000;

/// Most transactions in one page of `payment.list`.
pub const LIST_LIMIT_MAX: u32 = 100;

/// Transactions in one page of `payment.list` if the call does not say.
pub const LIST_LIMIT_DEFAULT: u32 = 20;

/// Entries in one page of `audit.list` if the call does not say: a screen of short lines.
pub const AUDIT_LIMIT_DEFAULT: u32 = 50;

/// Longest search text of `payment.list`, in characters.
pub const SEARCH_CHARS_MAX: usize = 128;

/// Longest answer to an `enter_text` prompt and longest text for `device.simulate`, in characters.
pub const TEXT_CHARS_MAX: usize = 256;

/// Most instalments a sale may be split into.
pub const INSTALLMENTS_MAX: u32 = 99;

/// Longest name of a register, in characters: it is read beside six digits, at a glance.
pub const REGISTER_NAME_CHARS_MAX: usize = 64;

/// Most currencies of one limit of a register.
pub const LIMIT_CURRENCIES_MAX: usize = 16;

/// Most permissions one call may name: more than there are, so that a newer console can name its own.
pub const PERMISSIONS_MAX: usize = 32;

/// How long a pairing waits for the operator, in milliseconds: long enough to walk to the office
/// and back, short enough that a forgotten one is gone.
pub const PAIRING_MS_MAX: u64 = 120_000;

/// How long a code for the console is good, in milliseconds: a browser starts in less.
pub const OPERATOR_CODE_MS_MAX: u64 = 30_000;

/// Days after which a register is asked to replace its secret.
pub const ROTATE_AFTER_DAYS: u32 = 180;

/// WebSocket close code for a client whose messages are malformed again and again.
pub const CLOSE_PROTOCOL_ABUSE: u16 = 4400;

/// WebSocket close code for a client that did not prove its pairing in time.
pub const CLOSE_NOT_PROVEN: u16 = 4401;

/// WebSocket close code for a pairing that ended, or that could not be proved.
pub const CLOSE_PAIRING_ENDED: u16 = 4403;

/// WebSocket close code for a client that sends too many messages.
pub const CLOSE_TOO_MANY_MESSAGES: u16 = 4429;

/// WebSocket close code for a frame that is not text.
pub const CLOSE_NOT_TEXT: u16 = 1003;

/// WebSocket close code for a message above [`MESSAGE_BYTES_MAX`].
pub const CLOSE_TOO_LARGE: u16 = 1009;

/// WebSocket close code for a client that reads its notifications too slowly.
pub const CLOSE_SLOW_READER: u16 = 4408;

/// Longest name of a device or gateway in the configuration, in characters: it names files, too.
pub const INSTANCE_NAME_CHARS_MAX: usize = 64;

/// Longest configuration of a device or gateway, in bytes of its JSON: certificates and keys in
/// PEM fit.
pub const INSTANCE_CONFIG_BYTES_MAX: usize = 64 * 1024;

/// Most targets that an instance's own configuration may name.
pub const INSTANCE_TARGETS_MAX: usize = 16;
