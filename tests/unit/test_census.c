/* Of a real ledger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handlers/census.h"
#include "handlers/ledger_sql.h"
#include "handlers/reconcile_parts.h"

#define NOW_MS INT64_C(1700000000000)

static const struct uuid host_a = {"aaaaaaaa-0000-4000-8000-00000000000a"};
static const struct uuid host_b = {"bbbbbbbb-0000-4000-8000-00000000000b"};
static const struct uuid host_c = {"cccccccc-0000-4000-8000-00000000000c"};
static char folder[40], path[64];
static struct ledger *ledger;
static struct census census;
static struct err e;

static void must(bool ok)
{
    if (!ok)
        fail_msg("%s", e.text);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/keyferry-census-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/ledger", folder);
    must(ledger_open(path, &ledger, &e));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    census_done(&census);
    ledger_close(ledger);
    unlink(path);
    return rmdir(folder);
}

static struct uuid number(unsigned n)
{
    struct uuid uuid;

    snprintf(uuid.text, sizeof(uuid.text), "dddddddd-0000-4000-8000-%012x", n);
    return uuid;
}

static void add(const struct uuid *host, unsigned n, int64_t until_ms)
{
    struct secret_row row = {.host = *host, .uuid = number(n), .state = SECRET_ACTIVE, .lease_until_ms = until_ms};

    row.key.vm_uuid = number(1000 + n);
    strcpy(row.key.purpose, "vtpm");
    strcpy(row.key.usage_instance, "tpm0");
    row.sealed.len = 60;
    must(secret_row_write(ledger, &row, &e));
}

static void find(const struct uuid *host, unsigned n, enum suspicion kind, int64_t since_ms)
{
    struct uuid uuid = number(n);
    int64_t since;
    bool told;

    must(finding_note(ledger, host, &uuid, suspicion_name(kind), since_ms, &since, &told, &e));
}

static void take(void)
{
    must(census_take(ledger, NOW_MS, &census, &e));
}

static void counts_nothing_where_nothing_is(void **state)
{
    (void)state;
    take();
    assert_int_equal(census.host_count, 0);
    assert_null(census_of(&census, &host_a));
    assert_true(census.bytes > 0);
}

static void counts_each_host_by_itself(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        add(&host_b, i, i < 3 ? NOW_MS + i : 0);
    add(&host_a, 1, 0);
    find(&host_c, 7, SUSPECT_WRONG_USAGE, NOW_MS);
    find(&host_b, 7, SUSPECT_NOT_IN_LEDGER, NOW_MS);
    take();
    assert_int_equal(census.host_count, 3);
    assert_int_equal(census_of(&census, &host_a)->secrets, 1);
    assert_int_equal(census_of(&census, &host_a)->leases, 0);
    assert_int_equal(census_of(&census, &host_b)->secrets, 100);
    assert_int_equal(census_of(&census, &host_b)->leases, 3);
    assert_int_equal(census_of(&census, &host_b)->findings[SUSPECT_NOT_IN_LEDGER], 1);
    assert_int_equal(census_of(&census, &host_c)->findings[SUSPECT_WRONG_USAGE], 1);
    assert_int_equal(census_of(&census, &host_c)->secrets, 0);
}

static void orphans_count_after_a_day(void **state)
{
    (void)state;
    find(&host_a, 1, SUSPECT_ORPHAN, NOW_MS - ORPHAN_GRACE_MS);
    find(&host_a, 2, SUSPECT_ORPHAN, NOW_MS - ORPHAN_GRACE_MS + 1);
    take();
    assert_int_equal(census_of(&census, &host_a)->findings[SUSPECT_ORPHAN], 1);
    assert_int_equal(census.finding_count, 1);
    assert_string_equal(census.findings[0].secret_uuid.text, number(1).text);
    assert_string_equal(census.findings[0].what, "orphan");
}

static void lists_the_first_leases_to_end_and_the_oldest_findings(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 70; i++) {
        add(i % 2 == 0 ? &host_a : &host_b, i, NOW_MS + 1000 - i);
        find(&host_a, i, SUSPECT_NOT_IN_LEDGER, NOW_MS + i);
    }
    take();
    assert_int_equal(census.lease_count, CENSUS_LIST_MAX);
    assert_string_equal(census.leases[0].secret_uuid.text, number(69).text);
    assert_string_equal(census.leases[0].vm_uuid.text, number(1069).text);
    assert_string_equal(census.leases[0].host.text, host_b.text);
    assert_int_equal(census.leases[0].until_ms, NOW_MS + 1000 - 69);
    assert_int_equal(census.finding_count, CENSUS_LIST_MAX);
    assert_int_equal(census.findings[0].since_ms, NOW_MS);
}

/* Keys only, and no whole row: there may be a million of them. */
static void reads_indexes_alone(void **state)
{
    sqlite3_stmt *statement;
    const char *plan;

    (void)state;
    assert_int_equal(sqlite3_prepare_v2(ledger->db,
                                        "EXPLAIN QUERY PLAN SELECT host, count(*) FROM secrets INDEXED BY"
                                        " secrets_identity GROUP BY host",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    plan = (const char *)sqlite3_column_text(statement, 3);
    assert_non_null(strstr(plan, "COVERING INDEX secrets_identity"));
    sqlite3_finalize(statement);
}

static void holds_nothing_where_it_failed(void **state)
{
    (void)state;
    add(&host_a, 1, 0);
    take();
    assert_int_equal(sqlite3_exec(ledger->db, "DROP TABLE findings", NULL, NULL, NULL), SQLITE_OK);
    assert_false(census_take(ledger, NOW_MS, &census, &e));
    assert_int_equal(e.kind, ERR_LOCAL);
    assert_int_equal(census.host_count, 0);
    assert_null(census.hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_nothing_where_nothing_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_each_host_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(orphans_count_after_a_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_the_first_leases_to_end_and_the_oldest_findings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_indexes_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(holds_nothing_where_it_failed, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("census", tests, NULL, NULL);
}
