// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a Concert terminal says, read by the plugin's own files, which are compiled in here for the
//! same reason as a pinpad's.

#[path = "../../plugins/concert-terminal/src/wire/serial.rs"]
mod serial;
#[path = "../../plugins/concert-terminal/src/wire/v3.rs"]
mod v3;

use serial::{Answer, Ear, Word, lrc};

/// A V3 message as it comes: what is a message stays one however far it has come, and its fields are
/// those that were sent.
pub(crate) fn network(bytes: &[u8]) {
    let Ok(reading) = v3::read(bytes) else {
        return;
    };
    // Every cut is read anew: longer ones would only take longer.
    let end = reading.next.unwrap_or(bytes.len()).min(1_024);
    for cut in 0..end {
        let before = v3::read(&bytes[..cut]);
        let before = before.expect("the beginning of a message is one");
        assert_eq!(before.next, None, "a message ends before its end");
        for tag in [v3::STATUS, v3::AMOUNT, v3::PRIVATE] {
            let value = before.value(tag);
            assert!(
                value.is_none() || value == reading.value(tag),
                "a field changes as more comes"
            );
        }
    }
    if let Some(amount) = reading.text(v3::AMOUNT) {
        assert!(amount.len() <= 999 && amount.trim() == amount);
    }
}

/// A serial line: a frame is one only where it stood between STX, ETX and its LRC.
pub(crate) fn line(bytes: &[u8]) {
    for let_in in [false, true] {
        let mut ear = Ear::default();
        ear.let_in = let_in;
        for (place, byte) in bytes.iter().enumerate() {
            let Some(Word::Frame(fields)) = ear.hear(*byte) else {
                continue;
            };
            let begins = place.checked_sub(fields.len() + 2);
            let begins = begins.expect("a frame is as long as it is");
            assert_eq!(bytes[begins], serial::STX);
            assert_eq!(bytes[begins + 1..place - 1], fields);
            assert_eq!(bytes[place - 1], serial::ETX);
            assert_eq!(*byte, lrc(&fields));
            if let Some(answer) = Answer::read(&fields) {
                assert!(answer.amount <= serial::AMOUNT_MAX);
                assert_eq!((answer.currency.len(), answer.private.len()), (3, 10));
            }
        }
    }
}
