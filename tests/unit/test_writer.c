#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/writer.h"

static void assert_written(struct writer *w, const char *expected, size_t len)
{
    struct bytes out = {0};
    struct err e;

    assert_true(writer_finish(w, &out, &e));
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, expected, len);
    bytes_free(&out);
}

static void assert_json(struct writer *w, const char *expected)
{
    assert_written(w, expected, strlen(expected));
}

static struct writer *one_of_each(enum encoding encoding)
{
    struct writer *w = writer_new(encoding);

    writer_map(w, 5);
    writer_key(w, "t");
    writer_text(w, "x");
    writer_key(w, "n");
    writer_whole(w, -1);
    writer_key(w, "b");
    writer_bool(w, true);
    writer_key(w, "d");
    writer_bytes(w, (const uint8_t *)"fo", 2);
    writer_key(w, "l");
    writer_list(w, 3);
    writer_bool(w, false);
    writer_map(w, 0);
    writer_list(w, 0);
    return w;
}

static void writes_each_kind_in_json(void **state)
{
    (void)state;
    assert_json(one_of_each(ENCODING_JSON), "{\"t\":\"x\",\"n\":-1,\"b\":true,\"d\":\"Zm8=\",\"l\":[false,{},[]]}");
}

static void writes_each_kind_in_msgpack(void **state)
{
    static const char expected[] = "\x85\xa1t\xa1x\xa1n\xff\xa1"
                                   "b\xc3\xa1"
                                   "d\xc4\x02"
                                   "fo\xa1l\x93\xc2\x80\x90";

    (void)state;
    assert_written(one_of_each(ENCODING_MSGPACK), expected, sizeof(expected) - 1);
}

static void json_escapes_what_rfc_8259_7_wants_escaped(void **state)
{
    struct writer *w = writer_new(ENCODING_JSON);

    (void)state;
    writer_text(w, "\"a\\b\n\x1f/\x7f\xc3\xa9");
    assert_json(w, "\"\\\"a\\\\b\\u000a\\u001f/\x7f\xc3\xa9\"");
}

static void what_is_not_utf8_becomes_question_marks(void **state)
{
    struct writer *w = writer_new(ENCODING_JSON);

    (void)state;
    writer_text(w, "a\xff\xc3z");
    assert_json(w, "\"a??z\"");
    w = writer_new(ENCODING_MSGPACK);
    writer_text(w, "a\xff\xc3z");
    assert_written(w,
                   "\xa4"
                   "a??z",
                   5);
}

static void whole_numbers_reach_to_both_ends(void **state)
{
    struct writer *w = writer_new(ENCODING_JSON);

    (void)state;
    writer_list(w, 2);
    writer_whole(w, INT64_MIN);
    writer_whole(w, INT64_MAX);
    assert_json(w, "[-9223372036854775808,9223372036854775807]");
}

static void empty_values_are_written(void **state)
{
    struct writer *w = writer_new(ENCODING_JSON);

    (void)state;
    writer_list(w, 2);
    writer_text(w, "");
    writer_bytes(w, NULL, 0);
    assert_json(w, "[\"\",\"\"]");
}

static void grows_as_far_as_it_must(void **state)
{
    enum { LEN = 100000 };
    char *text = malloc(LEN + 1);
    struct bytes out;
    struct err e;

    (void)state;
    memset(text, 'a', LEN);
    text[LEN] = '\0';
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++) {
        struct writer *w = writer_new((enum encoding)encoding);

        writer_list(w, 2);
        writer_text(w, text);
        writer_whole(w, 7);
        assert_true(writer_finish(w, &out, &e));
        assert_int_equal(out.len, LEN + (encoding == ENCODING_JSON ? 6 : 7));
        bytes_free(&out);
    }
    free(text);
}

static void may_be_given_up(void **state)
{
    struct writer *w = writer_new(ENCODING_JSON);

    (void)state;
    writer_map(w, 2);
    writer_free(w);
    writer_free(NULL);
}

static void encodings_have_content_types(void **state)
{
    (void)state;
    assert_string_equal(encoding_content_type(ENCODING_MSGPACK), "application/msgpack");
    assert_string_equal(encoding_content_type(ENCODING_JSON), "application/json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_each_kind_in_json),
        cmocka_unit_test(writes_each_kind_in_msgpack),
        cmocka_unit_test(json_escapes_what_rfc_8259_7_wants_escaped),
        cmocka_unit_test(what_is_not_utf8_becomes_question_marks),
        cmocka_unit_test(whole_numbers_reach_to_both_ends),
        cmocka_unit_test(empty_values_are_written),
        cmocka_unit_test(grows_as_far_as_it_must),
        cmocka_unit_test(may_be_given_up),
        cmocka_unit_test(encodings_have_content_types),
    };

    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
