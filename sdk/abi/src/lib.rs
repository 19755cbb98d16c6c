// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C ABI between a payhal plugin library and its host, as Rust sees it.
//!
//! Owns the layouts of `include/payhal_plugin.h`, name for name and offset for offset; the header
//! and `docs/plugin-abi.md` hold the rules. 1.0 is frozen: a structure only grows at its end and
//! no meaning changes; `fixtures/1.0` holds a plugin of it that must load for ever.
//!
//! Must never carry anything but bytes, integers, handles and function pointers across, and must
//! never contain code: whoever calls through these pointers answers for it.
#![no_std]

mod layout;

use core::ffi::{c_char, c_void};
use core::mem::size_of;

/// Incompatible changes count here. Host and plugin must agree on it exactly.
pub const ABI_MAJOR: u16 = 1;
/// Additions at the end of a structure count here. Any minor meets any other.
pub const ABI_MINOR: u16 = 0;
/// Bytes of the host's table in 1.0: what a plugin can count on, whatever the host's minor version.
pub const HOST_BYTES_1_0: usize = 8 + 6 * size_of::<usize>();
/// Bytes of the plugin's table in 1.0: what a host can count on, whatever the plugin's minor version.
pub const PLUGIN_BYTES_1_0: usize = 8 + 5 * size_of::<usize>();
/// The one symbol a plugin library exports; its type is [`EntryFn`].
pub const ENTRY_SYMBOL: &core::ffi::CStr = c"payhal_plugin_v1";

/// How a call ended, the `status` of [`Host::reply`].
pub mod status {
    /// Done; the payload is the method's reply.
    pub const OK: i32 = 0;
    /// The other side (card, cardholder, terminal, gateway) said no; the payload is a `Refusal`.
    pub const REFUSED: i32 = 1;
    /// The port or the protocol broke, or the plugin did; the payload is a `Failure`.
    pub const FAILED: i32 = 2;
    /// The plugin does not know the method; the payload is empty.
    pub const UNSUPPORTED: i32 = 3;
    /// Stopped by `cancel` before anything irrevocable happened; the payload is empty.
    pub const CANCELLED: i32 = 4;
}

/// How loud a log line is, the `level` of [`Host::log`].
pub mod level {
    /// The instance cannot go on.
    pub const ERROR: i32 = 1;
    /// Something a technician should see.
    pub const WARN: i32 = 2;
    /// Worth keeping in normal operation.
    pub const INFO: i32 = 3;
    /// For whoever develops the plugin.
    pub const DEBUG: i32 = 4;
}

/// What is said before a reply, the `kind` of [`Host::emit`].
pub mod emission {
    /// Where the call stands.
    pub const PROGRESS: u32 = 1;
    /// A question, answered by [`Plugin::deliver`](crate::Plugin::deliver).
    pub const PROMPT: u32 = 2;
    /// The device itself changed; with token 0.
    pub const CHANGE: u32 = 3;
}

/// What [`Host::emit`] and [`Host::connect`] return.
pub mod answer {
    /// Taken, or connected.
    pub const OK: i32 = 0;
    /// An argument is malformed or too long.
    pub const INVALID: i32 = -1;
    /// The manifest and the configuration do not allow this target, or no call has this token.
    pub const NOT_ALLOWED: i32 = -2;
    /// Allowed, but nobody answered there.
    pub const UNREACHABLE: i32 = -3;
    /// Too many at once: the message was dropped.
    pub const DROPPED: i32 = -4;
}

/// How [`Host::wait`] ended; [`answer::INVALID`] where it could not begin.
pub mod wait {
    /// The time has come.
    pub const TIMEOUT: i32 = 0;
    /// The handle can be read, or its other end has gone.
    pub const READY: i32 = 1;
    /// The call was cancelled, or an answer was delivered to it.
    pub const WOKEN: i32 = 2;
}

/// What a [`Port`] is made of.
pub mod port_kind {
    /// A serial line, already configured as raw by the host.
    pub const SERIAL: u32 = 1;
    /// An open USB device node.
    pub const USB: u32 = 2;
    /// A connected stream socket.
    pub const STREAM: u32 = 3;
}

/// A file descriptor, or a Windows `HANDLE` or `SOCKET`.
pub type Handle = isize;

/// No handle, for a [`Host::wait`] that waits for time or for its call alone.
pub const NO_HANDLE: Handle = -1;

