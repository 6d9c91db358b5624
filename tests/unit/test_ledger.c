#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handlers/ledger_sql.h"

#define HOST_A "aaaaaaaa-0000-4000-8000-00000000000a"
#define HOST_B "aaaaaaaa-0000-4000-8000-00000000000b"
#define VM     "cccccccc-0000-4000-8000-00000000000c"
#define DIGEST "0123456789abcdef0123456789abcdef"

static const struct uuid host_a = {HOST_A}, host_b = {HOST_B};
static char folder[40], path[64];
static struct ledger *ledger;
static struct err e;

static struct ledger *opened(void)
{
    struct ledger *fresh;

    if (!ledger_open(path, &fresh, &e))
        fail_msg("%s", e.text);
    return fresh;
}

static void must(bool ok)
{
    if (!ok)
        fail_msg("%s", e.text);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/keyferry-ledger-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/ledger", folder);
    ledger = opened();
    return 0;
}

static void shut(void)
{
    ledger_close(TAKE(ledger));
}

/* Whoever closes last leaves one file and nothing else. */
static int tear_down(void **state)
{
    char aside[80];

    (void)state;
    shut();
    unlink(path);
    for (size_t i = 0; i < 2; i++) {
        snprintf(aside, sizeof(aside), "%s-%s", path, i == 0 ? "wal" : "shm");
        unlink(aside);
    }
    return rmdir(folder);
}

/* As another program, or somebody with the sqlite3 shell. */
static void outside(const char *sql)
{
    sqlite3 *db;
    char *text = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s", text);
    sqlite3_close(db);
}

static void assert_no_open(const char *says)
{
    struct ledger *untouched = (struct ledger *)folder;

    assert_false(ledger_open(path, &untouched, &e));
    assert_int_equal(e.kind, ERR_LOCAL);
    assert_ptr_equal(untouched, folder);
    if (strstr(e.text, path) == NULL || strstr(e.text, says) == NULL)
        fail_msg("'%s' does not say '%s'", e.text, says);
}

static struct inbox_id id_of(int number)
{
    struct inbox_id id = {.host = host_a};

    snprintf(id.id, sizeof(id.id), "id-%d", number);
    return id;
}

static struct inbox_row row_at(enum inbox_state state, int64_t changed_ms)
{
    struct inbox_row row = {.name = "FooMsg", .content = DIGEST, .whole = DIGEST, .changed_ms = changed_ms};

    row.state = state;
    row.attempts = 1;
    if (state != INBOX_BEGUN) {
        row.outcome_bytes = 3;
        memcpy(row.outcome, "\x81\x00\xc0", 3);
    }
    return row;
}

static bool write_in(struct ledger *where, int number, enum inbox_state state, int64_t changed_ms)
{
    struct inbox_id id = id_of(number);
    struct inbox_row row = row_at(state, changed_ms);

    return inbox_write(where, &id, &row, &e);
}

static bool is_in(struct ledger *where, int number)
{
    struct inbox_id id = id_of(number);
    struct inbox_row row;
    bool found = false;

    must(inbox_find(where, &id, &row, &found, &e));
    return found;
}

static struct secret_row secret_of(const char *uuid, int64_t version)
{
    struct secret_row row = {.host = host_a, .key = {.vm_uuid = {VM}, .key_version = version}, .mark = "keyferry1; x"};

    strcpy(row.uuid.text, uuid);
    strcpy(row.key.purpose, "vtpm");
    strcpy(row.key.usage_instance, "tpm0");
    row.state = SECRET_ACTIVE;
    row.sealed.len = 82;
    memset(row.sealed.data, 0xee, row.sealed.len);
    row.lease_until_ms = 7;
    row.changed_ms = 8;
    return row;
}

static struct secret_row secret_numbered(int number)
{
    char uuid[UUID_CHARS + 1];

    snprintf(uuid, sizeof(uuid), "11111111-1111-4111-8111-%012d", number);
    return secret_of(uuid, number);
}

/* ---- opening ---- */

