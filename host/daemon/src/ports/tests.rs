// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looking and matching in a made-up system, opening and losing with pseudo-terminals and sockets.

use super::absent::Cause;
use super::found::Found;
use super::pick::{Claim, Taken, pick};
use super::wish::Place;
use super::*;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;
use tempfile::TempDir;

/// A made-up system.
struct System {
    folder: TempDir,
}

impl System {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for path in ["sys/bus/usb/devices", "sys/class/tty", "dev/bus/usb/001"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        Self { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// A device in a slot, with a number on the bus.
    fn usb(&self, slot: &str, number: u32, id: &str, serial: Option<&str>) {
        let device = self.root().join("sys/devices/pci/usb1").join(slot);
        fs::create_dir_all(&device).unwrap();
        let (vendor, product) = id.split_once(':').unwrap();
        let mut attributes = vec![
            ("idVendor", vendor.to_owned()),
            ("idProduct", product.to_owned()),
            ("busnum", "1".to_owned()),
            ("devnum", number.to_string()),
            ("manufacturer", "Readers Ltd".to_owned()),
            ("product", "Pad 3".to_owned()),
        ];
        attributes.extend(serial.map(|serial| ("serial", serial.to_owned())));
        for (name, value) in attributes {
            fs::write(device.join(name), value + "\n").unwrap();
        }
        let listed = self.root().join("sys/bus/usb/devices");
        symlink(&device, listed.join(slot)).unwrap();
        // Its interface is listed beside it.
        let interface = device.join(format!("{slot}:1.0"));
        fs::create_dir_all(&interface).unwrap();
        symlink(&interface, listed.join(format!("{slot}:1.0"))).unwrap();
        fs::write(self.root().join(format!("dev/bus/usb/001/{number:03}")), "").unwrap();
    }

    /// A serial line of the device in a slot.
    fn line_of(&self, slot: &str, name: &str) {
        let device = self.root().join("sys/devices/pci/usb1").join(slot);
        let line = device.join(format!("{slot}:1.0")).join(name);
        self.line_at(&line, name);
    }

    fn line_at(&self, device: &Path, name: &str) {
        let class = self.root().join("sys/class/tty").join(name);
        fs::create_dir_all(device).unwrap();
        fs::create_dir_all(&class).unwrap();
        symlink(device, class.join("device")).unwrap();
        fs::write(self.root().join("dev").join(name), "").unwrap();
    }

    fn pick(&self, wish: &PortWish, claims: &[Claim]) -> Result<String, Absent> {
        self.pick_beside(wish, claims, &[], None, &[])
    }

    fn pick_beside(
        &self,
        wish: &PortWish,
        claims: &[Claim],
        named: &[Place],
        last: Option<&str>,
        of_others: &[String],
    ) -> Result<String, Absent> {
        let taken = Taken {
            claims,
            named,
            last,
            of_others,
        };
        let resolved = match &wish.place {
            Some(Place::Path(path)) => self
                .root()
                .join(path.strip_prefix("/").unwrap())
                .canonicalize()
                .ok(),
            _ => None,
        };
        let picked = pick(
            wish,
            &Found::look(&self.root()),
            resolved.as_deref(),
            &taken,
        )?;
        let node = picked.node.strip_prefix(self.root().join("dev")).unwrap();
        Ok(node.display().to_string())
    }

    fn claim(&self, instance: &str, wish: &PortWish) -> Claim {
        let found = Found::look(&self.root());
        let taken = Taken {
            claims: &[],
            named: &[],
            last: None,
            of_others: &[],
        };
        Claim {
            instance: instance.to_owned(),
            picked: pick(wish, &found, None, &taken).unwrap(),
        }
    }
}

fn wish(kind: &str, usb: &str, place: Option<&str>) -> PortWish {
    let need = format!("name = 'main'\nkind = '{kind}'\nusb = [{usb}]");
    let need = toml::from_str(&need).unwrap();
    let ports = place.map(|place| ("main".to_owned(), place.to_owned()));
    let mut wishes = PortWish::of("counter", &[need], &ports.into_iter().collect()).unwrap();
    wishes.remove(0)
}

const PAD: &str = "'0acd:3810'";

#[test]
fn devices_and_their_lines_are_found() {
    let system = System::new();
    system.usb("1-10", 7, "0ACD:3810", Some("B2"));
    system.usb("1-2", 3, "0403:6001", None);
    system.line_of("1-2", "ttyUSB0");
    system.line_at(&system.root().join("sys/devices/pnp0/00:05"), "ttyS0");
    // An 8250 that is only reserved, a console.
    system.line_at(
        &system.root().join("sys/devices/platform/serial8250"),
        "ttyS1",
    );
    fs::write(system.root().join("sys/class/tty/ttyS1/type"), "0\n").unwrap();
    fs::create_dir_all(system.root().join("sys/class/tty/tty1")).unwrap();
    let found = Found::look(&system.root());
    let slots: Vec<&str> = found.usb.iter().map(|usb| usb.slot.as_str()).collect();
    assert_eq!(slots, ["1-2", "1-10"]);
    assert_eq!(found.usb[1].id, "0acd:3810");
    assert_eq!(found.usb[1].serial_number.as_deref(), Some("B2"));
    assert_eq!(found.usb[1].label.as_deref(), Some("Readers Ltd Pad 3"));
    assert!(found.usb[1].node.ends_with("dev/bus/usb/001/007"));
    assert_eq!(found.usb[0].serial_number, None);
    let lines: Vec<_> = found
        .serial
        .iter()
        .map(|line| (line.node.clone(), line.usb.clone()))
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].0.ends_with("dev/ttyS0") && lines[0].1.is_none());
    assert_eq!(lines[1].1.as_ref().unwrap(), &found.usb[0]);
    assert!(Found::look(Path::new("/no/such/system")).usb.is_empty());
}

