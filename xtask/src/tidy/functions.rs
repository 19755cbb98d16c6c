// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the functions of Rust code whose comments and strings were blanked.

use std::ops::Range;

use super::lexer::{braces_end, has_word, is_word};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function<'a> {
    /// The line it starts on, from 1.
    pub(crate) line: usize,
    pub(crate) name: &'a str,
    pub(crate) is_const: bool,
    /// What stands between its name and its body.
    pub(crate) signature: &'a str,
    /// Its body in bytes, with both braces.
    pub(crate) body: Range<usize>,
}

/// Every function with a body, in the order they begin; one may lie in another.
pub(crate) fn of(code: &str) -> Vec<Function<'_>> {
    code.match_indices("fn ")
        .filter_map(|(at, _)| function(code, at))
        .collect()
}

fn function(code: &str, at: usize) -> Option<Function<'_>> {
    let before = &code[..at];
    if before.chars().next_back().is_some_and(is_word) {
        return None;
    }
    let start = at + "fn ".len();
    let rest = &code[start..];
    let name = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
    let open = body(rest).filter(|_| !name.is_empty())?;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Some(Function {
        line: before.matches('\n').count() + 1,
        name,
        is_const: has_word(&before[line_start..], "const"),
        signature: &rest[name.len()..open],
        body: start + open..start + open + braces_end(&rest[open..]),
    })
}

/// Where the body opens, unless the signature ends with a semicolon first.
fn body(signature: &str) -> Option<usize> {
    let mut brackets = 0_i32;
    for (at, character) in signature.char_indices() {
        match character {
            '[' | '(' => brackets += 1,
            ']' | ')' => brackets -= 1,
            '{' if brackets == 0 => return Some(at),
            ';' if brackets == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::lexer::Rust;
    use super::*;

    /// Name and body of each.
    fn found(text: &str) -> Vec<(String, String)> {
        let rust = Rust::new("a.rs", text);
        of(&rust.code)
            .into_iter()
            .map(|function| (function.name.to_owned(), text[function.body].to_owned()))
            .collect()
    }

    fn pair(name: &str, body: &str) -> (String, String) {
        (name.to_owned(), body.to_owned())
    }

    #[test]
    fn bodies_end_where_their_braces_do() {
        let text = "fn a<'x, T: Fn() -> u8>(c: &'x T, n: [u8; 2]) -> u8\nwhere\n    T: Send,\n\
                    {\n    let _ = ('{', \"}\", r#\"}\"#, b'}'); // }\n    c() /* ü } */\n}\n\
                    fn b() { let f = |x: u8| { x }; f(1); }\n";
        let open = text.find("{\n").unwrap();
        let close = text.find("\nfn b").unwrap();
        assert_eq!(
            found(text),
            [
                pair("a", &text[open..close]),
                pair("b", "{ let f = |x: u8| { x }; f(1); }"),
            ]
        );
    }

    #[test]
    fn one_may_lie_in_another() {
        let text = "fn a() { fn b() { c() } b() }";
        assert_eq!(
            found(text),
            [pair("a", "{ fn b() { c() } b() }"), pair("b", "{ c() }")]
        );
    }

    #[test]
    fn a_type_and_a_mere_signature_have_no_body() {
        let text = "trait A { fn a(&self) -> u8; }\nstruct B { f: fn(u8) -> u8 }\nlet my_fn = 1;";
        assert_eq!(found(text), []);
    }

    #[test]
    fn what_runs_at_compile_time_is_told() {
        let code = "pub const fn a() {}\nfn b<const N: usize>() {}\n";
        let functions = of(code);
        assert!(functions[0].is_const && !functions[1].is_const);
        assert_eq!(functions[1].signature, "<const N: usize>() ");
    }
}
