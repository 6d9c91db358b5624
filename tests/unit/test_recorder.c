/* A real ledger, the recorder's thread, and a loop that turns until what must come has come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "worker/recorder.h"

#define HOST   "aaaaaaaa-0000-4000-8000-00000000000a"
#define VM     "cccccccc-0000-4000-8000-00000000000c"
#define DIGEST "0123456789abcdef0123456789abcdef"

enum {
    ENTRIES = 64,
    LATEST_MS = 20000, /* the longest a test waits for what must come */
    PAGE_BYTES = 4096,
};

static const struct uuid host = {HOST};
static char folder[40], path[64];
static struct event_base *base;
static struct event *tick;
static struct recorder *recorder;
static struct histogram commits;
static struct entry entries[ENTRIES];
static struct record nothing, records[ENTRIES];
static const struct entry *done[2 * ENTRIES];
static size_t done_count, news_count;
static struct entry *again; /* to be written once more when it is done */
static bool works;
static char why[384];
static struct err e;

static void must(bool ok)
{
    if (!ok)
        fail_msg("%s", e.text);
}

static void on_done(void *arg, struct entry *entry)
{
    (void)arg;
    done[done_count++] = entry;
    if (entry == again) {
        again = NULL;
        entry->row.attempts = 2;
        recorder_write(recorder, entry, 1);
    }
}

static void on_news(void *arg, bool works_now, const char *why_now)
{
    (void)arg;
    news_count++;
    works = works_now;
    snprintf(why, sizeof(why), "%s", why_now);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

static struct recorder *opened(void)
{
    const struct recorder_config config = {path, &commits, on_done, on_news, NULL};
    struct recorder *r = NULL;

    must(recorder_open(base, &config, &r, &e));
    return r;
}

static int set_up(void **state)
{
    static const struct timeval often = {0, 20000};

    (void)state;
    strcpy(folder, "/tmp/keyferry-recorder-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/ledger.db", folder);
    base = event_base_new();
    tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
    event_add(tick, &often);
    memset(entries, 0, sizeof(entries));
    memset(records, 0, sizeof(records));
    done_count = news_count = 0;
    again = NULL;
    recorder = opened();
    return 0;
}

static int tear_down(void **state)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    char file[80];

    (void)state;
    recorder_close(TAKE(recorder));
    event_free(tick);
    event_base_free(base);
    for (size_t i = 0; i < COUNT(tails); i++) {
        snprintf(file, sizeof(file), "%s%s", path, tails[i]);
        unlink(file);
    }
    return rmdir(folder);
}

static struct entry *entry_of(size_t n)
{
    struct entry *entry = &entries[n];

    entry->id.host = host;
    snprintf(entry->id.id, sizeof(entry->id.id), "id-%zu", n);
    strcpy(entry->row.name, "SecretHostGetMsg");
    strcpy(entry->row.content, DIGEST);
    strcpy(entry->row.whole, DIGEST);
    entry->row.state = INBOX_BEGUN;
    entry->row.attempts = 1;
    entry->row.changed_ms = (int64_t)time(NULL) * 1000;
    entry->record = &nothing;
    return entry;
}

static struct secret_row secret(size_t n)
{
    struct secret_row row = {.host = host, .state = SECRET_ACTIVE, .sealed = {.len = 100}};

    snprintf(row.uuid.text, sizeof(row.uuid.text), "11111111-0000-4000-8000-%012zx", n);
    strcpy(row.key.vm_uuid.text, VM);
    strcpy(row.key.purpose, "vtpm");
    strcpy(row.key.usage_instance, "tpm0");
    return row;
}

static void turn_until(bool (*is_so)(void))
{
    struct timespec began, now;

    clock_gettime(CLOCK_MONOTONIC, &began);
    while (!is_so()) {
        event_base_loop(base, EVLOOP_ONCE);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if ((now.tv_sec - began.tv_sec) * 1000 > LATEST_MS)
            fail_msg("it does not come: %zu done, %zu news, %s", done_count, news_count, why);
    }
}

static size_t awaited;

static bool so_many_are_done(void)
{
    return done_count >= awaited;
}

static bool there_is_so_much_news(void)
{
    return news_count >= awaited;
}

static void turn_until_done(size_t count)
{
    awaited = count;
    turn_until(so_many_are_done);
}

static void turn_until_news(size_t count)
{
    awaited = count;
    turn_until(there_is_so_much_news);
}