/// One port the host opened for the instance. Never grows: it is an element of an array.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Port {
    /// NUL-terminated name from the manifest, such as `main`.
    pub name: *const c_char,
    /// The open port. It belongs to the plugin from `create` on.
    pub handle: Handle,
    /// One of [`port_kind`].
    pub kind: u32,
    /// Zero.
    pub reserved: u32,
}

/// What an instance is made from. Valid during `create` only.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Size of the structure as the host knows it.
    pub struct_size: u32,
    /// Number of `ports`.
    pub port_count: u32,
    /// NUL-terminated name of the instance.
    pub instance_name: *const c_char,
    /// NUL-terminated path of the only folder the instance may write to.
    pub state_dir: *const c_char,
    /// The instance's configuration as a JSON object.
    pub config: *const u8,
    /// Length of `config` without the zero byte that follows it.
    pub config_len: usize,
    /// The ports.
    pub ports: *const Port,
}

/// The functions a host lends to a plugin. Any thread may call them until `destroy` returns.
///
/// What a later minor version adds is an `Option` at the end, and is there only where
/// `struct_size` reaches that far: a plugin takes no reference to the whole of it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Host {
    /// Size of the structure as the host knows it.
    pub struct_size: u32,
    /// [`ABI_MAJOR`] of the host.
    pub abi_major: u16,
    /// [`ABI_MINOR`] of the host.
    pub abi_minor: u16,
    /// Ends the call `token`; exactly once for each. Token 0 carries why `create` failed.
    pub reply: unsafe extern "C" fn(
        context: *mut c_void,
        token: u64,
        status: i32,
        payload: *const u8,
        payload_len: usize,
    ),
    /// Says something while call `token` runs, or (token 0) about the instance. See [`answer`].
    pub emit: unsafe extern "C" fn(
        context: *mut c_void,
        token: u64,
        kind: u32,
        payload: *const u8,
        payload_len: usize,
    ) -> i32,
    /// Writes a line of the diagnostic log. `text` is UTF-8, not NUL-terminated.
    pub log:
        unsafe extern "C" fn(context: *mut c_void, level: i32, text: *const u8, text_len: usize),
    /// Connects to `target` ("name:port") and stores the handle, which the plugin then owns.
    pub connect: unsafe extern "C" fn(
        context: *mut c_void,
        target: *const c_char,
        handle: *mut Handle,
    ) -> i32,
    /// Nanoseconds of a clock that never goes back: the only one for time-outs.
    pub now: unsafe extern "C" fn(context: *mut c_void) -> u64,
    /// Waits until `handle` can be read, `until` has come, or call `token` was cancelled or got an
    /// answer. See [`wait`].
    pub wait:
        unsafe extern "C" fn(context: *mut c_void, token: u64, handle: Handle, until: u64) -> i32,
}

/// The functions a plugin lends to its host; static for the life of the process.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Plugin {
    /// Size of the structure as the plugin knows it.
    pub struct_size: u32,
    /// [`ABI_MAJOR`] of the plugin.
    pub abi_major: u16,
    /// [`ABI_MINOR`] of the plugin.
    pub abi_minor: u16,
    /// Makes an instance, or says why not by `reply(token 0)` and returns NULL.
    pub create: Option<
        unsafe extern "C" fn(
            host: *const Host,
            context: *mut c_void,
            setup: *const Setup,
        ) -> *mut c_void,
    >,
    /// Starts call `token`. May block its thread. `deadline_ms` counts from now; 0 means none.
    pub call: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            token: u64,
            method: *const c_char,
            deadline_ms: u32,
            payload: *const u8,
            payload_len: usize,
        ),
    >,
    /// Asks call `token` to end soon. Comes from another thread and must not block.
    pub cancel: Option<unsafe extern "C" fn(instance: *mut c_void, token: u64)>,
    /// Brings the answer to a prompt of call `token`. Another thread; must not block.
    pub deliver: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            token: u64,
            prompt_id: u64,
            payload: *const u8,
            payload_len: usize,
        ),
    >,
    /// Ends the instance. No call runs any more, and no callback may follow its return.
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
}

/// Type of [`ENTRY_SYMBOL`]. The structure it points at lives as long as the process.
pub type EntryFn = unsafe extern "C" fn() -> *const Plugin;
