/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the plugin does with a terminal that behaves, and with one that does not. */
#include "fake_host.h"
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAID "PAID 1250 100001 R1 chip 411111******1111 visa"

static const char PAY[] = "{\"transaction_id\":\"t-1\",\"stan\":1,\"purpose\":\"sale\","
                          "\"amounts\":{\"currency\":\"EUR\",\"total_minor\":1250}}";

static const char REFUND[] = "{\"transaction_id\":\"t-1\",\"stan\":1,\"purpose\":\"refund\","
                             "\"amounts\":{\"currency\":\"EUR\",\"total_minor\":1250}}";

static const char ASKED[] = "{\"transaction_id\":\"t-1\",\"stan\":1}";

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

static void a_payment_is_approved_and_another_declined(void)
{
    static const exchange_of script[] = {
        {"HELLO", "HELLO beeper 1 T-7 1.2.0"},
        {"SAY 1 Hello / there", "OK"},
        {"PAY t-1 sale EUR 1250", "WAIT\n" PAID},
        {"PAY t-1 sale EUR 1250", "WAIT\nDECLINED 51 Insufficient \"funds\""},
        {NULL, NULL},
    };
    void *terminal = fake_open("{}", script);
    EXPECT(fake_call(terminal, "identify", "{}") == PAYHAL_OK);
    EXPECT(REPLIED("\"serial_number\":\"T-7\""));
    EXPECT(fake_call(terminal, "show", "{\"lines\":[\"Hello\",\"there\"],\"beep\":true}") == PAYHAL_OK);
    EXPECT(fake_call(terminal, "pay", PAY) == PAYHAL_OK);
    EXPECT(EMITTED("waiting_for_card"));
    EXPECT(REPLIED("\"approved\":true") && REPLIED("\"approved_minor\":1250"));
    EXPECT(REPLIED("\"scheme\":\"visa\"") && json_valid(fake_reply(), strlen(fake_reply())));
    EXPECT(fake_call(terminal, "pay", PAY) == PAYHAL_OK);
    EXPECT(REPLIED("\"approved\":false") && REPLIED("Insufficient \\\"funds\\\""));
    EXPECT(fake_close(terminal));
}

static void no_issuer_was_asked(void)
{
    static const exchange_of script[] = {
        {"PAY", "WAIT\nNO no_card"},
        {"PAY", "NO busy"},
        {"PAY", "NO out_of_paper"},
        {"PAY", "PAID lots 100001 R1 chip 411111******1111 visa"},
        {NULL, NULL},
    };
    void *terminal = fake_open("{}", script);
    EXPECT(fake_call(terminal, "pay", PAY) == PAYHAL_REFUSED && REPLIED("\"code\":\"no_card\""));
    EXPECT(fake_call(terminal, "pay", PAY) == PAYHAL_REFUSED && REPLIED("\"code\":\"busy\""));
    EXPECT(fake_call(terminal, "pay", PAY) == PAYHAL_FAILED && REPLIED("\"sent\":\"maybe\""));
    EXPECT(fake_call(terminal, "pay", PAY) == PAYHAL_FAILED && REPLIED("\"sent\":\"maybe\""));
    EXPECT(fake_close(terminal));
}

static void silence_after_the_amount_may_be_anything(void)
{
    static const exchange_of script[] = {{"PAY", "WAIT"}, {"STOP", ""}, {NULL, NULL}};
    void *terminal = fake_open("{}", script);
    EXPECT(fake_call(terminal, "pay", PAY) == PAYHAL_FAILED);
    EXPECT(REPLIED("\"sent\":\"maybe\"") && REPLIED("in time"));
    EXPECT(fake_passed_ms() == 60000);
    EXPECT(fake_close(terminal));
}

static void after_a_cancel_the_terminal_has_the_last_word(void)
{
    static const exchange_of script[] = {
        {"PAY", "WAIT"},
        {"STOP", "OK"},
        /* The time is up. */
        {"STOP", ""},
        {NULL, NULL},
    };
    void *terminal = fake_open("{}", script);
    fake_cancel_next();
    EXPECT(fake_call(terminal, "pay", PAY) == PAYHAL_FAILED);
    EXPECT(REPLIED("\"sent\":\"maybe\""));
    EXPECT(fake_passed_ms() == 60000);
    EXPECT(fake_close(terminal));
}

static void what_became_of_a_payment_is_asked_and_it_is_undone(void)
{
    static const exchange_of script[] = {
        {"ASK t-1", PAID},     {"ASK t-1", "RUNNING"},   {"ASK t-1", "UNKNOWN"},
        {"UNDO t-1", "UNDONE"}, {"ASK t-1", "UNDONE"},    {"ASK t-1", "NO no_card"},
        {"ASK t-1", "PERHAPS"}, {"UNDO t-1", "NO never"}, {NULL, NULL},
    };
    void *terminal = fake_open("{}", script);
    EXPECT(fake_call(terminal, "inquire", ASKED) == PAYHAL_OK && REPLIED("\"approved\":true"));
    EXPECT(fake_call(terminal, "inquire", ASKED) == PAYHAL_OK && REPLIED("\"running\""));
    EXPECT(fake_call(terminal, "inquire", ASKED) == PAYHAL_OK && REPLIED("\"not_found\""));
    EXPECT(fake_call(terminal, "reverse", ASKED) == PAYHAL_OK && REPLIED("\"state\":\"reversed\""));
    EXPECT(fake_call(terminal, "inquire", ASKED) == PAYHAL_OK && REPLIED("\"undone\""));
    EXPECT(fake_call(terminal, "inquire", ASKED) == PAYHAL_OK && REPLIED("\"no_card\""));
    EXPECT(fake_call(terminal, "inquire", ASKED) == PAYHAL_FAILED);
    EXPECT(fake_call(terminal, "reverse", ASKED) == PAYHAL_OK && REPLIED("\"state\":\"refused\""));
    EXPECT(fake_close(terminal));
}

static void what_nobody_knows_is_answered_as_the_abi_demands(void)
{
    static const exchange_of script[] = {{NULL, NULL}};
    void *terminal = fake_open("{}", script);
    EXPECT(fake_call(terminal, "fly", "{}") == PAYHAL_UNSUPPORTED);
    EXPECT(fake_call(terminal, "pay", REFUND) == PAYHAL_UNSUPPORTED);
    EXPECT(fake_call(terminal, "pay", "{\"amounts\":") == PAYHAL_FAILED && REPLIED("not JSON"));
    EXPECT(fake_call(terminal, "pay", "{}") == PAYHAL_FAILED && REPLIED("\"sent\":\"no\""));
    EXPECT(fake_close(terminal));
    EXPECT(fake_open("{\"patience_ms\":99}", script) == NULL && REPLIED("100 to 60000"));
    EXPECT(fake_open("{\"patience_ms\":", script) == NULL && REPLIED("not JSON"));
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"a payment is approved, another declined", a_payment_is_approved_and_another_declined},
        {"no issuer was asked", no_issuer_was_asked},
        {"silence may be anything", silence_after_the_amount_may_be_anything},
        {"after a cancel the terminal has the last word",
         after_a_cancel_the_terminal_has_the_last_word},
        {"it is asked and undone", what_became_of_a_payment_is_asked_and_it_is_undone},
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
