/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the connector does with a service that answers, and with one that does not. */
#include "fake_host.h"
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG "{\"server\":\"" FAKE_TARGET "\"}"
#define WIRE "\"wire\":{\"transaction_id\":\"t-1\",\"stan\":7}"
#define AMOUNTS "\"amounts\":{\"currency\":\"EUR\",\"total_minor\":1250}"

static const char SALE[] =
    "{" WIRE ",\"purpose\":\"sale\"," AMOUNTS ",\"card\":{\"source\":\"read\",\"device\":\"counter\","
    "\"read_id\":\"r-1\",\"entry\":\"chip\",\"sealed\":{\"scheme\":\"dukpt-aes\",\"key_id\":\"main\","
    "\"ksn\":\"AQID\",\"ciphertext\":\"BAUG\"}}}";

static const char TOKEN[] = "{" WIRE ",\"purpose\":\"sale\"," AMOUNTS
                            ",\"card\":{\"source\":\"token\",\"token\":\"x\"}}";

static const char REFUND[] = "{" WIRE ",\"change\":\"refund\"," AMOUNTS
                             ",\"original\":{\"known_by\":\"wire\",\"wire\":{\"transaction_id\":\"t-0\"}}}";

static const char VOICE[] = "{" WIRE ",\"change\":{\"voice_approval\":{\"code\":\"1\"}}," AMOUNTS
                            ",\"original\":{\"known_by\":\"wire\",\"wire\":{\"transaction_id\":\"t-0\"}}}";

static const char ASKED[] = "{" WIRE "}";

static const char *now_running;

static void expect(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s: %s does not hold; the reply is %s\n", now_running, what, fake_reply());
        exit(1);
    }
}

#define EXPECT(what) expect((what) != 0, #what)
#define REPLIED(part) (strstr(fake_reply(), part) != NULL)

static void the_seal_is_passed_on_and_the_answer_comes_back(void)
{
    static const exchange_of script[] = {
        {"AUTH t-1 sale EUR 1250 counter test-1 r-1 dukpt-aes main AQID BAUG",
         "YES 1250 100001 000000000001"},
        {"AUTH t-1", "NO 51 Insufficient \"funds\""},
        {"CHANGE t-1 refund t-0 EUR 1250", "YES 1250 100002 000000000002"},
        {NULL, NULL},
    };
    void *gateway = fake_open(CONFIG, script);
    EXPECT(fake_call(gateway, "open", "{}") == PAYHAL_OK && REPLIED("\"gateway\":\"test-1\""));
    EXPECT(fake_call(gateway, "prepare", ASKED) == PAYHAL_OK && REPLIED("{\"reference\":\"t-1\"}"));
    EXPECT(fake_call(gateway, "authorize", SALE) == PAYHAL_OK);
    EXPECT(REPLIED("\"approved\"") && REPLIED("\"approved_minor\":1250") && REPLIED("\"100001\""));
    EXPECT(json_valid(fake_reply(), strlen(fake_reply())));
    EXPECT(fake_call(gateway, "authorize", SALE) == PAYHAL_OK);
    EXPECT(REPLIED("\"declined\"") && REPLIED("Insufficient \\\"funds\\\""));
    EXPECT(fake_call(gateway, "modify", REFUND) == PAYHAL_OK && REPLIED("\"100002\""));
    EXPECT(fake_close(gateway));
}

static void before_the_request_is_written_nothing_was_sent(void)
{
    static const exchange_of script[] = {{NULL, NULL}};
    void *gateway = fake_open("{\"server\":\"elsewhere.example:1\"}", script);
    EXPECT(fake_call(gateway, "authorize", SALE) == PAYHAL_FAILED);
    EXPECT(REPLIED("\"sent\":\"no\"") && REPLIED("network"));
    EXPECT(fake_call(gateway, "authorize", ASKED) == PAYHAL_UNSUPPORTED);
    EXPECT(fake_call(gateway, "inquire", "{}") == PAYHAL_FAILED && REPLIED("\"sent\":\"no\""));
    EXPECT(fake_close(gateway));
}

