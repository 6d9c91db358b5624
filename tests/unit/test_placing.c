#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "worker/placing.h"

enum { QUEUES = 200, WORKERS_MAX = 8 };

static char names[QUEUES][64];
static const char *queues[QUEUES];
static const char *const workers[WORKERS_MAX] = {"a", "b", "c", "d", "e", "f", "g", "h"};

static int name_queues(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUEUES; i++) {
        snprintf(names[i], sizeof(names[i]), "keyferry.host.%032zx", i * 7919);
        queues[i] = names[i];
    }
    return 0;
}

static void each_queue_has_a_first_and_another_as_second(void **state)
{
    struct placing placing[QUEUES];

    (void)state;
    for (size_t count = 2; count <= WORKERS_MAX; count++) {
        placing_make(queues, QUEUES, workers, count, placing);
        for (size_t i = 0; i < QUEUES; i++) {
            assert_true(placing[i].first < count && placing[i].second < count);
            assert_int_not_equal(placing[i].first, placing[i].second);
        }
    }
}

static void who_is_alone_is_first_everywhere(void **state)
{
    struct placing placing[QUEUES];

    (void)state;
    placing_make(queues, QUEUES, workers, 1, placing);
    for (size_t i = 0; i < QUEUES; i++) {
        assert_int_equal(placing[i].first, 0);
        assert_true(placing[i].second == PLACING_NOBODY);
    }
}

static void nobody_has_more_than_an_even_share_rounded_up(void **state)
{
    struct placing placing[QUEUES];

    (void)state;
    for (size_t count = 1; count <= WORKERS_MAX; count++) {
        size_t taken[WORKERS_MAX] = {0};

        placing_make(queues, QUEUES, workers, count, placing);
        for (size_t i = 0; i < QUEUES; i++)
            taken[placing[i].first]++;
        for (size_t i = 0; i < count; i++)
            assert_true(taken[i] <= (QUEUES + count - 1) / count && taken[i] + count >= QUEUES / count);
    }
}

/* Each worker has its own order of both lists: its own name first, queues as they were configured. */
static void the_order_of_the_lists_does_not_matter(void **state)
{
    const char *turned_queues[QUEUES], *turned[3] = {workers[2], workers[0], workers[1]};
    static const size_t worker_of[3] = {2, 0, 1};
    struct placing placing[QUEUES], other[QUEUES];

    (void)state;
    for (size_t i = 0; i < QUEUES; i++)
        turned_queues[i] = queues[QUEUES - 1 - i];
    placing_make(queues, QUEUES, workers, 3, placing);
    placing_make(turned_queues, QUEUES, turned, 3, other);
    for (size_t i = 0; i < QUEUES; i++) {
        assert_int_equal(placing[i].first, worker_of[other[QUEUES - 1 - i].first]);
        assert_int_equal(placing[i].second, worker_of[other[QUEUES - 1 - i].second]);
    }
}

static size_t moved(size_t before, size_t after)
{
    struct placing a[QUEUES], b[QUEUES];
    size_t count = 0;

    placing_make(queues, QUEUES, workers, before, a);
    placing_make(queues, QUEUES, workers, after, b);
    for (size_t i = 0; i < QUEUES; i++)
        count += a[i].first != b[i].first;
    return count;
}

/* What has to move is a worker's share; hashing modulo their number would move most of all. */
static void who_comes_or_goes_moves_little_more_than_its_share(void **state)
{
    (void)state;
    for (size_t count = 1; count < WORKERS_MAX; count++) {
        assert_true(moved(count, count + 1) >= QUEUES / (count + 1));
        assert_true(moved(count, count + 1) <= QUEUES / (count + 1) * 8 / 5);
        assert_int_equal(moved(count, count + 1), moved(count + 1, count));
    }
}

static void a_name_of_any_kind_is_for_one_of_all_whoever_asks_and_moves_only_with_who_goes(void **state)
{
    const char *const turned[3] = {workers[2], workers[0], workers[1]};
    static const size_t worker_of[3] = {2, 0, 1};
    size_t taken[3] = {0};

    (void)state;
    for (size_t i = 0; i < QUEUES; i++) {
        size_t best = placing_best(queues[i], workers, 3);

        assert_int_equal(best, worker_of[placing_best(queues[i], turned, 3)]);
        taken[best]++;
        if (best < 2)
            assert_int_equal(placing_best(queues[i], workers, 2), best);
    }
    for (size_t i = 0; i < 3; i++)
        assert_in_range(taken[i], QUEUES / 3 * 3 / 4, QUEUES / 3 * 5 / 4);
    assert_int_equal(placing_best("x", workers, 1), 0);
    assert_true(placing_best("x", workers, 0) == PLACING_NOBODY);
}

static void nothing_to_place_is_no_harm(void **state)
{
    struct placing none = {7, 7};

    (void)state;
    placing_make(queues, 0, workers, 3, &none);
    assert_int_equal(none.first, 7);
    placing_make(queues, 1, workers, 0, &none);
    assert_true(none.first == PLACING_NOBODY && none.second == PLACING_NOBODY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_queue_has_a_first_and_another_as_second),
        cmocka_unit_test(who_is_alone_is_first_everywhere),
        cmocka_unit_test(nobody_has_more_than_an_even_share_rounded_up),
        cmocka_unit_test(the_order_of_the_lists_does_not_matter),
        cmocka_unit_test(who_comes_or_goes_moves_little_more_than_its_share),
        cmocka_unit_test(a_name_of_any_kind_is_for_one_of_all_whoever_asks_and_moves_only_with_who_goes),
        cmocka_unit_test(nothing_to_place_is_no_harm),
    };
    return cmocka_run_group_tests(tests, name_queues, NULL);
}
