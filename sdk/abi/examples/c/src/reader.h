/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One beeper reader: what its commands share.
 *
 * One call runs at a time (the manifest's calls_max is 1), on a thread of the host. Only cancel() and
 * deliver() come from another one; what they write is behind the lock.
 */
#ifndef READER_H
#define READER_H

#include "payhal_plugin.h"
#include "wire.h"

#include <pthread.h>

#define NAME_MAX_BYTES 80 /* names and ids of the host */

typedef struct reader {
    const payhal_host *host;
    void *context;
    wire wire;
    unsigned beeps;       /* configuration: for show */
    unsigned patience_ms; /* configuration: how long the device may take to answer */

    /* What the device said of itself; empty before it was asked. */
    char scheme[32];
    char slot[NAME_MAX_BYTES];
    char serial_number[32];
    char firmware[32];
    int test_keys;

    /* The card that is held to it; empty when there is none. */
    char presentation[NAME_MAX_BYTES];
    char entry[16];

    pthread_mutex_t lock;
    uint64_t cancelled;      /* token of the call that was cancelled last */
    uint64_t answered;       /* token of the call whose prompt was answered last */
    uint64_t answered_prompt;
    int64_t chosen;          /* that answer; -1: none, or no choice */
} reader;

/* One call: its token, its payload, and when the host gives up. */
typedef struct call {
    reader *self;
    uint64_t token;
    const char *payload;
    size_t length;
    uint64_t deadline; /* a value of now() */
} call;

/* Each answers its call exactly once. */
void identify(const call *call);
void show(const call *call);
void present(const call *call);
void authorize_card(const call *call);
void complete(const call *call);

/* Makes sure that the device was asked who it is. 0: it was not, and the call is answered. */
int introduce(const call *call);

/* Ends a call with JSON as the status says. */
void reply(const call *call, int32_t status, const char *json);

/* Answers. `reason` completes "failed to ..."; `sent` is "no" or "maybe". */
void reply_ok(const call *call, const char *json);
void reply_failed(const call *call, const char *sent, const char *reason);
void reply_cancelled(const call *call);
void reply_unsupported(const call *call);
void reply_refused(const call *call, const char *code);

/*
 * Answers for a device that did not say what it should: it was silent, gone, stopped by a cancel, or
 * said "NO code" in `line`.
 */
void reply_to_silence(const call *call, wire_heard heard, const char *line);

/* What a cashier reads for a code of the device; NULL where it is none to refuse with. */
const char *sentence_of(const char *code);

void progress(const call *call, const char *stage, const char *text);

/* So many milliseconds from now, but never later than the host waits. */
uint64_t within(const call *call, uint64_t milliseconds);

/* A string of the payload that can stand as a word on the wire; 0 where it cannot. */
int word_of(const call *call, const char *path, char *out, size_t out_size);

/* Whether `word` is one of a list such as "chip|stripe". */
int is_one_of(const char *word, const char *list);

#endif
