/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the reader does with a device that behaves, and with one that does not. */
#include "fake_host.h"
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELLO {"HELLO", "HELLO beeper 1 B-7 1.2.0 dukpt-aes main test"}
#define CARD "WAIT\nCARD contactless 411111******1111 visa A0000000031010 VISA CREDIT"

/* The transaction in tests/pin.recording. */
#define RECORDED "01a20174-e097-7455-a82f-e7f691478f5e"

static const char PRESENT[] =
    "{\"transaction_id\":\"t-1\",\"purpose\":\"sale\",\"timeout_ms\":30000,"
    "\"entries\":[\"chip\",\"contactless\"],\"amounts\":{\"currency\":\"EUR\",\"total_minor\":1250}}";

static const char AUTHORIZE[] =
    "{\"transaction_id\":\"t-1\",\"presentation_id\":\"t-1\",\"device\":\"counter\","
    "\"purpose\":\"sale\",\"amounts\":{\"currency\":\"EUR\",\"total_minor\":1250,\"tip_minor\":50},"
    "\"recipient\":{\"gateway\":\"sandbox\",\"key_id\":\"k\",\"public_key\":\"\"}}";

static const char COMPLETE[] =
    "{\"transaction_id\":\"t-1\",\"presentation_id\":\"t-1\","
    "\"answer\":{\"decision\":\"approved\",\"response_code\":\"00\",\"issuer\":{\"91\":\"0102\"}}}";

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
#define EMITTED(part) (strstr(fake_emitted(), part) != NULL)

static void a_card_is_read_and_completed(void)
{
    static const exchange_of script[] = {
        HELLO,
        {"CARD 1250 EUR 30 chip,contactless", CARD},
        {"READ sale EUR 1250 50 - - t-1 counter sandbox yes no",
         "PIN\nREAD r-1 online_pin no AQID BAUG - 9F26:0102,9F27:80"},
        {"DONE approved 0102", "DONE yes"},
        {NULL, NULL},
    };
    void *reader = fake_open("{}", script);
    EXPECT(fake_call(reader, "identify", "{}") == PAYHAL_OK);
    EXPECT(REPLIED("\"serial_number\":\"B-7\"") && REPLIED("\"test_keys\":true"));
    EXPECT(fake_call(reader, "present", PRESENT) == PAYHAL_OK);
    EXPECT(EMITTED("waiting_for_card") && EMITTED("card_tapped"));
    EXPECT(REPLIED("411111******1111") && REPLIED("\"application\":\"VISA CREDIT\""));
    EXPECT(fake_call(reader, "authorize_card", AUTHORIZE) == PAYHAL_OK);
    EXPECT(EMITTED("pin_entry"));
    EXPECT(REPLIED("\"ciphertext\":\"BAUG\"") && REPLIED("{\"9F26\":\"0102\",\"9F27\":\"80\"}"));
    EXPECT(json_valid(fake_reply(), strlen(fake_reply())));
    EXPECT(fake_call(reader, "complete", COMPLETE) == PAYHAL_OK);
    EXPECT(REPLIED("{\"accepted\":true}"));
    EXPECT(fake_close(reader));
}

/* What the beeper said when somebody held a card to it and typed a PIN. */
static void a_recorded_sale_is_read_again(void)
{
    static const char present[] =
        "{\"transaction_id\":\"" RECORDED "\",\"purpose\":\"sale\",\"timeout_ms\":60000,"
        "\"entries\":[\"chip\",\"contactless\",\"stripe\"],"
        "\"amounts\":{\"currency\":\"EUR\",\"total_minor\":1250}}";
    static const char authorize[] =
        "{\"transaction_id\":\"" RECORDED "\",\"presentation_id\":\"" RECORDED "\","
        "\"device\":\"counter\",\"purpose\":\"sale\","
        "\"amounts\":{\"currency\":\"EUR\",\"total_minor\":1250},"
        "\"recipient\":{\"gateway\":\"sandbox\",\"key_id\":\"k\",\"public_key\":\"\"}}";
    static const char complete[] =
        "{\"transaction_id\":\"" RECORDED "\",\"presentation_id\":\"" RECORDED "\","
        "\"answer\":{\"decision\":\"approved\",\"response_code\":\"00\","
        "\"issuer\":{\"91\":\"B117373B06357BA03030\"}}}";
    void *reader = fake_open_recording("{}", "tests/pin.recording");
    EXPECT(fake_call(reader, "identify", "{}") == PAYHAL_OK);
    EXPECT(REPLIED("\"serial_number\":\"B-0001\""));
    EXPECT(fake_call(reader, "present", present) == PAYHAL_OK);
    EXPECT(REPLIED("400005******5556") && REPLIED("\"entry\":\"chip\""));
    EXPECT(fake_call(reader, "authorize_card", authorize) == PAYHAL_OK);
    EXPECT(REPLIED("\"9F26\":\"6D4C7538D100F108\"") && REPLIED("online_pin"));
    EXPECT(fake_call(reader, "complete", complete) == PAYHAL_OK);
    /* The person took as long as the person took. */
    EXPECT(fake_passed_ms() == 3295);
    EXPECT(fake_close(reader));
}