static void is_made_for_us_alone_whatever_the_umask(void **state)
{
    const char *suffixes[] = {"", "-wal", "-shm"};
    mode_t umask_before = umask(0);
    char name[80];
    struct stat st;

    (void)state;
    shut();
    unlink(path);
    ledger = opened();
    umask(umask_before);
    must(write_in(ledger, 1, INBOX_BEGUN, 1));
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void keeps_what_was_written_over_a_close_and_over_a_death(void **state)
{
    pid_t child;
    int status;

    (void)state;
    must(write_in(ledger, 1, INBOX_BEGUN, 1));
    shut();
    child = fork();
    if (child == 0) {
        ledger = opened();
        _exit(!write_in(ledger, 2, INBOX_DONE, 2) || !ledger_begin(ledger, &e) ||
              !write_in(ledger, 3, INBOX_BEGUN, 3)); /* neither closed nor committed */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    ledger = opened();
    assert_true(is_in(ledger, 1) && is_in(ledger, 2));
    assert_false(is_in(ledger, 3));
}

static void a_file_of_a_newer_version_is_refused_and_left_alone(void **state)
{
    (void)state;
    shut();
    outside("PRAGMA user_version = 3");
    assert_no_open("version 3");
    outside("PRAGMA user_version = 2");
    ledger = opened();
}

static void a_file_of_an_earlier_version_is_brought_up_and_keeps_what_it_has(void **state)
{
    struct secret_row one = secret_numbered(1), row;
    bool found;

    (void)state;
    must(secret_row_write(ledger, &one, &e));
    shut();
    outside("DROP INDEX secrets_leased; DROP TABLE findings; PRAGMA user_version = 1");
    ledger = opened();
    must(secret_row_next_lease(ledger, &host_a, 0, NULL, &row, &found, &e));
    assert_true(found);
    assert_string_equal(row.uuid.text, one.uuid.text);
}

static void another_programs_database_is_refused_and_left_alone(void **state)
{
    struct stat before, after;

    (void)state;
    shut();
    unlink(path);
    outside("CREATE TABLE t (x)");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(stat(path, &before), 0);
    assert_no_open("another program");
    outside("PRAGMA application_id = 7");
    assert_no_open("another program");
    outside("PRAGMA application_id = 0; PRAGMA user_version = 1");
    assert_no_open("another program");
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
}

static void put(const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static void what_is_no_database_is_refused(void **state)
{
    char noise[5000];

    (void)state;
    shut();
    memset(noise, 'x', sizeof(noise));
    put(noise, sizeof(noise));
    assert_no_open("no ledger");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_no_open("no regular file");
    rmdir(path);
}

/* That is what a crash leaves between making the file and its tables. */
static void an_empty_file_becomes_a_ledger(void **state)
{
    (void)state;
    shut();
    put("", 0);
    ledger = opened();
    must(write_in(ledger, 1, INBOX_BEGUN, 1));
}

static void a_file_that_others_may_read_or_own_is_refused(void **state)
{
    (void)state;
    assert_int_equal(chmod(path, 0640), 0);
    assert_no_open("chmod 600");
    assert_int_equal(chmod(path, 0600), 0);
    if (geteuid() != 0)
        return; /* only root can give a file away */
    assert_int_equal(chown(path, 65534, 65534), 0);
    assert_no_open("chown");
}

static void says_where_there_is_no_folder(void **state)
{
    struct ledger *none;

    (void)state;
    assert_false(ledger_open("/proc/none/ledger", &none, &e));
    assert_int_equal(e.kind, ERR_LOCAL);
    assert_non_null(strstr(e.text, "/proc/none"));
}

static void *open_and_write(void *number)
{
    struct ledger *own = NULL;
    struct err failure;
    struct inbox_id id = id_of(*(const int *)number);
    struct inbox_row row = row_at(INBOX_DONE, 1);
    bool ok = ledger_open(path, &own, &failure);

    for (int i = 0; ok && i < 20; i++) {
        row.attempts = i;
        ok = ledger_begin(own, &failure) && inbox_write(own, &id, &row, &failure) && ledger_commit(own, &failure);
    }
    ledger_close(own);
    if (!ok)
        print_error("%s\n", failure.text);
    return ok ? number : NULL;
}

static void many_may_make_it_and_write_to_it_at_once(void **state)
{
    pthread_t threads[6];
    int numbers[6];

    (void)state;
    shut();
    unlink(path);
    for (int i = 0; i < 6; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_write, &numbers[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        void *result;

        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_non_null(result);
    }
    ledger = opened();
    for (int i = 0; i < 6; i++)
        assert_true(is_in(ledger, i));
}

/* ---- damage and full disks ---- */

static void fill(int rows)
{
    must(ledger_begin(ledger, &e));
    for (int i = 1; i <= rows; i++) {
        struct secret_row secret = secret_numbered(i);

        must(write_in(ledger, i, INBOX_DONE, i));
        must(secret_row_write(ledger, &secret, &e));
    }
    must(ledger_commit(ledger, &e));
}

/* Whatever fails must say so; what does not, must not crash. */
static void use_all(struct ledger *where)
{
    struct inbox_row row;
    struct secret_row secret = secret_numbered(3);
    int64_t forgotten, youngest_ms;
    bool found = true;

    e = (struct err){.kind = ERR_NONE};
    (void)!sql_run(where, "PRAGMA synchronous = OFF", &e); /* not what is tested here */
    for (int i = 1; i <= 40; i++) {
        struct inbox_id id = id_of(i);

        (void)!inbox_find(where, &id, &row, &found, &e);
        (void)!secret_row_next(where, &host_a, i == 1 ? NULL : &secret.uuid, &secret, &found, &e);
        (void)!secret_row_find(where, &host_a, &secret.key, &secret, &found, &e);
        secret = secret_numbered(i);
        (void)!secret_row_write(where, &secret, &e);
        (void)!write_in(where, i, INBOX_DONE, i);
    }
    (void)!secret_row_remove(where, &host_a, &secret.uuid, &e);
    (void)!inbox_prune(where, 20, 10, 100, &forgotten, &youngest_ms, &e);
    (void)!restoration_begin(where, &host_a, &host_b, &e);
    (void)!restoration_is_on(where, &host_a, &found, &e);
    if (e.kind != ERR_NONE) {
        assert_int_equal(e.kind, ERR_LOCAL);
        assert_non_null(strstr(e.text, path));
    }
}

static void flip(int fd, off_t at, uint8_t with)
{
    uint8_t byte;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= with;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void damage_gives_errors_and_no_crash(void **state)
{
    static uint8_t whole[1 << 18];
    int errors = 0;
    ssize_t size;
    int fd;

    (void)state;
    fill(60);
    shut();
    fd = open(path, O_RDWR);
    size = pread(fd, whole, sizeof(whole), 0);
    assert_in_range(size, 8 * 4096, sizeof(whole) - 1);
    for (int round = 0; round < 400; round++) {
        unsigned noise = (unsigned)round * 2654435761u;

        assert_int_equal(pwrite(fd, whole, (size_t)size, 0), size);
        assert_int_equal(ftruncate(fd, size), 0);
        for (int i = 0; i < 4; i++) /* two in the heads of pages, where they hurt */
            flip(fd, (off_t)(i < 2 ? (noise >> 8) % (unsigned)(size / 4096) * 4096 + (noise >> 4) % 64 : noise % size),
                 (uint8_t)(1u << i | noise >> 24)),
                noise = noise * 1664525u + 1013904223u;
        if (!ledger_open(path, &ledger, &e)) {
            assert_int_equal(e.kind, ERR_LOCAL);
            errors++;
            continue;
        }
        use_all(ledger);
        errors += e.kind != ERR_NONE;
        shut();
    }
    close(fd);
    assert_in_range(errors, 100, 400);
}

static void a_row_that_nobody_wrote_so_is_damage(void **state)
{
    static const char *const nonsense[] = {"state = 'x'", "name = printf('%.100c', 'x')", "outcome = zeroblob(4097)",
                                           "name = CAST(x'410042' AS TEXT)"};
    struct inbox_row row, before;
    struct inbox_id id = id_of(1);
    char sql[200];
    bool found;

    (void)state;
    memset(&row, 5, sizeof(row));
    before = row;
    for (size_t i = 0; i < COUNT(nonsense); i++) {
        must(write_in(ledger, 1, INBOX_DONE, 1));
        snprintf(sql, sizeof(sql), "PRAGMA ignore_check_constraints = ON; UPDATE inbox SET %s", nonsense[i]);
        outside(sql);
        assert_false(inbox_find(ledger, &id, &row, &found, &e));
        assert_non_null(strstr(e.text, "damaged"));
        assert_memory_equal(&row, &before, sizeof(row));
    }
}

static void nonsense_is_not_written(void **state)
{
    struct inbox_id id = id_of(1);
    struct inbox_row row = row_at(INBOX_DONE, 1);
    struct secret_row secret = secret_numbered(1);

    (void)state;
    row.outcome_bytes = 0;
    assert_false(inbox_write(ledger, &id, &row, &e));
    assert_non_null(strstr(e.text, "mistake"));
    row = row_at(INBOX_BEGUN, 1);
    row.content[0] = '\0';
    assert_false(inbox_write(ledger, &id, &row, &e));
    secret.sealed.len = 1;
    assert_false(secret_row_write(ledger, &secret, &e));
    secret = secret_numbered(1);
    secret.uuid.text[0] = '\0';
    assert_false(secret_row_write(ledger, &secret, &e));
    assert_false(is_in(ledger, 1));
}

/* Until it fails, for it must. */
static void write_until_full(void)
{
    int number = 100;

    must(ledger_begin(ledger, &e));
    while (number < 100000 && write_in(ledger, number, INBOX_DONE, 1))
        number++;
    assert_in_range(number, 101, 99999);
    assert_int_equal(e.kind, ERR_LEDGER);
}

static void a_full_disk_is_told_and_nothing_half_is_kept(void **state)
{
    (void)state;
    must(write_in(ledger, 1, INBOX_DONE, 1));
    must(sql_run(ledger, "PRAGMA max_page_count = 40", &e));
    write_until_full();
    assert_non_null(strstr(e.text, "full"));

    /* SQLite may have ended the transaction: what comes then must not be one of its own. */
    if (sqlite3_get_autocommit(ledger->db) != 0) {
        assert_false(write_in(ledger, 2, INBOX_DONE, 1));
        assert_false(ledger_commit(ledger, &e));
    }
    ledger_rollback(ledger);
    assert_false(is_in(ledger, 2) || is_in(ledger, 100));
    assert_true(is_in(ledger, 1));
    must(sql_run(ledger, "PRAGMA max_page_count = 4000", &e));
    must(write_in(ledger, 3, INBOX_DONE, 1));
}

static void a_file_that_may_not_grow_is_told_and_nothing_half_is_kept(void **state)
{
    struct rlimit before, little = {100 * 1024, RLIM_INFINITY};
    bool ok;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    must(write_in(ledger, 1, INBOX_DONE, 1));
    must(ledger_begin(ledger, &e));
    for (int i = 100; i < 1000; i++)
        must(write_in(ledger, i, INBOX_DONE, 1));
    getrlimit(RLIMIT_FSIZE, &before);
    little.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    ok = ledger_commit(ledger, &e);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    assert_false(ok);
    assert_int_equal(e.kind, ERR_LEDGER);
    assert_non_null(strstr(e.text, "disk fails"));
    assert_true(is_in(ledger, 1));
    assert_false(is_in(ledger, 100) || is_in(ledger, 999));
    must(ledger_begin(ledger, &e));
    must(write_in(ledger, 2, INBOX_DONE, 1));
    must(ledger_commit(ledger, &e));
}

/* ---- transactions ---- */

static void a_rollback_leaves_nothing_and_is_safe_at_any_time(void **state)
{
    struct secret_row secret = secret_numbered(1), row;
    bool found = true;

    (void)state;
    ledger_rollback(ledger);
    must(ledger_begin(ledger, &e));
    must(write_in(ledger, 1, INBOX_BEGUN, 1));
    must(secret_row_write(ledger, &secret, &e));
    ledger_rollback(ledger);
    ledger_rollback(ledger);
    assert_false(is_in(ledger, 1));
    must(secret_row_next(ledger, &host_a, NULL, &row, &found, &e));
    assert_false(found);
    assert_false(ledger_commit(ledger, &e)); /* there is none */
}

static void others_see_the_last_commit_and_are_not_kept_waiting(void **state)
{
    struct ledger *other = opened();

    (void)state;
    must(write_in(ledger, 1, INBOX_BEGUN, 1));
    must(ledger_begin(ledger, &e));
    must(write_in(ledger, 2, INBOX_BEGUN, 1));
    assert_true(is_in(other, 1));
    assert_false(is_in(other, 2));
    must(ledger_commit(ledger, &e));
    assert_true(is_in(other, 2));
    ledger_close(other);
}

static void two_writers_wait_for_each_other_but_not_for_ever(void **state)
{
    struct ledger *other = opened();

    (void)state;
    sqlite3_busy_timeout(other->db, 1);
    must(ledger_begin(ledger, &e));
    assert_false(ledger_begin(other, &e));
    assert_int_equal(e.kind, ERR_LEDGER);
    assert_non_null(strstr(e.text, "locked"));
    assert_false(write_in(other, 1, INBOX_BEGUN, 1));
    must(ledger_commit(ledger, &e));
    must(ledger_begin(other, &e));
    must(write_in(other, 1, INBOX_BEGUN, 1));
    must(ledger_commit(other, &e));
    ledger_close(other);
}

/* ---- inbox ---- */

static void a_request_is_found_as_it_was_written(void **state)
{
    struct inbox_id id = {.host = host_a, .sender = "reader'--\xc3\xa9", .id = "an id"}, other = id;
    struct inbox_row row = row_at(INBOX_UNDOING, INT64_C(1700000000000)), found_row;
    bool found;

    (void)state;
    memset(&found_row, 0, sizeof(found_row));
    row.is_new = true;
    row.attempts = 3;
    strcpy(row.dek, DIGEST);
    row.secret_uuid = host_b;
    row.outcome_bytes = OUTCOME_MAX_BYTES;
    memset(row.outcome, 0xc1, sizeof(row.outcome));
    must(inbox_write(ledger, &id, &row, &e));
    must(inbox_find(ledger, &id, &found_row, &found, &e));
    assert_true(found);
    assert_memory_equal(&found_row, &row, offsetof(struct inbox_row, outcome) + OUTCOME_MAX_BYTES);

    row = row_at(INBOX_BEGUN, 5); /* in its place, with less in it */
    must(inbox_write(ledger, &id, &row, &e));
    must(inbox_find(ledger, &id, &found_row, &found, &e));
    assert_memory_equal(&found_row, &row, offsetof(struct inbox_row, outcome));

    other.host = host_b;
    must(inbox_find(ledger, &other, &found_row, &found, &e));
    assert_false(found);
    other = id;
    other.sender[0] = '\0';
    must(inbox_find(ledger, &other, &found_row, &found, &e));
    assert_false(found);
}

static int count_in(int first, int last)
{
    int count = 0;

    for (int i = first; i <= last; i++)
        count += is_in(ledger, i);
    return count;
}

static int64_t prune(int64_t before_ms, int64_t most, int64_t limit, int64_t *youngest_ms)
{
    int64_t forgotten = -1;

    *youngest_ms = -1;
    must(inbox_prune(ledger, before_ms, most, limit, &forgotten, youngest_ms, &e));
    return forgotten;
}

static void what_is_old_and_finished_is_forgotten_the_oldest_first(void **state)
{
    int64_t youngest_ms;

    (void)state;
    for (int i = 10; i >= 1; i--) /* written in another order than they are old */
        must(write_in(ledger, i, i == 2 || i == 3 ? INBOX_BEGUN : INBOX_DONE, i));
    must(write_in(ledger, 3, INBOX_UNDOING, 3));
    assert_int_equal(prune(8, 100, 2, &youngest_ms), 2); /* 1, 4 */
    assert_int_equal(youngest_ms, 0);
    assert_false(is_in(ledger, 1) || is_in(ledger, 4));
    assert_int_equal(count_in(1, 10), 8);
    assert_int_equal(prune(8, 100, 100, &youngest_ms), 3); /* 5, 6, 7 */
    assert_int_equal(youngest_ms, 0);
    assert_int_equal(count_in(8, 10), 3);
    assert_int_equal(count_in(2, 3), 2); /* never what is not finished */
    assert_int_equal(prune(8, 100, 100, &youngest_ms), 0);
}

static void what_is_too_many_is_forgotten_and_how_young_it_was_is_told(void **state)
{
    int64_t youngest_ms;

    (void)state;
    assert_int_equal(prune(0, 0, 100, &youngest_ms), 0);
    for (int i = 1; i <= 10; i++)
        must(write_in(ledger, i, INBOX_DONE, i));
    assert_int_equal(prune(0, 10, 100, &youngest_ms), 0);
    assert_int_equal(prune(3, 6, 100, &youngest_ms), 4); /* 1 and 2 by age, 3 and 4 by number */
    assert_int_equal(youngest_ms, 4);
    assert_int_equal(count_in(1, 4), 0);
    assert_int_equal(count_in(5, 10), 6);
    assert_int_equal(prune(0, 3, 2, &youngest_ms), 2);
    assert_int_equal(youngest_ms, 6);
    assert_int_equal(prune(0, 3, 2, &youngest_ms), 1);
    assert_int_equal(youngest_ms, 7);
    assert_int_equal(prune(0, 3, 2, &youngest_ms), 0);
}

static void forgetting_is_part_of_a_transaction_that_is_open(void **state)
{
    int64_t youngest_ms;

    (void)state;
    must(write_in(ledger, 1, INBOX_DONE, 1));
    must(ledger_begin(ledger, &e));
    assert_int_equal(prune(5, 100, 100, &youngest_ms), 1);
    ledger_rollback(ledger);
    assert_true(is_in(ledger, 1));
}

/* ---- secrets ---- */

static void assert_same_secret(const struct secret_row *a, const struct secret_row *b)
{
    assert_string_equal(a->uuid.text, b->uuid.text);
    assert_string_equal(a->host.text, b->host.text);
    assert_string_equal(a->mark, b->mark);
    assert_int_equal(a->state, b->state);
    assert_memory_equal(&a->key, &b->key, sizeof(a->key));
    assert_int_equal(a->sealed.len, b->sealed.len);
    assert_memory_equal(a->sealed.data, b->sealed.data, a->sealed.len);
    assert_int_equal(a->lease_until_ms, b->lease_until_ms);
    assert_int_equal(a->changed_ms, b->changed_ms);
}

static void a_secret_is_found_by_its_identity_the_active_one_first(void **state)
{
    struct secret_row one = secret_numbered(1), two = secret_numbered(2), row;
    struct secret_key other = one.key;
    bool found;

    (void)state;
    two.key = one.key;
    memset(two.mark, 'm', MARK_MAX_BYTES);
    two.sealed.len = 1064;
    one.state = SECRET_DEFINING;
    must(secret_row_write(ledger, &one, &e));
    must(secret_row_find(ledger, &host_a, &one.key, &row, &found, &e));
    assert_true(found);
    assert_same_secret(&row, &one);
    must(secret_row_write(ledger, &two, &e));
    must(secret_row_find(ledger, &host_a, &one.key, &row, &found, &e));
    assert_same_secret(&row, &two);

    one.state = SECRET_ACTIVE;
    two.state = SECRET_DELETING;
    must(secret_row_write(ledger, &two, &e));
    must(secret_row_write(ledger, &one, &e));
    must(secret_row_find(ledger, &host_a, &one.key, &row, &found, &e));
    assert_same_secret(&row, &one);
    must(secret_row_remove(ledger, &host_a, &one.uuid, &e));
    must(secret_row_remove(ledger, &host_a, &one.uuid, &e)); /* again */
    must(secret_row_find(ledger, &host_a, &one.key, &row, &found, &e));
    assert_same_secret(&row, &two);

    must(secret_row_find(ledger, &host_b, &one.key, &row, &found, &e));
    assert_false(found);
    other.key_version++;
    must(secret_row_find(ledger, &host_a, &other, &row, &found, &e));
    assert_false(found);
}

static void leased_put(int number, int64_t until_ms, const struct uuid *host)
{
    struct secret_row row = secret_numbered(number);

    row.host = *host;
    row.lease_until_ms = until_ms;
    must(secret_row_write(ledger, &row, &e));
}

static void leases_come_in_the_order_in_which_they_end_and_what_has_none_does_not(void **state)
{
    static const int order[] = {5, 2, 3, 1};
    struct secret_row row = {.lease_until_ms = 0};
    bool found = true;

    (void)state;
    leased_put(1, 900, &host_a);
    leased_put(2, 200, &host_a);
    leased_put(3, 200, &host_a);
    leased_put(4, 0, &host_a);
    leased_put(5, 100, &host_a);
    leased_put(6, 50, &host_b);
    for (size_t i = 0; i < 4; i++) {
        must(secret_row_next_lease(ledger, &host_a, row.lease_until_ms, &row.uuid, &row, &found, &e));
        assert_true(found);
        assert_int_equal(row.key.key_version, order[i]);
    }
    must(secret_row_next_lease(ledger, &host_a, row.lease_until_ms, &row.uuid, &row, &found, &e));
    assert_false(found);
}

static void leases_of_a_vm_are_that_vms_alone(void **state)
{
    struct secret_row row, other = secret_numbered(7);
    const struct uuid vm = {VM}, *after = NULL;
    int met = 0;
    bool found;

    (void)state;
    other.key.vm_uuid = host_b;
    must(secret_row_write(ledger, &other, &e));
    leased_put(1, 900, &host_a);
    leased_put(2, 200, &host_a);
    leased_put(4, 0, &host_a);
    for (;;) {
        must(secret_row_next_lease_of(ledger, &host_a, &vm, after, &row, &found, &e));
        if (!found)
            break;
        after = &row.uuid;
        assert_int_equal(row.key.key_version, ++met);
    }
    assert_int_equal(met, 2);
}

static void a_walk_meets_every_secret_of_the_host_whatever_changes_between(void **state)
{
    struct secret_row row, other = secret_numbered(5);
    struct uuid last = {""};
    bool found = true;
    int met = 0;

    (void)state;
    for (int i = 9; i >= 1; i--) {
        row = secret_numbered(i);
        must(secret_row_write(ledger, &row, &e));
    }
    other.host = host_b;
    must(secret_row_write(ledger, &other, &e));
    must(secret_row_next(ledger, &host_a, NULL, &row, &found, &e));
    while (found) {
        assert_string_equal(row.host.text, HOST_A);
        assert_true(strcmp(row.uuid.text, last.text) > 0);
        last = row.uuid;
        met++;
        if (met == 3)
            must(secret_row_remove(ledger, &host_a, &last, &e)); /* the one it stands on */
        if (met == 4) {
            struct secret_row next = secret_numbered(5), late = secret_numbered(20);

            must(secret_row_remove(ledger, &host_a, &next.uuid, &e));
            must(secret_row_write(ledger, &late, &e));
        }
        must(secret_row_next(ledger, &host_a, &last, &row, &found, &e));
    }
    assert_int_equal(met, 9); /* 1 to 9 but 5, and 20 */
}

static bool file_holds(const char *name, const uint8_t *bytes, size_t len)
{
    static uint8_t whole[1 << 20];
    int fd = open(name, O_RDONLY);
    ssize_t size = fd >= 0 ? read(fd, whole, sizeof(whole)) : 0;

    close(fd);
    return size > 0 && memmem(whole, (size_t)size, bytes, len) != NULL;
}

static void nothing_of_a_removed_secret_stays_in_the_file(void **state)
{
    struct secret_row row = secret_numbered(1);

    (void)state;
    memcpy(row.sealed.data, "what is not to be left behind", 30);
    must(secret_row_write(ledger, &row, &e));
    shut();
    assert_true(file_holds(path, row.sealed.data, 30));
    ledger = opened();
    must(secret_row_remove(ledger, &host_a, &row.uuid, &e));
    shut();
    assert_false(file_holds(path, row.sealed.data, 30));
}

/* ---- restorations ---- */

static bool is_restored(struct ledger *where, const struct uuid *host)
{
    bool is_on = true;

    must(restoration_is_on(where, host, &is_on, &e));
    return !is_on;
}

static void a_restoration_is_ended_by_whoever_began_it_last(void **state)
{
    const struct uuid one = {"aaaaaaaa-0000-4000-8000-000000000001"}, two = {"aaaaaaaa-0000-4000-8000-000000000002"};
    struct ledger *other = opened();

    (void)state;
    assert_true(is_restored(ledger, &host_a));
    must(restoration_begin(ledger, &host_a, &one, &e));
    assert_false(is_restored(other, &host_a));
    assert_true(is_restored(other, &host_b));
    must(restoration_begin(other, &host_a, &two, &e));
    must(restoration_end(ledger, &host_a, &one, &e)); /* too late: it is another's now */
    assert_false(is_restored(ledger, &host_a));
    must(restoration_end(other, &host_a, &two, &e));
    assert_true(is_restored(ledger, &host_a));
    ledger_close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_made_for_us_alone_whatever_the_umask),
        TEST(keeps_what_was_written_over_a_close_and_over_a_death),
        TEST(a_file_of_a_newer_version_is_refused_and_left_alone),
        TEST(a_file_of_an_earlier_version_is_brought_up_and_keeps_what_it_has),
        TEST(another_programs_database_is_refused_and_left_alone),
        TEST(what_is_no_database_is_refused),
        TEST(an_empty_file_becomes_a_ledger),
        TEST(a_file_that_others_may_read_or_own_is_refused),
        TEST(says_where_there_is_no_folder),
        TEST(many_may_make_it_and_write_to_it_at_once),
        TEST(damage_gives_errors_and_no_crash),
        TEST(a_row_that_nobody_wrote_so_is_damage),
        TEST(nonsense_is_not_written),
        TEST(a_full_disk_is_told_and_nothing_half_is_kept),
        TEST(a_file_that_may_not_grow_is_told_and_nothing_half_is_kept),
        TEST(a_rollback_leaves_nothing_and_is_safe_at_any_time),
        TEST(others_see_the_last_commit_and_are_not_kept_waiting),
        TEST(two_writers_wait_for_each_other_but_not_for_ever),
        TEST(a_request_is_found_as_it_was_written),
        TEST(what_is_old_and_finished_is_forgotten_the_oldest_first),
        TEST(what_is_too_many_is_forgotten_and_how_young_it_was_is_told),
        TEST(forgetting_is_part_of_a_transaction_that_is_open),
        TEST(a_secret_is_found_by_its_identity_the_active_one_first),
        TEST(leases_come_in_the_order_in_which_they_end_and_what_has_none_does_not),
        TEST(leases_of_a_vm_are_that_vms_alone),
        TEST(a_walk_meets_every_secret_of_the_host_whatever_changes_between),
        TEST(nothing_of_a_removed_secret_stays_in_the_file),
        TEST(a_restoration_is_ended_by_whoever_began_it_last),
    };

    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
