#include "samples.h"

static struct define_request define;

static const struct {
    const struct message *message;
    const char *sentence;
} identified[] = {
    {&define_message, "vmUuid, purpose, keyVersion and usageInstance are required for ensure secret: "},
    {&get_message, "vmUuid, purpose, keyVersion and usageInstance are required for get secret: "},
    {&delete_message, "vmUuid, purpose, keyVersion and usageInstance are required for delete secret: "},
};

static void a_missing_part_of_the_identity_is_told_in_the_contracts_words(void **state)
{
    static const char *const parts[] = {"vmUuid", "purpose", "keyVersion", "usageInstance"};

    (void)state;
    for (size_t i = 0; i < COUNT(identified); i++)
        for (size_t j = 0; j < COUNT(parts); j++) {
            char text[256];

            snprintf(text, sizeof(text), "%s%s is missing", identified[i].sentence, parts[j]);
            assert_value_refused(identified[i].message->request, NUL(parts[j]), ERR_REQUIRED, parts[j], text);
            snprintf(text, sizeof(text), "%s%s is blank", identified[i].sentence, parts[j]);
            assert_value_refused(identified[i].message->request, STRING(parts[j], " "), ERR_REQUIRED, parts[j], text);
        }
}

static void other_missing_fields_are_told_by_their_own_name(void **state)
{
    (void)state;
    assert_value_refused(get_message.request, NUL("hostUuid"), ERR_REQUIRED, "hostUuid",
                         "hostUuid is required: it is missing");
    assert_value_refused(resolve_message.request, NUL("vmUuid"), ERR_REQUIRED, "vmUuid",
                         "vmUuid is required: it is missing");
}

static void a_usage_instance_of_another_form_or_purpose_is_refused(void **state)
{
    static const char *const bad[] = {
        "tpm10", "TPM0", "tpm", "tpm-1", "tpmx", " tpm0", "tpm0 ", VOLUME, "volume-", "x",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(identified); i++) {
        for (size_t j = 0; j < COUNT(bad); j++)
            assert_value_refused(
                identified[i].message->request, STRING("usageInstance", bad[j]), ERR_INVALID, "usageInstance",
                "usageInstance must be tpm0 to tpm9 for purpose vtpm, volume-<uuid> for purpose volume");
        assert_value_refused(identified[i].message->request, NUMBER("usageInstance", 0), ERR_INVALID, "usageInstance",
                             "usageInstance must be tpm0 to tpm9 for purpose vtpm, volume-<uuid> for purpose volume");
    }
}

static bool read_volume(const char *usage, struct err *e)
{
    struct say fields[FIELDS_MAX];
    size_t count = sample_fields_with(define_message.request, STRING("purpose", "volume"), fields);

    fields[4] = STRING("usageInstance", usage);
    return read_request(ENCODING_JSON, define_message.request, fields, count, &define, e);
}

static void a_volume_is_named_by_its_uuid(void **state)
{
    static const char *const bad[] = {
        "tpm0",
        "volume-",
        "volume-x",
        ("volume" SECRET),
        ("Volume-" SECRET),
        (VOLUME "0"),
        "volume-00000000-0000-0000-0000-000000000000",
        SECRET,
    };
    struct err e;

    (void)state;
    assert_true(read_volume("volume-3F2504E04F8941D39A0C0305E82C3304", &e));
    assert_string_equal(define.to.key.usage_instance, VOLUME);
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (read_volume(bad[i], &e))
            fail_msg("accepted '%s'", bad[i]);
        assert_string_equal(e.field, "usageInstance");
        assert_int_equal(e.kind, ERR_INVALID);
    }
}

static void a_vtpm_is_one_of_ten(void **state)
{
    static const char *const good[] = {"tpm0", "tpm5", "tpm9"};

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_value_accepted(define_message.request, STRING("usageInstance", good[i]), &define);
        assert_string_equal(define.to.key.usage_instance, good[i]);
    }
}

static void purpose_is_one_of_two_words(void **state)
{
    static const char *const bad[] = {"VTPM", "vTPM", "tpm", "volumes", "vtpm ", "disk"};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_value_refused(define_message.request, STRING("purpose", bad[i]), ERR_INVALID, "purpose",
                             "purpose must be 'vtpm' or 'volume'");
}

static void a_migration_id_has_a_form(void **state)
{
    static const char *const bad[] = {"a b", "a/b", "a:b", "\xc3\xa9"};

    (void)state;
    assert_value_accepted(define_message.request, STRING("migrationId", "aZ09._-"), &define);
    assert_string_equal(define.migration_id, "aZ09._-");
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_value_refused(define_message.request, STRING("migrationId", bad[i]), ERR_INVALID, "migrationId",
                             "migrationId must be 1 to 64 of [A-Za-z0-9._-]");
}

