// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which system calls a plugin may not make: the lists.
//!
//! Owns what Landlock does not see: sockets, processes, signals, kernel services, what can be done
//! to a file without opening it. Each group says what it would give a plugin.
//!
//! Must never deny what a C library needs to run threads, to allocate and to load a library.

use super::filter::Rules;
use payhal_ipc::Confinement;
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{BackendError, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

/// Calls from this number on came after Linux 6.14 and were not looked at: this system does not
/// have them. Every architecture counts the same from 424 on.
pub(super) const FIRST_UNKNOWN: u32 = 467;

/// The first ABI of Landlock that sees files being emptied.
const SEES_TRUNCATION: u32 = 3;

// Numbers that are the same everywhere, and too new for some C libraries' headers.
const PIDFD_SEND_SIGNAL: i64 = 424;
const IO_URING_SETUP: i64 = 425;
const IO_URING_ENTER: i64 = 426;
const IO_URING_REGISTER: i64 = 427;
const OPEN_TREE: i64 = 428;
const MOVE_MOUNT: i64 = 429;
const FSOPEN: i64 = 430;
const FSCONFIG: i64 = 431;
const FSMOUNT: i64 = 432;
const FSPICK: i64 = 433;
const PIDFD_OPEN: i64 = 434;
const CLONE3: i64 = 435;
const OPENAT2: i64 = 437;
const PIDFD_GETFD: i64 = 438;
const PROCESS_MADVISE: i64 = 440;
const MOUNT_SETATTR: i64 = 442;
const QUOTACTL_FD: i64 = 443;
const PROCESS_MRELEASE: i64 = 448;
const FCHMODAT2: i64 = 452;
const STATMOUNT: i64 = 457;
const LISTMOUNT: i64 = 458;
const SETXATTRAT: i64 = 463;
const REMOVEXATTRAT: i64 = 466;

/// Not every C library's header has it.
#[cfg(target_arch = "x86_64")]
const KEXEC_FILE_LOAD: i64 = 320;
#[cfg(not(target_arch = "x86_64"))]
const KEXEC_FILE_LOAD: i64 = 294;

/// Other programs: starting them, looking into them, changing what runs.
const PROCESSES: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_tkill,
    libc::SYS_ioprio_set,
    PIDFD_SEND_SIGNAL,
    PIDFD_OPEN,
    PIDFD_GETFD,
    PROCESS_MADVISE,
    PROCESS_MRELEASE,
];

/// The kernel itself, its clock and its name: most need privileges, all have had holes.
const KERNEL: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    KEXEC_FILE_LOAD,
    libc::SYS_kexec_load,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
    QUOTACTL_FD,
];

/// Other views of the file system, and watching what others do in it.
const VIEWS: &[i64] = &[
    libc::SYS_chroot,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    libc::SYS_inotify_add_watch,
    libc::SYS_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_pivot_root,
    libc::SYS_setns,
    libc::SYS_umount2,
    libc::SYS_unshare,
    OPEN_TREE,
    MOVE_MOUNT,
    FSOPEN,
    FSCONFIG,
    FSMOUNT,
    FSPICK,
    MOUNT_SETATTR,
    STATMOUNT,
    LISTMOUNT,
];

/// What Landlock does not look at: rights, owners, attributes and times of any file of this user.
const ATTRIBUTES: &[i64] = &[
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_fremovexattr,
    libc::SYS_fsetxattr,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_setxattr,
    FCHMODAT2,
    SETXATTRAT,
    REMOVEXATTRAT,
];

/// Memory, queues and keys that all programs of a user share, and that have no path; and files
/// of memory, which no address space counts.
const SHARED: &[i64] = &[
    libc::SYS_memfd_create,
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_request_key,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_msgctl,
    libc::SYS_msgget,
    libc::SYS_msgrcv,
    libc::SYS_msgsnd,
    libc::SYS_semctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_shmget,
];

/// Calls that only this architecture has, all older forms of the above.
#[cfg(target_arch = "x86_64")]
const OLDER: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[i64] = &[];

/// Namespaces that a thread can be born into.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// Typing into a terminal, taking its console, loading a line discipline, having signals sent.
/// The same on both architectures (asm-generic/ioctls.h).
const TERMINAL_TRICKS: [u64; 7] = [0x5412, 0x541C, 0x541D, 0x5423, 0x540E, 0x8901, 0x8902];

/// `F_SETOWN`, `F_SETSIG`, `F_SETOWN_EX`: signals to others. `F_SETLEASE`, `F_NOTIFY`: holding up
/// and watching who opens a file.
const DESCRIPTOR_TRICKS: [u64; 5] = [8, 10, 15, 1024, 1026];

/// Rights of a file for others than its owner, and those that lend its owner's.
const RIGHTS_OF_OTHERS: [u64; 9] = [
    0o4000, 0o2000, 0o1000, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001,
];

/// Kind of a socket, without its flags.
const KIND: u64 = 0xF;
const STREAM: u64 = libc::SOCK_STREAM as u64;
const DATAGRAM: u64 = libc::SOCK_DGRAM as u64;
const RAW: u64 = libc::SOCK_RAW as u64;
const UNIX: u64 = libc::AF_UNIX as u64;
const NETLINK: u64 = libc::AF_NETLINK as u64;

