#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/journal.h"

#define MINUTE UINT64_C(60000000)

static struct journal journal;
static struct history *of_host;
static struct delivery delivery;

static int set_up(void **state)
{
    (void)state;
    memset(&journal, 0, sizeof(journal));
    of_host = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(of_host);
    return 0;
}

static void answer(const char *id, bool failed, uint64_t now_us, uint64_t took_us)
{
    static struct request r;

    memset(&r, 0, sizeof(r));
    r.delivery = &delivery;
    r.arrived_us = now_us - took_us;
    strcpy(r.envelope.name, "SecretHostGetMsg");
    strcpy(r.identity, "aaaaaaaa-0000-4000-8000-00000000000a/keyferry/vtpm/vm/tpm0/v1");
    snprintf(r.id, sizeof(r.id), "%s", id);
    r.work.failed = failed;
    if (failed)
        err_set(&r.work.err, ERR_NOT_FOUND, "no such thing");
    journal_answered(&journal, &of_host, &r, 5000, now_us);
}

static void counts_by_the_minute_for_all_and_for_the_host(void **state)
{
    const uint64_t now = 100 * MINUTE;

    (void)state;
    answer("a", false, now, 1000);
    answer("b", true, now + 1, 3000);
    answer("c", false, now + MINUTE, 500);
    assert_int_equal(history_ago(&journal.all, now + MINUTE, 1)->ok, 1);
    assert_int_equal(history_ago(&journal.all, now + MINUTE, 1)->failed, 1);
    assert_int_equal(history_ago(&journal.all, now + MINUTE, 1)->took_us, 4000);
    assert_int_equal(history_ago(of_host, now + MINUTE, 0)->ok, 1);
    assert_int_equal(histogram_count(journal_times_ago(&journal, now + MINUTE, 1)), 2);
    assert_int_equal(histogram_count(journal_times_ago(&journal, now + MINUTE, 0)), 1);
    assert_null(journal_times_ago(&journal, now + MINUTE, 2));
    assert_int_equal(history_ago(NULL, now, 0)->ok, 0);
}

static void forgets_what_is_older_than_an_hour(void **state)
{
    const uint64_t now = 100 * MINUTE;

    (void)state;
    answer("a", false, now, 1000);
    assert_int_equal(history_ago(&journal.all, now + 59 * MINUTE, 59)->ok, 1);
    assert_int_equal(history_ago(&journal.all, now + 60 * MINUTE, 0)->ok, 0);
    answer("b", false, now + 60 * MINUTE, 7);
    assert_int_equal(history_ago(&journal.all, now + 60 * MINUTE, 0)->ok, 1);
    assert_int_equal(history_ago(&journal.all, now + 60 * MINUTE, 0)->took_us, 7);
    assert_int_equal(journal_times_ago(&journal, now + 60 * MINUTE, 0)->sum_us, 7);
}

static void right_after_the_boot_there_was_an_hour_before_too(void **state)
{
    (void)state;
    for (size_t ago = 0; ago < HISTORY_MINUTES; ago++)
        assert_int_equal(history_ago(&journal.all, 0, ago)->ok, 0);
    answer("a", false, 10, 1);
    assert_int_equal(history_ago(&journal.all, 10, 0)->ok, 1);
}

static void keeps_the_last_requests_and_no_more(void **state)
{
    char id[16];

    (void)state;
    assert_null(journal_recent(&journal, 0));
    for (unsigned i = 0; i < RECENT_MAX + 5; i++) {
        snprintf(id, sizeof(id), "id-%u", i);
        answer(id, i % 2 == 0, 1000000, 10);
    }
    assert_string_equal(journal_recent(&journal, 0)->id, "id-104");
    assert_string_equal(journal_recent(&journal, RECENT_MAX - 1)->id, "id-5");
    assert_null(journal_recent(&journal, RECENT_MAX));
    assert_string_equal(journal_recent(&journal, 0)->code, "KEY_AGENT_SECRET_NOT_FOUND");
    assert_string_equal(journal_recent(&journal, 0)->details, "no such thing");
    assert_string_equal(journal_recent(&journal, 1)->code, "");
    assert_string_equal(journal_recent(&journal, 0)->identity, "vtpm/vm/tpm0/v1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_by_the_minute_for_all_and_for_the_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_what_is_older_than_an_hour, set_up, tear_down),
        cmocka_unit_test_setup_teardown(right_after_the_boot_there_was_an_hour_before_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_the_last_requests_and_no_more, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
