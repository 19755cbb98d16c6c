/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A plugin that waits as it is told and says how the wait ended. The method is what it waits for:
 * "time", "port" or "call"; the payload is for how many milliseconds. "answer" is "call" and says
 * so first.
 */
#define _POSIX_C_SOURCE 200809L

#include "payhal_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const payhal_host *host;
static void *host_context;
static payhal_handle port = PAYHAL_NO_HANDLE;
static char instance;

static void *create(const payhal_host *given, void *context, const payhal_setup *setup)
{
    host = given;
    host_context = context;
    if (setup->port_count > 0) {
        /* A duplicate is the same port. */
        port = dup((int)setup->ports[0].handle);
    }
    return &instance;
}

static void call(void *self, uint64_t token, const char *method, uint32_t deadline_ms,
                 const uint8_t *payload, size_t payload_len)
{
    char answer[96];
    uint64_t begun = host->now(host_context);
    uint64_t until = begun + strtoull((const char *)payload, NULL, 10) * 1000000u;
    payhal_handle handle = strcmp(method, "port") == 0 ? port : PAYHAL_NO_HANDLE;
    uint64_t own = strcmp(method, "time") == 0 ? 0 : token;
    int32_t ended;
    (void)self;
    (void)deadline_ms;
    (void)payload_len;
    if (strcmp(method, "wrong") == 0) {
        own = token + 1000;
    } else if (strcmp(method, "answer") == 0) {
        host->log(host_context, PAYHAL_LOG_INFO, (const uint8_t *)"waits", 5);
    } else if (strcmp(method, "closed") == 0) {
        handle = 499;
    }
    ended = host->wait(host_context, own, handle, until);
    snprintf(answer, sizeof answer, "{\"ended\":%d,\"ms\":%llu}", (int)ended,
             (unsigned long long)((host->now(host_context) - begun) / 1000000u));
    host->reply(host_context, token, PAYHAL_OK, (const uint8_t *)answer, strlen(answer));
}

static void cancel(void *self, uint64_t token)
{
    /* To wait here is forbidden, and says so. */
    int32_t ended = host->wait(host_context, token, PAYHAL_NO_HANDLE, 0);
    (void)self;
    if (ended != PAYHAL_ANSWER_INVALID) {
        abort();
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
}

const payhal_plugin *payhal_plugin_v1(void)
{
    static const payhal_plugin table = {sizeof(payhal_plugin), PAYHAL_ABI_MAJOR, PAYHAL_ABI_MINOR,
                                        create, call, cancel, deliver, destroy};
    return &table;
}
