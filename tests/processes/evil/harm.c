/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Harm to this process, and to the machine's resources. What would take a whole machine without a
 * bound stops by itself at a multiple of any bound that could be meant, and says so.
 */
#define _GNU_SOURCE

#include "evil.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#define MIB (1024L * 1024)

static jmp_buf gone;

static void segfault(void)
{
    *(volatile int *)0 = 1;
}

/* The compiler must not turn this into a loop, nor see that it has no end. */
__attribute__((noinline)) static int recurse(volatile char *before)
{
    volatile char here[4096];
    here[0] = before[0];
    return here[0] == 0 ? recurse(here) + here[0] : 1;
}

static void forget(_Unwind_Reason_Code reason, struct _Unwind_Exception *thrown)
{
    (void)reason;
    (void)thrown;
}

/* What a C++ throw comes down to. */
static void throw_something(void)
{
    static struct _Unwind_Exception thrown;
    thrown.exception_class = 0x4556494c432b2b00;
    thrown.exception_cleanup = forget;
    (void)_Unwind_RaiseException(&thrown);
    evil_tell("evil: nobody caught it");
    abort();
}

__attribute__((noinline)) static void remember(void)
{
    (void)setjmp(gone);
}

static void jump(void)
{
    remember();
    longjmp(gone, 1);
}

static void spin(void)
{
    volatile unsigned long n = 0;
    for (;;) {
        n++;
    }
}

static void go_on(int signal)
{
    (void)signal;
}

/* Takes over every signal, and then faults: a fault whose function returns is met again. */
static void replace_signals(void)
{
    struct sigaction action;
    int signal;
    memset(&action, 0, sizeof action);
    action.sa_handler = go_on;
    for (signal = 1; signal < 65; signal++) {
        (void)sigaction(signal, &action, NULL);
    }
    segfault();
}

static void close_all(void)
{
    int descriptor;
    for (descriptor = 0; descriptor < 1024; descriptor++) {
        (void)close(descriptor);
    }
    for (;;) {
        pause();
    }
}

