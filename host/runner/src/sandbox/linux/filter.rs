// SPDX-License-Identifier: MIT OR Apache-2.0
//! The filter of system calls, from the lists to the kernel.
//!
//! Owns how a refusal looks: an error number, so that a library can go on without what it did not
//! get. Must never kill, and never let a call pass because it came in another way: by the numbers
//! of another architecture, or by a number that came with a newer kernel than was looked at.

use super::calls;
use payhal_ipc::Confinement;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch, apply_filter, sock_filter,
};
use std::collections::BTreeMap;

/// `BPF_JMP | BPF_JGE | BPF_K` (linux/filter.h).
const JUMP_IF_NOT_BELOW: u16 = 0x35;

/// `BPF_RET | BPF_K`.
const RETURN: u16 = 0x06;

/// Where seccompiler's programs end the process for another architecture: they load the
/// architecture, compare it, then return.
const OTHER_ARCHITECTURE: usize = 2;

/// Where they have loaded the call's number.
const NUMBER_LOADED: usize = 4;

pub(super) type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// The architecture whose calls the lists are about.
#[cfg(target_arch = "x86_64")]
const TARGET: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const TARGET: TargetArch = TargetArch::aarch64;

/// Filters the calls of this thread and those it starts; `false` where the kernel has no filters.
///
/// # Errors
///
/// Fails when the kernel refuses.
pub(super) fn apply(confinement: &Confinement, landlock_abi: u32) -> Result<bool, String> {
    let failed = |error: seccompiler::Error| format!("filter system calls: {error}");
    let own = std::process::id();
    let denied =
        calls::denied(confinement, landlock_abi, own).map_err(|error| failed(error.into()))?;
    for (rules, errno) in [(denied, libc::EPERM), (calls::unknown(), libc::ENOSYS)] {
        let program = program(rules, errno).map_err(|error| failed(error.into()))?;
        match apply_filter(&program) {
            Ok(()) => {}
            Err(error) if is_absent(&error) => return Ok(false),
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(true)
}

/// Whether the kernel has no filters at all (seccomp(2)).
fn is_absent(error: &seccompiler::Error) -> bool {
    let seccompiler::Error::Seccomp(error) = error else {
        return false;
    };
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL))
}

fn program(rules: Rules, errno: i32) -> Result<BpfProgram, seccompiler::BackendError> {
    let errno = SeccompAction::Errno(errno.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, errno, TARGET)?;
    let mut program = BpfProgram::try_from(filter)?;
    let absent = u32::from(SeccompAction::Errno(libc::ENOSYS.unsigned_abs()));
    let answer = |k: u32| sock_filter {
        code: RETURN,
        jt: 0,
        jf: 0,
        k,
    };
    program[OTHER_ARCHITECTURE] = answer(absent);
    // Numbers of the x32 ABI are above all others.
    let newer = sock_filter {
        code: JUMP_IF_NOT_BELOW,
        jt: 0,
        jf: 1,
        k: calls::FIRST_UNKNOWN,
    };
    program.splice(NUMBER_LOADED..NUMBER_LOADED, [newer, answer(absent)]);
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `BPF_RET | BPF_K` with these ends the process or the thread.
    const KILLS: [u32; 2] = [
        libc::SECCOMP_RET_KILL_PROCESS,
        libc::SECCOMP_RET_KILL_THREAD,
    ];

    #[test]
    fn no_program_kills_on_any_architecture_and_all_fit_the_kernel() {
        for (own_network, pcsc) in [(false, false), (true, false), (false, true), (true, true)] {
            let confinement = Confinement {
                own_network,
                pcsc,
                ..Confinement::default()
            };
            let denied = calls::denied(&confinement, 0, 4711).unwrap();
            let program = program(denied, libc::EPERM).unwrap();
            assert!(program.len() < 4096, "{}", program.len());
            assert_eq!(program[OTHER_ARCHITECTURE].code, RETURN);
            // Loads the number of the call, the first word.
            let loaded = &program[NUMBER_LOADED - 1];
            assert_eq!((loaded.code, loaded.k), (0x20, 0));
            let mut returns = program.iter().filter(|one| one.code == RETURN);
            assert!(!returns.any(|one| KILLS.contains(&one.k)));
        }
    }
}
