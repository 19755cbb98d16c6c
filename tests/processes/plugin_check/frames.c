/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A terminal that speaks frames: STX, text, ETX, two check bytes; ACK or NAK answers each. It does
 * nothing wrong. With -DWRONG=NAME it does one thing wrong, which the noisy line must find.
 *
 *   PAY stan minor    the terminal says ACK, and later YES stan minor or NO stan minor
 *   ASK stan          the terminal says ACK, and YES, NO or NEVER stan minor, or BUSY stan 0
 *   WHO 0 0           the terminal says ACK, and ME 0 0
 */
#define _POSIX_C_SOURCE 200809L

#include "payhal_plugin.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NOTHING,
    BELIEVES_BAD_CHECKS,
    SENDS_AGAIN_AFTER_ACK,
    DENIES_WHAT_IT_DOES_NOT_KNOW,
    STAYS_DEAF
};
#ifndef WRONG
#define WRONG NOTHING
#endif

#define MS ((uint64_t)1000000)
#define STX 0x02
#define ETX 0x03
#define ACK 0x06
#define NAK 0x15
#define TEXT_MAX 64
#define TRIES 3

static const payhal_host *host;
static void *context;
static payhal_handle port;
static char instance;
static bool deaf;

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

static void *create(const payhal_host *given, void *given_context, const payhal_setup *setup)
{
    host = given;
    context = given_context;
    port = setup->ports[0].handle;
    return &instance;
}

/* One call, what it has read ahead, and how far a frame has come. */
typedef struct {
    uint64_t token;
    uint64_t until;
    uint8_t read[256];
    size_t have, at;
} job;

/* What came. */
enum { NONE, GONE, ACKED, NAKED, FRAME, NOISE };

/* The next byte, or why there is none: -1 in time, -2 for good. */
static int next_byte(job *self, uint64_t until)
{
    if (until > self->until) {
        until = self->until;
    }
    while (self->at == self->have) {
        int32_t woken = host->wait(context, self->token, port, until);
        if (woken == PAYHAL_WAIT_READY) {
            ssize_t count = read((int)port, self->read, sizeof self->read);
            if (count <= 0) {
                return -2;
            }
            self->at = 0;
            self->have = (size_t)count;
        } else if (woken != PAYHAL_WAIT_WOKEN) {
            return -1;
        } else if (host->now(context) >= until) {
            return -1;
        }
    }
    return self->read[self->at++];
}

static void checks(const char *text, uint8_t out[2])
{
    uint8_t exclusive = ETX, sum = ETX;
    for (const char *at = text; *at != 0; at++) {
        exclusive ^= (uint8_t)*at;
        sum = (uint8_t)(sum * 3 + (uint8_t)*at);
    }
    out[0] = exclusive | 0x80;
    out[1] = sum | 0x80;
}

/* One acknowledgement or frame. */
static int take(job *self, char *text, uint64_t until)
{
    uint8_t want[2];
    size_t length = 0;
    int byte = next_byte(self, until);
    if (byte < 0) {
        return byte == -1 ? NONE : GONE;
    }
    if (byte == ACK || byte == NAK) {
        return byte == ACK ? ACKED : NAKED;
    }
    if (byte != STX) {
        return NOISE;
    }
    for (;;) {
        byte = next_byte(self, host->now(context) + 500 * MS);
        if (byte < 0) {
            return byte == -1 ? NOISE : GONE;
        }
        if (byte == ETX) {
            break;
        }
        if (byte < ' ' || byte > '~' || length + 1 >= TEXT_MAX) {
            return NOISE;
        }
        text[length++] = (char)byte;
    }
    text[length] = 0;
    checks(text, want);
    for (int place = 0; place < 2; place++) {
        byte = next_byte(self, host->now(context) + 500 * MS);
        if (byte < 0) {
            return byte == -1 ? NOISE : GONE;
        }
        if (byte != want[place] && !is_wrong(BELIEVES_BAD_CHECKS)) {
            return NOISE;
        }
    }
    return FRAME;
}

static bool put(const uint8_t *bytes, size_t length)
{
    return write((int)port, bytes, length) == (ssize_t)length;
}

static bool put_frame(const char *text)
{
    uint8_t frame[TEXT_MAX + 4];
    size_t length = strlen(text);
    frame[0] = STX;
    memcpy(frame + 1, text, length);
    frame[length + 1] = ETX;
    checks(text, frame + length + 2);
    return put(frame, length + 4);
}

static void put_byte(uint8_t byte)
{
    (void)put(&byte, 1);
}

/* What was on the line before belongs to nobody. */
static void forget(job *self)
{
    while (next_byte(self, host->now(context)) >= 0) {
    }
}

/*
 * Sends until it is acknowledged: FRAME when the answer came at once. A payment whose
 * acknowledgement is lost may have been taken: it is not sent again.
 */
static int send(job *self, const char *text, char *answer)
{
    bool is_payment = strncmp(text, "PAY", 3) == 0;
    forget(self);
    for (int tries = 0; tries < TRIES; tries++) {
        uint64_t until = host->now(context) + 1000 * MS;
        if (!put_frame(text)) {
            return GONE;
        }
        int came;
        for (;;) {
            came = take(self, answer, until);
            if (came == NONE || came == NAKED) {
                break;
            }
            if (came != NOISE) {
                return came;
            }
        }
        if (host->now(context) >= self->until || (came == NONE && is_payment)) {
            return NONE;
        }
    }
    return NONE;
}

