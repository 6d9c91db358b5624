#include "say.h"

#include "schemas/body.h"

static bool read_bytes(const void *bytes, size_t len, const char *content_type, struct body **out, struct err *e)
{
    *out = NULL;
    return body_read(bytes, len, content_type, out, e);
}

static void assert_malformed(const void *bytes, size_t len, const char *content_type)
{
    struct body *body;
    struct err e;

    assert_false(read_bytes(bytes, len, content_type, &body, &e));
    assert_null(body);
    assert_int_equal(e.kind, ERR_MALFORMED);
    assert_int_equal(err_fate(&e), FATE_DEAD_LETTER);
}

static void content_type_chooses_the_encoding_else_the_first_byte_does(void **state)
{
    static const struct {
        const char *content_type, *body;
        enum encoding expected;
    } cases[] = {
        {NULL, "{}", ENCODING_JSON},
        {NULL, "\x80", ENCODING_MSGPACK},
        {"", "{}", ENCODING_JSON},
        {"text/plain", "\x80", ENCODING_MSGPACK},
        {"application/json", "\x80", ENCODING_JSON},
        {"application/msgpack", "{}", ENCODING_MSGPACK},
        {" Application/JSON ; charset=utf-8", "\x80", ENCODING_JSON},
        {"application/json;x", "\x80", ENCODING_JSON},
        {"application/json5", "\x80", ENCODING_MSGPACK},
        {"application/jso", "\x80", ENCODING_MSGPACK},
        {NULL, "", ENCODING_MSGPACK},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const uint8_t *bytes = (const uint8_t *)cases[i].body;

        if (encoding_of(bytes, strlen(cases[i].body), cases[i].content_type) != cases[i].expected)
            fail_msg("case %zu", i);
    }
}

static void one_name_with_a_map_of_fields_is_a_body(void **state)
{
    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        const struct said *s = say_body((enum encoding)encoding, "org.zstack.FooMsg", NULL, 0);
        struct body *body;
        struct err e;

        assert_true(read_bytes(s->bytes, s->len, NULL, &body, &e));
        assert_int_equal(body->encoding, encoding);
        assert_int_equal(body->prefix_len, strlen("org.zstack."));
        assert_int_equal(body->name_len, strlen("FooMsg"));
        assert_memory_equal(body->name, "FooMsg", 6);
        assert_int_equal(body->fields->via.map.size, 0);
        body_free(body);
    }
}

static void keeps_no_pointer_into_the_bytes(void **state)
{
    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        struct say field = STRING("k", "value");
        const struct said *s = say_body((enum encoding)encoding, "FooMsg", &field, 1);
        uint8_t bytes[256];
        struct body *body;
        struct err e;

        memcpy(bytes, s->bytes, s->len);
        assert_true(read_bytes(bytes, s->len, NULL, &body, &e));
        memset(bytes, 0xff, sizeof(bytes));
        assert_memory_equal(body->name, "FooMsg", 6);
        assert_memory_equal(body->fields->via.map.ptr[0].val.via.str.ptr, "value", 5);
        body_free(body);
    }
}

static void refuses_whatever_is_not_one_name_with_a_map_of_fields(void **state)
{
    static const char *const json[] = {
        "{}",
        "[]",
        "{\"A\":1}",
        "{\"A\":null}",
        "{\"A\":[]}",
        "{\"A\":{},\"B\":{}}",
        "{\"A\":{},\"A\":{}}",
        "{\"\":{}}",
        "{\"a.\":{}}",

        "{\"A\":{}",
        "{\"A\":{}}{",
        "{ ",
        "{\"a\\u0007\":{}}",
    };
    static const struct {
        const char *bytes;
        size_t len;
    } msgpack[] = {
        {"\xc0", 1},
        {"\x80", 1},
        {"\x90", 1},
        {"\x81\x01\x80", 3},
        {"\x81\xa1"
         "A\xc0",
         4},
        {"\x81\xa1"
         "A\x90",
         4},
        {"\x82\xa1"
         "A\x80\xa1"
         "B\x80",
         7},
        {"\x82\xa1"
         "A\x80\xa1"
         "A\x80",
         7},
        {"\x81\xa0\x80", 3},
        {"\x81\xa1.\x80", 4},
        {"\x81\xa1\xff\x80", 4},
        {"\x81\xa1"
         "A\x80\xc0",
         5},
        {"\x81\xc4\x01"
         "A\x80",
         5},
        {"\x81\xa1\0\x80", 4},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(json); i++)
        assert_malformed(json[i], strlen(json[i]), "application/json");
    for (size_t i = 0; i < COUNT(msgpack); i++)
        assert_malformed(msgpack[i].bytes, msgpack[i].len, NULL);
}

