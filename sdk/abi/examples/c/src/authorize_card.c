/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * READ: PIN, cryptogram, and the card, encrypted by the device under a key that this plugin does not
 * have. What comes is passed on as it is.
 */
#include "json.h"
#include "reader.h"

#include <stdio.h>
#include <string.h>

/* People take their time for a PIN; the device ends that by itself. */
#define PIN_MS 60000

#define CVMS "none|online_pin|offline_pin|on_device|signature"

/* An amount that may be absent, as a word. */
static void amount_word(const call *call, const char *path, char word[24])
{
    int64_t amount;
    strcpy(word, "-");
    if (json_integer(call->payload, call->length, path, &amount)) {
        sprintf(word, "%lld", (long long)amount);
    }
}

static int ask(const call *call, exchange *exchange)
{
    char purpose[24], currency[4], total[24], tip[24], surcharge[24], cashback[24];
    char transaction[NAME_MAX_BYTES], device[NAME_MAX_BYTES], gateway[NAME_MAX_BYTES];
    char policy[16];
    int no_pin;
    if (!word_of(call, "purpose", purpose, sizeof purpose) ||
        !word_of(call, "amounts.currency", currency, sizeof currency) ||
        !word_of(call, "transaction_id", transaction, sizeof transaction) ||
        !word_of(call, "device", device, sizeof device) ||
        !word_of(call, "recipient.gateway", gateway, sizeof gateway)) {
        reply_failed(call, "no", "understand the command: a name is missing or too long");
        return 0;
    }
    amount_word(call, "amounts.total_minor", total);
    amount_word(call, "amounts.tip_minor", tip);
    amount_word(call, "amounts.surcharge_minor", surcharge);
    amount_word(call, "amounts.cashback_minor", cashback);
    no_pin = word_of(call, "online_pin", policy, sizeof policy) && strcmp(policy, "never") == 0;
    if (!wire_ask(exchange, "READ %s %s %s %s %s %s %s %s %s %s %s", purpose, currency, total, tip,
                  surcharge, cashback, transaction, device, gateway, no_pin ? "no" : "yes",
                  json_true(call->payload, call->length, "seal_number") ? "yes" : "no")) {
        reply_failed(call, "maybe", "write to the device");
        return 0;
    }
    return 1;
}

static void put_sealed(json_writer *out, const reader *self, const char *ksn, const char *ciphertext)
{
    json_raw(out, "{\"scheme\":");
    json_quoted(out, self->scheme);
    json_raw(out, ",\"key_id\":");
    json_quoted(out, self->slot);
    json_raw(out, ",\"ksn\":");
    json_quoted(out, ksn);
    json_raw(out, ",\"ciphertext\":");
    json_quoted(out, ciphertext);
    json_raw(out, "}");
}

/* "9F26:0102,9F27:80" -> {"9F26":"0102","9F27":"80"} */
static int put_tags(json_writer *out, const char *tags)
{
    json_raw(out, "{");
    while (strcmp(tags, "-") != 0 && *tags != '\0') {
        char name[9];
        char value[256];
        size_t name_length = strcspn(tags, ":");
        size_t value_length;
        if (name_length == 0 || name_length >= sizeof name || tags[name_length] != ':') {
            return 0;
        }
        memcpy(name, tags, name_length);
        name[name_length] = '\0';
        tags += name_length + 1;
        value_length = strcspn(tags, ",");
        if (value_length >= sizeof value) {
            return 0;
        }
        memcpy(value, tags, value_length);
        value[value_length] = '\0';
        tags += value_length;
        json_quoted(out, name);
        json_raw(out, ":");
        json_quoted(out, value);
        if (*tags == ',') {
            json_raw(out, ",");
            tags++;
        }
    }
    json_raw(out, "}");
    return 1;
}

/* READ READ-ID CVM OWED KSN CIPHERTEXT NUMBER|- TAGS|- */
static void card_was_read(const call *call, const char *line)
{
    const reader *self = call->self;
    char id[NAME_MAX_BYTES], cvm[16], owed[8], ksn[64];
    char ciphertext[WIRE_LINE_MAX], number[WIRE_LINE_MAX], tags[WIRE_LINE_MAX];
    char json[2 * WIRE_LINE_MAX + 512];
    json_writer out;
    if (!wire_word(line, 1, id, sizeof id) || !wire_word(line, 2, cvm, sizeof cvm) ||
        !is_one_of(cvm, CVMS) || !wire_word(line, 3, owed, sizeof owed) ||
        !is_one_of(owed, "yes|no") || !wire_word(line, 4, ksn, sizeof ksn) ||
        !wire_word(line, 5, ciphertext, sizeof ciphertext) ||
        !wire_word(line, 6, number, sizeof number) || !wire_word(line, 7, tags, sizeof tags)) {
        reply_failed(call, "maybe", "understand the device's answer to READ");
        return;
    }
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"read_id\":");
    json_quoted(&out, id);
    json_raw(&out, ",\"sealed\":");
    put_sealed(&out, self, ksn, ciphertext);
    if (strcmp(number, "-") != 0) {
        json_raw(&out, ",\"number\":");
        put_sealed(&out, self, ksn, number);
    }
    json_raw(&out, ",\"entry\":");
    json_quoted(&out, self->entry);
    json_raw(&out, ",\"cvm\":");
    json_quoted(&out, cvm);
    json_raw(&out, strcmp(owed, "yes") == 0 ? ",\"completion_owed\":true,\"tags\":"
                                            : ",\"completion_owed\":false,\"tags\":");
    if (!put_tags(&out, tags)) {
        reply_failed(call, "maybe", "understand the tags in the device's answer to READ");
        return;
    }
    json_raw(&out, "}");
    if (out.full) {
        reply_failed(call, "maybe", "keep the device's answer to READ: it is too long");
        return;
    }
    reply_ok(call, json);
}

/* READ ... -> PIN, then READ or NO */
void authorize_card(const call *call)
{
    reader *self = call->self;
    char line[WIRE_LINE_MAX] = "";
    char presentation[NAME_MAX_BYTES];
    exchange exchange;
    if (!word_of(call, "presentation_id", presentation, sizeof presentation)) {
        reply_failed(call, "no", "understand the command: presentation_id is missing");
        return;
    }
    if (self->presentation[0] == '\0' || strcmp(presentation, self->presentation) != 0) {
        reply_refused(call, "card_removed");
        return;
    }
    if (!introduce(call)) {
        return;
    }
    exchange.call = call;
    exchange.until = within(call, self->patience_ms);
    exchange.heeds_cancel = 1;
    if (!ask(call, &exchange)) {
        return;
    }
    for (;;) {
        wire_heard heard = wire_hear(&exchange, line);
        if (heard == WIRE_LINE && wire_is(line, "PIN")) {
            progress(call, "pin_entry", "PIN, please");
            exchange.until = within(call, PIN_MS);
        } else if (heard == WIRE_LINE && wire_is(line, "READ")) {
            card_was_read(call, line);
            return;
        } else if (heard != WIRE_ANSWERED) {
            reply_to_silence(call, heard, line);
            return;
        }
    }
}
