// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include <stdio.h>

#include "handlers/restore.h"
#include "handlers/secret.h"

static struct restore_request request;

static int set_up(void **state)
{
    if (fake_host_open(state) != 0)
        return -1;
    fake_define(*state, UUID_1, "", 1);
    request = (struct restore_request){.to = fake_address(HOST_A), .secret_uuid = fake_uuid(UUID_1)};
    return 0;
}

static void lose(struct fake_host *fake)
{
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
}

/* The row is in another state now. */
static void be(struct fake_host *fake, enum secret_state state)
{
    struct secret_row row = *fake_kept(fake);
    struct err e;

    row.state = state;
    row.sealed.len = 0;
    assert_true(secret_row_write(fake->ledger, &row, &e));
}

static void be_without_value(struct fake_host *fake)
{
    fake_secret_at(fake->host.hv, UUID_1)->has_value = false;
}

/* As recovery says, that has seen a moment ago that it is not there. */
static void seen_absent(struct fake_host *fake)
{
    request.is_absent = true;
    request.state = fake_kept(fake)->state;
    request.changed_ms = fake_kept(fake)->changed_ms;
}

static enum restored restored(struct fake_host *fake)
{
    assert_int_equal(fake_run(fake, &restore_handler, &request), WORK_DONE);
    if (fake->work.failed)
        fail_msg("%s", fake->work.err.text);
    return (enum restored)((const struct restore_reply *)fake->work.reply)->what;
}

static void assert_told(struct fake_host *fake, bool is_told, enum host_event_kind kind)
{
    struct host_event event;

    assert_int_equal(work_event(&fake->work, &event), is_told);
    if (!is_told)
        return;
    assert_int_equal(event.kind, kind);
    assert_string_equal(event.secret_uuid.text, UUID_1);
    assert_string_equal(event.key.vm_uuid.text, VM);
}

static void assert_there(struct fake_host *fake)
{
    const struct fake_secret *secret = fake_secret_at(fake->host.hv, UUID_1);
    const struct dek dek = fake_dek(1);

    assert_non_null(secret);
    assert_true(secret->has_value);
    assert_memory_equal(&secret->value, &dek, sizeof(dek));
    assert_string_equal(secret->secret.usage_id, USAGE_ID);
    assert_true(secret->secret.is_ours_in_form);
    assert_string_equal(secret->secret.description, fake_kept(fake)->mark);
    assert_int_equal(fake_kept(fake)->state, SECRET_ACTIVE);
}

static void what_libvirt_has_is_left_alone(void **state)
{
    struct fake_host *fake = *state;
    unsigned calls = fake->host.hv->calls;

    assert_int_equal(restored(fake), RESTORED_NOTHING);
    assert_int_equal(fake->host.hv->calls, calls + 1);
    assert_int_equal(fake->recordings, 0);
    assert_told(fake, false, 0);
    assert_there(fake);
}

static void what_libvirt_has_lost_comes_back_with_its_value_and_mark(void **state)
{
    struct fake_host *fake = *state;

    lose(fake);
    assert_int_equal(restored(fake), RESTORED_SECRET);
    assert_told(fake, true, HOST_EVENT_SECRET_RESTORED);
    assert_there(fake);
}

static void what_was_seen_to_be_absent_takes_one_call_to_libvirt(void **state)
{
    struct fake_host *fake = *state;
    unsigned calls = fake->host.hv->calls;

    lose(fake);
    seen_absent(fake);
    assert_int_equal(restored(fake), RESTORED_SECRET);
    assert_int_equal(fake->host.hv->calls, calls + 1);
    assert_there(fake);
}

static void before_libvirt_is_asked_the_ledger_knows_that_it_is_being_restored(void **state)
{
    struct fake_host *fake = *state;
    unsigned calls = fake->host.hv->calls;

    lose(fake);
    seen_absent(fake);
    memset(fake->notes, 0, sizeof(fake->notes));
    fake->work = (struct work){
        .handler = &restore_handler, .host = &fake->host, .ledger = fake->ledger, .id = UUID_1, .request = &request};
    assert_int_equal(work_advance(&fake->work), WORK_RECORDING);
    assert_int_equal(fake->host.hv->calls, calls);
    assert_int_equal(fake->work.record.change_count, 1);
    assert_int_equal(fake->work.record.changes[0].row.state, SECRET_RESTORING);
}

static void what_is_announced_is_restored_with_one_call_and_nothing_written(void **state)
{
    struct fake_host *fake = *state;
    unsigned calls = fake->host.hv->calls;

    lose(fake);
    seen_absent(fake);
    request.is_announced = true;
    assert_int_equal(restored(fake), RESTORED_SECRET);
    assert_int_equal(fake->host.hv->calls, calls + 1);
    assert_int_equal(fake->recordings, 0);
    assert_int_equal(fake->work.record.change_count, 0);
    assert_told(fake, true, HOST_EVENT_SECRET_RESTORED);
    assert_there(fake);
}

