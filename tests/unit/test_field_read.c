#include "say.h"

#include "schemas/body.h"
#include "schemas/field.h"

struct thing {
    char text[9];
    struct uuid uuid;
    int64_t whole;
    bool flag;
    enum choice choice;
    struct dek dek;
};

static bool is_lower(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz")] == '\0';
}

static const struct field fields[] = {
    TEXT(struct thing, text, "text", OPTIONAL, 2, 8, NULL, NULL),
    TEXT(struct thing, text, "lower", OPTIONAL, 1, 8, is_lower, "small letters"),
    UUID(struct thing, uuid, "uuid", OPTIONAL),
    WHOLE(struct thing, whole, "whole", OPTIONAL, -3, 5),
    BOOL(struct thing, flag, "flag", OPTIONAL),
    CHOICE(struct thing, choice, "choice"),
    SECRET_BYTES(struct thing, dek, "bytes", OPTIONAL, 2, 4),
    CHECKED("checked", FIELD_TEXT, 1, 3),
    CHECKED("list", FIELD_TEXTS, 0, 2),
    CHECKED("map", FIELD_MAP, 0, 2),
};

static const struct schema schema = SCHEMA("a thing", NULL, struct thing, fields, NULL);

/* Decode one value by the field of its name. */
static bool read_value(enum encoding encoding, struct say value, struct thing *out, struct err *e)
{
    const struct said *s = say_body(encoding, "ThingMsg", &value, 1);
    struct body *body;

    *out = (struct thing){0};
    assert_true(body_read(s->bytes, s->len, NULL, &body, e));
    const msgpack_object_kv *pair = &body->fields->via.map.ptr[0];
    bool ok = field_decode(field_find(&schema, &pair->key), &pair->val, out, e);
    body_free(body);
    return ok;
}

static void assert_accepted(struct say value)
{
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        struct thing out;
        struct err e;

        if (!read_value((enum encoding)encoding, value, &out, &e))
            fail_msg("refused: %s", e.text);
    }
}

static void assert_refused(struct say value, const char *text)
{
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        struct thing out, zero = {0};
        struct err e;

        if (read_value((enum encoding)encoding, value, &out, &e))
            fail_msg("accepted a bad %s", value.key);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_string_equal(e.field, value.key);
        assert_string_equal(e.text, text);
        assert_memory_equal(&out, &zero, sizeof(out));
    }
}