/// Opens a connection while it sends.
const FAST_OPEN: u64 = libc::MSG_FASTOPEN as u64;

/// Calls that this system does not have, as far as a plugin can tell. Its C library then takes the
/// older way, which can be looked at: rules do not see what a pointer points at.
pub(super) fn unknown() -> Rules {
    let all = [CLONE3, IO_URING_SETUP, IO_URING_ENTER, IO_URING_REGISTER];
    all.into_iter().map(|call| (call, Vec::new())).collect()
}

/// Calls that are refused, as a whole or with these arguments. `own` is this process.
///
/// # Errors
///
/// Fails when a rule cannot be written, which no list here has.
pub(super) fn denied(
    confinement: &Confinement,
    landlock_abi: u32,
    own: u32,
) -> Result<Rules, BackendError> {
    let mut list = List::default();
    for group in [PROCESSES, KERNEL, VIEWS, ATTRIBUTES, SHARED, OLDER] {
        list.whole(group);
    }
    processes(&mut list, u64::from(own))?;
    descriptors(&mut list)?;
    sockets(&mut list, confinement)?;
    if !confinement.own_network {
        connections(&mut list, confinement)?;
    }
    if landlock_abi < SEES_TRUNCATION {
        truncation(&mut list)?;
    }
    Ok(list.0)
}

/// Emptying a file, by its name or while it is opened for reading.
fn truncation(list: &mut List) -> Result<(), BackendError> {
    list.whole(&[libc::SYS_truncate, OPENAT2]);
    let emptied = u64::from(libc::O_TRUNC.cast_unsigned());
    let looked_at = MaskedEq(emptied | u64::from(libc::O_ACCMODE.cast_unsigned()));
    list.when(libc::SYS_openat, &[(2, Dword, looked_at.clone(), emptied)])?;
    #[cfg(target_arch = "x86_64")]
    list.when(libc::SYS_open, &[(1, Dword, looked_at, emptied)])?;
    Ok(())
}

/// Threads of this process and nothing of others.
fn processes(list: &mut List, own: u64) -> Result<(), BackendError> {
    let thread = libc::CLONE_THREAD as u64;
    list.when(libc::SYS_clone, &[(0, Dword, MaskedEq(thread), 0)])?;
    for namespace in NAMESPACES.map(|flag| u64::from(flag.cast_unsigned())) {
        list.when(
            libc::SYS_clone,
            &[(0, Dword, MaskedEq(namespace), namespace)],
        )?;
    }
    for signal in [
        libc::SYS_kill,
        libc::SYS_tgkill,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
    ] {
        list.when(signal, &[(0, Dword, Ne, own)])?;
    }
    list.when(
        libc::SYS_prlimit64,
        &[(0, Dword, Ne, 0), (0, Dword, Ne, own)],
    )?;
    for schedule in [
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setattr,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setscheduler,
    ] {
        list.when(schedule, &[(0, Dword, Ne, 0)])?;
    }
    list.when(libc::SYS_setpriority, &[(0, Dword, Ne, 0)])?;
    list.when(libc::SYS_setpriority, &[(1, Dword, Ne, 0)])?;
    for option in [libc::PR_SET_DUMPABLE, libc::PR_SET_PTRACER, libc::PR_SET_MM] {
        let option = u64::from(option.cast_unsigned());
        list.when(libc::SYS_prctl, &[(0, Dword, Eq, option)])?;
    }
    Ok(())
}

/// What can be done with a descriptor that one has, or to a file without one.
fn descriptors(list: &mut List) -> Result<(), BackendError> {
    for request in TERMINAL_TRICKS {
        list.when(libc::SYS_ioctl, &[(1, Dword, Eq, request)])?;
    }
    for command in DESCRIPTOR_TRICKS {
        list.when(libc::SYS_fcntl, &[(1, Dword, Eq, command)])?;
    }
    for right in RIGHTS_OF_OTHERS {
        list.when(libc::SYS_fchmod, &[(1, Dword, MaskedEq(right), right)])?;
    }
    // With no path it is about a descriptor.
    list.when(libc::SYS_utimensat, &[(1, Qword, Ne, 0)])
}

/// Which sockets may be made. A pair is a pipe within the process, as long as it is connected for
/// good, which a pair of datagram sockets is not.
fn sockets(list: &mut List, confinement: &Confinement) -> Result<(), BackendError> {
    list.when(libc::SYS_socketpair, &[(0, Dword, Ne, UNIX)])?;
    list.when(
        libc::SYS_socketpair,
        &[(1, Dword, MaskedEq(KIND), DATAGRAM)],
    )?;
    list.when(libc::SYS_socketpair, &[(1, Dword, MaskedEq(KIND), RAW)])?;
    let (inet, inet6) = (libc::AF_INET as u64, libc::AF_INET6 as u64);
    let mut families = Vec::new();
    if confinement.own_network {
        // Netlink tells the C library which kinds of addresses this computer has.
        families.extend([inet, inet6, NETLINK]);
        list.when(
            libc::SYS_socket,
            &[(0, Dword, Eq, NETLINK), (2, Dword, Ne, 0)],
        )?;
        for family in [inet, inet6] {
            only_kinds(list, family, &[STREAM, DATAGRAM])?;
        }
    }
    if confinement.pcsc {
        families.push(UNIX);
        only_kinds(list, UNIX, &[STREAM])?;
    }
    let none_of = families.into_iter().map(|family| (0, Dword, Ne, family));
    list.when(libc::SYS_socket, &none_of.collect::<Vec<_>>())
}