/* What is in the file, by a connection of its own; -1: it does not know the id. */
static int64_t attempts_on_disk(size_t n)
{
    struct inbox_id id = {.host = host};
    struct inbox_row row;
    struct ledger *ledger;
    bool found;

    must(ledger_open(path, &ledger, &e));
    snprintf(id.id, sizeof(id.id), "id-%zu", n);
    must(inbox_find(ledger, &id, &row, &found, &e));
    ledger_close(ledger);
    return found ? row.attempts : -1;
}

static bool secret_is_on_disk(size_t n)
{
    const struct uuid uuid = secret(n).uuid;
    struct ledger *ledger;
    struct secret_row row;
    bool found;

    must(ledger_open(path, &ledger, &e));
    must(secret_row_get(ledger, &host, &uuid, &row, &found, &e));
    ledger_close(ledger);
    return found;
}

static off_t log_bytes(void)
{
    char file[80];
    struct stat st;

    snprintf(file, sizeof(file), "%s-wal", path);
    return stat(file, &st) == 0 ? st.st_size : 0;
}

/* Nothing can be written to any file; or it can. Says nothing meanwhile: that could not be written either. */
static void disk_is_full(bool is_full)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = is_full ? 0 : limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void what_is_done_is_on_disk_before_it_is_told(void **state)
{
    (void)state;
    assert_int_equal(attempts_on_disk(0), -1);
    recorder_write(recorder, entry_of(0), 1);
    turn_until_done(1);
    assert_ptr_equal(done[0], &entries[0]);
    assert_int_equal(attempts_on_disk(0), 1);
    assert_int_equal(news_count, 0);
}

/* While somebody else writes, the first waits, and the others come to be behind it. */
static void all_that_is_ready_goes_into_one_transaction_and_is_told_in_order(void **state)
{
    struct ledger *other;
    off_t before;

    (void)state;
    must(ledger_open(path, &other, &e) && ledger_begin(other, &e));
    before = log_bytes();
    for (size_t i = 0; i < ENTRIES; i++)
        recorder_write(recorder, entry_of(i), 1);
    assert_int_equal(done_count, 0);
    ledger_rollback(other);
    turn_until_done(ENTRIES);
    for (size_t i = 0; i < ENTRIES; i++) {
        assert_ptr_equal(done[i], &entries[i]);
        assert_int_equal(attempts_on_disk(i), 1);
    }
    assert_true(log_bytes() - before < ENTRIES * PAGE_BYTES); /* each by itself would have written two pages and more */
    ledger_close(other);
}

/* Of many in hand one does not go alone, though nobody is in its way. */
static void where_others_follow_it_waits_for_them(void **state)
{
    off_t before = log_bytes();

    (void)state;
    for (size_t i = 0; i < ENTRIES; i++)
        recorder_write(recorder, entry_of(i), ENTRIES);
    turn_until_done(ENTRIES);
    for (size_t i = 0; i < ENTRIES; i++)
        assert_int_equal(attempts_on_disk(i), 1);
    assert_true(log_bytes() - before < ENTRIES * PAGE_BYTES);
}

static void how_long_each_transaction_took_is_counted(void **state)
{
    (void)state;
    memset(&commits, 0, sizeof(commits));
    for (size_t i = 0; i < 3; i++) {
        recorder_write(recorder, entry_of(i), 1);
        turn_until_done(i + 1);
    }
    assert_int_equal(histogram_count(&commits), 3);
    assert_true(commits.sum_us > 0);
}

static void a_request_and_what_it_changes_among_secrets_are_written_together(void **state)
{
    (void)state;
    records[0].change_count = 1;
    records[0].changes[0].row = secret(1);
    entry_of(0)->record = &records[0];
    recorder_write(recorder, &entries[0], 1);
    records[1].change_count = 2;
    records[1].changes[0] = (struct secret_change){true, secret(1)};
    records[1].changes[1].row = secret(2);
    entry_of(1)->record = &records[1];
    recorder_write(recorder, &entries[1], 1);
    turn_until_done(2);
    assert_false(secret_is_on_disk(1));
    assert_true(secret_is_on_disk(2));
}

static void an_entry_without_an_id_has_no_row(void **state)
{
    (void)state;
    entries[0].record = &records[0];
    records[0].change_count = 1;
    records[0].changes[0].row = secret(3);
    recorder_write(recorder, &entries[0], 1);
    turn_until_done(1);
    assert_true(secret_is_on_disk(3));
}

static void what_is_done_may_be_written_again_at_once(void **state)
{
    (void)state;
    again = entry_of(0);
    recorder_write(recorder, &entries[0], 1);
    recorder_write(recorder, entry_of(1), 1);
    turn_until_done(3);
    assert_ptr_equal(done[2], &entries[0]);
    assert_int_equal(attempts_on_disk(0), 2);
}

