/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the device's answer, or its silence, means for the call; and what the cashier sees meanwhile. */
#include "json.h"
#include "reader.h"

#include <string.h>

void reply_refused(const call *call, const char *code)
{
    char json[256];
    json_writer out;
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"code\":");
    json_quoted(&out, code);
    json_raw(&out, ",\"text\":");
    json_quoted(&out, sentence_of(code));
    json_raw(&out, "}");
    reply(call, PAYHAL_REFUSED, json);
}

void reply_to_silence(const call *call, wire_heard heard, const char *line)
{
    char code[32];
    switch (heard) {
    case WIRE_CANCELLED:
        wire_stop(call);
        reply_cancelled(call);
        return;
    case WIRE_SILENT:
        wire_stop(call);
        reply_failed(call, "maybe", "get an answer from the device in time");
        return;
    case WIRE_GONE:
        reply_failed(call, "maybe", "use the port: the device has hung up");
        return;
    case WIRE_NOISE:
        reply_failed(call, "maybe", "understand the device: it says too much");
        return;
    case WIRE_LINE:
        if (wire_is(line, "NO") && wire_word(line, 1, code, sizeof code) && sentence_of(code) != NULL) {
            reply_refused(call, code);
            return;
        }
        break;
    case WIRE_ANSWERED:
        break;
    }
    reply_failed(call, "maybe", "understand the device's answer");
}

void progress(const call *call, const char *stage, const char *text)
{
    char json[256];
    json_writer out;
    reader *self = call->self;
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"stage\":");
    json_quoted(&out, stage);
    json_raw(&out, ",\"text\":");
    json_quoted(&out, text);
    json_raw(&out, "}");
    /* Best effort: a host that drops it has its reasons. */
    (void)self->host->emit(self->context, call->token, PAYHAL_EMIT_PROGRESS, (const uint8_t *)json,
                           out.length);
}
