/*
 * The workers of one state_dir as a pool: which queues this one consumes from, behind
 * whom it stands by, and which it leaves to others. Each announces itself over the
 * broker every second; who is announced counts if its process is on this machine and
 * has the pool's file open (worker/pool_lock.h), and if it has the same queues.
 *
 * This only moves load. Who acts on a host is decided by single active consumer and
 * tenure. Where nothing is known, or what is known is in doubt, every worker is first
 * everywhere: all subscribe, as if there were no pool. In the loop's thread.
 */
#ifndef WORKER_POOL_H
#define WORKER_POOL_H

#include <sys/types.h>

#include "worker/life.h"

enum pool_place {
    POOL_FIRST,   /* to consume */
    POOL_SECOND,  /* to stand by, behind the first */
    POOL_OTHER,   /* not to consume */
    POOL_UNKNOWN, /* not known yet; a second after the link is up it is */
};

struct event_base;
struct pool;

struct pool_config {
    struct event_base *base;
    const struct world *world; /* gives publish() and forget() */
    const char *name, *state_dir;
    const struct digest_key *key; /* of state_dir */
    const char *const *queues;    /* their names; all these outlive the pool */
    size_t queue_count;
    bool (*consumes)(void *arg, size_t queue); /* this worker does */
    void (*look)(void *arg);                   /* places may have changed, or time has passed; each second */
    void *arg;
};

enum { POOL_KEY_BYTES = 40 };

/* The routing key of the pool's announcements: whoever has state_dir knows it. */
void pool_key(const struct digest_key *key, char out[POOL_KEY_BYTES]);

#define POOL_EXCHANGE "keyferry.workers"

/* Fails with ERR_LOCAL. *out is the caller's: pool_close(). */
MUST_CHECK bool pool_open(const struct pool_config *config, struct pool **out, struct err *e);
void pool_close(struct pool *pool); /* NULL is fine */

void pool_link(struct pool *pool, bool is_up);                       /* the bus */
void pool_notices(struct pool *pool, bool is_up, const char *why);   /* BUS_NOTICES_UP, BUS_NOTICES_DOWN */
void pool_notice(struct pool *pool, const struct delivery *notice);  /* still the caller's */
bool pool_published(struct pool *pool, const struct bus_news *news); /* true: it was one of the pool's */
void pool_bye(struct pool *pool);                                    /* this worker ends: others need not wait for it */

enum pool_place pool_place(const struct pool *pool, size_t queue);

/* This worker consumes from other queues than before: that is said at once. */
void pool_changed(struct pool *pool);

/* True if nobody has come or gone for a moment: what is another worker's may be given to it. */
bool pool_is_settled(const struct pool *pool);

/* ... for so long that whoever is to consume does: who stands by need not wait any more. */
bool pool_is_old(const struct pool *pool);

/*
 * The process of the queue's first, if that is another worker and consumes from it, or
 * stands by behind whoever serves it: then it comes next, before those who come after. Else 0.
 */
pid_t pool_first_there(const struct pool *pool, size_t queue);

/* True if another worker consumes from the queue, or stands by. */
bool pool_is_consumed(const struct pool *pool, size_t queue);

/* True if this process has announced itself lately. */
bool pool_has(const struct pool *pool, pid_t pid);

/* True if of all the workers this one is to look after what has this name, where nothing else says who does. */
bool pool_is_best(const struct pool *pool, const char *name);

#endif
