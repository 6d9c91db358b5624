// with: fake_hv.c
// with: fake_host.c
/* A real ledger, a fake libvirt, and the comparison's thread; what it finds is restored by the test. */
#include "fake_host.h"

#include <event2/event.h>
#include <stdio.h>
#include <time.h>

#include "worker/log.h"
#include "worker/recovery.h"

enum {
    ROWS_MAX = 60, /* as many as the fake libvirt has room for */
    AT_ONCE = 32,
    LATEST_MS = 20000, /* the longest a test waits for what must come */
};

static struct fake_host *fake;
static struct event_base *base;
static struct event *tick;
static struct recovery *recovery;
static struct restore_request begun[4 * ROWS_MAX];
static size_t begun_count, ended_count, refused_count, asked_count;
static size_t room;    /* how many more may begin */
static bool may_begin; /* this worker acts on the host */
static char ledger_path[64];
static struct err e;

static void must(bool ok)
{
    if (!ok)
        fail_msg("%s", e.text);
}

static bool on_restore(void *arg, size_t host, const struct restore_request *what)
{
    (void)arg;
    assert_int_equal(host, 0);
    if (room == 0) {
        refused_count++;
        return false;
    }
    room--;
    begun[begun_count++] = *what;
    return true;
}

static bool on_may(void *arg, size_t host)
{
    (void)arg;
    assert_int_equal(host, 0);
    asked_count++;
    return may_begin;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

static int set_up(void **state)
{
    static const struct timeval often = {0, 5000};

    if (fake_host_open(state) != 0)
        return -1;
    fake = *state;
    log_set_level(LOG_LEVEL_ERROR);
    snprintf(ledger_path, sizeof(ledger_path), "%s/ledger.db", fake->folder);
    base = event_base_new();
    tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
    event_add(tick, &often);
    begun_count = ended_count = refused_count = asked_count = 0;
    room = SIZE_MAX;
    may_begin = true;
    must(recovery_open(base, &(struct recovery_config){ledger_path, &fake->host, 1, on_restore, on_may, NULL},
                       &recovery, &e));
    return 0;
}

static int tear_down(void **state)
{
    recovery_close(TAKE(recovery));
    event_free(tick);
    event_base_free(base);
    return fake_host_close(state);
}

static struct secret_row row_of(size_t n, enum secret_state state)
{
    struct secret_row row = {.host = fake_uuid(HOST_A), .state = state, .sealed = {.len = 100}, .changed_ms = 7};

    snprintf(row.uuid.text, sizeof(row.uuid.text), "11111111-0000-4000-8000-%012zx", n);
    row.key = fake_address(HOST_A).key;
    row.key.key_version = (int64_t)n;
    return row;
}

/* The ledger has it; and libvirt, too, if it is there. */
static struct uuid put(size_t n, enum secret_state state, bool is_there)
{
    const struct secret_row row = row_of(n, state);
    char usage_id[USAGE_ID_MAX_CHARS + 1];

    must(secret_row_write(fake->ledger, &row, &e));
    secret_usage_id(&row.key, usage_id);
    if (is_there)
        fake_secret_put(fake->host.hv, row.uuid.text, HV_USAGE_VTPM, usage_id, "");
    return row.uuid;
}

static void turn_until(const size_t *count, size_t at_least)
{
    struct timespec start, now;

    clock_gettime(CLOCK_MONOTONIC, &start);
    while (*count < at_least) {
        event_base_loop(base, EVLOOP_ONCE);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if ((now.tv_sec - start.tv_sec) * 1000 > LATEST_MS)
            fail_msg("it does not come: %zu begun, %zu refused", begun_count, refused_count);
    }
}

/* The next one that was begun has ended. */
static void end(enum restored what, bool failed)
{
    struct work work = {.failed = failed};

    ((struct restore_reply *)work.reply)->what = what;
    ended_count++;
    recovery_ended(recovery, 0, &work);
}

static void end_all(void)
{
    while (ended_count < begun_count)
        end(RESTORED_SECRET, false);
}

/*
 * A comparison of its own is through, and so is all that came before: it finds one row that is put there for it, whose
 * version no other has.
 */
static void come_to_rest(void)
{
    size_t before;

    end_all();
    before = begun_count;
    put(ROWS_MAX + 1, SECRET_DELETING, false);
    recovery_begin(recovery, 0);
    turn_until(&begun_count, before + 1);
}

static const struct restore_request *request_for(const struct uuid *uuid)
{
    for (size_t i = 0; i < begun_count; i++)
        if (uuid_equal(&begun[i].secret_uuid, uuid))
            return &begun[i];
    return NULL;
}

static void finds_what_is_lost_and_what_is_half_made_and_nothing_else(void **state)
{
    const struct {
        enum secret_state state;
        bool is_there, is_found;
    } cases[] = {
        {SECRET_ACTIVE, true, false},   {SECRET_ACTIVE, false, true},    {SECRET_DEFINING, true, true},
        {SECRET_DEFINING, false, true}, {SECRET_DELETING, true, true},   {SECRET_DELETING, false, true},
        {SECRET_RESTORING, true, true}, {SECRET_RESTORING, false, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        put(i, cases[i].state, cases[i].is_there);
    fake_secret_put(fake->host.hv, UUID_2, HV_USAGE_VTPM, OTHERS_ID, ""); /* that the ledger does not know */
    recovery_begin(recovery, 0);
    turn_until(&begun_count, 7);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct secret_row row = row_of(i, cases[i].state);
        const struct restore_request *request = request_for(&row.uuid);

        assert_int_equal(request != NULL, cases[i].is_found);
        if (request == NULL)
            continue;
        assert_int_equal(request->is_absent, !cases[i].is_there);
        assert_int_equal(request->state, row.state);
        assert_int_equal(request->changed_ms, row.changed_ms);
        assert_true(secret_key_equal(&request->to.key, &row.key));
        assert_string_equal(request->to.host_uuid.text, HOST_A);
    }
    end_all();
}

static void rows_of_another_host_are_not_its_own(void **state)
{
    struct secret_row row = row_of(1, SECRET_ACTIVE);

    (void)state;
    row.host = fake_uuid(HOST_B);
    must(secret_row_write(fake->ledger, &row, &e));
    put(2, SECRET_ACTIVE, false);
    recovery_begin(recovery, 0);
    turn_until(&begun_count, 1);
    assert_int_equal(begun_count, 1);
    assert_int_equal(begun[0].to.key.key_version, 2);
    end_all();
}

static void no_more_than_so_many_are_under_way_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS_MAX; i++)
        put(i, SECRET_ACTIVE, false);
    recovery_begin(recovery, 0);
    turn_until(&begun_count, AT_ONCE);
    for (int i = 0; i < 5; i++)
        event_base_loop(base, EVLOOP_ONCE);
    assert_int_equal(begun_count, AT_ONCE);
    for (size_t i = 1; i <= ROWS_MAX; i++) {
        end(RESTORED_SECRET, false);
        turn_until(&begun_count, AT_ONCE + i < ROWS_MAX ? AT_ONCE + i : ROWS_MAX);
        assert_true(begun_count - ended_count <= AT_ONCE);
    }
    assert_int_equal(begun_count, ROWS_MAX);
}

