/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One merchant's way to the beeper's service: what its messages share.
 *
 * As many calls run at once as the manifest's calls_max says, each on a thread of the host; cancel()
 * comes from another one. The list of calls is behind the lock; the rest never changes after create().
 */
#ifndef GATEWAY_H
#define GATEWAY_H

#include "json.h"
#include "payhal_plugin.h"

#include <pthread.h>

#define NAME_MAX_BYTES 80 /* names and ids of the host */
#define LINE_MAX_BYTES 2048 /* longest line, its end included */
#define CALLS_MAX 4 /* the manifest's calls_max */

/* A call that runs; token 0: a free place. */
typedef struct running {
    uint64_t token;
    int cancelled;
} running;

typedef struct gateway {
    const payhal_host *host;
    void *context;
    char name[NAME_MAX_BYTES]; /* of the instance: readers seal to this name */
    char server[256];          /* configuration: the service, as host:port */
    unsigned patience_ms;      /* configuration: how long it may take for an answer */

    pthread_mutex_t lock;
    running calls[CALLS_MAX];
} gateway;

/* One call: its token, its payload, and when the host gives up. */
typedef struct call {
    gateway *self;
    uint64_t token;
    const char *payload;
    size_t length;
    uint64_t deadline; /* a value of now() */
    running *place;
} call;

/* Each answers its call exactly once. */
void open_gateway(const call *call);
void prepare(const call *call);
void authorize(const call *call);
void modify(const call *call);
void inquire(const call *call);
void reverse(const call *call);

/*
 * One exchange: a connection, a line there, as printf would write it, and a line back, without its
 * number. 0: there is none, and the call is answered: "no" sent before anything was written, "maybe"
 * afterwards.
 */
int exchange(const call *call, char line[LINE_MAX_BYTES], const char *format, ...);

/* Word `place` of a line, from 0; 0 where there is none or it is too long. */
int line_word(const char *line, int place, char *out, size_t out_size);

/* What stands behind so many words; empty where nothing does. */
const char *line_rest(const char *line, int words);

/* Whether a line begins with this word. */
int line_is(const char *line, const char *word);

/* YES MINOR APPROVAL RRN or NO CODE TEXT as an answer in JSON; 0: the line is neither. */
int put_answer(json_writer *out, const char *line);

/* Ends a call with such an answer, or says that the service is not understood. */
void reply_answer(const call *call, const char *line);
void reply_not_understood(const call *call);

/* Ends a call with JSON as the status says. */
void reply(const call *call, int32_t status, const char *json);

/* Answers. `reason` completes "failed to ..."; `sent` is "no" or "maybe". */
void reply_ok(const call *call, const char *json);
void reply_failed(const call *call, const char *sent, const char *reason);
void reply_cancelled(const call *call);
void reply_unsupported(const call *call);

/* So many milliseconds from now, but never later than the host waits. */
uint64_t within(const call *call, uint64_t milliseconds);

/* A string of the payload that can stand as a word on the wire; 0 where it cannot. */
int word_of(const call *call, const char *path, char *out, size_t out_size);

/* Whether `word` is one of a list such as "sale|refund". */
int is_one_of(const char *word, const char *list);

#endif
