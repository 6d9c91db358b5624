#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/base.h"

static void free_bytes_are_empty_and_may_be_freed_again(void **state)
{
    struct bytes b = {calloc(1, 5), 5};

    (void)state;
    bytes_free(&b);
    assert_null(b.data);
    assert_int_equal(b.len, 0);
    bytes_free(&b);
}

static void wipes_what_it_is_told_to_and_no_more(void **state)
{
    char text[] = "secret!";

    (void)state;
    wipe(text, 6);
    assert_memory_equal(text, "\0\0\0\0\0\0!", 8);
}

static void take_hands_a_pointer_over(void **state)
{
    int thing = 0, *p = &thing;

    (void)state;
    assert_ptr_equal(TAKE(p), &thing);
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_bytes_are_empty_and_may_be_freed_again),
        cmocka_unit_test(wipes_what_it_is_told_to_and_no_more),
        cmocka_unit_test(take_hands_a_pointer_over),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
