#include "samples.h"

#include "schemas/vault.h"

/* Room for any message. */
static _Alignas(8) uint8_t one[VAULT_SLOT_BYTES], two[VAULT_SLOT_BYTES];

typedef void try_field(const struct schema *schema, const struct field *f);

static void for_each_request_field(try_field *try)
{
    const struct message *m;

    for (size_t i = 0; (m = message_at(i)) != NULL; i++)
        for (size_t j = 0; j < m->request->count; j++)
            try(m->request, &m->request->fields[j]);
}

static void refuse(const struct schema *schema, struct say value)
{
    assert_value_refused(schema, value, ERR_INVALID, value.key, NULL);
}

/* ---- the tables themselves ---- */

static void assert_sound(const struct schema *schema)
{
    assert_in_range(schema->count, 1, FIELDS_MAX - 1);
    assert_true(schema->size <= VAULT_SLOT_BYTES);
    for (size_t i = 0; i < schema->count; i++) {
        const struct field *f = &schema->fields[i];

        assert_true(f->offset + f->size <= schema->size);
        if (f->type == FIELD_TEXT)
            assert_in_range(f->max, f->min, f->size - 1);
        if (f->type == FIELD_BYTES)
            assert_in_range(f->max, f->min, f->size - offsetof(struct dek, data));
        assert_int_equal(f->secret, strcmp(f->name, "dekBase64") == 0);
        assert_int_equal(f->sealed, is_sealed_dek(f->name));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(f->name, schema->fields[j].name);
        for (size_t j = 0; j < envelope_schema.count; j++)
            assert_string_not_equal(f->name, envelope_schema.fields[j].name);
    }
}

static void tables_are_sound(void **state)
{
    const struct message *m;

    (void)state;
    for (size_t i = 0; (m = message_at(i)) != NULL; i++) {
        assert_sound(m->request);
        assert_sound(m->reply);
        assert_string_equal(m->name, m->request->name);
        assert_memory_equal(m->name, m->reply->name, strlen(m->name) - 3);
        assert_string_equal(m->reply->name + strlen(m->name) - 3, "Reply");
        assert_string_equal(m->request->fields[0].name, "hostUuid");
        assert_int_equal(m->request->fields[0].offset, offsetof(struct addressed, host_uuid));
    }
    assert_int_equal(COUNT(((struct addressed *)0)->key.usage_instance), USAGE_MAX_CHARS + 1);
}

/* ---- every field of every request, in both encodings ---- */

static void try_absent(const struct schema *schema, const struct field *f)
{
    const struct say absent[] = {
        NUL(f->name),
        STRING(f->name, ""),
        STRING(f->name, " \t\n"),
        BIN(f->name, NULL, 0),
    };

    for (size_t i = 0; i < COUNT(absent); i++)
        if (f->presence == REQUIRED)
            assert_value_refused(schema, absent[i], ERR_REQUIRED, f->name, NULL);
        else
            assert_value_accepted(schema, absent[i], one);
}

static void null_and_blank_count_as_absent(void **state)
{
    (void)state;
    for_each_request_field(try_absent);
}

static void try_missing(const struct schema *schema, const struct field *f)
{
    if (f->type == FIELD_BYTES)
        return; /* "dekBase64 is required, or encryptedDek" */
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        struct say fields[FIELDS_MAX];
        size_t count = sample_fields(schema, fields), at = (size_t)(f - schema->fields);
        struct err e;

        memmove(&fields[at], &fields[at + 1], (count - at - 1) * sizeof(fields[0]));
        bool ok = read_request((enum encoding)encoding, schema, fields, count - 1, one, &e);
        assert_int_equal(ok, f->presence == OPTIONAL);
        if (ok)
            continue;
        assert_int_equal(e.kind, ERR_REQUIRED);
        assert_string_equal(e.field, f->name);
        assert_non_null(strstr(e.text, "missing"));
    }
}

static void a_missing_field_is_named_if_it_is_required(void **state)
{
    (void)state;
    for_each_request_field(try_missing);
}

