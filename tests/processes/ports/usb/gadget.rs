// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pad as a USB device: a modem (CDC ACM), whose line speaks as every pad does, and which
//! answers a vendor's request at its default endpoint.
//!
//! One end of a socket goes to the kernel's virtual host controller, and what the kernel asks of
//! the device comes out of the other one (Documentation/usb/usbip_protocol.rst).

use super::super::pad::answers;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Vendor and product: pid.codes keeps this one for tests.
pub(super) const ID: &str = "1209:0005";

const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";

/// Endpoints: line to the device, line to the host, state of the modem.
const TO_DEVICE: u8 = 0x01;
const TO_HOST: u8 = 0x82;
const STATE: u8 = 0x83;

/// A broken pipe, by which a device says that it does not know a request; and a URB taken back.
const STALLED: i32 = -32;
const TAKEN_BACK: i32 = -104;

/// A pad that is plugged in. Dropping it unplugs it.
#[derive(Debug)]
pub(super) struct Gadget {
    cable: UnixStream,
    thread: Option<JoinHandle<()>>,
    coding: Arc<Mutex<Vec<u8>>>,
}

impl Gadget {
    pub(super) fn plug_in(serial: &str) -> Self {
        let (kernels, ours) = UnixStream::pair().unwrap();
        let port = free_port();
        let speed = 3; // high
        let order = format!("{port} {} {} {speed}", kernels.as_raw_fd(), port + 1);
        std::fs::write(format!("{CONTROLLER}/attach"), order).unwrap();
        let coding = Arc::new(Mutex::new(Vec::new()));
        let mut device = Device {
            socket: ours.try_clone().unwrap(),
            serial: serial.to_owned(),
            heard: Vec::new(),
            said: VecDeque::new(),
            waiting: Vec::new(),
            coding: Arc::clone(&coding),
        };
        let thread = std::thread::spawn(move || while device.serve().is_ok() {});
        Self {
            cable: ours,
            thread: Some(thread),
            coding,
        }
    }

    /// How the host has set the line.
    pub(super) fn line_coding(&self) -> Vec<u8> {
        self.coding.lock().unwrap().clone()
    }
}

impl Drop for Gadget {
    fn drop(&mut self) {
        // The kernel may have hung up before.
        self.cable.shutdown(Shutdown::Both).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// The first port of the controller that has no device, and is for this speed.
fn free_port() -> u32 {
    let status = std::fs::read_to_string(format!("{CONTROLLER}/status")).unwrap();
    let free = status.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let speed = fields.next()? == "hs";
        let port = fields.next()?.parse().ok()?;
        let empty = fields.next()? == "004";
        (speed && empty).then_some(port)
    });
    free.expect("a free port of the controller")
}

struct Device {
    socket: UnixStream,
    serial: String,
    heard: Vec<u8>,
    said: VecDeque<u8>,
    /// Requests of the host that wait for something to read: number, endpoint, room.
    waiting: Vec<(u32, u8, usize)>,
    coding: Arc<Mutex<Vec<u8>>>,
}

impl Device {
    /// Takes one request. An error is the cable's end.
    fn serve(&mut self) -> std::io::Result<()> {
        let mut head = [0; 48];
        self.socket.read_exact(&mut head)?;
        let word = |at: usize| {
            let bytes = head[at * 4..at * 4 + 4].try_into();
            u32::from_be_bytes(bytes.expect("four bytes"))
        };
        let (command, number, reads) = (word(0), word(1), word(3) == 1);
        if command == 2 {
            let taken_back = word(5);
            let before = self.waiting.len();
            self.waiting
                .retain(|(waiting, _, _)| *waiting != taken_back);
            let status = if before > self.waiting.len() {
                TAKEN_BACK
            } else {
                0
            };
            return self.send(4, number, status, 0, &[]);
        }
        let (endpoint, room) = (word(4), word(6) as usize);
        let mut payload = vec![0; if reads { 0 } else { room }];
        self.socket.read_exact(&mut payload)?;
        match (endpoint, reads) {
            (0, _) => {
                let setup = head[40..48].try_into().expect("eight bytes");
                self.control(number, setup, &payload, reads)
            }
            (endpoint, true) => {
                let endpoint = u8::try_from(endpoint).unwrap_or_default();
                self.waiting.push((number, endpoint | 0x80, room));
                self.flush()
            }
            (_, false) => {
                self.heard.extend(&payload);
                for answer in answers(&self.serial, &mut self.heard) {
                    self.said.extend(answer.as_bytes());
                }
                self.send(3, number, 0, payload.len(), &[])?;
                self.flush()
            }
        }
    }

