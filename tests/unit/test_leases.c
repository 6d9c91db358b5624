// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include <stdio.h>

#include "worker/leases.h"

enum { MAX = 8 };

static struct {
    struct leases *leases;
    struct host hosts[2];
    bool may[2], has_room;
    size_t count; /* of what was looked at, in order */
    size_t at[MAX];
    struct lease_request looked[MAX];
} l;

static bool look(void *arg, size_t host, const struct lease_request *what)
{
    (void)arg;
    if (!l.has_room)
        return false;
    assert_in_range(l.count, 0, MAX - 1);
    l.at[l.count] = host;
    l.looked[l.count++] = *what;
    return true;
}

static bool may(void *arg, size_t host)
{
    (void)arg;
    return l.may[host];
}

static int set_up(void **state)
{
    struct leases_config config = {.hosts = l.hosts, .host_count = 2, .look = look, .may = may};
    struct fake_host *fake;

    if (fake_host_open(state) != 0)
        return -1;
    fake = *state;
    memset(&l, 0, sizeof(l));
    l.hosts[0].uuid = fake_uuid(HOST_A);
    l.hosts[1].uuid = fake_uuid(HOST_B);
    l.may[0] = l.may[1] = l.has_room = true;
    config.ledger = fake->ledger;
    l.leases = leases_new(&config);
    leases_begin(l.leases, 0);
    leases_begin(l.leases, 1);
    return 0;
}

static int tear_down(void **state)
{
    leases_free(l.leases);
    return fake_host_close(state);
}

static struct secret_row row_of(const char *host, int number, int64_t until_ms)
{
    struct secret_row row = {.host = fake_uuid(host),
                             .key = fake_address(host).key,
                             .state = SECRET_ACTIVE,
                             .mark = "keyferry1;",
                             .sealed.len = 60,
                             .lease_until_ms = until_ms};

    snprintf(row.uuid.text, sizeof(row.uuid.text), "11111111-1111-4111-8111-%012d", number);
    row.key.key_version = number;
    return row;
}

static void put(struct fake_host *fake, const char *host, int number, int64_t until_ms)
{
    struct secret_row row = row_of(host, number, until_ms);
    struct err e;

    if (!secret_row_write(fake->ledger, &row, &e))
        fail_msg("%s", e.text);
    leases_note(l.leases, &row);
}

/* The last that was looked at is through: it is gone, or still there. */
static void ended(struct fake_host *fake, enum leased what)
{
    const struct lease_request *last = &l.looked[l.count - 1];
    struct work work = {.id = last->secret_uuid.text};
    struct err e;

    ((struct lease_reply *)work.reply)->what = what;
    if (what == LEASED_ENDED)
        assert_true(secret_row_remove(fake->ledger, &last->to.host_uuid, &last->secret_uuid, &e));
    leases_looked(l.leases, l.at[l.count - 1], &work);
}

static void assert_looked_at(size_t nth, size_t host, int number)
{
    assert_int_equal(l.count, nth);
    assert_int_equal(l.at[nth - 1], host);
    assert_int_equal(l.looked[nth - 1].to.key.key_version, number);
}

static void what_is_due_is_looked_at_one_after_the_other_in_the_order_it_ends(void **state)
{
    struct fake_host *fake = *state;

    put(fake, HOST_A, 1, 3000);
    put(fake, HOST_A, 2, 1000);
    put(fake, HOST_A, 3, 2000);
    leases_tick(l.leases, 0);
    assert_int_equal(l.count, 0);
    assert_int_equal(leases_next(l.leases, 0), 1000);
    leases_tick(l.leases, 2000);
    assert_looked_at(1, 0, 2);
    leases_tick(l.leases, 2000);
    assert_int_equal(l.count, 1); /* that one first */
    ended(fake, LEASED_ENDED);
    assert_in_range(leases_next(l.leases, 2000), 0, 2000);
    leases_tick(l.leases, 2000);
    assert_looked_at(2, 0, 3);
    ended(fake, LEASED_ENDED);
    leases_tick(l.leases, 2000);
    assert_int_equal(l.count, 2);
    assert_int_equal(leases_next(l.leases, 2000), 3000);
    leases_tick(l.leases, 3000);
    assert_looked_at(3, 0, 1);
}

static void nothing_is_lost_with_the_worker(void **state)
{
    struct fake_host *fake = *state;
    const struct leases_config config = {fake->ledger, l.hosts, 2, look, may, NULL};

    put(fake, HOST_A, 1, 3000);
    leases_free(l.leases);
    l.leases = leases_new(&config);
    assert_int_equal(leases_next(l.leases, 0), INT64_MAX);
    leases_begin(l.leases, 0);
    leases_tick(l.leases, 0);
    assert_int_equal(leases_next(l.leases, 0), 3000);
    leases_tick(l.leases, 9000);
    assert_looked_at(1, 0, 1);
}

