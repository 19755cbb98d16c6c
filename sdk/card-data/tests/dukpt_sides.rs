// SPDX-License-Identifier: MIT OR Apache-2.0
//! A device and its host come to the same keys, for whichever counter, over restarts, and around
//! every counter that is skipped.
#![expect(clippy::unwrap_used, reason = "fixtures of a test")]

use payhal_card_data::dukpt::{DukptError, aes, tdes};
use proptest::prelude::*;

/// A device at a counter that is a long way off: its state, with the registers that the host's side
/// says it must have there.
fn tdes_device_at(initial: &tdes::InitialKey, ksn: &tdes::Ksn, counter: u32) -> tdes::Device {
    let mut state = ksn.with_counter(0).bytes().to_vec();
    state.extend_from_slice(&counter.to_be_bytes());
    for register in registers(21, 10, counter) {
        let key = register.map(|counter| initial.transaction_key(&ksn.with_counter(counter)));
        match key {
            Some(key) => state.extend_from_slice(key.unwrap().bytes()),
            None => state.extend_from_slice(&[0; 16]),
        }
    }
    tdes::Device::restore(&state).unwrap()
}

fn aes_device_at(initial: &aes::InitialKey, id: aes::InitialKeyId, counter: u32) -> aes::Device {
    let mut state = id.bytes().to_vec();
    state.extend_from_slice(initial.update_key().bytes());
    state.extend_from_slice(&counter.to_be_bytes());
    for register in registers(32, 16, counter) {
        let ksn = |counter| aes::Ksn {
            initial_key_id: id,
            counter,
        };
        match register.map(|counter| initial.transaction_key(&ksn(counter))) {
            Some(key) => state.extend_from_slice(key.unwrap().bytes()),
            None => state.extend(vec![0; initial.bytes().len()]),
        }
    }
    aes::Device::restore(&state).unwrap()
}

/// Of each bit, lowest first, the next counter from `counter` on whose lowest one it is.
fn registers(bits: u32, ones_max: u32, counter: u32) -> Vec<Option<u32>> {
    let of = |bit: u32| {
        let unit = 1_u64 << bit;
        let mut next = u64::from(counter).next_multiple_of(unit);
        if (next / unit).is_multiple_of(2) {
            next += unit;
        }
        let fits = next >> bits == 0;
        let next = u32::try_from(next).ok().filter(|_| fits)?;
        (next.count_ones() <= ones_max).then_some(next)
    };
    (0..bits).map(of).collect()
}

