// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plays the daemon: compiles C plugins, starts the real runner, speaks to it.
//!
//! Every wait is on a socket with a time-out. Must never leave a process behind.

use payhal_ipc::{
    Answer, BUILD_ID, Call, Confinement, ControlReader, FrameReader, FrameWriter, FromRunner,
    Library, LogSource, Payload, Port, PortKind, Start, ToRunner, send_frame, split,
};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Long enough for a loaded machine; nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// Compiles a C file to a library, as strictly as the ABI promises to bear.
pub fn compile(source: &Path, name: &str, flags: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = folder.path().join(format!("lib{name}.so"));
    let output = Command::new("gcc")
        .args([
            "-std=c99",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-pedantic",
            "-fPIC",
            "-shared",
            "-I",
        ])
        .arg(repository("sdk/abi/include"))
        .args(flags)
        .arg(source)
        .arg("-pthread")
        .arg("-o")
        .arg(&library)
        .output()
        .expect("gcc starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "gcc refuses {}: {said}",
        source.display()
    );
    (folder, library)
}

/// The example in C, built as its own Makefile does.
pub fn beeper() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new("make")
        .arg("--directory")
        .arg(repository("sdk/abi/examples/c"))
        .arg(format!("BUILD={}", folder.path().display()))
        .arg("CC=gcc")
        .output()
        .expect("make starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the example is not built: {said}");
    let library = folder.path().join("libbeeper_reader.so");
    (folder, library)
}

/// The beeper itself, on the other end of a port, until that is closed: a card is tapped at once, but
/// not for an amount of 1, when nobody comes, nor for 2, when people take their time.
pub fn beeper_device() -> (OwnedFd, std::thread::JoinHandle<Vec<String>>) {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    let heard = std::thread::spawn(move || {
        let mut heard = Vec::new();
        let lines = BufReader::new(ours.try_clone().expect("a descriptor")).lines();
        for line in lines.map_while(Result::ok) {
            let (number, command) = line.split_once(' ').expect("a number");
            let words: Vec<_> = command.split(' ').collect();
            let answers: &[&str] = match words[..] {
                ["HELLO", ..] => &["HELLO beeper 1 B-7 1.2.0 dukpt-aes main test"],
                ["CARD", "1", ..] => &["WAIT", "NO no_card"],
                ["CARD", "2", ..] => &["WAIT"],
                ["CARD", ..] => &[
                    "WAIT",
                    "CARD contactless 411111******1111 visa A0000000031010 VISA CREDIT",
                ],
                _ => &["OK"],
            };
            for answer in answers {
                // A plugin that has ended hears nothing more.
                let _gone = writeln!(&ours, "{number} {answer}");
            }
            heard.push(command.to_owned());
        }
        heard
    });
    (theirs.into(), heard)
}

pub fn probe() -> (tempfile::TempDir, PathBuf) {
    compile(
        &repository("host/runner/tests/plugins/probe.c"),
        "probe",
        &[],
    )
}

pub fn faulty(flags: &[&str]) -> (tempfile::TempDir, PathBuf) {
    compile(
        &repository("host/runner/tests/plugins/faulty.c"),
        "faulty",
        flags,
    )
}

/// How to start a runner.
pub struct Launch {
    pub build_id: String,
    pub library: Library,
    pub library_file: Option<OwnedFd>,
    pub config: String,
    pub lanes: u32,
    pub port: Option<OwnedFd>,
    pub state_dir: String,
    pub confinement: Confinement,
    /// The runner program, and the user it runs as where that is another one.
    pub program: PathBuf,
    pub user: Option<u32>,
    pub virtual_time: bool,
    pub record: bool,
}

impl Launch {
    pub fn new(library: &Path) -> Self {
        let path = library
            .to_str()
            .expect("a path of ours is UTF-8")
            .to_owned();
        Self {
            build_id: BUILD_ID.to_owned(),
            library: Library::Path(path),
            library_file: None,
            config: "{}".to_owned(),
            lanes: 2,
            port: None,
            state_dir: "/nonexistent".to_owned(),
            confinement: Confinement::default(),
            program: PathBuf::from(env!("CARGO_BIN_EXE_payhal-plugin-runner")),
            user: None,
            virtual_time: false,
            record: false,
        }
    }

    pub fn start(self) -> Runner {
        let (control, theirs) = UnixStream::pair().expect("a socket pair");
        let mut command = Command::new(&self.program);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        let child = command
            .env_clear()
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the runner starts");
        let pairs: Vec<_> = (0..self.lanes)
            .map(|_| UnixStream::pair().expect("a socket pair"))
            .collect();
        let port = Port {
            name: "main".to_owned(),
            kind: PortKind::Stream,
        };
        let start = ToRunner::Start(Start {
            build_id: self.build_id,
            instance: "test-1".to_owned(),
            library: self.library,
            state_dir: self.state_dir,
            config: Payload::from(self.config.into_bytes()),
            lanes: self.lanes,
            ports: self.port.iter().map(|_| port.clone()).collect(),
            confinement: self.confinement,
            virtual_time: self.virtual_time,
            record: self.record,
        });
        let mut given: Vec<BorrowedFd<'_>> = Vec::new();
        given.extend(self.library_file.iter().map(AsFd::as_fd));
        given.extend(pairs.iter().map(|(_, theirs)| theirs.as_fd()));
        given.extend(self.port.iter().map(AsFd::as_fd));
        control
            .set_read_timeout(Some(PATIENCE))
            .expect("a time-out");
        send_frame(&control, &start, &given).expect("the start is sent");
        let lanes = pairs.into_iter().map(|(ours, _)| {
            ours.set_read_timeout(Some(PATIENCE)).expect("a time-out");
            split(ours)
        });
        let lanes = lanes.collect();
        let incoming = ControlReader::new(control.try_clone().expect("a second descriptor"));
        Runner {
            child,
            control: Some(control),
            incoming: Some(incoming),
            lanes,
            tokens: 0,
            sandbox: String::new(),
        }
    }

