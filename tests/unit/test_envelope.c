#include "say.h"

#include "schemas/messages.h"

static bool read_envelope(enum encoding encoding, const struct say *fields, size_t count, struct envelope *out,
                          struct err *e)
{
    const struct said *s = say_body(encoding, "org.zstack.FooMsg", fields, count);
    struct body *body;

    memset(out, 0xee, sizeof(*out));
    assert_true(body_read(s->bytes, s->len, NULL, &body, e));
    bool ok = envelope_read(body, out, e);
    body_free(body);
    return ok;
}

/* Refused for one field in either encoding; what is acceptable is read all the same. */
static void assert_refused(struct say bad)
{
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        struct say header = STRING("correlationId", "c");
        struct say fields[] = {bad, STRING("id", "an-id"), MAP("headers", &header, 1)};
        size_t count = strcmp(bad.key, "id") == 0 || strcmp(bad.key, "headers") == 0 ? 1 : COUNT(fields);
        struct envelope got;
        struct err e;

        if (read_envelope((enum encoding)encoding, fields, count, &got, &e))
            fail_msg("accepted a bad %s", bad.key);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_string_equal(e.field, bad.key);
        assert_string_equal(got.name, "FooMsg");
        assert_string_equal(got.id, count == 1 ? "" : "an-id");
        assert_string_equal(got.correlation_id, count == 1 ? "" : "c");
    }
}

static void reads_all_that_a_request_may_carry(void **state)
{
    struct say tags[] = {STRING(NULL, "a"), STRING(NULL, "")};
    struct say headers[] = {
        STRING("correlationId", "corr"),
        STRING("replyTo", "queue"),
        STRING("noReply", "true"),
        LIST("theirs", tags, 2),
        NUL("more"),
    };
    struct say fields[] = {
        STRING("id", "An.id:1_-"),
        STRING("serviceId", "host"),
        NUMBER("createdTime", 1000),
        NUMBER("timeout", -1),
        NUMBER("messageDeadline", WHOLE_MAX),
        MAP("headers", headers, COUNT(headers)),
        LIST("systemTags", tags, 2),
        LIST("userTags", NULL, 0),
        STRING("hostUuid", "the message's own"),
    };

    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        struct envelope got;
        struct err e;

        assert_true(read_envelope((enum encoding)encoding, fields, COUNT(fields), &got, &e));
        assert_int_equal(got.encoding, encoding);
        assert_string_equal(got.prefix, "org.zstack.");
        assert_string_equal(got.name, "FooMsg");
        assert_string_equal(got.id, "An.id:1_-");
        assert_int_equal(got.created_ms, 1000);
        assert_int_equal(got.timeout_ms, -1);
        assert_int_equal(got.deadline_ms, WHOLE_MAX);
        assert_string_equal(got.correlation_id, "corr");
        assert_string_equal(got.reply_to, "queue");
        assert_true(got.no_reply);
    }
}

static void nothing_of_it_is_required(void **state)
{
    struct say nulls[] = {
        NUL("id"),      NUL("serviceId"),  NUL("createdTime"),     NUL("timeout"),
        NUL("headers"), NUL("systemTags"), STRING("userTags", ""),
    };
    struct envelope got;
    struct err e;

    (void)state;
    assert_true(read_envelope(ENCODING_JSON, NULL, 0, &got, &e));
    assert_string_equal(got.id, "");
    assert_true(read_envelope(ENCODING_MSGPACK, nulls, COUNT(nulls), &got, &e));
    assert_string_equal(got.id, "");
    assert_false(got.no_reply);
}

static void no_reply_may_be_text_or_truth(void **state)
{
    const struct {
        struct say value;
        bool expected;
    } cases[] = {
        {STRING("noReply", "true"), true}, {STRING("noReply", "false"), false},
        {TRUTH("noReply", true), true},    {TRUTH("noReply", false), false},
        {NUL("noReply"), false},           {STRING("noReply", ""), false},
    };
    struct envelope got;
    struct err e;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct say headers = MAP("headers", &cases[i].value, 1);

        assert_true(read_envelope(ENCODING_JSON, &headers, 1, &got, &e));
        assert_int_equal(got.no_reply, cases[i].expected);
    }
    struct say maybe = STRING("noReply", "maybe"), headers = MAP("headers", &maybe, 1);
    assert_false(read_envelope(ENCODING_JSON, &headers, 1, &got, &e));
    assert_string_equal(e.field, "noReply");
}

