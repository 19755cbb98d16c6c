/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The beeper's wire protocol: lines of printable text, each with the number of the command it belongs
 * to. README.md describes it; its names stand in the files of the commands.
 *
 * Everything waits through the host, which owns the time: a check runs through an hour of silence at
 * once, and a cancel ends a wait.
 */
#ifndef WIRE_H
#define WIRE_H

#include "payhal_plugin.h"

#include <stddef.h>

#define WIRE_LINE_MAX 2048  /* longest line, its end included */
#define WIRE_READ_MAX 256   /* bytes that are read at once */
#define WIRE_LINES_MAX 64   /* most lines that are heard for one command */

typedef struct wire {
    payhal_handle port;
    unsigned long number; /* of the last command */
    char pending[WIRE_LINE_MAX + WIRE_READ_MAX];
    size_t pending_length;
    int dropping; /* the line that is coming is too long */
    int gone;     /* the other side has hung up */
} wire;

typedef enum wire_heard {
    WIRE_LINE,      /* an answer to the command */
    WIRE_SILENT,    /* none came in time */
    WIRE_CANCELLED, /* the call was cancelled */
    WIRE_ANSWERED,  /* a prompt of the call was answered */
    WIRE_GONE,      /* the device is not there any more */
    WIRE_NOISE      /* it says too much that is no answer */
} wire_heard;

struct call;

/* One command and the wait for its answers. */
typedef struct exchange {
    const struct call *call;
    uint64_t until;
    unsigned long number;
    int heeds_cancel;
    int lines_left;
} exchange;

/* Sends a command, as printf would write it; 0: it could not be written. */
int wire_ask(exchange *exchange, const char *format, ...);

/* The next line that answers it, without its number. */
wire_heard wire_hear(exchange *exchange, char line[WIRE_LINE_MAX]);

/* Tells the device to leave off. Nobody waits for its answer: the next command skips it. */
void wire_stop(const struct call *call);

/* Word `place` of a line, from 0; 0 where there is none or it is too long. */
int wire_word(const char *line, int place, char *out, size_t out_size);

/* What stands behind so many words; empty where nothing does. */
const char *wire_rest(const char *line, int words);

/* Whether a line begins with this word. */
int wire_is(const char *line, const char *word);

#endif