    pub fn ready(self) -> Runner {
        let mut runner = self.start();
        loop {
            match runner.next() {
                Some(FromRunner::Ready(ready)) => {
                    assert_eq!(ready.build_id, BUILD_ID);
                    runner.sandbox = ready.sandbox;
                    return runner;
                }
                Some(FromRunner::Log { .. }) => {}
                other => panic!("the runner is not ready: {other:?}"),
            }
        }
    }
}

/// A running runner; killed when dropped.
pub struct Runner {
    pub child: Child,
    control: Option<UnixStream>,
    incoming: Option<ControlReader>,
    lanes: Vec<(FrameReader, FrameWriter)>,
    tokens: u64,
    /// What is in force, once it is ready.
    pub sandbox: String,
}

impl Runner {
    pub fn next(&mut self) -> Option<FromRunner> {
        let incoming = self.incoming.as_mut().expect("the control socket is open");
        match incoming.receive() {
            Ok(frame) => frame,
            // The runner was killed with frames of ours unread.
            Err(payhal_ipc::LaneError::Socket(error))
                if error.kind() == std::io::ErrorKind::ConnectionReset =>
            {
                None
            }
            Err(error) => panic!("the control socket: {error}"),
        }
    }

    pub fn send(&self, frame: &ToRunner) {
        self.send_with(frame, &[]);
    }

    pub fn send_with(&self, frame: &ToRunner, descriptors: &[BorrowedFd<'_>]) {
        let control = self.control.as_ref().expect("the control socket is open");
        send_frame(control, frame, descriptors).expect("the runner listens");
    }

    /// Starts a call and returns its token.
    pub fn call(&mut self, lane: usize, method: &str, payload: &str) -> u64 {
        self.tokens += 1;
        self.call_as(self.tokens, lane, method, payload)
    }

    pub fn call_as(&mut self, token: u64, lane: usize, method: &str, payload: &str) -> u64 {
        let call = Call {
            token,
            method: method.to_owned(),
            deadline_ms: 10_000,
            payload: Payload::from(payload.as_bytes()),
        };
        self.lanes[lane].1.send(&call).expect("the lane is open");
        token
    }

    /// What comes back on a lane up to the reply: the emissions, then status and payload.
    pub fn answers(&mut self, lane: usize) -> (Vec<(u32, String)>, i32, String) {
        let mut emissions = Vec::new();
        loop {
            let answer: Option<Answer> = self.lanes[lane].0.receive().expect("the lane works");
            match answer.expect("the lane is open") {
                Answer::Emit { kind, payload, .. } => emissions.push((kind, text(&payload))),
                Answer::Reply {
                    status, payload, ..
                } => {
                    return (emissions, status, text(&payload));
                }
            }
        }
    }

    /// The next emission on a lane whose call runs.
    pub fn emission(&mut self, lane: usize) -> (u32, String) {
        let answer: Option<Answer> = self.lanes[lane].0.receive().expect("the lane works");
        match answer.expect("the lane is open") {
            Answer::Emit { kind, payload, .. } => (kind, text(&payload)),
            Answer::Reply { .. } => panic!("the call has ended"),
        }
    }

    /// A call and its reply, without emissions.
    pub fn ask(&mut self, method: &str, payload: &str) -> (i32, String) {
        self.call(0, method, payload);
        let (_, status, payload) = self.answers(0);
        (status, payload)
    }

    /// Everything the control socket still brings, to its end.
    pub fn rest(&mut self) -> Vec<FromRunner> {
        std::iter::from_fn(|| self.next()).collect()
    }

    pub fn close_control(&mut self) {
        self.control = None;
        self.incoming = None;
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the runner is our child")
    }

    /// The lines that came up to the answer to a ping sent now.
    pub fn logged(&mut self) -> Vec<(LogSource, String)> {
        self.send(&ToRunner::Ping { nonce: 4711 });
        let mut lines = Vec::new();
        loop {
            match self.next().expect("the runner lives") {
                FromRunner::Log { source, text, .. } => lines.push((source, text)),
                FromRunner::Pong { nonce: 4711 } => return lines,
                other => panic!("unexpected: {other:?}"),
            }
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // It may have ended already; either way it is reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn text(payload: &Payload) -> String {
    String::from_utf8_lossy(payload).into_owned()
}
