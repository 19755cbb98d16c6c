/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a reader may refuse with, each with a sentence for the cashier. */
#include "reader.h"

#include <string.h>

const char *sentence_of(const char *code)
{
    static const char *const sentences[][2] = {
        {"card_expired", "The card has expired."},
        {"card_unreadable", "The card cannot be read."},
        {"card_removed", "The card was taken away too early."},
        {"cancelled_on_device", "Cancelled on the reader."},
        {"no_card", "No card was presented."},
        {"not_accepted", "This card is not accepted."},
        {"pin_failed", "The PIN was not entered."},
    };
    size_t n;
    for (n = 0; n < sizeof sentences / sizeof sentences[0]; n++) {
        if (strcmp(sentences[n][0], code) == 0) {
            return sentences[n][1];
        }
    }
    return NULL;
}
