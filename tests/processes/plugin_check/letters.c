/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A reader (with -DTERMINAL: a terminal) that speaks lines of one letter, and does nothing wrong.
 * With -DWRONG=NAME it does one thing wrong, which the conformance suite must find.
 */
#define _POSIX_C_SOURCE 200809L

#include "payhal_plugin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    NOTHING,
    TWO_REPLIES,
    KNOWS_EVERYTHING,
    FEARS_MEMBERS,
    CRASHES_ON_NO_JSON,
    WORKS_ONCE,
    IGNORES_DEADLINE,
    WAITS_FOR_CARDS_FOR_EVER,
    IGNORES_CANCEL,
    BLOCKS_IN_CANCEL,
    WAITS_FOR_ANSWERS_FOR_EVER,
    CRASHES_WHEN_LATE,
    CRASHES_WHEN_UNPLUGGED,
    WAITS_FOR_THE_LINE_FOR_EVER,
    CRASHES_ON_NOISE,
    READS_WHOLE_FRAMES_ONLY,
    SAYS_NOTHING_HAPPENED,
    STAYS_IN_DESTROY,
    LEAVES_THREADS,
    HAS_NO_MODEL,
    TELLS_THE_CARD,
    REFUSES_TO_BE
};
#ifndef WRONG
#define WRONG NOTHING
#endif

#define MS ((uint64_t)1000000)

static const payhal_host *host;
static void *context;
static payhal_handle port;
static _Atomic uint64_t cancelled;
static int times;
static char instance;

static bool is_wrong(int how)
{
    return WRONG == how;
}

static void reply(uint64_t token, int32_t status, const char *json)
{
    host->reply(context, token, status, (const uint8_t *)json, strlen(json));
}

static void failed(uint64_t token, const char *sent, const char *reason)
{
    char json[160];
    snprintf(json, sizeof json, "{\"sent\":\"%s\",\"reason\":\"%s\"}", sent, reason);
    reply(token, PAYHAL_FAILED, json);
}

static void emit(uint64_t token, uint32_t kind, const char *json)
{
    host->emit(context, token, kind, (const uint8_t *)json, strlen(json));
}

static void *create(const payhal_host *given, void *given_context, const payhal_setup *setup)
{
    host = given;
    context = given_context;
    if (is_wrong(REFUSES_TO_BE) || setup->port_count != 1) {
        failed(0, "no", "find the port main");
        return NULL;
    }
    port = setup->ports[0].handle;
    return &instance;
}

/* One call with what it may take. */
typedef struct {
    uint64_t token;
    uint64_t until;
} job;

/* How an exchange ended when it was not by a letter. */
enum { NONE = 0, CANCELLED = 1, BROKEN = 2 };

/* Reads a line of one letter. */
static int read_letter(const job *self, bool heeds_cancel)
{
    char line[2];
    size_t have = 0;
    uint64_t until = self->until;
    if (is_wrong(WAITS_FOR_THE_LINE_FOR_EVER)) {
        until = UINT64_MAX;
    }
    for (;;) {
        int32_t woken = host->wait(context, self->token, port, until);
        if (is_wrong(CRASHES_WHEN_LATE) && host->now(context) > until + 500 * MS) {
            abort();
        }
        if (woken == PAYHAL_WAIT_WOKEN) {
            if (heeds_cancel && !is_wrong(IGNORES_CANCEL) && cancelled == self->token) {
                return CANCELLED;
            }
        } else if (woken == PAYHAL_WAIT_READY) {
            ssize_t count = read((int)port, line + have, sizeof line - have);
            if (count <= 0 && is_wrong(CRASHES_WHEN_UNPLUGGED)) {
                abort();
            }
            if (count <= 0 || (count == 1 && is_wrong(READS_WHOLE_FRAMES_ONLY))) {
                return BROKEN;
            }
            have += (size_t)count;
            if (line[0] < 'A' || line[0] > 'Z') {
                if (is_wrong(CRASHES_ON_NOISE)) {
                    abort();
                }
                return BROKEN;
            }
            if (have == 2) {
                return line[1] == '\n' ? line[0] : BROKEN;
            }
        } else {
            return NONE;
        }
    }
}

static int ask(const job *self, const char *line, bool heeds_cancel)
{
    if (write((int)port, line, 2) != 2) {
        return is_wrong(CRASHES_WHEN_UNPLUGGED) ? (abort(), 0) : BROKEN;
    }
    return read_letter(self, heeds_cancel);
}

static void *stays(void *nothing)
{
    for (;;) {
        pause();
    }
    return nothing;
}

static void identify(const job *self)
{
    const char *identity = "{\"model\":\"Letters\",\"sealing\":{\"scheme\":\"letters\","
                           "\"software\":false,\"test_keys\":true}}";
    if (is_wrong(HAS_NO_MODEL)) {
        identity = "{\"firmware\":\"1\"}";
    } else if (is_wrong(TELLS_THE_CARD)) {
        identity = "{\"model\":\"4111 1111 1111 1111\"}";
    }
    if (is_wrong(LEAVES_THREADS)) {
        pthread_t thread;
        pthread_create(&thread, NULL, stays, NULL);
        pthread_detach(thread);
    }
    if (ask(self, "I\n", false) != 'L') {
        failed(self->token, "maybe", "recognize the device");
        return;
    }
    reply(self->token, PAYHAL_OK, identity);
    if (is_wrong(TWO_REPLIES)) {
        reply(self->token, PAYHAL_OK, identity);
    }
}