static void each_field_has_its_limits_and_does_not_keep_the_others_from_being_read(void **state)
{
    static char long_text[SHORTSTR_MAX_CHARS + 2];
    static struct say many[TEXT_LIST_MAX + 1];

    (void)state;
    memset(long_text, 'a', sizeof(long_text) - 1);
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = STRING(NULL, "t");
    assert_refused(STRING("id", "a b"));
    assert_refused(STRING("id", "\xc3\xa9"));
    assert_refused(STRING("id", long_text + SHORTSTR_MAX_CHARS - ID_MAX_CHARS));
    assert_refused(NUMBER("id", 7));
    assert_refused(STRING("serviceId", long_text));
    assert_refused(NUMBER("serviceId", 1));
    assert_refused(NUMBER("createdTime", -1));
    assert_refused(NUMBER("createdTime", WHOLE_MAX + 1));
    assert_refused(HUGE_NUMBER("createdTime"));
    assert_refused(STRING("createdTime", "1"));
    assert_refused(NUMBER("timeout", -2));
    assert_refused(REAL("timeout"));
    assert_refused(NUMBER("messageDeadline", -2));
    assert_refused(TRUTH("messageDeadline", true));
    assert_refused(LIST("headers", NULL, 0));
    assert_refused(STRING("headers", "x"));
    assert_refused(LIST("systemTags", many, COUNT(many)));
    assert_refused(MAP("userTags", NULL, 0));
}

static void headers_we_know_have_limits_too(void **state)
{
    char long_text[SHORTSTR_MAX_CHARS + 2] = {0};

    memset(long_text, 'a', sizeof(long_text) - 1);
    struct say bad[] = {
        NUMBER("correlationId", 1),
        STRING("replyTo", long_text),
        STRING("replyTo", "a\nb"),
        TRUTH("correlationId", true),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct say pairs[] = {bad[i], STRING("noReply", "true")};
        struct say headers = MAP("headers", pairs, 2);
        struct envelope got;
        struct err e;

        assert_false(read_envelope(ENCODING_MSGPACK, &headers, 1, &got, &e));
        assert_string_equal(e.field, bad[i].key);
        assert_true(got.no_reply);
        assert_string_equal(got.reply_to, "");
    }
}

static void the_first_bad_field_is_reported(void **state)
{
    struct say fields[] = {NUMBER("timeout", -9), NUMBER("createdTime", -9), STRING("id", "i")};
    struct envelope got;
    struct err e;

    (void)state;
    assert_false(read_envelope(ENCODING_MSGPACK, fields, COUNT(fields), &got, &e));
    assert_string_equal(e.field, "timeout");
    assert_string_equal(got.id, "i");
}

static void a_key_given_twice_is_refused(void **state)
{
    struct say twice[] = {STRING("id", "i"), STRING("id", "j"), NUMBER("timeout", 5)};
    struct say pairs[] = {STRING("replyTo", "q"), STRING("replyTo", "r")};
    struct say headers = MAP("headers", pairs, 2);

    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        struct envelope got;
        struct err e;

        assert_false(read_envelope((enum encoding)encoding, twice, COUNT(twice), &got, &e));
        assert_int_equal(e.kind, ERR_INVALID);
        assert_string_equal(e.field, "id");
        assert_int_equal(got.timeout_ms, 5);
        assert_false(read_envelope((enum encoding)encoding, &headers, 1, &got, &e));
        assert_int_equal(e.kind, ERR_INVALID);
        assert_string_equal(e.field, encoding == ENCODING_JSON ? "replyTo" : "headers");
        assert_string_not_equal(got.reply_to, "");
    }
}

static void ids_have_a_form(void **state)
{
    char longest[ID_MAX_CHARS + 2];

    (void)state;
    memset(longest, 'a', sizeof(longest));
    longest[ID_MAX_CHARS + 1] = '\0';
    assert_true(id_is_acceptable("aZ09._:-"));
    assert_true(id_is_acceptable(longest + 1));
    assert_false(id_is_acceptable(longest));
    assert_false(id_is_acceptable(""));
    assert_false(id_is_acceptable("a b"));
    assert_false(id_is_acceptable("a/b"));
}

