#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "worker/log_line.h"

static struct log_line line;

/* A line of one pair, without its newline. */
static const char *of(enum log_format format, const char *key, const char *value)
{
    log_line_begin(&line, format, "");
    log_line_pair(&line, key, value);
    log_line_end(&line);
    assert_in_range(line.len, 1, LOG_LINE_BYTES);
    assert_int_equal(line.text[line.len - 1], '\n');
    line.text[line.len - 1] = '\0';
    return line.text;
}

static void pairs_stand_one_behind_the_other(void **state)
{
    static const char *const want[] = {
        [LOG_FORMAT_LOGFMT] = "a=1 b=\"2 3\"\n", [LOG_FORMAT_JSON] = "{\"a\":\"1\",\"b\":\"2 3\"}\n"};

    (void)state;
    for (int format = LOG_FORMAT_LOGFMT; format <= LOG_FORMAT_JSON; format++) {
        log_line_begin(&line, (enum log_format)format, "");
        log_line_pair(&line, "a", "1");
        log_line_pair(&line, "b", "2 3");
        log_line_end(&line);
        assert_int_equal(line.len, strlen(want[format]));
        assert_memory_equal(line.text, want[format], line.len);
    }
    log_line_begin(&line, LOG_FORMAT_JSON, "<4>");
    log_line_end(&line);
    assert_memory_equal(line.text, "<4>{}\n", line.len);
}

static void values_are_escaped_as_json_does_in_both_forms(void **state)
{
    static const struct {
        const char *value, *want;
    } all[] = {
        {"a b", "\"a b\""},
        {"a=b", "\"a=b\""},
        {"say \"x\" \\", "\"say \\\"x\\\" \\\\\""},
        {"x\nlevel=error\r\t", "\"x\\u000alevel=error\\u000d\\u0009\""},
        {"\x7f\x1b[31m", "\"\\u007f\\u001b[31m\""},
        {"\xc2\x9b"
         "1m",
         "\"\\u009b1m\""}, /* a terminal may take U+009B for the beginning of a command */
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x91", "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x91\""},
        {"\xff\xc3(\xe2\x82", "\"?"
                              "?(?"
                              "?\""}, /* not UTF-8, and cut off in a character */
        {"\xc0\x80\xed\xa0\x80", "\"?"
                                 "?"
                                 "?"
                                 "?"
                                 "?\""},
    };
    char want[128];

    (void)state;
    for (size_t i = 0; i < COUNT(all); i++) {
        strcpy(stpcpy(want, "k="), all[i].want);
        assert_string_equal(of(LOG_FORMAT_LOGFMT, "k", all[i].value), want);
        strcpy(stpcpy(stpcpy(want, "{\"k\":"), all[i].want), "}");
        assert_string_equal(of(LOG_FORMAT_JSON, "k", all[i].value), want);
    }
}

static void milliseconds_are_numbers_in_json_and_nothing_else_is(void **state)
{
    (void)state;
    assert_string_equal(of(LOG_FORMAT_JSON, "total_ms", "120"), "{\"total_ms\":120}");
    assert_string_equal(of(LOG_FORMAT_JSON, "total_ms", "0"), "{\"total_ms\":0}");
    assert_string_equal(of(LOG_FORMAT_JSON, "total_ms", "007"), "{\"total_ms\":\"007\"}");
    assert_string_equal(of(LOG_FORMAT_JSON, "total_ms", "-1"), "{\"total_ms\":\"-1\"}");
    assert_string_equal(of(LOG_FORMAT_JSON, "total_ms", ""), "{\"total_ms\":\"\"}");
    assert_string_equal(of(LOG_FORMAT_JSON, "id", "120"), "{\"id\":\"120\"}");
    assert_string_equal(of(LOG_FORMAT_LOGFMT, "total_ms", "120"), "total_ms=120");
}

static bool ends_with(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* Wherever the cut falls: in plain text, an escape, a character of four bytes. */
static void a_line_that_is_too_long_is_cut_where_it_stays_one_and_says_so(void **state)
{
    static const char *const pieces[] = {"v", "\n", "\xf0\x9f\x94\x91", "\"", " "};
    static char value[2 * LOG_LINE_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(pieces); i++)
        for (size_t shift = 0; shift < 8; shift++) {
            memset(value, 'x', shift);
            value[shift] = '\0';
            while (strlen(value) < LOG_LINE_BYTES + 100)
                strcat(value + strlen(value), pieces[i]);
            assert_true(ends_with(of(LOG_FORMAT_JSON, "k", value), "\",\"cut\":\"yes\"}"));
            assert_true(ends_with(of(LOG_FORMAT_LOGFMT, "k", value), i == 0 ? "v cut=yes" : "\" cut=yes"));
        }
}

static void what_comes_behind_a_cut_is_left_out(void **state)
{
    static char value[LOG_LINE_BYTES];

    (void)state;
    memset(value, 'v', sizeof(value) - 45);
    log_line_begin(&line, LOG_FORMAT_JSON, "");
    log_line_pair(&line, "a", value);
    log_line_pair(&line, "a_key_that_is_rather_long", "1");
    log_line_pair(&line, "b", "2");
    log_line_end(&line);
    line.text[line.len - 1] = '\0';
    assert_true(ends_with(line.text, "v\",\"cut\":\"yes\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_stand_one_behind_the_other),
        cmocka_unit_test(values_are_escaped_as_json_does_in_both_forms),
        cmocka_unit_test(milliseconds_are_numbers_in_json_and_nothing_else_is),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_where_it_stays_one_and_says_so),
        cmocka_unit_test(what_comes_behind_a_cut_is_left_out),
    };

    return cmocka_run_group_tests_name("log line", tests, NULL, NULL);
}
