#include "samples.h"

#include "schemas/redact.h"

#define DEK "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I="

static char shown[4096];

static void show(enum encoding encoding, const char *name, const struct say *fields, size_t count)
{
    const struct said *s = say_body(encoding, name, fields, count);
    struct writer *w = writer_new(ENCODING_JSON);
    struct body *body;
    struct bytes out;
    struct err e;

    assert_true(body_read(s->bytes, s->len, NULL, &body, &e));
    redact_write(body, w);
    assert_true(writer_finish(w, &out, &e));
    snprintf(shown, sizeof(shown), "%.*s", (int)out.len, (const char *)out.data);
    bytes_free(&out);
    body_free(body);
}

static void shows(const char *text)
{
    if (strstr(shown, text) == NULL)
        fail_msg("%s does not hold %s", shown, text);
}

static void what_is_acceptable_is_shown_and_what_is_secret_is_not(void **state)
{
    const struct say fields[] = {STRING("id", "r-1"),      STRING("vmUuid", VM),        NUMBER("keyVersion", 7),
                                 STRING("dekBase64", DEK), STRING("encryptedDek", DEK), NUMBER("timeout", -1)};

    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        show((enum encoding)encoding, "org.example.SecretHostDefineMsg", fields, COUNT(fields));
        assert_string_equal(shown, "{\"SecretHostDefineMsg\":{\"id\":\"r-1\",\"vmUuid\":\"" VM
                                   "\",\"keyVersion\":7,\"dekBase64\":\"<secret: text of 44 bytes>\","
                                   "\"encryptedDek\":\"<sealed: text of 44 bytes>\",\"timeout\":-1}}");
    }
}

static void wherever_a_dek_stands_it_is_not_shown(void **state)
{
    const struct say dek = STRING("dek", DEK);
    const struct say fields[] = {
        STRING("vmUuid", DEK),
        STRING("dekbase64", DEK),
        LIST("dekBase64", &dek, 1),
        MAP("headers", &dek, 1),
        LIST("userTags", &dek, 1),
        MAP("other", &dek, 1),
        STRING("purpose", DEK),
        STRING("serviceId", DEK),
        BIN("raw", "0123456789abcdef", 16),
        BIN("secretUuid", "0123456789abcdef", 16),
        STRING("keyVersion", DEK),
        STRING("usageInstance", DEK),
        STRING("createdTime", DEK),
    };

    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        show((enum encoding)encoding, "SecretHostDefineMsg", fields, COUNT(fields));
        assert_null(strstr(shown, "c2Vj"));
        assert_null(strstr(shown, "0123456789"));
        shows("\"vmUuid\":\"<not acceptable: text of 44 bytes>\"");
        shows("\"dekbase64\":\"<unknown field: text of 44 bytes>\"");
        shows("\"dekBase64\":\"<secret: a list of 1>\"");
        shows("\"headers\":\"<not shown: a map of 1>\"");
        shows("\"other\":\"<unknown field: a map of 1>\"");
    }
}

static void of_an_unknown_message_neither_name_nor_fields_are_shown(void **state)
{
    const struct say fields[] = {STRING("id", "r-1"), STRING("vmUuid", VM), STRING("dekBase64", DEK)};

    (void)state;
    show(ENCODING_JSON, DEK, fields, COUNT(fields));
    assert_string_equal(shown,
                        "{\"<unknown message>\":{\"id\":\"r-1\",\"vmUuid\":\"<unknown field: text of 36 bytes>\","
                        "\"dekBase64\":\"<unknown field: text of 44 bytes>\"}}");
}

static void free_text_is_shown_in_a_message_that_is_good(void **state)
{
    struct say fields[] = {STRING("id", "r-1"),       STRING("hostUuid", HOST_A),      STRING("vmUuid", VM),
                           STRING("purpose", "vtpm"), STRING("usageInstance", "tpm0"), NUMBER("keyVersion", 7),
                           STRING("dekBase64", DEK),  STRING("description", "a b")};

    (void)state;
    show(ENCODING_JSON, "SecretHostDefineMsg", fields, COUNT(fields));
    shows("\"description\":\"a b\"");
    shows("\"usageInstance\":\"tpm0\"");
    fields[7] = STRING("descriptiom", "a b");
    show(ENCODING_JSON, "SecretHostDefineMsg", fields, COUNT(fields));
    shows("\"descriptiom\":\"<unknown field: text of 3 bytes>\"");
    shows("\"usageInstance\":\"<not shown: text of 4 bytes>\"");
}

static void every_type_has_a_mark(void **state)
{
    const struct say fields[] = {NUL("a"),         TRUTH("b", 1),      REAL("c"),
                                 HUGE_NUMBER("d"), BIN("e", "xyz", 3), STRING("", "")};

    (void)state;
    show(ENCODING_MSGPACK, "SecretHostGetMsg", fields, COUNT(fields));
    assert_string_equal(shown, "{\"SecretHostGetMsg\":{\"a\":\"<unknown field: null>\",\"b\":\"<unknown field: true or "
                               "false>\",\"c\":\"<unknown field: a number>\",\"d\":\"<unknown field: a number>\",\"e\":"
                               "\"<unknown field: 3 bytes>\",\"?\":\"<unknown field: text of 0 bytes>\"}}");
}

static void a_field_given_twice_is_shown_twice(void **state)
{
    const struct say fields[] = {STRING("vmUuid", VM), STRING("vmUuid", SECRET)};

    (void)state;
    show(ENCODING_MSGPACK, "SecretHostDefineMsg", fields, COUNT(fields));
    assert_string_equal(shown, "{\"SecretHostDefineMsg\":{\"vmUuid\":\"" VM "\",\"vmUuid\":\"" SECRET "\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_acceptable_is_shown_and_what_is_secret_is_not),
        cmocka_unit_test(wherever_a_dek_stands_it_is_not_shown),
        cmocka_unit_test(of_an_unknown_message_neither_name_nor_fields_are_shown),
        cmocka_unit_test(free_text_is_shown_in_a_message_that_is_good),
        cmocka_unit_test(every_type_has_a_mark),
        cmocka_unit_test(a_field_given_twice_is_shown_twice),
    };

    return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
