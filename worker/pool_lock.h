/*
 * Who is there, as the kernel says: each worker of a state_dir locks one byte of the
 * file state_dir/pool, the one of its pid (fcntl(2), as worker/tenure_lock.h, and with
 * its trap: nothing else may open the file). No call blocks.
 */
#ifndef WORKER_POOL_LOCK_H
#define WORKER_POOL_LOCK_H

#include <sys/types.h>

#include "schemas/err.h"

/* Open, or make with mode 0600, and be there. Fails with ERR_LOCAL. *out is the caller's, to be closed. */
MUST_CHECK bool pool_lock_open(const char *path, int *out, struct err *e);

/* True if this process, another than we, has the file open so. */
bool pool_lock_has(int fd, pid_t pid);

/* True if any other has. */
bool pool_lock_has_others(int fd);

#endif
