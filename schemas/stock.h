/*
 * Blocks of one size that come and go all the time: some of what is given back is kept, wiped, and is what is taken next.
 * It saves the search for a place, and that it is zeroed when it is zero already. One thread.
 *
 * In a build for a sanitizer nothing is kept, so that it sees who uses what he has given back.
 */
#ifndef SCHEMAS_STOCK_H
#define SCHEMAS_STOCK_H

#include "schemas/base.h"

enum { STOCK_MAX = 64 };

/* Zeroed, but for `block_bytes`: empty. */
struct stock {
    size_t block_bytes, count;
    void *kept[STOCK_MAX];
};

/* A block of zeros, the caller's: stock_give(). Never NULL: without memory the process ends. */
void *stock_take(struct stock *stock);

/* `block` is wiped. */
void stock_give(struct stock *stock, void *block);

/* Frees what is kept. */
void stock_done(struct stock *stock);

#endif