/* Somebody died in a restoration, and its row does not tell that it was half done. */
static void what_is_announced_and_there_may_be_without_a_value(void **state)
{
    struct fake_host *fake = *state;

    be_without_value(fake);
    request.is_announced = true;
    assert_int_equal(restored(fake), RESTORED_FINISHED);
    assert_told(fake, false, 0);
    assert_there(fake);
}

static void what_is_announced_and_somebody_elses_is_left_alone(void **state)
{
    struct fake_host *fake = *state;

    lose(fake);
    fake_secret_put(fake->host.hv, UUID_1, HV_USAGE_VTPM, OTHERS_ID, "");
    request.is_announced = true;
    assert_int_equal(restored(fake), RESTORED_ASTRAY);
    assert_told(fake, true, HOST_EVENT_SECRET_LOST);
}

static void what_somebody_died_in_restoring_is_restored_wherever_it_had_got_to(void **state)
{
    struct fake_host *fake = *state;

    be(fake, SECRET_RESTORING);
    be_without_value(fake);
    assert_int_equal(restored(fake), RESTORED_SECRET);
    assert_told(fake, true, HOST_EVENT_SECRET_RESTORED);
    assert_there(fake);

    be(fake, SECRET_RESTORING);
    lose(fake);
    assert_int_equal(restored(fake), RESTORED_SECRET);
    assert_there(fake);
}

static void what_was_changed_since_it_was_seen_is_looked_at_again(void **state)
{
    struct fake_host *fake = *state;

    seen_absent(fake);
    request.changed_ms--;
    assert_int_equal(restored(fake), RESTORED_NOTHING); /* somebody restored it meanwhile */
    seen_absent(fake);
    request.state = SECRET_DELETING;
    assert_int_equal(restored(fake), RESTORED_NOTHING);
    assert_there(fake);
}

static void what_is_not_kept_any_more_is_not_restored(void **state)
{
    struct fake_host *fake = *state;

    lose(fake);
    seen_absent(fake);
    fake_forget(fake);
    assert_int_equal(restored(fake), RESTORED_NOTHING);
    assert_int_equal(fake_secret_count(fake->host.hv), 0);
}

static void a_uuid_that_has_become_another_identitys_is_not_this_ones_to_restore(void **state)
{
    struct fake_host *fake = *state;

    lose(fake);
    request.to.key.key_version = 2;
    assert_int_equal(restored(fake), RESTORED_NOTHING);
    assert_int_equal(fake_secret_count(fake->host.hv), 0);
}

static void a_define_that_was_only_begun_is_as_if_it_had_not_been(void **state)
{
    struct fake_host *fake = *state;

    be(fake, SECRET_DEFINING);
    lose(fake);
    assert_int_equal(restored(fake), RESTORED_UNDONE);
    assert_told(fake, false, 0);
    assert_null(fake_kept(fake));
    assert_int_equal(fake_secret_count(fake->host.hv), 0);
}

static void a_define_that_was_half_done_is_finished(void **state)
{
    struct fake_host *fake = *state;

    be(fake, SECRET_DEFINING);
    be_without_value(fake);
    assert_int_equal(restored(fake), RESTORED_FINISHED);
    assert_there(fake);
}

static void what_was_there_before_a_define_began_is_not_its_own(void **state)
{
    struct fake_host *fake = *state;
    struct mark mark = fake_mark(fake, UUID_1);

    be(fake, SECRET_DEFINING);
    mark.digest[0] = mark.digest[0] == '0' ? '1' : '0';
    fake_mark_set(fake, UUID_1, &mark);
    be_without_value(fake);
    assert_int_equal(restored(fake), RESTORED_UNDONE);
    assert_null(fake_kept(fake));
    assert_false(fake_secret_at(fake->host.hv, UUID_1)->has_value);
}

static void a_delete_that_was_done_is_done(void **state)
{
    struct fake_host *fake = *state;

    be(fake, SECRET_DELETING);
    lose(fake);
    assert_int_equal(restored(fake), RESTORED_UNDONE);
    assert_null(fake_kept(fake));
    assert_int_equal(fake_secret_count(fake->host.hv), 0);
}

static void a_delete_that_was_not_done_leaves_the_secret(void **state)
{
    struct fake_host *fake = *state;

    be(fake, SECRET_DELETING);
    assert_int_equal(restored(fake), RESTORED_UNDONE);
    assert_there(fake);
}

static void something_else_under_its_uuid_is_left_and_told(void **state)
{
    static const enum secret_state states[] = {SECRET_ACTIVE, SECRET_RESTORING};
    struct fake_host *fake = *state;

    lose(fake);
    fake_secret_put(fake->host.hv, UUID_1, HV_USAGE_VTPM, OTHERS_ID, "");
    for (size_t i = 0; i < COUNT(states); i++) {
        be(fake, states[i]);
        assert_int_equal(restored(fake), RESTORED_ASTRAY);
        assert_told(fake, true, HOST_EVENT_SECRET_LOST);
        assert_string_equal(fake_secret_at(fake->host.hv, UUID_1)->secret.usage_id, OTHERS_ID);
        assert_int_equal(fake_kept(fake)->state, SECRET_ACTIVE);
    }
}

