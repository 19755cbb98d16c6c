// SPDX-License-Identifier: MIT OR Apache-2.0
//! The line with everything that can happen to it, around every wait of the protocol.

use super::device::{Device, Words};
use crate::frame::{ACK, CAN, DC3, Deframer, EOT, ETB, NAK, SYN, Step, frame};
use crate::limits::{PACKET_MAX, Timers};
use crate::link::{Link, LinkError, Patience};
use payhal_plugin::Context;
use payhal_plugin::testing::Bench;
use std::time::Duration;

const SECOND: u64 = 1000;

fn link(context: &Context) -> Link {
    Link::new(
        context.port("main").expect("the bench has it"),
        Timers::STANDARD,
    )
}

/// Sends a packet to a device that says this after each write.
fn sent(each: Vec<Words>) -> (Result<(), LinkError>, Device, Bench) {
    let device = Device::saying(each);
    let bench = device.bench();
    let context = bench.call();
    let result = link(&context).send(b"GIX", &context);
    (result, device, bench)
}

/// Receives from a device that says `first`, and then this after each write.
fn received(first: Words, each: Vec<Words>) -> (Result<Vec<u8>, LinkError>, Device, Bench) {
    let device = Device::saying(each);
    let bench = device.bench();
    device.says(first);
    let context = bench.call();
    let result = link(&context).receive(Patience::Quick, &context);
    (result.map(|packet| packet.to_vec()), device, bench)
}

fn whole() -> Vec<u8> {
    frame(b"GIX000\x13\x16\x17\x04\x06").expect("a packet")
}

fn content() -> Vec<u8> {
    b"GIX000\x13\x16\x17\x04\x06".to_vec()
}

#[test]
fn a_packet_is_sent_until_it_is_acknowledged() {
    for refusals in 0..3 {
        let mut each = vec![vec![(1, vec![NAK])]; refusals];
        each.push(vec![(1999, vec![ACK])]);
        let (result, device, bench) = sent(each);
        assert_eq!(result, Ok(()));
        let line = frame(b"GIX").expect("a packet");
        assert_eq!(device.heard(), vec![line; refusals + 1]);
        let passed = Duration::from_millis(refusals as u64 + 1999);
        assert_eq!(bench.passed(), passed);
    }
}

#[test]
fn three_refusals_are_the_end() {
    let (result, device, _) = sent(vec![vec![(1, vec![NAK; 5])]; 9]);
    assert_eq!(result, Err(LinkError::Refused));
    assert_eq!(device.heard().len(), 3);
}

#[test]
fn a_lost_acknowledgement_is_waited_for_two_seconds_and_not_sent_for_again() {
    for each in [vec![], vec![vec![(2001, vec![ACK])]]] {
        let (result, device, bench) = sent(each);
        assert_eq!(result, Err(LinkError::NotAcknowledged));
        assert_eq!(bench.passed(), Duration::from_secs(2));
        assert_eq!(device.heard().len(), 1);
    }
}

#[test]
fn anything_else_is_no_acknowledgement() {
    for byte in (0..=u8::MAX).filter(|byte| ![ACK, NAK].contains(byte)) {
        let (result, device, _) = sent(vec![vec![(1, vec![byte])]]);
        assert_eq!(result, Err(LinkError::NotAcknowledged), "{byte:02X}");
        assert_eq!(device.heard().len(), 1);
    }
}

#[test]
fn what_came_unasked_is_forgotten_before_a_packet_is_sent() {
    let device = Device::saying(vec![vec![(1, vec![ACK])]]);
    let bench = device.bench();
    device.says(vec![(0, vec![NAK; 700]), (0, whole())]);
    let context = bench.call();
    let mut link = link(&context);
    assert_eq!(link.send(b"GIX", &context), Ok(()));
    let late = link.receive(Patience::Quick, &context);
    assert_eq!(late, Err(LinkError::Silent), "nothing old is left");
}

#[test]
fn a_whole_packet_is_answered_with_nothing() {
    let (result, device, bench) = received(vec![(9999, whole())], vec![]);
    assert_eq!(result, Ok(content()));
    assert_eq!(device.heard(), Vec::<Vec<u8>>::new());
    assert_eq!(bench.passed(), Duration::from_millis(9999));
}

#[test]
fn an_answer_comes_within_ten_seconds() {
    let (result, device, bench) = received(vec![(10_001, whole())], vec![]);
    assert_eq!(result, Err(LinkError::Silent));
    assert_eq!(bench.passed(), Duration::from_secs(10));
    assert_eq!(device.heard(), Vec::<Vec<u8>>::new());
}

