// SPDX-License-Identifier: MIT OR Apache-2.0
//! The frames: what daemon and runner say to each other.
//!
//! Owns the vocabulary of both kinds of socket. The control socket carries [`ToRunner`] and
//! [`FromRunner`]; each lane carries one call at a time, [`Call`] one way and [`Answer`]s back, of
//! which the last is a `Reply`.
//!
//! Must never know what a payload means, and must never gain an optional field: both ends are
//! built together, and the build id says so.

use serde::{Deserialize, Serialize};

/// What this build calls itself; daemon and runner must say the same.
pub const BUILD_ID: &str = env!("PAYHAL_BUILD_ID");

/// From the daemon, on the control socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToRunner {
    /// First and once. Comes with descriptors: the library if `library` says so, then one for
    /// each lane, then one for each port.
    Start(Start),
    /// Answered by [`FromRunner::Pong`] whatever the plugin is doing.
    Ping { nonce: u64 },
    /// Asks the call to end soon; its reply still comes.
    Cancel { token: u64 },
    /// The answer to a prompt of the call.
    Deliver {
        token: u64,
        prompt_id: u64,
        payload: Payload,
    },
    /// Answer to [`FromRunner::Connect`], with one descriptor.
    Connected { request: u64 },
    /// Answer to [`FromRunner::Connect`], without one.
    Refused { request: u64, why: Refused },
    /// Answer to [`FromRunner::Wait`], from whoever is master of the runner's time. `now_ns` is
    /// the time from here on.
    Time {
        request: u64,
        now_ns: u64,
        outcome: WaitOutcome,
    },
    /// From now on, of what the plugin logs and prints, only what is at least as urgent.
    Log { level: LogLevel },
    /// Destroy the instance and exit 0. Calls still running are not waited for.
    Stop,
}

/// Everything a runner needs to load its one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// [`BUILD_ID`] of the daemon.
    pub build_id: String,
    /// Name of the instance in the configuration.
    pub instance: String,
    /// The plugin library.
    pub library: Library,
    /// Absolute path of the folder the instance may write to.
    pub state_dir: String,
    /// The instance's configuration, a JSON object.
    pub config: Payload,
    /// How many lanes come as descriptors.
    pub lanes: u32,
    /// The ports that come as descriptors, in order.
    pub ports: Vec<Port>,
    /// What the plugin may have that others may not.
    pub confinement: Confinement,
    /// Time is what the other end of the control socket says it is: waits are asked for there.
    pub virtual_time: bool,
    /// The runner stands between plugin and ports and tells what passes, scrubbed of card data.
    pub record: bool,
}

/// Where the confinement of one plugin differs from everybody's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// It may open sockets by itself: the flagged exception.
    pub own_network: bool,
    /// It may talk to the smart card service.
    pub pcsc: bool,
    /// Address space it asks for; 0 is the usual.
    pub address_space_bytes: u64,
    /// It may run where this system cannot confine it in full; else the runner refuses, before it
    /// loads the library.
    pub allow_incomplete: bool,
}

/// What a wait is for besides time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaitOn {
    /// Time alone.
    Nothing,
    /// The port with this place in [`Start::ports`].
    Port(u32),
    /// The connection that this request of [`FromRunner::Connect`] opened.
    Connection(u64),
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaitOutcome {
    /// Its time came.
    Timeout,
    /// The port or connection can be read, or has ended.
    Ready,
    /// Only the time changed: the runner looks again at what else it waits for.
    Woken,
}

impl Start {
    /// How many descriptors the frame comes with.
    pub fn descriptors(&self) -> usize {
        let library = usize::from(self.library == Library::Descriptor);
        library + self.lanes as usize + self.ports.len()
    }
}

/// Where the library comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Library {
    /// A path, for plugins that are not signed.
    Path(String),
    /// The first descriptor of the start, a sealed copy of the verified bytes.
    Descriptor,
}

/// One port passed with the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its name in the manifest.
    pub name: String,
    /// What the descriptor is.
    pub kind: PortKind,
}

/// What a port's descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PortKind {
    /// A serial line in raw mode.
    Serial,
    /// An open USB device node.
    Usb,
    /// A connected stream socket.
    Stream,
}

/// Why the daemon did not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    /// Not "name:port".
    Malformed,
    /// Neither the manifest nor the configuration names the target.
    NotAllowed,
    /// Nobody answered.
    Unreachable,
}

/// From the runner, on the control socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromRunner {
    /// The plugin is loaded and its instance made; lanes are read from now on.
    Ready(Ready),
    /// The runner ends; nothing follows. The reason is fit for the operator's eyes.
    Failed { kind: FailureKind, reason: String },
    /// Answer to [`ToRunner::Ping`].
    Pong { nonce: u64 },
    /// A line for the diagnostic log, already checked for card numbers.
    Log {
        source: LogSource,
        level: LogLevel,
        text: String,
    },
    /// Something about the instance (emitted with token 0), already checked for card numbers.
    Event { kind: u32, payload: Payload },
    /// The plugin wants a connection to "name:port".
    Connect { request: u64, target: String },
    /// The plugin waits, and time is not the runner's own. `token` is its call, or 0.
    Wait {
        request: u64,
        token: u64,
        on: WaitOn,
        until_ns: u64,
    },
    /// A line of a recording, scrubbed of card data.
    Recorded { line: String },
}

/// What a runner says once it can take calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// [`BUILD_ID`] of the runner.
    pub build_id: String,
    /// ABI version of the plugin.
    pub abi_major: u16,
    /// ABI version of the plugin.
    pub abi_minor: u16,
    /// Parts of the sandbox that are in force, by name, with a space between.
    pub sandbox: String,
}

/// What kind of end a runner came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// Daemon and runner were not built together, or the start was malformed.
    Handshake,
    /// The library could not be loaded or is no plugin for this ABI.
    Load,
    /// The plugin's `create` said no. Configuration or device; a restart may help.
    Create,
    /// The plugin broke a rule of the ABI: a second reply, a flood.
    Broke,
    /// The machine refused the runner something it needs.
    System,
}

/// Where a log line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogSource {
    /// The plugin's `log`.
    Plugin,
    /// What the plugin wrote to stdout or stderr.
    Output,
    /// The runner itself.
    Runner,
}

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LogLevel {
    /// The instance cannot go on.
    Error,
    /// A technician should see it.
    Warn,
    /// Worth keeping in normal operation.
    Info,
    /// For the plugin's developer.
    Debug,
}

/// A call, on a lane. The next one may follow when this one's reply has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Not 0, and never used twice with one runner.
    pub token: u64,
    /// Name of the method.
    pub method: String,
    /// Milliseconds from now; 0 is none.
    pub deadline_ms: u32,
    /// The method's arguments.
    pub payload: Payload,
}

/// What comes back on the lane of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Something said before the reply: progress, a prompt.
    Emit {
        token: u64,
        kind: u32,
        payload: Payload,
    },
    /// The end of the call. `status` is one of the ABI's.
    Reply {
        token: u64,
        status: i32,
        payload: Payload,
    },
}

/// Bytes that pass through unread. Its `Debug` shows the length only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload(pub Vec<u8>);

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl std::ops::Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl Serialize for Payload {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Borrowed first: the copy is then exactly as long as what really arrived.
        <&[u8]>::deserialize(deserializer).map(Self::from)
    }
}
