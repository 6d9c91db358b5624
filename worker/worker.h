/* The whole worker: bus, life cycle, job threads and hypervisors around one loop. */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "worker/config.h"

struct worker;

/* A configuration that could not be taken up, and why. */
struct refused {
    struct config config; /* zeroed: it could not even be read */
    struct err why;
};

/*
 * Set everything up: keys, vault, hypervisors, threads, HTTP, broker. Connects to
 * nobody yet. `path` is the configuration's file, which is read again
 * by SIGHUP, and when something changes in hosts_dir.
 * `refused` (NULL: none) is told to who looks, and not tried again but by SIGHUP; it must last as long as the worker.
 * Fails with ERR_CONFIG or ERR_LOCAL. *out is the caller's: worker_close().
 */
MUST_CHECK bool worker_open(const struct config *config, const char *path, const struct refused *refused,
                            struct worker **out, struct err *e);
void worker_close(struct worker *worker); /* NULL is fine */

enum worker_end {
    WORKER_DRAINED,    /* all that had begun was finished */
    WORKER_UNFINISHED, /* the broker still has some of it */
    WORKER_RENEWS,     /* the configuration names other hosts: it is to be opened again with that */
};

/*
 * Serve until SIGTERM or SIGINT, or until there are other hosts; drains before it returns.
 * When it renews, both and SIGHUP are held back until the next worker_run().
 */
enum worker_end worker_run(struct worker *worker);

#endif