/* Writes to whatever this process holds: the control socket, the lanes, the output. */
static void write_to_all(const uint8_t *bytes, size_t length)
{
    int descriptor;
    for (descriptor = 0; descriptor < 128; descriptor++) {
        (void)send(descriptor, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void garble(void)
{
    uint8_t noise[4096];
    memset(noise, 0xA5, sizeof noise);
    /* A length that is within bounds, and then no frame. */
    noise[0] = 16;
    noise[1] = noise[2] = noise[3] = 0;
    write_to_all(noise, sizeof noise);
}

static void announce_too_much(void)
{
    static const uint8_t head[] = {0xff, 0xff, 0xff, 0xff, 0};
    write_to_all(head, sizeof head);
}

static size_t from_hex(const char *hex, uint8_t *into, size_t size)
{
    size_t n;
    unsigned byte;
    for (n = 0; n < size && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++) {
        into[n] = (uint8_t)byte;
    }
    return n;
}

/* Says something in the runner's name for ever, past every bound that the runner keeps: on each
 * socket of this process, of which one is the control socket and others are lanes. */
static void forge(void)
{
    char hex[2048];
    uint8_t frame[1024];
    size_t length;
    evil_order("frame", hex, sizeof hex);
    length = from_hex(hex, frame, sizeof frame);
    for (;;) {
        write_to_all(frame, length);
    }
}

/* Every way to end another process that needs nothing of it, meant. */
static void kill_by(pid_t pid)
{
    int pipe_[2];
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    (void)kill(pid, SIGKILL);
    (void)syscall(SYS_tgkill, pid, pid, SIGKILL);
    (void)sigqueue(pid, SIGKILL, (union sigval){0});
    (void)syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
    /* A pipe that tells by a signal of one's choice, to whom one likes, that it can be read. */
    if (pipe(pipe_) == 0) {
        (void)fcntl(pipe_[0], F_SETOWN, pid);
        (void)fcntl(pipe_[0], F_SETSIG, SIGKILL);
        (void)fcntl(pipe_[0], F_SETFL, O_ASYNC | O_NONBLOCK);
        (void)!write(pipe_[1], "x", 1);
    }
}

static void kill_host(void)
{
    kill_by(getppid());
    evil_tell("evil: killed the host as well as could be");
}

static void kill_other(void)
{
    kill_by((pid_t)evil_number("other", 1));
    evil_tell("evil: killed the other as well as could be");
}

/* Makes the host its tracer, and stops: whoever reaps this process would see no end of it. */
static void trace_me(void)
{
    (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGTRAP);
}

/* Calls of other tables than the filter's own: 32 bits, and the third one of this processor. */
static void old_calls(void)
{
#if defined(__x86_64__)
    long got = -1;
    long third = syscall(0x40000000 | SYS_socket, AF_INET, SOCK_STREAM, 0);
    if (third >= 0) {
        evil_tell("evil: MANAGED the third table");
    }
    /* socket(2) has no number of its own there; getuid() does no harm and is let through. */
    __asm__ volatile("int $0x80" : "=a"(got) : "a"(24L) : "memory");
    if (got >= 0) {
        evil_tell("evil: MANAGED the table of 32 bits");
    }
#endif
    abort();
}

int evil_crash(const char *what)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } all[] = {
        {"segfault", segfault},
        {"abort", abort},
        {"throw", throw_something},
        {"longjmp", jump},
        {"spin", spin},
        {"replace_signals", replace_signals},
        {"close_all", close_all},
        {"garble", garble},
        {"announce_too_much", announce_too_much},
        {"forge", forge},
        {"kill_host", kill_host},
        {"kill_other", kill_other},
        {"trace_me", trace_me},
        {"old_calls", old_calls},
    };
    size_t n;
    for (n = 0; n < sizeof all / sizeof *all; n++) {
        if (strcmp(what, all[n].name) == 0) {
            all[n].run();
            return 1;
        }
    }
    if (strcmp(what, "recurse") == 0) {
        volatile char first[1] = {0};
        (void)recurse(first);
    } else if (strcmp(what, "exit") == 0) {
        exit(0);
    } else if (strcmp(what, "quit") == 0) {
        _exit(3);
    } else if (strcmp(what, "leave_thread") == 0) {
        pthread_exit(NULL);
    } else if (strcmp(what, "stand_still") == 0) {
        raise(SIGSTOP);
    } else {
        return 0;
    }
    return 1;
}

static void eat_memory(void)
{
    const long most = 4096;
    long eaten = 0;
    while (eaten < most) {
        char *piece = malloc((size_t)(16 * MIB));
        if (piece == NULL) {
            break;
        }
        memset(piece, 0x55, (size_t)(16 * MIB));
        eaten += 16;
    }
    evil_tell("evil: memory: %s at %ld MiB", eaten < most ? "bounded" : "MANAGED", eaten);
    abort();
}

/* Memory that no address space holds. */
static void eat_memory_files(void)
{
    static char block[65536];
    const long most = 512 * MIB;
    long eaten = 0;
    int files;
    memset(block, 0x55, sizeof block);
    signal(SIGXFSZ, SIG_IGN);
    for (files = 0; files < 256 && eaten < most; files++) {
        long before = eaten;
        int file = (int)syscall(SYS_memfd_create, "evil", 0);
        ssize_t wrote = 0;
        if (file < 0) {
            break;
        }
        do {
            wrote = write(file, block, sizeof block);
            eaten += wrote > 0 ? wrote : 0;
        } while (wrote > 0 && eaten < most);
        if (eaten == before) {
            break;
        }
    }
    evil_tell("evil: memory files: %s at %ld MiB", eaten < most ? "bounded" : "MANAGED",
              eaten / MIB);
    abort();
}

static void *sleep_for_ever(void *nothing)
{
    for (;;) {
        pause();
    }
    return nothing;
}

static void eat_threads(void)
{
    const long most = 4000;
    long threads;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 16384);
    for (threads = 0; threads < most; threads++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, sleep_for_ever, NULL) != 0) {
            break;
        }
    }
    /* Whoever counts them has to end this process: it does not. */
    for (;;) {
        pause();
    }
}

static void eat_descriptors(void)
{
    const long most = 100000;
    long taken = 0;
    while (taken < most && dup(0) >= 0) {
        taken++;
    }
    evil_tell("evil: descriptors: %s at %ld", taken < most ? "bounded" : "MANAGED", taken);
    abort();
}

static void *spin_for_ever(void *nothing)
{
    spin();
    return nothing;
}

/* Goes on working, with all processors busy besides. */
static void eat_processors(void)
{
    int n;
    for (n = 0; n < 8; n++) {
        pthread_t thread;
        pthread_create(&thread, NULL, spin_for_ever, NULL);
    }
}

int evil_eat(const char *what)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } all[] = {
        {"eat_memory", eat_memory},
        {"eat_memory_files", eat_memory_files},
        {"eat_threads", eat_threads},
        {"eat_descriptors", eat_descriptors},
        {"eat_processors", eat_processors},
    };
    size_t n;
    for (n = 0; n < sizeof all / sizeof *all; n++) {
        if (strcmp(what, all[n].name) == 0) {
            all[n].run();
            return 1;
        }
    }
    return 0;
}
