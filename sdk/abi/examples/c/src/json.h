/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Just enough JSON for a plugin: finds members of what the host sent, writes what it wants back.
 * It allocates nothing, and bounds everything.
 */
#ifndef JSON_H
#define JSON_H

#include <stddef.h>
#include <stdint.h>

/* Whether the whole text is one JSON value, nested at most 32 deep. Check once, then look. */
int json_valid(const char *text, size_t length);

/*
 * A value by its path: members and array places, such as "amounts.total_minor" or "lines.0".
 * Returns its first character, or NULL; `length` gets how long it is.
 */
const char *json_find(const char *text, size_t length, const char *path, size_t *value_length);

/* A string, unescaped and ended by zero. Returns its length; -1: absent, no string, too long. */
int json_string(const char *text, size_t length, const char *path, char *out, size_t out_size);

/* An integer. Returns 1; 0: absent, no integer, too large. */
int json_integer(const char *text, size_t length, const char *path, int64_t *out);

/* Whether it is there and `true`. */
int json_true(const char *text, size_t length, const char *path);

/* A text that is being written. What does not fit is left out, and `full` says so. */
typedef struct json_writer {
    char *text;
    size_t size;
    size_t length;
    int full;
} json_writer;

void json_begin(json_writer *writer, char *text, size_t size);

/* As it is: brackets, names, numbers. */
void json_raw(json_writer *writer, const char *text);

/* A string with its quotation marks and whatever must be escaped. */
void json_quoted(json_writer *writer, const char *text);

#endif
