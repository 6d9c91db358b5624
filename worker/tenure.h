/*
 * Which of the workers that serve a host may act on it: the one that holds its
 * tenure. Workers of one host share state_dir, a machine, a PID namespace and a user.
 *
 * Whoever wants a host that another holds asks it to let go, and waits. A holder
 * that has not let go `fence_ms` after it was asked is killed (SIGKILL), however
 * well it is otherwise: it may be frozen, and must not act when it wakes. That ends
 * its tenure of all other hosts, too. Nobody is taken for the holder but whom the
 * kernel names as the owner of the lock at that moment, and nobody gets a tenure
 * before the kernel has taken that lock from the holder, in the way of letting go or
 * of its end.
 *
 * Each host has a lock in one of at most 256 files, state_dir/tenure/<two hex digits>
 * (worker/tenure_lock.h), open from start to end. inotify of the folder tells at once
 * who asked, let go or died. Whoever removes one of the files lets two workers hold
 * one host; a worker that sees that kills itself as the other one would.
 *
 * Loop thread only; nothing blocks. One for each process.
 */
#ifndef WORKER_TENURE_H
#define WORKER_TENURE_H

#include <sys/types.h>

#include "worker/config.h"

enum { TENURE_FENCE_MS = 10 * 1000 }; /* longer than a healthy worker needs to end what it does on a host */

enum tenure_news {
    TENURE_GRANTED, /* it is ours, until tenure_give() */
    TENURE_ASKED,   /* another worker wants it: give it up well before fence_ms are over */
    TENURE_FREE,    /* its holder has let go or died, nobody asks for it, nor did we: tenure_try() */
    TENURE_STUCK,   /* the holder has to be killed and cannot; said each second while that lasts */
};

/* Called in the loop, never within one of the functions below. `text` says why TENURE_STUCK, else it is "". */
typedef void tenure_watch(void *arg, size_t host, enum tenure_news news, const char *text);

struct event_base;
struct tenures;

/*
 * Make the lock files of config's hosts; holds none yet. Fails with ERR_LOCAL, also
 * where there are not enough descriptors left. `config` must stay. *out is the
 * caller's: tenures_close().
 */
MUST_CHECK bool tenures_open(struct event_base *base, const struct config *config, unsigned fence_ms,
                             tenure_watch *watch, void *arg, struct tenures **out, struct err *e);
void tenures_close(struct tenures *tenures); /* lets go of all; NULL is fine */

/* Take it if nobody else has it or asks for it. True if it is held now; no TENURE_GRANTED follows. False while it is wanted. */
MUST_CHECK bool tenure_try(struct tenures *tenures, size_t host);

/* Have it, whoever has it now. TENURE_GRANTED follows, once; nothing if it is held or wanted already. */
void tenure_want(struct tenures *tenures, size_t host);

/* Let go, or want it no more. Nothing of this worker may act on the host from here on. */
void tenure_give(struct tenures *tenures, size_t host);

bool tenure_is_held(const struct tenures *tenures, size_t host);
bool tenure_is_wanted(const struct tenures *tenures, size_t host);

/* Which other process holds it; 0: none, -1: one that cannot be seen from here. Asks the kernel. */
pid_t tenure_holder(const struct tenures *tenures, size_t host);

/* True if nobody holds it. Asks the kernel. */
bool tenure_is_free(const struct tenures *tenures, size_t host);

#endif
