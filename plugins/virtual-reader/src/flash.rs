// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the reader's program and settings are kept in: files of its own folder, which last as a
//! flash does.
//!
//! A file comes piece by piece into a place of its own, and is checked there. Only then is it put in
//! force: from that moment to the end the reader has no whole program, and reads no card.

use payhal_messages::call::Refusal;
use payhal_messages::update::{UpdateBegin, UpdateBegun, UpdateKind, UpdatePiece};
use payhal_plugin::{Outcome, PluginError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Longest file: a flash has an end.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What begins a file for this reader.
pub(crate) const MAGIC: &[u8] = b"payhal virtual reader\n";

/// The flash of one reader.
pub(crate) struct Flash(PathBuf);

/// What is in it.
#[derive(Default, Deserialize, Serialize)]
struct Content {
    /// In force.
    #[serde(default)]
    firmware: Option<UpdateBegin>,
    /// In force.
    #[serde(default)]
    configuration: Option<UpdateBegin>,
    /// On its way.
    #[serde(default)]
    coming: Option<UpdateBegin>,
    /// What comes is being put in force.
    #[serde(default)]
    writing: bool,
}

impl Content {
    fn of(&mut self, kind: UpdateKind) -> &mut Option<UpdateBegin> {
        match kind {
            UpdateKind::Firmware => &mut self.firmware,
            UpdateKind::Configuration => &mut self.configuration,
        }
    }
}

impl Flash {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The version of its firmware; that of this plugin, where it was never given another.
    pub(crate) fn firmware(&self) -> Result<String, PluginError> {
        let own = || env!("CARGO_PKG_VERSION").to_owned();
        Ok(self.read()?.firmware.map_or_else(own, |file| file.name))
    }

    /// The name of its configuration, if it was given one.
    pub(crate) fn configuration(&self) -> Result<Option<String>, PluginError> {
        Ok(self.read()?.configuration.map(|file| file.name))
    }

    /// Why it reads no card, if it reads none.
    pub(crate) fn incomplete(&self) -> Result<Option<String>, PluginError> {
        let why = "its firmware is not whole: an update was interrupted";
        Ok(self.read()?.writing.then(|| why.to_owned()))
    }

    /// Says what it wants of this file.
    pub(crate) fn begin(&self, file: UpdateBegin) -> Outcome<UpdateBegun> {
        if file.bytes > FILE_BYTES_MAX {
            return Ok(Err(refused("The file is too long for this reader")));
        }
        let mut content = self.read()?;
        if !content.writing && content.of(file.kind).as_ref() == Some(&file) {
            return Ok(Ok(UpdateBegun::Has));
        }
        if content.coming.as_ref() == Some(&file) {
            let offset = self.staged()?.min(file.bytes);
            return Ok(Ok(UpdateBegun::Takes { offset }));
        }
        self.drop_staged()?;
        content.coming = Some(file);
        content.writing = false;
        self.write(&content)?;
        Ok(Ok(UpdateBegun::Takes { offset: 0 }))
    }

    /// Takes the next bytes.
    pub(crate) fn piece(&self, piece: &UpdatePiece) -> Outcome<()> {
        let Some(coming) = self.read()?.coming else {
            return Ok(Err(refused("No file was announced")));
        };
        let length = u64::try_from(piece.data.len()).unwrap_or(u64::MAX);
        let end = piece.offset.saturating_add(length);
        if self.staged()? != piece.offset || end > coming.bytes {
            return Ok(Err(refused("The piece does not fit behind what is there")));
        }
        let mut options = OpenOptions::new();
        let opened = options.append(true).create(true).open(self.stage());
        let written = opened.and_then(|mut file| {
            file.write_all(&piece.data)?;
            file.sync_data()
        });
        written.map(Ok).map_err(|error| broken("write", &error))
    }

    /// Checks the file and puts it in force. `halfway` is when the reader has no whole program.
    pub(crate) fn finish(
        &self,
        file: &UpdateBegin,
        halfway: impl FnOnce() -> Result<(), PluginError>,
    ) -> Outcome<()> {
        let mut content = self.read()?;
        let Some(coming) = content.coming.clone().filter(|coming| coming == file) else {
            return Ok(Err(refused("This file was not announced")));
        };
        if !content.writing {
            let bytes = fs::read(self.stage()).map_err(|error| broken("read", &error))?;
            if let Some(flaw) = flaw(&bytes, &coming) {
                self.drop_staged()?;
                content.coming = None;
                self.write(&content)?;
                return Ok(Err(refused(flaw)));
            }
            content.writing = true;
            self.write(&content)?;
        }
        halfway()?;
        *content.of(file.kind) = Some(coming);
        content.coming = None;
        content.writing = false;
        self.write(&content)?;
        self.drop_staged()?;
        Ok(Ok(()))
    }

    fn stage(&self) -> PathBuf {
        self.0.join("flash.coming")
    }

    /// Bytes of the coming file that are there.
    fn staged(&self) -> Result<u64, PluginError> {
        match fs::metadata(self.stage()) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(broken("read", &error)),
        }
    }

    fn drop_staged(&self) -> Result<(), PluginError> {
        match fs::remove_file(self.stage()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(broken("clear", &error)),
            _ => Ok(()),
        }
    }

    fn read(&self) -> Result<Content, PluginError> {
        match fs::read(self.0.join("flash.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|_| PluginError::not_sent("understand what is in the flash")),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Content::default()),
            Err(error) => Err(broken("read", &error)),
        }
    }

    /// The old or the new, whatever happens.
    fn write(&self, content: &Content) -> Result<(), PluginError> {
        let bytes = serde_json::to_vec(content).expect("plain JSON");
        let (fresh, place) = (self.0.join("flash.new"), self.0.join("flash.json"));
        let written = fs::File::create(&fresh).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&fresh, place)
        });
        written.map_err(|error| broken("write", &error))
    }
}

/// Why a file is none for this reader.
fn flaw(bytes: &[u8], told: &UpdateBegin) -> Option<&'static str> {
    let hash = Sha256::digest(bytes);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    if !hash.eq_ignore_ascii_case(&told.sha256) {
        return Some("The file is not what was announced");
    }
    (!bytes.starts_with(MAGIC)).then_some("The file is not for this reader")
}

fn refused(why: &str) -> Refusal {
    Refusal {
        code: "update_refused".to_owned(),
        text: why.to_owned(),
    }
}

fn broken(doing: &str, error: &std::io::Error) -> PluginError {
    PluginError::maybe_sent(format!("{doing} the flash: {error}"))
}
