// SPDX-License-Identifier: MIT OR Apache-2.0
//! Building data objects into locked memory.

use super::{BYTES_MAX, DEPTH_MAX, Tag};
use crate::secret::SecretBytes;
use std::fmt;

/// Why an object could not be added. What was there before stays.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// No room for it.
    #[error("data objects would be longer than {BYTES_MAX} bytes")]
    Full,
    /// Objects cannot lie in a primitive one.
    #[error("tag {0} is primitive and holds no other objects")]
    Primitive(Tag),
    /// Deeper than [`DEPTH_MAX`].
    #[error("data objects would lie deeper than {DEPTH_MAX} inside each other")]
    TooDeep,
}

/// Data objects, one behind the other.
pub struct TlvBuilder {
    bytes: SecretBytes,
    length: usize,
    /// How deep this one lies in others.
    depth: usize,
}

impl Default for TlvBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl TlvBuilder {
    /// Without any object.
    pub fn new() -> Self {
        Self::at_depth(1)
    }

    /// Adds an object with this value.
    ///
    /// # Errors
    /// [`BuildError::Full`].
    pub fn push(&mut self, tag: Tag, value: &[u8]) -> Result<&mut Self, BuildError> {
        let (head, head_length) = head(tag, value.len()).ok_or(BuildError::Full)?;
        let head = &head[..head_length];
        let end = self.length + head.len() + value.len();
        let space = self.bytes.bytes_mut().get_mut(self.length..end);
        let (at_head, at_value) = space.ok_or(BuildError::Full)?.split_at_mut(head.len());
        at_head.copy_from_slice(head);
        at_value.copy_from_slice(value);
        self.length = end;
        Ok(self)
    }

    /// Adds an object that holds what `inside` adds.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn nest(
        &mut self,
        tag: Tag,
        inside: impl FnOnce(&mut Self) -> Result<(), BuildError>,
    ) -> Result<&mut Self, BuildError> {
        if !tag.is_constructed() {
            return Err(BuildError::Primitive(tag));
        }
        if self.depth == DEPTH_MAX {
            return Err(BuildError::TooDeep);
        }
        let mut inner = Self::at_depth(self.depth + 1);
        inside(&mut inner)?;
        self.push(tag, inner.bytes())
    }

    /// What was added so far, in clear.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes.bytes()[..self.length]
    }

    /// What was added.
    pub fn finish(self) -> SecretBytes {
        self.bytes.shortened(self.length)
    }

    fn at_depth(depth: usize) -> Self {
        Self {
            bytes: SecretBytes::zeroed(BYTES_MAX),
            length: 0,
            depth,
        }
    }
}

impl fmt::Debug for TlvBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlvBuilder[{} bytes]", self.length)
    }
}

/// Tag and length of an object, and how many bytes they take.
fn head(tag: Tag, length: usize) -> Option<([u8; 8], usize)> {
    let mut head = [0; 8];
    let (tag, skipped) = tag.bytes();
    let tag = &tag[skipped..];
    head[..tag.len()].copy_from_slice(tag);
    let [high, low] = u16::try_from(length).ok()?.to_be_bytes();
    let length: &[u8] = match (high, low) {
        (0, 0..=0x7F) => &[low],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    let end = tag.len() + length.len();
    head[tag.len()..end].copy_from_slice(length);
    Some((head, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emv::{find, walk};

    #[test]
    fn what_is_built_is_read_again() {
        let mut builder = TlvBuilder::new();
        builder
            .push(Tag::AIP, &[0x39, 0])
            .unwrap()
            .nest(Tag::READ_RECORD_TEMPLATE, |record| {
                record.push(Tag::PAN, &[0x41; 8])?;
                record.push(Tag::ISSUER_PUBLIC_KEY_CERTIFICATE, &[7; 200])?;
                Ok(())
            })
            .unwrap()
            .push(Tag::CRYPTOGRAM, &[9; 300])
            .unwrap();
        assert_eq!(builder.bytes()[..4], [0x82, 2, 0x39, 0]);
        assert_eq!(builder.bytes()[4..8], [0x70, 0x81, 213, 0x5A]);
        let bytes = builder.finish();
        assert_eq!(walk(bytes.bytes()).count(), 5);
        assert_eq!(find(bytes.bytes(), Tag::PAN), Ok(Some(&[0x41; 8][..])));
        let cryptogram = find(bytes.bytes(), Tag::CRYPTOGRAM).unwrap();
        assert_eq!(cryptogram, Some(&[9; 300][..]));
    }

    #[test]
    fn what_does_not_fit_leaves_the_rest() {
        let mut builder = TlvBuilder::new();
        builder.push(Tag::AIP, &[1, 2]).unwrap();
        let full = builder.push(Tag::CRYPTOGRAM, &[0; BYTES_MAX]);
        assert_eq!(full.unwrap_err(), BuildError::Full);
        let long = vec![0; usize::from(u16::MAX) + 1];
        assert_eq!(builder.push(Tag::AIP, &long).unwrap_err(), BuildError::Full);
        assert_eq!(builder.finish().bytes(), [0x82, 2, 1, 2]);
    }

    #[test]
    fn only_templates_hold_objects_and_not_without_end() {
        let mut builder = TlvBuilder::new();
        let wrong = builder.nest(Tag::PAN, |_| Ok(())).unwrap_err();
        assert_eq!(wrong, BuildError::Primitive(Tag::PAN));
        fn deeper(builder: &mut TlvBuilder) -> Result<(), BuildError> {
            builder.nest(Tag::READ_RECORD_TEMPLATE, deeper).map(drop)
        }
        assert_eq!(deeper(&mut builder), Err(BuildError::TooDeep));
        assert_eq!(builder.bytes(), b"");
    }

    #[test]
    fn debug_shows_a_length() {
        let mut builder = TlvBuilder::default();
        builder.push(Tag::PAN, &[0x41; 8]).unwrap();
        assert_eq!(format!("{builder:?}"), "TlvBuilder[10 bytes]");
    }
}
