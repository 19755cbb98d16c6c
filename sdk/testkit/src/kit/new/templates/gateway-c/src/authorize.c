/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* AUTH: asks the issuer. The seal goes on as it came. */
#include "gateway.h"

#include <string.h>

/* Base64 of the payload, or a word even where there are no bytes. */
static int bytes_of(const call *call, const char *path, char *out, size_t out_size)
{
    size_t length = 0;
    const char *found = json_find(call->payload, call->length, path, &length);
    if (found == NULL || (length == 2 && memcmp(found, "\"\"", 2) == 0)) {
        strcpy(out, "-");
        return 1;
    }
    return word_of(call, path, out, out_size);
}

/* AUTH TRANSACTION PURPOSE CURRENCY TOTAL DEVICE GATEWAY READ-ID SCHEME SLOT KSN CIPHERTEXT */
void authorize(const call *call)
{
    char line[LINE_MAX_BYTES];
    char purpose[24], source[16], transaction[NAME_MAX_BYTES], currency[4];
    char device[NAME_MAX_BYTES], read_id[NAME_MAX_BYTES];
    char scheme[32], slot[NAME_MAX_BYTES], ksn[64], ciphertext[LINE_MAX_BYTES];
    int64_t total;
    /* The manifest lists no other ability. */
    if (!word_of(call, "purpose", purpose, sizeof purpose) ||
        !is_one_of(purpose, "sale|authorize") ||
        !word_of(call, "card.source", source, sizeof source) || strcmp(source, "read") != 0) {
        reply_unsupported(call);
        return;
    }
    if (!word_of(call, "wire.transaction_id", transaction, sizeof transaction) ||
        !word_of(call, "amounts.currency", currency, sizeof currency) ||
        !json_integer(call->payload, call->length, "amounts.total_minor", &total) ||
        !word_of(call, "card.device", device, sizeof device) ||
        !word_of(call, "card.read_id", read_id, sizeof read_id) ||
        !word_of(call, "card.sealed.scheme", scheme, sizeof scheme) ||
        !word_of(call, "card.sealed.key_id", slot, sizeof slot) ||
        !bytes_of(call, "card.sealed.ksn", ksn, sizeof ksn) ||
        !bytes_of(call, "card.sealed.ciphertext", ciphertext, sizeof ciphertext)) {
        reply_failed(call, "no", "understand the request: a word of it is missing or too long");
        return;
    }
    if (exchange(call, line, "AUTH %s %s %s %lld %s %s %s %s %s %s %s", transaction, purpose, currency,
                 (long long)total, device, call->self->name, read_id, scheme, slot, ksn,
                 ciphertext)) {
        reply_answer(call, line);
    }
}