    /// Gives what was said to whoever waits for it.
    fn flush(&mut self) -> std::io::Result<()> {
        while !self.said.is_empty() {
            let reader = self
                .waiting
                .iter()
                .position(|(_, endpoint, _)| *endpoint == TO_HOST);
            let Some(reader) = reader else {
                return Ok(());
            };
            let (number, _, room) = self.waiting.remove(reader);
            let some: Vec<u8> = self.said.drain(..room.min(self.said.len())).collect();
            self.send(3, number, 0, some.len(), &some)?;
        }
        Ok(())
    }

    fn control(
        &mut self,
        number: u32,
        setup: [u8; 8],
        payload: &[u8],
        reads: bool,
    ) -> std::io::Result<()> {
        let value = u16::from_le_bytes([setup[2], setup[3]]);
        let room = usize::from(u16::from_le_bytes([setup[6], setup[7]]));
        let answer = match (setup[0], setup[1]) {
            // GET_DESCRIPTOR.
            (0x80, 6) => self.descriptor(value),
            // GET_STATUS.
            (0x80..=0x82, 0) => Some(vec![0, 0]),
            // The vendor's own: who is it?
            (0xc0, 1) => Some(format!("PAD {}", self.serial).into_bytes()),
            // SET_LINE_CODING.
            (0x21, 0x20) => {
                *self.coding.lock().expect("no holder panics") = payload.to_vec();
                Some(Vec::new())
            }
            _ if !reads => Some(Vec::new()),
            _ => None,
        };
        match answer {
            None => self.send(3, number, STALLED, 0, &[]),
            Some(_) if !reads => self.send(3, number, 0, payload.len(), &[]),
            Some(mut answer) => {
                answer.truncate(room);
                self.send(3, number, 0, answer.len(), &answer)
            }
        }
    }

    fn descriptor(&self, value: u16) -> Option<Vec<u8>> {
        let [kind, index] = value.to_be_bytes();
        match (kind, index) {
            (1, _) => Some(vec![
                18, 1, 0x00, 0x02, 2, 0, 0, 64, 0x09, 0x12, 0x05, 0x00, 0x00, 0x01, 1, 2, 3, 1,
            ]),
            (2, _) => Some(configuration()),
            (3, 0) => Some(vec![4, 3, 0x09, 0x04]),
            (3, 1) => Some(text("Pads Ltd")),
            (3, 2) => Some(text("Pad")),
            (3, 3) => Some(text(&self.serial)),
            _ => None,
        }
    }

    fn send(
        &mut self,
        command: u32,
        number: u32,
        status: i32,
        length: usize,
        payload: &[u8],
    ) -> std::io::Result<()> {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let mut frame = Vec::with_capacity(48 + payload.len());
        for word in [command, number, 0, 0, 0] {
            frame.extend(word.to_be_bytes());
        }
        frame.extend(status.to_be_bytes());
        for word in [length, 0, 0, 0, 0, 0] {
            frame.extend(word.to_be_bytes());
        }
        frame.extend(payload);
        self.socket.write_all(&frame)
    }
}

/// A modem's two interfaces and what joins them (CDC 1.2, 5.2).
fn configuration() -> Vec<u8> {
    let mut all = vec![9, 2, 0, 0, 2, 1, 0, 0x80, 50];
    all.extend([9, 4, 0, 0, 1, 2, 2, 1, 0]);
    all.extend([5, 0x24, 0, 0x10, 0x01]);
    all.extend([5, 0x24, 1, 0, 1]);
    all.extend([4, 0x24, 2, 2]);
    all.extend([5, 0x24, 6, 0, 1]);
    all.extend([7, 5, STATE, 3, 16, 0, 9]);
    all.extend([9, 4, 1, 0, 2, 10, 0, 0, 0]);
    all.extend([7, 5, TO_DEVICE, 2, 0, 2, 0]);
    all.extend([7, 5, TO_HOST, 2, 0, 2, 0]);
    let [low, high] = u16::try_from(all.len()).unwrap_or_default().to_le_bytes();
    all[2] = low;
    all[3] = high;
    all
}

fn text(words: &str) -> Vec<u8> {
    let units: Vec<u8> = words.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let length = u8::try_from(units.len() + 2).unwrap_or(u8::MAX);
    [&[length, 3][..], &units].concat()
}
