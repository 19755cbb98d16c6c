/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A plugin that does its worst: what, and in which function, its orders say.
 *
 *   {"at": "present", "does": "segfault"}
 *
 * Elsewhere it behaves as a reader that is shown a card at once. Code that runs before create()
 * has no configuration: its orders are compiled in with -DEARLY_ORDERS.
 */
#define _GNU_SOURCE

#include "evil.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef EARLY_ORDERS
#define EARLY_ORDERS "{}"
#endif

const char *evil_orders = EARLY_ORDERS;
const payhal_host *evil_host;
void *evil_context;

static char kept_orders[8192];
/* The last words of whoever simulates: what became known only after the start. */
static char heard[1024];
static char instance;
/* The payment that waits for an answer, for whoever answers in its place. */
static volatile uint64_t open_token;
static volatile int cancelled;
/* Of the call that is carried out. */
static volatile uint32_t time_left_ms;

void evil_order(const char *name, char *into, size_t size)
{
    char key[64];
    const char *found;
    size_t length = 0;
    snprintf(key, sizeof key, "\"%s\":\"", name);
    found = strstr(evil_orders, key);
    found = found != NULL ? found : strstr(heard, key);
    if (found != NULL) {
        found += strlen(key);
        length = strcspn(found, "\"");
        length = length < size ? length : size - 1;
        memcpy(into, found, length);
    }
    into[length] = 0;
}

long evil_number(const char *name, long otherwise)
{
    char text[32];
    long number;
    evil_order(name, text, sizeof text);
    return sscanf(text, "%ld", &number) == 1 ? number : otherwise;
}

void evil_tell(const char *format, ...)
{
    char line[512];
    va_list rest;
    va_start(rest, format);
    vsnprintf(line, sizeof line, format, rest);
    va_end(rest);
    if (evil_host != NULL) {
        evil_host->log(evil_context, PAYHAL_LOG_INFO, (const uint8_t *)line, strlen(line));
    } else {
        fprintf(stderr, "%s\n", line);
    }
}

void evil_reply(uint64_t token, int32_t status, const char *json)
{
    evil_host->reply(evil_context, token, status, (const uint8_t *)json, strlen(json));
}

static void *haunt(void *token)
{
    uint64_t own = (uint64_t)(uintptr_t)token;
    for (;;) {
        evil_host->log(evil_context, PAYHAL_LOG_INFO, (const uint8_t *)"boo", 3);
        evil_host->emit(evil_context, 0, PAYHAL_EMIT_CHANGE, (const uint8_t *)"{}", 2);
        evil_reply(own + 1000, PAYHAL_OK, "{}");
    }
    return NULL;
}

static void start_thread(void *(*body)(void *), uint64_t token)
{
    pthread_t thread;
    pthread_create(&thread, NULL, body, (void *)(uintptr_t)token);
    pthread_detach(thread);
}

static const char presented[] =
    "{\"presentation_id\":\"p-1\",\"entry\":\"contactless\","
    "\"card\":{\"masked_pan\":\"411111******1111\",\"scheme\":\"visa\"}}";

static void wait_for_card(uint64_t token)
{
    static const char waits[] = "{\"stage\":\"waiting_for_card\",\"text\":\"\"}";
    evil_host->emit(evil_context, token, PAYHAL_EMIT_PROGRESS, (const uint8_t *)waits,
                    sizeof waits - 1);
}

/* What needs to know of other calls, beside what the other files know. */
static int plot(const char *what, uint64_t token)
{
    if (strcmp(what, "answer_after_cancel") == 0) {
        wait_for_card(token);
        while (!cancelled) {
            usleep(1000);
        }
        evil_reply(token, PAYHAL_OK, presented);
    } else if (strcmp(what, "answer_at_deadline") == 0) {
        wait_for_card(token);
        usleep(1000 * time_left_ms);
        evil_reply(token, PAYHAL_REFUSED, "{\"code\":\"no_card\",\"text\":\"no card\"}");
    } else if (strcmp(what, "answer_after_answer") == 0) {
        evil_reply(token, PAYHAL_OK, presented);
        evil_reply(token, PAYHAL_OK, presented);
    } else if (strcmp(what, "answer_another") == 0) {
        uint64_t other = open_token;
        evil_reply(token, PAYHAL_OK, "{}");
        evil_reply(other, PAYHAL_OK, "{\"not\":\"what was asked\"}");
    } else if (strcmp(what, "wait") == 0) {
        for (;;) {
            pause();
        }
    } else if (strcmp(what, "haunt") == 0) {
        start_thread(haunt, token);
    } else if (strcmp(what, "try_all") == 0) {
        evil_try_all();
    } else {
        return 0;
    }
    return 1;
}