static void a_lease_that_is_new_is_not_slept_through(void **state)
{
    struct fake_host *fake = *state;

    leases_tick(l.leases, 0);
    assert_int_equal(leases_next(l.leases, 0), INT64_MAX);
    put(fake, HOST_B, 1, 30000);
    assert_int_equal(leases_next(l.leases, 0), 30000);
    put(fake, HOST_B, 2, 0);
    assert_int_equal(leases_next(l.leases, 0), 30000);
    leases_tick(l.leases, 30000);
    assert_looked_at(1, 1, 1);
}

static void a_lease_is_news_for_its_own_host_alone(void **state)
{
    const struct secret_row of_second = row_of(HOST_B, 1, 2000), of_nobody = row_of(UUID_1, 2, 1000);

    (void)state;
    leases_tick(l.leases, 0);
    assert_true(leases_note(l.leases, &of_second));
    assert_false(leases_note(l.leases, &of_second));
    assert_false(leases_note(l.leases, &of_nobody));
    assert_int_equal(leases_next(l.leases, 0), 2000);
}

static void one_that_cannot_end_holds_up_no_other_and_is_looked_at_again(void **state)
{
    struct fake_host *fake = *state;

    put(fake, HOST_A, 1, 1000);
    put(fake, HOST_A, 2, 1000);
    leases_tick(l.leases, 1000);
    assert_looked_at(1, 0, 1);
    ended(fake, LEASED_WAITS);
    leases_tick(l.leases, 1000);
    assert_looked_at(2, 0, 2);
    ended(fake, LEASED_ENDED);
    leases_tick(l.leases, 1000);
    assert_int_equal(l.count, 2);
    assert_int_equal(leases_next(l.leases, 1000), 1000 + LEASE_AGAIN_MS);
    leases_tick(l.leases, 1000 + LEASE_AGAIN_MS);
    assert_looked_at(3, 0, 1);
}

static void where_there_is_no_room_it_comes_again(void **state)
{
    struct fake_host *fake = *state;

    put(fake, HOST_A, 1, 1000);
    l.has_room = false;
    leases_tick(l.leases, 1000);
    assert_int_equal(leases_next(l.leases, 1000), 1000 + LEASE_NO_ROOM_MS);
    l.has_room = true;
    leases_tick(l.leases, 1000 + LEASE_NO_ROOM_MS);
    assert_looked_at(1, 0, 1);
}

static void another_workers_host_is_left_alone_until_it_is_ours_again(void **state)
{
    struct fake_host *fake = *state;

    put(fake, HOST_A, 1, 1000);
    l.may[0] = false;
    leases_tick(l.leases, 1000);
    leases_arrival(l.leases, 0, &(struct uuid){VM});
    assert_int_equal(l.count, 0);
    assert_int_equal(leases_next(l.leases, 1000), INT64_MAX);
    l.may[0] = true;
    leases_tick(l.leases, 1000);
    assert_int_equal(l.count, 0);
    leases_begin(l.leases, 0);
    leases_tick(l.leases, 1000);
    assert_looked_at(1, 0, 1);
}

static void a_vm_that_has_come_has_all_its_leased_secrets_looked_at(void **state)
{
    struct fake_host *fake = *state;
    const struct uuid vm = fake_uuid(VM), other = fake_uuid(HOST_B);

    put(fake, HOST_A, 1, 5000);
    put(fake, HOST_A, 2, 0);
    put(fake, HOST_A, 3, 7000);
    leases_arrival(l.leases, 0, &other);
    leases_arrival(l.leases, 1, &vm);
    assert_int_equal(l.count, 0);
    leases_arrival(l.leases, 0, &vm);
    assert_looked_at(2, 0, 3);
    ended(fake, LEASED_PERMANENT); /* which is not of the pass */
    leases_tick(l.leases, 5000);
    assert_looked_at(3, 0, 1);
}

static void clocks_are_looked_at_now_and_then(void **state)
{
    struct fake_host *fake = *state;

    put(fake, HOST_A, 1, 86400000);
    leases_tick(l.leases, 0);
    assert_int_equal(leases_next(l.leases, 0), LEASE_CLOCK_CHECK_MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_due_is_looked_at_one_after_the_other_in_the_order_it_ends),
        TEST(nothing_is_lost_with_the_worker),
        TEST(a_lease_that_is_new_is_not_slept_through),
        TEST(a_lease_is_news_for_its_own_host_alone),
        TEST(one_that_cannot_end_holds_up_no_other_and_is_looked_at_again),
        TEST(where_there_is_no_room_it_comes_again),
        TEST(another_workers_host_is_left_alone_until_it_is_ours_again),
        TEST(a_vm_that_has_come_has_all_its_leased_secrets_looked_at),
        TEST(clocks_are_looked_at_now_and_then),
    };

    return cmocka_run_group_tests_name("leases", tests, NULL, NULL);
}
