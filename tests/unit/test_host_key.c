// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include <stdio.h>

#include "handlers/handlers.h"

static const struct host_key_reply *reply_of(struct fake_host *fake, enum work_state state)
{
    assert_int_equal(state, WORK_DONE);
    if (fake->work.failed)
        fail_msg("%s", fake->work.err.text);
    return (const struct host_key_reply *)fake->work.reply;
}

static struct host_key_reply get(struct fake_host *fake)
{
    const struct host_key_get_request request = {.to.host_uuid = fake_uuid(HOST_A)};

    return *reply_of(fake, fake_run(fake, &host_key_get_handler, &request));
}

static struct host_key_reply rotate(struct fake_host *fake, bool retire)
{
    const struct host_key_rotate_request request = {.to.host_uuid = fake_uuid(HOST_A), .retire = retire};

    return *reply_of(fake, fake_run(fake, &host_key_rotate_handler, &request));
}

static void gives_the_key_its_fingerprint_and_the_suites(void **state)
{
    struct fake_host *fake = *state;
    struct host_key_reply reply = get(fake);
    char fingerprint[FINGERPRINT_CHARS + 1];

    assert_int_equal(reply.public_key.len, PUBLIC_KEY_BYTES);
    seal_fingerprint(reply.public_key.data, fingerprint);
    assert_string_equal(reply.fingerprint, fingerprint);
    assert_string_equal(reply.suites.texts[0], "0x0020/0x0001/0x0003");
    assert_false(fake->work.begun);
}

static void a_rotation_gives_the_new_key_and_the_same_to_the_same_request(void **state)
{
    struct fake_host *fake = *state;
    struct host_key_reply first = get(fake), second = rotate(fake, false), again = rotate(fake, false);

    assert_string_not_equal(first.fingerprint, second.fingerprint);
    assert_memory_equal(&second, &again, sizeof(again));
    assert_string_equal(get(fake).fingerprint, second.fingerprint);
    assert_string_equal(rotate(fake, true).fingerprint, second.fingerprint);
}

static void retiring_loses_nothing_that_the_ledger_keeps(void **state)
{
    struct fake_host *fake = *state;
    const struct get_request request = {.to = fake_address(HOST_A)};
    struct dek dek = fake_dek(1);
    struct sealed_dek before;

    fake_define(fake, UUID_1, "", 1);
    before = fake_kept(fake)->sealed;
    rotate(fake, false);
    rotate(fake, true);
    assert_memory_not_equal(&before, &fake_kept(fake)->sealed, sizeof(before));
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
    assert_int_equal(fake_run(fake, &get_handler, &request), WORK_DONE);
    assert_false(fake->work.failed);
    assert_memory_equal(&fake_secret_at(fake->host.hv, UUID_1)->value, &dek, sizeof(dek));
}

static void a_key_that_is_gone_is_told(void **state)
{
    struct fake_host *fake = *state;
    const struct host_key_get_request request = {.to.host_uuid = fake_uuid(HOST_A)};
    char path[HOST_KEYS_PATH_BYTES + 8];

    snprintf(path, sizeof(path), "%s.away", fake->keys.path);
    assert_int_equal(rename(fake->keys.path, path), 0);
    fake_run(fake, &host_key_get_handler, &request);
    assert_true(fake->work.failed);
    assert_string_equal(fake->work.err.code, "KEY_AGENT_KEYS_NOT_ON_DISK");
    assert_int_equal(fake->work.err.effect, EFFECT_NONE);
    assert_int_equal(rename(path, fake->keys.path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_host_open, fake_host_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_the_key_its_fingerprint_and_the_suites),
        TEST(a_rotation_gives_the_new_key_and_the_same_to_the_same_request),
        TEST(retiring_loses_nothing_that_the_ledger_keeps),
        TEST(a_key_that_is_gone_is_told),
    };

    return cmocka_run_group_tests_name("host key", tests, NULL, NULL);
}
