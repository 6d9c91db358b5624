/*
 * A pool of locked memory for whatever holds a DEK: typed requests, answers and
 * keys. Its pages never go to swap or into a core dump, stand between two guard
 * pages, and every slot is wiped when it is given back. Made once at start,
 * because a sodium_malloc() and free for each request would cost 25 us.
 */
#ifndef SCHEMAS_VAULT_H
#define SCHEMAS_VAULT_H

#include "schemas/err.h"

enum { VAULT_SLOT_BYTES = 4096 };

struct vault;

/*
 * A vault of `slots` slots. Fails with ERR_LOCAL, naming RLIMIT_MEMLOCK and how
 * many bytes were wanted, where the memory cannot be locked. *out is the caller's,
 * to be ended with vault_close() when every slot is back.
 */
MUST_CHECK bool vault_open(size_t slots, struct vault **out, struct err *e);
void vault_close(struct vault *vault);

/* A zeroed slot of VAULT_SLOT_BYTES, or NULL when none is left. Any thread. */
void *vault_take(struct vault *vault);

/* Wipe a slot and give it back. NULL is fine. Any thread. */
void vault_give(struct vault *vault, void *slot);

#endif
