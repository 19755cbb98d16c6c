// SPDX-License-Identifier: MIT OR Apache-2.0
//! RSA with a host's public key, as far as a pinpad needs it: PKCS #1 v1.5 encryption of a key.
//!
//! For simulations: nothing here takes a time that is independent of its numbers.

/// Bytes of every modulus.
pub(crate) const MODULUS_BYTES: usize = 256;

const LIMBS: usize = MODULUS_BYTES / 4;

/// Little end first.
type Number = [u32; LIMBS];

/// A public key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PublicKey {
    modulus: Number,
    exponent: Vec<u8>,
    /// Minus the inverse of the modulus, modulo a limb.
    inverse: u32,
}

impl PublicKey {
    /// `None` for what is no modulus of 2048 bits, or an exponent that encrypts nothing.
    pub(crate) fn new(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let modulus: &[u8; MODULUS_BYTES] = modulus.try_into().ok()?;
        let is_odd = modulus[MODULUS_BYTES - 1] & 1 == 1;
        let is_long = modulus[0] & 0x80 != 0;
        let encrypts = exponent.iter().rev().zip(0..).any(|(byte, place)| {
            let one = u8::from(place == 0);
            *byte > one
        });
        if !is_odd || !is_long || !encrypts {
            return None;
        }
        let modulus = number(modulus);
        // Newton: each step doubles how many low bits are right.
        let inverse = (0..5).fold(1_u32, |x, _| {
            x.wrapping_mul(2_u32.wrapping_sub(modulus[0].wrapping_mul(x)))
        });
        Some(Self {
            modulus,
            exponent: exponent.to_vec(),
            inverse: inverse.wrapping_neg(),
        })
    }

    /// The key that `secret` is, behind `filling` that has no zeros.
    pub(crate) fn wrap(&self, secret: &[u8], filling: &[u8]) -> Vec<u8> {
        let mut block = [0; MODULUS_BYTES];
        let start = MODULUS_BYTES - secret.len();
        block[1] = 2;
        for (place, byte) in block[2..start - 1].iter_mut().zip(filling) {
            *place = *byte;
        }
        block[start..].copy_from_slice(secret);
        self.power(&block)
    }

    /// `base` to the exponent.
    pub(crate) fn power(&self, base: &[u8; MODULUS_BYTES]) -> Vec<u8> {
        let base = self.scaled(number(base));
        let mut one = [0; LIMBS];
        one[0] = 1;
        let mut result = self.scaled(one);
        for byte in &self.exponent {
            for bit in (0..8).rev() {
                result = self.product(&result, &result);
                if byte >> bit & 1 == 1 {
                    result = self.product(&result, &base);
                }
            }
        }
        let result = self.product(&result, &one);
        let bytes = result.iter().rev().flat_map(|limb| limb.to_be_bytes());
        bytes.collect()
    }

    /// Times two to the length of the modulus, by doubling.
    fn scaled(&self, mut value: Number) -> Number {
        self.reduce(&mut value, false);
        for _ in 0..MODULUS_BYTES * 8 {
            let mut carry = 0;
            for limb in &mut value {
                let next = *limb >> 31;
                *limb = *limb << 1 | carry;
                carry = next;
            }
            self.reduce(&mut value, carry == 1);
        }
        value
    }

    /// Montgomery's product: of both, divided by two to the length of the modulus.
    fn product(&self, a: &Number, b: &Number) -> Number {
        let mut sum = [0_u32; LIMBS + 2];
        for limb in a {
            add_multiple(&mut sum, b, *limb);
            let multiple = sum[0].wrapping_mul(self.inverse);
            add_multiple(&mut sum, &self.modulus, multiple);
            sum.copy_within(1.., 0);
            sum[LIMBS + 1] = 0;
        }
        let mut value: Number = std::array::from_fn(|at| sum[at]);
        self.reduce(&mut value, sum[LIMBS] != 0);
        value
    }

    /// Takes the modulus off once where the value, with its carry, is not less.
    fn reduce(&self, value: &mut Number, carry: bool) {
        let mut less = *value;
        let mut borrow = false;
        for (limb, other) in less.iter_mut().zip(&self.modulus) {
            let (once, first) = limb.overflowing_sub(*other);
            let (twice, second) = once.overflowing_sub(u32::from(borrow));
            *limb = twice;
            borrow = first || second;
        }
        if carry || !borrow {
            *value = less;
        }
    }
}

fn add_multiple(sum: &mut [u32; LIMBS + 2], of: &Number, times: u32) {
    let mut carry = 0_u64;
    for (at, place) in sum.iter_mut().enumerate() {
        let limb = of.get(at).copied().unwrap_or(0);
        let total = u64::from(*place) + u64::from(limb) * u64::from(times) + carry;
        *place = low(total);
        carry = total >> 32;
    }
}

fn low(total: u64) -> u32 {
    u32::try_from(total & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

fn number(bytes: &[u8; MODULUS_BYTES]) -> Number {
    let (limbs, _) = bytes.as_chunks::<4>();
    std::array::from_fn(|at| u32::from_be_bytes(limbs[LIMBS - 1 - at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_none_are_refused() {
        let modulus = [0xFF; MODULUS_BYTES];
        assert!(PublicKey::new(&modulus, &[3]).is_some());
        assert!(PublicKey::new(&modulus, &[1, 0, 1]).is_some());
        for exponent in [&[][..], &[0], &[1], &[0, 0, 1]] {
            assert_eq!(PublicKey::new(&modulus, exponent), None);
        }
        let mut even = modulus;
        even[MODULUS_BYTES - 1] = 0xFE;
        assert_eq!(PublicKey::new(&even, &[3]), None);
        let mut short = modulus;
        short[0] = 0x7F;
        assert_eq!(PublicKey::new(&short, &[3]), None);
        assert_eq!(PublicKey::new(&modulus[1..], &[3]), None);
    }

    #[test]
    fn small_powers_are_what_they_are() {
        let key = PublicKey::new(&[0xFF; MODULUS_BYTES], &[3]).unwrap();
        let mut base = [0; MODULUS_BYTES];
        base[MODULUS_BYTES - 1] = 7;
        let cubed = key.power(&base);
        assert_eq!(cubed[MODULUS_BYTES - 2..], [1, 0x57]);
        assert!(cubed[..MODULUS_BYTES - 2].iter().all(|byte| *byte == 0));
        // Minus one cubed is minus one.
        let mut minus_one = [0xFF; MODULUS_BYTES];
        minus_one[MODULUS_BYTES - 1] = 0xFE;
        assert_eq!(key.power(&minus_one), minus_one);
    }
}
