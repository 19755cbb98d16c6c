// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal-plugin-runner`: the process that holds one payhal plugin.
//!
//! The daemon starts it with its control socket as standard input; `payhal-ipc` says what is
//! spoken there. One thread serves the control socket and the plugin's output, one thread each
//! lane, and the main thread creates and destroys the instance.
//!
//! Owns the only dlopen of the product, and the last look at everything a plugin says. Must never
//! outlive its daemon, and never let a plugin's raw output leave this process.

mod card_filter;
mod connects;
mod control;
mod host;
mod lane;
mod library;
mod limits;
mod link;
mod meter;
mod output;
mod recorder;
mod sandbox;
mod sealed;
mod start;
mod threads;
mod wait;

use rustix::fs::{Mode, OFlags};
use rustix::io::fcntl_dupfd_cloexec;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

/// Exit status when not started by the daemon (EX_USAGE of sysexits.h).
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    share_arenas();
    payhal_messages::tell_panics_without_payload();
    match control_socket() {
        Ok(control) => start::run(control),
        Err(reason) => {
            use std::io::Write;
            let mut stderr = std::io::stderr();
            // Without a stderr there is nobody to tell.
            let _ = writeln!(
                stderr,
                "payhal-plugin-runner is started by payhal: {reason}"
            );
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Lanes are many and mostly idle: with an arena for each, freed memory would stay with all of
/// them. Other C libraries have no arenas.
fn share_arenas() {
    #[cfg(target_env = "gnu")]
    // SAFETY: called first in `main`, while there is one thread; a refusal changes nothing.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, limits::ARENAS_MAX);
    }
}

/// Takes the control socket off descriptor 0 and leaves /dev/null there.
fn control_socket() -> Result<UnixStream, String> {
    let stdin = rustix::stdio::stdin();
    rustix::net::sockopt::socket_acceptconn(stdin)
        .map_err(|_| "standard input is no socket".to_owned())?;
    let failed = |error| format!("failed to take the control socket: {error}");
    let control = fcntl_dupfd_cloexec(stdin, 3).map_err(failed)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(failed)?;
    rustix::stdio::dup2_stdin(&null).map_err(failed)?;
    Ok(UnixStream::from(control))
}