static void the_device_says_no(void)
{
    static const exchange_of script[] = {
        HELLO,
        {"CARD", "WAIT\nNO no_card"},
        {"CARD", "WAIT\nNO out_of_paper"},
        {NULL, NULL},
    };
    void *reader = fake_open("{}", script);
    EXPECT(fake_call(reader, "present", PRESENT) == PAYHAL_REFUSED);
    EXPECT(REPLIED("\"code\":\"no_card\""));
    EXPECT(fake_call(reader, "present", PRESENT) == PAYHAL_FAILED);
    EXPECT(fake_close(reader));
}

static void an_application_is_chosen_at_the_register(void)
{
    static const exchange_of script[] = {
        HELLO,
        {"CARD", "WAIT\nAPPS DEBIT|CREDIT"},
        {"APP 1", CARD},
        {"CARD", "WAIT\nAPPS DEBIT|CREDIT"},
        {"STOP", "OK"},
        {NULL, NULL},
    };
    void *reader = fake_open("{}", script);
    fake_answer_next("{\"answer\":\"chosen\",\"index\":1}");
    EXPECT(fake_call(reader, "present", PRESENT) == PAYHAL_OK);
    EXPECT(EMITTED("\"choices\":[\"DEBIT\",\"CREDIT\"]"));
    fake_answer_next("{\"answer\":\"none\"}");
    EXPECT(fake_call(reader, "present", PRESENT) == PAYHAL_REFUSED);
    EXPECT(REPLIED("cancelled_on_device"));
    EXPECT(fake_close(reader));
}

static void a_cancelled_call_stops_the_device(void)
{
    static const exchange_of script[] = {
        HELLO,
        {"CARD", "WAIT"},
        {"STOP", "OK"},
        {"CARD", CARD},
        {NULL, NULL},
    };
    void *reader = fake_open("{}", script);
    EXPECT(fake_call(reader, "identify", "{}") == PAYHAL_OK);
    fake_cancel_next();
    EXPECT(fake_call(reader, "present", PRESENT) == PAYHAL_CANCELLED);
    EXPECT(fake_passed_ms() == 0);
    /* The answer to STOP is still on its way, and is skipped. */
    EXPECT(fake_call(reader, "present", PRESENT) == PAYHAL_OK);
    EXPECT(fake_close(reader));
}

static void a_silent_device_costs_its_time_and_no_more(void)
{
    static const exchange_of script[] = {
        HELLO,
        {"CARD", "WAIT"},
        {"STOP", ""},
        {"SAY 0 Hello / there", ""},
        {"STOP", ""},
        {NULL, NULL},
    };
    void *reader = fake_open("{\"patience_ms\":700}", script);
    EXPECT(fake_call(reader, "present", PRESENT) == PAYHAL_FAILED);
    EXPECT(REPLIED("\"sent\":\"maybe\"") && REPLIED("in time"));
    EXPECT(fake_passed_ms() == 32000);
    EXPECT(fake_call(reader, "show", "{\"lines\":[\"Hello\",\"there\"]}") == PAYHAL_FAILED);
    EXPECT(fake_passed_ms() == 32700);
    EXPECT(fake_close(reader));
}

static void a_device_that_is_pulled_out_is_said_to_be_gone(void)
{
    static const exchange_of script[] = {HELLO, {"CARD", "WAIT"}, {NULL, NULL}};
    void *reader = fake_open("{}", script);
    EXPECT(fake_call(reader, "identify", "{}") == PAYHAL_OK);
    fake_unplug_next();
    EXPECT(fake_call(reader, "present", PRESENT) == PAYHAL_FAILED);
    EXPECT(REPLIED("hung up"));
    EXPECT(fake_close(reader));
}

