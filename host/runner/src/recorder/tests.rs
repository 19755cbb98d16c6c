// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes pass unchanged, lines are told without card data.

use super::*;
use std::io::{Read, Write};
use std::sync::Arc;

const NUMBER: &[u8] = b"4111111111111111";

/// A tapped port: the device, the plugin's end, and what is told.
struct Scene {
    device: UnixStream,
    plugin: UnixStream,
    recorder: Recorder,
    told: Arc<Mutex<Vec<String>>>,
}

fn scene() -> Scene {
    let (device, port) = UnixStream::pair().expect("a socket pair");
    let described = Port {
        name: "main".to_owned(),
        kind: PortKind::Serial,
    };
    let (mut given, taps) = tap(vec![OwnedFd::from(port)], &[described]).expect("a tap");
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let telling = Arc::clone(&told);
    let recorder = Recorder::start(taps, move |line| telling.lock().unwrap().push(line));
    Scene {
        device,
        plugin: UnixStream::from(given.remove(0)),
        recorder: recorder.expect("a thread"),
        told,
    }
}

/// Sends one way and reads at the other end, so that the pieces come in this order.
fn pass(from: &UnixStream, to: &UnixStream, bytes: &[u8]) {
    let (mut from, mut to) = (from, to);
    from.write_all(bytes).expect("open");
    let mut came = vec![0; bytes.len()];
    to.read_exact(&mut came).expect("open");
    assert!(came == bytes, "{} bytes passed changed", bytes.len());
}

#[test]
fn what_passes_is_told_without_card_data() {
    let scene = scene();
    let (first, second) = NUMBER.split_at(6);
    pass(&scene.plugin, &scene.device, b"READ\r");
    pass(&scene.device, &scene.plugin, first);
    pass(&scene.plugin, &scene.device, b"\x06");
    pass(&scene.device, &scene.plugin, second);
    pass(&scene.device, &scene.plugin, b"\r");
    assert!(scene.told.lock().unwrap().is_empty(), "all of it may go on");
    scene.recorder.finish();
    let told = scene.told.lock().unwrap().join("\n");
    let entries: Vec<Entry> = told
        .lines()
        .map(|line| serde_json::from_str(line).expect("an entry"))
        .collect();
    let bytes: Vec<&[u8]> = entries.iter().map(|entry| &entry.bytes[..]).collect();
    assert_eq!(bytes, [b"READ\r", &[0; 6][..], b"\x06", &[0; 10], b"\r"]);
    assert_eq!(entries[3].scrubbed, [(0, 10)]);
    assert!(entries.is_sorted_by_key(|entry| entry.at_us));
}

#[test]
fn much_passes_both_ways_at_once() {
    let Scene {
        device,
        plugin,
        recorder,
        told,
    } = scene();
    let much = vec![b'x'; 3_000_000];
    let send = |stream: &UnixStream| {
        let (mut stream, much) = (stream.try_clone().expect("a descriptor"), much.clone());
        std::thread::spawn(move || stream.write_all(&much).expect("open"))
    };
    let sending = [send(&device), send(&plugin)];
    for (mut end, name) in [(&plugin, "plugin"), (&device, "device")] {
        let mut came = vec![0; much.len()];
        end.read_exact(&mut came).expect("open");
        assert!(came == much, "the {name} gets all of it");
    }
    for thread in sending {
        thread.join().expect("no panic");
    }
    recorder.finish();
    let bytes: usize = told
        .lock()
        .unwrap()
        .iter()
        .map(|line| {
            serde_json::from_str::<Entry>(line)
                .expect("an entry")
                .bytes
                .len()
        })
        .sum();
    assert_eq!(bytes, 2 * much.len());
}

#[test]
fn who_hangs_up_is_seen_behind_what_was_said() {
    let mut scene = scene();
    scene.device.write_all(b"bye").expect("open");
    scene
        .device
        .shutdown(std::net::Shutdown::Write)
        .expect("open");
    let mut came = Vec::new();
    scene.plugin.read_to_end(&mut came).expect("open");
    assert_eq!(came, b"bye");
    pass(&scene.plugin, &scene.device, b"still there");
    drop(scene.plugin);
    let mut came = Vec::new();
    scene.device.read_to_end(&mut came).expect("open");
    assert_eq!(came, b"");
    scene.recorder.finish();
    assert_eq!(scene.told.lock().unwrap().len(), 2);
}

#[test]
fn usb_stays_as_it_is() {
    let (_device, port) = UnixStream::pair().expect("a socket pair");
    let port = OwnedFd::from(port);
    let number = std::os::fd::AsRawFd::as_raw_fd(&port);
    let described = Port {
        name: "main".to_owned(),
        kind: PortKind::Usb,
    };
    let (given, taps) = tap(vec![port], &[described]).expect("nothing to do");
    assert!(taps.is_empty());
    assert_eq!(std::os::fd::AsRawFd::as_raw_fd(&given[0]), number);
}
