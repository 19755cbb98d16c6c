// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bare primitives that do what the card's cryptography cannot do without: the same key schedules,
//! blocks and agreements, on ordinary memory, and nothing else.

use crate::Failure;
use aes::Aes256;
use aes::cipher::{Array, BlockCipherEncrypt, BlockModeEncrypt, BlockSizeUser, KeyInit, KeyIvInit};
use cmac::{Cmac, Mac};
use des::{Des, TdesEde2};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Kem, OpModeR, OpModeS};
use retail_mac::RetailMac;

type Suite = DhP256HkdfSha256;

/// HPKE in auth mode, with a clear text and names of some length.
pub(crate) struct Hpke {
    device: (<Suite as Kem>::PrivateKey, <Suite as Kem>::PublicKey),
    gateway: (<Suite as Kem>::PrivateKey, <Suite as Kem>::PublicKey),
    clear: Vec<u8>,
    names: Vec<u8>,
}

type Sealed = (<Suite as Kem>::EncappedKey, Vec<u8>);

impl Hpke {
    pub(crate) fn new(clear_bytes: usize, names_bytes: usize) -> Self {
        Self {
            device: Suite::gen_keypair(),
            gateway: Suite::gen_keypair(),
            clear: vec![7; clear_bytes],
            names: vec![7; names_bytes],
        }
    }

    pub(crate) fn seal(&self) -> Result<Sealed, Failure> {
        let mode = OpModeS::Auth(self.device.clone());
        let (key, mut context) =
            hpke::setup_sender::<AesGcm256, HkdfSha256, Suite>(&mode, &self.gateway.1, b"bench")
                .map_err(|_| "hpke refused to seal")?;
        let sealed = context.seal(&self.clear, &self.names);
        Ok((key, sealed.map_err(|_| "hpke refused to seal")?))
    }

    pub(crate) fn open(&self, (key, sealed): &Sealed) -> Result<Vec<u8>, Failure> {
        let mode = OpModeR::Auth(self.device.1.clone());
        let mut context = hpke::setup_receiver::<AesGcm256, HkdfSha256, Suite>(
            &mode,
            &self.gateway.0,
            key,
            b"bench",
        )
        .map_err(|_| "hpke refused to open")?;
        let opened = context.open(sealed, &self.names);
        Ok(opened.map_err(|_| "hpke refused to open")?)
    }
}

/// As many AES-256 keys of two blocks, each from the one before, as a derivation takes.
pub(crate) fn aes_derive(base: &[u8; 32], steps: usize) -> [u8; 32] {
    (0..steps).fold(*base, |key, step| {
        let cipher = Aes256::new((&key).into());
        let mut next = [[step.to_le_bytes()[0]; 16]; 2];
        for block in &mut next {
            cipher.encrypt_block(block.into());
        }
        let mut key = [0; 32];
        key.copy_from_slice(next.as_flattened());
        key
    })
}

/// Two working keys, CBC under one and CMAC under the other.
pub(crate) fn aes_encrypt(key: &[u8; 32], text: &mut [u8], names: &[u8]) -> Vec<u8> {
    let (text_key, mac_key) = (aes_derive(key, 1), aes_derive(key, 1));
    chained::<Aes256>(&text_key, &[0; 16], text);
    let mac = <Cmac<Aes256> as KeyInit>::new((&mac_key).into());
    let mac = mac.chain_update(names).chain_update(&*text).finalize();
    mac.into_bytes().to_vec()
}

/// An initial key by two TDES blocks, then as many keys of two DES blocks.
pub(crate) fn tdes_derive(base: &[u8; 16], steps: usize) -> [u8; 16] {
    let mut initial = [[3; 8]; 2];
    for (half, mask) in initial.iter_mut().zip([0, 0xC0]) {
        let key = base.map(|byte| byte ^ mask);
        TdesEde2::new((&key).into()).encrypt_block(half.into());
    }
    let mut key = [0; 16];
    key.copy_from_slice(initial.as_flattened());
    for _ in 0..steps {
        let mut next = [[3_u8; 8]; 2];
        for (half, mask) in next.iter_mut().zip([0xC0, 0]) {
            let left: [u8; 8] = std::array::from_fn(|at| key[at] ^ mask);
            Des::new((&left).into()).encrypt_block(half.into());
        }
        key.copy_from_slice(next.as_flattened());
    }
    key
}

/// A data key encrypted under itself, CBC under it, CMAC under a variant.
pub(crate) fn tdes_encrypt(key: &[u8; 16], text: &mut [u8], names: &[u8]) -> Vec<u8> {
    let cipher = TdesEde2::new(key.into());
    let mut halves = [[0_u8; 8]; 2];
    for half in &mut halves {
        cipher.encrypt_block(half.into());
    }
    chained::<TdesEde2>(halves.as_flattened(), &[0; 8], text);
    let mac = <Cmac<TdesEde2> as KeyInit>::new(key.into());
    let mac = mac.chain_update(names).chain_update(&*text).finalize();
    mac.into_bytes().to_vec()
}

/// A session key of two TDES blocks and a retail MAC under it.
pub(crate) fn cryptogram(card: &[u8; 16], message: &[u8]) -> Result<Vec<u8>, Failure> {
    let cipher = TdesEde2::new(card.into());
    let mut session = [[5_u8; 8]; 2];
    for half in &mut session {
        cipher.encrypt_block(half.into());
    }
    let mac = RetailMac::<Des>::new_from_slice(session.as_flattened())?;
    Ok(mac.chain_update(message).finalize().into_bytes().to_vec())
}

fn chained<C: BlockCipherEncrypt + KeyInit>(key: &[u8], vector: &[u8], text: &mut [u8]) {
    let mut chain = cbc::Encryptor::<C>::new_from_slices(key, vector).expect("right lengths");
    let (blocks, _) = Array::<u8, <C as BlockSizeUser>::BlockSize>::slice_as_chunks_mut(text);
    chain.encrypt_blocks(blocks);
}
