// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fronts: JSON lines on the time they name, a real line and a real port.

use super::lines::Spoken;
use super::*;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// Says back what it heard, a second later; hangs up at `!`, and at `?` never stops talking.
#[derive(Default)]
struct Echo {
    later: Vec<(u64, Way, Vec<u8>)>,
    opened: Vec<Way>,
    talks: bool,
}

impl Simulator for Echo {
    fn opened(&mut self, way: Way, _: u64, out: &mut Out) {
        self.opened.push(way);
        out.say(way, *b"hello ");
    }

    fn hear(&mut self, way: Way, bytes: &[u8], now_us: u64, out: &mut Out) {
        match bytes {
            b"!" => {
                out.say_after(way, *b"bye", 10);
                out.hang_up(way);
            }
            b"?" => self.talks = true,
            _ => self.later.push((now_us + 1_000_000, way, bytes.to_vec())),
        }
    }

    fn act(&mut self, words: &str, _: u64, out: &mut Out) -> Result<(), String> {
        match words {
            "beep" => {
                out.say(0, *b"\x07");
                Ok(())
            }
            _ => Err("it can beep".to_owned()),
        }
    }

    fn due(&mut self, now_us: u64, out: &mut Out) {
        let (due, later) = self.later.drain(..).partition(|(due, ..)| *due <= now_us);
        self.later = later;
        let due: Vec<(u64, Way, Vec<u8>)> = due;
        for (_, way, bytes) in due {
            out.say(way, bytes);
        }
        if self.talks {
            out.say(0, [b'x'; 4096]);
        }
    }

    fn next_us(&self) -> Option<u64> {
        let later = self.later.iter().map(|(due_us, ..)| *due_us).min();
        if self.talks { Some(0) } else { later }
    }

    fn books(&self) -> Vec<Booked> {
        let money = Money {
            minor: 1250,
            approved: true,
            tag: None,
        };
        vec![Booked::Payment(money), Booked::Completed { accepted: true }]
    }

    fn words(&self) -> Vec<(&'static str, &'static str)> {
        vec![("beep", "Beeps")]
    }
}

fn told(spoken: &mut Spoken, told: &Value) -> Value {
    spoken.answer(&told.to_string()).unwrap()
}

#[test]
fn a_line_of_json_is_answered_by_one_on_the_time_it_names() {
    let mut spoken = Spoken::new(Box::new(Echo::default()));
    let answer = told(
        &mut spoken,
        &json!({ "now_us": 5, "port": "main", "from_plugin": "0aFF" }),
    );
    assert_eq!(answer, json!({ "say": [], "next_us": 1_000_005 }));
    let answer = told(&mut spoken, &json!({ "now_us": 1_000_005 }));
    let said = json!([{ "port": "main", "hex": "0aff", "after_us": 0 }]);
    assert_eq!(answer, json!({ "say": said, "next_us": null }));
    let answer = told(
        &mut spoken,
        &json!({ "now_us": 1_000_006, "scenario": "beep" }),
    );
    assert_eq!(answer["say"][0]["hex"], "07");
    let why = spoken.answer(r#"{"now_us":1000007,"scenario":"dance"}"#);
    assert_eq!(why, Err("it can beep".to_owned()));
    assert!(
        spoken
            .answer(r#"{"now_us":1000007,"from_plugin":"0"}"#)
            .is_err()
    );
    assert!(spoken.answer("{}").is_err());
}

#[test]
fn connections_come_and_go_by_their_port_and_books_are_told() {
    let mut spoken = Spoken::new(Box::new(Echo::default()));
    let port = "127.0.0.1:8888";
    let opened = json!({ "now_us": 0, "port": port, "opened": true });
    assert_eq!(told(&mut spoken, &opened)["say"][0]["port"], port);
    let answer = told(
        &mut spoken,
        &json!({ "now_us": 1, "port": port, "from_plugin": "21" }),
    );
    assert_eq!(answer["say"][0]["after_us"], 10);
    assert_eq!(answer["hang_up"], json!([port]));
    let closed = json!({ "now_us": 2, "port": port, "closed": true, "books": true });
    let answer = told(&mut spoken, &closed);
    assert!(answer.get("hang_up").is_none());
    let payment = json!({ "kind": "payment", "minor": 1250, "approved": true });
    let completed = json!({ "kind": "completed", "accepted": true });
    assert_eq!(answer["books"], json!([payment, completed]));
}

/// Plays an echo in a thread of its own, as long as the test runs; where it is.
fn played(
    open: impl FnOnce(std::sync::mpsc::Sender<play::Event>) -> Result<String, Unplayable>
    + Send
    + 'static,
) -> String {
    let (sender, place) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        play::run("echo", Box::new(Echo::default()), |events| {
            let place = open(events)?;
            sender.send(place.clone()).unwrap();
            Ok(place)
        })
    });
    place.recv().unwrap()
}

#[test]
fn a_played_port_says_what_is_due_and_hangs_up_afterwards() {
    let address = "127.0.0.1:0".parse().unwrap();
    let place = played(move |events| ways::listener(address, events));
    for _ in 0..2 {
        let mut stream = TcpStream::connect(&place).unwrap();
        let mut said = [0; 6];
        stream.read_exact(&mut said).unwrap();
        stream.write_all(b"!").unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!((&said, &*rest), (b"hello ", &b"bye"[..]));
    }
}

#[test]
fn a_played_line_is_there_before_and_after_a_host_and_talks_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("line");
    let there = link.clone();
    let place = played(move |events| ways::terminal(&there, events));
    assert!(place.starts_with(&link.display().to_string()), "{place}");
    let open = || {
        let mut options = std::fs::File::options();
        options.read(true).write(true).open(&link).unwrap()
    };
    let mut host = open();
    host.write_all(b"ping").unwrap();
    let mut said = [0; 4];
    host.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"ping");
    drop(host);
    let mut host = open();
    host.write_all(b"?").unwrap();
    // Far more than the line holds: it neither stops nor waits for who does not read.
    let mut said = vec![0; 65_536];
    host.read_exact(&mut said).unwrap();
    assert!(said.iter().all(|byte| *byte == b'x'));
}

#[test]
fn a_file_that_is_no_link_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine");
    std::fs::write(&path, "mine").unwrap();
    let (events, _happened) = std::sync::mpsc::channel();
    let why = ways::terminal(&path, events).unwrap_err();
    assert!(why.to_string().contains("a file is there"), "{why}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "mine");
}
