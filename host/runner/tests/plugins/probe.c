/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Tries what a plugin must not be able to do: each method is one attempt, its payload the path,
 * address or process it is about. The reply says what the system answered: 0 or the errno.
 */
#define _GNU_SOURCE

#include "payhal_plugin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const payhal_host *host;
static void *host_context;
static int port = -1;
static char instance;
/* What the library's constructor could do, before anything else of it ran. */
static int constructor_opened = -1;

/* 0 or errno of what returns -1. */
static int outcome(long result)
{
    return result == -1 ? errno : 0;
}

static int open_and_close(const char *path, int flags)
{
    int descriptor = open(path, flags | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return errno;
    }
    close(descriptor);
    return 0;
}

__attribute__((constructor)) static void constructor(void)
{
    constructor_opened = open_and_close("/etc/passwd", O_RDONLY);
}

static int in_constructor(const char *argument)
{
    (void)argument;
    return constructor_opened;
}

static int read_file(const char *path)
{
    return open_and_close(path, O_RDONLY);
}

static int write_file(const char *path)
{
    return open_and_close(path, O_WRONLY);
}

static int create_file(const char *path)
{
    return open_and_close(path, O_WRONLY | O_CREAT);
}

static int list_folder(const char *path)
{
    return open_and_close(path, O_RDONLY | O_DIRECTORY);
}

static int make_folder(const char *path)
{
    return outcome(mkdir(path, 0700));
}

static int delete_file(const char *path)
{
    return outcome(unlink(path));
}

static int make_link(const char *path)
{
    return outcome(symlink("/etc/passwd", path));
}

static int make_pipe(const char *path)
{
    return outcome(mkfifo(path, 0600));
}

static int cut_file(const char *path)
{
    return outcome(truncate(path, 0));
}

static int change_rights(const char *path)
{
    return outcome(chmod(path, 0666));
}

static int change_owner(const char *path)
{
    return outcome(chown(path, getuid(), getgid()));
}

static int change_times(const char *path)
{
    return outcome(utimensat(AT_FDCWD, path, NULL, 0));
}

static int share_descriptor(const char *path)
{
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    int result = outcome(fchmod(descriptor, 0666));
    int own = outcome(fchmod(descriptor, 0600));
    close(descriptor);
    return own != 0 ? -own : result;
}

static int watch_folder(const char *path)
{
    /* IN_ALL_EVENTS */
    return outcome(syscall(SYS_inotify_add_watch, syscall(SYS_inotify_init1, 0), path, 0xfff));
}

static int tcp(const char *address)
{
    struct sockaddr_in to;
    int result, descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return errno;
    }
    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    to.sin_port = htons((uint16_t)atoi(address));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    result = outcome(connect(descriptor, (struct sockaddr *)&to, sizeof to));
    close(descriptor);
    return result;
}

static int any_socket(int family, int kind)
{
    int descriptor = socket(family, kind | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return errno;
    }
    close(descriptor);
    return 0;
}

static int udp(const char *argument)
{
    (void)argument;
    return any_socket(AF_INET, SOCK_DGRAM);
}

static int raw(const char *argument)
{
    (void)argument;
    return any_socket(AF_INET, SOCK_RAW);
}

static int packet(const char *argument)
{
    (void)argument;
    return any_socket(AF_PACKET, SOCK_RAW);
}

static int netlink(const char *argument)
{
    (void)argument;
    return any_socket(AF_NETLINK, SOCK_RAW);
}

static int unix_stream(const char *path)
{
    struct sockaddr_un to;
    int result, descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return errno;
    }
    memset(&to, 0, sizeof to);
    to.sun_family = AF_UNIX;
    strncpy(to.sun_path, path, sizeof to.sun_path - 1);
    result = outcome(connect(descriptor, (struct sockaddr *)&to, sizeof to));
    close(descriptor);
    return result;
}

static int pair(const char *kind)
{
    int ends[2];
    int wanted = strcmp(kind, "datagram") == 0 ? SOCK_DGRAM : SOCK_STREAM;
    int result = outcome(socketpair(AF_UNIX, wanted | SOCK_CLOEXEC, 0, ends));
    if (result == 0) {
        close(ends[0]);
        close(ends[1]);
    }
    return result;
}

/* Cuts the connection that was handed over, to lead its descriptor elsewhere. */
static int reconnect_port(const char *argument)
{
    struct sockaddr none;
    (void)argument;
    memset(&none, 0, sizeof none);
    none.sa_family = AF_UNSPEC;
    return outcome(connect(port, &none, sizeof none));
}

