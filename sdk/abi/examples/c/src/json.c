/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "json.h"

#include <string.h>

#define DEPTH_MAX 32

/* A place in a text that is not read beyond its end. */
typedef struct cursor {
    const char *at;
    const char *end;
} cursor;

static int peek(const cursor *from)
{
    return from->at < from->end ? (unsigned char)*from->at : -1;
}

static void skip_space(cursor *from)
{
    while (from->at < from->end && strchr(" \t\r\n", *from->at) != NULL && *from->at != '\0') {
        from->at++;
    }
}

static int take(cursor *from, int wanted)
{
    skip_space(from);
    if (peek(from) != wanted) {
        return 0;
    }
    from->at++;
    return 1;
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits behind "\u"; -1 where they are not. */
static long take_code_unit(cursor *from)
{
    long unit = 0;
    int n;
    for (n = 0; n < 4; n++) {
        int digit = hex_digit(peek(from));
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
        from->at++;
    }
    return unit;
}

/* What stands behind a backslash, as a character; -1 where nothing can stand so. */
static long take_escaped(cursor *from)
{
    static const char names[] = "\"\\/bfnrt";
    static const char means[] = "\"\\/\b\f\n\r\t";
    long high;
    int c = peek(from);
    const char *found = c > 0 ? strchr(names, c) : NULL;
    if (found != NULL) {
        from->at++;
        return means[found - names];
    }
    if (c != 'u') {
        return -1;
    }
    from->at++;
    high = take_code_unit(from);
    if (high < 0xD800 || high > 0xDBFF) {
        return high;
    }
    if (from->end - from->at < 6 || from->at[0] != '\\' || from->at[1] != 'u') {
        return -1;
    }
    from->at += 2;
    {
        long low = take_code_unit(from);
        return low < 0xDC00 || low > 0xDFFF ? -1 : 0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00;
    }
}

static size_t to_utf8(long character, char out[4])
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        out[0] = (char)(0xC0 | character >> 6);
        out[1] = (char)(0x80 | (character & 0x3F));
        return 2;
    }
    if (character < 0x10000) {
        out[0] = (char)(0xE0 | character >> 12);
        out[1] = (char)(0x80 | (character >> 6 & 0x3F));
        out[2] = (char)(0x80 | (character & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | character >> 18);
    out[1] = (char)(0x80 | (character >> 12 & 0x3F));
    out[2] = (char)(0x80 | (character >> 6 & 0x3F));
    out[3] = (char)(0x80 | (character & 0x3F));
    return 4;
}

/* Reads a string. `out` may be NULL; -1: malformed, or it does not fit. */
static long take_string(cursor *from, char *out, size_t out_size)
{
    size_t length = 0;
    if (!take(from, '"')) {
        return -1;
    }
    for (;;) {
        char bytes[4];
        size_t count = 1;
        int c = peek(from);
        if (c < 0x20) {
            return -1;
        }
        from->at++;
        if (c == '"') {
            break;
        }
        bytes[0] = (char)c;
        if (c == '\\') {
            long character = take_escaped(from);
            /* A zero would end the string for whoever gets it. */
            if (character <= 0) {
                return -1;
            }
            count = to_utf8(character, bytes);
        }
        if (out != NULL) {
            if (length + count >= out_size) {
                return -1;
            }
            memcpy(out + length, bytes, count);
        }
        length += count;
    }
    if (out != NULL) {
        out[length] = '\0';
    }
    return (long)length;
}

static int skip_digits(cursor *from)
{
    const char *start = from->at;
    while (peek(from) >= '0' && peek(from) <= '9') {
        from->at++;
    }
    return from->at > start;
}

static int skip_number(cursor *from)
{
    if (peek(from) == '-') {
        from->at++;
    }
    if (peek(from) == '0') {
        from->at++;
    } else if (!skip_digits(from)) {
        return 0;
    }
    if (peek(from) == '.') {
        from->at++;
        if (!skip_digits(from)) {
            return 0;
        }
    }
    if (peek(from) == 'e' || peek(from) == 'E') {
        from->at++;
        if (peek(from) == '+' || peek(from) == '-') {
            from->at++;
        }
        return skip_digits(from);
    }
    return 1;
}

static int skip_word(cursor *from, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(from->end - from->at) < length || memcmp(from->at, word, length) != 0) {
        return 0;
    }
    from->at += length;
    return 1;
}

static int skip_value(cursor *from, int depth);

/* Array or object, from behind its opening bracket. */
static int skip_list(cursor *from, int closing, int depth)
{
    if (take(from, closing)) {
        return 1;
    }
    do {
        if (closing == '}' && (take_string(from, NULL, 0) < 0 || !take(from, ':'))) {
            return 0;
        }
        if (!skip_value(from, depth)) {
            return 0;
        }
    } while (take(from, ','));
    return take(from, closing);
}

static int skip_value(cursor *from, int depth)
{
    if (depth >= DEPTH_MAX) {
        return 0;
    }
    skip_space(from);
    switch (peek(from)) {
    case '{':
        from->at++;
        return skip_list(from, '}', depth + 1);
    case '[':
        from->at++;
        return skip_list(from, ']', depth + 1);
    case '"':
        return take_string(from, NULL, 0) >= 0;
    case 't':
        return skip_word(from, "true");
    case 'f':
        return skip_word(from, "false");
    case 'n':
        return skip_word(from, "null");
    default:
        return skip_number(from);
    }
}

