/* systemd's watchdog (WatchdogSec): fed while the loop turns and the worker is well; unfed, it starts the worker anew. */
#ifndef WORKER_WATCHDOG_H
#define WORKER_WATCHDOG_H

#include "schemas/err.h"

struct event_base;
struct watchdog;

/* In the loop. */
typedef bool watchdog_is_well(void *arg);

/*
 * Feed it from now on, twice as often as it asks for, whenever is_well(arg). *out is NULL where nobody asks for it
 * (WATCHDOG_USEC, sd_watchdog_enabled(3)). Fails with ERR_LOCAL. *out is the caller's: watchdog_close().
 */
MUST_CHECK bool watchdog_open(struct event_base *base, watchdog_is_well *is_well, void *arg, struct watchdog **out,
                              struct err *e);
void watchdog_close(struct watchdog *watchdog); /* NULL is fine */

#endif
