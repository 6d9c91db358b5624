#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "schemas/trace.h"

#define ID   "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define GOOD "00-" ID "-" SPAN "-01"

static void reads_the_example_of_the_specification_and_writes_it_again(void **state)
{
    char text[TRACEPARENT_CHARS + 1];
    struct trace t;

    (void)state;
    assert_true(trace_read(GOOD, &t));
    assert_string_equal(t.id, ID);
    assert_string_equal(t.span, SPAN);
    assert_true(t.is_sampled);
    trace_write(&t, text);
    assert_string_equal(text, GOOD);
    assert_true(trace_read("00-" ID "-" SPAN "-00", &t));
    assert_false(t.is_sampled);
    trace_write(&t, text);
    assert_string_equal(text, "00-" ID "-" SPAN "-00");
}

/* Section 3.2.2.5.1: bits that are not known are not passed on. */
static void of_the_flags_only_the_known_one_is_passed_on(void **state)
{
    char text[TRACEPARENT_CHARS + 1];
    struct trace t;

    (void)state;
    assert_true(trace_read("00-" ID "-" SPAN "-ff", &t));
    trace_write(&t, text);
    assert_string_equal(text, GOOD);
    assert_true(trace_read("00-" ID "-" SPAN "-fe", &t));
    assert_false(t.is_sampled);
}

/* Section 3.2.4: what is known of a later version is read. */
static void a_later_version_is_read_as_far_as_it_is_known(void **state)
{
    static const char *const good[] = {"01-" ID "-" SPAN "-01", "cc-" ID "-" SPAN "-01-what-will-be",
                                       "fe-" ID "-" SPAN "-01-"};
    struct trace t;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(trace_read(good[i], &t));
        assert_string_equal(t.id, ID);
    }
}

static void what_is_malformed_is_none(void **state)
{
    static const char *const bad[] = {"",
                                      "00",
                                      "00-",
                                      GOOD "-",
                                      GOOD "0",
                                      GOOD "-more",
                                      "ff-" ID "-" SPAN "-01",
                                      "0-" ID "-" SPAN "-01",
                                      "00-" ID "-" SPAN,
                                      "00-" ID "-" SPAN "-1",
                                      "00-" ID "-" SPAN "-0g",
                                      "01-" ID "-" SPAN "-011",
                                      "01-" ID "-" SPAN "-01x",
                                      "0G-" ID "-" SPAN "-01",
                                      "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
                                      "00-" ID "-00F067AA0BA902B7-01",
                                      "00-00000000000000000000000000000000-" SPAN "-01",
                                      "00-" ID "-0000000000000000-01",
                                      "00_" ID "_" SPAN "_01",
                                      "00-" ID SPAN "--01",
                                      " 00-" ID "-" SPAN "-01",
                                      "00-4bf92f3577b34da6a3ce929d0e0e473-" SPAN "-01 ",
                                      "00-" ID "-" SPAN "-01\n",
                                      "00-\xff"
                                      "bf92f3577b34da6a3ce929d0e0e4736-" SPAN "-01"};
    const struct trace none = {.id = ""};
    struct trace t;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        memset(&t, 0xee, sizeof(t));
        if (trace_read(bad[i], &t))
            fail_msg("'%s' was taken", bad[i]);
        assert_memory_equal(&t, &none, sizeof(t));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_example_of_the_specification_and_writes_it_again),
        cmocka_unit_test(of_the_flags_only_the_known_one_is_passed_on),
        cmocka_unit_test(a_later_version_is_read_as_far_as_it_is_known),
        cmocka_unit_test(what_is_malformed_is_none),
    };

    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
