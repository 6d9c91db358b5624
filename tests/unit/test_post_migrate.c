// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include "handlers/handlers.h"

static struct post_migrate_request request;

static int set_up(void **state)
{
    request = (struct post_migrate_request){
        .to = fake_address(HOST_A), .src_host_uuid = fake_uuid(HOST_A), .dst_host_uuid = fake_uuid(HOST_B)};
    strcpy(request.migration_id, "m-1");
    strcpy(request.outcome, "success");
    return fake_host_open(state);
}

static enum work_state on_source(struct fake_host *fake, const char *outcome)
{
    strcpy(request.outcome, outcome);
    return fake_run(fake, &post_migrate_handler, &request);
}

static void assert_deleted_on(struct fake_host *fake, enum work_state state, const char *where)
{
    assert_int_equal(state, WORK_DONE);
    if (fake->work.failed)
        fail_msg("%s", fake->work.err.text);
    assert_string_equal(((const struct post_migrate_reply *)fake->work.reply)->deleted_on, where);
}

/* The forwarded message, as the destination gets it. */
static void on_destination(struct fake_host *fake, const char *outcome, const char *deleted_on)
{
    request.to.host_uuid = request.dst_host_uuid;
    assert_deleted_on(fake, on_source(fake, outcome), deleted_on);
}

static enum work_state destination_answers(struct fake_host *fake, enum work_state state, const char *deleted_on)
{
    assert_int_equal(state, WORK_CALLING);
    strcpy(((struct post_migrate_reply *)fake->work.call.answer)->deleted_on, deleted_on);
    return fake_answered(fake, NULL);
}

static void leave(struct fake_host *fake, const char *migration_id)
{
    struct mark mark;

    fake_define(fake, UUID_1, "", 1);
    mark = fake_mark(fake, UUID_1);
    strcpy(mark.leaving, migration_id);
    fake_mark_set(fake, UUID_1, &mark);
}

static void success_deletes_what_this_migration_took_away(void **state)
{
    struct fake_host *fake = *state;

    leave(fake, "m-1");
    assert_deleted_on(fake, destination_answers(fake, on_source(fake, "success"), "none"), "source");
    assert_null(fake_secret_at(fake->host.hv, UUID_1));
}

static void success_leaves_what_is_not_leaving_or_leaves_by_another_migration(void **state)
{
    struct fake_host *fake = *state;

    leave(fake, "");
    assert_deleted_on(fake, destination_answers(fake, on_source(fake, "success"), "none"), "none");
    leave(fake, "m-2");
    assert_deleted_on(fake, destination_answers(fake, on_source(fake, "success"), "none"), "none");
    assert_string_equal(fake_mark(fake, UUID_1).leaving, "m-2");
}

static void success_leaves_what_a_running_domain_names(void **state)
{
    struct fake_host *fake = *state;

    leave(fake, "m-1");
    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    assert_deleted_on(fake, destination_answers(fake, on_source(fake, "success"), "none"), "none");
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
}

static void failure_clears_the_mark_of_this_migration_alone(void **state)
{
    struct fake_host *fake = *state;

    leave(fake, "m-1");
    assert_deleted_on(fake, destination_answers(fake, on_source(fake, "failure"), "destination"), "destination");
    assert_string_equal(fake_mark(fake, UUID_1).leaving, "");
    leave(fake, "m-2");
    assert_deleted_on(fake, destination_answers(fake, on_source(fake, "failure"), "none"), "none");
    assert_string_equal(fake_mark(fake, UUID_1).leaving, "m-2");
}

static void an_absent_secret_on_the_source_is_still_told_to_the_destination(void **state)
{
    struct fake_host *fake = *state;

    assert_deleted_on(fake, destination_answers(fake, on_source(fake, "success"), "none"), "none");
}

static void the_destination_is_told_the_same(void **state)
{
    struct fake_host *fake = *state;
    struct post_migrate_request told = request;

    assert_int_equal(on_source(fake, "success"), WORK_CALLING);
    assert_string_equal(fake->work.call.route, "host.aaaaaaaa00004000800000000000000b");
    assert_string_equal(fake->work.call.step, "forward");
    assert_string_equal(fake->work.call.message->name, "VtpmPostMigrateMsg");
    assert_false(fake->work.call.without_deadline);
    told.to.host_uuid = fake_uuid(HOST_B);
    assert_memory_equal(fake->work.call.request, &told, sizeof(told));
}

