// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host's state folder, held while keys change.
//!
//! The host holds the lock of its journal as long as it runs; who holds it here keeps a host from
//! starting. Nothing of the journal itself is read or written.

use crate::error::KeysError;
use payhal_card_data::key_file::{DeviceKeys, GatewayKeys, KeyFileError, is_instance_name};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// As the host's journal has it.
const LOCK: &str = "journal.sqlite.lock";

/// The state folder.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    _held: Option<File>,
}

impl State {
    /// To look at, with the host running or not.
    pub(crate) fn seen(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            _held: None,
        }
    }

    /// To change, with the host stopped. Made if it is not there.
    pub(crate) fn held(folder: &Path) -> Result<Self, KeysError> {
        make(folder)?;
        let path = folder.join(LOCK);
        let failed = |verb| {
            let path = path.clone();
            move |source| KeysError::File { verb, path, source }
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let read = file.read_to_string(&mut text);
                return Err(KeysError::Running {
                    state: folder.to_owned(),
                    pid: read.ok().and_then(|_| text.trim().parse().ok()),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed("write"))?;
        Ok(Self {
            folder: folder.to_owned(),
            _held: Some(file),
        })
    }

    pub(crate) fn device(&self, name: &str) -> Result<DeviceKeys, KeysError> {
        Ok(DeviceKeys::of(&self.instance(name)?))
    }

    pub(crate) fn gateway(&self, name: &str) -> Result<GatewayKeys, KeysError> {
        Ok(GatewayKeys::of(&self.instance(name)?))
    }

    /// Names of all that ever ran or got a key here.
    pub(crate) fn names(&self) -> Result<Vec<String>, KeysError> {
        let path = self.instances();
        let failed = |source| KeysError::File {
            verb: "list",
            path: path.clone(),
            source,
        };
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry.map_err(&failed)?.file_name().into_string());
        }
        names.retain(|name| is_instance_name(name));
        names.sort();
        Ok(names)
    }

    fn instance(&self, name: &str) -> Result<PathBuf, KeysError> {
        match is_instance_name(name) {
            true => Ok(self.instances().join(name)),
            false => Err(KeyFileError::InstanceName.into()),
        }
    }

    fn instances(&self) -> PathBuf {
        self.folder.join("instances")
    }
}

fn make(folder: &Path) -> Result<(), KeysError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|source| KeysError::File {
        verb: "create",
        path: folder.to_owned(),
        source,
    })
}
