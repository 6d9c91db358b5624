#include "say.h"

#include "schemas/body.h"
#include "schemas/field.h"

struct thing {
    char name[9];
    int64_t size;
    struct dek dek;
    char note[9];
};

static const struct field fields[] = {
    TEXT(struct thing, name, "name", REQUIRED, 1, 8, NULL, NULL),
    WHOLE(struct thing, size, "size", REQUIRED, 0, 9),
    SECRET_BYTES(struct thing, dek, "dek", OPTIONAL, 1, 4),
    TEXT(struct thing, note, "note", OPTIONAL, 1, 8, NULL, NULL),
};

static const struct field beside_fields[] = {CHECKED("tag", FIELD_TEXT, 1, 8)};

static bool name_is_not_note(void *message, struct err *e)
{
    struct thing *m = message;

    if (strcmp(m->name, m->note) == 0)
        return err_field(e, ERR_INVALID, "note", "note must not be name");
    m->size++; /* a last normalisation */
    return true;
}

static const struct schema schema = SCHEMA("ThingMsg", "name is wanted", struct thing, fields, name_is_not_note);
static const struct schema beside = SCHEMA("beside", NULL, struct thing, beside_fields, NULL);

static bool decode(const struct say *pairs, size_t count, struct thing *out, struct err *e)
{
    const struct said *s = say_body(ENCODING_MSGPACK, "ThingMsg", pairs, count);
    struct body *body;

    memset(out, 0xee, sizeof(*out));
    assert_true(body_read(s->bytes, s->len, NULL, &body, e));
    bool ok = schema_decode(&schema, &beside, body->fields, out, e);
    body_free(body);
    return ok;
}

static void assert_refused(const struct say *pairs, size_t count, enum err_kind kind, const char *field,
                           const char *text)
{
    struct thing out, zero = {0};
    struct err e;

    assert_false(decode(pairs, count, &out, &e));
    assert_int_equal(e.kind, kind);
    assert_string_equal(e.field, field);
    assert_string_equal(e.text, text);
    assert_memory_equal(&out, &zero, sizeof(out));
}

static void keeps_what_is_given_and_zeroes_the_rest(void **state)
{
    struct say pairs[] = {NUMBER("size", 3), STRING("name", "n"), STRING("tag", "beside")};
    struct thing out, expected = {.name = "n", .size = 4};
    struct err e;

    (void)state;
    assert_true(decode(pairs, COUNT(pairs), &out, &e));
    assert_memory_equal(&out, &expected, sizeof(out));
}

static void null_and_blank_are_absent_where_optional(void **state)
{
    struct say values[] = {NUL("note"), STRING("note", ""), STRING("note", " \t"), BIN("note", NULL, 0)};

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        struct say pairs[] = {NUMBER("size", 3), STRING("name", "n"), values[i]};
        struct thing out;
        struct err e;

        assert_true(decode(pairs, COUNT(pairs), &out, &e));
        assert_string_equal(out.note, "");
    }
}

static void what_is_required_must_be_there_and_not_blank(void **state)
{
    struct say pairs[] = {NUMBER("size", 3), NUL("name"), NUL("note")};
    struct say no_size[] = {STRING("name", "n"), STRING("size", "")};

    (void)state;
    assert_refused(pairs, 1, ERR_REQUIRED, "name", "name is wanted: name is missing");
    assert_refused(pairs, 2, ERR_REQUIRED, "name", "name is wanted: name is missing");
    pairs[1] = STRING("name", " ");
    assert_refused(pairs, 2, ERR_REQUIRED, "name", "name is wanted: name is blank");
    assert_refused(no_size, 1, ERR_REQUIRED, "size", "size is required: it is missing");
    assert_refused(no_size, 2, ERR_REQUIRED, "size", "size is required: it is blank");
}