static void a_deadline_is_said_or_follows_from_the_timeout(void **state)
{
    static const struct {
        int64_t created, timeout, deadline, expected;
    } cases[] = {
        {0, 0, 0, 0},     {100, 0, 0, 0},  {100, -1, 0, 0},    {100, 50, 0, 150},
        {0, 50, 0, 1050}, {100, 50, 7, 7}, {100, 50, -1, 150}, {WHOLE_MAX, WHOLE_MAX, 0, 2 * WHOLE_MAX},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct envelope envelope = {
            .created_ms = cases[i].created,
            .timeout_ms = cases[i].timeout,
            .deadline_ms = cases[i].deadline,
        };

        assert_int_equal(envelope_deadline_ms(&envelope, 1000), cases[i].expected);
    }
}

static bool read_host(const struct say *fields, size_t count, struct uuid *out, struct err *e)
{
    const struct said *s = say_body(ENCODING_JSON, "NewerMsg", fields, count);
    struct body *body;

    assert_true(body_read(s->bytes, s->len, NULL, &body, e));
    bool ok = body_host(body, out, e);
    body_free(body);
    return ok;
}

static void the_host_of_an_unknown_message_can_be_read(void **state)
{
    struct say fields[] = {STRING("hostUuid", "3F2504E04F8941D39A0C0305E82C3301"), STRING("newer", "x"),
                           NUL("hostUuid")};
    struct uuid host = {"as before"};
    struct err e;

    (void)state;
    assert_true(read_host(fields, 2, &host, &e));
    assert_string_equal(host.text, "3f2504e0-4f89-41d3-9a0c-0305e82c3301");
    assert_false(read_host(fields, 3, &host, &e));
    assert_int_equal(e.kind, ERR_INVALID);
    assert_false(read_host(fields + 1, 1, &host, &e));
    assert_int_equal(e.kind, ERR_REQUIRED);
    assert_string_equal(e.field, "hostUuid");
}

static void a_request_is_written_with_its_id_and_times(void **state)
{
    static const char expected[] =
        "{\"SecretHostGetMsg\":{\"id\":\"i\",\"createdTime\":5,\"messageDeadline\":9,"
        "\"hostUuid\":\"3f2504e0-4f89-41d3-9a0c-0305e82c3301\",\"vmUuid\":\"3f2504e0-4f89-41d3-9a0c-0305e82c3302\","
        "\"purpose\":\"vtpm\",\"keyVersion\":0,\"usageInstance\":\"tpm0\"}}";
    struct get_request request = {
        .to = {
            .host_uuid = {"3f2504e0-4f89-41d3-9a0c-0305e82c3301"},
            .key = {.vm_uuid = {"3f2504e0-4f89-41d3-9a0c-0305e82c3302"}, .purpose = "vtpm", .usage_instance = "tpm0"},
        }};
    struct request_head head = {ENCODING_JSON, "SecretHostGetMsg", "i", 5, 9};
    struct bytes out;
    struct err e;

    (void)state;
    assert_true(request_write(&head, get_message.request, &request, &out, &e));
    assert_int_equal(out.len, sizeof(expected) - 1);
    assert_memory_equal(out.data, expected, out.len);
    bytes_free(&out);
    head.deadline_ms = 0;
    assert_true(request_write(&head, get_message.request, &request, &out, &e));
    assert_int_equal(out.len, sizeof(expected) - 1 - strlen("\"messageDeadline\":9,"));
    bytes_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_that_a_request_may_carry),
        cmocka_unit_test(nothing_of_it_is_required),
        cmocka_unit_test(no_reply_may_be_text_or_truth),
        cmocka_unit_test(each_field_has_its_limits_and_does_not_keep_the_others_from_being_read),
        cmocka_unit_test(headers_we_know_have_limits_too),
        cmocka_unit_test(the_first_bad_field_is_reported),
        cmocka_unit_test(a_key_given_twice_is_refused),
        cmocka_unit_test(ids_have_a_form),
        cmocka_unit_test(a_deadline_is_said_or_follows_from_the_timeout),
        cmocka_unit_test(the_host_of_an_unknown_message_can_be_read),
        cmocka_unit_test(a_request_is_written_with_its_id_and_times),
    };

    return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