static void try_wrong_types(const struct schema *schema, const struct field *f)
{
    const struct say zero = NUMBER(NULL, 0);
    bool is_truth = f->type == FIELD_BOOL || f->type == FIELD_CHOICE;

    if (!is_truth)
        refuse(schema, TRUTH(f->name, true));
    if (f->type != FIELD_WHOLE)
        refuse(schema, NUMBER(f->name, 7));
    if (f->type != FIELD_TEXT)
        refuse(schema, STRING(f->name, "no such value!"));
    refuse(schema, REAL(f->name));
    refuse(schema, HUGE_NUMBER(f->name));
    refuse(schema, LIST(f->name, NULL, 0));
    refuse(schema, LIST(f->name, &zero, 1));
    refuse(schema, MAP(f->name, NULL, 0));
}

static void a_value_of_another_type_is_refused(void **state)
{
    (void)state;
    for_each_request_field(try_wrong_types);
}

static void try_bin(const struct schema *schema, const struct field *f)
{
    struct say fields[FIELDS_MAX];
    size_t len = f->type == FIELD_BYTES ? (size_t)f->min : 4;
    size_t count =
        sample_fields_with(schema, BIN(f->name, "tpm0, and as many more as the longest of them wants", len), fields);
    struct err e;

    assert_int_equal(read_request(ENCODING_MSGPACK, schema, fields, count, one, &e), f->type == FIELD_BYTES);
}

static void bin_is_for_bytes_only(void **state)
{
    (void)state;
    for_each_request_field(try_bin);
}

static void try_bad_text(const struct schema *schema, const struct field *f)
{
    struct say fields[FIELDS_MAX];
    struct err e;

    refuse(schema, STRING_N(f->name, "tpm0\0", 5));
    refuse(schema, STRING_N(f->name, "\0tpm0", 5));
    refuse(schema, STRING(f->name, "tpm0\n"));
    refuse(schema, STRING(f->name, "\x7fx"));
    refuse(schema, STRING(f->name, "x\xc2\x80"));
    size_t count = sample_fields_with(schema, STRING(f->name, "tpm\xff"), fields);
    if (read_request(ENCODING_MSGPACK, schema, fields, count, one, &e))
        fail_msg("%s: accepted a bad '%s'", schema->name, f->name);
    assert_string_equal(e.field, f->name);
    assert_int_equal(e.kind, ERR_INVALID);
}

static void control_characters_and_bad_utf8_are_refused(void **state)
{
    (void)state;
    for_each_request_field(try_bad_text);
}

static void try_lengths(const struct schema *schema, const struct field *f)
{
    static char text[2048];
    static const char hex[] = "3f2504e04f8941d39a0c0305e82c330";

    memset(text, 'a', sizeof(text));
    if (f->type == FIELD_TEXT)
        refuse(schema, STRING_N(f->name, text, (size_t)f->max + 1));
    if (f->type == FIELD_TEXT && f->accept == NULL && strcmp(f->name, "usageInstance") != 0)
        assert_value_accepted(schema, STRING_N(f->name, text, (size_t)f->max), one);
    if (f->type == FIELD_BYTES) {
        refuse(schema, BIN(f->name, text, (size_t)f->max + 1));
        assert_value_accepted(schema, BIN(f->name, text, (size_t)f->max), one);
        assert_value_accepted(schema, BIN(f->name, text, (size_t)f->min), one);
    }
    if (f->type == FIELD_UUID) {
        refuse(schema, STRING(f->name, hex));
        refuse(schema, STRING(f->name, HOST_A "0"));
        refuse(schema, STRING(f->name, " " HOST_A));
        refuse(schema, STRING(f->name, "00000000-0000-0000-0000-000000000000"));
    }
}

static void too_long_and_too_short_are_refused(void **state)
{
    (void)state;
    for_each_request_field(try_lengths);
}

static void try_range(const struct schema *schema, const struct field *f)
{
    if (f->type != FIELD_WHOLE)
        return;
    refuse(schema, NUMBER(f->name, f->min - 1));
    refuse(schema, NUMBER(f->name, f->max + 1));
    refuse(schema, NUMBER(f->name, INT64_MIN));
    refuse(schema, NUMBER(f->name, INT64_MAX));
    assert_value_accepted(schema, NUMBER(f->name, f->min), one);
    assert_value_accepted(schema, NUMBER(f->name, f->max), one);
}