static void an_unknown_key_is_named_and_never_its_value(void **state)
{
    static const struct {
        const char *key, *field, *text;
    } cases[] = {
        {"Name", "Name", "'Name' is not a field of ThingMsg" NOT_KNOWN_HERE},
        {"a\nb\xff", "a b?", "'a b?' is not a field of ThingMsg" NOT_KNOWN_HERE},
        {"", "", "'' is not a field of ThingMsg" NOT_KNOWN_HERE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct say pairs[] = {NUMBER("size", 3), STRING("name", "n"), STRING(cases[i].key, "SECRET")};

        assert_refused(pairs, COUNT(pairs), ERR_INVALID, cases[i].field, cases[i].text);
    }
}

static void a_very_long_unknown_key_is_cut_off(void **state)
{
    char key[300];
    struct say pair = NUL(key);
    struct thing out;
    struct err e;

    (void)state;
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    assert_false(decode(&pair, 1, &out, &e));
    assert_int_equal(strlen(e.field), sizeof(e.field) - 1);
}

static void a_key_that_is_not_text_is_refused(void **state)
{
    static const uint8_t bytes[] = "\x81\xa1M\x81\x01\x02";
    struct thing out;
    struct body *body;
    struct err e;

    (void)state;
    assert_true(body_read(bytes, sizeof(bytes) - 1, NULL, &body, &e));
    assert_false(schema_decode(&schema, NULL, body->fields, &out, &e));
    assert_string_equal(e.text, "a key that is not text is not a field of ThingMsg" NOT_KNOWN_HERE);
    body_free(body);
}

static void a_key_given_twice_is_refused_even_if_null(void **state)
{
    struct say pairs[] = {NUMBER("size", 3), STRING("name", "n"), NUL("note"), STRING("note", "x")};

    (void)state;
    assert_refused(pairs, COUNT(pairs), ERR_INVALID, "note", "'note' is given twice");
}

static void rules_between_fields_come_last(void **state)
{
    struct say pairs[] = {NUMBER("size", 3), STRING("name", "n"), STRING("note", "n")};

    (void)state;
    assert_refused(pairs, COUNT(pairs), ERR_INVALID, "note", "note must not be name");
}

static void a_refused_secret_is_wiped(void **state)
{
    struct say pairs[] = {NUMBER("size", 3), BIN("dek", "\1\2\3\4", 4)};

    (void)state;
    assert_refused(pairs, COUNT(pairs), ERR_REQUIRED, "name", "name is wanted: name is missing");
}

static void only_a_map_is_decoded(void **state)
{
    msgpack_object list = {.type = MSGPACK_OBJECT_ARRAY};
    struct thing out;
    struct err e;

    (void)state;
    assert_false(schema_decode(&schema, NULL, &list, &out, &e));
    assert_int_equal(e.kind, ERR_INVALID);
}

static void unknown_keys_may_be_passed_over(void **state)
{
    struct say pairs[] = {NUMBER("size", 3), STRING("name", "n"), STRING("newer", "x")};
    const struct said *s = say_body(ENCODING_MSGPACK, "ThingMsg", pairs, COUNT(pairs));
    struct thing out;
    struct body *body;
    struct err e;

    (void)state;
    assert_true(body_read(s->bytes, s->len, NULL, &body, &e));
    assert_true(schema_decode_known(&schema, body->fields, &out, &e));
    assert_string_equal(out.name, "n");
    body_free(body);
}

static void required_fields_are_always_written_and_others_when_set(void **state)
{
    static const char expected[] = "{\"name\":\"n\",\"size\":0}";
    struct thing message = {.name = "n"};
    struct writer *w = writer_new(ENCODING_JSON);
    struct bytes out;
    struct err e;

    (void)state;
    assert_int_equal(schema_present(&schema, &message), 2);
    writer_map(w, 2);
    schema_encode(&schema, &message, w);
    assert_true(writer_finish(w, &out, &e));
    assert_int_equal(out.len, sizeof(expected) - 1);
    assert_memory_equal(out.data, expected, out.len);
    bytes_free(&out);
    message.dek.len = 1;
    assert_int_equal(schema_present(&schema, &message), 3);
}

static void tells_of_a_clear_secret(void **state)
{
    struct thing message = {.name = "n"};
    const char *name = NULL;

    (void)state;
    assert_false(schema_has_secret(&schema, &message, &name));
    message.dek.len = 1;
    assert_true(schema_has_secret(&schema, &message, &name));
    assert_string_equal(name, "dek");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_is_given_and_zeroes_the_rest),
        cmocka_unit_test(null_and_blank_are_absent_where_optional),
        cmocka_unit_test(what_is_required_must_be_there_and_not_blank),
        cmocka_unit_test(an_unknown_key_is_named_and_never_its_value),
        cmocka_unit_test(a_very_long_unknown_key_is_cut_off),
        cmocka_unit_test(a_key_that_is_not_text_is_refused),
        cmocka_unit_test(a_key_given_twice_is_refused_even_if_null),
        cmocka_unit_test(rules_between_fields_come_last),
        cmocka_unit_test(a_refused_secret_is_wiped),
        cmocka_unit_test(only_a_map_is_decoded),
        cmocka_unit_test(unknown_keys_may_be_passed_over),
        cmocka_unit_test(required_fields_are_always_written_and_others_when_set),
        cmocka_unit_test(tells_of_a_clear_secret),
    };

    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