static void an_error_of_the_destination_is_the_reply(void **state)
{
    struct fake_host *fake = *state;
    struct err e;

    leave(fake, "m-1");
    err_set(&e, ERR_LIBVIRT, "the destination's");
    assert_int_equal(on_source(fake, "success"), WORK_CALLING);
    assert_int_equal(fake_answered(fake, &e), WORK_DONE);
    assert_true(fake->work.failed);
    assert_int_equal(fake->work.err.kind, ERR_LIBVIRT);
    assert_string_equal(fake->work.err.text, "the destination's");
    assert_int_equal(fake->work.err.effect, EFFECT_DONE); /* ours is gone all the same */

    err_set(&e, ERR_NO_ROUTE, "unroutable");
    assert_int_equal(on_source(fake, "success"), WORK_CALLING);
    assert_int_equal(fake_answered(fake, &e), WORK_DONE);
    assert_int_equal(fake->work.err.kind, ERR_NO_ROUTE);
    assert_non_null(strstr(fake->work.err.text, "destination"));
    assert_int_equal(fake->work.err.effect, EFFECT_NONE);
}

static void on_the_destination_success_makes_it_permanent(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "m-1", 1);
    on_destination(fake, "success", "none");
    assert_true(fake_mark(fake, UUID_1).confirmed);
    assert_string_equal(fake_mark(fake, UUID_1).migration_id, "m-1");
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->has_value);
    on_destination(fake, "success", "none");
    on_destination(fake, "failure", "none"); /* too late to fail */
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
}

static void on_the_destination_failure_deletes_only_what_this_migration_made(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake_define(fake, UUID_1, "m-1", 1); /* an older secret, which this migration found */
    on_destination(fake, "failure", "none");
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
    memset(fake->host.hv, 0, sizeof(*fake->host.hv));
    fake_forget(fake);
    fake_define(fake, UUID_1, "m-2", 1);
    on_destination(fake, "failure", "none");
    fake_define(fake, UUID_1, "m-1", 1);
    on_destination(fake, "failure", "destination");
    assert_null(fake_secret_at(fake->host.hv, UUID_1));
}

static void on_the_destination_failure_leaves_what_a_running_domain_names(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "m-1", 1);
    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    on_destination(fake, "failure", "none");
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
}

static void on_the_destination_success_confirms_no_other_migration(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "m-2", 1);
    on_destination(fake, "success", "none");
    assert_false(fake_mark(fake, UUID_1).confirmed);
}

static void on_the_destination_an_absent_secret_is_nothing_to_settle(void **state)
{
    struct fake_host *fake = *state;

    on_destination(fake, "success", "none");
    on_destination(fake, "failure", "none");
}

/* A -> B by m-1, back to A by m-2, and only then the end of m-1 is told. */
static void a_late_post_migrate_leaves_the_newer_secret_alone(void **state)
{
    struct fake_host *fake = *state;

    leave(fake, "m-1");
    fake_define(fake, UUID_1, "m-2", 1);
    assert_deleted_on(fake, destination_answers(fake, on_source(fake, "success"), "none"), "none");
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
}

static void a_connection_lost_at_any_call_does_not_change_the_answer(void **state)
{
    struct fake_host *fake = *state;

    for (enum fake_fault fault = FAULT_DOWN; fault <= FAULT_LOST_AFTER; fault++)
        for (unsigned nth = 1; nth <= 4; nth++) {
            request.to.host_uuid = request.src_host_uuid;
            leave(fake, "m-1");
            fake_fault_set(fake->host.hv, nth, fault);
            assert_deleted_on(fake, destination_answers(fake, on_source(fake, "success"), "none"), "source");

            fake_define(fake, UUID_1, "m-1", 1);
            fake_fault_set(fake->host.hv, nth, fault);
            on_destination(fake, "failure", "destination");
        }
}

static void a_refusal_at_any_call_is_told_and_not_forwarded(void **state)
{
    struct fake_host *fake = *state;

    for (unsigned nth = 1; nth <= 3; nth++) {
        leave(fake, "m-1");
        fake_fault_set(fake->host.hv, nth, FAULT_REFUSED);
        assert_int_equal(on_source(fake, "success"), WORK_DONE);
        assert_true(fake->work.failed);
        assert_int_equal(fake->work.err.effect, EFFECT_NONE);
        assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_host_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(success_deletes_what_this_migration_took_away),
        TEST(success_leaves_what_is_not_leaving_or_leaves_by_another_migration),
        TEST(success_leaves_what_a_running_domain_names),
        TEST(failure_clears_the_mark_of_this_migration_alone),
        TEST(an_absent_secret_on_the_source_is_still_told_to_the_destination),
        TEST(the_destination_is_told_the_same),
        TEST(an_error_of_the_destination_is_the_reply),
        TEST(on_the_destination_success_makes_it_permanent),
        TEST(on_the_destination_failure_deletes_only_what_this_migration_made),
        TEST(on_the_destination_failure_leaves_what_a_running_domain_names),
        TEST(on_the_destination_success_confirms_no_other_migration),
        TEST(on_the_destination_an_absent_secret_is_nothing_to_settle),
        TEST(a_late_post_migrate_leaves_the_newer_secret_alone),
        TEST(a_connection_lost_at_any_call_does_not_change_the_answer),
        TEST(a_refusal_at_any_call_is_told_and_not_forwarded),
    };

    return cmocka_run_group_tests_name("post-migrate", tests, NULL, NULL);
}
