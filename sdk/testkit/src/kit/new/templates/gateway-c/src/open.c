/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the host must know of this gateway, and its name for a transaction. Nothing is sent. */
#include "gateway.h"

void open_gateway(const call *call)
{
    char json[512];
    json_writer out;
    json_begin(&out, json, sizeof json);
    /* Nothing is sealed to this connector: readers encrypt to the service, under DUKPT. */
    json_raw(&out, "{\"name\":\"Beeper\",\"currencies\":[],\"recipient\":{\"gateway\":");
    json_quoted(&out, call->self->name);
    json_raw(&out, ",\"key_id\":\"none\",\"public_key\":\"\",\"certificates\":[]},"
                   "\"opens\":[\"dukpt-aes\"],\"live\":false}");
    reply_ok(call, json);
}

/* The service knows transactions by our own name for them. */
void prepare(const call *call)
{
    char transaction[NAME_MAX_BYTES];
    char json[256];
    json_writer out;
    if (!word_of(call, "wire.transaction_id", transaction, sizeof transaction)) {
        reply_failed(call, "no", "understand the request: its transaction is missing or too long");
        return;
    }
    json_begin(&out, json, sizeof json);
    json_raw(&out, "{\"reference\":");
    json_quoted(&out, transaction);
    json_raw(&out, "}");
    reply_ok(call, json);
}
