#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "schemas/limits.h"
#include "schemas/unpack.h"

#define SCAN(literal) unpack_complaint((const uint8_t *)("" literal), sizeof(literal) - 1)

static void accepts_every_format_once(void **state)
{
    (void)state;
    assert_null(SCAN("\x00"));
    assert_null(SCAN("\x7f"));
    assert_null(SCAN("\xff"));
    assert_null(SCAN("\xc0"));
    assert_null(SCAN("\xc2"));
    assert_null(SCAN("\xc3"));
    assert_null(SCAN("\x80"));
    assert_null(SCAN("\x81\x01\x02"));
    assert_null(SCAN("\x92\x01\x02"));
    assert_null(SCAN("\xa2xy"));
    assert_null(SCAN("\xc4\x02xy"));
    assert_null(SCAN("\xc5\x00\x02xy"));
    assert_null(SCAN("\xc6\x00\x00\x00\x02xy"));
    assert_null(SCAN("\xca\x01\x02\x03\x04"));
    assert_null(SCAN("\xcb\x01\x02\x03\x04\x05\x06\x07\x08"));
    assert_null(SCAN("\xcc\x01"));
    assert_null(SCAN("\xcd\x01\x02"));
    assert_null(SCAN("\xce\x01\x02\x03\x04"));
    assert_null(SCAN("\xcf\x01\x02\x03\x04\x05\x06\x07\x08"));
    assert_null(SCAN("\xd0\x01"));
    assert_null(SCAN("\xd1\x01\x02"));
    assert_null(SCAN("\xd2\x01\x02\x03\x04"));
    assert_null(SCAN("\xd3\x01\x02\x03\x04\x05\x06\x07\x08"));
    assert_null(SCAN("\xd9\x02xy"));
    assert_null(SCAN("\xda\x00\x02xy"));
    assert_null(SCAN("\xdb\x00\x00\x00\x02xy"));
    assert_null(SCAN("\xdc\x00\x01\x01"));
    assert_null(SCAN("\xdd\x00\x00\x00\x01\x01"));
    assert_null(SCAN("\xde\x00\x01\x01\x02"));
    assert_null(SCAN("\xdf\x00\x00\x00\x01\x01\x02"));
}

static void refuses_extension_types_and_the_unused_byte(void **state)
{
    static const uint8_t types[] = {0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8};
    uint8_t bytes[32] = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        bytes[0] = types[i];
        assert_string_equal(unpack_complaint(bytes, sizeof(bytes)), "it holds an extension type");
    }
}

static void refuses_what_ends_too_early(void **state)
{
    (void)state;
    assert_non_null(SCAN(""));
    assert_non_null(SCAN("\xcd\x01"));
    assert_non_null(SCAN("\xa2x"));
    assert_non_null(SCAN("\xdb\x00\x00\x00"));
    assert_non_null(SCAN("\x81\x01"));
    assert_non_null(SCAN("\x92\x01"));
}

static void refuses_counts_that_the_bytes_cannot_hold(void **state)
{
    (void)state;
    assert_non_null(SCAN("\xdd\xff\xff\xff\xff"));
    assert_non_null(SCAN("\xdf\xff\xff\xff\xff"));
    assert_non_null(SCAN("\xdf\x80\x00\x00\x00\x01\x02"));
    assert_non_null(SCAN("\xdb\xff\xff\xff\xff\x01"));
    assert_non_null(SCAN("\xc6\xff\xff\xff\xff\x01"));
}

static void refuses_a_second_value(void **state)
{
    (void)state;
    assert_string_equal(SCAN("\x01\x02"), "more follows after it");
    assert_string_equal(SCAN("\x80\xc0"), "more follows after it");
}

static void nests_as_deep_as_the_limit_and_no_deeper(void **state)
{
    uint8_t bytes[BODY_MAX_DEPTH + 2];

    (void)state;
    memset(bytes, 0x91, sizeof(bytes));
    bytes[BODY_MAX_DEPTH] = 0x01;
    assert_null(unpack_complaint(bytes, BODY_MAX_DEPTH + 1));
    bytes[BODY_MAX_DEPTH] = 0x90;
    assert_string_equal(unpack_complaint(bytes, BODY_MAX_DEPTH + 1), "it is nested too deep");
    bytes[BODY_MAX_DEPTH] = 0x91;
    assert_string_equal(unpack_complaint(bytes, BODY_MAX_DEPTH + 2), "it is nested too deep");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_every_format_once),   cmocka_unit_test(refuses_extension_types_and_the_unused_byte),
        cmocka_unit_test(refuses_what_ends_too_early), cmocka_unit_test(refuses_counts_that_the_bytes_cannot_hold),
        cmocka_unit_test(refuses_a_second_value),      cmocka_unit_test(nests_as_deep_as_the_limit_and_no_deeper),
    };

    return cmocka_run_group_tests_name("unpack", tests, NULL, NULL);
}
