// SPDX-License-Identifier: MIT OR Apache-2.0
//! The offsets a frozen ABI promises, checked while compiling.
//!
//! Owns the numbers for machines with 64-bit pointers; `tests/header.rs` compares the same ones
//! with what a C compiler makes of the header. Must never be "adjusted" to make a build pass: a
//! failing line here is a broken promise to every vendor.
#![cfg(target_pointer_width = "64")]

use crate::{HOST_BYTES_1_0, Host, PLUGIN_BYTES_1_0, Plugin, Port, Setup};
use core::mem::{align_of, offset_of, size_of};

const _: () = {
    assert!(size_of::<Port>() == 24 && align_of::<Port>() == 8);
    assert!(offset_of!(Port, name) == 0);
    assert!(offset_of!(Port, handle) == 8);
    assert!(offset_of!(Port, kind) == 16);
    assert!(offset_of!(Port, reserved) == 20);
};

const _: () = {
    assert!(size_of::<Setup>() == 48 && align_of::<Setup>() == 8);
    assert!(offset_of!(Setup, struct_size) == 0);
    assert!(offset_of!(Setup, port_count) == 4);
    assert!(offset_of!(Setup, instance_name) == 8);
    assert!(offset_of!(Setup, state_dir) == 16);
    assert!(offset_of!(Setup, config) == 24);
    assert!(offset_of!(Setup, config_len) == 32);
    assert!(offset_of!(Setup, ports) == 40);
};

const _: () = {
    assert!(size_of::<Host>() == 56 && align_of::<Host>() == 8);
    assert!(offset_of!(Host, struct_size) == 0);
    assert!(offset_of!(Host, abi_major) == 4);
    assert!(offset_of!(Host, abi_minor) == 6);
    assert!(offset_of!(Host, reply) == 8);
    assert!(offset_of!(Host, emit) == 16);
    assert!(offset_of!(Host, log) == 24);
    assert!(offset_of!(Host, connect) == 32);
    assert!(offset_of!(Host, now) == 40);
    assert!(offset_of!(Host, wait) == 48);
    assert!(HOST_BYTES_1_0 == 56);
};

const _: () = {
    assert!(size_of::<Plugin>() == 48 && align_of::<Plugin>() == 8);
    assert!(offset_of!(Plugin, struct_size) == 0);
    assert!(offset_of!(Plugin, abi_major) == 4);
    assert!(offset_of!(Plugin, abi_minor) == 6);
    assert!(offset_of!(Plugin, create) == 8);
    assert!(offset_of!(Plugin, call) == 16);
    assert!(offset_of!(Plugin, cancel) == 24);
    assert!(offset_of!(Plugin, deliver) == 32);
    assert!(offset_of!(Plugin, destroy) == 40);
    assert!(PLUGIN_BYTES_1_0 == 48);
};
