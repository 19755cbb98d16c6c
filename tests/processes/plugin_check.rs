// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal plugin check`: our own plugins keep what the ABI demands, and a plugin that does one
//! thing wrong fails the row that says so.

use crate::host::from_xtask;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn gcc(arguments: &[&str], source: &str, made: &Path) {
    let output = Command::new("gcc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"])
        .args(arguments)
        .arg("-I")
        .arg(repository("sdk/abi/include"))
        .arg(repository("tests/processes/plugin_check").join(source))
        .args(["-pthread", "-o"])
        .arg(made)
        .output()
        .expect("gcc starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "gcc refuses {source}: {said}");
}

/// The folder of the plugin of letters, which does that wrong.
fn letters(wrong: &str, terminal: bool) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let define = format!("-DWRONG={wrong}");
    let mut flags = vec!["-fPIC", "-shared", define.as_str()];
    flags.extend(terminal.then_some("-DTERMINAL"));
    gcc(&flags, "letters.c", &folder.path().join("libletters.so"));
    gcc(&[], "device.c", &folder.path().join("device"));
    let abilities = match terminal {
        true => "kind='terminal'\n[terminal]\ninquiry='none'\nreversal='none'\n",
        false => "kind='reader'\n[reader]\nentries=['contactless']\nencrypts=true\n",
    };
    let manifest = format!(
        "id='letters'\nname='Letters'\nversion='1.0.0'\nabi=1\nlibrary='letters'\n{abilities}\
         [[port]]\nname='main'\nkind='serial'\n"
    );
    let conformance = "simulator = ['./device']\n\
                       [scenarios]\napprove = 'tap'\nno_card = 'idle'\n";
    for (name, text) in [
        ("plugin.toml", manifest.as_str()),
        ("conformance.toml", conformance),
    ] {
        std::fs::write(folder.path().join(name), text).expect("a file of the folder");
    }
    folder
}

/// Runs the check: its exit code, its table and its report.
fn check(folder: &Path, rows: &[&str]) -> (i32, String, Value) {
    let rows: Vec<&str> = rows.iter().flat_map(|row| ["--row", row]).collect();
    run(folder, &rows)
}

/// The same with a row and whatever else.
fn check_with(folder: &Path, rest: &[&str]) -> (i32, String, Value) {
    run(folder, &[&["--row"], rest].concat())
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, Value) {
    let report = folder.join("report.json");
    let mut command = Command::new(from_xtask("PAYHAL_BIN").with_file_name("payhal-kit"));
    command
        .arg("check")
        .arg(folder)
        .arg("--json")
        .arg(&report)
        .arg("--runner")
        .arg(from_xtask("PAYHAL_RUNNER"));
    command.args(arguments);
    let output = command.output().expect("the kit starts");
    let said = [output.stdout, output.stderr].concat();
    let report = std::fs::read(&report).unwrap_or_default();
    let report = serde_json::from_slice(&report).unwrap_or(Value::Null);
    let code = output.status.code().expect("the kit is not killed");
    (code, String::from_utf8_lossy(&said).into_owned(), report)
}

/// The plugin fails that row, with these words.
#[track_caller]
fn caught(wrong: &str, row: &str, words: &str) {
    let folder = letters(wrong, row == "lost-answer");
    let (code, said, report) = check(folder.path(), &[row]);
    assert_eq!(code, 1, "{wrong} is not caught: {said}");
    let rows = report["rows"].as_array().expect("a report has rows");
    let found = rows.iter().find(|found| found["row"] == row);
    let found = found.unwrap_or_else(|| panic!("there is no row {row}: {said}"));
    assert_eq!(found["verdict"], "failed", "{wrong}: {said}");
    let text = found["text"].as_str().unwrap_or_default();
    assert!(text.contains(words), "{wrong}: {text}");
    assert!(!found["look_at"].as_str().unwrap_or_default().is_empty());
}

#[test]
fn a_right_plugin_is_conformant_and_nothing_that_matters_is_left_out() {
    for (terminal, left) in [
        (false, vec!["parameters", "apdu", "update", "lost-answer"]),
        (
            true,
            vec![
                "parameters",
                "apdu",
                "update",
                "currency",
                "cancel",
                "prompts",
            ],
        ),
    ] {
        let folder = letters("NOTHING", terminal);
        let (code, said, report) = check(folder.path(), &[]);
        assert_eq!(code, 0, "{said}");
        let rows = report["rows"].as_array().expect("a report has rows");
        for row in rows.iter().filter(|row| row["verdict"] != "passed") {
            let name = row["row"].as_str().unwrap_or_default();
            assert!(left.contains(&name), "{name} is left out: {said}");
        }
    }
}

