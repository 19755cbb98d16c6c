// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a plugin cannot do, tried from inside one; and what it still can.

use crate::harness::{Launch, Runner, probe, repository};
use libc::{EACCES, EMFILE, ENOENT, ENOMEM, ENOSYS, EPERM};
use payhal_ipc::{Confinement, FailureKind, FromRunner, Library};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A user that is in no group and owns nothing.
const NOBODY: u32 = 65_534;

/// A plugin that tries things, in a folder of its own, with a port.
struct Cell {
    runner: Runner,
    state: PathBuf,
    /// A folder and a file of the same user that are none of the plugin's business.
    outside: PathBuf,
    secret: String,
    /// The other end of its port, which must not close.
    _device: UnixStream,
    _folders: [tempfile::TempDir; 2],
}

impl Cell {
    fn new(confinement: Confinement) -> Self {
        Self::of(confinement, None)
    }

    fn of(confinement: Confinement, user: Option<u32>) -> Self {
        let (library_folder, library) = probe();
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("runner");
        std::fs::copy(env!("CARGO_BIN_EXE_payhal-plugin-runner"), &program).unwrap();
        for open in [folder.path(), library_folder.path()] {
            std::fs::set_permissions(open, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let (state, outside) = (folder.path().join("state"), folder.path().join("outside"));
        std::fs::create_dir(&state).unwrap();
        std::fs::create_dir(&outside).unwrap();
        let secret = outside.join("secret");
        std::fs::write(&secret, "4711").unwrap();
        for owned in [&state, &outside, &secret] {
            std::os::unix::fs::chown(owned, user, user).unwrap();
        }
        let (device, port) = UnixStream::pair().unwrap();
        let mut launch = Launch::new(&library);
        launch.port = Some(OwnedFd::from(port));
        launch.state_dir = text(&state);
        launch.confinement = confinement;
        launch.program = program;
        launch.user = user;
        Self {
            runner: launch.ready(),
            secret: text(&secret),
            state,
            outside,
            _device: device,
            _folders: [library_folder, folder],
        }
    }

    #[track_caller]
    fn answers(&mut self, attempt: &str, argument: &str, expected: i32) {
        let (status, said) = self.runner.ask(attempt, argument);
        assert_eq!(status, 0, "{attempt} is no attempt of the probe");
        assert_eq!(said, expected.to_string(), "{attempt} {argument}");
    }

    #[track_caller]
    fn all(&mut self, attempts: &[&str], argument: &str, expected: i32) {
        for attempt in attempts {
            self.answers(attempt, argument, expected);
        }
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path of ours is UTF-8").to_owned()
}

fn test_process() -> String {
    std::process::id().to_string()
}

/// Everything that holds whoever runs the host.
fn a_plugin_is_confined(mut cell: Cell) {
    for part in [
        "rlimits",
        "no_new_privs",
        "undumpable",
        "seccomp",
        "landlock:",
    ] {
        let in_force = cell.runner.sandbox.split(' ');
        let named = in_force.filter(|name| name.starts_with(part)).count();
        assert_eq!(named, 1, "{part} in {}", cell.runner.sandbox);
    }
    files(&mut cell);
    processes(&mut cell);
    network(&mut cell);
    kernel(&mut cell);
}

fn files(cell: &mut Cell) {
    cell.answers("in_constructor", "", EACCES);
    let (secret, outside) = (cell.secret.clone(), text(&cell.outside));
    for hidden in [
        secret.as_str(),
        "/etc/passwd",
        "/etc/hostname",
        "/proc/self/status",
        "/proc/self/mem",
        "/proc/1/cmdline",
        "/proc/net/tcp",
        "/sys/kernel/uevent_seqnum",
        "/dev/tty",
        "/dev/ptmx",
    ] {
        assert!(
            Path::new(hidden).exists(),
            "{hidden} is not there to be hidden"
        );
        cell.answers("read", hidden, EACCES);
    }
    for hidden in [outside.as_str(), "/", "/etc", "/home", "/proc", "/tmp"] {
        cell.answers("list", hidden, EACCES);
    }
    cell.all(&["write", "delete"], &secret, EACCES);
    cell.answers("cut", &secret, EACCES);
    let new = text(&cell.outside.join("new"));
    cell.all(&["create", "make_folder", "link", "pipe"], &new, EACCES);
    cell.all(&["rights", "owner", "times"], &secret, EPERM);
    cell.answers("watch", &outside, EPERM);
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "4711");

    let own = text(&cell.state.join("own"));
    cell.all(&["create", "read", "write", "cut"], &own, 0);
    cell.answers("share_descriptor", &own, EPERM);
    cell.all(&["rights", "owner", "times"], &own, EPERM);
    cell.answers("delete", &own, 0);
    cell.answers("make_folder", &own, 0);
    let other = text(&cell.state.join("other"));
    cell.all(&["link", "pipe"], &other, EACCES);
    let folder = text(&cell.state);
    cell.answers("list", &folder, 0);

    cell.all(&["read", "write"], "/dev/null", 0);
    cell.all(&["read"], "/dev/urandom", 0);
    cell.answers("list", "/usr/lib", 0);
    cell.answers("write", "/usr/lib/payhal", ENOENT);
    cell.answers("create", "/usr/lib/payhal", EACCES);
    if Path::new("/etc/ssl/certs").exists() {
        cell.answers("list", "/etc/ssl/certs", 0);
    }
    if Path::new("/etc/ssl/private").exists() {
        cell.answers("list", "/etc/ssl/private", EACCES);
    }
}

fn processes(cell: &mut Cell) {
    cell.all(&["thread", "signal_self"], "", 0);
    cell.answers("fork", "", EPERM);
    cell.answers("vfork", "", EPERM);
    cell.answers("clone3", "", ENOSYS);
    cell.answers("execute", "/bin/true", EPERM);
    cell.answers("execute_memory", "", EPERM);
    cell.answers("shell", "true", EPERM);
    let others = [
        "trace",
        "read_memory",
        "signal",
        "process_descriptor",
        "limit_process",
        "slow_process",
        "signal_by_descriptor",
    ];
    cell.all(&others, &test_process(), EPERM);
    // Every process of this user, and this process's group.
    cell.answers("signal", "-1", EPERM);
    cell.answers("signal", "0", EPERM);
    cell.answers("dumpable", "", EPERM);
    cell.answers("become", "12345", EPERM);
    cell.answers("namespace", "", EPERM);
}

fn network(cell: &mut Cell) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    cell.answers("tcp", &port, EPERM);
    cell.all(&["udp", "raw", "packet", "netlink"], "", EPERM);
    cell.answers("unix", "/run/nobody", EPERM);
    cell.answers("pair", "stream", 0);
    cell.answers("pair", "datagram", EPERM);
    // What was handed over stays what it is.
    cell.all(
        &["reconnect_port", "send_elsewhere", "listen_port"],
        "",
        EPERM,
    );
    cell.all(&["type_into_terminal", "line_discipline"], "", EPERM);
}

fn kernel(cell: &mut Cell) {
    cell.answers("shared_memory", "", EPERM);
    let state = text(&cell.state);
    cell.all(&["mount", "change_root"], &state, EPERM);
    for call in [
        libc::SYS_add_key,
        libc::SYS_bpf,
        libc::SYS_finit_module,
        libc::SYS_kexec_load,
        libc::SYS_keyctl,
        libc::SYS_open_by_handle_at,
        libc::SYS_perf_event_open,
        libc::SYS_pivot_root,
        libc::SYS_process_vm_writev,
        libc::SYS_reboot,
        libc::SYS_setns,
        libc::SYS_userfaultfd,
        // pidfd_getfd
        438,
    ] {
        cell.answers("by_number", &call.to_string(), EPERM);
    }
    // io_uring, which opens sockets past every filter; calls newer than this program; and those of
    // another way to count.
    for call in [425, 426, 427, 467, 600, 0x4000_0000 + 41, 0x4000_0000 + 520] {
        cell.answers("by_number", &call.to_string(), ENOSYS);
    }
    cell.answers("by_interrupt", "", ENOSYS);
    cell.answers("allocate", "2000", ENOMEM);
    cell.answers("allocate", "500", 0);
    cell.answers("descriptors", "600", EMFILE);
    cell.answers("raise_own_limit", "", EPERM);
}

#[test]
fn a_plugin_of_whoever_runs_this_is_confined() {
    a_plugin_is_confined(Cell::new(Confinement::default()));
}

/// Undumpable, its own `/proc` belongs to root.
#[test]
fn so_is_one_of_a_user_without_any_rights() {
    if rustix::process::geteuid().is_root() {
        a_plugin_is_confined(Cell::of(Confinement::default(), Some(NOBODY)));
    }
}

#[test]
fn a_network_of_its_own_is_internet_and_nothing_else() {
    let mut cell = Cell::new(Confinement {
        own_network: true,
        ..Confinement::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    cell.answers("tcp", &port, 0);
    cell.all(&["udp", "netlink"], "", 0);
    cell.all(&["raw", "packet"], "", EPERM);
    cell.answers("unix", "/run/nobody", EPERM);
    cell.answers("fork", "", EPERM);
    cell.answers("read", "/etc/passwd", EACCES);
    cell.answers("read", "/etc/hosts", 0);
}

#[test]
fn the_smart_card_service_is_a_socket_of_this_machine() {
    let mut cell = Cell::new(Confinement {
        pcsc: true,
        ..Confinement::default()
    });
    cell.answers("unix", "/nonexistent/service", ENOENT);
    cell.all(&["udp", "raw", "netlink"], "", EPERM);
    cell.answers("listen_port", "", EPERM);
    cell.answers("read", "/etc/passwd", EACCES);
}

#[test]
fn a_plugin_that_needs_more_memory_gets_it() {
    let mut cell = Cell::new(Confinement {
        address_space_bytes: 4 << 30,
        ..Confinement::default()
    });
    cell.answers("allocate", "2000", 0);
    cell.answers("allocate", "5000", ENOMEM);
}

/// The runner on a kernel without this system call.
fn on_an_old_kernel(without: i64) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("old-kernel");
    let runner = env!("CARGO_BIN_EXE_payhal-plugin-runner");
    let built = Command::new("gcc")
        .args(["-std=gnu99", "-Wall", "-Wextra", "-Werror"])
        .arg(format!("-DRUNNER=\"{runner}\""))
        .arg(format!("-DWITHOUT={without}"))
        .arg(repository("host/runner/tests/plugins/old_kernel.c"))
        .arg("-o")
        .arg(&program)
        .status();
    assert!(built.unwrap().success());
    (folder, program)
}

#[test]
fn a_system_that_cannot_confine_a_plugin_does_not_load_it_unless_that_is_allowed() {
    for (call, name, part) in [
        (libc::SYS_landlock_create_ruleset, "Landlock", "landlock:"),
        (libc::SYS_seccomp, "seccomp", "seccomp"),
    ] {
        let (_folder, program) = on_an_old_kernel(call);
        let (_library_folder, library) = probe();
        let mut launch = Launch::new(&library);
        launch.program.clone_from(&program);
        match launch.start().rest().pop() {
            Some(FromRunner::Failed { kind, reason }) => {
                assert_eq!(kind, FailureKind::System);
                assert!(reason.contains(name), "{reason}");
                assert!(reason.contains("allow_incomplete_sandbox"), "{reason}");
            }
            other => panic!("without {name}: {other:?}"),
        }
        let mut launch = Launch::new(&library);
        launch.program = program;
        launch.confinement.allow_incomplete = true;
        let runner = launch.ready();
        assert!(!runner.sandbox.contains(part), "{}", runner.sandbox);
        assert!(
            runner.sandbox.contains("no_new_privs"),
            "{}",
            runner.sandbox
        );
    }
}

#[test]
fn what_is_loaded_cannot_be_exchanged() {
    let (_folder, library) = probe();
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&library)
        .unwrap();
    let mut launch = Launch::new(&library);
    launch.library = Library::Descriptor;
    launch.library_file = Some(OwnedFd::from(file.try_clone().unwrap()));
    let mut runner = launch.ready();
    // The file's own pages would be gone, and with them the process.
    file.set_len(0).unwrap();
    assert_eq!(runner.ask("thread", ""), (0, "0".to_owned()));
}

#[test]
fn a_library_that_is_none_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libnone.so");
    std::fs::write(&path, "no library").unwrap();
    let mut runner = Launch::new(&path).start();
    match runner.rest().pop() {
        Some(FromRunner::Failed { kind, reason }) => {
            assert_eq!(kind, FailureKind::Load);
            assert!(reason.contains("load the library"), "{reason}");
            assert!(!reason.contains("/proc"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}
