/*
 * What is counted, and /metrics: Prometheus' text format 0.0.4. One table,
 * metrics_table.c, has every metric there is; deploy/METRICS.md is made from it.
 *
 * Counting is adding to plain integers in the loop's thread: no lock, no
 * allocation, no look-up by text.
 */
#ifndef WORKER_METRICS_H
#define WORKER_METRICS_H

#include "schemas/host_event.h"
#include "worker/histogram.h"
#include "worker/request.h"

struct evbuffer;

enum { METRICS_MESSAGES = 16, METRICS_KINDS = ERR_LOCAL + 1 };

/* What has happened since the start. Zeroed: nothing. */
struct metrics {
    /* Of answered requests, by message (message_at(); the last: of an unknown name) and kind of error (ERR_NONE: none). */
    uint64_t requests[METRICS_MESSAGES + 1][METRICS_KINDS];
    struct histogram total[METRICS_MESSAGES + 1], libvirt[METRICS_MESSAGES + 1], waiting;
    uint64_t deliveries, redeliveries, duplicates, dead_letters;
    uint64_t published[PUBLISHED_REFUSED + 1];
    uint64_t broker_connections, broker_losses;
    struct histogram commit;
    uint64_t events[HOST_EVENT_COUNT], events_dropped;
    uint64_t mended;
};

/* A request is answered and about to be acked. */
void metrics_answered(struct metrics *metrics, const struct request *r, uint64_t now_us);

struct status;

/*
 * Write them all, for the hosts one by one where there are METRICS_HOSTS_MAX at most;
 * else of those that are not ready, and of METRICS_HOSTS_MAX at most.
 */
enum { METRICS_HOSTS_MAX = 2000 };
void metrics_write(const struct status *status, struct evbuffer *out);

#endif
