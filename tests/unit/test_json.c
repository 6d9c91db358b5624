#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/json.h"
#include "schemas/limits.h"

struct fixture {
    msgpack_zone *zone;
    struct json_t *owner;
    msgpack_object tree;
    struct twice twice;
    struct err e;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->zone = msgpack_zone_new(MSGPACK_ZONE_CHUNK_SIZE);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    json_release(f->owner);
    msgpack_zone_free(f->zone);
    free(f);
    return 0;
}

static bool read_bytes(struct fixture *f, const char *text, size_t len)
{
    json_release(f->owner);
    f->owner = NULL;
    f->twice = (struct twice){0};
    return json_read(text, len, f->zone, &f->owner, &f->tree, &f->twice, &f->e);
}

static bool read_text(struct fixture *f, const char *text)
{
    return read_bytes(f, text, strlen(text));
}

static void builds_the_tree_that_msgpack_would(void **state)
{
    struct fixture *f = *state;
    char printed[256];

    assert_true(read_text(f, " {\"a\":[null,true,false,-1,2,0.5,\"x\"],\"b\":{}} \n"));
    msgpack_object_print_buffer(printed, sizeof(printed), f->tree);
    assert_string_equal(printed, "{\"a\"=>[nil, true, false, -1, 2, 0.500000, \"x\"], \"b\"=>{}}");
}

static void keeps_a_nul_within_a_text(void **state)
{
    struct fixture *f = *state;

    assert_true(read_text(f, "[\"a\\u0000b\"]"));
    assert_int_equal(f->tree.via.array.ptr[0].via.str.size, 3);
    assert_memory_equal(f->tree.via.array.ptr[0].via.str.ptr, "a\0b", 3);
}

static void refuses_what_is_not_json_and_never_quotes_it(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":tru}",
        "{\"a\":1} {}",
        "{\"a\":1}x",
        "{\"a\" 1}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\\u0000b\":1}",
        "// hello\n{}",
        "\xef\xbb\xbf{}",
        "{\"a\":\"\n\"}",
        "{\"SECRET\":\"SECRET}",
        "{\"a\":NaN}",
        "{\"a\":1.}",
        "\"SECRET\"",
        "1",
        "null",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(bad); i++) {
        if (read_text(f, bad[i]))
            fail_msg("accepted '%s'", bad[i]);
        assert_int_equal(f->e.kind, ERR_MALFORMED);
        assert_null(strstr(f->e.text, "SECRET"));
    }
    assert_false(read_bytes(f, "{}\0", 3));
}

static void says_what_is_wrong(void **state)
{
    struct fixture *f = *state;

    assert_false(read_text(f, "{\"a\":1"));
    assert_string_equal(f->e.text, "the body cannot be read as JSON: it ends too early (at byte 6)");
    assert_false(read_text(f, "{\"a\":1}}"));
    assert_string_equal(f->e.text, "the body cannot be read as JSON: more follows after it (at byte 8)");
}

static void a_key_given_twice_is_named(void **state)
{
    static const struct {
        const char *text, *key;
    } cases[] = {
        {"{\"M\":{\"a\":1,\"a\":2}}", "a"},
        {"{\"M\":{\"longer than jansson would quote it\":1,\"longer than jansson would quote it\":2}}",
         "longer than jansson would quote it"},
        {"{\"M\":{\"x\":\"}{\\\"\\\\\",\"vm\\u0055uid\":1,\"vmUuid\":2}}", "vmUuid"},
        {"{\"M\":{\"vmUuid\":1,\"vm\\u0055uid\":2}}", "vmUuid"},
        {"{\"M\":{\"x\":[{\"deep\":1},{\"deep\":1,\"deep\":1}],\"y\":1}}", "deep"},
        {"{\"M\":{\"\":1,\"\":2}}", ""},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(read_text(f, cases[i].text));
        assert_true(f->twice.is_found);
        assert_string_equal(f->twice.key, cases[i].key);
    }
    assert_true(read_text(f, "{\"M\":{\"a\":{\"a\":{\"b\":1}},\"b\":1}}"));
    assert_false(f->twice.is_found);
}

static void two_messages_of_one_name_are_malformed(void **state)
{
    struct fixture *f = *state;

    assert_false(read_text(f, "{\"M\":{},\"M\":{}}"));
    assert_int_equal(f->e.kind, ERR_MALFORMED);
}

static void a_number_out_of_range_becomes_no_whole_number(void **state)
{
    struct fixture *f = *state;

    assert_true(read_text(f, "{\"a\":18446744073709551616,\"b\":-9223372036854775809 ,\"c\":1e999,\"d\":7}"));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(f->tree.via.map.ptr[i].val.type, MSGPACK_OBJECT_FLOAT64);
    assert_int_equal(f->tree.via.map.ptr[3].val.via.u64, 7);
    assert_true(read_text(f, "[9223372036854775807,-9223372036854775808]"));
    assert_int_equal(f->tree.via.array.ptr[0].via.u64, INT64_MAX);
    assert_int_equal(f->tree.via.array.ptr[1].via.i64, INT64_MIN);
}

static void not_any_number_of_numbers_is_mended(void **state)
{
    struct fixture *f = *state;

    assert_false(read_text(f, "[1e999,1e999,1e999,1e999,1e999]"));
    assert_int_equal(f->e.kind, ERR_MALFORMED);
}

static void a_key_given_twice_and_a_number_out_of_range_may_meet(void **state)
{
    struct fixture *f = *state;

    assert_true(read_text(f, "{\"M\":{\"n\":99999999999999999999,\"a\":1,\"a\":2,\"m\":1e999}}"));
    assert_string_equal(f->twice.key, "a");
}

static void nests_as_deep_as_the_limit_and_no_deeper(void **state)
{
    struct fixture *f = *state;
    char text[5000];

    memset(text, '[', BODY_MAX_DEPTH);
    memset(text + BODY_MAX_DEPTH, ']', BODY_MAX_DEPTH);
    assert_true(read_bytes(f, text, 2 * BODY_MAX_DEPTH));
    memset(text, '[', BODY_MAX_DEPTH + 1);
    memset(text + BODY_MAX_DEPTH + 1, ']', BODY_MAX_DEPTH + 1);
    assert_false(read_bytes(f, text, 2 * BODY_MAX_DEPTH + 2));
    assert_non_null(strstr(f->e.text, "nested too deep"));
    memset(text, '[', sizeof(text));
    assert_false(read_bytes(f, text, sizeof(text)));
    assert_non_null(strstr(f->e.text, "nested too deep"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(builds_the_tree_that_msgpack_would, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_a_nul_within_a_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_is_not_json_and_never_quotes_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_what_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_given_twice_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_messages_of_one_name_are_malformed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_number_out_of_range_becomes_no_whole_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_any_number_of_numbers_is_mended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_given_twice_and_a_number_out_of_range_may_meet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nests_as_deep_as_the_limit_and_no_deeper, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
