#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "schemas/text.h"

static const struct {
    const char *text;
    size_t len;
    bool is_utf8, is_plain;
} cases[] = {
    /* clang-format off */
    {"", 0, true, true},                    {"plain text~", 11, true, true},
    {"\xc3\xa9", 2, true, true},            {"\xe2\x82\xac", 3, true, true},
    {"\xf0\x9f\x94\x91", 4, true, true},    {"\xf4\x8f\xbf\xbf", 4, true, true},
    {"\xed\x9f\xbf", 3, true, true},        {"\xee\x80\x80", 3, true, true},
    {"\xc2\xa0", 2, true, true},
    /* control characters */
    {"a\0b", 3, true, false},               {"\n", 1, true, false},
    {"\x1f", 1, true, false},               {"\x7f", 1, true, false},
    {"\xc2\x80", 2, true, false},           {"\xc2\x9f", 2, true, false},
    /* not UTF-8 */
    {"\x80", 1, false, false},              {"\xff", 1, false, false},
    {"\xc0\x80", 2, false, false},          {"\xc1\xbf", 2, false, false},
    {"\xc3", 1, false, false},              {"\xc3" "a", 2, false, false},
    {"\xe0\x9f\xbf", 3, false, false},      {"\xed\xa0\x80", 3, false, false},
    {"\xe2\x82", 2, false, false},          {"\xf0\x8f\xbf\xbf", 4, false, false},
    {"\xf4\x90\x80\x80", 4, false, false},  {"\xf5\x80\x80\x80", 4, false, false},
    {"\xf0\x9f\x94", 3, false, false},
    /* clang-format on */
};

static void knows_utf8_and_control_characters(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (text_is_utf8(cases[i].text, cases[i].len) != cases[i].is_utf8)
            fail_msg("case %zu: UTF-8?", i);
        if (text_is_plain(cases[i].text, cases[i].len) != cases[i].is_plain)
            fail_msg("case %zu: plain?", i);
    }
}

/* What is read eight bytes at a time is seen as well. */
static void knows_them_wherever_they_stand_in_a_long_text(void **state)
{
    char text[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t before = 0; before < 20; before++) {
            size_t len = before + cases[i].len + 9;

            memset(text, '~', sizeof(text));
            memcpy(text + before, cases[i].text, cases[i].len);
            if (text_is_utf8(text, len) != cases[i].is_utf8 || text_is_plain(text, len) != cases[i].is_plain)
                fail_msg("case %zu behind %zu bytes", i, before);
            text_clean(text, len);
            if (!text_is_plain(text, len))
                fail_msg("case %zu behind %zu bytes is not clean", i, before);
        }
}

static void copies_what_there_is_room_for(void **state)
{
    char out[4];

    (void)state;
    text_copy(out, sizeof(out), "abc");
    assert_string_equal(out, "abc");
    text_copy(out, sizeof(out), "abcd");
    assert_string_equal(out, "abc");
    text_copy(out, sizeof(out), "");
    assert_string_equal(out, "");
}

static void white_space_alone_is_blank(void **state)
{
    (void)state;
    assert_true(text_is_blank("", 0));
    assert_true(text_is_blank(" \t\r\n\v\f", 6));
    assert_false(text_is_blank(" x ", 3));
    assert_false(text_is_blank("\0", 1));
}

static void cleaning_leaves_printable_utf8_of_the_same_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char copy[16];

        memcpy(copy, cases[i].text, cases[i].len);
        text_clean(copy, cases[i].len);
        assert_true(text_is_plain(copy, cases[i].len));
        if (cases[i].is_plain)
            assert_memory_equal(copy, cases[i].text, cases[i].len);
    }
}

static void cuts_between_characters(void **state)
{
    char out[5];

    (void)state;
    text_copy_clean(out, sizeof(out), "abc\xc3\xa9z", 6);
    assert_string_equal(out, "abc");
    text_copy_clean(out, sizeof(out), "ab\xc3\xa9z", 5);
    assert_string_equal(out, "ab\xc3\xa9");
    text_copy_clean(out, sizeof(out), "a\nb\xff", 4);
    assert_string_equal(out, "a b?");
    text_copy_clean(out, sizeof(out), NULL, 0);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_utf8_and_control_characters),
        cmocka_unit_test(knows_them_wherever_they_stand_in_a_long_text),
        cmocka_unit_test(copies_what_there_is_room_for),
        cmocka_unit_test(white_space_alone_is_blank),
        cmocka_unit_test(cleaning_leaves_printable_utf8_of_the_same_length),
        cmocka_unit_test(cuts_between_characters),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
