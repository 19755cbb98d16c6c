// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages: three letters, in an answer a status, then blocks with a length in front.
//!
//! Owns how fields lie in blocks. Must never believe a length that the bytes do not have.

use super::limits::BLOCK_MAX;
use super::status::Status;
use super::wire::{Field, WireError, digits, number};

/// A block with its length in front.
pub(crate) fn block(content: &[u8]) -> Result<Vec<u8>, WireError> {
    if content.len() > BLOCK_MAX {
        return Err(WireError::TooLong("block"));
    }
    let mut bytes = digits(content.len() as u64, 3, "block")?;
    bytes.extend(content);
    Ok(bytes)
}

/// Writes tagged fields into as few blocks as their order allows. No field lies across two.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    done: Vec<u8>,
    open: Vec<u8>,
}

impl Writer {
    /// Adds a field.
    pub(crate) fn put(&mut self, field: &Field, value: &[u8]) -> Result<&mut Self, WireError> {
        field.check(value)?;
        let length = u16::try_from(value.len()).map_err(|_| WireError::TooLong(field.name))?;
        if self.open.len() + 4 + value.len() > BLOCK_MAX {
            self.close()?;
        }
        self.open.extend(field.id.to_be_bytes());
        self.open.extend(length.to_be_bytes());
        self.open.extend(value);
        Ok(self)
    }

    /// Adds a field that may be left out.
    pub(crate) fn put_some(
        &mut self,
        field: &Field,
        value: Option<impl AsRef<[u8]>>,
    ) -> Result<&mut Self, WireError> {
        match value {
            Some(value) => self.put(field, value.as_ref()),
            None => Ok(self),
        }
    }

    /// The blocks; none without fields.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, WireError> {
        self.close()?;
        Ok(self.done)
    }

    fn close(&mut self) -> Result<(), WireError> {
        if !self.open.is_empty() {
            self.done.extend(block(&self.open)?);
            self.open.clear();
        }
        Ok(())
    }
}

/// The contents of the blocks that `bytes` are.
pub(crate) fn split(bytes: &[u8]) -> Result<Vec<&[u8]>, WireError> {
    let mut blocks = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (head, after) = rest
            .split_at_checked(3)
            .ok_or(WireError::Malformed("block"))?;
        let length = usize::try_from(number(head, "block")?).unwrap_or(usize::MAX);
        let (content, after) = after
            .split_at_checked(length)
            .ok_or(WireError::Malformed("block"))?;
        blocks.push(content);
        rest = after;
    }
    Ok(blocks)
}

/// The one block that `bytes` are.
pub(crate) fn only(bytes: &[u8]) -> Result<&[u8], WireError> {
    match split(bytes)?[..] {
        [content] => Ok(content),
        _ => Err(WireError::Malformed("block")),
    }
}

/// Nothing but empty blocks.
pub(crate) fn nothing(bytes: &[u8]) -> Result<(), WireError> {
    match split(bytes)?.iter().all(|content| content.is_empty()) {
        true => Ok(()),
        false => Err(WireError::Malformed("answer")),
    }
}

/// Tagged fields of an answer, in their order.
pub(crate) struct Fields<'a> {
    found: Vec<(u16, &'a [u8])>,
}

impl<'a> Fields<'a> {
    /// The fields in these blocks.
    pub(crate) fn read(blocks: &'a [u8]) -> Result<Self, WireError> {
        let mut found = Vec::new();
        for content in split(blocks)? {
            let mut rest = content;
            while let Some((head, after)) = rest.split_first_chunk::<4>() {
                let &[high, low, long, short] = head;
                let length = usize::from(u16::from_be_bytes([long, short]));
                let (value, after) = after
                    .split_at_checked(length)
                    .ok_or(WireError::Malformed("field"))?;
                found.push((u16::from_be_bytes([high, low]), value));
                rest = after;
            }
            if !rest.is_empty() {
                return Err(WireError::Malformed("field"));
            }
        }
        Ok(Self { found })
    }

