// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include "handlers/handlers.h"

static struct delete_request request;

static int set_up(void **state)
{
    request = (struct delete_request){.to = fake_address(HOST_A)};
    return fake_host_open(state);
}

/* Runs it: it must succeed, and say whether it deleted. */
static void assert_deleted(struct fake_host *fake, bool deleted)
{
    assert_int_equal(fake_run(fake, &delete_handler, &request), WORK_DONE);
    if (fake->work.failed)
        fail_msg("%s", fake->work.err.text);
    assert_int_equal(((const struct delete_reply *)fake->work.reply)->deleted, deleted);
    assert_int_equal(fake_secret_at(fake->host.hv, UUID_1) == NULL, deleted);
}

static void deletes_the_secret_of_the_identity_and_no_other(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake_secret_put(fake->host.hv, UUID_2, HV_USAGE_VTPM, OTHERS_ID, "");
    assert_deleted(fake, true);
    assert_non_null(fake_secret_at(fake->host.hv, UUID_2));
}

static void what_is_absent_is_deleted_already(void **state)
{
    struct fake_host *fake = *state;

    assert_int_equal(fake_run(fake, &delete_handler, &request), WORK_DONE);
    assert_false(fake->work.failed);
    assert_false(((const struct delete_reply *)fake->work.reply)->deleted);
}

static void only_that_uuid(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    request.secret_uuid = fake_uuid(UUID_2);
    assert_deleted(fake, false);
    request.secret_uuid = fake_uuid(UUID_1);
    assert_deleted(fake, true);
}

static void only_what_that_migration_made(void **state)
{
    struct fake_host *fake = *state;

    strcpy(request.migration_id, "m-1");
    fake_define(fake, UUID_1, "", 1);
    assert_deleted(fake, false);
    fake_define(fake, UUID_1, "m-1", 1); /* it was there before, so it was not made by it */
    assert_deleted(fake, false);
    fake->host.hv->secrets[0] = (struct fake_secret){0};
    fake_forget(fake);
    fake_define(fake, UUID_1, "m-2", 1);
    assert_deleted(fake, false);
    fake_define(fake, UUID_1, "m-1", 1);
    assert_deleted(fake, true);
}

static void refuses_what_a_running_domain_names_unless_forced(void **state)
{
    struct fake_host *fake = *state;
    struct fake_domain *domain;

    fake_define(fake, UUID_1, "", 1);
    domain = fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    assert_int_equal(fake_run(fake, &delete_handler, &request), WORK_DONE);
    assert_true(fake->work.failed);
    assert_int_equal(fake->work.err.kind, ERR_IN_USE);
    assert_int_equal(fake->work.err.effect, EFFECT_NONE);
    assert_non_null(strstr(fake->work.err.text, "web-1"));
    domain->tpm.encrypted = false;
    domain->usage_id = USAGE_ID; /* by its usage id is in use as well */
    assert_int_equal(fake_run(fake, &delete_handler, &request), WORK_DONE);
    assert_int_equal(fake->work.err.kind, ERR_IN_USE);
    request.force = true;
    assert_deleted(fake, true);
}

static void deletes_what_a_stopped_domain_names(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1)->live = false;
    assert_deleted(fake, true);
}

static void a_precondition_that_does_not_hold_comes_before_the_use(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    request.secret_uuid = fake_uuid(UUID_2);
    assert_deleted(fake, false);
}

static void one_that_somebody_else_removed_meanwhile_was_not_deleted_by_us(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake_forget(fake);
    fake_fault_set(fake->host.hv, 3, FAULT_EMPTIED);
    assert_int_equal(fake_run(fake, &delete_handler, &request), WORK_DONE);
    assert_false(fake->work.failed);
    assert_false(((const struct delete_reply *)fake->work.reply)->deleted);
}

static void one_that_libvirt_lost_would_have_come_back_so_it_was_deleted(void **state)
{
    struct fake_host *fake = *state;

    for (unsigned nth = 0; nth <= 3; nth++) {
        fake_define(fake, UUID_1, "", 1);
        fake_fault_set(fake->host.hv, nth, FAULT_EMPTIED);
        if (nth == 0)
            memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
        assert_deleted(fake, true);
        assert_null(fake_kept(fake));
        assert_int_equal(fake_secret_count(fake->host.hv), 0);
    }
}

static void what_could_not_be_deleted_is_kept_as_it_was(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake_fault_set(fake->host.hv, 3, FAULT_REFUSED);
    assert_int_equal(fake_run(fake, &delete_handler, &request), WORK_DONE);
    assert_true(fake->work.failed);
    assert_int_equal(fake_kept(fake)->state, SECRET_ACTIVE);
}

static void before_libvirt_is_asked_the_ledger_knows_what_is_being_deleted(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake_fault_set(fake->host.hv, 3, FAULT_LOST_AFTER);
    assert_int_equal(fake_begin(fake, &delete_handler, &request), WORK_AWAY);
    assert_int_equal(fake->recordings, 1);
    assert_int_equal(fake_kept(fake)->state, SECRET_DELETING);
    assert_string_equal(fake->work.record.secret_uuid.text, UUID_1);
}

static void a_connection_lost_at_any_call_does_not_change_the_answer(void **state)
{
    static const enum fake_fault faults[] = {FAULT_DOWN, FAULT_LOST_BEFORE, FAULT_LOST_AFTER};
    struct fake_host *fake = *state;

    for (size_t f = 0; f < COUNT(faults); f++)
        for (unsigned nth = 1; nth <= 4; nth++) {
            fake_define(fake, UUID_1, "", 1);
            fake_fault_set(fake->host.hv, nth, faults[f]);
            assert_deleted(fake, true);
        }
}

static void a_libvirtd_that_died_of_it_still_deleted_it(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake_fault_set(fake->host.hv, 3, FAULT_CRASHED);
    assert_deleted(fake, true);
}

static void a_refusal_is_its_error_and_has_no_effect(void **state)
{
    struct fake_host *fake = *state;

    for (unsigned nth = 1; nth <= 3; nth++) {
        fake_define(fake, UUID_1, "", 1);
        fake_fault_set(fake->host.hv, nth, FAULT_REFUSED);
        assert_int_equal(fake_run(fake, &delete_handler, &request), WORK_DONE);
        assert_true(fake->work.failed);
        assert_int_equal(fake->work.err.kind, ERR_LIBVIRT);
        assert_int_equal(fake->work.err.effect, EFFECT_NONE);
        assert_false(fake->work.begun);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_host_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(deletes_the_secret_of_the_identity_and_no_other),
        TEST(what_is_absent_is_deleted_already),
        TEST(only_that_uuid),
        TEST(only_what_that_migration_made),
        TEST(refuses_what_a_running_domain_names_unless_forced),
        TEST(deletes_what_a_stopped_domain_names),
        TEST(a_precondition_that_does_not_hold_comes_before_the_use),
        TEST(one_that_libvirt_lost_would_have_come_back_so_it_was_deleted),
        TEST(what_could_not_be_deleted_is_kept_as_it_was),
        TEST(before_libvirt_is_asked_the_ledger_knows_what_is_being_deleted),
        TEST(one_that_somebody_else_removed_meanwhile_was_not_deleted_by_us),
        TEST(a_connection_lost_at_any_call_does_not_change_the_answer),
        TEST(a_libvirtd_that_died_of_it_still_deleted_it),
        TEST(a_refusal_is_its_error_and_has_no_effect),
    };

    return cmocka_run_group_tests_name("delete", tests, NULL, NULL);
}
