/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Everything that a plugin may not do, tried one after the other.
 *
 * An attempt tells 0 when it got what it wanted, and else the error that it met. One that would
 * do harm on a machine without confinement asks for something that is as forbidden and changes
 * nothing, or passes what the system only looks at once it has allowed the call: its error then
 * says that it was let in.
 */
#define _GNU_SOURCE

#include "evil.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the attempts are at, from the orders. */
static char secret[512];   /* a file of the daemon's */
static char folder[512];   /* the folder of another instance */
static char operator[512]; /* the daemon's own socket */
static char mailbox[512];  /* a datagram socket of somebody's */
static char abstract[64];  /* an abstract one */
static char target[64];    /* host:port of somebody who listens */
static pid_t other;        /* the runner of another instance */
static pid_t parent;

static int end(long result)
{
    return result < 0 ? errno : 0;
}

static int opened(int descriptor)
{
    int met = end(descriptor);
    if (descriptor >= 0) {
        close(descriptor);
    }
    return met;
}

static int reads(const char *path)
{
    return opened(open(path, O_RDONLY | O_CLOEXEC));
}

static int writes(const char *path)
{
    return opened(open(path, O_WRONLY | O_CLOEXEC));
}

/* What is not there on this machine cannot be had either. */
static int reads_if_there(const char *path)
{
    int met = reads(path);
    return met == ENOENT || met == ENXIO || met == ENODEV ? EACCES : met;
}

static int of_parent(const char *file, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)parent, file);
    return opened(open(path, flags | O_CLOEXEC));
}

static int read_passwd(void) { return reads("/etc/passwd"); }
static int read_shadow(void) { return reads("/etc/shadow"); }
static int read_root(void) { return opened(open("/", O_RDONLY | O_DIRECTORY)); }
static int read_tmp(void) { return opened(open("/tmp", O_RDONLY | O_DIRECTORY)); }
static int read_secret(void) { return reads(secret); }
static int write_secret(void) { return writes(secret); }
static int read_other_folder(void) { return opened(open(folder, O_RDONLY | O_DIRECTORY)); }
static int read_folder_above(void) { return opened(open("..", O_RDONLY | O_DIRECTORY)); }
static int write_passwd(void) { return writes("/etc/passwd"); }
static int write_library_list(void) { return writes("/etc/ld.so.cache"); }
static int read_parent_memory(void) { return of_parent("mem", O_RDWR); }
static int read_parent_environment(void) { return of_parent("environ", O_RDONLY); }
static int read_parent_maps(void) { return of_parent("maps", O_RDONLY); }
static int read_init_environment(void) { return reads("/proc/1/environ"); }
static int raise_oom_score(void) { return writes("/proc/self/oom_score_adj"); }
static int write_sysctl(void) { return writes("/proc/sys/kernel/core_pattern"); }
static int open_terminal(void) { return reads("/dev/tty"); }
static int open_memory(void) { return reads_if_there("/dev/mem"); }
static int open_kernel_log(void) { return reads_if_there("/dev/kmsg"); }
static int open_serial(void) { return reads_if_there("/dev/ttyS0"); }
static int open_disk(void) { return reads_if_there("/dev/vda"); }
static int open_tunnel(void) { return reads_if_there("/dev/net/tun"); }
static int open_fuse(void) { return reads_if_there("/dev/fuse"); }
static int open_ptmx(void) { return opened(open("/dev/ptmx", O_RDWR | O_NOCTTY)); }

static int create_at(const char *path)
{
    int met = opened(open(path, O_CREAT | O_EXCL | O_WRONLY, 0600));
    if (met == 0) {
        unlink(path);
    }
    return met;
}

static int create_in_tmp(void) { return create_at("/tmp/payhal-evil-was-here"); }
static int create_above(void) { return create_at("../evil-was-here"); }
static int create_shared_memory(void) { return create_at("/dev/shm/payhal-evil-was-here"); }

static int make_folder_above(void)
{
    int met = end(mkdir("../evil-was-here-too", 0700));
    if (met == 0) {
        rmdir("../evil-was-here-too");
    }
    return met;
}

static int follow_link_out(void)
{
    int met;
    unlink("link");
    if (symlink(secret, "link") != 0) {
        return errno;
    }
    met = reads("link");
    unlink("link");
    return met;
}

static int write_through_link(void)
{
    int met;
    unlink("way-out");
    if (symlink("..", "way-out") != 0) {
        return errno;
    }
    met = create_at("way-out/evil-was-here");
    unlink("way-out");
    return met;
}