#[test]
fn a_person_is_waited_for_as_long_as_the_call_may_take() {
    for (after, expected) in [
        (59 * SECOND, Ok(content())),
        (61 * SECOND, Err(LinkError::Silent)),
    ] {
        let device = Device::saying(vec![]);
        let bench = device.bench();
        device.says(vec![(after, whole())]);
        let context = bench.call();
        let result = link(&context).receive(Patience::Deadline, &context);
        assert_eq!(result.map(|packet| packet.to_vec()), expected);
    }
}

#[test]
fn bytes_of_a_packet_may_be_two_seconds_apart() {
    let slowly = |apart: u64, from: u64| -> Words {
        let line = whole();
        let moments = (0..).map(|place| from + place * apart);
        moments
            .zip(line.into_iter().map(|byte| vec![byte]))
            .collect()
    };
    let (result, device, _) = received(slowly(1999, 0), vec![]);
    assert_eq!(result, Ok(content()));
    assert!(device.heard().is_empty());
    // One gap is too long: what is left of it is heard out, then it is asked for again.
    let mut broken = slowly(10, 0);
    for (moment, _) in broken.iter_mut().skip(5) {
        *moment += 2000;
    }
    let (result, device, _) = received(broken, vec![vec![(50, whole())]]);
    assert_eq!(result, Ok(content()));
    assert_eq!(device.heard(), [vec![NAK]]);
}

#[test]
fn a_broken_packet_is_asked_for_twice_more() {
    let mut broken = whole();
    *broken.last_mut().expect("a checksum") ^= 1;
    for repeats in 0..4 {
        let mut each = vec![vec![(5, broken.clone())]; repeats];
        each.push(vec![(5, whole())]);
        let (result, device, bench) = received(vec![(5, broken.clone())], each);
        let asked = repeats + 1;
        if asked < 3 {
            assert_eq!(result, Ok(content()), "{repeats}");
            assert_eq!(device.heard(), vec![vec![NAK]; asked]);
            // Each time after half a second of silence.
            let passed = Duration::from_millis(505 * asked as u64 + 5);
            assert_eq!(bench.passed(), passed);
        } else {
            assert_eq!(result, Err(LinkError::Broken), "{repeats}");
            assert_eq!(device.heard(), vec![vec![NAK]; 2]);
        }
    }
}

#[test]
fn nobody_is_asked_again_before_the_line_was_silent() {
    let noise: Words = (0..9).map(|place| (place * 499, vec![0x55])).collect();
    let (result, device, _) = received(noise, vec![vec![(1, whole())]]);
    assert_eq!(result, Ok(content()));
    let asked: Vec<Duration> = device.written().into_iter().map(|(at, _)| at).collect();
    assert_eq!(asked, [Duration::from_millis(8 * 499 + 500)]);
}

#[test]
fn a_few_bytes_of_noise_are_no_answer() {
    let device = Device::saying(vec![]);
    let bench = device.bench();
    for (at, count) in [(1, 1), (2, 8), (3, 3), (4, 8), (5, 8)] {
        device.says(vec![(at * 2 * SECOND, vec![0x55; count])]);
    }
    device.says(vec![(30 * SECOND, whole())]);
    let context = bench.call();
    let result = link(&context).receive(Patience::Deadline, &context);
    assert_eq!(result.map(|packet| packet.to_vec()), Ok(content()));
    assert!(
        device.heard().is_empty(),
        "nothing was said that could be repeated"
    );
    // They are no reason to wait for longer, either.
    let strays = (0..30)
        .map(|place| (place * SECOND + 300, vec![0x55]))
        .collect();
    let (result, device, bench) = received(strays, vec![]);
    assert_eq!(result, Err(LinkError::Silent));
    assert_eq!(bench.passed(), Duration::from_secs(10));
    assert!(device.heard().is_empty());
}

#[test]
fn an_answer_that_lost_its_first_byte_is_asked_for_again() {
    let shortest = frame(b"DEX000").expect("a packet");
    let (result, device, _) = received(
        vec![(1, shortest[1..].to_vec())],
        vec![vec![(1, shortest.clone())]],
    );
    assert_eq!(result, Ok(b"DEX000".to_vec()));
    assert_eq!(device.heard(), [vec![NAK]]);
}

#[test]
fn a_packet_cut_anywhere_is_asked_for_again() {
    let line = whole();
    for place in 1..line.len() {
        let cut = line[..place].to_vec();
        let (result, device, _) = received(vec![(1, cut)], vec![vec![(1, whole())]]);
        assert_eq!(result, Ok(content()), "cut after {place}");
        assert_eq!(device.heard(), [vec![NAK]], "cut after {place}");
    }
}

#[test]
fn noise_on_any_bit_is_never_believed() {
    let line = whole();
    for place in 0..line.len() {
        for bit in 0..8 {
            let mut noisy = line.clone();
            noisy[place] ^= 1 << bit;
            let (result, device, _) = received(vec![(1, noisy)], vec![vec![(1, whole())]]);
            assert_eq!(result, Ok(content()), "bit {bit} of {place}");
            assert_eq!(device.heard(), [vec![NAK]], "bit {bit} of {place}");
        }
    }
}

