/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How a call ends, and what its payload says. */
#include "json.h"
#include "reader.h"

#include <string.h>

void reply(const call *call, int32_t status, const char *json)
{
    reader *self = call->self;
    self->host->reply(self->context, call->token, status, (const uint8_t *)json, strlen(json));
}

void reply_ok(const call *call, const char *json)
{
    reply(call, PAYHAL_OK, json);
}

void reply_cancelled(const call *call)
{
    reply(call, PAYHAL_CANCELLED, "");
}

void reply_unsupported(const call *call)
{
    reply(call, PAYHAL_UNSUPPORTED, "");
}

void reply_failed(const call *call, const char *sent, const char *reason)
{
    char json[512];
    json_writer out;
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"sent\":");
    json_quoted(&out, sent);
    json_raw(&out, ",\"reason\":");
    json_quoted(&out, reason);
    json_raw(&out, "}");
    reply(call, PAYHAL_FAILED, json);
}

uint64_t within(const call *call, uint64_t milliseconds)
{
    uint64_t until = call->self->host->now(call->self->context) + milliseconds * 1000000;
    return until < call->deadline ? until : call->deadline;
}

int word_of(const call *call, const char *path, char *out, size_t out_size)
{
    int length = json_string(call->payload, call->length, path, out, out_size);
    int n;
    for (n = 0; n < length; n++) {
        if (out[n] <= ' ' || out[n] > '~') {
            return 0;
        }
    }
    return length > 0;
}

int is_one_of(const char *word, const char *list)
{
    size_t length = strlen(word);
    while (*list != '\0') {
        size_t part = strcspn(list, "|");
        if (part == length && memcmp(list, word, part) == 0) {
            return 1;
        }
        list += part;
        list += *list == '|' ? 1 : 0;
    }
    return 0;
}
