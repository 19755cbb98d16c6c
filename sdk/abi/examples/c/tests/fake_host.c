/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "fake_host.h"
#include "recording.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    const payhal_plugin *plugin;
    void *instance;
    const exchange_of *script; /* NULL: a recording is played */
    int device; /* the device's end of the port */
    int plugin_end;
    char heard[8192];
    size_t heard_length;
    uint64_t now;
    uint64_t token;
    int32_t status;
    int replies;
    char reply[8192];
    char emitted[8192];
    int cancels;
    const char *answer;
    int unplugs;
} fake;

static void keep(char *into, size_t size, const uint8_t *bytes, size_t length)
{
    size_t at = strlen(into);
    if (at + length + 2 < size) {
        memcpy(into + at, bytes, length);
        into[at + length] = '\n';
        into[at + length + 1] = '\0';
    }
}

static void host_reply(void *context, uint64_t token, int32_t status, const uint8_t *payload,
                       size_t length)
{
    (void)context;
    if (token == fake.token) {
        fake.replies++;
    }
    fake.status = status;
    fake.reply[0] = '\0';
    if (length > 0) {
        keep(fake.reply, sizeof fake.reply, payload, length);
    }
}

static int32_t host_emit(void *context, uint64_t token, uint32_t kind, const uint8_t *payload,
                         size_t length)
{
    (void)context;
    (void)token;
    (void)kind;
    keep(fake.emitted, sizeof fake.emitted, payload, length);
    return PAYHAL_ANSWER_OK;
}

static void host_log(void *context, int32_t level, const uint8_t *text, size_t length)
{
    (void)context;
    (void)level;
    (void)text;
    (void)length;
}

/* Whoever connects reaches the same device as the port does. */
static int32_t host_connect(void *context, const char *target, payhal_handle *handle)
{
    int end;
    (void)context;
    if (strcmp(target, FAKE_TARGET) != 0) {
        return PAYHAL_ANSWER_NOT_ALLOWED;
    }
    end = dup(fake.plugin_end);
    if (end < 0) {
        return PAYHAL_ANSWER_UNREACHABLE;
    }
    *handle = end;
    return PAYHAL_ANSWER_OK;
}

static uint64_t host_now(void *context)
{
    (void)context;
    return fake.now;
}

/* Plays a recorded device: says what it said by this time. */
static void play_recording(void)
{
    uint64_t at;
    recording_written(fake.heard, fake.heard_length, fake.now);
    fake.heard_length = 0;
    while (recording_due(&at) && at <= fake.now) {
        size_t length;
        const char *bytes = recording_say(&length);
        fake_device_says(bytes, length);
    }
}

/* Plays the device: answers each whole line as the script says. */
static void play(void)
{
    ssize_t count = recv(fake.device, fake.heard + fake.heard_length,
                         sizeof fake.heard - fake.heard_length - 1, MSG_DONTWAIT);
    char *end;
    if (count > 0) {
        fake.heard_length += (size_t)count;
    }
    if (fake.script == NULL) {
        play_recording();
        return;
    }
    fake.heard[fake.heard_length] = '\0';
    while ((end = strchr(fake.heard, '\n')) != NULL) {
        char *name = strchr(fake.heard, ' ');
        const exchange_of *next = fake.script;
        *end = '\0';
        if (next->command == NULL || name == NULL ||
            strncmp(name + 1, next->command, strlen(next->command)) != 0) {
            fprintf(stderr, "the plugin wrote \"%s\" where \"%s\" was expected\n", fake.heard,
                    next->command == NULL ? "nothing" : next->command);
            exit(1);
        }
        *name = '\0';
        {
            const char *answers = next->answers;
            while (*answers != '\0') {
                char line[4096];
                size_t length = strcspn(answers, "\n");
                int size = snprintf(line, sizeof line, "%s %.*s\n", fake.heard, (int)length, answers);
                if (send(fake.device, line, (size_t)size, MSG_NOSIGNAL) != size) {
                    exit(1);
                }
                answers += length;
                answers += *answers == '\n' ? 1 : 0;
            }
        }
        fake.script++;
        fake.heard_length -= (size_t)(end + 1 - fake.heard);
        memmove(fake.heard, end + 1, fake.heard_length + 1);
    }
}

