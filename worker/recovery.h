/*
 * When a host's libvirt is back, or the worker is: what the ledger knows is
 * compared with what libvirt has. What was lost is restored, what was half done is
 * finished or undone. Nobody asks for it, and no DEK comes from outside.
 *
 * The comparison runs on a thread of its own; what it finds is then done through
 * the life cycle, some at a time, so that requests go on beside it.
 */
#ifndef WORKER_RECOVERY_H
#define WORKER_RECOVERY_H

#include "handlers/restore.h"

struct event_base;
struct recovery;

struct recovery_config {
    const char *ledger_path;
    const struct host *hosts;
    size_t host_count;
    bool (*restore)(void *arg, size_t host, const struct restore_request *what); /* life_restore() */
    bool (*may)(void *arg, size_t host); /* whether this worker still acts on the host; the rest is left to who does */
    void *arg;
};

/* Starts the thread. Fails with ERR_LOCAL or as ledger_open(). */
MUST_CHECK bool recovery_open(struct event_base *base, const struct recovery_config *config, struct recovery **out,
                              struct err *e);
void recovery_close(struct recovery *recovery); /* waits for a comparison that runs. NULL is fine */

/* Compare this host. Once more, where it is being compared already. Loop thread, as are those below. */
void recovery_begin(struct recovery *recovery, size_t host);

/* What config->restore() began has ended, as `work` tells. */
void recovery_ended(struct recovery *recovery, size_t host, const struct work *work);

#endif
