// SPDX-License-Identifier: MIT OR Apache-2.0
//! No secret can be printed or serialized: that no type has the trait is checked as this compiles.

use payhal_card_data::dukpt::{aes, tdes};
use payhal_card_data::{
    AesKey, CardNumber, CardSecrets, EncryptedPinBlock, Expiry, Inner, Opened, Pan, Pin, PinBlock,
    PrivateKey, SecretBytes, ServiceCode, TdesKey, Track1, Track2, Track2Equivalent, emv,
};
use std::fmt::{Binary, Display, LowerHex, UpperHex};

/// Does not compile when `$type` has `$trait`: which of two `check` is meant is then ambiguous.
macro_rules! lacks {
    ($type:ty: $($trait:path),+) => {
        $(const _: () = {
            trait Checked<Marker> {
                const LACKS: () = ();
            }
            struct HasIt;
            impl<T: ?Sized> Checked<()> for T {}
            impl<T: ?Sized + $trait> Checked<HasIt> for T {}
            <$type as Checked<_>>::LACKS
        };)+
    };
}

macro_rules! never_in_clear {
    ($($type:ty),+ $(,)?) => {
        $(lacks!(
            $type: Display, LowerHex, UpperHex, Binary, serde::Serialize, AsRef<[u8]>, AsRef<str>,
            Into<String>, Into<Vec<u8>>, std::ops::Deref, std::hash::Hash, Copy
        );)+
    };
}

never_in_clear!(
    AesKey,
    CardNumber,
    CardSecrets,
    Inner,
    Opened,
    Pan,
    Pin,
    PinBlock,
    PrivateKey,
    SecretBytes,
    TdesKey,
    Track1,
    Track2,
    Track2Equivalent,
    aes::Bdk,
    aes::Device,
    aes::HmacKey,
    aes::InitialKey,
    aes::TransactionKey,
    emv::CardKey,
    emv::IssuerMasterKey,
    emv::SessionKey,
    emv::TlvBuilder,
    tdes::Bdk,
    tdes::Device,
    tdes::InitialKey,
    tdes::TransactionKey,
);

// Small enough to be copied; text they are not.
lacks!(Expiry: Display, serde::Serialize);
lacks!(ServiceCode: Display, serde::Serialize);
lacks!(EncryptedPinBlock: Display, serde::Serialize);
lacks!(emv::Tlv<'static>: Display, serde::Serialize);

/// What remains is `Debug`, which the house wants of every type.
#[test]
fn debug_shows_no_digit_and_no_key() {
    let pan = Pan::new(b"4111111111111111").expect("a test number");
    let expiry = Expiry::new(2049, 12).expect("a month");
    let track2 = Track2::made_of(&pan, expiry, b"987").expect("a track");
    let pin = Pin::new(b"987654").expect("a PIN");
    let track1 = b"B4111111111111111^DOE/JANE^4912987000";
    let key = [0x5A; 16];
    let ksn = tdes::Ksn::new([0; 10]);
    let id = aes::InitialKeyId::new([0; 8]);
    let bdk = tdes::Bdk::new(&key).expect("16 bytes");
    let initial = bdk.initial_key(&ksn);
    let aes_initial = aes::Bdk::new(&key).expect("16 bytes").initial_key(id);
    let shown = [
        format!("{pan:?}{expiry:?}{pin:?}{:?}", track2.service_code()),
        format!("{:?}{track2:?}", Track2Equivalent::from(&track2)),
        format!("{:?}", Track1::new(track1).expect("a track")),
        format!("{:?}", PinBlock::format3(&pin, &pan)),
        format!("{:?}{:?}", TdesKey::new(&key), AesKey::new(&key)),
        format!(
            "{bdk:?}{initial:?}{:?}",
            tdes::Device::load(bdk.initial_key(&ksn))
        ),
        format!("{aes_initial:?}{:?}", aes_initial.update_key()),
        format!("{:?}", SecretBytes::copied(&key)),
        format!("{:?}", PrivateKey::generate()),
    ]
    .concat();
    for part in [
        "411", "111", "987", "4912", "2049", "DOE", "5A", "90, 90", "654",
    ] {
        assert!(!shown.contains(part), "{part} in {shown}");
    }
    assert!(shown.contains("Pan[16 digits]"), "{shown}");
}
