// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages of version 3: a tag of two characters, a length of three digits, a value.

/// Longest message that is listened to.
pub(crate) const MESSAGE_BYTES_MAX: usize = 4096;

/// A message in the order of its fields.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Message {
    fields: Vec<(String, Vec<u8>)>,
}

/// What came so far.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Read {
    /// It ends with a field; more may follow.
    Whole(Message),
    /// A field is not complete.
    Part,
    /// It can never become a message.
    Wrong,
}

impl Message {
    pub(crate) fn read(mut bytes: &[u8]) -> Read {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Read::Wrong;
        }
        let mut message = Self::default();
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_at(bytes.len().min(5));
            let (tag, length) = head.split_at(head.len().min(2));
            let is_tag = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            if !tag.iter().all(is_tag) || !length.iter().all(u8::is_ascii_digit) {
                return Read::Wrong;
            }
            if head.len() < 5 {
                return Read::Part;
            }
            let digits = length.iter().map(|digit| usize::from(digit - b'0'));
            let length = digits.fold(0, |sum, digit| sum * 10 + digit);
            let Some((value, rest)) = rest.split_at_checked(length) else {
                return Read::Part;
            };
            message.put(&String::from_utf8_lossy(tag), value);
            bytes = rest;
        }
        Read::Whole(message)
    }

    /// A field's text; `None` where it is not there or no text.
    pub(crate) fn text(&self, tag: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(name, _)| name == tag);
        field.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// Sets a field, in its old place where it has one.
    pub(crate) fn put(&mut self, tag: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref().to_vec();
        match self.fields.iter_mut().find(|(name, _)| name == tag) {
            Some((_, old)) => *old = value,
            None => self.fields.push((tag.to_owned(), value)),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (tag, value) in &self.fields {
            bytes.extend_from_slice(format!("{tag}{:03}", value.len()).as_bytes());
            bytes.extend_from_slice(value);
        }
        bytes
    }

    /// These fields, where they are there, as people read them.
    pub(crate) fn shown(&self, tags: &[&str]) -> String {
        let fields = tags.iter().filter_map(|tag| Some((tag, self.text(tag)?)));
        let fields: Vec<_> = fields.map(|(tag, text)| format!("{tag}={text}")).collect();
        fields.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by the client that a French integrator publishes.
    const REQUEST: &[u8] = b"CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978BA0010BF0010";

    #[test]
    fn a_published_request_is_read_and_written() {
        let Read::Whole(message) = Message::read(REQUEST) else {
            panic!("it is whole");
        };
        assert_eq!(message.text("CB"), Some("1250"));
        assert_eq!(message.text("CJ"), Some("012345678901"));
        assert_eq!(message.text("CF"), None);
        assert_eq!(message.bytes(), REQUEST);
        assert_eq!(message.shown(&["CD", "XX", "CE"]), "CD=0 CE=978");
    }

    #[test]
    fn every_beginning_of_it_is_a_part_or_ends_with_a_field() {
        let ends = [9, 26, 33, 42, 48, 56, 62, 68];
        for cut in 1..=REQUEST.len() {
            let whole = matches!(Message::read(&REQUEST[..cut]), Read::Whole(_));
            assert_eq!(whole, ends.contains(&cut), "{cut}");
        }
        for wrong in [&b"hello"[..], b"CZ0-", b"CZ00x", b"\x02", b"cz0040300"] {
            assert_eq!(Message::read(wrong), Read::Wrong);
        }
    }
}