static void where_there_is_no_room_it_is_tried_again(void **state)
{
    (void)state;
    put(1, SECRET_ACTIVE, false);
    put(2, SECRET_ACTIVE, false);
    room = 1;
    recovery_begin(recovery, 0);
    turn_until(&refused_count, 3);
    assert_int_equal(begun_count, 1);
    room = SIZE_MAX;
    turn_until(&begun_count, 2);
    assert_false(uuid_equal(&begun[0].secret_uuid, &begun[1].secret_uuid));
    end_all();
}

static void who_may_not_act_any_more_leaves_the_rest_and_may_begin_anew(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++)
        put(i, SECRET_ACTIVE, false);
    room = 2;
    recovery_begin(recovery, 0);
    turn_until(&refused_count, 1);
    may_begin = false;
    room = SIZE_MAX;
    asked_count = 0;
    turn_until(&asked_count, 1);
    assert_int_equal(begun_count, 2);
    end_all();
    may_begin = true;
    recovery_begin(recovery, 0);
    turn_until(&begun_count, 2 + 5);
    end_all();
}

static void who_may_not_act_from_the_beginning_begins_nothing_and_may_begin_anew(void **state)
{
    (void)state;
    put(1, SECRET_ACTIVE, false);
    may_begin = false;
    recovery_begin(recovery, 0);
    turn_until(&asked_count, 1);
    assert_int_equal(begun_count, 0);
    may_begin = true;
    recovery_begin(recovery, 0);
    turn_until(&begun_count, 1);
    end_all();
}