int json_valid(const char *text, size_t length)
{
    cursor from;
    if (text == NULL) {
        return 0;
    }
    from.at = text;
    from.end = text + length;
    if (!skip_value(&from, 0)) {
        return 0;
    }
    skip_space(&from);
    return from.at == from.end;
}

/* Goes to a member's value; the cursor stands before the object. */
static int enter_member(cursor *from, const char *name, size_t name_length)
{
    char found[64];
    if (!take(from, '{')) {
        return 0;
    }
    do {
        cursor before;
        long length;
        skip_space(from);
        before = *from;
        length = take_string(from, found, sizeof found);
        if (length < 0) {
            /* Longer than any name of ours: it is another one. */
            *from = before;
            if (take_string(from, NULL, 0) < 0) {
                return 0;
            }
        }
        if (!take(from, ':')) {
            return 0;
        }
        skip_space(from);
        if (length == (long)name_length && memcmp(found, name, name_length) == 0) {
            return 1;
        }
        if (!skip_value(from, 0)) {
            return 0;
        }
    } while (take(from, ','));
    return 0;
}

/* Goes to an element; the cursor stands before the array. */
static int enter_element(cursor *from, size_t place)
{
    if (!take(from, '[')) {
        return 0;
    }
    for (;;) {
        skip_space(from);
        if (peek(from) == ']') {
            return 0;
        }
        if (place == 0) {
            return 1;
        }
        place--;
        if (!skip_value(from, 0) || !take(from, ',')) {
            return 0;
        }
    }
}

const char *json_find(const char *text, size_t length, const char *path, size_t *value_length)
{
    cursor from;
    const char *start;
    if (text == NULL) {
        return NULL;
    }
    from.at = text;
    from.end = text + length;
    skip_space(&from);
    while (*path != '\0') {
        size_t part = strcspn(path, ".");
        int entered;
        if (peek(&from) == '[') {
            size_t place = 0;
            size_t n;
            for (n = 0; n < part; n++) {
                if (path[n] < '0' || path[n] > '9' || place > 9999) {
                    return NULL;
                }
                place = place * 10 + (size_t)(path[n] - '0');
            }
            entered = enter_element(&from, place);
        } else {
            entered = enter_member(&from, path, part);
        }
        if (!entered) {
            return NULL;
        }
        path += part;
        path += *path == '.' ? 1 : 0;
    }
    start = from.at;
    if (!skip_value(&from, 0)) {
        return NULL;
    }
    *value_length = (size_t)(from.at - start);
    return start;
}

int json_string(const char *text, size_t length, const char *path, char *out, size_t out_size)
{
    size_t found_length = 0;
    const char *found = json_find(text, length, path, &found_length);
    cursor from;
    if (found == NULL || *found != '"') {
        return -1;
    }
    from.at = found;
    from.end = found + found_length;
    return (int)take_string(&from, out, out_size);
}

int json_integer(const char *text, size_t length, const char *path, int64_t *out)
{
    size_t found_length = 0;
    const char *found = json_find(text, length, path, &found_length);
    int64_t value = 0;
    size_t n = 0;
    int negative;
    if (found == NULL || found_length == 0) {
        return 0;
    }
    negative = found[0] == '-';
    n = negative ? 1 : 0;
    /* 18 digits always fit. */
    if (n == found_length || found_length - n > 18) {
        return 0;
    }
    for (; n < found_length; n++) {
        if (found[n] < '0' || found[n] > '9') {
            return 0;
        }
        value = value * 10 + (found[n] - '0');
    }
    *out = negative ? -value : value;
    return 1;
}

int json_true(const char *text, size_t length, const char *path)
{
    size_t found_length = 0;
    const char *found = json_find(text, length, path, &found_length);
    return found != NULL && found_length == 4 && memcmp(found, "true", 4) == 0;
}

void json_begin(json_writer *writer, char *text, size_t size)
{
    writer->text = text;
    writer->size = size;
    writer->length = 0;
    writer->full = 0;
    text[0] = '\0';
}

static void put(json_writer *writer, const char *bytes, size_t length)
{
    if (writer->full || writer->size - writer->length <= length) {
        writer->full = 1;
        return;
    }
    memcpy(writer->text + writer->length, bytes, length);
    writer->length += length;
    writer->text[writer->length] = '\0';
}

void json_raw(json_writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

void json_quoted(json_writer *writer, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    put(writer, "\"", 1);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            char escaped[2];
            escaped[0] = '\\';
            escaped[1] = (char)c;
            put(writer, escaped, 2);
        } else if (c < 0x20) {
            char escaped[6] = {'\\', 'u', '0', '0', '0', '0'};
            escaped[4] = digits[c >> 4];
            escaped[5] = digits[c & 15];
            put(writer, escaped, 6);
        } else {
            put(writer, text, 1);
        }
    }
    put(writer, "\"", 1);
}
