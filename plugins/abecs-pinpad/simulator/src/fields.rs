// SPDX-License-Identifier: MIT OR Apache-2.0
//! The application layer: commands of blocks, the objects in them, and answers.

use crate::digits::number;
use crate::status::Status;

/// Longest block.
const BLOCK_BYTES_MAX: usize = 999;

/// Letters of a command.
pub(crate) type Name = [u8; 3];

/// A command with its blocks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Command {
    pub(crate) name: Name,
    blocks: Vec<Vec<u8>>,
}

impl Command {
    /// What a packet asks; where its blocks are none, whose they are as far as that can be told.
    pub(crate) fn read(packet: &[u8]) -> Result<Self, Option<Name>> {
        let (name, mut rest) = packet.split_first_chunk().ok_or(None)?;
        let malformed = Some(*name);
        let mut blocks = Vec::new();
        while !rest.is_empty() {
            let (length, behind) = rest.split_at_checked(3).ok_or(malformed)?;
            let length = number(length).and_then(|length| usize::try_from(length).ok());
            let block = behind.split_at_checked(length.ok_or(malformed)?);
            let (block, behind) = block.ok_or(malformed)?;
            blocks.push(block.to_vec());
            rest = behind;
        }
        Ok(Self {
            name: *name,
            blocks,
        })
    }

    /// Its first block; nothing where it has none.
    pub(crate) fn block(&self) -> &[u8] {
        self.blocks.first().map_or(&[], Vec::as_slice)
    }

    /// The objects in its blocks; none lies in two.
    pub(crate) fn objects(&self) -> Result<Objects, Status> {
        let mut objects = Vec::new();
        for block in &self.blocks {
            let mut rest = block.as_slice();
            while !rest.is_empty() {
                let (head, behind) = rest.split_first_chunk().ok_or(Status::INVALID_PARAMETER)?;
                let [id, kind, long, short] = *head;
                let length = usize::from(u16::from_be_bytes([long, short]));
                let value = behind.split_at_checked(length);
                let (value, behind) = value.ok_or(Status::INVALID_PARAMETER)?;
                objects.push((u16::from_be_bytes([id, kind]), value.to_vec()));
                rest = behind;
            }
        }
        Ok(Objects(objects))
    }
}

/// What is in a command, by name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Objects(Vec<(u16, Vec<u8>)>);

impl Objects {
    /// The first of that name.
    pub(crate) fn find(&self, id: u16) -> Option<&[u8]> {
        self.all(id).next()
    }

    /// Each of that name.
    pub(crate) fn all(&self, id: u16) -> impl Iterator<Item = &[u8]> {
        let of_name = self.0.iter().filter(move |(name, _)| *name == id);
        of_name.map(|(_, value)| value.as_slice())
    }

    /// One that must be there.
    pub(crate) fn need(&self, id: u16) -> Result<&[u8], Status> {
        self.find(id).ok_or(Status::MANDATORY)
    }

    /// So many ASCII digits.
    pub(crate) fn digits(&self, id: u16, count: usize) -> Result<Option<&[u8]>, Status> {
        let Some(value) = self.find(id) else {
            return Ok(None);
        };
        match value.len() == count && value.iter().all(u8::is_ascii_digit) {
            true => Ok(Some(value)),
            false => Err(Status::INVALID_PARAMETER),
        }
    }

    /// The number that so many ASCII digits spell.
    pub(crate) fn number(&self, id: u16, count: usize) -> Result<Option<u64>, Status> {
        Ok(self.digits(id, count)?.and_then(number))
    }

    /// One byte.
    pub(crate) fn byte(&self, id: u16) -> Result<Option<u8>, Status> {
        match self.find(id) {
            None => Ok(None),
            Some([byte]) => Ok(Some(*byte)),
            Some(_) => Err(Status::INVALID_PARAMETER),
        }
    }
}

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Reply {
    name: Name,
    status: Status,
    blocks: Vec<Vec<u8>>,
}

impl Reply {
    /// Nothing but how it went.
    pub(crate) fn of(name: Name, status: Status) -> Self {
        Self {
            name,
            status,
            blocks: Vec::new(),
        }
    }

    /// That it went well.
    pub(crate) fn ok(name: Name) -> Self {
        Self::of(name, Status::OK)
    }

    /// A block behind the others.
    pub(crate) fn block(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        let mut bytes = bytes.into();
        bytes.truncate(BLOCK_BYTES_MAX);
        self.blocks.push(bytes);
        self
    }

    /// An object, in the last block as long as it fits there.
    pub(crate) fn object(mut self, id: u16, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        let value = &value[..value.len().min(BLOCK_BYTES_MAX - 4)];
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        let object = [&id.to_be_bytes()[..], &length.to_be_bytes(), value].concat();
        match self.blocks.last_mut() {
            Some(last) if last.len() + object.len() <= BLOCK_BYTES_MAX => last.extend(object),
            _ => self.blocks.push(object),
        }
        self
    }

    /// An object that there may be.
    pub(crate) fn maybe(self, id: u16, value: Option<impl AsRef<[u8]>>) -> Self {
        match value {
            Some(value) => self.object(id, value),
            None => self,
        }
    }

    pub(crate) fn name(&self) -> Name {
        self.name
    }

    /// Without what it says.
    pub(crate) fn summary(&self) -> String {
        let name = String::from_utf8_lossy(&self.name);
        format!("{name} {:03}", self.status.0)
    }

    /// As a packet says it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.name.to_vec();
        bytes.extend(format!("{:03}", self.status.0).bytes());
        for block in &self.blocks {
            bytes.extend(format!("{:03}", block.len()).bytes());
            bytes.extend(block);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_whole_or_the_command_is_malformed() {
        let command = Command::read(b"XYZ003abc000").unwrap();
        assert_eq!(command.block(), b"abc");
        assert_eq!(Command::read(b"XYZ").unwrap().block(), b"");
        for packet in [&b"XYZ00"[..], b"XYZ004abc", b"XYZ-01a", b"XYZ003abcd"] {
            assert_eq!(Command::read(packet), Err(Some(*b"XYZ")), "{packet:?}");
        }
        assert_eq!(Command::read(b"XY"), Err(None));
    }

    #[test]
    fn objects_lie_in_any_block_and_never_in_two() {
        let command = Command::read(b"XYZ006\x00\x09\x00\x0208005\x00\x0c\x00\x01\x1e").unwrap();
        let objects = command.objects().unwrap();
        assert_eq!(objects.number(0x0009, 2), Ok(Some(8)));
        assert_eq!(objects.byte(0x000C), Ok(Some(30)));
        assert_eq!(objects.digits(0x0009, 3), Err(Status::INVALID_PARAMETER));
        assert_eq!(objects.byte(0x0009), Err(Status::INVALID_PARAMETER));
        assert_eq!(objects.need(0x0001), Err(Status::MANDATORY));
        let cut = Command::read(b"XYZ005\x00\x09\x00\x020").unwrap();
        assert_eq!(cut.objects(), Err(Status::INVALID_PARAMETER));
    }

    #[test]
    fn an_answer_begins_a_block_where_an_object_does_not_fit() {
        let reply = Reply::ok(*b"XYZ")
            .object(0x8044, [1; 900])
            .object(0x8045, [2; 95])
            .object(0x8046, [3; 95]);
        let bytes = reply.bytes();
        assert_eq!(bytes[6..9], *b"904");
        assert_eq!(bytes[9 + 904..][..3], *b"198");
        assert_eq!(Reply::of(*b"XYZ", Status(13)).bytes(), b"XYZ013");
    }
}
