#include "say.h"

#include "schemas/messages.h"

#define SECRET "3f2504e0-4f89-41d3-9a0c-0305e82c3301"

static const struct define_reply made = {.secret_uuid = {SECRET}, .created = true};

static struct reply_head head_of(enum encoding encoding)
{
    return (struct reply_head){
        .encoding = encoding,
        .prefix = "org.zstack.",
        .name = "SecretHostDefineMsg",
        .id = "r1",
        .correlation_id = "c1",
        .created_ms = 7,
    };
}

static void assert_json(const struct bytes *out, const char *expected)
{
    assert_int_equal(out->len, strlen(expected));
    assert_memory_equal(out->data, expected, out->len);
}

static bool read_said(const struct said *s, struct define_reply *out, struct err *e)
{
    memset(out, 0xee, sizeof(*out));
    return reply_read(s->bytes, s->len, NULL, define_message.reply, out, e);
}

static void success_is_written_with_the_replys_own_fields(void **state)
{
    struct reply_head head = head_of(ENCODING_JSON);
    struct bytes out;
    struct err e;

    (void)state;
    assert_true(reply_write(&head, define_message.reply, &made, NULL, &out, &e));
    assert_json(&out,
                "{\"org.zstack.SecretHostDefineReply\":{\"headers\":{\"correlationId\":\"c1\",\"isReply\":\"true\"},"
                "\"id\":\"r1\",\"createdTime\":7,\"success\":true,\"secretUuid\":\"" SECRET "\",\"created\":true}}");
    bytes_free(&out);
}

static void failure_is_written_with_the_codes_meaning_and_the_facts(void **state)
{
    static const char retryable[] = "\"opaque\":{\"effect\":\"none\",\"retryable\":true}}";
    struct reply_head head = head_of(ENCODING_JSON);
    struct err failure, e;
    struct bytes out;

    (void)state;
    err_field(&failure, ERR_LIBVIRT, "secretUuid", "libvirt said \"no\"");
    failure.effect = EFFECT_UNKNOWN;
    failure.libvirt_code = 1;
    failure.libvirt_domain = 30;
    failure.attempt = 2;
    assert_true(reply_write(&head, NULL, NULL, &failure, &out, &e));
    assert_json(&out,
                "{\"org.zstack.SecretHostDefineReply\":{\"headers\":{\"correlationId\":\"c1\",\"isReply\":\"true\"},"
                "\"id\":\"r1\",\"createdTime\":7,\"success\":false,\"error\":{\"code\":\"SYS.1006\","
                "\"description\":\"a required field is missing or blank, or libvirt refused\","
                "\"details\":\"libvirt said \\\"no\\\"\",\"opaque\":{\"effect\":\"unknown\",\"retryable\":false,"
                "\"field\":\"secretUuid\",\"libvirtCode\":1,\"libvirtDomain\":30,\"attempt\":2}}}}");
    bytes_free(&out);

    err_set(&failure, ERR_TIMEOUT, "late");
    assert_true(reply_write(&head, NULL, NULL, &failure, &out, &e));
    assert_non_null(memmem(out.data, out.len, retryable, strlen(retryable)));
    bytes_free(&out);
}

static void a_name_that_does_not_end_in_msg_gets_reply_all_the_same(void **state)
{
    static const struct {
        const char *name, *expected;
    } cases[] = {
        {"Foo", "{\"org.zstack.FooReply\":"}, {"", "{\"org.zstack.Reply\":"}, {"Msg", "{\"org.zstack.Reply\":"}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reply_head head = head_of(ENCODING_JSON);
        struct err failure, e;
        struct bytes out;

        head.name = cases[i].name;
        err_set(&failure, ERR_NO_HANDLER, "no such message");
        assert_true(reply_write(&head, NULL, NULL, &failure, &out, &e));
        assert_memory_equal(out.data, cases[i].expected, strlen(cases[i].expected));
        bytes_free(&out);
    }
}

static void the_longest_name_fits(void **state)
{
    char prefix[PREFIX_MAX_CHARS + 1] = {0}, name[NAME_MAX_CHARS + 1] = {0};
    struct reply_head head = head_of(ENCODING_JSON);
    struct err failure, e;
    struct bytes out;

    (void)state;
    memset(prefix, 'p', PREFIX_MAX_CHARS);
    memset(name, 'n', NAME_MAX_CHARS);
    head.prefix = prefix;
    head.name = name;
    err_set(&failure, ERR_NO_HANDLER, "no such message");
    assert_true(reply_write(&head, NULL, NULL, &failure, &out, &e));
    assert_memory_equal(out.data + 2 + PREFIX_MAX_CHARS + NAME_MAX_CHARS, "Reply\"", 6);
    bytes_free(&out);
}

