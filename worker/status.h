/* How it is now with the worker and its hosts: what /metrics and the status page are made of. */
#ifndef WORKER_STATUS_H
#define WORKER_STATUS_H

#include "handlers/census.h"
#include "worker/journal.h"
#include "worker/metrics.h"
#include "worker/usage.h"

/* How it is with a host now. Yes and no are 1 and 0; -1: not known. */
struct host_status {
    const char *uuid, *uri;
    const char *why; /* something is wrong with it, for people; or "" */
    int64_t is_ready, is_consuming, is_left, is_served, is_libvirt_up;
    int64_t libvirt_connections; /* so far */
    int64_t in_flight;
    int64_t oldest_us; /* how long the request waits that has waited longest; 0: none is in hand */
    int64_t messages;  /* that are ready in its queue, when that was last asked */
    int64_t heard_ms;  /* when its queue last delivered anything; since 1970 */
    int64_t secrets, leases;
    const struct history *history; /* NULL: it has none */
};

enum { FLIGHTS_MAX = 25 };

/* A request in hand. */
struct flight {
    char message[NAME_MAX_CHARS + 1], id[ID_MAX_CHARS + 1], host[UUID_CHARS + 1];
    enum stage stage;
    uint64_t for_us;
};

/* How it is with the worker now; as above. */
struct status {
    const struct metrics *metrics;
    const char *worker;
    int64_t now_ms;
    uint64_t now_us; /* of the clock of the journal */
    int64_t is_draining;
    const char *broker, *broker_why, *blocked_why, *ledger_why; /* who it is; what is wrong, or "" */
    const char *config_why;                                     /* likewise */
    int64_t is_config_read;                                     /* when it was last looked at */
    int64_t in_flight[STAGE_SETTLED];
    int64_t threads;
    int64_t is_broker_up, is_broker_blocked, dead_letters;
    int64_t is_ledger_up, ledger_bytes;
    int64_t secrets, leases, findings[FINDING_KINDS];
    const struct census *census;        /* NULL: nothing was counted yet */
    const struct journal *journal;      /* NULL: nobody can ask for it */
    struct flight flights[FLIGHTS_MAX]; /* the oldest */
    size_t flight_count;
    struct usage usage;
    int64_t hosts, hosts_ready; /* `hosts` is also how many host() tells of */
    void (*host)(void *arg, size_t index, struct host_status *out);
    void *arg;
};

struct worker;

/* Fill in *out, which is valid until the loop turns. It has the broker and the ledger asked for what will be known next time. */
void worker_status(struct worker *worker, struct status *out);

#endif