#[test]
fn what_a_device_says_of_itself_is_bounded() {
    let system = System::new();
    system.usb("1-1", 3, "0acd:3810", Some(&"9".repeat(5_000)));
    let product = system.root().join("sys/devices/pci/usb1/1-1/product");
    fs::write(product, "Pad\u{1b}[2J\n").unwrap();
    let found = Found::look(&system.root());
    assert!(found.usb[0].serial_number.as_ref().unwrap().len() <= 1_024);
    assert_eq!(found.usb[0].label.as_deref(), Some("Readers Ltd Pad[2J"));
}

#[test]
fn two_of_one_kind_are_told_apart_by_serial_number() {
    let system = System::new();
    for (slot, number, serial) in [("1-1", 3, "A1"), ("1-2", 4, "B2")] {
        system.usb(slot, number, "0acd:3810", Some(serial));
        system.line_of(slot, &format!("ttyACM{number}"));
    }
    for (serial, node, line) in [
        ("A1", "bus/usb/001/003", "ttyACM3"),
        ("B2", "bus/usb/001/004", "ttyACM4"),
    ] {
        let place = format!("usb:{serial}");
        assert_eq!(
            system.pick(&wish("usb", PAD, Some(&place)), &[]).unwrap(),
            node
        );
        assert_eq!(
            system
                .pick(&wish("serial", PAD, Some(&place)), &[])
                .unwrap(),
            line
        );
        // Also where the manifest does not say which it may be.
        assert_eq!(
            system.pick(&wish("serial", "", Some(&place)), &[]).unwrap(),
            line
        );
    }
    let absent = system
        .pick(&wish("usb", PAD, Some("usb:C3")), &[])
        .unwrap_err();
    assert_eq!(absent.cause, Cause::NotThere);
    assert!(absent.to_string().contains("C3"), "{absent}");
    let other = system
        .pick(&wish("usb", "'1111:2222'", Some("usb:A1")), &[])
        .unwrap_err();
    assert!(other.to_string().contains("1111:2222"), "{other}");
}

#[test]
fn twins_with_one_number_are_not_guessed_between() {
    let system = System::new();
    for (slot, number) in [("1-1", 3), ("1-2", 4)] {
        system.usb(slot, number, "0acd:3810", Some("0001"));
    }
    let absent = system
        .pick(&wish("usb", PAD, Some("usb:0001")), &[])
        .unwrap_err();
    assert_eq!(absent.cause, Cause::Unclear);
    assert!(absent.to_string().contains("by-path"), "{absent}");
}

#[test]
fn a_device_is_given_to_one_instance_only() {
    let system = System::new();
    system.usb("1-1", 3, "0acd:3810", Some("A1"));
    system.line_of("1-1", "ttyACM0");
    let any = wish("usb", PAD, None);
    let claims = [system.claim("window", &any)];
    let absent = system.pick(&any, &claims).unwrap_err();
    assert_eq!(absent.cause, Cause::Taken);
    assert!(absent.to_string().contains("`window`"), "{absent}");
    // Its line is part of the same device.
    assert!(system.pick(&wish("serial", PAD, None), &claims).is_err());
    assert!(
        system
            .pick(&wish("serial", "", Some("/dev/ttyACM0")), &claims)
            .is_err()
    );
    system.usb("1-2", 4, "0acd:3810", Some("B2"));
    assert_eq!(system.pick(&any, &claims).unwrap(), "bus/usb/001/004");
    assert_eq!(
        system
            .pick(&wish("usb", PAD, Some("usb:A1")), &claims)
            .unwrap_err()
            .cause,
        Cause::Taken
    );
}

