/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A complete gateway connector in C99: the table that payhal finds, the instance behind it, and the way
 * of a call to its message. The service is the beeper's of README.md; a real one differs in exchange.c
 * and in the files of the messages.
 */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

static void say(gateway *self, int32_t level, const char *text)
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

static void *create(const payhal_host *host, void *context, const payhal_setup *setup)
{
    const char *config = (const char *)setup->config;
    int64_t patience_ms;
    gateway *self;
    if (!json_valid(config, setup->config_len)) {
        refuse(host, context, "use the configuration: it is not JSON");
        return NULL;
    }
    patience_ms = setting(setup, "patience_ms", 15000, 100, 60000);
    if (patience_ms < 0) {
        refuse(host, context, "use the configuration: patience_ms must be 100 to 60000");
        return NULL;
    }
    self = calloc(1, sizeof *self);
    if (self == NULL) {
        refuse(host, context, "allocate memory");
        return NULL;
    }
    if (json_string(config, setup->config_len, "server", self->server, sizeof self->server) < 3 ||
        strlen(setup->instance_name) >= sizeof self->name) {
        free(self);
        refuse(host, context, "use the configuration: server must be host:port");
        return NULL;
    }
    strcpy(self->name, setup->instance_name);
    self->host = host;
    self->context = context;
    self->patience_ms = (unsigned)patience_ms;
    pthread_mutex_init(&self->lock, NULL);
    say(self, PAYHAL_LOG_INFO, "ready to beep");
    return self;
}

/* The place of a call, or a free one for token 0; NULL: there is none. The lock is held. */
static running *place_of(gateway *self, uint64_t token)
{
    size_t n;
    for (n = 0; n < CALLS_MAX; n++) {
        if (self->calls[n].token == token) {
            return &self->calls[n];
        }
    }
    return NULL;
}

static int enter(call *call)
{
    pthread_mutex_lock(&call->self->lock);
    call->place = place_of(call->self, 0);
    if (call->place != NULL) {
        call->place->token = call->token;
        call->place->cancelled = 0;
    }
    pthread_mutex_unlock(&call->self->lock);
    return call->place != NULL;
}

static void leave(const call *call)
{
    pthread_mutex_lock(&call->self->lock);
    call->place->token = 0;
    pthread_mutex_unlock(&call->self->lock);
}

static void carry_out(const call *call, const char *method)
{
    static const struct {
        const char *name;
        void (*carry_out)(const struct call *call);
    } methods[] = {
        {"open", open_gateway}, {"prepare", prepare}, {"authorize", authorize},
        {"modify", modify},     {"inquire", inquire}, {"reverse", reverse},
    };
    size_t n;
    for (n = 0; n < sizeof methods / sizeof methods[0]; n++) {
        if (strcmp(methods[n].name, method) == 0) {
            if (call->length > 0 && !json_valid(call->payload, call->length)) {
                reply_failed(call, "no", "understand the request: it is not JSON");
            } else {
                methods[n].carry_out(call);
            }
            return;
        }
    }
    reply_unsupported(call);
}

static void dispatch(void *instance, uint64_t token, const char *method, uint32_t deadline_ms,
                     const uint8_t *payload, size_t payload_len)
{
    call call;
    call.self = instance;
    call.token = token;
    call.payload = (const char *)payload;
    call.length = payload_len;
    call.deadline = UINT64_MAX;
    if (deadline_ms != 0) {
        call.deadline = call.self->host->now(call.self->context) + deadline_ms * (uint64_t)1000000;
    }
    if (!enter(&call)) {
        reply_failed(&call, "no", "take more calls than calls_max");
        return;
    }
    carry_out(&call, method);
    leave(&call);
}

/* The host wakes the call that waits; it looks into its place why. */
static void cancel(void *instance, uint64_t token)
{
    gateway *self = instance;
    running *place;
    pthread_mutex_lock(&self->lock);
    place = token == 0 ? NULL : place_of(self, token);
    if (place != NULL) {
        place->cancelled = 1;
    }
    pthread_mutex_unlock(&self->lock);
}

/* Nothing here asks anything. */
static void deliver(void *instance, uint64_t token, uint64_t prompt_id, const uint8_t *payload,
                    size_t payload_len)
{
    (void)instance;
    (void)token;
    (void)prompt_id;
    (void)payload;
    (void)payload_len;
}

static void destroy(void *instance)
{
    gateway *self = instance;
    say(self, PAYHAL_LOG_INFO, "good night");
    pthread_mutex_destroy(&self->lock);
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
