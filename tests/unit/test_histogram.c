#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/histogram.h"

static void puts_each_into_the_first_bucket_whose_bound_it_does_not_pass(void **state)
{
    struct histogram h = {.sum_us = 0};

    (void)state;
    for (size_t i = 1; i < HISTOGRAM_BOUNDS; i++)
        assert_true(histogram_bounds_us[i - 1] < histogram_bounds_us[i]);
    histogram_add(&h, 0);
    histogram_add(&h, 100);
    histogram_add(&h, 101);
    histogram_add(&h, histogram_bounds_us[HISTOGRAM_BOUNDS - 1]);
    histogram_add(&h, histogram_bounds_us[HISTOGRAM_BOUNDS - 1] + 1);
    assert_int_equal(h.counts[0], 2);
    assert_int_equal(h.counts[1], 1);
    assert_int_equal(h.counts[HISTOGRAM_BOUNDS - 1], 1);
    assert_int_equal(h.counts[HISTOGRAM_BOUNDS], 1);
    assert_int_equal(histogram_count(&h), 5);
    assert_int_equal(h.sum_us, 201 + 2 * histogram_bounds_us[HISTOGRAM_BOUNDS - 1] + 1);
}

static void merges_all_that_another_holds(void **state)
{
    struct histogram a = {.sum_us = 0}, b = {.sum_us = 0};

    (void)state;
    histogram_add(&a, 50);
    histogram_add(&b, 60);
    histogram_add(&b, 2000000000);
    histogram_merge(&a, &b);
    assert_int_equal(a.counts[0], 2);
    assert_int_equal(a.counts[HISTOGRAM_BOUNDS], 1);
    assert_int_equal(a.sum_us, 2000000110);
    assert_int_equal(histogram_count(&b), 2);
}

static void tells_quantiles_within_a_bucket(void **state)
{
    struct histogram h = {.sum_us = 0};

    (void)state;
    assert_int_equal(histogram_quantile_us(&h, 0.5), 0);
    for (int i = 0; i < 90; i++)
        histogram_add(&h, 2000); /* between 1000 and 2500 */
    for (int i = 0; i < 10; i++)
        histogram_add(&h, 90000000);
    assert_int_equal(histogram_quantile_us(&h, 0.45), 1750);
    assert_int_equal(histogram_quantile_us(&h, 0.9), 2500);
    assert_int_equal(histogram_quantile_us(&h, 0.99), histogram_bounds_us[HISTOGRAM_BOUNDS - 1]);
    assert_int_equal(histogram_quantile_us(&h, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_each_into_the_first_bucket_whose_bound_it_does_not_pass),
        cmocka_unit_test(merges_all_that_another_holds),
        cmocka_unit_test(tells_quantiles_within_a_bucket),
    };

    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