/// A counter that a device uses.
fn used(bits: u32, ones_max: u32) -> impl Strategy<Value = u32> {
    let mask = u32::MAX >> (32 - bits);
    let sparse = (any::<u32>(), any::<u32>()).prop_map(|(a, b)| a & b);
    let low = 1..5_000_u32;
    let around = (0..bits, -40..40_i64).prop_map(|(bit, off)| {
        let near = (1_i64 << bit) + off;
        u32::try_from(near).unwrap_or(1)
    });
    prop_oneof![sparse, low, around]
        .prop_map(move |counter| counter & mask)
        .prop_filter("a counter that is used", move |counter| {
            *counter != 0 && counter.count_ones() <= ones_max
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tdes_sides_agree(bdk in any::<[u8; 16]>(), name in any::<[u8; 10]>(), from in used(21, 10)) {
        let (bdk, ksn) = (tdes::Bdk::new(&bdk).unwrap(), tdes::Ksn::new(name));
        let initial = bdk.initial_key(&ksn);
        let mut device = tdes_device_at(&initial, &ksn, from);
        let mut expected = Ok(ksn.with_counter(from));
        for step in 0..40 {
            match device.next_transaction() {
                Ok((ksn, key)) => {
                    prop_assert_eq!(Ok(ksn), expected);
                    prop_assert!(ksn.counter().count_ones() <= 10);
                    let hosts = bdk.transaction_key(&ksn).unwrap();
                    prop_assert_eq!(key.bytes(), hosts.bytes());
                    prop_assert_eq!(key.pin_key(), hosts.pin_key());
                    expected = ksn.next();
                }
                Err(error) => {
                    prop_assert_eq!(error, DukptError::Exhausted);
                    prop_assert_eq!(expected, Err(DukptError::Exhausted));
                    break;
                }
            }
            if step % 16 == 7 {
                device = tdes::Device::restore(device.state().bytes()).unwrap();
            }
        }
    }

    #[test]
    fn aes_sides_agree(
        bdk in any::<[u8; 32]>(),
        length in prop_oneof![Just(16_usize), Just(24), Just(32)],
        id in any::<[u8; 8]>(),
        from in used(32, 16),
    ) {
        let bdk = aes::Bdk::new(&bdk[..length]).unwrap();
        let id = aes::InitialKeyId::new(id);
        let initial = bdk.initial_key(id);
        let mut device = aes_device_at(&initial, id, from);
        let mut expected = Ok(aes::Ksn { initial_key_id: id, counter: from });
        for step in 0..40 {
            match device.next_transaction() {
                Ok((ksn, key)) => {
                    prop_assert_eq!(Ok(ksn), expected);
                    prop_assert!(ksn.counter.count_ones() <= 16);
                    let hosts = bdk.transaction_key(&ksn).unwrap();
                    prop_assert_eq!(key.bytes(), hosts.bytes());
                    expected = ksn.next();
                }
                Err(error) => {
                    prop_assert_eq!(error, DukptError::Exhausted);
                    prop_assert_eq!(expected, Err(DukptError::Exhausted));
                    break;
                }
            }
            if step % 16 == 7 {
                device = aes::Device::restore(device.state().bytes()).unwrap();
            }
        }
    }
}

#[test]
fn the_last_tdes_counter_is_followed_by_exhaustion() {
    let ksn = tdes::Ksn::new([0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0]);
    let initial = tdes::Bdk::new(&[7; 16]).unwrap().initial_key(&ksn);
    let mut device = tdes_device_at(&initial, &ksn, 0x1F_F000);
    let mut counters = Vec::new();
    let end = loop {
        match device.next_transaction() {
            Ok((ksn, key)) => {
                assert_eq!(key.bytes(), initial.transaction_key(&ksn).unwrap().bytes());
                counters.push(ksn.counter());
            }
            Err(error) => break error,
        }
    };
    assert_eq!(end, DukptError::Exhausted);
    assert_eq!(counters.last(), Some(&0x1F_F800));
    assert!(device.next_transaction().is_err(), "it stays used up");
    let state = device.state();
    assert!(state.bytes()[10..].iter().all(|byte| *byte == 0));
}

#[test]
fn the_last_aes_counter_is_followed_by_exhaustion() {
    let id = aes::InitialKeyId::new([5; 8]);
    let initial = aes::Bdk::new(&[7; 32]).unwrap().initial_key(id);
    let mut device = aes_device_at(&initial, id, 0xFFFE_8000);
    let (_, first) = device.next_transaction().unwrap();
    assert_eq!(first.bytes().len(), 32);
    let (last, _) = device.next_transaction().unwrap();
    assert_eq!(last.counter, 0xFFFF_0000);
    assert_eq!(
        device.next_transaction().unwrap_err(),
        DukptError::Exhausted
    );
}

/// Ten thousand transactions in a row, as a till has them in a year.
#[test]
fn a_device_and_its_host_agree_all_year() {
    let ksn = tdes::Ksn::new([0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0]);
    let bdk = tdes::Bdk::new(&[0x5A; 16]).unwrap();
    let mut device = tdes::Device::load(bdk.initial_key(&ksn));
    let mut former = 0;
    for _ in 0..10_000 {
        let (ksn, key) = device.next_transaction().unwrap();
        assert!(ksn.counter() > former);
        former = ksn.counter();
        if former % 97 == 0 || former.count_ones() == 10 {
            assert_eq!(key.bytes(), bdk.transaction_key(&ksn).unwrap().bytes());
        }
    }
    assert!(former > 10_000, "counters with eleven ones are skipped");
}
