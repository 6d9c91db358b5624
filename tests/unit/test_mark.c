#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "handlers/hv.h"
#include "handlers/mark.h"

#define DIGEST "0123456789abcdef0123456789abcdef"
#define ID_64  "0123456789abcdef0123456789ABCDEF.-_-0123456789abcdef0123456789ab"

static const struct mark full = {
    .key_name = "a1b2c3d4",
    .digest = DIGEST,
    .by = "migration",
    .migration_id = "m-1",
    .peer = DIGEST,
    .confirmed = true,
    .leaving = "m-2",
    .until_ms = 1700000000000,
    .text = "for VM; web 1 leaving=no",
};

static void says_each_word_that_applies_and_then_the_text(void **state)
{
    char out[MARK_MAX_BYTES + 1];

    (void)state;
    mark_write(&full, out);
    assert_string_equal(out, "keyferry1 dek=a1b2c3d4:" DIGEST " by=migration mig=m-1 peer=" DIGEST
                             " leaving=m-2 until=1700000000000 confirmed; for VM; web 1 leaving=no");
    mark_write(&(struct mark){0}, out);
    assert_string_equal(out, "keyferry1;");
}

static void reads_what_it_wrote(void **state)
{
    struct mark none = {0}, read;
    char out[MARK_MAX_BYTES + 1];

    (void)state;
    mark_write(&full, out);
    mark_read(out, &read);
    assert_memory_equal(&read, &full, sizeof(full));
    mark_write(&none, out);
    mark_read(out, &read);
    assert_memory_equal(&read, &none, sizeof(none));
}

static void holds_everything_at_its_longest(void **state)
{
    struct mark longest = full, read;
    char out[MARK_MAX_BYTES + 1];

    (void)state;
    memset(longest.by, 'b', MARK_BY_MAX_CHARS);
    memcpy(longest.migration_id, ID_64, sizeof(ID_64));
    memcpy(longest.leaving, ID_64, sizeof(ID_64));
    longest.until_ms = 999999999999999;
    memset(longest.text, 'x', DESCRIPTION_MAX_BYTES);
    mark_write(&longest, out);
    mark_read(out, &read);
    assert_memory_equal(&read, &longest, sizeof(longest));
    assert_in_range(strlen(out), 1, HV_DESCRIPTION_MAX_BYTES);
}

static void knows_nothing_of_a_description_that_is_not_ours(void **state)
{
    static const char *const others[] = {
        "",
        "keyferry",
        "keyferry1",
        "keyferry1 by=request",
        "keyferry12 by=request;",
        "keyferry2 by=request;",
        "KEYFERRY1 by=request;",
        " keyferry1 by=request;",
        "a secret; keyferry1 by=request;",
        "keyferry1by=request;",
    };
    struct mark none = {0}, read;

    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        mark_read(others[i], &read);
        if (memcmp(&read, &none, sizeof(none)) != 0)
            fail_msg("believed '%s'", others[i]);
    }
}

static void passes_over_words_it_does_not_know(void **state)
{
    struct mark read;

    (void)state;
    mark_read("keyferry1 lease=900 by=request new  mig= confirmedly = =x mig=m; t", &read);
    assert_string_equal(read.by, "request");
    assert_string_equal(read.migration_id, "m");
    assert_string_equal(read.text, "t");
    assert_false(read.confirmed);
}

static void passes_over_a_digest_of_another_form(void **state)
{
    static const char *const odd[] = {
        "keyferry1 dek=;",
        "keyferry1 dek=a1b2c3d4;",
        "keyferry1 dek=a1b2c3d4:;",
        "keyferry1 dek=a1b2c3d4:" DIGEST "0;",
        "keyferry1 dek=a1b2c3d4-" DIGEST ";",
        "keyferry1 dek=:a1b2c3d" DIGEST ";",
    };
    struct mark read;

    (void)state;
    for (size_t i = 0; i < COUNT(odd); i++) {
        mark_read(odd[i], &read);
        assert_string_equal(read.digest, "");
        assert_string_equal(read.key_name, "");
    }
}

static void passes_over_a_time_of_another_form(void **state)
{
    static const char *const odd[] = {
        "keyferry1 until=;",       "keyferry1 until;",      "keyferry1 until=-1;",
        "keyferry1 until=12 000;", "keyferry1 until=1e9x;", "keyferry1 until=1234567890123456;",
    };
    static const int64_t read_as[] = {0, 0, 0, 12, 0, 0};
    struct mark read;

    (void)state;
    for (size_t i = 0; i < COUNT(odd); i++) {
        mark_read(odd[i], &read);
        assert_int_equal(read.until_ms, read_as[i]);
    }
}

static void passes_over_values_that_are_too_long(void **state)
{
    struct mark read;

    (void)state;
    mark_read("keyferry1 by=0123456789abcdef mig=" ID_64 "x leaving=" ID_64 "; ", &read);
    assert_string_equal(read.by, "");
    assert_string_equal(read.migration_id, "");
    assert_string_equal(read.leaving, ID_64);
    assert_string_equal(read.text, "");
}

static void is_provisional_until_its_migration_is_confirmed(void **state)
{
    (void)state;
    assert_false(mark_is_provisional(&(struct mark){0}));
    assert_true(mark_is_provisional(&(struct mark){.migration_id = "m"}));
    assert_false(mark_is_provisional(&(struct mark){.migration_id = "m", .confirmed = true}));
    assert_true(mark_is_provisional(&(struct mark){.until_ms = 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_each_word_that_applies_and_then_the_text),
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(holds_everything_at_its_longest),
        cmocka_unit_test(knows_nothing_of_a_description_that_is_not_ours),
        cmocka_unit_test(passes_over_words_it_does_not_know),
        cmocka_unit_test(passes_over_a_digest_of_another_form),
        cmocka_unit_test(passes_over_a_time_of_another_form),
        cmocka_unit_test(passes_over_values_that_are_too_long),
        cmocka_unit_test(is_provisional_until_its_migration_is_confirmed),
    };

    return cmocka_run_group_tests_name("mark", tests, NULL, NULL);
}