static void noise_is_skipped_and_too_much_of_it_is_a_failure(void)
{
    static const exchange_of script[] = {HELLO, HELLO, {NULL, NULL}};
    static char flood[5000];
    void *reader = fake_open("{}", script);
    int n;
    memset(flood, 'x', sizeof flood);
    fake_device_says("\001\002\n99 HELLO beeper\nHELLO\n\n", 26);
    fake_device_says(flood, sizeof flood);
    fake_device_says("\n", 1);
    EXPECT(fake_call(reader, "identify", "{}") == PAYHAL_OK);
    for (n = 0; n < 100; n++) {
        fake_device_says("0 late\n", 7);
    }
    EXPECT(fake_call(reader, "identify", "{}") == PAYHAL_FAILED);
    EXPECT(REPLIED("too much"));
    EXPECT(fake_close(reader));
}

static void what_nobody_knows_is_answered_as_the_abi_demands(void)
{
    static const exchange_of script[] = {{NULL, NULL}};
    void *reader = fake_open("{}", script);
    EXPECT(fake_call(reader, "fly", "{}") == PAYHAL_UNSUPPORTED);
    EXPECT(fake_call(reader, "present", "{\"amounts\":") == PAYHAL_FAILED && REPLIED("not JSON"));
    EXPECT(fake_call(reader, "present", "{}") == PAYHAL_FAILED && REPLIED("\"sent\":\"no\""));
    EXPECT(fake_call(reader, "authorize_card", AUTHORIZE) == PAYHAL_REFUSED);
    EXPECT(fake_close(reader));
    EXPECT(fake_open("{\"beeps\":10}", script) == NULL && REPLIED("beeps must be 1 to 9"));
    EXPECT(fake_open("{\"beeps\":", script) == NULL && REPLIED("not JSON"));
}

static void json_is_read_as_it_is_written(void)
{
    static const char text[] = "{\"a\":{\"b\":[1,-20,{\"c\":\"\\u00e9\\n\\\"x\"}]},\"t\":true,\"f\":1.5}";
    static const char *const wrong[] = {"",      "{",         "{\"a\":1,}", "[1 2]",    "\"a",
                                        "01",    "{\"a\" 1}", "tru",        "\"\\x\"",  "1 1",
                                        "\"\\u12\"", "-",     "{1:2}",      "[1,]",     "nullx"};
    char deep[80];
    char word[16];
    int64_t number = 0;
    size_t n;
    size_t length = strlen(text);
    EXPECT(json_valid(text, length));
    EXPECT(json_integer(text, length, "a.b.1", &number) && number == -20);
    EXPECT(!json_integer(text, length, "f", &number) && !json_integer(text, length, "a.b.9", &number));
    EXPECT(json_string(text, length, "a.b.2.c", word, sizeof word) == 5);
    EXPECT(strcmp(word, "\xC3\xA9\n\"x") == 0);
    EXPECT(json_string(text, length, "a.b.2.c", word, 5) == -1);
    EXPECT(json_true(text, length, "t") && !json_true(text, length, "f"));
    for (n = 0; n < sizeof wrong / sizeof wrong[0]; n++) {
        if (json_valid(wrong[n], strlen(wrong[n]))) {
            fprintf(stderr, "taken for JSON: %s\n", wrong[n]);
            exit(1);
        }
    }
    memset(deep, '[', 40);
    memset(deep + 40, ']', 40);
    EXPECT(!json_valid(deep, sizeof deep) && json_valid(deep + 20, 40));
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"a card is read and completed", a_card_is_read_and_completed},
        {"a recorded sale is read again", a_recorded_sale_is_read_again},
        {"the device says no", the_device_says_no},
        {"an application is chosen at the register", an_application_is_chosen_at_the_register},
        {"a cancelled call stops the device", a_cancelled_call_stops_the_device},
        {"a silent device costs its time and no more", a_silent_device_costs_its_time_and_no_more},
        {"a device that is pulled out is gone", a_device_that_is_pulled_out_is_said_to_be_gone},
        {"noise is skipped, within bounds", noise_is_skipped_and_too_much_of_it_is_a_failure},
        {"the unknown is answered", what_nobody_knows_is_answered_as_the_abi_demands},
        {"JSON is read as it is written", json_is_read_as_it_is_written},
    };
    size_t n;
    for (n = 0; n < sizeof tests / sizeof tests[0]; n++) {
        now_running = tests[n].name;
        tests[n].run();
        printf("ok: %s\n", now_running);
    }
    return 0;
}
