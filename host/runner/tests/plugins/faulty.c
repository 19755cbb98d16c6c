/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A plugin that does wrong on demand: each method is one fault. What cannot be asked for at run
 * time (a wrong table, a missing symbol) is chosen with -D when compiling.
 */
#define _POSIX_C_SOURCE 200809L

#include "payhal_plugin.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef MAJOR
#define MAJOR PAYHAL_ABI_MAJOR
#endif
#ifndef SIZE
#define SIZE sizeof(payhal_plugin)
#endif

#ifdef UNRESOLVED
int a_function_nobody_has(void);
#endif

static const payhal_host *host;
static void *host_context;
static int port = -1;
static char instance;

static const char card[] = "{\"text\":\"card 4111 1111 1111 1111\"}";
static const char stage[] = "{\"stage\":\"reading\",\"text\":\"\"}";

static void reply(uint64_t token, int32_t status, const char *json)
{
    host->reply(host_context, token, status, (const uint8_t *)json, strlen(json));
}

static int32_t emit(uint64_t token, uint32_t kind, const char *json)
{
    return host->emit(host_context, token, kind, (const uint8_t *)json, strlen(json));
}

static void *create(const payhal_host *given, void *context, const payhal_setup *setup)
{
    host = given;
    host_context = context;
    if (setup->port_count > 0 && strcmp(setup->ports[0].name, "main") == 0) {
        port = (int)setup->ports[0].handle;
    }
#ifdef CREATE_FAILS
    return NULL;
#endif
    return &instance;
}

static void *reply_later(void *token)
{
    reply(*(uint64_t *)token, PAYHAL_OK, "{\"late\":true}");
    free(token);
    return NULL;
}

static void late(uint64_t token)
{
    pthread_t thread;
    uint64_t *own = malloc(sizeof *own);
    *own = token;
    pthread_create(&thread, NULL, reply_later, own);
    pthread_detach(thread);
}

static void too_long(uint64_t token)
{
    size_t length = 1024 * 1024;
    uint8_t *long_one = malloc(length);
    memset(long_one, ' ', length);
    host->reply(host_context, token, PAYHAL_OK, long_one, length);
    free(long_one);
}

static void connect_out(uint64_t token, const char *target)
{
    char answer[64];
    payhal_handle handle = -1;
    int32_t result = host->connect(host_context, target, &handle);
    if (result == PAYHAL_ANSWER_OK && write((int)handle, "hello", 5) != 5) {
        result = -100;
    }
    snprintf(answer, sizeof answer, "{\"connect\":%d}", (int)result);
    reply(token, PAYHAL_OK, answer);
}

static void flood(uint64_t token)
{
    for (;;) {
        emit(token, PAYHAL_EMIT_PROGRESS, stage);
    }
}

static void chatter(uint64_t token)
{
    int n;
    for (n = 0; n < 5000; n++) {
        emit(token, PAYHAL_EMIT_PROGRESS, stage);
    }
    reply(token, PAYHAL_OK, "{}");
}

static void leak_card(uint64_t token)
{
    int32_t answer = emit(token, PAYHAL_EMIT_PROGRESS, card);
    host->log(host_context, PAYHAL_LOG_WARN, (const uint8_t *)card, sizeof card - 1);
    printf("printed 4111111111111111 here\n");
    fprintf(stderr, "and 5555555555554444 there\n");
    reply(token, PAYHAL_OK, answer == PAYHAL_ANSWER_NOT_ALLOWED ? card : "{}");
}

static void wrong_emissions(uint64_t token)
{
    int wrong = 0;
    wrong += emit(token, 99, "{}") == PAYHAL_ANSWER_INVALID;
    wrong += emit(0, PAYHAL_EMIT_PROGRESS, stage) == PAYHAL_ANSWER_INVALID;
    wrong += emit(token, PAYHAL_EMIT_CHANGE, "{}") == PAYHAL_ANSWER_INVALID;
    wrong += emit(token + 1000, PAYHAL_EMIT_PROGRESS, stage) == PAYHAL_ANSWER_NOT_ALLOWED;
    reply(token, PAYHAL_OK, wrong == 4 ? "{\"all\":true}" : "{\"all\":false}");
}

static void crash(uint64_t token, const char *method)
{
    if (strcmp(method, "segv") == 0) {
        volatile int *nowhere = NULL;
        *nowhere = 1;
    } else if (strcmp(method, "exit") == 0) {
        _exit(3);
    } else if (strcmp(method, "hang") == 0) {
        for (;;) {
            pause();
        }
    } else if (strcmp(method, "double") == 0) {
        reply(token, PAYHAL_OK, "{}");
        reply(token, PAYHAL_OK, "{}");
    } else if (strcmp(method, "stranger") == 0) {
        reply(token + 1000, PAYHAL_OK, "{}");
    } else if (strcmp(method, "flood") == 0) {
        flood(token);
    } else {
        reply(token, PAYHAL_UNSUPPORTED, "");
    }
}

static void call(void *self, uint64_t token, const char *method, uint32_t deadline_ms,
                 const uint8_t *payload, size_t payload_len)
{
    (void)self;
    (void)deadline_ms;
    if (strcmp(method, "echo") == 0) {
        int terminated = payload[payload_len] == 0;
        host->reply(host_context, token, terminated ? PAYHAL_OK : PAYHAL_FAILED, payload,
                    payload_len);
    } else if (strcmp(method, "late") == 0) {
        late(token);
    } else if (strcmp(method, "too_long") == 0) {
        too_long(token);
    } else if (strcmp(method, "garbage") == 0) {
        reply(token, 77, "\x01\x02\xff");
    } else if (strcmp(method, "chatter") == 0) {
        chatter(token);
    } else if (strcmp(method, "leak_card") == 0) {
        leak_card(token);
    } else if (strcmp(method, "wrong_emissions") == 0) {
        wrong_emissions(token);
    } else if (strcmp(method, "change") == 0) {
        emit(0, PAYHAL_EMIT_CHANGE, "{\"change\":\"attached\"}");
        reply(token, PAYHAL_OK, "{}");
    } else if (strcmp(method, "connect") == 0) {
        connect_out(token, (const char *)payload);
    } else if (strcmp(method, "write_port") == 0) {
        reply(token, write(port, "ATZ", 3) == 3 ? PAYHAL_OK : PAYHAL_FAILED, "{}");
    } else {
        crash(token, method);
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

#ifdef NO_SYMBOL
#define payhal_plugin_v1 payhal_plugin_v0
const payhal_plugin *payhal_plugin_v0(void);
#endif

const payhal_plugin *payhal_plugin_v1(void)
{
#ifdef NO_CANCEL
    static const payhal_plugin table = {SIZE, MAJOR, 0, create, call, NULL, deliver, destroy};
#else
    static const payhal_plugin table = {SIZE, MAJOR, 0, create, call, cancel, deliver, destroy};
#endif
    (void)cancel;
#ifdef UNRESOLVED
    a_function_nobody_has();
#endif
#ifdef NULL_TABLE
    return NULL;
#endif
    return &table;
}
