/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* HELLO and SAY: who the device is, and text on its display. */
#include "json.h"
#include "reader.h"

#include <string.h>

/* HELLO beeper 1 SERIAL FIRMWARE SCHEME SLOT test|live */
int introduce(const call *call)
{
    reader *self = call->self;
    char line[WIRE_LINE_MAX] = "";
    char version[8];
    char keys[8];
    exchange exchange;
    wire_heard heard;
    if (self->scheme[0] != '\0') {
        return 1;
    }
    exchange.call = call;
    exchange.until = within(call, self->patience_ms);
    exchange.heeds_cancel = 1;
    if (!wire_ask(&exchange, "HELLO")) {
        reply_failed(call, "maybe", "write to the device");
        return 0;
    }
    do {
        heard = wire_hear(&exchange, line);
    } while (heard == WIRE_ANSWERED);
    if (heard != WIRE_LINE || !wire_is(line, "HELLO")) {
        reply_to_silence(call, heard, line);
        return 0;
    }
    if (!wire_is(wire_rest(line, 1), "beeper") || !wire_word(line, 2, version, sizeof version) ||
        strcmp(version, "1") != 0 ||
        !wire_word(line, 3, self->serial_number, sizeof self->serial_number) ||
        !wire_word(line, 4, self->firmware, sizeof self->firmware) ||
        !wire_word(line, 6, self->slot, sizeof self->slot) ||
        !wire_word(line, 7, keys, sizeof keys) ||
        !wire_word(line, 5, self->scheme, sizeof self->scheme)) {
        self->scheme[0] = '\0';
        reply_failed(call, "maybe", "recognize the device: it is no beeper of version 1");
        return 0;
    }
    self->test_keys = strcmp(keys, "live") != 0;
    return 1;
}

void identify(const call *call)
{
    reader *self = call->self;
    char json[512];
    json_writer out;
    /* The host wants to know whether the device is there now. */
    self->scheme[0] = '\0';
    if (!introduce(call)) {
        return;
    }
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"model\":\"Beeper\",\"serial_number\":");
    json_quoted(&out, self->serial_number);
    json_raw(&out, ",\"firmware\":");
    json_quoted(&out, self->firmware);
    json_raw(&out, ",\"sealing\":{\"scheme\":");
    json_quoted(&out, self->scheme);
    json_raw(&out, self->test_keys ? ",\"software\":false,\"test_keys\":true}}"
                                   : ",\"software\":false,\"test_keys\":false}}");
    reply_ok(call, json);
}

/* What the display can show: one line of printable characters. */
static void shown(const call *call, char *text, size_t size)
{
    size_t length = 0;
    int n;
    for (n = 0; n < 4 && length + 4 < size; n++) {
        char path[] = "lines.0";
        char line[256];
        int count;
        int at;
        path[6] = (char)('0' + n);
        count = json_string(call->payload, call->length, path, line, sizeof line);
        if (count < 0) {
            break;
        }
        if (n > 0) {
            memcpy(text + length, " / ", 3);
            length += 3;
        }
        for (at = 0; at < count && length + 1 < size; at++) {
            text[length++] = line[at] >= ' ' && line[at] <= '~' ? line[at] : '?';
        }
    }
    text[length] = '\0';
}

/* SAY BEEPS TEXT -> OK */
void show(const call *call)
{
    reader *self = call->self;
    char line[WIRE_LINE_MAX] = "";
    char text[81];
    exchange exchange;
    wire_heard heard;
    shown(call, text, sizeof text);
    exchange.call = call;
    exchange.until = within(call, self->patience_ms);
    exchange.heeds_cancel = 1;
    if (!wire_ask(&exchange, "SAY %u %s",
                  json_true(call->payload, call->length, "beep") ? self->beeps : 0, text)) {
        reply_failed(call, "maybe", "write to the device");
        return;
    }
    do {
        heard = wire_hear(&exchange, line);
    } while (heard == WIRE_ANSWERED);
    if (heard == WIRE_LINE && wire_is(line, "OK")) {
        reply_ok(call, "{}");
    } else {
        reply_to_silence(call, heard, line);
    }
}