static int32_t host_wait(void *context, uint64_t token, payhal_handle handle, uint64_t until)
{
    struct pollfd port;
    uint64_t at;
    (void)context;
    play();
    port.fd = (int)handle;
    port.events = POLLIN;
    port.revents = 0;
    if (handle != PAYHAL_NO_HANDLE && poll(&port, 1, 0) > 0) {
        return PAYHAL_WAIT_READY;
    }
    if (fake.unplugs) {
        fake.unplugs = 0;
        shutdown(fake.device, SHUT_RDWR);
        return PAYHAL_WAIT_READY;
    }
    if (fake.answer != NULL) {
        const char *answer = fake.answer;
        fake.answer = NULL;
        fake.plugin->deliver(fake.instance, token, 1, (const uint8_t *)answer, strlen(answer));
        return PAYHAL_WAIT_WOKEN;
    }
    if (fake.cancels) {
        fake.cancels = 0;
        fake.plugin->cancel(fake.instance, token);
        return PAYHAL_WAIT_WOKEN;
    }
    if (fake.script == NULL && handle != PAYHAL_NO_HANDLE && recording_due(&at) && at <= until) {
        fake.now = at;
        play();
        return PAYHAL_WAIT_READY;
    }
    if (fake.now < until) {
        fake.now = until;
    }
    return PAYHAL_WAIT_TIMEOUT;
}

static const payhal_host host = {
    sizeof(payhal_host), PAYHAL_ABI_MAJOR, PAYHAL_ABI_MINOR, host_reply, host_emit,
    host_log,            host_connect,     host_now,         host_wait,
};

void *fake_open(const char *config, const exchange_of *script)
{
    int ends[2];
    payhal_port port;
    payhal_setup setup;
    signal(SIGPIPE, SIG_IGN);
    memset(&fake, 0, sizeof fake);
    memset(&port, 0, sizeof port);
    memset(&setup, 0, sizeof setup);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        perror("socketpair");
        exit(1);
    }
    fake.device = ends[0];
    fake.plugin_end = ends[1];
    fake.script = script;
    fake.plugin = payhal_plugin_v1();
    port.name = "main";
    port.handle = ends[1];
    port.kind = PAYHAL_PORT_SERIAL;
    setup.struct_size = sizeof setup;
    setup.port_count = 1;
    setup.instance_name = "test-1";
    setup.state_dir = ".";
    setup.config = (const uint8_t *)config;
    setup.config_len = strlen(config);
    setup.ports = &port;
    fake.instance = fake.plugin->create(&host, NULL, &setup);
    return fake.instance;
}

void *fake_open_recording(const char *config, const char *file)
{
    recording_open(file);
    return fake_open(config, NULL);
}

int32_t fake_call(void *instance, const char *method, const char *payload)
{
    fake.token++;
    fake.replies = 0;
    fake.reply[0] = '\0';
    fake.emitted[0] = '\0';
    fake.plugin->call(instance, fake.token, method, 60000, (const uint8_t *)payload, strlen(payload));
    /* What it wrote last, such as STOP. */
    play();
    if (fake.replies != 1) {
        fprintf(stderr, "%s was answered %d times\n", method, fake.replies);
        exit(1);
    }
    return fake.status;
}

const char *fake_reply(void)
{
    return fake.reply;
}

const char *fake_emitted(void)
{
    return fake.emitted;
}

unsigned long fake_passed_ms(void)
{
    return (unsigned long)(fake.now / 1000000);
}

void fake_cancel_next(void)
{
    fake.cancels = 1;
}

void fake_answer_next(const char *json)
{
    fake.answer = json;
}

void fake_unplug_next(void)
{
    fake.unplugs = 1;
}

void fake_device_says(const char *bytes, size_t length)
{
    if (send(fake.device, bytes, length, MSG_NOSIGNAL) != (ssize_t)length) {
        exit(1);
    }
}

int fake_close(void *instance)
{
    int followed = fake.script == NULL ? recording_is_over() : fake.script->command == NULL;
    fake.plugin->destroy(instance);
    close(fake.device);
    recording_close();
    return followed;
}
