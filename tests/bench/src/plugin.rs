// SPDX-License-Identifier: MIT OR Apache-2.0
//! A runner with one plugin, spoken to as the host does, without a host around it.
//!
//! Must never leave one behind.

use crate::Failure;
use crate::product::Installed;
use payhal_ipc::{
    Answer, BUILD_ID, Call, Confinement, ControlReader, FrameReader, FrameWriter, FromRunner,
    Library, Payload, Start, ToRunner, send_frame, split,
};
use payhal_messages::call::method::IDENTIFY;
use payhal_messages::reader::Identity;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a runner may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A child that is killed and reaped when dropped.
pub(crate) struct Guard(pub(crate) Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // One that has ended is only reaped.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A runner that holds the virtual reader.
pub(crate) struct Runner {
    child: Guard,
    lanes: Vec<(FrameReader, FrameWriter)>,
    token: u64,
    /// The runner ends with it.
    _control: UnixStream,
    _state: tempfile::TempDir,
}

impl Runner {
    /// Starts it, confined as always, and waits until its plugin is loaded.
    pub(crate) fn start(installed: &Installed, lanes: usize) -> Result<Self, Failure> {
        let folder = installed.plugins.join("virtual-reader");
        let suffix = std::env::consts::DLL_SUFFIX;
        let library = File::open(folder.join(format!("libpayhal_virtual_reader{suffix}")))?;
        let state = tempfile::Builder::new().prefix("payhal-bench-").tempdir()?;
        let (control, theirs) = UnixStream::pair()?;
        let program = &installed.runner;
        let child = Command::new(program)
            .env_clear()
            .current_dir(state.path())
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("failed to start {}: {error}", program.display()))?;
        let child = Guard(child);
        control.set_read_timeout(Some(PATIENCE))?;
        let pairs: Result<Vec<_>, _> = (0..lanes).map(|_| UnixStream::pair()).collect();
        let (ours, theirs): (Vec<_>, Vec<_>) = pairs?.into_iter().unzip();
        let start = ToRunner::Start(Start {
            build_id: BUILD_ID.to_owned(),
            instance: "bench".to_owned(),
            library: Library::Descriptor,
            state_dir: state.path().to_string_lossy().into_owned(),
            config: Payload::from(b"{}".as_slice()),
            lanes: u32::try_from(lanes)?,
            ports: Vec::new(),
            confinement: Confinement::default(),
            virtual_time: false,
            record: false,
        });
        let mut given: Vec<BorrowedFd<'_>> = vec![library.as_fd()];
        given.extend(theirs.iter().map(AsFd::as_fd));
        send_frame(&control, &start, &given)?;
        wait_until_ready(&control)?;
        for lane in &ours {
            lane.set_read_timeout(Some(PATIENCE))?;
        }
        Ok(Self {
            child,
            lanes: ours.into_iter().map(split).collect(),
            token: 0,
            _control: control,
            _state: state,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// The sockets of its lanes, to wait on.
    pub(crate) fn sockets(&self) -> Result<Vec<UnixStream>, Failure> {
        let sockets = self.lanes.iter().map(|lane| lane.0.socket().try_clone());
        Ok(sockets.collect::<Result<_, _>>()?)
    }

    /// Asks the plugin who it is, on this lane.
    pub(crate) fn ask(&mut self, lane: usize) -> Result<(), Failure> {
        self.token += 1;
        let call = Call {
            token: self.token,
            method: IDENTIFY.to_owned(),
            deadline_ms: 10_000,
            payload: Payload::from(b"{}".as_slice()),
        };
        Ok(self.lanes[lane].1.send(&call)?)
    }

    /// Its answer.
    pub(crate) fn hear(&mut self, lane: usize) -> Result<(), Failure> {
        loop {
            let answer = self.lanes[lane].0.receive::<Answer>()?;
            match answer.ok_or("the runner ended")? {
                Answer::Emit { .. } => {}
                Answer::Reply {
                    status: 0, payload, ..
                } => return has_a_name(&payload),
                Answer::Reply { status, .. } => {
                    return Err(format!("identify ended with status {status}").into());
                }
            }
        }
    }

    /// Both, on the first lane.
    pub(crate) fn identify(&mut self) -> Result<(), Failure> {
        self.ask(0)?;
        self.hear(0)
    }
}

/// Whether this is the answer of a reader.
pub(crate) fn has_a_name(payload: &[u8]) -> Result<(), Failure> {
    let reply: Identity = serde_json::from_slice(payload)?;
    if reply.model.is_empty() {
        return Err("it has no name".into());
    }
    Ok(())
}

fn wait_until_ready(control: &UnixStream) -> Result<(), Failure> {
    let mut incoming = ControlReader::new(control.try_clone()?);
    loop {
        match incoming.receive()? {
            Some(FromRunner::Ready(_)) => return Ok(()),
            Some(FromRunner::Failed { reason, .. }) => return Err(reason.into()),
            Some(_) => {}
            None => return Err("the runner ended".into()),
        }
    }
}