/* Asks the operator for nothing in particular, for a second. */
static void prompt(const job *self)
{
    uint64_t until = host->now(context) + 1000 * MS;
    emit(self->token, PAYHAL_EMIT_PROMPT,
         "{\"prompt_id\":1,\"kind\":\"enter_text\",\"text\":\"Who?\",\"timeout_ms\":1000}");
    if (is_wrong(WAITS_FOR_ANSWERS_FOR_EVER)) {
        until = UINT64_MAX;
    }
    host->wait(context, self->token, PAYHAL_NO_HANDLE, until);
}

static void present(const job *self)
{
    job patient = *self;
    uint64_t timeout = host->now(context) + 30000 * MS;
    prompt(self);
    if (is_wrong(WORKS_ONCE) && ++times > 1) {
        failed(self->token, "no", "work a second time");
        return;
    }
    if (is_wrong(IGNORES_DEADLINE) || is_wrong(WAITS_FOR_CARDS_FOR_EVER)) {
        timeout = is_wrong(IGNORES_DEADLINE) ? UINT64_MAX : self->until;
        patient.until = timeout;
    } else if (timeout < self->until) {
        patient.until = timeout;
    }
    emit(self->token, PAYHAL_EMIT_PROGRESS, "{\"stage\":\"waiting_for_card\",\"text\":\"Card\"}");
    switch (ask(&patient, "P\n", true)) {
    case 'C':
        reply(self->token, PAYHAL_OK,
              "{\"presentation_id\":\"p\",\"entry\":\"contactless\",\"card\":"
              "{\"masked_pan\":\"411111******1111\",\"scheme\":\"visa\"}}");
        break;
    case NONE:
        reply(self->token, PAYHAL_REFUSED, "{\"code\":\"no_card\",\"text\":\"No card.\"}");
        break;
    case CANCELLED:
        reply(self->token, PAYHAL_CANCELLED, "");
        break;
    default:
        failed(self->token, "maybe", "hear the device");
    }
}

static void authorize_card(const job *self)
{
    if (ask(self, "A\n", false) != 'S') {
        failed(self->token, "maybe", "get the sealed card");
        return;
    }
    reply(self->token, PAYHAL_OK,
          "{\"read_id\":\"r\",\"sealed\":{\"scheme\":\"letters\",\"key_id\":\"k\","
          "\"ciphertext\":\"AAAA\"},\"entry\":\"contactless\",\"cvm\":\"none\","
          "\"completion_owed\":false}");
}

static void complete(const job *self)
{
    if (ask(self, "F\n", false) != 'T') {
        failed(self->token, "maybe", "complete");
        return;
    }
    reply(self->token, PAYHAL_OK, "{\"accepted\":true}");
}

static void pay(const job *self)
{
    if (ask(self, "Y\n", false) != 'D') {
        failed(self->token, is_wrong(SAYS_NOTHING_HAPPENED) ? "no" : "maybe", "hear the outcome");
        return;
    }
    reply(self->token, PAYHAL_OK, "{\"approved\":true,\"response_code\":\"00\"}");
}

static bool holds(const uint8_t *payload, const char *word)
{
    return strstr((const char *)payload, word) != NULL;
}

static void call(void *self, uint64_t token, const char *method, uint32_t deadline_ms,
                 const uint8_t *payload, size_t payload_len)
{
    job own = {token, deadline_ms == 0 ? UINT64_MAX : host->now(context) + deadline_ms * MS};
    (void)self;
    if (is_wrong(CRASHES_ON_NO_JSON) && payload_len > 0 && payload[0] != '{') {
        abort();
    }
    if (is_wrong(FEARS_MEMBERS) && holds(payload, "payhal_check_unknown_member")) {
        failed(token, "no", "understand a member");
    } else if (strcmp(method, "identify") == 0) {
        identify(&own);
#ifdef TERMINAL
    } else if (strcmp(method, "pay") == 0) {
        pay(&own);
#else
    } else if (strcmp(method, "present") == 0) {
        present(&own);
    } else if (strcmp(method, "authorize_card") == 0) {
        authorize_card(&own);
    } else if (strcmp(method, "complete") == 0) {
        complete(&own);
#endif
    } else {
        reply(token, is_wrong(KNOWS_EVERYTHING) ? PAYHAL_OK : PAYHAL_UNSUPPORTED,
              is_wrong(KNOWS_EVERYTHING) ? "{}" : "");
    }
    (void)pay;
    (void)present;
    (void)authorize_card;
    (void)complete;
}

static void cancel(void *self, uint64_t token)
{
    (void)self;
    cancelled = token;
    if (is_wrong(BLOCKS_IN_CANCEL)) {
        struct timespec long_time = {4, 0};
        nanosleep(&long_time, NULL);
    }
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
    if (is_wrong(STAYS_IN_DESTROY)) {
        stays(NULL);
    }
}

const payhal_plugin *payhal_plugin_v1(void)
{
    static const payhal_plugin table = {sizeof(payhal_plugin), PAYHAL_ABI_MAJOR, PAYHAL_ABI_MINOR,
                                        create, call, cancel, deliver, destroy};
    return &table;
}