static void a_failure_comes_back_as_it_was(void **state)
{
    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        struct reply_head head = head_of((enum encoding)encoding);
        struct define_reply reply, zero = {0};
        struct err failure, got, e;
        struct bytes out;

        err_field(&failure, ERR_CONFLICT, "dekBase64", "another DEK");
        failure.effect = EFFECT_DONE;
        failure.libvirt_code = 1;
        failure.libvirt_domain = 30;
        failure.attempt = 3;
        assert_true(reply_write(&head, NULL, NULL, &failure, &out, &e));
        memset(&got, 0xee, sizeof(got));
        assert_false(reply_read(out.data, out.len, NULL, define_message.reply, &reply, &got));
        assert_memory_equal(&reply, &zero, sizeof(reply));
        assert_int_equal(got.kind, ERR_CONFLICT);
        assert_int_equal(got.effect, EFFECT_DONE);
        assert_string_equal(got.code, failure.code);
        assert_string_equal(got.field, failure.field);
        assert_string_equal(got.text, failure.text);
        assert_int_equal(got.libvirt_code, 1);
        assert_int_equal(got.libvirt_domain, 30);
        assert_int_equal(got.attempt, 3);
        assert_int_equal(got.retryable, failure.retryable);
        bytes_free(&out);
    }
}

static void keys_of_a_newer_peer_are_passed_over(void **state)
{
    struct say fields[] = {
        TRUTH("success", true),    STRING("secretUuid", SECRET),  TRUTH("created", false),
        STRING("dekColour", "00"), STRING("headers", "whatever"),
    };

    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        struct define_reply got;
        struct err e;

        assert_true(
            read_said(say_body((enum encoding)encoding, "SecretHostDefineReply", fields, COUNT(fields)), &got, &e));
        assert_string_equal(got.secret_uuid.text, SECRET);
        assert_false(got.created);
    }
}

static void any_prefix_will_do_but_no_other_name(void **state)
{
    struct say fields[] = {TRUTH("success", true), STRING("secretUuid", SECRET), TRUTH("created", false)};
    struct define_reply got;
    struct err e;

    (void)state;
    assert_true(read_said(say_body(ENCODING_JSON, "a.b.SecretHostDefineReply", fields, 3), &got, &e));
    assert_false(read_said(say_body(ENCODING_JSON, "SecretHostGetReply", fields, 3), &got, &e));
    assert_int_equal(e.kind, ERR_FOREIGN);
    assert_false(read_said(say_body(ENCODING_JSON, "SecretHostDefineMsg", fields, 3), &got, &e));
    assert_false(read_said(say_body(ENCODING_JSON, "SecretHostDefineRepl", fields, 3), &got, &e));
}

static void what_is_no_reply_or_has_a_bad_field_is_foreign(void **state)
{
    struct say cases[][3] = {
        {NUL("success"), STRING("secretUuid", SECRET), TRUTH("created", true)},
        {STRING("success", "true"), STRING("secretUuid", SECRET), TRUTH("created", true)},
        {TRUTH("success", true), NUMBER("secretUuid", 1), TRUTH("created", true)},
        {TRUTH("success", true), STRING("secretUuid", ""), TRUTH("created", true)},
        {TRUTH("success", true), STRING("secretUuid", SECRET), STRING("created", "true")},
        {TRUTH("success", true), STRING("secretUuid", SECRET), NUL("created")},
        {TRUTH("success", true), TRUTH("success", true), STRING("secretUuid", SECRET)},
        {TRUTH("success", true), STRING("secretUuid", SECRET), STRING("secretUuid", SECRET)},
    };

    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++)
        for (size_t i = 0; i < COUNT(cases); i++) {
            const struct said *s = say_body((enum encoding)encoding, "SecretHostDefineReply", cases[i], 3);
            struct define_reply got, zero = {0};
            struct err e;

            if (read_said(s, &got, &e))
                fail_msg("accepted case %zu", i);
            assert_int_equal(e.kind, ERR_FOREIGN);
            assert_string_equal(e.code, "SYS.1007");
            assert_int_equal(err_fate(&e), FATE_ANSWER);
            assert_memory_equal(&got, &zero, sizeof(got));
        }
}

