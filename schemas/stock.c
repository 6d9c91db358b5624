#include "schemas/stock.h"

#include <stdlib.h>

#include "schemas/harden.h"

void *stock_take(struct stock *stock)
{
    void *block = stock->count > 0 ? stock->kept[--stock->count] : calloc(1, stock->block_bytes);

    if (block == NULL)
        abort();
    return block;
}

void stock_give(struct stock *stock, void *block)
{
    if (!heap_wipes || stock->count == STOCK_MAX) {
        free(block);
        return;
    }
    wipe(block, stock->block_bytes);
    stock->kept[stock->count++] = block;
}

void stock_done(struct stock *stock)
{
    while (stock->count > 0)
        free(stock->kept[--stock->count]);
}
