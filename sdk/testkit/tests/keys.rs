// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program itself, on state folders of its own.

use payhal_card_data::key_file::{DeviceKeys, GatewayKeys};
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn keys(state: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_payhal-keys"))
        .arg("--state")
        .arg(state)
        .args(line.split_whitespace())
        .output()
        .expect("the program starts")
}

fn done(state: &Path, line: &str) -> String {
    let output = keys(state, line);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {error}");
    String::from_utf8(output.stdout).expect("text")
}

fn refused(state: &Path, line: &str) -> String {
    let output = keys(state, line);
    assert!(!output.status.success(), "{line} was done");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).expect("text")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn a_reader_gets_a_key_of_each_scheme_marked_for_tests() {
    let state = folder();
    let state = state.path();
    for (slot, scheme) in [("first", "dukpt-tdes"), ("second", "dukpt-aes --bits 192")] {
        let line = format!("new-bdk --gateway sandbox --slot {slot} --scheme {scheme}");
        done(state, &line);
        let line = format!("inject --device counter --gateway sandbox --slot {slot}");
        assert!(done(state, &line).contains("sealing = \"dukpt_"));
        let again = refused(state, &line);
        assert!(again.contains("--replace"), "{again}");
        done(state, &format!("{line} --replace"));
    }
    let device = DeviceKeys::of(&state.join("instances/counter"));
    let facts = device.injected_facts().unwrap();
    assert_eq!(facts.len(), 2);
    assert!(facts.iter().all(|facts| facts.test));
    let gateway = GatewayKeys::of(&state.join("instances/sandbox"));
    let bases = gateway.base_keys().unwrap();
    assert!(
        bases
            .iter()
            .all(|base| base.facts().test && base.facts().devices == 2)
    );
    let list = done(state, "list");
    for part in [
        "gateway sandbox",
        "reader counter",
        "dukpt-aes of 192 bits",
        "for tests",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
}

#[test]
fn what_is_missing_is_named_with_the_line_that_makes_it() {
    let state = folder();
    let state = state.path();
    let line = "inject --device counter --gateway sandbox --slot main";
    let said = refused(state, line);
    assert!(
        said.contains("payhal keys new-bdk --gateway sandbox --slot main"),
        "{said}"
    );
    let said = refused(state, "enrol --device counter --gateway sandbox");
    assert!(said.contains("has made no key yet"), "{said}");
    for name in ["../out", "a/b", ".."] {
        let said = refused(state, &format!("enrol --device {name} --gateway sandbox"));
        assert!(said.contains("name an instance"), "{said}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_payhal-keys"))
        .arg("list")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("--state"));
    assert!(!output.status.success());
}

#[test]
fn a_reader_is_enrolled_once_and_forgotten() {
    let state = folder();
    let state = state.path();
    let device = DeviceKeys::of(&state.join("instances/counter"));
    device.sealing_key(1).unwrap();
    let line = "enrol --device counter --gateway sandbox";
    done(state, line);
    done(state, line);
    std::fs::remove_dir_all(state.join("instances/counter")).unwrap();
    device.sealing_key(2).unwrap();
    let said = refused(state, line);
    assert!(
        said.contains("forget --gateway sandbox --device counter"),
        "{said}"
    );
    let forget = "forget --gateway sandbox --device counter";
    assert!(done(state, forget).contains("is forgotten"));
    assert!(done(state, forget).contains("was not known"));
    done(state, line);
}

#[test]
fn nothing_is_done_while_a_host_has_the_state_folder_but_looking() {
    let state = folder();
    let state = state.path();
    let lock: File = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(state.join("journal.sqlite.lock"))
        .unwrap();
    lock.lock().unwrap();
    let said = refused(state, "new-bdk --gateway g --slot main --scheme dukpt-aes");
    assert!(said.contains("a host runs on"), "{said}");
    assert!(!state.join("instances").exists());
    assert!(done(state, "list").contains("no reader"));
    drop(lock);
    done(state, "new-bdk --gateway g --slot main --scheme dukpt-aes");
}

#[test]
fn no_output_has_a_key() {
    let state = folder();
    let state = state.path();
    let mut said = done(
        state,
        "new-bdk --gateway g --slot main --scheme dukpt-aes --bits 128",
    );
    said += &done(state, "inject --device d --gateway g --slot main --json");
    DeviceKeys::of(&state.join("instances/d"))
        .sealing_key(1)
        .unwrap();
    said += &done(state, "enrol --device d --gateway g --json");
    said += &done(state, "list --json");
    said += &done(state, "list");
    let said = said.to_lowercase();
    for file in [
        "g/keys/bdk/main.key",
        "d/keys/dukpt-aes.key",
        "d/keys/device.key",
    ] {
        let bytes = std::fs::read(state.join("instances").join(file)).unwrap();
        // Four bytes of a key in hexadecimal would be seen; facts are told apart by their offset.
        let secret = &bytes[bytes.len() - 20..bytes.len() - 4];
        for part in secret.windows(4) {
            let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!said.contains(&hex), "{file}: {said}");
        }
    }
}