static void out_of_range_is_refused(void **state)
{
    (void)state;
    for_each_request_field(try_range);
}

static void try_twice(const struct schema *schema, const struct field *f)
{
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        struct say fields[FIELDS_MAX];
        size_t count = sample_fields(schema, fields);
        struct err e;

        if (is_sealed_dek(f->name))
            fields[count++] = sample_of(f->name);
        fields[count] = sample_of(f->name);
        assert_false(read_request((enum encoding)encoding, schema, fields, count + 1, one, &e));
        assert_int_equal(e.kind, ERR_INVALID);
        assert_string_equal(e.field, f->name);
        assert_non_null(strstr(e.text, "given twice"));
    }
}

static void a_key_given_twice_is_refused(void **state)
{
    (void)state;
    for_each_request_field(try_twice);
}

static void keys_of_no_field_or_of_a_later_one_are_refused_and_named(void **state)
{
    static const char *const keys[] = {
        "x", "hostuuid", "HostUuid", "encryptedDEK", "publicKey", "leaseseconds", "digestsalt",
    };
    const struct message *m;

    (void)state;
    for (size_t i = 0; (m = message_at(i)) != NULL; i++)
        for (size_t j = 0; j < COUNT(keys); j++) {
            char text[128];

            snprintf(text, sizeof(text), "'%s' is not a field of %s" NOT_KNOWN_HERE, keys[j], m->name);
            assert_value_refused(m->request, STRING(keys[j], "SECRET"), ERR_INVALID, keys[j], text);
        }
}

static void what_every_request_may_carry_is_passed_over(void **state)
{
    const struct message *m;

    (void)state;
    for (size_t i = 0; (m = message_at(i)) != NULL; i++)
        for (size_t j = 0; j < envelope_schema.count; j++)
            assert_value_accepted(m->request, NUL(envelope_schema.fields[j].name), one);
}

static void every_truncation_is_malformed(void **state)
{
    struct say fields[FIELDS_MAX];
    size_t count = sample_fields(define_message.request, fields);

    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        const struct said *s = say_body((enum encoding)encoding, "SecretHostDefineMsg", fields, count);

        for (size_t len = 0; len < s->len; len++) {
            struct body *body;
            struct err e;

            assert_false(body_read(s->bytes, len, encoding_content_type((enum encoding)encoding), &body, &e));
            assert_int_equal(e.kind, ERR_MALFORMED);
        }
    }
}

/* ---- there and back ---- */

/* What one encoding says, written in the other and read again, is the same byte for byte. */
static void request_round_trip(const struct schema *schema, const struct say *fields, size_t count)
{
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        struct request_head head = {(enum encoding)(1 - encoding), schema->name, "an-id", 5, 9};
        struct envelope envelope;
        struct bytes bytes;
        struct body *body;
        struct err e;

        if (!read_request((enum encoding)encoding, schema, fields, count, one, &e))
            fail_msg("%s: %s", schema->name, e.text);
        assert_true(request_write(&head, schema, one, &bytes, &e));
        assert_true(body_read(bytes.data, bytes.len, NULL, &body, &e));
        assert_true(envelope_read(body, &envelope, &e));
        assert_string_equal(envelope.name, schema->name);
        assert_string_equal(envelope.id, "an-id");
        assert_int_equal(envelope.created_ms, 5);
        assert_int_equal(envelope.deadline_ms, 9);
        memset(two, 0xdd, sizeof(two));
        assert_true(message_read(body, schema, two, &e));
        assert_memory_equal(one, two, schema->size);
        body_free(body);
        bytes_free(&bytes);
    }
}

static void requests_come_back_as_they_were(void **state)
{
    const struct message *m;

    (void)state;
    for (size_t i = 0; (m = message_at(i)) != NULL; i++) {
        struct say fields[FIELDS_MAX];
        size_t all = sample_fields(m->request, fields), some = 0;

        request_round_trip(m->request, fields, all);
        for (size_t j = 0; j < all; j++)
            if (m->request->fields[j].presence == REQUIRED)
                fields[some++] = fields[j];
        if (has_field(m->request, "encryptedDek"))
            fields[some++] = sample_of("encryptedDek");
        request_round_trip(m->request, fields, some);
    }
}

