/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What `payhal device record NAME FILE` wrote, played as the device: what it sent comes when the
 * plugin has written all that came before it, as long after that as it took then. What the plugin
 * writes must be what it wrote then; scrubbed bytes may be anything. One port.
 */
#ifndef RECORDING_H
#define RECORDING_H

#include <stddef.h>
#include <stdint.h>

/* Reads the recording; a file that is none ends the program with a sentence. */
void recording_open(const char *file);

/* The plugin wrote this, at this time in nanoseconds. A mismatch ends the program. */
void recording_written(const char *bytes, size_t length, uint64_t now);

/* When the device's next piece comes; 0: something has to be written before, or nothing is left. */
int recording_due(uint64_t *at);

/* That piece, valid until the next recording_open. */
const char *recording_say(size_t *length);

/* Whether all of it was written and said. */
int recording_is_over(void);

void recording_close(void);

#endif
