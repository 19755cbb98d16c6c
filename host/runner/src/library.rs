// SPDX-License-Identifier: MIT OR Apache-2.0
//! Loads the plugin's library and looks at its table: the only dlopen of the product.
//!
//! Must never close a library (threads and destructors of the vendor would run into nothing; the
//! process ends instead) and never call a function of a table that was not checked.

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use payhal_abi::{
    ABI_MAJOR, ABI_MINOR, ENTRY_SYMBOL, EntryFn, Host, PLUGIN_BYTES_1_0, Plugin, Setup,
};
use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, OwnedFd};

/// Size and version, which every version of the table starts with.
#[repr(C)]
struct Head {
    struct_size: u32,
    abi_major: u16,
    abi_minor: u16,
}

/// A checked table: all functions are there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) abi_major: u16,
    pub(crate) abi_minor: u16,
    pub(crate) create: unsafe extern "C" fn(*const Host, *mut c_void, *const Setup) -> *mut c_void,
    pub(crate) call: unsafe extern "C" fn(*mut c_void, u64, *const c_char, u32, *const u8, usize),
    pub(crate) cancel: unsafe extern "C" fn(*mut c_void, u64),
    pub(crate) deliver: unsafe extern "C" fn(*mut c_void, u64, u64, *const u8, usize),
    pub(crate) destroy: unsafe extern "C" fn(*mut c_void),
}

/// Loads the library and checks its table.
///
/// # Errors
///
/// Fails with what is wrong: the loader's words, a missing symbol, another ABI, a missing function.
pub(crate) fn load(library: &OwnedFd) -> Result<Table, String> {
    // A process may always follow its own descriptors, confined and undumpable or not.
    let path = format!("/proc/self/fd/{}", library.as_raw_fd());
    // Unresolved symbols must show now, as an error, and not at the first call, as an exit.
    // SAFETY: this runs the vendor's constructors, which is what this process is for; it was
    // confined before.
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) }
        .map_err(|error| format!("load the library: {}", reason(&error).replace(&path, "it")))?;
    let symbol = ENTRY_SYMBOL.to_str().expect("the symbol's name is ASCII");
    // SAFETY: a library that exports this name promises this type; that is the ABI.
    let entry = unsafe { library.get::<EntryFn>(ENTRY_SYMBOL.to_bytes_with_nul()) }
        .map(|entry| *entry)
        .map_err(|_| format!("find {symbol} in the library: it is no payhal plugin"))?;
    // Never closed: the library stays for the life of the process.
    let _ = library.into_raw();
    // SAFETY: the entry takes nothing and returns a pointer to static memory.
    let table = unsafe { entry() };
    // SAFETY: the ABI promises a table that lives as long as the process.
    unsafe { check(table) }
}

fn reason(error: &libloading::Error) -> String {
    match error {
        libloading::Error::DlOpen { source } => source.to_string(),
        other => other.to_string(),
    }
}

/// Reads a table no further than it reaches.
///
/// # Safety
///
/// `table` is NULL or points at static memory of at least its own `struct_size` bytes.
unsafe fn check(table: *const Plugin) -> Result<Table, String> {
    if table.is_null() {
        return Err("use the plugin: its table is NULL".to_owned());
    }
    // SAFETY: every table has at least its head.
    let head = unsafe { table.cast::<Head>().read_unaligned() };
    let Head {
        struct_size,
        abi_major,
        abi_minor,
    } = head;
    if abi_major != ABI_MAJOR {
        return Err(format!(
            "use the plugin: it speaks ABI {abi_major}.{abi_minor}, this host {ABI_MAJOR}.{ABI_MINOR}"
        ));
    }
    let (reaches, wanted) = (struct_size as usize, PLUGIN_BYTES_1_0);
    if reaches < wanted {
        return Err(format!(
            "use the plugin: its table has {struct_size} bytes, ABI {ABI_MAJOR}.0 has {wanted}"
        ));
    }
    let mut plugin = MaybeUninit::<Plugin>::zeroed();
    // SAFETY: the table says that it reaches this far, and ours is as large as is copied. What an
    // older plugin's table lacks stays zero: integers, and functions that are not there.
    let plugin = unsafe {
        let bytes = reaches.min(size_of::<Plugin>());
        std::ptr::copy_nonoverlapping(table.cast::<u8>(), plugin.as_mut_ptr().cast(), bytes);
        plugin.assume_init()
    };
    let missing = |name| format!("use the plugin: its table has no function \"{name}\"");
    Ok(Table {
        abi_major,
        abi_minor,
        create: plugin.create.ok_or_else(|| missing("create"))?,
        call: plugin.call.ok_or_else(|| missing("call"))?,
        cancel: plugin.cancel.ok_or_else(|| missing("cancel"))?,
        deliver: plugin.deliver.ok_or_else(|| missing("deliver"))?,
        destroy: plugin.destroy.ok_or_else(|| missing("destroy"))?,
    })
}

/// The instance `create` returned, with the functions to use it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instance {
    pub(crate) table: Table,
    pub(crate) pointer: *mut c_void,
}

// SAFETY: the ABI lets the host call an instance from any thread.
unsafe impl Send for Instance {}
// SAFETY: as above, and at the same time.
unsafe impl Sync for Instance {}

impl Instance {
    /// Starts a call. `payload` must end with the zero byte that its length does not count.
    pub(crate) fn call(&self, token: u64, method: &CStr, deadline_ms: u32, payload: &[u8]) {
        let (text, counted) = (method.as_ptr(), payload.len() - 1);
        // SAFETY: the instance is live until `destroy`; method and payload outlive the call.
        unsafe {
            (self.table.call)(
                self.pointer,
                token,
                text,
                deadline_ms,
                payload.as_ptr(),
                counted,
            );
        }
    }

    /// Asks a call to end.
    pub(crate) fn cancel(&self, token: u64) {
        // SAFETY: the instance is live until `destroy`.
        unsafe { (self.table.cancel)(self.pointer, token) }
    }

    /// Brings an answer. `payload` must end with the zero byte that its length does not count.
    pub(crate) fn deliver(&self, token: u64, prompt_id: u64, payload: &[u8]) {
        let counted = payload.len() - 1;
        // SAFETY: the instance is live until `destroy`; the payload outlives the call.
        unsafe {
            (self.table.deliver)(self.pointer, token, prompt_id, payload.as_ptr(), counted);
        }
    }

    /// Ends the instance; it must not be used afterwards.
    pub(crate) fn destroy(&self) {
        // SAFETY: the caller has made sure that no call runs and none will start.
        unsafe { (self.table.destroy)(self.pointer) }
    }
}