/* Whether an answer is that of this request. */
static bool is_of(const char *answer, const char *request)
{
    const char *own = strchr(request, ' ');
    const char *its = strchr(answer, ' ');
    if (own == NULL || its == NULL) {
        return false;
    }
    if (strncmp(request, "WHO", 3) == 0) {
        return true;
    }
    size_t length = strcspn(own + 1, " ") + 1;
    return strncmp(own, its, length + 1) == 0;
}

/* The answer to a request; waits so long for it. */
static int ask(job *self, const char *text, uint64_t patience, char *answer)
{
    uint64_t until = host->now(context) + patience;
    int came = deaf ? NONE : send(self, text, answer);
    while (came == ACKED || came == NAKED || came == NOISE || came == FRAME) {
        if (came == FRAME && is_of(answer, text)) {
            put_byte(ACK);
            return FRAME;
        }
        if (came == NOISE || came == FRAME) {
            put_byte(came == FRAME ? ACK : NAK);
        }
        if (host->now(context) >= until || host->now(context) >= self->until) {
            return NONE;
        }
        if (is_wrong(SENDS_AGAIN_AFTER_ACK)) {
            came = take(self, answer, host->now(context) + 3000 * MS);
            if (came == NONE && (!put_frame(text) || host->now(context) >= until)) {
                return NONE;
            }
            came = came == NONE ? ACKED : came;
        } else {
            came = take(self, answer, until);
        }
    }
    if (came == NONE && is_wrong(STAYS_DEAF)) {
        deaf = true;
    }
    return came;
}

static void identify(job *self)
{
    char answer[TEXT_MAX];
    for (int tries = 0; tries < TRIES; tries++) {
        int came = ask(self, "WHO 0 0", 2000 * MS, answer);
        if (came == FRAME && strncmp(answer, "ME ", 3) == 0) {
            reply(self->token, PAYHAL_OK, "{\"model\":\"Frames\"}");
            return;
        }
        if (came == GONE) {
            break;
        }
    }
    failed(self->token, "maybe", "recognize the device");
}

static long number_after(const uint8_t *payload, const char *name)
{
    const char *at = strstr((const char *)payload, name);
    return at == NULL ? -1 : strtol(at + strlen(name), NULL, 10);
}

/* What an answer says of a payment of that amount; false when it says nothing. */
static bool outcome(const char *answer, long minor, char *json, size_t room)
{
    long stan = 0, said = 0;
    char word[8];
    if (sscanf(answer, "%7s %ld %ld", word, &stan, &said) != 3) {
        return false;
    }
    if (strcmp(word, "YES") == 0 && (minor < 0 || said == minor || is_wrong(BELIEVES_BAD_CHECKS))) {
        snprintf(json, room,
                 "{\"approved\":true,\"response_code\":\"00\",\"approved_minor\":%ld}", said);
        return true;
    }
    if (strcmp(word, "NO") == 0) {
        snprintf(json, room, "{\"approved\":false,\"response_code\":\"05\"}");
        return true;
    }
    return false;
}

static void pay(job *self, const uint8_t *payload)
{
    char text[TEXT_MAX], answer[TEXT_MAX], json[128];
    long minor = number_after(payload, "\"total_minor\":");
    snprintf(text, sizeof text, "PAY %ld %ld", number_after(payload, "\"stan\":"), minor);
    if (ask(self, text, 40000 * MS, answer) == FRAME && outcome(answer, minor, json, sizeof json)) {
        reply(self->token, PAYHAL_OK, json);
    } else {
        failed(self->token, is_wrong(DENIES_WHAT_IT_DOES_NOT_KNOW) ? "no" : "maybe",
               "hear the outcome");
    }
}

static void inquire(job *self, const uint8_t *payload)
{
    char text[TEXT_MAX], answer[TEXT_MAX], json[128], found[192];
    snprintf(text, sizeof text, "ASK %ld 0", number_after(payload, "\"stan\":"));
    if (ask(self, text, 5000 * MS, answer) != FRAME) {
        failed(self->token, "maybe", "hear what became of it");
    } else if (strncmp(answer, "NEVER ", 6) == 0) {
        reply(self->token, PAYHAL_OK, "{\"found\":\"not_found\"}");
    } else if (outcome(answer, -1, json, sizeof json)) {
        snprintf(found, sizeof found, "{\"found\":\"ended\",\"outcome\":%s}", json);
        reply(self->token, PAYHAL_OK, found);
    } else {
        reply(self->token, PAYHAL_OK, "{\"found\":\"running\"}");
    }
}

static void call(void *self, uint64_t token, const char *method, uint32_t deadline_ms,
                 const uint8_t *payload, size_t payload_len)
{
    char copy[2048];
    job own = {.token = token,
               .until = deadline_ms == 0 ? UINT64_MAX : host->now(context) + deadline_ms * MS};
    (void)self;
    if (payload_len >= sizeof copy) {
        reply(token, PAYHAL_UNSUPPORTED, "");
        return;
    }
    memcpy(copy, payload, payload_len);
    copy[payload_len] = 0;
    if (strcmp(method, "identify") == 0) {
        identify(&own);
    } else if (strcmp(method, "pay") == 0) {
        pay(&own, (const uint8_t *)copy);
    } else if (strcmp(method, "inquire") == 0) {
        inquire(&own, (const uint8_t *)copy);
    } else {
        reply(token, PAYHAL_UNSUPPORTED, "");
    }
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
    static const payhal_plugin table = {sizeof(payhal_plugin), PAYHAL_ABI_MAJOR, PAYHAL_ABI_MINOR,
                                        create, call, cancel, deliver, destroy};
    return &table;
}