#[test]
fn what_one_names_is_not_picked_for_another() {
    let system = System::new();
    system.usb("1-1", 3, "0acd:3810", Some("A1"));
    let any = wish("usb", PAD, None);
    let named = [Place::SerialNumber("A1".to_owned())];
    let beside = |named: &[Place]| system.pick_beside(&any, &[], named, None, &[]);
    assert_eq!(beside(&named).unwrap_err().cause, Cause::Taken);
    let node = system.root().join("dev/bus/usb/001/003");
    assert_eq!(
        beside(&[Place::Path(node)]).unwrap_err().cause,
        Cause::Taken
    );
    system.usb("1-2", 4, "0acd:3810", Some("B2"));
    assert_eq!(beside(&named).unwrap(), "bus/usb/001/004");
}

#[test]
fn who_names_none_gets_back_the_one_it_had() {
    let system = System::new();
    system.usb("1-1", 3, "0acd:3810", Some("A1"));
    system.usb("1-2", 4, "0acd:3810", Some("B2"));
    let any = wish("usb", PAD, None);
    let with = |last: Option<&str>, others: &[String]| {
        system.pick_beside(&any, &[], &[], last, others).unwrap()
    };
    assert_eq!(with(None, &[]), "bus/usb/001/003");
    assert_eq!(with(Some("B2"), &[]), "bus/usb/001/004");
    assert_eq!(with(None, &["A1".to_owned()]), "bus/usb/001/004");
    let both = ["A1".to_owned(), "B2".to_owned()];
    assert_eq!(with(None, &both), "bus/usb/001/003");
}

#[test]
fn words_say_what_to_do() {
    let system = System::new();
    let said = |wish: &PortWish| system.pick(wish, &[]).unwrap_err().to_string();
    assert!(said(&wish("usb", PAD, None)).contains("plug it in"));
    assert!(said(&wish("serial", "", Some("/dev/ttyUSB9"))).contains("/dev/ttyUSB9"));
    assert!(said(&wish("serial", "", None)).contains("ports = { main ="));
    // There, but its driver is not.
    system.usb("1-1", 3, "0acd:3810", Some("A1"));
    for place in [None, Some("usb:A1")] {
        assert!(said(&wish("serial", PAD, place)).contains("driver"));
    }
    system.line_of("1-1", "ttyACM0");
    assert!(said(&wish("serial", "", None)).contains("usb:A1"));
}

#[test]
fn one_device_may_have_several_lines() {
    let system = System::new();
    system.usb("1-1", 3, "0acd:3810", Some("A1"));
    system.line_of("1-1", "ttyACM0");
    system.line_of("1-1", "ttyACM1");
    let first = wish("serial", PAD, Some("usb:A1"));
    let claims = [system.claim("counter", &first)];
    assert_eq!(system.pick(&first, &claims).unwrap(), "ttyACM1");
}

#[test]
fn a_link_leads_to_its_device() {
    let system = System::new();
    system.usb("1-1", 3, "0403:6001", Some("A1"));
    system.line_of("1-1", "ttyUSB0");
    let links = system.root().join("dev/serial/by-id");
    fs::create_dir_all(&links).unwrap();
    symlink("../../ttyUSB0", links.join("usb-pad")).unwrap();
    let by_link = wish("serial", "", Some("/dev/serial/by-id/usb-pad"));
    assert_eq!(system.pick(&by_link, &[]).unwrap(), "ttyUSB0");
    let claims = [system.claim("window", &wish("serial", "'0403:6001'", None))];
    assert_eq!(
        system.pick(&by_link, &claims).unwrap_err().cause,
        Cause::Taken
    );
}

#[test]
fn permission_names_the_group_or_the_rule() {
    let system = System::new();
    let node = system.root().join("dev/ttyUSB0");
    fs::write(&node, "").unwrap();
    let group = std::os::unix::fs::MetadataExt::gid(&fs::metadata(&node).unwrap());
    fs::create_dir_all(system.root().join("etc")).unwrap();
    fs::write(
        system.root().join("etc/group"),
        format!("lines:x:{group}:\n"),
    )
    .unwrap();
    let says = permission(&system.root(), &node, Some("0acd:3810"));
    if group == 0 {
        assert!(
            says.contains("idVendor}==\"0acd\"") && says.contains("udev"),
            "{says}"
        );
    } else {
        assert!(says.contains("usermod -aG lines"), "{says}");
    }
    let plain = permission(&system.root(), Path::new("/no/such/node"), None);
    assert!(plain.contains("/no/such/node"), "{plain}");
}

/// A line of which the case is the device; the link is what is configured.
struct Line {
    device: std::fs::File,
}

