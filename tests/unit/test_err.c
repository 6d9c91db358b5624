#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "schemas/err.h"
#include "schemas/text.h"

static void a_failure_has_its_kinds_code_and_row(void **state)
{
    struct err e;

    (void)state;
    assert_false(err_set(&e, ERR_HYPERVISOR_AWAY, "no %s", "libvirt"));
    assert_int_equal(e.kind, ERR_HYPERVISOR_AWAY);
    assert_string_equal(e.code, "KEY_AGENT_HYPERVISOR_UNAVAILABLE");
    assert_string_equal(e.text, "no libvirt");
    assert_string_equal(e.field, "");
    assert_true(e.retryable);
    assert_int_equal(e.effect, EFFECT_NONE);
    assert_int_equal(err_fate(&e), FATE_ANSWER);
    assert_string_equal(err_meaning(&e), "libvirt could not be reached in time");
}

static void only_a_malformed_body_and_a_deadly_request_are_dead_lettered(void **state)
{
    struct err e;

    (void)state;
    for (int kind = ERR_NONE + 1; kind <= ERR_LOCAL; kind++) {
        err_set(&e, (enum err_kind)kind, "x");
        assert_int_equal(err_fate(&e), kind == ERR_MALFORMED || kind == ERR_DEADLY ? FATE_DEAD_LETTER : FATE_ANSWER);
    }
}

static void names_the_field(void **state)
{
    struct err e;

    (void)state;
    assert_false(err_field(&e, ERR_INVALID, "keyVersion", "keyVersion is wrong"));
    assert_string_equal(e.field, "keyVersion");
    assert_string_equal(e.code, "SYS.1007");
}

static void may_quote_the_error_it_replaces(void **state)
{
    struct err e;

    (void)state;
    err_field(&e, ERR_INVALID, "purpose", "inner");
    err_set(&e, ERR_CONFLICT, "outer: %s", e.text);
    assert_string_equal(e.text, "outer: inner");
    assert_string_equal(e.field, "");
}

static void text_is_cut_off_between_characters_and_cleaned(void **state)
{
    char longer[1000];
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof(longer) - 1; i += 3)
        memcpy(longer + i, "\xe2\x82\xac", 3);
    longer[999] = '\0';
    err_set(&e, ERR_INVALID, "%s", longer);
    assert_int_equal(strlen(e.text), 381);
    assert_true(text_is_plain(e.text, strlen(e.text)));
    err_set(&e, ERR_INVALID, "two\nlines \xff");
    assert_string_equal(e.text, "two lines ?");
}

static void every_code_on_the_wire_finds_a_kind_with_that_code(void **state)
{
    (void)state;
    for (int kind = ERR_NONE + 1; kind <= ERR_LOCAL; kind++) {
        struct err sent, got;

        err_set(&sent, (enum err_kind)kind, "why");
        if (sent.code[0] == '\0')
            continue;
        assert_false(err_from_wire(&got, sent.code, "why", sent.retryable));
        assert_string_equal(got.code, sent.code);
        assert_in_range(strlen(sent.code), 1, sizeof(sent.code) - 2); /* not cut off */
        assert_string_equal(got.text, "why");
        assert_int_equal(got.retryable, sent.retryable);
        assert_int_equal(err_fate(&got), FATE_ANSWER);
    }
}

static void a_code_of_several_kinds_gives_the_first(void **state)
{
    struct err e;

    (void)state;
    err_from_wire(&e, "SYS.1006", "", false);
    assert_int_equal(e.kind, ERR_REQUIRED);
    err_from_wire(&e, "SYS.1007", "", false);
    assert_int_equal(e.kind, ERR_INVALID);
}

static void another_services_code_is_kept(void **state)
{
    struct err e;

    (void)state;
    err_from_wire(&e, "KM.42", "no such key", true);
    assert_int_equal(e.kind, ERR_FOREIGN);
    assert_string_equal(e.code, "KM.42");
    assert_true(e.retryable);
    err_from_wire(&e, "", "no code", false);
    assert_int_equal(e.kind, ERR_FOREIGN);
    err_from_wire(&e, "A.VERY.LONG.CODE.THAT.GOES.ON.AND.ON.AND.ON.AND.ON", "", false);
    assert_int_equal(strlen(e.code), 47);
}

static void effects_have_names(void **state)
{
    (void)state;
    for (int effect = EFFECT_NONE; effect <= EFFECT_UNKNOWN; effect++)
        assert_int_equal(effect_from_name(effect_name((enum effect)effect)), effect);
    assert_int_equal(effect_from_name("whatever"), EFFECT_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_has_its_kinds_code_and_row),
        cmocka_unit_test(only_a_malformed_body_and_a_deadly_request_are_dead_lettered),
        cmocka_unit_test(names_the_field),
        cmocka_unit_test(may_quote_the_error_it_replaces),
        cmocka_unit_test(text_is_cut_off_between_characters_and_cleaned),
        cmocka_unit_test(every_code_on_the_wire_finds_a_kind_with_that_code),
        cmocka_unit_test(a_code_of_several_kinds_gives_the_first),
        cmocka_unit_test(another_services_code_is_kept),
        cmocka_unit_test(effects_have_names),
    };

    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
