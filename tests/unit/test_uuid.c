#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "schemas/uuid.h"

#define FORM "3f2504e0-4f89-41d3-9a0c-0305e82c3301"

static bool parse(const char *text, struct uuid *out)
{
    return uuid_parse(text, strlen(text), out);
}

static void any_form_is_kept_in_libvirts(void **state)
{
    static const char *const forms[] = {
        FORM,
        "3F2504E0-4F89-41D3-9A0C-0305E82C3301",
        "3f2504e04f8941d39a0c0305e82c3301",
        "3F2504e04f8941D39A0C0305E82c3301",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct uuid uuid = {0};

        assert_true(parse(forms[i], &uuid));
        assert_string_equal(uuid.text, FORM);
    }
}

static void refuses_every_other_form_and_leaves_out_untouched(void **state)
{
    static const char *const bad[] = {
        "",
        "3f2504e0-4f89-41d3-9a0c-0305e82c330",
        "3f2504e0-4f89-41d3-9a0c-0305e82c33011",
        "3f2504e04f8941d39a0c0305e82c330",
        "3f2504e04f8941d39a0c0305e82c33011",
        "3f2504e04-f89-41d3-9a0c-0305e82c3301",
        "3f2504e0-4f89-41d3-9a0c00305e82c3301",
        "3g2504e0-4f89-41d3-9a0c-0305e82c3301",
        "3f2504e0 4f89-41d3-9a0c-0305e82c3301",
        "-3f2504e04f8941d39a0c0305e82c330",
        "{f2504e0-4f89-41d3-9a0c-0305e82c330}",
        "00000000-0000-0000-0000-000000000000",
        "00000000000000000000000000000000",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct uuid uuid = {"as before"};

        if (parse(bad[i], &uuid))
            fail_msg("accepted '%s'", bad[i]);
        assert_string_equal(uuid.text, "as before");
    }
}

static void hex_has_no_dashes(void **state)
{
    struct uuid uuid = {FORM};
    char hex[UUID_HEX_CHARS + 1];

    (void)state;
    uuid_hex(&uuid, hex);
    assert_string_equal(hex, "3f2504e04f8941d39a0c0305e82c3301");
}

static void random_ones_are_of_version_4(void **state)
{
    uint8_t random[16];
    struct uuid uuid, again;

    (void)state;
    memset(random, 0xff, sizeof(random));
    uuid_from_random(random, &uuid);
    assert_string_equal(uuid.text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_true(parse(uuid.text, &again));
    assert_true(uuid_equal(&uuid, &again));

    memset(random, 0, sizeof(random));
    uuid_from_random(random, &uuid);
    assert_string_equal(uuid.text, "00000000-0000-4000-8000-000000000000");
    assert_false(uuid_equal(&uuid, &again));
}

static void an_empty_one_is_not_set(void **state)
{
    (void)state;
    assert_false(uuid_is_set(&(struct uuid){""}));
    assert_true(uuid_is_set(&(struct uuid){FORM}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_form_is_kept_in_libvirts),
        cmocka_unit_test(refuses_every_other_form_and_leaves_out_untouched),
        cmocka_unit_test(hex_has_no_dashes),
        cmocka_unit_test(random_ones_are_of_version_4),
        cmocka_unit_test(an_empty_one_is_not_set),
    };

    return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
