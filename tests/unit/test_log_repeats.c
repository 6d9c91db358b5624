#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "worker/log_repeats.h"

static struct repeats repeats;
static struct repeated told;

static int forget(void **state)
{
    (void)state;
    memset(&repeats, 0, sizeof(repeats));
    return 0;
}

static bool note(uint64_t kind, int64_t now_ms)
{
    return repeats_note(&repeats, kind, "thing", LOG_LEVEL_WARN, now_ms, &told);
}

static void the_first_few_are_written_and_the_rest_counted(void **state)
{
    (void)state;
    for (int i = 0; i < REPEATS_WRITTEN; i++)
        assert_true(note(7, 1000 + i));
    for (int i = 0; i < 20; i++)
        assert_false(note(7, 2000));
    assert_true(note(8, 2000)); /* another kind is not concerned */
    assert_int_equal(told.left_out, 0);
}

static void how_many_were_left_out_is_told_with_the_next_one_when_the_window_is_over(void **state)
{
    (void)state;
    for (int i = 0; i < REPEATS_WRITTEN + 3; i++)
        (void)!note(7, 1000);
    assert_false(note(7, 1000 + REPEATS_WINDOW_MS - 1));
    assert_true(note(7, 1000 + REPEATS_WINDOW_MS));
    assert_int_equal(told.left_out, 4);
    assert_string_equal(told.event, "thing");
    assert_int_equal(told.level, LOG_LEVEL_WARN);
    assert_true(note(7, 1000 + REPEATS_WINDOW_MS));
    assert_int_equal(told.left_out, 0);
}

static void it_is_told_without_a_next_one_too_and_once(void **state)
{
    (void)state;
    for (int i = 0; i < REPEATS_WRITTEN + 3; i++)
        (void)!note(7, 1000);
    assert_false(repeats_next(&repeats, 1000 + REPEATS_WINDOW_MS - 1, false, &told));
    assert_true(repeats_next(&repeats, 1000 + REPEATS_WINDOW_MS, false, &told));
    assert_int_equal(told.left_out, 3);
    assert_false(repeats_next(&repeats, 1000 + REPEATS_WINDOW_MS, true, &told));
    for (int i = 0; i < REPEATS_WRITTEN + 1; i++)
        (void)!note(7, 20000);
    assert_true(repeats_next(&repeats, 20000, true, &told)); /* at the end nothing is kept */
    assert_int_equal(told.left_out, 1);
}

/* More kinds than there are places: the oldest gives up its own, and what it had counted is told. */
static void nothing_that_was_counted_is_lost_where_there_are_many_kinds(void **state)
{
    size_t sum = 0;

    (void)state;
    for (uint64_t kind = 1; kind <= 3 * REPEATS_KINDS; kind++)
        for (int i = 0; i < REPEATS_WRITTEN + 2; i++) {
            (void)!note(kind, (int64_t)kind);
            sum += told.left_out;
        }
    while (repeats_next(&repeats, 1000, true, &told))
        sum += told.left_out;
    assert_int_equal(sum, 2 * 3 * REPEATS_KINDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_few_are_written_and_the_rest_counted, forget),
        cmocka_unit_test_setup(how_many_were_left_out_is_told_with_the_next_one_when_the_window_is_over, forget),
        cmocka_unit_test_setup(it_is_told_without_a_next_one_too_and_once, forget),
        cmocka_unit_test_setup(nothing_that_was_counted_is_lost_where_there_are_many_kinds, forget),
    };

    return cmocka_run_group_tests_name("log repeats", tests, NULL, NULL);
}
