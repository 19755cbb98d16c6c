/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the terminal refuses with before it asked an issuer, each with a sentence for the cashier. */
#include "terminal.h"

#include <string.h>

const char *sentence_of(const char *code)
{
    static const char *const sentences[][2] = {
        {"busy", "The terminal is busy."},
        {"card_removed", "The card was taken away too early."},
        {"card_unreadable", "The card cannot be read."},
        {"cancelled_on_device", "Cancelled on the terminal."},
        {"no_card", "No card was presented."},
        {"not_accepted", "This card is not accepted."},
    };
    size_t n;
    for (n = 0; n < sizeof sentences / sizeof sentences[0]; n++) {
        if (strcmp(sentences[n][0], code) == 0) {
            return sentences[n][1];
        }
    }
    return NULL;
}
