/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ASK and UNDO: what became of a payment, and undoing one whose outcome was lost. */
#include "terminal.h"

#include <stdio.h>

/* A command about the call's transaction, and its answer. 0: the call is answered. */
static int ask_about(const call *call, const char *name, char line[WIRE_LINE_MAX])
{
    char transaction[NAME_MAX_BYTES];
    char command[NAME_MAX_BYTES + 16];
    if (!word_of(call, "transaction_id", transaction, sizeof transaction)) {
        reply_failed(call, "no", "understand the command: transaction_id is missing or too long");
        return 0;
    }
    sprintf(command, "%s %s", name, transaction);
    return ask(call, command, line);
}

/* How a payment ended that was never approved: NO CODE or UNDONE. */
static int put_not_approved(json_writer *out, const char *line)
{
    char code[32] = "undone";
    if (!wire_is(line, "UNDONE") &&
        (!wire_is(line, "NO") || !wire_word(line, 1, code, sizeof code))) {
        return 0;
    }
    json_raw(out, "{\"approved\":false,\"response_code\":");
    json_quoted(out, code);
    json_raw(out, "}");
    return 1;
}

/* ASK TRANSACTION -> as PAY ended, UNDONE, RUNNING, UNKNOWN */
void inquire(const call *call)
{
    char line[WIRE_LINE_MAX];
    char json[WIRE_LINE_MAX + 256];
    json_writer out;
    if (!ask_about(call, "ASK", line)) {
        return;
    }
    if (wire_is(line, "RUNNING")) {
        reply_ok(call, "{\"found\":\"running\"}");
        return;
    }
    if (wire_is(line, "UNKNOWN")) {
        reply_ok(call, "{\"found\":\"not_found\"}");
        return;
    }
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"found\":\"ended\",\"outcome\":");
    if (!put_outcome(&out, line) && !put_not_approved(&out, line)) {
        reply_failed(call, "maybe", "understand the terminal's answer to ASK");
        return;
    }
    json_raw(&out, "}");
    reply_ok(call, json);
}

/* UNDO TRANSACTION -> UNDONE or NO CODE */
void reverse(const call *call)
{
    char line[WIRE_LINE_MAX];
    char code[32];
    char json[256];
    json_writer out;
    if (!ask_about(call, "UNDO", line)) {
        return;
    }
    if (wire_is(line, "UNDONE")) {
        reply_ok(call, "{\"state\":\"reversed\"}");
        return;
    }
    if (!wire_is(line, "NO") || !wire_word(line, 1, code, sizeof code)) {
        reply_failed(call, "maybe", "understand the terminal's answer to UNDO");
        return;
    }
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"state\":\"refused\",\"response_code\":");
    json_quoted(&out, code);
    json_raw(&out, ",\"response_text\":\"The terminal does not undo it.\"}");
    reply_ok(call, json);
}
