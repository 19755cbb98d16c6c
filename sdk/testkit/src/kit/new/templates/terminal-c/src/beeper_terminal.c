/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A complete terminal plugin in C99: the table that payhal finds, the instance behind it, and the way of
 * a call to its command. The device is the beeper of README.md; a real one differs in wire.c and in
 * the files of the commands.
 */
#include "json.h"
#include "terminal.h"

#include <stdlib.h>
#include <string.h>

static void say(terminal *self, int32_t level, const char *text)
{
    self->host->log(self->context, level, (const uint8_t *)text, strlen(text));
}

static void refuse(const payhal_host *host, void *context, const char *reason)
{
    char json[256];
    json_writer out;
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"sent\":\"no\",\"reason\":");
    json_quoted(&out, reason);
    json_raw(&out, "}");
    host->reply(context, 0, PAYHAL_FAILED, (const uint8_t *)json, out.length);
}

/* A number of the configuration, or what it is without one; -1: not from `least` to `most`. */
static int64_t setting(const payhal_setup *setup, const char *name, int64_t otherwise, int64_t least,
                       int64_t most)
{
    const char *config = (const char *)setup->config;
    size_t length = 0;
    int64_t value = otherwise;
    if (json_find(config, setup->config_len, name, &length) != NULL &&
        !json_integer(config, setup->config_len, name, &value)) {
        return -1;
    }
    return value < least || value > most ? -1 : value;
}

/* The port that the manifest names; the plugin owns all of them from now on. */
static payhal_handle port_of(const payhal_setup *setup)
{
    uint32_t n;
    for (n = 0; n < setup->port_count; n++) {
        if (strcmp(setup->ports[n].name, "main") == 0) {
            return setup->ports[n].handle;
        }
    }
    return PAYHAL_NO_HANDLE;
}

static void *create(const payhal_host *host, void *context, const payhal_setup *setup)
{
    int64_t patience_ms;
    payhal_handle port = port_of(setup);
    terminal *self;
    if (setup->config_len > 0 && !json_valid((const char *)setup->config, setup->config_len)) {
        refuse(host, context, "use the configuration: it is not JSON");
        return NULL;
    }
    patience_ms = setting(setup, "patience_ms", 5000, 100, 60000);
    if (patience_ms < 0) {
        refuse(host, context, "use the configuration: patience_ms must be 100 to 60000");
        return NULL;
    }
    if (port == PAYHAL_NO_HANDLE) {
        refuse(host, context, "find the port \"main\"");
        return NULL;
    }
    self = calloc(1, sizeof *self);
    if (self == NULL) {
        refuse(host, context, "allocate memory");
        return NULL;
    }
    self->host = host;
    self->context = context;
    self->wire.port = port;
    self->patience_ms = (unsigned)patience_ms;
    pthread_mutex_init(&self->lock, NULL);
    say(self, PAYHAL_LOG_INFO, "ready to beep");
    return self;
}

static void dispatch(void *instance, uint64_t token, const char *method, uint32_t deadline_ms,
                     const uint8_t *payload, size_t payload_len)
{
    static const struct {
        const char *name;
        void (*carry_out)(const call *call);
    } methods[] = {
        {"identify", identify},
        {"pay", pay},
        {"inquire", inquire},
        {"reverse", reverse},
        {"show", show},
    };
    call call;
    size_t n;
    call.self = instance;
    call.token = token;
    call.payload = (const char *)payload;
    call.length = payload_len;
    call.deadline = UINT64_MAX;
    if (deadline_ms != 0) {
        call.deadline = call.self->host->now(call.self->context) + deadline_ms * (uint64_t)1000000;
    }
    for (n = 0; n < sizeof methods / sizeof methods[0]; n++) {
        if (strcmp(methods[n].name, method) == 0) {
            if (payload_len > 0 && !json_valid(call.payload, call.length)) {
                reply_failed(&call, "no", "understand the command: it is not JSON");
            } else {
                methods[n].carry_out(&call);
            }
            return;
        }
    }
    reply_unsupported(&call);
}

/* The host wakes the call that waits; it looks here why. */
static void cancel(void *instance, uint64_t token)
{
    terminal *self = instance;
    pthread_mutex_lock(&self->lock);
    self->cancelled = token;
    pthread_mutex_unlock(&self->lock);
}

/* No command here asks anything; one that does waits for WIRE_ANSWERED and keeps the answer. */
static void deliver(void *instance, uint64_t token, uint64_t prompt_id, const uint8_t *payload,
                    size_t payload_len)
{
    terminal *self = instance;
    (void)prompt_id;
    (void)payload;
    (void)payload_len;
    pthread_mutex_lock(&self->lock);
    self->answered = token;
    pthread_mutex_unlock(&self->lock);
}

static void destroy(void *instance)
{
    terminal *self = instance;
    say(self, PAYHAL_LOG_INFO, "good night");
    pthread_mutex_destroy(&self->lock);
    /* The process ends after this, and closes the port. */
    free(self);
}

const payhal_plugin *payhal_plugin_v1(void)
{
    static const payhal_plugin table = {
        sizeof(payhal_plugin), PAYHAL_ABI_MAJOR, PAYHAL_ABI_MINOR, create, dispatch,
        cancel,                deliver,          destroy,
    };
    return &table;
}
