// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C ABI around a [`Service`]: the only unsafe code of the SDK.
//!
//! Owns the vtable, the conversion of pointers to slices, and the guard against unwinding. Must
//! never keep a pointer beyond the call it came with, apart from the host's table, which the ABI
//! promises until `destroy` returns.
#![expect(unsafe_code, reason = "this module is the border to C")]

use crate::clock::{Bell, Clock, HostClock, HostTime, Woken};
use crate::context::{CallState, Context, HostLink, HostRefusal, Instance, Level};
use crate::outcome::PluginError;
use crate::port::Port;
use crate::service::{Answered, Service};
use payhal_abi::{
    ABI_MAJOR, ABI_MINOR, HOST_BYTES_1_0, Host, NO_HANDLE, Plugin, Setup, answer, wait,
};
use payhal_messages::call::Sent;
use payhal_messages::prompt::DeviceChange;
use std::ffi::{CStr, CString, c_char, c_void};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use crate::service::{
    GatewayService, NotSimulated, ReaderService, SimulatorOf, TerminalService,
};

/// The vtable of a service. The export macros put it into a static.
pub const fn table<S: Service>() -> Plugin {
    Plugin {
        struct_size: size_of::<Plugin>() as u32,
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        create: Some(create::<S>),
        call: Some(call::<S>),
        cancel: Some(cancel::<S>),
        deliver: Some(deliver::<S>),
        destroy: Some(destroy::<S>),
    }
}

/// What the opaque instance pointer points at.
struct Loaded<S> {
    service: S,
    instance: Arc<Instance>,
    link: Arc<AbiLink>,
    calls: Mutex<Vec<Arc<CallState>>>,
}

impl<S> Loaded<S> {
    fn find(&self, token: u64) -> Option<Arc<CallState>> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().find(|call| call.token == token).cloned()
    }
}

/// The host's functions, until `destroy` takes them away.
struct AbiLink {
    host: RwLock<Option<HostPointers>>,
}

#[derive(Clone, Copy)]
struct HostPointers {
    host: *const Host,
    context: *mut c_void,
}

// SAFETY: the ABI lets any thread call the host's functions with this context.
unsafe impl Send for HostPointers {}
// SAFETY: as above; the pointers themselves are never written.
unsafe impl Sync for HostPointers {}

impl std::fmt::Debug for AbiLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AbiLink")
    }
}

impl AbiLink {
    /// Calls into the host, keeping `destroy` from returning meanwhile.
    fn with<T>(&self, act: impl FnOnce(&Host, *mut c_void) -> T) -> Option<T> {
        let pointers = self.host.read().unwrap_or_else(PoisonError::into_inner);
        let pointers = pointers.as_ref()?;
        // SAFETY: the host's table stays valid until `destroy` returns, and `destroy` waits for
        // the write lock, which this read lock holds off.
        let host = unsafe { &*pointers.host };
        Some(act(host, pointers.context))
    }

    fn reply(&self, token: u64, answered: &Answered) {
        self.with(|host, context| {
            let Answered { status, payload } = answered;
            // SAFETY: the payload outlives the call and the host copies it.
            unsafe {
                (host.reply)(
                    context,
                    token,
                    *status as i32,
                    payload.as_ptr(),
                    payload.len(),
                );
            }
        });
    }

