// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shows that the search finds: every form of every secret, planted in a process that was started
//! for that, in a file, and across two reads.

use super::needles::{Needles, Secret};
use super::search::Found;
use crate::host::Process;
use rustix::process::Pid;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

/// Tells a process of these tests to hold what it is given, and what to turn each byte by.
const HOLD: &str = "PAYHAL_HOLD";

/// What is sent and kept so is not found.
const TURN: u8 = 0xA5;

/// Every kind of secret. These stand nowhere in clear, not in this program either.
fn needles() -> Needles {
    Needles::of_cards(&["canary-visa", "canary-amex"])
}

/// A number that is searched for.
fn number() -> String {
    let card = payhal_card_data::test_card("canary-visa").unwrap();
    String::from_utf8(card.pan().digits().to_vec()).unwrap()
}

/// Each pattern, apart from the others.
fn everything(needles: &Needles) -> Vec<u8> {
    let forms = needles.forms().iter();
    forms
        .flat_map(|form| [&form.pattern[..], b"\xEE\xEE"].concat())
        .collect()
}

#[track_caller]
fn assert_all(needles: &Needles, found: &Found, place: &str) {
    for form in needles.forms() {
        let hit = found.hits().iter().any(|hit| hit.contains(&form.name));
        assert!(hit, "{place}: not found: {}", form.name);
    }
    assert!(needles.forms().len() > 100, "{}", needles.forms().len());
}

/// What a process holds that was started to hold it, each byte turned by this.
async fn found_in_holder(needles: &Needles, turn: u8) -> Found {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "card_data::planted::holds_what_it_is_given",
            "--nocapture",
        ])
        .env(HOLD, turn.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut holder = Process(command.spawn().unwrap(), PathBuf::new());
    let mut given = everything(needles);
    given.iter_mut().for_each(|byte| *byte ^= TURN);
    let mut input = holder.0.stdin.take().unwrap();
    input
        .write_u32(given.len().try_into().unwrap())
        .await
        .unwrap();
    input.write_all(&given).await.unwrap();
    let mut lines = BufReader::new(holder.0.stdout.take().unwrap()).lines();
    crate::host::soon("a process that holds", async {
        while !lines
            .next_line()
            .await
            .unwrap()
            .unwrap()
            .ends_with("it is held")
        {}
    })
    .await;
    let pid = Pid::from_raw(holder.0.id().unwrap().try_into().unwrap()).unwrap();
    let found = Found::in_process(needles, pid);
    drop(input);
    assert!(holder.0.wait().await.unwrap().success());
    found
}

/// In a process of its own. By itself it holds nothing.
#[test]
fn holds_what_it_is_given() {
    let Ok(turn) = std::env::var(HOLD) else {
        return;
    };
    let turn: u8 = turn.parse().unwrap();
    let mut input = std::io::stdin().lock();
    let mut length = [0; 4];
    input.read_exact(&mut length).unwrap();
    let mut held = vec![0; u32::from_be_bytes(length) as usize];
    input.read_exact(&mut held).unwrap();
    held.iter_mut().for_each(|byte| *byte ^= turn);
    let held = std::hint::black_box(held);
    println!("it is held");
    std::io::stdout().flush().unwrap();
    assert_eq!(input.read(&mut length).unwrap(), 0);
    drop(held);
}

#[tokio::test]
async fn each_form_is_found_in_the_memory_of_a_process() {
    let needles = needles();
    let found = found_in_holder(&needles, TURN).await;
    assert_all(&needles, &found, "a process");
    assert!(
        found.bytes() > 1 << 20,
        "{} bytes of a process",
        found.bytes()
    );
    let hit = found.hits().iter().find(|hit| hit.contains("[heap]"));
    let anonymous = found.hits().iter().find(|hit| hit.contains("no name"));
    assert!(hit.or(anonymous).is_some(), "{:?}", found.hits());
    // The same process with nothing to find has nothing: what is found is what was planted.
    found_in_holder(&needles, 0)
        .await
        .assert_nothing("a process that holds nothing");
}

#[test]
fn each_form_is_found_in_files_below_a_folder_and_in_their_names() {
    let needles = needles();
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("deep/er");
    std::fs::create_dir_all(&below).unwrap();
    std::fs::write(below.join("file"), everything(&needles)).unwrap();
    assert_all(
        &needles,
        &Found::in_files(&needles, folder.path()),
        "a folder",
    );
    std::fs::write(below.join("file"), "nothing").unwrap();
    Found::in_files(&needles, folder.path()).assert_nothing("a folder with nothing");
    std::fs::write(below.join(format!("card-{}", number())), "").unwrap();
    assert_eq!(Found::in_files(&needles, folder.path()).hits().len(), 1);
}

#[test]
fn base64_is_found_wherever_the_secret_begins() {
    let needles = needles();
    for around in [
        ["", ""],
        ["{", "}"],
        ["ab", "xyz"],
        ["abc", "="],
        ["%%%%", "?"],
    ] {
        let text = format!("{}{}{}", around[0], number(), around[1]);
        let mut encoded = Vec::new();
        let bits: Vec<u8> = text
            .bytes()
            .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
            .collect();
        for six in bits.chunks(6) {
            let value = six.iter().fold(0, |value, bit| value << 1 | bit) << (6 - six.len());
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            encoded.push(alphabet[usize::from(value)]);
        }
        let found = Found::in_bytes(&needles, "base64", &encoded);
        assert!(!found.hits().is_empty(), "{}", encoded.escape_ascii());
    }
}

#[test]
#[should_panic(expected = "the search read nothing")]
fn a_search_of_nothing_proves_nothing() {
    Found::in_bytes(&needles(), "nothing", b"").assert_nothing("nothing");
}

#[test]
#[should_panic(expected = "too short to search for")]
fn what_chance_would_find_is_not_searched_for() {
    Needles::of(vec![("a PIN".to_owned(), Secret::Digits(b"1234".to_vec()))]);
}
