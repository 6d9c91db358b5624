#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "worker/rounds.h"

enum { HOSTS = 20, START = 1000 };

static struct rounds *rounds;
static bool is_whole[HOSTS], has_room;
static size_t begun[HOSTS], count; /* how often each; all */

static bool whole(void *arg, size_t host)
{
    (void)arg;
    return is_whole[host];
}

static bool begin(void *arg, size_t host)
{
    (void)arg;
    begun[host] += has_room;
    count += has_room;
    return has_room;
}

static int set_up(void **state)
{
    (void)state;
    memset(begun, 0, sizeof(begun));
    count = 0;
    has_room = true;
    rounds = rounds_new(&(struct rounds_config){HOSTS, whole, begin, NULL});
    for (size_t i = 0; i < HOSTS; i++) {
        is_whole[i] = true;
        rounds_want(rounds, i, START);
    }
    return rounds == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    rounds_free(rounds);
    return 0;
}

/* Each as one before it ends. */
static void run_all(int64_t now_ms)
{
    size_t before;

    do {
        before = count;
        rounds_tick(rounds, now_ms);
        for (size_t i = before; i < count; i++)
            rounds_over(rounds);
    } while (count != before);
}

static void all_have_their_first_some_time_after_they_were_taken_and_then_one_each_hour(void **state)
{
    (void)state;
    assert_int_equal(rounds_next(rounds), START + ROUNDS_FIRST_MS);
    run_all(START + ROUNDS_FIRST_MS - 1);
    assert_int_equal(count, 0);
    for (size_t hour = 0; hour < 3; hour++) {
        int64_t now_ms = START + ROUNDS_FIRST_MS + (int64_t)hour * ROUNDS_EVERY_MS;

        run_all(now_ms);
        for (size_t i = 0; i < HOSTS; i++)
            assert_int_equal(begun[i], hour + 1);
        assert_int_equal(rounds_next(rounds), now_ms + ROUNDS_EVERY_MS);
    }
}

static void no_more_than_a_few_run_at_once_and_each_that_ends_lets_one_begin(void **state)
{
    (void)state;
    rounds_tick(rounds, START + ROUNDS_FIRST_MS);
    assert_int_equal(count, ROUNDS_AT_ONCE);
    assert_int_equal(rounds_next(rounds), INT64_MAX); /* time alone changes nothing */
    for (size_t more = 1; more <= HOSTS - ROUNDS_AT_ONCE; more++) {
        rounds_over(rounds);
        assert_int_equal(rounds_next(rounds), START + ROUNDS_FIRST_MS);
        rounds_tick(rounds, START + ROUNDS_FIRST_MS);
        assert_int_equal(count, ROUNDS_AT_ONCE + more);
    }
    for (size_t i = 0; i < HOSTS; i++)
        assert_int_equal(begun[i], 1);
}

static void a_host_that_is_anothers_or_away_begins_anew_when_it_is_taken_again(void **state)
{
    (void)state;
    is_whole[3] = false;
    run_all(START + ROUNDS_FIRST_MS);
    assert_int_equal(begun[3], 0);
    is_whole[3] = true;
    run_all(START + ROUNDS_FIRST_MS + 1000);
    assert_int_equal(begun[3], 0);
    rounds_want(rounds, 3, START + ROUNDS_FIRST_MS + 1000);
    run_all(START + 2 * ROUNDS_FIRST_MS + 1000);
    assert_int_equal(begun[3], 1);
    assert_int_equal(begun[4], 1); /* taken once more, it keeps its hour */
}

static void where_there_is_no_room_it_is_tried_again_and_counts_as_none_that_runs(void **state)
{
    (void)state;
    has_room = false;
    for (int64_t i = 0; i < 3; i++) {
        run_all(START + ROUNDS_FIRST_MS + i * ROUNDS_NO_ROOM_MS);
        assert_int_equal(rounds_next(rounds), START + ROUNDS_FIRST_MS + (i + 1) * ROUNDS_NO_ROOM_MS);
    }
    has_room = true;
    run_all(START + ROUNDS_FIRST_MS + 3 * ROUNDS_NO_ROOM_MS);
    assert_int_equal(count, HOSTS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(all_have_their_first_some_time_after_they_were_taken_and_then_one_each_hour),
        TEST(no_more_than_a_few_run_at_once_and_each_that_ends_lets_one_begin),
        TEST(a_host_that_is_anothers_or_away_begins_anew_when_it_is_taken_again),
        TEST(where_there_is_no_room_it_is_tried_again_and_counts_as_none_that_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
