/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The device of letters.c for `payhal plugin check`: one JSON line in, one out. It answers each
 * letter after 20 ms; without a card (scenario "idle") it does not answer P.
 */
#include <stdio.h>
#include <string.h>

/* The letter that answers a letter, in hex. */
static const char *answer(const char *from_plugin, int card)
{
    if (strncmp(from_plugin, "49", 2) == 0) {
        return "4c0a";
    }
    if (strncmp(from_plugin, "50", 2) == 0) {
        return card ? "430a" : NULL;
    }
    if (strncmp(from_plugin, "41", 2) == 0) {
        return "530a";
    }
    if (strncmp(from_plugin, "46", 2) == 0) {
        return "540a";
    }
    return strncmp(from_plugin, "59", 2) == 0 && card ? "440a" : NULL;
}

int main(void)
{
    static char line[4096];
    int card = 1;
    while (fgets(line, sizeof line, stdin) != NULL) {
        const char *from_plugin = strstr(line, "\"from_plugin\":\"");
        const char *said = NULL;
        if (strstr(line, "\"scenario\":") != NULL) {
            card = strstr(line, "\"scenario\":\"idle\"") == NULL;
        } else if (from_plugin != NULL) {
            said = answer(from_plugin + strlen("\"from_plugin\":\""), card);
        }
        if (said != NULL) {
            printf("{\"say\":[{\"port\":\"main\",\"hex\":\"%s\",\"after_us\":20000}],"
                   "\"next_us\":null}\n",
                   said);
        } else {
            printf("{\"say\":[],\"next_us\":null}\n");
        }
        fflush(stdout);
    }
    return 0;
}
