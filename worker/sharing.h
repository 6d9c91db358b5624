/*
 * The pool put to work: from which queues this worker consumes, and which hosts it
 * hands over (contract 7). Who may act is decided elsewhere (worker/serving.h). What is
 * different with partitions is in worker/partitions.h. Loop thread.
 */
#ifndef WORKER_SHARING_H
#define WORKER_SHARING_H

#include "schemas/base.h"

struct worker;

/* Begin: tenures, bus and pool are there. */
void sharing_begin(struct worker *w);

/* Of pool_open(). */
void sharing_look(void *arg);
bool sharing_consumes(void *arg, size_t queue);

/* Nobody is known to act on the host; this worker acts on it. */
void sharing_free(struct worker *w, size_t host);
void sharing_taken(struct worker *w, size_t host);
void sharing_wanted(struct worker *w, size_t host); /* this worker is about to ask for it */

/* Of tens of thousands of hosts not all are looked at each second, where that takes a while: so many, from behind the last. */
enum { SHARING_LOOK_AT_ONCE = 256 };

/* True if of all workers this one is to act on the host. */
bool sharing_is_ours(const struct worker *w, size_t host);

/* True if this worker is the one to act on a host that nobody acts on; also where whoever should does not. */
bool sharing_may_take(const struct worker *w, size_t host);

/* Nothing runs any more of a host that is handed over: close the channel. Before its tenure is given. */
void sharing_part(struct worker *w, size_t host);

/* Whether to consume from it; `is_abandoned`: though others should, they do not. */
bool sharing_wants(const struct worker *w, size_t queue, bool is_abandoned);

/* Where nobody was known to act on the host, and it is this worker's to do, take it; or learn that somebody has. */
void sharing_look_whether_free(struct worker *w, size_t host);

/* True if what brings a host's requests is another worker's, as it should be. */
bool sharing_is_left(const struct worker *w, size_t host);

#endif
