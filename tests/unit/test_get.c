// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include <signal.h>
#include <sys/resource.h>

#include "handlers/handlers.h"

static void gives_the_uuid_of_the_identity(void **state)
{
    struct fake_host *fake = *state;
    struct get_request request = {.to = fake_address(HOST_A)};

    fake_define(fake, UUID_1, "", 1);
    assert_int_equal(fake_run(fake, &get_handler, &request), WORK_DONE);
    assert_false(fake->work.failed);
    assert_string_equal(((const struct get_reply *)fake->work.reply)->secret_uuid.text, UUID_1);
    assert_false(fake->work.begun);
}

static void does_not_find_another_version_instance_or_type(void **state)
{
    struct fake_host *fake = *state;
    struct get_request requests[] = {
        {.to = fake_address(HOST_A)}, {.to = fake_address(HOST_A)}, {.to = fake_address(HOST_A)}};

    fake_define(fake, UUID_1, "", 1);
    requests[0].to.key.key_version = 2;
    strcpy(requests[1].to.key.usage_instance, "tpm1");
    fake_secret_put(fake->host.hv, UUID_2, HV_USAGE_VOLUME, "keyferry/vtpm/" VM "/tpm2/v1", "");
    strcpy(requests[2].to.key.usage_instance, "tpm2");
    for (size_t i = 0; i < COUNT(requests); i++) {
        assert_int_equal(fake_run(fake, &get_handler, &requests[i]), WORK_DONE);
        assert_true(fake->work.failed);
        assert_int_equal(fake->work.err.kind, ERR_NOT_FOUND);
        assert_int_equal(fake->work.err.effect, EFFECT_NONE);
    }
}

static void what_libvirt_has_lost_is_restored_first(void **state)
{
    struct fake_host *fake = *state;
    struct get_request request = {.to = fake_address(HOST_A)};
    struct dek dek = fake_dek(1);

    fake_define(fake, UUID_1, "", 1);
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
    assert_int_equal(fake_run(fake, &get_handler, &request), WORK_DONE);
    assert_false(fake->work.failed);
    assert_true(fake->work.restored);
    assert_string_equal(((const struct get_reply *)fake->work.reply)->secret_uuid.text, UUID_1);
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->has_value);
    assert_memory_equal(&fake_secret_at(fake->host.hv, UUID_1)->value, &dek, sizeof(dek));
}

/* The restoration is told to the ledger before libvirt; a disk that is full now has room again some time. */
static void a_ledger_that_cannot_be_written_for_now_is_waited_for(void **state)
{
    struct fake_host *fake = *state;
    struct get_request request = {.to = fake_address(HOST_A)};
    struct rlimit limit, none;

    fake_define(fake, UUID_1, "", 1);
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    none = (struct rlimit){0, limit.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none); /* of every file; so nothing may fail until it has room again */
    enum work_state then = fake_begin(fake, &get_handler, &request);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(then, WORK_AWAY);
    assert_true(fake->work.waits_for_ledger);
    assert_int_equal(fake_secret_count(fake->host.hv), 0);
    assert_int_equal(fake_advance(fake), WORK_DONE);
    assert_false(fake->work.failed);
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->has_value);
}

static void what_was_forgotten_is_not_found(void **state)
{
    struct fake_host *fake = *state;
    struct get_request request = {.to = fake_address(HOST_A)};

    fake_define(fake, UUID_1, "", 1);
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
    fake_forget(fake);
    assert_int_equal(fake_run(fake, &get_handler, &request), WORK_DONE);
    assert_int_equal(fake->work.err.kind, ERR_NOT_FOUND);
}

/* As a worker leaves it that dies between the two calls of a define. */
static void one_without_a_value_is_given_it_before_it_is_reported(void **state)
{
    struct fake_host *fake = *state;
    struct get_request request = {.to = fake_address(HOST_A)};
    struct define_request define = {.to = fake_address(HOST_A), .secret_uuid = fake_uuid(UUID_1), .dek = fake_dek(1)};

    fake_fault_set(fake->host.hv, 2, FAULT_LOST_HALF);
    assert_int_equal(fake_begin(fake, &define_handler, &define), WORK_AWAY);
    assert_false(fake_secret_at(fake->host.hv, UUID_1)->has_value);
    assert_int_equal(fake_run(fake, &get_handler, &request), WORK_DONE);
    assert_false(fake->work.failed);
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->has_value);
}

