// SPDX-License-Identifier: MIT OR Apache-2.0
//! Separates Rust code from its comments and strings, so that rules look at what compiles.
//!
//! Knows tokens, not grammar: it never judges, and it never fails on text that does not compile.

/// Rust text with comments and the contents of strings blanked, byte by byte where it was.
#[derive(Debug)]
pub(crate) struct Rust {
    pub(crate) code: String,
    /// Each string literal: the line it starts on, and its text as written.
    pub(crate) strings: Vec<(usize, String)>,
    /// For each line, whether it is compiled for tests only.
    test_lines: Vec<bool>,
}

impl Rust {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let mut lexer = Lexer::new(text);
        lexer.all();
        let code = lexer.code;
        let test_lines = if is_test_file(path) {
            vec![true; code.lines().count()]
        } else {
            test_lines(&code)
        };
        Self {
            code,
            strings: lexer.strings,
            test_lines,
        }
    }

    /// The lines of code, numbered from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line))
    }

    /// The lines of code that ship.
    pub(crate) fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines().filter(|(at, _)| !self.is_test(*at))
    }

    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.test_lines.get(line - 1).copied().unwrap_or(false)
    }
}

fn is_test_file(path: &str) -> bool {
    path.split('/')
        .any(|part| part == "tests" || part == "tests.rs" || part == "benches")
}

struct Lexer<'a> {
    rest: &'a str,
    code: String,
    strings: Vec<(usize, String)>,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            code: String::with_capacity(text.len()),
            strings: Vec::new(),
            line: 1,
        }
    }

    fn all(&mut self) {
        while let Some(next) = self.rest.chars().next() {
            if self.rest.starts_with("//") {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.blank(end);
            } else if self.rest.starts_with("/*") {
                let end = block_comment(self.rest);
                self.blank(end);
            } else if let Some(open) = raw_string(self.rest) {
                self.raw(open);
            } else if next == '"' {
                self.quoted();
            } else if next == '\'' {
                self.character();
            } else if is_word(next) {
                let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
                self.keep(end);
            } else {
                self.keep(next.len_utf8());
            }
        }
    }

    fn keep(&mut self, bytes: usize) {
        let (kept, rest) = self.rest.split_at(bytes);
        self.line += kept.matches('\n').count();
        self.code.push_str(kept);
        self.rest = rest;
    }

    fn blank(&mut self, bytes: usize) {
        let (gone, rest) = self.rest.split_at(bytes);
        for byte in gone.bytes() {
            if byte == b'\n' {
                self.line += 1;
                self.code.push('\n');
            } else {
                self.code.push(' ');
            }
        }
        self.rest = rest;
    }

    /// `open` is the length of the opening and the number of its hashes.
    fn raw(&mut self, (open, hashes): (usize, usize)) {
        let close = format!("\"{}", "#".repeat(hashes));
        self.keep(open);
        let end = self.rest.find(&close).unwrap_or(self.rest.len());
        self.strings.push((self.line, self.rest[..end].to_owned()));
        self.blank(end);
        self.keep(close.len().min(self.rest.len()));
    }

    fn quoted(&mut self) {
        self.keep(1);
        let end = string_end(self.rest);
        self.strings.push((self.line, self.rest[..end].to_owned()));
        self.blank(end);
        self.keep(1.min(self.rest.len()));
    }

    /// A character, or the quote of a lifetime.
    fn character(&mut self) {
        let mut inside = self.rest[1..].chars();
        let first = inside.next();
        if first == Some('\\') {
            let end = self.rest[3.min(self.rest.len())..].find('\'');
            self.blank(end.map_or(self.rest.len(), |end| end + 4));
        } else if inside.next() == Some('\'') {
            self.blank(2 + first.map_or(0, char::len_utf8));
        } else {
            self.keep(1);
        }
    }
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<(usize, usize)> {
    let prefix = ["br", "cr", "r"]
        .into_iter()
        .find(|prefix| text.starts_with(prefix))?;
    let after = &text[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..]
        .starts_with('"')
        .then_some((prefix.len() + hashes + 1, hashes))
}

fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    text.len()
}

pub(crate) fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// Marks each item behind `#[cfg(test)]`.
fn test_lines(code: &str) -> Vec<bool> {
    let mut marked = vec![false; code.lines().count()];
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(") {
        let start = from + found;
        let condition = &code[start + "#[cfg(".len()..];
        let end = start + item_end(&code[start..]);
        if condition.starts_with("test)") || condition.starts_with("all(test") {
            let first = code[..start].matches('\n').count();
            let last = code[..end].matches('\n').count();
            let last = last.min(marked.len() - 1);
            marked[first..=last].fill(true);
            from = end;
        } else {
            from = start + 1;
        }
    }
    marked
}

/// Where the item ends whose attributes start here: behind its first `;` or its braces.
fn item_end(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth <= 1 => return at,
            '}' => depth -= 1,
            ';' if depth == 0 => return at,
            _ => {}
        }
    }
    code.len()
}

/// Whether `word` stands in a line of code as a whole path or identifier.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The byte just behind the brace that closes the first `{` of `code`.
pub(crate) fn braces_end(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked_and_places_stay() {
        let text = "let a = \"x // y\"; // unsafe é\n/* f32 /* nested */ */ let b = r#\"q\"q\"#;\n";
        let rust = Rust::new("a.rs", text);
        assert_eq!(rust.code.lines().count(), 2);
        assert_eq!(rust.code.len(), text.len());
        assert!(!rust.code.contains("unsafe") && !rust.code.contains("f32"));
        assert!(rust.code.contains("let b = r#\""));
        assert_eq!(
            rust.strings,
            vec![(1, "x // y".to_owned()), (2, "q\"q".to_owned())]
        );
    }

    #[test]
    fn a_quote_in_a_character_opens_no_string() {
        let rust = Rust::new("a.rs", "if c == '\"' || c == '\\'' { x::<'a>() } // end");
        assert!(rust.strings.is_empty());
        assert!(rust.code.contains("x::<'a>()"));
        assert!(!rust.code.contains("end"));
    }

    #[test]
    fn only_items_behind_cfg_test_are_test_lines() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { {} }\n}\nfn c() {}\n";
        let rust = Rust::new("a.rs", text);
        let marked: Vec<bool> = (1..=6).map(|line| rust.is_test(line)).collect();
        assert_eq!(marked, [false, true, true, true, true, false]);
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("use std::fs;", "std::fs"));
        assert!(!has_word("use std::fsync;", "std::fs"));
        assert!(!has_word("my_f32", "f32"));
    }
}
