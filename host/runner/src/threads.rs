// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many threads this process has, counted by the control thread.
//!
//! The kernel's own limit (RLIMIT_NPROC) is of a user and not of a process, and not kept for a
//! privileged one; a filter of system calls cannot count. So the runner looks, by a descriptor that
//! it opened before it was confined: the folder of its own threads has a link for each of them. It
//! must never believe another folder that the plugin put in that place.

#[cfg(target_os = "linux")]
use crate::limits::THREADS_MAX;

/// The folder of this process's threads.
#[derive(Debug)]
pub(crate) struct Threads {
    #[cfg(target_os = "linux")]
    folder: Option<linux::Folder>,
}

impl Threads {
    /// Must be called before the process is confined.
    pub(crate) fn open() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            folder: linux::Folder::open(),
        }
    }

    /// # Errors
    ///
    /// Fails, saying what the plugin did, when there are more than a plugin may have, or when it
    /// has taken the folder away. A system without that folder counts nothing.
    pub(crate) fn check(&self) -> Result<(), String> {
        #[cfg(target_os = "linux")]
        if let Some(folder) = &self.folder {
            let count = folder.count().ok_or("closed a descriptor of its host")?;
            if count > u128::from(THREADS_MAX) {
                return Err(format!(
                    "started too many threads: {count}, and {THREADS_MAX} is the most"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::fs::{Mode, OFlags, Stat, fstat, open};
    use std::os::fd::OwnedFd;

    /// Links of a folder without any folder in it: its own name, and `.`.
    const LINKS_OF_NONE: u128 = 2;

    #[derive(Debug)]
    pub(super) struct Folder {
        descriptor: OwnedFd,
        /// What it is, whatever lies behind the descriptor later.
        identity: (u64, u64),
    }

    impl Folder {
        pub(super) fn open() -> Option<Self> {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let descriptor = open("/proc/self/task", flags, Mode::empty()).ok()?;
            let identity = identity(&fstat(&descriptor).ok()?);
            Some(Self {
                descriptor,
                identity,
            })
        }

        /// One link for each thread, and its own two (proc(5)).
        pub(super) fn count(&self) -> Option<u128> {
            let found = fstat(&self.descriptor).ok()?;
            // As wide as no processor has it, so that it is the same on each.
            let links: u128 = found.st_nlink.into();
            (identity(&found) == self.identity).then(|| links.saturating_sub(LINKS_OF_NONE))
        }
    }

    fn identity(found: &Stat) -> (u64, u64) {
        (found.st_dev, found.st_ino)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn each_thread_is_counted() {
            let folder = Folder::open().unwrap();
            let before = folder.count().unwrap();
            assert!(before >= 1, "{before}");
            let (hold, held) = std::sync::mpsc::channel::<()>();
            let held = std::sync::Arc::new(std::sync::Mutex::new(held));
            let waits = |_| {
                let held = std::sync::Arc::clone(&held);
                std::thread::spawn(move || held.lock().unwrap().recv())
            };
            let threads: Vec<_> = (0..40).map(waits).collect();
            // Other tests start and end threads of their own meanwhile.
            let grown = folder.count().unwrap();
            assert!(grown >= 41, "{before}, then {grown}");
            drop(hold);
            for thread in threads {
                thread.join().unwrap().unwrap_err();
            }
        }

        #[test]
        fn another_folder_is_not_believed() {
            let mut folder = Folder::open().unwrap();
            folder.descriptor = open("/", OFlags::PATH, Mode::empty()).unwrap();
            assert_eq!(folder.count(), None);
        }
    }
}
