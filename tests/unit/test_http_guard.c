#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schemas/base64.h"
#include "worker/http_guard.h"

#define TOKEN "correct-horse-battery-staple"

static char path[64];
static const struct http_guard none, guard = {TOKEN};
static struct http_guard got;
static struct err e;

static bool reads(const char *text, mode_t mode)
{
    FILE *file;
    bool ok;

    strcpy(path, "/tmp/keyferry-token-XXXXXX");
    file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
    ok = http_guard_read(path, &got, &e);
    unlink(path);
    return ok;
}

static void refuses(const char *text, mode_t mode, const char *says)
{
    assert_false(reads(text, mode));
    assert_int_equal(e.kind, ERR_CONFIG);
    assert_non_null(strstr(e.text, path));
    assert_non_null(strstr(e.text, says));
}

static void the_first_line_of_the_file_is_the_token(void **state)
{
    (void)state;
    assert_true(reads(TOKEN "\r\nmore\n", 0640));
    assert_string_equal(got.token, TOKEN);
    assert_true(http_guard_read("", &got, &e));
    assert_string_equal(got.token, "");
}

static void what_is_no_token_is_refused_and_not_quoted(void **state)
{
    char longest[TOKEN_MAX_CHARS + 2];

    (void)state;
    refuses("", 0600, "16 to 255 visible characters");
    refuses("fifteen-letters\n", 0600, "16 to 255 visible characters");
    refuses("with a blank in it\n", 0600, "visible");
    refuses("mit-einem-\xc3\xa4-darin\n", 0600, "visible");
    assert_null(strstr(e.text, "darin"));
    refuses(TOKEN "\n", 0604, "chmod o=");
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    refuses(longest, 0600, "visible");
    longest[TOKEN_MAX_CHARS] = '\0';
    assert_true(reads(longest, 0600));
    assert_false(http_guard_read("/nowhere/token", &got, &e));
    assert_non_null(strstr(e.text, "No such file"));
}

static bool basic_admits(const char *login)
{
    char header[600] = "Basic ";

    base64_write((const uint8_t *)login, strlen(login), header + strlen(header), sizeof(header) - strlen(header));
    return http_guard_admits(&guard, header, NULL);
}

static void who_has_the_token_is_admitted_by_any_name(void **state)
{
    (void)state;
    assert_true(http_guard_admits(&guard, "Bearer " TOKEN, "status.example"));
    assert_true(http_guard_admits(&guard, "bearer " TOKEN, NULL));
    assert_true(basic_admits("anybody:" TOKEN));
    assert_true(basic_admits(":" TOKEN));
}

static void who_has_not_is_not(void **state)
{
    static const char *const headers[] = {NULL,
                                          "",
                                          "Bearer",
                                          "Bearer ",
                                          "Bearer x",
                                          TOKEN,
                                          "Bearer " TOKEN "x",
                                          "Bearer " TOKEN TOKEN,
                                          "Bearer correct-horse-battery-stapl",
                                          "Bearer Correct-horse-battery-staple",
                                          "Basic",
                                          "Basic ",
                                          "Basic ====",
                                          "Basic " TOKEN,
                                          "Digest " TOKEN};

    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++)
        assert_false(http_guard_admits(&guard, headers[i], "localhost"));
    assert_false(basic_admits(TOKEN));
    assert_false(basic_admits("user:"));
    assert_false(basic_admits(TOKEN ":x"));
    assert_false(basic_admits("user:x:" TOKEN));
}

static void without_a_token_the_page_is_for_this_machine_by_its_own_names(void **state)
{
    static const char *const here[] = {NULL,           "localhost", "LOCALHOST:9464", "127.0.0.1",
                                       "127.1.2.3:80", "[::1]",     "[::1]:9464"};
    static const char *const elsewhere[] = {"evil.example", "evil.example:9464", "localhost.evil.example", "",
                                            ":9464",        "10.0.0.1:9464",     "[fe80::1]:9464",         "0.0.0.0"};

    (void)state;
    for (size_t i = 0; i < COUNT(here); i++)
        assert_true(http_guard_admits(&none, NULL, here[i]));
    for (size_t i = 0; i < COUNT(elsewhere); i++)
        assert_false(http_guard_admits(&none, NULL, elsewhere[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_of_the_file_is_the_token),
        cmocka_unit_test(what_is_no_token_is_refused_and_not_quoted),
        cmocka_unit_test(who_has_the_token_is_admitted_by_any_name),
        cmocka_unit_test(who_has_not_is_not),
        cmocka_unit_test(without_a_token_the_page_is_for_this_machine_by_its_own_names),
    };

    return cmocka_run_group_tests_name("http_guard", tests, NULL, NULL);
}
