// SPDX-License-Identifier: MIT OR Apache-2.0
//! The only types for clear card data: PAN, track, PIN block; and sealing them to a gateway.
//!
//! Every type here is erased when dropped, and none can be printed or serialized in clear: `Debug`
//! shows a length. What leaves is a masked PAN or ciphertext.
//!
//! Device plugins and gateway connectors link this crate. The daemon, the engine, the journal and
//! everything else under `host/` must never.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod pan;
mod record;
mod seal;
mod secret;
mod secrets;
#[cfg(feature = "test-cards")]
mod test_cards;

pub use pan::{Pan, PanError, Scheme, masked, passes_luhn};
pub use seal::{
    Amounts, Associated, Inner, OpenError, PrivateKey, Purpose, SCHEME, SEAL_VERSION, SealError,
    open, seal,
};
pub use secrets::{CardSecrets, EntryMode, Expiry, PinBlock, PinError, Track2, Track2Error};
#[cfg(feature = "test-cards")]
pub use test_cards::{
    Behaviour, TestCard, Verification, all as test_cards, by_name as test_card, by_pan,
};