#[test]
fn what_is_wrong_with_calls_is_caught() {
    caught("REFUSES_TO_BE", "load", "find the port main");
    caught("KNOWS_EVERYTHING", "unknown-method", "is answered OK");
    caught("KNOWS_EVERYTHING", "currency", "does not say `dcc = true`");
    caught(
        "FEARS_MEMBERS",
        "unknown-members",
        "failed to understand a member",
    );
    caught(
        "CRASHES_ON_NO_JSON",
        "malformed-arguments",
        "without a word",
    );
    caught("TWO_REPLIES", "one-reply", "replied twice to identify");
    caught("WORKS_ONCE", "repeated-calls", "work a second time");
    caught("HAS_NO_MODEL", "messages", "`model` is missing");
    caught("TELLS_THE_CARD", "card-data", "card number");
}

#[test]
fn what_is_wrong_with_time_is_caught() {
    caught(
        "IGNORES_DEADLINE",
        "deadline",
        "after its deadline it still waits",
    );
    caught(
        "WAITS_FOR_CARDS_FOR_EVER",
        "no-card",
        "for a card that does not come",
    );
    caught(
        "IGNORES_CANCEL",
        "cancel",
        "after its cancellation it still waits",
    );
    caught("BLOCKS_IN_CANCEL", "cancel", "cancel() blocks");
    caught("WAITS_FOR_ANSWERS_FOR_EVER", "prompts", "it still waits");
    caught("CRASHES_WHEN_LATE", "slow-host", "without a word");
}

#[test]
fn what_is_wrong_with_lines_is_caught() {
    caught("CRASHES_WHEN_UNPLUGGED", "unplug", "without a word");
    caught("WAITS_FOR_THE_LINE_FOR_EVER", "silence", "it still waits");
    caught("CRASHES_ON_NOISE", "garbage", "without a word");
    caught("READS_WHOLE_FRAMES_ONLY", "partial-frames", "byte by byte");
    caught("SAYS_NOTHING_HAPPENED", "lost-answer", "nothing was sent");
}

#[test]
fn what_is_left_behind_is_caught() {
    caught("STAYS_IN_DESTROY", "restart", "destroy does not come back");
    caught("LEAVES_THREADS", "left-over", "threads became");
}

#[test]
fn what_is_claimed_and_not_kept_is_caught() {
    let folder = letters("NOTHING", false);
    let path = folder.path().join("plugin.toml");
    let manifest = std::fs::read_to_string(&path).expect("a manifest");
    let claims = "encrypts=true\napdu=true\nupdate=['firmware']\n";
    let manifest = manifest.replace("encrypts=true\n", claims);
    std::fs::write(path, manifest).expect("a manifest");
    let path = folder.path().join("conformance.toml");
    let conformance = std::fs::read_to_string(&path).expect("what is checked");
    let conformance = format!("{conformance}[update]\nfirmware = {{ text = 'new' }}\n");
    std::fs::write(path, conformance).expect("what is checked");
    let (code, said, report) = check(folder.path(), &["apdu", "update"]);
    assert_eq!(code, 1, "{said}");
    for (name, words) in [("apdu", "not refused"), ("update", "`update_begin`")] {
        let row = row(&report, name);
        assert_eq!(row["verdict"], "failed", "{said}");
        let text = row["text"].as_str().unwrap_or_default();
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_choice_that_nobody_made_is_caught() {
    for (wrong, code, words) in [
        ("KNOWS_EVERYTHING", 1, "never presented"),
        ("NOTHING", 0, "to the register"),
    ] {
        let folder = letters(wrong, false);
        let path = folder.path().join("plugin.toml");
        let manifest = std::fs::read_to_string(&path).expect("a manifest");
        let manifest = manifest.replace("encrypts=true\n", "encrypts=true\ndcc=true\n");
        std::fs::write(path, manifest).expect("a manifest");
        let (ended, said, report) = check(folder.path(), &["currency"]);
        assert_eq!(ended, code, "{said}");
        let row = row(&report, "currency");
        let text = row["text"].as_str().unwrap_or_default();
        assert!(text.contains(words), "{text}");
    }
}

/// The folder of the terminal of frames, which does that wrong.
fn frames(wrong: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let define = format!("-DWRONG={wrong}");
    let flags = ["-fPIC", "-shared", define.as_str()];
    gcc(&flags, "frames.c", &folder.path().join("libframes.so"));
    gcc(&[], "framed_device.c", &folder.path().join("device"));
    let manifest = "id='frames'\nname='Frames'\nversion='1.0.0'\nabi=1\nlibrary='frames'\n\
                    kind='terminal'\n[terminal]\ninquiry='by_id'\nreversal='none'\n\
                    [[port]]\nname='main'\nkind='serial'\n";
    let conformance = "simulator = ['./device']\n\
                       [scenarios]\napprove = 'tap'\ndecline = 'decline'\n";
    for (name, text) in [("plugin.toml", manifest), ("conformance.toml", conformance)] {
        std::fs::write(folder.path().join(name), text).expect("a file of the folder");
    }
    folder
}

/// What the noisy line says of it: the exit code, the rows, what was counted.
fn noisy(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut rows = vec!["noise", "--row", "cuts"];
    rows.extend(arguments);
    let (code, said, report) = check_with(folder, &rows);
    assert_ne!(code, 2, "{said}");
    (code, report)
}

fn row<'a>(report: &'a Value, name: &str) -> &'a Value {
    let rows = report["rows"].as_array().expect("a report has rows");
    let found = rows.iter().find(|found| found["row"] == name);
    found.unwrap_or_else(|| panic!("there is no row {name}: {report}"))
}

