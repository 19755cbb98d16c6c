// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pages that are kept off the swap device and out of core dumps, for what must not leave memory.
//!
//! Each secret has pages of its own; free ones are kept for the next secret, already locked, so
//! that a sale costs no system call. Where the system refuses a lock (`RLIMIT_MEMLOCK`), the secret
//! is kept in ordinary memory and [`memory_protection`] says so: a refusal must never stop a sale,
//! and must never be hidden.

use memmap2::MmapMut;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroize;

/// What one secret takes; no card secret is longer.
const PAGE_BYTES: usize = 4096;

/// Free pages kept: more than one sale and the keys of its device need. 256 KiB, of the 8 MiB that
/// systems let a process lock.
const FREE_PAGES_MAX: usize = 64;

static FREE: Mutex<Vec<MmapMut>> = Mutex::new(Vec::new());
static LOCK_REFUSED: AtomicBool = AtomicBool::new(false);
static DUMP_REFUSED: AtomicBool = AtomicBool::new(false);

/// What the system grants the memory that holds secrets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MemoryProtection {
    /// Never written to the swap device.
    pub locked: bool,
    /// Not in a core dump.
    pub out_of_dumps: bool,
}

/// What held so far in this process, for every secret it had.
pub fn memory_protection() -> MemoryProtection {
    // So that there is an answer before the first secret.
    drop(Pages::new(1));
    MemoryProtection {
        locked: !LOCK_REFUSED.load(Ordering::Relaxed),
        out_of_dumps: !DUMP_REFUSED.load(Ordering::Relaxed),
    }
}

/// Bytes that do not move while they are owned, zero at first and erased when dropped.
pub(crate) struct Pages {
    memory: Memory,
    length: usize,
}

enum Memory {
    /// `None` only while it is dropped.
    Page(Option<MmapMut>),
    /// Where the system would not map any.
    Ordinary(Box<[u8]>),
}

impl Pages {
    pub(crate) fn new(length: usize) -> Self {
        Self::protected_by(length, &lock, &keep_out_of_dumps)
    }

    fn protected_by(length: usize, lock: &Protect, keep_out: &Protect) -> Self {
        let memory = match free_page(length) {
            Some(page) => Memory::Page(Some(page)),
            None => Memory::mapped(length, lock, keep_out),
        };
        Self { memory, length }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.memory {
            Memory::Page(Some(page)) => &page[..self.length],
            Memory::Page(None) => &[],
            Memory::Ordinary(bytes) => bytes,
        }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.memory {
            Memory::Page(Some(page)) => &mut page[..self.length],
            Memory::Page(None) => &mut [],
            Memory::Ordinary(bytes) => bytes,
        }
    }
}

impl Memory {
    fn mapped(length: usize, lock: &Protect, keep_out: &Protect) -> Self {
        let Ok(page) = MmapMut::map_anon(length.max(PAGE_BYTES)) else {
            LOCK_REFUSED.store(true, Ordering::Relaxed);
            DUMP_REFUSED.store(true, Ordering::Relaxed);
            return Self::Ordinary(vec![0; length].into_boxed_slice());
        };
        if keep_out(&page).is_err() {
            DUMP_REFUSED.store(true, Ordering::Relaxed);
        }
        if lock(&page).is_err() {
            LOCK_REFUSED.store(true, Ordering::Relaxed);
        }
        Self::Page(Some(page))
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.bytes_mut().zeroize();
        let Memory::Page(page) = &mut self.memory else {
            return;
        };
        let kept = page.take().filter(|page| page.len() == PAGE_BYTES);
        if let Some(page) = kept
            && !LOCK_REFUSED.load(Ordering::Relaxed)
        {
            let mut free = free_pages();
            if free.len() < FREE_PAGES_MAX {
                free.push(page);
            }
        }
    }
}

type Protect = dyn Fn(&MmapMut) -> io::Result<()>;

fn free_page(length: usize) -> Option<MmapMut> {
    (length <= PAGE_BYTES).then(|| free_pages().pop()).flatten()
}

fn free_pages() -> MutexGuard<'static, Vec<MmapMut>> {
    // Pages are erased before they are put here, so a panic elsewhere leaves nothing half done.
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
fn lock(map: &MmapMut) -> io::Result<()> {
    map.lock()
}

#[cfg(not(unix))]
fn lock(_: &MmapMut) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn keep_out_of_dumps(map: &MmapMut) -> io::Result<()> {
    map.advise(memmap2::Advice::DontDump)
}

#[cfg(not(target_os = "linux"))]
fn keep_out_of_dumps(_: &MmapMut) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_zero_whoever_had_them_before() {
        for _ in 0..3 {
            let mut pages = Pages::new(32);
            assert!(pages.bytes().iter().all(|byte| *byte == 0));
            pages.bytes_mut().fill(0xA5);
        }
        assert!(free_pages().iter().all(|page| page.iter().all(|b| *b == 0)));
    }

    #[test]
    fn a_long_secret_has_room() {
        let mut pages = Pages::new(PAGE_BYTES + 1);
        pages.bytes_mut()[PAGE_BYTES] = 1;
        assert!(pages.bytes().len() > PAGE_BYTES);
    }

    /// In a process of its own, since what is refused once is said for good.
    #[test]
    fn a_refusal_is_no_obstacle_and_no_secret() {
        const SELF: &str = "locked::tests::a_refusal_is_no_obstacle_and_no_secret";
        if std::env::var_os("PAYHAL_REFUSED").is_none() {
            let program = std::env::current_exe().unwrap();
            let mut command = std::process::Command::new(program);
            command.args(["--exact", SELF]).env("PAYHAL_REFUSED", "1");
            assert!(command.status().unwrap().success());
            return;
        }
        let refused = |_: &MmapMut| Err(io::ErrorKind::OutOfMemory.into());
        let mut pages = Pages::protected_by(5, &refused, &|_| Ok(()));
        pages.bytes_mut()[..5].copy_from_slice(b"clear");
        assert_eq!(&pages.bytes()[..5], b"clear");
        assert_eq!(
            memory_protection(),
            MemoryProtection {
                locked: false,
                out_of_dumps: cfg!(target_os = "linux"),
            }
        );
        drop(pages);
        assert!(free_pages().is_empty(), "an unlocked page is not kept");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_says_that_pages_are_locked_and_out_of_dumps() {
        if !memory_protection().locked {
            // The system of this machine refuses; the case above shows that this is said.
            return;
        }
        let pages = Pages::new(8);
        let address = pages.bytes().as_ptr().addr();
        let flags = flags_of(address);
        assert!(flags.contains(" lo") && flags.contains(" dd"), "{flags}");
        let ordinary = [0_u8; 8];
        assert!(!flags_of(ordinary.as_ptr().addr()).contains(" dd"));
    }

    /// `VmFlags` of the mapping around an address.
    #[cfg(target_os = "linux")]
    fn flags_of(address: usize) -> String {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            let bounds = line
                .split_once(' ')
                .and_then(|(first, _)| first.split_once('-'));
            let bounds = bounds.and_then(|(start, end)| {
                let number = |text| usize::from_str_radix(text, 16).ok();
                Some(number(start)?..number(end)?)
            });
            if let Some(bounds) = bounds {
                inside = bounds.contains(&address);
            } else if inside && line.starts_with("VmFlags:") {
                return line.to_owned();
            }
        }
        panic!("no mapping around {address:x}");
    }
}
