/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A plugin for the made-up pad of these cases: a reader that says who it is, and waits for a card
 * that never comes. On a serial line and over TCP it speaks lines, on USB it answers a request to
 * its default endpoint.
 *
 *   > WHO                 < PAD SERIAL
 *   > CARD                < NO, after a while
 *
 * It names its ports in its model, so that everybody sees which it has.
 */
#define _DEFAULT_SOURCE

#include "payhal_plugin.h"

#include <linux/usbdevice_fs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef struct pad {
    const payhal_host *host;
    void *context;
    payhal_port port; /* of the plugin's own, but for its name */
    char names[64];
    volatile uint64_t cancelled; /* the call that is to end */
} pad;

static void reply(pad *self, uint64_t token, int32_t status, const char *json)
{
    self->host->reply(self->context, token, status, (const uint8_t *)json, strlen(json));
}

/* Reads one line of at most `size` bytes. 0 when the other end hung up, or nothing came. Token 0
 * cannot be cancelled. */
static int line(pad *self, uint64_t token, char *into, size_t size, int timeout_ms)
{
    size_t length = 0;
    struct pollfd wait = {(int)self->port.handle, POLLIN, 0};
    while (length + 1 < size) {
        int ready = poll(&wait, 1, token == 0 ? timeout_ms : 10);
        if (ready == 0 && token != 0 && self->cancelled != token) {
            continue;
        }
        if (ready != 1) {
            return 0;
        }
        if (read(wait.fd, into + length, 1) != 1) {
            return 0;
        }
        if (into[length] == '\n') {
            into[length] = 0;
            return 1;
        }
        length++;
    }
    return 0;
}

static int who_over_usb(pad *self, char *into, size_t size)
{
    struct usbdevfs_ctrltransfer ask = {0xc0, 1, 0, 0, (unsigned short)(size - 1), 5000, into};
    int length = ioctl((int)self->port.handle, USBDEVFS_CONTROL, &ask);
    if (length < 0) {
        return 0;
    }
    into[length] = 0;
    return 1;
}

static int who(pad *self, char *into, size_t size)
{
    if (self->port.kind == PAYHAL_PORT_USB) {
        return who_over_usb(self, into, size);
    }
    return write((int)self->port.handle, "WHO\n", 4) == 4 && line(self, 0, into, size, 5000);
}

static void *create(const payhal_host *host, void *context, const payhal_setup *setup)
{
    static const char none[] = "{\"sent\":\"no\",\"reason\":\"find its port\"}";
    pad *self = calloc(1, sizeof *self);
    uint32_t n;
    if (self == NULL || setup->port_count < 1) {
        host->reply(context, 0, PAYHAL_FAILED, (const uint8_t *)none, sizeof none - 1);
        free(self);
        return NULL;
    }
    self->host = host;
    self->context = context;
    self->port = setup->ports[0];
    for (n = 0; n < setup->port_count; n++) {
        size_t length = strlen(self->names);
        snprintf(self->names + length, sizeof self->names - length, "%s%s", n > 0 ? " and " : "",
                 setup->ports[n].name);
    }
    return self;
}

static void identify(pad *self, uint64_t token)
{
    char said[64] = "";
    char serial[32] = "";
    char json[256];
    if (!who(self, said, sizeof said) || sscanf(said, "PAD %31[A-Za-z0-9]", serial) != 1) {
        reply(self, token, PAYHAL_FAILED, "{\"sent\":\"no\",\"reason\":\"hear who it is\"}");
        return;
    }
    snprintf(json, sizeof json,
             "{\"model\":\"Pad on %s\",\"serial_number\":\"%s\",\"sealing\":"
             "{\"scheme\":\"hpke-auth-p256-sha256-aes256gcm\",\"software\":true}}",
             self->names, serial);
    reply(self, token, PAYHAL_OK, json);
}

static void present(pad *self, uint64_t token)
{
    static const char waiting[] = "{\"stage\":\"waiting_for_card\",\"text\":\"present card\"}";
    char said[64];
    if (write((int)self->port.handle, "CARD\n", 5) == 5) {
        self->host->emit(self->context, token, PAYHAL_EMIT_PROGRESS, (const uint8_t *)waiting,
                         sizeof waiting - 1);
        if (line(self, token, said, sizeof said, 0)) {
            reply(self, token, PAYHAL_REFUSED, "{\"code\":\"no_card\",\"text\":\"no card\"}");
            return;
        }
        if (self->cancelled == token) {
            reply(self, token, PAYHAL_CANCELLED, "");
            return;
        }
    }
    reply(self, token, PAYHAL_FAILED, "{\"sent\":\"no\",\"reason\":\"hear of a card\"}");
}

static void call(void *instance, uint64_t token, const char *method, uint32_t deadline_ms,
                 const uint8_t *payload, size_t payload_len)
{
    (void)deadline_ms;
    (void)payload;
    (void)payload_len;
    if (strcmp(method, "identify") == 0) {
        identify(instance, token);
    } else if (strcmp(method, "present") == 0) {
        present(instance, token);
    } else {
        reply(instance, token, PAYHAL_UNSUPPORTED, "");
    }
}

static void cancel(void *instance, uint64_t token)
{
    pad *self = instance;
    self->cancelled = token;
}

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
    pad *self = instance;
    close((int)self->port.handle);
    free(self);
}

PAYHAL_EXPORT const payhal_plugin *payhal_plugin_v1(void)
{
    static const payhal_plugin table = {
        sizeof table, PAYHAL_ABI_MAJOR, PAYHAL_ABI_MINOR, create, call, cancel, deliver, destroy,
    };
    return &table;
}