fn only_kinds(list: &mut List, family: u64, kinds: &[u64]) -> Result<(), BackendError> {
    for kind in (0..=KIND).filter(|kind| !kinds.contains(kind)) {
        let refused = [(0, Dword, Eq, family), (1, Dword, MaskedEq(KIND), kind)];
        list.when(libc::SYS_socket, &refused)?;
    }
    Ok(())
}

/// A connection that was handed over stays the one it is: it can be cut and led elsewhere
/// otherwise, by the very descriptor.
fn connections(list: &mut List, confinement: &Confinement) -> Result<(), BackendError> {
    list.whole(&[
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
    ]);
    if !confinement.pcsc {
        list.whole(&[libc::SYS_connect]);
    }
    list.when(libc::SYS_sendto, &[(4, Qword, Ne, 0)])?;
    for (call, flags) in [
        (libc::SYS_sendto, 3),
        (libc::SYS_sendmsg, 2),
        (libc::SYS_sendmmsg, 3),
    ] {
        list.when(call, &[(flags, Dword, MaskedEq(FAST_OPEN), FAST_OPEN)])?;
    }
    let tcp = libc::IPPROTO_TCP as u64;
    for option in [libc::TCP_REPAIR, libc::TCP_ULP] {
        let option = u64::from(option.cast_unsigned());
        list.when(
            libc::SYS_setsockopt,
            &[(1, Dword, Eq, tcp), (2, Dword, Eq, option)],
        )?;
    }
    Ok(())
}

#[derive(Default)]
struct List(Rules);

type Argument = (u8, SeccompCmpArgLen, SeccompCmpOp, u64);

impl List {
    /// Refused whatever its arguments are.
    fn whole(&mut self, calls: &[i64]) {
        for call in calls {
            self.0.insert(*call, Vec::new());
        }
    }

    /// Refused when all of these hold; several of one call stand side by side. Of no argument at
    /// all it is the whole call.
    fn when(&mut self, call: i64, arguments: &[Argument]) -> Result<(), BackendError> {
        if arguments.is_empty() {
            self.whole(&[call]);
            return Ok(());
        }
        let conditions = arguments.iter().map(|(place, length, operator, value)| {
            SeccompCondition::new(*place, length.clone(), operator.clone(), *value)
        });
        let rule = SeccompRule::new(conditions.collect::<Result<_, _>>()?)?;
        self.0.entry(call).or_default().push(rule);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(own_network: bool, pcsc: bool, abi: u32) -> Rules {
        let confinement = Confinement {
            own_network,
            pcsc,
            ..Confinement::default()
        };
        denied(&confinement, abi, 4711).unwrap()
    }

    fn whole(rules: &Rules, call: i64) -> bool {
        rules.get(&call).is_some_and(Vec::is_empty)
    }

    #[test]
    fn without_an_exception_there_is_no_socket_and_no_other_end() {
        let plain = rules(false, false, 6);
        for call in [libc::SYS_socket, libc::SYS_connect, libc::SYS_bind] {
            assert!(whole(&plain, call), "{call}");
        }
        let pcsc = rules(false, true, 6);
        assert!(!whole(&pcsc, libc::SYS_socket) && !pcsc.contains_key(&libc::SYS_connect));
        assert!(whole(&pcsc, libc::SYS_bind));
        let network = rules(true, false, 6);
        assert!(!whole(&network, libc::SYS_socket) && !network.contains_key(&libc::SYS_bind));
    }

    #[test]
    fn what_an_older_kernel_cannot_see_by_path_is_refused_as_a_call() {
        for call in [libc::SYS_truncate, libc::SYS_openat] {
            assert!(rules(false, false, 2).contains_key(&call), "{call}");
            assert!(!rules(false, false, 3).contains_key(&call), "{call}");
        }
    }

    #[test]
    fn what_threads_and_allocators_need_is_not_on_the_list() {
        let plain = rules(false, false, 6);
        for call in [
            libc::SYS_futex,
            libc::SYS_madvise,
            libc::SYS_mmap,
            libc::SYS_mlock,
            libc::SYS_openat,
            libc::SYS_fdatasync,
            libc::SYS_ftruncate,
            libc::SYS_recvmsg,
        ] {
            assert!(!plain.contains_key(&call), "{call}");
        }
        assert!(!whole(&plain, libc::SYS_clone), "threads");
        assert!(unknown().contains_key(&CLONE3), "a library would get EPERM");
    }
}
