/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CHANGE: capture, void, refund. The service answers a repeat as it answered before. */
#include "gateway.h"

#include <string.h>

/* CHANGE TRANSACTION KIND ORIGINAL CURRENCY TOTAL */
void modify(const call *call)
{
    char line[LINE_MAX_BYTES];
    char change[24], known_by[16], transaction[NAME_MAX_BYTES], original[NAME_MAX_BYTES];
    char currency[4];
    int64_t total;
    /* The manifest lists no other ability. */
    if (!word_of(call, "change", change, sizeof change) ||
        !is_one_of(change, "capture|void|refund") ||
        !word_of(call, "original.known_by", known_by, sizeof known_by) ||
        strcmp(known_by, "wire") != 0) {
        reply_unsupported(call);
        return;
    }
    if (!word_of(call, "wire.transaction_id", transaction, sizeof transaction) ||
        !word_of(call, "original.wire.transaction_id", original, sizeof original) ||
        !word_of(call, "amounts.currency", currency, sizeof currency) ||
        !json_integer(call->payload, call->length, "amounts.total_minor", &total)) {
        reply_failed(call, "no", "understand the request: a word of it is missing or too long");
        return;
    }
    if (exchange(call, line, "CHANGE %s %s %s %s %lld", transaction, change, original, currency,
                 (long long)total)) {
        reply_answer(call, line);
    }
}
