/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A host for tests: no payhal, no device, no real time. The device is a script of commands and
 * answers; time passes only while the plugin waits.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include "payhal_plugin.h"

#include <stddef.h>

/* The one address that can be connected to. */
#define FAKE_TARGET "device.example:7900"

typedef struct exchange_of {
    const char *command; /* how the plugin's line begins, without its number; NULL: the end */
    const char *answers; /* lines, each to be sent with that number; "" is a silent device */
} exchange_of;

/* Makes an instance whose device follows `script`; NULL where create() refused. */
void *fake_open(const char *config, const exchange_of *script);

/*
 * The same, with a device that says what it said in a recording of `payhal device record`; the
 * plugin is to write the bytes it wrote then.
 */
void *fake_open_recording(const char *config, const char *file);

/* Makes a call and returns its status. What it replied and emitted is kept until the next one. */
int32_t fake_call(void *instance, const char *method, const char *payload);

const char *fake_reply(void);
const char *fake_emitted(void);

/* How far the virtual time went since fake_open, in milliseconds. */
unsigned long fake_passed_ms(void);

/* What the next call meets: it is cancelled, answered, or unplugged, once it waits for nothing. */
void fake_cancel_next(void);
void fake_answer_next(const char *json);
void fake_unplug_next(void);

/* Sends bytes as the device, before anything is asked. */
void fake_device_says(const char *bytes, size_t length);

/* Ends the instance; whether the whole script or recording was followed. */
int fake_close(void *instance);

#endif
