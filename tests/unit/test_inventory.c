/* A real ledger, the thread that counts, and a loop that turns until it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/inventory.h"

static char folder[40], path[64];
static struct event_base *base;
static struct inventory *inventory;
static unsigned told;
static struct err e;

static void on_told(void *arg)
{
    (void)arg;
    told++;
    event_base_loopbreak(base);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/keyferry-inventory-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/ledger", folder);
    base = event_base_new();
    told = 0;
    if (!inventory_open(base, path, on_told, NULL, &inventory, &e))
        fail_msg("%s", e.text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    inventory_close(inventory);
    event_base_free(base);
    unlink(path);
    return rmdir(folder);
}

static void counts_when_it_is_asked_to_and_not_before(void **state)
{
    (void)state;
    event_base_loop(base, EVLOOP_NONBLOCK);
    assert_null(inventory_last(inventory));
    inventory_want(inventory);
    event_base_loopexit(base, &(struct timeval){20, 0});
    event_base_dispatch(base);
    assert_int_equal(told, 1);
    assert_non_null(inventory_last(inventory));
    assert_true(inventory_last(inventory)->bytes > 0);
}

/* Whoever asks again at once is told what is known. */
static void rests_after_a_count(void **state)
{
    (void)state;
    counts_when_it_is_asked_to_and_not_before(state);
    inventory_want(inventory);
    event_base_loopexit(base, &(struct timeval){0, 50000});
    event_base_dispatch(base);
    assert_int_equal(told, 1);
}

static void ends_while_it_counts_and_without_a_ledger_it_fails(void **state)
{
    struct inventory *none = NULL;

    (void)state;
    inventory_want(inventory);
    assert_false(inventory_open(base, "/nowhere/ledger", on_told, NULL, &none, &e));
    assert_null(none);
    assert_null(inventory_last(NULL));
    inventory_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_when_it_is_asked_to_and_not_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rests_after_a_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_while_it_counts_and_without_a_ledger_it_fails, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("inventory", tests, NULL, NULL);
}