    /// The field's value, if it is there.
    pub(crate) fn one(&self, field: &Field) -> Result<Option<&'a [u8]>, WireError> {
        let mut all = self.found.iter().filter(|(id, _)| *id == field.id);
        let first = all.next().map(|&(_, value)| value);
        if all.next().is_some() {
            return Err(WireError::Twice(field.name));
        }
        first.map(|value| field.check(value)).transpose()?;
        Ok(first)
    }

    /// The field's value, without which the answer is none.
    pub(crate) fn needed(&self, field: &Field) -> Result<&'a [u8], WireError> {
        self.one(field)?.ok_or(WireError::Missing(field.name))
    }

    /// The field's bytes, if it is there.
    pub(crate) fn bytes(&self, field: &Field) -> Result<Option<Vec<u8>>, WireError> {
        Ok(self.one(field)?.map(<[u8]>::to_vec))
    }

    /// The field's text, without the spaces that fill it up.
    pub(crate) fn text(&self, field: &Field) -> Result<Option<String>, WireError> {
        let text = |value: &[u8]| super::wire::from_latin(value).trim_end().to_owned();
        Ok(self.one(field)?.map(text))
    }

    /// The field's number, if it is there.
    pub(crate) fn number(&self, field: &Field) -> Result<Option<u64>, WireError> {
        let value = self.one(field)?;
        value.map(|value| number(value, field.name)).transpose()
    }

    /// So many bytes, if the field is there.
    pub(crate) fn array<const N: usize>(
        &self,
        field: &Field,
    ) -> Result<Option<[u8; N]>, WireError> {
        let exactly = |value: &[u8]| {
            let array = <[u8; N]>::try_from(value);
            array.map_err(|_| WireError::Malformed(field.name))
        };
        self.one(field)?.map(exactly).transpose()
    }
}

/// An answer: whose, how it went, and its blocks.
pub(crate) struct Reply<'a> {
    pub(crate) id: [u8; 3],
    pub(crate) status: Status,
    pub(crate) blocks: &'a [u8],
}

impl<'a> Reply<'a> {
    pub(crate) fn read(packet: &'a [u8]) -> Result<Self, WireError> {
        let malformed = WireError::Malformed("answer");
        let (id, rest) = packet.split_first_chunk::<3>().ok_or(malformed.clone())?;
        let (code, blocks) = rest.split_first_chunk::<3>().ok_or(malformed.clone())?;
        if !id.iter().all(u8::is_ascii_uppercase) {
            return Err(malformed);
        }
        let code = u16::try_from(number(code, "status")?).map_err(|_| malformed)?;
        Ok(Self {
            id: *id,
            status: Status::new(code),
            blocks,
        })
    }
}

/// Takes fixed positions off a block, from the left.
pub(crate) struct Positions<'a> {
    rest: &'a [u8],
    name: &'static str,
}

impl<'a> Positions<'a> {
    /// Of a block; `name` is what an error names.
    pub(crate) fn of(content: &'a [u8], name: &'static str) -> Self {
        Self {
            rest: content,
            name,
        }
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let parts = self.rest.split_at_checked(count);
        let (taken, rest) = parts.ok_or(WireError::Malformed(self.name))?;
        self.rest = rest;
        Ok(taken)
    }

    /// The number that the next `count` digits are.
    pub(crate) fn number(&mut self, count: usize) -> Result<u64, WireError> {
        let name = self.name;
        number(self.take(count)?, name)
    }

    /// The text of the next `count` bytes, without the spaces that fill it up.
    pub(crate) fn text(&mut self, count: usize) -> Result<String, WireError> {
        let taken = self.take(count)?;
        Ok(super::wire::from_latin(taken).trim_end().to_owned())
    }

    /// So many bytes, as twice as many digits.
    pub(crate) fn unhex(&mut self, bytes: usize) -> Result<Vec<u8>, WireError> {
        let name = self.name;
        super::wire::unhex(self.take(bytes * 2)?, name)
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), WireError> {
        match self.rest.is_empty() {
            true => Ok(()),
            false => Err(WireError::Malformed(self.name)),
        }
    }
}
