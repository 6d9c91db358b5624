#include "bus/lookup.h"

#include <event2/event.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct told {
    struct event_base *base;
    struct addrinfo *addresses;
    int calls;
};

static void on_done(void *arg, struct addrinfo *addresses, const char *why)
{
    struct told *told = arg;

    assert_true((addresses == NULL) == (why != NULL));
    told->addresses = addresses;
    told->calls++;
}

static void digits_need_no_lookup(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1", "192.0.2.7"};

    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct addrinfo *addresses = lookup_digits(hosts[i], 5672);
        assert_non_null(addresses);
        freeaddrinfo(addresses);
    }
    assert_null(lookup_digits("localhost", 5672));
}

static void a_name_is_looked_up_in_the_loop(void **state)
{
    struct told told = {.base = event_base_new()};
    struct lookup *lookup;
    struct err e;

    (void)state;
    assert_true(lookup_begin(told.base, "localhost", 5672, on_done, &told, &lookup, &e));
    assert_int_equal(told.calls, 0);
    event_base_dispatch(told.base);
    assert_int_equal(told.calls, 1);
    assert_non_null(told.addresses);
    freeaddrinfo(told.addresses);
    event_base_free(told.base);
}

static void one_that_was_cancelled_is_not_told(void **state)
{
    struct told told = {.base = event_base_new()};
    struct lookup *lookup;
    struct err e;

    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_true(lookup_begin(told.base, "localhost", 5672, on_done, &told, &lookup, &e));
        lookup_cancel(lookup);
    }
    lookup_cancel(NULL);
    event_base_dispatch(told.base);
    assert_int_equal(told.calls, 0);
    event_base_free(told.base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_need_no_lookup),
        cmocka_unit_test(a_name_is_looked_up_in_the_loop),
        cmocka_unit_test(one_that_was_cancelled_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