static int take_by_hard_link(void)
{
    int met = end(link(secret, "taken"));
    if (met == 0) {
        unlink("taken");
    }
    return met;
}

static int put_by_rename(void)
{
    int met = opened(open("mine", O_CREAT | O_WRONLY, 0600));
    if (met != 0) {
        return met;
    }
    met = end(rename("mine", "../evil-renamed"));
    unlink(met == 0 ? "../evil-renamed" : "mine");
    return met;
}

static int replace_own_folder(void)
{
    char here[512];
    int met;
    if (getcwd(here, sizeof here) == NULL) {
        return errno;
    }
    met = end(rename(here, "../evil-moved"));
    if (met == 0) {
        rename("../evil-moved", here);
    }
    return met;
}

static int remove_own_folder(void)
{
    char here[512];
    if (getcwd(here, sizeof here) == NULL) {
        return errno;
    }
    /* Were it allowed, it would say that there is something in it: the file made here. */
    (void)opened(open("mine", O_CREAT | O_WRONLY, 0600));
    return end(rmdir(here));
}


static int change_mode(void)
{
    struct stat now;
    if (stat(secret, &now) != 0) {
        return errno;
    }
    return end(chmod(secret, now.st_mode & 07777));
}

static int change_owner(void) { return end(chown(secret, (uid_t)-1, (gid_t)-1)); }

static int change_times(void)
{
    struct timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    return end(utimensat(AT_FDCWD, secret, times, 0));
}

static int truncate_secret(void)
{
    struct stat now;
    if (stat(secret, &now) != 0) {
        return errno;
    }
    return end(truncate(secret, now.st_size));
}

static int make_device(void)
{
    int met = end(mknod("device", S_IFBLK | 0600, (dev_t)(8 << 8)));
    if (met == 0) {
        unlink("device");
    }
    return met;
}

static int watch_files(void)
{
    int watch = inotify_init1(IN_CLOEXEC);
    int met = watch < 0 ? errno : end(inotify_add_watch(watch, folder, IN_ALL_EVENTS));
    if (watch >= 0) {
        close(watch);
    }
    return met;
}

static int socket_of(int family, int kind, int protocol)
{
    return opened(socket(family, kind, protocol));
}

static int socket_tcp(void) { return socket_of(AF_INET, SOCK_STREAM, 0); }
static int socket_udp(void) { return socket_of(AF_INET, SOCK_DGRAM, 0); }
static int socket_tcp6(void) { return socket_of(AF_INET6, SOCK_STREAM, 0); }
static int socket_raw(void) { return socket_of(AF_INET, SOCK_RAW, 1); }
static int socket_netlink(void) { return socket_of(AF_NETLINK, SOCK_RAW, 0); }
static int socket_packet(void) { return socket_of(AF_PACKET, SOCK_RAW, 0); }
static int socket_vsock(void) { return socket_of(40, SOCK_STREAM, 0); }
static int socket_alg(void) { return socket_of(38, SOCK_SEQPACKET, 0); }
static int socket_unix(void) { return socket_of(AF_UNIX, SOCK_STREAM, 0); }

static int reach_tcp(void)
{
    const char *port = strrchr(target, ':');
    struct sockaddr_in at;
    int socket_, met;
    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_port = htons((uint16_t)atoi(port == NULL ? "9" : port + 1));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    met = socket_ < 0 ? errno : end(connect(socket_, (struct sockaddr *)&at, sizeof at));
    if (socket_ >= 0) {
        close(socket_);
    }
    return met;
}

/* In C a name that begins with a zero byte is an abstract one. */
static socklen_t name_of(struct sockaddr_un *at, const char *path, int is_abstract)
{
    memset(at, 0, sizeof *at);
    at->sun_family = AF_UNIX;
    strncpy(at->sun_path + is_abstract, path, sizeof at->sun_path - 2);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)is_abstract + strlen(path));
}

static int reach_unix(const char *path, int is_abstract)
{
    struct sockaddr_un at;
    socklen_t length = name_of(&at, path, is_abstract);
    int socket_ = socket(AF_UNIX, SOCK_STREAM, 0);
    int met = socket_ < 0 ? errno : end(connect(socket_, (struct sockaddr *)&at, length));
    if (socket_ >= 0) {
        close(socket_);
    }
    return met;
}

static int reach_operator(void) { return reach_unix(operator, 0); }
static int reach_abstract(void) { return reach_unix(abstract, 1); }