static void finds_a_field_by_its_whole_name(void **state)
{
    static const struct {
        const char *key;
        uint32_t len;
        bool is_there;
    } cases[] = {
        {"uuid", 4, true},     {"uui", 3, false},  {"uuids", 5, false},
        {"uuid\0x", 6, false}, {"UUID", 4, false}, {"", 0, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        msgpack_object key = {.type = MSGPACK_OBJECT_STR, .via.str = {cases[i].len, cases[i].key}};

        assert_int_equal(field_find(&schema, &key) != NULL, cases[i].is_there);
    }
    assert_null(field_find(&schema, &(msgpack_object){.type = MSGPACK_OBJECT_NIL}));
}

static void text_is_utf8_within_its_limits(void **state)
{
    static const char wanted[] = "text must be text of 2 to 8 bytes without control characters";
    struct thing out;
    struct err e;

    (void)state;
    assert_true(read_value(ENCODING_JSON, STRING("text", "\xc3\xa9 \xe2\x82\xac"), &out, &e));
    assert_string_equal(out.text, "\xc3\xa9 \xe2\x82\xac");
    assert_accepted(STRING("text", "12345678"));
    assert_accepted(STRING("text", "ab"));
    assert_refused(STRING("text", "123456789"), wanted);
    assert_refused(STRING("text", "a"), wanted);
    assert_refused(STRING_N("text", "a\0b", 3), wanted);
    assert_refused(STRING("text", "a\nb"), wanted);
    assert_refused(STRING("text", "a\x7f"), wanted);
    assert_refused(STRING("text", "a\xc2\x85"), wanted);
    assert_refused(NUMBER("text", 12), wanted);
    assert_refused(TRUTH("text", true), wanted);
    assert_refused(LIST("text", NULL, 0), wanted);
    assert_refused(MAP("text", NULL, 0), wanted);
    assert_false(read_value(ENCODING_MSGPACK, BIN("text", "abc", 3), &out, &e));
    assert_false(read_value(ENCODING_MSGPACK, STRING("text", "a\xff"), &out, &e));
}

static void text_obeys_its_rule_and_says_what_is_wanted(void **state)
{
    (void)state;
    assert_accepted(STRING("lower", "abc"));
    assert_refused(STRING("lower", "aBc"), "lower must be small letters");
}

static void uuids_come_in_any_form(void **state)
{
    static const char wanted[] = "uuid must be a UUID that is not nil";
    struct thing out;
    struct err e;

    (void)state;
    assert_true(read_value(ENCODING_MSGPACK, STRING("uuid", "3F2504E04F8941D39A0C0305E82C3301"), &out, &e));
    assert_string_equal(out.uuid.text, "3f2504e0-4f89-41d3-9a0c-0305e82c3301");
    assert_refused(STRING("uuid", "00000000000000000000000000000000"), wanted);
    assert_refused(STRING("uuid", "3F2504E04F8941D39A0C0305E82C330"), wanted);
    assert_refused(NUMBER("uuid", 3), wanted);
}

static void whole_numbers_are_whole_and_in_range(void **state)
{
    static const char wanted[] = "whole must be a whole number from -3 to 5";
    struct thing out;
    struct err e;

    (void)state;
    assert_true(read_value(ENCODING_JSON, NUMBER("whole", -3), &out, &e));
    assert_int_equal(out.whole, -3);
    assert_accepted(NUMBER("whole", 0));
    assert_accepted(NUMBER("whole", 5));
    assert_refused(NUMBER("whole", -4), wanted);
    assert_refused(NUMBER("whole", 6), wanted);
    assert_refused(NUMBER("whole", INT64_MIN), wanted);
    assert_refused(NUMBER("whole", INT64_MAX), wanted);
    assert_refused(HUGE_NUMBER("whole"), wanted);
    assert_refused(REAL("whole"), wanted);
    assert_refused(TRUTH("whole", true), wanted);
    assert_refused(STRING("whole", "3"), wanted);
}

static void truth_is_neither_text_nor_number(void **state)
{
    struct thing out;
    struct err e;

    (void)state;
    assert_true(read_value(ENCODING_JSON, TRUTH("flag", true), &out, &e));
    assert_true(out.flag);
    assert_refused(STRING("flag", "true"), "flag must be true or false");
    assert_refused(NUMBER("flag", 1), "flag must be true or false");
}

static void a_choice_knows_no_from_unsaid(void **state)
{
    struct thing out;
    struct err e;

    (void)state;
    assert_true(read_value(ENCODING_JSON, TRUTH("choice", false), &out, &e));
    assert_int_equal(out.choice, NO);
    assert_true(read_value(ENCODING_MSGPACK, TRUTH("choice", true), &out, &e));
    assert_int_equal(out.choice, YES);
    assert_refused(NUMBER("choice", 0), "choice must be true or false");
}

static void bytes_are_bin_or_strict_base64(void **state)
{
    static const char wanted[] = "bytes must be bytes, or strict base64, of 2 to 4 bytes";
    struct thing out;
    struct err e;

    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        assert_true(read_value((enum encoding)encoding, BIN("bytes", "\0\1\2", 3), &out, &e));
        assert_int_equal(out.dek.len, 3);
        assert_memory_equal(out.dek.data, "\0\1\2", 4);
        assert_true(read_value((enum encoding)encoding, STRING("bytes", "AAEC"), &out, &e));
        assert_int_equal(out.dek.len, 3);
        assert_memory_equal(out.dek.data, "\0\1\2", 4);
    }
    assert_refused(BIN("bytes", "1", 1), wanted);
    assert_refused(BIN("bytes", "12345", 5), wanted);
    assert_refused(STRING("bytes", "AAE"), wanted);
    assert_refused(STRING("bytes", "AAEC\n"), wanted);
    assert_refused(STRING("bytes", "AAECAwQF"), wanted);
    assert_refused(NUMBER("bytes", 3), wanted);
    assert_refused(LIST("bytes", NULL, 0), wanted);
}