#[test]
fn a_device_that_never_stops_talking_is_left() {
    for byte in [0x41, SYN, EOT, ETB, DC3, NAK] {
        for apart in [Duration::ZERO, Duration::from_millis(400)] {
            let device = Device::saying(vec![]);
            let bench = device.bench();
            device.says(vec![(0, vec![SYN])]);
            device.never_stops(apart, byte);
            let context = bench.call_within(Duration::from_secs(3600));
            let result = link(&context).receive(Patience::Deadline, &context);
            assert_eq!(result, Err(LinkError::Talks), "{byte:02X} every {apart:?}");
            // The longest packet, a byte at a time, and then ten seconds.
            let longest = apart * (u32::try_from(PACKET_MAX).expect("small") + 4);
            assert!(bench.passed() <= longest + Duration::from_secs(11));
        }
    }
}

#[test]
fn ending_waits_two_seconds_and_then_one_twice() {
    for (tries, before, after) in [(1, 0, 1999), (2, 2000, 999), (3, 3000, 1)] {
        let mut each = vec![vec![]; tries - 1];
        each.push(vec![(after, vec![EOT])]);
        let device = Device::saying(each);
        let bench = device.bench();
        let context = bench.call();
        assert_eq!(link(&context).end(&context), Ok(()));
        assert_eq!(device.heard(), vec![vec![CAN]; tries]);
        assert_eq!(bench.passed(), Duration::from_millis(before + after));
    }
    let device = Device::saying(vec![]);
    let bench = device.bench();
    let context = bench.call();
    assert_eq!(link(&context).end(&context), Err(LinkError::NoEnd));
    assert_eq!(device.heard().len(), 3);
    assert_eq!(bench.passed(), Duration::from_secs(4));
}

#[test]
fn an_answer_on_its_way_is_not_the_end() {
    // The packet holds the byte that EOT is.
    let mut words = vec![(1, whole())];
    words.push((30, vec![EOT]));
    let device = Device::saying(vec![words]);
    let bench = device.bench();
    let context = bench.call();
    assert_eq!(link(&context).end(&context), Ok(()));
    assert_eq!(bench.passed(), Duration::from_millis(30));
    assert_eq!(device.heard().len(), 1);
}

#[test]
fn ending_ends_though_the_device_talks() {
    let device = Device::saying(vec![]);
    let bench = device.bench();
    device.never_stops(Duration::ZERO, 0x41);
    let context = bench.call();
    assert_eq!(link(&context).end(&context), Err(LinkError::Talks));
}

#[test]
fn a_cancelled_wait_ends_at_once_and_the_pinpad_is_told() {
    let device = Device::new(|_, bytes| match bytes {
        [CAN] => vec![(20, vec![EOT])],
        _ => vec![(1, vec![ACK])],
    });
    let bench = device.bench();
    let context = device.call(&bench);
    bench.cancel_at(Duration::from_secs(5), &context);
    let mut link = link(&context);
    assert_eq!(link.send(b"CEX", &context), Ok(()));
    let result = link.receive(Patience::Deadline, &context);
    assert_eq!(result, Err(LinkError::Cancelled));
    assert_eq!(bench.passed(), Duration::from_secs(5));
    assert_eq!(
        link.end(&context),
        Ok(()),
        "cancelled calls can still tidy up"
    );
    assert_eq!(device.heard().last(), Some(&vec![CAN]));
    assert_eq!(link.send(b"CEX", &context), Err(LinkError::Cancelled));
}

#[test]
fn the_longest_packet_is_whole_and_one_byte_more_is_none() {
    let longest = vec![SYN; PACKET_MAX];
    let line = frame(&longest).expect("a packet");
    assert_eq!(line.len(), 2 * PACKET_MAX + 4);
    let (result, _, _) = received(vec![(1, line)], vec![]);
    assert_eq!(result, Ok(longest.clone()));
    let mut longer = longest;
    longer.push(0x41);
    assert!(frame(&longer).is_err() && frame(b"").is_err());
    let mut deframer = Deframer::new();
    deframer.push(SYN);
    let steps: Vec<Step> = longer.iter().map(|_| deframer.push(0x41)).collect();
    assert!(steps[..PACKET_MAX].iter().all(|step| *step == Step::More));
    assert_eq!(steps[PACKET_MAX], Step::Broken);
}

#[test]
fn timers_can_be_made_shorter_but_not_nothing() {
    let tenth = Timers::scaled(10);
    assert_eq!(tenth.answer, Duration::from_secs(1));
    assert_eq!(tenth.silence, Duration::from_millis(50));
    assert_eq!(Timers::scaled(100), Timers::STANDARD);
    assert!(Timers::scaled(0).acknowledgement > Duration::ZERO);
}
