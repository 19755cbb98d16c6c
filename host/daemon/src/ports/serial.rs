// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opens a serial line: raw, for us alone, never as a controlling terminal.

use payhal_messages::manifest::{Parity, PortNeed};
use rustix::fs::{FlockOperation, Mode, OFlags, fcntl_getfl, fcntl_setfl, flock, open};
use rustix::io::Errno;
use rustix::termios::{
    ControlModes, InputModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios,
    ioctl_tiocexcl, tcflush, tcgetattr, tcsetattr,
};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Why a line was not opened.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Refused {
    /// Somebody else has it.
    Busy,
    /// It is no serial line.
    NoLine,
    /// It cannot be set as the manifest wants it.
    Setting(String),
    /// The system says so.
    System(Errno),
}

impl From<Errno> for Refused {
    fn from(error: Errno) -> Self {
        match error {
            // TIOCEXCL of another process, and flock of one that asks (TIOCEXCL does not stop root).
            Errno::BUSY | Errno::WOULDBLOCK => Self::Busy,
            Errno::NOTTY => Self::NoLine,
            other => Self::System(other),
        }
    }
}

/// Opens the line and sets it as the manifest says. Reads of the descriptor wait.
pub(super) fn open_line(node: &Path, need: &PortNeed) -> Result<OwnedFd, Refused> {
    // NONBLOCK: a line whose modem reports no carrier would hold up the open for ever.
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let line = open(node, flags, Mode::empty())?;
    let mut settings = tcgetattr(&line)?;
    flock(&line, FlockOperation::NonBlockingLockExclusive)?;
    ioctl_tiocexcl(&line)?;
    settle(&mut settings, need)?;
    tcsetattr(&line, OptionalActions::Now, &settings)?;
    let taken = tcgetattr(&line)?;
    // Pseudo-terminals keep 8 data bits without parity and say nothing; what they can do is known
    // by nobody, so that only the speed is asked for.
    if taken.output_speed() != need.baud {
        let says = format!("it makes {} baud of {}", taken.output_speed(), need.baud);
        return Err(Refused::Setting(says));
    }
    // What came for whoever had the line before.
    tcflush(&line, QueueSelector::IOFlush)?;
    let flags = fcntl_getfl(&line)?;
    fcntl_setfl(&line, flags - OFlags::NONBLOCK)?;
    Ok(line)
}

fn settle(settings: &mut Termios, need: &PortNeed) -> Result<(), Refused> {
    settings.make_raw();
    let modes = &mut settings.control_modes;
    modes.remove(ControlModes::CSIZE | ControlModes::PARENB | ControlModes::PARODD);
    modes.remove(ControlModes::CSTOPB | ControlModes::CRTSCTS);
    modes.insert(ControlModes::CLOCAL | ControlModes::CREAD);
    modes.insert(match need.data_bits {
        5 => ControlModes::CS5,
        6 => ControlModes::CS6,
        7 => ControlModes::CS7,
        _ => ControlModes::CS8,
    });
    match need.parity {
        Parity::None => settings.input_modes.remove(InputModes::INPCK),
        Parity::Even | Parity::Odd => {
            modes.insert(ControlModes::PARENB);
            modes.set(ControlModes::PARODD, need.parity == Parity::Odd);
            settings.input_modes.insert(InputModes::INPCK);
        }
    }
    modes.set(ControlModes::CSTOPB, need.stop_bits == 2);
    // A read returns with the first byte that there is.
    settings.special_codes[SpecialCodeIndex::VMIN] = 1;
    settings.special_codes[SpecialCodeIndex::VTIME] = 0;
    let speed = settings.set_speed(need.baud);
    speed.map_err(|_| Refused::Setting(format!("{} baud is no speed", need.baud)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use std::io::{Read as _, Write as _};
    use std::path::PathBuf;

    fn need(text: &str) -> PortNeed {
        toml::from_str(&format!("name = 'main'\nkind = 'serial'\n{text}")).unwrap()
    }

    /// A made-up line: the device's end, and the node of ours.
    fn line() -> (std::fs::File, PathBuf) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let device = openpt(flags).unwrap();
        grantpt(&device).unwrap();
        unlockpt(&device).unwrap();
        let node = ptsname(&device, Vec::new()).unwrap();
        (device.into(), PathBuf::from(node.to_str().unwrap()))
    }

    #[test]
    fn every_byte_passes_both_ways() {
        let (mut device, node) = line();
        let mut port: std::fs::File = open_line(&node, &need("baud = 115200")).unwrap().into();
        let all: Vec<u8> = (0..=255).collect();
        port.write_all(&all).unwrap();
        let mut heard = [0; 256];
        device.read_exact(&mut heard).unwrap();
        assert_eq!(heard[..], all);
        device.write_all(&all).unwrap();
        port.read_exact(&mut heard).unwrap();
        assert_eq!(heard[..], all);
    }

    #[test]
    fn the_line_is_set_as_the_manifest_says() {
        let (_device, node) = line();
        let port = open_line(&node, &need("baud = 250000\nstop_bits = 2")).unwrap();
        let settings = tcgetattr(&port).unwrap();
        assert_eq!(settings.output_speed(), 250_000);
        assert!(
            settings
                .control_modes
                .contains(ControlModes::CSTOPB | ControlModes::CLOCAL)
        );
        // A pseudo-terminal takes no parity, so that is looked at before it is set.
        let mut settings = settings;
        settle(&mut settings, &need("data_bits = 7\nparity = 'odd'")).unwrap();
        let modes = settings.control_modes;
        assert!(modes.contains(ControlModes::CS7 | ControlModes::PARENB | ControlModes::PARODD));
        assert!(!modes.contains(ControlModes::CSTOPB));
        settle(&mut settings, &need("parity = 'even'")).unwrap();
        assert!(!settings.control_modes.contains(ControlModes::PARODD));
        assert_eq!(
            settings.control_modes & ControlModes::CSIZE,
            ControlModes::CS8
        );
    }

    #[test]
    fn what_came_before_is_not_ours() {
        let (mut device, node) = line();
        let first = open_line(&node, &need("")).unwrap();
        device.write_all(b"stale").unwrap();
        poll(&mut [PollFd::new(&first, PollFlags::IN)], None).unwrap();
        drop(first);
        let mut port: std::fs::File = open_line(&node, &need("")).unwrap().into();
        device.write_all(b"fresh").unwrap();
        let mut heard = [0; 5];
        port.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"fresh");
    }

    #[test]
    fn a_line_has_one_user() {
        let (_device, node) = line();
        let _port = open_line(&node, &need("")).unwrap();
        assert_eq!(open_line(&node, &need("")).unwrap_err(), Refused::Busy);
    }

    #[test]
    fn what_is_no_line_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(
            open_line(file.path(), &need("")).unwrap_err(),
            Refused::NoLine
        );
        let gone = open_line(Path::new("/dev/no-such-line"), &need(""));
        assert_eq!(gone.unwrap_err(), Refused::System(Errno::NOENT));
    }
}
