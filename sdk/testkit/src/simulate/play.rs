// SPDX-License-Identifier: MIT OR Apache-2.0
//! A device in real time: what it says goes out when it is due, what somebody does is typed.
//!
//! Owns time and connections. A host that does not read must never stop it.

use super::ways::Wire;
use super::{Out, Simulator, Unplayable, Way};
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Longest time without a look at the clock; nothing happens when it is over.
const IDLE: Duration = Duration::from_secs(3_600);

/// What happens to the player.
pub(super) enum Event {
    /// Somebody connected.
    Opened(Way, Wire),
    Came(Way, Vec<u8>),
    Closed(Way),
    Typed(String),
    /// There is nothing to speak through any more.
    Ended(&'static str),
}

/// Plays a device at the place that `open` makes; `open` tells where that is.
pub(super) fn run(
    name: &str,
    simulator: Box<dyn Simulator>,
    open: impl FnOnce(Sender<Event>) -> Result<String, Unplayable>,
) -> Result<ExitCode, Unplayable> {
    let (events, happened) = channel();
    let place = open(events.clone())?;
    show(&format!("{name} on {place}"));
    let words: Vec<_> = simulator.words().iter().map(|(word, _)| *word).collect();
    show(&format!(
        "Type what somebody does: {}; or books, help, quit.",
        words.join(", ")
    ));
    type_in(events);
    let mut player = Player {
        simulator,
        started: Instant::now(),
        wires: BTreeMap::new(),
        later: BTreeMap::new(),
        queued: 0,
    };
    player.play(&happened)
}

/// Reads what is typed. Where nothing can be typed any more, the device goes on.
fn type_in(events: Sender<Event>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if events.send(Event::Typed(line)).is_err() {
                return;
            }
        }
    });
}

/// What is still to be done to a connection.
enum Deed {
    Say(Vec<u8>),
    HangUp,
}

struct Player {
    simulator: Box<dyn Simulator>,
    started: Instant,
    wires: BTreeMap<Way, Wire>,
    /// By the time it is due, then in the order it was said.
    later: BTreeMap<(u64, u64), (Way, Deed)>,
    queued: u64,
}

impl Player {
    fn play(&mut self, happened: &Receiver<Event>) -> Result<ExitCode, Unplayable> {
        loop {
            let mut out = Out::default();
            self.simulator.due(self.now_us(), &mut out);
            self.queue(out);
            self.do_what_is_due();
            match happened.recv_timeout(self.rest()) {
                Ok(Event::Typed(words)) if words.trim() == "quit" => return Ok(ExitCode::SUCCESS),
                Ok(Event::Ended(why)) => return Err(Unplayable::new(why)),
                Err(RecvTimeoutError::Disconnected) => return Ok(ExitCode::SUCCESS),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(event) => {
                    let mut out = Out::default();
                    self.take(event, &mut out);
                    self.queue(out);
                }
            }
        }
    }

    fn take(&mut self, event: Event, out: &mut Out) {
        let now_us = self.now_us();
        match event {
            Event::Opened(way, wire) => {
                let is_line = wire.is_line();
                self.wires.insert(way, wire);
                if !is_line {
                    self.simulator.opened(way, now_us, out);
                }
            }
            Event::Closed(way) => {
                self.wires.remove(&way);
                self.later.retain(|_, (of, _)| *of != way);
                self.simulator.closed(way, now_us, out);
            }
            Event::Came(way, bytes) => self.simulator.hear(way, &bytes, now_us, out),
            Event::Typed(words) => self.typed(words.trim(), now_us, out),
            Event::Ended(_) => {}
        }
    }

    fn typed(&mut self, words: &str, now_us: u64, out: &mut Out) {
        match words {
            "" => {}
            "books" => {
                let books = self.simulator.books();
                let text = serde_json::to_string(&books).unwrap_or_default();
                show(&format!("books {text}"));
            }
            "help" => {
                for (word, what) in self.simulator.words() {
                    show(&format!("{word:<16}  {what}"));
                }
            }
            words => {
                if let Err(why) = self.simulator.act(words, now_us, out) {
                    show(&format!("failed to do that: {why}"));
                }
            }
        }
    }

    fn queue(&mut self, out: Out) {
        for line in &out.shown {
            show(line);
        }
        let now_us = self.now_us();
        for said in out.said {
            self.at(now_us + said.after_us, said.way, Deed::Say(said.bytes));
        }
        for way in out.hung_up {
            let of_way = self.later.iter().filter(|(_, (of, _))| *of == way);
            let last_us = of_way.map(|((due_us, _), _)| *due_us).max();
            self.at(last_us.unwrap_or(now_us), way, Deed::HangUp);
        }
    }

    fn at(&mut self, due_us: u64, way: Way, deed: Deed) {
        self.queued += 1;
        self.later.insert((due_us, self.queued), (way, deed));
    }

    fn do_what_is_due(&mut self) {
        while let Some(first) = self.later.first_entry() {
            let (due_us, _) = *first.key();
            if due_us > self.now_us() {
                return;
            }
            if let Some((_, (way, deed))) = self.later.pop_first() {
                self.carry_out(way, &deed);
            }
        }
    }

    fn carry_out(&mut self, way: Way, deed: &Deed) {
        let Some(wire) = self.wires.get_mut(&way) else {
            return;
        };
        let goes_on = match deed {
            Deed::Say(bytes) => wire.write(bytes).is_ok(),
            // Whoever has a line in his hands can pull it; a device cannot.
            Deed::HangUp => wire.is_line(),
        };
        if !goes_on {
            wire.hang_up();
            self.wires.remove(&way);
        }
    }

    fn rest(&self) -> Duration {
        let later = self.later.keys().next().map(|(due_us, _)| *due_us);
        let next_us = self.simulator.next_us().into_iter().chain(later).min();
        next_us.map_or(IDLE, |next_us| {
            Duration::from_micros(next_us.saturating_sub(self.now_us()))
        })
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Prints a line; nobody is left to hear that nobody listens.
fn show(line: &str) {
    let _gone = writeln!(std::io::stdout().lock(), "{line}");
}
