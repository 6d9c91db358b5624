/*
 * Counts what the ledger holds (handlers/census.h) on a thread of its own, when
 * somebody wants to know: nobody looks, nothing is done. What is known is that of
 * the last time. Loop thread.
 */
#ifndef WORKER_INVENTORY_H
#define WORKER_INVENTORY_H

#include "handlers/census.h"

struct event_base;
struct inventory;

enum { INVENTORY_MIN_MS = 1000 }; /* between two countings, and a hundred times as long as one takes */

/* `told` (may be NULL) is called in the loop when it was counted and has become another, but
 * for the size of the file. Fails with ERR_LOCAL or as ledger_open(). */
MUST_CHECK bool inventory_open(struct event_base *base, const char *ledger_path, void (*told)(void *arg), void *arg,
                               struct inventory **out, struct err *e);
void inventory_close(struct inventory *inventory); /* NULL is fine */

/* Count, unless that is being done, or was done a moment ago. */
void inventory_want(struct inventory *inventory);

/* What was counted last, valid until the loop turns; NULL: nothing yet, or it failed. `inventory` may be NULL. */
const struct census *inventory_last(const struct inventory *inventory);

#endif