/* Carries the orders out if they are for this place. Returns whether they were: whoever was to
 * answer a call need not any more. */
static int act(const char *where, uint64_t token)
{
    char at[32];
    char does[64];
    evil_order("at", at, sizeof at);
    if (strcmp(at, where) != 0) {
        return 0;
    }
    evil_order("does", does, sizeof does);
    if (!evil_crash(does) && !evil_eat(does) && !plot(does, token) && !evil_say(does, token)) {
        evil_tell("evil: nobody knows how to %s", does);
    }
    return 1;
}

__attribute__((constructor)) static void early(void)
{
    (void)act("constructor", 0);
}

static void *evil_create(const payhal_host *host, void *context, const payhal_setup *setup)
{
    size_t length = setup->config_len < sizeof kept_orders ? setup->config_len : 0;
    memcpy(kept_orders, setup->config, length);
    evil_orders = kept_orders;
    evil_host = host;
    evil_context = context;
    (void)act("create", 0);
    return &instance;
}

static void evil_call(void *self, uint64_t token, const char *method, uint32_t deadline_ms,
                      const uint8_t *payload, size_t payload_len)
{
    char also[32];
    (void)self;
    if (strcmp(method, "present") == 0) {
        time_left_ms = deadline_ms;
        open_token = token;
    }
    if (strcmp(method, "simulate") == 0 && payload_len < sizeof heard) {
        memcpy(heard, payload, payload_len);
    }
    evil_order("also", also, sizeof also);
    if (strcmp(method, "present") == 0 && strcmp(also, "prompt") == 0) {
        (void)evil_say("prompt", token);
    }
    if (act(method, token)) {
        char does[32];
        evil_order("does", does, sizeof does);
        /* Whoever only looked around answers as if nothing had been. */
        if (strcmp(method, "simulate") != 0 && strcmp(does, "try_all") != 0) {
            return;
        }
    }
    if (strcmp(method, "identify") == 0) {
        evil_reply(token, PAYHAL_OK, "{\"model\":\"Evil\",\"firmware\":\"6.66\",\"sealing\":"
                   "{\"scheme\":\"hpke-auth-p256-sha256-aes256gcm\",\"software\":true}}");
    } else if (strcmp(method, "simulate") == 0) {
        evil_reply(token, PAYHAL_OK, "{}");
    } else if (strcmp(method, "show") == 0) {
        evil_reply(token, PAYHAL_OK, "{}");
    } else if (strcmp(method, "present") == 0) {
        wait_for_card(token);
        if (strcmp(also, "prompt") != 0 && strcmp(also, "wait") != 0) {
            evil_reply(token, PAYHAL_OK, presented);
        }
    } else if (!evil_serve(method, token)) {
        evil_reply(token, PAYHAL_UNSUPPORTED, "");
    }
}

static void evil_cancel(void *self, uint64_t token)
{
    (void)self;
    cancelled = 1;
    (void)act("cancel", token);
}

static void evil_deliver(void *self, uint64_t token, uint64_t prompt_id, const uint8_t *payload,
                         size_t payload_len)
{
    (void)self;
    (void)prompt_id;
    (void)payload;
    (void)payload_len;
    (void)act("deliver", token);
}

static void evil_destroy(void *self)
{
    (void)self;
    (void)act("destroy", open_token);
}

const payhal_plugin *payhal_plugin_v1(void)
{
    static const payhal_plugin table = {
        sizeof(payhal_plugin), PAYHAL_ABI_MAJOR, PAYHAL_ABI_MINOR, evil_create,  evil_call,
        evil_cancel,           evil_deliver,     evil_destroy,
    };
    (void)act("entry", 0);
    return &table;
}
