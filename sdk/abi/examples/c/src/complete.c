/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* DONE: the issuer's answer, for the chip and the display. Too late to cancel anything. */
#include "json.h"
#include "reader.h"

#include <string.h>

/* DONE approved|declined|none TAG91|- -> DONE yes|no */
void complete(const call *call)
{
    reader *self = call->self;
    char line[WIRE_LINE_MAX] = "";
    char decision[16], presentation[NAME_MAX_BYTES], issuer[80], accepted[8];
    exchange exchange;
    wire_heard heard;
    if (!word_of(call, "answer.decision", decision, sizeof decision) ||
        !word_of(call, "presentation_id", presentation, sizeof presentation)) {
        reply_failed(call, "no", "understand the command: answer or presentation_id is missing");
        return;
    }
    if (!word_of(call, "answer.issuer.91", issuer, sizeof issuer)) {
        strcpy(issuer, "-");
    }
    if (self->presentation[0] == '\0' || strcmp(presentation, self->presentation) != 0) {
        reply_refused(call, "card_removed");
        return;
    }
    exchange.call = call;
    exchange.until = within(call, self->patience_ms);
    exchange.heeds_cancel = 0;
    if (!wire_ask(&exchange, "DONE %s %s",
                  is_one_of(decision, "approved|declined") ? decision : "none", issuer)) {
        reply_failed(call, "maybe", "write to the device");
        return;
    }
    self->presentation[0] = '\0';
    do {
        heard = wire_hear(&exchange, line);
    } while (heard == WIRE_ANSWERED);
    if (heard != WIRE_LINE || !wire_is(line, "DONE") ||
        !wire_word(line, 1, accepted, sizeof accepted) || !is_one_of(accepted, "yes|no")) {
        reply_to_silence(call, heard, line);
        return;
    }
    reply_ok(call, strcmp(accepted, "yes") == 0 ? "{\"accepted\":true}" : "{\"accepted\":false}");
}
