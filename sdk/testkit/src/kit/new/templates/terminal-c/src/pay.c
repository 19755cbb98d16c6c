/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * PAY: a whole payment. Once the amount is written, nothing but the terminal's own word says that no
 * money moved.
 */
#include "terminal.h"

#include <stdio.h>
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

/* PAID MINOR APPROVAL REFERENCE ENTRY MASKED SCHEME */
static int put_paid(json_writer *out, const char *line)
{
    char minor[24], approval[16], reference[NAME_MAX_BYTES], entry[16], masked[32], scheme[32];
    if (!wire_word(line, 1, minor, sizeof minor) || !wire_word(line, 2, approval, sizeof approval) ||
        !wire_word(line, 3, reference, sizeof reference) ||
        !wire_word(line, 4, entry, sizeof entry) ||
        !is_one_of(entry, "chip|contactless|stripe|manual") ||
        !wire_word(line, 5, masked, sizeof masked) || !wire_word(line, 6, scheme, sizeof scheme)) {
        return 0;
    }
    json_raw(out, "{\"approved\":true,\"response_code\":\"00\",\"approved_minor\":");
    if (!put_amount(out, minor)) {
        return 0;
    }
    json_raw(out, ",\"approval_code\":");
    json_quoted(out, approval);
    json_raw(out, ",\"reference\":");
    json_quoted(out, reference);
    json_raw(out, ",\"entry\":");
    json_quoted(out, entry);
    json_raw(out, ",\"card\":{\"masked_pan\":");
    json_quoted(out, masked);
    json_raw(out, ",\"scheme\":");
    json_quoted(out, scheme);
    json_raw(out, "}}");
    return !out->full;
}

/* DECLINED CODE TEXT */
static int put_declined(json_writer *out, const char *line)
{
    char code[32];
    if (!wire_word(line, 1, code, sizeof code)) {
        return 0;
    }
    json_raw(out, "{\"approved\":false,\"response_code\":");
    json_quoted(out, code);
    json_raw(out, ",\"response_text\":");
    json_quoted(out, wire_rest(line, 2));
    json_raw(out, "}");
    return !out->full;
}

int put_outcome(json_writer *out, const char *line)
{
    if (wire_is(line, "PAID")) {
        return put_paid(out, line);
    }
    return wire_is(line, "DECLINED") && put_declined(out, line);
}

static int was_cancelled(const call *call)
{
    terminal *self = call->self;
    int cancelled;
    pthread_mutex_lock(&self->lock);
    cancelled = self->cancelled == call->token;
    pthread_mutex_unlock(&self->lock);
    return cancelled;
}

/* PAY TRANSACTION PURPOSE CURRENCY TOTAL */
static int begin(const call *call, exchange *exchange)
{
    char transaction[NAME_MAX_BYTES], purpose[24], currency[4];
    int64_t total;
    if (!word_of(call, "purpose", purpose, sizeof purpose) ||
        !word_of(call, "transaction_id", transaction, sizeof transaction) ||
        !word_of(call, "amounts.currency", currency, sizeof currency) ||
        !json_integer(call->payload, call->length, "amounts.total_minor", &total)) {
        reply_failed(call, "no", "understand the command: a name or amount is missing or too long");
        return 0;
    }
    /* The manifest lists no other ability. */
    if (strcmp(purpose, "sale") != 0) {
        reply_unsupported(call);
        return 0;
    }
    /* The last moment at which nothing has happened. */
    if (was_cancelled(call)) {
        reply_cancelled(call);
        return 0;
    }
    if (!wire_ask(exchange, "PAY %s sale %s %lld", transaction, currency, (long long)total)) {
        reply_failed(call, "maybe", "write to the terminal");
        return 0;
    }
    return 1;
}

/* PAY ... -> WAIT, then PAID, DECLINED or NO */
void pay(const call *call)
{
    char line[WIRE_LINE_MAX] = "";
    char json[WIRE_LINE_MAX + 256];
    json_writer out;
    exchange exchange;
    exchange.call = call;
    exchange.until = call->deadline;
    exchange.heeds_cancel = 1;
    if (!begin(call, &exchange)) {
        return;
    }
    for (;;) {
        wire_heard heard = wire_hear(&exchange, line);
        if (heard == WIRE_CANCELLED) {
            /* Whether it still stops is what it says now. */
            wire_stop(call);
            exchange.heeds_cancel = 0;
        } else if (heard == WIRE_LINE && wire_is(line, "WAIT")) {
            progress(call, "waiting_for_card", "See the terminal");
        } else if (heard != WIRE_ANSWERED) {
            json_begin(&out, json, sizeof json);
            if (heard == WIRE_LINE && put_outcome(&out, line)) {
                reply_ok(call, json);
            } else {
                reply_to_silence(call, heard, line);
            }
            return;
        }
    }
}