fn plug(link: &Path) -> Line {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let device = openpt(flags).unwrap();
    grantpt(&device).unwrap();
    unlockpt(&device).unwrap();
    let node = ptsname(&device, Vec::new()).unwrap();
    let _earlier = fs::remove_file(link);
    symlink(node.to_str().unwrap(), link).unwrap();
    Line {
        device: device.into(),
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what)
        .await
        .unwrap()
}

fn by_path(instance: &str, link: &Path) -> Vec<PortWish> {
    let need = toml::from_str("name = 'main'\nkind = 'serial'").unwrap();
    let ports = [("main".to_owned(), link.display().to_string())];
    PortWish::of(instance, &[need], &ports.into()).unwrap()
}

#[tokio::test]
async fn a_line_is_opened_lost_and_had_again() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("pad");
    let ports = Ports::new(Path::new("/"));
    let wishes = by_path("counter", &link);
    let absent = ports.open(&wishes).await.unwrap_err();
    assert_eq!(absent.cause, Cause::NotThere);
    assert!(!ports.states("counter")[0].present);
    let line = plug(&link);
    soon(ports.changed(&absent)).await;
    let open = ports.open(&wishes).await.unwrap();
    assert_eq!(open[0].0.name, "main");
    assert!(ports.states("counter")[0].present);
    assert_eq!(ports.gone("counter"), None);
    // Another instance cannot have it, and is told by whom it is used.
    let others = by_path("window", &link);
    let taken = ports.open(&others).await.unwrap_err();
    assert!(taken.to_string().contains("`counter`"), "{taken}");
    drop(line.device);
    let why = soon(ports.lost("counter")).await;
    assert!(why.contains("unplugged"), "{why}");
    assert_eq!(ports.states("counter")[0].reason.as_ref(), Some(&why));
    ports.release("counter");
    soon(ports.changed(&taken)).await;
    drop(open);
    let absent = ports.open(&wishes).await.unwrap_err();
    let _again = plug(&link);
    soon(ports.changed(&absent)).await;
    assert_eq!(ports.open(&wishes).await.unwrap().len(), 1);
}

#[tokio::test]
async fn bytes_that_pass_wake_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("pad");
    let mut line = plug(&link);
    let ports = Ports::new(Path::new("/"));
    let open = ports.open(&by_path("counter", &link)).await.unwrap();
    let mut lost = Box::pin(ports.lost("counter"));
    for _ in 0..3 {
        std::io::Write::write_all(&mut line.device, b"hello").unwrap();
        let woken = tokio::time::timeout(Duration::from_millis(5), &mut lost).await;
        assert!(woken.is_err(), "{woken:?}");
    }
    drop((open, line));
}

#[tokio::test]
async fn a_foreign_program_that_has_the_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("pad");
    let _line = plug(&link);
    let node = link.canonicalize().unwrap();
    let mut foreign = std::process::Command::new("sh");
    foreign.arg("-c").arg(format!(
        "exec 3<>{}; echo has it; read -r end",
        node.display()
    ));
    foreign
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut foreign = foreign.spawn().unwrap();
    let mut said = [0; 6];
    std::io::Read::read_exact(foreign.stdout.as_mut().unwrap(), &mut said).unwrap();
    let named = super::absent::holder(Path::new("/"), &node).unwrap();
    assert!(named.contains(&foreign.id().to_string()), "{named}");
    drop(foreign.stdin.take());
    foreign.wait().unwrap();
    assert_eq!(super::absent::holder(Path::new("/"), &node), None);
}

fn stream(address: &str, optional: bool) -> Vec<PortWish> {
    let need = format!("name = 'net'\nkind = 'stream'\noptional = {optional}");
    let need = toml::from_str(&need).unwrap();
    let ports = [("net".to_owned(), address.to_owned())];
    PortWish::of("counter", &[need], &ports.into()).unwrap()
}

#[tokio::test]
async fn a_connection_is_lost_when_the_device_ends_it() {
    let device = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = device.local_addr().unwrap().to_string();
    let ports = Ports::new(Path::new("/"));
    let wishes = stream(&address, false);
    let (open, accepted) = tokio::join!(ports.open(&wishes), device.accept());
    let open = open.unwrap();
    assert!(rustix::net::sockopt::tcp_nodelay(&open[0].1).unwrap());
    drop(accepted);
    let why = soon(ports.lost("counter")).await;
    assert!(why.contains(&address), "{why}");
    drop((open, device));
    let absent = ports.open(&wishes).await.unwrap_err();
    assert_eq!(absent.cause, Cause::NotThere);
    assert!(absent.again.is_some());
    assert!(absent.to_string().contains("no connection"), "{absent}");
    assert!(
        ports
            .open(&stream(&address, true))
            .await
            .unwrap()
            .is_empty()
    );
}