/* A pair of datagram sockets is made without socket(), and each may still write to anybody. */
static int mail_by_pair(void)
{
    struct sockaddr_un at;
    socklen_t length = name_of(&at, mailbox, 0);
    int pair[2];
    int met;
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) {
        return errno;
    }
    met = end(sendto(pair[0], "evil", 4, 0, (struct sockaddr *)&at, length));
    close(pair[0]);
    close(pair[1]);
    return met;
}

static int mail_by_own_socket(void)
{
    struct sockaddr_un at;
    socklen_t length = name_of(&at, mailbox, 0);
    int met = end(sendto(0, "", 0, MSG_NOSIGNAL, (struct sockaddr *)&at, length));
    return met == EISCONN ? EACCES : met;
}

/* The host says no to what nobody declared. There is no host before create(). */
static int ask_host_to_connect(void)
{
    payhal_handle handle = -1;
    if (evil_host == NULL) {
        return EACCES;
    }
    return evil_host->connect(evil_context, target, &handle) == PAYHAL_ANSWER_OK ? 0 : EACCES;
}

static int be_forked(long child)
{
    if (child == 0) {
        _exit(0);
    }
    if (child > 0) {
        waitpid((pid_t)child, NULL, 0);
    }
    return end(child);
}

static int fork_(void) { return be_forked(syscall(SYS_fork)); }
static int clone_(void) { return be_forked(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }

static int clone3_(void)
{
    uint64_t arguments[8] = {0, 0, 0, 0, SIGCHLD, 0, 0, 0};
    return be_forked(syscall(SYS_clone3, arguments, sizeof arguments));
}

static int system_(void) { return system("true") == 0 ? 0 : EPERM; }

/* A list of arguments that cannot be read is looked at after the right to start the program. */
static int exec_(void)
{
    return end(syscall(SYS_execve, "/bin/true", (char **)8, NULL));
}

static int exec_from_memory(void)
{
    int file = (int)syscall(SYS_memfd_create, "evil", 0);
    int met;
    if (file < 0) {
        return errno;
    }
    met = end(syscall(SYS_execveat, file, "", (char **)8, NULL, AT_EMPTY_PATH));
    close(file);
    return met;
}

static int seize(pid_t pid) { return end(ptrace(PTRACE_SEIZE, pid, NULL, NULL)); }
static int trace_parent(void) { return seize(parent); }
static int trace_other(void) { return seize(other); }

static int read_foreign_memory(void)
{
    char byte;
    struct iovec here = {&byte, 1};
    struct iovec there = {(void *)4096, 1};
    return end(process_vm_readv(parent, &here, 1, &there, 1, 0));
}

static int signal_parent(void) { return end(kill(parent, 0)); }
static int signal_other(void) { return end(kill(other, 0)); }
static int signal_thread_of_parent(void) { return end(syscall(SYS_tgkill, parent, parent, 0)); }

static int by_descriptor_of_parent(int take)
{
    int process = (int)syscall(SYS_pidfd_open, parent, 0);
    int met;
    if (process < 0) {
        return errno;
    }
    met = take ? opened((int)syscall(SYS_pidfd_getfd, process, 0, 0))
               : end(syscall(SYS_pidfd_send_signal, process, 0, NULL, 0));
    close(process);
    return met;
}

static int take_descriptor(void) { return by_descriptor_of_parent(1); }
static int signal_by_descriptor(void) { return by_descriptor_of_parent(0); }

static int limit_parent(void)
{
    struct rlimit now;
    long got = syscall(SYS_prlimit64, parent, RLIMIT_NOFILE, NULL, &now);
    return got < 0 ? errno : end(syscall(SYS_prlimit64, parent, RLIMIT_NOFILE, &now, NULL));
}

static int slow_parent(void)
{
    return end(setpriority(PRIO_PROCESS, (id_t)parent, getpriority(PRIO_PROCESS, (id_t)parent)));
}

static int pin_parent(void)
{
    cpu_set_t now;
    return sched_getaffinity(parent, sizeof now, &now) != 0
               ? errno
               : end(sched_setaffinity(parent, sizeof now, &now));
}

static int schedule_parent(void)
{
    struct sched_param ordinary = {0};
    return end(sched_setscheduler(parent, SCHED_OTHER, &ordinary));
}

static int raise_limit(int resource)
{
    struct rlimit now;
    if (getrlimit(resource, &now) != 0) {
        return errno;
    }
    if (now.rlim_max == RLIM_INFINITY) {
        return 0;
    }
    now.rlim_max += 1;
    return end(setrlimit(resource, &now));
}

static int raise_memory(void) { return raise_limit(RLIMIT_AS); }
static int raise_descriptors(void) { return raise_limit(RLIMIT_NOFILE); }
static int raise_core(void) { return raise_limit(RLIMIT_CORE); }

static int have_capabilities(void)
{
    struct {
        uint32_t version;
        int pid;
    } head = {0x20080522, 0};
    struct {
        uint32_t effective, permitted, inheritable;
    } held[2] = {{0, 0, 0}, {0, 0, 0}};
    if (syscall(SYS_capget, &head, held) != 0) {
        return errno;
    }
    return (held[0].permitted | held[1].permitted) != 0 ? 0 : EPERM;
}

static int become_dumpable(void) { return end(syscall(SYS_prctl, 4, 1, 0, 0, 0)); }
static int ring(void)
{
    uint8_t parameters[256] = {0};
    return opened((int)syscall(SYS_io_uring_setup, 4, parameters));
}
static int unshare_(void) { return end(unshare(CLONE_NEWUTS)); }
static int unshare_user(void) { return end(unshare(CLONE_NEWUSER)); }
static int join_namespace(void) { return end(setns(-1, 0)); }
static int mount_(void) { return end(mount("none", ".", "no-such-filesystem", 0, NULL)); }
static int change_root(void) { return end(chroot("/")); }
static int open_tree_(void) { return opened((int)syscall(SYS_open_tree, -100, "/", 1)); }
static int by_handle(void) { return end(syscall(SYS_open_by_handle_at, -1, NULL, 0)); }
static int bpf_(void) { return end(syscall(SYS_bpf, 5, NULL, 0)); }
static int perf(void) { return end(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)); }
static int fault_by_user(void) { return opened((int)syscall(SYS_userfaultfd, 0)); }
static int keys(void) { return end(syscall(SYS_keyctl, 0, -3, 1, 0, 0)); }
static int load_module(void) { return end(syscall(SYS_finit_module, -1, "", 0)); }
static int load_kernel(void) { return end(syscall(SYS_kexec_load, 0, 0, NULL, 0x80000000)); }
static int reboot_(void) { return end(syscall(SYS_reboot, 1, 2, 3, NULL)); }
static int swap(void) { return end(syscall(SYS_swapon, "/no-such-file", 0)); }
static int name_machine(void) { return end(syscall(SYS_sethostname, "", 1000)); }
static int set_clock(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_REALTIME, &now) != 0 ? errno
                                                    : end(clock_settime(CLOCK_REALTIME, &now));
}
static int kernel_messages(void)
{
    char text[16];
    return end(syscall(SYS_syslog, 3, text, sizeof text));
}
static int watch_everything(void) { return opened((int)syscall(SYS_fanotify_init, 0, 0)); }
static int shared_memory(void)
{
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    if (id >= 0) {
        shmctl(id, IPC_RMID, NULL);
    }
    return end(id);
}
static int semaphores(void)
{
    int id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    if (id >= 0) {
        semctl(id, 0, IPC_RMID);
    }
    return end(id);
}
static int message_queue(void)
{
    return opened((int)syscall(SYS_mq_open, "payhal-evil", O_CREAT | O_RDWR, 0600, NULL));
}
static int type_into_terminal(void) { return end(ioctl(0, TIOCSTI, "x")); }