static void replies_come_back_as_they_were(void **state)
{
    const struct message *m;

    (void)state;
    for (size_t i = 0; (m = message_at(i)) != NULL; i++)
        for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
            struct reply_head head = {(enum encoding)(1 - encoding), "a.b.", m->name, "r1", "c1", 7};
            struct say fields[FIELDS_MAX];
            size_t count = sample_fields_with(m->reply, TRUTH("success", true), fields);
            const struct said *s = say_body((enum encoding)encoding, m->reply->name, fields, count);
            struct bytes bytes;
            struct err e;

            memset(one, 0xee, sizeof(one));
            if (!reply_read(s->bytes, s->len, NULL, m->reply, one, &e))
                fail_msg("%s: %s", m->name, e.text);
            assert_true(reply_write(&head, m->reply, one, NULL, &bytes, &e));
            memset(two, 0xdd, sizeof(two));
            assert_true(reply_read(bytes.data, bytes.len, NULL, m->reply, two, &e));
            assert_memory_equal(one, two, m->reply->size);
            bytes_free(&bytes);
        }
}

static void one_identity_in_any_form_is_one_identity(void **state)
{
    struct say forms[][2] = {
        {STRING("vmUuid", VM), STRING("usageInstance", VOLUME)},
        {STRING("vmUuid", "3F2504E04F8941D39A0C0305E82C3303"),
         STRING("usageInstance", "volume-3F2504E0-4F89-41D3-9A0C-0305E82C3304")},
        {STRING("vmUuid", "3f2504e04f8941d39a0c0305e82c3303"),
         STRING("usageInstance", "volume-3f2504e04f8941d39a0c0305e82c3304")},
    };

    (void)state;
    memset(two, 0, sizeof(two));
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct say fields[FIELDS_MAX];
        size_t count = sample_fields_with(get_message.request, STRING("purpose", "volume"), fields);
        struct err e;

        fields[1] = forms[i][0];
        fields[4] = forms[i][1];
        if (!read_request(ENCODING_JSON, get_message.request, fields, count, one, &e))
            fail_msg("%s", e.text);
        if (i == 0)
            memcpy(two, one, sizeof(two));
        assert_memory_equal(one, two, get_message.request->size);
    }
}

/* ---- the identity ---- */

static void the_usage_id_is_the_identity_as_one_text(void **state)
{
    struct secret_key key = {.vm_uuid = {VM}, .purpose = "vtpm", .key_version = 2147483647, .usage_instance = "tpm3"};
    char out[USAGE_ID_MAX_CHARS + 1];

    (void)state;
    secret_usage_id(&key, out);
    assert_string_equal(out, "keyferry/vtpm/" VM "/tpm3/v2147483647");
    key = (struct secret_key){.vm_uuid = {VM}, .purpose = "volume", .usage_instance = VOLUME};
    secret_usage_id(&key, out);
    assert_string_equal(out, "keyferry/volume/" VM "/volume-" SECRET "/v0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_sound),
        cmocka_unit_test(null_and_blank_count_as_absent),
        cmocka_unit_test(a_missing_field_is_named_if_it_is_required),
        cmocka_unit_test(a_value_of_another_type_is_refused),
        cmocka_unit_test(bin_is_for_bytes_only),
        cmocka_unit_test(control_characters_and_bad_utf8_are_refused),
        cmocka_unit_test(too_long_and_too_short_are_refused),
        cmocka_unit_test(out_of_range_is_refused),
        cmocka_unit_test(a_key_given_twice_is_refused),
        cmocka_unit_test(keys_of_no_field_or_of_a_later_one_are_refused_and_named),
        cmocka_unit_test(what_every_request_may_carry_is_passed_over),
        cmocka_unit_test(every_truncation_is_malformed),
        cmocka_unit_test(requests_come_back_as_they_were),
        cmocka_unit_test(replies_come_back_as_they_were),
        cmocka_unit_test(one_identity_in_any_form_is_one_identity),
        cmocka_unit_test(the_usage_id_is_the_identity_as_one_text),
    };

    return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
