/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ASK and UNDO: what became of a transaction, and undoing one whose outcome was lost. */
#include "gateway.h"

/* An exchange about the call's transaction. 0: the call is answered. */
static int ask_about(const call *call, const char *name, char line[LINE_MAX_BYTES])
{
    char transaction[NAME_MAX_BYTES];
    if (!word_of(call, "wire.transaction_id", transaction, sizeof transaction)) {
        reply_failed(call, "no", "understand the request: its transaction is missing or too long");
        return 0;
    }
    return exchange(call, line, "%s %s", name, transaction);
}

/* ASK TRANSACTION -> as it was answered, UNDONE or UNKNOWN */
void inquire(const call *call)
{
    char line[LINE_MAX_BYTES];
    char json[2 * LINE_MAX_BYTES];
    json_writer out;
    if (!ask_about(call, "ASK", line)) {
        return;
    }
    if (line_is(line, "UNDONE")) {
        reply_ok(call, "{\"found\":\"reversed\"}");
        return;
    }
    if (line_is(line, "UNKNOWN")) {
        reply_ok(call, "{\"found\":\"not_found\"}");
        return;
    }
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"found\":\"answered\",\"answer\":");
    if (!put_answer(&out, line)) {
        reply_not_understood(call);
        return;
    }
    json_raw(&out, "}");
    reply_ok(call, json);
}

/* UNDO TRANSACTION -> UNDONE, also for one that has not arrived and never will */
void reverse(const call *call)
{
    char line[LINE_MAX_BYTES];
    char code[32];
    char json[2 * LINE_MAX_BYTES];
    json_writer out;
    if (!ask_about(call, "UNDO", line)) {
        return;
    }
    if (line_is(line, "UNDONE")) {
        reply_ok(call, "{\"state\":\"reversed\"}");
        return;
    }
    if (!line_is(line, "NO") || !line_word(line, 1, code, sizeof code)) {
        reply_not_understood(call);
        return;
    }
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"state\":\"refused\",\"response_code\":");
    json_quoted(&out, code);
    json_raw(&out, ",\"response_text\":");
    json_quoted(&out, line_rest(line, 2));
    json_raw(&out, "}");
    reply_ok(call, json);
}
