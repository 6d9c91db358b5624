#include "samples.h"

static void a_missing_part_of_the_identity_is_told_with_the_messages_own_verb(void **state)
{
    (void)state;
    assert_value_refused(
        resource_key_message.request, NUL("keyVersion"), ERR_REQUIRED, "keyVersion",
        "vmUuid, purpose, keyVersion and usageInstance are required for get resource key: keyVersion is missing");
    assert_value_refused(resource_key_message.request, NUL("resourceUuid"), ERR_REQUIRED, "resourceUuid",
                         "resourceUuid is required: it is missing");
}

static void the_resource_is_a_tpm(void **state)
{
    (void)state;
    assert_value_refused(resource_key_message.request, STRING("resourceType", "VolumeVO"), ERR_INVALID, "resourceType",
                         "resourceType must be 'TpmVO'");
}

static void a_usage_instance_must_be_the_purposes(void **state)
{
    (void)state;
    assert_value_refused(resource_key_message.request, STRING("purpose", "volume"), ERR_INVALID, "usageInstance", NULL);
}

static void a_key_is_answered_with_its_version(void **state)
{
    struct say fields[] = {TRUTH("success", true), NUMBER("keyVersion", 0), BIN("dekBase64", "\1\2", 2)};

    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        const struct said *s = say_body((enum encoding)encoding, "ResourceKeyGetReply", fields, 3);
        struct resource_key_reply reply, zero = {0};
        const char *name = NULL;
        struct err e;

        assert_true(reply_read(s->bytes, s->len, NULL, resource_key_message.reply, &reply, &e));
        assert_int_equal(reply.dek.len, 2);
        assert_int_equal(reply.key_version, 0);
        assert_true(schema_has_secret(resource_key_message.reply, &reply, &name));

        s = say_body((enum encoding)encoding, "ResourceKeyGetReply", fields, 2);
        assert_false(reply_read(s->bytes, s->len, NULL, resource_key_message.reply, &reply, &e));
        assert_string_equal(e.field, "dekBase64");
        assert_memory_equal(&reply, &zero, sizeof(reply));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_part_of_the_identity_is_told_with_the_messages_own_verb),
        cmocka_unit_test(the_resource_is_a_tpm),
        cmocka_unit_test(a_usage_instance_must_be_the_purposes),
        cmocka_unit_test(a_key_is_answered_with_its_version),
    };

    return cmocka_run_group_tests_name("key manager messages", tests, NULL, NULL);
}
