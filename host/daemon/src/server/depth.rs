// SPDX-License-Identifier: MIT OR Apache-2.0
//! How deep a message is nested, told without parsing it.
//!
//! One pass without memory of its own, so that a message made of brackets alone costs no stack and
//! no time. It judges nothing else: what is no JSON is the parser's to refuse.

/// Whether objects and lists are within each other deeper than this.
pub(super) fn exceeds(text: &str, bound: usize) -> bool {
    let mut depth = 0_usize;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' if depth == bound => return true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    false
}

fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn brackets_count_and_those_in_strings_do_not() {
        for (text, depth) in [
            ("1", 0),
            ("{}", 1),
            ("[[],[]]", 2),
            (r#"{"a":[{"b":[]}]}"#, 4),
            (r#"{"[[[[":"{{{{","\"[":"\\"}"#, 1),
            (r#"["\\",["\"[["]]"#, 2),
            ("]]]][", 1),
        ] {
            assert!(!exceeds(text, depth), "{text}");
            assert!(depth == 0 || exceeds(text, depth - 1), "{text}");
        }
    }

    #[test]
    fn a_hundred_thousand_brackets_cost_nothing() {
        for one in ["[", "{\"a\":", "[{\"\":["] {
            assert!(exceeds(&one.repeat(100_000), 32));
        }
        assert!(!exceeds(&"\"[[[[\",".repeat(20_000), 32));
    }

    fn nested() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![Just(serde_json::Value::Null), ".*".prop_map(Into::into)];
        leaf.prop_recursive(6, 64, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::vec((".{0,8}", inner), 0..4)
                    .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    fn depth(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Array(all) => 1 + all.iter().map(depth).max().unwrap_or(0),
            serde_json::Value::Object(all) => 1 + all.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn it_is_the_depth_of_what_a_parser_reads(value in nested()) {
            let (text, depth) = (value.to_string(), depth(&value));
            prop_assert!(!exceeds(&text, depth));
            prop_assert!(depth == 0 || exceeds(&text, depth - 1));
        }
    }
}
