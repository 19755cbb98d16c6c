// SPDX-License-Identifier: MIT OR Apache-2.0
//! A daemon that does what a case wants: a real runner with a real plugin, spoken to directly.
//!
//! It must never leave a runner behind.

use crate::host::{PATIENCE, from_xtask};
use payhal_ipc::{
    Answer, BUILD_ID, Call, Confinement, ControlReader, FrameReader, FrameWriter, FromRunner,
    Library, Start, ToRunner, send_frame, split,
};
use payhal_messages::call::Status;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A plugin at work.
#[derive(Debug)]
pub(crate) struct Puppet {
    process: Child,
    /// The runner ends when this is closed.
    _control: UnixStream,
    lane: (FrameReader, FrameWriter),
    last: u64,
}

impl Puppet {
    /// Starts an installed plugin as this instance, with its folder where the host has it.
    pub(crate) fn start(
        plugin: &str,
        instance: &str,
        config: &serde_json::Value,
        state: &Path,
    ) -> Self {
        let home = state.join("instances").join(instance);
        std::fs::create_dir_all(&home).unwrap();
        let (control, theirs) = UnixStream::pair().unwrap();
        let process = Command::new(from_xtask("PAYHAL_RUNNER"))
            .env_clear()
            .current_dir(&home)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (lane, lane_end) = UnixStream::pair().unwrap();
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let start = ToRunner::Start(Start {
            build_id: BUILD_ID.to_owned(),
            instance: instance.to_owned(),
            library: Library::Path(text(library(plugin))),
            state_dir: text(home),
            config: config.to_string().into_bytes().into(),
            lanes: 1,
            ports: Vec::new(),
            confinement: Confinement::default(),
            virtual_time: false,
            record: false,
        });
        for socket in [&control, &lane] {
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        send_frame(&control, &start, &[lane_end.as_fd()]).unwrap();
        let mut incoming = ControlReader::new(control.try_clone().unwrap());
        let puppet = Self {
            process,
            _control: control,
            lane: split(lane),
            last: 0,
        };
        loop {
            match incoming.receive::<FromRunner>().unwrap() {
                Some(FromRunner::Ready(_)) => return puppet,
                Some(FromRunner::Log { .. } | FromRunner::Event { .. }) => {}
                other => panic!("{plugin} did not start: {other:?}"),
            }
        }
    }

    /// Makes a call; the reply, or what the plugin had against it.
    pub(crate) fn ask<P: Serialize, R: DeserializeOwned>(
        &mut self,
        method: &str,
        params: &P,
    ) -> Result<R, String> {
        self.last += 1;
        let call = Call {
            token: self.last,
            method: method.to_owned(),
            deadline_ms: 10_000,
            payload: serde_json::to_vec(params).unwrap().into(),
        };
        self.lane.1.send(&call).unwrap();
        loop {
            let answer = self.lane.0.receive::<Answer>().unwrap();
            if let Answer::Reply {
                status, payload, ..
            } = answer.expect("the runner lives")
            {
                let text = String::from_utf8_lossy(&payload).into_owned();
                return match Status::from_code(status) {
                    Some(Status::Ok) => Ok(serde_json::from_str(&text).unwrap()),
                    status => Err(format!("{status:?}: {text}")),
                };
            }
        }
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        // Gone already is as good.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn library(plugin: &str) -> PathBuf {
    let folder = from_xtask("PAYHAL_PLUGINS").join(plugin);
    let files = std::fs::read_dir(&folder).unwrap().flatten();
    let mut libraries = files.filter(|file| {
        let path = file.path();
        path.extension()
            .is_some_and(|found| found == std::env::consts::DLL_EXTENSION)
    });
    libraries.next().expect("a plugin has a library").path()
}
