/* Order per identity: a lane is a queue of requests of which only the first runs. */
#ifndef WORKER_LANES_H
#define WORKER_LANES_H

#include "worker/map.h"
#include "worker/request.h"

struct lane {
    char identity[UUID_CHARS + USAGE_ID_MAX_CHARS + 2];
    TAILQ_HEAD(, request) queue; /* the first one is being worked on */
    size_t waiters;              /* how many in it wait for other hosts */
};

/* The lane of an identity, or NULL where nobody is in one. */
struct lane *lane_find(const struct map *lanes, const char *identity);

/* Put a request at the end of its lane. True: it is the first, and may run. */
bool lane_enter(struct map **lanes, struct request *r, bool is_waiter);

/* Take a request out; the lane goes with its last. Returns the first of those left if it now may run, else NULL. */
struct request *lane_leave(struct map **lanes, struct request *r, bool is_waiter);

#endif
