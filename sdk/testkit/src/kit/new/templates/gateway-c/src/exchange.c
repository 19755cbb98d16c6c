/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The wire protocol: one connection for each exchange, a line there, a line back. It owns framing and
 * waiting. A real gateway has TLS here, on top of the connection that the host opened.
 */
#define _POSIX_C_SOURCE 200809L

#include "gateway.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int was_cancelled(const call *call)
{
    int cancelled;
    pthread_mutex_lock(&call->self->lock);
    cancelled = call->place->cancelled;
    pthread_mutex_unlock(&call->self->lock);
    return cancelled;
}

/* The connection; PAYHAL_NO_HANDLE: there is none, and the call is answered. */
static payhal_handle reach(const call *call)
{
    gateway *self = call->self;
    payhal_handle handle = PAYHAL_NO_HANDLE;
    int32_t answer = self->host->connect(self->context, self->server, &handle);
    if (answer == PAYHAL_ANSWER_OK) {
        return handle;
    }
    reply_failed(call, "no",
                 answer == PAYHAL_ANSWER_NOT_ALLOWED
                     ? "connect to the service: its address is not in `network`"
                     : "connect to the service: nobody answers there");
    return PAYHAL_NO_HANDLE;
}

/* A line fits into any connection's buffer: one that takes less of it is broken. */
static int send_all(payhal_handle handle, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = send((int)handle, bytes, length, MSG_NOSIGNAL);
        if (count > 0) {
            bytes += count;
            length -= (size_t)count;
        } else if (count == 0 || errno != EINTR) {
            return 0;
        }
    }
    return 1;
}

/* Whether this is printable and answers number 1; without the number it goes to `line`. */
static int is_answer(const char *heard, size_t length, char line[LINE_MAX_BYTES])
{
    size_t n;
    if (length > 0 && heard[length - 1] == '\r') {
        length--;
    }
    if (length < 2 || length >= LINE_MAX_BYTES || heard[0] != '1' || heard[1] != ' ') {
        return 0;
    }
    for (n = 0; n < length; n++) {
        if (heard[n] < ' ' || heard[n] > '~') {
            return 0;
        }
    }
    memcpy(line, heard + 2, length - 2);
    line[length - 2] = '\0';
    return 1;
}

/* The first whole line that answers; noise before it is skipped. */
static int answer_in(const char *heard, size_t length, char line[LINE_MAX_BYTES])
{
    const char *end;
    while ((end = memchr(heard, '\n', length)) != NULL) {
        if (is_answer(heard, (size_t)(end - heard), line)) {
            return 1;
        }
        length -= (size_t)(end + 1 - heard);
        heard = end + 1;
    }
    return 0;
}

/* 0: no answer came, and the call is answered. */
static int hear(const call *call, payhal_handle handle, char line[LINE_MAX_BYTES])
{
    gateway *self = call->self;
    uint64_t until = within(call, self->patience_ms);
    char heard[LINE_MAX_BYTES];
    size_t length = 0;
    while (length < sizeof heard) {
        int32_t waited = self->host->wait(self->context, call->token, handle, until);
        ssize_t count;
        if (waited == PAYHAL_WAIT_WOKEN && !was_cancelled(call)) {
            continue;
        }
        if (waited != PAYHAL_WAIT_READY) {
            /* Too late to cancel: the service has the request. */
            reply_failed(call, "maybe",
                         waited == PAYHAL_WAIT_TIMEOUT ? "get the service's answer in time"
                                                       : "wait for the service's answer");
            return 0;
        }
        count = recv((int)handle, heard + length, sizeof heard - length, 0);
        if (count < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) {
            continue;
        }
        if (count <= 0) {
            reply_failed(call, "maybe", "get an answer: the service hung up");
            return 0;
        }
        length += (size_t)count;
        if (answer_in(heard, length, line)) {
            return 1;
        }
    }
    reply_not_understood(call);
    return 0;
}

int exchange(const call *call, char line[LINE_MAX_BYTES], const char *format, ...)
{
    char request[LINE_MAX_BYTES] = "1 ";
    va_list values;
    int length;
    int heard = 0;
    payhal_handle handle;
    va_start(values, format);
    length = vsnprintf(request + 2, sizeof request - 3, format, values);
    va_end(values);
    if (length <= 0 || (size_t)length >= sizeof request - 3) {
        reply_failed(call, "no", "write the request: it is too long");
        return 0;
    }
    strcat(request, "\n");
    if (was_cancelled(call)) {
        reply_cancelled(call);
        return 0;
    }
    handle = reach(call);
    if (handle == PAYHAL_NO_HANDLE) {
        return 0;
    }
    if (send_all(handle, request, strlen(request))) {
        heard = hear(call, handle, line);
    } else {
        reply_failed(call, "maybe", "write to the service");
    }
    close((int)handle);
    return heard;
}

const char *line_rest(const char *line, int words)
{
    while (words-- > 0) {
        line += strcspn(line, " ");
        line += *line == ' ' ? 1 : 0;
    }
    return line;
}

int line_word(const char *line, int place, char *out, size_t out_size)
{
    const char *word = line_rest(line, place);
    size_t length = strcspn(word, " ");
    if (length == 0 || length >= out_size) {
        return 0;
    }
    memcpy(out, word, length);
    out[length] = '\0';
    return 1;
}

int line_is(const char *line, const char *word)
{
    size_t length = strlen(word);
    return strncmp(line, word, length) == 0 && (line[length] == ' ' || line[length] == '\0');
}
