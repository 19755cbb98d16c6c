// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which of two versions is the older one: Semantic Versioning 2.0.0, section 11.

use std::cmp::Ordering;

/// A version that can be compared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Version {
    numbers: [u64; 3],
    /// Empty for a release, which is newer than everything before it.
    before: Vec<Part>,
}

/// Numbers come before words.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Part {
    Number(u64),
    Word(String),
}

impl Version {
    /// `MAJOR.MINOR.PATCH`, with `-BEFORE` and `+BUILD` if need be.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (text, build) = text.split_once('+').unwrap_or((text, "0"));
        let (release, before) = match text.split_once('-') {
            Some((release, before)) => (release, Some(before)),
            None => (text, None),
        };
        let numbers: Option<Vec<u64>> = release.split('.').map(number).collect();
        let numbers = numbers?.try_into().ok()?;
        let words = |text: &str| text.split('.').map(part).collect::<Option<Vec<_>>>();
        words(build)?;
        let before = before.map_or_else(|| Some(Vec::new()), words)?;
        Some(Self { numbers, before })
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn part(text: &str) -> Option<Part> {
    if let Some(number) = number(text) {
        return Some(Part::Number(number));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let word = (1..=64).contains(&text.len()) && text.bytes().all(plain);
    word.then(|| Part::Word(text.to_owned()))
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let released = self.before.is_empty().cmp(&other.before.is_empty());
        let before = released.then_with(|| self.before.cmp(&other.before));
        self.numbers.cmp(&other.numbers).then(before)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_the_standard_orders_them() {
        let ordered = [
            "0.9.9",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.9",
            "1.0.10",
            "1.2.0",
            "10.0.0",
        ];
        let parsed: Vec<_> = ordered
            .iter()
            .map(|text| Version::parse(text).unwrap())
            .collect();
        assert!(parsed.is_sorted_by(|one, next| one < next));
        assert_eq!(Version::parse("1.0.0+5"), Version::parse("1.0.0"));
    }

    #[test]
    fn what_is_no_version_is_none() {
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "v1.2.3",
            "1.2.x",
            "1.2.3-",
            "1.2.3-a/b",
            "../1.2.3",
        ] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
