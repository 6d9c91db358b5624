#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus/overdue.h"

static struct overdue o;
static uint64_t now;

static int set_up(void **state)
{
    (void)state;
    o = (struct overdue){0};
    now = 1000000;
    return 0;
}

/* What a tick a second says within so many of them: the first wait that was in vain, or 0. */
static unsigned within(unsigned seconds, uint64_t oldest, bool is_held)
{
    for (unsigned i = 0; i < seconds; i++, now += 1000) {
        unsigned waited = overdue_tick(&o, oldest, is_held, now);

        if (waited != 0)
            return waited;
    }
    return 0;
}

static void what_is_not_confirmed_for_10_s_is_overdue_and_not_before(void **state)
{
    uint64_t began = now;

    (void)state;
    assert_int_equal(within(10, 7, false), 0);
    assert_int_equal(within(2, 7, false), OVERDUE_MS);
    assert_int_equal(now - began, OVERDUE_MS);
}

static void who_goes_on_confirming_is_never_late(void **state)
{
    (void)state;
    for (uint64_t oldest = 1; oldest < 50; oldest++)
        assert_int_equal(within(9, oldest, false), 0);
    assert_int_equal(within(100, 0, false), 0);
}

/* An alarm of the broker, or no connection at all, lasts as long as it lasts; the wait begins when it is over. */
static void a_blocked_connection_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(within(9, 7, false), 0);
    assert_int_equal(within(600, 7, true), 0);
    assert_int_equal(within(9, 7, false), 0);
    assert_int_equal(within(2, 7, false), OVERDUE_MS);
}

static void the_same_again_is_waited_for_twice_as_long_each_time_up_to_a_minute(void **state)
{
    static const unsigned waits[] = {OVERDUE_MS, 2 * OVERDUE_MS, 4 * OVERDUE_MS, OVERDUE_MOST_MS, OVERDUE_MOST_MS};

    (void)state;
    for (size_t i = 0; i < COUNT(waits); i++)
        assert_int_equal(within(100, 7, false), waits[i]);
    assert_int_equal(within(100, 8, false), OVERDUE_MS); /* another */
}

static void our_own_standing_still_is_not_held_against_the_broker(void **state)
{
    (void)state;
    assert_int_equal(within(5, 7, false), 0);
    now += 60000;
    assert_int_equal(within(10, 7, false), 0);
    assert_int_equal(within(2, 7, false), OVERDUE_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_not_confirmed_for_10_s_is_overdue_and_not_before, set_up),
        cmocka_unit_test_setup(who_goes_on_confirming_is_never_late, set_up),
        cmocka_unit_test_setup(a_blocked_connection_is_left_alone, set_up),
        cmocka_unit_test_setup(the_same_again_is_waited_for_twice_as_long_each_time_up_to_a_minute, set_up),
        cmocka_unit_test_setup(our_own_standing_still_is_not_held_against_the_broker, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
