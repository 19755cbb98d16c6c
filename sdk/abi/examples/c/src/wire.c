/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "wire.h"

#include "reader.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Longest time the device may refuse to take bytes. */
#define WRITE_MS_MAX 1000

static int write_all(wire *wire, const char *bytes, size_t length)
{
    int fd = (int)wire->port;
    while (length > 0) {
        ssize_t count = write(fd, bytes, length);
        if (count > 0) {
            bytes += count;
            length -= (size_t)count;
        } else if (count < 0 && errno == EINTR) {
            continue;
        } else if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            struct pollfd room;
            room.fd = fd;
            room.events = POLLOUT;
            room.revents = 0;
            if (poll(&room, 1, WRITE_MS_MAX) == 0) {
                return 0;
            }
        } else {
            return 0;
        }
    }
    return 1;
}

static int send_line(wire *wire, const char *text)
{
    char line[WIRE_LINE_MAX];
    int length = snprintf(line, sizeof line, "%lu %s\n", ++wire->number, text);
    if (length < 0 || (size_t)length >= sizeof line) {
        return 0;
    }
    return write_all(wire, line, (size_t)length);
}

int wire_ask(exchange *exchange, const char *format, ...)
{
    wire *wire = &exchange->call->self->wire;
    char text[WIRE_LINE_MAX];
    va_list values;
    int length;
    va_start(values, format);
    length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (length <= 0 || (size_t)length >= sizeof text || !send_line(wire, text)) {
        return 0;
    }
    exchange->number = wire->number;
    exchange->lines_left = WIRE_LINES_MAX;
    return 1;
}

void wire_stop(const call *call)
{
    if (!call->self->wire.gone) {
        (void)send_line(&call->self->wire, "STOP");
    }
}

/* Reads what is there; 0: the device is gone. Only called when no whole line is pending. */
static int fill(wire *wire)
{
    char *into = wire->pending + wire->pending_length;
    ssize_t count = read((int)wire->port, into, WIRE_READ_MAX);
    if (count == 0) {
        return 0;
    }
    if (count < 0) {
        return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
    }
    wire->pending_length += (size_t)count;
    if (wire->dropping) {
        char *end = memchr(wire->pending, '\n', wire->pending_length);
        size_t dropped = end == NULL ? wire->pending_length : (size_t)(end + 1 - wire->pending);
        wire->pending_length -= dropped;
        memmove(wire->pending, wire->pending + dropped, wire->pending_length);
        wire->dropping = end == NULL;
    }
    if (wire->pending_length >= WIRE_LINE_MAX &&
        memchr(wire->pending, '\n', wire->pending_length) == NULL) {
        wire->pending_length = 0;
        wire->dropping = 1;
    }
    return 1;
}

/* Takes the first whole line out of what was read. 0: there is none; -1: it is none of ours. */
static int take_line(wire *wire, char line[WIRE_LINE_MAX])
{
    char *end = memchr(wire->pending, '\n', wire->pending_length);
    size_t length;
    size_t n;
    int printable;
    if (end == NULL) {
        return 0;
    }
    length = (size_t)(end - wire->pending);
    printable = length < WIRE_LINE_MAX;
    if (printable) {
        memcpy(line, wire->pending, length);
        line[length] = '\0';
    }
    wire->pending_length -= length + 1;
    memmove(wire->pending, end + 1, wire->pending_length);
    if (printable && length > 0 && line[length - 1] == '\r') {
        line[--length] = '\0';
    }
    for (n = 0; printable && n < length; n++) {
        printable = line[n] >= ' ' && line[n] <= '~';
    }
    return printable ? 1 : -1;
}

/* Whether a line belongs to the command; its number is taken off. */
static int is_answer(const exchange *exchange, char *line)
{
    char *behind;
    unsigned long number = strtoul(line, &behind, 10);
    if (behind == line || *behind != ' ' || number != exchange->number) {
        return 0;
    }
    memmove(line, behind + 1, strlen(behind));
    return 1;
}

/* What happened to the call meanwhile, if anything. */
static wire_heard woken(const exchange *exchange)
{
    reader *self = exchange->call->self;
    wire_heard heard = WIRE_SILENT;
    pthread_mutex_lock(&self->lock);
    if (self->answered == exchange->call->token) {
        self->answered = 0;
        heard = WIRE_ANSWERED;
    }
    if (exchange->heeds_cancel && self->cancelled == exchange->call->token) {
        heard = WIRE_CANCELLED;
    }
    pthread_mutex_unlock(&self->lock);
    return heard;
}

wire_heard wire_hear(exchange *exchange, char line[WIRE_LINE_MAX])
{
    const call *call = exchange->call;
    wire *wire = &call->self->wire;
    for (;;) {
        wire_heard happened = woken(exchange);
        int taken;
        int32_t waited;
        if (happened != WIRE_SILENT) {
            return happened;
        }
        taken = take_line(wire, line);
        if (taken != 0) {
            if (exchange->lines_left-- == 0) {
                return WIRE_NOISE;
            }
            if (taken > 0 && is_answer(exchange, line)) {
                return WIRE_LINE;
            }
            /* Noise, or the late answer to a command that was given up. */
            continue;
        }
        if (wire->gone) {
            return WIRE_GONE;
        }
        waited = call->self->host->wait(call->self->context, call->token, wire->port, exchange->until);
        if (waited == PAYHAL_WAIT_TIMEOUT) {
            return WIRE_SILENT;
        }
        if (waited == PAYHAL_WAIT_READY) {
            wire->gone = !fill(wire);
        } else if (waited != PAYHAL_WAIT_WOKEN) {
            return WIRE_GONE;
        }
    }
}

const char *wire_rest(const char *line, int words)
{
    while (words-- > 0) {
        line += strcspn(line, " ");
        line += *line == ' ' ? 1 : 0;
    }
    return line;
}

int wire_word(const char *line, int place, char *out, size_t out_size)
{
    const char *word = wire_rest(line, place);
    size_t length = strcspn(word, " ");
    if (length == 0 || length >= out_size) {
        return 0;
    }
    memcpy(out, word, length);
    out[length] = '\0';
    return 1;
}

int wire_is(const char *line, const char *word)
{
    size_t length = strlen(word);
    return strncmp(line, word, length) == 0 && (line[length] == ' ' || line[length] == '\0');
}