#[test]
fn a_right_plugin_is_right_over_a_noisy_line_and_a_cable_that_is_pulled() {
    let folder = frames("NOTHING");
    let (code, report) = noisy(folder.path(), &["--noise", "300", "--cuts"]);
    assert_eq!(code, 0, "{report}");
    let noise = &report["noise"];
    assert_eq!(noise["exchanges"], 300);
    assert!(
        noise["cuts"].as_u64().is_some_and(|cuts| cuts > 20),
        "{noise}"
    );
    for ending in ["approved", "declined", "approved by inquiry", "unknown"] {
        assert!(
            noise["endings"][ending].as_u64() > Some(0),
            "{ending}: {noise}"
        );
    }
    // Every fault of a serial line came up.
    let faults = noise["faults"].as_object().expect("faults");
    assert!(faults.len() >= 13, "{noise}");
    assert_eq!(row(&report, "noise")["verdict"], "passed");
}

/// The noisy line finds what is wrong, says how to see it again, and it is seen again.
#[track_caller]
fn caught_by_noise(wrong: &str, words: &str) {
    let folder = frames(wrong);
    let (code, report) = noisy(folder.path(), &["--noise", "2000"]);
    assert_eq!(code, 1, "{wrong} is not caught: {report}");
    let text = row(&report, "noise")["text"].as_str().unwrap_or_default();
    assert!(text.contains(words), "{wrong}: {text}");
    let violation = &report["noise"]["violation"];
    let again = violation["again"].as_str().expect("how to see it again");
    let again: Vec<&str> = again.split(' ').collect();
    let (code, second) = noisy(folder.path(), &again);
    assert_eq!(code, 1, "{wrong} is not seen again: {second}");
    let second = &second["noise"]["violation"];
    assert_eq!(second["what"], violation["what"], "{wrong}");
    assert_eq!(second["trace"], violation["trace"], "{wrong}");
    assert!(
        second["trace"]
            .as_array()
            .is_some_and(|trace| trace.len() > 3)
    );
}

#[test]
fn what_is_wrong_on_a_noisy_line_is_caught_and_seen_again() {
    caught_by_noise("BELIEVES_BAD_CHECKS", "a wrong approval");
    caught_by_noise("SENDS_AGAIN_AFTER_ACK", "charged twice");
    caught_by_noise("DENIES_WHAT_IT_DOES_NOT_KNOW", "a wrong denial");
    caught_by_noise("STAYS_DEAF", "after the fault");
}

#[test]
fn a_simulator_without_books_proves_nothing_about_noise() {
    let folder = letters("NOTHING", true);
    let (code, report) = noisy(folder.path(), &["--noise", "10"]);
    assert_eq!(code, 1, "{report}");
    let text = row(&report, "noise")["text"].as_str().unwrap_or_default();
    assert!(text.contains("keeps no books"), "{text}");
}

#[test]
fn a_folder_that_cannot_be_checked_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, said, _) = check(folder.path(), &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("plugin.toml"), "{said}");
}

/// A folder as an author has it, of one of our own plugins.
fn own(id: &str, source: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let built = from_xtask("PAYHAL_PLUGINS").join(id);
    for entry in std::fs::read_dir(&built).expect("the plugin was built") {
        let from = entry.expect("an entry").path();
        let name = from.file_name().expect("a file has a name");
        std::fs::copy(&from, folder.path().join(name)).expect("a copy");
    }
    let text = repository(source).join("conformance.toml");
    std::fs::copy(text, folder.path().join("conformance.toml")).expect("a copy");
    folder
}

#[test]
fn our_own_plugins_are_conformant() {
    let terminal = "plugins/virtual-terminal";
    for (id, source) in [
        ("virtual-reader", "plugins/virtual-reader"),
        ("virtual-terminal", terminal),
        ("virtual-terminal-blind", terminal),
        ("virtual-terminal-last-only", terminal),
        ("virtual-terminal-needs-card", terminal),
        ("virtual-terminal-no-inquiry", terminal),
        ("virtual-terminal-no-reversal", terminal),
        ("sandbox", "gateway-connectors/sandbox"),
    ] {
        let folder = own(id, source);
        let (code, said, _) = check(folder.path(), &[]);
        assert_eq!(code, 0, "{id}: {said}");
    }
}
