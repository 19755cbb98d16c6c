// SPDX-License-Identifier: MIT OR Apache-2.0
//! Digits and the bytes that they stand for.

/// Upper-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The bytes of hex digits.
pub(crate) fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let half = |digit: u8| u8::try_from(char::from(digit).to_digit(16)?).ok();
    let byte = |[high, low]: &[u8; 2]| Some(half(*high)? << 4 | half(*low)?);
    match rest {
        [] => pairs.iter().map(byte).collect(),
        _ => None,
    }
}

/// The number that ASCII digits spell.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok()?;
    all.then(|| text.parse().ok()).flatten()
}

/// Two digits in a byte, with a zero in front where their count is odd.
pub(crate) fn packed(digits: &[u8]) -> Vec<u8> {
    let padded = match digits.len() % 2 {
        0 => digits.to_vec(),
        _ => [b"0", digits].concat(),
    };
    unhex(&padded).unwrap_or_default()
}

/// Half bytes of a number or a track, the sentinel as `D`, filled up with `F`.
pub(crate) fn half_bytes(characters: &[u8], to_bytes: usize) -> Vec<u8> {
    let half = |character: &u8| match character {
        b'0'..=b'9' => character - b'0',
        _ => 0xD,
    };
    let mut halves: Vec<u8> = characters.iter().map(half).collect();
    halves.resize(halves.len().next_multiple_of(2 * to_bytes), 0xF);
    let (pairs, _) = halves.as_chunks::<2>();
    pairs.iter().map(|[high, low]| high << 4 | low).collect()
}

/// Text in exactly so many characters, spaces behind.
pub(crate) fn text(words: &str, length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.bytes().take(length).collect();
    bytes.resize(length, b' ');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_bytes_are_each_others() {
        assert_eq!(unhex(b"0Af9").unwrap(), [0x0A, 0xF9]);
        assert_eq!(hex(&[0x0A, 0xF9]), "0AF9");
        assert_eq!((unhex(b"0A1"), unhex(b"0G")), (None, None));
        assert_eq!(packed(b"986"), [9, 0x86]);
        assert_eq!(number(b"0042"), Some(42));
        assert_eq!(
            (number(b""), number(b"+1"), number(b"1 ")),
            (None, None, None)
        );
        assert_eq!(
            half_bytes(b"123=4", 8),
            [0x12, 0x3D, 0x4F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
        );
        assert_eq!(half_bytes(b"1234", 1), [0x12, 0x34]);
        assert_eq!(text("abc", 5), b"abc  ");
        assert_eq!(text("abcdef", 5), b"abcde");
    }
}
