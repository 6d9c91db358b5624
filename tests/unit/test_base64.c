#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "schemas/base64.h"

static void writes_and_reads_the_figures_of_rfc_4648_10(void **state)
{
    static const char *const figures[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(figures); i++) {
        size_t len = strlen(figures[i][0]), got;
        uint8_t raw[8];
        char text[16];

        assert_int_equal(base64_room(len), strlen(figures[i][1]) + 1);
        base64_write((const uint8_t *)figures[i][0], len, text, sizeof(text));
        assert_string_equal(text, figures[i][1]);
        assert_true(base64_read(text, strlen(text), raw, sizeof(raw), &got));
        assert_int_equal(got, len);
        assert_memory_equal(raw, figures[i][0], len);
    }
}

static void refuses_what_is_not_strict(void **state)
{
    static const char *const bad[] = {
        "Zg", "Zg=", "Zg===", "Z", "Zm9v\n", "Zm9v Zm9v", " Zm9v", "Zh==", "Zm9=", "Z-9_", "Zm9v=", "====", "Zg==Zg==",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint8_t raw[16];
        size_t len;

        if (base64_read(bad[i], strlen(bad[i]), raw, sizeof(raw), &len))
            fail_msg("accepted '%s'", bad[i]);
    }
}

static void refuses_every_byte_that_is_not_of_the_alphabet(void **state)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[] = {'A', (char)byte, 'A', 'A'};
        bool is_in = memchr(alphabet, byte, 64) != NULL;
        uint8_t raw[3];
        size_t len;

        if (base64_read(text, 4, raw, sizeof(raw), &len) != is_in)
            fail_msg("byte 0x%02x", (unsigned)byte);
    }
}

static void refuses_what_does_not_fit(void **state)
{
    uint8_t raw[4];
    size_t len;

    (void)state;
    assert_true(base64_read("Zm9vYg==", 8, raw, 4, &len));
    assert_false(base64_read("Zm9vYg==", 8, raw, 3, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_the_figures_of_rfc_4648_10),
        cmocka_unit_test(refuses_what_is_not_strict),
        cmocka_unit_test(refuses_every_byte_that_is_not_of_the_alphabet),
        cmocka_unit_test(refuses_what_does_not_fit),
    };

    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