/* As a worker leaves it that dies while it restores it. */
static void so_is_one_that_was_being_restored(void **state)
{
    struct fake_host *fake = *state;
    struct get_request request = {.to = fake_address(HOST_A)};

    fake_define(fake, UUID_1, "", 1);
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
    fake_fault_set(fake->host.hv, 3, FAULT_LOST_HALF); /* two looks, define */
    assert_int_equal(fake_begin(fake, &get_handler, &request), WORK_AWAY);
    assert_false(fake_secret_at(fake->host.hv, UUID_1)->has_value);
    assert_int_equal(fake_run(fake, &get_handler, &request), WORK_DONE);
    assert_false(fake->work.failed);
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->has_value);
}

/* Of which one the rows do not tell. */
static void so_is_any_where_somebody_died_in_a_restoration(void **state)
{
    struct fake_host *fake = *state;
    struct get_request request = {.to = fake_address(HOST_A)};
    struct err e;

    fake_define(fake, UUID_1, "", 1);
    fake_secret_at(fake->host.hv, UUID_1)->has_value = false;
    assert_true(restoration_begin(fake->ledger, &fake->host.uuid, &fake->host.uuid, &e));
    assert_int_equal(fake_run(fake, &get_handler, &request), WORK_DONE);
    assert_false(fake->work.failed);
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->has_value);
}

static void what_the_ledger_knows_takes_one_call(void **state)
{
    struct fake_host *fake = *state;
    struct get_request request = {.to = fake_address(HOST_A)};
    unsigned calls;

    fake_define(fake, UUID_1, "", 1);
    calls = fake->host.hv->calls;
    assert_int_equal(fake_run(fake, &get_handler, &request), WORK_DONE);
    assert_false(fake->work.failed);
    assert_int_equal(fake->host.hv->calls, calls + 1);
}

/* Somebody has made the identity anew, under another UUID, and another one under its own. */
static void what_libvirt_has_otherwise_is_looked_for(void **state)
{
    struct fake_host *fake = *state;
    struct get_request request = {.to = fake_address(HOST_A)};

    fake_define(fake, UUID_1, "", 1);
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
    fake_secret_put(fake->host.hv, UUID_1, HV_USAGE_VTPM, OTHERS_ID, "");
    fake_secret_put(fake->host.hv, UUID_2, HV_USAGE_VTPM, USAGE_ID, "keyferry1 by=request;");
    assert_int_equal(fake_run(fake, &get_handler, &request), WORK_DONE);
    assert_false(fake->work.failed);
    assert_string_equal(((const struct get_reply *)fake->work.reply)->secret_uuid.text, UUID_2);
}

static void of_what_is_not_ours_nobody_knows_whether_it_has_a_value(void **state)
{
    struct fake_host *fake = *state;
    struct get_request request = {.to = fake_address(HOST_A)};

    fake_secret_put(fake->host.hv, UUID_2, HV_USAGE_VTPM, USAGE_ID, "made by hand");
    assert_int_equal(fake_run(fake, &get_handler, &request), WORK_DONE);
    assert_true(fake->work.failed);
    assert_int_equal(fake->work.err.kind, ERR_NOT_FOUND);
}

static void waits_for_libvirt(void **state)
{
    struct fake_host *fake = *state;
    struct get_request request = {.to = fake_address(HOST_A)};

    fake_define(fake, UUID_1, "", 1);
    fake_fault_set(fake->host.hv, 1, FAULT_LOST_AFTER);
    assert_int_equal(fake_begin(fake, &get_handler, &request), WORK_AWAY);
    assert_int_equal(work_advance(&fake->work), WORK_DONE);
    assert_false(fake->work.failed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_host_open, fake_host_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_the_uuid_of_the_identity),
        TEST(does_not_find_another_version_instance_or_type),
        TEST(what_libvirt_has_lost_is_restored_first),
        TEST(a_ledger_that_cannot_be_written_for_now_is_waited_for),
        TEST(what_was_forgotten_is_not_found),
        TEST(one_without_a_value_is_given_it_before_it_is_reported),
        TEST(so_is_one_that_was_being_restored),
        TEST(so_is_any_where_somebody_died_in_a_restoration),
        TEST(what_the_ledger_knows_takes_one_call),
        TEST(what_libvirt_has_otherwise_is_looked_for),
        TEST(of_what_is_not_ours_nobody_knows_whether_it_has_a_value),
        TEST(waits_for_libvirt),
    };

    return cmocka_run_group_tests_name("get", tests, NULL, NULL);
}
