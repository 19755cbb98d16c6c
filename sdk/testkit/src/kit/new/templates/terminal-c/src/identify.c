/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* HELLO and SAY: who the terminal is, and text on its display. */
#include "terminal.h"

#include <stdio.h>
#include <string.h>

int ask(const call *call, const char *command, char line[WIRE_LINE_MAX])
{
    exchange exchange;
    wire_heard heard;
    line[0] = '\0';
    exchange.call = call;
    exchange.until = within(call, call->self->patience_ms);
    exchange.heeds_cancel = 1;
    if (!wire_ask(&exchange, "%s", command)) {
        reply_failed(call, "maybe", "write to the terminal");
        return 0;
    }
    do {
        heard = wire_hear(&exchange, line);
    } while (heard == WIRE_ANSWERED);
    if (heard != WIRE_LINE) {
        reply_to_silence(call, heard, line);
        return 0;
    }
    return 1;
}

/* HELLO -> HELLO beeper 1 SERIAL FIRMWARE */
void identify(const call *call)
{
    char line[WIRE_LINE_MAX];
    char version[8];
    char serial_number[32];
    char firmware[32];
    char json[256];
    json_writer out;
    if (!ask(call, "HELLO", line)) {
        return;
    }
    if (!wire_is(line, "HELLO")) {
        reply_to_silence(call, WIRE_LINE, line);
        return;
    }
    if (!wire_is(wire_rest(line, 1), "beeper") || !wire_word(line, 2, version, sizeof version) ||
        strcmp(version, "1") != 0 || !wire_word(line, 3, serial_number, sizeof serial_number) ||
        !wire_word(line, 4, firmware, sizeof firmware)) {
        reply_failed(call, "maybe", "recognize the terminal: it is no beeper of version 1");
        return;
    }
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"model\":\"Beeper\",\"serial_number\":");
    json_quoted(&out, serial_number);
    json_raw(&out, ",\"firmware\":");
    json_quoted(&out, firmware);
    json_raw(&out, "}");
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
    char line[WIRE_LINE_MAX];
    char text[81];
    char command[96];
    shown(call, text, sizeof text);
    sprintf(command, "SAY %d %s", json_true(call->payload, call->length, "beep"), text);
    if (!ask(call, command, line)) {
        return;
    }
    if (wire_is(line, "OK")) {
        reply_ok(call, "{}");
    } else {
        reply_to_silence(call, WIRE_LINE, line);
    }
}
