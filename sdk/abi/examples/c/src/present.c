/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CARD and APP: wait for a card, and for the choice of its application. */
#include "json.h"
#include "reader.h"

#include <stdio.h>
#include <string.h>

/* The device ends the wait by itself; this much later it has failed to. */
#define GRACE_MS 2000

/* Longest wait for a choice. */
#define CHOICE_MS 30000

#define ENTRIES "chip|contactless|stripe|manual"

/* The command's entries as one word, such as "chip,stripe". */
static void entries_of(const call *call, char *word, size_t size)
{
    size_t length = 0;
    int n;
    word[0] = '\0';
    for (n = 0; n < 4; n++) {
        char path[] = "entries.0";
        char entry[16];
        path[8] = (char)('0' + n);
        if (!word_of(call, path, entry, sizeof entry) || length + strlen(entry) + 2 > size) {
            return;
        }
        length += (size_t)sprintf(word + length, "%s%s", n == 0 ? "" : ",", entry);
    }
}

/* Asks the register's operator; the labels stand in one text, "A|B". 0: nobody can be asked. */
static int ask_which(const call *call, const char *labels)
{
    reader *self = call->self;
    char json[WIRE_LINE_MAX + 256];
    json_writer out;
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"prompt_id\":1,\"kind\":\"choose_application\","
                   "\"text\":\"Which application of the card?\",\"timeout_ms\":30000,\"choices\":[");
    while (*labels != '\0') {
        char label[64];
        size_t length = strcspn(labels, "|");
        if (length >= sizeof label) {
            return 0;
        }
        memcpy(label, labels, length);
        label[length] = '\0';
        json_quoted(&out, label);
        labels += length;
        if (*labels == '|') {
            json_raw(&out, ",");
            labels++;
        }
    }
    json_raw(&out, "]}");
    return !out.full && self->host->emit(self->context, call->token, PAYHAL_EMIT_PROMPT,
                                         (const uint8_t *)json, out.length) == PAYHAL_ANSWER_OK;
}

/* CARD ENTRY MASKED SCHEME AID|- LABEL */
static void card_came(const call *call, const char *line)
{
    reader *self = call->self;
    char masked[32];
    char scheme[32];
    char aid[40];
    char json[1024];
    json_writer out;
    if (!wire_word(line, 1, self->entry, sizeof self->entry) || !is_one_of(self->entry, ENTRIES) ||
        !wire_word(line, 2, masked, sizeof masked) || !wire_word(line, 3, scheme, sizeof scheme) ||
        !wire_word(line, 4, aid, sizeof aid) ||
        !word_of(call, "transaction_id", self->presentation, sizeof self->presentation)) {
        self->presentation[0] = '\0';
        reply_failed(call, "maybe", "understand the device's answer to CARD");
        return;
    }
    progress(call,
             strcmp(self->entry, "contactless") == 0 ? "card_tapped"
             : strcmp(self->entry, "stripe") == 0    ? "card_swiped"
                                                     : "card_inserted",
             "");
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"presentation_id\":");
    json_quoted(&out, self->presentation);
    json_raw(&out, ",\"entry\":");
    json_quoted(&out, self->entry);
    json_raw(&out, ",\"card\":{\"masked_pan\":");
    json_quoted(&out, masked);
    json_raw(&out, ",\"scheme\":");
    json_quoted(&out, scheme);
    if (strcmp(aid, "-") != 0) {
        json_raw(&out, ",\"aid\":");
        json_quoted(&out, aid);
        json_raw(&out, ",\"application\":");
        json_quoted(&out, wire_rest(line, 5));
    }
    json_raw(&out, "}}");
    if (out.full) {
        self->presentation[0] = '\0';
        reply_failed(call, "maybe", "keep the device's answer to CARD: it is too long");
        return;
    }
    reply_ok(call, json);
}

/* Sends the choice on; 0: there is none, and the read is ended as a no would end it. */
static int choose(const call *call, exchange *exchange)
{
    reader *self = call->self;
    int64_t chosen;
    pthread_mutex_lock(&self->lock);
    chosen = self->answered_prompt == 1 ? self->chosen : -1;
    pthread_mutex_unlock(&self->lock);
    exchange->until = within(call, self->patience_ms);
    if (chosen >= 0 && chosen < 100 && wire_ask(exchange, "APP %d", (int)chosen)) {
        return 1;
    }
    wire_stop(call);
    reply_refused(call, "cancelled_on_device");
    return 0;
}

/* CARD MINOR CURRENCY SECONDS ENTRIES -> WAIT, then CARD, APPS A|B or NO; APP PLACE -> CARD or NO */
void present(const call *call)
{
    reader *self = call->self;
    char line[WIRE_LINE_MAX] = "";
    char currency[4];
    char entries[48];
    int64_t total = 0;
    int64_t timeout_ms = 0;
    int asks = 0;
    exchange exchange;
    if (!word_of(call, "amounts.currency", currency, sizeof currency) ||
        !json_integer(call->payload, call->length, "amounts.total_minor", &total) || total < 0 ||
        !json_integer(call->payload, call->length, "timeout_ms", &timeout_ms) || timeout_ms < 0) {
        reply_failed(call, "no", "understand the command: amounts or timeout_ms are missing");
        return;
    }
    if (!introduce(call)) {
        return;
    }
    if (timeout_ms > 600000) {
        timeout_ms = 600000;
    }
    entries_of(call, entries, sizeof entries);
    self->presentation[0] = '\0';
    exchange.call = call;
    exchange.until = within(call, (uint64_t)timeout_ms + GRACE_MS);
    exchange.heeds_cancel = 1;
    if (!wire_ask(&exchange, "CARD %lld %s %lld %s", (long long)total, currency,
                  (long long)(timeout_ms + 999) / 1000, entries)) {
        reply_failed(call, "maybe", "write to the device");
        return;
    }
    for (;;) {
        wire_heard heard = wire_hear(&exchange, line);
        if (heard == WIRE_ANSWERED && asks) {
            asks = 0;
            if (!choose(call, &exchange)) {
                return;
            }
        } else if (heard == WIRE_SILENT && asks) {
            wire_stop(call);
            reply_refused(call, "cancelled_on_device");
            return;
        } else if (heard == WIRE_LINE && wire_is(line, "WAIT")) {
            progress(call, "waiting_for_card", "Card, please");
        } else if (heard == WIRE_LINE && wire_is(line, "APPS") && !asks) {
            progress(call, "application_selection", "");
            asks = ask_which(call, wire_rest(line, 1));
            exchange.until = within(call, CHOICE_MS);
            if (!asks) {
                wire_stop(call);
                reply_refused(call, "cancelled_on_device");
                return;
            }
        } else if (heard == WIRE_LINE && wire_is(line, "CARD")) {
            card_came(call, line);
            return;
        } else if (heard != WIRE_ANSWERED) {
            reply_to_silence(call, heard, line);
            return;
        }
    }
}
