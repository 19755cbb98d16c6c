// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal device record`: writes what passes between a device and its plugin into a file.
//!
//! What comes is written at once: whatever ends this program, the file has all that was read. It
//! must never leave a device recording that it could have told to stop.

use crate::cli::args::PlaceArgs;
use crate::cli::exit::{Exit, Failure};
use crate::cli::operator;
use crate::cli::screen::tell;
use clap::Args;
use payhal_client::Client;
use payhal_protocol::record::{RecordAction, RecordParams, RecordResult};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often it is asked for what was recorded meanwhile.
const READ_EVERY: Duration = Duration::from_secs(1);

/// How long it is tried again to stop while a payment needs the device.
const STOP_WITHIN: Duration = Duration::from_secs(180);

#[derive(Args, Debug)]
pub(in crate::cli) struct RecordArgs {
    /// The device, by its name in the configuration
    #[arg(value_name = "NAME")]
    name: String,
    /// A file that is not there yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Stop after this long; otherwise press Enter, or Ctrl-C
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(in crate::cli) async fn record(args: &RecordArgs) -> Result<Exit, Failure> {
    let client = operator::connect(&args.place).await?;
    let mut recording = Recording {
        client,
        name: &args.name,
        file: create(args)?,
        bytes: 0,
    };
    let started = recording.ask(RecordAction::Start).await?;
    recording.keep(&started, args)?;
    match args.seconds {
        Some(seconds) => tell(&format!("recording `{}` for {seconds} s", args.name)),
        None => tell(&format!("recording `{}`; Enter stops it", args.name)),
    }
    let read = recording.until_end(args).await;
    // Whatever went wrong, the device goes on without a recorder.
    let stopped = recording.stop().await;
    read?;
    let mut rest = stopped?;
    loop {
        recording.keep(&rest, args)?;
        if !rest.more {
            break;
        }
        rest = recording.ask(RecordAction::Read).await?;
    }
    tell(&format!(
        "{} has {} bytes; card numbers and tracks in it are zeros",
        args.file.display(),
        recording.bytes
    ));
    Ok(Exit::Ok)
}

/// What a device said is for its owner's eyes.
fn create(args: &RecordArgs) -> Result<File, Failure> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&args.file);
    file.map_err(|error| {
        let text = format!("failed to create {}: {error}", args.file.display());
        Failure::new(Exit::Failed, text)
    })
}

struct Recording<'a> {
    client: Client,
    name: &'a str,
    file: File,
    bytes: usize,
}

impl Recording<'_> {
    async fn ask(&mut self, action: RecordAction) -> Result<RecordResult, Failure> {
        let device = self.name.into();
        let asked = RecordParams { device, action };
        Ok(self.client.request(&asked).await?)
    }

    fn keep(&mut self, read: &RecordResult, args: &RecordArgs) -> Result<(), Failure> {
        if read.lost {
            tell("lines were lost: more passed than could be read in time");
        }
        self.bytes += read.lines.len();
        self.file.write_all(read.lines.as_bytes()).map_err(|error| {
            let text = format!("failed to write {}: {error}", args.file.display());
            Failure::new(Exit::Failed, text)
        })
    }

    /// Reads until somebody ends it.
    async fn until_end(&mut self, args: &RecordArgs) -> Result<(), Failure> {
        let mut entered = enter();
        let seconds = args.seconds.map(Duration::from_secs);
        let over = tokio::time::sleep(seconds.unwrap_or(Duration::MAX));
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return Ok(()),
                _ = tokio::signal::ctrl_c() => return Ok(()),
                Ok(()) = &mut entered, if seconds.is_none() => return Ok(()),
                () = tokio::time::sleep(READ_EVERY) => {}
            }
            let read = self.ask(RecordAction::Read).await?;
            self.keep(&read, args)?;
            if !read.recording {
                tell("somebody else has stopped it");
                return Ok(());
            }
        }
    }

    async fn stop(&mut self) -> Result<RecordResult, Failure> {
        let device = self.name;
        let asked = RecordParams {
            device: device.into(),
            action: RecordAction::Stop,
        };
        let until = tokio::time::Instant::now() + STOP_WITHIN;
        let mut told = false;
        loop {
            match self.client.request(&asked).await {
                Err(payhal_client::CallError::Rpc(error))
                    if error.name() == Some(payhal_protocol::ErrorName::DeviceBusy)
                        && tokio::time::Instant::now() < until =>
                {
                    if !told {
                        tell("a payment needs the device; it stops when that is over");
                    }
                    told = true;
                    tokio::time::sleep(READ_EVERY).await;
                }
                other => return Ok(other?),
            }
        }
    }
}

/// Somebody has pressed Enter. Without a keyboard nobody does.
fn enter() -> oneshot::Receiver<()> {
    let (pressed, entered) = oneshot::channel();
    // Reading a terminal cannot be given up, so a thread does it that ends with the program.
    std::thread::spawn(move || {
        let mut line = String::new();
        if std::io::stdin()
            .lock()
            .read_line(&mut line)
            .is_ok_and(|count| count > 0)
        {
            // Nobody waits any more where it has ended otherwise.
            let _ended = pressed.send(());
        }
    });
    entered
}
