/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The terminal of frames.c for the noisy line: one JSON line in, one out, with books. A payment
 * takes 1.5 s; scenario "decline" declines the next one. A request with a stan it knows is a new
 * one all the same, as at many a terminal.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STX 0x02
#define ETX 0x03
#define ACK 0x06
#define NAK 0x15
#define BOOKED_MAX 4096
#define TRIES 3

static struct {
    long stan, minor;
    bool approved;
} books[BOOKED_MAX];
static size_t booked;

static char text[64], said[64];
static size_t length;
static int state; /* 0: nothing, 1: in a text, 2 and 3: check bytes */
static uint8_t want[2];
static bool right, decline;
static long running_stan = -1, running_minor;
static uint64_t due, again;
static int tries;
static char out[8192];

static void checks(const char *of, uint8_t made[2])
{
    uint8_t exclusive = ETX, sum = ETX;
    for (const char *at = of; *at != 0; at++) {
        exclusive ^= (uint8_t)*at;
        sum = (uint8_t)(sum * 3 + (uint8_t)*at);
    }
    made[0] = exclusive | 0x80;
    made[1] = sum | 0x80;
}

static void say_bytes(const uint8_t *bytes, size_t count)
{
    size_t end = strlen(out);
    end += (size_t)snprintf(out + end, sizeof out - end,
                            "%s{\"port\":\"main\",\"after_us\":2000,\"hex\":\"",
                            end == 0 ? "" : ",");
    for (size_t at = 0; at < count; at++) {
        end += (size_t)snprintf(out + end, sizeof out - end, "%02x", bytes[at]);
    }
    snprintf(out + end, sizeof out - end, "\"}");
}

static void say_byte(uint8_t byte)
{
    say_bytes(&byte, 1);
}

static void say_frame(void)
{
    uint8_t frame[sizeof said + 4];
    size_t count = strlen(said);
    frame[0] = STX;
    memcpy(frame + 1, said, count);
    frame[count + 1] = ETX;
    checks(said, frame + count + 2);
    say_bytes(frame, count + 4);
}

/* Says it until it is acknowledged, some times. */
static void answer(uint64_t now, const char *word, long stan, long minor)
{
    snprintf(said, sizeof said, "%s %ld %ld", word, stan, minor);
    tries = TRIES;
    again = now + 1000000;
    say_frame();
}

static void heard_frame(uint64_t now)
{
    long stan = 0, minor = 0;
    char word[8];
    if (sscanf(text, "%7s %ld %ld", word, &stan, &minor) != 3) {
        say_byte(NAK);
        return;
    }
    say_byte(ACK);
    if (strcmp(word, "WHO") == 0) {
        answer(now, "ME", 0, 0);
    } else if (strcmp(word, "PAY") == 0 && running_stan < 0) {
        running_stan = stan;
        running_minor = minor;
        due = now + 1500000;
    } else if (strcmp(word, "PAY") == 0) {
        answer(now, "BUSY", stan, 0);
    } else if (strcmp(word, "ASK") == 0) {
        if (running_stan == stan) {
            answer(now, "BUSY", stan, 0);
            return;
        }
        for (size_t at = booked; at > 0; at--) {
            if (books[at - 1].stan == stan) {
                answer(now, books[at - 1].approved ? "YES" : "NO", stan, books[at - 1].minor);
                return;
            }
        }
        answer(now, "NEVER", stan, 0);
    }
}

static void heard(uint64_t now, uint8_t byte)
{
    if (state == 1 && byte == ETX) {
        text[length] = 0;
        checks(text, want);
        state = 2;
        right = true;
    } else if (state == 1 && byte >= ' ' && length + 1 < sizeof text) {
        text[length++] = (char)byte;
    } else if (state >= 2) {
        right = right && byte == want[state - 2];
        if (++state == 4) {
            state = 0;
            if (right) {
                heard_frame(now);
            } else {
                say_byte(NAK);
            }
        }
    } else if (byte == STX) {
        state = 1;
        length = 0;
    } else if (byte == ACK) {
        again = 0;
    } else if (byte == NAK && again != 0) {
        say_frame();
    } else {
        state = 0;
    }
}

static void passes(uint64_t now)
{
    if (running_stan >= 0 && due <= now && booked < BOOKED_MAX) {
        books[booked].stan = running_stan;
        books[booked].minor = running_minor;
        books[booked].approved = !decline;
        booked++;
        answer(now, decline ? "NO" : "YES", running_stan, running_minor);
        decline = false;
        running_stan = -1;
    }
    if (again != 0 && again <= now) {
        again = --tries > 0 ? now + 1000000 : 0;
        if (again != 0) {
            say_frame();
        }
    }
}

static void tell_books(void)
{
    printf("{\"say\":[],\"next_us\":null,\"books\":[");
    for (size_t at = 0; at < booked; at++) {
        printf("%s{\"kind\":\"payment\",\"minor\":%ld,\"approved\":%s,\"tag\":\"%ld\"}",
               at == 0 ? "" : ",", books[at].minor, books[at].approved ? "true" : "false",
               books[at].stan);
    }
    printf("]}\n");
}

int main(void)
{
    static char line[65536];
    while (fgets(line, sizeof line, stdin) != NULL) {
        const char *time = strstr(line, "\"now_us\":");
        const char *hex = strstr(line, "\"from_plugin\":\"");
        uint64_t now = time == NULL ? 0 : strtoull(time + strlen("\"now_us\":"), NULL, 10);
        uint64_t next = 0;
        out[0] = 0;
        if (strstr(line, "\"books\":") != NULL) {
            tell_books();
            fflush(stdout);
            continue;
        }
        passes(now);
        if (strstr(line, "\"scenario\":") != NULL) {
            decline = strstr(line, "\"scenario\":\"decline\"") != NULL;
        }
        for (hex = hex == NULL ? "" : hex + strlen("\"from_plugin\":\"");
             *hex != 0 && *hex != '"'; hex += 2) {
            char pair[3] = {hex[0], hex[1], 0};
            heard(now, (uint8_t)strtoul(pair, NULL, 16));
        }
        next = running_stan >= 0 ? due : 0;
        next = again != 0 && (next == 0 || again < next) ? again : next;
        printf("{\"say\":[%s],\"next_us\":", out);
        if (next == 0) {
            printf("null}\n");
        } else {
            printf("%llu}\n", (unsigned long long)next);
        }
        fflush(stdout);
    }
    return 0;
}
