#include "bus/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IS_SANE(literal) wire_table_is_sane((const uint8_t *)(literal), sizeof(literal) - 1)

static void knows_every_type(void **state)
{
    (void)state;
    assert_true(IS_SANE("\0\0\0\0"));
    assert_true(IS_SANE("\0\0\0\4\1at\1"));
    assert_true(IS_SANE("\0\0\0\4\1ab\1"));
    assert_true(IS_SANE("\0\0\0\4\1aB\1"));
    assert_true(IS_SANE("\0\0\0\5\1as\1\2"));
    assert_true(IS_SANE("\0\0\0\5\1au\1\2"));
    assert_true(IS_SANE("\0\0\0\7\1aI\1\2\3\4"));
    assert_true(IS_SANE("\0\0\0\7\1ai\1\2\3\4"));
    assert_true(IS_SANE("\0\0\0\7\1af\1\2\3\4"));
    assert_true(IS_SANE("\0\0\0\10\1aD\1\2\3\4\5"));
    assert_true(IS_SANE("\0\0\0\13\1al\1\2\3\4\5\6\7\10"));
    assert_true(IS_SANE("\0\0\0\13\1aL\1\2\3\4\5\6\7\10"));
    assert_true(IS_SANE("\0\0\0\13\1ad\1\2\3\4\5\6\7\10"));
    assert_true(IS_SANE("\0\0\0\13\1aT\1\2\3\4\5\6\7\10"));
    assert_true(IS_SANE("\0\0\0\3\1aV"));
    assert_true(IS_SANE("\0\0\0\12\1aS\0\0\0\3xyz"));
    assert_true(IS_SANE("\0\0\0\12\1ax\0\0\0\3xyz"));
    assert_true(IS_SANE("\0\0\0\13\1aA\0\0\0\4t\1t\0"));
    assert_true(IS_SANE("\0\0\0\13\1aF\0\0\0\4\1bt\0"));
}

static void refuses_unknown_types_and_wrong_lengths(void **state)
{
    (void)state;
    assert_false(IS_SANE(""));
    assert_false(IS_SANE("\0\0\0"));
    assert_false(IS_SANE("\0\0\0\1"));
    assert_false(IS_SANE("\0\0\0\0x"));
    assert_false(IS_SANE("\377\377\377\377"));
    assert_false(IS_SANE("\0\0\0\1\1"));
    assert_false(IS_SANE("\0\0\0\2\1a"));
    assert_false(IS_SANE("\0\0\0\3\1at"));
    assert_false(IS_SANE("\0\0\0\4\1aZ\1"));
    assert_false(IS_SANE("\0\0\0\4\1a\200\1"));
    assert_false(IS_SANE("\0\0\0\4\1a\0\1"));
    assert_false(IS_SANE("\0\0\0\4\377at\1"));
    assert_false(IS_SANE("\0\0\0\12\1aS\0\0\0\4xyz"));
    assert_false(IS_SANE("\0\0\0\12\1aS\377\377\377\377xyz"));
    assert_false(IS_SANE("\0\0\0\13\1aF\0\0\0\4\1bt"));
    assert_false(IS_SANE("\0\0\0\13\1aA\0\0\0\4t\1t\0\0"));
}

/* `depth` tables in one another. */
static size_t nested(uint8_t *out, unsigned depth)
{
    size_t len = 4 + 6 * (depth - 1);

    for (unsigned i = 0; i < depth; i++) {
        size_t left = 6 * (depth - 1 - i);
        uint8_t length[] = {(uint8_t)(left >> 24), (uint8_t)(left >> 16), (uint8_t)(left >> 8), (uint8_t)left};
        memcpy(out + 6 * i, length, 4);
        if (i + 1 < depth)
            memcpy(out + 6 * i + 4, "\0F", 2);
    }
    return len;
}

static void refuses_what_is_too_deep(void **state)
{
    static uint8_t bytes[130000];

    (void)state;
    assert_true(wire_table_is_sane(bytes, nested(bytes, 1)));
    assert_true(wire_table_is_sane(bytes, nested(bytes, 8)));
    assert_false(wire_table_is_sane(bytes, nested(bytes, 9)));
    assert_false(wire_table_is_sane(bytes, nested(bytes, 21000)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_type),
        cmocka_unit_test(refuses_unknown_types_and_wrong_lengths),
        cmocka_unit_test(refuses_what_is_too_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
