/* The whole worker: bus, life cycle, job threads and hypervisors around one loop. */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "worker/config.h"

struct worker;

/*
 * Set everything up: keys, vault, hypervisors, threads, HTTP, broker. Connects to
 * nobody yet. `path` is the configuration's file, which SIGHUP reads again.
 * Fails with ERR_CONFIG or ERR_LOCAL. *out is the caller's: worker_close().
 */
MUST_CHECK bool worker_open(const struct config *config, const char *path, struct worker **out, struct err *e);
void worker_close(struct worker *worker); /* NULL is fine */

/* Serve until SIGTERM or SIGINT; drains before it returns. True if all that had begun was finished. */
bool worker_run(struct worker *worker);

#endif
