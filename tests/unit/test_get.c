// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

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
        TEST(waits_for_libvirt),
    };

    return cmocka_run_group_tests_name("get", tests, NULL, NULL);
}