static void what_cannot_be_written_is_kept_and_tried_again_and_told_once(void **state)
{
    (void)state;
    recorder_write(recorder, entry_of(0), 1);
    turn_until_done(1);
    disk_is_full(true);
    recorder_write(recorder, entry_of(1), 1);
    turn_until_news(1);
    recorder_write(recorder, entry_of(2), 1);
    for (int i = 0; i < 120; i++) /* two tries and more */
        event_base_loop(base, EVLOOP_ONCE);
    disk_is_full(false);
    assert_int_equal(news_count, 1);
    assert_false(works);
    assert_non_null(strstr(why, path));
    assert_int_equal(done_count, 1);
    turn_until_done(3);
    assert_int_equal(news_count, 2);
    assert_true(works);
    assert_string_equal(why, "");
    assert_ptr_equal(done[1], &entries[1]);
    assert_ptr_equal(done[2], &entries[2]);
    assert_int_equal(attempts_on_disk(2), 1);
}

static void another_reason_is_told_and_of_a_failed_transaction_nothing_is_kept(void **state)
{
    char first[sizeof(why)];

    (void)state;
    disk_is_full(true);
    recorder_write(recorder, entry_of(0), 1);
    turn_until_news(1);
    memcpy(first, why, sizeof(first));
    strcpy(entry_of(1)->row.content, "no digest");
    recorder_write(recorder, &entries[1], 1);
    turn_until_news(2);
    disk_is_full(false);
    assert_string_not_equal(first, why);
    assert_false(works);
    assert_int_equal(done_count, 0);
    assert_int_equal(attempts_on_disk(0), -1);
}

static void what_is_pending_when_it_closes_is_not_written_and_not_told(void **state)
{
    (void)state;
    disk_is_full(true);
    recorder_write(recorder, entry_of(0), 1);
    turn_until_news(1);
    recorder_write(recorder, entry_of(1), 1);
    recorder_close(TAKE(recorder));
    disk_is_full(false);
    assert_int_equal(done_count, 0);
    assert_int_equal(attempts_on_disk(0), -1);
    recorder = opened();
    recorder_write(recorder, entry_of(1), 1);
    turn_until_done(1);
    assert_int_equal(attempts_on_disk(0), -1);
    assert_int_equal(attempts_on_disk(1), 1);
}

static bool the_old_one_is_forgotten(void)
{
    return attempts_on_disk(0) < 0;
}

static void what_is_older_than_a_signature_can_be_is_forgotten_and_what_is_younger_is_not(void **state)
{
    static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000, minute_ms = INT64_C(60) * 1000;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        entry_of(i)->row.changed_ms -= INBOX_KEEP_DAYS * day_ms + (i == 0 ? 60 : 4) * minute_ms;
        entries[i].row.state = i < 2 ? INBOX_DONE : INBOX_BEGUN;
        entries[i].row.outcome_bytes = 1;
    }
    entries[2].row.changed_ms -= 2 * day_ms;
    for (size_t i = 0; i < 3; i++)
        recorder_write(recorder, &entries[i], 1);
    turn_until_done(3);
    turn_until(the_old_one_is_forgotten);
    assert_int_equal(attempts_on_disk(1), 1);
    assert_int_equal(attempts_on_disk(2), 1); /* nothing that was begun is */
}

static void one_that_cannot_be_opened_is_refused(void **state)
{
    const struct recorder_config config = {"/nowhere/ledger.db", NULL, on_done, on_news, NULL};
    struct recorder *none = NULL;

    (void)state;
    assert_false(recorder_open(base, &config, &none, &e));
    assert_int_equal(e.kind, ERR_LOCAL);
    assert_null(none);
    recorder_close(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_done_is_on_disk_before_it_is_told),
        TEST(all_that_is_ready_goes_into_one_transaction_and_is_told_in_order),
        TEST(where_others_follow_it_waits_for_them),
        TEST(how_long_each_transaction_took_is_counted),
        TEST(a_request_and_what_it_changes_among_secrets_are_written_together),
        TEST(an_entry_without_an_id_has_no_row),
        TEST(what_is_done_may_be_written_again_at_once),
        TEST(what_cannot_be_written_is_kept_and_tried_again_and_told_once),
        TEST(another_reason_is_told_and_of_a_failed_transaction_nothing_is_kept),
        TEST(what_is_pending_when_it_closes_is_not_written_and_not_told),
        TEST(what_is_older_than_a_signature_can_be_is_forgotten_and_what_is_younger_is_not),
        TEST(one_that_cannot_be_opened_is_refused),
    };

    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