static void bytes_that_are_no_body_are_foreign(void **state)
{
    struct define_reply got;
    struct err e;

    (void)state;
    assert_false(reply_read((const uint8_t *)"{", 1, NULL, define_message.reply, &got, &e));
    assert_int_equal(e.kind, ERR_FOREIGN);
    assert_false(reply_read(NULL, 0, "application/json", define_message.reply, &got, &e));
    assert_int_equal(e.kind, ERR_FOREIGN);
}

static void an_error_of_another_make_is_read_as_far_as_it_goes(void **state)
{
    const struct {
        struct say error;
        const char *code, *text;
        enum err_kind kind;
    } cases[] = {
        {MAP("error",
             ((struct say[]){STRING("code", "KM.7"), STRING("details", "line 1\nline 2"), NUMBER("opaque", 3)}), 3),
         "KM.7", "line 1 line 2", ERR_FOREIGN},
        {MAP("error", ((struct say[]){STRING("code", "SYS.1001"), NUMBER("details", 4)}), 2), "SYS.1001", "",
         ERR_TIMEOUT},
        {MAP("error", ((struct say[]){NUMBER("code", 4)}), 1), "SYS.1007",
         "the reply tells of a failure, but has no error code", ERR_FOREIGN},
        {NUL("error"), "SYS.1007", "the reply tells of a failure, but has no error code", ERR_FOREIGN},
        {STRING("error", "bad"), "SYS.1007", "the reply tells of a failure, but has no error code", ERR_FOREIGN},
    };

    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++)
        for (size_t i = 0; i < COUNT(cases); i++) {
            struct say fields[] = {TRUTH("success", false), cases[i].error};
            struct define_reply got;
            struct err e;

            assert_false(read_said(say_body((enum encoding)encoding, "SecretHostDefineReply", fields, 2), &got, &e));
            assert_int_equal(e.kind, cases[i].kind);
            assert_string_equal(e.code, cases[i].code);
            assert_string_equal(e.text, cases[i].text);
        }
}

static void hostile_facts_are_not_believed(void **state)
{
    struct say opaque[] = {
        STRING("effect", "a lie, and a long one at that"),
        STRING("retryable", "yes"),
        NUMBER("field", 1),
        NUMBER("libvirtCode", INT64_MAX),
        NUMBER("libvirtDomain", -5),
        HUGE_NUMBER("attempt"),
    };
    struct say error[] = {STRING("code", "X"), STRING("details", "d"), MAP("opaque", opaque, COUNT(opaque))};
    struct say fields[] = {TRUTH("success", false), MAP("error", error, COUNT(error))};
    struct define_reply got;
    struct err e;

    (void)state;
    assert_false(read_said(say_body(ENCODING_MSGPACK, "SecretHostDefineReply", fields, 2), &got, &e));
    assert_int_equal(e.effect, EFFECT_UNKNOWN);
    assert_false(e.retryable);
    assert_string_equal(e.field, "");
    assert_int_equal(e.libvirt_code, 0);
    assert_int_equal(e.libvirt_domain, 0);
    assert_int_equal(e.attempt, 0);
}

static void without_a_schema_any_reply_is_read_for_its_outcome(void **state)
{
    struct say good = TRUTH("success", true), bad = TRUTH("success", false);
    const struct said *s = say_body(ENCODING_JSON, "AnyReply", &good, 1);
    struct err e;

    (void)state;
    assert_true(reply_read(s->bytes, s->len, NULL, NULL, NULL, &e));
    s = say_body(ENCODING_JSON, "AnyReply", &bad, 1);
    assert_false(reply_read(s->bytes, s->len, NULL, NULL, NULL, &e));
    assert_int_equal(e.kind, ERR_FOREIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_is_written_with_the_replys_own_fields),
        cmocka_unit_test(failure_is_written_with_the_codes_meaning_and_the_facts),
        cmocka_unit_test(a_name_that_does_not_end_in_msg_gets_reply_all_the_same),
        cmocka_unit_test(the_longest_name_fits),
        cmocka_unit_test(a_failure_comes_back_as_it_was),
        cmocka_unit_test(keys_of_a_newer_peer_are_passed_over),
        cmocka_unit_test(any_prefix_will_do_but_no_other_name),
        cmocka_unit_test(what_is_no_reply_or_has_a_bad_field_is_foreign),
        cmocka_unit_test(bytes_that_are_no_body_are_foreign),
        cmocka_unit_test(an_error_of_another_make_is_read_as_far_as_it_goes),
        cmocka_unit_test(hostile_facts_are_not_believed),
        cmocka_unit_test(without_a_schema_any_reply_is_read_for_its_outcome),
    };

    return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
