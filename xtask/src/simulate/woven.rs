// SPDX-License-Identifier: MIT OR Apache-2.0
//! One source file with many mutations in it, of which one or none is on while it runs: each
//! function that any of them breaks has its body once for each, and once as it is.

use super::mutation::Mutation;
use crate::tidy::functions;
use crate::tidy::lexer::{Rust, has_word};
use std::ops::Range;

/// Names the mutation that is on, for a process that was built with them.
pub(crate) const VARIABLE: &str = "PAYHAL_MUTATION";

/// What such a process says when a function runs for the first time as the mutation has it.
pub(crate) const REACHED: &str = "the mutation was reached";

/// Stands at the end of each crate's root.
pub(crate) fn chooser() -> String {
    format!(
        r#"
mod mutated {{
    pub(crate) fn is(name: &str) -> bool {{
        static ON: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
        static REACHED: std::sync::Once = std::sync::Once::new();
        let on = ON.get_or_init(|| std::env::var("{VARIABLE}").ok());
        if on.as_deref() != Some(name) {{
            return false;
        }}
        REACHED.call_once(|| {{
            let _ = std::io::Write::write_all(&mut std::io::stderr(), b"{REACHED}\n");
        }});
        true
    }}
}}
"#
    )
}

#[derive(Debug, Default)]
pub(crate) struct Woven {
    pub(crate) text: String,
    /// Lines, from 1, and whose they are.
    places: Vec<(Range<usize>, Vec<String>)>,
}

impl Woven {
    /// The file with mutations that all fit.
    pub(crate) fn new(source: &str, mutations: &[&Mutation]) -> Result<Self, String> {
        let mut woven = Self::default();
        let mut done = 0;
        for (body, within) in by_body(source, mutations)? {
            woven.text.push_str(&source[done..body.start]);
            woven.text.push_str("{ ");
            for mutation in &within {
                let place = mutation.place(source)?;
                let before = &source[body.start..place.start];
                let after = &source[place.end..body.end];
                let mutated = [before, &mutation.replace, after].concat();
                let chosen = format!("if crate::mutated::is({:?}) ", mutation.name);
                woven.text.push_str(&chosen);
                woven.push_body(&mutated, &[mutation]);
                woven.text.push_str("\nelse ");
            }
            woven.push_body(&source[body.clone()], &within);
            woven.text.push_str(" }");
            done = body.end;
        }
        woven.text.push_str(&source[done..]);
        Ok(woven)
    }

    fn push_body(&mut self, body: &str, of: &[&Mutation]) {
        let first = self.text.matches('\n').count() + 1;
        self.text.push_str(body);
        let lines = first..self.text.matches('\n').count() + 2;
        let names = of.iter().map(|mutation| mutation.name.clone());
        self.places.push((lines, names.collect()));
    }

    /// The mutations that stand on this line.
    pub(crate) fn at(&self, line: usize) -> impl Iterator<Item = &String> {
        let there = move |(lines, _): &&(Range<usize>, _)| lines.contains(&line);
        self.places.iter().filter(there).flat_map(|(_, of)| of)
    }
}

/// Whether a mutation can be chosen while the program runs, or why not.
pub(crate) fn fits(source: &str, mutation: &Mutation) -> Result<(), String> {
    body(source, mutation).map(|_| ())
}

/// The innermost body that the mutation stands in.
fn body(source: &str, mutation: &Mutation) -> Result<Range<usize>, String> {
    let place = mutation.place(source)?;
    let rust = Rust::new(&mutation.file, source);
    let functions = functions::of(&rust.code);
    let around = functions
        .iter()
        .rfind(|function| function.body.start < place.start && place.end < function.body.end);
    let function = around.ok_or("it stands in no function's body")?;
    if function.is_const {
        return Err(format!("`{}` runs when it is compiled", function.name));
    }
    let answer = function.signature.split_once("->").unwrap_or_default().1;
    if has_word(answer, "impl") {
        return Err(format!("what `{}` returns has no name", function.name));
    }
    Ok(function.body.clone())
}

type Bodies<'a> = Vec<(Range<usize>, Vec<&'a Mutation>)>;

