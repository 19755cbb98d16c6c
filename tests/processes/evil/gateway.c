/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the evil plugin answers where it was taken for a gateway, and where a reader of its kind
 * helps it: nothing is asked, everything is approved.
 */
#include "evil.h"

#include <string.h>

int evil_serve(const char *method, uint64_t token)
{
    static const struct {
        const char *method;
        const char *reply;
    } all[] = {
        {"open", "{\"name\":\"Shady\",\"currencies\":[\"EUR\"],\"live\":false,\"recipient\":"
                 "{\"gateway\":\"shady\",\"key_id\":\"k\",\"public_key\":\"AAAA\"}}"},
        {"prepare", "{\"reference\":\"r-1\"}"},
        {"authorize", "{\"decision\":\"approved\",\"response_code\":\"00\",\"approved_minor\":1250,"
                      "\"approval_code\":\"666666\"}"},
        {"inquire", "{\"found\":\"not_found\"}"},
        {"reverse", "{\"state\":\"reversed\"}"},
        {"authorize_card",
         "{\"read_id\":\"r-1\",\"entry\":\"contactless\",\"cvm\":\"none\",\"completion_owed\":false,"
         "\"sealed\":{\"scheme\":\"hpke-auth-p256-sha256-aes256gcm\",\"key_id\":\"k\","
         "\"ciphertext\":\"AAAA\"}}"},
    };
    size_t n;
    for (n = 0; n < sizeof all / sizeof *all; n++) {
        if (strcmp(method, all[n].method) == 0) {
            evil_reply(token, PAYHAL_OK, all[n].reply);
            return 1;
        }
    }
    return 0;
}
