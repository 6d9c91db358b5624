#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/harden.h"
#include "schemas/stock.h"

enum { BLOCK_BYTES = 5000 };

static bool is_zero(const uint8_t *block)
{
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        if (block[i] != 0)
            return false;
    return true;
}

static void whatever_is_taken_is_zero(void **state)
{
    struct stock stock = {.block_bytes = BLOCK_BYTES};

    (void)state;
    for (int i = 0; i < 3; i++) {
        uint8_t *block = stock_take(&stock);

        assert_true(is_zero(block));
        memset(block, 0xa5, BLOCK_BYTES);
        stock_give(&stock, block);
    }
    stock_done(&stock);
}

static void what_is_given_back_is_taken_again_but_under_a_sanitizer(void **state)
{
    struct stock stock = {.block_bytes = BLOCK_BYTES};
    void *block = stock_take(&stock);

    (void)state;
    stock_give(&stock, block);
    assert_int_equal(stock.count, heap_wipes);
    if (heap_wipes)
        assert_ptr_equal(stock.kept[0], block);
    stock_done(&stock);
    assert_int_equal(stock.count, 0);
}

static void no_more_are_kept_than_there_is_room_for(void **state)
{
    struct stock stock = {.block_bytes = BLOCK_BYTES};
    void *blocks[STOCK_MAX + 1];

    (void)state;
    for (size_t i = 0; i < COUNT(blocks); i++)
        blocks[i] = stock_take(&stock);
    for (size_t i = 0; i < COUNT(blocks); i++)
        stock_give(&stock, blocks[i]);
    assert_true(stock.count <= STOCK_MAX);
    stock_done(&stock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_taken_is_zero),
        cmocka_unit_test(what_is_given_back_is_taken_again_but_under_a_sanitizer),
        cmocka_unit_test(no_more_are_kept_than_there_is_room_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