static int send_elsewhere(const char *argument)
{
    struct sockaddr_in to;
    (void)argument;
    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    return outcome(sendto(port, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to));
}

static int listen_port(const char *argument)
{
    (void)argument;
    return outcome(listen(port, 1));
}

static int fork_one(const char *argument)
{
    pid_t child = fork();
    (void)argument;
    if (child == 0) {
        _exit(0);
    }
    return outcome(child);
}

static int vfork_one(const char *argument)
{
    pid_t child = vfork();
    (void)argument;
    if (child == 0) {
        _exit(0);
    }
    return outcome(child);
}

static int clone3_one(const char *argument)
{
    /* struct clone_args of its first version: all zero is a fork without a signal. */
    uint64_t arguments[8] = {0};
    long child = syscall(435, arguments, sizeof arguments);
    (void)argument;
    if (child == 0) {
        _exit(0);
    }
    return outcome(child);
}

static int execute(const char *path)
{
    char *const arguments[] = {(char *)path, NULL};
    return outcome(execve(path, arguments, arguments + 1));
}

static int execute_memory(const char *argument)
{
    char *const arguments[] = {"x", NULL};
    int memory = memfd_create("x", 0);
    if (memory < 0) {
        return errno;
    }
    int result = outcome(write(memory, "#!/bin/true\n", 12) == 12
                             ? syscall(SYS_execveat, memory, "", arguments, arguments + 1, 0x1000)
                             : -1);
    (void)argument;
    close(memory);
    return result;
}

static int shell(const char *command)
{
    errno = 0;
    return system(command) == 0 ? 0 : errno;
}

static void *nothing(void *argument)
{
    return argument;
}

static int thread(const char *argument)
{
    pthread_t other;
    int result = pthread_create(&other, NULL, nothing, NULL);
    (void)argument;
    if (result == 0) {
        pthread_join(other, NULL);
    }
    return result;
}

static int trace(const char *pid)
{
    return outcome(ptrace(PTRACE_ATTACH, atoi(pid), NULL, NULL));
}

static int read_memory(const char *pid)
{
    char byte;
    struct iovec own = {&byte, 1};
    struct iovec other = {(void *)&instance, 1};
    return outcome(process_vm_readv(atoi(pid), &own, 1, &other, 1, 0));
}

static int signal_process(const char *pid)
{
    return outcome(kill(atoi(pid), 0));
}

static int signal_self(const char *argument)
{
    (void)argument;
    signal(SIGUSR1, SIG_IGN);
    return raise(SIGUSR1) == 0 && kill(getpid(), 0) == 0 ? 0 : errno;
}

static int process_descriptor(const char *pid)
{
    return outcome(syscall(434, atoi(pid), 0));
}

static int limit_process(const char *pid)
{
    struct rlimit limit = {1, 1};
    return outcome(prlimit(atoi(pid), RLIMIT_CPU, &limit, NULL));
}

static int raise_own_limit(const char *argument)
{
    struct rlimit limit = {4096, 4096};
    (void)argument;
    return outcome(setrlimit(RLIMIT_NOFILE, &limit));
}

static int slow_process(const char *pid)
{
    return outcome(setpriority(PRIO_PROCESS, (id_t)atoi(pid), 19));
}

/* Has a signal sent to another process when something arrives. */
static int signal_by_descriptor(const char *pid)
{
    int ends[2];
    int result = outcome(pipe(ends));
    if (result == 0) {
        result = outcome(fcntl(ends[0], F_SETOWN, atoi(pid)));
        close(ends[0]);
        close(ends[1]);
    }
    return result;
}