#define ATTEMPT(name) {#name, name}

static const struct {
    const char *name;
    int (*run)(void);
} attempts[] = {
    ATTEMPT(read_passwd),
    ATTEMPT(read_shadow),
    ATTEMPT(read_root),
    ATTEMPT(read_tmp),
    ATTEMPT(read_secret),
    ATTEMPT(write_secret),
    ATTEMPT(read_other_folder),
    ATTEMPT(read_folder_above),
    ATTEMPT(write_passwd),
    ATTEMPT(write_library_list),
    ATTEMPT(read_parent_memory),
    ATTEMPT(read_parent_environment),
    ATTEMPT(read_parent_maps),
    ATTEMPT(read_init_environment),
    ATTEMPT(raise_oom_score),
    ATTEMPT(write_sysctl),
    ATTEMPT(open_terminal),
    ATTEMPT(open_memory),
    ATTEMPT(open_kernel_log),
    ATTEMPT(open_serial),
    ATTEMPT(open_disk),
    ATTEMPT(open_tunnel),
    ATTEMPT(open_fuse),
    ATTEMPT(open_ptmx),
    ATTEMPT(create_in_tmp),
    ATTEMPT(create_above),
    ATTEMPT(create_shared_memory),
    ATTEMPT(make_folder_above),
    ATTEMPT(follow_link_out),
    ATTEMPT(write_through_link),
    ATTEMPT(take_by_hard_link),
    ATTEMPT(put_by_rename),
    ATTEMPT(replace_own_folder),
    ATTEMPT(remove_own_folder),
    ATTEMPT(change_mode),
    ATTEMPT(change_owner),
    ATTEMPT(change_times),
    ATTEMPT(truncate_secret),
    ATTEMPT(make_device),
    ATTEMPT(watch_files),
    ATTEMPT(socket_tcp),
    ATTEMPT(socket_udp),
    ATTEMPT(socket_tcp6),
    ATTEMPT(socket_raw),
    ATTEMPT(socket_netlink),
    ATTEMPT(socket_packet),
    ATTEMPT(socket_vsock),
    ATTEMPT(socket_alg),
    ATTEMPT(socket_unix),
    ATTEMPT(reach_tcp),
    ATTEMPT(reach_operator),
    ATTEMPT(reach_abstract),
    ATTEMPT(mail_by_pair),
    ATTEMPT(mail_by_own_socket),
    ATTEMPT(ask_host_to_connect),
    ATTEMPT(fork_),
    ATTEMPT(clone_),
    ATTEMPT(clone3_),
    ATTEMPT(system_),
    ATTEMPT(exec_),
    ATTEMPT(exec_from_memory),
    ATTEMPT(trace_parent),
    ATTEMPT(trace_other),
    ATTEMPT(read_foreign_memory),
    ATTEMPT(signal_parent),
    ATTEMPT(signal_other),
    ATTEMPT(signal_thread_of_parent),
    ATTEMPT(take_descriptor),
    ATTEMPT(signal_by_descriptor),
    ATTEMPT(limit_parent),
    ATTEMPT(slow_parent),
    ATTEMPT(pin_parent),
    ATTEMPT(schedule_parent),
    ATTEMPT(raise_memory),
    ATTEMPT(raise_descriptors),
    ATTEMPT(raise_core),
    ATTEMPT(have_capabilities),
    ATTEMPT(become_dumpable),
    ATTEMPT(ring),
    ATTEMPT(unshare_),
    ATTEMPT(unshare_user),
    ATTEMPT(join_namespace),
    ATTEMPT(mount_),
    ATTEMPT(change_root),
    ATTEMPT(open_tree_),
    ATTEMPT(by_handle),
    ATTEMPT(bpf_),
    ATTEMPT(perf),
    ATTEMPT(fault_by_user),
    ATTEMPT(keys),
    ATTEMPT(load_module),
    ATTEMPT(load_kernel),
    ATTEMPT(reboot_),
    ATTEMPT(swap),
    ATTEMPT(name_machine),
    ATTEMPT(set_clock),
    ATTEMPT(kernel_messages),
    ATTEMPT(watch_everything),
    ATTEMPT(shared_memory),
    ATTEMPT(semaphores),
    ATTEMPT(message_queue),
    ATTEMPT(type_into_terminal),
};

/* What confinement says: no, or that there is no such call, or not across this border. */
static int is_denial(int met)
{
    return met == EPERM || met == EACCES || met == ENOSYS || met == EXDEV;
}

void evil_try_all(void)
{
    size_t n;
    unsigned managed = 0;
    evil_order("secret", secret, sizeof secret);
    evil_order("folder", folder, sizeof folder);
    evil_order("operator", operator, sizeof operator);
    evil_order("mailbox", mailbox, sizeof mailbox);
    evil_order("abstract", abstract, sizeof abstract);
    evil_order("target", target, sizeof target);
    other = (pid_t)evil_number("other", 1);
    parent = getppid();
    for (n = 0; n < sizeof attempts / sizeof *attempts; n++) {
        int met = attempts[n].run();
        if (!is_denial(met)) {
            managed++;
            evil_tell("evil: MANAGED %s (%d)", attempts[n].name, met);
        }
    }
    /* What it may do: a sandbox in which nothing works would pass all of these. */
    evil_tell("evil: own file %d", opened(open("own", O_CREAT | O_RDWR, 0600)));
    evil_tell("evil: tried %u, managed %u", (unsigned)n, managed);
}
