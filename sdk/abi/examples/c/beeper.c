/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A complete payhal plugin in C99: a reader without hardware that "beeps" when it is shown a text
 * and reads the same fictitious card each time it is asked to. Real ones talk to setup->ports.
 *
 *   gcc -std=c99 -Wall -Wextra -Werror -pedantic -fPIC -shared -I../../include beeper.c \
 *       -o libbeeper.so
 *
 * What it shows: making and ending an instance, refusing a bad configuration with a reason,
 * reading a method's arguments, progress before a reply, waiting for a cancellation, and the
 * difference between a reply, a refusal and a failure. A vendor would use a JSON library; to stay
 * in one file this example looks for a few members by itself.
 */
#define _POSIX_C_SOURCE 200809L

#include "payhal_plugin.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct beeper {
    const payhal_host *host;
    void *context;
    unsigned beeps;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t cancelled; /* token of the call that was cancelled last */
} beeper;

static void reply(beeper *self, uint64_t token, int32_t status, const char *json)
{
    self->host->reply(self->context, token, status, (const uint8_t *)json, strlen(json));
}

static void progress(beeper *self, uint64_t token, const char *json)
{
    /* Best effort: a host that drops it has its reasons. */
    (void)self->host->emit(self->context, token, PAYHAL_EMIT_PROGRESS, (const uint8_t *)json,
                           strlen(json));
}

static void say(beeper *self, int32_t level, const char *text)
{
    self->host->log(self->context, level, (const uint8_t *)text, strlen(text));
}

/* Finds a member's number. Payloads end with a zero byte, so string functions are safe. */
static long number_of(const uint8_t *payload, const char *member, long otherwise)
{
    const char *found = payload == NULL ? NULL : strstr((const char *)payload, member);
    return found == NULL ? otherwise : strtol(found + strlen(member), NULL, 10);
}

static void *beeper_create(const payhal_host *host, void *context, const payhal_setup *setup)
{
    static const char reason[] =
        "{\"sent\":\"no\",\"reason\":\"use the configuration: beeps must be 1 to 9\"}";
    long beeps = number_of(setup->config, "\"beeps\":", 1);
    beeper *self;
    if (beeps < 1 || beeps > 9) {
        host->reply(context, 0, PAYHAL_FAILED, (const uint8_t *)reason, sizeof reason - 1);
        return NULL;
    }
    self = calloc(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->host = host;
    self->context = context;
    self->beeps = (unsigned)beeps;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    say(self, PAYHAL_LOG_INFO, "ready to beep");
    return self;
}

static void identify(beeper *self, uint64_t token)
{
    reply(self, token, PAYHAL_OK, "{\"model\":\"Beeper C\",\"firmware\":\"1.0\"}");
}

static void show(beeper *self, uint64_t token)
{
    unsigned n;
    for (n = 0; n < self->beeps; n++) {
        printf("beep\n"); /* stdout ends up in the diagnostic log */
    }
    reply(self, token, PAYHAL_OK, "{}");
}

/* Returns 1 when the call was cancelled within that time. */
static int cancelled_within(beeper *self, uint64_t token, long wait_ms)
{
    struct timespec until;
    int cancelled;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec += 1;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&self->lock);
    while (self->cancelled != token &&
           pthread_cond_timedwait(&self->changed, &self->lock, &until) == 0) {
    }
    cancelled = self->cancelled == token;
    pthread_mutex_unlock(&self->lock);
    return cancelled;
}

static void present(beeper *self, uint64_t token, uint32_t deadline_ms, const uint8_t *payload)
{
    /* A transaction_id of "nobody" stands for an empty shop: nobody presents a card. */
    int nobody = payload != NULL && strstr((const char *)payload, "\"nobody\"") != NULL;
    long wait_ms = number_of(payload, "\"timeout_ms\":", 0);
    progress(self, token, "{\"stage\":\"waiting_for_card\",\"text\":\"Card, please\"}");
    if (nobody) {
        if (deadline_ms != 0 && wait_ms > (long)deadline_ms) {
            wait_ms = (long)deadline_ms;
        }
        if (cancelled_within(self, token, wait_ms)) {
            reply(self, token, PAYHAL_CANCELLED, "");
        } else {
            reply(self, token, PAYHAL_REFUSED,
                  "{\"code\":\"no_card\",\"text\":\"No card was presented.\"}");
        }
        return;
    }
    progress(self, token, "{\"stage\":\"card_tapped\",\"text\":\"\"}");
    reply(self, token, PAYHAL_OK,
          "{\"presentation_id\":\"p-1\",\"entry\":\"contactless\","
          "\"card\":{\"masked_pan\":\"411111******1111\",\"scheme\":\"visa\"}}");
}

static void beeper_call(void *instance, uint64_t token, const char *method, uint32_t deadline_ms,
                        const uint8_t *payload, size_t payload_len)
{
    beeper *self = instance;
    (void)payload_len;
    if (strcmp(method, "identify") == 0) {
        identify(self, token);
    } else if (strcmp(method, "show") == 0) {
        show(self, token);
    } else if (strcmp(method, "present") == 0) {
        present(self, token, deadline_ms, payload);
    } else {
        reply(self, token, PAYHAL_UNSUPPORTED, "");
    }
}

static void beeper_cancel(void *instance, uint64_t token)
{
    beeper *self = instance;
    pthread_mutex_lock(&self->lock);
    self->cancelled = token;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void beeper_deliver(void *instance, uint64_t token, uint64_t prompt_id,
                           const uint8_t *payload, size_t payload_len)
{
    /* This reader never prompts. */
    (void)instance;
    (void)token;
    (void)prompt_id;
    (void)payload;
    (void)payload_len;
}

static void beeper_destroy(void *instance)
{
    beeper *self = instance;
    say(self, PAYHAL_LOG_INFO, "good night");
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

const payhal_plugin *payhal_plugin_v1(void)
{
    static const payhal_plugin table = {
        sizeof(payhal_plugin), PAYHAL_ABI_MAJOR, PAYHAL_ABI_MINOR, beeper_create,  beeper_call,
        beeper_cancel,         beeper_deliver,   beeper_destroy,
    };
    return &table;
}