static void afterwards_nobody_knows(void)
{
    static const exchange_of script[] = {
        {"AUTH", "PERHAPS"}, {"AUTH", "YES lots 1 1"}, {"AUTH", ""}, {"AUTH", ""}, {"AUTH", ""},
        {NULL, NULL},
    };
    void *gateway = fake_open(CONFIG, script);
    EXPECT(fake_call(gateway, "authorize", SALE) == PAYHAL_FAILED && REPLIED("\"sent\":\"maybe\""));
    EXPECT(fake_call(gateway, "authorize", SALE) == PAYHAL_FAILED && REPLIED("\"sent\":\"maybe\""));
    EXPECT(fake_passed_ms() == 0);
    EXPECT(fake_call(gateway, "authorize", SALE) == PAYHAL_FAILED && REPLIED("in time"));
    EXPECT(fake_passed_ms() == 15000);
    fake_cancel_next();
    EXPECT(fake_call(gateway, "authorize", SALE) == PAYHAL_FAILED && REPLIED("\"sent\":\"maybe\""));
    EXPECT(fake_passed_ms() == 15000);
    fake_unplug_next();
    EXPECT(fake_call(gateway, "authorize", SALE) == PAYHAL_FAILED && REPLIED("hung up"));
    EXPECT(fake_close(gateway));
}

static void what_became_of_it_is_asked_and_it_is_undone(void)
{
    static const exchange_of script[] = {
        {"ASK t-1", "UNKNOWN"}, {"ASK t-1", "YES 1250 100001 000000000001"},
        {"UNDO t-1", "UNDONE"}, {"ASK t-1", "UNDONE"},
        {"UNDO t-1", "NO 12 Too late"}, {NULL, NULL},
    };
    void *gateway = fake_open(CONFIG, script);
    EXPECT(fake_call(gateway, "inquire", ASKED) == PAYHAL_OK && REPLIED("\"not_found\""));
    EXPECT(fake_call(gateway, "inquire", ASKED) == PAYHAL_OK && REPLIED("\"answered\""));
    EXPECT(json_valid(fake_reply(), strlen(fake_reply())));
    EXPECT(fake_call(gateway, "reverse", ASKED) == PAYHAL_OK && REPLIED("\"state\":\"reversed\""));
    EXPECT(fake_call(gateway, "inquire", ASKED) == PAYHAL_OK && REPLIED("\"found\":\"reversed\""));
    EXPECT(fake_call(gateway, "reverse", ASKED) == PAYHAL_OK && REPLIED("Too late"));
    EXPECT(fake_close(gateway));
}

static void noise_is_skipped_and_too_much_of_it_is_a_failure(void)
{
    static const exchange_of script[] = {
        {"ASK", "UNKNOWN"}, {"ASK", ""}, {NULL, NULL},
    };
    static char flood[2048];
    void *gateway = fake_open(CONFIG, script);
    memset(flood, 'x', sizeof flood);
    fake_device_says("\001\002\n9 YES 1 1 1\nYES\n\n", 20);
    EXPECT(fake_call(gateway, "inquire", ASKED) == PAYHAL_OK && REPLIED("\"not_found\""));
    fake_device_says(flood, sizeof flood);
    EXPECT(fake_call(gateway, "inquire", ASKED) == PAYHAL_FAILED && REPLIED("understand"));
    EXPECT(fake_close(gateway));
}

static void what_nobody_knows_is_answered_as_the_abi_demands(void)
{
    static const exchange_of script[] = {{NULL, NULL}};
    void *gateway = fake_open(CONFIG, script);
    EXPECT(fake_call(gateway, "fly", "{}") == PAYHAL_UNSUPPORTED);
    EXPECT(fake_call(gateway, "authorize", TOKEN) == PAYHAL_UNSUPPORTED);
    EXPECT(fake_call(gateway, "modify", VOICE) == PAYHAL_UNSUPPORTED);
    EXPECT(fake_call(gateway, "reverse", "{\"wire\":") == PAYHAL_FAILED && REPLIED("not JSON"));
    EXPECT(fake_close(gateway));
    EXPECT(fake_open("{}", script) == NULL && REPLIED("server must be host:port"));
    EXPECT(fake_open("{\"server\":", script) == NULL && REPLIED("not JSON"));
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"the seal is passed on, the answer comes back",
         the_seal_is_passed_on_and_the_answer_comes_back},
        {"before it is written nothing was sent", before_the_request_is_written_nothing_was_sent},
        {"afterwards nobody knows", afterwards_nobody_knows},
        {"it is asked and undone", what_became_of_it_is_asked_and_it_is_undone},
        {"noise is skipped, within bounds", noise_is_skipped_and_too_much_of_it_is_a_failure},
        {"the unknown is answered", what_nobody_knows_is_answered_as_the_abi_demands},
    };
    size_t n;
    for (n = 0; n < sizeof tests / sizeof tests[0]; n++) {
        now_running = tests[n].name;
        tests[n].run();
        printf("ok: %s\n", now_running);
    }
    return 0;
}
