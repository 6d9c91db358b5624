/* Lets other threads call into the loop: many calls become one. */
#ifndef WORKER_WAKEUP_H
#define WORKER_WAKEUP_H

#include "schemas/err.h"

struct event_base;
struct wakeup;

/* `fn` runs in the loop of `base` some time after wakeup_call(). Fails with ERR_LOCAL. */
MUST_CHECK bool wakeup_open(struct event_base *base, void (*fn)(void *arg), void *arg, struct wakeup **out,
                            struct err *e);
void wakeup_close(struct wakeup *wakeup); /* loop thread; nobody may call it any more. NULL is fine */

void wakeup_call(struct wakeup *wakeup); /* any thread; does not block */

#endif