static void refuses_a_body_of_another_encoding_than_it_says(void **state)
{
    (void)state;
    assert_malformed("{\"A\":{}}", 8, "application/msgpack");
    assert_malformed("\x81\xa1"
                     "A\x80",
                     4, "application/json");
}

static void names_and_prefixes_have_an_end(void **state)
{
    char name[PREFIX_MAX_CHARS + NAME_MAX_CHARS + 2];

    (void)state;
    memset(name, 'a', sizeof(name));
    name[PREFIX_MAX_CHARS - 1] = '.';
    name[PREFIX_MAX_CHARS + NAME_MAX_CHARS] = '\0';
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        const struct said *s = say_body((enum encoding)encoding, name, NULL, 0);
        struct body *body;
        struct err e;

        assert_true(read_bytes(s->bytes, s->len, NULL, &body, &e));
        body_free(body);
        s = say_body((enum encoding)encoding, name + PREFIX_MAX_CHARS - 1, NULL, 0);
        assert_true(read_bytes(s->bytes, s->len, NULL, &body, &e));
        body_free(body);
    }

    name[PREFIX_MAX_CHARS + NAME_MAX_CHARS] = 'a';
    name[PREFIX_MAX_CHARS + NAME_MAX_CHARS + 1] = '\0';
    const struct said *s = say_body(ENCODING_MSGPACK, name, NULL, 0); /* the name is too long */
    assert_malformed(s->bytes, s->len, NULL);
    name[PREFIX_MAX_CHARS - 1] = 'a';
    name[PREFIX_MAX_CHARS] = '.';
    s = say_body(ENCODING_MSGPACK, name, NULL, 0); /* the prefix is */
    assert_malformed(s->bytes, s->len, NULL);
}

static void refuses_an_empty_body_and_one_over_the_limit(void **state)
{
    static uint8_t large[BODY_MAX_BYTES + 1];

    (void)state;
    assert_malformed("", 0, NULL);
    assert_malformed("", 0, "application/json");
    assert_malformed(large, sizeof(large), NULL);
    memset(large, ' ', sizeof(large));
    assert_malformed(large, sizeof(large), "application/json");
}

static void refuses_every_truncation(void **state)
{
    struct say tag = STRING(NULL, "tag");
    struct say fields[] = {
        STRING("id", "x"), NUMBER("n", 1), BIN("b", "\1\2\3", 3), LIST("l", &tag, 1), TRUTH("t", true), REAL("r"),
    };

    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        const struct said *s = say_body((enum encoding)encoding, "FooMsg", fields, COUNT(fields));

        for (size_t len = 0; len < s->len; len++)
            assert_malformed(s->bytes, len, encoding_content_type((enum encoding)encoding));
    }
}

static void refuses_noise(void **state)
{
    static uint8_t noise[BODY_MAX_BYTES];
    uint32_t seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(noise); i++) {
        seed = seed * 1664525 + 1013904223;
        noise[i] = (uint8_t)(seed >> 24);
    }
    assert_malformed(noise, sizeof(noise), NULL);
    assert_malformed(noise, sizeof(noise), "application/json");
}

static void takes_a_map_of_very_many_keys(void **state)
{
    enum { KEYS = 8000 };
    static struct say many[KEYS];

    (void)state;
    for (size_t i = 0; i < KEYS; i++)
        many[i] = NUL("k");
    const struct said *s = say_body(ENCODING_MSGPACK, "FooMsg", many, KEYS);
    struct body *body;
    struct err e;

    assert_true(read_bytes(s->bytes, s->len, NULL, &body, &e));
    body_free(body);
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    body_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_type_chooses_the_encoding_else_the_first_byte_does),
        cmocka_unit_test(one_name_with_a_map_of_fields_is_a_body),
        cmocka_unit_test(keeps_no_pointer_into_the_bytes),
        cmocka_unit_test(refuses_whatever_is_not_one_name_with_a_map_of_fields),
        cmocka_unit_test(refuses_a_body_of_another_encoding_than_it_says),
        cmocka_unit_test(names_and_prefixes_have_an_end),
        cmocka_unit_test(refuses_an_empty_body_and_one_over_the_limit),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(refuses_noise),
        cmocka_unit_test(takes_a_map_of_very_many_keys),
        cmocka_unit_test(freeing_nothing_is_fine),
    };

    return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
