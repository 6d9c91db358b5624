#include "bus/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MIDDLE = 20 }; /* of 0 to 40: no jitter */

static void doubles_from_100_ms_to_5_s(void **state)
{
    static const unsigned want[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
    struct backoff backoff = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(want); i++)
        assert_int_equal(backoff_next_ms(&backoff, 0, MIDDLE), want[i]);
}

static void stays_within_a_fifth_and_5_s(void **state)
{
    (void)state;
    for (uint32_t random = 0; random < 200; random++) {
        struct backoff backoff = {0};
        for (unsigned base = 100; base < 5000; base *= 2) {
            unsigned ms = backoff_next_ms(&backoff, 0, random);
            assert_in_range(ms, base * 8 / 10, base * 12 / 10);
        }
        assert_in_range(backoff_next_ms(&backoff, 0, random), 4000, 5000);
    }
}

static void begins_anew_after_10_s_that_held(void **state)
{
    struct backoff backoff = {0};

    (void)state;
    for (int i = 0; i < 4; i++)
        (void)backoff_next_ms(&backoff, 0, MIDDLE);
    assert_int_equal(backoff_next_ms(&backoff, 9999, MIDDLE), 1600);
    assert_int_equal(backoff_next_ms(&backoff, 10000, MIDDLE), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_from_100_ms_to_5_s),
        cmocka_unit_test(stays_within_a_fifth_and_5_s),
        cmocka_unit_test(begins_anew_after_10_s_that_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
