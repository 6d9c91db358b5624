/*
 * The lock file of one host, as system calls: who holds the host, and who asks for it.
 *
 * Locks are fcntl()'s, of the process (POSIX record locks): the kernel says who
 * holds one (F_GETLK), so no pid is ever written down that could be stale or belong
 * to somebody else by now; it drops them when the process dies, after its last
 * thread has stopped; and a child does not inherit them. Their known trap, that
 * closing any descriptor of the file drops them, is why nothing else may open it.
 * Nothing is kept in the file. No call blocks.
 */
#ifndef WORKER_TENURE_LOCK_H
#define WORKER_TENURE_LOCK_H

#include <sys/types.h>

#include "schemas/err.h"

/* Open, or make with mode 0600. Fails with ERR_LOCAL. *out is the caller's, to be closed, which drops all locks. */
MUST_CHECK bool tenure_lock_open(const char *path, int *out, struct err *e);

/* Hold the host. False where another process does. Holding it already is fine. */
MUST_CHECK bool tenure_lock_take(int fd);
void tenure_lock_drop(int fd);

/* Ask for the host, or no longer; any number may ask at once, and whoever dies asks no more. */
void tenure_lock_ask(int fd, bool is_wanted);
bool tenure_lock_is_asked(int fd); /* by another process */

/* Have those who watch the folder (IN_ATTRIB) look at this file again. */
void tenure_lock_ring(int fd);

/* The process that holds the host: 0 if it is nobody else, -1 if it cannot be seen from this PID namespace. */
pid_t tenure_lock_holder(int fd);

/*
 * Send SIGKILL to `holder`, but only if it holds the host still; it is dead when
 * tenure_lock_take() says so, not before. ERR_LOCAL where it does not hold it (any
 * more), or may not be killed.
 */
MUST_CHECK bool tenure_lock_kill(int fd, pid_t holder, struct err *e);

#endif