static int dumpable(const char *argument)
{
    (void)argument;
    return outcome(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int type_into_terminal(const char *argument)
{
    (void)argument;
    return outcome(ioctl(port, TIOCSTI, "x"));
}

static int line_discipline(const char *argument)
{
    int discipline = 21;
    (void)argument;
    return outcome(ioctl(port, TIOCSETD, &discipline));
}

static int shared_memory(const char *argument)
{
    (void)argument;
    return outcome(shmget(IPC_PRIVATE, 4096, 0600));
}

static int mount_one(const char *path)
{
    return outcome(mount("none", path, "tmpfs", 0, NULL));
}

static int namespace(const char *argument)
{
    (void)argument;
    return outcome(unshare(CLONE_NEWUSER));
}

static int change_root(const char *path)
{
    return outcome(chroot(path));
}

static int become(const char *uid)
{
    return outcome(syscall(SYS_setuid, atoi(uid)));
}

static int allocate(const char *mebibytes)
{
    size_t bytes = (size_t)atoi(mebibytes) * 1024 * 1024;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return errno;
    }
    munmap(memory, bytes);
    return 0;
}

static int descriptors(const char *count)
{
    int n, most = atoi(count), result = 0;
    int *opened = calloc((size_t)most, sizeof *opened);
    for (n = 0; n < most && result == 0; n++) {
        opened[n] = dup(port);
        result = outcome(opened[n]);
    }
    while (n-- > 0) {
        if (opened[n] >= 0) {
            close(opened[n]);
        }
    }
    free(opened);
    return result;
}

/* A system call by its number, with arguments that no call takes. */
static int by_number(const char *number)
{
    return outcome(syscall(strtol(number, NULL, 0), -1, 0, 0, 0, 0, 0));
}

/* By the numbers of another architecture, of which fork is the second. */
static int by_interrupt(const char *argument)
{
    (void)argument;
#ifdef __x86_64__
    {
        long result = 2;
        __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
        if (result == 0) {
            _exit(0);
        }
        return result < 0 ? (int)-result : 0;
    }
#else
    return ENOSYS;
#endif
}

struct attempt {
    const char *name;
    int (*make)(const char *argument);
};

static const struct attempt attempts[] = {
    {"in_constructor", in_constructor},
    {"read", read_file},
    {"write", write_file},
    {"create", create_file},
    {"list", list_folder},
    {"make_folder", make_folder},
    {"delete", delete_file},
    {"link", make_link},
    {"pipe", make_pipe},
    {"cut", cut_file},
    {"rights", change_rights},
    {"owner", change_owner},
    {"times", change_times},
    {"share_descriptor", share_descriptor},
    {"watch", watch_folder},
    {"tcp", tcp},
    {"udp", udp},
    {"raw", raw},
    {"packet", packet},
    {"netlink", netlink},
    {"unix", unix_stream},
    {"pair", pair},
    {"reconnect_port", reconnect_port},
    {"send_elsewhere", send_elsewhere},
    {"listen_port", listen_port},
    {"fork", fork_one},
    {"vfork", vfork_one},
    {"clone3", clone3_one},
    {"execute", execute},
    {"execute_memory", execute_memory},
    {"shell", shell},
    {"thread", thread},
    {"trace", trace},
    {"read_memory", read_memory},
    {"signal", signal_process},
    {"signal_self", signal_self},
    {"process_descriptor", process_descriptor},
    {"limit_process", limit_process},
    {"raise_own_limit", raise_own_limit},
    {"slow_process", slow_process},
    {"signal_by_descriptor", signal_by_descriptor},
    {"dumpable", dumpable},
    {"type_into_terminal", type_into_terminal},
    {"line_discipline", line_discipline},
    {"shared_memory", shared_memory},
    {"mount", mount_one},
    {"namespace", namespace},
    {"change_root", change_root},
    {"become", become},
    {"allocate", allocate},
    {"descriptors", descriptors},
    {"by_number", by_number},
    {"by_interrupt", by_interrupt},
};

static void reply(uint64_t token, int32_t status, const char *json)
{
    host->reply(host_context, token, status, (const uint8_t *)json, strlen(json));
}

static void *create(const payhal_host *given, void *context, const payhal_setup *setup)
{
    host = given;
    host_context = context;
    if (setup->port_count > 0) {
        port = (int)setup->ports[0].handle;
    }
    return &instance;
}

static void call(void *self, uint64_t token, const char *method, uint32_t deadline_ms,
                 const uint8_t *payload, size_t payload_len)
{
    size_t n;
    (void)self;
    (void)deadline_ms;
    (void)payload_len;
    for (n = 0; n < LENGTH(attempts); n++) {
        if (strcmp(attempts[n].name, method) == 0) {
            char answer[32];
            errno = 0;
            snprintf(answer, sizeof answer, "%d", attempts[n].make((const char *)payload));
            reply(token, PAYHAL_OK, answer);
            return;
        }
    }
    reply(token, PAYHAL_UNSUPPORTED, "");
}

static void cancel(void *self, uint64_t token)
{
    (void)self;
    (void)token;
}

static void deliver(void *self, uint64_t token, uint64_t prompt_id, const uint8_t *payload,
                    size_t payload_len)
{
    (void)self;
    (void)token;
    (void)prompt_id;
    (void)payload;
    (void)payload_len;
}

static void destroy(void *self)
{
    (void)self;
}

const payhal_plugin *payhal_plugin_v1(void)
{
    static const payhal_plugin table = {
        sizeof table, PAYHAL_ABI_MAJOR, 0, create, call, cancel, deliver, destroy,
    };
    return &table;
}
