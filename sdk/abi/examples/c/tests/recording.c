/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "recording.h"

#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECES_MAX 256
#define LINE_BYTES_MAX 16384
#define SCRUBBED_MAX 16

typedef struct piece_of {
    uint64_t at_us;
    int from_device;
    char *bytes;
    char *scrubbed; /* for each byte, whether it was */
    size_t length;
} piece_of;

static struct {
    piece_of pieces[PIECES_MAX];
    size_t count;
    size_t writing; /* the piece that the plugin is to write, and how far it has */
    size_t written;
    size_t saying; /* the device's next piece */
    uint64_t anchor_us; /* a moment of the recording, and the same one here */
    uint64_t anchor;
} played;

static void end(const char *file, unsigned line, const char *why)
{
    fprintf(stderr, "%s, line %u: %s\n", file, line, why);
    exit(1);
}

static int nibble(char letter)
{
    static const char digits[] = "0123456789abcdef";
    const char *digit = letter == '\0' ? NULL : strchr(digits, letter);
    return digit == NULL ? -1 : (int)(digit - digits);
}

/* 1, or 0 where the hexadecimal text is none. */
static int take_bytes(piece_of *piece, const char *hex, size_t length)
{
    size_t n;
    piece->length = length / 2;
    piece->bytes = malloc(piece->length + 1);
    piece->scrubbed = calloc(piece->length + 1, 1);
    if (length % 2 != 0 || piece->bytes == NULL || piece->scrubbed == NULL) {
        return 0;
    }
    for (n = 0; n < piece->length; n++) {
        int high = nibble(hex[2 * n]);
        int low = nibble(hex[2 * n + 1]);
        if (high < 0 || low < 0) {
            return 0;
        }
        piece->bytes[n] = (char)(high * 16 + low);
    }
    return 1;
}

static void take_scrubbed(piece_of *piece, const char *line, size_t length)
{
    int n;
    for (n = 0; n < SCRUBBED_MAX; n++) {
        char path[32];
        int64_t offset;
        int64_t count;
        snprintf(path, sizeof path, "scrubbed.%d.0", n);
        if (!json_integer(line, length, path, &offset)) {
            return;
        }
        snprintf(path, sizeof path, "scrubbed.%d.1", n);
        if (!json_integer(line, length, path, &count) || offset < 0 || count < 0 ||
            (uint64_t)offset > piece->length || (uint64_t)count > piece->length - (uint64_t)offset) {
            return;
        }
        memset(piece->scrubbed + offset, 1, (size_t)count);
    }
}

/* 1, or 0 where the line is no entry. */
static int take_entry(piece_of *piece, const char *line)
{
    static char hex[LINE_BYTES_MAX];
    char from[16];
    int64_t at_us;
    size_t length = strlen(line);
    int digits;
    if (!json_valid(line, length) || !json_integer(line, length, "at_us", &at_us) || at_us < 0 ||
        json_string(line, length, "from", from, sizeof from) < 0) {
        return 0;
    }
    digits = json_string(line, length, "hex", hex, sizeof hex);
    if (digits < 0 || !take_bytes(piece, hex, (size_t)digits)) {
        return 0;
    }
    take_scrubbed(piece, line, length);
    piece->at_us = (uint64_t)at_us;
    piece->from_device = strcmp(from, "device") == 0;
    return 1;
}

void recording_open(const char *file)
{
    static char line[LINE_BYTES_MAX];
    FILE *lines = fopen(file, "r");
    unsigned number = 0;
    int64_t version;
    recording_close();
    if (lines == NULL) {
        perror(file);
        exit(1);
    }
    while (fgets(line, sizeof line, lines) != NULL) {
        number++;
        if (strchr(line, '\n') == NULL) {
            end(file, number, "it is longer than a line of a recording");
        }
        line[strcspn(line, "\n")] = '\0';
        if (number == 1) {
            if (!json_integer(line, strlen(line), "recording", &version) || version != 1) {
                end(file, number, "it is no recording of version 1");
            }
        } else if (line[0] != '\0') {
            if (played.count == PIECES_MAX) {
                end(file, number, "there are too many pieces");
            }
            if (!take_entry(&played.pieces[played.count++], line)) {
                end(file, number, "it is no entry of a recording");
            }
        }
    }
    fclose(lines);
}

/* Past what was written whole, and what is not for the plugin to write. */
static void settle(uint64_t now)
{
    while (played.writing < played.count) {
        const piece_of *piece = &played.pieces[played.writing];
        if (!piece->from_device) {
            if (played.written < piece->length) {
                return;
            }
            played.anchor_us = piece->at_us;
            played.anchor = now;
        }
        played.writing++;
        played.written = 0;
    }
}

void recording_written(const char *bytes, size_t length, uint64_t now)
{
    size_t n;
    for (n = 0; n < length; n++) {
        const piece_of *piece;
        settle(now);
        if (played.writing == played.count) {
            fprintf(stderr, "more was written than is in the recording\n");
            exit(1);
        }
        piece = &played.pieces[played.writing];
        if (!piece->scrubbed[played.written] && piece->bytes[played.written] != bytes[n]) {
            fprintf(stderr, "another byte than byte %lu of the write at %lu us\n",
                    (unsigned long)played.written, (unsigned long)piece->at_us);
            exit(1);
        }
        played.written++;
    }
    settle(now);
}

/* The next piece of the device; played.count where none is left. */
static size_t next_said(void)
{
    size_t at = played.saying;
    while (at < played.count && !played.pieces[at].from_device) {
        at++;
    }
    return at;
}

int recording_due(uint64_t *at)
{
    size_t next = next_said();
    uint64_t later;
    if (next == played.count || next >= played.writing) {
        return 0;
    }
    later = played.pieces[next].at_us;
    later = later > played.anchor_us ? later - played.anchor_us : 0;
    *at = played.anchor + later * 1000;
    return 1;
}

const char *recording_say(size_t *length)
{
    const piece_of *piece = &played.pieces[next_said()];
    played.saying = next_said() + 1;
    *length = piece->length;
    return piece->bytes;
}

int recording_is_over(void)
{
    return played.writing == played.count && next_said() == played.count;
}

void recording_close(void)
{
    size_t n;
    for (n = 0; n < played.count; n++) {
        free(played.pieces[n].bytes);
        free(played.pieces[n].scrubbed);
    }
    memset(&played, 0, sizeof played);
}
