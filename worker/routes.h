/*
 * Which queue brings what for which host: one of its own, or, with partitions, any of
 * the few that all hosts share. Pure.
 */
#ifndef WORKER_ROUTES_H
#define WORKER_ROUTES_H

#include "bus/bus.h"
#include "worker/config.h"

enum { QUEUE_NAME_BYTES = 64 };

/* A queue, and the routing key that leads to it and no other. */
struct route {
    char queue[QUEUE_NAME_BYTES], key[QUEUE_NAME_BYTES];
};

/* It spreads what comes for hosts over the partitions. */
#define ROUTES_PARTITION_EXCHANGE "keyferry.partitions"

size_t routes_queue_count(const struct config *config);

/* Fills in *out for the queue of this index. */
void routes_queue(const struct config *config, size_t queue, struct route *out);

struct routes;

/* `config` outlives it. NULL: no memory. */
struct routes *routes_new(const struct config *config);
void routes_free(struct routes *routes); /* NULL is fine */

/*
 * The host that a delivery is for; host_count: none that is served here. Of a queue
 * that is a host's own all is for that host; else its routing key says so, host.<hex>.
 */
size_t routes_host(const struct routes *routes, const struct delivery *delivery);

#endif
