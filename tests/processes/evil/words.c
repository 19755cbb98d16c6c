/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Harm by words: replies, events, questions and output that no honest plugin would send.
 */
#define _GNU_SOURCE

#include "evil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG_BYTES (8u * 1024 * 1024)

static const char stage[] = "{\"stage\":\"reading\",\"text\":\"again\"}";
static const char screen[] = "{\"change\":\"screen\",\"lines\":[\"again\"]}";
static const char prompt[] = "{\"prompt_id\":1,\"kind\":\"choose_application\",\"text\":\"Which?\","
                             "\"choices\":[\"A\",\"B\"],\"timeout_ms\":60000}";

static int32_t emit(uint64_t token, uint32_t kind, const char *json)
{
    return evil_host->emit(evil_context, token, kind, (const uint8_t *)json, strlen(json));
}

static void flood_progress(uint64_t token)
{
    for (;;) {
        emit(token, PAYHAL_EMIT_PROGRESS, stage);
    }
}

static void flood_changes(uint64_t token)
{
    (void)token;
    for (;;) {
        emit(0, PAYHAL_EMIT_CHANGE, screen);
    }
}

static void flood_questions(uint64_t token)
{
    for (;;) {
        emit(token, PAYHAL_EMIT_PROMPT, prompt);
    }
}

static void flood_log(uint64_t token)
{
    (void)token;
    for (;;) {
        evil_host->log(evil_context, PAYHAL_LOG_ERROR, (const uint8_t *)"again", 5);
    }
}

static void flood_output(uint64_t token)
{
    (void)token;
    for (;;) {
        puts("again");
    }
}

/* A line without an end. */
static void flood_one_line(uint64_t token)
{
    static char block[65536];
    (void)token;
    memset(block, 'x', sizeof block);
    for (;;) {
        if (write(1, block, sizeof block) < 0) {
            usleep(1000);
        }
    }
}

/* In every way out, and cut in two where that could hide it. */
static void show_card(uint64_t token)
{
    static const char card[] = "{\"text\":\"4111 1111 1111 1111\"}";
    static const char track[] = ";5413330089604111=25122010123456789?";
    printf("card 4111111111111111\n");
    printf("41111111");
    fflush(stdout);
    printf("11111111\n");
    fprintf(stderr, "track %s\n", track);
    evil_host->log(evil_context, PAYHAL_LOG_WARN, (const uint8_t *)card, sizeof card - 1);
    emit(token, PAYHAL_EMIT_PROGRESS, card);
    emit(0, PAYHAL_EMIT_CHANGE, card);
    evil_reply(token, PAYHAL_OK, card);
}

static void nothing_at_all(uint64_t token)
{
    evil_host->reply(evil_context, token, PAYHAL_OK, NULL, 0);
}

static void no_json(uint64_t token)
{
    evil_reply(token, PAYHAL_OK, "<presented/>");
}

static void other_json(uint64_t token)
{
    evil_reply(token, PAYHAL_OK, "[1e999, {\"presentation_id\": 7}]");
}

static void missing_members(uint64_t token)
{
    evil_reply(token, PAYHAL_OK, "{\"presentation_id\":\"p\"}");
}

static void deep_json(uint64_t token)
{
    size_t depth = 100 * 1024;
    char *json = malloc(depth + 1);
    memset(json, '[', depth);
    json[depth] = 0;
    evil_reply(token, PAYHAL_OK, json);
    free(json);
}

static void wrong_utf8(uint64_t token)
{
    evil_reply(token, PAYHAL_OK, "{\"presentation_id\":\"\xff\xfe\xc0\x80\"}");
}

static void wrong_status(uint64_t token)
{
    evil_reply(token, -77, "{}");
}

static void wrong_refusal(uint64_t token)
{
    evil_reply(token, PAYHAL_REFUSED, "{\"code\":\"because\",\"text\":{}}");
}

static void wrong_failure(uint64_t token)
{
    evil_reply(token, PAYHAL_FAILED, "no");
}

static void no_such_method(uint64_t token)
{
    evil_reply(token, PAYHAL_UNSUPPORTED, "");
}

static void never_mind(uint64_t token)
{
    evil_reply(token, PAYHAL_CANCELLED, "");
}

static void huge(uint64_t token)
{
    uint8_t *json = malloc(LONG_BYTES);
    memset(json, ' ', LONG_BYTES);
    evil_host->reply(evil_context, token, PAYHAL_OK, json, LONG_BYTES);
    free(json);
}

static void lie_about_length(uint64_t token)
{
    evil_host->reply(evil_context, token, PAYHAL_OK, (const uint8_t *)"{}", (size_t)1 << 46);
}

static void nowhere(uint64_t token)
{
    evil_host->reply(evil_context, token, PAYHAL_OK, (const uint8_t *)(uintptr_t)64, 64);
}

static void stranger(uint64_t token)
{
    evil_reply(token + 1000, PAYHAL_OK, "{}");
}

static void lose_context(uint64_t token)
{
    evil_host->reply(NULL, token, PAYHAL_OK, (const uint8_t *)"{}", 2);
}

static void ask(uint64_t token)
{
    emit(token, PAYHAL_EMIT_PROMPT, prompt);
}

/* Each of these is refused, and the call goes on. */
static void wrong_emissions(uint64_t token)
{
    static const char *const wrong[] = {"", "{", "[]", "\xff", "{\"stage\":\"robbing\"}"};
    size_t n;
    for (n = 0; n < sizeof wrong / sizeof *wrong; n++) {
        emit(token, PAYHAL_EMIT_PROGRESS, wrong[n]);
        emit(token, PAYHAL_EMIT_PROMPT, wrong[n]);
        emit(0, PAYHAL_EMIT_CHANGE, wrong[n]);
    }
    emit(token + 7, PAYHAL_EMIT_PROGRESS, stage);
    emit(token, 4711, stage);
    evil_host->emit(evil_context, token, PAYHAL_EMIT_PROGRESS, NULL, (size_t)-1);
    no_json(token);
}

int evil_say(const char *what, uint64_t token)
{
    static const struct {
        const char *name;
        void (*run)(uint64_t token);
    } all[] = {
        {"flood_progress", flood_progress},
        {"flood_changes", flood_changes},
        {"flood_questions", flood_questions},
        {"flood_log", flood_log},
        {"flood_output", flood_output},
        {"flood_one_line", flood_one_line},
        {"show_card", show_card},
        {"nothing_at_all", nothing_at_all},
        {"no_json", no_json},
        {"other_json", other_json},
        {"missing_members", missing_members},
        {"deep_json", deep_json},
        {"wrong_utf8", wrong_utf8},
        {"wrong_status", wrong_status},
        {"wrong_refusal", wrong_refusal},
        {"wrong_failure", wrong_failure},
        {"no_such_method", no_such_method},
        {"never_mind", never_mind},
        {"huge", huge},
        {"lie_about_length", lie_about_length},
        {"nowhere", nowhere},
        {"stranger", stranger},
        {"lose_context", lose_context},
        {"prompt", ask},
        {"wrong_emissions", wrong_emissions},
    };
    size_t n;
    for (n = 0; n < sizeof all / sizeof *all; n++) {
        if (strcmp(what, all[n].name) == 0) {
            all[n].run(token);
            return 1;
        }
    }
    return 0;
}
