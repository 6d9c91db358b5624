/* The job threads: they advance works, which may block on libvirt, and hand them back to the loop. */
#ifndef WORKER_JOBS_H
#define WORKER_JOBS_H

#include "handlers/work.h"

struct event_base;
struct jobs;

/* Called in the loop for each work that a thread has advanced; work->state says how far. */
typedef void jobs_done(void *arg, struct work *work);

/*
 * Start `threads` threads, each with a connection of its own to the ledger at
 * `ledger_path`. Fails with ERR_LOCAL. *out is the caller's, to be ended with
 * jobs_close().
 */
MUST_CHECK bool jobs_open(struct event_base *base, size_t threads, const char *ledger_path, jobs_done *done, void *arg,
                          struct jobs **out, struct err *e);

/* Ends the threads, each after the work it has in hand; works that no thread has begun are not begun. NULL is fine. */
void jobs_close(struct jobs *jobs);

/* Have a thread call work_advance(), unless it is late by then. First come, first served. The work is not the caller's until `done`. */
void jobs_run(struct jobs *jobs, struct work *work);

#endif