static void what_is_not_kept_is_checked_all_the_same(void **state)
{
    (void)state;
    assert_accepted(STRING("checked", "abc"));
    assert_refused(STRING("checked", "abcd"), "checked must be text of 1 to 3 bytes without control characters");
}

static void lists_hold_text_only_and_not_too_many(void **state)
{
    struct say texts[] = {STRING(NULL, "a"), STRING(NULL, ""), STRING(NULL, "c")};
    struct say mixed[] = {STRING(NULL, "a"), NUMBER(NULL, 1)};

    (void)state;
    assert_accepted(LIST("list", NULL, 0));
    assert_accepted(LIST("list", texts, 2));
    assert_refused(LIST("list", texts, 3), "list must be a list of 0 to 2 texts");
    assert_refused(LIST("list", mixed, 2), "list must be a list of 0 to 2 texts");
    assert_refused(STRING("list", "a"), "list must be a list of 0 to 2 texts");
}

static void maps_hold_anything_but_a_key_given_twice(void **state)
{
    static const char wanted[] = "map must be a map of 0 to 2 keys, none given twice";
    static struct say many[MAP_MAX_PAIRS + 1];
    static char names[COUNT(many)][4];
    struct say pairs[] = {NUMBER("a", 1), MAP("b", pairs, 0), NUL("c")};
    struct say twice[] = {NUMBER("a", 1), NUMBER("a", 2)};
    struct say inner = MAP("m", twice, 2), in_list = LIST("l", &inner, 1);
    struct say large = MAP("m", many, COUNT(many));
    struct thing out;
    struct err e;

    (void)state;
    for (size_t i = 0; i < COUNT(many); i++) {
        snprintf(names[i], sizeof(names[i]), "%zu", i);
        many[i] = NUL(names[i]);
    }
    assert_accepted(MAP("map", pairs, 2));
    assert_refused(MAP("map", pairs, 3), wanted);
    assert_refused(MAP("map", &large, 1), wanted);
    assert_refused(STRING("map", "a"), wanted);
    /* In JSON these are found by json.c. */
    assert_false(read_value(ENCODING_MSGPACK, MAP("map", twice, 2), &out, &e));
    assert_false(read_value(ENCODING_MSGPACK, MAP("map", &inner, 1), &out, &e));
    assert_false(read_value(ENCODING_MSGPACK, MAP("map", &in_list, 1), &out, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_field_by_its_whole_name),
        cmocka_unit_test(text_is_utf8_within_its_limits),
        cmocka_unit_test(text_obeys_its_rule_and_says_what_is_wanted),
        cmocka_unit_test(uuids_come_in_any_form),
        cmocka_unit_test(whole_numbers_are_whole_and_in_range),
        cmocka_unit_test(truth_is_neither_text_nor_number),
        cmocka_unit_test(a_choice_knows_no_from_unsaid),
        cmocka_unit_test(bytes_are_bin_or_strict_base64),
        cmocka_unit_test(what_is_not_kept_is_checked_all_the_same),
        cmocka_unit_test(lists_hold_text_only_and_not_too_many),
        cmocka_unit_test(maps_hold_anything_but_a_key_given_twice),
    };

    return cmocka_run_group_tests_name("field, read", tests, NULL, NULL);
}
