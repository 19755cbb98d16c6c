/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One beeper terminal: what its commands share.
 *
 * One call runs at a time (the manifest's calls_max is 1), on a thread of the host. Only cancel() and
 * deliver() come from another one; what they write is behind the lock.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include "json.h"
#include "payhal_plugin.h"
#include "wire.h"

#include <pthread.h>

#define NAME_MAX_BYTES 80 /* names and ids of the host */

typedef struct terminal {
    const payhal_host *host;
    void *context;
    wire wire;
    unsigned patience_ms; /* configuration: how long the terminal may take to answer */

    pthread_mutex_t lock;
    uint64_t cancelled; /* token of the call that was cancelled last */
    uint64_t answered;  /* token of the call whose prompt was answered last */
} terminal;

/* One call: its token, its payload, and when the host gives up. */
typedef struct call {
    terminal *self;
    uint64_t token;
    const char *payload;
    size_t length;
    uint64_t deadline; /* a value of now() */
} call;

/* Each answers its call exactly once. */
void identify(const call *call);
void show(const call *call);
void pay(const call *call);
void inquire(const call *call);
void reverse(const call *call);

/* A command with one answer, which needs nobody. 0: none came, and the call is answered. */
int ask(const call *call, const char *command, char line[WIRE_LINE_MAX]);

/* The outcome in PAID or DECLINED, as JSON; 0: the line is neither. */
int put_outcome(json_writer *out, const char *line);

/* Ends a call with JSON as the status says. */
void reply(const call *call, int32_t status, const char *json);

/* Answers. `reason` completes "failed to ..."; `sent` is "no" or "maybe". */
void reply_ok(const call *call, const char *json);
void reply_failed(const call *call, const char *sent, const char *reason);
void reply_cancelled(const call *call);
void reply_unsupported(const call *call);
void reply_refused(const call *call, const char *code);

/*
 * Answers for a terminal that did not say what it should: it was silent, gone, stopped by a cancel, or
 * said "NO code" in `line`.
 */
void reply_to_silence(const call *call, wire_heard heard, const char *line);

/* What a cashier reads for a code of the terminal; NULL where it is none to refuse with. */
const char *sentence_of(const char *code);

void progress(const call *call, const char *stage, const char *text);

/* So many milliseconds from now, but never later than the host waits. */
uint64_t within(const call *call, uint64_t milliseconds);

/* A string of the payload that can stand as a word on the wire; 0 where it cannot. */
int word_of(const call *call, const char *path, char *out, size_t out_size);

/* Whether `word` is one of a list such as "chip|stripe". */
int is_one_of(const char *word, const char *list);

#endif
