// with: fake_hv.c
// with: fake_host.c
/* What each handler tells of a request that has ended: once, and only of what it changed. */
#include "fake_host.h"

#include <stdio.h>

#include "handlers/handlers.h"

static struct host_event event;

/* Runs it, and gives the name of what is told of it; "": nothing. */
static const char *told(struct fake_host *fake, const struct handler *handler, const void *request)
{
    assert_int_equal(fake_run(fake, handler, request), WORK_DONE);
    return work_event(&fake->work, &event) ? host_event_name(event.kind) : "";
}

static struct define_request define_of(const char *secret_uuid, const char *migration_id)
{
    struct define_request request = {.to = fake_address(HOST_A), .dek = fake_dek(1)};

    request.secret_uuid = fake_uuid(secret_uuid);
    strcpy(request.migration_id, migration_id);
    return request;
}

static void assert_about(const char *secret_uuid, const char *migration_id)
{
    struct bytes body = {0};
    struct err e;

    assert_string_equal(event.host_uuid.text, HOST_A);
    assert_string_equal(event.key.vm_uuid.text, VM);
    assert_string_equal(event.secret_uuid.text, secret_uuid);
    assert_string_equal(event.migration_id, migration_id);
    assert_true(host_event_write(&event, "w", 1, &body, &e)); /* asserts that it says what its kind must */
    bytes_free(&body);
}

static void a_define_that_makes_a_secret_tells_it_and_one_that_finds_it_does_not(void **state)
{
    struct define_request request = define_of(UUID_1, "m-1"), other = define_of("", "");

    assert_string_equal(told(*state, &define_handler, &request), "secret-defined");
    assert_about(UUID_1, "m-1");
    assert_string_equal(event.reason, "");
    assert_string_equal(told(*state, &define_handler, &request), "");
    assert_string_equal(told(*state, &define_handler, &other), "");
}

static void a_define_that_replaces_a_stale_one_tells_which(void **state)
{
    struct define_request request = define_of(UUID_2, "");

    fake_define(*state, UUID_1, "", 1);
    assert_string_equal(told(*state, &define_handler, &request), "secret-replaced");
    assert_about(UUID_2, "");
    assert_string_equal(event.reason, "in place of " UUID_1);
}

static void a_define_that_fails_tells_nothing(void **state)
{
    struct fake_host *fake = *state;
    struct define_request request = define_of(UUID_1, "");

    fake_define(fake, UUID_1, "", 2);
    assert_string_equal(told(fake, &define_handler, &request), "");
    assert_true(fake->work.failed);
    request.secret_uuid = fake_uuid(UUID_2);
    fake->host.hv->secrets[0] = (struct fake_secret){0};
    fake_fault_set(fake->host.hv, 2, FAULT_REFUSED);
    assert_string_equal(told(fake, &define_handler, &request), "");
    assert_true(fake->work.failed);
}

static void a_delete_tells_what_it_deleted(void **state)
{
    struct delete_request request = {.to = fake_address(HOST_A)};

    fake_define(*state, UUID_1, "", 1);
    assert_string_equal(told(*state, &delete_handler, &request), "secret-deleted");
    assert_about(UUID_1, "");
    assert_string_equal(told(*state, &delete_handler, &request), "");
}

static void a_delete_that_was_cut_off_tells_what_is_gone(void **state)
{
    struct fake_host *fake = *state;
    struct delete_request request = {.to = fake_address(HOST_A)};

    fake_define(fake, UUID_1, "", 1);
    for (unsigned nth = 1;; nth++) {
        fake_fault_set(fake->host.hv, nth, FAULT_LOST_AFTER);
        assert_string_equal(told(fake, &delete_handler, &request), "secret-deleted");
        assert_about(UUID_1, "");
        if (fake->host.hv->fault_at > fake->host.hv->calls)
            return; /* the fault was never reached: each call has had it */
        fake_define(fake, UUID_1, "", 1);
    }
}

static struct post_migrate_request post_migrate_of(const char *at, const char *outcome)
{
    struct post_migrate_request request = {
        .to = fake_address(at), .src_host_uuid = fake_uuid(HOST_B), .dst_host_uuid = fake_uuid(HOST_A)};

    strcpy(request.migration_id, "m-1");
    strcpy(request.outcome, outcome);
    return request;
}

