/*
 * The lock of one host, as system calls: who holds the host, and who asks for it. Many
 * hosts share a file, each with two bytes of its own.
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
#include "schemas/uuid.h"

enum { TENURE_FILES = 256 };

/* Where the lock of a host is: the same for every worker. */
struct tenure_place {
    unsigned file; /* below TENURE_FILES */
    off_t at;      /* the first of its two bytes; two hosts have the same by a chance of 1 in 2^64 */
};

struct tenure_place tenure_place_of(const struct uuid *host);

struct tenure_lock {
    int fd;
    off_t at;
};

/* Open a file, or make it with mode 0600. Fails with ERR_LOCAL. *out is the caller's, to be closed, which drops all its locks. */
MUST_CHECK bool tenure_lock_open(const char *path, int *out, struct err *e);

/* Hold the host. False where another process does. Holding it already is fine. */
MUST_CHECK bool tenure_lock_take(struct tenure_lock lock);
void tenure_lock_drop(struct tenure_lock lock);

/* Ask for the host, or no longer; any number may ask at once, and whoever dies asks no more. */
void tenure_lock_ask(struct tenure_lock lock, bool is_wanted);
bool tenure_lock_is_asked(struct tenure_lock lock); /* by another process */

/* Have those who watch the folder (IN_ATTRIB) look at this file again. */
void tenure_lock_ring(struct tenure_lock lock);

/* The process that holds the host: 0 if it is nobody else, -1 if it cannot be seen from this PID namespace. */
pid_t tenure_lock_holder(struct tenure_lock lock);

/*
 * Send SIGKILL to `holder`, but only if it holds the host still; it is dead when
 * tenure_lock_take() says so, not before. ERR_LOCAL where it does not hold it (any
 * more), or may not be killed.
 */
MUST_CHECK bool tenure_lock_kill(struct tenure_lock lock, pid_t holder, struct err *e);

#endif