static void its_identity_under_another_uuid_is_left_and_told(void **state)
{
    struct fake_host *fake = *state;

    lose(fake);
    fake_secret_put(fake->host.hv, UUID_2, HV_USAGE_VTPM, USAGE_ID, "");
    assert_int_equal(restored(fake), RESTORED_ASTRAY);
    assert_told(fake, true, HOST_EVENT_SECRET_LOST);
    assert_null(fake_secret_at(fake->host.hv, UUID_1));
    assert_int_equal(fake_kept(fake)->state, SECRET_ACTIVE);
}

static void what_somebody_else_has_defined_again_is_not_restored_over(void **state)
{
    struct fake_host *fake = *state;

    lose(fake);
    fake_secret_put(fake->host.hv, UUID_1, HV_USAGE_VTPM, USAGE_ID, "somebody else's");
    be(fake, SECRET_RESTORING);
    assert_int_equal(restored(fake), RESTORED_NOTHING);
    assert_string_equal(fake_secret_at(fake->host.hv, UUID_1)->secret.description, "somebody else's");
    assert_int_equal(fake_kept(fake)->state, SECRET_ACTIVE);
}

static void a_lost_connection_at_any_call_changes_nothing_in_the_end(void **state)
{
    static const enum fake_fault faults[] = {FAULT_LOST_BEFORE, FAULT_LOST_AFTER, FAULT_LOST_HALF, FAULT_CRASHED};
    struct fake_host *fake = *state;

    for (size_t i = 0; i < COUNT(faults); i++)
        for (unsigned nth = 1; nth <= 3; nth++) {
            lose(fake);
            fake_fault_set(fake->host.hv, nth, faults[i]);
            assert_int_equal(restored(fake), RESTORED_SECRET);
            assert_there(fake);
        }
}

static void what_libvirt_refuses_fails_and_is_told_and_tried_again_later(void **state)
{
    static const enum fake_fault faults[] = {FAULT_REFUSED, FAULT_VALUE_REFUSED};
    struct fake_host *fake = *state;

    for (size_t i = 0; i < COUNT(faults); i++) {
        lose(fake);
        fake_fault_set(fake->host.hv, 2, faults[i]);
        assert_int_equal(fake_run(fake, &restore_handler, &request), WORK_DONE);
        assert_true(fake->work.failed);
        assert_told(fake, true, HOST_EVENT_SECRET_LOST);
        assert_int_equal(fake_kept(fake)->state, SECRET_RESTORING);
        assert_int_equal(restored(fake), RESTORED_SECRET);
        assert_there(fake);
    }
}

static void a_copy_that_does_not_open_is_told(void **state)
{
    struct fake_host *fake = *state;
    struct secret_row row = *fake_kept(fake);
    struct err e;

    lose(fake);
    row.sealed.data[40] ^= 1;
    assert_true(secret_row_write(fake->ledger, &row, &e));
    assert_int_equal(fake_run(fake, &restore_handler, &request), WORK_DONE);
    assert_true(fake->work.failed);
    assert_int_equal(fake->work.err.kind, ERR_ENVELOPE);
    assert_told(fake, true, HOST_EVENT_SECRET_LOST);
    assert_int_equal(fake_secret_count(fake->host.hv), 0);
}

static void every_outcome_has_a_name(void **state)
{
    (void)state;
    for (int64_t what = RESTORED_NOTHING; what <= RESTORED_ASTRAY; what++)
        assert_true(restored_name(what)[0] != '\0');
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_host_close)
    const struct CMUnitTest tests[] = {
        TEST(what_libvirt_has_is_left_alone),
        TEST(what_libvirt_has_lost_comes_back_with_its_value_and_mark),
        TEST(what_was_seen_to_be_absent_takes_one_call_to_libvirt),
        TEST(before_libvirt_is_asked_the_ledger_knows_that_it_is_being_restored),
        TEST(what_is_announced_is_restored_with_one_call_and_nothing_written),
        TEST(what_is_announced_and_there_may_be_without_a_value),
        TEST(what_is_announced_and_somebody_elses_is_left_alone),
        TEST(what_somebody_died_in_restoring_is_restored_wherever_it_had_got_to),
        TEST(what_was_changed_since_it_was_seen_is_looked_at_again),
        TEST(what_is_not_kept_any_more_is_not_restored),
        TEST(a_uuid_that_has_become_another_identitys_is_not_this_ones_to_restore),
        TEST(a_define_that_was_only_begun_is_as_if_it_had_not_been),
        TEST(a_define_that_was_half_done_is_finished),
        TEST(what_was_there_before_a_define_began_is_not_its_own),
        TEST(a_delete_that_was_done_is_done),
        TEST(a_delete_that_was_not_done_leaves_the_secret),
        TEST(something_else_under_its_uuid_is_left_and_told),
        TEST(its_identity_under_another_uuid_is_left_and_told),
        TEST(what_somebody_else_has_defined_again_is_not_restored_over),
        TEST(a_lost_connection_at_any_call_changes_nothing_in_the_end),
        TEST(what_libvirt_refuses_fails_and_is_told_and_tried_again_later),
        TEST(a_copy_that_does_not_open_is_told),
        TEST(every_outcome_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
