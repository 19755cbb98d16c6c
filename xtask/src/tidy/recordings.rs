// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings of devices: whatever lies in the tree holds no card data, whoever made it.

use payhal_messages::recording::Recording;

use super::tree::{Finding, Tree};

/// Every `*.recording` is one, and the scrubber finds nothing in it. No finding repeats a byte.
pub(crate) fn hold_no_card_data(tree: &Tree) -> Vec<Finding> {
    let is_recording = |path: &str| path.ends_with(".recording");
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| is_recording(&file.path)) {
        match file.text.parse::<Recording>() {
            Err(why) => findings.push(file.finding(1, why.to_string())),
            Ok(recording) => {
                findings.extend(recording.card_data().into_iter().map(|(at, byte)| {
                    let at_us = recording.entries[at].at_us;
                    let entry = format!("\"at_us\":{at_us},");
                    let line = file.text.lines().position(|line| line.contains(&entry));
                    let message = format!("card data at byte {byte} of the entry at {at_us} us");
                    file.finding(line.map_or(1, |line| line + 1), message)
                }))
            }
        }
    }
    // One that is no text was not read, and cannot have been searched.
    let read = |path: &str| tree.files.iter().any(|file| file.path == path);
    let unread = tree
        .paths
        .iter()
        .filter(|path| is_recording(path) && !read(path));
    findings.extend(unread.map(|path| Finding {
        path: path.clone(),
        line: 1,
        message: "is no text, so it cannot be searched for card data".to_owned(),
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"recording":1,"plugin":"p","version":"1.0.0","instance":"i"}"#;

    fn findings(entries: &str) -> Vec<Finding> {
        let text = format!("{HEAD}\n{entries}");
        hold_no_card_data(&Tree::sample(&[("a/b.recording", &text), ("a/b.md", "x")]))
    }

    #[test]
    fn card_data_in_a_recording_is_found_and_not_repeated() {
        // "ok", then the first and the second half of a test number in ASCII.
        let entries = "{\"at_us\":1,\"port\":\"a\",\"from\":\"device\",\"hex\":\"6f6b\"}\n\
            {\"at_us\":2,\"port\":\"a\",\"from\":\"device\",\"hex\":\"203431313131313131\"}\n\
            {\"at_us\":3,\"port\":\"a\",\"from\":\"device\",\"hex\":\"3131313131313131310d\"}\n";
        let found = findings(entries);
        let lines: Vec<usize> = found.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [3, 4]);
        assert_eq!(found[0].message, "card data at byte 1 of the entry at 2 us");
    }

    #[test]
    fn a_scrubbed_recording_passes_and_another_file_does_not() {
        let entry = r#"{"at_us":1,"port":"a","from":"device","hex":"0000006f","scrubbed":[[0,3]]}"#;
        assert_eq!(findings(entry), []);
        assert_eq!(findings("no entry").len(), 1);
        let mut tree = Tree::default();
        tree.paths.insert("x.recording".to_owned());
        assert_eq!(hold_no_card_data(&tree).len(), 1);
    }
}