    fn take_away(&self) {
        *self.host.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn taken(answer: i32) -> Result<(), HostRefusal> {
    match answer {
        answer::OK => Ok(()),
        answer::INVALID => Err(HostRefusal::Invalid),
        answer::UNREACHABLE => Err(HostRefusal::Unreachable),
        answer::DROPPED => Err(HostRefusal::Dropped),
        _ => Err(HostRefusal::NotAllowed),
    }
}

impl HostLink for Arc<AbiLink> {
    fn emit(&self, token: u64, kind: u32, payload: &[u8]) -> Result<(), HostRefusal> {
        let answer = self.with(|host, context| {
            // SAFETY: the payload outlives the call and the host copies it.
            unsafe { (host.emit)(context, token, kind, payload.as_ptr(), payload.len()) }
        });
        taken(answer.ok_or(HostRefusal::Gone)?)
    }

    fn log(&self, level: Level, text: &str) {
        self.with(|host, context| {
            // SAFETY: the text outlives the call and the host copies it.
            unsafe { (host.log)(context, level as i32, text.as_ptr(), text.len()) }
        });
    }

    fn connect(&self, target: &str) -> Result<TcpStream, HostRefusal> {
        let target = CString::new(target).map_err(|_| HostRefusal::Invalid)?;
        let mut handle = -1;
        let answer = self.with(|host, context| {
            // SAFETY: target and handle outlive the call.
            unsafe { (host.connect)(context, target.as_ptr(), &raw mut handle) }
        });
        taken(answer.ok_or(HostRefusal::Gone)?)?;
        owned(handle)
            .map(TcpStream::from)
            .ok_or(HostRefusal::Unreachable)
    }
}

impl HostTime for Arc<AbiLink> {
    fn now_ns(&self) -> Option<u64> {
        self.with(|host, context| {
            // SAFETY: the ABI lets any thread ask for the time.
            unsafe { (host.now)(context) }
        })
    }

    fn wait(&self, token: u64, handle: Option<BorrowedFd<'_>>, until_ns: u64) -> Option<Woken> {
        let handle = handle.map_or(Some(NO_HANDLE), |handle| {
            payhal_abi::Handle::try_from(handle.as_raw_fd()).ok()
        })?;
        let waited = self.with(|host, context| {
            // SAFETY: the handle is borrowed, thus open, for as long as the wait lasts.
            unsafe { (host.wait)(context, token, handle, until_ns) }
        })?;
        match waited {
            wait::TIMEOUT => Some(Woken::Timeout),
            wait::READY => Some(Woken::Ready),
            wait::WOKEN => Some(Woken::Perhaps),
            _ => None,
        }
    }
}

/// Takes over a descriptor that the host handed to this plugin.
fn owned(handle: payhal_abi::Handle) -> Option<OwnedFd> {
    let raw = i32::try_from(handle).ok().filter(|raw| *raw >= 0)?;
    // SAFETY: the ABI passes ownership of every handle exactly once, at `create` or `connect`.
    Some(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// A copy of a NUL-terminated string.
///
/// # Safety
///
/// `text` is NULL or NUL-terminated and valid during the call.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller promises a valid, terminated string.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

/// A slice over a payload.
///
/// # Safety
///
/// `payload` is NULL or valid for `len` bytes during the call, which must outlive `'a`.
unsafe fn bytes<'a>(payload: *const u8, len: usize) -> &'a [u8] {
    if payload.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: the caller promises `len` readable bytes.
    unsafe { std::slice::from_raw_parts(payload, len) }
}

/// Takes over the ports of a setup.
///
/// # Safety
///
/// `setup.ports` is NULL or valid for `setup.port_count` ports.
unsafe fn ports(setup: &Setup, clock: &Arc<dyn Clock>) -> Vec<(String, Port)> {
    if setup.ports.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller promises that many ports.
    let ports = unsafe { std::slice::from_raw_parts(setup.ports, setup.port_count as usize) };
    let take = |port: &payhal_abi::Port| {
        // SAFETY: the host NUL-terminates every port's name.
        let name = unsafe { text(port.name) };
        let port = Port::on_clock(owned(port.handle)?, Arc::clone(clock));
        Some((name, port))
    };
    ports.iter().filter_map(take).collect()
}

unsafe extern "C" fn create<S: Service>(
    host: *const Host,
    context: *mut c_void,
    setup: *const Setup,
) -> *mut c_void {
    // Not in the SDK's own tests, whose words on what failed are wanted whole.
    #[cfg(not(test))]
    payhal_messages::tell_panics_without_payload();
    let pointers = HostPointers { host, context };
    let link = Arc::new(AbiLink {
        host: RwLock::new(Some(pointers)),
    });
    // SAFETY: every host's table has at least its size and what it had when it was first made.
    if unsafe { (*host).struct_size as usize } < HOST_BYTES_1_0 {
        let reason = "open: this host is older than the plugin's SDK".to_owned();
        link.reply(0, &Answered::failed(Sent::No, reason));
        return std::ptr::null_mut();
    }
    let clock: Arc<dyn Clock> = Arc::new(HostClock::new(Arc::clone(&link)));
    // SAFETY: the ABI promises a valid setup during `create`.
    let setup = unsafe { &*setup };
    // SAFETY: the strings, the configuration and the ports of a setup are valid with it.
    let (name, state_dir, config, ports) = unsafe {
        (
            text(setup.instance_name),
            text(setup.state_dir),
            bytes(setup.config, setup.config_len),
            ports(setup, &clock),
        )
    };
    let instance = Arc::new(Instance {
        name,
        state_dir: PathBuf::from(state_dir),
        ports,
        link: Box::new(Arc::clone(&link)),
        clock,
        bell: Arc::new(Bell::default()),
    });
    let call = Arc::new(CallState::new(0, 0, &*instance.clock));
    let own = Context {
        instance: Arc::clone(&instance),
        call,
    };
    let refused = match catch_unwind(AssertUnwindSafe(|| S::open(config, &own))) {
        Ok(Ok(service)) => {
            let calls = Mutex::new(Vec::new());
            return Box::into_raw(Box::new(Loaded {
                service,
                instance,
                link,
                calls,
            }))
            .cast();
        }
        Ok(Err(error)) => match error {
            PluginError::Failed(_) => error.into(),
            other => Answered::failed(Sent::No, format!("open: {other}")),
        },
        Err(_) => Answered::failed(Sent::No, "open: the plugin panicked".to_owned()),
    };
    link.reply(0, &refused);
    link.take_away();
    std::ptr::null_mut()
}

/// The instance behind the pointer `create` returned.
///
/// # Safety
///
/// `instance` came from `create::<S>` and has not been destroyed.
unsafe fn loaded<'a, S>(instance: *mut c_void) -> &'a Loaded<S> {
    // SAFETY: the caller promises a live box of this type; it is only ever shared.
    unsafe { &*instance.cast::<Loaded<S>>() }
}

unsafe extern "C" fn call<S: Service>(
    instance: *mut c_void,
    token: u64,
    method: *const c_char,
    deadline_ms: u32,
    payload: *const u8,
    payload_len: usize,
) {
    // SAFETY: the ABI passes what `create` returned, before `destroy`.
    let loaded = unsafe { loaded::<S>(instance) };
    // SAFETY: method and payload are valid during the call.
    let (method, payload) = unsafe { (text(method), bytes(payload, payload_len)) };
    let call = Arc::new(CallState::new(token, deadline_ms, &*loaded.instance.clock));
    loaded
        .calls
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(Arc::clone(&call));
    let context = Context {
        instance: Arc::clone(&loaded.instance),
        call,
    };
    let act = AssertUnwindSafe(|| loaded.service.call(&method, payload, &context));
    let panicked = |_| Answered::failed(Sent::Maybe, format!("run {method}: the plugin panicked"));
    let ended = catch_unwind(act);
    let broken = ended.is_err() && !S::SURVIVES_PANIC;
    let answered = ended.unwrap_or_else(panicked);
    let mut calls = loaded.calls.lock().unwrap_or_else(PoisonError::into_inner);
    calls.retain(|other| other.token != token);
    drop(calls);
    loaded.link.reply(token, &answered);
    if broken {
        let reason = format!("the plugin panicked in {method}");
        context.change(&DeviceChange::Broken { reason });
    }
}

unsafe extern "C" fn cancel<S: Service>(instance: *mut c_void, token: u64) {
    // SAFETY: the ABI passes what `create` returned, before `destroy`.
    let loaded = unsafe { loaded::<S>(instance) };
    if let Some(call) = loaded.find(token) {
        call.cancel(&loaded.instance.bell);
    }
}

unsafe extern "C" fn deliver<S: Service>(
    instance: *mut c_void,
    token: u64,
    prompt_id: u64,
    payload: *const u8,
    payload_len: usize,
) {
    // SAFETY: the ABI passes what `create` returned, before `destroy`.
    let loaded = unsafe { loaded::<S>(instance) };
    // SAFETY: the payload is valid during the call.
    let payload = unsafe { bytes(payload, payload_len) };
    // An answer that cannot be read is no answer: the prompt then ends by its time-out.
    if let (Some(call), Ok(answer)) = (loaded.find(token), serde_json::from_slice(payload)) {
        call.deliver(prompt_id, answer, &loaded.instance.bell);
    }
}

unsafe extern "C" fn destroy<S: Service>(instance: *mut c_void) {
    // SAFETY: the ABI passes what `create` returned, once, when no call runs any more.
    let loaded = unsafe { Box::from_raw(instance.cast::<Loaded<S>>()) };
    let call = Arc::new(CallState::new(0, 0, &*loaded.instance.clock));
    let context = Context {
        instance: Arc::clone(&loaded.instance),
        call,
    };
    // A panic while closing changes nothing: the process ends either way.
    let _ = catch_unwind(AssertUnwindSafe(|| loaded.service.close(&context)));
    // What waits in the background looks again, and finds no host to wait with.
    loaded.instance.bell.ring();
    loaded.link.take_away();
    let _ = catch_unwind(AssertUnwindSafe(|| drop(loaded)));
}

/// Exports a [`Reader`](crate::Reader) as the plugin of this library.
///
/// A simulated device adds `simulator = Type::method`, a function from `&Type` to
/// `Arc<dyn Simulated>`.
#[macro_export]
macro_rules! export_reader {
    ($reader:ty $(, simulator = $simulator:expr)? $(,)?) => {
        $crate::export_service!(ReaderService, $reader $(, $simulator)?);
    };
}

/// Exports a [`Terminal`](crate::Terminal) as the plugin of this library; see
/// [`export_reader!`](crate::export_reader) for `simulator`.
#[macro_export]
macro_rules! export_terminal {
    ($terminal:ty $(, simulator = $simulator:expr)? $(,)?) => {
        $crate::export_service!(TerminalService, $terminal $(, $simulator)?);
    };
}

/// Exports a [`GatewayConnector`](crate::GatewayConnector) as the plugin of this library; see
/// [`export_reader!`](crate::export_reader) for `simulator`.
#[macro_export]
macro_rules! export_gateway {
    ($gateway:ty $(, simulator = $simulator:expr)? $(,)?) => {
        $crate::export_service!(GatewayService, $gateway $(, $simulator)?);
    };
}

/// Not for direct use: the common part of the export macros.
#[doc(hidden)]
#[macro_export]
macro_rules! export_service {
    ($service:ident, $vendor:ty) => {
        $crate::export_service!(@entry $crate::export::$service<$vendor, $crate::export::NotSimulated>);
    };
    ($service:ident, $vendor:ty, $simulator:expr) => {
        const _: () = {
            struct Source;

            impl $crate::export::SimulatorOf<$vendor> for Source {
                fn of(
                    instance: &$vendor,
                ) -> ::core::option::Option<::std::sync::Arc<dyn $crate::Simulated>> {
                    ::core::option::Option::Some(($simulator)(instance))
                }
            }

            $crate::export_service!(@entry $crate::export::$service<$vendor, Source>);
        };
    };
    (@entry $service:ty) => {
        const _: () = {
            static TABLE: $crate::abi::Plugin = $crate::export::table::<$service>();

            #[unsafe(no_mangle)]
            extern "C" fn payhal_plugin_v1() -> *const $crate::abi::Plugin {
                &raw const TABLE
            }
        };
    };
}

#[cfg(test)]
mod tests;