static void what_begins_while_it_runs_is_compared_once_more(void **state)
{
    struct uuid first, second;

    (void)state;
    first = put(1, SECRET_ACTIVE, false);
    recovery_begin(recovery, 0);
    turn_until(&begun_count, 1);
    second = put(2, SECRET_ACTIVE, false);
    for (int i = 0; i < 3; i++)
        recovery_begin(recovery, 0);
    for (int i = 0; i < 5; i++)
        event_base_loop(base, EVLOOP_ONCE);
    assert_int_equal(begun_count, 1); /* not beside the one that is still under way */
    fake_secret_put(fake->host.hv, first.text, HV_USAGE_VTPM, USAGE_ID, "");
    end(RESTORED_SECRET, false);
    turn_until(&begun_count, 2);
    assert_string_equal(begun[1].secret_uuid.text, second.text);
    fake_secret_put(fake->host.hv, second.text, HV_USAGE_VTPM, OTHERS_ID, "");
    come_to_rest();
    assert_int_equal(begun_count, 3); /* three times "once more" is once more */
    end_all();
}

static void a_libvirt_that_is_away_ends_it_and_it_may_begin_anew(void **state)
{
    (void)state;
    put(1, SECRET_ACTIVE, false);
    fake_fault_set(fake->host.hv, 1, FAULT_LOST_BEFORE);
    recovery_begin(recovery, 0);
    recovery_begin(recovery, 0); /* whether it is the one that fails or comes to be the next */
    for (int i = 0; i < 20; i++)
        event_base_loop(base, EVLOOP_ONCE);
    recovery_begin(recovery, 0);
    turn_until(&begun_count, 1);
    assert_false(begun[0].state != SECRET_ACTIVE || !begun[0].is_absent);
    end_all();
}

static void assert_announced(bool is_on)
{
    struct ledger *other;
    bool found;

    must(ledger_open(ledger_path, &other, &e));
    must(restoration_is_on(other, &fake->host.uuid, &found, &e));
    ledger_close(other);
    assert_int_equal(found, is_on);
}

static void what_is_lost_is_announced_until_all_of_it_is_back(void **state)
{
    (void)state;
    put(1, SECRET_ACTIVE, false);
    put(2, SECRET_ACTIVE, false);
    put(3, SECRET_DELETING, true);
    recovery_begin(recovery, 0);
    turn_until(&begun_count, 3);
    assert_announced(true);
    assert_true(begun[0].is_announced && begun[1].is_announced);
    end(RESTORED_SECRET, false);
    end(RESTORED_SECRET, false);
    assert_announced(true);
    end(RESTORED_UNDONE, false);
    put(1, SECRET_ACTIVE, true);
    put(2, SECRET_ACTIVE, true);
    come_to_rest(); /* after it was ended: the thread has one thing to do at a time */
    assert_announced(false);
}

static void what_is_made_while_libvirt_is_asked_is_not_taken_for_lost(void **state)
{
    struct secret_row row;

    (void)state;
    fake->host.hv->lists_none = true;
    for (size_t i = 0; i < 3; i++) {
        put(i, SECRET_ACTIVE, i != 1);
        row = row_of(i, SECRET_ACTIVE);
        row.changed_ms = INT64_MAX;
        must(secret_row_write(fake->ledger, &row, &e));
    }
    recovery_begin(recovery, 0);
    turn_until(&begun_count, 1);
    end_all();
    come_to_rest();
    assert_int_equal(begun_count, 3); /* the one that is lost, again, and that of come_to_rest() */
    assert_int_equal(begun[0].to.key.key_version, 1);
    assert_int_equal(begun[1].to.key.key_version, 1);
}

/* Of those that somebody died over, or that failed, nobody can tell which are half made. */
static void what_was_not_ended_well_is_all_looked_after_again(void **state)
{
    (void)state;
    put(1, SECRET_ACTIVE, true);
    must(restoration_begin(fake->ledger, &fake->host.uuid, &fake->host.uuid, &e));
    for (size_t round = 1; round <= 2; round++) {
        recovery_begin(recovery, 0);
        turn_until(&begun_count, round);
        assert_true(begun[round - 1].is_announced && !begun[round - 1].is_absent);
        end(RESTORED_FINISHED, round == 1);
    }
    come_to_rest();
    assert_int_equal(begun_count, 3); /* the last is the one that was put there for it */
    assert_announced(false);
}

