// SPDX-License-Identifier: MIT OR Apache-2.0
//! The functions lent to the plugin.
//!
//! Owns the conversion of the plugin's pointers. Must never trust a length it was given beyond
//! its bound, nor let anything out that the card-number check has not seen.

use crate::card_filter;
use crate::control;
use crate::link::{Link, lock};
use crate::meter::Verdict;
use crate::wait;
use payhal_abi::{ABI_MAJOR, ABI_MINOR, Handle, Host, answer, emission, level};
use payhal_ipc::limits::{NAME_BYTES_MAX, PAYLOAD_BYTES_MAX};
use payhal_ipc::{FailureKind, FromRunner, LogLevel, LogSource, Refused, WaitOn};
use std::ffi::{CStr, c_char, c_void};
use std::os::fd::IntoRawFd;

/// The table the plugin gets; its context is a [`Link`].
pub(crate) static HOST: Host = Host {
    struct_size: size_of::<Host>() as u32,
    abi_major: ABI_MAJOR,
    abi_minor: ABI_MINOR,
    reply,
    emit,
    log,
    connect,
    now,
    wait: wait_for,
};

/// The link behind a context pointer.
///
/// # Safety
///
/// `context` is what `create` was given.
unsafe fn link(context: *mut c_void) -> &'static Link {
    // SAFETY: `create` was given a leaked link, which lives as long as the process.
    unsafe { &*context.cast::<Link>() }
}

/// A slice over what the plugin passed.
///
/// # Safety
///
/// `bytes` is NULL or readable for `len` bytes during the calling function.
unsafe fn slice<'a>(bytes: *const u8, len: usize) -> &'a [u8] {
    if bytes.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: the caller promises `len` readable bytes.
    unsafe { std::slice::from_raw_parts(bytes, len) }
}

unsafe extern "C" fn reply(
    context: *mut c_void,
    token: u64,
    status: i32,
    payload: *const u8,
    payload_len: usize,
) {
    // SAFETY: the ABI has the plugin pass its own context and a readable payload.
    let (link, payload) = unsafe { (link(context), slice(payload, payload_len)) };
    if token == 0 && link.instance.get().is_none() {
        *lock(&link.refusal) = Some(refusal(payload));
        return;
    }
    let lane = link.lanes.iter().find(|lane| lane.runs(token));
    if lane.is_some_and(|lane| lane.reply(token, status, payload)) {
        return;
    }
    let reason = match link.lanes.iter().find_map(|lane| lane.ended(token)) {
        Some(method) => format!("replied twice to {method} (token {token})"),
        None => format!("replied to token {token}, which no call has"),
    };
    link.fail(FailureKind::Broke, &reason)
}

/// Why `create` failed: the reason of a `Failure`, or the text itself.
fn refusal(payload: &[u8]) -> String {
    match serde_json::from_slice::<payhal_messages::call::Failure>(payload) {
        Ok(failure) => failure.reason,
        Err(_) => card_filter::clean(payload),
    }
}

unsafe extern "C" fn emit(
    context: *mut c_void,
    token: u64,
    kind: u32,
    payload: *const u8,
    payload_len: usize,
) -> i32 {
    let during_call = matches!(kind, emission::PROGRESS | emission::PROMPT);
    let known = during_call || kind == emission::CHANGE;
    if !known || during_call != (token != 0) || payload_len > PAYLOAD_BYTES_MAX {
        return answer::INVALID;
    }
    // SAFETY: the ABI has the plugin pass its own context and a readable payload.
    let (link, payload) = unsafe { (link(context), slice(payload, payload_len)) };
    if card_filter::holds_card_data(payload) {
        let text = "an emission held a card number and was dropped";
        link.log_clean(LogSource::Runner, LogLevel::Error, text.to_owned());
        return answer::NOT_ALLOWED;
    }
    if token == 0 {
        return if link.event(kind, payload) {
            answer::OK
        } else {
            answer::DROPPED
        };
    }
    let lane = link.lanes.iter().find(|lane| lane.runs(token));
    match lane.and_then(|lane| lane.emit(token, kind, payload)) {
        Some(Verdict::Pass { .. }) => answer::OK,
        Some(Verdict::Drop) => answer::DROPPED,
        Some(Verdict::Flood) => link.fail(
            FailureKind::Broke,
            &format!("flooded: too many emissions of call {token}"),
        ),
        None => answer::NOT_ALLOWED,
    }
}

unsafe extern "C" fn log(context: *mut c_void, level: i32, text: *const u8, text_len: usize) {
    // SAFETY: the ABI has the plugin pass its own context and a readable text.
    let (link, text) = unsafe { (link(context), slice(text, text_len)) };
    let level = match level {
        level::ERROR => LogLevel::Error,
        level::WARN => LogLevel::Warn,
        level::INFO => LogLevel::Info,
        _ => LogLevel::Debug,
    };
    link.log(LogSource::Plugin, level, text);
}

unsafe extern "C" fn connect(
    context: *mut c_void,
    target: *const c_char,
    handle: *mut Handle,
) -> i32 {
    if target.is_null() || handle.is_null() {
        return answer::INVALID;
    }
    // SAFETY: the ABI has the plugin pass its own context and a NUL-terminated target.
    let (link, target) = unsafe { (link(context), CStr::from_ptr(target)) };
    let target = match target.to_str() {
        Ok(target) if is_target(target) => target.to_owned(),
        _ => return answer::INVALID,
    };
    if control::is_this_thread() {
        return answer::NOT_ALLOWED;
    }
    let Some(request) = link.connects.begin() else {
        return answer::DROPPED;
    };
    link.send(&FromRunner::Connect { request, target });
    match link.connects.wait(request) {
        Ok(socket) => {
            link.time.know(&socket, WaitOn::Connection(request));
            let raw = Handle::try_from(socket.into_raw_fd()).expect("a descriptor fits a handle");
            // SAFETY: the plugin passed a place for a handle, checked for NULL above.
            unsafe { handle.write(raw) };
            answer::OK
        }
        Err(Refused::Malformed) => answer::INVALID,
        Err(Refused::NotAllowed) => answer::NOT_ALLOWED,
        Err(Refused::Unreachable) => answer::UNREACHABLE,
    }
}

unsafe extern "C" fn now(context: *mut c_void) -> u64 {
    // SAFETY: the ABI has the plugin pass its own context.
    let link = unsafe { link(context) };
    link.time.now_ns()
}

unsafe extern "C" fn wait_for(context: *mut c_void, token: u64, handle: Handle, until: u64) -> i32 {
    if control::is_this_thread() {
        return answer::INVALID;
    }
    // SAFETY: the ABI has the plugin pass its own context, and a handle that it keeps open while
    // it waits for it.
    unsafe { wait::wait(link(context), token, handle, until) }
}

fn is_target(target: &str) -> bool {
    target.len() <= NAME_BYTES_MAX && !card_filter::holds_card_data(target.as_bytes())
}
