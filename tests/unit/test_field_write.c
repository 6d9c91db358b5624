#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "schemas/field.h"

struct thing {
    char text[9];
    struct uuid uuid;
    int64_t whole;
    bool flag;
    enum choice choice;
    struct dek dek;
    struct text_list list;
};

static const struct field fields[] = {
    TEXT(struct thing, text, "text", OPTIONAL, 2, 8, NULL, NULL),
    UUID(struct thing, uuid, "uuid", OPTIONAL),
    WHOLE(struct thing, whole, "whole", OPTIONAL, -3, 5),
    BOOL(struct thing, flag, "flag", OPTIONAL),
    CHOICE(struct thing, choice, "choice"),
    SECRET_BYTES(struct thing, dek, "bytes", OPTIONAL, 2, 4),
    {.name = "list",
     .type = FIELD_TEXTS,
     .presence = OPTIONAL,
     .offset = offsetof(struct thing, list),
     .size = sizeof(struct text_list)},
    CHECKED("checked", FIELD_TEXT, 1, 3),
    CHECKED("map", FIELD_MAP, 0, 2),
};

static const char *const list_texts[] = {"a", "b"};

static const struct thing full = {
    .text = "abc",
    .uuid = {"3f2504e0-4f89-41d3-9a0c-0305e82c3301"},
    .whole = -2,
    .flag = true,
    .choice = NO,
    .dek = {3, {0, 1, 2}},
    .list = {list_texts, COUNT(list_texts)},
};

static void zero_is_not_set_and_what_is_not_kept_never_is(void **state)
{
    static const struct thing zero;

    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++) {
        assert_false(field_is_set(&fields[i], &zero));
        assert_int_equal(field_is_set(&fields[i], &full), fields[i].size != 0);
    }
}

static void each_type_is_written_as_key_and_value(void **state)
{
    static const char expected[] = "{\"text\":\"abc\",\"uuid\":\"3f2504e0-4f89-41d3-9a0c-0305e82c3301\",\"whole\":-2,"
                                   "\"flag\":true,\"choice\":false,\"bytes\":\"AAEC\",\"list\":[\"a\",\"b\"]}";
    struct writer *w = writer_new(ENCODING_JSON);
    struct bytes out;
    struct err e;

    (void)state;
    writer_map(w, 7);
    for (size_t i = 0; i < 7; i++)
        field_encode(&fields[i], &full, w);
    assert_true(writer_finish(w, &out, &e));
    assert_int_equal(out.len, sizeof(expected) - 1);
    assert_memory_equal(out.data, expected, out.len);
    bytes_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_is_not_set_and_what_is_not_kept_never_is),
        cmocka_unit_test(each_type_is_written_as_key_and_value),
    };

    return cmocka_run_group_tests_name("field, written", tests, NULL, NULL);
}