static void every_outcome_ends_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < 6; i++)
        put(i, SECRET_ACTIVE, false);
    log_set_level(LOG_LEVEL_ERROR);
    recovery_begin(recovery, 0);
    turn_until(&begun_count, 6);
    for (int what = RESTORED_NOTHING; what <= RESTORED_ASTRAY; what++)
        end((enum restored)what, false);
    end(RESTORED_NOTHING, true);
    recovery_begin(recovery, 0);
    turn_until(&begun_count, 12);
    end_all();
}

static void it_closes_while_some_are_under_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS_MAX; i++)
        put(i, SECRET_ACTIVE, false);
    recovery_begin(recovery, 0);
    turn_until(&begun_count, AT_ONCE);
    recovery_begin(recovery, 0);
}

static void without_a_ledger_it_does_not_open(void **state)
{
    struct recovery_config config = {"/nowhere/ledger.db", &fake->host, 1, on_restore, on_may, NULL};
    struct recovery *none = NULL;

    (void)state;
    assert_false(recovery_open(base, &config, &none, &e));
    assert_null(none);
    recovery_close(NULL);
}

enum { HOSTS = 3, ROUNDS = 4 };

static size_t restored_of[HOSTS];

static bool on_restore_of(void *arg, size_t host, const struct restore_request *what)
{
    struct recovery **all = arg;

    restored_of[host]++;
    recovery_begin(*all, host); /* once more, and so on */
    return on_restore(NULL, 0, what);
}

static bool on_may_of(void *arg, size_t host)
{
    (void)arg, (void)host;
    return true;
}

static void no_host_waits_for_others_that_are_compared_again_and_again(void **state)
{
    static const char *const uuids[HOSTS] = {HOST_A, HOST_B, UUID_1};
    struct host hosts[HOSTS];
    struct recovery *all;
    size_t seen[HOSTS] = {0};

    (void)state;
    memset(restored_of, 0, sizeof(restored_of));
    for (size_t i = 0; i < HOSTS; i++) {
        struct secret_row row = row_of(i + 1, SECRET_ACTIVE);

        hosts[i] = fake->host;
        hosts[i].uuid = row.host = fake_uuid(uuids[i]);
        must(secret_row_write(fake->ledger, &row, &e));
    }
    must(recovery_open(base, &(struct recovery_config){ledger_path, hosts, HOSTS, on_restore_of, on_may_of, &all}, &all,
                       &e));
    for (size_t i = 0; i < HOSTS; i++)
        recovery_begin(all, i);
    while (begun_count < HOSTS * ROUNDS) {
        turn_until(&begun_count, ended_count + 1);
        for (size_t i = 0; i < HOSTS; i++)
            for (; seen[i] < restored_of[i]; seen[i]++, ended_count++)
                recovery_ended(all, i, &(struct work){0});
    }
    for (size_t i = 0; i < HOSTS; i++)
        assert_in_range(restored_of[i], ROUNDS - 1, ROUNDS + 1);
    recovery_close(all);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(finds_what_is_lost_and_what_is_half_made_and_nothing_else),
        TEST(rows_of_another_host_are_not_its_own),
        TEST(no_more_than_so_many_are_under_way_at_once),
        TEST(where_there_is_no_room_it_is_tried_again),
        TEST(who_may_not_act_any_more_leaves_the_rest_and_may_begin_anew),
        TEST(who_may_not_act_from_the_beginning_begins_nothing_and_may_begin_anew),
        TEST(what_begins_while_it_runs_is_compared_once_more),
        TEST(a_libvirt_that_is_away_ends_it_and_it_may_begin_anew),
        TEST(what_is_lost_is_announced_until_all_of_it_is_back),
        TEST(what_is_made_while_libvirt_is_asked_is_not_taken_for_lost),
        TEST(what_was_not_ended_well_is_all_looked_after_again),
        TEST(every_outcome_ends_it),
        TEST(it_closes_while_some_are_under_way),
        TEST(without_a_ledger_it_does_not_open),
        TEST(no_host_waits_for_others_that_are_compared_again_and_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