/// The bodies to be written anew, in order, none within another.
fn by_body<'a>(source: &str, mutations: &[&'a Mutation]) -> Result<Bodies<'a>, String> {
    let mut found = Vec::new();
    for mutation in mutations {
        found.push((body(source, mutation)?, *mutation));
    }
    found.sort_by_key(|(body, _)| body.start);
    let mut bodies: Bodies<'_> = Vec::new();
    for (body, mutation) in found {
        match bodies.last_mut() {
            Some((outer, within)) if body.start < outer.end => within.push(mutation),
            _ => bodies.push((body, vec![mutation])),
        }
    }
    Ok(bodies)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutation(name: &str, find: &str, replace: &str) -> Mutation {
        let text = format!(
            "title = \"t\"\nbreaks = \"1\"\nfile = \"host/engine/src/a.rs\"\n\
             find = {find:?}\nreplace = {replace:?}\n"
        );
        Mutation::parse(name, &text).unwrap()
    }

    fn woven(source: &str, mutations: &[Mutation]) -> String {
        let all: Vec<&Mutation> = mutations.iter().collect();
        Woven::new(source, &all).unwrap().text
    }

    #[test]
    fn a_body_stands_once_for_each_mutation_and_once_as_it_is() {
        let source = "fn a() -> u8 { one() + two() }\nfn b() { one }\n";
        let all = [mutation("x", "one()", "1"), mutation("y", "two()", "2")];
        assert_eq!(
            woven(source, &all),
            "fn a() -> u8 { if crate::mutated::is(\"x\") { 1 + two() }\n\
             else if crate::mutated::is(\"y\") { one() + 2 }\n\
             else { one() + two() } }\nfn b() { one }\n"
        );
        assert_eq!(woven(source, &[]), source);
    }

    #[test]
    fn a_body_within_a_body_is_the_outer_ones_if_both_are_broken() {
        let source = "fn a() { fn b() { x(\"}\") } || { y } }";
        assert_eq!(
            woven(source, &[mutation("x", "x(", "z(")]),
            "fn a() { fn b() { if crate::mutated::is(\"x\") { z(\"}\") }\n\
             else { x(\"}\") } } || { y } }"
        );
        assert_eq!(
            woven(
                source,
                &[mutation("x", "x(", "z("), mutation("y", "y", "w")]
            ),
            "fn a() { if crate::mutated::is(\"y\") { fn b() { x(\"}\") } || { w } }\n\
             else if crate::mutated::is(\"x\") { fn b() { z(\"}\") } || { y } }\n\
             else { fn b() { x(\"}\") } || { y } } }"
        );
    }

    #[test]
    fn what_is_no_bodys_is_built_alone() {
        let fits = |source: &str| fits(source, &mutation("x", "one", "two"));
        assert!(fits("fn a<T>(x: &'static str) -> u8 where T: Fn() -> u8 { '{'; one }").is_ok());
        assert!(fits("fn a(x: impl Fn()) -> u8 { one }").is_ok());
        assert!(fits("const A: &str = \"one\";").is_err());
        assert!(fits("fn a() -> u8 where one: X { 1 }").is_err());
        assert!(fits("const fn a() { one }").is_err());
        assert!(fits("fn a() -> Option<impl Fn()> { one }").is_err());
        assert!(fits("fn a() { one one }").is_err());
    }

    #[test]
    fn a_line_tells_whose_it_is() {
        let source = "use x;\nfn a() {\n    one();\n    two();\n}\nfn b() {}\n";
        let all = [mutation("x", "one", "1"), mutation("y", "two", "2")];
        let woven = Woven::new(source, &[&all[0], &all[1]]).unwrap();
        let at = |needle: &str| {
            let at = woven.text.find(needle).unwrap();
            let line = woven.text[..at].matches('\n').count() + 1;
            woven.at(line).cloned().collect::<Vec<_>>()
        };
        assert_eq!(at("1()"), ["x"]);
        assert_eq!(at("2()"), ["y"]);
        assert_eq!(at("one();\n    two();"), ["x", "y"]);
        assert!(at("fn b").is_empty() && at("use x").is_empty());
    }
}
