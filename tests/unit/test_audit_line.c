#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "cli/audit_line.h"

static const struct audit_entry entry = {
    .time_ms = 7,
    .uid = 1000,
    .login = "eve \"x\"\n",
    .action = "replay",
    .result = "sent",
    .id = "m-1",
    .code = "",
};

struct lines {
    char text[4][1024];
    size_t len[4]; /* without the line's end */
};

static void write_lines(struct lines *out, size_t count)
{
    char hash[SHA256_CHARS + 1];
    struct bytes b;
    struct err e;

    strcpy(hash, audit_first_prev);
    for (size_t i = 0; i < count; i++) {
        assert_true(audit_line_write(&entry, &b, &e));
        memcpy(out->text[i], b.data, b.len);
        audit_line_chain(out->text[i], b.len, hash, hash);
        out->len[i] = b.len + audit_chain_bytes() - 1;
        assert_int_equal(out->text[i][out->len[i]], '\n');
        bytes_free(&b);
    }
}

static void a_line_is_an_object_with_what_there_is(void **state)
{
    struct lines lines;
    char want[512], hash[SHA256_CHARS + 1];
    int len;

    (void)state;
    write_lines(&lines, 1);
    len = snprintf(
        want, sizeof(want),
        "{\"time\":7,\"uid\":1000,\"login\":\"eve \\\"x\\\"\\u000a\",\"action\":\"replay\",\"result\":\"sent\","
        "\"id\":\"m-1\",\"prev\":\"%s\"",
        audit_first_prev);
    digest_sha256(want, (size_t)len, hash);
    len += snprintf(want + len, sizeof(want) - (size_t)len, ",\"hash\":\"%s\"}", hash);
    assert_int_equal(lines.len[0], len);
    assert_memory_equal(lines.text[0], want, (size_t)len);
}

static void each_line_follows_the_one_before(void **state)
{
    char prev[SHA256_CHARS + 1], hash[SHA256_CHARS + 1];
    struct lines lines;
    struct err e;

    (void)state;
    write_lines(&lines, 4);
    strcpy(prev, audit_first_prev);
    for (size_t i = 0; i < 4; i++) {
        assert_true(audit_line_check(lines.text[i], lines.len[i], prev, hash, &e));
        strcpy(prev, hash);
    }
    assert_false(audit_line_check(lines.text[3], lines.len[3], audit_first_prev, hash, &e));
    assert_non_null(strstr(e.text, "line before"));
    assert_true(audit_line_check(lines.text[3], lines.len[3], NULL, hash, &e));
}

static void every_change_of_one_bit_is_found(void **state)
{
    char hash[SHA256_CHARS + 1];
    struct lines lines;
    struct err e;

    (void)state;
    write_lines(&lines, 1);
    for (size_t bit = 0; bit < lines.len[0] * 8; bit++) {
        lines.text[0][bit / 8] ^= (char)(1 << bit % 8);
        if (audit_line_check(lines.text[0], lines.len[0], audit_first_prev, hash, &e))
            fail_msg("bit %zu", bit);
        lines.text[0][bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_true(audit_line_check(lines.text[0], lines.len[0], audit_first_prev, hash, &e));
}

static void every_cut_is_found(void **state)
{
    char hash[SHA256_CHARS + 1];
    struct lines lines;
    struct err e;

    (void)state;
    write_lines(&lines, 1);
    for (size_t len = 0; len < lines.len[0]; len++) {
        assert_false(audit_line_check(lines.text[0], len, audit_first_prev, hash, &e));
        assert_false(audit_line_check(lines.text[0] + len + 1, lines.len[0] - len - 1, audit_first_prev, hash, &e));
    }
}

static void a_line_that_would_be_too_long_is_refused(void **state)
{
    static char details[AUDIT_LINE_MAX_BYTES];
    struct audit_entry long_entry = entry;
    struct bytes b;
    struct err e;

    (void)state;
    memset(details, 'x', sizeof(details) - 1);
    long_entry.details = details;
    assert_false(audit_line_write(&long_entry, &b, &e));
    assert_int_equal(e.kind, ERR_LOCAL);
    details[AUDIT_LINE_MAX_BYTES - 512] = '\0';
    assert_true(audit_line_write(&long_entry, &b, &e));
    bytes_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_an_object_with_what_there_is),   cmocka_unit_test(each_line_follows_the_one_before),
        cmocka_unit_test(every_change_of_one_bit_is_found),         cmocka_unit_test(every_cut_is_found),
        cmocka_unit_test(a_line_that_would_be_too_long_is_refused),
    };

    return cmocka_run_group_tests_name("audit_line", tests, NULL, NULL);
}