static void the_end_of_a_migration_tells_what_it_removed_here(void **state)
{
    struct post_migrate_request success = post_migrate_of(HOST_A, "success");
    struct post_migrate_request failure = post_migrate_of(HOST_A, "failure");

    fake_define(*state, UUID_1, "m-1", 1);
    assert_string_equal(told(*state, &post_migrate_handler, &failure), "secret-deleted");
    assert_about(UUID_1, "m-1");
    assert_string_equal(told(*state, &post_migrate_handler, &failure), "");
    fake_define(*state, UUID_1, "m-1", 1);
    assert_string_equal(told(*state, &post_migrate_handler, &success), "");
}

static void what_a_worker_that_died_had_removed_is_told_by_the_next(void **state)
{
    struct fake_host *fake = *state;
    struct post_migrate_request request = post_migrate_of(HOST_A, "failure");

    fake->work = (struct work){.handler = &post_migrate_handler,
                               .host = &fake->host,
                               .ledger = fake->ledger,
                               .id = "request-1",
                               .request = &request,
                               .notes = fake->notes,
                               .was_begun = true,
                               .is_recorded = true,
                               .record.secret_uuid = fake_uuid(UUID_1)};
    assert_int_equal(fake_advance(fake), WORK_DONE);
    assert_true(work_event(&fake->work, &event));
    assert_int_equal(event.kind, HOST_EVENT_SECRET_DELETED);
    assert_about(UUID_1, "m-1");
}

static void what_the_source_removed_is_told_though_the_destination_failed(void **state)
{
    struct fake_host *fake = *state;
    struct post_migrate_request request = post_migrate_of(HOST_A, "success");
    struct mark mark;
    struct err refusal;

    request.src_host_uuid = fake_uuid(HOST_A);
    request.dst_host_uuid = fake_uuid(HOST_B);
    fake_define(fake, UUID_1, "", 1);
    mark = fake_mark(fake, UUID_1);
    strcpy(mark.leaving, "m-1");
    fake_mark_set(fake, UUID_1, &mark);
    err_set(&refusal, ERR_NO_ROUTE, "nobody serves it");
    assert_int_equal(fake_run(fake, &post_migrate_handler, &request), WORK_CALLING);
    assert_int_equal(fake_answered(fake, &refusal), WORK_DONE);
    assert_true(fake->work.failed);
    assert_true(work_event(&fake->work, &event));
    assert_int_equal(event.kind, HOST_EVENT_SECRET_DELETED);
    assert_about(UUID_1, "m-1");
}

static void a_rotation_is_told_once_and_retiring_is_none(void **state)
{
    struct fake_host *fake = *state;
    struct host_key_rotate_request request = {.to.host_uuid = fake_uuid(HOST_A)};
    char want[FINGERPRINT_CHARS + 32];

    assert_string_equal(told(fake, &host_key_rotate_handler, &request), "key-rotated");
    snprintf(want, sizeof(want), "the fingerprint is now %s",
             ((const struct host_key_reply *)fake->work.reply)->fingerprint);
    assert_string_equal(event.reason, want);
    assert_string_equal(event.host_uuid.text, HOST_A);
    assert_string_equal(told(fake, &host_key_rotate_handler, &request), ""); /* the same id */
    request.retire = true;
    assert_string_equal(told(fake, &host_key_rotate_handler, &request), "");
}

static void reading_tells_nothing(void **state)
{
    struct get_request request = {.to = fake_address(HOST_A)};
    struct host_key_get_request key = {.to.host_uuid = fake_uuid(HOST_A)};

    fake_define(*state, UUID_1, "", 1);
    assert_string_equal(told(*state, &get_handler, &request), "");
    assert_string_equal(told(*state, &host_key_get_handler, &key), "");
}

static void what_was_never_read_tells_nothing(void **state)
{
    struct work work = {.handler = &delete_handler};

    (void)state;
    assert_false(work_event(&work, &event));
    work.handler = NULL;
    assert_false(work_event(&work, &event));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_host_open, fake_host_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_define_that_makes_a_secret_tells_it_and_one_that_finds_it_does_not),
        TEST(a_define_that_replaces_a_stale_one_tells_which),
        TEST(a_define_that_fails_tells_nothing),
        TEST(a_delete_tells_what_it_deleted),
        TEST(a_delete_that_was_cut_off_tells_what_is_gone),
        TEST(the_end_of_a_migration_tells_what_it_removed_here),
        TEST(what_a_worker_that_died_had_removed_is_told_by_the_next),
        TEST(what_the_source_removed_is_told_though_the_destination_failed),
        TEST(a_rotation_is_told_once_and_retiring_is_none),
        TEST(reading_tells_nothing),
        TEST(what_was_never_read_tells_nothing),
    };

    return cmocka_run_group_tests_name("work event", tests, NULL, NULL);
}