/* Of a good define, with these two values. */
static bool read_deks(struct say clear, struct say sealed, struct define_request *out, struct err *e)
{
    struct say fields[FIELDS_MAX];
    size_t count = sample_fields_with(define_message.request, STRING("vmUuid", VM), fields);

    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].key, "dekBase64") == 0)
            fields[i] = clear;
    fields[count++] = sealed;
    return read_request(ENCODING_JSON, define_message.request, fields, count, out, e);
}

static void a_dek_comes_in_clear_or_sealed_and_never_both_or_neither(void **state)
{
    const struct say clear = sample_of("dekBase64"), sealed = sample_of("encryptedDek");
    const char *name;
    struct err e;

    (void)state;
    assert_true(read_deks(clear, NUL("encryptedDek"), &define, &e));
    assert_int_equal(define.encrypted_dek.len, 0);
    assert_true(read_deks(NUL("dekBase64"), sealed, &define, &e));
    assert_int_equal(define.encrypted_dek.len, 56);
    assert_memory_equal(define.encrypted_dek.data, "\0\3 enc", 6);
    assert_false(schema_has_secret(define_message.request, &define, &name));
    assert_false(read_deks(clear, sealed, &define, &e));
    assert_int_equal(e.kind, ERR_INVALID);
    assert_string_equal(e.field, "encryptedDek");
    assert_false(read_deks(NUL("dekBase64"), STRING("encryptedDek", ""), &define, &e));
    assert_int_equal(e.kind, ERR_REQUIRED);
    assert_string_equal(e.field, "dekBase64");
    assert_string_equal(e.text, "dekBase64 is required, or encryptedDek: both are missing");
}

static void a_dek_is_strict_base64(void **state)
{
    static const char *const bad[] = {"AAA", "AAAA\n", "AA AA", "!!!!", "AAB=", "A===", "=AAA"};
    const char *name = NULL;

    (void)state;
    assert_value_accepted(define_message.request, STRING("dekBase64", "AAEC"), &define);
    assert_int_equal(define.dek.len, 3);
    assert_memory_equal(define.dek.data, "\0\1\2", 3);
    assert_true(schema_has_secret(define_message.request, &define, &name));
    assert_string_equal(name, "dekBase64");
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_value_refused(define_message.request, STRING("dekBase64", bad[i]), ERR_INVALID, "dekBase64",
                             "dekBase64 must be bytes, or strict base64, of 1 to 1024 bytes");
}

static void all_of_a_define_lands_in_its_struct(void **state)
{
    (void)state;
    assert_value_accepted(define_message.request, NUL("serviceId"), &define);
    assert_string_equal(define.to.host_uuid.text, HOST_A);
    assert_string_equal(define.to.key.vm_uuid.text, VM);
    assert_string_equal(define.to.key.purpose, "vtpm");
    assert_int_equal(define.to.key.key_version, 7);
    assert_string_equal(define.secret_uuid.text, SECRET);
    assert_string_equal(define.migration_id, "m-1");
    assert_int_equal(define.dek.len, 17);
}

static void resolve_knows_the_vm_alone(void **state)
{
    struct resolve_request request;

    (void)state;
    assert_value_accepted(resolve_message.request, NUL("serviceId"), &request);
    assert_string_equal(request.to.key.vm_uuid.text, VM);
    assert_string_equal(request.to.key.purpose, "");
    assert_value_refused(resolve_message.request, STRING("purpose", "vtpm"), ERR_INVALID, "purpose",
                         "'purpose' is not a field of ResolveVtpmLibvirtSecretOnHypervisorMsg" NOT_KNOWN_HERE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_part_of_the_identity_is_told_in_the_contracts_words),
        cmocka_unit_test(other_missing_fields_are_told_by_their_own_name),
        cmocka_unit_test(a_usage_instance_of_another_form_or_purpose_is_refused),
        cmocka_unit_test(a_volume_is_named_by_its_uuid),
        cmocka_unit_test(a_vtpm_is_one_of_ten),
        cmocka_unit_test(purpose_is_one_of_two_words),
        cmocka_unit_test(a_migration_id_has_a_form),
        cmocka_unit_test(a_dek_comes_in_clear_or_sealed_and_never_both_or_neither),
        cmocka_unit_test(a_dek_is_strict_base64),
        cmocka_unit_test(all_of_a_define_lands_in_its_struct),
        cmocka_unit_test(resolve_knows_the_vm_alone),
    };

    return cmocka_run_group_tests_name("secret messages", tests, NULL, NULL);
}
