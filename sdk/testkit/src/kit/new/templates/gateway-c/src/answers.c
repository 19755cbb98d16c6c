/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* YES and NO: what the service decided. Its words go no further where they are not understood. */
#include "gateway.h"

#include <string.h>

#define AMOUNT_DIGITS_MAX 18 /* always fit into 64 bits */

/* Digits, as JSON wants them. */
static int put_amount(json_writer *out, const char *word)
{
    size_t length = strlen(word);
    if (length == 0 || length > AMOUNT_DIGITS_MAX || strspn(word, "0123456789") != length) {
        return 0;
    }
    while (length > 1 && *word == '0') {
        word++;
        length--;
    }
    json_raw(out, word);
    return 1;
}

/* YES MINOR APPROVAL RRN */
static int put_approved(json_writer *out, const char *line)
{
    char minor[24], approval[16], rrn[32];
    if (!line_word(line, 1, minor, sizeof minor) || !line_word(line, 2, approval, sizeof approval)) {
        return 0;
    }
    json_raw(out, "{\"decision\":\"approved\",\"response_code\":\"00\",\"approved_minor\":");
    if (!put_amount(out, minor)) {
        return 0;
    }
    json_raw(out, ",\"approval_code\":");
    json_quoted(out, approval);
    if (line_word(line, 3, rrn, sizeof rrn)) {
        json_raw(out, ",\"rrn\":");
        json_quoted(out, rrn);
    }
    json_raw(out, "}");
    return !out->full;
}

/* NO CODE TEXT */
static int put_declined(json_writer *out, const char *line)
{
    char code[32];
    if (!line_word(line, 1, code, sizeof code)) {
        return 0;
    }
    json_raw(out, "{\"decision\":\"declined\",\"response_code\":");
    json_quoted(out, code);
    json_raw(out, ",\"response_text\":");
    json_quoted(out, line_rest(line, 2));
    json_raw(out, "}");
    return !out->full;
}

int put_answer(json_writer *out, const char *line)
{
    if (line_is(line, "YES")) {
        return put_approved(out, line);
    }
    return line_is(line, "NO") && put_declined(out, line);
}

void reply_not_understood(const call *call)
{
    reply_failed(call, "maybe", "understand the service's answer");
}

void reply_answer(const call *call, const char *line)
{
    char json[2 * LINE_MAX_BYTES];
    json_writer out;
    json_begin(&out, json, sizeof json);
    if (put_answer(&out, line)) {
        reply_ok(call, json);
    } else {
        reply_not_understood(call);
    }
}
