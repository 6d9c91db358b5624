#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cli/selection.h"

#define A      "aaaaaaaa-0000-4000-8000-00000000000a"
#define NOW_MS INT64_C(1800000000000)

static struct letter a_letter(void)
{
    return (struct letter){
        .id = "m-1", .ref = "#0123456789", .code = "SYS.1007", .host = {A}, .dead_ms = NOW_MS - 3600000};
}

static bool fits(struct selection s, struct letter letter)
{
    return selection_fits(&s, &letter, NOW_MS);
}

static void an_age_is_a_number_and_a_unit(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"1s", 1000},
                {"90s", 90000},
                {"15m", 900000},
                {"1h", 3600000},
                {"2d", 172800000},
                {"1w", 604800000},
                {"3650d", INT64_C(315360000000)}};
    static const char *const bad[] = {"",
                                      "1",
                                      "h",
                                      "0h",
                                      "-1h",
                                      " 1h",
                                      "1 h",
                                      "1h ",
                                      "1hh",
                                      "1y",
                                      "1.5h",
                                      "1H",
                                      "3651d",
                                      "99999999999999999999s",
                                      "9223372036854775807w"};
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(duration_read(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        if (duration_read(bad[i], &ms))
            fail_msg("accepted: '%s'", bad[i]);
}

static void nothing_given_fits_all(void **state)
{
    (void)state;
    assert_true(selection_is_empty(&(struct selection){0}));
    assert_true(fits((struct selection){0}, a_letter()));
    assert_true(fits((struct selection){0}, (struct letter){.dead_ms = 0}));
}

static void all_that_is_given_must_fit(void **state)
{
    struct selection s = {.host = {A}, .code = "SYS.1007", .older_than_ms = 1800000, .newer_than_ms = 7200000};
    struct letter other = a_letter();

    (void)state;
    assert_false(selection_is_empty(&s));
    assert_true(fits(s, a_letter()));
    other.host.text[0] = 'b';
    assert_false(fits(s, other));
    other = a_letter();
    strcpy(other.code, "SYS.100");
    assert_false(fits(s, other));
    other = a_letter();
    other.dead_ms = NOW_MS - 1800000;
    assert_false(fits(s, other));
    other.dead_ms = NOW_MS - 7200000;
    assert_false(fits(s, other));
}

static void an_unknown_age_fits_no_age(void **state)
{
    struct letter letter = a_letter();

    (void)state;
    letter.dead_ms = 0;
    assert_false(fits((struct selection){.older_than_ms = 1000}, letter));
    assert_false(fits((struct selection){.newer_than_ms = 1000}, letter));
}

static void one_of_the_ids_must_fit_and_the_missing_one_is_known(void **state)
{
    struct selection s = {0};
    struct letter letter = a_letter(), nameless = a_letter();

    (void)state;
    assert_true(selection_add_id(&s, "m-2"));
    assert_true(selection_add_id(&s, "#0123456789"));
    assert_false(selection_is_empty(&s));
    assert_string_equal(selection_missing(&s), "m-2");
    assert_true(selection_fits(&s, &letter, NOW_MS));
    assert_string_equal(selection_missing(&s), "m-2");
    strcpy(letter.id, "m-2");
    strcpy(letter.ref, "#x");
    assert_true(selection_fits(&s, &letter, NOW_MS));
    assert_null(selection_missing(&s));
    strcpy(letter.id, "m-3");
    assert_false(selection_fits(&s, &letter, NOW_MS));
    s = (struct selection){0};
    assert_true(selection_add_id(&s, ""));
    nameless.id[0] = '\0';
    assert_false(selection_fits(&s, &nameless, NOW_MS));
}

static void takes_only_so_many_ids(void **state)
{
    struct selection s = {0};

    (void)state;
    for (int i = 0; i < SELECTED_IDS_MAX; i++)
        assert_true(selection_add_id(&s, "m"));
    assert_false(selection_add_id(&s, "m"));
}

static void is_told_as_it_was_given(void **state)
{
    struct selection s = {.host = {A}, .code = "SYS.1007", .older_than_ms = 3600000};
    char words[128], few[16];

    (void)state;
    assert_true(selection_add_id(&s, "m-1"));
    selection_words(&s, words, sizeof(words));
    assert_string_equal(words, "--host " A " --code SYS.1007 --older-than 3600s --id m-1");
    selection_words(&s, few, sizeof(few));
    assert_int_equal(strlen(few), sizeof(few) - 1);
    selection_words(&(struct selection){0}, words, sizeof(words));
    assert_string_equal(words, "--all");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_age_is_a_number_and_a_unit),
        cmocka_unit_test(nothing_given_fits_all),
        cmocka_unit_test(all_that_is_given_must_fit),
        cmocka_unit_test(an_unknown_age_fits_no_age),
        cmocka_unit_test(one_of_the_ids_must_fit_and_the_missing_one_is_known),
        cmocka_unit_test(takes_only_so_many_ids),
        cmocka_unit_test(is_told_as_it_was_given),
    };

    return cmocka_run_group_tests_name("selection", tests, NULL, NULL);
}
